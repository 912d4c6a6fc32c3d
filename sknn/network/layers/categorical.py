"""Columns of codes: rows of trained tables, or indicators."""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from sknn.kernels.layers.categorical import (
    CATEGORICAL,
    N_CODED,
    ONE_HOT,
)
from sknn.network.layers.base import (
    Initialization,
    Layer,
    LayerParameter,
    LayerSpec,
    Options,
    PlacedLayer,
    Use,
)

_N_OPTIONS = 3  # of each column
_MOST_CODES = 2**31


class CodedColumn(NamedTuple):
    """A column of codes.

    Attributes
    ----------
    number : int
        Its number among the inputs.
    n_codes : int
        The codes are 0, ..., n_codes - 1.
    size : int
        Number of its outputs that are trained; 0 for indicators.
    """

    number: int
    n_codes: int
    size: int

    @property
    def width(self) -> int:
        """Number of its outputs."""
        return self.size or (1 if self.n_codes <= 2 else self.n_codes)

    @property
    def n_weights(self) -> int:
        """Size of its table, which has a row for unknown codes too."""
        return (self.n_codes + 1) * self.size


def coded_columns(options: Options) -> list[CodedColumn]:
    """Return the columns that the options of a layer describe."""
    numbers = map(int, options)
    return [
        CodedColumn(*column) for column in zip(*[numbers] * _N_OPTIONS, strict=True)
    ]


def categorical_layer(columns: Sequence[CodedColumn]) -> Layer:
    """Return the layer for these columns."""
    has_tables = any(column.size for column in columns)
    kind = "categorical_embedding" if has_tables else "one_hot"
    return Layer(kind, tuple(number for column in columns for number in column))


class Categorical(LayerSpec):
    """Rows of tables, or indicators, in place of codes; then what is passed on.

    The options are, for each column of codes, its number, the number of codes, and the
    number of outputs in its table, or 0 for indicators.
    """

    parameter = "categorical_features"
    skips_input_delta = True
    has_input_gradient = False

    def __init__(self, name: str, description: str, has_tables: bool):
        self.name, self.description = name, description
        self.kernels = CATEGORICAL if has_tables else ONE_HOT
        tables = LayerParameter(
            "category_vectors_",
            lambda fan_in, fan_out, options: (
                sum(column.n_weights for column in coded_columns(options)),
            ),
            is_penalized=True,
        )
        self.arrays = (tables,) if has_tables else ()

    def check(self, fan_in: int, options: Options) -> None:
        """Raise a ValueError unless each three options describe a column of codes."""
        are_counts = all(type(n) is int and 0 <= n < _MOST_CODES for n in options)
        if not (are_counts and options and len(options) % _N_OPTIONS == 0):
            raise ValueError(f"codes cannot be described by {options}")
        columns = coded_columns(options)
        numbers = [column.number for column in columns]
        if sorted({*numbers}) != numbers or numbers[-1] >= fan_in:
            raise ValueError(f"{fan_in} columns cannot have codes in {numbers}")
        if not all(column.n_codes for column in columns):
            raise ValueError(f"a column has no codes: {options}")
        if any(column.size for column in columns) != bool(self.arrays):
            raise ValueError(f"a layer {self.name!r} cannot be {options}")

    def output_width(self, fan_in: int, options: Options) -> int:
        """Return the number of columns passed on, and of all outputs for codes."""
        columns = coded_columns(options)
        return fan_in - len(columns) + sum(column.width for column in columns)

    def sources(self, fan_in: int, options: Options) -> Sequence[int]:
        """Return the columns passed on, then each of codes for all its outputs."""
        columns = coded_columns(options)
        coded = {column.number for column in columns}
        sources = [k for k in range(fan_in) if k not in coded]
        for column in columns:
            sources += [column.number] * column.width
        return sources

    def integers(self, placed: PlacedLayer) -> Sequence[int]:
        """Return numbers and places of the columns of codes; the others."""
        columns = coded_columns(placed.layer.options)
        integers, start, first = [], 0, placed.fan_in - len(columns)
        for column in columns:
            integers += [*column, start, first]
            start += column.n_weights
            first += column.width
        n_passed = placed.fan_in - len(columns)
        sources = self.sources(placed.fan_in, placed.layer.options)
        return [*integers, *sources[:n_passed]]

    def fill_row(self, row: np.ndarray, placed: PlacedLayer, use: Use) -> None:
        """Write the number of columns of codes."""
        row[N_CODED] = len(coded_columns(placed.layer.options))

    def initialize(
        self,
        arrays: Mapping[str, np.ndarray],
        random_state: np.random.RandomState,
        initialization: Initialization,
    ) -> None:
        """Draw the rows of codes that there are, normally, with a norm about 1.

        Rows of unknown codes, and of others that no row has, are zeros.
        """
        if not self.arrays:
            return
        rows = initialization.inputs.rows
        columns = coded_columns(initialization.layer.options)
        for column, table in _tables(arrays["category_vectors_"], columns):
            table[:] = random_state.normal(0, 1 / sqrt(column.size), table.shape)
            found = rows[:, column.number]
            found = found[(found >= 0) & (found < column.n_codes)]
            table[~np.isin(np.arange(column.n_codes + 1), found)] = 0

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return the columns passed on, then rows of tables by the codes.

        Indicators are rows of a table, too, in which that of unknown codes is zero.
        """
        columns = coded_columns(options)
        known = {
            column.number: table
            for column, table in _tables(arrays.get("category_vectors_"), columns)
        }
        coded = [column.number for column in columns]
        passed = [number for number in range(x.width) if number not in coded]
        outputs = [g.take_columns(x, passed)] if passed else []
        for column in columns:
            table = known.get(column.number)
            table = _indicators(column.n_codes) if table is None else table
            code = g.columns(x, column.number, column.number + 1)
            # One that is no integer, or too large, becomes the code behind the last.
            rounded = g.Max(g.Min(g.Floor(code), float(column.n_codes)), -1.0)
            is_code = g.And(g.Equal(rounded, code), g.GreaterOrEqual(code, 0.0))
            index = g.cast(g.Where(is_code, rounded, float(column.n_codes)), np.int64)
            outputs.append(g.rows_of(table, g.reshape(index, (-1,))))
        return g.concatenated(*outputs)

    def text(self, layer: Layer) -> str:
        """Return the name and the number of columns."""
        return f"{self.name} of {len(coded_columns(layer.options))}"


def _tables(
    vectors: np.ndarray | None, columns: Sequence[CodedColumn]
) -> Iterator[tuple[CodedColumn, np.ndarray]]:
    """Yield the columns that have tables, and views of these."""
    start = 0
    for column in columns:
        if column.size and vectors is not None:
            table = vectors[start : start + column.n_weights]
            yield column, table.reshape(-1, column.size)
        start += column.n_weights


def _indicators(n_codes: int) -> np.ndarray:
    """Return what indicators of each code, and of unknown ones, are."""
    if n_codes <= 2:
        return np.array([*[[-1.0], [1.0]][:n_codes], [0.0]])
    return np.eye(n_codes + 1, n_codes)


KINDS = {
    "categorical_embedding": Categorical(
        "categories",
        "rows of trained tables in place of codes, indicators of few codes",
        has_tables=True,
    ),
    "one_hot": Categorical("one-hot", "indicators in place of codes", has_tables=False),
}
