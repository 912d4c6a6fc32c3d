"""Initial weights: functions that draw the matrix of one layer.

Normal draws are not truncated, as in PyTorch and unlike in Keras.
"""

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import numpy as np

from sknn.kernels.descriptions import check_description
from sknn.kernels.optim import sums

# Takes a RandomState, fan_in and fan_out; returns an array of shape (fan_in, fan_out).
Draw = Callable[[np.random.RandomState, int, int], np.ndarray]


class Initializer(NamedTuple):
    """A function that draws weights, and its description."""

    draw: Draw
    description: str
    reference: str
    scales_to_data: bool  # whether weighted sums of the training rows get variance 1

    def __call__(
        self, random_state: np.random.RandomState, fan_in: int, fan_out: int
    ) -> np.ndarray:
        """Return initial weights of shape (fan_in, fan_out)."""
        return self.draw(random_state, fan_in, fan_out)


INITIALIZERS: dict[str, Initializer] = {}


def register(
    name: str,
    draw: Draw,
    *,
    description: str,
    reference: str = "",
    scales_to_data: bool = False,
) -> None:
    """Make an initializer available as ``kernel_initializer="name"``.

    Parameters
    ----------
    name : str
    draw : callable
        ``draw(random_state, fan_in, fan_out)`` returns an array of shape (fan_in,
        fan_out).
    description : str
        One line for the docstrings of the estimators.
    reference : str, default=""
        Publication that the docstrings cite.
    scales_to_data : bool, default=False
        Whether the weights of each neuron are then divided by the standard deviation of
        its weighted sum over the training rows.
    """
    check_description(name, description)
    INITIALIZERS[name] = Initializer(draw, description, reference, scales_to_data)


_SMALL = 0.05  # as in Keras


def _uniform(bound: Callable[[int, int], float]) -> Draw:
    def draw(
        random_state: np.random.RandomState, fan_in: int, fan_out: int
    ) -> np.ndarray:
        limit = bound(fan_in, fan_out)
        return random_state.uniform(-limit, limit, (fan_in, fan_out))

    return draw


def _normal(deviation: Callable[[int, int], float]) -> Draw:
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
    # Of a QR decomposition, with the signs that make the draw a uniform one.
    rows = np.ascontiguousarray(random_state.normal(size=(longer, shorter)).T)
    sums.orthonormalize(np.dtype(np.float64), rows)
    return rows.T if fan_in >= fan_out else rows


register(
    "glorot_uniform",
    _uniform(lambda m, n: sqrt(6.0 / (m + n))),
    description="uniform, with the variance ``2 / (fan_in + fan_out)``",
    reference='X. Glorot and Y. Bengio, "Understanding the difficulty of training deep'
    ' feedforward neural networks", AISTATS 2010',
)
register(
    "glorot_normal",
    _normal(lambda m, n: sqrt(2.0 / (m + n))),
    description="normal, with the variance ``2 / (fan_in + fan_out)``",
    reference='X. Glorot and Y. Bengio, "Understanding the difficulty of training deep'
    ' feedforward neural networks", AISTATS 2010',
)
register(
    "he_uniform",
    _uniform(lambda m, n: sqrt(6.0 / m)),
    description="uniform, with the variance ``2 / fan_in``",
    reference='K. He et al., "Delving Deep into Rectifiers", ICCV 2015, '
    "https://arxiv.org/abs/1502.01852",
)
register(
    "he_normal",
    _normal(lambda m, n: sqrt(2.0 / m)),
    description="normal, with the variance ``2 / fan_in``",
    reference='K. He et al., "Delving Deep into Rectifiers", ICCV 2015, '
    "https://arxiv.org/abs/1502.01852",
)
register(
    "lecun_uniform",
    _uniform(lambda m, n: sqrt(3.0 / m)),
    description="uniform, with the variance ``1 / fan_in``",
    reference='Y. LeCun et al., "Efficient BackProp", Neural Networks: Tricks of the '
    "Trade, 1998",
)
register(
    "lecun_normal",
    _normal(lambda m, n: sqrt(1.0 / m)),
    description="normal, with the variance ``1 / fan_in``",
    reference='Y. LeCun et al., "Efficient BackProp", Neural Networks: Tricks of the '
    "Trade, 1998",
)
register(
    "uniform",
    _uniform(lambda m, n: _SMALL),
    description="uniform in [-0.05, 0.05]",
)
register(
    "normal",
    _normal(lambda m, n: _SMALL),
    description="normal, with a standard deviation of 0.05",
)
register(
    "orthogonal",
    _orthogonal,
    description="rows or columns, the fewer, that are orthonormal",
    reference='A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the '
    'nonlinear dynamics of learning in deep linear neural networks", ICLR 2014, '
    "https://arxiv.org/abs/1312.6120",
)
register(
    "unit_variance",
    _normal(lambda m, n: sqrt(1.0 / m)),
    description="normal, and divided so that the weighted sum of each neuron has the "
    "variance 1 over the training rows",
    reference='P. Krähenbühl et al., "Data-dependent Initializations of Convolutional '
    'Neural Networks", ICLR 2016, https://arxiv.org/abs/1511.06856',
    scales_to_data=True,
)
