"""Finds the activation that computes what a function of another library computes."""

from collections.abc import Callable

import numpy as np

from sknn.jit.kernel import call
from sknn.kernels.layers.activations import ACTIVATIONS

# Both sides of every kink and limit, near to 0 and far.
_POINTS = np.unique(
    np.r_[np.linspace(-6, 6, 97), np.logspace(-3, 3, 25), -np.logspace(-3, 3, 25), 7.3]
)


def matching_activation(function: Callable[[np.ndarray], np.ndarray], name: str) -> str:
    """Return the activation of sknn that gives the same numbers.

    Parameters
    ----------
    function : callable
        Takes and returns a float32 array of shape (1, n).
    name : str
        What messages call it.

    Raises
    ------
    ValueError
        If there is none.
    """
    z = _POINTS.astype(np.float32)
    given = np.asarray(function(z[None, :].copy()), dtype=np.float64)[0]
    for known, activation in ACTIVATIONS.items():
        y, saved = z.copy(), np.empty_like(z)
        call(activation.forward.address(y.dtype), (y, saved))
        scale = np.maximum(1, np.abs(y))
        if (np.abs(given - y) <= 2e-6 * scale).all():
            return known
    raise ValueError(
        f"sknn has no activation that computes what {name} does. It has "
        + ", ".join(f"{known!r}" for known in ACTIVATIONS)
        + ", with the slopes and limits that the docstring of MLPClassifier lists."
    )
