"""Layers: what a row of the network's table of operations does.

A network is a table of int64 with one row for each operation. Columns 0 and 1 hold
the addresses of the operation's forward and backward leaf, the others its widths and
where its parameters and its outputs lie. All layers share two signatures: forward
fills the operation's outputs in ``values``; backward finds the gradient with respect
to these outputs in ``deltas``, and fills the gradient of its own parameters and, in
``deltas``, of its inputs.
"""

from collections import namedtuple

import numpy as np
from numba import types

from sknn.kernels.jit import call, leaf, matrix, scalar

# Columns of the table.
FORWARD, BACKWARD = 0, 1  # addresses of the leaves
FAN_IN, FAN_OUT = 2, 3  # widths
WEIGHTS, BIAS = 4, 5  # where the parameters start in theta
INPUT, OUTPUT = 6, 7  # columns of values and deltas that lie before the matrices
ACTIVATE, SLOPE = 8, 9  # addresses of the leaves of the activation
N_COLUMNS = 10

FROM_BATCH = -1  # in column INPUT: the operation reads the batch itself

# The rows that are worked on now. `data` is flat: the dense matrix in C order from
# element `offset` on, or the values of a CSR matrix with `indices` and `indptr`.
# `row_of` says which row of the targets, the weights and the CSR matrix is meant.
Batch = namedtuple("Batch", "data offset indices indptr rows first n")


@scalar
def row_of(batch, i):
    """Return which row of the data the i-th row of a batch is."""
    return batch.rows[batch.first + i] if batch.rows.size else batch.first + i


def batch_type(dtype):
    """Return the Numba type of a batch: user data are read-only."""

    def readonly(kind):
        return types.Array(kind, 1, "C", readonly=True)

    integer = types.int64
    return types.NamedTuple(
        [
            readonly(dtype),
            integer,
            readonly(types.int32),
            readonly(integer),
            readonly(integer),
            integer,
            integer,
        ],
        Batch,
    )


def forward_signature(dtype):
    """Return float64(operation, batch, theta, values)."""
    operation, vector = types.Array(types.int64, 1, "C"), types.Array(dtype, 1, "C")
    return types.float64(operation, batch_type(dtype), vector, vector)


def backward_signature(dtype):
    """Return float64(operation, batch, theta, gradient, values, deltas)."""
    operation, vector = types.Array(types.int64, 1, "C"), types.Array(dtype, 1, "C")
    return types.float64(operation, batch_type(dtype), vector, vector, vector, vector)


# ---------------------------------------------------------------------------------
# Dense: y = f(x W + b), with W of shape (fan_in, fan_out).


@leaf(forward_signature)
def dense_forward(op, batch, theta, values):
    n, fan_in, fan_out = batch.n, op[FAN_IN], op[FAN_OUT]
    weights = matrix(theta, op[WEIGHTS], fan_in, fan_out)
    z = matrix(values, op[OUTPUT] * n, n, fan_out)
    if op[INPUT] == FROM_BATCH:
        x = matrix(batch.data, batch.offset, n, fan_in)
    else:
        x = matrix(values, op[INPUT] * n, n, fan_in)
    np.dot(x, weights, z)
    return call(op[ACTIVATE], (z, theta[op[BIAS] : op[BIAS] + fan_out]))


@leaf(backward_signature)
def dense_backward(op, batch, theta, gradient, values, deltas):
    n, fan_in, fan_out = batch.n, op[FAN_IN], op[FAN_OUT]
    y = matrix(values, op[OUTPUT] * n, n, fan_out)
    delta = matrix(deltas, op[OUTPUT] * n, n, fan_out)
    call(op[SLOPE], (y, delta, gradient[op[BIAS] : op[BIAS] + fan_out]))
    if op[INPUT] == FROM_BATCH:
        x = matrix(batch.data, batch.offset, n, fan_in)
    else:
        x = matrix(values, op[INPUT] * n, n, fan_in)
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
    np.dot(x.T, delta, matrix(gradient, op[WEIGHTS], fan_in, fan_out))
    return 0.0


# ---------------------------------------------------------------------------------
# The same on a batch in compressed sparse rows (CSR); always the first layer.


@leaf(forward_signature)
def sparse_dense_forward(op, batch, theta, values):
    n, fan_out = batch.n, op[FAN_OUT]
    z = matrix(values, op[OUTPUT] * n, n, fan_out)
    for i in range(n):
        row = row_of(batch, i)
        for j in range(fan_out):
            z[i, j] = 0
        for k in range(batch.indptr[row], batch.indptr[row + 1]):
            x = batch.data[k]
            start = op[WEIGHTS] + batch.indices[k] * fan_out
            weights = matrix(theta, start, 1, fan_out)
            for j in range(fan_out):
                z[i, j] += x * weights[0, j]
    return call(op[ACTIVATE], (z, theta[op[BIAS] : op[BIAS] + fan_out]))


@leaf(backward_signature)
def sparse_dense_backward(op, batch, theta, gradient, values, deltas):
    n, fan_in, fan_out = batch.n, op[FAN_IN], op[FAN_OUT]
    y = matrix(values, op[OUTPUT] * n, n, fan_out)
    delta = matrix(deltas, op[OUTPUT] * n, n, fan_out)
    call(op[SLOPE], (y, delta, gradient[op[BIAS] : op[BIAS] + fan_out]))
    gradient[op[WEIGHTS] : op[WEIGHTS] + fan_in * fan_out] = 0
    for i in range(n):
        row = row_of(batch, i)
        for k in range(batch.indptr[row], batch.indptr[row + 1]):
            x = batch.data[k]
            start = op[WEIGHTS] + batch.indices[k] * fan_out
            column = matrix(gradient, start, 1, fan_out)
            for j in range(fan_out):
                column[0, j] += x * delta[i, j]
    return 0.0
