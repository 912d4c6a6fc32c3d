"""What is done to the gradient before a step of an optimizer, and to weights after it.

The L2 penalty alone needs none of this: it is part of every optimizer's pass.
"""

from math import sqrt

from sknn.jit.kernel import INTEGER, REAL, Array, kernel, matrix, vector
from sknn.kernels.gemm.products import NARROW
from sknn.kernels.table import FAN_IN, FAN_OUT, WEIGHTS

# Entries of `limits`.
L1, L2, DECAY, CLIP_VALUE, CLIP_NORM, MAX_NORM = range(6)
N_LIMITS = 6


_LIMITS = Array(REAL, is_read_only=True)


@kernel((Array(), Array(), INTEGER, REAL, REAL, _LIMITS))
def shape_gradient(theta, gradient, n_weights, size, learning_rate, limits):
    """Make the mean of the gradient, penalise and clip it; decay the weights.

    In this order: the gradient is divided by the size of the batch, the gradient of
    the L1 and L2 penalties is added, each entry is clipped to ``CLIP_VALUE``, the
    whole gradient is shortened to the norm ``CLIP_NORM`` (both: 0 for no limit), and
    the weights are multiplied by ``1 - learning_rate * DECAY``. Returns the penalty of
    a batch of size one, found before.
    """
    kind = theta.dtype.type
    share, l1, l2 = kind(1.0 / size), kind(limits[L1]), kind(limits[L2])
    absolute, squares = 0.0, 0.0
    for i in range(n_weights):
        w = theta[i]
        absolute += abs(w)
        squares += w * w
        sign = kind(1) if w > 0 else (kind(-1) if w < 0 else kind(0))
        gradient[i] = (gradient[i] + l2 * w + l1 * sign) * share
    for i in range(n_weights, gradient.size):
        gradient[i] *= share

    if limits[CLIP_VALUE] > 0.0:
        highest = kind(limits[CLIP_VALUE])
        for i in range(gradient.size):
            g = gradient[i]
            g = highest if g > highest else g
            gradient[i] = -highest if g < -highest else g
    if limits[CLIP_NORM] > 0.0:
        norm = 0.0
        for i in range(gradient.size):
            norm += float(gradient[i]) * float(gradient[i])
        norm = sqrt(norm)
        if norm > limits[CLIP_NORM]:
            factor = kind(limits[CLIP_NORM] / norm)
            for i in range(gradient.size):
                gradient[i] *= factor

    if limits[DECAY] > 0.0:
        rest = kind(1.0 - learning_rate * limits[DECAY])
        for i in range(n_weights):
            theta[i] *= rest
    return limits[L1] * absolute + 0.5 * limits[L2] * squares


@kernel((Array(INTEGER, 2), Array(), Array(), _LIMITS))
def constrain(dense, theta, gradient, limits):
    """Shorten the incoming weights of each neuron to the norm ``MAX_NORM`` [1]_.

    ``dense`` holds the rows of the table for the layers that are limited. The
    gradient, which is not needed any more, is overwritten.

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
       Overfitting", Journal of Machine Learning Research 15, 2014, section 5.1.
    """
    kind = theta.dtype.type
    largest = kind(limits[MAX_NORM])
    for k in range(dense.shape[0]):
        fan_in, fan_out = dense[k, FAN_IN], dense[k, FAN_OUT]
        if fan_out < NARROW:  # stored transposed
            for j in range(fan_out):
                own = vector(theta, dense[k, WEIGHTS] + j * fan_in, fan_in)
                total = kind(0)
                for i in range(fan_in):
                    total += own[i] * own[i]
                norm = sqrt(total)
                if norm > largest:
                    own *= largest / norm
            continue
        weights = matrix(theta, dense[k, WEIGHTS], fan_in, fan_out)
        factors = matrix(gradient, dense[k, WEIGHTS], 1, fan_out)
        factors[:] = 0
        for i in range(fan_in):
            for j in range(fan_out):
                factors[0, j] += weights[i, j] * weights[i, j]
        for j in range(fan_out):
            norm = sqrt(factors[0, j])
            factors[0, j] = largest / norm if norm > largest else kind(1)
        for i in range(fan_in):
            for j in range(fan_out):
                weights[i, j] *= factors[0, j]
    return 0.0
