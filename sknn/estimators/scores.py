"""scikit-learn's scores, without its checks for arrays that would pass them.

The checks take ten times as long as an epoch on 150 rows, and early stopping needs a
score after each epoch.
"""

from math import isfinite

import numpy as np
from sklearn.metrics import accuracy_score, r2_score

from sknn.network.data import FLOATS, ArrayLike


def fraction_correct(right: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the weighted fraction of rows that are right."""
    return float(np.average(right, weights=weights))


def accuracy(y: ArrayLike, predicted: np.ndarray, sample_weight: ArrayLike) -> float:
    """Return ``accuracy_score(y, predicted, sample_weight=sample_weight)``."""
    skips_validation = (
        sample_weight is None
        and type(y) is np.ndarray
        and y.ndim == 1
        and y.shape == predicted.shape != (0,)
        and y.dtype.kind in "iub"
        and predicted.dtype.kind in "iub"
    )
    if skips_validation:
        return fraction_correct(y == predicted)
    return float(accuracy_score(y, predicted, sample_weight=sample_weight))


def r2(y: ArrayLike, predicted: np.ndarray, sample_weight: ArrayLike) -> float:
    """Return ``r2_score(y, predicted, sample_weight=sample_weight)``."""
    skips_validation = (
        type(y) is np.ndarray
        and y.ndim in (1, 2)
        and y.shape == predicted.shape
        and len(y) > 1
        and y.size > 0
        and y.dtype == predicted.dtype in FLOATS
        and sample_weight is None
    )
    score = _r2(y, predicted) if skips_validation else np.nan
    if isfinite(score):
        return score
    return float(r2_score(y, predicted, sample_weight=sample_weight))


def _r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return R^2; NaN where numbers are not finite or do not vary."""
    y, predicted = y.reshape(len(y), -1), predicted.reshape(len(y), -1)
    with np.errstate(all="ignore"):
        error = np.sum((y - predicted) ** 2, axis=0)
        variation = np.sum((y - np.average(y, axis=0)) ** 2, axis=0)
        # scikit-learn decides on a ratio of zeros.
        ratios = np.where((error > 0) & (variation > 0), error / variation, np.nan)
        return float(np.average(1 - ratios))
