"""How much of a loss a network explains: what R^2 is for the squared error."""

from collections.abc import Callable, Iterator
from math import isfinite
from typing import NamedTuple

import numpy as np
import scipy.optimize

from sknn.kernels.losses.output_activations import (
    OUTPUT_ACTIVATIONS,
    levels_of_settings,
)
from sknn.kernels.losses.table import Loss
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.layout import Architecture, mlp_layers
from sknn.network.network import Network
from sknn.network.network import network as network_of


class _Column(NamedTuple):
    """One output, of which the loss is known for any raw values."""

    loss_of: Callable[[np.ndarray], float]  # takes them for all rows
    best: float  # loss of the best constant
    is_constant: bool  # whether all targets that count are the same


class ExplainedLoss:
    """D^2 of the loss: one minus the loss divided by the loss of the best constant.

    The mean over outputs, and over the levels of quantiles. As in scikit-learn, it is 1
    or 0 where all targets are the same, and no prediction can be better than a
    constant. A loss that may be negative is compared with the constant's absolute loss.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : TrainingData
        What is predicted, with its weights.
    """

    def __init__(self, network: Network, loss: Loss, data: TrainingData):
        self.size = data.size
        levels: np.ndarray = np.empty(0)
        if network.link == "quantiles":
            levels = levels_of_settings(network.architecture.settings)
        # Several quantiles of a target are raw outputs of one each after the link.
        self.takes_raw = len(levels) < 2
        self.columns = list(_columns(network, loss, data, levels))

    def __call__(self, outputs: np.ndarray, total: float) -> float:
        """Return D^2 for the outputs, whose loss, summed over all, is ``total``.

        They are raw, before the link, where ``takes_raw`` is true.
        """
        if len(self.columns) == 1:
            return self._score(self.columns[0], total)
        scores = [
            self._score(column, column.loss_of(outputs[:, k]))
            for k, column in enumerate(self.columns)
        ]
        return sum(scores) / len(scores)

    def _score(self, column: _Column, loss: float) -> float:
        best = column.best
        if column.is_constant or best == 0:
            return 1.0 if loss <= best else 0.0
        if not isfinite(best):  # a loss that has no lowest value
            return -loss / self.size
        return (best - loss) / abs(best)


def _columns(network, loss, data, levels) -> Iterator[_Column]:
    n_outputs, n_targets = network.n_outputs, data.targets.shape[1]
    per_target = n_outputs // n_targets
    dtype, settings = network.dtype, network.architecture.settings
    weights = data.weights if data.weights.size else np.ones(len(data.targets))
    counts = weights > 0
    for k in range(n_outputs):
        if per_target > 1:
            settings = (1.0, float(levels[k % per_target]), 0.0, 0.0)
        # A network of one weight, whose raw outputs are its inputs times the weight.
        one = network_of(
            Architecture(1, mlp_layers((), 1, ()), "identity", settings), dtype
        )
        targets = read_only(np.ascontiguousarray(data.targets[:, [k // per_target]]))
        own = data._replace(targets=targets, rows=None)

        def loss_of(raw, weight=1.0, own=own, one=one):
            inputs = Inputs.of(np.reshape(raw, (-1, 1)), one.dtype)
            theta = np.array([weight, 0.0], one.dtype)
            return one.evaluate(theta, loss, own._replace(inputs=inputs))[1]

        ones = np.ones(len(targets), dtype)

        def loss_of_constant(raw, loss_of=loss_of, ones=ones):
            with np.errstate(all="ignore"):
                value = loss_of(ones, raw)
            return np.inf if np.isnan(value) else value

        y, w = targets[counts, 0], weights[counts]
        if loss.best_constant:
            best = loss_of_constant(loss.best_constant(y, w, np.array(settings)))
        else:
            inverse_link = OUTPUT_ACTIVATIONS[network.link].inverse
            assert inverse_link, "a loss without it needs best_constant"
            best = _lowest(loss_of_constant, y, w, inverse_link)
        yield _Column(loss_of, best, bool((y == y[0]).all()))


def _lowest(loss_of_constant: Callable, y, weights, inverse_link: Callable) -> float:
    """Search for the constant with the lowest loss; return that loss."""
    middle = inverse_link(np.average(y.astype(np.float64), weights=weights))
    spread = float(np.std(inverse_link(y.astype(np.float64)))) or 1.0
    found = [loss_of_constant(value) for value in (middle, inverse_link(y[0]))]
    try:
        bracket = (middle, middle + spread)
        with np.errstate(all="ignore"):  # the search may go far
            search = scipy.optimize.minimize_scalar(loss_of_constant, bracket=bracket)
        found.append(float(search.fun))
    except RuntimeError:  # the loss has no lowest value
        found.append(-np.inf)
    return min(found)
