"""Drivers: a whole epoch, a full gradient, a prediction, in one call each.

They walk the table of operations and the batches, and allocate nothing. All work on
the rows from ``start`` to ``stop``: compiled code does not see Ctrl-C, so Python calls
them for some of the rows at a time where all of them would take long.
"""

from numba import types

from sknn.kernels.jit import call, driver, matrix, scalar
from sknn.kernels.layers import BACKWARD, FAN_OUT, FORWARD, OUTPUT, Batch


def _types(dtype):
    table = types.Array(types.int64, 2, "C")
    vector, square = types.Array(dtype, 1, "C"), types.Array(dtype, 2, "C")

    def readonly(kind, ndim=1):
        return types.Array(kind, ndim, "C", readonly=True)

    return table, vector, square, readonly


def _predict_signature(dtype):
    table, vector, square, readonly = _types(dtype)
    real, integer = types.float64, types.int64
    return real(
        table, vector, vector,
        readonly(dtype), readonly(types.int32), readonly(integer), integer,
        integer, integer, integer, integer, square,
    )  # fmt: skip


@driver(_predict_signature)
def predict(
    ops, theta, values, data, indices, indptr, n_features, start, stop, block, link, out
):  # fmt: skip
    """Fill rows of out, of shape (n_samples, n_outputs), block by block.

    ``data`` is a matrix in C order, flat, or holds the values of a CSR matrix.
    """
    every_row = indptr[:0]
    for first in range(start, stop, block):
        n = block if first + block < stop else stop - first
        batch = Batch(data, first * n_features, indices, indptr, every_row, first, n)
        raw = _forward(ops, batch, theta, values)
        call(link, (raw,))
        for i in range(n):
            for j in range(out.shape[1]):
                out[first + i, j] = raw[i, j]
    return 0.0


def _gradient_signature(dtype):
    table, vector, _, readonly = _types(dtype)
    real, integer = types.float64, types.int64
    return real(
        table, vector, vector, vector, vector, vector,
        readonly(dtype), readonly(types.int32), readonly(integer), integer,
        readonly(dtype, 2), readonly(dtype), integer, integer, integer, integer,
    )  # fmt: skip


@driver(_gradient_signature)
def loss_gradient(
    ops, theta, gradient, partial, values, deltas,
    data, indices, indptr, n_features, targets, weights, start, stop, block, loss,
):  # fmt: skip
    """Return the loss summed over rows; add its gradient to gradient.

    No penalty is included. ``partial`` holds the gradient of one block of rows.
    """
    every_row = indptr[:0]
    total = 0.0
    for first in range(start, stop, block):
        n = block if first + block < stop else stop - first
        batch = Batch(data, first * n_features, indices, indptr, every_row, first, n)
        raw = _forward(ops, batch, theta, values)
        delta = matrix(deltas, ops[-1, OUTPUT] * n, n, ops[-1, FAN_OUT])
        total += call(loss, (raw, targets, weights, batch, delta))
        _backward(ops, batch, theta, partial, values, deltas)
        for i in range(gradient.size):
            gradient[i] += partial[i]
    return total


def _epoch_signature(dtype):
    table, vector, square, readonly = _types(dtype)
    real, integer = types.float64, types.int64
    return real(
        table, vector, vector, square, vector, vector,
        readonly(dtype), readonly(types.int32), readonly(integer), integer,
        readonly(dtype, 2), readonly(dtype), readonly(integer),
        square, readonly(dtype),
        integer, integer, integer, integer, integer, integer,
        real, real, real, integer, readonly(real),
    )  # fmt: skip


@driver(_epoch_signature)
def epoch(
    ops, theta, gradient, slots, values, deltas,
    data, indices, indptr, n_features, targets, weights, rows, gathered, gathered_data,
    start, stop, batch_size, loss, step, n_weights,
    loss_scale, alpha, learning_rate, t, settings,
):  # fmt: skip
    """Train on each batch once; return the loss times the rows, penalty included.

    Parameters
    ----------
    rows : ndarray of shape (n_samples,) or (0,)
        The order of the rows; empty: as they are.
    gathered : ndarray of shape (batch_size, n_features) or (0, 0)
        Where the rows of a batch are copied to, if they are to be.
    gathered_data : ndarray
        The same memory, flat and read-only.
    loss_scale : float
        What the summed loss of a batch is multiplied by, beside one over its size.
    t : int
        Number of steps made before.
    """
    total = 0.0
    for first in range(start, stop, batch_size):
        n = batch_size if first + batch_size < stop else stop - first
        if gathered.size:
            for i in range(n):
                row = matrix(data, rows[first + i] * n_features, 1, n_features)
                for j in range(n_features):
                    gathered[i, j] = row[0, j]
            batch = Batch(gathered_data, 0, indices, indptr, rows, first, n)
        else:
            offset = first * n_features
            batch = Batch(data, offset, indices, indptr, rows, first, n)

        t += 1
        size = _size(weights, rows, first, n)
        if size == 0.0:  # nothing in this batch counts
            continue
        raw = _forward(ops, batch, theta, values)
        delta = matrix(deltas, ops[-1, OUTPUT] * n, n, ops[-1, FAN_OUT])
        value = call(loss, (raw, targets, weights, batch, delta))
        _backward(ops, batch, theta, gradient, values, deltas)
        arguments = (theta, gradient, slots, n_weights, alpha, size, learning_rate)
        squares = call(step, (*arguments, t, settings))
        total += n * (value * loss_scale + 0.5 * alpha * squares) / size
    return total


@scalar
def _size(weights, rows, first, n):
    """Return the number of rows of a batch, or the sum of their weights."""
    if weights.size == 0:
        return float(n)
    size = 0.0
    for i in range(first, first + n):
        size += weights[rows[i] if rows.size else i]
    return size


@scalar
def _forward(ops, batch, theta, values):
    """Run all operations; return the raw outputs, shape (n_rows, n_outputs)."""
    for k in range(ops.shape[0]):
        call(ops[k, FORWARD], (ops[k], batch, theta, values))
    return matrix(values, ops[-1, OUTPUT] * batch.n, batch.n, ops[-1, FAN_OUT])


@scalar
def _backward(ops, batch, theta, gradient, values, deltas):
    """Run all operations backwards from the gradient of the raw outputs."""
    for k in range(ops.shape[0] - 1, -1, -1):
        call(ops[k, BACKWARD], (ops[k], batch, theta, gradient, values, deltas))
