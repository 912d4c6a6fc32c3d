"""What all kinds of layers thread: signatures, activations, gradients of biases.

Forward fills the operation's outputs in ``values``, for a block of rows. Backward
takes the gradient with respect to these outputs in ``deltas``, brings it before the
activation and fills that of the operation's inputs, for a block of rows too. Gradient
fills that of the operation's own parameters, from all rows of a batch at once. Prepare,
which few kinds have, runs before a batch and fills numbers at the end of ``values``.
"""

from typing import NamedTuple

from sknn.jit.array_types import IntegerMatrix, Integers, Matrix, Vector
from sknn.jit.kernel import (
    INTEGER,
    Array,
    Kernel,
    caller,
    inline_scalar,
    vector,
)
from sknn.kernels.batch import (
    BATCH,
    Batch,
    block_offset,
    flat_rows_of,
    output_of,
    rows_of_members,
)
from sknn.kernels.gemm.operands import MatrixOperand, VectorOperand
from sknn.kernels.gemm.products import NARROW, column_sums
from sknn.kernels.layers.activations import call_activation
from sknn.kernels.table import (
    ACTIVATION,
    ACTIVATION_GRAD,
    BIAS,
    FAN_OUT,
    FORWARD,
    OUTPUT,
    PREACTIVATION,
    PREPARE,
    PREPARED,
)

# The operation, the batch, theta, values.
forward_signature = (Array(INTEGER), BATCH, Array(), Array())
call_forward = caller("forward", forward_signature)
# The operation, the batch, theta, its gradient, values, deltas.
backward_signature = (Array(INTEGER), BATCH, Array(), Array(), Array(), Array())
call_backward = caller("backward", backward_signature)
# The operation, the batch, the gradient of theta, values, deltas; the number of this
# thread, and of all.
gradient_signature = (
    Array(INTEGER),
    BATCH,
    Array(),
    Array(),
    Array(),
    INTEGER,
    INTEGER,
)
call_gradient = caller("gradient", gradient_signature)
# The operation, theta, values.
prepare_signature = (Array(INTEGER), Array(), Array())
call_prepare = caller("prepare", prepare_signature)


class LayerKernels(NamedTuple):
    """The kernels of a layer.

    Attributes
    ----------
    forward, backward : Kernel
    gradient : Kernel or None
        None where backward does its work.
    prepare : Kernel or None, default=None
        Runs before each batch, in one thread: fills what all blocks read.
    """

    forward: Kernel
    backward: Kernel
    gradient: Kernel | None
    prepare: Kernel | None = None


@inline_scalar
def run_prepare(
    ops: IntegerMatrix, theta: Vector, values: Vector, thread: int, n_threads: int
) -> None:
    """Run the prepare kernels before a batch, each in one of the threads."""
    for k in range(thread, ops.shape[0], n_threads):
        if ops[k, PREPARE]:
            call_prepare(ops[k, PREPARE], (ops[k], theta, values))


@inline_scalar
def run_forward(
    ops: IntegerMatrix, batch: Batch, theta: Vector, values: Vector
) -> None:
    """Run all operations on a block of rows."""
    for k in range(ops.shape[0]):
        block = rows_of_members(ops[k], batch)
        call_forward(ops[k, FORWARD], (ops[k], block, theta, values))


@inline_scalar
def prepared_of(op: Integers, values: Vector, size: int) -> Vector:
    """Return the numbers that the prepare kernel of an operation fills."""
    return vector(values, values.size - op[PREPARED], size)


@inline_scalar
def raw_of(ops: IntegerMatrix, batch: Batch, values: Vector) -> Matrix:
    """Return the raw outputs of a block, or their gradient in deltas.

    Of shape (n_rows, n_outputs); with members that share weights, the rows of all
    members for a row of the batch are side by side.
    """
    last = ops[ops.shape[0] - 1]
    return output_of(last, rows_of_members(last, batch), values)


@inline_scalar
def activate(op: Integers, batch: Batch, values: Vector) -> None:
    """Set the outputs y to f(y), in place, by the kernel of the activation f."""
    if op[ACTIVATION]:
        outputs = flat_rows_of(op, batch, OUTPUT, values)
        saved = flat_rows_of(op, batch, PREACTIVATION, values)
        call_activation(op[ACTIVATION], (outputs, saved))


@inline_scalar
def activation_gradient(
    op: Integers, batch: Batch, values: Vector, deltas: Vector
) -> None:
    """Multiply the gradient of the outputs by f', in place: delta *= f'(z)."""
    if op[ACTIVATION_GRAD]:
        delta = flat_rows_of(op, batch, OUTPUT, deltas)
        saved = flat_rows_of(op, batch, PREACTIVATION, values)
        call_activation(op[ACTIVATION_GRAD], (saved, delta))


@inline_scalar
def bias_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> None:
    """Set a thread's range of the gradient of the bias: the column sums of delta."""
    fan_out = op[FAN_OUT]
    first, last = thread_columns(thread, n_threads, fan_out)
    start = block_offset(batch, op[OUTPUT], fan_out)
    delta = MatrixOperand(deltas, start + first, fan_out, 1)
    sums = VectorOperand(gradient, op[BIAS] + first)
    column_sums(delta, sums, last - first, batch.n)


@inline_scalar
def thread_range(thread: int, n_threads: int, count: int) -> tuple[int, int]:
    """Return the range of so many items that a thread works on: first, last."""
    return count * thread // n_threads, count * (thread + 1) // n_threads


@inline_scalar
def thread_columns(thread: int, n_threads: int, width: int) -> tuple[int, int]:
    """Return the range of columns that a thread works on: none, or NARROW or more."""
    first, last = thread_range(thread, n_threads, width // NARROW)
    return first * NARROW, width if thread == n_threads - 1 else last * NARROW
