"""The first layer on a batch in compressed sparse rows (CSR).

Its outputs are sums of rows of the weights, which lie all over the memory: those of
entries to come are asked for while others are added. Dropout of the inputs is done on
the way, for it would be the only other layer to read CSR.
"""

from sknn.jit.kernel import flat, inline_scalar, instruction, kernel, vector
from sknn.kernels.batch import output_of, place, row_of
from sknn.kernels.gemm.microkernels import vector_bytes
from sknn.kernels.gemm.products import NARROW
from sknn.kernels.layers.base import (
    LayerKernels,
    activate,
    add_up_rows,
    backward_signature,
    deactivate,
    forward_signature,
    gradient_signature,
    limits_of,
)
from sknn.kernels.math.counter_rng import kept_share, row_key
from sknn.kernels.table import (
    BIAS,
    FAN_IN,
    FAN_OUT,
    LAYER_ID,
    OUTPUT,
    THRESHOLD,
    WEIGHTS,
)

# How many entries before its turn a row of the weights is asked for.
AHEAD = 12
# Vectors of sums that stay in registers.
MANY, FEW = 8, 2

SUMS: dict = {}  # the functions made below, and how many vectors each has


def _sum_of_rows(n_vectors):
    """Make the function that adds up rows of weights, for so many vectors of outputs.

    It sets c to bias + the sum of x[k] times row indices[k] of w, over so many entries
    from k on; there are ``width`` columns, at least a vector of them. After these
    entries come those from ``coming`` on.
    """

    @instruction("sknn.kernels.layers.sparse_intrinsics")
    def sum_of_rows(
        x, indices, k, n_entries, coming, w, w0, w_row, bias, bias0, c, c0, width
    ):
        total = bias[bias0 : bias0 + width].copy()
        for entry in range(k, k + n_entries):
            start = w0 + w_row * indices[entry]
            total += x[entry] * w[start : start + width]
        c[c0 : c0 + width] = total

    SUMS[sum_of_rows] = n_vectors
    return sum_of_rows


sum_of_many, sum_of_few = _sum_of_rows(MANY), _sum_of_rows(FEW)


@inline_scalar
def _add_rows(op, batch, theta, values, i, row, coming):
    """Set the outputs of the i-th row of a block; its weights are not narrow."""
    fan_out = op[FAN_OUT]
    c = flat(values)
    c0 = place(batch, op[OUTPUT], fan_out) + i * fan_out
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
        left = fan_out - j
        width = left if left < span else span
        # The last vectors end with the row.
        lanes = vector_bytes() // c.itemsize
        first = j if width >= lanes else fan_out - lanes
        width = width if width >= lanes else lanes
        w0, bias0 = op[WEIGHTS] + first, op[BIAS] + first
        if width > FEW * lanes:
            sum_of_many(
                x, indices, k, n, coming, theta, w0, fan_out, theta, bias0,
                c, c0 + first, width,
            )  # fmt: skip
        else:
            sum_of_few(
                x, indices, k, n, coming, theta, w0, fan_out, theta, bias0,
                c, c0 + first, width,
            )  # fmt: skip
        j += span


@inline_scalar
def _entry(op, batch, key, k):
    """Return the k-th entry of the matrix, after dropout."""
    x = batch.data[k]
    if op[THRESHOLD] != 0:
        x *= batch.data.dtype.type(kept_share(op[THRESHOLD], key, batch.indices[k]))
    return x


@kernel(forward_signature)
def sparse_forward(op, batch, theta, values):
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    z, bias = output_of(op, batch, values), vector(theta, op[BIAS], fan_out)
    for i in range(batch.n):
        row = row_of(batch, i)
        if fan_out >= NARROW and op[THRESHOLD] == 0:
            coming = batch.indptr[row_of(batch, i + 1 if i + 1 < batch.n else i)]
            _add_rows(op, batch, theta, values, i, row, coming)
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
    deactivate(op, batch, values, deltas)
    return 0.0


@kernel(gradient_signature)
def sparse_gradient(op, batch, gradient, values, deltas, share, n_shares):
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    first, last = limits_of(share, n_shares, fan_in)  # its features
    if fan_out < NARROW:
        first, last = (0, fan_in) if share == 0 else (0, 0)
    delta = output_of(op, batch, deltas)
    add_up_rows(op, batch, gradient, deltas, share, n_shares)
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
