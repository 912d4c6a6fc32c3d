"""The parts of a step of training, which drivers put together."""

from typing import NamedTuple

from sknn.jit.array_types import Float64s, Integers, Vector
from sknn.jit.kernel import flat, inline_scalar, like
from sknn.kernels.batch import Batch
from sknn.kernels.drivers.barrier import barrier_wait
from sknn.kernels.drivers.gradient import loss_and_gradient, n_blocks
from sknn.kernels.drivers.records import (
    Batches,
    Dataset,
    NetworkArrays,
    Objective,
    Optimizer,
    Regularization,
    Team,
    Workspace,
)
from sknn.kernels.layers.base import thread_range
from sknn.kernels.math.counter_rng import batch_key, draw
from sknn.kernels.optim.optimizers import call_rates, call_step
from sknn.kernels.optim.regularization import averages, call_constrain, call_shape

CHUNK = 2**14  # parameters that a thread updates at a time
N_RATES = 3  # of an optimizer's step


class Step(NamedTuple):
    """A step of the optimizer, and its batch.

    Attributes
    ----------
    t, k : int
        Number of the step since training began, from 1, and in this call, from 0.
    n_rows : int
        Rows of the batch.
    size : float
        Number of these rows, or the sum of their weights.
    """

    t: int
    k: int
    n_rows: int
    size: float


@inline_scalar
def batch_of(
    dataset: Dataset, batches: Batches, rows: Integers, first: int, n: int, t: int
) -> Batch:
    """Return rows[first : first + n] of a dataset, as the batch of step t."""
    data, offset = dataset.data, first * dataset.n_features
    if batches.gathered.size:
        data, offset = batches.gathered_data, 0
    return Batch(
        data, offset, dataset.indices, dataset.indptr, dataset.weights, rows, first, n,
        0, n, batch_key(batches.seed, t),
    )  # fmt: skip


@inline_scalar
def gradient_of_batch(
    network: NetworkArrays,
    dataset: Dataset,
    batches: Batches,
    batch: Batch,
    objective: Objective,
    workspace: Workspace,
    team: Team,
    prefetch_stop: int,
) -> tuple[bool, float]:
    """Compute the gradient of a whole batch; return whether it is done, and the loss.

    Both are of the loss summed over the rows. Where the activations of a batch do not
    fit into the cache, the gradients of its parts are computed one after another and
    added up. Parameters are those of `loss_and_gradient`.
    """
    total, part, gradient = 0.0, batches.part, workspace.part_gradient
    if part == 0:
        part, gradient = batch.size, workspace.gradient
    of_part = Workspace(
        gradient, workspace.values, workspace.deltas, workspace.sums, gradient
    )
    for begin in range(0, batch.size, part):
        rest = batch.size - begin
        n = part if part < rest else rest
        if not loss_and_gradient(
            network, part_of(dataset, batches, batch, begin, n), dataset, objective,
            of_part, batches.block, team, flat(batches.gathered), prefetch_stop,
        ):  # fmt: skip
            return False, total
        total += total_of(workspace.sums, n_blocks(n, batches.block))
        if batches.part == 0:
            break
        first, last = thread_range(team.thread, team.n_threads, gradient.size)
        for i in range(first, last):
            before = workspace.gradient[i] if begin else like(gradient[i], 0)
            workspace.gradient[i] = before + gradient[i]
        if not barrier_wait(team.shared, team.n_threads):
            return False, total
    return True, total


@inline_scalar
def part_of(
    dataset: Dataset, batches: Batches, batch: Batch, begin: int, n: int
) -> Batch:
    """Return rows begin, ..., begin + n - 1 of a batch as a batch.

    Each part has its own key, and so its own random numbers.
    """
    offset = 0 if batches.gathered.size else batch.offset + begin * dataset.n_features
    return Batch(
        batch.data, offset, batch.indices, batch.indptr, batch.weights, batch.rows,
        batch.first + begin, n, 0, n, draw(batch.key, begin) if begin else batch.key,
    )  # fmt: skip


@inline_scalar
def total_of(sums: Float64s, n: int) -> float:
    """Return sums[0] + ... + sums[n - 1]."""
    total = 0.0
    for k in range(n):
        total += sums[k]
    return total


@inline_scalar
def train_step(
    network: NetworkArrays,
    optimizer: Optimizer,
    regularization: Regularization,
    workspace: Workspace,
    step: Step,
    batch_loss: float,
    team: Team,
) -> tuple[bool, float]:
    """Make a step with the gradient of a batch; return whether it is done, and a loss.

    It is (batch_loss + penalty) * n_rows / size: the loss of the batch for a mean over
    the rows of an epoch.

    Parameters
    ----------
    network : NetworkArrays
        Its trained parameters are updated.
    optimizer : Optimizer
    regularization : Regularization
    workspace : Workspace
        Its gradient is of the loss summed over the batch. Gradient and sums are
        overwritten.
    step : Step
    batch_loss : float
        Loss summed over the batch.
    team : Team
    """
    gradient, alpha, divisor = workspace.gradient, optimizer.alpha, step.size
    trained = network.theta[: gradient.size]
    if team.thread == 0:
        rates = optimizer.learning_rates
        learning_rate = rates[step.k] if rates.size > 1 else rates[0]
        call_rates(
            optimizer.rates,
            (
                optimizer.step_rates, learning_rate, step.t, optimizer.step_settings,
                optimizer.momentum_product,
            ),
        )  # fmt: skip
        if regularization.shape:
            batch_loss += call_shape(
                regularization.shape,
                (
                    trained, gradient, optimizer.n_weights, step.size, learning_rate,
                    regularization.decay_ends, regularization.decay_factors,
                    regularization.regularization_settings,
                ),
            )  # fmt: skip
    if regularization.shape and averages(regularization.regularization_settings):
        alpha, divisor = 0.0, 1.0
    if not barrier_wait(team.shared, team.n_threads):
        return False, 0.0
    make_step(optimizer, trained, workspace, alpha, divisor, team)
    if not barrier_wait(team.shared, team.n_threads):
        return False, 0.0
    squares = total_of(workspace.sums, n_blocks(gradient.size, CHUNK))
    if not constrain(regularization, trained, gradient, team):
        return False, 0.0
    return True, step.n_rows * (batch_loss + 0.5 * alpha * squares) / step.size


@inline_scalar
def make_step(
    optimizer: Optimizer,
    trained: Vector,
    workspace: Workspace,
    alpha: float,
    divisor: float,
    team: Team,
) -> None:
    """Make the optimizer's step for a thread's chunks of the parameters.

    Sets sums[k] to the sum of w**2 over the weights of chunk k, before the step. Within
    a chunk, segments differ in the factor of the learning rate.

    Parameters
    ----------
    optimizer : Optimizer
    trained : ndarray of shape (n_trained,)
        The trained parameters, updated in place.
    workspace : Workspace
        Its gradient is read, its sums are overwritten.
    alpha : float
        L2 penalty.
    divisor : float
        The gradient is divided by this number.
    team : Team
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
                    trained, gradient, optimizer.optimizer_state,
                    optimizer.step_rates, optimizer.rate_factors[segment], begin, stop,
                    optimizer.n_weights, alpha, divisor, optimizer.step_settings,
                ),
            )  # fmt: skip
            begin = stop


@inline_scalar
def constrain(
    regularization: Regularization, trained: Vector, gradient: Vector, team: Team
) -> bool:
    """Apply max-norm in thread 0, if it is set; return False if called off.

    ``trained`` and ``gradient`` are of shape (n_trained,); see
    `regularization.constrain`.
    """
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
def total_weight(weights: Vector, rows: Integers, first: int, n: int) -> float:
    """Return sum(weights[rows[first : first + n]]), or n if weights is empty."""
    if weights.size == 0:
        return float(n)
    size = 0.0
    for i in range(first, first + n):
        size += weights[rows[i] if rows.size else i]
    return size
