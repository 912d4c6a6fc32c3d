"""Networks of an ensemble trained side by side, an epoch or some of each at a time."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from statistics import fmean
from time import perf_counter
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sknn.network.data import aligned_empty
from sknn.network.threads import (
    WORTH_A_TEAM_THREAD,
    CalledOffError,
    n_threads_for,
    run_in_turns,
)
from sknn.training.averages import JointValidation
from sknn.training.baseline import warn_if_nothing_learnt
from sknn.training.options import TrainingOptions
from sknn.training.progress import TrainingState, format_epoch, record_epochs
from sknn.training.stochastic import (
    AfterEpoch,
    EpochLoop,
    restart_optimizer,
    warn_of_max_iter,
)
from sknn.training.task import FitTask
from sknn.training.user_warnings import warn_user

_ALIGNMENT = 64  # bytes, between the parameters of two members


class Limits(NamedTuple):
    """How many threads train, and until when.

    Attributes
    ----------
    n_jobs : int or None
        Most networks to train at the same time; None for as many as there are cores.
    deadline : float
        Reading of ``perf_counter`` at which training ends.
    reserve : callable
        ``reserve(epoch, seconds)`` returns the seconds to keep for what comes after
        training, if the best epoch is that one and an epoch takes so long.
    """

    n_jobs: int | None = None
    deadline: float = inf
    reserve: Callable[[int, float], float] = lambda epoch, seconds: 0.0

    def is_over(self) -> bool:
        """Return whether there is no time left."""
        return perf_counter() > self.deadline


@dataclass
class JointState(TrainingState):
    """The state of an ensemble, whose parameters are those of all networks.

    Attributes
    ----------
    best_epoch : int
        The epoch with the best score, or where none decides the last one; 0 before.
    best_outputs : ndarray of shape (n_validation_rows, n_outputs) or None
        Averaged predictions after it; None if they are not known.
    """

    best_epoch: int = 0
    best_outputs: np.ndarray | None = None

    def set_best(
        self,
        tasks: Sequence[FitTask],
        parameters: Sequence[np.ndarray],
        score: float,
        epoch: int,
    ) -> None:
        """Go on from an earlier best epoch, with the parameters of each network."""
        self.best_score, self.best_epoch = score, epoch
        self.best_theta = np.zeros_like(self.theta)
        for part, best in zip(_parts(self.best_theta, tasks), parameters, strict=True):
            part[:] = best


class JointResult(NamedTuple):
    """What training side by side has found, beside the parameters.

    Attributes
    ----------
    state : JointState
        The history and the scores of the ensemble.
    best_epoch : int
        The epoch whose parameters the tasks have as their result; from 1 on, or 0 if no
        epoch has ended.
    outputs : ndarray of shape (n_validation_rows, n_outputs) or None
        Averaged predictions for the validation set by these parameters.
    is_interrupted : bool
        Whether the user has interrupted training.
    """

    state: JointState
    best_epoch: int
    outputs: np.ndarray | None
    is_interrupted: bool = False


def without_stopping(options: TrainingOptions) -> TrainingOptions:
    """Return options with which nothing but ``max_iter`` ends training."""
    stopping = options.stopping._replace(tol=None, early_stopping=False)
    return options._replace(stopping=stopping)


def train_side_by_side(
    tasks: Sequence[FitTask],
    state: JointState,
    validation: JointValidation | None = None,
    limits: Limits | None = None,
    after_epoch: AfterEpoch | None = None,
) -> JointResult:
    """Train networks, and stop all of them at the same epoch if there is a validation.

    Without one, each stops by its own rule. The parameters to return are then in the
    ``result`` of the state of each task.

    Parameters
    ----------
    tasks : sequence of FitTask
        Their states are updated.
    state : JointState
        Of the ensemble: see `joint_state`. Its options say when to stop.
    validation : JointValidation, default=None
        Evaluates the mean of the predictions.
    limits : Limits, default=None
    after_epoch : callable, default=None
        ``after_epoch(state)`` returns whether to stop.

    Returns
    -------
    result : JointResult

    Raises
    ------
    ValueError
        If training diverges and there are no earlier weights to restore.
    """
    loop = JointLoop(tasks, state, validation, limits or Limits(), after_epoch)
    is_over = is_interrupted = False
    try:
        is_over = loop.run()
    except KeyboardInterrupt:
        is_interrupted = True
        warnings.warn("Training interrupted by user.", stacklevel=3)
    except CalledOffError:  # there is no time left
        pass
    if not is_over:
        loop.record_interrupted_epochs()
    result = loop.result(is_over)
    if is_over:
        _warn_of_the_end(tasks, state, validation is not None)
    return result._replace(is_interrupted=is_interrupted)


def joint_state(tasks: Sequence[FitTask], options: TrainingOptions) -> JointState:
    """Return the state of an ensemble, whose parameters are those of all networks.

    The states of the tasks get views of its parameters.
    """
    sizes = [_padded(task.state.theta) for task in tasks]
    theta = aligned_empty(sum(sizes), tasks[0].state.theta.dtype)
    theta[:] = 0
    state = JointState(
        theta, np.empty((0, 0)), np.ones(1), options, tasks[0].state.learning_rate
    )
    state.n_rows = max(task.state.n_rows for task in tasks)
    for task, part in zip(tasks, _parts(theta, tasks), strict=True):
        part[:] = task.state.theta
        task.state.theta = task.state.result = part
    return state


def _padded(theta: np.ndarray) -> int:
    unit = _ALIGNMENT // theta.itemsize
    return -(-theta.size // unit) * unit


def _parts(theta: np.ndarray, tasks: Sequence[FitTask]) -> Iterator[np.ndarray]:
    """Yield the parameters of each network in those of the ensemble."""
    start = 0
    for task in tasks:
        size = task.network.n_parameters
        yield theta[start : start + size]
        start += _padded(theta[start : start + size])


class JointLoop:
    """Rounds of epochs: of each network the next ones, then of the ensemble a score.

    Parameters
    ----------
    tasks, state, validation, limits, after_epoch
        As in `train_side_by_side`.
    """

    def __init__(
        self,
        tasks: Sequence[FitTask],
        state: JointState,
        validation: JointValidation | None,
        limits: Limits,
        after_epoch: AfterEpoch | None,
    ):
        self.tasks, self.state, self.validation = tasks, state, validation
        self.limits, self.after_epoch = limits, after_epoch
        self.loops = [EpochLoop(task) for task in tasks]
        self.max_iter = tasks[0].max_iter
        is_watched = any((validation, after_epoch, state.options.verbose))
        self.n_epochs = 1 if is_watched else self.loops[0].max_epochs_at_once
        self.n_threads = self._n_threads()

    def _n_threads(self) -> int:
        work = sum(
            task.network.training_multiplications(task.data.n_rows)
            for task in self.tasks
        )
        n_threads = n_threads_for(work * self.n_epochs, WORTH_A_TEAM_THREAD)
        return min(n_threads, len(self.tasks), self.limits.n_jobs or n_threads)

    def run(self) -> bool:
        """Train; return whether training ended by itself, rather than by its limits."""
        state, limits = self.state, self.limits
        while not (state.has_stopped or state.n_iter >= self.max_iter):
            began = perf_counter()
            outputs = self._run_epochs()
            if self._fault():
                return False
            line = self._record(outputs, began)
            if state.options.verbose:
                print(format_epoch(state), *[line] * bool(line), sep="\n")
            if self.after_epoch and self.after_epoch(state):
                return False
            now = perf_counter()
            best = state.best_epoch or state.n_iter
            if now + (now - began) > limits.deadline - limits.reserve(
                best, (now - began) / self.n_epochs
            ):
                return False
        return True

    def _run_epochs(self) -> list[np.ndarray]:
        """Train each network for some epochs; return its predictions to validate."""
        until = self.state.n_iter + self.n_epochs
        outputs: list[np.ndarray] = [np.empty(0)] * len(self.loops)

        def run(k: int, is_off: Callable[[], bool]) -> None:
            loop = self.loops[k]
            loop.runner.is_off = lambda: is_off() or self.limits.is_over()
            loop.run(until)
            if self.validation:
                outputs[k] = self.validation.predict(
                    k, loop.task.network, loop.state.theta
                )

        run_in_turns([partial(run, k) for k in range(len(outputs))], self.n_threads)
        return outputs

    def _record(self, outputs: list[np.ndarray], began: float) -> str | None:
        """Record the epochs, and decide on the next; return a line to print."""
        state, members = self.state, [loop.state for loop in self.loops]
        n_iter = max(member.n_iter for member in members)
        record, measured, mean = self._history(n_iter, began), {}, None
        if self.validation:
            mean = self.validation.mean(outputs)
            measured = self.validation.monitor(mean)
        record.update({name: [value] for name, value in measured.items()})
        best, rate = state.best_theta, members[0].learning_rate
        state.learning_rate = rate
        line = record_epochs(state, dict(vars(state)), record, self.loops[0].schedule)
        if state.best_theta is not best or not state.options.stopping.restores:
            state.best_outputs, state.best_epoch = mean, state.n_iter
        if self.validation is None:
            state.has_stopped = all(member.has_stopped for member in members)
        elif state.learning_rate != rate:  # after epochs without improvement
            for member in members:
                member.learning_rate = state.learning_rate
        return line

    def _history(self, n_iter: int, began: float) -> dict[str, list[float]]:
        """Return the columns of the epochs since the last record.

        The loss is the mean over the networks; of one that has stopped, its last loss.
        """
        first, columns = self.state.n_iter, [s.state.history for s in self.loops]
        n = n_iter - first

        def values(name: str, k: int) -> list[float]:
            return [column[name][min(k, len(column[name]) - 1)] for column in columns]

        return {
            "loss": [fmean(values("loss", k)) for k in range(first, n_iter)],
            # Which may differ where each network has its own plateaus.
            "learning_rate": [
                fmean(set(values("learning_rate", k))) for k in range(first, n_iter)
            ],
            "seconds": [(perf_counter() - began) / n] * n,
        }

    def _restore_best(self, fault: str) -> None:
        """Warn that the best weights are restored, or raise if there are none."""
        if self.state.best_theta is None:
            raise ValueError(fault)
        warn_user(f"{fault} The best weights were restored.", ConvergenceWarning)
        for task in self.tasks:
            restart_optimizer(task)
        self.state.has_stopped = True

    def record_interrupted_epochs(self) -> None:
        """Record the epochs that had ended when training was called off."""
        for loop in self.loops:
            loop.record_interrupted_epochs()
        if fault := self._fault():
            self._restore_best(fault)

    def _fault(self) -> str | None:
        return next((loop.fault for loop in self.loops if loop.fault), None)

    def result(self, is_over: bool) -> JointResult:
        """Give each task its result; return that of the ensemble.

        ``is_over`` says that no network has begun an epoch that was not recorded.
        """
        state, restores = self.state, self.state.options.stopping.restores
        best = state.best_theta if restores or self._fault() else None
        epoch = state.n_iter if best is None else state.best_epoch
        if best is not None and not restores:
            epoch = int(np.nanargmax(state.history["val_score"])) + 1
        thetas = state.theta if best is None else best
        for task, part in zip(self.tasks, _parts(thetas, self.tasks), strict=True):
            task.state.result = aligned_empty(part.size, part.dtype)
            task.state.result[:] = part
            if best is None:
                task.state.theta = task.state.result
            task.state.has_stopped = state.has_stopped or task.state.has_stopped
        outputs = state.best_outputs
        is_known = epoch == state.best_epoch and (is_over or best is not None)
        if self.validation and (outputs is None or not is_known):
            found = [
                self.validation.predict(k, task.network, task.state.result)
                for k, task in enumerate(self.tasks)
            ]
            outputs = self.validation.mean(found)
        return JointResult(state, epoch, outputs)


def _warn_of_the_end(
    tasks: Sequence[FitTask], state: JointState, is_joint: bool
) -> None:
    """Warn where max_iter was not enough, or a network learnt nothing."""
    # Of networks that stop by themselves, one that has not.
    task = min(tasks, key=lambda task: task.state.has_stopped)
    options = state.options if is_joint else task.options
    if not (task.state.has_stopped or options.stopping.tol is None):
        warn_of_max_iter(task)
    warn_if_nothing_learnt(
        task,
        task.state.result,
        task.state.history["loss"],
        has_converged=task.state.has_stopped,
    )
