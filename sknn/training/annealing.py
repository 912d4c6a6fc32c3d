"""Schedules of regularization: its strength in each epoch.

The strength is that of the estimator's parameter times a factor, which depends on the
fraction of ``max_iter`` epochs that are done.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sknn.kernels import table
from sknn.kernels.descriptions import REALMLP, check_description
from sknn.kernels.math.counter_rng import RANGE
from sknn.kernels.optim.regularization import DECAY
from sknn.training.schedules import half_cosine


class Annealing(NamedTuple):
    """A factor of a strength.

    Attributes
    ----------
    factor : callable
        ``factor(fraction)`` returns the factor, in [0, 1], where that fraction of the
        epochs is done.
    description : str
        One line for the docstrings of the estimators.
    reference : str
        Publication that the docstrings cite.
    """

    factor: Callable[[float], float]
    description: str
    reference: str


ANNEALINGS: dict[str, Annealing] = {}


def register(
    name: str,
    factor: Callable[[float], float],
    *,
    description: str,
    reference: str = "",
) -> None:
    """Make a schedule available under a name, for all that can be annealed."""
    check_description(name, description)
    ANNEALINGS[name] = Annealing(factor, description, reference)


def _flat_cos(fraction: float) -> float:
    """Return 1 in the first half, and then half a wave of the cosine down to 0."""
    return half_cosine(max(1.0, 2.0 * fraction) - 1.0)


register(
    "flat_cos",
    _flat_cos,
    description="the same in the first half of ``max_iter`` epochs, and then falls to 0"
    " on half a wave of the cosine",
    reference=REALMLP,
)
register(
    "cosine",
    half_cosine,
    description="falls to 0 over ``max_iter`` epochs on half a wave of the cosine",
)


class AnnealingOptions(NamedTuple):
    """The estimators' parameters that change the strength of regularization."""

    max_iter: int
    dropout_schedule: str | None
    weight_decay_schedule: str | None
    label_smoothing_schedule: str | None = None  # the regressor has none

    @property
    def is_constant(self) -> bool:
        """Whether all strengths stay the same."""
        schedules = (self.dropout_schedule, self.weight_decay_schedule)
        return not any((*schedules, self.label_smoothing_schedule))

    def factor(self, schedule: str | None, epoch: int) -> float:
        """Return the factor in an epoch, which are counted from 0 on."""
        if schedule is None:
            return 1.0
        return ANNEALINGS[schedule].factor(min(epoch / self.max_iter, 1.0))


class AnnealedArrays:
    """What the driver reads of the strengths, in memory that changes between epochs.

    Parameters
    ----------
    options : AnnealingOptions
    operations : ndarray of shape (n_operations, N_COLUMNS)
        The table of operations, in which dropout has its full strength.
    regularization_settings : ndarray of shape (N_REGULARIZATION_SETTINGS,)
    loss_settings : ndarray of shape (n_settings,)
    smooths_labels : bool
        Whether the first of these is the label smoothing.
    """

    def __init__(
        self,
        options: AnnealingOptions,
        operations: np.ndarray,
        regularization_settings: np.ndarray,
        loss_settings: np.ndarray,
        smooths_labels: bool,
    ):
        self._options, self._smooths_labels = options, smooths_labels
        self._is_constant = options.is_constant
        self._full = (operations, regularization_settings, loss_settings)
        self.operations = operations.copy()
        self.regularization_settings = regularization_settings.copy()
        self.loss_settings = loss_settings.copy()

    def set_epoch(self, epoch: int) -> None:
        """Set the strengths of an epoch; they are counted from 0 on."""
        if self._is_constant:
            return
        options, (operations, regularization, loss) = self._options, self._full
        drops = operations[:, table.THRESHOLD] != 0
        dropped = RANGE - operations[drops, table.THRESHOLD]
        factor = options.factor(options.dropout_schedule, epoch)
        self.operations[drops, table.THRESHOLD] = RANGE - np.rint(factor * dropped)
        factor = options.factor(options.weight_decay_schedule, epoch)
        self.regularization_settings[DECAY] = factor * regularization[DECAY]
        if self._smooths_labels:
            factor = options.factor(options.label_smoothing_schedule, epoch)
            self.loss_settings[0] = factor * loss[0]
