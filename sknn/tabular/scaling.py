"""Scalings of numeric columns, one class each, and channels for heavy tails.

A scaling is fitted on an array of shape (n_samples, n_columns) in float64, whose
missing values are NaN and whose columns all vary, and on the weights of its rows, or
None. It transforms arrays without NaN. ``onnx`` does the same in an ONNX graph of
float64: ``g`` and ``x`` are those of ``register`` in
``sknn/kernels/layers/activation_base.py``.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.polynomial.chebyshev import chebinterpolate
from scipy.special import ndtri
from sklearn.preprocessing import StandardScaler

_LIMIT = 3.0  # of squashed values
_FARTHEST = 1e30  # in units of the scale; its square is a float64
_FAR = 6.0  # interquartile ranges from the median: farther than normal samples
_N_QUANTILES = 1000
# The shares of the first and the last quantile, as in QuantileTransformer.
_LEAST_SHARE = 1e-7 - np.spacing(1.0)
_QUARTILES = np.array([0.25, 0.5, 0.75])
_HALF = np.array([0.5])


def quantiles(
    X: np.ndarray, levels: np.ndarray, weights: np.ndarray | None
) -> np.ndarray:
    """Return quantiles of each column, which are values that occur in it.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        NaN are left out. Each column has other values.
    levels : ndarray of shape (n_levels,)
        Between 0 and 1.
    weights : ndarray of shape (n_samples,) or None
        A row of weight 2 counts as two rows.

    Returns
    -------
    quantiles : ndarray of shape (n_levels, n_columns)
        The least values that are not below the given share of the rows.
    """
    found = np.empty((len(levels), X.shape[1]))
    for column, values in enumerate(X.T):
        present = ~np.isnan(values)
        found[:, column] = np.quantile(
            values[present],
            levels,
            weights=None if weights is None else weights[present],
            method="inverted_cdf",
        )
    return found


class Scaling(Protocol):
    """A fitted scaling of numeric columns."""

    @classmethod
    def fit(cls, X: np.ndarray, weights: np.ndarray | None) -> "Scaling":
        """Return the scaling that belongs to these rows."""

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return scaled numbers, of the shape of X."""

    def onnx(self, g: Any, x: Any) -> Any:
        """Return scaled numbers in an ONNX graph."""


@dataclass(frozen=True)
class Shift:
    """``(x - center) / width``.

    Attributes
    ----------
    center, half_width : ndarray of shape (n_columns,), dtype=float64
        The width is beyond the range of float64 if X fills that range.
    """

    center: np.ndarray
    half_width: np.ndarray

    @classmethod
    def robust(cls, X: np.ndarray, weights: np.ndarray | None) -> "Shift":
        """Return the shift by the median and the interquartile range.

        Where this range is zero, half of the whole range takes its place.
        """
        low, center, high = quantiles(X, _QUARTILES, weights)
        half_width = 0.5 * high - 0.5 * low
        span = 0.5 * np.nanmax(X, axis=0) - 0.5 * np.nanmin(X, axis=0)
        half_width = np.where(half_width > 0, half_width, 0.5 * span)
        return cls(center, np.maximum(half_width, np.finfo(np.float64).tiny))

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return shifted numbers, of the shape of X."""
        shifted = 0.5 * X - 0.5 * self.center
        with np.errstate(over="ignore"):
            shifted /= self.half_width
        return np.clip(shifted, -_FARTHEST, _FARTHEST, out=shifted)

    def onnx(self, g: Any, x: Any) -> Any:
        """Return shifted numbers in an ONNX graph."""
        shifted = (0.5 * x - 0.5 * self.center) / self.half_width
        return g.Max(g.Min(shifted, _FARTHEST), -_FARTHEST)


@dataclass(frozen=True)
class Robust:
    """Median and interquartile range, then ``z / sqrt(1 + (z / 3)^2)`` [1]_.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default: Strong
       pre-tuned MLPs and boosted trees on tabular data", NeurIPS 2024.
    """

    shift: Shift

    @classmethod
    def fit(cls, X: np.ndarray, weights: np.ndarray | None) -> "Robust":
        """Return the scaling that belongs to these rows."""
        return cls(Shift.robust(X, weights))

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return numbers between -3 and 3, of the shape of X."""
        z = self.shift.transform(X)
        squashed: np.ndarray = z / np.sqrt(1 + (z / _LIMIT) ** 2)
        return squashed

    def onnx(self, g: Any, x: Any) -> Any:
        """Return squashed numbers in an ONNX graph."""
        z = self.shift.onnx(g, x)
        part = z / _LIMIT
        return z / g.Sqrt(part * part + 1.0)


@dataclass(frozen=True)
class Standard:
    """Mean and standard deviation, as scikit-learn's StandardScaler."""

    shift: Shift

    @classmethod
    def fit(cls, X: np.ndarray, weights: np.ndarray | None) -> "Standard":
        """Return the scaling that belongs to these rows."""
        # By a power of two, which is exact, for squares of large numbers overflow.
        _, exponents = np.frexp(np.nanmax(np.abs(X), axis=0))
        scaler = StandardScaler().fit(np.ldexp(X, -exponents), sample_weight=weights)
        half_width = np.ldexp(scaler.scale_, exponents - 1)
        return cls(Shift(np.ldexp(scaler.mean_, exponents), half_width))

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return standardised numbers, of the shape of X."""
        return self.shift.transform(X)

    def onnx(self, g: Any, x: Any) -> Any:
        """Return standardised numbers in an ONNX graph."""
        return self.shift.onnx(g, x)


@dataclass(frozen=True)
class Quantile:
    """Quantiles of a normal distribution, as scikit-learn's QuantileTransformer.

    Equal values get equal numbers: no noise is added. Other than there, values are
    compared with the extremes exactly, and not up to 1e-7, weights count, and the
    transformation of few rows is fast.

    Attributes
    ----------
    quantiles : ndarray of shape (n_quantiles, n_columns), dtype=float64
        Ascending.
    levels : ndarray of shape (n_quantiles,), dtype=float64
        From 0 to 1.
    """

    quantiles: np.ndarray
    levels: np.ndarray

    @classmethod
    def fit(cls, X: np.ndarray, weights: np.ndarray | None) -> "Quantile":
        """Return the scaling that belongs to these rows."""
        levels = np.linspace(0, 1, min(_N_QUANTILES, len(X)))
        if weights is None:
            found = np.nanquantile(X, levels, axis=0)
        else:
            found = quantiles(X, levels, weights)
        return cls(np.maximum.accumulate(found), levels)

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return numbers between -5.2 and 5.2, of the shape of X."""
        shares = np.empty_like(X)
        for column, (values, knots) in enumerate(
            zip(X.T, self.quantiles.T, strict=True)
        ):
            # Of several equal quantiles, one finds the last and the other the first.
            above = np.interp(values, knots, self.levels)
            below = -np.interp(-values, -knots[::-1], -self.levels[::-1])
            share = 0.5 * (above + below)
            share[values <= knots[0]] = 0
            share[values >= knots[-1]] = 1
            shares[:, column] = share
        np.clip(shares, _LEAST_SHARE, 1 - _LEAST_SHARE, out=shares)
        return np.asarray(ndtri(shares))

    def onnx(self, g: Any, x: Any) -> Any:
        """Return normal quantiles in an ONNX graph."""
        knots, levels = self.quantiles.T, self.levels
        n_columns, n_knots = knots.shape
        widths = np.diff(knots)
        rises = np.broadcast_to(np.diff(levels), widths.shape)
        slopes = np.divide(rises, widths, out=np.zeros_like(widths), where=widths > 0)
        firsts = np.arange(n_columns) * n_knots
        cells = g.reshape(x, (-1, n_columns, 1))

        def at(array: np.ndarray, position: Any) -> Any:
            return g.Gather(array.ravel(), position, axis=0)

        def count(is_counted: Any, least: int, most: int) -> Any:
            """Return how many knots of a column count, shape (n_rows, n_columns)."""
            n = g.ReduceSum(g.cast(is_counted, np.int64), g.integers(2), keepdims=0)
            return g.Max(g.Min(n, g.integers(most)), g.integers(least))

        # As `transform`: by the last knot that is not above x, the first not below it.
        last = count(g.LessOrEqual(knots, cells), 1, n_knots - 1) - g.integers(1)
        first = count(g.Less(knots, cells), 1, n_knots - 1)
        last, first = last + g.integers(*firsts), first + g.integers(*firsts)
        padded = np.pad(slopes, ((0, 0), (0, 1)))
        of_knots = np.broadcast_to(levels, knots.shape)
        above = (x - at(knots, last)) * at(padded, last) + at(of_knots, last)
        steps = at(padded, first - g.integers(1))
        below = at(of_knots, first) - (at(knots, first) - x) * steps
        share = 0.5 * (above + below)
        share = g.Where(g.LessOrEqual(x, knots[:, 0]), 0.0, share)
        share = g.Where(g.GreaterOrEqual(x, knots[:, -1]), 1.0, share)
        return _onnx_ndtri(g, g.Max(g.Min(share, 1 - _LEAST_SHARE), _LEAST_SHARE))


# |p - 1/2| up to which ndtri(p) = q R(q^2) with q = p - 1/2, and not, with
# m = min(p, 1 - p), R(sqrt(-log(m))) with the sign of q. R is a polynomial.
_CENTRAL = 0.425
_TAIL = np.sqrt(-np.log([0.5 - _CENTRAL, 0.99 * _LEAST_SHARE]))
_DEGREE = 30


@cache
def _ndtri_coefficients() -> tuple[np.ndarray, np.ndarray]:
    """Return Chebyshev coefficients of R amid the distribution, and in its tails."""

    def central(u: np.ndarray) -> np.ndarray:
        q = _CENTRAL * np.sqrt(0.5 * (u + 1) + 1e-300)
        return np.asarray(ndtri(0.5 + q) / q)

    def tail(u: np.ndarray) -> np.ndarray:
        r = _TAIL[0] + 0.5 * (u + 1) * (_TAIL[1] - _TAIL[0])
        return np.asarray(-ndtri(np.exp(-r * r)))

    return chebinterpolate(central, _DEGREE), chebinterpolate(tail, _DEGREE)


def _onnx_ndtri(g: Any, p: Any) -> Any:
    """Return quantiles of the normal distribution in an ONNX graph."""
    central, tail = _ndtri_coefficients()
    q = p - 0.5
    within = g.Min(g.Abs(q), _CENTRAL)
    amid = q * g.chebyshev(central, 2 * within * within / _CENTRAL**2 - 1)
    r = g.Sqrt(-g.Log(g.Min(g.Min(p, 1 - p), 0.5 - _CENTRAL)))
    low, high = map(float, _TAIL)
    far = g.Sign(q) * g.chebyshev(tail, 2 * (r - low) / (high - low) - 1)
    return g.Where(g.LessOrEqual(g.Abs(q), _CENTRAL), amid, far)


@dataclass(frozen=True)
class Passthrough:
    """Numbers as they are."""

    @classmethod
    def fit(cls, X: np.ndarray, weights: np.ndarray | None) -> "Passthrough":
        """Return the scaling that does nothing."""
        return cls()

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return X."""
        return X

    def onnx(self, g: Any, x: Any) -> Any:
        """Return x."""
        return x


SCALINGS: dict[str, type[Scaling]] = {
    "robust": Robust,
    "standard": Standard,
    "quantile": Quantile,
    "passthrough": Passthrough,
}


# Heavy tails -------------------------------------------------------------------------


@dataclass(frozen=True)
class SignedLog:
    """Sign of z times log(1 + abs(z)), z as in `Robust`; it has no limit."""

    shift: Shift

    @classmethod
    def fit(cls, X: np.ndarray, weights: np.ndarray | None) -> "SignedLog":
        """Return the scaling that belongs to these rows."""
        return cls(Shift.robust(X, weights))

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return logarithms, of the shape of X."""
        z = self.shift.transform(X)
        logarithms: np.ndarray = np.copysign(np.log1p(np.abs(z)), z)
        return logarithms

    def onnx(self, g: Any, x: Any) -> Any:
        """Return logarithms in an ONNX graph."""
        z = self.shift.onnx(g, x)
        return g.Sign(z) * g.Log(g.Abs(z) + 1.0)


TAILS: dict[str, type[Scaling]] = {"linear": Standard, "log": SignedLog}


def _with_heavy_tails(X: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the columns that have values far from the median."""
    z = np.abs(Shift.robust(X, weights).transform(X))
    heavy: np.ndarray = np.flatnonzero(np.nanmax(z, axis=0) > _FAR)
    return heavy


# All numeric columns -----------------------------------------------------------------


@dataclass(frozen=True)
class NumericBlock:
    """Imputation and scaling of all numeric columns.

    Attributes
    ----------
    medians : ndarray of shape (n_columns,)
        They take the place of missing values.
    scaling : Scaling
    heavy : ndarray of shape (n_heavy,), dtype=int
        The columns with a second output.
    tails : Scaling or None
        That of the second outputs.
    """

    medians: np.ndarray
    scaling: Scaling
    heavy: np.ndarray
    tails: Scaling | None

    @classmethod
    def fit(
        cls, X: np.ndarray, weights: np.ndarray | None, scaling: str, tails: str | None
    ) -> "NumericBlock":
        """Return what the training rows say of numbers with NaN for missing ones."""
        [medians] = quantiles(X, _HALF, weights)
        fitted = SCALINGS[scaling].fit(X, weights)
        if tails is None:
            return cls(medians, fitted, np.empty(0, dtype=np.intp), None)
        heavy = _with_heavy_tails(X, weights)
        of_tails = TAILS[tails].fit(X[:, heavy], weights) if heavy.size else None
        return cls(medians, fitted, heavy, of_tails)

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Fill X in place; return it scaled, of shape (n, n_columns + n_heavy)."""
        missing = np.isnan(X)
        if missing.any():
            np.copyto(X, self.medians, where=missing)
        scaled = self.scaling.transform(X)
        if self.tails is None:
            return scaled
        return np.hstack([scaled, self.tails.transform(X[:, self.heavy])])

    def onnx(self, g: Any, x: Any) -> Any:
        """Return what `transform` does in an ONNX graph."""
        filled = g.Where(g.IsNaN(x), self.medians, x)
        scaled = self.scaling.onnx(g, filled)
        if self.tails is None:
            return scaled
        heavy = g.take_columns(filled, self.heavy)
        return g.concatenated(scaled, self.tails.onnx(g, heavy))
