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

# Matrices of the layer's shape that its leaves keep in `values`, from SCRATCH on.
N_SCRATCH = 3


class Normalization(NamedTuple):
    """The leaves of a normalisation, in training and in prediction."""

    forward: Leaf
    backward: Leaf
    predict_forward: Leaf
    predict_backward: Leaf
    keeps_running_statistics: bool


@scalar
def _scratch(op, batch, values, k):
    """Return the k-th matrix of a normalisation's own memory."""
    width = op[FAN_IN]
    return matrix(values, (op[SCRATCH] + k * width) * batch.n, batch.n, width)


@scalar
def _weight(batch, i):
    return batch.weights[row_of(batch, i)] if batch.weights.size else 1.0


@scalar
def _total_weight(batch):
    total = 0.0
    for i in range(batch.n):
        total += _weight(batch, i)
    return total


@leaf(forward_signature)
def batch_norm_forward(op, batch, theta, values):
    n, width, kind = batch.n, op[FAN_IN], theta.dtype.type
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    normal = _scratch(op, batch, values, 0)
    # One number for each neuron; there is room for them, whatever n is.
    scale = matrix(values, (op[SCRATCH] + width) * n, 1, width)
    mean = matrix(values, (op[SCRATCH] + 2 * width) * n, 1, width)
    gain = matrix(theta, op[WEIGHTS], 1, width)
    running = matrix(theta, op[RUNNING], 2, width)
    share, epsilon, momentum = (
        kind(1.0 / _total_weight(batch)),
        kind(EPSILON),
        kind(MOMENTUM),
    )
    rest = kind(1.0 - MOMENTUM)
    mean[:] = 0
    scale[:] = 0
    for i in range(n):
        weight = kind(_weight(batch, i)) * share
        for j in range(width):
            mean[0, j] += weight * x[i, j]
    for i in range(n):
        weight = kind(_weight(batch, i)) * share
        for j in range(width):
            d = x[i, j] - mean[0, j]
            scale[0, j] += weight * d * d
    for j in range(width):
        running[0, j] = momentum * running[0, j] + rest * mean[0, j]
        running[1, j] = momentum * running[1, j] + rest * scale[0, j]
        scale[0, j] = kind(1) / sqrt(scale[0, j] + epsilon)
    for i in range(n):
        for j in range(width):
            h = (x[i, j] - mean[0, j]) * scale[0, j]
            normal[i, j] = h
            y[i, j] = gain[0, j] * h
    return activate(op, batch, theta, values, y)


@leaf(backward_signature)
def batch_norm_backward(op, batch, theta, gradient, values, deltas):
    n, width, kind = batch.n, op[FAN_IN], theta.dtype.type
    delta = output_of(op, batch, deltas)
    deactivate(op, batch, gradient, values, delta)
    x_delta = matrix(deltas, op[INPUT] * n, n, width)
    normal = _scratch(op, batch, values, 0)
    scale = matrix(values, (op[SCRATCH] + width) * n, 1, width)
    total = matrix(values, (op[SCRATCH] + 2 * width) * n, 1, width)
    gain = matrix(theta, op[WEIGHTS], 1, width)
    gain_gradient = matrix(gradient, op[WEIGHTS], 1, width)
    share = kind(1.0 / _total_weight(batch))
    total[:] = 0
    gain_gradient[:] = 0
    for i in range(n):
        for j in range(width):
            total[0, j] += delta[i, j]
            gain_gradient[0, j] += delta[i, j] * normal[i, j]
    for i in range(n):
        weight = kind(_weight(batch, i)) * share
        for j in range(width):
            common = total[0, j] + normal[i, j] * gain_gradient[0, j]
            x_delta[i, j] = gain[0, j] * scale[0, j] * (delta[i, j] - weight * common)
    return 0.0


@leaf(forward_signature)
def fixed_norm_forward(op, batch, theta, values):
    width, kind = op[FAN_IN], theta.dtype.type
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    gain = matrix(theta, op[WEIGHTS], 1, width)
    running = matrix(theta, op[RUNNING], 2, width)
    for i in range(batch.n):
        for j in range(width):
            h = (x[i, j] - running[0, j]) / sqrt(running[1, j] + kind(EPSILON))
            y[i, j] = gain[0, j] * h
    return activate(op, batch, theta, values, y)


@leaf(backward_signature)
def fixed_norm_backward(op, batch, theta, gradient, values, deltas):
    n, width, kind = batch.n, op[FAN_IN], theta.dtype.type
    delta = output_of(op, batch, deltas)
    deactivate(op, batch, gradient, values, delta)
    x, x_delta = input_of(op, batch, values), input_of(op, batch, deltas)
    gain = matrix(theta, op[WEIGHTS], 1, width)
    gain_gradient = matrix(gradient, op[WEIGHTS], 1, width)
    running = matrix(theta, op[RUNNING], 2, width)
    gain_gradient[:] = 0
    for i in range(n):
        for j in range(width):
            scale = kind(1) / sqrt(running[1, j] + kind(EPSILON))
            gain_gradient[0, j] += delta[i, j] * (x[i, j] - running[0, j]) * scale
            x_delta[i, j] = gain[0, j] * scale * delta[i, j]
    return 0.0


@leaf(forward_signature)
def layer_norm_forward(op, batch, theta, values):
    n, width, kind = batch.n, op[FAN_IN], theta.dtype.type
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    normal = _scratch(op, batch, values, 0)
    scales = matrix(values, (op[SCRATCH] + width) * n, 1, n)
    gain = matrix(theta, op[WEIGHTS], 1, width)
    share = kind(1.0 / width)
    for i in range(n):
        mean, variance = kind(0), kind(0)
        for j in range(width):
            mean += x[i, j]
        mean *= share
        for j in range(width):
            d = x[i, j] - mean
            variance += d * d
        scale = kind(1) / sqrt(variance * share + kind(EPSILON))
        scales[0, i] = scale
        for j in range(width):
            h = (x[i, j] - mean) * scale
            normal[i, j] = h
            y[i, j] = gain[0, j] * h
    return activate(op, batch, theta, values, y)


@leaf(backward_signature)
def layer_norm_backward(op, batch, theta, gradient, values, deltas):
    n, width, kind = batch.n, op[FAN_IN], theta.dtype.type
    delta = output_of(op, batch, deltas)
    deactivate(op, batch, gradient, values, delta)
    x_delta = matrix(deltas, op[INPUT] * n, n, width)
    normal = _scratch(op, batch, values, 0)
    scales = matrix(values, (op[SCRATCH] + width) * n, 1, n)
    gain = matrix(theta, op[WEIGHTS], 1, width)
    gain_gradient = matrix(gradient, op[WEIGHTS], 1, width)
    share = kind(1.0 / width)
    gain_gradient[:] = 0
    for i in range(n):
        total, along = kind(0), kind(0)
        for j in range(width):
            d = delta[i, j] * gain[0, j]
            total += d
            along += d * normal[i, j]
            gain_gradient[0, j] += delta[i, j] * normal[i, j]
        for j in range(width):
            d = delta[i, j] * gain[0, j]
            common = (total + normal[i, j] * along) * share
            x_delta[i, j] = scales[0, i] * (d - common)
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
