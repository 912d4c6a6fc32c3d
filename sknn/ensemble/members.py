"""The members of an ensemble: estimators, and the task of each."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sknn.ensemble.plan import Plan
from sknn.estimators import fit_state
from sknn.estimators.fitting import attributes_of, initial_state, publish
from sknn.estimators.standardized_data import standardized_sets
from sknn.estimators.twins import twin_of
from sknn.training.options import TrainingOptions
from sknn.training.shuffling import random_state_of
from sknn.training.task import FitTask

Members = tuple[list[Any], list[FitTask]]


def new_members(
    plan: Plan, options: TrainingOptions, rows: Sequence[np.ndarray | None]
) -> Members:
    """Return members with their initial weights, and the task of each.

    Parameters
    ----------
    plan : Plan
    options : TrainingOptions
        Of each member.
    rows : sequence of ndarray or None
        The rows that each is trained on.
    """
    members, tasks = [], []
    for seed, of_member in zip(plan.seeds, rows, strict=True):
        member = twin_of(plan.prototype, vars(plan.prototype).copy())
        member.random_state = seed
        problem = plan.problem.on_rows(of_member, options)
        data = problem.data
        random_state = random_state_of(seed)
        state, _ = initial_state(member, plan.call, problem, random_state)
        data, _ = standardized_sets(member, plan.call, problem, state.theta, data)
        state.n_rows = data.n_rows
        state.shuffle_state = random_state.get_state(legacy=False)
        members.append(member)
        tasks.append(FitTask(problem.network, problem.loss, data, state, random_state))
    return members, tasks


def resumed_members(
    plan: Plan, options: TrainingOptions, fitted: Sequence[Any]
) -> tuple[Members, list[np.ndarray]]:
    """Return members that go on from fitted ones, and the task of each.

    And the parameters of each fitted one, which may be the best ones rather than those
    to go on from.
    """
    members, tasks, best = [], [], []
    parameters = plan.prototype.get_params(deep=False)
    rows = plan.rows_of_members()
    if len(fitted) != len(rows):
        raise ValueError(
            f"resume_fit can only go on with the members that it began with: there are "
            f"{len(fitted)}, but the parameters now ask for {len(rows)}. Set n_members "
            "and cv back, or call fit."
        )
    for seed, member, of_member in zip(plan.seeds, fitted, rows, strict=True):
        twin = twin_of(member, {**vars(member), **parameters, "random_state": seed})
        problem = plan.problem.on_rows(of_member, options)._replace(is_first=False)
        data = problem.data
        generator = random_state_of(seed)
        state, is_same = initial_state(twin, plan.call, problem, generator)
        data, _ = standardized_sets(twin, plan.call, problem, state.theta, data)
        state.n_rows = data.n_rows
        best.append(state.theta)
        random_state = state.load_resume_state(vars(member), is_same)
        state.shuffle_state = random_state.get_state(legacy=False)
        members.append(twin)
        tasks.append(FitTask(problem.network, problem.loss, data, state, random_state))
    return (members, tasks), best


def members_after_epoch(members: Sequence[Any], tasks: Sequence[FitTask]) -> list[Any]:
    """Return copies of the members as they are after an epoch."""
    copies = []
    for member, task in zip(members, tasks, strict=True):
        copy = twin_of(member, vars(member).copy())
        vars(copy).update(attributes_of(task, task.state.as_if_ended(restores=False)))
        copies.append(copy)
    return copies


def publish_members(
    members: Sequence[Any], tasks: Sequence[FitTask], *, is_final: bool
) -> None:
    """Set the fitted attributes of the members.

    ``is_final`` says that no fit goes on from them, and that they need not keep the
    state of their optimizers.
    """
    for member, task in zip(members, tasks, strict=True):
        publish(member, task)
        if is_final:
            fit_state.forget_optimizer(member)
