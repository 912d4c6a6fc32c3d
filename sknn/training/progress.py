"""Where training stands between epochs, how it is judged and when it has diverged."""

from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from sknn.kernels.drivers import training as drivers
from sknn.network.data import is_finite
from sknn.training.schedules import Schedule

NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large "
    "values and need to be preprocessed."
)
SCALE = "Scale the features (StandardScaler) and, for regression, the target"
REMEDY = f"{SCALE}; or lower learning_rate_init; or set global_clipnorm."


@dataclass
class Progress:
    """The state of training between epochs.

    Everything that a later fit or ``partial_fit`` goes on from is here.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
    optimizer_state : ndarray of shape (n_slots, n_trained)
        Momentum and second moments, as the optimizer keeps them.
    momentum_product : ndarray of shape (1,)
        Product of the momentum coefficients of all steps, for NAdam.
    learning_rate : float
        Of the last epoch.
    tallies : ndarray of shape (N_TALLIES,)
        What the kernels add up in epochs; see ``drivers.epochs``.
    n_epochs : int
        Epochs since the optimizer began.
    n_iter : int
        Epochs of this fit.
    history : dict of lists
        One entry an epoch in each.
    best_theta : ndarray of shape (n_parameters,) or None
        Parameters with the best validation score.
    is_exhausted : bool
        Whether the learning rate has become too low to learn from, and it was said.
    has_stopped : bool
        Whether training ended by itself.
    result : ndarray of shape (n_parameters,)
        What the fit returns: theta, or the best one.
    """

    theta: np.ndarray
    optimizer_state: np.ndarray
    momentum_product: np.ndarray
    learning_rate: float
    counters: np.ndarray = field(default_factory=lambda: np.zeros(drivers.N_COUNTERS))
    n_epochs: int = 0
    n_iter: int = 0
    n_samples_seen: int = 0
    seed: int = 0
    loss: float = np.nan
    best_loss: float = np.inf
    best_score: float = -np.inf
    best_theta: np.ndarray | None = None
    n_without_improvement: int = 0
    has_stopped: bool = False
    is_exhausted: bool = False
    result: np.ndarray = field(init=False)
    history: dict[str, list[float]] = field(default_factory=dict)
    n_recorded: int = field(init=False)

    def __post_init__(self):
        self.result = self.theta
        self.n_recorded = len(self.history.get("loss", ()))

    def commit(self, record: dict[str, list[float]]) -> None:
        """Count epochs and write them down, over what an interrupt left of them."""
        history, n_before, losses = self.history, self.n_recorded, record["loss"]
        if record.keys() != history.keys():  # what is measured may change between fits
            for name in {**record, **history}:
                history.setdefault(name, [np.nan] * n_before)
                record.setdefault(name, [np.nan] * len(losses))
        for name, values in record.items():
            history[name][n_before:] = values
        self.loss = losses[-1]
        self.n_iter += len(losses)
        self.n_recorded += len(losses)

    def losses(self, n_rows: int) -> list[float]:
        """Return the losses of the epochs that the kernels are done with."""
        n_epochs = int(self.counters[drivers.ROWS]) // n_rows
        sums = self.counters[drivers.LOSS : drivers.LOSS + n_epochs].tolist()
        return [total / n_rows for total in sums]

    def fault(self, losses: list[float]) -> str | None:
        """Say what is not finite after the epochs with these losses, if anything is.

        And what usually helps.
        """
        what = not_finite(self.theta, losses[-1])
        if what is None and not is_finite(self.optimizer_state):
            what = (
                f"The gradient is too large for the optimizer in "
                f"{self.optimizer_state.dtype}, "
                "which cannot move some of the weights any more."
            )
        if what is None:
            return None
        epoch = self.n_epochs + len(losses)
        return (
            f"{what} Training diverged in epoch {epoch} with a learning "
            f"rate of {self.learning_rate:g}. {REMEDY}"
        )


def not_finite(theta: np.ndarray, loss: float) -> str | None:
    """Say which of the two is not finite, if one is not."""
    if not is_finite(theta):
        return NON_FINITE
    return None if isfinite(loss) else f"The loss became {loss}."


def epochs_ahead(progress: Progress, max_iter: int, parameters: dict) -> int:
    """Return after how many epochs, at the earliest, a plateau or max_iter comes."""
    if progress.counters[drivers.ROWS]:  # an epoch was begun before an interrupt
        return 1
    ahead = max_iter - progress.n_iter
    if parameters["tol"] is not None:
        patience = parameters["n_iter_no_change"] - progress.n_without_improvement
        ahead = min(ahead, patience + 1)
    return max(1, int(ahead))


def end_epochs(
    progress: Progress,
    before: dict,
    record: dict[str, list[float]],
    n_rows: int,
    schedule: Schedule,
    parameters: dict,
) -> str | None:
    """Bring progress to the end of epochs; return a line to print, if there is one.

    ``before`` are the attributes of progress before the call. Whatever an interrupt
    left half done, the same call again does all of it.
    """
    vars(progress).update(before)
    progress.commit(record)
    n_epochs = len(record["loss"])
    progress.n_epochs += n_epochs
    progress.n_samples_seen += n_epochs * n_rows
    progress.counters[drivers.ROWS : drivers.LOSS + n_epochs] = 0.0
    _judge(progress, record, parameters)
    if progress.n_without_improvement <= parameters["n_iter_no_change"]:
        return None
    rate = schedule.after_plateau(progress.learning_rate, parameters)
    progress.has_stopped = rate is None
    if rate is not None:
        progress.learning_rate = rate
        progress.n_without_improvement = 0
    return _plateau(parameters, schedule, rate)


def _judge(
    progress: Progress, record: dict[str, list[float]], parameters: dict
) -> None:
    """Count epochs without improvement, and keep what is the best yet."""
    tol = parameters["tol"] or 0.0
    stops_early = parameters["early_stopping"]
    for value in record["val_score" if stops_early else "loss"]:
        if not stops_early:
            has_improved = not value > progress.best_loss - tol
            progress.best_loss = min(progress.best_loss, value)
        else:
            is_number = isfinite(value)
            has_improved = is_number and value >= progress.best_score + tol
            if is_number and value > progress.best_score:
                progress.best_score = value
                progress.best_theta = progress.theta.copy()
        progress.n_without_improvement += 1
        if has_improved or parameters["tol"] is None:
            progress.n_without_improvement = 0


def report_of(progress: Progress, parameters: dict) -> str:
    """Return what ``verbose`` prints for an epoch: scikit-learn's lines, and more."""
    record = {name: values[-1] for name, values in progress.history.items()}
    values = [
        f"{name} = {value:.8f}"
        for name, value in record.items()
        if name not in ("learning_rate", "seconds") and not np.isnan(value)
    ]
    if parameters["early_stopping"] and parameters["metrics"] is None:
        score = record.get("val_score")
        values = values[:1] + (
            [] if score is None else [f"\nValidation score: {score:f}"]
        )
        return f"Iteration {progress.n_iter}, {''.join(values)}"
    return ", ".join([f"Iteration {progress.n_iter}", *values])


def _plateau(parameters: dict, schedule: Schedule, rate: float | None) -> str:
    """Return the line to print when the learning rate changes or training stops."""
    is_score = parameters["early_stopping"]
    what = "Validation score" if is_score else "Training loss"
    message = (
        f"{what} did not improve more than tol={parameters['tol']:f} for "
        f"{parameters['n_iter_no_change']:.0f} consecutive epochs."
    )
    if rate is not None:
        return f"{message} Setting learning rate to {rate:f}"
    if schedule.lower is not None:
        return f"{message} Learning rate too small. Stopping."
    return f"{message} Stopping."
