"""Checks of a whole table: its type, its shape, its names."""

from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from sknn.tabular.tables import is_frame, labels_of, native_frame

_ANY_VALUES: dict[str, Any] = {"dtype": None, "ensure_all_finite": False}


def validate_table(estimator: Any, X: Any, reset: bool) -> Any:
    """Return a data frame, or an array in any dtype, with checked names and shape.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets, or has, the attributes ``n_features_in_`` and ``feature_names_in_``.
    X : data frame or array-like of shape (n_samples, n_features)
    reset : bool
        Whether to set these attributes, and not to compare with them.

    Raises
    ------
    TypeError, ValueError
        If X is no table, has no rows or no columns, has two columns of one name, or
        has not the columns of the training data.
    """
    X = native_frame(X)
    if is_frame(X):
        _refuse_duplicates(labels_of(X))
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        _refuse_empty(X, type(estimator).__name__)
        return X
    if isinstance(X, np.ma.MaskedArray):
        mask, X = np.ma.getmaskarray(X), X.data.astype(object)
        X[mask] = None
    array = validate_data(estimator, X, reset=reset, **_ANY_VALUES)
    if array.dtype.kind == "U" and not hasattr(X, "dtype"):
        # A list, whose numbers NumPy has turned into text.
        objects = {**_ANY_VALUES, "dtype": object}
        array = validate_data(estimator, X, reset=reset, **objects)
    return array


def _refuse_empty(X: Any, name: str) -> None:
    for size, unit in zip(X.shape, ("sample", "feature"), strict=True):
        if size == 0:
            raise ValueError(
                f"Found array with 0 {unit}(s) (shape={X.shape}) while a minimum of 1 "
                f"is required by {name}."
            )


def _refuse_duplicates(labels: list[Any]) -> None:
    seen: set[Any] = set()
    for label in labels:
        if label in seen:
            raise ValueError(
                f"X has two columns of the name {label!r}. Rename one of them, or drop "
                "it."
            )
        seen.add(label)
