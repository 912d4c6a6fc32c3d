"""All losses, by the names that users write."""

from collections import ChainMap
from collections.abc import Callable
from typing import Any

import numpy as np

from sknn.jit.kernel import inline_scalar, like
from sknn.kernels.losses.base import Loss, elementwise
from sknn.kernels.losses.classification import CLASSIFICATION_LOSSES
from sknn.kernels.losses.output_activations import ELEMENTWISE, OUTPUT_ACTIVATIONS
from sknn.kernels.losses.regression import REGRESSION_LOSSES, levels_of

__all__ = [
    "CLASSIFICATION_LOSSES",
    "LOSSES",
    "OUTPUT_ACTIVATIONS",
    "REGRESSION_LOSSES",
    "Loss",
    "levels_of",
    "register_custom",
]

LOSSES = ChainMap(REGRESSION_LOSSES, CLASSIFICATION_LOSSES)
_BUILT_IN = frozenset(LOSSES)


def register_custom(
    name: str,
    value: Callable[[Any, Any], Any],
    gradient: Callable[[Any, Any], Any],
    link: str = "identity",
    check_targets: Callable[[np.ndarray], None] | None = None,
) -> None:
    """Make a user's loss available to the regressor, in this process.

    Parameters
    ----------
    name : str
        What users write: ``loss="name"``. A custom loss of this name is replaced.
    value : function
        Takes a target ``y`` and a raw output ``z``, both numbers; returns the loss.
        Plain Python in the subset that Numba compiles.
    gradient : function
        The derivative of ``value`` by ``z``.
    link : {'identity', 'exp', 'logistic'}, default='identity'
        What turns ``z`` into the prediction.
    check_targets : function, default=None
        Takes all targets, of shape (n_samples, n_outputs); raises ValueError where
        they are outside of the loss's domain.

    Raises
    ------
    ValueError
        If sknn itself has a loss of this name, or the link is none of the three.
    """
    if name in _BUILT_IN:
        raise ValueError(f"{name!r} is a loss of sknn itself. Choose another name.")
    if link not in ELEMENTWISE:
        raise ValueError(
            f"link must be one of {sorted(ELEMENTWISE)} for a loss of one's own, got "
            f"{link!r}."
        )
    value_of, slope_of = inline_scalar(value), inline_scalar(gradient)

    @inline_scalar
    def own_value(y, z, settings):
        return like(z, value_of(y, z))

    @inline_scalar
    def own_gradient(y, z, settings):
        return like(z, slope_of(y, z))

    def check(y, parameters):
        if check_targets is not None:
            check_targets(y)

    elementwise(
        REGRESSION_LOSSES,
        name,
        own_value,
        own_gradient,
        link,
        cached=False,
        check_targets=check,
    )
