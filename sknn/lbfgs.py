"""Training with scipy's L-BFGS: an evaluation of all rows a turn."""

import warnings
from collections.abc import Callable
from time import perf_counter

import numpy as np
import scipy.optimize

from sknn._sklearn import check_optimize_result
from sknn.inputs import Problem
from sknn.kernels.losses import Loss
from sknn.network import Network
from sknn.training import NON_FINITE, Progress, loss_scale, report_of


def objective(
    network: Network, loss: Loss, problem: Problem, alpha: float, x: np.ndarray
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
    problem: Problem,
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
        If the loss or the solution is not finite.

    Warns
    -----
    ConvergenceWarning
        If max_iter or max_fun was reached, or the line search failed.
    """
    alpha = float(parameters["alpha"])
    start = progress.theta.astype(np.float64)
    # What is left when a KeyboardInterrupt ends the search.
    found = scipy.optimize.OptimizeResult(x=start, fun=np.nan, nit=0)
    began, halted = perf_counter(), False

    def after_iteration(intermediate_result) -> None:
        nonlocal began, halted
        found.update(
            x=intermediate_result.x.copy(),
            fun=intermediate_result.fun,
            nit=found.nit + 1,
        )
        progress.theta[:] = found.x
        record = {"loss": float(found.fun), "seconds": 0.0}
        if monitor:
            record.update(monitor(progress.theta))
        now = perf_counter()
        record["seconds"], began = now - began, now
        progress.commit(record)
        if parameters["verbose"]:
            print(report_of(progress.n_iter, record, parameters))
        if after_epoch and after_epoch(progress):
            halted = True
            raise StopIteration

    try:
        found = scipy.optimize.minimize(
            lambda x: objective(network, loss, problem, alpha, x),
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
        if not np.isfinite(found.fun):
            raise ValueError(f"{NON_FINITE} The loss became {found.fun}.")
        progress.n_iter = found.nit
        if not halted:
            progress.n_iter = check_optimize_result(
                "lbfgs", found, parameters["max_iter"]
            )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
        progress.n_iter = found.nit
    if not np.isfinite(found.x).all():
        raise ValueError(NON_FINITE)
    progress.theta[:] = found.x
    progress.result = progress.theta
    progress.loss = float(found.fun)
