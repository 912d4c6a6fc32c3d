"""What follows the mean of networks' predictions, and its derivative."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sknn.training.temperature import apply_temperature


class Finish(Protocol):
    """A function of predictions, row by row."""

    def apply(self, predictions: np.ndarray) -> np.ndarray:
        """Return its values, of the shape of predictions, (n_rows, n_outputs)."""

    def gradients(self, predictions: np.ndarray, gradients: np.ndarray) -> np.ndarray:
        """Return the gradients of its values, given those of predictions.

        Parameters
        ----------
        predictions : ndarray of shape (n_rows, n_outputs)
        gradients : ndarray of shape (n_rows, n_outputs, n_features)
        """


@dataclass(frozen=True)
class Limits:
    """Limits that no prediction exceeds."""

    low: Any
    high: Any

    def apply(self, predictions: np.ndarray) -> np.ndarray:
        """Return predictions within the limits."""
        within: np.ndarray = np.clip(predictions, self.low, self.high)
        return within

    def gradients(self, predictions: np.ndarray, gradients: np.ndarray) -> np.ndarray:
        """Return zeros where a limit is exceeded."""
        is_within = (predictions > self.low) & (predictions < self.high)
        within: np.ndarray = gradients * is_within[..., np.newaxis]
        return within


@dataclass(frozen=True)
class Temperature:
    """A temperature of probabilities; of two classes, there is that of the second."""

    temperature: float

    def apply(self, predictions: np.ndarray) -> np.ndarray:
        """Return scaled probabilities."""
        scaled = apply_temperature(_of_all(predictions), self.temperature)
        return scaled[:, -predictions.shape[1] :]

    def gradients(self, predictions: np.ndarray, gradients: np.ndarray) -> np.ndarray:
        """Return those of softmax(log(p) / temperature)."""
        p = _of_all(predictions)
        if gradients.shape[1] == 1:
            gradients = np.concatenate([-gradients, gradients], axis=1)
        scaled = apply_temperature(p, self.temperature)[..., np.newaxis]
        of_logits = gradients / np.maximum(p, np.finfo(p.dtype).tiny)[..., np.newaxis]
        mean = (scaled * of_logits).sum(axis=1, keepdims=True)
        found: np.ndarray = scaled * (of_logits - mean) / self.temperature
        return found[:, -predictions.shape[1] :]


def _of_all(predictions: np.ndarray) -> np.ndarray:
    """Return the probabilities of all classes."""
    if predictions.shape[1] > 1:
        return predictions
    return np.concatenate([1 - predictions, predictions], axis=1)
