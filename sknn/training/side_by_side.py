"""Networks of an ensemble trained side by side."""

import warnings
from collections.abc import Sequence

import numpy as np

from sknn.network.data import aligned_empty
from sknn.network.threads import CalledOffError
from sknn.training.averages import JointValidation
from sknn.training.baseline import warn_if_nothing_learnt
from sknn.training.options import TrainingOptions
from sknn.training.rounds import (
    JointLoop,
    JointResult,
    JointState,
    Limits,
    padded_size,
    parts_of,
)
from sknn.training.stochastic import AfterEpoch, warn_of_max_iter
from sknn.training.task import FitTask


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
    sizes = [padded_size(task.state.theta) for task in tasks]
    theta = aligned_empty(sum(sizes), tasks[0].state.theta.dtype)
    theta[:] = 0
    state = JointState(
        theta, np.empty((0, 0)), np.ones(1), options, tasks[0].state.learning_rate
    )
    state.n_rows = max(task.state.n_rows for task in tasks)
    for task, part in zip(tasks, parts_of(theta, tasks), strict=True):
        part[:] = task.state.theta
        task.state.theta = task.state.result = part
    return state


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
