"""Whether a validation set has the scale of the training set."""

import warnings
from typing import NamedTuple

import numpy as np
import scipy.sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from sknn._site import see
from sknn.network.data import ArrayLike

_MOST_ROWS = 10_000  # to look at, evenly spaced
_FEWEST_ROWS = 10  # to know a location from
_ABOUT = see("use/troubleshooting#x_val-lies-far-outside-of-x")
_FEWEST_FOR_SPREAD = 30
_IQR = 1.349  # of the standard normal distribution

# How many standard deviations apart, how many times as wide, and as narrow, columns of
# another scale are. Less where the training set looks standardised: then many forget to
# scale the validation set, and as large a shift is rare.
_STANDARDISED, _ANY = (2.5, 3.0, 3.0), (4.0, 10.0, 10.0)
# Of one column or two: the rows that come last may well cover a tenth of a range.
_OF_FEW = 10.0, 30.0


class _Scale(NamedTuple):
    """Location and spread of columns, by moments and by quantiles that resist tails."""

    n_rows: int
    mean: np.ndarray
    median: np.ndarray
    deviation: np.ndarray
    quartiles: np.ndarray  # their distance, as a standard deviation


def warn_of_other_scale(
    X: ArrayLike, X_val: ArrayLike, y: ArrayLike, y_val: ArrayLike
) -> None:
    """Warn where X or y seem to have been scaled, but X_val or y_val do not.

    ``y`` and ``y_val`` are None for a classifier.
    """
    difference = _difference(X, X_val)
    if difference:
        warnings.warn(
            f"X_val lies far outside of X: {difference}. If X was scaled, as by a "
            "Pipeline, X_val must be scaled in the same way: pass transform_input="
            "['X_val'] to the Pipeline (with scikit-learn's metadata routing), or "
            "scaler.transform(X_val). With standardize=True in place of the scaler, "
            f"both are passed as they are. {_ABOUT}",
            stacklevel=2,
        )
    difference = None if y is None else _difference(y, y_val)
    if difference:
        warnings.warn(
            f"y_val lies far outside of y: {difference}. If y was transformed, as by a "
            "TransformedTargetRegressor, y_val must be transformed in the same way: "
            "pass transformer.transform(y_val). With standardize_y=True in place of "
            f"the transformer, both are passed as they are. {_ABOUT}",
            stacklevel=2,
        )


def _difference(data: ArrayLike, other: ArrayLike) -> str | None:
    """Describe how ``other`` lies outside of ``data``, if most of its columns do."""
    if data.shape[0] < _FEWEST_ROWS:
        return None
    a, b = _scale(data), _scale(other)
    varies = a.deviation > 1e-7 * np.abs(a.mean)
    if not varies.any():
        return None
    a, b = (
        _Scale(scale.n_rows, *(values[varies] for values in scale[1:]))
        for scale in (a, b)
    )
    standard = (np.abs(a.mean) < 0.1) & (np.abs(a.deviation - 1) < 0.1)
    most_apart, wide, narrow = _STANDARDISED if standard.mean() > 2 / 3 else _ANY
    if len(standard) < 3:
        wide, narrow = _OF_FEW
    apart = np.minimum(np.abs(b.mean - a.mean), np.abs(b.median - a.median))
    apart /= a.deviation
    is_apart = apart > most_apart + 10 / b.n_rows
    is_other = is_apart
    if min(a.n_rows, b.n_rows) >= _FEWEST_FOR_SPREAD:
        is_wide = b.quartiles > wide * a.deviation
        is_narrow = (b.deviation > 0) & (narrow * b.deviation < a.quartiles)
        is_other = is_apart | is_wide | is_narrow
    if 2 * is_other.sum() < len(is_other):
        return None
    k = int(np.argmax(np.where(is_other, apart, -1)))
    column = int(np.flatnonzero(varies)[k])
    n, n_columns = int(is_other.sum()), len(is_other)
    many = f"{n} of {n_columns} columns differ, column {column} the most, with" * (
        n_columns > 1
    )
    return (
        f"{many or 'it has'} mean {b.mean[k]:.3g} and standard deviation "
        f"{b.deviation[k]:.3g} in place of {a.mean[k]:.3g} and {a.deviation[k]:.3g}"
    )


def _scale(data: ArrayLike) -> _Scale:
    n_rows = data.shape[0]
    rows = data[:: -(-n_rows // _MOST_ROWS)]
    if scipy.sparse.issparse(rows):
        rows = scipy.sparse.csr_matrix(rows, dtype=np.float64, copy=True)
        rows.sum_duplicates()  # else they count as rows
        with np.errstate(over="ignore", invalid="ignore"):
            mean, variance = mean_variance_axis(rows, axis=0)
            deviation = np.sqrt(variance)
        return _Scale(rows.shape[0], mean, mean, deviation, deviation)
    rows = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        low, median, high = np.quantile(rows, (0.25, 0.5, 0.75), axis=0)
        moments = rows.mean(axis=0), rows.std(axis=0)
    return _Scale(len(rows), moments[0], median, moments[1], (high - low) / _IQR)
