"""What evaluates the averaged predictions for rows that are held out."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from sknn.ensemble.plan import Plan
from sknn.estimators.metrics import metrics_of
from sknn.estimators.problem import Problem
from sknn.estimators.standardized_data import standardized
from sknn.estimators.twins import twin_of
from sknn.estimators.validation import make_training_data
from sknn.training.averages import AveragedOutputs, HeldOutRows, JointValidation
from sknn.training.monitor import Monitor, Rows, Validation


def make_validation(
    plan: Plan, member: Any, theta: np.ndarray
) -> JointValidation | None:
    """Return what evaluates the averaged predictions, or None where no rows are.

    ``member`` stands for all members in scorers, with these predictions; ``theta`` are
    its parameters.
    """
    problem, validation = plan.problem, plan.held_out
    if plan.splits is not None:
        rows = plan.out_of_fold_rows()
        places = np.full(problem.X.shape[0], -1)
        places[rows] = np.arange(len(rows))
        inputs = problem.data.inputs
        held_out = [HeldOutRows(inputs, test, places[test]) for _, test in plan.splits]
        validation = _rows_of_all(problem, rows)
    elif validation is not None:
        every = HeldOutRows(validation.data.inputs, None, slice(None))
        held_out = [every] * len(plan.seeds)
    else:
        return None
    network, loss = problem.network, (problem.loss, problem.loss_options)
    targets = member._encode(validation.rows.y)
    data = standardized(network, theta, loss, member.loss, validation.data, targets)
    validation = validation._replace(data=data)
    monitor = Monitor(
        AveragedOutputs(network, theta),
        problem.loss,
        None,
        validation,
        scoring=plan.prototype.scoring,
        metrics=metrics_of(plan.prototype.metrics),
        default_score=member._default_score(),
        stops_early=plan.prototype.early_stopping,
        estimator_of=partial(_with_outputs, member),
    )
    return JointValidation(held_out, len(validation.data.targets), monitor)


def _rows_of_all(problem: Problem, rows: np.ndarray) -> Validation:
    """Return the validation set of rows that are held out from some members."""
    data = problem.data
    targets = data.targets[rows]
    weights = data.sample_weight[rows] if data.sample_weight.size else None
    X = problem.X if len(rows) == problem.X.shape[0] else problem.X[rows]
    return Validation(
        Rows(X, problem.y[rows], weights),
        make_training_data(X, targets, weights, None, targets.dtype),
        "the rows held out by cv",
    )


@contextmanager
def _with_outputs(member: Any, outputs: np.ndarray) -> Iterator[Any]:
    """Yield an estimator that predicts these outputs for the rows that it is given."""
    twin = twin_of(member, vars(member).copy())
    vars(twin).pop("feature_names_in_", None)
    twin._predict_outputs = lambda X: outputs
    twin._predict_labels = lambda X, names: twin._labels_of(outputs)
    yield twin
