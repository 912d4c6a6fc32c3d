"""Tables as they are explained: their cells, and the names of their columns."""

from typing import Any

import numpy as np

from sknn._sklearn import check_feature_names_in
from sknn.tabular.encoder import TableEncoder
from sknn.tabular.tables import is_frame, labels_of, native_frame


def cells_of(X: Any) -> np.ndarray:
    """Return a table as an array of objects, of shape (n_samples, n_columns)."""
    X = native_frame(X)
    if not is_frame(X):
        return np.array(X, dtype=object)
    columns = [_values(X[label]) for label in labels_of(X)]
    cells = np.empty((X.shape[0], len(columns)), dtype=object)
    for k, values in enumerate(columns):
        cells[:, k] = values
    return cells


def _values(column: Any) -> list[Any]:
    """Return a column of pandas, polars or PyArrow as a list."""
    names = ("to_list", "to_pylist")
    values: list[Any] = next(
        getattr(column, name)() for name in names if hasattr(column, name)
    )
    return values


def names_of(encoder: TableEncoder) -> np.ndarray:
    """Return the names of the columns, x0, x1, ... where they have none."""
    names: np.ndarray = check_feature_names_in(encoder, None)
    return names
