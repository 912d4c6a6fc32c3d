"""Piecewise-linear embeddings of columns of numbers."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np

from sknn.kernels import table
from sknn.kernels.layers.piecewise_linear import (
    N_EDGES,
    N_EMBEDDED,
    N_SCRATCH,
    PIECEWISE_LINEAR,
    SLOPES,
    n_prepared,
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
from sknn.network.quantiles import Distribution

# Columns with fewer distinct values are passed on: a factor does all there is to do.
FEWEST_VALUES = 3
# Options that are for all columns: they come before the numbers of bins.
N_COMMON = 3
NTK_RATE = 0.1  # of all arrays beside the NTK parametrization, as in RealMLP


def n_bins_of(rows: np.ndarray, sample_weight: np.ndarray, n_bins: int) -> list[int]:
    """Return the number of bins of each column; 0 for those to pass on.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_columns)
    sample_weight : ndarray of shape (n_rows,)
    n_bins : int
        The most bins of a column.
    """
    columns = [Distribution.of(column, sample_weight) for column in rows.T]
    return [
        len(column.bin_edges(n_bins)) - 1 if len(column.values) >= FEWEST_VALUES else 0
        for column in columns
    ]


def _counts(options: Options) -> Options:
    """Return the number of bins of each column."""
    return options[N_COMMON:]


def _n_embedded(options: Options) -> int:
    return sum(n > 0 for n in _counts(options))


def _rate(fan_in: int, fan_out: int, options: Options) -> float:
    return NTK_RATE if options[2] else 1.0


def _n_bins(options: Options) -> int:
    return int(sum(_counts(options)))


def _of_columns(attribute: str, column: int, is_penalized: bool) -> LayerParameter:
    """Return an array with a vector for each embedded column."""
    return LayerParameter(
        attribute,
        lambda fan_in, fan_out, options: (_n_embedded(options), int(options[0])),
        column=column,
        is_penalized=is_penalized,
        learning_rate_factor=_rate,
    )


class PiecewiseLinear(LayerSpec):
    """Trained piecewise-linear functions of each column of numbers.

    Its options are the number of functions of a column, the most bins that a column may
    have, 1 beside the NTK parametrization and 0 elsewhere, and then, for each column,
    how many bins it has; 0 where it is passed on. The edges of the bins are quantiles
    of the training rows, and are not trained.
    """

    name = "piecewise linear"
    description = "piecewise-linear functions, constant beyond the training data"
    reference = (
        'Y. Gorishniy, I. Rubachev and A. Babenko, "On Embeddings for Numerical '
        'Features in Tabular Deep Learning", NeurIPS 2022, '
        "https://arxiv.org/abs/2203.05556"
    )
    parameter = "numeric_embedding"
    arrays = (
        LayerParameter(
            "bin_weights_",
            lambda fan_in, fan_out, options: (_n_bins(options), int(options[0])),
            is_penalized=True,
            learning_rate_factor=_rate,
        ),
        _of_columns("embedding_weights_", SLOPES, is_penalized=True),
        _of_columns("embedding_biases_", table.BIAS, is_penalized=False),
        LayerParameter(
            "bin_edges_",
            lambda fan_in, fan_out, options: (
                2,
                _n_bins(options) + _n_embedded(options),
            ),
            column=table.RUNNING,
            is_trained=False,
        ),
    )
    kernels = PIECEWISE_LINEAR
    skips_input_delta = True

    def check(self, fan_in: int, options: Options) -> None:
        """Raise a ValueError unless there is a number of bins for each column."""
        are_counts = all(type(n) is int and n >= 0 for n in options)
        if not (are_counts and len(options) == fan_in + N_COMMON and options[0] > 0):
            raise ValueError(f"{fan_in} columns cannot have the embedding {options}")
        if not 0 < max(_counts(options)) <= options[1]:
            raise ValueError(f"columns cannot have the bins {_counts(options)}")

    def output_width(self, fan_in: int, options: Options) -> int:
        """Return the number of all functions, and of the columns passed on."""
        n_embedded = _n_embedded(options)
        return int(options[0]) * n_embedded + fan_in - n_embedded

    def sources(self, fan_in: int, options: Options) -> Sequence[int]:
        """Return the embedded columns, each for all its outputs, then the others."""
        is_embedded = np.array(options[N_COMMON:]) > 0
        embedded, passed = np.flatnonzero(is_embedded), np.flatnonzero(~is_embedded)
        return [*map(int, np.repeat(embedded, int(options[0]))), *map(int, passed)]

    def n_scratch_columns(self, fan_in: int, fan_out: int) -> int:
        """Return the columns of bins, and of how far the inputs are through these."""
        return N_SCRATCH * fan_in

    def n_prepared(self, placed: PlacedLayer) -> int:
        """Return the size of the values at the edges, and of what is fixed there."""
        _, n_edges = placed.shapes["bin_edges_"]
        options = placed.layer.options
        return n_prepared(n_edges, _n_embedded(options), int(options[0]))

    def integers(self, placed: PlacedLayer) -> Sequence[int]:
        """Return number, bins and first edge of each embedded column; the others."""
        integers, passed, n_edges = [], [], 0
        for number, n_bins in enumerate(map(int, _counts(placed.layer.options))):
            if n_bins:
                integers += [number, n_bins, n_edges]
                n_edges += n_bins + 1
            else:
                passed.append(number)
        return [*integers, *passed]

    def fill_row(self, row: np.ndarray, placed: PlacedLayer, use: Use) -> None:
        """Write the numbers of embedded columns, and of edges."""
        row[N_EMBEDDED] = _n_embedded(placed.layer.options)
        row[N_EDGES] = placed.shapes["bin_edges_"][1]

    def initialize(
        self,
        arrays: Mapping[str, np.ndarray],
        random_state: np.random.RandomState,
        initialization: Initialization,
    ) -> None:
        """Set the edges; draw what is linear; begin with no bends."""
        weights, biases = arrays["embedding_weights_"], arrays["embedding_biases_"]
        bound = 1.0 / sqrt(weights.shape[1])
        for array in (weights, biases):
            array[:] = random_state.uniform(-bound, bound, array.shape)
        arrays["bin_weights_"][:] = 0
        layer, inputs = initialization.layer, initialization.inputs
        edges, first = arrays["bin_edges_"], 0
        for column, n_bins in zip(inputs.rows.T, _counts(layer.options), strict=True):
            if n_bins:
                known = Distribution.of(column, inputs.sample_weight)
                last = first + int(n_bins) + 1
                edges[:, first:last] = known.exactly(
                    last - first, int(layer.options[1])
                )
                first = last

    def check_arrays(self, arrays: Mapping[str, np.ndarray], options: Options) -> None:
        """Raise a ValueError unless the edges of each column increase."""
        edges, p_edges = arrays["bin_edges_"]
        ends = np.cumsum([int(n) + 1 for n in _counts(options) if n])[:-1]
        steps = np.delete(np.diff(edges), ends - 1)  # within the columns
        if not ((steps > 0).all() and np.isfinite([*edges, *p_edges]).all()):
            raise ValueError("bin_edges_ that do not increase, or are not finite")

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return y(x) as a sum over bins of e(x) times the rise of y in the bin.

        All columns get as many bins, some of them without a rise. Then come the columns
        that are passed on.
        """
        size, counts = int(options[0]), np.array(_counts(options), dtype=int)
        numbers, bins = np.flatnonzero(counts), counts[counts > 0]
        shape = len(bins), int(bins.max())
        starts, widths = np.zeros(shape), np.ones(shape)
        rises, first = np.zeros((*shape, size)), 0
        edges = arrays["bin_edges_"].astype(np.float64)
        slopes = arrays["embedding_weights_"].astype(np.float64)
        weights = np.split(arrays["bin_weights_"], np.cumsum(bins)[:-1])
        at_first = arrays["embedding_biases_"].astype(np.float64)
        for k, n in enumerate(bins):
            x_edges, p_edges = edges[:, first : first + n + 1]
            first += n + 1
            starts[k, :n], widths[k, :n] = x_edges[:-1], np.diff(x_edges)
            rises[k, :n] = weights[k] + np.outer(np.diff(p_edges), slopes[k])
            at_first[k] += p_edges[0] * slopes[k]
        inputs = g.reshape(g.take_columns(x, numbers), (-1, shape[0], 1))
        through = g.Max(g.Min((inputs - starts) / widths, 1.0), 0.0)
        steps = g.reshape(through, (-1, shape[0], 1, shape[1]))
        y = g.reshape(g.MatMul(steps, rises), (-1, shape[0] * size))
        y = y + at_first.reshape(-1)
        passed = np.flatnonzero(counts == 0)
        y.width = shape[0] * size
        return g.concatenated(y, g.take_columns(x, passed)) if passed.size else y

    def text(self, layer: Layer) -> str:
        """Return the name, the number of columns and of functions of each."""
        return f"{self.name} {_n_embedded(layer.options)} x {int(layer.options[0])}"


KINDS = {"piecewise_linear": PiecewiseLinear()}
