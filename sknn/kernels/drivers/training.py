"""The driver of training: whole epochs in one call.

It walks the batches and allocates nothing. It processes the rows from ``start`` to
``stop``: compiled code does not see Ctrl-C, so Python calls it for a slice of the rows
at a time where all rows would take long.
"""

from sknn.jit.array_types import Float64s, Integers, Vector
from sknn.jit.kernel import REAL, driver, flat, inline_scalar
from sknn.kernels.batch import Batch
from sknn.kernels.drivers.barrier import barrier_wait
from sknn.kernels.drivers.gradient import loss_and_gradient, n_blocks
from sknn.kernels.drivers.records import (
    BATCH_WEIGHTS,
    BATCHES,
    DATASET,
    NETWORK,
    OBJECTIVE,
    OPTIMIZER,
    REALS,
    REGULARIZATION,
    TEAM,
    WORKSPACE,
    Batches,
    BatchWeights,
    Dataset,
    NetworkArrays,
    Objective,
    Optimizer,
    Regularization,
    Team,
    Workspace,
)
from sknn.kernels.math.counter_rng import batch_key
from sknn.kernels.math.finite import nan_if_nonfinite
from sknn.kernels.optim.optimizers import call_rates, call_step
from sknn.kernels.optim.regularization import call_constrain, call_shape

# Counters that `epochs` updates, in float64: the steps since training began, the rows
# processed in epochs not yet recorded and, from LOSS on, their losses summed over rows.
STEPS, ROWS, LOSS = 0, 1, 2
MOST_EPOCHS = 64  # in a call
N_COUNTERS = LOSS + MOST_EPOCHS

CHUNK = 2**14  # parameters that a thread updates at a time
# Prefetch rows one batch ahead when the data exceed this size.
PREFETCH_ABOVE = 2**19  # bytes
N_RATES = 3  # of an optimizer's step, at the start of `sums`


@driver(
    (
        NETWORK, DATASET, BATCH_WEIGHTS, BATCHES, OBJECTIVE, REAL, OPTIMIZER,
        REGULARIZATION, REALS, WORKSPACE, TEAM,
    )
)  # fmt: skip
def epochs(
    network: NetworkArrays,
    dataset: Dataset,
    batch_weights: BatchWeights,
    batches: Batches,
    objective: Objective,
    loss_scale: float,
    optimizer: Optimizer,
    regularization: Regularization,
    counters: Float64s,
    workspace: Workspace,
    team: Team,
) -> float:
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
    gradient, thread, n_threads = workspace.gradient, team.thread, team.n_threads
    start, stop, batch_size = batches.start, batches.stop, batches.batch_size
    smallest, block = batches.smallest, batches.block
    nonfinite, t = 0.0, int(counters[STEPS])
    n_before = t  # steps before this call
    trained = network.theta[: gradient.size]
    step_rates, sums = workspace.sums[:N_RATES], workspace.sums[N_RATES:]
    of_batch = Workspace(gradient, workspace.values, workspace.deltas, sums)
    n_chunks = n_blocks(gradient.size, CHUNK)
    n_bytes = dataset.data.size * dataset.data.itemsize
    prefetch_stop = stop if n_bytes > PREFETCH_ABOVE else 0
    gathered = flat(batches.gathered)
    for epoch in range(batches.n_epochs):
        rows = batches.orders[epoch % batches.orders.shape[0]]
        epoch_loss = counters[LOSS + epoch]  # of calls for the rows before
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
            batch = _batch_of(dataset, batches, rows, first, n, t)
            if not loss_and_gradient(
                network, batch, dataset, objective, of_batch, block, team, gathered,
                prefetch_stop,
            ):  # fmt: skip
                return nonfinite
            batch_loss = 0.0
            for k in range(n_blocks(n, block)):
                batch_loss += sums[k]
            batch_loss *= loss_scale
            step_alpha, divisor = optimizer.alpha, size
            if thread == 0:
                batch_loss += _prepare_step(
                    optimizer, regularization, trained, gradient, size, t,
                    t - 1 - n_before, step_rates,
                )  # fmt: skip
            if regularization.shape:
                step_alpha, divisor = 0.0, 1.0
            if not barrier_wait(team.shared, n_threads):
                return nonfinite
            _step(optimizer, trained, of_batch, step_rates, step_alpha, divisor, team)
            if not barrier_wait(team.shared, n_threads):
                return nonfinite
            squares = 0.0
            for k in range(n_chunks):
                squares += sums[k]
            if not _constrain(regularization, trained, gradient, team):
                return nonfinite
            epoch_loss += n * (batch_loss + 0.5 * step_alpha * squares) / size
        if thread == 0:
            counters[LOSS + epoch] = epoch_loss
            counters[STEPS] = t
            counters[ROWS] = batches.rows_before + (epoch + 1) * stop
            # Thread 0 alone adds up the loss; the rates are not needed any more.
            step_rates[0] = (
                0.0 * epoch_loss
                + nan_if_nonfinite(network.theta)
                + nan_if_nonfinite(flat(optimizer.optimizer_state))
            )
        if not barrier_wait(team.shared, n_threads):
            return nonfinite
        nonfinite = step_rates[0]
        if nonfinite != 0.0:
            break
    return nonfinite


@inline_scalar
def _batch_of(
    dataset: Dataset, batches: Batches, rows: Integers, first: int, n: int, t: int
) -> Batch:
    """Return the n rows from one on, in their order, as the batch of step t."""
    data, offset = dataset.data, first * dataset.n_features
    if batches.gathered.size:
        data, offset = batches.gathered_data, 0
    return Batch(
        data, offset, dataset.indices, dataset.indptr, dataset.weights, rows, first, n,
        0, n, batch_key(batches.seed, t),
    )  # fmt: skip


@inline_scalar
def _prepare_step(
    optimizer: Optimizer,
    regularization: Regularization,
    trained: Vector,
    gradient: Vector,
    size: float,
    t: int,
    k: int,
    step_rates: Float64s,
) -> float:
    """Set the rates of step t and shape the gradient; return the penalty, or 0.0.

    It is the k-th step of the call, from 0 on.
    """
    rates = optimizer.learning_rates
    learning_rate = rates[k] if rates.size > 1 else rates[0]
    call_rates(
        optimizer.rates,
        (
            step_rates, learning_rate, t, optimizer.step_settings,
            optimizer.momentum_product,
        ),
    )  # fmt: skip
    if regularization.shape:
        return call_shape(
            regularization.shape,
            (
                trained, gradient, optimizer.n_weights, size, learning_rate,
                regularization.decay_ends, regularization.decay_factors,
                regularization.regularization_settings,
            ),
        )  # fmt: skip
    return 0.0


@inline_scalar
def _step(
    optimizer: Optimizer,
    trained: Vector,
    workspace: Workspace,
    step_rates: Float64s,
    alpha: float,
    divisor: float,
    team: Team,
) -> None:
    """Update a thread's chunks of the parameters; set their sums to w**2, summed.

    Within a chunk, segment by segment of the same learning rate.
    """
    gradient = workspace.gradient
    n_chunks, segment = n_blocks(gradient.size, CHUNK), 0
    for k in range(team.thread, n_chunks, team.n_threads):
        begin, end = k * CHUNK, gradient.size
        if k + 1 < n_chunks:
            end = begin + CHUNK
        workspace.sums[k] = 0.0
        while begin < end:
            while optimizer.rate_ends[segment] <= begin:
                segment += 1
            stop = optimizer.rate_ends[segment]
            stop = stop if stop < end else end
            workspace.sums[k] += call_step(
                optimizer.step,
                (
                    trained, gradient, optimizer.optimizer_state, step_rates,
                    optimizer.rate_factors[segment], begin, stop, optimizer.n_weights,
                    alpha, divisor, optimizer.step_settings,
                ),
            )  # fmt: skip
            begin = stop


@inline_scalar
def _constrain(
    regularization: Regularization, trained: Vector, gradient: Vector, team: Team
) -> bool:
    """Apply max-norm in thread 0, if it is set; return False if called off."""
    if regularization.constrain == 0:
        return True
    if team.thread == 0:
        call_constrain(
            regularization.constrain,
            (
                regularization.constrained, trained, gradient,
                regularization.regularization_settings,
            ),
        )  # fmt: skip
    return barrier_wait(team.shared, team.n_threads)


@inline_scalar
def _total_weight(weights: Vector, rows: Integers, first: int, n: int) -> float:
    """Return sum(weights[rows[first : first + n]]), or n if weights is empty."""
    if weights.size == 0:
        return float(n)
    size = 0.0
    for i in range(first, first + n):
        size += weights[rows[i] if rows.size else i]
    return size
