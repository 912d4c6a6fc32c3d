"""Classification losses.

`register` gives each loss two entries. Under its plain name it is multiclass: one
output for each class, and the index of the class as the target. Under the prefix
``binary_`` it has one output and one target, 0 or 1, for each label: a single label for
two classes, several for multilabel targets.

In the formulas z is a raw output, p the predicted probability of the class or label,
and y the target.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sknn.jit.array_types import Float64s, Matrix
from sknn.jit.kernel import (
    Kernel,
    flat,
    inline_array,
    inline_scalar,
    kernel,
    like,
    scratch,
)
from sknn.kernels.batch import Batch, row_of
from sknn.kernels.layers.activations import softplus
from sknn.kernels.losses.base import (
    TRAIN_PARAMETERS,
    Loss,
    LossFunction,
    LossOptions,
    Settings,
    add_loss,
    elementwise,
    train_signature,
)
from sknn.kernels.math.elementary import epsilon, exp, log, log1p, probability
from sknn.kernels.math.softmax import fill_softmax

CLASSIFICATION_LOSSES: dict[str, Loss] = {}
# Of raw, i, label, delta and settings: see `register`.
RowLoss = Callable[[Matrix, int, int, Matrix, Float64s], float]


def register(
    name: str,
    *,
    by_class: RowLoss | Kernel,
    by_label: tuple[LossFunction, LossFunction],
    links: tuple[str, str] = ("softmax", "logistic"),
    **options: Any,
) -> None:
    """Make a loss available to the classifier, in its two forms.

    Parameters
    ----------
    name : str
        Users write ``loss="name"``. The form for labels is entered as ``binary_name``.
    by_class : function or Kernel
        ``by_class(raw, i, label, delta, settings)`` returns the loss of row i, whose
        class has the index ``label``, and sets ``delta[i]`` to its gradient; an
        ``@inline_array``. Or the kernel for all rows.
    by_label : tuple of two functions
        ``value(y, z, settings)``, the loss of raw output z for the label y, 0 or 1, and
        ``gradient(y, z, settings)``, its derivative by z; both an ``@inline_scalar``.
    links : tuple of str, default=("softmax", "logistic")
        Output activations of the two forms: keys of ``OUTPUT_ACTIVATIONS``.
    **options
        Other fields of `Loss`, its description among them.
    """
    kernel = by_class if isinstance(by_class, Kernel) else _by_class(name, by_class)
    value, gradient = by_label
    labels = f"binary_{name}"
    elementwise(CLASSIFICATION_LOSSES, labels, value, gradient, links[1], **options)
    add_loss(CLASSIFICATION_LOSSES, name, kernel, links[0], **options)


def _by_class(name: str, row_loss: RowLoss) -> Kernel:
    """Return the kernel of row_loss(raw, i, label, delta, settings) for all rows."""

    def train(
        raw: Matrix, targets: Matrix, batch: Batch, delta: Matrix, settings: Float64s
    ) -> float:
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

    train.__doc__ = f"""Set delta to weight * the gradient of {row_loss.__name__}.

    Return the sum of weight * {row_loss.__name__}(raw, i, label, ...) over rows i.
    {TRAIN_PARAMETERS}"""
    return Kernel(train, train_signature, f"{name}_train")


# ---------------------------------------------------------------------------------
# Log loss.


@inline_scalar
def _clip_probability(p: float) -> float:
    """Return p clipped to [eps, 1 - eps], with eps the machine epsilon."""
    low, high = epsilon(p), like(p, 1) - epsilon(p)
    p = low if p < low else p
    return high if p > high else p


@inline_scalar
def binary_log_loss(y: float, z: float, settings: Settings) -> float:
    """Return -y log(p) - (1 - y) log(1 - p) with p = logistic(z), y 0 or 1."""
    p = probability(z)
    return -log(_clip_probability(p if y != 0 else like(p, 1) - p))


@inline_scalar
def binary_log_loss_gradient(y: float, z: float, settings: Settings) -> float:
    """Return logistic(z) - y, the derivative of the binary log loss by z."""
    return probability(z) - y


_CHUNK = 256  # rows whose logarithms are computed in one vectorised loop


@kernel(train_signature)
def log_loss_train(
    raw: Matrix, targets: Matrix, batch: Batch, delta: Matrix, settings: Float64s
) -> float:
    """Set delta to weight * (softmax(raw) - one_hot(y)); return the log loss.

    The loss is the sum of -weight * log(p[i, y[i]]) over rows i, with p = softmax(raw)
    clipped to [eps, 1 - eps]. Shapes are those of `TRAIN_PARAMETERS`, with one target
    column: the index of the class.
    """
    fill_softmax(raw, delta)
    n_rows, n_outputs = raw.shape
    labels, probabilities = flat(targets), flat(delta)
    logs = scratch(raw[0, 0], _CHUNK)
    total = 0.0
    for first in range(0, n_rows, _CHUNK):
        n = _CHUNK if first + _CHUNK < n_rows else n_rows - first
        for i in range(n):
            label = int(labels[np.uintp(row_of(batch, first + i))])
            position = np.uintp((first + i) * n_outputs + label)
            logs[i] = _clip_probability(probabilities[position])
            probabilities[position] -= like(probabilities[position], 1)
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


register(
    "log_loss",
    by_class=log_loss_train,
    by_label=(binary_log_loss, binary_log_loss_gradient),
    description="the log loss (cross-entropy), ``-log(p)`` of the true class",
)


# ---------------------------------------------------------------------------------
# Log loss with label smoothing s: the targets are (1 - s) y + s / n_classes.


def _smoothing(options: LossOptions) -> Sequence[float]:
    """Return the setting s, the label smoothing."""
    return [options.label_smoothing]


@inline_scalar
def _smoothed(y: float, s: float) -> float:
    """Return the smoothed target (1 - s) y + s / 2."""
    return y * (like(y, 1) - s) + like(y, 0.5) * s


@inline_scalar
def binary_smoothed_log_loss(y: float, z: float, settings: Settings) -> float:
    """Return softplus(z) - t z, with the smoothed target t = (1 - s) y + s / 2."""
    return softplus(z) - _smoothed(y, settings[0]) * z


@inline_scalar
def binary_smoothed_log_loss_gradient(y: float, z: float, settings: Settings) -> float:
    """Return logistic(z) - t, with the smoothed target t = (1 - s) y + s / 2."""
    return probability(z) - _smoothed(y, settings[0])


@inline_array
def _exponentials(raw: Matrix, i: int, delta: Matrix) -> tuple[float, float]:
    """Set delta[i] to exp(z - max(z)), z = raw[i]; return max(z), sum(delta[i])."""
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
def smoothed_log_loss(
    raw: Matrix, i: int, label: int, delta: Matrix, settings: Float64s
) -> float:
    """Return -sum(t * log(p)) with p = softmax(raw[i]); set delta[i] to p - t.

    The smoothed target is t = (1 - s) one_hot(label) + s / n_outputs, s = settings[0].
    """
    highest, scale = _exponentials(raw, i, delta)
    n_outputs = raw.shape[1]
    uniform = like(scale, settings[0] / n_outputs)  # target of every class
    one_hot = like(scale, 1.0 - settings[0])  # added to that of the true class
    weighted: float = one_hot * (raw[i, label] - highest)
    for j in range(n_outputs):
        weighted += uniform * (raw[i, j] - highest)
        delta[i, j] = delta[i, j] / scale - uniform
    delta[i, label] -= one_hot
    return log(scale) - weighted


register(
    "smoothed_log_loss",
    by_class=smoothed_log_loss,
    by_label=(binary_smoothed_log_loss, binary_smoothed_log_loss_gradient),
    description="the log loss with a share of each target spread over all classes",
    reference='C. Szegedy et al., "Rethinking the Inception Architecture for Computer '
    'Vision", CVPR 2016',
    chosen_by="label_smoothing",
    settings=_smoothing,
)


# ---------------------------------------------------------------------------------
# Focal loss, -(1 - p)**gamma log(p). With m = log((1 - p) / p), the log-odds against
# the class, 1 - p = logistic(m) and -log(p) = softplus(m): exact for any m.


def _focusing(options: LossOptions) -> Sequence[float]:
    """Return the setting gamma, the focusing parameter."""
    return [options.focal_gamma]


@inline_scalar
def _focal(m: float, gamma: float) -> float:
    """Return logistic(m)**gamma * softplus(m) = -(1 - p)**gamma log(p)."""
    log_term = log1p(exp(-abs(m)))
    minus_log_p = log_term if m < 0 else m + log_term
    minus_log_q = log_term - m if m < 0 else log_term
    return exp(-gamma * minus_log_q) * minus_log_p


@inline_scalar
def _focal_gradient(m: float, gamma: float) -> float:
    """Return q**gamma * (gamma p softplus(m) + q), q = 1 - p: derivative by m."""
    t = exp(-abs(m))
    log_term = log1p(t)
    minus_log_p = log_term if m < 0 else m + log_term
    minus_log_q = log_term - m if m < 0 else log_term
    larger = like(m, 1) / (like(m, 1) + t)
    p, q = (larger, t * larger) if m < 0 else (t * larger, larger)
    return exp(-gamma * minus_log_q) * (gamma * p * minus_log_p + q)


@inline_scalar
def binary_focal(y: float, z: float, settings: Settings) -> float:
    """Return -(1 - p)**gamma log(p), p = logistic(z) if y = 1 else logistic(-z)."""
    return _focal(-z if y != 0 else z, settings[0])


@inline_scalar
def binary_focal_gradient(y: float, z: float, settings: Settings) -> float:
    """Return the derivative by z: that by m if y = 0, minus that by m if y = 1."""
    derivative = _focal_gradient(-z if y != 0 else z, settings[0])
    return -derivative if y != 0 else derivative


@inline_array
def focal(raw: Matrix, i: int, label: int, delta: Matrix, settings: Float64s) -> float:
    """Return -(1 - p)**gamma log(p), p = softmax(raw[i])[label]; set delta[i].

    With the log-odds m = log(sum(exp(raw[i, j])) over j != label) - raw[i, label]
    against the class and the derivative d by m, delta[i, label] = -d, and for the
    others delta[i, j] = d * softmax of raw[i] without the class.
    """
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
    derivative = _focal_gradient(m, gamma)
    for j in range(n_outputs):
        delta[i, j] *= derivative / scale
    delta[i, label] = -derivative
    return _focal(m, gamma)


register(
    "focal",
    by_class=focal,
    by_label=(binary_focal, binary_focal_gradient),
    description="the focal loss, ``-(1 - p)**focal_gamma log(p)``, which gives less "
    "weight to rows that are classified well",
    reference='T. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017',
    uses=("focal_gamma",),
    settings=_focusing,
)


# ---------------------------------------------------------------------------------
# Hinge loss: max(0, 1 - z) for label 1 and max(0, 1 + z) for label 0. The multiclass
# form is that of Crammer and Singer, max(0, 1 + max of the other outputs - z[label]).


@inline_scalar
def _margin_violation(y: float, z: float) -> float:
    """Return 1 - z if y = 1, else 1 + z: positive inside the margin."""
    return like(z, 1) - (z if y != 0 else -z)


@inline_scalar
def binary_hinge(y: float, z: float, settings: Settings) -> float:
    """Return max(0, 1 - z) if y = 1, else max(0, 1 + z)."""
    violation = _margin_violation(y, z)
    return like(z, 0) if violation < 0 else violation


@inline_scalar
def binary_hinge_gradient(y: float, z: float, settings: Settings) -> float:
    """Return -1 (y = 1) or 1 (y = 0) inside the margin, else 0."""
    derivative = like(z, -1) if y != 0 else like(z, 1)
    return like(z, 0) if _margin_violation(y, z) <= 0 else derivative


@inline_array
def hinge(raw: Matrix, i: int, label: int, delta: Matrix, settings: Float64s) -> float:
    """Return max(0, 1 + raw[i, rival] - raw[i, label]); set delta[i].

    The rival is the largest output of another class. Inside the margin delta[i] is 1
    for the rival and -1 for the label, else 0.
    """
    rival = 1 if label == 0 else 0
    total = like(raw[i, 0], 0)
    for j in range(raw.shape[1]):
        rival = j if raw[i, j] > raw[i, rival] and j != label else rival
        total += raw[i, j]
        delta[i, j] = like(total, 0)
    violation = like(total, 1) + raw[i, rival] - raw[i, label]
    if violation > 0:
        delta[i, rival] = like(total, 1)
        delta[i, label] = like(total, -1)
    violation = like(violation, 0) if violation < 0 else violation
    # A NaN of any other output shows only in the sum.
    return violation if total == total else total


register(
    "hinge",
    by_class=hinge,
    by_label=(binary_hinge, binary_hinge_gradient),
    links=("identity", "identity"),
    description="the hinge loss of support vector machines, Crammer and Singer's for "
    "more than two classes; with a ``decision_function`` in place of probabilities",
    reference='K. Crammer and Y. Singer, "On the Algorithmic Implementation of '
    'Multiclass Kernel-based Vector Machines", Journal of Machine Learning Research 2,'
    " 2001",
)
