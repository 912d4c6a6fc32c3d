"""Drivers of training on several machines: the gradient of a part of a batch, a step.

Between the two, the parts are summed over the machines; `training.epochs` is what one
machine does in one call.
"""

from sknn.jit.array_types import Float64s
from sknn.jit.kernel import REAL, driver
from sknn.kernels.drivers.gradient import n_blocks
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
    CHUNK,
    N_RATES,
    batch_of,
    constrain,
    gradient_of_batch,
    make_step,
    prepare_step,
    total_weight,
)
from sknn.kernels.drivers.training import LOSS, ROWS, STEPS

# What `batch_gradient` writes, to be summed over all parts of a batch.
BATCH_LOSS, BATCH_SIZE, N_BATCH_ROWS = 0, 1, 2
N_TOTALS = 3


@driver(
    (
        NETWORK, DATASET, BATCH_WEIGHTS, BATCHES, OBJECTIVE, REALS, REALS, WORKSPACE,
        TEAM,
    )
)  # fmt: skip
def batch_gradient(
    network: NetworkArrays,
    dataset: Dataset,
    batch_weights: BatchWeights,
    batches: Batches,
    objective: Objective,
    counters: Float64s,
    totals: Float64s,
    workspace: Workspace,
    team: Team,
) -> float:
    """Compute the summed loss of the rows from ``start`` to ``stop``, and its gradient.

    The loss is the sum of weight * loss(y, z) over these rows.

    Parameters
    ----------
    network : NetworkArrays
    dataset : Dataset
    batch_weights : BatchWeights
    batches : Batches
        Its rows are one part of one batch.
    objective : Objective
    counters : ndarray of shape (N_COUNTERS,), float64
        Not changed.
    totals : ndarray of shape (N_TOTALS,), float64
        Output: the loss, the size of the part and the number of its rows.
    workspace : Workspace
        Output: the gradient.
    team : Team
    """
    first, n = batches.start, batches.stop - batches.start
    rows, sums = batches.orders[0], workspace.sums[N_RATES:]
    totals[:] = 0.0
    totals[N_BATCH_ROWS] = n
    if n == 0 or total_weight(dataset.weights, rows, first, n) == 0.0:
        workspace.gradient[:] = 0.0
        return 0.0
    t = int(counters[STEPS]) + 1
    totals[BATCH_SIZE] = batch_weights.mean_class_weight * total_weight(
        batch_weights.sample_weight, rows, first, n
    )
    batch = batch_of(dataset, batches, rows, first, n, t)
    of_batch = Workspace(
        workspace.gradient, workspace.values, workspace.deltas, sums,
        workspace.part_gradient,
    )  # fmt: skip
    _, totals[BATCH_LOSS] = gradient_of_batch(
        network, dataset, batches, batch, objective, of_batch, team, 0
    )
    return 0.0


@driver(
    (NETWORK, OPTIMIZER, REGULARIZATION, REAL, REALS, REALS, WORKSPACE, TEAM)
)  # fmt: skip
def optimizer_step(
    network: NetworkArrays,
    optimizer: Optimizer,
    regularization: Regularization,
    loss_scale: float,
    counters: Float64s,
    totals: Float64s,
    workspace: Workspace,
    team: Team,
) -> float:
    """Make one step of the optimizer, with the gradient of a batch.

    Adds n_rows * (loss_scale * loss + penalty) / size to the counter LOSS, where
    n_rows, loss and size are the totals.

    Parameters
    ----------
    network : NetworkArrays
    optimizer : Optimizer
    regularization : Regularization
    loss_scale : float
        Factor of the reported loss.
    counters : ndarray of shape (N_COUNTERS,), float64
        STEPS, ROWS and LOSS are updated.
    totals : ndarray of shape (N_TOTALS,), float64
        What `batch_gradient` computes, summed over the parts of the batch.
    workspace : Workspace
        Its gradient is summed over the parts as well. Overwritten.
    team : Team
    """
    gradient, t = workspace.gradient, int(counters[STEPS]) + 1
    n, size = totals[N_BATCH_ROWS], totals[BATCH_SIZE]
    trained, loss = network.theta[: gradient.size], 0.0
    step_rates, sums = workspace.sums[:N_RATES], workspace.sums[N_RATES:]
    of_batch = Workspace(
        gradient, workspace.values, workspace.deltas, sums, workspace.part_gradient
    )
    if size > 0.0:
        batch_loss = totals[BATCH_LOSS] * loss_scale
        batch_loss += prepare_step(
            optimizer, regularization, trained, gradient, size, t, 0, step_rates
        )
        step_alpha, divisor = optimizer.alpha, size
        if regularization.shape:
            step_alpha, divisor = 0.0, 1.0
        make_step(optimizer, trained, of_batch, step_rates, step_alpha, divisor, team)
        squares = 0.0
        for k in range(n_blocks(gradient.size, CHUNK)):
            squares += sums[k]
        constrain(regularization, trained, gradient, team)
        loss = n * (batch_loss + 0.5 * step_alpha * squares) / size
    counters[LOSS] += loss
    counters[STEPS] = t
    counters[ROWS] += n
    return 0.0
