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

from collections import namedtuple

from sknn.jit.kernel import (
    INTEGER,
    REAL,
    Array,
    Record,
    driver,
    flat,
    inline_scalar,
    matrix,
    prefetch,
)
from sknn.kernels.batch import Batch, block_of, block_offset
from sknn.kernels.drivers.barrier import barrier_wait
from sknn.kernels.drivers.records import (
    ACTIVATIONS,
    DATASET,
    NETWORK,
    OBJECTIVE,
    READONLY,
    REALS,
    SETTINGS,
    SQUARE,
    TABLE,
    TEAM,
    VECTOR,
    WORKSPACE,
    Workspace,
    rows_of,
)
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

# Rows, and how they are divided:
#   start, stop : range of rows
#   batch_size, block : rows of a batch, and of the blocks that it is processed in
Span = namedtuple("Span", "start stop batch_size block")
SPAN = Record(Span, (INTEGER,) * 4)

# What the rows of a batch count:
#   sample_weight : shape (n_samples,) or (0,)
#   mean_class_weight : the size of a batch is the sum of its sample weights times this
BatchWeights = namedtuple("BatchWeights", "sample_weight mean_class_weight")
BATCH_WEIGHTS = Record(BatchWeights, (READONLY, REAL))

# The batches of several epochs:
#   orders : int64 of shape (n_epochs or 1, n_samples or 0), the order of the rows in
#       each epoch, or in all; with 0 columns: unshuffled
#   gathered : shape (most rows of a batch, n_features) or (0, 0), memory for the rows
#       of a batch; empty: read them in place
#   gathered_data : the same memory, flat and read-only
#   n_epochs, start, stop : number of epochs and range of rows; the range of several
#       epochs is all rows
#   batch_size, smallest, block : rows of a batch; fewer remaining rows than `smallest`
#       join the last batch; rows of the blocks that a batch is processed in
#   seed : of dropout
Batches = namedtuple(
    "Batches",
    "orders gathered gathered_data n_epochs start stop batch_size smallest block seed",
)
BATCHES = Record(Batches, (Array(INTEGER, 2, True), SQUARE, READONLY, *[INTEGER] * 7))

# The optimizer:
#   rates, step : addresses of its kernels
#   step_settings : float64 of shape (N_SETTINGS,)
#   alpha, learning_rate : L2 penalty and learning rate
#   n_weights : number of penalised parameters, the first of theta
#   optimizer_state : shape (n_slots, n_trained), updated in place
#   momentum_product : float64 of shape (1,), likewise
Optimizer = namedtuple(
    "Optimizer",
    "rates step step_settings alpha learning_rate n_weights optimizer_state "
    "momentum_product",
)
OPTIMIZER = Record(
    Optimizer, (INTEGER, INTEGER, SETTINGS, REAL, REAL, INTEGER, SQUARE, REALS)
)

# What the optimizer's own pass does not do:
#   shape, constrain : addresses of `shape_gradient` and `constrain`; 0: not needed
#   limits : float64 of shape (N_LIMITS,), their settings
#   limited : int64 of shape (n, N_COLUMNS), the weights that `constrain` limits
Regularization = namedtuple("Regularization", "shape constrain limits limited")
REGULARIZATION = Record(Regularization, (INTEGER, INTEGER, SETTINGS, TABLE))


@driver((NETWORK, DATASET, SPAN, OBJECTIVE, VECTOR, WORKSPACE, TEAM))
def loss_gradient(network, dataset, span, objective, gradient_sum, workspace, team):
    """Return sum of weight * loss(y, z) over rows; add its gradient to gradient_sum.

    There is no penalty, and no division by the number of rows. Thread 0 returns the
    loss.

    Parameters
    ----------
    network : NetworkArrays
    dataset : Dataset
    span : Span
    objective : Objective
    gradient_sum : ndarray of shape (n_trained,)
    workspace : Workspace
    team : Team
    """
    total = 0.0
    thread, n_threads = team.thread, team.n_threads
    for first in range(span.start, span.stop, span.batch_size):
        rest = span.stop - first
        n = span.batch_size if span.batch_size < rest else rest
        if not _loss_and_gradient(
            network, rows_of(dataset, first, n), dataset, objective, workspace,
            span.block, team, workspace.values[:0], 0,
        ):  # fmt: skip
            return total
        for k in range(_n_blocks(n, span.block)):
            total += workspace.sums[k]
        begin = gradient_sum.size * thread // n_threads
        for i in range(begin, gradient_sum.size * (thread + 1) // n_threads):
            gradient_sum[i] += workspace.gradient[i]
        if not barrier_wait(team.shared, n_threads):
            return total
    return total


@driver((NETWORK, VECTOR, ACTIVATIONS, DATASET, INTEGER, INTEGER))
def backward(network, gradient, activations, dataset, first, n):
    """Fill deltas by backpropagation, from the gradient of the raw outputs in deltas.

    Parameters
    ----------
    network : NetworkArrays
    gradient : ndarray of shape (n_trained,)
        Workspace for transposed weights.
    activations : Activations
        Outputs of all operations for these n rows, and their gradients.
    dataset : Dataset
    first, n : int
        First row and number of rows.
    """
    batch = rows_of(dataset, first, n)
    _transpose(network, gradient, 0, 1)
    _backward(network, batch, gradient, activations)
    return 0.0


@driver(
    (
        NETWORK, DATASET, BATCH_WEIGHTS, BATCHES, OBJECTIVE, REAL, OPTIMIZER,
        REGULARIZATION, REALS, WORKSPACE, TEAM,
    )
)  # fmt: skip
def epochs(
    network, dataset, batch_weights, batches, objective, loss_scale, optimizer,
    regularization, counters, workspace, team,
):  # fmt: skip
    """Run epochs of minibatch training; stop after an epoch that diverges.

    For each batch: compute the gradient of the summed loss, divide by the size of the
    batch, regularize, and make one step of the optimizer. Returns 0.0 if the loss,
    theta and optimizer_state are finite, else NaN.

    Parameters
    ----------
    network : NetworkArrays
    dataset : Dataset
    batch_weights : BatchWeights
    batches : Batches
    objective : Objective
    loss_scale : float
        Factor of the reported loss, such as 1 / n_outputs.
    optimizer : Optimizer
    regularization : Regularization
    counters : ndarray of shape (N_COUNTERS,), float64
        STEPS, ROWS and, from LOSS on, the loss of each epoch with its penalty, summed
        over rows. Updated at the end of an epoch, so that an interrupt never finds them
        out of step with theta.
    workspace : Workspace
        Its sums are of shape (N_RATES + n_sums,): memory for the rates, and for the
        sum of each block or each CHUNK.
    team : Team
    """
    theta, gradient = network.theta, workspace.gradient
    thread, n_threads = team.thread, team.n_threads
    start, stop, batch_size = batches.start, batches.stop, batches.batch_size
    smallest, block = batches.smallest, batches.block
    n_weights, shape = optimizer.n_weights, regularization.shape
    nonfinite, t = 0.0, int(counters[STEPS])
    trained = theta[: gradient.size]
    step_rates, sums = workspace.sums[:N_RATES], workspace.sums[N_RATES:]
    own = Workspace(gradient, workspace.values, workspace.deltas, sums)
    n_chunks = _n_blocks(gradient.size, CHUNK)
    n_bytes = dataset.data.size * dataset.data.itemsize
    prefetch_stop = stop if n_bytes > PREFETCH_ABOVE else 0
    gathered = flat(batches.gathered)
    for epoch in range(batches.n_epochs):
        rows, epoch_loss = batches.orders[epoch % batches.orders.shape[0]], 0.0
        for first in range(start, stop, batch_size):
            if first > start and stop - first < smallest:
                break
            n = batch_size if stop - first >= batch_size + smallest else stop - first
            t += 1
            if _total_weight(dataset.weights, rows, first, n) == 0.0:
                continue  # no row has a weight
            size = batch_weights.mean_class_weight * _total_weight(
                batch_weights.sample_weight, rows, first, n
            )
            batch_data, offset = dataset.data, first * dataset.n_features
            if gathered.size:
                batch_data, offset = batches.gathered_data, 0
            batch = Batch(
                batch_data, offset, dataset.indices, dataset.indptr, dataset.weights,
                rows, first, n, 0, n, batch_key(batches.seed, t),
            )  # fmt: skip
            if not _loss_and_gradient(
                network, batch, dataset, objective, own, block, team, gathered,
                prefetch_stop,
            ):  # fmt: skip
                return nonfinite
            batch_loss = 0.0
            for k in range(_n_blocks(n, block)):
                batch_loss += sums[k]
            batch_loss *= loss_scale
            step_alpha, divisor = optimizer.alpha, size
            if thread == 0:
                call_rates(
                    optimizer.rates,
                    (
                        step_rates, optimizer.learning_rate, t,
                        optimizer.step_settings, optimizer.momentum_product,
                    ),
                )  # fmt: skip
                if shape:
                    arguments = (
                        trained, gradient, n_weights, size, optimizer.learning_rate,
                        regularization.regularization_settings,
                    )  # fmt: skip
                    batch_loss += call_shape(shape, arguments)
            if shape:
                step_alpha, divisor = 0.0, 1.0
            if not barrier_wait(team.shared, n_threads):
                return nonfinite
            for k in range(thread, n_chunks, n_threads):
                end = (k + 1) * CHUNK if k + 1 < n_chunks else gradient.size
                sums[k] = call_step(
                    optimizer.step,
                    (
                        trained, gradient, optimizer.optimizer_state, step_rates,
                        k * CHUNK, end, n_weights, step_alpha, divisor,
                        optimizer.step_settings,
                    ),
                )  # fmt: skip
            if not barrier_wait(team.shared, n_threads):
                return nonfinite
            squares = 0.0
            for k in range(n_chunks):
                squares += sums[k]
            if regularization.constrain:
                if thread == 0:
                    call_constrain(
                        regularization.constrain,
                        (
                            regularization.constrained, trained, gradient,
                            regularization.regularization_settings,
                        ),
                    )  # fmt: skip
                if not barrier_wait(team.shared, n_threads):
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
                + nan_if_nonfinite(flat(optimizer.optimizer_state))
            )
        if not barrier_wait(team.shared, n_threads):
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
    network, batch, dataset, objective, workspace, block, team, gathered, prefetch_stop
):
    """Compute the loss of each block and the gradient of a batch; False if called off.

    Parameters
    ----------
    network : NetworkArrays
    batch : Batch
    dataset : Dataset
    objective : Objective
    workspace : Workspace
        Output: the gradient of the summed loss, overwritten, and the summed loss of
        each block.
    block : int
        Rows of a block.
    team : Team
    gathered : ndarray, 1-D
        The rows of a block are first copied here from the data, unless this is empty.
    prefetch_stop : int
        Prefetch the rows one batch ahead that come before this position; 0: none.
    """
    ops, theta = network.ops, network.theta
    values, deltas = workspace.values, workspace.deltas
    thread, n_threads = team.thread, team.n_threads
    _transpose(network, workspace.gradient, thread, n_threads)
    if not barrier_wait(team.shared, n_threads):
        return False
    n, n_features = batch.size, dataset.n_features
    last = ops[ops.shape[0] - 1]
    for begin in range(thread * block, n, n_threads * block):
        row_block = block_of(batch, n_features, begin, block)
        if gathered.size:
            _gather(dataset.data, n_features, row_block, gathered)
            ahead = row_block.first + n
            end = ahead + row_block.n
            end = end if end < prefetch_stop else prefetch_stop
            _prefetch_rows(dataset.data, n_features, row_block.rows, ahead, end)
        run_forward(ops, row_block, theta, values)
        delta_start = block_offset(row_block, last[OUTPUT], last[FAN_OUT])
        delta = matrix(deltas, delta_start, row_block.n, last[FAN_OUT])
        raw = raw_of(ops, row_block, values)
        workspace.sums[begin // block] = call_loss(
            objective.loss,
            (raw, dataset.targets, row_block, delta, objective.loss_settings),
        )
        _backward(network, row_block, workspace.gradient, workspace)
    if not barrier_wait(team.shared, n_threads):
        return False
    for k in range(ops.shape[0]):
        if ops[k, GRADIENT]:
            call_gradient(
                ops[k, GRADIENT],
                (
                    ops[k], batch, workspace.gradient, values, deltas, thread,
                    n_threads,
                ),
            )  # fmt: skip
    return barrier_wait(team.shared, n_threads)


@inline_scalar
def _transpose(network, gradient, thread, n_threads):
    """Write the transposed weights that backward needs where their gradient will be."""
    ops = network.ops
    for k in range(thread, ops.shape[0], n_threads):
        if ops[k, TRANSPOSE]:
            start = ops[k, WEIGHTS]
            shape = ops[k, FAN_IN], ops[k, FAN_OUT]
            call_transpose(
                ops[k, TRANSPOSE], (network.theta, start, gradient, start, *shape)
            )


@inline_scalar
def _backward(network, batch, gradient, activations):
    """Run all operations backwards for a block, from the gradient in deltas."""
    ops = network.ops
    for k in range(ops.shape[0] - 1, -1, -1):
        call_backward(
            ops[k, BACKWARD],
            (
                ops[k], batch, network.theta, gradient, activations.values,
                activations.deltas,
            ),
        )  # fmt: skip
