"""Training with L-BFGS, which evaluates all rows in each step."""

import warnings
from time import perf_counter

import numpy as np
from scipy.optimize import OptimizeResult
from sklearn.exceptions import ConvergenceWarning

from sknn._sklearn import check_optimize_result
from sknn.kernels.losses.table import Loss
from sknn.network.data import TrainingData, is_finite
from sknn.network.network import Network
from sknn.training.baseline import warn_if_nothing_learnt
from sknn.training.minimize import Limits, dot, minimize
from sknn.training.progress import format_epoch, not_finite
from sknn.training.scale_advice import advice_on_scale, sentence
from sknn.training.stochastic import AfterEpoch
from sknn.training.task import FitTask


def objective(
    network: Network, loss: Loss, data: TrainingData, alpha: float, x: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the mean loss over all rows, penalty included, and its gradient.

    As in scikit-learn, a loss that is reported as the mean over the outputs has the
    gradient of the sum.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : TrainingData
    alpha : float
        Strength of the L2 penalty.
    x : ndarray of shape (n_parameters,)
        Where to evaluate, in float64; the kernels work in the network's dtype.

    Returns
    -------
    value : float
    gradient : ndarray of shape (n_trained,)
    """
    n, size = network.n_weights, data.size
    value, gradient = network.loss_gradient(x.astype(network.dtype), loss, data)
    gradient = gradient.astype(np.float64)
    gradient[:n] += alpha * x[:n]
    penalty = 0.5 * alpha * dot(x[:n], x[:n])
    total = value * loss.reported_scale(network.n_outputs) + penalty
    return total / size, gradient / size


class _Search:
    """What L-BFGS calls: evaluates the loss, and records each iteration.

    Attributes
    ----------
    last_iterate : OptimizeResult
        The last iterate: what is left when a KeyboardInterrupt ends the search.
    first, lowest : float
        Loss at the start, and the lowest loss of an iterate.
    fault : str or None
        What was not finite since the loss was last at its lowest.
    is_halted : bool
        Whether a callback has ended the search.
    """

    def __init__(self, task: FitTask, after_epoch: AfterEpoch | None):
        self.task, self.after_epoch = task, after_epoch
        self.alpha = float(task.options.regularization.alpha)
        self._theta = task.state.theta.astype(np.float64)  # with what is not trained
        self.start = self._theta[: task.network.n_trained].copy()
        self.last_iterate = OptimizeResult(x=self.start, fun=np.nan, nit=0)
        self.first = self.lowest = np.nan
        self.fault: str | None = None
        self.is_halted = False
        self._began = perf_counter()

    def evaluate(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss at x, and its gradient."""
        task, self._theta[: x.size] = self.task, x
        value, gradient = objective(
            task.network, task.loss, task.data, self.alpha, self._theta
        )
        if np.isnan(self.first):
            self.first = self.lowest = value
        if not np.isfinite(value):
            self.fault = f"The loss became {value}."
        elif not is_finite(gradient):
            self.fault = "The gradient became too large."
        return value, gradient

    def after_iteration(self, iterate: OptimizeResult) -> None:
        """Record an iteration; raise StopIteration where a callback asks for it."""
        task, state = self.task, self.task.state
        x, value = iterate.x, float(iterate.fun)
        state.theta[: x.size] = x
        if value < self.lowest:
            self.fault, self.lowest = None, value
        record = {"loss": value, "seconds": 0.0}
        if task.monitor:
            record.update(task.monitor(state.theta))
        now = perf_counter()
        record["seconds"], self._began = now - self._began, now
        state.commit({name: [number] for name, number in record.items()})
        self.last_iterate.update(x=x.copy(), fun=value, nit=state.n_iter)
        if task.options.verbose:
            print(format_epoch(state))
        if self.after_epoch and self.after_epoch(state):
            self.is_halted = True
            raise StopIteration

    def run(self) -> None:
        """Search until a limit, a callback or an exception ends it."""
        options = self.task.options
        limits = Limits(
            max_iter=int(options.stopping.max_iter),
            max_fun=int(options.max_fun),
            gtol=float(options.stopping.tol or 0.0),
            # scipy's default, unless that is finer than the loss is known
            ftol=max(2.220446049250313e-09, np.finfo(self.task.network.dtype).eps),
        )
        self.last_iterate = minimize(
            self.evaluate, self.start, self.after_iteration, limits
        )


def train_lbfgs(task: FitTask, after_epoch: AfterEpoch | None = None) -> None:
    """Train with L-BFGS; update the state in place.

    Parameters
    ----------
    task : FitTask
    after_epoch : callable, default=None
        ``after_epoch(state)`` returns whether to stop.

    Raises
    ------
    ValueError
        If the loss is not finite before it has become lower.

    Warns
    -----
    ConvergenceWarning
        If max_iter or max_fun was reached, the line search failed or met a loss that
        is not finite, or training has learnt nothing.
    """
    state, search = task.state, _Search(task, after_epoch)
    n_before = state.n_recorded
    try:
        search.run()
        iterate = search.last_iterate
        state.n_iter = iterate.nit
        if not (search.is_halted or search.fault):
            max_iter = task.options.stopping.max_iter
            state.n_iter = check_optimize_result("lbfgs", iterate, max_iter)
            weights = iterate.x[: task.network.n_weights]
            penalty = 0.5 * search.alpha * dot(weights, weights) / task.data.size
            warn_if_nothing_learnt(
                task,
                state.theta,
                [search.first, float(iterate.fun)],
                has_converged=iterate.success,
                final=float(iterate.fun) - penalty,
            )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=3)
        iterate = search.last_iterate
        state.n_iter = iterate.nit
        for column in state.history.values():
            del column[n_before + iterate.nit :]
    state.theta[: iterate.x.size] = iterate.x
    state.result = state.theta
    state.loss = float(iterate.fun)
    fault = search.fault or not_finite(state.theta, 0.0)
    if fault:
        text = f"{fault} L-BFGS diverged after iteration {iterate.nit}. "
        text = f"{text}{sentence(advice_on_scale(task.network))}".rstrip()
        if not (search.lowest < search.first and is_finite(state.theta)):
            raise ValueError(text)
        warnings.warn(
            f"{text} The weights with the lowest loss were kept.",
            ConvergenceWarning,
            stacklevel=3,
        )
