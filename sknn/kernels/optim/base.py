"""What an optimizer is, and kernels made from its update rule.

An optimizer is an update rule for a scalar parameter, the number of state arrays that
it keeps, and a function for the rates of a step. ``_step`` makes a kernel of the rule:
one pass over all parameters, which also adds the L2 penalty to the gradient.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sknn.jit.array_types import Float64s, Matrix, Vector
from sknn.jit.kernel import (
    INTEGER,
    REAL,
    Array,
    Kernel,
    caller,
    inline_scalar,
)
from sknn.kernels.descriptions import check_description

N_SETTINGS = 5

Settings = tuple[float, ...]  # N_SETTINGS numbers, in the dtype of theta
Rates = tuple[float, float, float]
Rule = Callable[[Vector, Matrix, int, float, Rates, Settings], None]
RatesOfStep = Callable[[float, int, Float64s, Float64s], Rates]


class OptimizerOptions(NamedTuple):
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
    description: str
    reference: str
    uses: tuple[str, ...]  # parameters that have no effect with other optimizers


class Solver(NamedTuple):
    """What a value of the parameter ``solver`` stands for."""

    optimizer: str  # key of OPTIMIZERS
    description: str
    reference: str


OPTIMIZERS: dict[str, Optimizer] = {}
SOLVERS: dict[str, Solver] = {}


def register(
    name: str,
    rule: Rule,
    *,
    n_slots: int,
    settings: Callable[[OptimizerOptions], list[float]],
    description: str,
    reference: str = "",
    uses: tuple[str, ...] = (),
    rates: RatesOfStep | None = None,
    is_solver: bool = True,
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
    description : str
        One line for the docstrings of the estimators.
    reference : str, default=""
        Publication that the docstrings cite.
    uses : tuple of str, default=()
        Those of the estimators' parameters that scikit-learn does not have and that
        have an effect with this optimizer. They give a warning with others.
    rates : function, default=None
        ``rates(learning_rate, t, settings, momentum_product)`` returns three floats,
        in float64, common to all parameters in step t = 1, 2, ...; the rule takes them
        in the dtype of theta, the first two times the factor of a parameter that learns
        faster or slower. ``momentum_product`` is an array of shape (1,) that
        persists from step to step and starts at 1. None stands for
        ``(learning_rate, 0, 0)``.
    is_solver : bool, default=True
        Whether the name is a value of the parameter ``solver``.
    """
    check_description(name, description)
    OPTIMIZERS[name] = Optimizer(
        Kernel(_rates(rates or _constant), rates_signature, f"{name}_rates"),
        Kernel(_step(rule), step_signature, f"{name}_step"),
        n_slots,
        lambda options: (settings(options) + [0.0] * N_SETTINGS)[:N_SETTINGS],
        description,
        reference,
        uses,
    )
    if is_solver:
        SOLVERS[name] = Solver(name, description, reference)


_SETTINGS = Array(REAL, is_read_only=True)

# out, learning_rate, t, settings, momentum_product
rates_signature = (Array(REAL), REAL, INTEGER, _SETTINGS, Array(REAL))
call_rates = caller("rates", rates_signature)


def _rates(rates_of_step: RatesOfStep) -> Callable[..., float]:
    """Return the kernel function that stores the rates of a step."""

    def rates(
        out: Float64s,
        learning_rate: float,
        t: int,
        settings: Float64s,
        momentum_product: Float64s,
    ) -> float:
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


# theta, gradient, optimizer_state, rates_of_step, rate_factor, first, last, n_weights,
# alpha, size, settings
step_signature = (
    Array(),
    Array(),
    Array(ndim=2),
    Array(REAL),
    REAL,
    INTEGER,
    INTEGER,
    INTEGER,
    REAL,
    REAL,
    _SETTINGS,
)
call_step = caller("step", step_signature)


def _step(rule: Rule) -> Callable[..., float]:
    """Return the kernel function that applies the rule to a range of parameters."""

    def step(
        theta: Vector,
        gradient: Vector,
        optimizer_state: Matrix,
        rates_of_step: Float64s,
        rate_factor: float,
        first: int,
        last: int,
        n_weights: int,
        alpha: float,
        size: float,
        settings: Float64s,
    ) -> float:
        dtype = theta.dtype.type
        typed_settings = (
            dtype(settings[0]),
            dtype(settings[1]),
            dtype(settings[2]),
            dtype(settings[3]),
            dtype(settings[4]),
        )
        rates = (
            dtype(rates_of_step[0] * rate_factor),
            dtype(rates_of_step[1] * rate_factor),
            dtype(rates_of_step[2]),
        )
        penalty, scale = dtype(alpha), dtype(1.0 / size)
        # Accumulating in float64 would halve the number of float32 lanes in a vector.
        total: float = dtype(0.0)
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
    rate_factor : float
        Factor of the first two of these, for this range.
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
def _constant(
    learning_rate: float, t: int, settings: Float64s, momentum_product: Float64s
) -> Rates:
    """Return (learning_rate, 0, 0)."""
    return learning_rate, 0.0, 0.0
