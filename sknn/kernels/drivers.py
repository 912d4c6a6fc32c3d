"""Drivers: a whole epoch, a full gradient, a prediction, in one call each.

They walk the table of operations and the batches, and allocate nothing. All work on
the rows from ``start`` to ``stop``: compiled code does not see Ctrl-C, so Python calls
them for some of the rows at a time where all of them would take long.
"""

from sknn.kernels.chance import key_of
from sknn.kernels.jit import (
    INT32,
    INTEGER,
    REAL,
    Array,
    call,
    driver,
    matrix,
    scalar,
)
from sknn.kernels.layers import BACKWARD, FAN_OUT, FORWARD, OUTPUT, Batch

# What `epoch` adds up from call to call, in float64: the loss times the rows, the
# steps since training began, and the rows of this epoch that are done.
LOSS, STEPS, ROWS = 0, 1, 2
N_TALLIES = 3


_TABLE, _VECTOR, _SQUARE = Array(INTEGER, 2), Array(), Array(ndim=2)
_FACTS = Array(is_read_only=True)  # what comes from the user
_ORDER = Array(INTEGER, is_read_only=True)
_SETTINGS = Array(REAL, is_read_only=True)

# Values, indices and indptr of the inputs, and their width.
_INPUTS = (_FACTS, Array(INT32, is_read_only=True), _ORDER, INTEGER)
# The same, and targets and weights.
_DATA = (*_INPUTS, Array(ndim=2, is_read_only=True), _FACTS)


@driver(
    (
        _TABLE, _VECTOR, _VECTOR, _VECTOR, *_DATA,
        INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, _SETTINGS, _SQUARE,
    )
)  # fmt: skip
def predict(
    ops, theta, values, delta, data, indices, indptr, n_features, targets, weights,
    start, stop, block, loss, link, settings, out,
):  # fmt: skip
    """Fill rows of out, of shape (n_samples, n_outputs), block by block.

    ``data`` is a matrix in C order, flat, or holds the values of a CSR matrix. Returns
    the loss summed over the rows, or 0 where ``loss`` is 0; ``delta`` is memory for
    it. Where ``link`` is 0, raw outputs are returned.
    """
    every_row = indptr[:0]
    total = 0.0
    for first in range(start, stop, block):
        n = block if first + block < stop else stop - first
        batch = Batch(
            data, first * n_features, indices, indptr, weights, every_row, first, n, 0
        )  # fmt: skip
        raw = _forward(ops, batch, theta, values)
        if loss:
            own = matrix(delta, 0, n, out.shape[1])
            total += call(loss, (raw, targets, batch, own, settings))
        if link:
            call(link, (raw, settings))
        for i in range(n):
            for j in range(out.shape[1]):
                out[first + i, j] = raw[i, j]
    return total


@driver(
    (
        _TABLE, _VECTOR, _VECTOR, _VECTOR, _VECTOR, _VECTOR, *_DATA,
        INTEGER, INTEGER, INTEGER, INTEGER, _SETTINGS,
    )
)  # fmt: skip
def loss_gradient(
    ops, theta, gradient, partial, values, deltas,
    data, indices, indptr, n_features, targets, weights,
    start, stop, block, loss, settings,
):  # fmt: skip
    """Return the loss summed over rows; add its gradient to gradient.

    No penalty is included. ``partial`` holds the gradient of one block of rows.
    """
    every_row = indptr[:0]
    total = 0.0
    for first in range(start, stop, block):
        n = block if first + block < stop else stop - first
        batch = Batch(
            data, first * n_features, indices, indptr, weights, every_row, first, n, 0
        )  # fmt: skip
        raw = _forward(ops, batch, theta, values)
        delta = matrix(deltas, ops[-1, OUTPUT] * n, n, ops[-1, FAN_OUT])
        total += call(loss, (raw, targets, batch, delta, settings))
        _backward(ops, batch, theta, partial, values, deltas)
        for i in range(gradient.size):
            gradient[i] += partial[i]
    return total


@driver((_TABLE, _VECTOR, _VECTOR, _VECTOR, _VECTOR, *_INPUTS, INTEGER, INTEGER))
def backward(
    ops, theta, gradient, values, deltas, data, indices, indptr, n_features, first, n
):  # fmt: skip
    """Run all operations backwards, from the gradient of the raw outputs in deltas.

    ``values`` holds what these n rows left there on their way forward.
    """
    batch = Batch(
        data, first * n_features, indices, indptr, data[:0], indptr[:0], first, n, 0
    )  # fmt: skip
    _backward(ops, batch, theta, gradient, values, deltas)
    return 0.0


@driver(
    (
        _TABLE, _TABLE, _VECTOR, _VECTOR, _SQUARE, Array(REAL), _VECTOR, _VECTOR,
        *_DATA, _FACTS, REAL, _ORDER, _SQUARE, _FACTS,
        INTEGER, INTEGER, INTEGER, INTEGER, INTEGER,
        INTEGER, _SETTINGS, REAL, INTEGER, _SETTINGS, REAL, REAL,
        INTEGER, INTEGER, _SETTINGS, Array(REAL),
    )
)  # fmt: skip
def epoch(
    ops, limited, theta, gradient, slots, product, values, deltas,
    data, indices, indptr, n_features, targets, weights, counts, mean_factor, rows,
    gathered, gathered_data, start, stop, batch_size, n_weights, seed,
    loss, loss_settings, loss_scale, step, step_settings, alpha, learning_rate,
    shape, constrain, limits, tallies,
):  # fmt: skip
    """Train on each batch once; add up the loss times the rows, penalty included.

    Parameters
    ----------
    limited : ndarray
        Rows of ops whose weights ``constrain`` limits.
    counts, mean_factor : ndarray of shape (n_samples,) or (0,), float
        What the rows of a batch count, or that they count one each; and a factor, for
        the size of a batch.
    rows : ndarray of shape (n_samples,) or (0,)
        The order of the rows; empty: as they are.
    gathered : ndarray of shape (batch_size, n_features) or (0, 0)
        Where the rows of a batch are copied to, if they are to be.
    gathered_data : ndarray
        The same memory, flat and read-only.
    seed : int
        Of what is drawn in dropout.
    loss_scale : float
        What the summed loss of a batch is multiplied by, beside one over its size.
    shape, constrain : int
        Addresses of the leaves of ``regularization.py``, or 0 where not needed.
    tallies : ndarray of shape (3,)
        Where LOSS, STEPS and ROWS are added up. Written at the end, so that an
        interrupt never finds them out of step with theta.
    """
    total, t = 0.0, int(tallies[STEPS])
    trained = theta[: gradient.size]
    for first in range(start, stop, batch_size):
        n = batch_size if first + batch_size < stop else stop - first
        t += 1
        if _size(weights, rows, first, n) == 0.0:  # nothing in this batch counts
            continue
        size = mean_factor * _size(counts, rows, first, n)
        key = key_of(seed, t)
        if gathered.size:
            for i in range(n):
                row = matrix(data, rows[first + i] * n_features, 1, n_features)
                for j in range(n_features):
                    gathered[i, j] = row[0, j]
            batch = Batch(
                gathered_data, 0, indices, indptr, weights, rows, first, n, key
            )
        else:
            batch = Batch(
                data, first * n_features, indices, indptr, weights, rows, first, n, key
            )  # fmt: skip

        raw = _forward(ops, batch, theta, values)
        delta = matrix(deltas, ops[-1, OUTPUT] * n, n, ops[-1, FAN_OUT])
        value = call(loss, (raw, targets, batch, delta, loss_settings)) * loss_scale
        _backward(ops, batch, theta, gradient, values, deltas)
        own_alpha, own_size = alpha, size
        if shape:
            arguments = (trained, gradient, n_weights, size, learning_rate, limits)
            value += call(shape, arguments)
            own_alpha, own_size = 0.0, 1.0
        squares = call(
            step,
            (
                trained, gradient, slots, product, n_weights, own_alpha, own_size,
                learning_rate, t, step_settings,
            ),
        )  # fmt: skip
        if constrain:
            call(constrain, (limited, trained, gradient, limits))
        total += n * (value + 0.5 * own_alpha * squares) / size
    tallies[LOSS] += total
    tallies[STEPS] = t
    tallies[ROWS] = stop
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
