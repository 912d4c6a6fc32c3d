"""What all layers have in common: signatures, activations, gradients of biases.

With x the inputs of a layer, y = f(z) its outputs and delta their gradient:

- Forward sets y in ``values``, for a block of rows.
- Backward multiplies delta by f'(z) and sets the gradient of x, both in ``deltas``, for
  a block of rows.
- Gradient sets the gradient of the layer's parameters, from all rows of a batch.
- Prepare, which few layers have, sets numbers at the end of ``values`` before a batch.

The parameters of these kernels, of which docstrings state those of the layer alone:

- op, shape (N_COLUMNS or more,), int64: the operation's row of the table, see
  `table.py`. It says where the arrays below hold what belongs to the layer.
- batch: the rows. Layers call their number n_rows.
- theta, shape (n_parameters,), and its gradient, shape (n_trained,).
- values and deltas, 1-D: outputs of all operations, and their gradients.
- thread, n_threads: number of this thread, and of all.
"""

from typing import NamedTuple

from sknn.jit.array_types import IntegerMatrix, Integers, Matrix, Vector
from sknn.jit.kernel import (
    INTEGER,
    Array,
    Kernel,
    caller,
    inline_array,
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

# op, batch, theta, values
forward_signature = (Array(INTEGER), BATCH, Array(), Array())
call_forward = caller("forward", forward_signature)
# op, batch, theta, gradient, values, deltas
backward_signature = (Array(INTEGER), BATCH, Array(), Array(), Array(), Array())
call_backward = caller("backward", backward_signature)
# op, batch, gradient, values, deltas, thread, n_threads
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
# op, theta, values
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
    """Run the prepare kernel of each operation that has one, each in one thread.

    ``ops`` is the table of shape (n_operations, N_COLUMNS). Kernels fill the end of
    values from theta.
    """
    for k in range(thread, ops.shape[0], n_threads):
        if ops[k, PREPARE]:
            call_prepare(ops[k, PREPARE], (ops[k], theta, values))


@inline_scalar
def run_forward(
    ops: IntegerMatrix, batch: Batch, theta: Vector, values: Vector
) -> None:
    """Run the forward kernels of all operations on a block, in their order."""
    for k in range(ops.shape[0]):
        block = rows_of_members(ops[k], batch)
        call_forward(ops[k, FORWARD], (ops[k], block, theta, values))


@inline_scalar
def prepared_of(op: Integers, values: Vector, size: int) -> Vector:
    """Return numbers of an operation that do not depend on the rows, shape (size,).

    Its prepare kernel sets them from theta before each batch, for all blocks to read:
    with piecewise-linear embeddings, the outputs at the edges of the bins.
    """
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
    """Set y, of shape (n_rows, fan_out), to f(y) for the activation f."""
    if op[ACTIVATION]:
        outputs = flat_rows_of(op, batch, OUTPUT, values)
        saved = flat_rows_of(op, batch, PREACTIVATION, values)
        call_activation(op[ACTIVATION], (outputs, saved))


@inline_scalar
def activation_gradient(
    op: Integers, batch: Batch, values: Vector, deltas: Vector
) -> None:
    """Multiply delta, of shape (n_rows, fan_out), by f'(z) of the activation f."""
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
    """Set the gradient of the bias, shape (fan_out,), to the column sums of delta.

    delta is (n_rows, fan_out). Each of n_threads threads sets its range of columns.
    """
    fan_out = op[FAN_OUT]
    first, last = thread_columns(thread, n_threads, fan_out)
    start = block_offset(batch, op[OUTPUT], fan_out)
    delta = MatrixOperand(deltas, start + first, fan_out, 1)
    sums = VectorOperand(gradient, op[BIAS] + first)
    column_sums(delta, sums, last - first, batch.n)


@inline_array
def add(total: Vector, x: Vector) -> None:
    """Add x to total; both of shape (n,)."""
    for j in range(total.size):
        total[j] += x[j]


@inline_array
def add_products(total: Vector, x: Vector, y: Vector) -> None:
    """Add x * y to total; all of shape (n,).

    A loop over columns of matrices that does not start at 0 would not vectorise: Numba
    has to expect negative indices there.
    """
    for j in range(total.size):
        total[j] += x[j] * y[j]


@inline_scalar
def thread_range(thread: int, n_threads: int, count: int) -> tuple[int, int]:
    """Return first and last of the range of ``count`` items that a thread works on.

    They are floor(count * t / n_threads) for t = thread and t = thread + 1; ``last`` is
    not in the range.
    """
    return count * thread // n_threads, count * (thread + 1) // n_threads


@inline_scalar
def thread_columns(thread: int, n_threads: int, width: int) -> tuple[int, int]:
    """Return first and last of the range of columns that a thread works on.

    ``last`` is not in the range, which is empty or has NARROW columns or more.
    """
    first, last = thread_range(thread, n_threads, width // NARROW)
    return first * NARROW, width if thread == n_threads - 1 else last * NARROW
