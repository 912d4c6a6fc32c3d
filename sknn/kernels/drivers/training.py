"""Drivers: whole epochs, or a full gradient, in one call; `prediction.py` has another.

They walk the table of operations and the batches, and allocate nothing. All work on
the rows from ``start`` to ``stop``: compiled code does not see Ctrl-C, so Python calls
them for some of the rows at a time where all of them would take long.

A batch is learnt from in two phases. In the first, blocks of its rows pass through all
operations forwards and back, so that what one operation writes is in the cache when
the next one reads it. In the second, the gradient of the parameters is found from all
rows at once. The members of a team share the blocks, and then the gradient.
"""

from sknn.jit.kernel import (
    INT32,
    INTEGER,
    REAL,
    Array,
    call,
    driver,
    flat,
    inline_scalar,
    matrix,
    prefetch,
)
from sknn.kernels.batch import Batch, block_of, place, rows_as_they_are
from sknn.kernels.drivers.barrier import barrier_wait
from sknn.kernels.gemm.products import copy
from sknn.kernels.layers.base import raw_of, run_forward
from sknn.kernels.math.counter_rng import batch_key
from sknn.kernels.math.finite import nan_if_nonfinite
from sknn.kernels.table import (
    BACKWARD,
    FAN_IN,
    FAN_OUT,
    GRADIENT,
    OUTPUT,
    TRANSPOSE,
    WEIGHTS,
)

# What `epochs` leaves, in float64: the steps since training began, the rows that are
# done and not yet counted, and the loss times the rows of each of their epochs.
STEPS, ROWS, LOSS = 0, 1, 2
MOST_EPOCHS = 64  # in a call
N_COUNTERS = LOSS + MOST_EPOCHS

# Parameters that a member of a team updates at a time.
CHUNK = 2**14
CACHE_LINE = 64  # bytes
# Rows of larger data are asked for a batch before their turn.
NEAR = 2**19  # bytes
N_RATES = 3  # of an optimizer's step, at the start of `sums`


TABLE, VECTOR, SQUARE = Array(INTEGER, 2), Array(), Array(ndim=2)
_READONLY, _ORDERS = Array(is_read_only=True), Array(INTEGER, 2, True)
SETTINGS = Array(REAL, is_read_only=True)
_REALS, INTEGERS = Array(REAL), Array(INTEGER)
# Values, indices and indptr of the inputs, their width, targets and weights.
DATA = (
    _READONLY,
    Array(INT32, is_read_only=True),
    Array(INTEGER, is_read_only=True),
    INTEGER,
    Array(ndim=2, is_read_only=True),
    _READONLY,
)


@driver(
    (
        TABLE, *[VECTOR] * 5, *DATA,
        *[INTEGER] * 5, SETTINGS, _REALS, INTEGERS, INTEGER, INTEGER,
    )
)  # fmt: skip
def loss_gradient(
    ops, theta, gradient, partial, values, deltas,
    data, indices, indptr, n_features, targets, weights,
    start, stop, batch_size, block, loss, settings, sums, shared, thread, n_threads,
):  # fmt: skip
    """Return the loss summed over rows; add its gradient to gradient.

    No penalty is included. ``partial`` holds the gradient of one batch of rows. Of a
    team, the first member returns the loss.
    """
    total = 0.0
    for first in range(start, stop, batch_size):
        n = batch_size if first + batch_size < stop else stop - first
        batch = rows_as_they_are(data, indices, indptr, weights, n_features, first, n)
        if not _learn(
            ops, batch, theta, partial, values, deltas, n_features, targets,
            loss, settings, sums, block, shared, thread, n_threads,
            data, values[:0], 0,
        ):  # fmt: skip
            return total
        for k in range(_n_blocks(n, block)):
            total += sums[k]
        begin = gradient.size * thread // n_threads
        for i in range(begin, gradient.size * (thread + 1) // n_threads):
            gradient[i] += partial[i]
        if not barrier_wait(shared, n_threads):
            return total
    return total


@driver((TABLE, *[VECTOR] * 4, *DATA[:4], INTEGER, INTEGER))
def backward(
    ops, theta, gradient, values, deltas, data, indices, indptr, n_features, first, n
):  # fmt: skip
    """Run all operations backwards, from the gradient of the raw outputs in deltas.

    ``values`` holds what these n rows left there on their way forward. ``gradient`` is
    memory only.
    """
    batch = rows_as_they_are(data, indices, indptr, data[:0], n_features, first, n)
    _transpose(ops, theta, gradient, 0, 1)
    _backward(ops, batch, theta, gradient, values, deltas)
    return 0.0


@driver(
    (
        TABLE, TABLE, VECTOR, VECTOR, SQUARE, _REALS, VECTOR, VECTOR,
        *DATA, _READONLY, REAL, _ORDERS, SQUARE, _READONLY,
        *[INTEGER] * 8,
        INTEGER, SETTINGS, REAL, INTEGER, INTEGER, SETTINGS, REAL, REAL,
        INTEGER, INTEGER, SETTINGS, _REALS, _REALS, INTEGERS, INTEGER, INTEGER,
    )
)  # fmt: skip
def epochs(
    ops, limited, theta, gradient, optimizer_state, momentum_product, values, deltas,
    data, indices, indptr, n_features, targets, weights,
    sample_weight, mean_class_weight, orders, gathered, gathered_data,
    n_epochs, start, stop, batch_size, smallest, block, n_weights, seed,
    loss, loss_settings, loss_scale, rates, step, step_settings, alpha, learning_rate,
    shape, constrain, limits, counters, sums, shared, thread, n_threads,
):  # fmt: skip
    """Train on each batch once an epoch; end with an epoch that diverges.

    Returns a finite number only if loss, theta and optimizer_state are finite.

    Parameters
    ----------
    limited : ndarray
        Rows of ops whose weights ``constrain`` limits.
    sample_weight, mean_class_weight : ndarray of shape (n_samples,) or (0,), float
        What the rows of a batch count, or that they count one each; and a factor, for
        the size of a batch.
    orders : ndarray of shape (n_epochs or 1, n_samples or 0)
        The order of the rows in each epoch, or in all; empty: as they are.
    gathered : ndarray of shape (most rows of a batch, n_features) or (0, 0)
        Where the rows of a batch are copied to, if they are to be.
    gathered_data : ndarray
        The same memory, flat and read-only.
    n_epochs, start, stop : int
        Where there are several epochs, all rows lie between start and stop.
    smallest : int
        Fewer rows that are left at the end join the batch before them.
    block : int
        Rows of a batch that pass through the network at a time.
    seed : int
        Of what is drawn in dropout.
    loss_scale : float
        What the summed loss of a batch is multiplied by, beside one over its size.
    shape, constrain : int
        Addresses of the leaves of ``regularization.py``, or 0 where not needed.
    tallies : ndarray of shape (N_TALLIES,)
        Where STEPS, ROWS and the LOSS of each epoch, with the penalty, are added up.
        Written at the end of an epoch, so that an interrupt never finds them out of
        step with theta.
    sums : ndarray
        Memory for N_RATES rates, and for a sum of each block or each CHUNK of
        parameters.
    shared, thread, n_threads : ndarray of shape (3,), int, int
        See ``barrier.py``.
    """
    nonfinite, t = 0.0, int(counters[STEPS])
    trained = theta[: gradient.size]
    found, sums = sums[:N_RATES], sums[N_RATES:]
    n_chunks = _n_blocks(gradient.size, CHUNK)
    coming = stop if data.size * data.itemsize > NEAR else 0
    for epoch in range(n_epochs):
        rows, total = orders[epoch % orders.shape[0]], 0.0
        for first in range(start, stop, batch_size):
            if first > start and stop - first < smallest:
                break
            n = batch_size if stop - first >= batch_size + smallest else stop - first
            t += 1
            if _size(weights, rows, first, n) == 0.0:  # nothing in this batch counts
                continue
            size = mean_class_weight * _size(sample_weight, rows, first, n)
            key = batch_key(seed, t)
            own_data, offset = data, first * n_features
            if gathered.size:
                own_data, offset = gathered_data, 0
            batch = Batch(
                own_data, offset, indices, indptr, weights, rows, first, n, 0, n, key
            )
            if not _learn(
                ops, batch, theta, gradient, values, deltas, n_features, targets,
                loss, loss_settings, sums, block, shared, thread, n_threads,
                data, flat(gathered), coming,
            ):  # fmt: skip
                return nonfinite
            value = 0.0
            for k in range(_n_blocks(n, block)):
                value += sums[k]
            value *= loss_scale
            own_alpha, own_size = alpha, size
            if thread == 0:
                call(rates, (found, learning_rate, t, step_settings, momentum_product))
                if shape:
                    arguments = (
                        trained, gradient, n_weights, size, learning_rate, limits,
                    )  # fmt: skip
                    value += call(shape, arguments)
            if shape:
                own_alpha, own_size = 0.0, 1.0
            if not barrier_wait(shared, n_threads):
                return nonfinite
            for k in range(thread, n_chunks, n_threads):
                end = (k + 1) * CHUNK if k + 1 < n_chunks else gradient.size
                sums[k] = call(
                    step,
                    (
                        trained, gradient, optimizer_state, found, k * CHUNK, end,
                        n_weights, own_alpha, own_size, step_settings,
                    ),
                )  # fmt: skip
            if not barrier_wait(shared, n_threads):
                return nonfinite
            squares = 0.0
            for k in range(n_chunks):
                squares += sums[k]
            if constrain:
                if thread == 0:
                    call(constrain, (limited, trained, gradient, limits))
                if not barrier_wait(shared, n_threads):
                    return nonfinite
            total += n * (value + 0.5 * own_alpha * squares) / size
        if thread == 0:
            counters[LOSS + epoch] += total
            counters[STEPS] = t
            counters[ROWS] = (epoch + 1) * stop
            # The rates have been used; only the first member knows all of the loss.
            found[0] = (
                0.0 * total
                + nan_if_nonfinite(theta)
                + nan_if_nonfinite(flat(optimizer_state))
            )
        if not barrier_wait(shared, n_threads):
            return nonfinite
        nonfinite = found[0]
        if nonfinite != 0.0:
            break
    return nonfinite


@inline_scalar
def _size(weights, rows, first, n):
    """Return the number of rows of a batch, or the sum of their weights."""
    if weights.size == 0:
        return float(n)
    size = 0.0
    for i in range(first, first + n):
        size += weights[rows[i] if rows.size else i]
    return size


@inline_scalar
def _n_blocks(n, block):
    return (n + block - 1) // block


@inline_scalar
def _gather(data, n_features, part, gathered):
    """Copy the rows of a block to their place in the batch."""
    for i in range(part.n):
        source = part.rows[part.first + i] * n_features
        copy(data, source, gathered, (part.begin + i) * n_features, n_features)


@inline_scalar
def _prefetch_rows(data, n_features, rows, first, last):
    """Ask for rows, so that they are in the cache when their turn comes."""
    for i in range(first, last):
        for j in range(0, n_features, CACHE_LINE // data.itemsize):
            prefetch(data, rows[i] * n_features + j)


@inline_scalar
def _learn(
    ops, batch, theta, gradient, values, deltas, n_features, targets,
    loss, settings, sums, block, shared, thread, n_threads, source, gathered, coming,
):  # fmt: skip
    """Find the loss of each block, and the gradient of a batch; False if called off.

    The rows are first copied from source to gathered, if that has elements. Rows
    before ``coming`` will have their turn in one of the next batches.
    """
    _transpose(ops, theta, gradient, thread, n_threads)
    if not barrier_wait(shared, n_threads):
        return False
    n = batch.size
    last = ops[ops.shape[0] - 1]
    for begin in range(thread * block, n, n_threads * block):
        part = block_of(batch, n_features, begin, block)
        if gathered.size:
            _gather(source, n_features, part, gathered)
            ahead = part.first + n
            end = ahead + part.n if ahead + part.n < coming else coming
            _prefetch_rows(source, n_features, part.rows, ahead, end)
        run_forward(ops, part, theta, values)
        delta = matrix(
            deltas, place(part, last[OUTPUT], last[FAN_OUT]), part.n, last[FAN_OUT]
        )
        raw = raw_of(ops, part, values)
        sums[begin // block] = call(loss, (raw, targets, part, delta, settings))
        _backward(ops, part, theta, gradient, values, deltas)
    if not barrier_wait(shared, n_threads):
        return False
    for k in range(ops.shape[0]):
        if ops[k, GRADIENT]:
            call(
                ops[k, GRADIENT],
                (ops[k], batch, gradient, values, deltas, thread, n_threads),
            )
    return barrier_wait(shared, n_threads)


@inline_scalar
def _transpose(ops, theta, gradient, thread, n_threads):
    """Put transposed weights, where backward needs them, in place of their gradient."""
    for k in range(thread, ops.shape[0], n_threads):
        if ops[k, TRANSPOSE]:
            start = ops[k, WEIGHTS]
            shape = ops[k, FAN_IN], ops[k, FAN_OUT]
            call(ops[k, TRANSPOSE], (theta, start, gradient, start, *shape))


@inline_scalar
def _backward(ops, batch, theta, gradient, values, deltas):
    """Run all operations backwards from the gradient of the raw outputs."""
    for k in range(ops.shape[0] - 1, -1, -1):
        call(ops[k, BACKWARD], (ops[k], batch, theta, gradient, values, deltas))
