"""Initial weights: a function for the matrix of one layer, and its name.

Normal draws are not truncated, as in PyTorch and unlike in Keras.

References
----------
.. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep
   feedforward neural networks", AISTATS 2010.
.. [2] K. He et al., "Delving Deep into Rectifiers", ICCV 2015,
   https://arxiv.org/abs/1502.01852.
.. [3] Y. LeCun et al., "Efficient BackProp", Neural Networks: Tricks of the Trade,
   1998.
.. [4] A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the nonlinear
   dynamics of learning in deep linear neural networks", ICLR 2014,
   https://arxiv.org/abs/1312.6120.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np

# Takes a RandomState, fan_in and fan_out; returns an array of shape (fan_in, fan_out).
Initializer = Callable[[np.random.RandomState, int, int], np.ndarray]

_SMALL = 0.05  # as in Keras


def _uniform(bound: Callable[[int, int], float]) -> Initializer:
    def draw(
        random_state: np.random.RandomState, fan_in: int, fan_out: int
    ) -> np.ndarray:
        limit = bound(fan_in, fan_out)
        return random_state.uniform(-limit, limit, (fan_in, fan_out))

    return draw


def _normal(deviation: Callable[[int, int], float]) -> Initializer:
    def draw(
        random_state: np.random.RandomState, fan_in: int, fan_out: int
    ) -> np.ndarray:
        return random_state.normal(0.0, deviation(fan_in, fan_out), (fan_in, fan_out))

    return draw


def _orthogonal(
    random_state: np.random.RandomState, fan_in: int, fan_out: int
) -> np.ndarray:
    """Return a matrix whose rows or columns, the fewer, are orthonormal."""
    longer, shorter = max(fan_in, fan_out), min(fan_in, fan_out)
    q, r = np.linalg.qr(random_state.normal(size=(longer, shorter)))
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)  # which makes the draw a uniform one
    return q if fan_in >= fan_out else q.T


INITIALIZERS: dict[str, Initializer] = {
    "glorot_uniform": _uniform(lambda m, n: sqrt(6.0 / (m + n))),
    "glorot_normal": _normal(lambda m, n: sqrt(2.0 / (m + n))),
    "he_uniform": _uniform(lambda m, n: sqrt(6.0 / m)),
    "he_normal": _normal(lambda m, n: sqrt(2.0 / m)),
    "lecun_uniform": _uniform(lambda m, n: sqrt(3.0 / m)),
    "lecun_normal": _normal(lambda m, n: sqrt(1.0 / m)),
    "uniform": _uniform(lambda m, n: _SMALL),
    "normal": _normal(lambda m, n: _SMALL),
    "orthogonal": _orthogonal,
}
