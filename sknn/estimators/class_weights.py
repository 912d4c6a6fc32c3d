"""The weight of each row of a classifier that follows from ``class_weight``."""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from sknn.network.data import ArrayLike

BALANCED_IN_PARTIAL_FIT = (
    "class_weight='balanced' is not supported by partial_fit, which does not see all "
    "rows. Find the weights from all of y with sklearn.utils.class_weight."
    "compute_class_weight, and pass them as a dict."
)
NO_CLASS_WEIGHT_OF_LABELS = (
    "class_weight is not supported for several labels a row where X is a BatchSource. "
    "Let it yield (X, y, sample_weight), with weights that depend on the labels."
)


class RowFactors(NamedTuple):
    """What the weight of each row is multiplied by, for its class.

    Attributes
    ----------
    values : ndarray of shape (n_rows,)
    mean : float
        Their mean over all rows of the training data, by sample weight.
    """

    values: np.ndarray
    mean: float


def factors_of_rows(
    class_weight: Any,
    classes: np.ndarray,
    y: ArrayLike,
    sample_weight: np.ndarray | None,
    is_multilabel: bool,
) -> RowFactors:
    """Return the factor of each row that follows from its class, or its labels."""
    if is_multilabel:
        factors = _of_labels(class_weight, y, sample_weight)
        return RowFactors(factors, float(np.average(factors, weights=sample_weight)))
    codes = np.searchsorted(classes, y)
    counts = np.bincount(codes, sample_weight, len(classes))
    weights = weights_of_classes(class_weight, classes, counts)
    return RowFactors(weights[codes], mean_of(weights, counts))


def weights_of_classes(
    class_weight: Any, classes: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Return the weight of each class.

    Parameters
    ----------
    class_weight : dict or "balanced"
    classes : ndarray of shape (n_classes,)
    counts : ndarray of shape (n_classes,)
        Rows of each class, or the sum of their sample weights.
    """
    if isinstance(class_weight, list):
        raise ValueError(
            "class_weight must be a dict or 'balanced' where each row has one label, "
            f"got {class_weight!r}. A list of dicts is for several labels."
        )
    if isinstance(class_weight, str):
        # By classes whose rows all have a weight of zero.
        with np.errstate(divide="ignore"):
            weights = counts.sum() / (len(classes) * counts)
        weights[np.isinf(weights)] = 0
    else:
        weights = compute_class_weight(class_weight, classes=classes, y=classes)
    return _checked(weights, class_weight)


def mean_of(weights: np.ndarray, counts: np.ndarray) -> float:
    """Return the mean weight of a row, given the number of rows of each class."""
    return float((weights * counts).sum() / counts.sum())


def _of_labels(
    class_weight: Any, y: ArrayLike, sample_weight: np.ndarray | None
) -> np.ndarray:
    """Return the product of the weights of a row's labels."""
    labels = y.toarray() if scipy.sparse.issparse(y) else np.asarray(y)
    if not isinstance(class_weight, str):
        return _checked(compute_sample_weight(class_weight, labels), class_weight)
    weights = np.ones(len(labels))
    for label in labels.T:
        values, codes = np.unique(label, return_inverse=True)
        counts = np.bincount(codes, sample_weight, len(values))
        weights *= weights_of_classes(class_weight, values, counts)[codes]
    return weights


def _checked(weights: np.ndarray, class_weight: Any) -> np.ndarray:
    if np.isfinite(weights).all() and (weights >= 0).all():
        return weights
    raise ValueError(
        "class_weight must give each class a finite number of at least 0, got "
        f"{class_weight!r}."
    )
