"""Layers: what a row of the network's table of operations does.

A network is a table of int64 with one row for each operation. Columns hold the
addresses of the operation's leaves, its widths and where its parameters and its outputs
lie. All layers share three signatures. Forward fills the operation's outputs in
``values``, for a block of rows. Backward takes the gradient with respect to these
outputs in ``deltas``, brings it before the activation and fills that of the
operation's inputs, for a block of rows too. Gradient fills that of the operation's own
parameters, from all rows of a batch at once. Dense layers on dense rows are here; other
kinds have files of their own.
"""

from collections import namedtuple

import numpy as np

from sknn.kernels.jit import (
    INT32,
    INTEGER,
    Array,
    Record,
    call,
    flat,
    leaf,
    matrix,
    scalar,
    vector,
)
from sknn.kernels.products import (
    NARROW,
    column_sums,
    first_rows_and_sums,
    outer_product,
)
from sknn.kernels.tiles import AS_IT_IS, rows_beside_sums

# Columns of the table.
FORWARD, BACKWARD, GRADIENT = 0, 1, 2  # addresses of the leaves; GRADIENT may be 0
FAN_IN, FAN_OUT = 3, 4  # widths
WEIGHTS, BIAS = 5, 6  # where the parameters start in theta
INPUT, OUTPUT = 7, 8  # columns of values and deltas that lie before the matrices
NEEDS_INPUT_DELTA = 9  # whether an operation before this one learns
ACTIVATE, SLOPE = 10, 11  # addresses of the leaves of the activation; 0: identity
KEPT = 12  # columns of values before what the slope is found from
SCRATCH = 13  # columns of values before what a normalisation keeps
RUNNING = 14  # where the running mean and variance start in theta
THRESHOLD, SALT = 15, 16  # of dropout: see `chance.py`
IS_DENSE = 17  # whether this is the dense part of a layer
ROWS_PRODUCT, DOTS_PRODUCT = 18, 19  # addresses of the leaves of `products.py`
TRANSPOSE = 20  # that of its transposition, if backward needs it; else 0
FINISH = 21  # what the product does to outputs: see `tiles.py`
INPUT_FINISH = 22  # what it does to the gradients of inputs, given the inputs
SLOPE_P, SLOPE_Q = 23, 24  # what a slope among these is made of
N_COLUMNS = 25

FROM_BATCH = -1  # in column INPUT: the operation reads the batch itself

# The rows that are worked on now: n rows of a batch of so many (`size`), `begin` rows
# after its first one. `data` is flat: the dense matrix in C order from element `offset`
# on, or the values of a CSR matrix with `indices` and `indptr`. `row_of` says which row
# of the targets, the weights and the CSR matrix is meant. `key` seeds what is drawn.
Batch = namedtuple(
    "Batch", "data offset indices indptr weights rows first n begin size key"
)


@scalar
def rows_as_they_are(data, indices, indptr, weights, n_features, first, n):
    """Return a batch, and its only block, of n rows from one on, in their order."""
    return Batch(
        data, first * n_features, indices, indptr, weights, indptr[:0], first, n,
        0, n, 0,
    )  # fmt: skip


@scalar
def block_of(batch, n_features, begin, block):
    """Return the rows of a whole batch from one on: a block, or what is left."""
    n = block if begin + block < batch.size else batch.size - begin
    return Batch(
        batch.data, batch.offset + begin * n_features, batch.indices, batch.indptr,
        batch.weights, batch.rows, batch.first + begin, n, begin, batch.size, batch.key,
    )  # fmt: skip


@scalar
def row_of(batch, i):
    """Return which row of the data the i-th row of a block is."""
    # Of unsigned numbers it is known that they do not count from the end.
    row = batch.first + i
    return batch.rows[np.uintp(row)] if batch.rows.size else row


@scalar
def numbers_of(batch, n_features):
    """Return the numbers of the block's rows of the data, flat."""
    start, size = batch.offset, batch.n * n_features
    if batch.indptr.size:  # and the rows are in order
        start = batch.indptr[batch.first]
        size = batch.indptr[batch.first + batch.n] - start
    return vector(flat(batch.data), start, size)


@scalar
def place(batch, column, width):
    """Return where the block's rows of a matrix start in values or deltas.

    ``column`` is the number of columns that lie before the matrix.
    """
    return column * batch.size + batch.begin * width


@scalar
def part_of(op, batch, column, buffer):
    """Return the block's rows of a matrix as wide as the outputs, flat."""
    start = place(batch, op[column], op[FAN_OUT])
    return vector(buffer, start, batch.n * op[FAN_OUT])


@scalar
def source_of(op, batch, values):
    """Return where an operation reads: memory, and the place of the block's rows."""
    if op[INPUT] == FROM_BATCH:
        return flat(batch.data), batch.offset
    return flat(values), place(batch, op[INPUT], op[FAN_IN])


@scalar
def input_of(op, batch, values):
    """Return the matrix that an operation reads, shape (n_rows, fan_in)."""
    memory, start = source_of(op, batch, values)
    return matrix(memory, start, batch.n, op[FAN_IN])


@scalar
def output_of(op, batch, values):
    """Return the matrix that an operation fills, or its gradient in deltas."""
    start = place(batch, op[OUTPUT], op[FAN_OUT])
    return matrix(values, start, batch.n, op[FAN_OUT])


@scalar
def input_delta_of(op, batch, deltas):
    """Return the gradient of the inputs, which an operation fills in deltas."""
    start = place(batch, op[INPUT], op[FAN_IN])
    return matrix(deltas, start, batch.n, op[FAN_IN])


@scalar
def run_forward(ops, batch, theta, values):
    """Run all operations on a block of rows."""
    for k in range(ops.shape[0]):
        call(ops[k, FORWARD], (ops[k], batch, theta, values))


@scalar
def raw_of(ops, batch, values):
    """Return the raw outputs of a block, shape (n_rows, n_outputs)."""
    last = ops[ops.shape[0] - 1]
    start = place(batch, last[OUTPUT], last[FAN_OUT])
    return matrix(values, start, batch.n, last[FAN_OUT])


@scalar
def activate(op, batch, values):
    """Apply the activation to the outputs, in place."""
    if op[ACTIVATE]:
        outputs = part_of(op, batch, OUTPUT, values)
        call(op[ACTIVATE], (outputs, part_of(op, batch, KEPT, values)))


@scalar
def deactivate(op, batch, values, deltas):
    """Multiply the gradient of the outputs by the slope, in place."""
    if op[SLOPE]:
        delta = part_of(op, batch, OUTPUT, deltas)
        call(op[SLOPE], (part_of(op, batch, KEPT, values), delta))


@scalar
def add_up_rows(op, batch, gradient, deltas, share, n_shares):
    """Set the gradient of the bias: the sums of the columns of the gradient."""
    start, fan_out = place(batch, op[OUTPUT], op[FAN_OUT]), op[FAN_OUT]
    first, last = columns_of(share, n_shares, fan_out)
    column_sums(
        deltas, start + first, fan_out, gradient, op[BIAS] + first, last - first,
        batch.n,
    )  # fmt: skip


# The types of a batch; user data are read-only.
BATCH = Record(
    Batch,
    (
        Array(is_read_only=True),
        INTEGER,
        Array(INT32, is_read_only=True),
        Array(INTEGER, is_read_only=True),
        Array(is_read_only=True),
        Array(INTEGER, is_read_only=True),
        *[INTEGER] * 5,
    ),
)

# The operation, the batch, theta, values.
forward_signature = (Array(INTEGER), BATCH, Array(), Array())
# The operation, the batch, theta, its gradient, values, deltas.
backward_signature = (Array(INTEGER), BATCH, Array(), Array(), Array(), Array())
# The operation, the batch, the gradient of theta, values, deltas; which share of the
# work is to be done, and of how many.
gradient_signature = (
    Array(INTEGER),
    BATCH,
    Array(),
    Array(),
    Array(),
    INTEGER,
    INTEGER,
)


@scalar
def limits_of(share, n_shares, count):
    """Return from where to where one of several threads works on so many items."""
    return count * share // n_shares, count * (share + 1) // n_shares


@scalar
def columns_of(share, n_shares, width):
    """Return from where to where one of several threads works on columns.

    That is none of them, or NARROW or more.
    """
    first, last = limits_of(share, n_shares, width // NARROW)
    return first * NARROW, width if share == n_shares - 1 else last * NARROW


# ---------------------------------------------------------------------------------
# Dense: y = f(x W + b), with W of shape (fan_in, fan_out).


@leaf(forward_signature)
def dense_forward(op, batch, theta, values):
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    x, start = source_of(op, batch, values)
    out = place(batch, op[OUTPUT], fan_out)
    call(
        op[ROWS_PRODUCT],
        (
            x, start, fan_in, 1, theta, op[WEIGHTS], fan_out,
            theta, op[BIAS], op[FINISH], 0.0, 0.0, values, 0,
            values, out, fan_out, batch.n, fan_out, fan_in,
        ),
    )  # fmt: skip
    activate(op, batch, values)
    return 0.0


@leaf(backward_signature)
def dense_backward(op, batch, theta, gradient, values, deltas):
    deactivate(op, batch, values, deltas)
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    delta, x_delta = place(batch, op[OUTPUT], fan_out), place(batch, op[INPUT], fan_in)
    p, q = float(op[SLOPE_P]), float(op[SLOPE_Q])
    if op[TRANSPOSE]:  # they lie where the gradient of the weights will
        call(
            op[ROWS_PRODUCT],
            (
                deltas, delta, fan_out, 1, gradient, op[WEIGHTS], fan_in,
                theta, -1, op[INPUT_FINISH], p, q, values, x_delta,
                deltas, x_delta, fan_in, batch.n, fan_in, fan_out,
            ),
        )  # fmt: skip
    else:
        call(
            op[DOTS_PRODUCT],
            (
                deltas, delta, fan_out, theta, op[WEIGHTS], fan_out,
                theta, -1, AS_IT_IS, deltas, x_delta, batch.n, fan_in, fan_out,
            ),
        )  # fmt: skip
    return 0.0


@leaf(gradient_signature)
def dense_gradient(op, batch, gradient, values, deltas, share, n_shares):
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    # What is divided is not read by all: so much the less comes from other cores.
    rows, columns = (0, fan_in), (0, fan_out)
    if fan_in > fan_out:
        rows = limits_of(share, n_shares, fan_in)
    else:
        columns = columns_of(share, n_shares, fan_out)
    x, start = source_of(op, batch, values)
    delta = place(batch, op[OUTPUT], fan_out) + columns[0]
    width = columns[1] - columns[0]
    first, beside = rows[0], rows_beside_sums()
    if rows[1] - first < fan_in or fan_in < beside or beside == 0:
        add_up_rows(op, batch, gradient, deltas, share, n_shares)
    else:
        first_rows_and_sums(
            x, start, 1, fan_in, deltas, delta, fan_out,
            gradient, op[BIAS] + columns[0],
            gradient, op[WEIGHTS] + columns[0], fan_out, width, batch.n,
        )  # fmt: skip
        first = beside
    call(
        op[ROWS_PRODUCT],
        (
            x, start + first, 1, fan_in, deltas, delta, fan_out,
            gradient, -1, AS_IT_IS, 0.0, 0.0, values, 0,
            gradient, op[WEIGHTS] + first * fan_out + columns[0], fan_out,
            rows[1] - first, width, batch.n,
        ),
    )  # fmt: skip
    return 0.0


# ---------------------------------------------------------------------------------
# The same with fewer than NARROW outputs. The weights are stored transposed, in the
# shape (fan_out, fan_in): so all products run along vectors.


@leaf(forward_signature)
def narrow_forward(op, batch, theta, values):
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    x, start = source_of(op, batch, values)
    out = place(batch, op[OUTPUT], fan_out)
    call(
        op[DOTS_PRODUCT],
        (
            x, start, fan_in, theta, op[WEIGHTS], fan_in,
            theta, op[BIAS], op[FINISH], values, out, batch.n, fan_out, fan_in,
        ),
    )  # fmt: skip
    activate(op, batch, values)
    return 0.0


@leaf(backward_signature)
def narrow_backward(op, batch, theta, gradient, values, deltas):
    deactivate(op, batch, values, deltas)
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    start, x_start = place(batch, op[OUTPUT], fan_out), place(batch, op[INPUT], fan_in)
    p, q = float(op[SLOPE_P]), float(op[SLOPE_Q])
    if fan_in >= NARROW and fan_out == 1:
        outer_product(
            deltas, start, 1, theta, op[WEIGHTS],
            op[INPUT_FINISH], p, q, values, x_start,
            deltas, x_start, fan_in, batch.n, fan_in,
        )  # fmt: skip
        return 0.0
    if fan_in >= NARROW:
        call(
            op[ROWS_PRODUCT],
            (
                deltas, start, fan_out, 1, theta, op[WEIGHTS], fan_in,
                theta, -1, op[INPUT_FINISH], p, q, values, x_start,
                deltas, x_start, fan_in, batch.n, fan_in, fan_out,
            ),
        )  # fmt: skip
        return 0.0
    delta, x_delta = output_of(op, batch, deltas), input_delta_of(op, batch, deltas)
    weights = matrix(theta, op[WEIGHTS], fan_out, fan_in)
    for i in range(batch.n):
        for j in range(fan_in):
            x_delta[i, j] = 0
        for k in range(fan_out):
            for j in range(fan_in):
                x_delta[i, j] += delta[i, k] * weights[k, j]
    return 0.0


@leaf(gradient_signature)
def narrow_gradient(op, batch, gradient, values, deltas, share, n_shares):
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    add_up_rows(op, batch, gradient, deltas, share, n_shares)
    if fan_in >= NARROW:
        first, last = columns_of(share, n_shares, fan_in)
        x, start = source_of(op, batch, values)
        delta = place(batch, op[OUTPUT], fan_out)
        call(
            op[ROWS_PRODUCT],
            (
                deltas, delta, 1, fan_out, x, start + first, fan_in,
                gradient, -1, AS_IT_IS, 0.0, 0.0, values, 0,
                gradient, op[WEIGHTS] + first, fan_in, fan_out, last - first, batch.n,
            ),
        )  # fmt: skip
        return 0.0
    if share > 0:
        return 0.0
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    total = matrix(gradient, op[WEIGHTS], fan_out, fan_in)
    total[:] = 0
    for i in range(batch.n):
        for k in range(fan_out):
            for j in range(fan_in):
                total[k, j] += delta[i, k] * x[i, j]
    return 0.0


DENSE = (dense_forward, dense_backward, dense_gradient)
NARROW_DENSE = (narrow_forward, narrow_backward, narrow_gradient)
