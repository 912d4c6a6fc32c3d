"""Optimizers: the step that follows the gradient of a batch.

An optimizer is a rule for one parameter, with as many state slots for each parameter
as it needs, and a function for the rate of a step. ``_step`` makes a leaf of them: one
pass over all parameters, which also adds the L2 penalty to the gradient.
"""

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import numpy as np

from sknn.jit.kernel import INTEGER, REAL, Array, Kernel, inline_scalar, like

N_SETTINGS = 5


class Optimizer(NamedTuple):
    """The leaves that make one step, and what they need to know."""

    rates: Kernel  # finds what is the same for all parameters
    step: Kernel  # updates some of the parameters
    n_slots: int  # arrays of the parameters' size that it keeps
    settings: Callable[[dict], list[float]]  # of the estimator's parameters


OPTIMIZERS: dict[str, Optimizer] = {}


def register(
    name: str,
    rule: Callable,
    *,
    n_slots: int,
    settings: Callable[[dict], list[float]],
    rates: Callable | None = None,
) -> None:
    """Make an optimizer available under a name.

    Parameters
    ----------
    name : str
        Key in ``OPTIMIZERS``.
    rule : function
        ``rule(theta, slots, i, g, rates, settings)`` updates parameter ``theta[i]``
        and its state ``slots[:, i]`` in place, given its gradient ``g``; marked with
        ``@inline_scalar``.
    n_slots : int
        Number of state slots for each parameter, which start at zero.
    settings : callable
        Takes the estimator's parameters as a mapping; returns up to 5 numbers, which
        the rule gets as a tuple in the dtype of theta.
    rates : function, default=None
        ``rates(learning_rate, t, settings, product)`` returns three numbers, in
        float64, that are the same for all parameters in the t-th step, t = 1, 2, ...;
        the rule gets them in the dtype of theta. ``product`` is an array of one
        number that is kept from step to step and starts at 1. None stands for
        ``(learning_rate, 0, 0)``.
    """
    OPTIMIZERS[name] = Optimizer(
        Kernel(_rates(rates or _constant), rates_signature, f"{name}_rates"),
        Kernel(_step(rule), step_signature, f"{name}_step"),
        n_slots,
        lambda parameters: (settings(parameters) + [0.0] * N_SETTINGS)[:N_SETTINGS],
    )


_SETTINGS = Array(REAL, is_read_only=True)

# found, learning_rate, t, settings, product
rates_signature = (Array(REAL), REAL, INTEGER, _SETTINGS, Array(REAL))


def _rates(rates_of_step):
    def rates(found, learning_rate, t, settings, momentum_product):
        """Fill found with the three rates of the t-th step."""
        one, two, three = rates_of_step(learning_rate, t, settings, momentum_product)
        found[0], found[1], found[2] = one, two, three
        return 0.0

    return rates


# theta, gradient, slots, rates, first, last, n_weights, alpha, size, settings
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


def _step(rule):
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
        """Update theta and slots in place; return the sum of the squared weights.

        Works on the parameters from first to last. The first n_weights of all are
        weights, the others biases, which are not penalised. The gradient is a sum over
        a batch of the given size (or sum of sample weights). The returned sum is taken
        before the update.
        """
        kind = theta.dtype.type
        own = (
            kind(settings[0]),
            kind(settings[1]),
            kind(settings[2]),
            kind(settings[3]),
            kind(settings[4]),
        )
        rates = (kind(rates_of_step[0]), kind(rates_of_step[1]), kind(rates_of_step[2]))
        decay, share = kind(alpha), kind(1.0 / size)
        # A sum in float64 would halve the numbers that a vector of float32 holds.
        total = kind(0.0)
        # Of unsigned numbers it is known that they do not count from the end.
        end = last if last < n_weights else n_weights
        for i in range(np.uintp(first), np.uintp(end)):
            w = theta[i]
            total += w * w
            rule(
                theta, optimizer_state, i, (gradient[i] + decay * w) * share, rates, own
            )
        begin = first if first > n_weights else n_weights
        for i in range(np.uintp(begin), np.uintp(last)):
            rule(theta, optimizer_state, i, gradient[i] * share, rates, own)
        return total

    return step


@inline_scalar
def _constant(learning_rate, t, settings, momentum_product):
    return learning_rate, 0.0, 0.0


# ---------------------------------------------------------------------------------
# Stochastic gradient descent with momentum, plain or in Nesterov's form [1]_.
#
# .. [1] I. Sutskever et al., "On the importance of initialization and momentum in
#    deep learning", ICML 2013.


@inline_scalar
def sgd(theta, optimizer_state, i, g, rates, settings):
    velocity = settings[0] * optimizer_state[0, i] - rates[0] * g
    optimizer_state[0, i] = velocity
    theta[i] += velocity


@inline_scalar
def nesterov(theta, optimizer_state, i, g, rates, settings):
    velocity = settings[0] * optimizer_state[0, i] - rates[0] * g
    optimizer_state[0, i] = velocity
    theta[i] += settings[0] * velocity - rates[0] * g


register("sgd", sgd, n_slots=1, settings=lambda p: [p["momentum"]])
register("nesterov", nesterov, n_slots=1, settings=lambda p: [p["momentum"]])


# ---------------------------------------------------------------------------------
# Adam [1]_, and AMSGrad [2]_, which divides by the largest mean square so far instead
# of the current one. Epsilon is added before the correction of the bias of both means,
# as in scikit-learn and Keras.
#
# .. [1] D. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2014,
#    https://arxiv.org/abs/1412.6980.
# .. [2] S. Reddi, S. Kale and S. Kumar, "On the Convergence of Adam and Beyond",
#    ICLR 2018, https://arxiv.org/abs/1904.09237.


def _betas(parameters: dict) -> list[float]:
    """Return settings for rules with two means, epsilon last.

    The complements 1 - beta are settings of their own, for in float32 they would lose
    digits.
    """
    beta_1, beta_2 = parameters["beta_1"], parameters["beta_2"]
    return [beta_1, 1.0 - beta_1, beta_2, 1.0 - beta_2, parameters["epsilon"]]


@inline_scalar
def adam(theta, optimizer_state, i, g, rates, settings):
    beta_1, complement_1, beta_2, complement_2, epsilon = settings
    mean = beta_1 * optimizer_state[0, i] + complement_1 * g
    square = beta_2 * optimizer_state[1, i] + complement_2 * (g * g)
    optimizer_state[0, i] = mean
    optimizer_state[1, i] = square
    theta[i] -= rates[0] * mean / (sqrt(square) + epsilon)


@inline_scalar
def amsgrad(theta, optimizer_state, i, g, rates, settings):
    beta_1, complement_1, beta_2, complement_2, epsilon = settings
    mean = beta_1 * optimizer_state[0, i] + complement_1 * g
    square = beta_2 * optimizer_state[1, i] + complement_2 * (g * g)
    largest = optimizer_state[2, i] if optimizer_state[2, i] > square else square
    optimizer_state[0, i] = mean
    optimizer_state[1, i] = square
    optimizer_state[2, i] = largest
    theta[i] -= rates[0] * mean / (sqrt(largest) + epsilon)


@inline_scalar
def adam_rates(learning_rate, t, settings, momentum_product):
    beta_1, beta_2, steps = settings[0], settings[2], float(t)
    rate = learning_rate * sqrt(1.0 - beta_2**steps) / (1.0 - beta_1**steps)
    return rate, 0.0, 0.0


register("adam", adam, n_slots=2, rates=adam_rates, settings=_betas)
register("amsgrad", amsgrad, n_slots=3, rates=adam_rates, settings=_betas)


# ---------------------------------------------------------------------------------
# NAdam [1]_: Adam with the momentum of Nesterov, which rises from beta_1 / 2 to beta_1
# as in PyTorch.
#
# .. [1] T. Dozat, "Incorporating Nesterov Momentum into Adam", ICLR 2016 Workshop.


@inline_scalar
def nadam(theta, optimizer_state, i, g, rates, settings):
    beta_1, complement_1, beta_2, complement_2, epsilon = settings
    mean = beta_1 * optimizer_state[0, i] + complement_1 * g
    square = beta_2 * optimizer_state[1, i] + complement_2 * (g * g)
    optimizer_state[0, i] = mean
    optimizer_state[1, i] = square
    step = rates[0] * g + rates[1] * mean
    theta[i] -= step / (sqrt(rates[2] * square) + epsilon)


@inline_scalar
def nadam_rates(learning_rate, t, settings, momentum_product):
    beta_1, beta_2, steps = settings[0], settings[2], float(t)
    momentum = beta_1 * (1.0 - 0.5 * 0.96 ** (0.004 * steps))
    coming = beta_1 * (1.0 - 0.5 * 0.96 ** (0.004 * (steps + 1.0)))
    momentum_product[0] *= momentum
    of_gradient = learning_rate * (1.0 - momentum) / (1.0 - momentum_product[0])
    of_mean = learning_rate * coming / (1.0 - momentum_product[0] * coming)
    return of_gradient, of_mean, 1.0 / (1.0 - beta_2**steps)


register("nadam", nadam, n_slots=2, rates=nadam_rates, settings=_betas)


# ---------------------------------------------------------------------------------
# AdaGrad [1]_ and RMSprop [2]_: a step shrinks with the sum of the squared gradients
# so far, or with their mean.
#
# .. [1] J. Duchi, E. Hazan and Y. Singer, "Adaptive Subgradient Methods for Online
#    Learning and Stochastic Optimization", Journal of Machine Learning Research 12,
#    2011.
# .. [2] T. Tieleman and G. Hinton, "Lecture 6.5 - RMSprop", Neural Networks for Machine
#    Learning, Coursera, 2012.


@inline_scalar
def adagrad(theta, optimizer_state, i, g, rates, settings):
    total = optimizer_state[0, i] + g * g
    optimizer_state[0, i] = total
    theta[i] -= rates[0] * g / (sqrt(total) + settings[0])


@inline_scalar
def rmsprop(theta, optimizer_state, i, g, rates, settings):
    rho, complement, epsilon = settings[0], settings[1], settings[2]
    square = rho * optimizer_state[0, i] + complement * (g * g)
    optimizer_state[0, i] = square
    theta[i] -= rates[0] * g / (sqrt(square) + epsilon)


register("adagrad", adagrad, n_slots=1, settings=lambda p: [p["epsilon"]])
register(
    "rmsprop",
    rmsprop,
    n_slots=1,
    settings=lambda p: [p["rho"], 1.0 - p["rho"], p["epsilon"]],
)


# ---------------------------------------------------------------------------------
# Lion [1]_: every parameter moves by the learning rate, in the direction of a mean.
#
# .. [1] X. Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023,
#    https://arxiv.org/abs/2302.06675.


@inline_scalar
def lion(theta, optimizer_state, i, g, rates, settings):
    beta_1, complement_1, beta_2, complement_2, _ = settings
    mean = beta_1 * optimizer_state[0, i] + complement_1 * g
    optimizer_state[0, i] = beta_2 * optimizer_state[0, i] + complement_2 * g
    one = like(mean, 1)
    sign = one if mean > 0 else (-one if mean < 0 else mean)  # which keeps NaN
    theta[i] -= rates[0] * sign


register("lion", lion, n_slots=1, settings=_betas)
