"""What a loss is, and how one is made from functions of numbers."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sknn.jit.kernel import Array, Kernel, flat
from sknn.kernels.batch import BATCH, row_of
from sknn.kernels.losses.output_activations import SETTINGS

N_SETTINGS = 4  # how many of them the scalar functions get


def _no_settings(parameters: dict) -> Sequence[float]:
    return ()


class Loss(NamedTuple):
    """A loss and the output activation that belongs to it."""

    train: Kernel  # sums the loss over a batch, sets the gradient
    link: str  # key of LINKS, the estimators' `out_activation_`
    mean_over_outputs: bool = False  # whether the reported loss is so divided
    # Raises ValueError for targets outside of the domain, given the parameters.
    check_targets: Callable[[np.ndarray, dict], None] = lambda y, parameters: None
    positive_only: bool = False  # whether all targets must be zero or positive
    # Numbers that the leaves of loss and link get.
    settings: Callable[[dict], Sequence[float]] = _no_settings
    # Number of raw outputs for each column of the targets.
    outputs_per_target: Callable[[dict], int] = lambda parameters: 1
    # Takes a column of targets, their weights and the settings; returns the raw output
    # that has the lowest loss if it is the same for all rows. None: it is searched for.
    best_constant: Callable[[np.ndarray, np.ndarray, np.ndarray], float] | None = None

    def settings_of(self, parameters: dict) -> tuple[float, ...]:
        """Return the settings as the leaves take them: N_SETTINGS numbers or more."""
        settings = [float(setting) for setting in self.settings(parameters)]
        return tuple(settings + [0.0] * (N_SETTINGS - len(settings)))


# raw, targets, batch, delta, settings
train_signature = (
    Array(ndim=2),
    Array(ndim=2, is_read_only=True),
    BATCH,
    Array(ndim=2),
    SETTINGS,
)


def elementwise(losses, name, value, gradient, link, *, cached=True, **options):
    """Register the loss that sums value(y, z, settings) over samples and outputs z."""

    def train(raw, targets, batch, delta, settings):
        n_rows, n_outputs = raw.shape
        weights, kind = batch.weights, raw.dtype.type
        own = (
            kind(settings[0]),
            kind(settings[1]),
            kind(settings[2]),
            kind(settings[3]),
        )
        z, d, y_of = flat(raw), flat(delta), flat(targets)
        for i in range(n_rows):
            row = np.uintp(row_of(batch, i))
            if n_outputs == 1:  # where a loop would take longer than what it does
                d[i] = y_of[row]
                continue
            for j in range(n_outputs):
                delta[i, j] = targets[row, j]
        total = 0.0
        if weights.size == 0:
            for k in range(z.size):
                y = d[k]
                total += value(y, z[k], own)
                d[k] = gradient(y, z[k], own)
            return total
        for i in range(n_rows):
            row = row_of(batch, i)
            weight = weights[row]
            for j in range(n_outputs):
                y = delta[i, j]
                total += weight * value(y, raw[i, j], own)
                delta[i, j] = weight * gradient(y, raw[i, j], own)
        return total

    leaf = Kernel(train, train_signature, f"{name}_train", cached=cached)
    losses[name] = Loss(leaf, link, **options)
