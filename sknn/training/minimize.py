"""L-BFGS: minimises a function of many variables.

Follows scipy's L-BFGS-B without bounds, with its constants, and gives its messages. But
no sum is BLAS's, which would make the last bits depend on the number of its threads.
"""

from collections.abc import Callable
from math import isinf, nan, sqrt
from typing import NamedTuple

import numpy as np
from scipy.optimize import OptimizeResult

from sknn.kernels.optim import sums
from sknn.training.line_search import LineSearch

Evaluate = Callable[[np.ndarray], tuple[float, np.ndarray]]

N_PAIRS = 10  # of a step and a change of the gradient, which are remembered
_MOST_TRIALS = 20  # of a line search
_EPSILON = float(np.finfo(np.float64).eps)
_FLOAT64 = np.dtype(np.float64)

# What ends a search: status and message, as scipy's.
FLAT = 0, "CONVERGENCE: NORM OF PROJECTED GRADIENT <= PGTOL"
STEADY = 0, "CONVERGENCE: RELATIVE REDUCTION OF F <= FACTR*EPSMCH"
TOO_MANY_ITERATIONS = 1, "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"
TOO_MANY_EVALUATIONS = 1, "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT"
NO_STEP = 2, "ABNORMAL: "
HALTED = 99, "STOP: CALLBACK REQUESTED HALT"


def dot(x: np.ndarray, y: np.ndarray) -> float:
    """Return the sum of x * y of float64 vectors, whatever BLAS's threads are."""
    total: float = sums.dot(_FLOAT64, x, y)
    return total


class Limits(NamedTuple):
    """When to stop.

    Attributes
    ----------
    max_iter, max_fun : int
        Most iterations, and most evaluations before the next iteration.
    gtol : float
        The largest entry of the gradient with which the search ends.
    ftol : float
        The relative reduction of the function with which it ends.
    """

    max_iter: int
    max_fun: int
    gtol: float
    ftol: float


class _History:
    """The last steps and changes of the gradient, in a ring."""

    def __init__(self, n: int):
        self.steps, self.changes = np.empty((2, N_PAIRS, n))
        self.products, self.factors = np.empty((2, N_PAIRS))
        self.n_pairs, self.newest = 0, N_PAIRS - 1

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """Return the direction of the next step."""
        direction: np.ndarray = gradient.copy()
        if self.n_pairs:
            sums.quasi_newton(
                _FLOAT64,
                self.steps,
                self.changes,
                self.products,
                self.factors,
                direction,
                self.n_pairs,
                self.newest,
            )
        np.negative(direction, out=direction)
        return direction

    def append(self, step: np.ndarray, change: np.ndarray, product: float) -> None:
        """Store a step; the oldest of too many is overwritten."""
        self.newest = (self.newest + 1) % N_PAIRS
        self.n_pairs = min(self.n_pairs + 1, N_PAIRS)
        self.steps[self.newest], self.changes[self.newest] = step, change
        self.products[self.newest] = product

    def clear(self) -> None:
        self.n_pairs = 0


class _Search:
    """The state of a search.

    Attributes
    ----------
    x, loss, gradient
        The last point that was accepted.
    n_evaluations : int
    """

    def __init__(self, evaluate: Evaluate, x: np.ndarray):
        self.evaluate, self.x, self.n_evaluations = evaluate, x, 0
        self.history = _History(x.size)
        self._last: np.ndarray = np.full(1, np.nan)
        self._found: tuple[float, np.ndarray] = np.nan, self._last
        self.loss, self.gradient = self._evaluated(x)
        self.is_first = True

    def _evaluated(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate the function, unless x is where it was evaluated last."""
        # Two points in turn rarely share their first number.
        if x[0] == self._last[0] and np.array_equal(x, self._last):
            return self._found
        self.n_evaluations += 1
        loss, gradient = self.evaluate(x)
        self._last, self._found = x, (float(loss), gradient)
        return self._found

    def is_flat(self, gtol: float) -> bool:
        """Return whether the gradient has vanished."""
        return bool(np.abs(self.gradient).max(initial=0.0) <= gtol)

    def advance(self) -> bool:
        """Go on to the next point; return False where no step lowers the function."""
        while not self._search_line(self.history.direction(self.gradient)):
            if not self.history.n_pairs:
                return False
            self.history.clear()
        return True

    def _search_line(self, direction: np.ndarray) -> bool:
        """Accept a point along the direction, if a step is found."""
        x, loss, gradient = self.x, self.loss, self.gradient
        slope = start = dot(gradient, direction)
        if slope >= 0:
            return False
        step = 1.0
        if self.is_first:
            length = sqrt(dot(direction, direction))
            step = min(1 / length, 1e10) if length else 1e10
            if isinf(length):  # no step can be chosen; as in scipy, x becomes NaN
                self._evaluated(np.full_like(x, nan))
                return False
        search = LineSearch(loss, slope, step)
        for _ in range(_MOST_TRIALS):
            step = search.step
            with np.errstate(over="ignore", invalid="ignore"):
                point = x + (direction if step == 1 else step * direction)
            loss, gradient = self._evaluated(point)
            slope = dot(gradient, direction)
            if search.ends_with(loss, slope):
                break
        else:
            return False
        self._remember(step, direction, gradient, slope, start)
        self.x, self.loss, self.gradient, self.is_first = point, loss, gradient, False
        return True

    def _remember(
        self,
        step: float,
        direction: np.ndarray,
        gradient: np.ndarray,
        slope: float,
        start: float,
    ) -> None:
        """Store the step, unless the slope along it has not grown."""
        product = (slope - start) * step
        if product > _EPSILON * -start * step:
            with np.errstate(over="ignore", invalid="ignore"):
                change = gradient - self.gradient
            self.history.append(step * direction, change, product)


def minimize(
    evaluate: Evaluate,
    x: np.ndarray,
    after_iteration: Callable[[OptimizeResult], None],
    limits: Limits,
) -> OptimizeResult:
    """Minimise a function with L-BFGS [1]_.

    Parameters
    ----------
    evaluate : callable
        Takes x; returns the function and its gradient, float64 of shape (n,), which it
        does not change later.
    x : ndarray of shape (n,), float64
        Where to begin.
    after_iteration : callable
        Called with ``x`` and ``fun`` after each iteration. It may raise StopIteration.
    limits : Limits

    Returns
    -------
    result : OptimizeResult
        With ``x``, ``fun``, ``jac``, ``nfev``, ``nit``, ``status``, ``message`` and
        ``success``, as scipy's.

    References
    ----------
    .. [1] D. Liu and J. Nocedal, "On the Limited Memory BFGS Method for Large Scale
       Optimization", Mathematical Programming 45, 1989.
    """
    search, n_iterations = _Search(evaluate, x), 0
    reason = FLAT if search.is_flat(limits.gtol) else None
    while reason is None:
        before = search.loss
        if not search.advance():
            reason = NO_STEP
            break
        n_iterations += 1
        reason = _reason_to_stop(search, n_iterations, before, limits, after_iteration)
    status, message = reason or NO_STEP
    return OptimizeResult(
        x=search.x,
        fun=search.loss,
        jac=search.gradient,
        nfev=search.n_evaluations,
        nit=n_iterations,
        status=status,
        message=message,
        success=status == 0,
    )


def _reason_to_stop(
    search: _Search,
    n_iterations: int,
    before: float,
    limits: Limits,
    after_iteration: Callable[[OptimizeResult], None],
) -> tuple[int, str] | None:
    """Tell of an iteration; return why to stop, in the order of scipy's tests."""
    try:
        after_iteration(OptimizeResult(x=search.x, fun=search.loss))
    except StopIteration:
        return HALTED
    if n_iterations >= limits.max_iter:
        return TOO_MANY_ITERATIONS
    if search.n_evaluations > limits.max_fun:
        return TOO_MANY_EVALUATIONS
    if search.is_flat(limits.gtol):
        return FLAT
    largest = max(abs(before), abs(search.loss), 1.0)
    return STEADY if before - search.loss <= limits.ftol * largest else None
