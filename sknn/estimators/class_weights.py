"""The weight of each row of a classifier that follows from ``class_weight``."""

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from sknn.network.data import ArrayLike

BALANCED_IN_PARTIAL_FIT = (
    "class_weight='balanced' is not supported by partial_fit, which does not see all "
    "rows. Find the weights from all of y with sklearn.utils.class_weight."
    "compute_class_weight, and pass them as a dict."
)


def weights_of_rows(
    class_weight: Any,
    classes: np.ndarray,
    y: ArrayLike,
    sample_weight: ArrayLike,
    is_multilabel: bool,
) -> np.ndarray:
    """Return the weight of each row that follows from its class, or its labels."""
    if is_multilabel:
        labels = y.toarray() if scipy.sparse.issparse(y) else np.asarray(y)
        if not isinstance(class_weight, str):
            return _checked(compute_sample_weight(class_weight, labels), class_weight)
        weights = np.ones(len(labels))
        for label in labels.T:
            weights *= _weights_by(class_weight, np.unique(label), label, sample_weight)
        return weights
    if isinstance(class_weight, list):
        raise ValueError(
            "class_weight must be a dict or 'balanced' where each row has one label, "
            f"got {class_weight!r}. A list of dicts is for several labels."
        )
    return _weights_by(class_weight, classes, y, sample_weight)


def _weights_by(
    class_weight: Any, classes: np.ndarray, y: ArrayLike, sample_weight: ArrayLike
) -> np.ndarray:
    """Return the weight of each row that follows from its class."""
    codes = np.searchsorted(classes, y)
    if isinstance(class_weight, str):
        counts = np.bincount(codes, sample_weight, len(classes))
        with np.errstate(
            divide="ignore"
        ):  # by classes whose rows all have a weight of zero
            weights = counts.sum() / (len(classes) * counts)
        weights[np.isinf(weights)] = 0
    else:
        weights = compute_class_weight(class_weight, classes=classes, y=classes)
    return np.asarray(_checked(weights, class_weight)[codes])


def _checked(weights: np.ndarray, class_weight: Any) -> np.ndarray:
    if np.isfinite(weights).all() and (weights >= 0).all():
        return weights
    raise ValueError(
        "class_weight must give each class a finite number of at least 0, got "
        f"{class_weight!r}."
    )
