"""The state of training between epochs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

import numpy as np

from sknn.kernels.drivers import training as drivers
from sknn.network.data import aligned_empty, is_finite
from sknn.network.network import Network
from sknn.training.generator_state import generator_of
from sknn.training.options import StoppingOptions, TrainingOptions
from sknn.training.schedules import Schedule, schedule_name

# Columns of the history of any fit.
_USUAL_COLUMNS = {"loss", "learning_rate", "seconds", "val_loss", "val_score"}
NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large "
    "values and need to be preprocessed."
)


@dataclass
class TrainingState:
    """Where training stands between epochs.

    ``state_dict`` returns all that a later fit or ``partial_fit`` goes on from.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
    optimizer_state : ndarray of shape (n_slots, n_trained)
        Momentum and second moments, as the optimizer keeps them.
    momentum_product : ndarray of shape (1,)
        Product of the momentum coefficients of all steps, for NAdam.
    options : TrainingOptions
    learning_rate : float
        Of the last epoch.
    counters : ndarray of shape (N_COUNTERS,)
        What the kernels add up in epochs; see ``drivers.epochs``.
    n_epochs : int
        Epochs since the optimizer began.
    n_iter : int
        Epochs of this fit.
    n_samples_seen : int
    seed : int
        Seed of dropout.
    loss, best_loss, best_score : float
    best_theta : ndarray of shape (n_parameters,) or None
        Parameters with the best validation score.
    n_without_improvement : int
    has_stopped : bool
        Whether training ended by itself.
    is_exhausted : bool
        Whether a warning has said that the learning rate is too low to learn from.
    history : dict of lists
        One entry an epoch in each.
    n_rows : int
        Rows that are trained on, without those held out.
    shuffle_state : dict or None
        State of the generator of a fit before it shuffled the rows; None in
        ``partial_fit``, which cannot be resumed.
    result : ndarray of shape (n_parameters,)
        What the fit returns: theta, or the best one.
    """

    theta: np.ndarray
    optimizer_state: np.ndarray
    momentum_product: np.ndarray
    options: TrainingOptions
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
    history: dict[str, list[float]] = field(default_factory=dict)
    n_rows: int = 0
    shuffle_state: dict[str, Any] | None = None
    result: np.ndarray = field(init=False)
    n_recorded: int = field(init=False)

    def __post_init__(self) -> None:
        self.result = self.theta
        self.n_recorded = len(self.history.get("loss", ()))

    @classmethod
    def start(
        cls, network: Network, theta: np.ndarray, options: TrainingOptions
    ) -> "TrainingState":
        """Return the state before the first epoch."""
        arrays = initial_optimizer_state(network, options)
        return cls(theta, *arrays, options, float(options.schedule.learning_rate_init))

    def choose_result(self, restores: bool) -> None:
        """Set what the fit returns: the best parameters, if they are to be restored."""
        self.result = self.theta
        if restores and self.best_theta is not None:
            self.result = self.best_theta

    def as_if_ended(self, restores: bool) -> "TrainingState":
        """Return a copy with the result of a fit that ended here."""
        ended = replace(
            self,
            theta=self.theta.copy(),
            optimizer_state=self.optimizer_state.copy(),
            momentum_product=self.momentum_product.copy(),
            counters=self.counters.copy(),
            history={name: list(column) for name, column in self.history.items()},
        )
        ended.choose_result(restores)
        if ended.result is not ended.theta:
            ended.result = ended.result.copy()
        return ended

    # Storing ---------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return the state as fitted attributes of an estimator, by their names."""
        stops_early, options = self.options.stopping.early_stopping, self.options
        is_last = self.result is self.theta
        resume_state = None
        if self.shuffle_state is not None:
            resume_state = {
                "has_stopped": self.has_stopped,
                "n_rows": self.n_rows,
                "random_state": None if self.has_stopped else self.shuffle_state,
                "rows_done": int(self.counters[drivers.ROWS]),
                "loss_of_rows_done": float(self.counters[drivers.LOSS]),
                "theta": None if is_last or self.has_stopped else self.theta,
            }
        return {
            "loss_curve_": self.history.get("loss", []),
            "best_loss_": None if stops_early else self.best_loss,
            "validation_scores_": self.history.get("val_score"),
            "best_validation_score_": self.best_score if stops_early else None,
            "_no_improvement_count": self.n_without_improvement,
            "_optimizer_state": {
                "name": options.optimizer_name,
                "slots": self.optimizer_state,
                "product": float(self.momentum_product[0]),
                "n_steps": int(self.counters[drivers.STEPS]),
                "n_epochs": self.n_epochs,
                "seed": self.seed,
                "learning_rate": self.learning_rate,
                "learning_rate_init": float(options.schedule.learning_rate_init),
                "schedule": schedule_name(options.schedule),
                "is_exhausted": self.is_exhausted,
            },
            "_resume_state": resume_state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the history and the scores of an earlier fit.

        ``state`` holds the attributes of a fitted estimator; those that are missing
        leave the state as it is. This is what a warm start goes on from.
        """
        history = state.get("history_", {})
        self.history = {name: list(column) for name, column in history.items()}
        self.n_recorded = len(self.history.get("loss", ()))
        self.loss = history["loss"][-1] if history.get("loss") else np.nan
        self.n_samples_seen = state["t_"]
        self.n_without_improvement = state.get("_no_improvement_count", 0)
        if state.get("best_loss_") is not None:
            self.best_loss = state["best_loss_"]
        if state.get("best_validation_score_") is not None:
            self.best_score = state["best_validation_score_"]
            self.best_theta = self.theta.copy()

    def load_optimizer_state(self, state: Mapping[str, Any]) -> bool:
        """Go on with the optimizer too; return whether it is the same one."""
        stored = state.get("_optimizer_state")
        if stored is None or stored["name"] != self.options.optimizer_name:
            return False
        # In the dtype of weights that were set by hand.
        slots = np.array(stored["slots"], self.theta.dtype, order="C")
        if slots.shape != self.optimizer_state.shape:
            raise ValueError(
                f"_optimizer_state['slots'] must have the shape "
                f"{self.optimizer_state.shape}, got {slots.shape}. Call fit to start "
                "anew."
            )
        self.optimizer_state = slots
        self.momentum_product = np.array([stored["product"]])
        self.counters[drivers.STEPS] = stored["n_steps"]
        self.n_epochs, self.seed = stored["n_epochs"], stored["seed"]
        # States of earlier versions lack the schedule and whether it is exhausted.
        schedule = schedule_name(self.options.schedule)
        initial = self.options.schedule.learning_rate_init
        if (stored["learning_rate_init"], stored.get("schedule", schedule)) == (
            initial,
            schedule,
        ):
            self.learning_rate = stored["learning_rate"]
        self.is_exhausted = stored.get("is_exhausted", False)
        return True

    def load_resume_state(
        self, state: Mapping[str, Any], is_same_optimizer: bool
    ) -> np.random.RandomState:
        """Go on from the very point at which a fit ended; return its generator."""
        stored = state.get("_resume_state") if is_same_optimizer else None
        if stored is None:
            reason = _why_not_resumed(state, self.options.solver, is_same_optimizer)
            raise ValueError(f"There is no fit to go on with: {reason}")
        if stored["n_rows"] != self.n_rows:
            raise ValueError(
                f"resume_fit must get the data of the fit that it goes on with: it had "
                f"{stored['n_rows']} rows to train on, these are {self.n_rows}."
            )
        self.n_iter, self.has_stopped = state["n_iter_"], stored["has_stopped"]
        self.counters[drivers.ROWS] = stored["rows_done"]
        self.counters[drivers.LOSS] = stored["loss_of_rows_done"]
        if stored["theta"] is not None:
            self.theta = np.array(stored["theta"], self.theta.dtype, order="C")
        if stored["random_state"] is None:
            return np.random.RandomState()
        return generator_of(stored["random_state"])

    # Epochs ----------------------------------------------------------------------

    def commit(self, record: dict[str, list[float]]) -> None:
        """Append epochs to the history; overwrite what an interrupt left of them."""
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

    def losses(self) -> list[float]:
        """Return the losses of the epochs that the kernels have completed."""
        n_rows = self.n_rows
        n_epochs = int(self.counters[drivers.ROWS]) // n_rows
        sums = self.counters[drivers.LOSS : drivers.LOSS + n_epochs].tolist()
        return [total / n_rows for total in sums]

    def fault(self, losses: list[float]) -> str | None:
        """Return what is not finite after epochs; None if all is."""
        what = not_finite(self.theta, losses[-1])
        if what is None and not is_finite(self.optimizer_state):
            what = (
                "The gradient is too large for the optimizer in "
                f"{self.optimizer_state.dtype}, which cannot move some of the weights "
                "any more."
            )
        if what is None:
            return None
        epoch = self.n_epochs + len(losses)
        return (
            f"{what} Training diverged in epoch {epoch} with a learning rate of "
            f"{self.learning_rate:g}."
        )


def initial_optimizer_state(
    network: Network, options: TrainingOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Return optimizer_state and momentum_product before the first step."""
    optimizer = options.stochastic_optimizer
    shape = (optimizer.n_slots if optimizer else 0, network.n_trained)
    optimizer_state = aligned_empty(shape, network.dtype)
    optimizer_state[:] = 0
    return optimizer_state, np.ones(1)


def _why_not_resumed(
    state: Mapping[str, Any], solver: str, is_same_optimizer: bool
) -> str:
    """Return why ``resume_fit`` cannot go on from fitted attributes, and what can."""
    anew = "or train on from these weights by fit with warm_start=True."
    if not state.get("n_iter_"):
        return "the estimator is not fitted. Call fit first."
    if solver == "lbfgs":
        return f"solver='lbfgs' keeps no state. Set another solver before fit, {anew}"
    if state.get("_optimizer_state") is None:
        return f"the fit before was by 'lbfgs', which keeps no state. Call fit, {anew}"
    if not is_same_optimizer:
        return (
            f"the solver has changed since that fit, to {solver!r} (or "
            f"nesterovs_momentum has). Set it back, {anew}"
        )
    return "the call before was partial_fit. Call fit, or go on with partial_fit."


def not_finite(theta: np.ndarray, loss: float) -> str | None:
    """Return which of the two is not finite, or None."""
    if not is_finite(theta):
        return NON_FINITE
    return None if isfinite(loss) else f"The loss became {loss}."


def n_uninterrupted_epochs(state: TrainingState, max_iter: int) -> int:
    """Return how many epochs can run before a plateau or max_iter may end training."""
    if state.counters[drivers.ROWS]:  # an epoch was begun before an interrupt
        return 1
    n_epochs: float = max_iter - state.n_iter
    stopping = state.options.stopping
    if stopping.tol is not None:
        patience = stopping.n_iter_no_change - state.n_without_improvement
        n_epochs = min(n_epochs, patience + 1)
    return max(1, int(n_epochs))


def record_epochs(
    state: TrainingState,
    before: dict[str, Any],
    record: dict[str, list[float]],
    schedule: Schedule,
    theta: np.ndarray | None = None,
) -> str | None:
    """Update the state after epochs; return a line to print, if there is one.

    ``before`` are the attributes of state before the call. Whatever an interrupt
    left half done, the same call again does all of it. ``theta`` are the parameters
    after these epochs, if they are no longer those of the state.
    """
    vars(state).update(before)
    state.commit(record)
    n_epochs = len(record["loss"])
    state.n_epochs += n_epochs
    state.n_samples_seen += n_epochs * state.n_rows
    state.counters[drivers.ROWS : drivers.LOSS + n_epochs] = 0.0
    _judge(state, record, state.theta if theta is None else theta)
    options = state.options
    if state.n_without_improvement <= options.stopping.n_iter_no_change:
        return None
    rate = schedule.after_plateau(state.learning_rate, options.schedule)
    state.has_stopped = rate is None
    if rate is not None:
        state.learning_rate = rate
        state.n_without_improvement = 0
    return _plateau(options.stopping, schedule, rate)


def _judge(
    state: TrainingState, record: dict[str, list[float]], theta: np.ndarray
) -> None:
    """Count epochs without improvement; update the best loss or score."""
    if state.options.stopping.early_stopping:
        _judge_scores(state, record["val_score"], theta)
    else:
        _judge_losses(state, record["loss"])


def _judge_losses(state: TrainingState, losses: list[float]) -> None:
    best, n, tol = (
        state.best_loss,
        state.n_without_improvement,
        state.options.stopping.tol,
    )
    for loss in losses:
        n = n + 1 if tol is not None and loss > best - tol else 0
        best = min(best, loss)
    state.best_loss, state.n_without_improvement = best, n


def _judge_scores(state: TrainingState, scores: list[float], theta: np.ndarray) -> None:
    tol = state.options.stopping.tol
    for score in scores:
        is_number = isfinite(score)
        has_improved = is_number and score >= state.best_score + (tol or 0.0)
        if is_number and score > state.best_score:
            state.best_score = score
            state.best_theta = theta.copy()
        state.n_without_improvement += 1
        if has_improved or tol is None:
            state.n_without_improvement = 0


def format_epoch(state: TrainingState) -> str:
    """Return what ``verbose`` prints for an epoch: scikit-learn's lines, and more."""
    record = {name: values[-1] for name, values in state.history.items()}
    values = [
        f"{name} = {value:.8f}"
        for name, value in record.items()
        if name not in ("learning_rate", "seconds") and not np.isnan(value)
    ]
    has_metrics = not record.keys() <= _USUAL_COLUMNS
    if state.options.stopping.early_stopping and not has_metrics:
        score = record.get("val_score")
        values = values[:1] + (
            [] if score is None else [f"\nValidation score: {score:f}"]
        )
        return f"Iteration {state.n_iter}, {''.join(values)}"
    return ", ".join([f"Iteration {state.n_iter}", *values])


def _plateau(stopping: StoppingOptions, schedule: Schedule, rate: float | None) -> str:
    """Return the line to print when the learning rate changes or training stops."""
    is_score = stopping.early_stopping
    what = "Validation score" if is_score else "Training loss"
    message = (
        f"{what} did not improve more than tol={stopping.tol:f} for "
        f"{stopping.n_iter_no_change:.0f} consecutive epochs."
    )
    if rate is not None:
        return f"{message} Setting learning rate to {rate:f}"
    if schedule.lower is not None:
        return f"{message} Learning rate too small. Stopping."
    return f"{message} Stopping."
