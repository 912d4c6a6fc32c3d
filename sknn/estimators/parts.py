"""Fits of one network in several processes, of which each has a part of the rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone

from sknn.distributed.collective import Collective
from sknn.estimators.batch_source import BatchSource
from sknn.estimators.first_pass import Survey, checked_batches, stacked, survey_source
from sknn.estimators.parameters import parameters_of
from sknn.estimators.problem import FitCall, Problem, starts_anew
from sknn.estimators.streams import (
    RowEncoder,
    check_targets_of,
    define_surveyed,
)
from sknn.network.data import TrainingData
from sknn.training.monitor import Rows
from sknn.training.parallel_runner import ParallelRunner
from sknn.training.task import FitTask, Runner


@dataclass(frozen=True)
class DataPart:
    """The rows of this process, and what is known of those of all.

    Attributes
    ----------
    batches : list of tuple
        (X, y) or (X, y, sample_weight) each; there may be none.
    survey : Survey
        Of the rows of all processes.
    collective : Collective
    classes : array-like or None
        As of a `BatchSource`.
    """

    batches: list[Any]
    survey: Survey
    collective: Collective
    classes: Any = None


def survey_part(estimator: Any, batches: Iterable[Any]) -> Survey | None:
    """Return what there is to know of the rows of one process; None if it has none.

    Parameters
    ----------
    estimator : BaseMLP
        Not changed.
    batches : iterable of tuple
    """
    source, twin = BatchSource(list(batches)), clone(estimator)
    if not any(True for _ in source):
        return None
    twin._validate_params()
    check = check_targets_of(twin, parameters_of(twin))
    return survey_source(twin, source, True, check)


def fit_part(
    estimator: Any,
    part: DataPart,
    validation: tuple[Any, Any, Any] = (None, None, None),
    resumes: bool = False,
) -> Any:
    """Train an estimator on the rows of this process and those of all others.

    All processes call it at the same time, and end with the same fitted estimator.

    Parameters
    ----------
    estimator : BaseMLP
        The same in all processes.
    part : DataPart
    validation : tuple
        X_val, y_val and sample_weight_val: the same in all processes.
    resumes : bool, default=False
        Whether to go on, as ``resume_fit`` does.
    """
    return estimator._fit(part, None, None, validation, resumes=resumes)


def define_part(estimator: Any, call: FitCall, parameters: dict[str, Any]) -> Problem:
    """Return the problem, as `define` does for arrays, on the rows of all processes."""
    part, is_first = call.X, starts_anew(estimator, call)
    survey = part.survey
    if is_first:
        X, y, _ = survey.sample
        estimator._validated(X, y, reset=True)
        if survey.names is not None:
            estimator.feature_names_in_ = survey.names

    def make_runner(encoder: RowEncoder, task: FitTask) -> Runner:
        return ParallelRunner(part.collective, _own_rows(encoder, part), task)

    return define_surveyed(estimator, call, parameters, survey, make_runner)


def _own_rows(encoder: RowEncoder, part: DataPart) -> TrainingData:
    """Return the rows of this process in the form of the kernels."""
    source, survey = BatchSource(part.batches), part.survey
    batches: list[Sequence[Any]] = [
        (X, encoder.encode(y), sample_weight)
        for X, y, sample_weight in checked_batches(
            encoder.estimator, source, resets=False, is_first_pass=False
        )
    ]
    if not batches:  # none of the rows
        X, y, sample_weight = (None if a is None else a[:0] for a in survey.sample)
        batches = [(X, encoder.encode(y), sample_weight)]
    if any(targets is None for _, targets, _ in batches):
        raise ValueError("y has changed since the first pass over the data.")
    arrays = Rows(*(stacked(list(parts)) for parts in zip(*batches, strict=True)))
    return encoder.training_data(arrays.X, arrays.y, arrays.sample_weight)
