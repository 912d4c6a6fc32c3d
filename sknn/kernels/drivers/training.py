"""The driver of training: whole epochs in one call.

It walks the batches and allocates nothing. It processes the rows from ``start`` to
``stop``: compiled code does not see Ctrl-C, so Python calls it for a slice of the rows
at a time where all rows would take long.
"""

from sknn.jit.array_types import Float64s
from sknn.jit.kernel import REAL, driver, flat
from sknn.kernels.drivers.barrier import barrier_wait
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
from sknn.kernels.drivers.steps import (
    Step,
    batch_of,
    gradient_of_batch,
    total_weight,
    train_step,
)
from sknn.kernels.math.finite import nan_if_nonfinite

# Counters that `epochs` updates, in float64: the steps since training began, the rows
# processed in epochs not yet recorded and, from LOSS on, their losses summed over rows.
STEPS, ROWS, LOSS = 0, 1, 2
MOST_EPOCHS = 64  # in a call
N_COUNTERS = LOSS + MOST_EPOCHS

# Prefetch rows one batch ahead when the data exceed this size.
PREFETCH_ABOVE = 2**19  # bytes


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
    team : Team
    """
    start, stop, batch_size = batches.start, batches.stop, batches.batch_size
    nonfinite, t = 0.0, int(counters[STEPS])
    first_step, smallest = t + 1, batches.smallest
    n_bytes = dataset.data.size * dataset.data.itemsize
    prefetch_stop = stop if n_bytes > PREFETCH_ABOVE else 0
    for epoch in range(batches.n_epochs):
        rows = batches.orders[epoch % batches.orders.shape[0]]
        epoch_loss = counters[LOSS + epoch]  # of calls for the rows before
        for first in range(start, stop, batch_size):
            if first > start and stop - first < smallest:
                break
            n = batch_size if stop - first >= batch_size + smallest else stop - first
            t += 1
            if total_weight(dataset.weights, rows, first, n) == 0.0:
                continue  # no row has a weight
            size = batch_weights.mean_class_weight * total_weight(
                batch_weights.sample_weight, rows, first, n
            )
            batch = batch_of(dataset, batches, rows, first, n, t)
            is_done, loss = gradient_of_batch(
                network, dataset, batches, batch, objective, workspace, team,
                prefetch_stop,
            )  # fmt: skip
            if not is_done:
                return nonfinite
            step = Step(t, t - first_step, n, size)
            is_done, loss = train_step(
                network, optimizer, regularization, workspace, step, loss * loss_scale,
                team,
            )  # fmt: skip
            if not is_done:
                return nonfinite
            epoch_loss += loss
        if team.thread == 0:
            counters[LOSS + epoch] = epoch_loss
            counters[STEPS] = t
            counters[ROWS] = batches.rows_before + (epoch + 1) * stop
            # Thread 0 alone adds up the loss; the rates are not needed any more.
            optimizer.step_rates[0] = (
                0.0 * epoch_loss
                + nan_if_nonfinite(network.theta)
                + nan_if_nonfinite(flat(optimizer.optimizer_state))
            )
        if not barrier_wait(team.shared, team.n_threads):
            return nonfinite
        nonfinite = optimizer.step_rates[0]
        if nonfinite != 0.0:
            break
    return nonfinite
