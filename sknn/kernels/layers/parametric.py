"""Parametric activations: y = x + a (f(x) - x), with a trained a for each neuron.

f is any activation. With a = 1 it is f, with a = 0 the identity.
"""

from sknn.jit.array_types import Integers, Matrix, Vector
from sknn.jit.kernel import flat, inline_array, inline_scalar, kernel, matrix, vector
from sknn.kernels.batch import (
    Batch,
    block_offset,
    flat_rows_of,
    input_delta_of,
    input_of,
    output_of,
)
from sknn.kernels.layers.activations import call_activation
from sknn.kernels.layers.base import (
    LayerKernels,
    backward_signature,
    forward_signature,
    gradient_signature,
    thread_columns,
)
from sknn.kernels.table import (
    ACTIVATION,
    ACTIVATION_GRAD,
    FAN_OUT,
    INPUT_DELTA,
    NEEDS_INPUT_DELTA,
    OUTPUT,
    PREACTIVATION,
    SCRATCH,
    WEIGHTS,
)


@inline_scalar
def _activated(op: Integers, batch: Batch, values: Vector) -> Matrix:
    """Return the memory for f(x), shape (n_rows, width)."""
    start = block_offset(batch, op[SCRATCH], op[FAN_OUT])
    return matrix(values, start, batch.n, op[FAN_OUT])


@kernel(forward_signature)
def parametric_forward(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set y = x + a (f(x) - x) in values, and keep f(x).

    x, y and f(x) are (n_rows, width), a is (width,).
    """
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    activated = _activated(op, batch, values)
    weights = vector(theta, op[WEIGHTS], op[FAN_OUT])
    for i in range(batch.n):
        for j in range(op[FAN_OUT]):
            activated[i, j] = x[i, j]
    if op[ACTIVATION]:
        outputs = flat_rows_of(op, batch, SCRATCH, values)
        saved = flat_rows_of(op, batch, PREACTIVATION, values)
        call_activation(op[ACTIVATION], (outputs, saved))
    for i in range(batch.n):
        for j in range(op[FAN_OUT]):
            y[i, j] = x[i, j] + weights[j] * (activated[i, j] - x[i, j])
    return 0.0


@kernel(backward_signature)
def parametric_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Set the gradient of the inputs in deltas to delta (a f'(x) + 1 - a).

    Both are (n_rows, width).
    """
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    delta, x_delta = output_of(op, batch, deltas), input_delta_of(op, batch, deltas)
    weights = vector(theta, op[WEIGHTS], op[FAN_OUT])
    for i in range(batch.n):
        for j in range(op[FAN_OUT]):
            x_delta[i, j] = weights[j] * delta[i, j]
    if op[ACTIVATION_GRAD]:
        # The derivative is a function of f(x), unless x is kept for it.
        kept = op[PREACTIVATION] if op[PREACTIVATION] != op[OUTPUT] else op[SCRATCH]
        size = batch.n * op[FAN_OUT]
        saved = vector(values, block_offset(batch, kept, op[FAN_OUT]), size)
        start = block_offset(batch, op[INPUT_DELTA], op[FAN_OUT])
        call_activation(op[ACTIVATION_GRAD], (saved, vector(deltas, start, size)))
    one = theta.dtype.type(1)
    for i in range(batch.n):
        for j in range(op[FAN_OUT]):
            x_delta[i, j] += (one - weights[j]) * delta[i, j]
    return 0.0


@inline_array
def _add(total: Vector, delta: Vector, activated: Vector, x: Vector) -> None:
    """Add delta (f(x) - x) to total; all of shape (width,)."""
    for j in range(total.size):
        total[j] += delta[j] * (activated[j] - x[j])


@kernel(gradient_signature)
def parametric_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradient of a, shape (width,), to the column sums of delta (f(x) - x).

    All three are (n_rows, width). Each of n_threads threads sets its range of columns.
    """
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    activated, width = _activated(op, batch, values), op[FAN_OUT]
    first, last = thread_columns(thread, n_threads, width)
    n = last - first
    total = vector(gradient, op[WEIGHTS] + first, n)
    total[:] = 0
    for i in range(batch.n):
        start = i * width + first
        x_row, f_row = vector(flat(x), start, n), vector(flat(activated), start, n)
        _add(total, vector(flat(delta), start, n), f_row, x_row)
    return 0.0


PARAMETRIC = LayerKernels(parametric_forward, parametric_backward, parametric_gradient)
