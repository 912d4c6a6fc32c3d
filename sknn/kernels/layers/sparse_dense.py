"""The first layer on a batch in compressed sparse rows (CSR).

Its outputs are sums of rows of the weights, scattered over the memory: the rows for
later entries are prefetched while others are added. Input dropout is fused into this
layer, since it would be the only other operation that reads CSR.
"""

from collections.abc import Callable
from typing import NamedTuple

from sknn.jit.array_types import Int32s, Integers, Vector
from sknn.jit.kernel import flat, inline_scalar, intrinsic, kernel, vector
from sknn.kernels.batch import Batch, block_offset, output_of, row_of
from sknn.kernels.gemm.microkernels import vector_bytes
from sknn.kernels.gemm.operands import MatrixOperand, VectorOperand
from sknn.kernels.gemm.products import NARROW
from sknn.kernels.layers.base import (
    LayerKernels,
    activate,
    activation_gradient,
    backward_signature,
    bias_gradient,
    forward_signature,
    gradient_signature,
    thread_range,
)
from sknn.kernels.math.counter_rng import dropout_factor, row_key
from sknn.kernels.table import (
    BIAS,
    FAN_IN,
    FAN_OUT,
    LAYER_ID,
    OUTPUT,
    THRESHOLD,
    WEIGHTS,
)

# Prefetch distance, in entries of the matrix.
AHEAD = 12
# Vectors of outputs that are accumulated in registers.
MANY, FEW = 8, 2


class SparseRow(NamedTuple):
    """A row of a CSR matrix.

    Attributes
    ----------
    data : ndarray of shape (nnz,)
        Values of the matrix.
    indices : ndarray of shape (nnz,), int32
        Their columns.
    first, n_entries : int
        First entry and number of entries of the row.
    next_entry : int
        First entry of the row to prefetch afterwards.
    """

    data: Vector
    indices: Int32s
    first: int
    n_entries: int
    next_entry: int


# Microkernels made below: function -> number of vectors.
SumOfRows = Callable[
    [SparseRow, MatrixOperand, VectorOperand, VectorOperand, int, int], None
]
SUMS: dict[SumOfRows, int] = {}


def _sum_of_rows(n_vectors: int) -> SumOfRows:
    """Return the microkernel of row W + bias, for n_vectors of outputs."""

    @intrinsic("sknn.kernels.layers.sparse_intrinsics")
    def sum_of_rows(
        row: SparseRow,
        w: MatrixOperand,
        bias: VectorOperand,
        c: VectorOperand,
        j: int,
        width: int,
    ) -> None:
        """Set c[j : j + width] to bias plus the sum of data[k] * w[indices[k]].

        The sum is over the entries k of the row.

        Parameters
        ----------
        row : SparseRow
        w : MatrixOperand
            Shape (n_features, n_outputs), with contiguous columns.
        bias, c : VectorOperand
            Shape (n_outputs,); c is the output.
        j : int
            First output.
        width : int
            Number of outputs, at least one vector and at most n_vectors.
        """
        total = bias.array[bias.offset + j :][:width].copy()
        for k in range(row.first, row.first + row.n_entries):
            start = w.offset + w.row_stride * row.indices[k] + j
            total += row.data[k] * w.array[start : start + width]
        c.array[c.offset + j :][:width] = total

    SUMS[sum_of_rows] = n_vectors
    return sum_of_rows


sum_of_many, sum_of_few = _sum_of_rows(MANY), _sum_of_rows(FEW)


@inline_scalar
def _add_rows(
    op: Integers,
    batch: Batch,
    theta: Vector,
    values: Vector,
    i: int,
    row: int,
    next_entry: int,
) -> None:
    """Set z[i] to bias + x[row] W, where W has NARROW columns or more.

    Parameters
    ----------
    op : ndarray of shape (N_COLUMNS,), int64
        Row of the table of operations.
    batch : Batch
        Block of rows; its data are the CSR matrix x.
    theta, values : ndarray, 1-D
        Parameters, and the outputs of all operations.
    i, row : int
        Row in the block, and in the matrix.
    next_entry : int
        First entry of the row to prefetch afterwards.
    """
    fan_out = op[FAN_OUT]
    outputs = flat(values)
    start = block_offset(batch, op[OUTPUT], fan_out) + i * fan_out
    k = batch.indptr[row]
    n = batch.indptr[row + 1] - k
    if n == 0:
        for j in range(fan_out):
            outputs[start + j] = theta[op[BIAS] + j]
        return
    entries = SparseRow(flat(batch.data), flat(batch.indices), k, n, next_entry)
    w = MatrixOperand(theta, op[WEIGHTS], fan_out, 1)
    bias, c = VectorOperand(theta, op[BIAS]), VectorOperand(outputs, start)
    lanes = vector_bytes() // outputs.itemsize
    span = MANY * lanes
    j = 0
    while j < fan_out:
        width = fan_out - j if fan_out - j < span else span
        # The last vectors overlap those before, so as to end with the row.
        first = j if width >= lanes else fan_out - lanes
        width = width if width >= lanes else lanes
        if width > FEW * lanes:
            sum_of_many(entries, w, bias, c, first, width)
        else:
            sum_of_few(entries, w, bias, c, first, width)
        j += span


@inline_scalar
def _entry(op: Integers, batch: Batch, key: int, k: int) -> float:
    """Return entry k of the CSR matrix times its dropout factor."""
    x: float = batch.data[k]
    if op[THRESHOLD] != 0:
        x *= batch.data.dtype.type(dropout_factor(op[THRESHOLD], key, batch.indices[k]))
    return x


@kernel(forward_signature)
def sparse_forward(op: Integers, batch: Batch, theta: Vector, values: Vector) -> float:
    """Set y = f(x W + b) in values, with x a CSR matrix of shape (n_rows, fan_in).

    W is (fan_in, fan_out), stored transposed for fan_out < NARROW; b is (fan_out,), y
    is (n_rows, fan_out).
    """
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    z, bias = output_of(op, batch, values), vector(theta, op[BIAS], fan_out)
    for i in range(batch.n):
        row = row_of(batch, i)
        if fan_out >= NARROW and op[THRESHOLD] == 0:
            next_entry = batch.indptr[row_of(batch, i + 1 if i + 1 < batch.n else i)]
            _add_rows(op, batch, theta, values, i, row, next_entry)
            continue
        key = row_key(batch.key, op[LAYER_ID], batch.begin + i)
        for j in range(fan_out):
            z[i, j] = bias[j]
        for k in range(batch.indptr[row], batch.indptr[row + 1]):
            column, x = batch.indices[k], _entry(op, batch, key, k)
            if fan_out < NARROW:
                for j in range(fan_out):
                    z[i, j] += x * theta[op[WEIGHTS] + j * fan_in + column]
            else:
                weights = vector(theta, op[WEIGHTS] + column * fan_out, fan_out)
                for j in range(fan_out):
                    z[i, j] += x * weights[j]
    activate(op, batch, values)
    return 0.0


@kernel(backward_signature)
def sparse_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Multiply delta in deltas, of shape (n_rows, fan_out), by f'(z).

    There is no gradient of the inputs.
    """
    activation_gradient(op, batch, values, deltas)
    return 0.0


@kernel(gradient_signature)
def sparse_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradients of W to x^T delta and of b to the column sums of delta.

    x is a CSR matrix of shape (n_rows, fan_in), delta is (n_rows, fan_out); the
    gradients are (fan_in, fan_out) and (fan_out,). Each of n_threads threads sets its
    range of rows of W.
    """
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    first, last = thread_range(thread, n_threads, fan_in)  # rows of W
    if fan_out < NARROW:
        first, last = (0, fan_in) if thread == 0 else (0, 0)
    delta = output_of(op, batch, deltas)
    bias_gradient(op, batch, gradient, deltas, thread, n_threads)
    vector(gradient, op[WEIGHTS] + first * fan_out, (last - first) * fan_out)[:] = 0
    for i in range(batch.n):
        row, key = row_of(batch, i), row_key(batch.key, op[LAYER_ID], batch.begin + i)
        for k in range(batch.indptr[row], batch.indptr[row + 1]):
            column = batch.indices[k]
            if column < first or column >= last:
                continue
            x = _entry(op, batch, key, k)
            if fan_out < NARROW:
                for j in range(fan_out):
                    gradient[op[WEIGHTS] + j * fan_in + column] += x * delta[i, j]
            else:
                weights = vector(gradient, op[WEIGHTS] + column * fan_out, fan_out)
                for j in range(fan_out):
                    weights[j] += x * delta[i, j]
    return 0.0


SPARSE = LayerKernels(sparse_forward, sparse_backward, sparse_gradient)
