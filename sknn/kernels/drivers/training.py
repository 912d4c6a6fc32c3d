"""Drivers of training: whole epochs, or a full gradient, in one call.

They walk the table of operations and the batches, and allocate nothing. They process
the rows from ``start`` to ``stop``: compiled code does not see Ctrl-C, so Python calls
them for a slice of the rows at a time where all rows would take long.

The gradient of a batch is computed in two phases. In the first, each block of its rows
passes through all operations forwards and backwards, so that the output of an operation
is still in the cache when the next one reads it. In the second, the gradient of the
parameters is computed from all rows at once. Threads divide the blocks among them in
the first phase, and the parameters in the second.
"""

from sknn.jit.kernel import (
    INT32,
    INTEGER,
    REAL,
    Array,
    driver,
    flat,
    inline_scalar,
    matrix,
    prefetch,
)
from sknn.kernels.batch import Batch, block_of, place, rows_as_they_are
from sknn.kernels.drivers.barrier import barrier_wait
from sknn.kernels.gemm.products import call_transpose, copy
from sknn.kernels.layers.base import call_backward, call_gradient, raw_of, run_forward
from sknn.kernels.losses.base import call_loss
from sknn.kernels.math.counter_rng import batch_key
from sknn.kernels.math.finite import nan_if_nonfinite
from sknn.kernels.optim.optimizers import call_rates, call_step
from sknn.kernels.optim.regularization import call_constrain, call_shape
from sknn.kernels.table import (
    BACKWARD,
    FAN_IN,
    FAN_OUT,
    GRADIENT,
    OUTPUT,
    TRANSPOSE,
    WEIGHTS,
)

# Counters that `epochs` updates, in float64: the steps since training began, the rows
# processed in epochs not yet recorded and, from LOSS on, their losses summed over rows.
STEPS, ROWS, LOSS = 0, 1, 2
MOST_EPOCHS = 64  # in a call
N_COUNTERS = LOSS + MOST_EPOCHS

CHUNK = 2**14  # parameters that a thread updates at a time
CACHE_LINE = 64  # bytes
# Prefetch rows one batch ahead when the data exceed this size.
PREFETCH_ABOVE = 2**19  # bytes
N_RATES = 3  # of an optimizer's step, at the start of `sums`


TABLE, VECTOR, SQUARE = Array(INTEGER, 2), Array(), Array(ndim=2)
_READONLY, _ORDERS = Array(is_read_only=True), Array(INTEGER, 2, True)
SETTINGS = Array(REAL, is_read_only=True)
_REALS, INTEGERS = Array(REAL), Array(INTEGER)
# data, indices, indptr, n_features, targets, weights
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
    """Return sum of weight * loss(y, z) over rows; add its gradient to gradient.

    There is no penalty, and no division by the number of rows.

    Parameters
    ----------
    ops : ndarray of shape (n_operations, N_COLUMNS), int64
        Table of operations.
    theta : ndarray of shape (n_parameters,)
    gradient, partial : ndarray of shape (n_trained,)
        The gradient, added to, and workspace for the gradient of a batch.
    values, deltas : ndarray, 1-D
        Workspace for the outputs of all operations and their gradients, batch_size
        rows each.
    data, indices, indptr, n_features
        Dense or CSR matrix X; see `Batch`.
    targets : ndarray of shape (n_samples, n_targets)
    weights : ndarray of shape (n_samples,) or (0,)
    start, stop : int
        Range of rows.
    batch_size, block : int
        Rows of a batch, and of the blocks that it is processed in.
    loss : int
        Address of the kernel of the loss.
    settings : ndarray of shape (n_settings,), float64
        Settings of the loss.
    sums : ndarray, float64
        Workspace for the loss of each block.
    shared, thread, n_threads
        Barrier, number of this thread and of all; see `barrier.py`. Thread 0 returns
        the loss.
    """
    total = 0.0
    for first in range(start, stop, batch_size):
        n = batch_size if first + batch_size < stop else stop - first
        batch = rows_as_they_are(data, indices, indptr, weights, n_features, first, n)
        if not _loss_and_gradient(
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
    """Fill deltas by backpropagation, from the gradient of the raw outputs in deltas.

    Parameters
    ----------
    ops : ndarray of shape (n_operations, N_COLUMNS), int64
        Table of operations.
    theta : ndarray of shape (n_parameters,)
    gradient : ndarray of shape (n_trained,)
        Workspace for transposed weights.
    values, deltas : ndarray, 1-D
        Outputs of all operations for these n rows, and their gradients.
    data, indices, indptr, n_features
        Dense or CSR matrix X; see `Batch`.
    first, n : int
        First row and number of rows.
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
    """Run n_epochs epochs of minibatch training; stop after an epoch that diverges.

    For each batch: compute the gradient of the summed loss, divide by the size of the
    batch, regularize, and make one step of the optimizer. Returns 0.0 if the loss,
    theta and optimizer_state are finite, else NaN.

    Parameters
    ----------
    ops, limited : ndarray of shape (n_operations, N_COLUMNS), int64
        Table of operations, and the rows of it whose weights ``constrain`` limits.
    theta : ndarray of shape (n_parameters,)
        Trained parameters, then the running statistics of batch normalization.
    gradient : ndarray of shape (n_trained,)
        Workspace.
    optimizer_state : ndarray of shape (n_slots, n_trained)
    momentum_product : ndarray of shape (1,), float64
        State of the optimizer, updated in place.
    values, deltas : ndarray, 1-D
        Workspace for the outputs of all operations and their gradients, batch_size
        rows each.
    data, indices, indptr, n_features
        Dense or CSR matrix X; see `Batch`.
    targets : ndarray of shape (n_samples, n_targets)
    weights : ndarray of shape (n_samples,) or (0,)
        Weights in the loss: sample weight times class weight; empty: all 1.
    sample_weight : ndarray of shape (n_samples,) or (0,)
    mean_class_weight : float
        The size of a batch is the sum of its sample weights times this mean.
    orders : ndarray of shape (n_epochs or 1, n_samples or 0), int64
        Order of the rows in each epoch, or in all; with 0 columns: unshuffled.
    gathered : ndarray of shape (most rows of a batch, n_features) or (0, 0)
        Workspace for the rows of a batch; empty: read them in place.
    gathered_data : ndarray, 1-D
        The same memory, flat and read-only.
    n_epochs, start, stop : int
        Number of epochs and range of rows; the range of several epochs is all rows.
    batch_size, smallest, block : int
        Rows of a batch; fewer remaining rows than ``smallest`` join the last batch;
        rows of the blocks that a batch is processed in.
    n_weights : int
        Number of penalised parameters, the first of theta.
    seed : int
        Seed of dropout.
    loss, loss_settings : int, ndarray of shape (n_settings,)
        Address of the kernel of the loss, and its settings.
    loss_scale : float
        Factor of the reported loss, such as 1 / n_outputs.
    rates, step, step_settings : int, int, ndarray of shape (N_SETTINGS,)
        Addresses of the kernels of the optimizer, and its settings.
    alpha, learning_rate : float
        L2 penalty and learning rate.
    shape, constrain : int
        Addresses of `shape_gradient` and `constrain`; 0: not needed.
    limits : ndarray of shape (N_LIMITS,), float64
        Settings of regularization.
    counters : ndarray of shape (N_COUNTERS,), float64
        STEPS, ROWS and, from LOSS on, the loss of each epoch with its penalty, summed
        over rows. Updated at the end of an epoch, so that an interrupt never finds them
        out of step with theta.
    sums : ndarray of shape (N_RATES + n_sums,), float64
        Workspace for the rates, and for the sum of each block or each CHUNK.
    shared, thread, n_threads : ndarray of shape (N_SHARED,), int, int
        Barrier, number of this thread and of all; see `barrier.py`.
    """
    nonfinite, t = 0.0, int(counters[STEPS])
    trained = theta[: gradient.size]
    step_rates, sums = sums[:N_RATES], sums[N_RATES:]
    n_chunks = _n_blocks(gradient.size, CHUNK)
    prefetch_stop = stop if data.size * data.itemsize > PREFETCH_ABOVE else 0
    for epoch in range(n_epochs):
        rows, epoch_loss = orders[epoch % orders.shape[0]], 0.0
        for first in range(start, stop, batch_size):
            if first > start and stop - first < smallest:
                break
            n = batch_size if stop - first >= batch_size + smallest else stop - first
            t += 1
            if _total_weight(weights, rows, first, n) == 0.0:  # no row has a weight
                continue
            size = mean_class_weight * _total_weight(sample_weight, rows, first, n)
            key = batch_key(seed, t)
            batch_data, offset = data, first * n_features
            if gathered.size:
                batch_data, offset = gathered_data, 0
            batch = Batch(
                batch_data, offset, indices, indptr, weights, rows, first, n, 0, n, key
            )
            if not _loss_and_gradient(
                ops, batch, theta, gradient, values, deltas, n_features, targets,
                loss, loss_settings, sums, block, shared, thread, n_threads,
                data, flat(gathered), prefetch_stop,
            ):  # fmt: skip
                return nonfinite
            batch_loss = 0.0
            for k in range(_n_blocks(n, block)):
                batch_loss += sums[k]
            batch_loss *= loss_scale
            step_alpha, divisor = alpha, size
            if thread == 0:
                call_rates(
                    rates,
                    (step_rates, learning_rate, t, step_settings, momentum_product),
                )
                if shape:
                    arguments = (
                        trained, gradient, n_weights, size, learning_rate, limits,
                    )  # fmt: skip
                    batch_loss += call_shape(shape, arguments)
            if shape:
                step_alpha, divisor = 0.0, 1.0
            if not barrier_wait(shared, n_threads):
                return nonfinite
            for k in range(thread, n_chunks, n_threads):
                end = (k + 1) * CHUNK if k + 1 < n_chunks else gradient.size
                sums[k] = call_step(
                    step,
                    (
                        trained, gradient, optimizer_state, step_rates, k * CHUNK, end,
                        n_weights, step_alpha, divisor, step_settings,
                    ),
                )  # fmt: skip
            if not barrier_wait(shared, n_threads):
                return nonfinite
            squares = 0.0
            for k in range(n_chunks):
                squares += sums[k]
            if constrain:
                if thread == 0:
                    call_constrain(constrain, (limited, trained, gradient, limits))
                if not barrier_wait(shared, n_threads):
                    return nonfinite
            epoch_loss += n * (batch_loss + 0.5 * step_alpha * squares) / size
        if thread == 0:
            counters[LOSS + epoch] += epoch_loss
            counters[STEPS] = t
            counters[ROWS] = (epoch + 1) * stop
            # Thread 0 alone adds up the loss; the rates are not needed any more.
            step_rates[0] = (
                0.0 * epoch_loss
                + nan_if_nonfinite(theta)
                + nan_if_nonfinite(flat(optimizer_state))
            )
        if not barrier_wait(shared, n_threads):
            return nonfinite
        nonfinite = step_rates[0]
        if nonfinite != 0.0:
            break
    return nonfinite


@inline_scalar
def _total_weight(weights, rows, first, n):
    """Return sum(weights[rows[first : first + n]]), or n if weights is empty."""
    if weights.size == 0:
        return float(n)
    size = 0.0
    for i in range(first, first + n):
        size += weights[rows[i] if rows.size else i]
    return size


@inline_scalar
def _n_blocks(n, block):
    """Return ceil(n / block)."""
    return (n + block - 1) // block


@inline_scalar
def _gather(data, n_features, row_block, gathered):
    """Copy the rows of a block from data, shuffled, to their rows of the batch."""
    for i in range(row_block.n):
        source = row_block.rows[row_block.first + i] * n_features
        copy(data, source, gathered, (row_block.begin + i) * n_features, n_features)


@inline_scalar
def _prefetch_rows(data, n_features, rows, first, last):
    """Prefetch rows[first:last] of data, a flat matrix with n_features columns."""
    for i in range(first, last):
        for j in range(0, n_features, CACHE_LINE // data.itemsize):
            prefetch(data, rows[i] * n_features + j)


@inline_scalar
def _loss_and_gradient(
    ops, batch, theta, gradient, values, deltas, n_features, targets,
    loss, settings, sums, block, shared, thread, n_threads,
    source, gathered, prefetch_stop,
):  # fmt: skip
    """Compute the loss of each block and the gradient of a batch; False if called off.

    Parameters
    ----------
    ops, theta, values, deltas, n_features, targets, block
        As in `epochs`.
    batch : Batch
    gradient : ndarray of shape (n_trained,)
        Gradient of the summed loss, overwritten.
    loss, settings
        Address of the kernel of the loss, and its settings.
    sums : ndarray of shape (n_blocks or more,), float64
        Output: the summed loss of each block.
    shared, thread, n_threads
        See `barrier.py`.
    source, gathered : ndarray, 1-D
        The rows of a block are first copied from source to gathered, unless gathered
        is empty.
    prefetch_stop : int
        Prefetch the rows one batch ahead that come before this position; 0: none.
    """
    _transpose(ops, theta, gradient, thread, n_threads)
    if not barrier_wait(shared, n_threads):
        return False
    n = batch.size
    last = ops[ops.shape[0] - 1]
    for begin in range(thread * block, n, n_threads * block):
        row_block = block_of(batch, n_features, begin, block)
        if gathered.size:
            _gather(source, n_features, row_block, gathered)
            ahead = row_block.first + n
            end = ahead + row_block.n
            end = end if end < prefetch_stop else prefetch_stop
            _prefetch_rows(source, n_features, row_block.rows, ahead, end)
        run_forward(ops, row_block, theta, values)
        delta_start = place(row_block, last[OUTPUT], last[FAN_OUT])
        delta = matrix(deltas, delta_start, row_block.n, last[FAN_OUT])
        raw = raw_of(ops, row_block, values)
        sums[begin // block] = call_loss(
            loss, (raw, targets, row_block, delta, settings)
        )
        _backward(ops, row_block, theta, gradient, values, deltas)
    if not barrier_wait(shared, n_threads):
        return False
    for k in range(ops.shape[0]):
        if ops[k, GRADIENT]:
            call_gradient(
                ops[k, GRADIENT],
                (ops[k], batch, gradient, values, deltas, thread, n_threads),
            )
    return barrier_wait(shared, n_threads)


@inline_scalar
def _transpose(ops, theta, gradient, thread, n_threads):
    """Write the transposed weights that backward needs where their gradient will be."""
    for k in range(thread, ops.shape[0], n_threads):
        if ops[k, TRANSPOSE]:
            start = ops[k, WEIGHTS]
            shape = ops[k, FAN_IN], ops[k, FAN_OUT]
            call_transpose(ops[k, TRANSPOSE], (theta, start, gradient, start, *shape))


@inline_scalar
def _backward(ops, batch, theta, gradient, values, deltas):
    """Run all operations backwards for a block, from the gradient in deltas."""
    for k in range(ops.shape[0] - 1, -1, -1):
        call_backward(
            ops[k, BACKWARD], (ops[k], batch, theta, gradient, values, deltas)
        )
