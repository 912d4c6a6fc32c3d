"""What all kinds of layers share: signatures, activations, gradients of biases.

Forward fills the operation's outputs in ``values``, for a block of rows. Backward
takes the gradient with respect to these outputs in ``deltas``, brings it before the
activation and fills that of the operation's inputs, for a block of rows too. Gradient
fills that of the operation's own parameters, from all rows of a batch at once.
"""

from typing import NamedTuple

from sknn.jit.kernel import INTEGER, Array, Kernel, caller, inline_scalar, matrix
from sknn.kernels.batch import BATCH, part_of, place
from sknn.kernels.gemm.products import NARROW, column_sums
from sknn.kernels.layers.activations import call_activation
from sknn.kernels.table import (
    ACTIVATE,
    BIAS,
    FAN_OUT,
    FORWARD,
    OUTPUT,
    PREACTIVATION,
    SLOPE,
)

# The operation, the batch, theta, values.
forward_signature = (Array(INTEGER), BATCH, Array(), Array())
call_forward = caller("forward", forward_signature)
# The operation, the batch, theta, its gradient, values, deltas.
backward_signature = (Array(INTEGER), BATCH, Array(), Array(), Array(), Array())
call_backward = caller("backward", backward_signature)
# The operation, the batch, the gradient of theta, values, deltas; which share of the
# work is to be done, and of how many.
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


class LayerKernels(NamedTuple):
    """The kernels of a layer; gradient is None where backward does its work."""

    forward: Kernel
    backward: Kernel
    gradient: Kernel | None


@inline_scalar
def run_forward(ops, batch, theta, values):
    """Run all operations on a block of rows."""
    for k in range(ops.shape[0]):
        call_forward(ops[k, FORWARD], (ops[k], batch, theta, values))


@inline_scalar
def raw_of(ops, batch, values):
    """Return the raw outputs of a block, shape (n_rows, n_outputs)."""
    last = ops[ops.shape[0] - 1]
    start = place(batch, last[OUTPUT], last[FAN_OUT])
    return matrix(values, start, batch.n, last[FAN_OUT])


@inline_scalar
def activate(op, batch, values):
    """Apply the activation to the outputs, in place."""
    if op[ACTIVATE]:
        outputs = part_of(op, batch, OUTPUT, values)
        call_activation(
            op[ACTIVATE], (outputs, part_of(op, batch, PREACTIVATION, values))
        )


@inline_scalar
def deactivate(op, batch, values, deltas):
    """Multiply the gradient of the outputs by the slope, in place."""
    if op[SLOPE]:
        delta = part_of(op, batch, OUTPUT, deltas)
        call_activation(op[SLOPE], (part_of(op, batch, PREACTIVATION, values), delta))


@inline_scalar
def add_up_rows(op, batch, gradient, deltas, share, n_shares):
    """Set the gradient of the bias: the sums of the columns of the gradient."""
    start, fan_out = place(batch, op[OUTPUT], op[FAN_OUT]), op[FAN_OUT]
    first, last = columns_of(share, n_shares, fan_out)
    column_sums(
        deltas, start + first, fan_out, gradient, op[BIAS] + first, last - first,
        batch.n,
    )  # fmt: skip


@inline_scalar
def limits_of(share, n_shares, count):
    """Return from where to where one of several threads works on so many items."""
    return count * share // n_shares, count * (share + 1) // n_shares


@inline_scalar
def columns_of(share, n_shares, width):
    """Return from where to where one of several threads works on columns.

    That is none of them, or NARROW or more.
    """
    first, last = limits_of(share, n_shares, width // NARROW)
    return first * NARROW, width if share == n_shares - 1 else last * NARROW
