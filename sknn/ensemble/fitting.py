"""The fit of an ensemble: make its members, train them side by side, publish."""

from collections.abc import Callable, Sequence
from math import inf
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from sknn.ensemble.members import (
    Members,
    members_after_epoch,
    new_members,
    publish_members,
    resumed_members,
)
from sknn.ensemble.plan import Plan, make_plan
from sknn.ensemble.validation import make_validation
from sknn.estimators.callbacks import epoch_callbacks
from sknn.estimators.problem import FitCall
from sknn.jit.specializations import compiling_announced
from sknn.network.threads import active_fit
from sknn.training.progress import TrainingState
from sknn.training.rounds import JointResult, JointState, Limits
from sknn.training.side_by_side import (
    joint_state,
    train_side_by_side,
    without_stopping,
)
from sknn.training.task import FitTask

_OF_MEMBERS = ("n_features_in_", "feature_names_in_", "n_outputs_", "classes_")
# All attributes that a fit sets.
FITTED = (
    "estimators_",
    "n_iter_",
    "best_iteration_",
    "history_",
    "best_validation_score_",
    "oof_predictions_",
    "_resume_state",
    *_OF_MEMBERS,
)


def fit(ensemble: Any, call: FitCall) -> None:
    """Train the members; set the fitted attributes of an ensemble.

    ``ensemble`` is the twin that becomes the estimator if the fit succeeds.
    """
    deadline = perf_counter() + (ensemble.time_limit or inf)
    plan = make_plan(ensemble, call)
    options = plan.problem.options
    with compiling_announced(options.verbose), active_fit():
        (members, tasks), state = _start(ensemble, plan)
        validation = make_validation(plan, members[0], tasks[0].state.theta)
        n_jobs = None if ensemble.n_jobs == -1 else ensemble.n_jobs
        limits = Limits(n_jobs, deadline, _time_of_refit(ensemble, tasks))
        with epoch_callbacks(
            ensemble,
            lambda state: _attributes_after(members, tasks, state),
            int(options.stopping.max_iter) - state.n_iter,
            call.X,
            call.y,
            call.sample_weight,
        ) as after_epoch:
            result = train_side_by_side(tasks, state, validation, limits, after_epoch)
            if validation is not None:
                validation.monitor.check_scores(state, tasks[0].max_iter)
            refitted = None
            if ensemble.refit and not result.is_interrupted:
                refitted = _refit(plan, result, limits)
            members, tasks = refitted or (members, tasks)
            ends = state.has_stopped or refitted is not None
            publish_members(members, tasks, is_final=ends)
            vars(ensemble).update(_fitted_attributes(plan, members, result, ends))


def _start(ensemble: Any, plan: Plan) -> tuple[Members, JointState]:
    """Return members and their tasks, and the state of all of them together."""
    options = plan.problem.options
    of_member = options._replace(verbose=False)
    if plan.is_joint:
        of_member = without_stopping(of_member)
    else:
        options = without_stopping(options)
    if not plan.call.resumes:
        members = new_members(plan, of_member, plan.rows_of_members())
        return members, joint_state(members[1], options)
    members, fitted = resumed_members(plan, of_member, ensemble.estimators_)
    state = joint_state(members[1], options)
    history = ensemble.history_
    state.history = {name: list(column) for name, column in history.items()}
    state.n_iter = state.n_recorded = state.n_epochs = ensemble.n_iter_
    state.n_without_improvement = ensemble._resume_state["n_without_improvement"]
    if options.stopping.early_stopping and ensemble.best_validation_score_ > -inf:
        state.set_best(
            members[1],
            fitted,
            ensemble.best_validation_score_,
            ensemble._resume_state["best_epoch"],
        )
    return members, state


def _time_of_refit(
    ensemble: Any, tasks: Sequence[FitTask]
) -> Callable[[int, float], float]:
    """Return a function of an epoch, and the seconds of one, for a refit up to it."""
    n_rows = [task.data.n_rows for task in tasks]
    n_all = tasks[0].data.inputs.n_samples
    factor = len(tasks) * n_all / sum(n_rows) if ensemble.refit else 0.0
    return lambda epoch, seconds: epoch * seconds * factor


def _refit(plan: Plan, result: JointResult, limits: Limits) -> Members | None:
    """Train members on all rows up to the best epoch; return them and their tasks.

    None if training was interrupted before that epoch, or there was no time.
    """
    if not (n_epochs := result.best_epoch):
        return None
    options = without_stopping(plan.problem.options._replace(verbose=False))
    options = options.with_max_iter(n_epochs)
    members, tasks = new_members(plan, options, [None] * len(plan.seeds))
    limits = limits._replace(reserve=lambda epoch, seconds: 0.0)
    state = joint_state(tasks, options)
    train_side_by_side(tasks, state, None, limits)
    return (members, tasks) if state.n_iter >= n_epochs else None


# Attributes --------------------------------------------------------------------------


def _fitted_attributes(
    plan: Plan, members: list[Any], result: JointResult, ends: bool
) -> dict[str, Any]:
    """Return the fitted attributes of the ensemble.

    ``ends`` says that no fit goes on from them.
    """
    state, lead = result.state, members[0]
    attributes = {
        "estimators_": members,
        "n_iter_": state.n_iter,
        "best_iteration_": result.best_epoch,
        "history_": state.history,
        "_resume_state": None
        if ends
        else {
            "random_state": plan.random_state,
            "n_without_improvement": state.n_without_improvement,
            "best_epoch": state.best_epoch,
        },
    }
    if state.options.stopping.early_stopping:
        attributes["best_validation_score_"] = state.best_score
    if plan.splits is not None and result.outputs is not None:
        attributes["oof_predictions_"] = _of_all_rows(plan, lead, result.outputs)
    of_members = {n: getattr(lead, n) for n in _OF_MEMBERS if hasattr(lead, n)}
    return {**attributes, **of_members}


def _of_all_rows(plan: Plan, lead: Any, outputs: np.ndarray) -> np.ndarray:
    """Return predictions for all rows; NaN for those that are never held out."""
    n_rows, rows = plan.problem.X.shape[0], plan.out_of_fold_rows()
    whole = outputs
    if len(rows) < n_rows:
        whole = np.full((n_rows, outputs.shape[1]), np.nan, outputs.dtype)
        whole[rows] = outputs
    shape: Callable[[np.ndarray], np.ndarray]
    if not is_classifier(lead):
        shape = lead._values_of
    elif lead.out_activation_ == "identity":
        shape = lead._scores_of
    else:
        shape = lead._probabilities_of
    return shape(whole)


def _attributes_after(
    members: Sequence[Any], tasks: Sequence[FitTask], state: TrainingState
) -> dict[str, Any]:
    """Return the attributes as they are after an epoch."""
    copies = members_after_epoch(members, tasks)
    of_members = {
        n: getattr(copies[0], n) for n in _OF_MEMBERS if hasattr(copies[0], n)
    }
    return {
        "estimators_": copies,
        "n_iter_": state.n_iter,
        "history_": {name: list(column) for name, column in state.history.items()},
        **of_members,
    }
