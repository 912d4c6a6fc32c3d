"""Stochastic training in plain Python: an epoch a turn."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sknn.inputs import Problem, aligned_empty, read_only
from sknn.kernels import drivers, regularization
from sknn.kernels.losses import Loss
from sknn.kernels.optimizers import OPTIMIZERS
from sknn.kernels.team import N_SHARED
from sknn.network import Network
from sknn.schedules import Now, schedule_of
from sknn.threads import WORTH_A_MEMBER, Pace, n_threads_for, run_together

NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large "
    "values and need to be preprocessed."
)

# As in PyTorch; without it the solver would be plain Adam.
ADAMW_WEIGHT_DECAY = 0.01


@dataclass
class Progress:
    """The state of training between epochs.

    Everything that a later fit or ``partial_fit`` goes on from is here.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
    slots : ndarray of shape (n_slots, n_trained)
        State of the optimizer, beside ``product``.
    product : ndarray of shape (1,)
    learning_rate : float
        Of the last epoch.
    tallies : ndarray of shape (3,)
        What the kernels add up in an epoch; see ``drivers.epoch``.
    n_epochs : int
        Epochs since the optimizer began.
    n_iter : int
        Epochs of this fit.
    history : dict of lists
        One entry an epoch in each.
    best_theta : ndarray of shape (n_parameters,) or None
        Parameters with the best validation score.
    has_stopped : bool
        Whether training ended by itself.
    result : ndarray of shape (n_parameters,)
        What the fit returns: theta, or the best one.
    """

    theta: np.ndarray
    slots: np.ndarray
    product: np.ndarray
    learning_rate: float
    tallies: np.ndarray = field(default_factory=lambda: np.zeros(drivers.N_TALLIES))
    n_epochs: int = 0
    n_iter: int = 0
    n_samples_seen: int = 0
    seed: int = 0
    loss: float = np.nan
    best_loss: float = np.inf
    best_score: float = -np.inf
    best_theta: np.ndarray | None = None
    n_without_improvement: int = 0
    has_stopped: bool = False
    result: np.ndarray = field(init=False)
    history: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self):
        self.result = self.theta

    def commit(self, record: dict[str, float]) -> None:
        """Count an epoch and write it down."""
        self.n_iter += 1
        self.loss = record["loss"]
        history = self.history
        if record.keys() != history.keys():  # what is measured may change between fits
            n_before = len(history.get("loss", ()))
            for name in {**record, **history}:
                history.setdefault(name, [np.nan] * n_before)
                record.setdefault(name, np.nan)
        for name, value in record.items():
            history[name].append(value)


def report_of(n_iter: int, record: dict[str, float], parameters: dict) -> str:
    """Return what ``verbose`` prints for an epoch: scikit-learn's lines, and more."""
    values = [
        f"{name} = {value:.8f}"
        for name, value in record.items()
        if name not in ("learning_rate", "seconds") and not np.isnan(value)
    ]
    if parameters["early_stopping"] and parameters["metrics"] is None:
        score = record.get("val_score")
        values = values[:1] + (
            [] if score is None else [f"\nValidation score: {score:f}"]
        )
        return f"Iteration {n_iter}, {''.join(values)}"
    return ", ".join([f"Iteration {n_iter}", *values])


def optimizer_name(parameters: dict) -> str:
    """Return the key of ``OPTIMIZERS`` that the estimator's parameters ask for."""
    if parameters["solver"] == "sgd" and parameters["nesterovs_momentum"]:
        return "nesterov"
    return "adam" if parameters["solver"] == "adamw" else parameters["solver"]


def new_state(network: Network, parameters: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return slots and product of an optimizer before its first step."""
    optimizer = OPTIMIZERS.get(optimizer_name(parameters))  # L-BFGS has none
    n_slots = optimizer.n_slots if optimizer else 0
    slots = aligned_empty((n_slots, network.n_trained), network.dtype)
    slots[:] = 0
    return slots, np.ones(1)


def loss_scale(loss: Loss, network: Network) -> float:
    """Return what the sum over the outputs is multiplied by to be reported."""
    return 1.0 / network.units[-1] if loss.mean_over_outputs else 1.0


def train_stochastic(
    network: Network,
    loss: Loss,
    problem: Problem,
    progress: Progress,
    parameters: dict,
    random_state: np.random.RandomState,
    *,
    incremental: bool = False,
    monitor: Callable[[np.ndarray], dict[str, float]] | None = None,
    after_epoch: Callable[[Progress], bool] | None = None,
) -> None:
    """Train for up to max_iter epochs, or for one; update progress in place.

    Parameters
    ----------
    network : Network
    loss : Loss
    problem : Problem
    progress : Progress
    parameters : dict
        The estimator's parameters.
    random_state : RandomState
        Shuffles the rows.
    incremental : bool, default=False
        Train for one epoch, whatever max_iter is.
    monitor : callable, default=None
        ``monitor(theta)`` returns what is to be known of each epoch besides its loss.
        With early stopping its "val_score" decides when to stop.
    after_epoch : callable, default=None
        ``after_epoch(progress)`` returns whether to stop.

    Raises
    ------
    ValueError
        If training diverges and there are no earlier weights to restore.

    Warns
    -----
    ConvergenceWarning
        If max_iter epochs were not enough, or training diverged and the best
        parameters were restored.
    """
    schedule = schedule_of(parameters)
    run_epoch = _epoch_runner(network, loss, problem, progress, parameters)
    orders = _orders(problem, progress, parameters, random_state)
    stops_early = parameters["early_stopping"]
    restores = stops_early and parameters["restore_best_weights"] and not incremental
    max_iter = 1 if incremental else parameters["max_iter"]
    try:
        while progress.n_iter < max_iter and not progress.has_stopped:
            began = perf_counter()
            progress.learning_rate = schedule.rate(
                Now(
                    progress.n_epochs,
                    parameters["max_iter"],
                    progress.n_samples_seen,
                    progress.learning_rate,
                ),
                parameters,
            )
            rate = progress.learning_rate
            record = {"loss": run_epoch(next(orders)), "learning_rate": rate}
            record["seconds"] = 0.0
            diverged = not np.isfinite(progress.theta).all()
            if diverged and progress.best_theta is None:
                raise ValueError(_divergence(progress))
            if monitor:
                record.update(monitor(progress.theta))
            record["seconds"] = perf_counter() - began
            progress.commit(record)
            progress.n_epochs += 1
            progress.n_samples_seen += problem.n_rows
            progress.tallies[drivers.LOSS] = progress.tallies[drivers.ROWS] = 0.0
            _judge(progress, record, parameters)
            if parameters["verbose"]:
                print(report_of(progress.n_iter, record, parameters))
            if diverged:
                warnings.warn(
                    f"{_divergence(progress)} The best weights were restored.",
                    ConvergenceWarning,
                    stacklevel=2,
                )
                progress.has_stopped = restores = True
                break
            if progress.n_without_improvement > parameters["n_iter_no_change"]:
                new_rate = schedule.on_plateau(rate)
                if parameters["verbose"]:
                    print(_plateau(parameters, new_rate))
                progress.has_stopped = new_rate is None and not incremental
                if new_rate is not None:
                    progress.learning_rate = new_rate
                    progress.n_without_improvement = 0
            if after_epoch and after_epoch(progress):
                break
        else:
            is_enough = progress.has_stopped or parameters["tol"] is None
            if not (incremental or is_enough):
                warnings.warn(
                    f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached "
                    "and the optimization hasn't converged yet.",
                    ConvergenceWarning,
                    stacklevel=2,
                )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    progress.result = progress.theta
    if restores and progress.best_theta is not None:
        progress.result = progress.best_theta


def _batch_size(problem: Problem, parameters: dict) -> int:
    batch_size, n_rows = parameters["batch_size"], problem.n_rows
    if batch_size == "auto":
        return min(200, n_rows)
    if batch_size > n_rows:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to "
            "be clipped",
            stacklevel=5,
        )
    return min(int(batch_size), n_rows)


def _orders(problem, progress, parameters, random_state):
    """Yield the order of the rows for each epoch; empty: as they are."""
    if not parameters["shuffle"]:
        rows = np.arange(0) if problem.rows is None else problem.rows
        while True:
            yield rows
    order = np.arange(problem.n_rows)
    n_before = progress.n_iter
    while True:
        # The same draws as sklearn.utils.shuffle(order, random_state=...).
        drawn = np.arange(problem.n_rows)
        random_state.shuffle(drawn)
        order = order[drawn]
        if n_before > 0:  # a fit that goes on repeats what it drew
            n_before -= 1
            continue
        yield order if problem.rows is None else problem.rows[order]


def _epoch_runner(network, loss, problem, progress, parameters):
    """Allocate what an epoch needs; return the function that runs one."""
    inputs, n_rows, dtype = problem.inputs, problem.n_rows, network.dtype
    batch_size = _batch_size(problem, parameters)
    in_place = problem.rows is None and not parameters["shuffle"]
    gathers = not in_place and not inputs.is_sparse
    shape = (batch_size, inputs.n_features) if gathers else (0, 0)
    gathered = aligned_empty(shape, dtype)
    operations = network.operations(inputs.is_sparse, training=True)
    optimizer = OPTIMIZERS[optimizer_name(parameters)]
    limits = limits_of(parameters)
    # Only where there is something to do that the optimizer's own pass does not do.
    shape_gradient, constrain = regularization.shape_gradient, regularization.constrain
    shapes = limits[regularization.L1 : regularization.MAX_NORM].any()
    constrains = limits[regularization.MAX_NORM] > 0
    limits[regularization.L2] = _l2(parameters)
    data, indices, indptr, n_features, targets, weights = problem.arrays
    block = network.training_block(batch_size)
    n_sums = max(batch_size // block, network.n_trained // drivers.CHUNK) + 1
    shared = np.zeros(N_SHARED, dtype=np.int64)
    prepare = partial(
        drivers.epoch.prepare,
        dtype,
        ops=operations.table,
        limited=operations.limited(),
        theta=progress.theta,
        gradient=aligned_empty(network.n_trained, dtype),
        slots=progress.slots,
        product=progress.product,
        values=network.buffer(batch_size, operations.n_columns),
        deltas=network.buffer(batch_size, operations.n_columns),
        data=data,
        indices=indices,
        indptr=indptr,
        n_features=n_features,
        targets=targets,
        weights=weights,
        counts=problem.counts,
        mean_factor=problem.mean_factor,
        gathered=gathered,
        gathered_data=read_only(gathered.ravel()),
        batch_size=batch_size,
        block=block,
        n_weights=network.n_weights,
        seed=progress.seed,
        loss=loss.train.address(dtype),
        loss_settings=read_only(np.array(network.architecture.settings, dtype=float)),
        loss_scale=loss_scale(loss, network),
        rates=optimizer.rates.address(dtype),
        step=optimizer.step.address(dtype),
        step_settings=read_only(np.array(optimizer.settings(parameters), dtype=float)),
        alpha=_l2(parameters),
        shape=shape_gradient.address(dtype) if shapes else 0,
        constrain=constrain.address(dtype) if constrains else 0,
        limits=read_only(limits),
        tallies=progress.tallies,
        sums=np.empty(drivers.N_RATES + n_sums),
        shared=shared,
    )
    members = [prepare(member=0)]
    calls = network.calls(n_rows, batch_size)
    # Members share the blocks of a batch.
    n_multiplications = network.training_multiplications(batch_size)
    n_multiplications *= block < batch_size
    pace = Pace()

    def run_epoch(rows: np.ndarray) -> float:
        tallies, rate = progress.tallies, progress.learning_rate
        for start, stop in calls:
            if start >= tallies[drivers.ROWS]:  # else done before an interrupt
                n = pace.choose(n_threads_for(n_multiplications, WORTH_A_MEMBER))
                members.extend(prepare(member=k) for k in range(len(members), n))
                began = perf_counter()
                run_together(
                    [partial(run, rows, start, stop, rate, n) for run in members[:n]],
                    shared,
                )
                pace.note(n, stop - start, perf_counter() - began)
        return float(tallies[drivers.LOSS]) / n_rows

    return run_epoch


def _l2(parameters: dict) -> float:
    return float(parameters["alpha"]) * (1.0 - parameters["l1_ratio"])


def limits_of(parameters: dict) -> np.ndarray:
    """Return the settings of ``regularization.py``, but for the L2 penalty."""
    decay = parameters["weight_decay"]
    if decay == "auto":
        decay = ADAMW_WEIGHT_DECAY if parameters["solver"] == "adamw" else 0.0
    limits = np.zeros(regularization.N_LIMITS)
    limits[regularization.L1] = parameters["alpha"] * parameters["l1_ratio"]
    limits[regularization.DECAY] = decay
    limits[regularization.CLIP_VALUE] = parameters["clipvalue"] or 0.0
    limits[regularization.CLIP_NORM] = parameters["global_clipnorm"] or 0.0
    limits[regularization.MAX_NORM] = parameters["max_norm"] or 0.0
    return limits


def _judge(progress: Progress, record: dict[str, float], parameters: dict) -> None:
    """Count epochs without improvement, and keep what is the best yet."""
    tol, theta = parameters["tol"] or 0.0, progress.theta
    if not parameters["early_stopping"]:
        has_improved = not record["loss"] > progress.best_loss - tol
        progress.best_loss = min(progress.best_loss, record["loss"])
    else:
        score = record["val_score"]
        has_improved = not score < progress.best_score + tol
        if score > progress.best_score:
            progress.best_score = score
            progress.best_theta = theta.copy()
    progress.n_without_improvement += 1
    if has_improved or parameters["tol"] is None:
        progress.n_without_improvement = 0


def _divergence(progress: Progress) -> str:
    return (
        f"{NON_FINITE} Training diverged in epoch {progress.n_epochs + 1} with a "
        f"learning rate of {progress.learning_rate:g}: scale the features "
        "(StandardScaler), and for regression the target, or lower learning_rate_init."
    )


def _plateau(parameters: dict, rate: float | None) -> str:
    """Return the line to print when the learning rate changes or training stops."""
    is_score = parameters["early_stopping"]
    what = "Validation score" if is_score else "Training loss"
    message = (
        f"{what} did not improve more than tol={parameters['tol']:f} for "
        f"{parameters['n_iter_no_change']:.0f} consecutive epochs."
    )
    if rate is not None:
        return f"{message} Setting learning rate to {rate:f}"
    if parameters["learning_rate"] == "adaptive":
        return f"{message} Learning rate too small. Stopping."
    return f"{message} Stopping."
