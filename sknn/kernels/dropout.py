"""Dropout: in training, each element is zero with some probability [1]_.

What is kept is divided by the share that is kept, so that prediction, where nothing is
dropped, needs no scaling. Dropout is a layer of its own, after an activation or before
the first dense layer.

References
----------
.. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
   Overfitting", Journal of Machine Learning Research 15, 2014.
"""

from sknn.kernels.chance import RANGE, draw, scramble
from sknn.kernels.jit import leaf, matrix
from sknn.kernels.layers import (
    FAN_IN,
    INPUT,
    NEEDS_INPUT_DELTA,
    SALT,
    THRESHOLD,
    backward_signature,
    forward_signature,
    input_of,
    output_of,
)


@leaf(forward_signature)
def dropout_forward(op, batch, theta, values):
    width, threshold = op[FAN_IN], op[THRESHOLD]
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    key = scramble(batch.key ^ op[SALT])
    share = theta.dtype.type(RANGE / threshold)
    none = theta.dtype.type(0)
    for i in range(batch.n):
        for j in range(width):
            kept = draw(key, i * width + j) < threshold
            y[i, j] = x[i, j] * (share if kept else none)
    return 0.0


@leaf(backward_signature)
def dropout_backward(op, batch, theta, gradient, values, deltas):
    if not op[NEEDS_INPUT_DELTA]:
        return 0.0
    width, threshold = op[FAN_IN], op[THRESHOLD]
    x_delta = matrix(deltas, op[INPUT] * batch.n, batch.n, width)
    delta = output_of(op, batch, deltas)
    key = scramble(batch.key ^ op[SALT])
    share = theta.dtype.type(RANGE / threshold)
    none = theta.dtype.type(0)
    for i in range(batch.n):
        for j in range(width):
            kept = draw(key, i * width + j) < threshold
            x_delta[i, j] = delta[i, j] * (share if kept else none)
    return 0.0
