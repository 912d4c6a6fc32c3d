"""The task of a fit: all that training needs."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from sknn.kernels.losses.table import Loss
from sknn.network.data import TrainingData
from sknn.network.network import Network
from sknn.training.options import TrainingOptions
from sknn.training.progress import TrainingState


class Runner(Protocol):
    """Base of what runs epochs of a task: see `EpochRunner`."""

    max_epochs: int
    n_batches: int
    is_off: Callable[[], bool]

    def prepare(self, most_epochs: int) -> None:
        """Allocate what ``run`` works with. Call it once, before ``run``."""

    def set_epoch(self, epoch: int, learning_rates: list[float]) -> None:
        """Say which epoch is the next one. Call it before ``run``."""

    def run(self, n_epochs: int) -> bool:
        """Train for some epochs; return whether everything is known to be finite."""

    def agree(self, stops: bool) -> bool:
        """Return whether to stop, where others train along: call it after an epoch.

        ``stops`` says whether to stop here; the default returns it.
        """
        return stops

    def close(self) -> None:
        """Give back what the runner holds but memory; the default holds nothing."""
        return None


class FitTask(NamedTuple):
    """A fit that is ready to train.

    Attributes
    ----------
    network : Network
    loss : Loss
    data : TrainingData
        The rows to train on; or evenly spaced ones, where a runner reads all of them.
    state : TrainingState
        Updated by training.
    random_state : RandomState
        Shuffles the rows.
    monitor : callable or None, default=None
        ``monitor(theta)`` returns the values of an epoch by their names in the history,
        beside its loss. With early stopping its "val_score" decides when to stop.
    is_incremental : bool, default=False
        Train for one epoch, whatever max_iter is.
    make_runner : callable or None, default=None
        Takes the task; returns the `Runner` of its epochs. None for an `EpochRunner`.
    """

    network: Network
    loss: Loss
    data: TrainingData
    state: TrainingState
    random_state: np.random.RandomState
    monitor: Callable[[np.ndarray], dict[str, float]] | None = None
    is_incremental: bool = False
    make_runner: Callable[["FitTask"], Runner] | None = None

    @property
    def options(self) -> TrainingOptions:
        """The options of training."""
        return self.state.options

    @property
    def restores(self) -> bool:
        """Whether this call returns the weights with the best validation score."""
        return self.options.stopping.restores and not self.is_incremental

    @property
    def max_iter(self) -> int:
        """The most epochs of this call."""
        return 1 if self.is_incremental else int(self.options.stopping.max_iter)
