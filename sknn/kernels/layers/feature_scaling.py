"""A trained factor for each input: y = x * s."""

from sknn.jit.array_types import Integers, Vector
from sknn.jit.kernel import flat, kernel, vector
from sknn.kernels.batch import Batch, input_delta_of, input_of, output_of
from sknn.kernels.layers.base import (
    LayerKernels,
    add_products,
    backward_signature,
    forward_signature,
    gradient_signature,
    thread_columns,
)
from sknn.kernels.table import FAN_IN, NEEDS_INPUT_DELTA, WEIGHTS


@kernel(forward_signature)
def scaling_forward(op: Integers, batch: Batch, theta: Vector, values: Vector) -> float:
    """Set y = x * s in values: x and y are (n_rows, width), s is (width,)."""
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    scales = vector(theta, op[WEIGHTS], op[FAN_IN])
    for i in range(batch.n):
        for j in range(op[FAN_IN]):
            y[i, j] = x[i, j] * scales[j]
    return 0.0


@kernel(backward_signature)
def scaling_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Set the gradient of the inputs in deltas to delta * s, shape (n_rows, width)."""
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    delta, x_delta = output_of(op, batch, deltas), input_delta_of(op, batch, deltas)
    scales = vector(theta, op[WEIGHTS], op[FAN_IN])
    for i in range(batch.n):
        for j in range(op[FAN_IN]):
            x_delta[i, j] = delta[i, j] * scales[j]
    return 0.0


@kernel(gradient_signature)
def scaling_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradient of s, shape (width,), to the column sums of x * delta.

    x and delta are (n_rows, width). Each of n_threads threads sets its range of
    columns.
    """
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    width = op[FAN_IN]
    first, last = thread_columns(thread, n_threads, width)
    n = last - first
    total = vector(gradient, op[WEIGHTS] + first, n)
    total[:] = 0
    for i in range(batch.n):
        start = i * width + first
        add_products(total, vector(flat(x), start, n), vector(flat(delta), start, n))
    return 0.0


SCALING = LayerKernels(scaling_forward, scaling_backward, scaling_gradient)
