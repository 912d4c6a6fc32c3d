"""Tables as inputs of ONNX graphs, with an input for each column."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sknn.export.onnx_graph import Graph, Tensor, unique_names
from sknn.tabular.dates import NAT
from sknn.tabular.encoder import TableEncoder, joined
from sknn.tabular.fitted_columns import CategoricalColumn, FittedColumn
from sknn.tabular.objects import column_name

TEXT = np.dtype(np.str_)
_NUMBERS = [
    np.dtype(name)
    for name in (
        *("float64", "float32", "bool", "int64", "int32", "int16", "int8"),
        *("uint64", "uint32", "uint16", "uint8"),
    )
]
# The dtypes that an input of each kind may have.
_DTYPES = {"numbers": _NUMBERS, "text": [TEXT], "dates": [np.dtype(np.int64)]}
_HOLD = {
    "text": "text; {!r} is missing",
    "dates": f"microseconds since 1970; {NAT} is missing",
}


class TableInput(NamedTuple):
    """An input of a graph.

    Attributes
    ----------
    name : str
    dtype : dtype
        Of its elements; of kind "U" for text.
    width : int
        The number of its columns.
    text : str
        What it holds.
    """

    name: str
    dtype: np.dtype
    width: int
    text: str


def inputs_of(
    encoder: TableEncoder, input_types: Mapping[str, Any] | None, missing_text: str
) -> list[TableInput]:
    """Return the inputs of a graph for the tables that an encoder takes.

    A table of numbers without names is one input, X.

    Raises
    ------
    ValueError
        If ``input_types`` has a name that no input has, or a type that the column
        cannot have; or ONNX cannot hold a column.
    """
    given = dict(input_types or {})
    kinds = [fitted.onnx_kind for fitted in encoder.columns_]
    names = getattr(encoder, "feature_names_in_", None)
    if names is None and set(kinds) == {"numbers"}:
        dtype = given.pop("X", np.float64)
        _refuse_unknown(given, ["X"])
        column = encoder.columns_[0]
        dtype = _checked(dtype, column.label, "numbers")
        return [TableInput("X", dtype, len(kinds), _described(dtype, "numbers", ""))]
    unique = unique_names([])
    inputs = []
    for k, (fitted, kind) in enumerate(zip(encoder.columns_, kinds, strict=True)):
        name = unique((None if names is None else names[k]) or f"x{k}")
        dtype = given.pop(name, _usual_dtype(fitted, kind))
        dtype = _checked(dtype, fitted.label, kind)
        text = _described(dtype, kind, missing_text)
        inputs.append(TableInput(name, dtype, 1, text))
    _refuse_unknown(given, [each.name for each in inputs])
    return inputs


def _usual_dtype(fitted: FittedColumn, kind: str) -> np.dtype:
    """Return the dtype that a column most probably has."""
    if kind != "numbers":
        return _DTYPES[kind][0]
    if isinstance(fitted, CategoricalColumn) and not fitted.has_missing:
        if fitted.held == "booleans":
            return np.dtype(bool)
        if all(float(label).is_integer() for label in fitted.categories):
            return np.dtype(np.int64)
    return np.dtype(np.float64)


def _checked(given: Any, label: Any, kind: str) -> np.dtype:
    """Return a dtype, if a column of a kind may have it in a graph."""
    allowed = _DTYPES[kind]
    try:
        dtype = np.dtype(given)
    except TypeError:
        dtype = np.dtype(object)
    dtype = TEXT if dtype.kind == "U" else dtype
    if dtype not in allowed:
        names = ", ".join("str" if each is TEXT else str(each) for each in allowed)
        raise ValueError(
            f"{column_name(label)} holds {kind}. Its input type must be one of "
            f"{names}, got {given!r}."
        )
    return dtype


def _described(dtype: np.dtype, kind: str, missing_text: str) -> str:
    """Describe the values of an input, for its documentation in the graph."""
    if kind == "numbers":
        return "numbers; NaN is missing" if dtype.kind == "f" else "numbers"
    return _HOLD[kind].format(missing_text)


def _refuse_unknown(given: Mapping[str, Any], names: list[str]) -> None:
    if given:
        raise ValueError(
            f"input_types names {sorted(given)[0]!r}, which is no input. The inputs "
            f"are {names}."
        )


# In the graph ------------------------------------------------------------------------


def columns_of(graph: Graph, tensors: Iterable[tuple[Tensor, int]]) -> list[Tensor]:
    """Return the columns of tensors, given with their widths, one by one."""
    columns = []
    for tensor, width in tensors:
        if width == 1:
            columns.append(tensor)
            continue
        for k in range(width):
            column = graph.columns(tensor, k, k + 1)
            column.width = 1
            columns.append(column)
    return columns


def add_encoder(
    graph: Graph,
    encoder: TableEncoder,
    columns: Sequence[Tensor],
    dtypes: Sequence[np.dtype],
    missing_text: str,
) -> Tensor:
    """Add what an encoder does; return its output, in its dtype.

    Parameters
    ----------
    graph : Graph
    encoder : TableEncoder
        Fitted.
    columns : sequence of Tensor
        Of shape (n_samples, 1), in the order of the table.
    dtypes : sequence of dtype
        Theirs.
    missing_text : str
        What stands for missing text.

    Raises
    ------
    ValueError
        If a column cannot be of its dtype, or ONNX cannot encode it.
    """
    if not isinstance(missing_text, str):
        raise ValueError(f"missing_text must be a string, got {missing_text!r}.")
    g = graph.in_dtype(np.float64)
    parts = []
    for fitted, x, dtype in zip(encoder.columns_, columns, dtypes, strict=True):
        kind = fitted.onnx_kind
        checked = _checked(dtype, fitted.label, kind)
        if kind == "numbers" and checked != g.dtype:
            x = g.cast(x, g.dtype)
        parts.append(fitted.onnx(g, x, missing_text))
    codes, numbers, indicators = joined(parts)
    if encoder._numeric is not None:
        numbers = [encoder._numeric.onnx(g, g.concatenated(*numbers))]
    outputs = [*codes, *numbers, *indicators]
    if not outputs:  # constant columns only
        zeros = g.ConstantOfShape(g.Shape(columns[0]))
        outputs = [g.cast(zeros, g.dtype)]
    return g.cast(g.concatenated(*outputs), encoder.dtype)
