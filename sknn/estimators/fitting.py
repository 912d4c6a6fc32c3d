"""The three steps of a fit: prepare a task, train, publish fitted attributes.

And what is prepared in the same way, but does not train: the initial weights, and the
gradient of the loss.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import is_regressor

from sknn.estimators import fit_state
from sknn.estimators.batch_source import BatchSource
from sknn.estimators.callbacks import epoch_callbacks
from sknn.estimators.effects import check_effects
from sknn.estimators.held_out import given_rows, hold_out
from sknn.estimators.metrics import metrics_of
from sknn.estimators.parameters import (
    STOCHASTIC_SOLVERS,
    defaults_of,
    parameters_of,
)
from sknn.estimators.parts import DataPart, define_part
from sknn.estimators.problem import FitCall, Problem, define
from sknn.estimators.scale_check import warn_of_other_scale
from sknn.estimators.standardized_data import (
    learn_statistics,
    standardized,
    standardized_sets,
)
from sknn.estimators.state_checks import (
    check_training_state,
    mark_checked,
    mark_training_state_checked,
)
from sknn.estimators.streams import check_call, define_streamed
from sknn.estimators.twins import fitted_twin
from sknn.kernels.losses.table import Loss
from sknn.network.data import TrainingData
from sknn.network.network import Network
from sknn.network.threads import active_fit
from sknn.training.gradients import training_gradient
from sknn.training.lbfgs import train_lbfgs
from sknn.training.loading import load_kernels
from sknn.training.monitor import Monitor, Rows, Validation
from sknn.training.progress import TrainingState
from sknn.training.shuffling import random_state_of
from sknn.training.stochastic import train_stochastic
from sknn.training.task import FitTask
from sknn.training.user_warnings import warn_user


def initialize(estimator: Any, call: FitCall) -> None:
    """Set the fitted attributes as they are before the first epoch."""
    problem = checked_problem(estimator, call)
    theta = _set_weights(estimator, problem, random_state_of(estimator.random_state))
    network = problem.network
    learn_statistics(estimator, network, theta, problem.data, problem.y, is_first=True)
    vars(estimator).pop("loss_", None)
    estimator.n_iter_, estimator.history_ = 0, {}
    estimator._is_untrained = True


def loss_gradients(estimator: Any, call: FitCall) -> dict[str, list[np.ndarray]]:
    """Return the gradient of the loss, in the shapes of the fitted attributes."""
    problem = define(estimator, call, parameters_of(estimator))
    network, data = problem.network, problem.data
    theta, loss = network.pack(vars(estimator)), (problem.loss, problem.loss_options)
    targets = estimator._encode(problem.y)
    data = standardized(network, theta, loss, estimator.loss, data, targets)
    with active_fit():
        gradient = training_gradient(
            network, problem.loss, data, problem.options.regularization, theta
        )
    return network.layout.views(gradient)


def prepare(estimator: Any, call: FitCall) -> FitTask:
    """Check parameters and data; return the task; set the attributes learnt from y.

    Parameters
    ----------
    estimator : BaseMLP
        The twin that becomes the estimator if the fit succeeds.
    call : FitCall
    """
    problem = checked_problem(estimator, call)
    network, loss = problem.network, problem.loss
    metrics = metrics_of(estimator.metrics)
    data = problem.data
    random_state = random_state_of(estimator.random_state)
    state, is_same_optimizer = initial_state(estimator, call, problem, random_state)
    rows, validation = Rows(problem.X, problem.y, problem.sample_weight), None
    if call.has_validation:
        validation = given_rows(
            estimator, call.validation, loss, problem.loss_options, data.targets
        )
        if problem.is_first or not call.incremental:  # later batches may differ
            _warn_of_other_scale(estimator, rows, data, validation)
    elif _holds_out(estimator) and estimator.solver in STOCHASTIC_SOLVERS:
        data, rows, validation = hold_out(
            estimator, rows, data, call.groups, random_state
        )
    data, validation = standardized_sets(
        estimator, call, problem, state.theta, data, validation
    )
    monitor = None
    if validation is not None or metrics:
        monitor = _monitor(estimator, network, loss, rows, validation, metrics)
    state.n_rows = problem.n_rows if problem.make_runner else data.n_rows
    if call.resumes:
        random_state = state.load_resume_state(vars(estimator), is_same_optimizer)
    return FitTask(
        network,
        loss,
        data,
        state,
        random_state,
        monitor,
        call.incremental,
        problem.make_runner,
    )


def train_and_publish(estimator: Any, call: FitCall, task: FitTask) -> None:
    """Train, telling callbacks of each epoch; set the fitted attributes."""
    is_lbfgs = estimator.solver == "lbfgs"
    with (
        epoch_callbacks(
            estimator,
            lambda state: attributes_of(task, state.as_if_ended(task.restores)),
            task.max_iter - (0 if call.incremental else task.state.n_iter),
            call.X,
            call.y,
            call.sample_weight,
            "lbfgs-iter" if is_lbfgs else "epoch",
        ) as after_epoch,
        active_fit(),
    ):
        if is_lbfgs:
            train_lbfgs(task, after_epoch)
        else:
            if not call.incremental:
                task.state.shuffle_state = task.random_state.get_state(legacy=False)
            train_stochastic(task, after_epoch)
        publish(estimator, task)


def publish(estimator: Any, task: FitTask) -> None:
    """Set the fitted attributes of an estimator."""
    state = task.state
    vars(estimator).pop("_is_untrained", None)
    if estimator.solver == "lbfgs":
        fit_state.forget_optimizer(estimator)
    elif isinstance(task.monitor, Monitor) and not task.is_incremental:
        task.monitor.check_scores(state, task.max_iter)
    vars(estimator).update(attributes_of(task, state))
    mark_training_state_checked(estimator)


# ---------------------------------------------------------------------------------


def _holds_out(estimator: Any) -> bool:
    return bool(estimator.early_stopping or estimator.validate)


def _is_evaluated(estimator: Any, call: FitCall) -> bool:
    """Return whether the network predicts after each epoch."""
    metrics = metrics_of(estimator.metrics)
    return call.has_validation or _holds_out(estimator) or bool(metrics)


def _check_holding_out(estimator: Any, call: FitCall) -> None:
    if _holds_out(estimator) and call.incremental and call.validation[0] is None:
        name = "early_stopping" if estimator.early_stopping else "validate"
        raise ValueError(f"partial_fit does not support {name}=True")


def _warn_of_unused_groups(estimator: Any, call: FitCall) -> None:
    """Warn where groups might be expected to stay together, but are not looked at."""
    is_used = _holds_out(estimator) and estimator.solver in STOCHASTIC_SOLVERS
    is_used = is_used and estimator.validation_splitter is not None
    if call.groups is not None and (call.has_validation or not is_used):
        warn_user(
            "groups has no effect: only a validation_splitter looks at it, with "
            "early_stopping=True or validate=True and without X_val. Set "
            "validation_splitter=GroupShuffleSplit(1), or leave out groups."
        )


def _warn_of_other_scale(
    estimator: Any, rows: Rows, data: TrainingData, validation: Validation
) -> None:
    are_numbers = is_regressor(estimator)
    warn_of_other_scale(
        rows.X,
        validation.rows.X,
        data.targets if are_numbers else None,
        validation.data.targets if are_numbers else None,
    )


def _monitor(
    estimator: Any,
    network: Network,
    loss: Loss,
    train: Rows,
    validation: Validation | None,
    metrics: dict[str, str | Callable[..., Any]],
) -> Monitor:
    return Monitor(
        network,
        loss,
        train,
        validation,
        scoring=estimator.scoring,
        metrics=metrics,
        default_score=estimator._default_score(),
        stops_early=estimator.early_stopping and estimator.solver != "lbfgs",
        estimator_of=partial(_as_of, estimator, network),
    )


def checked_problem(estimator: Any, call: FitCall) -> Problem:
    """Return the problem, with a warning or an error for idle parameters."""
    parameters = parameters_of(estimator)
    estimator_type: type = type(estimator)
    check_effects(parameters, defaults_of(estimator_type), call.has_validation)
    _check_holding_out(estimator, call)
    _warn_of_unused_groups(estimator, call)
    if isinstance(call.X, (BatchSource, DataPart)):
        check_call(estimator, call)
        of_kind = define_part if isinstance(call.X, DataPart) else define_streamed
        return of_kind(estimator, call, parameters)
    return define(estimator, call, parameters)


def _set_weights(
    estimator: Any, problem: Problem, random_state: np.random.RandomState
) -> np.ndarray:
    """Return the parameters to start from; set the attributes that show them."""
    network = problem.network
    if problem.is_first:
        theta = problem.draw(random_state)
        fit_state.forget(estimator)
    else:
        theta = network.pack(vars(estimator))
        is_seeded = isinstance(estimator.random_state, Integral)
        if is_seeded and getattr(estimator, "_is_untrained", False):
            problem.draw(random_state)  # what comes next is as in a fit from scratch
    estimator.n_layers_ = network.architecture.n_hidden + 2
    estimator.n_outputs_ = network.n_outputs
    estimator.out_activation_ = network.link
    estimator._architecture = network.architecture.to_plain()
    # What a callback or a metric copies of the estimator must fit together.
    vars(estimator).update(network.unpack(theta))
    mark_checked(estimator)
    return theta


def initial_state(
    estimator: Any,
    call: FitCall,
    problem: Problem,
    random_state: np.random.RandomState,
) -> tuple[TrainingState, bool]:
    """Return where training starts, and whether the optimizer goes on."""
    network, options = problem.network, problem.options
    load_kernels(
        network,
        problem.loss,
        options,
        is_sparse=problem.data.inputs.is_sparse,
        is_part=isinstance(call.X, DataPart),
        is_evaluated=_is_evaluated(estimator, call),
        n_rows=problem.n_rows,
        max_iter=1 if call.incremental else int(options.stopping.max_iter),
        random_state=random_state,
    )
    if not problem.is_first:
        check_training_state(estimator, network, call.incremental)
    theta = _set_weights(estimator, problem, random_state)
    state = TrainingState.start(network, theta, options)
    state.load_state_dict(vars(estimator))
    is_same = (call.incremental or call.resumes) and state.load_optimizer_state(
        vars(estimator)
    )
    if network.draws and not is_same:
        state.seed = int(random_state.randint(2**31))
    return state, is_same


@contextmanager
def _as_of(estimator: Any, network: Network, theta: np.ndarray) -> Iterator[Any]:
    """Yield an estimator that predicts with theta; it shares all else."""
    with fitted_twin(estimator, network.unpack(theta)) as twin:
        # Its rows come as arrays, whatever the user's had for names.
        vars(twin).pop("feature_names_in_", None)
        yield twin


def attributes_of(task: FitTask, state: TrainingState) -> dict[str, Any]:
    """Return the fitted attributes at the end of a fit."""
    return {
        **(state.state_dict() if task.options.solver in STOCHASTIC_SOLVERS else {}),
        **task.network.unpack(state.result),
        "loss_": state.loss,
        "n_iter_": state.n_iter,
        "t_": state.n_samples_seen,
        "history_": state.history,
    }
