"""Losses of classes.

Each is there twice. Under its own name it is for classes that exclude each other, has
an output for each class and takes the index of the class as the target. Under
``binary_``, it has an output and a target, 0 or 1, for each label: one for two classes,
several for multilabel targets.
"""

import numpy as np

from sknn.jit.kernel import (
    Kernel,
    flat,
    inline_array,
    inline_scalar,
    kernel,
    like,
    scratch,
)
from sknn.kernels.batch import row_of
from sknn.kernels.layers.activations import softplus
from sknn.kernels.losses.base import Loss, elementwise, train_signature
from sknn.kernels.math.elementary import epsilon, exp, log, log1p, probability
from sknn.kernels.math.softmax import fill_softmax

CLASSIFICATION_LOSSES: dict[str, Loss] = {}


def _by_class(name, row_loss, link, **options):
    """Register the loss that sums row_loss(raw, i, label, delta, settings) over rows.

    The function returns the loss of the i-th row, whose class has the index ``label``,
    and sets the row of delta to its gradient.
    """

    def train(raw, targets, batch, delta, settings):
        n_rows, n_outputs = raw.shape
        total = 0.0
        for i in range(n_rows):
            row = row_of(batch, i)
            loss = row_loss(raw, i, int(targets[row, 0]), delta, settings)
            if batch.weights.size:
                weight = batch.weights[row]
                loss *= weight
                for j in range(n_outputs):
                    delta[i, j] *= weight
            total += loss
        return total

    leaf = Kernel(train, train_signature, f"{name}_train")
    CLASSIFICATION_LOSSES[name] = Loss(leaf, link, **options)


def _by_label(name, value, gradient, link, **options):
    elementwise(CLASSIFICATION_LOSSES, name, value, gradient, link, **options)


# ---------------------------------------------------------------------------------
# Log loss.


@inline_scalar
def _cautious(p):
    """Keep a probability away from 0 and 1 by one epsilon."""
    low, high = epsilon(p), like(p, 1) - epsilon(p)
    p = low if p < low else p
    return high if p > high else p


@inline_scalar
def binary_log_loss(y, z, settings):
    p = probability(z)
    return -log(_cautious(p if y != 0 else like(p, 1) - p))


@inline_scalar
def binary_log_loss_gradient(y, z, settings):
    return probability(z) - y


_LOGS_AT_ONCE = 256  # in a loop of their own, which is vectorised


@kernel(train_signature)
def log_loss_train(raw, targets, batch, delta, settings):
    fill_softmax(raw, delta)
    n_rows, n_outputs = raw.shape
    labels, shares = flat(targets), flat(delta)
    logs = scratch(raw[0, 0], _LOGS_AT_ONCE)
    total = 0.0
    for first in range(0, n_rows, _LOGS_AT_ONCE):
        n = _LOGS_AT_ONCE if first + _LOGS_AT_ONCE < n_rows else n_rows - first
        for i in range(n):
            label = int(labels[np.uintp(row_of(batch, first + i))])
            own = np.uintp((first + i) * n_outputs + label)
            logs[i] = _cautious(shares[own])
            shares[own] -= like(shares[own], 1)
        for i in range(n):
            logs[i] = log(logs[i])
        if batch.weights.size:
            for i in range(n):
                weight = batch.weights[np.uintp(row_of(batch, first + i))]
                logs[i] *= weight
                for j in range(n_outputs):
                    delta[first + i, j] *= weight
        for i in range(n):
            total -= logs[i]
    return total


_by_label("binary_log_loss", binary_log_loss, binary_log_loss_gradient, "logistic")
CLASSIFICATION_LOSSES["log_loss"] = Loss(log_loss_train, "softmax")


# ---------------------------------------------------------------------------------
# Log loss for targets of which a part is spread evenly over all classes.


def _smoothing(parameters):
    return [parameters["label_smoothing"]]


@inline_scalar
def _smoothed(y, s):
    return y * (like(y, 1) - s) + like(y, 0.5) * s


@inline_scalar
def binary_smoothed_log_loss(y, z, settings):
    return softplus(z) - _smoothed(y, settings[0]) * z


@inline_scalar
def binary_smoothed_log_loss_gradient(y, z, settings):
    return probability(z) - _smoothed(y, settings[0])


@inline_array
def _exponentials(raw, i, delta):
    """Set the row of delta to exp(z - max z); return max z and the sum of the row."""
    n_outputs = raw.shape[1]
    highest = raw[i, 0]
    for j in range(1, n_outputs):
        highest = raw[i, j] if raw[i, j] > highest else highest
    for j in range(n_outputs):
        delta[i, j] = exp(raw[i, j] - highest)
    total = like(highest, 0)
    for j in range(n_outputs):
        total += delta[i, j]
    return highest, total


@inline_array
def smoothed_log_loss(raw, i, label, delta, settings):
    highest, scale = _exponentials(raw, i, delta)
    n_outputs = raw.shape[1]
    share = like(scale, settings[0] / n_outputs)  # of the target, for each class
    rest = like(scale, 1.0 - settings[0])  # for the class itself
    mean = rest * (raw[i, label] - highest)
    for j in range(n_outputs):
        mean += share * (raw[i, j] - highest)
        delta[i, j] = delta[i, j] / scale - share
    delta[i, label] -= rest
    return log(scale) - mean


_by_label(
    "binary_smoothed_log_loss",
    binary_smoothed_log_loss,
    binary_smoothed_log_loss_gradient,
    "logistic",
    settings=_smoothing,
)
_by_class("smoothed_log_loss", smoothed_log_loss, "softmax", settings=_smoothing)


# ---------------------------------------------------------------------------------
# Focal loss, -(1 - p)**gamma log p. With m, the logarithm of the odds against the
# class, 1 - p is logistic(m) and -log p is softplus(m): nothing cancels or overflows.


def _focusing(parameters):
    return [parameters["focal_gamma"]]


@inline_scalar
def _focal(m, gamma):
    rest = log1p(exp(-abs(m)))
    minus_log_p = rest if m < 0 else m + rest
    minus_log_q = rest - m if m < 0 else rest
    return exp(-gamma * minus_log_q) * minus_log_p


@inline_scalar
def _focal_gradient(m, gamma):
    t = exp(-abs(m))
    rest = log1p(t)
    minus_log_p = rest if m < 0 else m + rest
    minus_log_q = rest - m if m < 0 else rest
    larger = like(m, 1) / (like(m, 1) + t)
    p, q = (larger, t * larger) if m < 0 else (t * larger, larger)
    return exp(-gamma * minus_log_q) * (gamma * p * minus_log_p + q)


@inline_scalar
def binary_focal(y, z, settings):
    return _focal(-z if y != 0 else z, settings[0])


@inline_scalar
def binary_focal_gradient(y, z, settings):
    slope = _focal_gradient(-z if y != 0 else z, settings[0])
    return -slope if y != 0 else slope


@inline_array
def focal(raw, i, label, delta, settings):
    n_outputs = raw.shape[1]
    highest = raw[i, 1 if label == 0 else 0]  # of the other classes
    for j in range(n_outputs):
        highest = raw[i, j] if raw[i, j] > highest and j != label else highest
    for j in range(n_outputs):
        delta[i, j] = exp(raw[i, j] - highest if j != label else like(highest, 0))
    delta[i, label] = like(highest, 0)
    scale = like(highest, 0)
    for j in range(n_outputs):
        scale += delta[i, j]
    gamma = like(highest, settings[0])
    m = highest + log(scale) - raw[i, label]
    slope = _focal_gradient(m, gamma)
    for j in range(n_outputs):
        delta[i, j] *= slope / scale
    delta[i, label] = -slope
    return _focal(m, gamma)


_by_label(
    "binary_focal",
    binary_focal,
    binary_focal_gradient,
    "logistic",
    settings=_focusing,
)
_by_class("focal", focal, "softmax", settings=_focusing)


# ---------------------------------------------------------------------------------
# Hinge loss: max(0, 1 - z) or max(0, 1 + z) for a label, and that of Crammer and
# Singer for classes, max(0, 1 + largest of the other outputs - own output).


@inline_scalar
def _missing_margin(y, z):
    return like(z, 1) - (z if y != 0 else -z)


@inline_scalar
def binary_hinge(y, z, settings):
    missing = _missing_margin(y, z)
    return like(z, 0) if missing < 0 else missing


@inline_scalar
def binary_hinge_gradient(y, z, settings):
    slope = like(z, -1) if y != 0 else like(z, 1)
    return like(z, 0) if _missing_margin(y, z) <= 0 else slope


@inline_array
def hinge(raw, i, label, delta, settings):
    rival = 1 if label == 0 else 0
    total = like(raw[i, 0], 0)
    for j in range(raw.shape[1]):
        rival = j if raw[i, j] > raw[i, rival] and j != label else rival
        total += raw[i, j]
        delta[i, j] = like(total, 0)
    missing = like(total, 1) + raw[i, rival] - raw[i, label]
    if missing > 0:
        delta[i, rival] = like(total, 1)
        delta[i, label] = like(total, -1)
    missing = like(missing, 0) if missing < 0 else missing
    # No comparison finds a NaN that is not the rival's.
    return missing if total == total else total


_by_label("binary_hinge", binary_hinge, binary_hinge_gradient, "identity")
_by_class("hinge", hinge, "identity")
