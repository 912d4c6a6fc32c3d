"""Whether training has learnt more than the best constant prediction.

It may have ended, by its own rule, with a network that is worse than a constant: the
learning rate was too high but all numbers stayed finite, or the targets are so small or
so large that no step changes the loss by more than ``tol``, or enough.
"""

from math import expm1, isnan, log
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sknn.kernels.losses.table import (
    CLASSIFICATION_LOSSES,
    LOSSES,
    OUTPUT_ACTIVATIONS,
    Loss,
)
from sknn.network.data import Inputs, TrainingData
from sknn.network.layout import Architecture, mlp_layers
from sknn.network.network import Network
from sknn.network.network import network as network_of
from sknn.training.options import TrainingOptions
from sknn.training.task import FitTask
from sknn.training.user_warnings import warn_user

NOT_LEARNT = "The network has learnt less than a constant prediction"

_FEW_EPOCHS = 10  # after which nothing is said but that max_iter was reached
_BLOCK = 2**16  # rows
_GROWTH = 2.0  # of the loss since the first epoch, which is no noise
_MARGIN = 1.1  # of the loss above the constant's
_GAIN = 0.1  # of the way from the accuracy of a constant to 1, which is no chance
_LARGE, _SMALL = 10.0, 0.1  # targets that are far from the unit scale
_TINY = 1e-12


class Baseline(NamedTuple):
    """What predictions that do not look at the features come to.

    Attributes
    ----------
    loss : float
        Mean loss of the best constant prediction, or of a nearly best one.
    start : float
        Mean loss of the prediction that an untrained network is close to.
    scale : str or None
        "small" or "large", where targets are far from the unit scale.
    accuracy : float
        Of the most frequent class, or value of each label; NaN in regression.
    """

    loss: float
    start: float
    scale: str | None = None
    accuracy: float = np.nan


def mean_loss(network: Network, loss: Loss, total: float, data: TrainingData):
    """Return a loss as it is reported, given the sum over rows and outputs."""
    return total * loss.reported_scale(network.n_outputs) / data.size


def _moments(data: TrainingData) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean of each target, and its variance."""
    targets, weights = data.targets, data.weights
    shift = targets[0].astype(np.float64)
    sums, squares = np.zeros_like(shift), np.zeros_like(shift)
    for start in range(0, len(targets), _BLOCK):
        part = targets[start : start + _BLOCK] - shift
        weight = weights[start : start + _BLOCK].astype(np.float64)
        weight = weight if weight.size else np.ones(len(part))
        sums += weight @ part
        squares += weight @ (part * part)
    mean = sums / data.size
    return mean + shift, np.maximum(squares / data.size - mean * mean, 0.0)


def _frequencies(data: TrainingData, n_classes: int) -> np.ndarray:
    """Return the share of each class, given by its number, or of each label's ones."""
    if data.targets.shape[1] > 1:
        return _moments(data)[0]
    counts = np.zeros(n_classes)
    for start in range(0, len(data.targets), _BLOCK):
        part = data.targets[start : start + _BLOCK, 0].astype(np.intp)
        weight = data.weights[start : start + _BLOCK]
        counts += np.bincount(part, weight if weight.size else None, n_classes)
    return counts / data.size


def _entropy(shares: np.ndarray) -> float:
    return -float(np.sum(shares * np.log(np.maximum(shares, np.finfo(float).tiny))))


def baseline_of(network: Network, loss: Loss, data: TrainingData) -> Baseline:
    """Return what predictions that do not look at the features come to."""
    n_outputs = network.n_outputs
    if any(loss is each for each in CLASSIFICATION_LOSSES.values()):
        is_softmax = network.link == "softmax"
        is_multiclass = data.targets.shape[1] < n_outputs
        shares = _frequencies(data, n_outputs if is_multiclass else 2)
        if n_outputs == 1:
            shares = shares[1:]
        accuracy = float(np.max(shares))
        if not is_multiclass:
            accuracy = float(np.mean(np.maximum(shares, 1.0 - shares)))
        start = log(n_outputs) if is_softmax else n_outputs * log(2)
        if loss is LOSSES["log_loss"]:
            return Baseline(_entropy(shares), start, accuracy=accuracy)
        if loss is LOSSES["binary_log_loss"]:
            best = _entropy(shares) + _entropy(1.0 - shares)
            return Baseline(best, start, accuracy=accuracy)
        raw = np.zeros(n_outputs)
        if network.link != "identity":
            raw = np.log(np.maximum(shares, _TINY))
        if network.link == "logistic":
            raw -= np.log(np.maximum(1.0 - shares, _TINY))
        best = constant_loss(network, loss, data, raw)
        start = constant_loss(network, loss, data, np.zeros(n_outputs))
        return Baseline(best, start, accuracy=accuracy)
    mean, variance = _moments(data)
    largest, spread = np.sqrt(np.max(mean**2 + variance)), np.sqrt(np.max(variance))
    scale = None
    if network.link in ("identity", "quantiles"):
        scale = "large" if largest > _LARGE else "small" if spread < _SMALL else None
    if loss is LOSSES["squared_error"]:
        best, zero = (
            float(np.mean(variance)) / 2,
            float(np.mean(mean**2 + variance)) / 2,
        )
    else:
        best = constant_loss(network, loss, data, _raw_constant(network, data))
        zero = constant_loss(network, loss, data, np.zeros(n_outputs))
    return Baseline(best, max(best, zero), scale)


def _raw_constant(network: Network, data: TrainingData) -> np.ndarray:
    """Return raw outputs of a prediction that is the best constant, or close to it."""
    link, settings = network.link, network.architecture.settings
    if link == "quantiles":
        levels = settings[1 : 1 + int(settings[0])]
        values = np.quantile(data.targets, levels, axis=0).T.astype(np.float64)
        steps = np.maximum(np.diff(values, axis=1), _TINY)
        values[:, 1:] = [
            [z if z > 30 else log(expm1(z)) for z in own] for own in steps.tolist()
        ]
        return values.ravel()
    inverse = OUTPUT_ACTIVATIONS[link].inverse
    if link == "identity" or inverse is None:
        return np.median(data.targets, axis=0)
    mean, _ = _moments(data)
    return np.asarray(inverse(mean))


def constant_loss(
    network: Network, loss: Loss, data: TrainingData, raw: np.ndarray
) -> float:
    """Return the mean loss where the raw outputs are the same for all rows."""
    link, settings = network.link, network.architecture.settings
    constant = network_of(
        Architecture(1, mlp_layers((), len(raw), ()), link, settings), network.dtype
    )
    theta = np.zeros(constant.n_parameters, constant.dtype)
    theta[constant.n_weights :] = raw
    nothing = Inputs.of(np.zeros((len(data.targets), 1), network.dtype), network.dtype)
    _, total = constant.evaluate(theta, loss, data._replace(inputs=nothing))
    return mean_loss(network, loss, total, data)


def warn_if_nothing_learnt(
    task: FitTask,
    theta: np.ndarray,
    losses: list[float],
    *,
    has_converged: bool,
    final: float | None = None,
) -> None:
    """Warn where a fit ended above the loss of a constant prediction.

    Where ``max_iter`` came first, scikit-learn's warning is enough, unless the network
    is worse than an untrained one, or the targets are far from the unit scale.

    Parameters
    ----------
    task : FitTask
    theta : ndarray of shape (n_parameters,)
        What the fit returns.
    losses : list of float
        Of the fit's epochs, penalty included.
    has_converged : bool
        Whether training ended by itself.
    final : float, default=None
        Mean loss without the penalty, where it is known.
    """
    network, loss, data = task.network, task.loss, task.data
    has_grown = losses[-1] > _GROWTH * losses[0]
    if len(losses) <= _FEW_EPOCHS and not (has_converged or has_grown):
        return
    with np.errstate(over="ignore", invalid="ignore"):
        baseline = baseline_of(network, loss, data)
    reference = baseline.loss
    if reference <= _TINY * baseline.start:  # of targets that are all the same
        reference = baseline.start
    limit = _MARGIN * reference
    if not (has_converged or has_grown or baseline.scale):
        limit = max(limit, _GROWTH * baseline.start)
    if baseline.scale == "large":
        limit = 0.999 * reference
    # The epoch's loss holds the penalty too: a pass over the rows is seldom needed.
    if reference == 0 or not losses[-1] > limit:
        return
    is_classifier = not isnan(baseline.accuracy)
    if final is None or is_classifier:
        predictions, total = network.evaluate(theta, loss, data)
        final = mean_loss(network, loss, total, data)
    if is_classifier:
        # A network may have learnt the classes, and yet be too sure where it errs.
        gain = _accuracy(network, predictions, data) - baseline.accuracy
        if gain > _GAIN * (1.0 - baseline.accuracy):
            return
    if final > limit:
        is_small = baseline.scale == "small"  # then any weights are too large
        has_overshot = final > _GROWTH * baseline.start and not is_small
        warn_user(
            f"{NOT_LEARNT}: the loss on the training data is {final:.3g}, that of the "
            f"best constant {baseline.loss:.3g}. "
            + _remedy(baseline, has_grown or has_overshot, task.options),
            ConvergenceWarning,
        )


def _accuracy(network: Network, predictions: np.ndarray, data: TrainingData) -> float:
    """Return the share of labels that are right."""
    targets, weights = data.targets, data.weights
    if targets.shape[1] == 1 and network.n_outputs > 1:
        right = predictions.argmax(axis=1) == targets[:, 0]
    else:
        threshold = 0.5 if network.link == "logistic" else 0.0
        right = ((predictions > threshold) == (targets > 0)).mean(axis=1)
    return float(np.average(right, weights=weights if weights.size else None))


def _remedy(baseline: Baseline, has_overshot: bool, options: TrainingOptions) -> str:
    is_lbfgs = options.solver == "lbfgs"
    rate = f"learning_rate_init={options.schedule.learning_rate_init:g}"
    advice = []
    if has_overshot and not is_lbfgs:
        advice.append(
            f"Training overshot with {rate}: lower it, or scale the features "
            "(StandardScaler)."
        )
    if baseline.scale:
        advice.append(
            f"The target is too {baseline.scale} to be learnt as it is: scale it, as "
            "TransformedTargetRegressor(MLPRegressor(...), "
            "transformer=StandardScaler()) does."
        )
    if not advice and is_lbfgs:
        advice.append("Scale the features (StandardScaler), or lower tol.")
    if not advice:
        advice.append(
            f"Scale the features (StandardScaler), change {rate}, or lower tol."
        )
    return " ".join(advice)
