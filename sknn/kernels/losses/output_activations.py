"""Links: what turns a network's raw outputs into predictions."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.special

from sknn.jit.kernel import REAL, Array, Kernel, flat, kernel
from sknn.kernels.layers.activations import identity, softplus
from sknn.kernels.math.elementary import exp, probability
from sknn.kernels.math.softmax import fill_softmax


class OutputActivation(NamedTuple):
    """A leaf that works in place, and the gradient of one prediction.

    ``gradient(raw, k, settings)`` returns that of the k-th prediction with respect to
    all raw outputs, in their shape. It is NumPy: only ``input_gradients`` needs it.
    """

    apply: Kernel
    gradient: Callable


OUTPUT_ACTIVATIONS: dict[str, OutputActivation] = {}


SETTINGS = Array(REAL, is_read_only=True)  # of a loss; its link gets them too

output_activation_signature = (Array(ndim=2), SETTINGS)  # raw, settings


# ---------------------------------------------------------------------------------
# Functions of one output.


def _elementwise(name, function, slope):
    """Register the link that applies a scalar function to each output.

    ``slope`` is its derivative for an array.
    """

    def link(raw, settings):
        z = flat(raw)
        for k in range(z.size):
            z[k] = function(z[k])
        return 0.0

    def gradient(raw, k, settings):
        found = np.zeros_like(raw)
        found[:, k] = slope(raw[:, k])
        return found

    OUTPUT_ACTIVATIONS[name] = OutputActivation(
        Kernel(link, output_activation_signature, f"{name}_link"), gradient
    )


def _logistic_slope(z):
    p = scipy.special.expit(z)
    return p * (1 - p)


_elementwise("identity", identity, np.ones_like)
_elementwise("exp", exp, np.exp)
_elementwise("logistic", probability, _logistic_slope)

ELEMENTWISE = frozenset(
    OUTPUT_ACTIVATIONS
)  # those that need no settings and no whole row


# ---------------------------------------------------------------------------------
# Probabilities of classes that exclude each other.


@kernel(output_activation_signature)
def softmax(raw, settings):
    fill_softmax(raw, raw)
    return 0.0


def _softmax_gradient(raw, k, settings):
    p = scipy.special.softmax(raw, axis=1)
    found = -p[:, [k]] * p
    found[:, k] += p[:, k]
    return found


OUTPUT_ACTIVATIONS["softmax"] = OutputActivation(softmax, _softmax_gradient)


# ---------------------------------------------------------------------------------
# Quantiles that never cross: the first output of each target is its lowest quantile,
# and each further one is what must be added, before softplus makes it positive. The
# settings are the number of levels and the levels.


@kernel(output_activation_signature)
def quantiles(raw, settings):
    n_rows, n_outputs = raw.shape
    n_levels = int(settings[0])
    for i in range(n_rows):
        for first in range(0, n_outputs, n_levels):
            for j in range(first + 1, first + n_levels):
                raw[i, j] = raw[i, j - 1] + softplus(raw[i, j])
    return 0.0


def _quantiles_gradient(raw, k, settings):
    first = k - k % int(settings[0])
    found = np.zeros_like(raw)
    found[:, first] = 1
    found[:, first + 1 : k + 1] = scipy.special.expit(raw[:, first + 1 : k + 1])
    return found


OUTPUT_ACTIVATIONS["quantiles"] = OutputActivation(quantiles, _quantiles_gradient)


def levels_of_settings(settings) -> np.ndarray:
    """Return the levels of the quantiles that ``quantiles`` makes."""
    return np.asarray(settings[1 : 1 + int(settings[0])])
