"""Output activations, which turn a network's raw outputs into predictions."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.special

from sknn.jit.array_types import Float64s, Matrix, Vector
from sknn.jit.kernel import REAL, Array, Kernel, caller, flat, kernel
from sknn.kernels.descriptions import check_description
from sknn.kernels.layers.activations import identity, softplus
from sknn.kernels.math.elementary import exp, probability
from sknn.kernels.math.softmax import fill_softmax


class OutputActivation(NamedTuple):
    """A kernel that works in place, and the gradient of a prediction.

    ``description`` is one line for the docstrings of the estimators.
    ``gradient(raw, k, settings)`` returns the gradient of the k-th prediction of every
    row with respect to the raw outputs of that row, in the shape of raw. It is written
    in NumPy, since only ``input_gradients`` needs it. ``inverse(y)`` returns the raw
    outputs that make predictions y, as near as there are any; None where a prediction
    depends on other raw outputs of the row, or on settings.
    ``inverse_of_rows(predictions, settings)`` does so for an array of shape (n_rows,
    n_outputs), whatever they depend on. ``onnx(g, z, settings)`` returns predictions in
    an ONNX graph: see `register` of `activation_base`.
    """

    apply: Kernel
    gradient: Callable[[Matrix, int, Sequence[float]], Matrix]
    description: str
    onnx: Callable[..., Any]
    inverse_of_rows: Callable[[Matrix, Sequence[float]], Matrix]
    inverse: Callable[[Vector], Vector] | None = None


OUTPUT_ACTIVATIONS: dict[str, OutputActivation] = {}


# Settings of a loss, which its output activation takes as well.
SETTINGS = Array(REAL, is_read_only=True)

output_activation_signature = (Array(ndim=2), SETTINGS)  # raw, settings
call_output_activation = caller("output activation", output_activation_signature)


# ---------------------------------------------------------------------------------
# Elementwise output activations.


def register(
    name: str,
    function: Callable[[float], float],
    *,
    derivative: Callable[[Vector], Vector],
    inverse: Callable[[Vector], Vector],
    description: str,
    onnx: Callable[..., Any],
) -> None:
    """Make an elementwise output activation available to losses.

    Parameters
    ----------
    name : str
        Key in ``OUTPUT_ACTIVATIONS``.
    function : function
        ``function(z)`` is the prediction; an ``@inline_scalar``.
    derivative : function
        Its derivative for an array of raw outputs, in NumPy.
    inverse : function
        Its inverse for an array of predictions, in NumPy; finite for all numbers.
    description : str
        One line for the docstrings of the estimators.
    onnx : function
        ``onnx(g, z)`` returns predictions in an ONNX graph.
    """

    def link(raw: Matrix, settings: Float64s) -> float:
        z = flat(raw)
        for k in range(z.size):
            z[k] = function(z[k])
        return 0.0

    def gradient(raw: Matrix, k: int, settings: Sequence[float]) -> Matrix:
        jacobian = np.zeros_like(raw)
        jacobian[:, k] = derivative(raw[:, k])
        return jacobian

    link.__doc__ = (
        f"Set raw, of shape (n_rows, n_outputs), to {function.__name__}(raw)."
    )
    OUTPUT_ACTIVATIONS[name] = OutputActivation(
        Kernel(link, output_activation_signature, f"{name}_link"),
        gradient,
        check_description(name, description),
        lambda g, z, settings: onnx(g, z),
        lambda y, settings: inverse(y.ravel()).reshape(y.shape),
        inverse,
    )


def _logistic_derivative(z: Vector) -> Vector:
    """Return p (1 - p) with p = logistic(z)."""
    p = scipy.special.expit(z)
    derivative: Vector = p * (1 - p)
    return derivative


register(
    "identity",
    identity,
    derivative=np.ones_like,
    inverse=lambda y: y,
    description="``z``",
    onnx=lambda g, z: z,
)
register(
    "exp",
    exp,
    derivative=np.exp,
    inverse=lambda y: np.log(np.maximum(y, np.finfo(float).tiny)),
    description="``exp(z)``",
    onnx=lambda g, z: g.Exp(z),
)
register(
    "logistic",
    probability,
    derivative=_logistic_derivative,
    inverse=lambda y: scipy.special.logit(np.clip(y, 1e-9, 1 - 1e-9)),
    description="``1 / (1 + exp(-z))``",
    onnx=lambda g, z: g.Sigmoid(z),
)


def elementwise_names() -> list[str]:
    """Return the names of those that take neither settings nor other raw outputs."""
    return [name for name, link in OUTPUT_ACTIVATIONS.items() if link.inverse]


# ---------------------------------------------------------------------------------
# Probabilities of mutually exclusive classes.


@kernel(output_activation_signature)
def softmax(raw: Matrix, settings: Float64s) -> float:
    """Set each row of raw, shape (n_rows, n_outputs), to exp(z) / sum(exp(z))."""
    fill_softmax(raw, raw)
    return 0.0


def _softmax_gradient(raw: Matrix, k: int, settings: Sequence[float]) -> Matrix:
    """Return d p[k] / d z[j] = p[k] ((j == k) - p[j]) for each row, p = softmax(z)."""
    p = scipy.special.softmax(raw, axis=1)
    jacobian: Matrix = -p[:, [k]] * p
    jacobian[:, k] += p[:, k]
    return jacobian


OUTPUT_ACTIVATIONS["softmax"] = OutputActivation(
    softmax,
    _softmax_gradient,
    check_description("softmax", "``exp(z) / sum(exp(z))``, with the sum over classes"),
    lambda g, z, settings: g.Softmax(z, axis=1),
    lambda p, settings: np.log(np.maximum(p, np.finfo(p.dtype).tiny)),
)


# ---------------------------------------------------------------------------------
# Quantiles that never cross. The settings are the number of levels and the levels. Each
# target has one raw output for each level, with q[0] = z[0], the lowest quantile, and
# q[k] = q[k - 1] + softplus(z[k]).


@kernel(output_activation_signature)
def quantiles(raw: Matrix, settings: Float64s) -> float:
    """Set raw to quantiles: q[0] = z[0], q[k] = q[k - 1] + softplus(z[k]).

    ``raw`` has shape (n_rows, n_targets * n_levels), the levels of each target side by
    side; ``settings[0]`` is n_levels.
    """
    n_rows, n_outputs = raw.shape
    n_levels = int(settings[0])
    for i in range(n_rows):
        for first in range(0, n_outputs, n_levels):
            for j in range(first + 1, first + n_levels):
                raw[i, j] = raw[i, j - 1] + softplus(raw[i, j])
    return 0.0


def _quantiles_gradient(raw: Matrix, k: int, settings: Sequence[float]) -> Matrix:
    """Return d q[k] / d z[j]: 1 for j = 0, logistic(z[j]) for 0 < j <= k, else 0."""
    first = k - k % int(settings[0])
    jacobian = np.zeros_like(raw)
    jacobian[:, first] = 1
    jacobian[:, first + 1 : k + 1] = scipy.special.expit(raw[:, first + 1 : k + 1])
    return jacobian


def _raw_outputs_of_quantiles(q: Matrix, settings: Sequence[float]) -> Matrix:
    """Return z with z[0] = q[0] and softplus(z[k]) = q[k] - q[k - 1]."""
    levels = q.reshape(len(q), -1, int(settings[0]))
    steps = np.maximum(np.diff(levels, axis=2), np.finfo(q.dtype).tiny)
    z = levels.copy()
    z[..., 1:] = steps + np.log(-np.expm1(-steps))
    raw: Matrix = z.reshape(q.shape)
    return raw


def _quantiles_in_onnx(g: Any, z: Any, settings: Sequence[float]) -> Any:
    """Return the cumulative sums over the levels of each target."""
    n_levels = int(settings[0])
    if n_levels == 1:
        return z
    z = g.reshape(z, (-1, z.width // n_levels, n_levels))
    lowest = g.columns(z, 0, 1, axis=2)
    steps = g.softplus(g.columns(z, 1, n_levels, axis=2))
    levels = g.CumSum(g.Concat(lowest, steps, axis=2), g.integers(2))
    return g.reshape(levels, (-1, z.width))


OUTPUT_ACTIVATIONS["quantiles"] = OutputActivation(
    quantiles,
    _quantiles_gradient,
    check_description(
        "quantiles",
        "``z`` for the lowest level, and ``log(1 + exp(z))`` more for each one above",
    ),
    _quantiles_in_onnx,
    _raw_outputs_of_quantiles,
)


def levels_of_settings(settings: Sequence[float] | Float64s) -> Float64s:
    """Return the quantile levels in the settings of the loss."""
    return np.asarray(settings[1 : 1 + int(settings[0])])
