"""Drivers of the gradient of a loss: of all rows, and of backpropagation alone.

They walk the table of operations and the batches, and allocate nothing.

The gradient of a batch is computed in two phases. In the first, each block of its rows
passes through all operations forwards and backwards, so that the output of an operation
is still in the cache when the next one reads it. In the second, the gradient of the
parameters is computed from all rows at once. Threads divide the blocks among them in
the first phase, and the parameters in the second.
"""

from sknn.jit.array_types import Integers, Matrix, Vector
from sknn.jit.kernel import INTEGER, driver, inline_scalar, matrix, prefetch
from sknn.kernels.batch import Batch, block_of, block_offset, rows_of_members
from sknn.kernels.drivers.barrier import barrier_wait
from sknn.kernels.drivers.records import (
    ACTIVATIONS,
    DATASET,
    NETWORK,
    OBJECTIVE,
    SPAN,
    TEAM,
    VECTOR,
    WORKSPACE,
    Activations,
    Dataset,
    NetworkArrays,
    Objective,
    Span,
    Team,
    Workspace,
    rows_of,
)
from sknn.kernels.gemm.products import call_transpose, copy
from sknn.kernels.layers.base import (
    call_backward,
    call_gradient,
    raw_of,
    run_forward,
    run_prepare,
)
from sknn.kernels.losses.base import call_loss
from sknn.kernels.table import (
    BACKWARD,
    FAN_IN,
    FAN_OUT,
    GRADIENT,
    MEMBER_RAW,
    MEMBERS,
    TRANSPOSE,
    WEIGHTS,
)

CACHE_LINE = 64  # bytes


@driver((NETWORK, DATASET, SPAN, OBJECTIVE, VECTOR, WORKSPACE, TEAM))
def loss_gradient(
    network: NetworkArrays,
    dataset: Dataset,
    span: Span,
    objective: Objective,
    gradient_sum: Vector,
    workspace: Workspace,
    team: Team,
) -> float:
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
        if not loss_and_gradient(
            network, rows_of(dataset, first, n), dataset, objective, workspace,
            span.block, team, workspace.values[:0], 0,
        ):  # fmt: skip
            return total
        for k in range(n_blocks(n, span.block)):
            total += workspace.sums[k]
        begin = gradient_sum.size * thread // n_threads
        for i in range(begin, gradient_sum.size * (thread + 1) // n_threads):
            gradient_sum[i] += workspace.gradient[i]
        if not barrier_wait(team.shared, n_threads):
            return total
    return total


@driver((NETWORK, VECTOR, ACTIVATIONS, DATASET, INTEGER, INTEGER))
def backward(
    network: NetworkArrays,
    gradient: Vector,
    activations: Activations,
    dataset: Dataset,
    first: int,
    n: int,
) -> float:
    """Fill deltas by backpropagation, from the gradient of the raw outputs in deltas.

    For each operation y = f(x), from the last to the first, the gradient with respect
    to x is the gradient with respect to y times df / dx.

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


@inline_scalar
def n_blocks(n: int, block: int) -> int:
    """Return ceil(n / block)."""
    return (n + block - 1) // block


@inline_scalar
def _gather(data: Vector, n_features: int, row_block: Batch, gathered: Vector) -> None:
    """Copy the shuffled rows of a block to where they lie in the batch.

    ``gathered[begin + i] = data[rows[first + i]]`` for each row i of the block. Both
    are matrices with n_features columns, flat.
    """
    for i in range(row_block.n):
        source = row_block.rows[row_block.first + i] * n_features
        copy(data, source, gathered, (row_block.begin + i) * n_features, n_features)


@inline_scalar
def _prefetch_rows(
    data: Vector, n_features: int, rows: Integers, first: int, last: int
) -> None:
    """Prefetch rows[first:last] of data, a flat matrix with n_features columns."""
    for i in range(first, last):
        for j in range(0, n_features, CACHE_LINE // data.itemsize):
            prefetch(data, rows[i] * n_features + j)


@inline_scalar
def loss_and_gradient(
    network: NetworkArrays,
    batch: Batch,
    dataset: Dataset,
    objective: Objective,
    workspace: Workspace,
    block: int,
    team: Team,
    gathered: Vector,
    prefetch_stop: int,
) -> bool:
    """Compute the loss of each block and the gradient of a batch; False if called off.

    Sets sums[k] to the sum of weight * loss(y, z) over the rows of block k, and
    gradient to the derivative of the sum over all blocks by theta.

    Parameters
    ----------
    network : NetworkArrays
    batch : Batch
    dataset : Dataset
    objective : Objective
    workspace : Workspace
        Output: gradient and sums, overwritten.
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
    run_prepare(ops, theta, values, thread, n_threads)
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
        activations = Activations(values, deltas)
        raw, delta = raw_of(ops, row_block, values), raw_of(ops, row_block, deltas)
        if last[MEMBERS] == 1:
            workspace.sums[begin // block] = call_loss(
                objective.loss,
                (raw, dataset.targets, row_block, delta, objective.loss_settings),
            )
        else:
            workspace.sums[begin // block] = _mean_loss_of_members(
                last, row_block, dataset, objective, activations, raw, delta
            )
        _backward(network, row_block, workspace.gradient, activations)
    if not barrier_wait(team.shared, n_threads):
        return False
    for k in range(ops.shape[0]):
        if ops[k, GRADIENT]:
            call_gradient(
                ops[k, GRADIENT],
                (
                    ops[k], rows_of_members(ops[k], batch), workspace.gradient,
                    values, deltas, thread, n_threads,
                ),
            )  # fmt: skip
    return barrier_wait(team.shared, n_threads)


@inline_scalar
def _mean_loss_of_members(
    last: Integers,
    batch: Batch,
    dataset: Dataset,
    objective: Objective,
    activations: Activations,
    raw: Matrix,
    delta: Matrix,
) -> float:
    """Return the loss of a block, summed over rows; set its gradient.

    The loss of a row is the mean of loss(y, z[k]) over the members k.

    Parameters
    ----------
    last : ndarray of shape (N_COLUMNS,), int64
        The last operation.
    batch : Batch
    dataset : Dataset
    objective : Objective
    activations : Activations
    raw : ndarray of shape (n_rows * n_members, n_outputs)
        Raw outputs z: the rows of all members for a row of the batch side by side.
    delta : ndarray of shape (n_rows * n_members, n_outputs)
        Output: the gradient with respect to raw.
    """
    n, n_members, width = batch.n, last[MEMBERS], last[FAN_OUT]
    start = block_offset(batch, last[MEMBER_RAW], width)
    of_member = matrix(activations.values, start, n, width)
    gradient = matrix(activations.deltas, start, n, width)
    share, total = delta.dtype.type(1.0 / n_members), 0.0
    for k in range(n_members):
        for i in range(n):
            for j in range(width):
                of_member[i, j] = raw[i * n_members + k, j]
        total += call_loss(
            objective.loss,
            (of_member, dataset.targets, batch, gradient, objective.loss_settings),
        )
        for i in range(n):
            for j in range(width):
                delta[i * n_members + k, j] = share * gradient[i, j]
    mean: float = total / n_members
    return mean


@inline_scalar
def _transpose(
    network: NetworkArrays, gradient: Vector, thread: int, n_threads: int
) -> None:
    """Write W.T to the memory of the gradient of W, from which backward reads it.

    For each operation with a transpose kernel; W has the shape (fan_in, fan_out).
    """
    ops = network.ops
    for k in range(thread, ops.shape[0], n_threads):
        if ops[k, TRANSPOSE]:
            start = ops[k, WEIGHTS]
            shape = ops[k, FAN_IN], ops[k, FAN_OUT]
            call_transpose(
                ops[k, TRANSPOSE], (network.theta, start, gradient, start, *shape)
            )


@inline_scalar
def _backward(
    network: NetworkArrays,
    batch: Batch,
    gradient: Vector,
    activations: Activations,
) -> None:
    """Run the backward kernels of all operations on a block, the last one first.

    They start from the gradient of the raw outputs in deltas.
    """
    ops = network.ops
    for k in range(ops.shape[0] - 1, -1, -1):
        call_backward(
            ops[k, BACKWARD],
            (
                ops[k], rows_of_members(ops[k], batch), network.theta, gradient,
                activations.values, activations.deltas,
            ),
        )  # fmt: skip
