"""Whether training has learnt more than the best constant prediction.

It may have ended, by its own rule, with a network that is worse than a constant: the
learning rate was too high but all numbers stayed finite, or the targets are so small or
so large that no step changes the loss by more than ``tol``, or enough.
"""

from math import isnan, log
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sknn._site import see
from sknn.kernels.losses.table import CLASSIFICATION_LOSSES, LOSSES, Loss
from sknn.network.data import TrainingData
from sknn.network.moments import moments_of_matrix
from sknn.network.network import Network
from sknn.training.constant_prediction import (
    constant_loss,
    output_columns,
    raw_outputs_of,
)
from sknn.training.options import TrainingOptions
from sknn.training.scale_advice import advice_on_features, sentence
from sknn.training.task import FitTask
from sknn.training.user_warnings import warn_user

NOT_LEARNT = "The network has learnt less than a constant prediction"

_FEW_EPOCHS = 10  # where max_iter ends a fit so soon, that alone is said
_BLOCK = 2**16  # rows
_GROWTH = 2.0  # of the loss since the first epoch; not due to noise
_MARGIN = 0.1  # by which the loss may exceed that of the constant
_GAIN = 0.1  # of accuracy, relative to the errors of a constant; not due to chance
_LARGE, _SMALL = 10.0, 0.1  # targets that are far from the unit scale
_TINY = 1e-12


class Baseline(NamedTuple):
    """The losses of predictions that do not depend on the features.

    Attributes
    ----------
    loss : float
        Mean loss of the best constant prediction, or of a good one where the best one
        takes a search.
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


def mean_loss(network: Network, loss: Loss, total: float, data: TrainingData) -> float:
    """Return a loss as it is reported, given the sum over rows and outputs."""
    return total * loss.reported_scale(network.n_outputs) / data.size


def _frequencies(data: TrainingData, n_classes: int) -> np.ndarray:
    """Return how frequent each class is; or 1, for each column of an indicator matrix.

    Weighted; between 0 and 1.
    """
    if data.targets.shape[1] > 1:
        return moments_of_matrix(data.targets, data.weights).mean
    counts = np.zeros(n_classes)
    for start in range(0, len(data.targets), _BLOCK):
        codes = data.targets[start : start + _BLOCK, 0].astype(np.intp)
        weight = data.weights[start : start + _BLOCK]
        counts += np.bincount(codes, weight if weight.size else None, n_classes)
    return np.asarray(counts / data.size)


def _entropy(frequencies: np.ndarray) -> float:
    logarithms = np.log(np.maximum(frequencies, np.finfo(float).tiny))
    return -float(np.sum(frequencies * logarithms))


def _loss_of_equal_probabilities(network: Network) -> float:
    """Return the cross-entropy of a network that knows nothing."""
    n_outputs = network.n_outputs
    return log(n_outputs) if network.link == "softmax" else n_outputs * log(2)


def make_baseline(network: Network, loss: Loss, data: TrainingData) -> Baseline:
    """Return the losses of constant predictions, and their accuracy."""
    if any(loss is other for other in CLASSIFICATION_LOSSES.values()):
        return _classification_baseline(network, loss, data)
    return _regression_baseline(network, loss, data)


def _classification_baseline(
    network: Network, loss: Loss, data: TrainingData
) -> Baseline:
    n_outputs, settings = network.n_outputs, network.architecture.settings
    is_softmax = network.link == "softmax"
    is_multiclass = data.targets.shape[1] < n_outputs
    frequencies = _frequencies(data, n_outputs if is_multiclass else 2)
    if n_outputs == 1:
        frequencies = frequencies[1:]
    accuracy = float(np.max(frequencies))
    if not is_multiclass:
        accuracy = float(np.mean(np.maximum(frequencies, 1.0 - frequencies)))
    start = _loss_of_equal_probabilities(network)
    if loss is LOSSES["log_loss"]:
        return Baseline(_entropy(frequencies), start, accuracy=accuracy)
    if loss is LOSSES["binary_log_loss"]:
        best = _entropy(frequencies) + _entropy(1.0 - frequencies)
        return Baseline(best, start, accuracy=accuracy)
    raw = zeros = np.zeros(n_outputs)
    if network.link != "identity":
        # Softmax, too, returns the probabilities whose logarithms it gets.
        link = "exp" if is_softmax else network.link
        raw = raw_outputs_of(link, frequencies)
    best, start = (
        mean_loss(network, loss, constant_loss(loss, settings, data, outputs), data)
        for outputs in (raw, zeros)
    )
    return Baseline(best, start, accuracy=accuracy)


def _regression_baseline(network: Network, loss: Loss, data: TrainingData) -> Baseline:
    _, mean, variance = moments_of_matrix(data.targets, data.weights)
    largest, spread = np.sqrt(np.max(mean**2 + variance)), np.sqrt(np.max(variance))
    scale = None
    if network.link in ("identity", "quantiles"):
        scale = "large" if largest > _LARGE else "small" if spread < _SMALL else None
    if loss is LOSSES["squared_error"]:
        best = float(np.mean(variance)) / 2
        return Baseline(best, float(np.mean(mean**2 + variance)) / 2, scale)
    columns = output_columns(network, loss, data)
    best = sum(column.good_constant_loss() for column in columns)
    zeros = np.zeros(network.n_outputs)
    start = constant_loss(loss, network.architecture.settings, data, zeros)
    best, start = (mean_loss(network, loss, total, data) for total in (best, start))
    return Baseline(best, max(best, start), scale)


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
    is_unfinished = not (has_converged or has_grown)
    if is_unfinished and len(losses) <= _FEW_EPOCHS:
        return
    is_entropy = loss is LOSSES["log_loss"] or loss is LOSSES["binary_log_loss"]
    highest = _GROWTH * _loss_of_equal_probabilities(network)
    if is_unfinished and is_entropy and losses[-1] <= highest:
        return  # whatever the baseline, which takes a pass over the rows
    with np.errstate(over="ignore", invalid="ignore"):
        baseline = make_baseline(network, loss, data)
    reference = baseline.loss
    if reference <= _TINY * baseline.start:  # of targets that are all the same
        if not (has_grown or baseline.scale == "large"):
            return  # there is nothing to learn
        reference = baseline.start
    limit = reference + _MARGIN * abs(reference)
    if not (has_converged or has_grown or baseline.scale):
        limit = max(limit, _GROWTH * baseline.start)
    if baseline.scale == "large":
        limit = reference - 0.001 * abs(reference)
    # The epoch's loss holds the penalty too: a pass over the rows is seldom needed.
    if reference == 0 or not losses[-1] > limit:
        return
    is_classifier = not isnan(baseline.accuracy)
    if baseline.accuracy == 1 and data.targets.shape[1] == 1:
        return  # of one class there is nothing to learn
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
            + _remedy(network, baseline, has_grown or has_overshot, task.options)
            + f" {see('use/troubleshooting')}",
            ConvergenceWarning,
        )


def _accuracy(network: Network, predictions: np.ndarray, data: TrainingData) -> float:
    """Return how many of the labels are right, between 0 and 1."""
    targets, weights = data.targets, data.weights
    if targets.shape[1] == 1 and network.n_outputs > 1:
        right = predictions.argmax(axis=1) == targets[:, 0]
    else:
        threshold = 0.5 if network.link == "logistic" else 0.0
        right = ((predictions > threshold) == (targets > 0)).mean(axis=1)
    return float(np.average(right, weights=weights if weights.size else None))


def _remedy(
    network: Network, baseline: Baseline, has_overshot: bool, options: TrainingOptions
) -> str:
    is_lbfgs = options.solver == "lbfgs"
    rate = f"learning_rate_init={options.schedule.learning_rate_init:g}"
    features = advice_on_features(network)
    advice = []
    if has_overshot and not is_lbfgs:
        advice += [f"Training overshot with {rate}.", sentence("lower it", features)]
    if baseline.scale:
        advice.append(
            f"The target is too {baseline.scale} to be learnt as it is: scale it, as "
            "standardize_y=True does."
        )
    if not advice:
        change = "" if is_lbfgs else f"change {rate}"
        advice.append(sentence(features, change, "lower tol"))
    return " ".join(advice)
