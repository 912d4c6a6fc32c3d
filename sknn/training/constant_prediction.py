"""The loss of predictions that do not depend on the features."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize

from sknn.kernels.losses.output_activations import (
    OUTPUT_ACTIVATIONS,
    levels_of_settings,
)
from sknn.kernels.losses.table import Loss
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.network import Network
from sknn.network.predictions import identity_network, loss_of_raw_outputs


def raw_outputs_of(link: str, predictions: Any) -> np.ndarray:
    """Return raw outputs for which the output activation gives these predictions."""
    inverse = OUTPUT_ACTIVATIONS[link].inverse
    assert inverse, "a loss whose output activation has no inverse needs best_constant"
    return np.asarray(inverse(np.asarray(predictions, dtype=np.float64)))


def constant_loss(
    loss: Loss, settings: tuple[float, ...], data: TrainingData, raw: np.ndarray
) -> float:
    """Return the loss, summed over rows, where all rows have the same raw outputs.

    Parameters
    ----------
    loss : Loss
    settings : tuple of float
        Settings of the loss.
    data : TrainingData
        Targets and their weights. The inputs do not count.
    raw : ndarray of shape (n_outputs,)
        The raw outputs, before the output activation.
    """
    dtype = data.targets.dtype
    network = identity_network(len(raw), settings, dtype)
    theta = np.zeros(network.n_parameters, dtype)
    theta[network.n_weights :] = raw
    zeros = Inputs.of(np.zeros((len(data.targets), 1), dtype), dtype)
    return network.evaluate(theta, loss, data._replace(inputs=zeros, rows=None))[1]


class OutputColumn(NamedTuple):
    """One output of a regression network, and the target that it predicts.

    Attributes
    ----------
    loss : Loss
    settings : tuple of float
        Settings of the loss of this output alone.
    link : str
        Output activation of the network.
    data : TrainingData
        With one column of targets.
    """

    loss: Loss
    settings: tuple[float, ...]
    link: str
    data: TrainingData

    def loss_of(self, raw: np.ndarray) -> float:
        """Return the loss summed over rows; ``raw`` has an output for each row."""
        raw = np.reshape(raw, (-1, 1))
        return loss_of_raw_outputs(self.loss, self.settings, self.data, raw)

    def constant_loss(self, raw: float) -> float:
        """Return the loss, summed over rows, of the same raw output for all rows."""
        with np.errstate(all="ignore"):
            constant = np.array([raw])
            value = constant_loss(self.loss, self.settings, self.data, constant)
        return np.inf if np.isnan(value) else value

    def best_constant_loss(self) -> float:
        """Return the lowest loss, summed over rows, of a constant prediction.

        It is -inf for a loss that has no lowest value.
        """
        if self.loss.best_constant:
            return self.good_constant_loss()
        targets, weights = self._weighted_targets()
        mean = np.average(targets.astype(np.float64), weights=weights)
        middle, first = raw_outputs_of(self.link, [mean, targets[0]]).tolist()
        spread = float(np.std(raw_outputs_of(self.link, targets))) or 1.0
        losses = [self.constant_loss(raw) for raw in (middle, first)]
        try:
            with np.errstate(all="ignore"):  # the search may go far
                search = scipy.optimize.minimize_scalar(
                    self.constant_loss, bracket=(middle, middle + spread)
                )
            losses.append(float(search.fun))
        except RuntimeError:  # the loss has no lowest value
            losses.append(-np.inf)
        return min(losses)

    def good_constant_loss(self) -> float:
        """Return the lowest loss if it takes no search, else that of mean or median."""
        targets, weights = self._weighted_targets()
        if self.loss.best_constant:
            settings = np.array(self.settings)
            best = self.loss.best_constant(targets, weights, settings)
            return self.constant_loss(best)
        mean = np.average(targets.astype(np.float64), weights=weights)
        candidates = raw_outputs_of(self.link, [mean, np.median(targets)])
        return min(self.constant_loss(raw) for raw in candidates.tolist())

    def has_equal_targets(self) -> bool:
        """Return whether all targets with a weight are the same."""
        targets, _ = self._weighted_targets()
        return bool((targets == targets[0]).all())

    def _weighted_targets(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the targets whose weight is not zero, and their weights."""
        targets, weights = self.data.targets[:, 0], self.data.weights
        if not weights.size:
            return targets, np.ones(len(targets))
        return targets[weights > 0], weights[weights > 0]


def output_columns(
    network: Network, loss: Loss, data: TrainingData
) -> Iterator[OutputColumn]:
    """Yield the outputs of a regression network, of which the loss is the sum.

    Several quantiles of a target are outputs of one quantile each.
    """
    n_outputs, n_targets = network.n_outputs, data.targets.shape[1]
    per_target = n_outputs // n_targets
    settings, levels = network.architecture.settings, np.empty(0)
    if network.link == "quantiles":
        levels = levels_of_settings(settings)
    for k in range(n_outputs):
        if per_target > 1:
            settings = (1.0, float(levels[k % per_target]), 0.0, 0.0)
        column = np.ascontiguousarray(data.targets[:, [k // per_target]])
        column_data = data._replace(targets=read_only(column), rows=None)
        yield OutputColumn(loss, settings, network.link, column_data)
