"""Rounds of epochs of networks that are trained side by side."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from math import inf, isfinite
from statistics import fmean
from time import perf_counter
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sknn.jit.deferred_interrupts import interrupts_wait
from sknn.network.data import aligned_empty
from sknn.network.threads import WORTH_A_TEAM_THREAD, n_threads_for, run_in_turns
from sknn.training.averages import JointValidation
from sknn.training.progress import (
    TrainingState,
    format_epoch,
    n_uninterrupted_epochs,
    record_epochs,
)
from sknn.training.stochastic import AfterEpoch, EpochLoop, restart_optimizer
from sknn.training.task import FitTask
from sknn.training.user_warnings import warn_user

_ALIGNMENT = 64  # bytes, between the parameters of two members
# Most epochs of a round with a validation; most parameters and predictions after them.
_MOST_EPOCHS, _MOST_NUMBERS = 16, 2**21


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
        parts = parts_of(self.best_theta, tasks)
        for part, best in zip(parts, parameters, strict=True):
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


def padded_size(theta: np.ndarray) -> int:
    """Return how many numbers lie between a network's parameters and the next one's."""
    unit = _ALIGNMENT // theta.itemsize
    return -(-theta.size // unit) * unit


def parts_of(theta: np.ndarray, tasks: Sequence[FitTask]) -> Iterator[np.ndarray]:
    """Yield the parameters of each network in those of the ensemble."""
    start = 0
    for task in tasks:
        size = task.network.n_parameters
        yield theta[start : start + size]
        start += padded_size(theta[start : start + size])


def _epochs_a_call(task: FitTask, n_held_out: int) -> int:
    """Return how many epochs, with predictions, take about a fifth of a second."""
    n_rows = task.data.n_rows
    size, is_sparse = task.options.rows_of_batch(n_rows), task.data.inputs.is_sparse
    n_epochs = task.network.epochs_a_call(n_rows, size, is_sparse)
    # To predict a row takes a third of the work of training on it.
    return n_epochs * 3 * n_rows // (3 * n_rows + n_held_out)


class JointLoop:
    """Rounds of epochs: of each network the next ones, then of the ensemble the scores.

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
        self._most_epochs = self._most_epochs_of_a_round()
        n_kept = self._most_epochs if validation and self._most_epochs > 1 else 0
        self._thetas = np.zeros((n_kept, state.theta.size), state.theta.dtype)
        self._parts = [[*parts_of(theta, tasks)] for theta in self._thetas]

    def _most_epochs_of_a_round(self) -> int:
        """Return of how many epochs a round may be, without waiting for the scores.

        Those with a validation take a fifth of a second, if not less, apart from the
        scores: Ctrl-C waits for the end of a round of several epochs.
        """
        if self.after_epoch or self.state.options.verbose:
            return 1
        if self.validation is None:
            return self.loops[0].max_epochs_at_once
        if self.validation.monitor.runs_users_code or isfinite(self.limits.deadline):
            return 1
        sizes = [rows.n_rows for rows in self.validation.held_out]
        n_predicted = sum(sizes) * self.tasks[0].network.n_outputs
        n_kept = self.state.theta.size + n_predicted
        n_epochs = min(map(_epochs_a_call, self.tasks, sizes)) // len(self.tasks)
        return max(1, min(n_epochs, _MOST_EPOCHS, _MOST_NUMBERS // n_kept))

    def _n_threads(self) -> int:
        """Return how many threads to use, by the work between two uses of the GIL."""
        n_epochs = 1 if self.validation else self.loops[0].max_epochs_at_once
        work = sum(
            task.network.training_multiplications(task.data.n_rows)
            for task in self.tasks
        )
        n_threads = n_threads_for(work * n_epochs, WORTH_A_TEAM_THREAD)
        return min(n_threads, len(self.tasks), self.limits.n_jobs or n_threads)

    def _n_epochs(self) -> int:
        """Return how many epochs to train for now.

        The one at which training may end is a round of its own, so that an interrupt
        that waits for the end of a round never comes after the end of training.
        """
        n_epochs = n_uninterrupted_epochs(self.state, self.max_iter)
        n_epochs -= self.validation is not None
        return max(1, min(n_epochs, self._most_epochs))

    def run(self) -> bool:
        """Train; return whether training ended by itself, rather than by its limits."""
        state, limits = self.state, self.limits
        while not (state.has_stopped or state.n_iter >= self.max_iter):
            began = perf_counter()
            n_epochs = self._n_epochs()
            # Else networks could stop at other epochs than those that have scores.
            is_whole = self.validation and n_epochs > 1
            with interrupts_wait() if is_whole else nullcontext():
                outputs = self._run_epochs(n_epochs)
                line = self._record(outputs, began)
            if self._fault():
                return False
            if state.options.verbose:
                print(format_epoch(state), *[line] * bool(line), sep="\n")
            if self.after_epoch and self.after_epoch(state):
                return False
            now = perf_counter()
            best = state.best_epoch or state.n_iter
            if now + (now - began) > limits.deadline - limits.reserve(
                best, (now - began) / n_epochs
            ):
                return False
        return True

    def _run_epochs(self, n_epochs: int) -> list[list[np.ndarray]]:
        """Train each network for some epochs.

        Return what each one predicts of its rows to validate, after each epoch.
        """
        first, n_members = self.state.n_iter, len(self.loops)
        outputs = [[np.empty(0)] * n_members for _ in range(n_epochs)]

        def run(k: int, is_off: Callable[[], bool]) -> None:
            loop = self.loops[k]
            loop.runner.is_off = lambda: is_off() or self.limits.is_over()
            if not self.validation:
                loop.run(first + n_epochs)
                return
            for j in range(n_epochs):
                if not loop.run(first + j + 1):
                    return
                outputs[j][k] = self.validation.predict(
                    k, loop.task.network, loop.state.theta
                )
                if n_epochs > 1:
                    self._parts[j][k][:] = loop.state.theta

        calls = [partial(run, k) for k in range(n_members)]
        run_in_turns(calls, self._n_threads())
        return outputs

    def _record(self, outputs: list[list[np.ndarray]], began: float) -> str | None:
        """Record the epochs of a round, and decide on the next; return a line to print.

        Those in which a network has diverged are not recorded.
        """
        state, first, line = self.state, self.state.n_iter, None
        last = max(loop.state.n_iter for loop in self.loops)
        if faulty := [loop.state.n_iter for loop in self.loops if loop.fault]:
            last = min(faulty) if self.validation else first
        seconds = (perf_counter() - began) / max(1, last - first)
        if self.validation is None:
            if last > first:
                record = self._history(last, seconds)
                line = self._record_epochs(record, state.theta)
            state.has_stopped = all(loop.state.has_stopped for loop in self.loops)
            return line
        for j in range(last - first):
            mean = self.validation.mean(outputs[j])
            record = self._history(first + j + 1, seconds)
            measured = self.validation.monitor(mean)
            record.update({name: [value] for name, value in measured.items()})
            theta = self._thetas[j] if len(outputs) > 1 else state.theta
            line = self._record_epochs(record, theta, mean)
        return line

    def _record_epochs(
        self,
        record: dict[str, list[float]],
        theta: np.ndarray,
        mean: np.ndarray | None = None,
    ) -> str | None:
        """Record epochs that ended with these parameters and averaged predictions."""
        state, best = self.state, self.state.best_theta
        rates = self.loops[0].state.history["learning_rate"]
        rate = rates[min(state.n_iter + len(record["loss"]), len(rates)) - 1]
        state.learning_rate = rate
        before, schedule = dict(vars(state)), self.loops[0].schedule
        line = record_epochs(state, before, record, schedule, theta)
        if state.best_theta is not best or not state.options.stopping.restores:
            state.best_outputs, state.best_epoch = mean, state.n_iter
        if state.learning_rate != rate:  # after epochs without improvement
            for loop in self.loops:
                loop.state.learning_rate = state.learning_rate
        return line

    def _history(self, n_iter: int, seconds: float) -> dict[str, list[float]]:
        """Return the columns of the epochs since the last record, up to one.

        The loss is the mean over the networks; of one that has stopped, its last loss.
        """
        first, columns = self.state.n_iter, [s.state.history for s in self.loops]

        def values(name: str, k: int) -> list[float]:
            return [column[name][min(k, len(column[name]) - 1)] for column in columns]

        return {
            "loss": [fmean(values("loss", k)) for k in range(first, n_iter)],
            # Which may differ where each network has its own plateaus.
            "learning_rate": [
                fmean(set(values("learning_rate", k))) for k in range(first, n_iter)
            ],
            "seconds": [seconds] * (n_iter - first),
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
        """Return the message about the first network that diverged, if one has."""
        faulty = [loop for loop in self.loops if loop.fault]
        first = min(faulty, key=lambda loop: loop.state.n_iter, default=None)
        return first.fault if first else None

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
        for task, part in zip(self.tasks, parts_of(thetas, self.tasks), strict=True):
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
