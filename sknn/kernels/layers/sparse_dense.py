"""The first layer on a batch in compressed sparse rows (CSR).

Its outputs are sums of rows of the weights, scattered over the memory: the rows for
later entries are prefetched while others are added. Input dropout is fused into this
layer, since it would be the only other operation that reads CSR.
"""

from sknn.jit.kernel import flat, inline_scalar, intrinsic, kernel, vector
from sknn.kernels.batch import block_offset, output_of, row_of
from sknn.kernels.gemm.microkernels import vector_bytes
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

SUMS: dict = {}  # microkernels made below: function -> number of vectors


def _sum_of_rows(n_vectors):
    """Return the microkernel that adds weighted rows of w, for n_vectors of outputs.

    It computes ``c = bias + sum(x[k] * w[indices[k], :])`` over entries k.
    """

    @intrinsic("sknn.kernels.layers.sparse_intrinsics")
    def sum_of_rows(
        x, indices, k, n_entries, next_entry, w, w0, w_row, bias, bias0, c, c0, width
    ):
        """Set c to bias plus the sum of x[k] * w[indices[k]] over n_entries from k on.

        Parameters
        ----------
        x : ndarray of shape (nnz,)
            Values of the CSR matrix.
        indices : ndarray of shape (nnz,), int32
            Their columns, which are rows of w.
        k, n_entries : int
            First entry and number of entries of the row of the matrix.
        next_entry : int
            First entry of the row to prefetch afterwards.
        w, bias, c : ndarray, 1-D
            Memory of the weights, the bias and the outputs.
        w0, bias0, c0 : int
            Offsets of their first elements.
        w_row : int
            Stride of the rows of w, in elements.
        width : int
            Number of outputs, at least one vector and at most n_vectors.
        """
        total = bias[bias0 : bias0 + width].copy()
        for entry in range(k, k + n_entries):
            start = w0 + w_row * indices[entry]
            total += x[entry] * w[start : start + width]
        c[c0 : c0 + width] = total

    SUMS[sum_of_rows] = n_vectors
    return sum_of_rows


sum_of_many, sum_of_few = _sum_of_rows(MANY), _sum_of_rows(FEW)


@inline_scalar
def _add_rows(op, batch, theta, values, i, row, next_entry):
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
    c = flat(values)
    c0 = block_offset(batch, op[OUTPUT], fan_out) + i * fan_out
    x, indices = flat(batch.data), flat(batch.indices)
    k = batch.indptr[row]
    n = batch.indptr[row + 1] - k
    if n == 0:
        for j in range(fan_out):
            c[c0 + j] = theta[op[BIAS] + j]
        return
    span = MANY * vector_bytes() // c.itemsize
    j = 0
    while j < fan_out:
        remaining = fan_out - j
        width = remaining if remaining < span else span
        # The last vectors overlap those before, so as to end with the row.
        lanes = vector_bytes() // c.itemsize
        first = j if width >= lanes else fan_out - lanes
        width = width if width >= lanes else lanes
        w0, bias0 = op[WEIGHTS] + first, op[BIAS] + first
        if width > FEW * lanes:
            sum_of_many(
                x, indices, k, n, next_entry, theta, w0, fan_out, theta, bias0,
                c, c0 + first, width,
            )  # fmt: skip
        else:
            sum_of_few(
                x, indices, k, n, next_entry, theta, w0, fan_out, theta, bias0,
                c, c0 + first, width,
            )  # fmt: skip
        j += span


@inline_scalar
def _entry(op, batch, key, k):
    """Return entry k of the CSR matrix times its dropout factor."""
    x = batch.data[k]
    if op[THRESHOLD] != 0:
        x *= batch.data.dtype.type(dropout_factor(op[THRESHOLD], key, batch.indices[k]))
    return x


@kernel(forward_signature)
def sparse_forward(op, batch, theta, values):
    """Set the outputs to f(x W + bias), with x a CSR matrix of shape (n_rows, fan_in).

    W has shape (fan_in, fan_out), and is stored transposed for fan_out < NARROW.
    Parameters are those of `forward_signature`.
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
def sparse_backward(op, batch, theta, gradient, values, deltas):
    """Set the gradient of the preactivations, delta * f'(z), shape (n_rows, fan_out).

    There is no gradient of the inputs. Parameters are those of `backward_signature`.
    """
    activation_gradient(op, batch, values, deltas)
    return 0.0


@kernel(gradient_signature)
def sparse_gradient(op, batch, gradient, values, deltas, thread, n_threads):
    """Set the gradients of W and bias to x.T delta and the column sums of delta.

    Each thread computes a range of the rows of W. Parameters are those of
    `gradient_signature`.
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
