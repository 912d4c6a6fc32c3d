"""Training with scipy's L-BFGS: an evaluation of all rows a turn."""

import warnings
from collections.abc import Callable
from time import perf_counter

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from sknn._sklearn import check_optimize_result
from sknn.kernels.losses.table import Loss
from sknn.network.data import TrainingData, is_finite
from sknn.network.network import Network
from sknn.training.baseline import warn_if_nothing_learnt
from sknn.training.progress import SCALE, Progress, not_finite, report_of
from sknn.training.stochastic import loss_scale


def objective(
    network: Network, loss: Loss, problem: TrainingData, alpha: float, x: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the mean loss over all rows, penalty included, and its gradient.

    As in scikit-learn, a loss that is reported as the mean over the outputs has the
    gradient of the sum.

    Parameters
    ----------
    network : Network
    loss : Loss
    problem : Problem
    alpha : float
        Strength of the L2 penalty.
    x : ndarray of shape (n_parameters,)
        Where to evaluate, in float64; the kernels work in the network's dtype.
    """
    n, size = network.n_weights, problem.size
    value, gradient = network.loss_gradient(x.astype(network.dtype), loss, problem)
    gradient = gradient.astype(np.float64)
    gradient[:n] += alpha * x[:n]
    penalty = 0.5 * alpha * np.dot(x[:n], x[:n])
    return (value * loss_scale(loss, network) + penalty) / size, gradient / size


def train_lbfgs(
    network: Network,
    loss: Loss,
    problem: TrainingData,
    progress: Progress,
    parameters: dict,
    *,
    monitor: Callable[[np.ndarray], dict[str, float]] | None = None,
    after_epoch: Callable[[Progress], bool] | None = None,
) -> None:
    """Train with scipy's L-BFGS; update progress in place.

    Raises
    ------
    ValueError
        If the loss is not finite before it has become lower.

    Warns
    -----
    ConvergenceWarning
        If max_iter or max_fun was reached, or the line search failed or met a loss
        that is not finite.
    """
    alpha = float(parameters["alpha"])
    start = progress.theta.astype(np.float64)
    # What is left when a KeyboardInterrupt ends the search.
    found = scipy.optimize.OptimizeResult(x=start, fun=np.nan, nit=0)
    n_before = progress.n_recorded
    began, halted = perf_counter(), False
    # What went wrong since the loss was last at its lowest.
    fault: str | None = None
    first, lowest = np.nan, np.nan

    def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal fault, first, lowest
        value, gradient = objective(network, loss, problem, alpha, x)
        if np.isnan(first):
            first = lowest = value
        if not np.isfinite(value):
            fault = f"The loss became {value}."
        elif not is_finite(gradient):
            fault = "The gradient became too large."
        return value, gradient

    def after_iteration(intermediate_result) -> None:
        nonlocal began, halted, fault, lowest
        x, value = intermediate_result.x, float(intermediate_result.fun)
        progress.theta[:] = x
        if value < lowest:
            fault, lowest = None, value
        record = {"loss": value, "seconds": 0.0}
        if monitor:
            record.update(monitor(progress.theta))
        now = perf_counter()
        record["seconds"], began = now - began, now
        progress.commit({name: [each] for name, each in record.items()})
        found.update(x=x.copy(), fun=value, nit=progress.n_iter)
        if parameters["verbose"]:
            print(report_of(progress, parameters))
        if after_epoch and after_epoch(progress):
            halted = True
            raise StopIteration

    try:
        found = scipy.optimize.minimize(
            evaluate,
            start,
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
        progress.n_iter = found.nit
        if not (halted or fault):
            progress.n_iter = check_optimize_result(
                "lbfgs", found, parameters["max_iter"]
            )
            weights = found.x[: network.n_weights]
            penalty = 0.5 * alpha * float(weights @ weights) / problem.size
            warn_if_nothing_learnt(
                network,
                loss,
                problem,
                progress.theta,
                [first, float(found.fun)],
                parameters,
                has_converged=found.success,
                final=float(found.fun) - penalty,
            )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
        progress.n_iter = found.nit
        for column in progress.history.values():
            del column[n_before + found.nit :]
    progress.theta[:] = found.x
    progress.result = progress.theta
    progress.loss = float(found.fun)
    fault = fault or not_finite(progress.theta, 0.0)
    if fault:
        text = f"{fault} L-BFGS diverged after iteration {found.nit}. {SCALE}."
        if not (lowest < first and is_finite(progress.theta)):
            raise ValueError(text)
        warnings.warn(
            f"{text} The weights with the lowest loss were kept.",
            ConvergenceWarning,
            stacklevel=2,
        )
