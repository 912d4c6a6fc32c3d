"""Layers: what a row of the network's table of operations does.

A network is a table of int64 with one row for each operation. Columns 0 and 1 hold
the addresses of the operation's forward and backward leaf, the others its widths and
where its parameters and its outputs lie. All layers share two signatures: forward
fills the operation's outputs in ``values``; backward finds the gradient with respect
to these outputs in ``deltas``, and fills the gradient of its own parameters and, in
``deltas``, of its inputs. Dense layers are here, on dense rows and on CSR rows; other
kinds have files of their own.
"""

from collections import namedtuple

import numpy as np

from sknn.kernels.chance import kept_share, key_of_row
from sknn.kernels.jit import INT32, INTEGER, Array, Record, call, leaf, matrix, scalar

# Columns of the table.
FORWARD, BACKWARD = 0, 1  # addresses of the leaves
FAN_IN, FAN_OUT = 2, 3  # widths
WEIGHTS, BIAS = 4, 5  # where the parameters start in theta
INPUT, OUTPUT = 6, 7  # columns of values and deltas that lie before the matrices
NEEDS_INPUT_DELTA = 8  # whether an operation before this one learns
ACTIVATE, SLOPE = 9, 10  # addresses of the leaves of the activation
KEPT = 11  # columns of values before what the slope is found from
SCRATCH = 12  # columns of values before what a normalisation keeps
RUNNING = 13  # where the running mean and variance start in theta
THRESHOLD, SALT = 14, 15  # of dropout: see `chance.py`
IS_DENSE = 16  # whether this is the dense part of a layer
N_COLUMNS = 17

FROM_BATCH = -1  # in column INPUT: the operation reads the batch itself

# The rows that are worked on now. `data` is flat: the dense matrix in C order from
# element `offset` on, or the values of a CSR matrix with `indices` and `indptr`.
# `row_of` says which row of the targets, the weights and the CSR matrix is meant.
# `key` seeds what is drawn for them.
Batch = namedtuple("Batch", "data offset indices indptr weights rows first n key")


@scalar
def row_of(batch, i):
    """Return which row of the data the i-th row of a batch is."""
    return batch.rows[batch.first + i] if batch.rows.size else batch.first + i


@scalar
def input_of(op, batch, values):
    """Return the matrix that an operation reads, shape (n_rows, fan_in)."""
    if op[INPUT] == FROM_BATCH:
        return matrix(batch.data, batch.offset, batch.n, op[FAN_IN])
    return matrix(values, op[INPUT] * batch.n, batch.n, op[FAN_IN])


@scalar
def output_of(op, batch, values):
    """Return the matrix that an operation fills, or its gradient in deltas."""
    return matrix(values, op[OUTPUT] * batch.n, batch.n, op[FAN_OUT])


@scalar
def activate(op, batch, theta, values, z):
    """Add the bias and apply the activation, in place."""
    kept = matrix(values, op[KEPT] * batch.n, batch.n, op[FAN_OUT])
    return call(op[ACTIVATE], (z, theta[op[BIAS] : op[BIAS] + op[FAN_OUT]], kept))


@scalar
def deactivate(op, batch, gradient, values, delta):
    """Multiply delta by the slope, in place; set the gradient of the bias."""
    kept = matrix(values, op[KEPT] * batch.n, batch.n, op[FAN_OUT])
    bias = gradient[op[BIAS] : op[BIAS] + op[FAN_OUT]]
    return call(op[SLOPE], (kept, delta, bias))


# The types of a row of the table and of a batch; user data are read-only.
OPERATION = Array(INTEGER)
BATCH = Record(
    Batch,
    (
        Array(is_read_only=True),
        INTEGER,
        Array(INT32, is_read_only=True),
        Array(INTEGER, is_read_only=True),
        Array(is_read_only=True),
        Array(INTEGER, is_read_only=True),
        INTEGER,
        INTEGER,
        INTEGER,
    ),
)

# operation, batch, theta, values
forward_signature = (OPERATION, BATCH, Array(), Array())
# operation, batch, theta, gradient, values, deltas
backward_signature = (OPERATION, BATCH, Array(), Array(), Array(), Array())


# ---------------------------------------------------------------------------------
# Dense: y = f(x W + b), with W of shape (fan_in, fan_out).


@leaf(forward_signature)
def dense_forward(op, batch, theta, values):
    z = output_of(op, batch, values)
    weights = matrix(theta, op[WEIGHTS], op[FAN_IN], op[FAN_OUT])
    np.dot(input_of(op, batch, values), weights, z)
    return activate(op, batch, theta, values, z)


@leaf(backward_signature)
def dense_backward(op, batch, theta, gradient, values, deltas):
    n, fan_in, fan_out = batch.n, op[FAN_IN], op[FAN_OUT]
    delta = output_of(op, batch, deltas)
    deactivate(op, batch, gradient, values, delta)
    if op[NEEDS_INPUT_DELTA]:
        x_delta = matrix(deltas, op[INPUT] * n, n, fan_in)
        if fan_out == 1:  # an outer product, at which BLAS is slow
            weights = matrix(theta, op[WEIGHTS], 1, fan_in)
            for i in range(n):
                d = delta[i, 0]
                for j in range(fan_in):
                    x_delta[i, j] = d * weights[0, j]
        else:
            weights = matrix(theta, op[WEIGHTS], fan_in, fan_out)
            np.dot(delta, weights.T, x_delta)
    x = input_of(op, batch, values)
    np.dot(x.T, delta, matrix(gradient, op[WEIGHTS], fan_in, fan_out))
    return 0.0


# ---------------------------------------------------------------------------------
# The same on a batch in compressed sparse rows (CSR); always the first layer. Dropout
# of the inputs is done on the way, for it would be the only other layer to read CSR.


@leaf(forward_signature)
def sparse_dense_forward(op, batch, theta, values):
    fan_out, drops = op[FAN_OUT], op[THRESHOLD] != 0
    z = output_of(op, batch, values)
    for i in range(batch.n):
        row, key = row_of(batch, i), key_of_row(batch.key, op[SALT], i)
        for j in range(fan_out):
            z[i, j] = 0
        for k in range(batch.indptr[row], batch.indptr[row + 1]):
            column = batch.indices[k]
            x = batch.data[k]
            if drops:
                x *= theta.dtype.type(kept_share(op[THRESHOLD], key, column))
            weights = matrix(theta, op[WEIGHTS] + column * fan_out, 1, fan_out)
            for j in range(fan_out):
                z[i, j] += x * weights[0, j]
    return activate(op, batch, theta, values, z)


@leaf(backward_signature)
def sparse_dense_backward(op, batch, theta, gradient, values, deltas):
    fan_in, fan_out, drops = op[FAN_IN], op[FAN_OUT], op[THRESHOLD] != 0
    delta = output_of(op, batch, deltas)
    deactivate(op, batch, gradient, values, delta)
    gradient[op[WEIGHTS] : op[WEIGHTS] + fan_in * fan_out] = 0
    for i in range(batch.n):
        row, key = row_of(batch, i), key_of_row(batch.key, op[SALT], i)
        for k in range(batch.indptr[row], batch.indptr[row + 1]):
            column = batch.indices[k]
            x = batch.data[k]
            if drops:
                x *= theta.dtype.type(kept_share(op[THRESHOLD], key, column))
            weights = matrix(gradient, op[WEIGHTS] + column * fan_out, 1, fan_out)
            for j in range(fan_out):
                weights[0, j] += x * delta[i, j]
    return 0.0
