"""Training loops in plain Python: an epoch, or an evaluation of L-BFGS, a turn."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from sknn._sklearn import check_optimize_result
from sknn.kernels import drivers
from sknn.kernels.losses import Loss
from sknn.kernels.optimizers import OPTIMIZERS
from sknn.network import Inputs, Network, read_only
from sknn.schedules import SCHEDULES

NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large "
    "values and need to be preprocessed."
)


class Problem(NamedTuple):
    """What is trained on, and for.

    Attributes
    ----------
    inputs : Inputs
    targets : ndarray of shape (n_samples, n_targets)
    weights : ndarray of shape (n_samples,) or (0,)
        Sample weights; empty where there are none.
    loss : Loss
    rows : ndarray of shape (n_rows,) or None
        The rows to train on; None for all.
    """

    inputs: Inputs
    targets: np.ndarray
    weights: np.ndarray
    loss: Loss
    rows: np.ndarray | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows to train on."""
        return self.inputs.n_samples if self.rows is None else len(self.rows)

    def loss_scale(self, network: Network) -> float:
        """Return what the sum over the outputs is multiplied by to be reported."""
        return 1.0 / network.units[-1] if self.loss.mean_over_outputs else 1.0


@dataclass
class Progress:
    """The state of stochastic training between epochs.

    Everything that a later fit or ``partial_fit`` goes on from is here.
    """

    theta: np.ndarray
    slots: np.ndarray
    learning_rate: float
    n_steps: int = 0
    n_iter: int = 0
    n_samples_seen: int = 0
    loss: float = np.nan
    best_loss: float = np.inf
    best_score: float = -np.inf
    n_without_improvement: int = 0
    loss_curve: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


def optimizer_name(parameters: dict) -> str:
    """Return the key of ``OPTIMIZERS`` that the estimator's parameters ask for."""
    if parameters["solver"] == "sgd" and parameters["nesterovs_momentum"]:
        return "nesterov"
    return parameters["solver"]


def new_slots(network: Network, parameters: dict) -> np.ndarray:
    """Return the state of an optimizer before its first step."""
    optimizer = OPTIMIZERS[optimizer_name(parameters)]
    return np.zeros((optimizer.n_slots, network.n_parameters), dtype=network.dtype)


def train_stochastic(
    network: Network,
    problem: Problem,
    progress: Progress,
    parameters: dict,
    random_state: np.random.RandomState,
    *,
    incremental: bool = False,
    score: Callable[[np.ndarray], float] | None = None,
) -> None:
    """Train for up to max_iter epochs, or for one; update progress in place.

    Parameters
    ----------
    network : Network
    problem : Problem
    progress : Progress
    parameters : dict
        The estimator's parameters.
    random_state : RandomState
        Shuffles the rows.
    incremental : bool, default=False
        Train for one epoch, whatever max_iter is.
    score : callable, default=None
        ``score(theta)`` on the validation set: with it, the score decides when to
        stop, and the best parameters are restored at the end.

    Raises
    ------
    ValueError
        If training diverges and there is no validation set.

    Warns
    -----
    ConvergenceWarning
        If max_iter epochs were not enough, or training diverged and the best
        parameters were restored.
    """
    schedule = SCHEDULES[
        parameters["learning_rate"] if parameters["solver"] == "sgd" else "constant"
    ]
    run_epoch = _epoch_runner(network, problem, progress, parameters, random_state)
    best_theta = progress.theta.copy() if score else None
    n_rows = problem.n_rows
    max_iter = 1 if incremental else parameters["max_iter"]
    progress.n_iter = 0
    try:
        while progress.n_iter < max_iter:
            progress.loss = run_epoch()
            progress.n_iter += 1
            progress.n_samples_seen += n_rows
            progress.loss_curve.append(progress.loss)
            if parameters["verbose"]:
                print(f"Iteration {progress.n_iter}, loss = {progress.loss:.8f}")
            diverged = not np.isfinite(progress.theta).all()
            if diverged and not score:
                raise ValueError(_divergence(progress))

            if score:
                _judge_score(progress, parameters, score, best_theta)
                if diverged:
                    warnings.warn(
                        f"{_divergence(progress)} The best weights were restored.",
                        ConvergenceWarning,
                        stacklevel=2,
                    )
                    break
            else:
                _judge_loss(progress, parameters["tol"])

            progress.learning_rate = schedule.after_epoch(
                progress.learning_rate, progress.n_samples_seen, parameters
            )
            if progress.n_without_improvement > parameters["n_iter_no_change"]:
                rate = schedule.on_plateau(progress.learning_rate)
                if parameters["verbose"]:
                    print(_plateau(progress, parameters, rate, bool(score)))
                if rate is None:
                    break
                progress.learning_rate = rate
                progress.n_without_improvement = 0
        else:
            if not incremental:
                warnings.warn(
                    f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached "
                    "and the optimization hasn't converged yet.",
                    ConvergenceWarning,
                    stacklevel=2,
                )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    if best_theta is not None:
        progress.theta[:] = best_theta


def _epoch_runner(network, problem, progress, parameters, random_state):
    """Allocate what an epoch needs; return the function that runs one."""
    inputs, n_rows = problem.inputs, problem.n_rows
    batch_size = parameters["batch_size"]
    if batch_size == "auto":
        batch_size = min(200, n_rows)
    elif batch_size > n_rows:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to "
            "be clipped",
            stacklevel=4,
        )
        batch_size = n_rows
    batch_size = int(batch_size)

    shuffled = parameters["shuffle"]
    in_place = problem.rows is None and not shuffled
    order = np.arange(0 if in_place else n_rows)
    gathers = not in_place and not inputs.is_sparse
    gathered = np.empty(
        (batch_size, inputs.n_features) if gathers else (0, 0), dtype=network.dtype
    )
    dtype = network.dtype
    optimizer = OPTIMIZERS[optimizer_name(parameters)]
    buffers = (
        network.table(inputs.is_sparse),
        progress.theta,
        np.empty_like(progress.theta),
        progress.slots,
        network.buffer(batch_size),
        network.buffer(batch_size),
        *inputs[:4],
        problem.targets,
        problem.weights,
    )
    gather = (gathered, read_only(gathered.ravel()))
    constants = (
        batch_size,
        problem.loss.train.address(dtype),
        optimizer.step.address(dtype),
        network.n_weights,
        problem.loss_scale(network),
        float(parameters["alpha"]),
    )
    settings = np.array(optimizer.settings(parameters), dtype=np.float64)
    calls = network.calls(n_rows, batch_size)

    def run_epoch() -> float:
        nonlocal order
        if shuffled:
            # The same draws as sklearn.utils.shuffle(order, random_state=...).
            drawn = np.arange(n_rows)
            random_state.shuffle(drawn)
            order = order[drawn]
        rows = order if problem.rows is None else problem.rows[order]
        loss = 0.0
        for start, stop in calls:
            loss += drivers.epoch(
                dtype,
                *buffers,
                rows,
                *gather,
                start,
                stop,
                *constants,
                progress.learning_rate,
                progress.n_steps,
                settings,
            )
            progress.n_steps += -(-(stop - start) // batch_size)
        return loss / n_rows

    return run_epoch


def _judge_loss(progress: Progress, tol: float) -> None:
    if progress.loss > progress.best_loss - tol:
        progress.n_without_improvement += 1
    else:
        progress.n_without_improvement = 0
    if progress.loss < progress.best_loss:
        progress.best_loss = progress.loss


def _judge_score(progress, parameters, score, best_theta) -> None:
    """Score the validation set; keep the parameters where they are the best yet."""
    value = score(progress.theta)
    progress.scores.append(value)
    if parameters["verbose"]:
        print(f"Validation score: {value:f}")
    if value < progress.best_score + parameters["tol"]:
        progress.n_without_improvement += 1
    else:
        progress.n_without_improvement = 0
    if value > progress.best_score:
        progress.best_score = value
        best_theta[:] = progress.theta


def _divergence(progress: Progress) -> str:
    return (
        f"{NON_FINITE} Training diverged in epoch {progress.n_iter} with a learning "
        f"rate of {progress.learning_rate:g}: scale the features (StandardScaler), "
        "and for regression the target, or lower learning_rate_init."
    )


def _plateau(progress, parameters, rate: float | None, is_score: bool) -> str:
    """Return the line to print when the learning rate changes or training stops."""
    what = "Validation score" if is_score else "Training loss"
    message = (
        f"{what} did not improve more than tol={parameters['tol']:f} for "
        f"{parameters['n_iter_no_change']:.0f} consecutive epochs."
    )
    if rate is not None:
        return f"{message} Setting learning rate to {rate:f}"
    if parameters["solver"] == "sgd" and parameters["learning_rate"] == "adaptive":
        return f"{message} Learning rate too small. Stopping."
    return f"{message} Stopping."


def objective(
    network: Network, problem: Problem, alpha: float, x: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the mean loss over all rows, penalty included, and its gradient.

    As in scikit-learn, a loss that is reported as the mean over the outputs has the
    gradient of the sum.

    Parameters
    ----------
    network : Network
    problem : Problem
    alpha : float
        Strength of the L2 penalty.
    x : ndarray of shape (n_parameters,)
        Where to evaluate, in float64; the kernels work in the network's dtype.
    """
    n, weights = network.n_weights, problem.weights
    size = float(weights.sum() if weights.size else problem.inputs.n_samples)
    loss, gradient = network.loss_gradient(
        x.astype(network.dtype), problem.loss, problem.inputs, problem.targets, weights
    )
    gradient = gradient.astype(np.float64)
    gradient[:n] += alpha * x[:n]
    penalty = 0.5 * alpha * np.dot(x[:n], x[:n])
    return (loss * problem.loss_scale(network) + penalty) / size, gradient / size


def train_lbfgs(
    network: Network, problem: Problem, theta: np.ndarray, parameters: dict
) -> tuple[np.ndarray, float, int]:
    """Train with scipy's L-BFGS; return the parameters, the loss and the iterations.

    Raises
    ------
    ValueError
        If the loss or the solution is not finite.

    Warns
    -----
    ConvergenceWarning
        If max_iter or max_fun was reached, or the line search failed.
    """
    alpha = float(parameters["alpha"])
    # What is left when a KeyboardInterrupt ends the search.
    found = scipy.optimize.OptimizeResult(x=theta.astype(np.float64), fun=np.nan, nit=0)

    def after_iteration(intermediate_result) -> None:
        found.update(
            x=intermediate_result.x.copy(),
            fun=intermediate_result.fun,
            nit=found.nit + 1,
        )
        if parameters["verbose"]:
            print(f"Iteration {found.nit}, loss = {found.fun:.8f}")

    try:
        found = scipy.optimize.minimize(
            lambda x: objective(network, problem, alpha, x),
            found.x,
            method="L-BFGS-B",
            jac=True,
            callback=after_iteration,
            options={
                "maxfun": parameters["max_fun"],
                "maxiter": parameters["max_iter"],
                "gtol": parameters["tol"],
                # scipy's default, unless that is finer than the loss is known
                "ftol": max(2.220446049250313e-09, np.finfo(network.dtype).eps),
            },
        )
        if not np.isfinite(found.fun):
            raise ValueError(f"{NON_FINITE} The loss became {found.fun}.")
        n_iter = check_optimize_result("lbfgs", found, parameters["max_iter"])
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
        n_iter = found.nit
    if not np.isfinite(found.x).all():
        raise ValueError(NON_FINITE)
    return found.x.astype(network.dtype), float(found.fun), n_iter
