"""Tables of pandas, polars, PyArrow and NumPy, read column by column.

No data frame library is imported, but the one that the table itself belongs to.
"""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sknn.estimators.batch_source import BatchSource
from sknn.tabular.objects import column_name, plain, read_objects
from sknn.tabular.raw_columns import (
    SECOND,
    Categories,
    Column,
    Dates,
    Numbers,
    booleans,
)

Table = list[Column]
_ALL_NAN = {"na_value": np.nan}


def native_frame(X: Any) -> Any:
    """Return the frame that a narwhals frame wraps, the table of a batch, or X.

    Raises
    ------
    TypeError
        If X is a lazy frame, or a source of batches.
    """
    if isinstance(X, BatchSource):
        raise TypeError(
            "A table must be in memory, got a BatchSource. Fit a TableEncoder on some "
            "of its rows, and MLPClassifier or MLPRegressor on a BatchSource that "
            "yields (encoder.transform(X), y)."
        )
    if hasattr(X, "to_native"):
        X = X.to_native()
    if hasattr(X, "collect_schema") and not is_frame(X):
        raise TypeError("X is a lazy data frame. Pass X.collect() instead.")
    if type(X).__name__ == "RecordBatch":  # whose names scikit-learn does not read
        return importlib.import_module("pyarrow").Table.from_batches([X])
    return X


def is_frame(X: Any) -> bool:
    """Return whether a table is a data frame that this module reads."""
    return _reader_of(X) is not None


def labels_of(X: Any) -> list[Any]:
    """Return the names of the columns, or their indices where they have no names."""
    if not is_frame(X):
        return list(range(X.shape[1]))
    return list(getattr(X, "column_names", None) or X.columns)


def read_table(X: Any) -> Table:
    """Return the columns of a data frame, or of an array of shape (n, n_features).

    Raises
    ------
    TypeError, ValueError
        If a column holds values that are neither numbers nor dates nor labels; the
        message names it.
    """
    read = _reader_of(X) or _array_columns
    return [*read(X)]


def _reader_of(X: Any) -> Callable[[Any], Iterator[Column]] | None:
    if hasattr(X, "iloc"):
        return _pandas_columns if X.ndim == 2 else None
    if hasattr(X, "get_columns"):
        return _polars_columns
    if hasattr(X, "column_names") and hasattr(X, "schema"):
        return _arrow_columns
    return None


def _refuse_complex(label: Any) -> None:
    raise ValueError(
        f"Complex data not supported. {column_name(label)} holds complex numbers: make "
        "a column of the real and one of the imaginary parts."
    )


def _dates(values: np.ndarray, wall: np.ndarray | None, zone: Any) -> Dates:
    values = values.astype("M8[us]")
    wall = values if wall is None else wall.astype("M8[us]")
    return Dates(values, wall, None if zone is None else str(zone))


# NumPy -------------------------------------------------------------------------------


def _array_columns(X: np.ndarray) -> Iterator[Column]:
    for label, values in enumerate(X.T):
        kind = values.dtype.kind
        if kind == "b":
            yield booleans(values.astype(np.float64))
        elif kind in "iuf":
            yield Numbers(values.astype(np.float64, copy=False))
        elif kind == "M":
            yield _dates(values, None, None)
        elif kind == "m":
            yield Numbers(values / SECOND)
        else:
            yield read_objects(values.tolist(), label)


# pandas ------------------------------------------------------------------------------


def _pandas_columns(X: Any) -> Iterator[Column]:
    for label, series in X.items():
        yield _pandas_column(series, label)


def _pandas_column(series: Any, label: Any) -> Column:
    dtype = series.dtype
    is_numpy, kind = isinstance(dtype, np.dtype), getattr(dtype, "kind", "O")
    if is_numpy and kind in "iuf":
        return Numbers(series.to_numpy(np.float64))
    if not is_numpy and dtype.name == "category":
        labels = list(map(plain, series.array.categories.tolist()))
        return Categories(np.asarray(series.array.codes, np.intp), labels, True)
    if kind in "biuf":
        missing = {} if is_numpy or dtype.name.startswith("Sparse") else _ALL_NAN
        values = series.to_numpy(np.float64, **missing)
        return booleans(values) if kind == "b" else Numbers(values)
    if kind == "c":
        _refuse_complex(label)
    if kind == "m":
        return Numbers(_numpy_times(series, "timedelta64[us]") / SECOND)
    if kind == "M":
        zone = None if is_numpy else series.dt.tz
        if zone is None:
            return _dates(_numpy_times(series, "datetime64[us]"), None, None)
        in_utc = series.dt.tz_convert("UTC").dt.tz_localize(None)
        values, wall = (
            _numpy_times(times, "datetime64[us]")
            for times in (in_utc, series.dt.tz_localize(None))
        )
        return _dates(values, wall, zone)
    is_declared = str(dtype).startswith("dictionary")
    return read_objects(series.to_numpy(object).tolist(), label, is_declared)


def _numpy_times(series: Any, dtype: str) -> np.ndarray:
    """Return dates or durations as an array, also those in a dtype of Arrow."""
    values: np.ndarray = series.astype(dtype).to_numpy()
    return values


# polars ------------------------------------------------------------------------------


def _polars_columns(X: Any) -> Iterator[Column]:
    for series in X.get_columns():
        yield _polars_column(series)


def _polars_column(series: Any) -> Column:
    dtype, name = series.dtype, series.dtype.base_type().__name__
    if dtype.is_numeric():
        return Numbers(series.cast(float).to_numpy())
    if name == "Boolean":
        return booleans(series.cast(float).to_numpy())
    if name == "Date":
        return _dates(series.to_numpy(), None, None)
    if name == "Duration":
        return Numbers(series.to_numpy() / SECOND)
    if name == "Datetime":
        zone = dtype.time_zone
        wall = series.dt.replace_time_zone(None)
        if zone is None:
            return _dates(wall.to_numpy(), None, None)
        in_utc = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return _dates(in_utc.to_numpy(), wall.to_numpy(), zone)
    is_declared = name in ("Categorical", "Enum")
    values = series.cast(str) if is_declared else series
    return read_objects(values.to_list(), series.name, is_declared)


# PyArrow -----------------------------------------------------------------------------


def _arrow_columns(X: Any) -> Iterator[Column]:
    for label, column in zip(X.column_names, X.columns, strict=True):
        yield _arrow_column(column, label)


def _arrow_column(column: Any, label: Any) -> Column:
    types = importlib.import_module("pyarrow.types")
    is_number = types.is_integer(column.type) or types.is_floating(column.type)
    if is_number or types.is_boolean(column.type):
        values = np.asarray(column.cast("float64", safe=False))
        return Numbers(values) if is_number else booleans(values)
    if types.is_timestamp(column.type):
        zone, wall = column.type.tz, None
        if zone is not None:
            compute = importlib.import_module("pyarrow.compute")
            wall = np.asarray(compute.local_timestamp(column))
        return _dates(np.asarray(column), wall, zone)
    if types.is_date(column.type):
        return _dates(np.asarray(column), None, None)
    if types.is_duration(column.type):
        return Numbers(np.asarray(column) / SECOND)
    is_declared = types.is_dictionary(column.type)
    return read_objects(column.to_pylist(), label, is_declared)
