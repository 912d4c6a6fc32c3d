"""Drivers of training on several machines: the gradient of a part of a batch, a step.

Between the two, the parts are summed over the machines; `training.epochs` is what one
machine does in one call.
"""

from sknn.jit.array_types import Float64s
from sknn.jit.kernel import REAL, driver
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
    rows = batches.orders[0]
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
    _, totals[BATCH_LOSS] = gradient_of_batch(
        network, dataset, batches, batch, objective, workspace, team, 0
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
    t, loss = int(counters[STEPS]) + 1, 0.0
    n, size = totals[N_BATCH_ROWS], totals[BATCH_SIZE]
    if size > 0.0:
        _, loss = train_step(
            network, optimizer, regularization, workspace, Step(t, 0, int(n), size),
            totals[BATCH_LOSS] * loss_scale, team,
        )  # fmt: skip
    counters[LOSS] += loss
    counters[STEPS] = t
    counters[ROWS] += n
    return 0.0
