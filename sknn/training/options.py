"""The options of a fit: frozen, and made once from an estimator's parameters."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from sknn.kernels.losses.base import LossOptions
from sknn.kernels.optim.optimizers import (
    OPTIMIZERS,
    SOLVERS,
    Optimizer,
    OptimizerOptions,
)
from sknn.kernels.optim.regularization import RegularizationOptions
from sknn.training.annealing import AnnealingOptions
from sknn.training.schedules import ScheduleOptions

_AUTO_BATCH_SIZE = 200

_Options = TypeVar("_Options")


def select(options: type[_Options], parameters: Mapping[str, Any]) -> _Options:
    """Return options that take the parameters of the names of their fields.

    Parameters that the estimator does not have keep the default of the field.
    """
    names = options._fields  # type: ignore[attr-defined]
    return options(**{name: parameters[name] for name in names if name in parameters})


class StoppingOptions(NamedTuple):
    """When training ends, and which weights it returns."""

    max_iter: int
    tol: float | None
    n_iter_no_change: float
    early_stopping: bool
    restore_best_weights: bool

    @property
    def restores(self) -> bool:
        """Whether training returns the weights with the best validation score."""
        return self.early_stopping and self.restore_best_weights


class TrainingOptions(NamedTuple):
    """The options of training, apart from the network, the loss and the data."""

    solver: str
    nesterovs_momentum: bool
    batch_size: int | str
    shuffle: bool
    verbose: bool | int
    max_fun: int
    optimizer: OptimizerOptions
    regularization: RegularizationOptions
    annealing: AnnealingOptions
    schedule: ScheduleOptions
    stopping: StoppingOptions

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "TrainingOptions":
        """Return the options that an estimator's parameters ask for."""
        groups = {
            "optimizer": select(OptimizerOptions, parameters),
            "regularization": select(RegularizationOptions, parameters),
            "annealing": select(AnnealingOptions, parameters),
            "schedule": select(ScheduleOptions, parameters),
            "stopping": select(StoppingOptions, parameters),
        }
        return select(cls, {**parameters, **groups})

    def with_max_iter(self, max_iter: int) -> "TrainingOptions":
        """Return the same with another number of epochs, which schedules last."""
        return self._replace(
            stopping=self.stopping._replace(max_iter=max_iter),
            schedule=self.schedule._replace(max_iter=max_iter),
            annealing=self.annealing._replace(max_iter=max_iter),
        )

    @property
    def optimizer_name(self) -> str:
        """Key in ``OPTIMIZERS``; 'lbfgs' for L-BFGS, which is not there."""
        if self.solver == "sgd" and self.nesterovs_momentum:
            return "nesterov"
        return SOLVERS[self.solver].optimizer if self.solver in SOLVERS else "lbfgs"

    @property
    def stochastic_optimizer(self) -> Optimizer | None:
        """The optimizer's kernels; None for L-BFGS."""
        return OPTIMIZERS.get(self.optimizer_name)

    def rows_of_batch(self, n_rows: int) -> int:
        """Return the number of rows of a batch."""
        size = _AUTO_BATCH_SIZE if self.batch_size == "auto" else self.batch_size
        return min(int(size), n_rows)


__all__ = [
    "AnnealingOptions",
    "LossOptions",
    "OptimizerOptions",
    "RegularizationOptions",
    "ScheduleOptions",
    "StoppingOptions",
    "TrainingOptions",
    "select",
]
