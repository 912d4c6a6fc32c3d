"""Optimizers, which update the parameters with the gradient of a batch.

An optimizer is an update rule for a scalar parameter, the number of state arrays that
it keeps, and a function for the rates of a step. ``_step`` makes a kernel of the rule:
one pass over all parameters, which also adds the L2 penalty to the gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np

from sknn.jit.kernel import (
    INTEGER,
    REAL,
    Array,
    Kernel,
    caller,
    inline_scalar,
    like,
)

N_SETTINGS = 5


@dataclass(frozen=True)
class OptimizerOptions:
    """The estimators' parameters that optimizers depend on."""

    momentum: float
    beta_1: float
    beta_2: float
    epsilon: float
    rho: float


class Optimizer(NamedTuple):
    """The kernels of an optimizer, the size of its state and its settings."""

    rates: Kernel  # computes the rates of a step, common to all parameters
    step: Kernel  # updates a range of the parameters
    n_slots: int  # state arrays, each of shape (n_trained,)
    settings: Callable[[OptimizerOptions], list[float]]


OPTIMIZERS: dict[str, Optimizer] = {}


def register(
    name: str,
    rule: Callable,
    *,
    n_slots: int,
    settings: Callable[[OptimizerOptions], list[float]],
    rates: Callable | None = None,
) -> None:
    """Make an optimizer available under a name.

    Parameters
    ----------
    name : str
        Key in ``OPTIMIZERS``.
    rule : function
        ``rule(theta, optimizer_state, i, g, rates, settings)`` updates the parameter
        ``theta[i]`` and its state ``optimizer_state[:, i]`` in place, given its
        gradient ``g``; an ``@inline_scalar``.
    n_slots : int
        Number of state arrays, which start at zero.
    settings : callable
        Takes the options; returns up to 5 numbers, which the rule takes as a tuple in
        the dtype of theta.
    rates : function, default=None
        ``rates(learning_rate, t, settings, momentum_product)`` returns three floats,
        in float64, common to all parameters in step t = 1, 2, ...; the rule takes them
        in the dtype of theta. ``momentum_product`` is an array of shape (1,) that
        persists from step to step and starts at 1. None stands for
        ``(learning_rate, 0, 0)``.
    """
    OPTIMIZERS[name] = Optimizer(
        Kernel(_rates(rates or _constant), rates_signature, f"{name}_rates"),
        Kernel(_step(rule), step_signature, f"{name}_step"),
        n_slots,
        lambda options: (settings(options) + [0.0] * N_SETTINGS)[:N_SETTINGS],
    )


_SETTINGS = Array(REAL, is_read_only=True)

# out, learning_rate, t, settings, momentum_product
rates_signature = (Array(REAL), REAL, INTEGER, _SETTINGS, Array(REAL))
call_rates = caller("rates", rates_signature)


def _rates(rates_of_step):
    """Return the kernel function that stores the rates of a step."""

    def rates(out, learning_rate, t, settings, momentum_product):
        first, second, third = rates_of_step(
            learning_rate, t, settings, momentum_product
        )
        out[0], out[1], out[2] = first, second, third
        return 0.0

    rates.__doc__ = f"""Set out to the rates of step t, by {rates_of_step.__name__}.

    Parameters
    ----------
    out : ndarray of shape (3,), float64
        Rates, overwritten.
    learning_rate : float
    t : int
        Number of the step, from 1.
    settings : ndarray of shape (N_SETTINGS,), float64
    momentum_product : ndarray of shape (1,), float64
        Product of the momentum coefficients so far, updated in place.
    """
    return rates


# theta, gradient, optimizer_state, rates_of_step, first, last, n_weights, alpha, size,
# settings
step_signature = (
    Array(),
    Array(),
    Array(ndim=2),
    Array(REAL),
    INTEGER,
    INTEGER,
    INTEGER,
    REAL,
    REAL,
    _SETTINGS,
)
call_step = caller("step", step_signature)


def _step(rule):
    """Return the kernel function that applies the rule to a range of parameters."""

    def step(
        theta,
        gradient,
        optimizer_state,
        rates_of_step,
        first,
        last,
        n_weights,
        alpha,
        size,
        settings,
    ):
        dtype = theta.dtype.type
        typed_settings = (
            dtype(settings[0]),
            dtype(settings[1]),
            dtype(settings[2]),
            dtype(settings[3]),
            dtype(settings[4]),
        )
        rates = (
            dtype(rates_of_step[0]),
            dtype(rates_of_step[1]),
            dtype(rates_of_step[2]),
        )
        penalty, scale = dtype(alpha), dtype(1.0 / size)
        # Accumulating in float64 would halve the number of float32 lanes in a vector.
        total = dtype(0.0)
        # Unsigned indices spare the test for negative ones, which count from the end.
        end = last if last < n_weights else n_weights
        for i in range(np.uintp(first), np.uintp(end)):
            w = theta[i]
            total += w * w
            g = (gradient[i] + penalty * w) * scale
            rule(theta, optimizer_state, i, g, rates, typed_settings)
        begin = first if first > n_weights else n_weights
        for i in range(np.uintp(begin), np.uintp(last)):
            rule(theta, optimizer_state, i, gradient[i] * scale, rates, typed_settings)
        return total

    step.__doc__ = f"""Update theta[first:last] by {rule.__name__}.

    The gradient of the mean loss with its penalty is g = (gradient + alpha * w) / size
    for weights w, and g = gradient / size for biases. Returns the sum of the squared
    weights in the range before the update.

    Parameters
    ----------
    theta : ndarray of shape (n_trained,)
        Parameters, n_weights weights before the others; updated in place.
    gradient : ndarray of shape (n_trained,)
        Gradient of the loss, summed over the batch.
    optimizer_state : ndarray of shape (n_slots, n_trained)
        Updated in place.
    rates_of_step : ndarray of shape (3,), float64
        Output of the kernel for the rates.
    first, last : int
        Range of the parameters to update.
    n_weights : int
        Number of penalised parameters.
    alpha : float
        L2 penalty.
    size : float
        Number of rows of the batch, or the sum of their weights.
    settings : ndarray of shape (N_SETTINGS,), float64
    """
    return step


@inline_scalar
def _constant(learning_rate, t, settings, momentum_product):
    """Return (learning_rate, 0, 0)."""
    return learning_rate, 0.0, 0.0


# ---------------------------------------------------------------------------------
# Stochastic gradient descent with momentum, classical or Nesterov's [1]_.
#
# .. [1] I. Sutskever et al., "On the importance of initialization and momentum in
#    deep learning", ICML 2013.


@inline_scalar
def sgd(theta, optimizer_state, i, g, rates, settings):
    """Update u = momentum u - rate g; theta += u. State: u, the velocity."""
    velocity = settings[0] * optimizer_state[0, i] - rates[0] * g
    optimizer_state[0, i] = velocity
    theta[i] += velocity


@inline_scalar
def nesterov(theta, optimizer_state, i, g, rates, settings):
    """Update u = momentum u - rate g; theta += momentum u - rate g. State: u."""
    velocity = settings[0] * optimizer_state[0, i] - rates[0] * g
    optimizer_state[0, i] = velocity
    theta[i] += settings[0] * velocity - rates[0] * g


register("sgd", sgd, n_slots=1, settings=lambda options: [options.momentum])
register("nesterov", nesterov, n_slots=1, settings=lambda options: [options.momentum])


# ---------------------------------------------------------------------------------
# Adam [1]_, and AMSGrad [2]_, which divides by the maximum of the second moment so far
# instead of the current one. Epsilon is added before the bias correction of both
# moments, as in scikit-learn and Keras.
#
# .. [1] D. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2014,
#    https://arxiv.org/abs/1412.6980.
# .. [2] S. Reddi, S. Kale and S. Kumar, "On the Convergence of Adam and Beyond",
#    ICLR 2018, https://arxiv.org/abs/1904.09237.


def _betas(options: OptimizerOptions) -> list[float]:
    """Return beta_1, 1 - beta_1, beta_2, 1 - beta_2 and epsilon, in float64.

    The rule takes the complements 1 - beta as settings, since computed in float32 they
    would lose digits.
    """
    beta_1, beta_2 = options.beta_1, options.beta_2
    return [beta_1, 1.0 - beta_1, beta_2, 1.0 - beta_2, options.epsilon]


@inline_scalar
def adam(theta, optimizer_state, i, g, rates, settings):
    """Update m, v, then theta -= rate m / (sqrt(v) + epsilon). State: m, v.

    m = beta_1 m + (1 - beta_1) g and v = beta_2 v + (1 - beta_2) g**2.
    """
    beta_1, complement_1, beta_2, complement_2, epsilon = settings
    m = beta_1 * optimizer_state[0, i] + complement_1 * g
    v = beta_2 * optimizer_state[1, i] + complement_2 * (g * g)
    optimizer_state[0, i] = m
    optimizer_state[1, i] = v
    theta[i] -= rates[0] * m / (sqrt(v) + epsilon)


@inline_scalar
def amsgrad(theta, optimizer_state, i, g, rates, settings):
    """Update m, v, v_max, then theta -= rate m / (sqrt(v_max) + epsilon).

    m and v are those of Adam, v_max = max(v_max, v). State: m, v, v_max.
    """
    beta_1, complement_1, beta_2, complement_2, epsilon = settings
    m = beta_1 * optimizer_state[0, i] + complement_1 * g
    v = beta_2 * optimizer_state[1, i] + complement_2 * (g * g)
    v_max = optimizer_state[2, i] if optimizer_state[2, i] > v else v
    optimizer_state[0, i] = m
    optimizer_state[1, i] = v
    optimizer_state[2, i] = v_max
    theta[i] -= rates[0] * m / (sqrt(v_max) + epsilon)


@inline_scalar
def adam_rates(learning_rate, t, settings, momentum_product):
    """Return learning_rate sqrt(1 - beta_2**t) / (1 - beta_1**t), 0, 0."""
    beta_1, beta_2, steps = settings[0], settings[2], float(t)
    rate = learning_rate * sqrt(1.0 - beta_2**steps) / (1.0 - beta_1**steps)
    return rate, 0.0, 0.0


register("adam", adam, n_slots=2, rates=adam_rates, settings=_betas)
register("amsgrad", amsgrad, n_slots=3, rates=adam_rates, settings=_betas)


# ---------------------------------------------------------------------------------
# NAdam [1]_: Adam with Nesterov momentum, which rises from beta_1 / 2 to beta_1 as in
# PyTorch.
#
# .. [1] T. Dozat, "Incorporating Nesterov Momentum into Adam", ICLR 2016 Workshop.


@inline_scalar
def nadam(theta, optimizer_state, i, g, rates, settings):
    """Update m, v, then theta -= (a g + b m) / (sqrt(c v) + epsilon). State: m, v.

    m and v are those of Adam; (a, b, c) are the rates of `nadam_rates`.
    """
    beta_1, complement_1, beta_2, complement_2, epsilon = settings
    m = beta_1 * optimizer_state[0, i] + complement_1 * g
    v = beta_2 * optimizer_state[1, i] + complement_2 * (g * g)
    optimizer_state[0, i] = m
    optimizer_state[1, i] = v
    update = rates[0] * g + rates[1] * m
    theta[i] -= update / (sqrt(rates[2] * v) + epsilon)


@inline_scalar
def nadam_rates(learning_rate, t, settings, momentum_product):
    """Return the rates of g, m and v in step t, with mu[t] the momentum coefficient.

    mu[t] = beta_1 (1 - 0.96**(0.004 t) / 2), and P[t] = mu[1] ... mu[t] is kept in
    momentum_product. With r the learning rate they are r (1 - mu[t]) / (1 - P[t]),
    r mu[t + 1] / (1 - P[t + 1]) and 1 / (1 - beta_2**t).
    """
    beta_1, beta_2, steps = settings[0], settings[2], float(t)
    momentum = beta_1 * (1.0 - 0.5 * 0.96 ** (0.004 * steps))
    next_momentum = beta_1 * (1.0 - 0.5 * 0.96 ** (0.004 * (steps + 1.0)))
    momentum_product[0] *= momentum
    gradient_rate = learning_rate * (1.0 - momentum) / (1.0 - momentum_product[0])
    momentum_rate = (
        learning_rate * next_momentum / (1.0 - momentum_product[0] * next_momentum)
    )
    return gradient_rate, momentum_rate, 1.0 / (1.0 - beta_2**steps)


register("nadam", nadam, n_slots=2, rates=nadam_rates, settings=_betas)


# ---------------------------------------------------------------------------------
# AdaGrad [1]_ and RMSprop [2]_ divide by the root of the sum of the squared gradients,
# or of their moving average.
#
# .. [1] J. Duchi, E. Hazan and Y. Singer, "Adaptive Subgradient Methods for Online
#    Learning and Stochastic Optimization", Journal of Machine Learning Research 12,
#    2011.
# .. [2] T. Tieleman and G. Hinton, "Lecture 6.5 - RMSprop", Neural Networks for Machine
#    Learning, Coursera, 2012.


@inline_scalar
def adagrad(theta, optimizer_state, i, g, rates, settings):
    """Update s += g**2; theta -= rate g / (sqrt(s) + epsilon). State: s."""
    total = optimizer_state[0, i] + g * g
    optimizer_state[0, i] = total
    theta[i] -= rates[0] * g / (sqrt(total) + settings[0])


@inline_scalar
def rmsprop(theta, optimizer_state, i, g, rates, settings):
    """Update v = rho v + (1 - rho) g**2; theta -= rate g / (sqrt(v) + epsilon).

    State: v.
    """
    rho, complement, epsilon = settings[0], settings[1], settings[2]
    v = rho * optimizer_state[0, i] + complement * (g * g)
    optimizer_state[0, i] = v
    theta[i] -= rates[0] * g / (sqrt(v) + epsilon)


register("adagrad", adagrad, n_slots=1, settings=lambda options: [options.epsilon])
register(
    "rmsprop",
    rmsprop,
    n_slots=1,
    settings=lambda options: [options.rho, 1.0 - options.rho, options.epsilon],
)


# ---------------------------------------------------------------------------------
# Lion [1]_: every parameter moves by the learning rate, with the sign of an average.
#
# .. [1] X. Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023,
#    https://arxiv.org/abs/2302.06675.


@inline_scalar
def lion(theta, optimizer_state, i, g, rates, settings):
    """Update theta -= rate sign(beta_1 m + (1 - beta_1) g), then m. State: m.

    m = beta_2 m + (1 - beta_2) g.
    """
    beta_1, complement_1, beta_2, complement_2, _ = settings
    m = beta_1 * optimizer_state[0, i] + complement_1 * g
    optimizer_state[0, i] = beta_2 * optimizer_state[0, i] + complement_2 * g
    one = like(m, 1)
    sign = one if m > 0 else (-one if m < 0 else m)  # NaN stays NaN
    theta[i] -= rates[0] * sign


register("lion", lion, n_slots=1, settings=_betas)
