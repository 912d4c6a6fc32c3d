"""Losses: what the network's raw output is turned into, and how it is judged.

A loss owns its link (which turns raw outputs into predictions), its value, its
gradient with respect to the raw outputs, the targets it takes and how it is reported.
``_elementwise`` makes a loss from three scalar functions of one target and one output;
a loss that looks at a whole row, such as softmax, is written as leaves of its own.
"""

from collections import ChainMap
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import types

from sknn.kernels.activations import identity, logistic
from sknn.kernels.elementary import epsilon, exp, log
from sknn.kernels.jit import Leaf, flat, leaf, like, scalar
from sknn.kernels.layers import batch_type, row_of

N_SETTINGS = 4


class Loss(NamedTuple):
    """A loss and the output activation that belongs to it."""

    train: Leaf  # sums the loss over a batch, sets the gradient
    link: str  # key of LINKS, the estimators' `out_activation_`
    mean_over_outputs: bool = False  # whether the reported loss is so divided
    # Raises ValueError for targets outside of the domain, given the parameters.
    check_targets: Callable = lambda y, parameters: None
    # Up to N_SETTINGS numbers that the leaves of loss and link get.
    settings: Callable[[dict], list[float]] = lambda parameters: []
    # Number of raw outputs for each column of the targets.
    outputs_per_target: Callable[[dict], int] = lambda parameters: 1

    def settings_of(self, parameters: dict) -> tuple[float, ...]:
        """Return the settings as the leaves take them."""
        settings = [float(setting) for setting in self.settings(parameters)]
        return tuple(settings + [0.0] * (N_SETTINGS - len(settings)))


REGRESSION_LOSSES: dict[str, Loss] = {}
CLASSIFICATION_LOSSES: dict[str, Loss] = {}
LOSSES = ChainMap(REGRESSION_LOSSES, CLASSIFICATION_LOSSES)
LINKS: dict[str, Leaf] = {}  # each turns raw outputs into predictions in place


def settings_type():
    """Return the Numba type of the settings of a loss."""
    return types.Array(types.float64, 1, "C", readonly=True)


def link_signature(dtype):
    """Return float64(raw, settings)."""
    return types.float64(types.Array(dtype, 2, "C"), settings_type())


def train_signature(dtype):
    """Return float64(raw, targets, batch, delta, settings)."""
    matrix = types.Array(dtype, 2, "C")
    targets = types.Array(dtype, 2, "C", readonly=True)
    return types.float64(matrix, targets, batch_type(dtype), matrix, settings_type())


def _elementwise(losses, name, value, gradient, link, **options):
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
        for i in range(n_rows):
            row = row_of(batch, i)
            for j in range(n_outputs):
                delta[i, j] = targets[row, j]
        total = 0.0
        z, d = flat(raw), flat(delta)
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

    leaf = Leaf(train, train_signature, f"{name}_train")
    losses[name] = Loss(leaf, link, **options)


def _elementwise_link(name, function):
    """Register the link that applies a scalar function to each output."""

    def link(raw, settings):
        z = flat(raw)
        for k in range(z.size):
            z[k] = function(z[k])
        return 0.0

    LINKS[name] = Leaf(link, link_signature, f"{name}_link")


# ---------------------------------------------------------------------------------
# Links.

_elementwise_link("identity", identity)
_elementwise_link("exp", exp)
_elementwise_link("logistic", logistic)


@leaf(link_signature)
def softmax(raw, settings):
    n_rows, n_outputs = raw.shape
    for i in range(n_rows):
        highest = raw[i, 0]
        for j in range(1, n_outputs):
            highest = raw[i, j] if raw[i, j] > highest else highest
        for j in range(n_outputs):
            raw[i, j] = exp(raw[i, j] - highest)
        total = like(highest, 0)
        for j in range(n_outputs):
            total += raw[i, j]
        for j in range(n_outputs):
            raw[i, j] /= total
    return 0.0


LINKS["softmax"] = softmax


# ---------------------------------------------------------------------------------
# Squared error, 1/2 (z - y)**2.


@scalar
def squared_error(y, z, settings):
    return like(z, 0.5) * (z - y) * (z - y)


@scalar
def squared_error_gradient(y, z, settings):
    return z - y


_elementwise(
    REGRESSION_LOSSES,
    "squared_error",
    squared_error,
    squared_error_gradient,
    "identity",
    mean_over_outputs=True,
)


# ---------------------------------------------------------------------------------
# Half the Poisson deviance with a log link, y log(y / exp(z)) - y + exp(z).


@scalar
def poisson(y, z, settings):
    relative = y * (log(y) - z) if y > 0 else like(z, 0)
    return relative - y + exp(z)


@scalar
def poisson_gradient(y, z, settings):
    return exp(z) - y


def _check_counts(y, parameters):
    if np.any(y < 0):
        raise ValueError(
            "loss='poisson' needs y >= 0 (counts or rates), but the smallest value of "
            f"y is {np.min(y):g}. Use loss='squared_error' for targets of any sign."
        )


_elementwise(
    REGRESSION_LOSSES,
    "poisson",
    poisson,
    poisson_gradient,
    "exp",
    check_targets=_check_counts,
)


# ---------------------------------------------------------------------------------
# Log loss of independent labels (one for two classes, several for multilabel).


@scalar
def _cautious_log(p):
    """Logarithm of a probability that is kept away from 0 and 1 by one epsilon."""
    low, high = epsilon(p), like(p, 1) - epsilon(p)
    p = low if p < low else p
    return log(high if p > high else p)


@scalar
def binary_log_loss(y, z, settings):
    p = logistic(z)
    return -_cautious_log(p if y != 0 else like(p, 1) - p)


@scalar
def binary_log_loss_gradient(y, z, settings):
    return logistic(z) - y


_elementwise(
    CLASSIFICATION_LOSSES,
    "binary_log_loss",
    binary_log_loss,
    binary_log_loss_gradient,
    "logistic",
)


# ---------------------------------------------------------------------------------
# Log loss of classes that exclude each other; the target is the index of the class.


@leaf(train_signature)
def log_loss_train(raw, targets, batch, delta, settings):
    n_rows, n_outputs = raw.shape
    total = 0.0
    for i in range(n_rows):
        row = row_of(batch, i)
        highest = raw[i, 0]
        for j in range(1, n_outputs):
            highest = raw[i, j] if raw[i, j] > highest else highest
        for j in range(n_outputs):
            delta[i, j] = exp(raw[i, j] - highest)
        scale = like(highest, 0)
        for j in range(n_outputs):
            scale += delta[i, j]
        for j in range(n_outputs):
            delta[i, j] /= scale
        label = int(targets[row, 0])
        loss = -_cautious_log(delta[i, label])
        delta[i, label] -= like(scale, 1)
        if batch.weights.size:
            weight = batch.weights[row]
            loss *= weight
            for j in range(n_outputs):
                delta[i, j] *= weight
        total += loss
    return total


CLASSIFICATION_LOSSES["log_loss"] = Loss(log_loss_train, "softmax")
