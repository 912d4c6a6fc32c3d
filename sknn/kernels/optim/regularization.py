"""Penalties, clipping and weight decay before a step, and max-norm after it.

A network with the L2 penalty alone skips these kernels: the optimizer's step adds it.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np

from sknn.jit.array_types import Float64s, IntegerMatrix, Integers, Vector
from sknn.jit.kernel import (
    INTEGER,
    REAL,
    Array,
    Kernel,
    caller,
    inline_scalar,
    kernel,
    matrix,
    vector,
)
from sknn.kernels.gemm.products import NARROW
from sknn.kernels.table import FAN_IN, FAN_OUT, WEIGHTS

# Entries of the settings.
L1, L2, DECAY, CLIP_VALUE, CLIP_NORM, MAX_NORM = range(6)
N_REGULARIZATION_SETTINGS = 6

# Of 'adamw', as in PyTorch; without it the solver would be plain Adam.
ADAMW_WEIGHT_DECAY = 0.01


class RegularizationOptions(NamedTuple):
    """The estimators' parameters that regularize."""

    alpha: float
    l1_ratio: float
    weight_decay: float | str
    clipvalue: float | None
    global_clipnorm: float | None
    max_norm: float | None

    @property
    def l2(self) -> float:
        """Strength of the L2 penalty."""
        return float(self.alpha) * (1.0 - self.l1_ratio)

    @property
    def l1(self) -> float:
        """Strength of the L1 penalty."""
        return float(self.alpha) * self.l1_ratio

    def decay(self, solver: str) -> float:
        """Return the weight decay that a solver has."""
        if self.weight_decay == "auto":
            return ADAMW_WEIGHT_DECAY if solver == "adamw" else 0.0
        return float(self.weight_decay)

    def settings(self, solver: str) -> np.ndarray:
        """Return the settings of the kernels in this file, but for the L2 penalty."""
        settings = np.zeros(N_REGULARIZATION_SETTINGS)
        settings[L1] = self.l1
        settings[DECAY] = self.decay(solver)
        settings[CLIP_VALUE] = self.clipvalue or 0.0
        settings[CLIP_NORM] = self.global_clipnorm or 0.0
        settings[MAX_NORM] = self.max_norm or 0.0
        return settings


def kernels_for(settings: np.ndarray) -> tuple[Kernel | None, Kernel | None]:
    """Return `shape_gradient` and `constrain`, or None for one that has no effect.

    ``settings`` are those of `RegularizationOptions`.
    """
    shapes = any(settings[L1:MAX_NORM].tolist())
    constrains = settings[MAX_NORM] > 0
    return shape_gradient if shapes else None, constrain if constrains else None


_SETTINGS = Array(REAL, is_read_only=True)


# theta, gradient, n_weights, size, learning_rate, decay_ends, decay_factors, settings.
shape_signature = (
    Array(),
    Array(),
    INTEGER,
    REAL,
    REAL,
    Array(INTEGER, is_read_only=True),
    _SETTINGS,
    _SETTINGS,
)
call_shape = caller("shape_gradient", shape_signature)
# The rows of the table of constrained layers, theta, gradient, settings.
constrain_signature = (Array(INTEGER, 2), Array(), Array(), _SETTINGS)
call_constrain = caller("constrain", constrain_signature)


@inline_scalar
def averages(settings: Float64s) -> bool:
    """Return whether `shape_gradient` averages g; else the optimizer's step does."""
    of_penalties, of_clipping = settings[L1] + settings[L2], settings[CLIP_VALUE]
    is_any: bool = of_penalties + of_clipping + settings[CLIP_NORM] > 0.0
    return is_any


@kernel(shape_signature)
def shape_gradient(
    theta: Vector,
    gradient: Vector,
    n_weights: int,
    size: float,
    learning_rate: float,
    decay_ends: Integers,
    decay_factors: Float64s,
    settings: Float64s,
) -> float:
    """Average, penalise and clip the gradient g; decay parameters w.

    In this order, in place::

        g = (g + L2 * w + L1 * sign(w)) / size    (biases: g / size)
        g = clip(g, -CLIP_VALUE, CLIP_VALUE)
        g = g * min(1, CLIP_NORM / norm(g))
        w = w * (1 - learning_rate * DECAY * factor)

    A setting of 0 skips its line; where only DECAY is set, g stays as it is: see
    `averages`. Returns the penalty L1 * sum(abs(w)) + L2 / 2 *
    sum(w**2) before the decay.

    Parameters
    ----------
    theta, gradient : ndarray of shape (n_trained,)
        Parameters, n_weights weights before the others, and the gradient of the loss
        summed over the batch.
    n_weights : int
        Number of penalised parameters.
    size : float
        Number of rows of the batch, or the sum of their weights.
    learning_rate : float
    decay_ends, decay_factors : ndarray of shape (n_segments,), int64 and float64
        Where segments of theta end, and the factors of their decay; 0: none.
    settings : ndarray of shape (N_REGULARIZATION_SETTINGS,), float64
        Settings: L1, L2, DECAY, CLIP_VALUE, CLIP_NORM and MAX_NORM.
    """
    dtype = theta.dtype.type
    scale, l1, l2 = dtype(1.0 / size), dtype(settings[L1]), dtype(settings[L2])
    absolute, squares = 0.0, 0.0
    is_averaged = averages(settings)
    for i in range(n_weights if is_averaged else 0):
        w = theta[i]
        absolute += abs(w)
        squares += w * w
        sign = dtype(1) if w > 0 else (dtype(-1) if w < 0 else dtype(0))
        gradient[i] = (gradient[i] + l2 * w + l1 * sign) * scale
    for i in range(n_weights, gradient.size if is_averaged else 0):
        gradient[i] *= scale

    if settings[CLIP_VALUE] > 0.0:
        highest = dtype(settings[CLIP_VALUE])
        for i in range(gradient.size):
            g = gradient[i]
            g = highest if g > highest else g
            gradient[i] = -highest if g < -highest else g
    if settings[CLIP_NORM] > 0.0:
        norm = 0.0
        for i in range(gradient.size):
            norm += float(gradient[i]) * float(gradient[i])
        norm = sqrt(norm)
        if norm > settings[CLIP_NORM]:
            factor = dtype(settings[CLIP_NORM] / norm)
            for i in range(gradient.size):
                gradient[i] *= factor

    if settings[DECAY] > 0.0:
        begin = 0
        for k in range(decay_ends.size):
            if decay_factors[k] != 0.0:
                decay = learning_rate * settings[DECAY] * decay_factors[k]
                factor = dtype(1.0 - decay)
                for i in range(np.uintp(begin), np.uintp(decay_ends[k])):
                    theta[i] *= factor
            begin = decay_ends[k]
    penalty: float = settings[L1] * absolute + 0.5 * settings[L2] * squares
    return penalty


@kernel(constrain_signature)
def constrain(
    dense: IntegerMatrix, theta: Vector, gradient: Vector, settings: Float64s
) -> float:
    """Scale the incoming weights of each neuron to a norm of at most MAX_NORM [1]_.

    ``W[:, j] *= min(1, MAX_NORM / norm(W[:, j]))`` for each neuron j of each layer.

    Parameters
    ----------
    dense : ndarray of shape (n_layers, N_COLUMNS), int64
        Rows of the table of operations for the constrained layers.
    theta : ndarray of shape (n_trained,)
        Parameters, updated in place.
    gradient : ndarray of shape (n_trained,)
        Workspace, overwritten: the step has used the gradient.
    settings : ndarray of shape (N_REGULARIZATION_SETTINGS,), float64

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
       Overfitting", Journal of Machine Learning Research 15, 2014, section 5.1.
    """
    dtype = theta.dtype.type
    largest = dtype(settings[MAX_NORM])
    for k in range(dense.shape[0]):
        fan_in, fan_out = dense[k, FAN_IN], dense[k, FAN_OUT]
        if fan_out < NARROW:  # stored transposed
            for j in range(fan_out):
                incoming = vector(theta, dense[k, WEIGHTS] + j * fan_in, fan_in)
                total = dtype(0)
                for i in range(fan_in):
                    total += incoming[i] * incoming[i]
                norm = sqrt(total)
                if norm > largest:
                    incoming *= largest / norm
            continue
        weights = matrix(theta, dense[k, WEIGHTS], fan_in, fan_out)
        factors = matrix(gradient, dense[k, WEIGHTS], 1, fan_out)
        factors[:] = 0
        for i in range(fan_in):
            for j in range(fan_out):
                factors[0, j] += weights[i, j] * weights[i, j]
        for j in range(fan_out):
            norm = sqrt(factors[0, j])
            factors[0, j] = largest / norm if norm > largest else dtype(1)
        for i in range(fan_in):
            for j in range(fan_out):
                weights[i, j] *= factors[0, j]
    return 0.0
