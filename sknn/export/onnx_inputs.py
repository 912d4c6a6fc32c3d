"""Tables as arrays for the inputs of an ONNX model."""

from typing import Any, NoReturn

import numpy as np

from sknn._extras import import_extra
from sknn.export.onnx_models import MISSING_TEXT
from sknn.tabular.objects import column_name
from sknn.tabular.raw_columns import Column, Dates, to_categories, to_dates, to_numbers
from sknn.tabular.tables import is_frame, labels_of, native_frame, read_table


def arrays_of(model: Any, X: Any) -> dict[str, np.ndarray]:
    """Return a table as the inputs of a model: see `sknn.onnx.to_inputs`."""
    helper = import_extra("onnx", "onnx").helper
    inputs = {
        each.name: (
            helper.tensor_dtype_to_np_dtype(each.type.tensor_type.elem_type),
            each.type.tensor_type.shape.dim[1].dim_value,
            each.doc_string,
        )
        for each in model.graph.input
    }
    metadata = {each.key: each.value for each in model.metadata_props}
    if MISSING_TEXT not in metadata:
        ((name, (dtype, _, _)),) = inputs.items()
        return {name: np.asarray(X, dtype=dtype)}
    X = native_frame(X)
    X = X if is_frame(X) or hasattr(X, "dtype") else np.array(X, dtype=object)
    columns = dict(zip(map(str, labels_of(X)), read_table(X), strict=True))
    widths = [width for _, width, _ in inputs.values()]
    if len(columns) != sum(widths):
        raise ValueError(
            f"X has {len(columns)} columns, but the model has inputs for {sum(widths)}."
        )
    if not is_frame(X):
        names = inputs if len(inputs) == len(columns) else columns
        columns = dict(zip(names, columns.values(), strict=True))
    if len(inputs) == 1 and len(columns) > 1:
        ((name, (dtype, _, text)),) = inputs.items()
        arrays = [
            _array(label, column, dtype, text, "") for label, column in columns.items()
        ]
        return {name: np.hstack(arrays)}
    missing = [name for name in inputs if name not in columns]
    if missing:
        raise ValueError(
            f"X has no column {missing[0]!r}, which the model takes. Its columns are "
            f"{list(columns)}."
        )
    return {
        name: _array(name, columns[name], dtype, text, metadata[MISSING_TEXT])
        for name, (dtype, _, text) in inputs.items()
    }


def _array(
    name: str, column: Column, dtype: np.dtype, text: str, missing_text: str
) -> np.ndarray:
    """Return a column as an array of shape (n_samples, 1)."""
    if dtype.kind == "O":
        values: Any = _text(name, column, missing_text)
    elif text.startswith("micro"):
        dates = to_dates(column)
        if dates is None:
            _refuse(name, column, "dates")
        values = dates.values.astype(np.int64)
    else:
        numbers = to_numbers(column)
        if numbers is None or isinstance(column, Dates):
            _refuse(name, column, "numbers")
        values = numbers.values
        with np.errstate(invalid="ignore", over="ignore"):
            held = values.astype(dtype)
        if dtype.kind != "f" and not np.array_equal(held.astype(np.float64), values):
            raise ValueError(
                f"{column_name(name)} has values that its input, of {dtype}, cannot "
                "hold, such as missing ones. Pass "
                f"input_types={{{name!r}: np.float64}} to to_onnx."
            )
        values = held
    array: np.ndarray = values.reshape(-1, 1)
    return array


def _text(name: str, column: Column, missing_text: str) -> np.ndarray:
    categories = to_categories(column, column_name(name)).indexed()
    if categories.holds != "text" and not categories.is_missing().all():
        _refuse(name, column, "text")
    table = np.array([*categories.labels, missing_text], dtype=object)
    found: np.ndarray = table[categories.positions]
    return found


def _refuse(name: str, column: Column, expected: str) -> NoReturn:
    raise ValueError(
        f"{column_name(name)} holds {column.holds}, but the model takes {expected}."
    )
