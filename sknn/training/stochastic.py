"""Stochastic training in plain Python: one epoch a turn, or several."""

import warnings
from collections.abc import Callable
from functools import partial
from math import isfinite
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sknn.kernels.drivers import training as drivers
from sknn.kernels.drivers.barrier import N_SHARED
from sknn.kernels.losses.table import Loss
from sknn.kernels.optim import regularization
from sknn.kernels.optim.optimizers import OPTIMIZERS
from sknn.network.data import TrainingData, aligned_empty, read_only
from sknn.network.network import Network
from sknn.network.threads import (
    WORTH_A_TEAM_THREAD,
    ThreadCountTuner,
    is_shared,
    n_threads_for,
    run_together,
)
from sknn.training.baseline import warn_if_nothing_learnt
from sknn.training.progress import Progress, end_epochs, epochs_ahead, report_of
from sknn.training.schedules import ScheduleState, exhausted, schedule_of
from sknn.training.shuffling import orders, orders_at_a_time
from sknn.training.user_warnings import warn_user

# As in PyTorch; without it the solver would be plain Adam.
ADAMW_WEIGHT_DECAY = 0.01


def optimizer_name(parameters: dict) -> str:
    """Return the key of ``OPTIMIZERS`` that the estimator's parameters ask for."""
    if parameters["solver"] == "sgd" and parameters["nesterovs_momentum"]:
        return "nesterov"
    return "adam" if parameters["solver"] == "adamw" else parameters["solver"]


def new_state(network: Network, parameters: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return optimizer_state and momentum_product before the first step."""
    optimizer = OPTIMIZERS.get(optimizer_name(parameters))  # L-BFGS has none
    n_slots = optimizer.n_slots if optimizer else 0
    optimizer_state = aligned_empty((n_slots, network.n_trained), network.dtype)
    optimizer_state[:] = 0
    return optimizer_state, np.ones(1)


def loss_scale(loss: Loss, network: Network) -> float:
    """Return what the sum over the outputs is multiplied by to be reported."""
    return 1.0 / network.units[-1] if loss.mean_over_outputs else 1.0


def train_stochastic(
    network: Network,
    loss: Loss,
    problem: TrainingData,
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
    schedule, n_rows = schedule_of(parameters), problem.n_rows
    run, n_at_once = _runner(network, loss, problem, progress, parameters)
    max_iter = 1 if incremental else parameters["max_iter"]
    # Where there are weights to restore, training that diverges is no error, and the
    # generator must have drawn no more orders than there were epochs.
    restorable = progress.best_theta is not None
    is_watched = any([monitor, after_epoch, parameters["verbose"], restorable])
    n_at_once = int(min(n_at_once, max_iter))  # scikit-learn takes True for 1
    if is_watched or not schedule.is_steady:
        n_at_once = 1
    draw = orders(problem, progress, parameters["shuffle"], random_state, n_at_once)
    restores = parameters["early_stopping"] and parameters["restore_best_weights"]
    fault, ending, n_before = None, None, progress.n_iter

    def ending_of(losses: list[float], measured: dict[str, float]) -> Callable:
        """Return what counts and judges epochs, and may be called again."""
        record = {
            "loss": losses,
            "learning_rate": [progress.learning_rate] * len(losses),
        }
        for name, value in measured.items():
            record[name] = [value]
        before = dict(vars(progress))
        return partial(
            end_epochs, progress, before, record, n_rows, schedule, parameters
        )

    try:
        while progress.n_iter < max_iter and not progress.has_stopped:
            now = ScheduleState(
                progress.n_epochs,
                parameters["max_iter"],
                progress.n_samples_seen,
                progress.learning_rate,
            )
            progress.learning_rate = schedule.rate(now, parameters)
            if not schedule.is_steady:
                _warn_if_exhausted(progress, now, parameters)
            n = min(n_at_once, epochs_ahead(progress, max_iter, parameters))
            is_finite = run(draw(n), n)
            losses = progress.losses(n_rows)
            fault = None if is_finite else progress.fault(losses)
            if fault and progress.best_theta is None:
                break
            ending = ending_of(losses, monitor(progress.theta) if monitor else {})
            line = ending()
            ending = None
            if parameters["verbose"]:
                print(report_of(progress, parameters))
                if line and not fault:
                    print(line)
            if fault or (after_epoch and after_epoch(progress)):
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
            if not incremental and progress.n_iter > n_before:
                warn_if_nothing_learnt(
                    network,
                    loss,
                    problem,
                    progress.best_theta
                    if restores and progress.best_theta is not None
                    else progress.theta,
                    progress.history["loss"][-progress.n_iter :],
                    parameters,
                    has_converged=progress.has_stopped,
                )
    except KeyboardInterrupt:
        losses = progress.losses(n_rows)
        fault = fault or progress.fault(losses or [progress.counters[drivers.LOSS]])
        if losses and not (ending or is_watched or fault):
            ending = ending_of(losses, {})
        if ending:
            ending()
        warnings.warn("Training interrupted by user.", stacklevel=2)
    if fault:
        if progress.best_theta is None:
            raise ValueError(fault)
        which = (
            "The weights from before the call" if incremental else "The best weights"
        )
        warnings.warn(
            f"{fault} {which} were restored.", ConvergenceWarning, stacklevel=2
        )
        # No later call is to go on from what is not finite.
        progress.optimizer_state, progress.momentum_product = new_state(
            network, parameters
        )
        progress.counters[:], progress.n_epochs = 0.0, 0
        progress.has_stopped = True
    is_best = fault or (restores and not incremental)
    progress.result = progress.theta
    if is_best and progress.best_theta is not None:
        progress.result = progress.best_theta


def _warn_if_exhausted(
    progress: Progress, now: ScheduleState, parameters: dict
) -> None:
    """Warn once where the schedule leaves no rate to learn with."""
    message = exhausted(now, progress.learning_rate, parameters)
    if message and not progress.is_exhausted:
        warn_user(message)
    progress.is_exhausted = message is not None


def _batch_size(problem: TrainingData, parameters: dict) -> int:
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


def _warn_of_single_rows(network: Network, batch_size: int, progress: Progress) -> None:
    is_needed = network.smallest_batch(2) > 1  # for a variance
    if is_needed and batch_size == 1 and progress.n_samples_seen == 0:
        warnings.warn(
            "normalization='batch' needs batches of two rows or more to learn its "
            "running statistics, but each batch has one row: nothing is normalised. "
            "Set a larger batch_size, or normalization='layer'.",
            stacklevel=5,
        )


def _runner(network, loss, problem, progress, parameters):
    """Allocate what an epoch needs; return what runs epochs, and how many at most.

    It returns whether it is known that nothing has diverged.
    """
    inputs, n_rows, dtype = problem.inputs, problem.n_rows, network.dtype
    batch_size = _batch_size(problem, parameters)
    _warn_of_single_rows(network, batch_size, progress)
    in_place = problem.rows is None and not parameters["shuffle"]
    gathers = not in_place and not inputs.is_sparse
    smallest = network.smallest_batch(batch_size)
    most = min(n_rows, batch_size + smallest - 1)  # rows of a batch that a rest joins
    shape = (most, inputs.n_features) if gathers else (0, 0)
    gathered = aligned_empty(shape, dtype)
    optimizer = OPTIMIZERS[optimizer_name(parameters)]
    for kernel in (drivers.epochs, loss.train, optimizer.rates, optimizer.step):
        kernel.request(dtype)
    operations = network.operations(inputs.is_sparse, training=True)
    limits = limits_of(parameters)
    # Only where there is something to do that the optimizer's own pass does not do.
    shape_gradient, constrain = regularization.shape_gradient, regularization.constrain
    shapes = limits[regularization.L1 : regularization.MAX_NORM].any()
    constrains = limits[regularization.MAX_NORM] > 0
    limits[regularization.L2] = _l2(parameters)
    block = network.training_block(most)
    n_sums = max(most // block, network.n_trained // drivers.CHUNK) + 1
    shared = np.zeros(N_SHARED, dtype=np.int64)
    prepare = partial(
        drivers.epochs.prepare,
        dtype,
        ops=operations.table,
        limited=operations.limited(),
        theta=progress.theta,
        gradient=aligned_empty(network.n_trained, dtype),
        optimizer_state=progress.optimizer_state,
        momentum_product=progress.momentum_product,
        values=network.buffer(most, operations.n_columns),
        deltas=network.buffer(most, operations.n_columns),
        **problem.arguments,
        sample_weight=problem.sample_weight,
        mean_class_weight=problem.mean_class_weight,
        gathered=gathered,
        gathered_data=read_only(gathered.ravel()),
        batch_size=batch_size,
        smallest=smallest,
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
        counters=progress.counters,
        sums=np.empty(drivers.N_RATES + n_sums),
        shared=shared,
    )
    # Members share the blocks of a batch.
    work = network.training_multiplications(batch_size) * (block < batch_size)
    if is_shared(work, WORTH_A_TEAM_THREAD):
        run = _team(prepare, work, shared)
    else:
        run = prepare(thread=0, n_threads=1)
    calls = network.calls(n_rows, batch_size, inputs.is_sparse)
    if len(calls) > 1 and n_rows - calls[-1][0] < smallest:
        calls[-2:] = [(calls[-2][0], n_rows)]
    n_at_once = min(
        drivers.MOST_EPOCHS,
        orders_at_a_time(n_rows),
        network.epochs_a_call(n_rows, batch_size, inputs.is_sparse),
    )

    def run_epochs(orders: np.ndarray, n_epochs: int) -> bool:
        counters, rate, result = progress.counters, progress.learning_rate, np.nan
        for start, stop in calls:
            if start >= counters[drivers.ROWS]:  # else done before an interrupt
                result = run(orders, n_epochs, start, stop, rate)
        return isfinite(counters[drivers.LOSS] + result)

    return run_epochs, n_at_once


def _team(
    prepare: Callable, n_multiplications: float, shared: np.ndarray
) -> Callable[..., float]:
    """Return what runs a driver with one member, or with as many as pay."""
    members, pace = [prepare(thread=0)], ThreadCountTuner()

    def run(orders, n_epochs, start, stop, rate):
        n = pace.choose(n_threads_for(n_multiplications, WORTH_A_TEAM_THREAD))
        members.extend(prepare(thread=k) for k in range(len(members), n))
        began = perf_counter()
        arguments = (orders, n_epochs, start, stop, rate, n)
        result = run_together([partial(run, *arguments) for run in members[:n]], shared)
        pace.note(n, n_epochs * (stop - start), perf_counter() - began)
        return result

    return run


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
