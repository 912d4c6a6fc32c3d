"""Activation functions of the hidden layers.

An activation is two scalar functions: its value at the weighted sum ``z``, and its
slope, as a function of that value where it can be, so that ``z`` need not be kept.
``_forward`` and ``_backward`` make leaves of them; each makes one pass over a layer's
matrix, taking the bias, or the gradient of the bias, along.
"""

from collections.abc import Callable
from typing import NamedTuple

from numba import types

from sknn.kernels.elementary import exp, tanh
from sknn.kernels.jit import Leaf, like, scalar


class Activation(NamedTuple):
    """The two leaves of an activation function."""

    forward: Leaf
    backward: Leaf
    keeps_sum: bool  # whether backward wants the weighted sum, not the value


ACTIVATIONS: dict[str, Activation] = {}


def register(
    name: str, value: Callable, slope: Callable, *, keeps_sum: bool = False
) -> None:
    """Make an activation available under a name.

    Parameters
    ----------
    name : str
        What users write: ``activation="name"``.
    value : function
        Takes the weighted sum ``z`` and returns ``f(z)``; marked with ``@scalar``.
    slope : function
        Takes ``y = f(z)``, or ``z`` with ``keeps_sum``, and returns ``f'(z)``; marked
        with ``@scalar``.
    keeps_sum : bool, default=False
        Whether the slope is a function of ``z``. It costs memory and time to keep.
    """
    forward = _forward_keeping(value) if keeps_sum else _forward(value)
    ACTIVATIONS[name] = Activation(
        Leaf(forward, _forward_signature, f"{name}_forward"),
        Leaf(_backward(slope), _backward_signature, f"{name}_backward"),
        keeps_sum,
    )


def _forward_signature(dtype):
    matrix = types.Array(dtype, 2, "C")
    return types.float64(matrix, types.Array(dtype, 1, "C"), matrix)


def _forward(value):
    def forward(z, bias, kept):
        """Set z to f(z + bias); shapes (n_rows, width) and (width,)."""
        for i in range(z.shape[0]):
            for j in range(z.shape[1]):
                z[i, j] = value(z[i, j] + bias[j])
        return 0.0

    return forward


def _forward_keeping(value):
    def forward(z, bias, kept):
        """Set z to f(z + bias) and kept to z + bias."""
        for i in range(z.shape[0]):
            for j in range(z.shape[1]):
                kept[i, j] = z[i, j] + bias[j]
                z[i, j] = value(kept[i, j])
        return 0.0

    return forward


def _backward_signature(dtype):
    matrix = types.Array(dtype, 2, "C")
    return types.float64(matrix, matrix, types.Array(dtype, 1, "C"))


def _backward(slope):
    def backward(kept, delta, bias_gradient):
        """Multiply delta by the slope; set bias_gradient to its column sums."""
        bias_gradient[:] = 0
        for i in range(kept.shape[0]):
            for j in range(kept.shape[1]):
                d = delta[i, j] * slope(kept[i, j])
                delta[i, j] = d
                bias_gradient[j] += d
        return 0.0

    return backward


# ---------------------------------------------------------------------------------


@scalar
def identity(z):
    return z


@scalar
def identity_slope(y):
    return like(y, 1)


@scalar
def relu(z):
    return z if z > 0 else like(z, 0)


@scalar
def relu_slope(y):
    return like(y, 1) if y != 0 else like(y, 0)


@scalar
def logistic(z):
    return like(z, 1) / (like(z, 1) + exp(-z))


@scalar
def logistic_slope(y):
    return y * (like(y, 1) - y)


@scalar
def tanh_slope(y):
    return like(y, 1) - y * y


register("identity", identity, identity_slope)
register("relu", relu, relu_slope)
register("logistic", logistic, logistic_slope)
register("tanh", tanh, tanh_slope)
