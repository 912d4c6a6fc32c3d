"""The labels of a classifier: their types, and what each class weighs."""

from collections.abc import Callable
from functools import wraps

import numpy as np
import scipy.sparse
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import unique_labels

from sknn.estimators.validation import check_for_missing


def explains_mixed_labels(method: Callable) -> Callable:
    """Name the types of labels where a method cannot sort its first argument."""

    @wraps(method)
    def called(self, y, *arguments):
        try:
            return method(self, y, *arguments)
        except TypeError as error:
            check_for_missing(error)
            types = sorted({type(label).__name__ for label in np.ravel(y)})
            if np.asarray(y).dtype != object or len(types) < 2:
                raise
            raise TypeError(
                f"The labels are of different types, {' and '.join(types)}, which have "
                "no common order. Give all labels one type, as y.astype(str) does; "
                "drop or name rows without a label."
            ) from error

    return called


def labels_in(y) -> np.ndarray:
    """Return ``unique_labels(y)``, sooner where labels are whole numbers."""
    classes = _whole_numbers_in(y)
    return unique_labels(y) if classes is None else classes


def binarizer_of(y) -> LabelBinarizer:
    """Return ``LabelBinarizer().fit(y)``, sooner where labels are whole numbers."""
    binarizer, classes = LabelBinarizer(), _whole_numbers_in(y)
    if classes is None:
        return binarizer.fit(y)
    binarizer.y_type_ = "multiclass" if len(classes) > 2 else "binary"
    binarizer.sparse_input_ = False
    binarizer.classes_ = classes
    return binarizer


def _whole_numbers_in(y) -> np.ndarray | None:
    """Return the labels, or None where scikit-learn may have something to say of them.

    It has of labels that hardly ever repeat.
    """
    is_plain = type(y) is np.ndarray and y.ndim == 1 and y.dtype.isnative
    if not (is_plain and y.dtype.kind in "iub"):
        return None
    classes = np.unique(y)
    return classes if 0 < 2 * len(classes) <= len(y) else None


def weights_of_rows(
    class_weight, classes: np.ndarray, y, sample_weight, is_multilabel: bool
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
    return _weights_by(class_weight, classes, column_or_1d(y), sample_weight)


def _weights_by(class_weight, classes: np.ndarray, y, sample_weight) -> np.ndarray:
    """Return the weight of each row that follows from its class."""
    codes = np.searchsorted(classes, y)
    if isinstance(class_weight, str):
        counts = np.bincount(codes, sample_weight, len(classes))
        with np.errstate(divide="ignore"):  # by classes whose rows all weigh nothing
            weights = counts.sum() / (len(classes) * counts)
        weights[np.isinf(weights)] = 0
    else:
        weights = compute_class_weight(class_weight, classes=classes, y=classes)
    return _checked(weights, class_weight)[codes]


def _checked(weights: np.ndarray, class_weight) -> np.ndarray:
    if np.isfinite(weights).all() and (weights >= 0).all():
        return weights
    raise ValueError(
        "class_weight must give each class a finite number of at least 0, got "
        f"{class_weight!r}."
    )


def rare_class(groups: np.ndarray, classes: np.ndarray) -> str:
    """Return what to say of a class of one row among two, if there is one."""
    counts = np.bincount(np.ravel(groups), minlength=2)
    if len(classes) != 2 or counts.min() > 1:
        return ""
    return (
        f" It is the class {classes[counts.argmin()]}: give it a second row, or pass "
        "X_val and y_val to fit."
    )
