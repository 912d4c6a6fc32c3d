"""What an ensemble is to be trained on: data, seeds, and rows that are held out."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier

from sknn.ensemble.splits import Split, number_of_members, splits_of_members
from sknn.estimators.batch_source import BatchSource
from sknn.estimators.fitting import checked_problem
from sknn.estimators.held_out import given_rows, hold_out
from sknn.estimators.problem import FitCall, Problem
from sknn.training.generator_state import generator_of
from sknn.training.monitor import Rows, Validation
from sknn.training.shuffling import random_state_of
from sknn.training.user_warnings import warn_user

_MOST_SEED = np.iinfo(np.int32).max


class Plan(NamedTuple):
    """What an ensemble is to be trained on, before there are members.

    Attributes
    ----------
    prototype : estimator instance
        With the attributes learnt from X and y; the members are copies of it.
    call : FitCall
    problem : Problem
        With all rows.
    random_state : dict
        State of the generator before seeds and splits were drawn from it.
    seeds : list of int
        ``random_state`` of each member.
    splits : list of (ndarray, ndarray) or None
        The rows to train each member on, and those held out from it.
    held_out : Validation or None
        Rows that no member is trained on.
    rows : ndarray or None
        The rows that all members are trained on, if not all rows.
    """

    prototype: Any
    call: FitCall
    problem: Problem
    random_state: dict[str, Any]
    seeds: list[int]
    splits: list[Split] | None = None
    held_out: Validation | None = None
    rows: np.ndarray | None = None

    @property
    def is_joint(self) -> bool:
        """Whether held-out rows decide for all members together."""
        return self.splits is not None or self.held_out is not None

    def rows_of_members(self) -> list[np.ndarray | None]:
        """Return the rows that each member is trained on; None for all."""
        if self.splits is not None:
            return [train for train, _ in self.splits]
        return [self.rows] * len(self.seeds)

    def out_of_fold_rows(self) -> np.ndarray:
        """Return the rows that are held out from one member at least."""
        assert self.splits is not None
        return np.unique(np.concatenate([held_out for _, held_out in self.splits]))


def make_plan(ensemble: Any, call: FitCall) -> Plan:
    """Check the data; return what to train on."""
    prototype, cv, groups = ensemble._prototype(), ensemble.cv, call.groups
    if isinstance(call.X, BatchSource):
        raise TypeError(
            "An ensemble needs arrays, got a BatchSource. Fit one network on it, with "
            "MLPClassifier or MLPRegressor, or pass X and y."
        )
    _begin_anew(prototype)
    if cv is not None:
        _check_alone(prototype, call)
        prototype.early_stopping = True
        call = call._replace(groups=None)  # which the estimator has no use for
    if call.resumes:
        random_state = generator_of(ensemble._resume_state["random_state"])
    else:
        random_state = random_state_of(ensemble.random_state)
    start = random_state.get_state(legacy=False)
    problem = checked_problem(prototype, call)
    if cv is not None:
        splits = splits_of_members(
            cv,
            ensemble.n_members,
            (problem.X, problem.y, groups),
            is_classifier(prototype),
            random_state,
        )
        _check_weights(problem, splits)
        seeds = _seeds(len(splits), random_state)
        return Plan(prototype, call, problem, start, seeds, splits)
    seeds = _seeds(number_of_members(ensemble.n_members), random_state)
    plan = Plan(prototype, call, problem, start, seeds)
    if call.has_validation:
        options, targets = problem.loss_options, problem.data.targets
        given = given_rows(prototype, call.validation, problem.loss, options, targets)
        return plan._replace(held_out=given)
    if not (prototype.early_stopping or prototype.validate):
        _warn_of_metrics(prototype)
        return plan
    rows = Rows(problem.X, problem.y, problem.sample_weight)
    data, _, held_out = hold_out(prototype, rows, problem.data, groups, random_state)
    del prototype._split_state
    return plan._replace(held_out=held_out, rows=data.rows)


def _begin_anew(prototype: Any) -> None:
    """Switch off warm starts, with a warning."""
    if prototype.warm_start:
        prototype.warm_start = False
        warn_user(
            "warm_start=True of the estimator has no effect: fit begins anew. To go on "
            "with a fit, call resume_fit with a higher max_iter."
        )


def _warn_of_metrics(prototype: Any) -> None:
    """Warn of metrics where no rows are held out."""
    if prototype.metrics is not None:
        warn_user(
            f"metrics={prototype.metrics!r} of the estimator has no effect: they are "
            "evaluated for held-out rows alone. Set cv, or early_stopping=True or "
            "validate=True of the estimator, or pass X_val and y_val."
        )


def _check_alone(prototype: Any, call: FitCall) -> None:
    """Refuse other ways to hold out rows than by cv."""
    if call.has_validation:
        raise ValueError(
            "cv holds out rows for each member, but X_val and y_val were passed too. "
            "Leave them out, or set cv=None."
        )
    if prototype.validation_splitter is not None:
        raise ValueError(
            "cv holds out rows for each member, and so does validation_splitter="
            f"{prototype.validation_splitter!r} of the estimator for all. Set one of "
            "them to None."
        )


def _seeds(n_members: int, random_state: np.random.RandomState) -> list[int]:
    seeds: list[int] = random_state.randint(_MOST_SEED, size=n_members).tolist()
    return seeds


def _check_weights(problem: Problem, splits: list[Split]) -> None:
    weights = problem.data.weights
    for k, (train, _) in enumerate(splits):
        if weights.size and not weights[train].any():
            raise ValueError(
                f"All rows that member {k} would be trained on have a weight of zero. "
                "Leave out the rows whose weight is zero, or change cv."
            )
