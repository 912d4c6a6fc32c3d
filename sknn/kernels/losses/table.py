"""All losses, by the values of the parameter ``loss``."""

from collections import ChainMap
from collections.abc import Callable
from typing import Any

from sknn.jit.array_types import AnyArray
from sknn.jit.kernel import inline_scalar, like
from sknn.kernels.losses.base import Loss, LossOptions, Settings, elementwise
from sknn.kernels.losses.classification import CLASSIFICATION_LOSSES
from sknn.kernels.losses.output_activations import (
    OUTPUT_ACTIVATIONS,
    elementwise_names,
)
from sknn.kernels.losses.regression import REGRESSION_LOSSES, levels_of

__all__ = [
    "CLASSIFICATION_LOSSES",
    "LOSSES",
    "OUTPUT_ACTIVATIONS",
    "REGRESSION_LOSSES",
    "Loss",
    "elementwise_names",
    "levels_of",
    "losses_of_classifier",
    "register_custom",
]

LOSSES = ChainMap(REGRESSION_LOSSES, CLASSIFICATION_LOSSES)
_BUILT_IN = frozenset(LOSSES)


def losses_of_classifier() -> dict[str, Loss]:
    """Return those losses that users ask the classifier for, by name."""
    return {
        name: loss
        for name, loss in CLASSIFICATION_LOSSES.items()
        if not (name.startswith("binary_") or loss.chosen_by)
    }


def register_custom(
    name: str,
    value: Callable[[Any, Any], Any],
    gradient: Callable[[Any, Any], Any],
    link: str = "identity",
    check_targets: Callable[[AnyArray], None] | None = None,
) -> None:
    """Make a user's loss available to the regressor, in this process.

    Parameters
    ----------
    name : str
        Value of the parameter ``loss``. Replaces a custom loss of this name.
    value : function
        Takes a target ``y`` and a raw output ``z``, both numbers; returns the loss.
        Plain Python in the subset that Numba compiles.
    gradient : function
        The derivative of ``value`` by ``z``.
    link : str, default='identity'
        Elementwise output activation, which turns ``z`` into the prediction.
    check_targets : function, default=None
        Takes all targets, of shape (n_samples, n_outputs); raises ValueError where
        they are outside of the loss's domain.

    Raises
    ------
    ValueError
        If sknn has a built-in loss of this name, or no such link.
    """
    if name in _BUILT_IN:
        raise ValueError(f"{name!r} is a loss of sknn itself. Choose another name.")
    if link not in elementwise_names():
        raise ValueError(
            f"link must be one of {sorted(elementwise_names())} for a custom loss, got "
            f"{link!r}."
        )
    user_value, user_gradient = inline_scalar(value), inline_scalar(gradient)

    @inline_scalar
    def typed_value(y: float, z: float, settings: Settings) -> float:
        """Return the user's loss in the dtype of z."""
        return like(z, user_value(y, z))

    @inline_scalar
    def typed_gradient(y: float, z: float, settings: Settings) -> float:
        """Return the derivative of the user's loss in the dtype of z."""
        return like(z, user_gradient(y, z))

    def check(y: AnyArray, options: LossOptions) -> None:
        """Run the user's check of the targets, if there is one."""
        if check_targets is not None:
            check_targets(y)

    elementwise(
        REGRESSION_LOSSES,
        name,
        typed_value,
        typed_gradient,
        link,
        cached=False,
        description="registered by a user",
        check_targets=check,
    )
