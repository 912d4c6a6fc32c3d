"""Normalisation of what a dense layer passes on to its activation.

Batch normalisation [1]_ subtracts the mean of each neuron over the batch and divides
by the standard deviation; layer normalisation [2]_ does so for each row, over the
neurons. The result is multiplied by a gain and shifted by a bias for each neuron,
which are learnt. Running means and variances, with which batch normalisation
predicts, lie behind the trained parameters in theta.

Sample weights count as repeated rows in the statistics of a batch. A batch of
one row, or of which one row has all the weight, has no variance: it is normalised by
the running statistics, and leaves them as they are. Running variances are unbiased, as
in PyTorch.

References
----------
.. [1] S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network
   Training by Reducing Internal Covariate Shift", ICML 2015.
.. [2] J. Ba, J. Kiros and G. Hinton, "Layer Normalization", 2016,
   https://arxiv.org/abs/1607.06450.
"""

from collections.abc import Callable
from math import sqrt
from typing import Any, NamedTuple

from sknn.jit.array_types import Integers, Vector
from sknn.jit.kernel import Kernel, inline_scalar, kernel, matrix, vector
from sknn.kernels.batch import (
    Batch,
    block_offset,
    input_delta_of,
    input_of,
    output_of,
    row_of,
)
from sknn.kernels.layers.base import (
    activate,
    activation_gradient,
    backward_signature,
    bias_gradient,
    forward_signature,
    gradient_signature,
)
from sknn.kernels.table import BIAS, FAN_IN, RUNNING, SCRATCH, WEIGHTS

# Added to variances, as in PyTorch; and how much of the running statistics stays.
EPSILON = 1e-5
MOMENTUM = 0.9
# Where other rows have less than this fraction of the weight of a batch, it is one row.
NO_VARIANCE = 1e-3

# Matrices of the layer's shape that the kernels have room for in `values`, from SCRATCH
# on: one for the means, one for the scales (one over the standard deviation).
N_SCRATCH = 2


class Normalization(NamedTuple):
    """The kernels of a normalisation, in training and in prediction."""

    forward: Kernel
    backward: Kernel
    gradient: Kernel | None  # where backward does not find it
    predict_forward: Kernel
    predict_backward: Kernel
    predict_gradient: Kernel
    keeps_running_statistics: bool  # and so needs all rows of a batch at once
    description: str  # one line for the docstrings of the estimators
    reference: str = ""  # publication that the docstrings cite
    # ``onnx(g, x)`` normalises x in an ONNX graph, before gain and shift. None where
    # running statistics do so.
    onnx: Callable[..., Any] | None = None


@inline_scalar
def _of_columns(op: Integers, batch: Batch, values: Vector) -> tuple[Vector, Vector]:
    """Return mean and scale of each neuron, both of shape (width,)."""
    width = op[FAN_IN]
    means = vector(values, block_offset(batch, op[SCRATCH], 0), width)
    return means, vector(values, block_offset(batch, op[SCRATCH] + width, 0), width)


@inline_scalar
def _of_rows(op: Integers, batch: Batch, values: Vector) -> tuple[Vector, Vector]:
    """Return mean and scale of each row of the block, both of shape (n_rows,)."""
    means = vector(values, block_offset(batch, op[SCRATCH], 1), batch.n)
    return means, vector(
        values, block_offset(batch, op[SCRATCH] + op[FAN_IN], 1), batch.n
    )


@inline_scalar
def _gain(op: Integers, buffer: Vector) -> Vector:
    """Return the gain of each neuron, or its gradient, of shape (width,)."""
    return vector(buffer, op[WEIGHTS], op[FAN_IN])


@inline_scalar
def _shift(op: Integers, theta: Vector) -> Vector:
    """Return the shift of each neuron, of shape (width,)."""
    return vector(theta, op[BIAS], op[FAN_IN])


@inline_scalar
def _weight(batch: Batch, i: int) -> float:
    """Return the weight of the i-th row of a block; 1 if rows have no weights."""
    return batch.weights[row_of(batch, i)] if batch.weights.size else 1.0


@inline_scalar
def _sum_of_weights(batch: Batch) -> tuple[float, float]:
    """Return the sum of weights, and n / (n - 1), which makes the variance unbiased.

    n is the sum, as weights count as repeated rows, or the effective number of rows,
    sum**2 / sum(weights**2), if that is larger: it is above 1 for weights of any size.
    Both are 0.0 where one row has all the weight: there is no variance then.
    """
    total = 0.0
    for i in range(batch.n):
        total += _weight(batch, i)
    pair_fraction = 0.0  # of different rows: 1 - 1 / effective number
    for i in range(batch.n):
        fraction = _weight(batch, i) / total
        pair_fraction += fraction * (1.0 - fraction)
    if not pair_fraction > NO_VARIANCE:
        return 0.0, 0.0
    unbiased = 1.0 / pair_fraction
    if total > 1.0:
        unbiased = min(unbiased, total / (total - 1.0))
    return total, unbiased


@inline_scalar
def _add_up_gains(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    statistics: tuple[Vector, Vector],
    are_of_rows: bool,
) -> None:
    """Set the gradients of gain to sum(delta * z) and of shift to sum(delta).

    z = (x - mean) * scale, x and delta are (n_rows, width); sums over rows (width,).
    """
    bias_gradient(op, batch, gradient, deltas, 0, 1)
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    means, scales = statistics
    gain_gradient = _gain(op, gradient)
    gain_gradient[:] = 0
    for i in range(batch.n):
        for j in range(op[FAN_IN]):
            k = i if are_of_rows else j
            gain_gradient[j] += delta[i, j] * ((x[i, j] - means[k]) * scales[k])


# ---------------------------------------------------------------------------------
# Over the batch: a mean and a scale for each neuron.


@inline_scalar
def _normalize_columns(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> None:
    """Set y = f(gain * (x - mean) * scale + shift), of shape (n_rows, width).

    Mean and scale are those of `_of_columns`.
    """
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    means, scales = _of_columns(op, batch, values)
    gain, shift = _gain(op, theta), _shift(op, theta)
    for i in range(batch.n):
        for j in range(op[FAN_IN]):
            y[i, j] = gain[j] * ((x[i, j] - means[j]) * scales[j]) + shift[j]
    activate(op, batch, values)


@inline_scalar
def _normalize_by_running(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> None:
    """Do the same with the running mean, and 1 / sqrt(running variance + EPSILON)."""
    width, dtype = op[FAN_IN], theta.dtype.type
    means, scales = _of_columns(op, batch, values)
    running = matrix(theta, op[RUNNING], 2, width)
    for j in range(width):
        means[j] = running[0, j]
        scales[j] = dtype(1) / sqrt(running[1, j] + dtype(EPSILON))
    _normalize_columns(op, batch, theta, values)


@kernel(forward_signature)
def batch_norm_forward(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set y = f(gain * (x - mean) / sqrt(variance + EPSILON) + shift) in values.

    x and y have the shape (n_rows, width). Mean and variance are those of each column,
    over the weighted rows of the batch, which is one block. The running statistics r
    move towards them: r = MOMENTUM * r + (1 - MOMENTUM) * statistic, with the variance
    made unbiased. Where the batch has no variance, the running statistics normalise.
    """
    n, width, dtype = batch.n, op[FAN_IN], theta.dtype.type
    total, unbiased = _sum_of_weights(batch)
    if total == 0.0:
        _normalize_by_running(op, batch, theta, values)
        return 0.0
    x = input_of(op, batch, values)
    means, variances = _of_columns(op, batch, values)
    kept, rest = dtype(MOMENTUM), dtype(1.0 - MOMENTUM)
    rest_of_variance = dtype((1.0 - MOMENTUM) * unbiased)
    means[:] = 0
    variances[:] = 0
    for i in range(n):
        weight = dtype(_weight(batch, i) / total)
        for j in range(width):
            means[j] += weight * x[i, j]
    for i in range(n):
        weight = dtype(_weight(batch, i) / total)
        for j in range(width):
            d = x[i, j] - means[j]
            variances[j] += weight * d * d
    running, scales = matrix(theta, op[RUNNING], 2, width), variances
    for j in range(width):
        running[0, j] = kept * running[0, j] + rest * means[j]
        running[1, j] = kept * running[1, j] + rest_of_variance * variances[j]
        scales[j] = dtype(1) / sqrt(variances[j] + dtype(EPSILON))
    _normalize_columns(op, batch, theta, values)
    return 0.0


@kernel(backward_signature)
def batch_norm_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Set the gradients of gain, shift and inputs.

    With z = (x - mean) * scale, w the weight of a row by the sum of all weights and d
    the gradient before the activation, both of shape (n_rows, width)::

        shift: sum(d), gain: sum(d * z)
        inputs: gain * scale * (d - w * (sum(d) + z * sum(d * z)))

    Sums are over the rows. Running statistics do not depend on the rows: w is 0 then.
    """
    n, width, dtype = batch.n, op[FAN_IN], theta.dtype.type
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    activation_gradient(op, batch, values, deltas)
    x_delta = input_delta_of(op, batch, deltas)
    means, scales = _of_columns(op, batch, values)
    gain, gain_gradient = _gain(op, theta), _gain(op, gradient)
    bias_gradient(op, batch, gradient, deltas, 0, 1)
    shift_gradient = vector(gradient, op[BIAS], width)
    total, _ = _sum_of_weights(batch)
    gain_gradient[:] = 0
    for i in range(n):
        for j in range(width):
            normal = (x[i, j] - means[j]) * scales[j]
            gain_gradient[j] += delta[i, j] * normal
    for i in range(n):
        # Running statistics do not depend on the rows.
        weight = dtype(_weight(batch, i) / total if total > 0.0 else 0.0)
        for j in range(width):
            normal = (x[i, j] - means[j]) * scales[j]
            common = weight * (shift_gradient[j] + normal * gain_gradient[j])
            x_delta[i, j] = gain[j] * scales[j] * (delta[i, j] - common)
    return 0.0


@kernel(forward_signature)
def fixed_norm_forward(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set y = f(gain * (x - mean) / sqrt(variance + EPSILON) + shift) in values.

    x and y are (n_rows, width). Mean and variance are the running ones, (2, width).
    """
    _normalize_by_running(op, batch, theta, values)
    return 0.0


@kernel(backward_signature)
def fixed_norm_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Multiply delta by f', then set the gradient of x to gain * scale * delta.

    Both are in deltas, of shape (n_rows, width); scale = 1 / sqrt(variance + EPSILON).
    """
    width = op[FAN_IN]
    activation_gradient(op, batch, values, deltas)
    delta, x_delta = output_of(op, batch, deltas), input_delta_of(op, batch, deltas)
    _, scales = _of_columns(op, batch, values)
    gain = _gain(op, theta)
    for i in range(batch.n):
        for j in range(width):
            x_delta[i, j] = gain[j] * scales[j] * delta[i, j]
    return 0.0


@kernel(gradient_signature)
def fixed_norm_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradients of gain to sum(delta * z) and of shift to sum(delta).

    z = (x - mean) * scale, x and delta are (n_rows, width); sums over rows (width,).
    """
    if thread == 0:
        statistics = _of_columns(op, batch, values)
        _add_up_gains(op, batch, gradient, values, deltas, statistics, False)
    return 0.0


# ---------------------------------------------------------------------------------
# Over the neurons: a mean and a scale for each row.


@kernel(forward_signature)
def layer_norm_forward(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set y = f(gain * (x - mean) / sqrt(variance + EPSILON) + shift) in values.

    x and y have the shape (n_rows, width). Mean and variance are those of each row.
    """
    n, width, dtype = batch.n, op[FAN_IN], theta.dtype.type
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    means, scales = _of_rows(op, batch, values)
    gain, shift, inverse_width = _gain(op, theta), _shift(op, theta), dtype(1.0 / width)
    for i in range(n):
        mean, variance = dtype(0), dtype(0)
        for j in range(width):
            mean += x[i, j]
        mean *= inverse_width
        for j in range(width):
            d = x[i, j] - mean
            variance += d * d
        scale = dtype(1) / sqrt(variance * inverse_width + dtype(EPSILON))
        for j in range(width):
            y[i, j] = gain[j] * ((x[i, j] - mean) * scale) + shift[j]
        means[i], scales[i] = mean, scale
    activate(op, batch, values)
    return 0.0


@kernel(backward_signature)
def layer_norm_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Set the gradient of the inputs in deltas, shape (n_rows, width).

    With z = (x - mean) * scale and d = delta * gain it is scale * (d - mean(d) - z *
    mean(d * z)), with means over the columns.
    """
    n, width, dtype = batch.n, op[FAN_IN], theta.dtype.type
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    activation_gradient(op, batch, values, deltas)
    x_delta = input_delta_of(op, batch, deltas)
    means, scales = _of_rows(op, batch, values)
    gain, inverse_width = _gain(op, theta), dtype(1.0 / width)
    for i in range(n):
        mean, scale = means[i], scales[i]
        total, along = dtype(0), dtype(0)
        for j in range(width):
            normal, d = (x[i, j] - mean) * scale, delta[i, j] * gain[j]
            total += d
            along += d * normal
        for j in range(width):
            normal, d = (x[i, j] - mean) * scale, delta[i, j] * gain[j]
            x_delta[i, j] = scale * (d - inverse_width * (total + normal * along))
    return 0.0


@kernel(gradient_signature)
def layer_norm_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradients of gain to sum(delta * z) and of shift to sum(delta).

    z = (x - mean) * scale, x and delta are (n_rows, width); sums over rows (width,).
    """
    if thread == 0:
        statistics = _of_rows(op, batch, values)
        _add_up_gains(op, batch, gradient, values, deltas, statistics, True)
    return 0.0


def _layer_norm_in_onnx(g: Any, x: Any) -> Any:
    """Return (x - mean) / sqrt(variance + EPSILON), with those of each row."""
    d = x - g.mean_of_rows(x)
    return d / g.Sqrt(g.mean_of_rows(d * d) + EPSILON)


NORMALIZATIONS: dict[str, Normalization] = {
    "batch": Normalization(
        batch_norm_forward,
        batch_norm_backward,
        None,
        fixed_norm_forward,
        fixed_norm_backward,
        fixed_norm_gradient,
        keeps_running_statistics=True,
        description="normalises each neuron over the rows of the batch",
        reference='S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep '
        'Network Training by Reducing Internal Covariate Shift", ICML 2015',
    ),
    "layer": Normalization(
        layer_norm_forward,
        layer_norm_backward,
        layer_norm_gradient,
        layer_norm_forward,
        layer_norm_backward,
        layer_norm_gradient,
        keeps_running_statistics=False,
        description="normalises each row over the neurons of the layer",
        reference='J. Ba, J. Kiros and G. Hinton, "Layer Normalization", 2016, '
        "https://arxiv.org/abs/1607.06450",
        onnx=_layer_norm_in_onnx,
    ),
}
