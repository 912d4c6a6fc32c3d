"""Regression losses.

In the formulas z is a raw output and y its target; under the exponential output
activation exp(z) is the prediction.
"""

from collections.abc import Sequence
from itertools import pairwise
from numbers import Real

import numpy as np

from sknn.jit.array_types import AnyArray, Float64s, Matrix, Vector
from sknn.jit.kernel import flat, inline_scalar, kernel, like
from sknn.kernels.batch import Batch, row_of
from sknn.kernels.layers.activations import softplus
from sknn.kernels.losses.base import (
    Loss,
    LossOptions,
    Settings,
    add_loss,
    elementwise,
    train_signature,
)
from sknn.kernels.math.elementary import exp, expm1, log, logistic, tanh

REGRESSION_LOSSES: dict[str, Loss] = {}


def _check_sign(
    loss: str, y: AnyArray, *, allows_zero: bool, meaning: str, instead: str
) -> None:
    """Raise a ValueError if y has values outside of the domain of the loss."""
    if np.any(y < 0) or (np.any(y == 0) and not allows_zero):
        raise ValueError(
            f"loss={loss!r} needs y {'>=' if allows_zero else '>'} 0 ({meaning}), but "
            f"the smallest value of y is {np.min(y):g}. Use {instead}."
        )


def weighted_quantile(y: Vector, weights: Vector, level: float) -> float:
    """Return a value with this fraction of the weights below it and the rest above."""
    order = np.argsort(y)
    sums = np.cumsum(weights[order], dtype=np.float64)
    index = np.searchsorted(sums, level * sums[-1])
    return float(y[order[min(index, len(y) - 1)]])


def _median(y: Vector, weights: Vector, settings: Float64s) -> float:
    return weighted_quantile(y, weights, 0.5)


def _log_of_mean(y: Vector, weights: Vector, settings: Float64s) -> float:
    with np.errstate(divide="ignore"):  # of targets that are all zero
        return float(np.log(np.average(y.astype(np.float64), weights=weights)))


# ---------------------------------------------------------------------------------
# Squared error, 1/2 (z - y)**2.


@inline_scalar
def squared_error(y: float, z: float, settings: Settings) -> float:
    """Return 0.5 * (z - y)**2, half the squared error of raw output z."""
    return like(z, 0.5) * (z - y) * (z - y)


@inline_scalar
def squared_error_gradient(y: float, z: float, settings: Settings) -> float:
    """Return z - y, the derivative of half the squared error by z."""
    return z - y


elementwise(
    REGRESSION_LOSSES,
    "squared_error",
    squared_error,
    squared_error_gradient,
    "identity",
    description="half the squared error, ``(z - y)**2 / 2``",
    mean_over_outputs=True,
)


# ---------------------------------------------------------------------------------
# Absolute error, |z - y|.


@inline_scalar
def absolute_error(y: float, z: float, settings: Settings) -> float:
    """Return |z - y|, the absolute error of raw output z."""
    return abs(z - y)


@inline_scalar
def absolute_error_gradient(y: float, z: float, settings: Settings) -> float:
    """Return sign(z - y), the derivative of the absolute error; NaN stays NaN."""
    e = z - y
    return like(e, 1) if e > 0 else (like(e, -1) if e < 0 else e)


elementwise(
    REGRESSION_LOSSES,
    "absolute_error",
    absolute_error,
    absolute_error_gradient,
    "identity",
    description="the absolute error, ``|z - y|``",
    best_constant=_median,
)


# ---------------------------------------------------------------------------------
# Huber loss of e = z - y: 1/2 e**2 if |e| <= delta, else delta (|e| - delta / 2).


@inline_scalar
def huber(y: float, z: float, settings: Settings) -> float:
    """Return 0.5 * e**2 if |e| <= delta, else delta (|e| - delta / 2); e = z - y."""
    e, delta, half = abs(z - y), settings[0], like(z, 0.5)
    return half * e * e if e <= delta else delta * (e - half * delta)


@inline_scalar
def huber_gradient(y: float, z: float, settings: Settings) -> float:
    """Return z - y clipped to [-delta, delta], the derivative of the Huber loss."""
    e, delta = z - y, settings[0]
    return delta if e > delta else (-delta if e < -delta else e)


elementwise(
    REGRESSION_LOSSES,
    "huber",
    huber,
    huber_gradient,
    "identity",
    description="half the squared error up to an error of ``delta``, and ``delta (|z -"
    " y| - delta / 2)`` beyond",
    reference='P. Huber, "Robust Estimation of a Location Parameter", Annals of '
    "Mathematical Statistics 35, 1964",
    uses=("delta",),
    settings=lambda options: [options.delta],
)


# ---------------------------------------------------------------------------------
# Log-cosh, log(cosh(z - y)).


@inline_scalar
def log_cosh(y: float, z: float, settings: Settings) -> float:
    """Return log(cosh(e)) = |e| + softplus(-2 |e|) - log(2) with e = z - y."""
    e = abs(z - y)
    return e + softplus(like(e, -2) * e) - log(like(e, 2))


@inline_scalar
def log_cosh_gradient(y: float, z: float, settings: Settings) -> float:
    """Return tanh(z - y), the derivative of log(cosh(z - y)) by z."""
    return tanh(z - y)


elementwise(
    REGRESSION_LOSSES,
    "log_cosh",
    log_cosh,
    log_cosh_gradient,
    "identity",
    description="``log(cosh(z - y))``",
)


# ---------------------------------------------------------------------------------
# Half the Poisson deviance with a log link, y log(y / exp(z)) - y + exp(z).


@inline_scalar
def poisson(y: float, z: float, settings: Settings) -> float:
    """Return y log(y / exp(z)) - y + exp(z), half the Poisson deviance."""
    y_log_ratio = y * (log(y) - z) if y > 0 else like(z, 0)
    return y_log_ratio - y + exp(z)


@inline_scalar
def poisson_gradient(y: float, z: float, settings: Settings) -> float:
    """Return exp(z) - y, the derivative of half the Poisson deviance by z."""
    return exp(z) - y


def _check_counts(y: AnyArray, options: LossOptions) -> None:
    """Raise a ValueError if a target is negative."""
    _check_sign(
        "poisson",
        y,
        allows_zero=True,
        meaning="counts or rates",
        instead="loss='squared_error' for targets of any sign",
    )


elementwise(
    REGRESSION_LOSSES,
    "poisson",
    poisson,
    poisson_gradient,
    "exp",
    description="half the Poisson deviance, for ``y >= 0``",
    check_targets=_check_counts,
    positive_only=True,
)


# ---------------------------------------------------------------------------------
# Half the gamma deviance with a log link, y / exp(z) - 1 - log(y / exp(z)).


@inline_scalar
def gamma(y: float, z: float, settings: Settings) -> float:
    """Return y / exp(z) - 1 - log(y / exp(z)), half the gamma deviance."""
    log_ratio = log(y) - z
    return exp(log_ratio) - like(z, 1) - log_ratio


@inline_scalar
def gamma_gradient(y: float, z: float, settings: Settings) -> float:
    """Return 1 - y exp(-z), the derivative of half the gamma deviance by z."""
    return like(z, 1) - y * exp(-z)


def _check_amounts(y: AnyArray, options: LossOptions) -> None:
    """Raise a ValueError if a target is not positive."""
    _check_sign(
        "gamma",
        y,
        allows_zero=False,
        meaning="amounts",
        instead="loss='tweedie' with power < 2 where zeros occur, or "
        "loss='squared_error' for targets of any sign",
    )


elementwise(
    REGRESSION_LOSSES,
    "gamma",
    gamma,
    gamma_gradient,
    "exp",
    description="half the gamma deviance, for ``y > 0``",
    check_targets=_check_amounts,
    positive_only=True,
    best_constant=_log_of_mean,
)


# ---------------------------------------------------------------------------------
# Half the Tweedie deviance with a log link. With r = z - log(y), a = 1 - power and
# b = 2 - power it is y**b (E(b, r) - E(a, r)), where E(x, r) = (exp(x r) - 1) / x and
# E(0, r) = r, so that powers of 1 and 2 need no special case.


@inline_scalar
def _scaled_expm1(x: float, r: float) -> float:
    """Return E(x, r) = (exp(x r) - 1) / x, and its limit r at x = 0."""
    return r if x == 0 else expm1(x * r) / x


@inline_scalar
def tweedie(y: float, z: float, settings: Settings) -> float:
    """Return y**b (E(b, r) - E(a, r)) with r = z - log(y), half the Tweedie deviance.

    For y = 0 it is exp(b z) / b. ``settings`` holds a = 1 - power and b = 2 - power.
    """
    a, b = settings[0], settings[1]
    if y == 0:
        return exp(b * z) / b
    r = z - log(y)
    return exp(b * log(y)) * (_scaled_expm1(b, r) - _scaled_expm1(a, r))


@inline_scalar
def tweedie_gradient(y: float, z: float, settings: Settings) -> float:
    """Return exp(b z) - y exp(a z), with a = 1 - power and b = 2 - power."""
    a, b = settings[0], settings[1]
    return exp(b * z) - y * exp(a * z)


def _check_tweedie(y: AnyArray, options: LossOptions) -> None:
    """Raise a ValueError if a target is negative, or zero where power >= 2."""
    power = options.power
    meaning = f"power={power:g}"
    if power < 2:
        instead = "loss='squared_error' for targets of any sign"
        _check_sign("tweedie", y, allows_zero=True, meaning=meaning, instead=instead)
    else:
        instead = "power < 2 where zeros occur, or loss='squared_error' for any sign"
        _check_sign("tweedie", y, allows_zero=False, meaning=meaning, instead=instead)


elementwise(
    REGRESSION_LOSSES,
    "tweedie",
    tweedie,
    tweedie_gradient,
    "exp",
    description="half the Tweedie deviance of ``power``, for ``y >= 0``, or ``y > 0`` "
    "if ``power >= 2``",
    reference='B. Jorgensen, "The Theory of Dispersion Models", 1997',
    uses=("power",),
    check_targets=_check_tweedie,
    positive_only=True,
    settings=lambda options: [1.0 - options.power, 2.0 - options.power],
    best_constant=_log_of_mean,
)


# ---------------------------------------------------------------------------------
# Pinball loss of one or several quantiles, summed over the levels. The output
# activation `quantiles` defines the quantiles q as functions of the raw outputs.


@kernel(train_signature)
def quantile_train(
    raw: Matrix, targets: Matrix, batch: Batch, delta: Matrix, settings: Float64s
) -> float:
    """Return the sum of weight * max(t (y - q), (t - 1)(y - q)) over rows and levels t.

    The quantiles are q[0] = z[0], q[k] = q[k - 1] + softplus(z[k]), k = 1, 2, ... Sets
    delta to the gradient with respect to z: with d[k] the derivative of the loss by
    q[k] and c[k] = sum of d[k:], it is c[0] for z[0] and c[k] logistic(z[k]) for z[k].

    Shapes are those of `TRAIN_PARAMETERS`, with n_outputs = n_targets * n_levels;
    ``settings`` holds n_levels and the levels.
    """
    n_rows, n_outputs = raw.shape
    n_levels = int(settings[0])
    if n_levels > 1:  # a separate loop, so that it is vectorised
        z, steps = flat(raw), flat(delta)
        for k in range(z.size):
            steps[k] = softplus(z[k])
    total = 0.0
    for i in range(n_rows):
        row = row_of(batch, i)
        for first in range(0, n_outputs, n_levels):
            y = targets[row, first // n_levels]
            weight = batch.weights[row] if batch.weights.size else like(y, 1)
            q = raw[i, first]
            for k in range(n_levels):
                j = first + k
                q += delta[i, j] if k else like(y, 0)
                error, level = y - q, like(y, settings[1 + k])
                derivative = level - like(y, 1) if error < 0 else level
                total += weight * derivative * error
                delta[i, j] = -weight * derivative if error != 0 else like(y, 0)
            # Chain rule: raw output k moves the quantiles k, k + 1, ...
            cumulated = like(y, 0)
            for j in range(first + n_levels - 1, first, -1):
                cumulated += delta[i, j]
                delta[i, j] = cumulated * logistic(raw[i, j])
            delta[i, first] += cumulated
    return total


def levels_of(options: LossOptions) -> tuple[float, ...]:
    """Return the quantile levels of the parameter ``quantile``, validated."""
    quantile = options.quantile
    levels = tuple(quantile) if np.iterable(quantile) else (quantile,)
    are_numbers = bool(levels) and all(isinstance(level, Real) for level in levels)
    if not are_numbers or any(not a < b for a, b in pairwise((0, *levels, 1))):
        raise ValueError(
            "quantile must be one level, or a sequence of strictly increasing levels, "
            f"each greater than 0 and less than 1, got {quantile!r}. Write for example "
            "quantile=(0.1, 0.5, 0.9)."
        )
    return tuple(map(float, levels))


def _quantile_settings(options: LossOptions) -> Sequence[float]:
    """Return the number of levels and the levels."""
    levels = levels_of(options)
    return len(levels), *levels


add_loss(
    REGRESSION_LOSSES,
    "quantile",
    quantile_train,
    "quantiles",
    description="the pinball loss of the levels ``quantile``, summed over them",
    reference='R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46, '
    "1978",
    uses=("quantile",),
    settings=_quantile_settings,
    outputs_per_target=lambda options: len(levels_of(options)),
    best_constant=lambda y, weights, settings: weighted_quantile(
        y, weights, settings[1]
    ),
)
