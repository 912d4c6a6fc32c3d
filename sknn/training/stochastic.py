"""The loop over epochs of stochastic training, in Python."""

import warnings
from collections.abc import Callable
from contextlib import closing
from functools import partial
from time import perf_counter

from sklearn.exceptions import ConvergenceWarning

from sknn._site import see
from sknn.kernels.drivers import training as drivers
from sknn.training.baseline import warn_if_nothing_learnt
from sknn.training.epoch_runner import EpochRunner
from sknn.training.progress import (
    TrainingState,
    format_epoch,
    initial_optimizer_state,
    n_uninterrupted_epochs,
    record_epochs,
)
from sknn.training.scale_advice import advice_on_scale, sentence
from sknn.training.schedules import ScheduleState, exhausted_rate_warning, schedule_of
from sknn.training.task import FitTask, Runner
from sknn.training.user_warnings import warn_user

AfterEpoch = Callable[[TrainingState], bool]


def train_stochastic(task: FitTask, after_epoch: AfterEpoch | None = None) -> None:
    """Train for up to max_iter epochs, or for one; update the state in place.

    Parameters
    ----------
    task : FitTask
    after_epoch : callable, default=None
        ``after_epoch(state)`` returns whether to stop.

    Raises
    ------
    ValueError
        If training diverges and there are no earlier weights to restore.

    Warns
    -----
    ConvergenceWarning
        If max_iter epochs were not enough, training has learnt nothing, or it diverged
        and the best parameters were restored.
    """
    loop, n_before = EpochLoop(task, after_epoch), task.state.n_iter
    try:
        with closing(loop.runner):
            has_ended = loop.run()
        if has_ended and not task.is_incremental:
            _warn_of_the_end(task, n_before)
    except KeyboardInterrupt:
        loop.record_interrupted_epochs()
        warnings.warn("Training interrupted by user.", stacklevel=3)
    if loop.fault:
        _restore_best(task, loop.fault)
    task.state.choose_result(restores=bool(loop.fault) or task.restores)


class EpochLoop:
    """The epochs of a call. After an interrupt at any line, training can go on.

    Parameters
    ----------
    task : FitTask
    after_epoch : callable, default=None
        ``after_epoch(state)`` returns whether to stop.

    Attributes
    ----------
    fault : str or None
        What has diverged, if anything has.
    max_epochs_at_once : int
        Most epochs of one call of the driver.
    runner : EpochRunner
    """

    def __init__(self, task: FitTask, after_epoch: AfterEpoch | None = None):
        state, options = task.state, task.options
        self.task, self.state, self.after_epoch = task, state, after_epoch
        self.schedule = schedule_of(options.schedule)
        self.runner: Runner = (task.make_runner or EpochRunner)(task)
        # Where there are weights to restore, training that diverges is no error, and
        # the generator must have drawn no more orders than there were epochs.
        restorable = state.best_theta is not None
        watchers = [task.monitor, after_epoch, options.verbose, restorable]
        self.is_watched = any(watchers)
        self.max_epochs_at_once = min(self.runner.max_epochs, task.max_iter)
        is_constant = self.schedule.is_constant and options.annealing.is_constant
        if self.is_watched or not is_constant:
            self.max_epochs_at_once = 1
        self.runner.prepare(self.max_epochs_at_once)
        self.fault: str | None = None
        # Records the epochs that have run; an interrupt may have stopped it.
        self._recorder: Callable[[], str | None] | None = None
        self._began = perf_counter()

    def run(self, until: int | None = None) -> bool:
        """Run epochs; return whether they ended by themselves.

        ``until`` is the epoch to pause after; None for that after which training ends.
        """
        state, last = self.state, self.task.max_iter
        last = last if until is None else min(last, until)
        while state.n_iter < last and not state.has_stopped:
            if self._run_epochs(last):
                return False
        return True

    def _run_epochs(self, last: int) -> bool:
        """Run the next epochs; return whether a fault or a callback ends training."""
        task, state = self.task, self.state
        self._began = perf_counter()
        self._set_learning_rate()
        n = min(self.max_epochs_at_once, n_uninterrupted_epochs(state, last))
        is_finite = self.runner.run(n)
        losses = state.losses()
        self.fault = None if is_finite else self._diagnose(losses)
        if self.fault and state.best_theta is None:
            return True
        self._recorder = self._make_recorder(
            losses, task.monitor(state.theta) if task.monitor else {}
        )
        line = self._recorder()
        self._recorder = None
        if task.options.verbose:
            print(format_epoch(state))
            if line and not self.fault:
                print(line)
        stops = bool(self.fault or (self.after_epoch and self.after_epoch(state)))
        return self.runner.agree(stops)

    def _diagnose(self, losses: list[float]) -> str | None:
        """Return what is not finite after epochs, with a remedy; None if all is."""
        fault = self.state.fault(losses)
        remedy = sentence(
            advice_on_scale(self.task.network),
            "lower learning_rate_init",
            "set global_clipnorm",
        )
        about = see("use/troubleshooting#the-loss-is-nan")
        return fault and f"{fault} {remedy} {about}"

    def _set_learning_rate(self) -> None:
        """Ask the schedule; warn once where it leaves no rate to learn with."""
        state, options = self.state, self.task.options.schedule
        now = ScheduleState(
            state.n_epochs, options.max_iter, state.n_samples_seen, state.learning_rate
        )
        rates = self.schedule.rates(now, options, self.runner.n_batches)
        self.runner.set_epoch(state.n_epochs, rates)
        state.learning_rate = sum(rates) / len(rates)
        if not self.schedule.is_constant:
            message = exhausted_rate_warning(now, state.learning_rate, options)
            if message and not state.is_exhausted:
                warn_user(message)
            state.is_exhausted = message is not None

    def _make_recorder(
        self, losses: list[float], measured: dict[str, float]
    ) -> Callable[[], str | None]:
        """Return a function that records epochs; it may be called again."""
        n, seconds = len(losses), perf_counter() - self._began
        record = {
            "loss": losses,
            "learning_rate": [self.state.learning_rate] * n,
            "seconds": [seconds / n] * n,
        }
        for name, value in measured.items():
            record[name] = [value]
        before = dict(vars(self.state))
        return partial(record_epochs, self.state, before, record, self.schedule)

    def record_interrupted_epochs(self) -> None:
        """Record the epochs that had ended when an interrupt came."""
        state = self.state
        losses = state.losses()
        fault = self._diagnose(losses or [state.counters[drivers.LOSS]])
        self.fault = self.fault or fault
        if losses and not (self._recorder or self.is_watched or self.fault):
            self._recorder = self._make_recorder(losses, {})
        if self._recorder:
            self._recorder()


def _warn_of_the_end(task: FitTask, n_before: int) -> None:
    """Warn where max_iter was not enough, or nothing was learnt."""
    state, stopping = task.state, task.options.stopping
    if not (state.has_stopped or stopping.tol is None):
        warn_of_max_iter(task)
    if state.n_iter > n_before:
        theta = state.theta
        if stopping.restores and state.best_theta is not None:
            theta = state.best_theta
        warn_if_nothing_learnt(
            task,
            theta,
            state.history["loss"][-state.n_iter :],
            has_converged=state.has_stopped,
        )


def warn_of_max_iter(task: FitTask) -> None:
    """Warn that max_iter epochs were not enough."""
    warn_user(
        f"Stochastic Optimizer: Maximum iterations ({task.max_iter}) reached and the "
        "optimization hasn't converged yet.",
        ConvergenceWarning,
    )


def _restore_best(task: FitTask, fault: str) -> None:
    """Warn that the best weights are restored, or raise if there are none."""
    state = task.state
    if state.best_theta is None:
        raise ValueError(fault)
    which = "The weights from before the call"
    if not task.is_incremental:
        which = "The best weights"
    warnings.warn(f"{fault} {which} were restored.", ConvergenceWarning, stacklevel=3)
    restart_optimizer(task)


def restart_optimizer(task: FitTask) -> None:
    """Let no later call go on from what is not finite."""
    state = task.state
    arrays = initial_optimizer_state(task.network, task.options)
    state.optimizer_state, state.momentum_product = arrays
    state.counters[:], state.n_epochs = 0.0, 0
    state.has_stopped = True
