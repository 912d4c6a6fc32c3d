"""The mean of the predictions of several networks, evaluated as those of one are."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sknn.kernels.losses.output_activations import OUTPUT_ACTIVATIONS
from sknn.kernels.losses.table import Loss
from sknn.network.data import Inputs, TrainingData
from sknn.network.network import Network
from sknn.network.predictions import loss_of_raw_outputs
from sknn.training.monitor import Monitor

_NUMBERS_AT_ONCE = 2**18  # of rows that are copied to be predicted


class AveragedOutputs(Network):
    """Stands for a network where a `Monitor` evaluates predictions that are known.

    They take the place of ``theta``.

    Parameters
    ----------
    network : Network
        One of those whose predictions are averaged.
    theta : ndarray of shape (n_parameters,)
        Its parameters. Where networks standardise their targets, each by its own rows,
        losses are those of targets and predictions as this one standardises them.
    """

    def __init__(self, network: Network, theta: np.ndarray):
        super().__init__(network.architecture, network.dtype)
        self._scaling = network.layout.output_scaling(theta)

    def evaluate(
        self,
        theta: np.ndarray,
        loss: Loss,
        data: TrainingData,
        *,
        raw: bool = False,
    ) -> tuple[np.ndarray, float]:
        """Return predictions, and the loss summed over the rows, without a penalty.

        Predictions are ``theta``, standardised where targets are. Or raw outputs by
        which the output activation gives these predictions.
        """
        predictions = theta.astype(np.float64)
        if self._scaling is not None:
            scale, shift = self._scaling
            predictions = (predictions - shift) / scale
        inverse = OUTPUT_ACTIVATIONS[self.link].inverse_of_rows
        outputs = inverse(predictions, self.architecture.settings).astype(self.dtype)
        total = loss_of_raw_outputs(loss, self.architecture.settings, data, outputs)
        return outputs if raw else predictions.astype(self.dtype), total


class HeldOutRows(NamedTuple):
    """Rows that a network is not trained on.

    Attributes
    ----------
    inputs : Inputs
    rows : ndarray of shape (n_held_out,) or None
        The rows of the inputs; None for all.
    places : ndarray of shape (n_held_out,) or slice
        Where these rows are in the validation set of the ensemble.
    """

    inputs: Inputs
    rows: np.ndarray | None
    places: np.ndarray | slice

    @property
    def n_rows(self) -> int:
        """Number of these rows."""
        return self.inputs.n_samples if self.rows is None else len(self.rows)

    def predict(self, network: Network, theta: np.ndarray) -> np.ndarray:
        """Return predictions of shape (n_held_out, n_outputs)."""
        if self.rows is None:
            return network.predict(theta, self.inputs)
        n_rows = self.n_rows
        outputs = np.empty((n_rows, network.n_outputs), network.dtype)
        step = max(1, _NUMBERS_AT_ONCE // self.inputs.n_features)
        for start in range(0, n_rows, step):
            block = self.inputs.take(self.rows[start : start + step])
            outputs[start : start + step] = network.predict(theta, block)
        return outputs


class JointValidation:
    """Rows that decide on the epoch of several networks together.

    Each row is predicted by the networks that are not trained on it, and their
    predictions, after the output activation, are averaged.

    Parameters
    ----------
    held_out : sequence of HeldOutRows
        Of each network. Every row of the validation set is held out from one at least.
    n_rows : int
        Number of rows of the validation set.
    monitor : Monitor
        Takes averaged predictions in the place of parameters.
    """

    def __init__(
        self,
        held_out: Sequence[HeldOutRows],
        n_rows: int,
        monitor: Monitor,
    ):
        self.held_out, self.n_rows, self.monitor = held_out, n_rows, monitor
        self._counts = np.zeros((n_rows, 1), dtype=np.int64)
        for rows in held_out:
            self._counts[rows.places] += 1

    def predict(self, k: int, network: Network, theta: np.ndarray) -> np.ndarray:
        """Return what the k-th network predicts for the rows held out from it."""
        return self.held_out[k].predict(network, theta)

    def mean(self, outputs: Sequence[np.ndarray]) -> np.ndarray:
        """Return averaged predictions, shape (n_rows, n_outputs), of all networks'."""
        total = np.zeros((self.n_rows, outputs[0].shape[1]), outputs[0].dtype)
        for rows, predictions in zip(self.held_out, outputs, strict=True):
            total[rows.places] += predictions
        total /= self._counts
        return total
