"""The parts of a step of training, which drivers put together."""

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
from sknn.kernels.optim.regularization import call_constrain, call_shape

CHUNK = 2**14  # parameters that a thread updates at a time
N_RATES = 3  # of an optimizer's step, at the start of `sums`


@inline_scalar
def batch_of(
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

    Both are of the summed loss. Where the rows of a batch have too many activations for
    the cache, it is divided into parts, whose gradients are added up. Parameters are
    those of `loss_and_gradient`.
    """
    if batches.part == 0:
        is_done = loss_and_gradient(
            network, batch, dataset, objective, workspace, batches.block, team,
            flat(batches.gathered), prefetch_stop,
        )  # fmt: skip
        return is_done, total_of(workspace.sums, n_blocks(batch.size, batches.block))
    total = 0.0
    of_part = Workspace(
        workspace.part_gradient, workspace.values, workspace.deltas, workspace.sums,
        workspace.part_gradient,
    )  # fmt: skip
    for begin in range(0, batch.size, batches.part):
        if not loss_and_gradient(
            network, part_of(dataset, batches, batch, begin), dataset, objective,
            of_part, batches.block, team, flat(batches.gathered), prefetch_stop,
        ):  # fmt: skip
            return False, total
        rest = batch.size - begin
        n = batches.part if batches.part < rest else rest
        total += total_of(workspace.sums, n_blocks(n, batches.block))
        first, last = thread_range(team.thread, team.n_threads, of_part.gradient.size)
        for i in range(first, last):
            before = workspace.gradient[i] if begin else like(of_part.gradient[i], 0)
            workspace.gradient[i] = before + of_part.gradient[i]
        if not barrier_wait(team.shared, team.n_threads):
            return False, total
    return True, total


@inline_scalar
def part_of(dataset: Dataset, batches: Batches, batch: Batch, begin: int) -> Batch:
    """Return the rows of a batch from one on, as a batch, which draws other numbers."""
    rest = batch.size - begin
    n = batches.part if batches.part < rest else rest
    offset = 0 if batches.gathered.size else batch.offset + begin * dataset.n_features
    return Batch(
        batch.data, offset, batch.indices, batch.indptr, batch.weights, batch.rows,
        batch.first + begin, n, 0, n, draw(batch.key, begin) if begin else batch.key,
    )  # fmt: skip


@inline_scalar
def total_of(sums: Float64s, n: int) -> float:
    """Return the sum of the first n."""
    total = 0.0
    for k in range(n):
        total += sums[k]
    return total


@inline_scalar
def prepare_step(
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
def make_step(
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
def constrain(
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
def total_weight(weights: Vector, rows: Integers, first: int, n: int) -> float:
    """Return sum(weights[rows[first : first + n]]), or n if weights is empty."""
    if weights.size == 0:
        return float(n)
    size = 0.0
    for i in range(first, first + n):
        size += weights[rows[i] if rows.size else i]
    return size
