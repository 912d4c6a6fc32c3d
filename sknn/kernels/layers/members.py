"""Numbers that members which share weights have for themselves: y = x * r, x * s + b.

The rows of n_members members for a row of the batch lie side by side: so they are one
row, n_members times as wide, in which each column has its factor and its bias.
"""

from sknn.jit.array_types import Integers, Matrix, Vector
from sknn.jit.kernel import inline_scalar, kernel, matrix, vector
from sknn.kernels.batch import Batch, block_offset, source_of
from sknn.kernels.layers.base import (
    LayerKernels,
    activate,
    activation_gradient,
    add,
    add_products,
    backward_signature,
    forward_signature,
    gradient_signature,
    thread_range,
)
from sknn.kernels.table import (
    BIAS,
    FAN_IN,
    FAN_OUT,
    INPUT_DELTA,
    MEMBERS,
    NEEDS_INPUT_DELTA,
    OPTION_1,
    OUTPUT,
    WEIGHTS,
)

# ---------------------------------------------------------------------------------
# Factors: y[i, k] = x[i, k] * r[k] for member k, or x[i] * r[k] where x is the same for
# all members. OPTION_1 is the number of members of the outputs.


@inline_scalar
def _inputs(op: Integers, batch: Batch, values: Vector) -> Matrix:
    """Return x, of shape (n_rows, fan_in), or as wide for each member."""
    memory, start = source_of(op, batch, values)
    return matrix(memory, start, batch.n // op[MEMBERS], op[FAN_IN] * op[MEMBERS])


@inline_scalar
def _outputs(op: Integers, batch: Batch, values: Vector) -> Matrix:
    """Return y, or its gradient, of shape (n_rows, n_members * width)."""
    start = block_offset(batch, op[OUTPUT], op[FAN_OUT])
    return matrix(values, start, batch.n // op[MEMBERS], op[FAN_OUT] * op[MEMBERS])


@inline_scalar
def _input_deltas(op: Integers, batch: Batch, deltas: Vector) -> Matrix:
    """Return the gradient of x, in its shape."""
    start = block_offset(batch, op[INPUT_DELTA], op[FAN_IN])
    return matrix(deltas, start, batch.n // op[MEMBERS], op[FAN_IN] * op[MEMBERS])


@kernel(forward_signature)
def member_scaling_forward(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set y = x * r in values: y[i, k] = x[i, k] * r[k] for each member k.

    y is (n_rows, n_members * fan_in), r is (n_members, fan_in). x has the shape of y
    or, where all members have the same inputs, (n_rows, fan_in).
    """
    x, y = _inputs(op, batch, values), _outputs(op, batch, values)
    width = op[FAN_IN]
    for i in range(y.shape[0]):
        for k in range(op[OPTION_1]):
            first = k * width
            source = first if op[MEMBERS] > 1 else 0
            scales = vector(theta, op[WEIGHTS] + first, width)
            for j in range(width):
                y[i, first + j] = x[i, source + j] * scales[j]
    return 0.0


@kernel(backward_signature)
def member_scaling_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Set the gradient of x in deltas to delta * r.

    Where all members have the same inputs, it is the sum of that over the members.
    Shapes are those of `member_scaling_forward`.
    """
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    delta, x_delta = _outputs(op, batch, deltas), _input_deltas(op, batch, deltas)
    width = op[FAN_IN]
    for i in range(delta.shape[0]):
        for j in range(x_delta.shape[1]):
            x_delta[i, j] = 0
        for k in range(op[OPTION_1]):
            first = k * width
            target = first if op[MEMBERS] > 1 else 0
            scales = vector(theta, op[WEIGHTS] + first, width)
            for j in range(width):
                x_delta[i, target + j] += delta[i, first + j] * scales[j]
    return 0.0


@kernel(gradient_signature)
def member_scaling_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradient of r to the column sums of x * delta.

    r is (n_members, fan_in), x and delta are as in `member_scaling_forward`. Each of
    n_threads threads sets that of its range of members.
    """
    x, delta = _inputs(op, batch, values), _outputs(op, batch, deltas)
    width = op[FAN_IN]
    first_member, last = thread_range(thread, n_threads, op[OPTION_1])
    for k in range(first_member, last):
        first = k * width
        source = first if op[MEMBERS] > 1 else 0
        total = vector(gradient, op[WEIGHTS] + first, width)
        for j in range(width):
            total[j] = 0
        for i in range(delta.shape[0]):
            of_row = vector(x[i], source, width)
            add_products(total, of_row, vector(delta[i], first, width))
    return 0.0


# ---------------------------------------------------------------------------------
# Factors and biases, then an activation: y[i, k] = f(x[i, k] * s[k] + b[k]).


@kernel(forward_signature)
def member_affine_forward(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set y = f(x * s + b) in values.

    x and y are (n_rows, n_members * width), s and b are (n_members, width).
    """
    x, y = _inputs(op, batch, values), _outputs(op, batch, values)
    width = y.shape[1]
    scales, biases = vector(theta, op[WEIGHTS], width), vector(theta, op[BIAS], width)
    for i in range(y.shape[0]):
        for j in range(width):
            y[i, j] = x[i, j] * scales[j] + biases[j]
    activate(op, batch, values)
    return 0.0


@kernel(backward_signature)
def member_affine_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Multiply delta by f', then set the gradient of x to delta * s.

    Both are in deltas, of shape (n_rows, n_members * width); s is (n_members, width).
    """
    activation_gradient(op, batch, values, deltas)
    delta, x_delta = _outputs(op, batch, deltas), _input_deltas(op, batch, deltas)
    width = delta.shape[1]
    scales = vector(theta, op[WEIGHTS], width)
    for i in range(delta.shape[0]):
        for j in range(width):
            x_delta[i, j] = delta[i, j] * scales[j]
    return 0.0


@kernel(gradient_signature)
def member_affine_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradients of s to the column sums of x * delta, of b to those of delta.

    x and delta are (n_rows, n_members * width), the gradients (n_members, width). Each
    of n_threads threads sets those of its range of members.
    """
    x, delta = _inputs(op, batch, values), _outputs(op, batch, deltas)
    first_member, last = thread_range(thread, n_threads, op[MEMBERS])
    for k in range(first_member, last):
        width, first = op[FAN_IN], k * op[FAN_IN]
        of_scales = vector(gradient, op[WEIGHTS] + first, width)
        of_biases = vector(gradient, op[BIAS] + first, width)
        for j in range(width):
            of_scales[j] = of_biases[j] = 0
        for i in range(delta.shape[0]):
            of_row = vector(delta[i], first, width)
            add_products(of_scales, vector(x[i], first, width), of_row)
            add(of_biases, of_row)
    return 0.0


MEMBER_SCALING = LayerKernels(
    member_scaling_forward, member_scaling_backward, member_scaling_gradient
)
MEMBER_AFFINE = LayerKernels(
    member_affine_forward, member_affine_backward, member_affine_gradient
)
