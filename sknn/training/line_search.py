"""A line search that finds a step with the strong Wolfe conditions.

The algorithm of Moré and Thuente [1]_, with the constants of L-BFGS-B, so that L-BFGS
evaluates the loss where scipy's does.

References
----------
.. [1] J. Moré and D. Thuente, "Line Search Algorithms with Guaranteed Sufficient
   Decrease", ACM Transactions on Mathematical Software 20, 1994.
"""

from math import copysign, inf, nan, sqrt
from typing import NamedTuple

# Decrease and curvature of the Wolfe conditions; relative width of the interval at
# which the search ends.
_DECREASE, _CURVATURE, _WIDTH = 1e-3, 0.9, 0.1
_LONGEST = 1e10
# By how much a step grows, at least and at most, while no interval is known.
_GROWTH = (1.1, 4.0)
# An interval must shrink to this share in two steps, or is bisected.
_SHRINKAGE = 0.66


class _Point(NamedTuple):
    """A step, the loss there, and the slope of the loss along the direction."""

    step: float
    loss: float
    slope: float

    def tilted(self, slope: float) -> "_Point":
        """Return the point if a line of this slope is subtracted from the loss."""
        return _Point(self.step, self.loss - self.step * slope, self.slope - slope)


class LineSearch:
    """Proposes steps along a direction until one is good enough.

    Parameters
    ----------
    loss, slope : float
        At the start; the slope is negative.
    step : float
        The first step to evaluate.

    Attributes
    ----------
    step : float
        The step to evaluate next; when the search ends, the last one evaluated.
    """

    def __init__(self, loss: float, slope: float, step: float):
        self.step = step
        self._start = self._best = self._other = _Point(0.0, loss, slope)
        self._has_interval, self._is_first_stage = False, True
        self._low, self._high = 0.0, step + _GROWTH[1] * step
        self._widths = (_LONGEST, 2 * _LONGEST)

    def ends_with(self, loss: float, slope: float) -> bool:
        """Take the loss at ``step``; return whether to end, else set the next step."""
        start, least = self._start, _DECREASE * self._start.slope
        enough = start.loss + self.step * least
        is_lower = loss <= enough
        if self._is_first_stage and is_lower and slope >= 0:
            self._is_first_stage = False
        if self._is_exhausted(is_lower, slope, least):
            return True
        if is_lower and abs(slope) <= _CURVATURE * -start.slope:
            return True
        tried = _Point(self.step, loss, slope)
        if self._is_first_stage and loss <= self._best.loss and loss > enough:
            points = [p.tilted(least) for p in (self._best, self._other, tried)]
            points = self._updated(*points)
            self._best, self._other = (p.tilted(-least) for p in points)
        else:
            self._best, self._other = self._updated(self._best, self._other, tried)
        self._limit()
        return False

    def _is_exhausted(self, is_lower: bool, slope: float, least: float) -> bool:
        """Return whether rounding errors or the limits leave no step to try."""
        if self._is_narrow():
            return True
        if self.step == _LONGEST and is_lower and slope <= least:
            return True
        return self.step == 0 and (not is_lower or slope >= least)

    def _is_narrow(self) -> bool:
        is_inside = self._low < self.step < self._high
        width = self._high - self._low
        return self._has_interval and (not is_inside or width <= _WIDTH * self._high)

    def _limit(self) -> None:
        """Keep the next step within the interval, or within the limits of growth."""
        best, other = self._best.step, self._other.step
        if self._has_interval:
            if abs(other - best) >= _SHRINKAGE * self._widths[1]:
                self.step = best + 0.5 * (other - best)
            self._widths = abs(other - best), self._widths[0]
            self._low, self._high = min(best, other), max(best, other)
        else:
            self._low = self.step + _GROWTH[0] * (self.step - best)
            self._high = self.step + _GROWTH[1] * (self.step - best)
        self.step = min(max(self.step, 0.0), _LONGEST)
        if self._is_narrow():
            self.step = best

    def _updated(self, best: _Point, other: _Point, tried: _Point) -> list[_Point]:
        """Set the next step; return the ends of the interval that holds a minimum."""
        turns = tried.slope * copysign(1.0, best.slope) < 0
        if tried.loss > best.loss:
            cubic, quadratic = _cubic(best, tried), _quadratic(best, tried)
            if abs(cubic - best.step) < abs(quadratic - best.step):
                self.step = cubic
            else:
                self.step = cubic + (quadratic - cubic) / 2
            self._has_interval = True
            return [best, tried]
        if turns:
            cubic, secant = _cubic(tried, best), _secant(best, tried)
            is_farther = abs(cubic - tried.step) > abs(secant - tried.step)
            self.step = cubic if is_farther else secant
            self._has_interval = True
            return [tried, best]
        if abs(tried.slope) < abs(best.slope):
            self.step = self._step_of_flatter_point(best, other, tried)
        elif self._has_interval:
            self.step = _cubic(tried, other)
        else:
            self.step = self._high if tried.step > best.step else self._low
        return [tried, other]

    def _step_of_flatter_point(
        self, best: _Point, other: _Point, tried: _Point
    ) -> float:
        """Return the next step where the slope has become less steep."""
        cubic, secant = self._cubic_beyond(best, tried), _secant(best, tried)
        to_cubic, to_secant = abs(cubic - tried.step), abs(secant - tried.step)
        if not self._has_interval:
            step = cubic if to_cubic > to_secant else secant
            return max(self._low, min(self._high, step))
        step = cubic if to_cubic < to_secant else secant
        farthest = tried.step + _SHRINKAGE * (other.step - tried.step)
        if tried.step > best.step:
            return min(farthest, step)
        return max(farthest, step)

    def _cubic_beyond(self, best: _Point, tried: _Point) -> float:
        """Return where a cubic has its minimum, or a limit if it has none ahead."""
        theta, gamma = _cubic_terms(best, tried)
        if tried.step > best.step:
            gamma = -gamma
        p, q = gamma - tried.slope + theta, gamma + (best.slope - tried.slope) + gamma
        ratio = _ratio(p, q)
        if ratio < 0 and gamma != 0:
            return tried.step + ratio * (best.step - tried.step)
        return self._high if tried.step > best.step else self._low


def _cubic_terms(one: _Point, other: _Point) -> tuple[float, float]:
    difference = _ratio(3 * (one.loss - other.loss), other.step - one.step)
    theta = difference + one.slope + other.slope
    scale = max(abs(theta), abs(one.slope), abs(other.slope))
    root = _ratio(theta, scale) ** 2 - _ratio(one.slope, scale) * _ratio(
        other.slope, scale
    )
    return theta, scale * sqrt(max(0.0, root)) if root == root else nan


def _cubic(one: _Point, other: _Point) -> float:
    """Return the minimum of the cubic through two points with their slopes."""
    theta, gamma = _cubic_terms(one, other)
    if other.step < one.step:
        gamma = -gamma
    p, q = gamma - one.slope + theta, gamma - one.slope + gamma + other.slope
    return one.step + _ratio(p, q) * (other.step - one.step)


def _quadratic(one: _Point, other: _Point) -> float:
    """Return the minimum of the parabola through two points, with the first's slope."""
    secant = _ratio(one.loss - other.loss, other.step - one.step)
    ratio = _ratio(one.slope, secant + one.slope) / 2
    return one.step + ratio * (other.step - one.step)


def _secant(one: _Point, other: _Point) -> float:
    """Return where the slope would be zero if it were linear."""
    ratio = _ratio(other.slope, other.slope - one.slope)
    return other.step + ratio * (one.step - other.step)


def _ratio(p: float, q: float) -> float:
    """Return p / q; infinite or NaN where q is zero."""
    if q != 0:
        return p / q
    return nan if p == 0 or p != p else copysign(inf, p) * copysign(1.0, q)
