"""The task of a fit: all that training needs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sknn.kernels.losses.table import Loss
from sknn.network.data import TrainingData
from sknn.network.network import Network
from sknn.training.options import TrainingOptions
from sknn.training.progress import TrainingState


@dataclass(frozen=True)
class FitTask:
    """A fit that is ready to train.

    Attributes
    ----------
    network : Network
    loss : Loss
    data : TrainingData
        The rows to train on.
    state : TrainingState
        Updated by training.
    random_state : RandomState
        Shuffles the rows.
    monitor : callable or None, default=None
        ``monitor(theta)`` returns the values of an epoch by their names in the history,
        beside its loss. With early stopping its "val_score" decides when to stop.
    is_incremental : bool, default=False
        Train for one epoch, whatever max_iter is.
    """

    network: Network
    loss: Loss
    data: TrainingData
    state: TrainingState
    random_state: np.random.RandomState
    monitor: Callable[[np.ndarray], dict[str, float]] | None = None
    is_incremental: bool = False

    @property
    def options(self) -> TrainingOptions:
        """The options of training."""
        return self.state.options

    @property
    def max_iter(self) -> int:
        """The most epochs of this call."""
        return 1 if self.is_incremental else int(self.options.stopping.max_iter)
