"""Normalisation of what a dense layer passes on to its activation.

Batch normalisation [1]_ subtracts the mean of each neuron over the batch and divides
by the standard deviation; layer normalisation [2]_ does so for each row, over the
neurons. The result is multiplied by a gain and shifted by a bias for each neuron,
which are learnt. Running means and variances, with which batch normalisation
predicts, lie behind the trained parameters in theta.

Sample weights count as repeated rows in the statistics of a batch.

References
----------
.. [1] S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network
   Training by Reducing Internal Covariate Shift", ICML 2015.
.. [2] J. Ba, J. Kiros and G. Hinton, "Layer Normalization", 2016,
   https://arxiv.org/abs/1607.06450.
"""

from math import sqrt
from typing import NamedTuple

from sknn.kernels.jit import Leaf, leaf, matrix, scalar
from sknn.kernels.layers import (
    BIAS,
    FAN_IN,
    INPUT,
    RUNNING,
    SCRATCH,
    WEIGHTS,
    activate,
    backward_signature,
    deactivate,
    forward_signature,
    input_of,
    output_of,
    row_of,
)

# Added to variances, as in PyTorch; and how much of the running statistics stays.
EPSILON = 1e-5
MOMENTUM = 0.9

# Matrices of the layer's shape that the leaves have room for in `values`, from SCRATCH
# on: one for the means, one for the scales (one over the standard deviation).
N_SCRATCH = 2


class Normalization(NamedTuple):
    """The leaves of a normalisation, in training and in prediction."""

    forward: Leaf
    backward: Leaf
    predict_forward: Leaf
    predict_backward: Leaf
    keeps_running_statistics: bool


@scalar
def _statistics(op, batch, values, count):
    """Return means and scales, both of shape (1, count)."""
    start, n, width = op[SCRATCH], batch.n, op[FAN_IN]
    means = matrix(values, start * n, 1, count)
    return means, matrix(values, (start + width) * n, 1, count)


@scalar
def _gain(op, vector):
    """Return the gain of each neuron, or its gradient, shape (1, width)."""
    return matrix(vector, op[WEIGHTS], 1, op[FAN_IN])


@scalar
def _weight(batch, i):
    return batch.weights[row_of(batch, i)] if batch.weights.size else 1.0


@scalar
def _total_weight(batch):
    total = 0.0
    for i in range(batch.n):
        total += _weight(batch, i)
    return total


# ---------------------------------------------------------------------------------
# Over the batch: a mean and a scale for each neuron.


@scalar
def _normalize_columns(op, batch, theta, values):
    """Fill the outputs, given the statistics, and activate them."""
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    means, scales = _statistics(op, batch, values, op[FAN_IN])
    gain = _gain(op, theta)
    for i in range(batch.n):
        for j in range(op[FAN_IN]):
            y[i, j] = gain[0, j] * ((x[i, j] - means[0, j]) * scales[0, j])
    return activate(op, batch, theta, values, y)


@leaf(forward_signature)
def batch_norm_forward(op, batch, theta, values):
    n, width, kind = batch.n, op[FAN_IN], theta.dtype.type
    x = input_of(op, batch, values)
    means, variances = _statistics(op, batch, values, width)
    share, kept, rest = (
        kind(1.0 / _total_weight(batch)),
        kind(MOMENTUM),
        kind(1.0 - MOMENTUM),
    )
    means[:] = 0
    variances[:] = 0
    for i in range(n):
        weight = kind(_weight(batch, i)) * share
        for j in range(width):
            means[0, j] += weight * x[i, j]
    for i in range(n):
        weight = kind(_weight(batch, i)) * share
        for j in range(width):
            d = x[i, j] - means[0, j]
            variances[0, j] += weight * d * d
    running, scales = matrix(theta, op[RUNNING], 2, width), variances
    for j in range(width):
        running[0, j] = kept * running[0, j] + rest * means[0, j]
        running[1, j] = kept * running[1, j] + rest * variances[0, j]
        scales[0, j] = kind(1) / sqrt(variances[0, j] + kind(EPSILON))
    return _normalize_columns(op, batch, theta, values)


@leaf(backward_signature)
def batch_norm_backward(op, batch, theta, gradient, values, deltas):
    n, width, kind = batch.n, op[FAN_IN], theta.dtype.type
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    deactivate(op, batch, gradient, values, delta)
    x_delta = matrix(deltas, op[INPUT] * n, n, width)
    means, scales = _statistics(op, batch, values, width)
    gain, gain_gradient = _gain(op, theta), _gain(op, gradient)
    total = matrix(gradient, op[BIAS], 1, width)  # of delta, the shift's gradient
    share = kind(1.0 / _total_weight(batch))
    gain_gradient[:] = 0
    for i in range(n):
        for j in range(width):
            normal = (x[i, j] - means[0, j]) * scales[0, j]
            gain_gradient[0, j] += delta[i, j] * normal
    for i in range(n):
        weight = kind(_weight(batch, i)) * share
        for j in range(width):
            normal = (x[i, j] - means[0, j]) * scales[0, j]
            common = weight * (total[0, j] + normal * gain_gradient[0, j])
            x_delta[i, j] = gain[0, j] * scales[0, j] * (delta[i, j] - common)
    return 0.0


@leaf(forward_signature)
def fixed_norm_forward(op, batch, theta, values):
    width, kind = op[FAN_IN], theta.dtype.type
    means, scales = _statistics(op, batch, values, width)
    running = matrix(theta, op[RUNNING], 2, width)
    for j in range(width):
        means[0, j] = running[0, j]
        scales[0, j] = kind(1) / sqrt(running[1, j] + kind(EPSILON))
    return _normalize_columns(op, batch, theta, values)


@leaf(backward_signature)
def fixed_norm_backward(op, batch, theta, gradient, values, deltas):
    n, width = batch.n, op[FAN_IN]
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    deactivate(op, batch, gradient, values, delta)
    x_delta = matrix(deltas, op[INPUT] * n, n, width)
    means, scales = _statistics(op, batch, values, width)
    gain, gain_gradient = _gain(op, theta), _gain(op, gradient)
    gain_gradient[:] = 0
    for i in range(n):
        for j in range(width):
            normal = (x[i, j] - means[0, j]) * scales[0, j]
            gain_gradient[0, j] += delta[i, j] * normal
            x_delta[i, j] = gain[0, j] * scales[0, j] * delta[i, j]
    return 0.0


# ---------------------------------------------------------------------------------
# Over the neurons: a mean and a scale for each row.


@leaf(forward_signature)
def layer_norm_forward(op, batch, theta, values):
    n, width, kind = batch.n, op[FAN_IN], theta.dtype.type
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    means, scales = _statistics(op, batch, values, n)
    gain, share = _gain(op, theta), kind(1.0 / width)
    for i in range(n):
        mean, variance = kind(0), kind(0)
        for j in range(width):
            mean += x[i, j]
        mean *= share
        for j in range(width):
            d = x[i, j] - mean
            variance += d * d
        scale = kind(1) / sqrt(variance * share + kind(EPSILON))
        for j in range(width):
            y[i, j] = gain[0, j] * ((x[i, j] - mean) * scale)
        means[0, i], scales[0, i] = mean, scale
    return activate(op, batch, theta, values, y)


@leaf(backward_signature)
def layer_norm_backward(op, batch, theta, gradient, values, deltas):
    n, width, kind = batch.n, op[FAN_IN], theta.dtype.type
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    deactivate(op, batch, gradient, values, delta)
    x_delta = matrix(deltas, op[INPUT] * n, n, width)
    means, scales = _statistics(op, batch, values, n)
    gain, gain_gradient = _gain(op, theta), _gain(op, gradient)
    share = kind(1.0 / width)
    gain_gradient[:] = 0
    for i in range(n):
        mean, scale = means[0, i], scales[0, i]
        total, along = kind(0), kind(0)
        for j in range(width):
            normal, d = (x[i, j] - mean) * scale, delta[i, j] * gain[0, j]
            gain_gradient[0, j] += delta[i, j] * normal
            total += d
            along += d * normal
        for j in range(width):
            normal, d = (x[i, j] - mean) * scale, delta[i, j] * gain[0, j]
            x_delta[i, j] = scale * (d - share * (total + normal * along))
    return 0.0


NORMALIZATIONS: dict[str, Normalization] = {
    "batch": Normalization(
        batch_norm_forward,
        batch_norm_backward,
        fixed_norm_forward,
        fixed_norm_backward,
        keeps_running_statistics=True,
    ),
    "layer": Normalization(
        layer_norm_forward,
        layer_norm_backward,
        layer_norm_forward,
        layer_norm_backward,
        keeps_running_statistics=False,
    ),
}
