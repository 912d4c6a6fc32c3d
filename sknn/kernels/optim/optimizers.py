"""Optimizers, which update the parameters with the gradient of a batch.

Each is an update rule for a scalar parameter, and a call of `register`, which says what
`optim/base.py` makes of it and what the docstrings of the estimators say about it.
"""

from math import sqrt

from sknn.jit.array_types import Float64s, Matrix, Vector
from sknn.jit.kernel import inline_scalar, like
from sknn.kernels.optim.base import (
    OPTIMIZERS,
    SOLVERS,
    Optimizer,
    OptimizerOptions,
    Rates,
    Settings,
    Solver,
    call_rates,
    call_step,
    register,
)

__all__ = [
    "OPTIMIZERS",
    "SOLVERS",
    "Optimizer",
    "OptimizerOptions",
    "call_rates",
    "call_step",
]

# ---------------------------------------------------------------------------------
# Stochastic gradient descent with momentum, classical or Nesterov's.


@inline_scalar
def sgd(
    theta: Vector,
    optimizer_state: Matrix,
    i: int,
    g: float,
    rates: Rates,
    settings: Settings,
) -> None:
    """Update u = momentum u - rate g; theta += u. State: u, the velocity."""
    velocity = settings[0] * optimizer_state[0, i] - rates[0] * g
    optimizer_state[0, i] = velocity
    theta[i] += velocity


@inline_scalar
def nesterov(
    theta: Vector,
    optimizer_state: Matrix,
    i: int,
    g: float,
    rates: Rates,
    settings: Settings,
) -> None:
    """Update u = momentum u - rate g; theta += momentum u - rate g. State: u."""
    velocity = settings[0] * optimizer_state[0, i] - rates[0] * g
    optimizer_state[0, i] = velocity
    theta[i] += settings[0] * velocity - rates[0] * g


register(
    "sgd",
    sgd,
    n_slots=1,
    settings=lambda options: [options.momentum],
    description="stochastic gradient descent with momentum; with all rows in a batch "
    "and no momentum, plain gradient descent",
)
register(
    "nesterov",
    nesterov,
    n_slots=1,
    settings=lambda options: [options.momentum],
    description="stochastic gradient descent with Nesterov's momentum",
    reference='I. Sutskever et al., "On the importance of initialization and momentum '
    'in deep learning", ICML 2013',
    is_solver=False,  # but what 'sgd' is with nesterovs_momentum
)


# ---------------------------------------------------------------------------------
# Adam, and AMSGrad, which divides by the maximum of the second moment so far instead of
# the current one. Epsilon is added before the bias correction of both moments, as in
# scikit-learn and Keras.


def _betas(options: OptimizerOptions) -> list[float]:
    """Return beta_1, 1 - beta_1, beta_2, 1 - beta_2 and epsilon, in float64.

    The rule takes the complements 1 - beta as settings, since computed in float32 they
    would lose digits.
    """
    beta_1, beta_2 = options.beta_1, options.beta_2
    return [beta_1, 1.0 - beta_1, beta_2, 1.0 - beta_2, options.epsilon]


@inline_scalar
def adam(
    theta: Vector,
    optimizer_state: Matrix,
    i: int,
    g: float,
    rates: Rates,
    settings: Settings,
) -> None:
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
def amsgrad(
    theta: Vector,
    optimizer_state: Matrix,
    i: int,
    g: float,
    rates: Rates,
    settings: Settings,
) -> None:
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
def adam_rates(
    learning_rate: float, t: int, settings: Float64s, momentum_product: Float64s
) -> Rates:
    """Return learning_rate sqrt(1 - beta_2**t) / (1 - beta_1**t), 0, 0."""
    beta_1, beta_2, steps = settings[0], settings[2], float(t)
    rate = learning_rate * sqrt(1.0 - beta_2**steps) / (1.0 - beta_1**steps)
    return rate, 0.0, 0.0


register(
    "adam",
    adam,
    n_slots=2,
    rates=adam_rates,
    settings=_betas,
    description="steps along the mean gradient, divided by the root of the mean of its"
    " square",
    reference='D. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", '
    "2014, https://arxiv.org/abs/1412.6980",
)
register(
    "amsgrad",
    amsgrad,
    n_slots=3,
    rates=adam_rates,
    settings=_betas,
    description="'adam' with the largest mean square so far",
    reference='S. Reddi, S. Kale and S. Kumar, "On the Convergence of Adam and '
    'Beyond", ICLR 2018, https://arxiv.org/abs/1904.09237',
)

# Adam, too: its weight decay is that of all optimizers, with another default.
SOLVERS["adamw"] = Solver(
    "adam",
    "'adam' with ``weight_decay``",
    'I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019',
)


# ---------------------------------------------------------------------------------
# NAdam: Adam with Nesterov momentum, which rises from beta_1 / 2 to beta_1 as in
# PyTorch.


@inline_scalar
def nadam(
    theta: Vector,
    optimizer_state: Matrix,
    i: int,
    g: float,
    rates: Rates,
    settings: Settings,
) -> None:
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
def nadam_rates(
    learning_rate: float, t: int, settings: Float64s, momentum_product: Float64s
) -> Rates:
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


register(
    "nadam",
    nadam,
    n_slots=2,
    rates=nadam_rates,
    settings=_betas,
    description="'adam' with Nesterov's momentum",
    reference='T. Dozat, "Incorporating Nesterov Momentum into Adam", ICLR 2016 '
    "Workshop",
)


# ---------------------------------------------------------------------------------
# AdaGrad and RMSprop divide by the root of the sum of the squared gradients, or of
# their moving average.


@inline_scalar
def adagrad(
    theta: Vector,
    optimizer_state: Matrix,
    i: int,
    g: float,
    rates: Rates,
    settings: Settings,
) -> None:
    """Update s += g**2; theta -= rate g / (sqrt(s) + epsilon). State: s."""
    total = optimizer_state[0, i] + g * g
    optimizer_state[0, i] = total
    theta[i] -= rates[0] * g / (sqrt(total) + settings[0])


@inline_scalar
def rmsprop(
    theta: Vector,
    optimizer_state: Matrix,
    i: int,
    g: float,
    rates: Rates,
    settings: Settings,
) -> None:
    """Update v = rho v + (1 - rho) g**2; theta -= rate g / (sqrt(v) + epsilon).

    State: v.
    """
    rho, complement, epsilon = settings[0], settings[1], settings[2]
    v = rho * optimizer_state[0, i] + complement * (g * g)
    optimizer_state[0, i] = v
    theta[i] -= rates[0] * g / (sqrt(v) + epsilon)


register(
    "adagrad",
    adagrad,
    n_slots=1,
    settings=lambda options: [options.epsilon],
    description="steps along the gradient, divided by the root of the sum of its "
    "squares",
    reference='J. Duchi, E. Hazan and Y. Singer, "Adaptive Subgradient Methods for '
    'Online Learning and Stochastic Optimization", Journal of Machine Learning '
    "Research 12, 2011",
)
register(
    "rmsprop",
    rmsprop,
    n_slots=1,
    settings=lambda options: [options.rho, 1.0 - options.rho, options.epsilon],
    description="steps along the gradient, divided by the root of the mean of its "
    "square",
    reference='T. Tieleman and G. Hinton, "Lecture 6.5 - RMSprop", Neural Networks for'
    " Machine Learning, Coursera, 2012",
    uses=("rho",),
)


# ---------------------------------------------------------------------------------
# Lion: every parameter moves by the learning rate, with the sign of an average.


@inline_scalar
def lion(
    theta: Vector,
    optimizer_state: Matrix,
    i: int,
    g: float,
    rates: Rates,
    settings: Settings,
) -> None:
    """Update theta -= rate sign(beta_1 m + (1 - beta_1) g), then m. State: m.

    m = beta_2 m + (1 - beta_2) g.
    """
    beta_1, complement_1, beta_2, complement_2, _ = settings
    m = beta_1 * optimizer_state[0, i] + complement_1 * g
    optimizer_state[0, i] = beta_2 * optimizer_state[0, i] + complement_2 * g
    one = like(m, 1)
    sign = one if m > 0 else (-one if m < 0 else m)  # NaN stays NaN
    theta[i] -= rates[0] * sign


register(
    "lion",
    lion,
    n_slots=1,
    settings=_betas,
    description="steps of the learning rate, with the sign of a mean gradient; wants a"
    " ``learning_rate_init`` three to ten times smaller than 'adam'",
    reference='X. Chen et al., "Symbolic Discovery of Optimization Algorithms", '
    "NeurIPS 2023, https://arxiv.org/abs/2302.06675",
)
