"""Piecewise-linear embeddings: each column of numbers becomes d trained functions.

The range of a column is divided into bins by increasing edges a_0, ..., a_n. With
e_t(x) = clip((x - a_t) / (a_t+1 - a_t), 0, 1), which says how far x is through bin t,

    y(x) = b + w p(x) + sum over t of W_t e_t(x)

where b, w and the W_t are trained vectors of d numbers [1]_, and p(x) is linear between
its values at the edges, which are fixed: roughly x, scaled. Beyond the first and the
last edge y is constant, so that heavy tails do no harm.

Within a bin y is linear. So before each batch the values of y at all edges are computed
(`prepare`): then an input costs the search of its bin, and an interpolation between two
rows of d numbers. The gradient of these values is added up by bin; sums over the bins
above turn it into that of W.

Columns that are not embedded are passed on, behind all others. The integers of the
layer are, for each embedded column, its number, its number of bins, and where its edges
start; then the numbers of the columns passed on.

References
----------
.. [1] Y. Gorishniy, I. Rubachev and A. Babenko, "On Embeddings for Numerical Features
   in Tabular Deep Learning", NeurIPS 2022, https://arxiv.org/abs/2203.05556. With w,
   that is "version B" of Y. Gorishniy, A. Kotelnikov and A. Babenko, "TabM: Advancing
   Tabular Deep Learning with Parameter-Efficient Ensembling", ICLR 2025,
   https://arxiv.org/abs/2410.24210.
"""

import numpy as np

from sknn.jit.array_types import Integers, Matrix, Vector
from sknn.jit.kernel import inline_array, inline_scalar, kernel, matrix, vector
from sknn.kernels.batch import Batch, block_offset, input_delta_of, input_of, output_of
from sknn.kernels.layers.base import (
    LayerKernels,
    backward_signature,
    forward_signature,
    gradient_signature,
    prepare_signature,
    prepared_of,
    thread_range,
)
from sknn.kernels.table import (
    BIAS,
    FAN_IN,
    FAN_OUT,
    N_COLUMNS,
    NEEDS_INPUT_DELTA,
    OPTION_1,
    OPTION_2,
    OPTION_3,
    PREPARED,
    RUNNING,
    SCRATCH,
    WEIGHTS,
)

# Integers of each embedded column, and columns of values that are kept of each input:
# its bin, and how far it is through that.
N_INTEGERS, N_SCRATCH = 3, 2
N_COMPARED = 128  # bins that are searched by comparison with all edges
N_TOGETHER = 16  # edges that are compared together
# Columns of the table: where the factors w start in theta, the number of embedded
# columns, and that of all edges.
SLOPES, N_EMBEDDED, N_EDGES = OPTION_1, OPTION_2, OPTION_3


@inline_scalar
def _size(op: Integers) -> int:
    """Return d, the number of outputs of an embedded column."""
    n_passed = op[FAN_IN] - op[N_EMBEDDED]
    size: int = (op[FAN_OUT] - n_passed) // op[N_EMBEDDED]
    return size


@inline_scalar
def _column(op: Integers, k: int) -> tuple[int, int, int]:
    """Return number, bins, and start of the edges of the k-th embedded column."""
    start = N_COLUMNS + N_INTEGERS * k
    return op[start], op[start + 1], op[start + 2]


@inline_scalar
def _passed(op: Integers, k: int) -> int:
    """Return the number of the k-th of the columns that are passed on."""
    number: int = op[N_COLUMNS + N_INTEGERS * op[N_EMBEDDED] + k]
    return number


@inline_array
def _n_at_most(edges: Vector, x: float) -> int:
    """Return the number of edges, of shape (n,), with edge <= x."""
    one, zero = edges.dtype.type(1), edges.dtype.type(0)
    total = zero
    for t in range(edges.size):
        total += one if x >= edges[t] else zero
    return int(total)


@inline_scalar
def _bin_of(edges: Vector, n_bins: int, x: float) -> int:
    """Return the last bin whose lower edge is at most x, or 0 if there is none.

    There are n_bins bins, from 0 on, whose ``edges`` `_searched` returns. Halves their
    number without branches, then compares x with all edges that are left, and a few
    more, which vectorises. NaN gets any bin.
    """
    found, n = 0, n_bins
    while n > N_COMPARED:
        half = n >> 1
        found += half * (x >= edges[found + half - 1])
        n -= half
    n_compared = (n - 1 + N_TOGETHER - 1) // N_TOGETHER * N_TOGETHER
    return found + _n_at_most(vector(edges, found, n_compared), x)


@inline_scalar
def _scratch(op: Integers, batch: Batch, values: Vector) -> Matrix:
    """Return the bins and positions of a block, shape (n_rows, N_SCRATCH * fan_in).

    Forward sets these for backward and gradient. Columns N_SCRATCH * k and the next are
    those of embedded column k: the number of the bin, and where in the bin the input
    is, from 0 at its lower edge to 1 at its upper edge.
    """
    width = N_SCRATCH * op[FAN_IN]
    return matrix(values, block_offset(batch, op[SCRATCH], width), batch.n, width)


def n_prepared(n_edges: int, n_embedded: int, size: int) -> int:
    """Return the size of what `piecewise_linear_prepare` sets, for d = ``size``."""
    return n_edges * (size + 1) + n_edges + N_TOGETHER * n_embedded


@inline_scalar
def _nodes(op: Integers, values: Vector) -> tuple[Matrix, Vector]:
    """Return the outputs y at all edges, (n_edges, d), and the edges p, (n_edges,).

    `piecewise_linear_prepare` sets both before each batch. The edges of all embedded
    columns follow one another.
    """
    n, size = op[N_EDGES], _size(op)
    prepared = prepared_of(op, values, n * (size + 1))
    return matrix(prepared, 0, n, size), vector(prepared, n * size, n)


@inline_scalar
def _searched(op: Integers, values: Vector, k: int) -> Vector:
    """Return the edges between bins of the k-th embedded column, then NaN.

    Of shape (n_bins - 1 + N_TOGETHER,). `piecewise_linear_prepare` sets them.
    """
    _, n_bins, start = _column(op, k)
    behind_nodes = op[N_EDGES] * (_size(op) + 1) + start + N_TOGETHER * k
    begin = values.size - op[PREPARED] + behind_nodes
    return vector(values, begin, n_bins - 1 + N_TOGETHER)


@inline_array
def _interpolate(y: Vector, low: Vector, high: Vector, part: float) -> None:
    """Set y to low + part * (high - low), all of shape (d,)."""
    for j in range(y.size):
        y[j] = low[j] + part * (high[j] - low[j])


@inline_array
def _slope(delta: Vector, low: Vector, high: Vector) -> float:
    """Return sum(delta * (high - low)); all of shape (d,)."""
    total = delta.dtype.type(0)
    for j in range(delta.size):
        total += delta[j] * (high[j] - low[j])
    return total  # type: ignore[no-any-return]


@inline_array
def _add(total: Vector, factor: float, delta: Vector) -> None:
    """Add factor * delta to total, both of shape (d,)."""
    for j in range(total.size):
        total[j] += factor * delta[j]


@kernel(prepare_signature)
def piecewise_linear_prepare(op: Integers, theta: Vector, values: Vector) -> float:
    """Set y at the edges: y_t = b + w p_t + W_0 + ... + W_(t-1).

    y is (n_edges, d), p is (n_edges,); b, w and each W_t are (d,).
    """
    size = _size(op)
    edges = matrix(theta, op[RUNNING], 2, op[N_EDGES])
    y, p = _nodes(op, values)
    for k in range(op[N_EMBEDDED]):
        _, n_bins, start = _column(op, k)
        between = _searched(op, values, k)
        between[:] = np.nan
        for t in range(1, n_bins):
            between[t - 1] = edges[0, start + t]
        bias = vector(theta, op[BIAS] + k * size, size)
        slope = vector(theta, op[SLOPES] + k * size, size)
        weights = matrix(theta, op[WEIGHTS] + (start - k) * size, n_bins, size)
        for j in range(size):
            y[start, j] = bias[j] + slope[j] * edges[1, start]
        p[start] = edges[1, start]
        for t in range(n_bins):
            at = start + t
            p[at + 1] = edges[1, at + 1]
            step = edges[1, at + 1] - edges[1, at]
            for j in range(size):
                y[at + 1, j] = y[at, j] + (weights[t, j] + slope[j] * step)
    return 0.0


@kernel(forward_signature)
def piecewise_linear_forward(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set the outputs in values to y(x) of each embedded column, then those passed on.

    y(x) = y_t + e (y_(t+1) - y_t), where x is in bin t, at the fraction e of its width.
    The inputs are (n_rows, fan_in), the outputs (n_rows, n_embedded * d + n_passed).
    Keeps t and e of each input.
    """
    size, n_embedded, dtype = _size(op), op[N_EMBEDDED], theta.dtype.type
    x, outputs = input_of(op, batch, values), output_of(op, batch, values)
    kept = _scratch(op, batch, values)
    nodes, _ = _nodes(op, values)
    zero, one = dtype(0), dtype(1)
    for k in range(n_embedded):
        number, n_bins, start = _column(op, k)
        edges = vector(theta, op[RUNNING] + start, n_bins + 1)
        between = _searched(op, values, k)
        for i in range(batch.n):
            value = x[i, number]
            t = _bin_of(between, n_bins, value)
            part = (value - edges[t]) / (edges[t + 1] - edges[t])
            part = zero if part < zero else part  # which keeps NaN
            part = one if part > one else part
            kept[i, N_SCRATCH * k], kept[i, N_SCRATCH * k + 1] = dtype(t), part
            y = vector(outputs[i], k * size, size)
            _interpolate(y, nodes[start + t], nodes[start + t + 1], part)
    for i in range(batch.n):
        for k in range(op[FAN_IN] - n_embedded):
            outputs[i, n_embedded * size + k] = x[i, _passed(op, k)]
    return 0.0


@kernel(backward_signature)
def piecewise_linear_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Set the gradient of x in deltas, of shape (n_rows, fan_in).

    In bin t, it is sum(delta * (y_(t+1) - y_t)) / (a_(t+1) - a_t), with delta of shape
    (d,). Beyond the first and the last edge, it is 0; of columns passed on, delta.
    """
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    size, n_embedded, dtype = _size(op), op[N_EMBEDDED], theta.dtype.type
    x, x_delta = input_of(op, batch, values), input_delta_of(op, batch, deltas)
    delta, kept = output_of(op, batch, deltas), _scratch(op, batch, values)
    edges = matrix(theta, op[RUNNING], 2, op[N_EDGES])
    nodes, _ = _nodes(op, values)
    for i in range(batch.n):
        for k in range(n_embedded):
            number, n_bins, start = _column(op, k)
            at = start + int(kept[i, N_SCRATCH * k])
            value = x[i, number]
            is_within = edges[0, start] <= value <= edges[0, start + n_bins]
            slope = _slope(vector(delta[i], k * size, size), nodes[at], nodes[at + 1])
            slope /= edges[0, at + 1] - edges[0, at]
            x_delta[i, number] = slope if is_within else dtype(0)
        for k in range(op[FAN_IN] - n_embedded):
            x_delta[i, _passed(op, k)] = delta[i, n_embedded * size + k]
    return 0.0


@kernel(gradient_signature)
def piecewise_linear_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradients of b, w and all W_t, each of shape (d,).

    With g_t the gradient of y at edge t, the sum over the rows of delta times the share
    of edge t in y(x)::

        b:    sum of all g_t
        w:    sum of all p_t g_t
        W_t:  g_(t+1) + g_(t+2) + ...

    Each of n_threads threads sets those of its range of columns.
    """
    size = _size(op)
    first, last = thread_range(thread, n_threads, op[N_EMBEDDED])
    delta, kept = output_of(op, batch, deltas), _scratch(op, batch, values)
    _, p = _nodes(op, values)
    one = gradient.dtype.type(1)
    # The g_t of a column lie where the gradients of its b and its W_t will be.
    for k in range(first, last):
        _, n_bins, start = _column(op, k)
        vector(gradient, op[BIAS] + k * size, size)[:] = 0
        vector(gradient, op[SLOPES] + k * size, size)[:] = 0
        vector(gradient, op[WEIGHTS] + (start - k) * size, n_bins * size)[:] = 0
    for k in range(first, last):
        _, _, start = _column(op, k)
        for i in range(batch.n):
            t, part = int(kept[i, N_SCRATCH * k]), kept[i, N_SCRATCH * k + 1]
            of_column = vector(delta[i], k * size, size)
            high = op[WEIGHTS] + (start - k + t) * size
            low = high - size if t > 0 else op[BIAS] + k * size
            _add(vector(gradient, low, size), one - part, of_column)
            _add(vector(gradient, high, size), part, of_column)
    for k in range(first, last):
        _, n_bins, start = _column(op, k)
        bias = vector(gradient, op[BIAS] + k * size, size)
        slope = vector(gradient, op[SLOPES] + k * size, size)
        weights = matrix(gradient, op[WEIGHTS] + (start - k) * size, n_bins, size)
        _add(slope, p[start], bias)
        for t in range(n_bins - 1, -1, -1):
            _add(slope, p[start + t + 1], weights[t])
            if t < n_bins - 1:
                _add(weights[t], one, weights[t + 1])
        _add(bias, one, weights[0])
    return 0.0


PIECEWISE_LINEAR = LayerKernels(
    piecewise_linear_forward,
    piecewise_linear_backward,
    piecewise_linear_gradient,
    piecewise_linear_prepare,
)
