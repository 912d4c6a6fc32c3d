"""The layers that embed the columns of X, as parameters and training data ask."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from sknn.estimators.parameters import NetworkOptions
from sknn.estimators.suggestions import did_you_mean
from sknn.kernels.layers.periodic import N_FREQUENCIES
from sknn.network.data import TrainingData
from sknn.network.layers.base import Layer
from sknn.network.layers.categorical import (
    CodedColumn,
    categorical_layer,
    coded_columns,
)
from sknn.network.layers.piecewise_linear import (
    FEWEST_VALUES,
    n_bins_of,
)
from sknn.network.layers.table import LAYERS
from sknn.training.user_warnings import warn_user

_SHOWN = 3  # wrong values in a message
# Beyond this number float32 does not hold all integers.
_MOST_CODES = 2**24


def embedding_layers(
    options: NetworkOptions,
    data: TrainingData,
    names: np.ndarray | None,
    fitted: Sequence[Layer],
) -> tuple[Layer, ...]:
    """Return the layers before the first dense one that embed columns.

    Parameters
    ----------
    options : NetworkOptions
    data : TrainingData
        What decides, in a first call, which columns are embedded and how.
    names : ndarray of shape (n_features,) or None
        Names of the columns.
    fitted : sequence of Layer
        Of the network that training goes on with, whose columns stay; else empty.

    Raises
    ------
    ValueError
        If the columns of X, or of the fitted network, do not fit the parameters.
    """
    inputs = data.inputs
    numbers = numbers_of_columns(options.categorical_features, inputs.n_features, names)
    kind = options.numeric_embedding
    for name, is_asked in (
        ("categorical_features", numbers),
        ("numeric_embedding", kind),
    ):
        if inputs.is_sparse and is_asked:
            raise ValueError(
                f"{name}={getattr(options, name)!r} takes dense inputs only, but X is "
                f"sparse. Pass X.toarray(), or leave {name} at None."
            )
    columns = _columns(options, numbers, data, fitted)
    layers = (categorical_layer(columns),) if columns else ()
    if kind is None:
        return layers
    size = _size_of(options)
    known = [layer for layer in fitted if layer.kind == kind]
    if known:
        return (*layers, known[0]._replace(options=(size, *known[0].options[1:])))
    rows, sample_weight = _columns_of_numbers(data, numbers)
    of_all, of_columns = _NUMERIC[kind].describe(options, rows, sample_weight)
    if not any(of_columns):
        warn_user(
            f"numeric_embedding={kind!r} has no effect: no column of numbers in X has "
            f"{FEWEST_VALUES} distinct values or more. Leave it at its default, None."
        )
        return layers
    passed = (0,) * sum(column.width for column in columns)
    common = size, of_all, int(options.parametrization == "ntk")
    return (*layers, Layer(kind, (*common, *of_columns, *passed)))


# Columns of numbers ---------------------------------------------------------------


class _NumericEmbedding(NamedTuple):
    """A kind of layer that embeds columns of numbers.

    Attributes
    ----------
    describe : callable
        Takes the options of the network, rows and sample weights; returns the second
        option of the layer, and one for each column: 0 where it is passed on.
    size : int
        Number of outputs of a column where ``numeric_embedding_size`` is 'auto'.
    least : int
        The fewest outputs of a column.
    """

    describe: Callable[
        [NetworkOptions, np.ndarray, np.ndarray], tuple[int, Sequence[int]]
    ]
    size: int
    least: int = 1


def _piecewise_linear(
    options: NetworkOptions, rows: np.ndarray, sample_weight: np.ndarray
) -> tuple[int, Sequence[int]]:
    n_bins = int(options.n_bins)
    return n_bins, n_bins_of(rows, sample_weight, n_bins)


def _periodic(
    options: NetworkOptions, rows: np.ndarray, sample_weight: np.ndarray
) -> tuple[int, Sequence[int]]:
    return N_FREQUENCIES, [int(len(np.unique(x)) >= FEWEST_VALUES) for x in rows.T]


# By the value of ``numeric_embedding``.
_NUMERIC = {
    "periodic": _NumericEmbedding(_periodic, size=4, least=2),
    "piecewise_linear": _NumericEmbedding(_piecewise_linear, size=16),
}


def _size_of(options: NetworkOptions) -> int:
    """Return the number of outputs of each embedded column."""
    kind, size = str(options.numeric_embedding), options.numeric_embedding_size
    if size == "auto":
        return _NUMERIC[kind].size
    if size < _NUMERIC[kind].least:
        raise ValueError(
            f"numeric_embedding_size must be at least {_NUMERIC[kind].least} with "
            f"numeric_embedding={kind!r}, or 'auto', got {size}."
        )
    return int(size)


def _columns_of_numbers(
    data: TrainingData, coded: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a sample of the columns that hold no codes, and sample weights."""
    inputs, sample_weight = data.sample(as_dense=True)
    rows = inputs.toarray()
    with np.errstate(over="ignore"):
        spans = rows.max(axis=0) - rows.min(axis=0)
    if not np.isfinite(spans).all():
        column = int(np.argmin(np.isfinite(spans)))
        raise ValueError(
            f"Column {column} of X is too wide for numeric_embedding: its largest "
            f"number less its smallest is beyond the range of {rows.dtype}. Scale X."
        )
    return np.delete(rows, list(coded), axis=1), sample_weight


# Columns of codes -----------------------------------------------------------------


def numbers_of_columns(
    value: Any, n_features: int, names: np.ndarray | None
) -> list[int]:
    """Return the numbers of the columns that ``categorical_features`` names."""
    if value is None:
        return []
    expected = (
        "categorical_features must be a mask of booleans, the numbers of columns, or "
        "their names"
    )
    try:
        given = np.asarray(value)
    except ValueError as error:  # of lists of several lengths
        raise ValueError(f"{expected}, got {value!r}.") from error
    if given.size == 0 and given.ndim == 1:
        return []
    if given.ndim != 1 or given.dtype.kind not in "biuUO":
        raise ValueError(f"{expected}, got {value!r}.")
    if given.dtype.kind == "b":
        if len(given) != n_features:
            raise ValueError(
                f"{expected}: this mask has {len(given)} entries for {n_features} "
                "columns of X."
            )
        return [int(k) for k in np.flatnonzero(given)]
    if given.dtype.kind in "UO":
        return _numbers_of_names(given.tolist(), expected, names)
    if given.min() < 0 or given.max() >= n_features:
        raise ValueError(
            f"{expected}: X has the columns 0 to {n_features - 1}, got {value!r}."
        )
    return sorted({int(k) for k in given})


def _numbers_of_names(
    given: list[Any], expected: str, names: np.ndarray | None
) -> list[int]:
    if names is None:
        raise ValueError(
            f"{expected}, got {given!r}, but X has no names of columns. Pass a "
            "DataFrame whose columns all have strings as names."
        )
    known = [str(name) for name in names]
    for name in given:
        if name not in known:
            suggestion = did_you_mean("categorical_features", name, known)
            raise ValueError(f"{expected}: X has no column {name!r}.{suggestion}")
    return sorted({known.index(name) for name in given})


def _columns(
    options: NetworkOptions,
    numbers: list[int],
    data: TrainingData,
    fitted: Sequence[Layer],
) -> list[CodedColumn]:
    """Return the columns of codes, those of the fitted network if there is one."""
    most = int(options.categorical_embedding_size)
    known = [
        column
        for layer in fitted
        if LAYERS[layer.kind].parameter == "categorical_features"
        for column in coded_columns(layer.options)
    ]
    if fitted:
        before = [column.number for column in known]
        if before != numbers:
            raise ValueError(
                "Training can only go on with the categorical_features it began with: "
                f"the columns {before}, but categorical_features="
                f"{options.categorical_features!r} names {numbers}. Set it back, or "
                "call fit with warm_start=False to start anew."
            )
        counts = [column.n_codes for column in known]
    else:
        largest = {}
        if data.summary is not None:
            largest = data.summary.codes
        elif numbers:  # else X may be sparse, and too wide for a dense array
            columns_of = data.inputs.toarray().T
            largest = {k: largest_code(columns_of[k], k) for k in numbers}
        counts = [_n_codes(largest[number], number) for number in numbers]
    columns = [
        CodedColumn(number, n_codes, most if n_codes > most else 0)
        for number, n_codes in zip(numbers, counts, strict=True)
    ]
    if fitted and columns != known:
        raise ValueError(
            "Training can only go on with the categorical_embedding_size it began with,"
            f" but it is now {most}. Set it back, or call fit with warm_start=False to "
            "start anew."
        )
    return columns


def largest_code(column: np.ndarray, number: int) -> int:
    """Return the largest code in a column, which is -1 where all are unknown.

    Raises
    ------
    ValueError
        If the column, which has this number, holds something else.
    """
    is_wrong = (column != np.floor(column)) | (column < -1)
    if is_wrong.any():
        wrong = [float(value) for value in np.unique(column[is_wrong])[:_SHOWN]]
        raise ValueError(
            "The columns in categorical_features must hold codes: 0, 1, 2 and so on, "
            f"or -1 for unknown. Column {number} of X holds {wrong}. Encode it by "
            "sklearn.preprocessing.OrdinalEncoder(handle_unknown='use_encoded_value', "
            "unknown_value=-1, encoded_missing_value=-1)."
        )
    if column.max() >= _MOST_CODES:
        raise ValueError(
            f"Column {number} of X, which is in categorical_features, holds the code "
            f"{float(column.max()):.0f}: there may be {_MOST_CODES} codes at most. "
            "Number the categories that there are, from 0 on, by "
            "sklearn.preprocessing.OrdinalEncoder."
        )
    return int(column.max())


def _n_codes(largest: int, number: int) -> int:
    """Return the number of codes of a column; unknown ones, which are -1, aside."""
    if largest < 0:
        raise ValueError(
            f"Column {number} of X, which is in categorical_features, holds no code "
            "but -1, which stands for unknown ones. Leave the column out."
        )
    return largest + 1
