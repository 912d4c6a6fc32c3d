"""How much of a loss a network explains: what R^2 is for the squared error."""

from math import isfinite

import numpy as np

from sknn.kernels.losses.table import Loss
from sknn.network.data import TrainingData
from sknn.network.network import Network
from sknn.training.constant_prediction import output_columns


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

    Attributes
    ----------
    takes_raw : bool
        Whether the outputs to score are raw, before the output activation.
    """

    def __init__(self, network: Network, loss: Loss, data: TrainingData):
        self._size = data.size
        self._columns = list(output_columns(network, loss, data))
        self._best_losses = [column.best_constant_loss() for column in self._columns]
        self._are_equal = [column.has_equal_targets() for column in self._columns]
        # The activation of several quantiles makes each depend on those below it.
        self.takes_raw = network.n_outputs == data.targets.shape[1]

    def __call__(self, outputs: np.ndarray, total: float) -> float:
        """Return D^2 for the outputs, whose loss, summed over all, is ``total``."""
        if len(self._columns) == 1:
            return self._score(0, total)
        scores = [
            self._score(k, column.loss_of(outputs[:, k]))
            for k, column in enumerate(self._columns)
        ]
        return sum(scores) / len(scores)

    def _score(self, k: int, loss: float) -> float:
        """Return D^2 of an output with this loss, summed over rows."""
        best = self._best_losses[k]
        if self._are_equal[k] or best == 0:
            return 1.0 if loss <= best else 0.0
        if not isfinite(best):  # a loss that has no lowest value
            return -loss / self._size
        return (best - loss) / abs(best)
