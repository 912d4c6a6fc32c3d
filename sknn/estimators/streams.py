"""Fits on a source of batches: what they train on, and the blocks of each epoch."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from typing import Any, Self

import numpy as np
import scipy.sparse
from sklearn import config_context, get_config
from sklearn.base import is_classifier

from sknn.estimators.batch_source import BatchSource
from sknn.estimators.class_weights import RowFactors
from sknn.estimators.first_pass import Survey, checked_batches, stacked, survey_source
from sknn.estimators.missing import refuse_missing_in_fit
from sknn.estimators.parameters import parameters_of
from sknn.estimators.problem import FitCall, Problem, problem_of, starts_anew
from sknn.estimators.standardized_data import standardized
from sknn.estimators.state_checks import dtype_to_go_on_with
from sknn.estimators.twins import twin_of
from sknn.estimators.validation import check_some_weight, make_training_data
from sknn.kernels.losses.table import LOSSES
from sknn.network.data import ArrayLike, TrainingData
from sknn.training.options import LossOptions, select
from sknn.training.stream_runner import StreamRunner
from sknn.training.task import FitTask, Runner

_BUFFER_BYTES = 2**26
_FEWEST_ROWS = 2  # from which the form of y is judged


def define_streamed(
    estimator: Any, call: FitCall, parameters: dict[str, Any]
) -> Problem:
    """Read the batches once; return the problem, as `define` does for arrays.

    Its data are evenly spaced rows, on which warnings and metrics are based.
    """
    is_first = starts_anew(estimator, call)
    check_targets = check_targets_of(estimator, parameters)
    survey = survey_source(estimator, call.X, is_first, check_targets)

    def make_runner(encoder: RowEncoder, task: FitTask) -> Runner:
        return StreamRunner(TrainingStream(encoder, call.X, survey), task)

    return define_surveyed(estimator, call, parameters, survey, make_runner)


def check_targets_of(
    estimator: Any, parameters: dict[str, Any]
) -> Callable[[ArrayLike], None]:
    """Return a function that refuses targets that the loss does not take."""
    loss_options = select(LossOptions, parameters)

    def check(y: ArrayLike) -> None:
        if not is_classifier(estimator):  # whose labels are not known yet
            targets = estimator._encode(y)
            LOSSES[estimator._loss_name()].check_targets(targets, loss_options)

    return check


def define_surveyed(
    estimator: Any,
    call: FitCall,
    parameters: dict[str, Any],
    survey: Survey,
    make_runner: Callable[["RowEncoder", FitTask], Runner],
) -> Problem:
    """Return the problem on rows of which a survey tells; learn classes from it.

    ``make_runner`` takes the encoder of the rows, and the task.
    """
    is_first = starts_anew(estimator, call)
    loss_options = select(LossOptions, parameters)
    _learn_targets(estimator, call, survey)
    X, y, sample_weight = survey.sample
    if is_first:
        estimator._warn_of_encoding(y, y, _FEWEST_ROWS)
    targets, loss = estimator._encode(y), LOSSES[estimator._loss_name()]
    dtype = survey.dtype if is_first else dtype_to_go_on_with(estimator)
    encoder = RowEncoder(estimator, survey, dtype, targets.shape[1])
    data = encoder.training_data(X, targets, sample_weight)
    data = data._replace(summary=survey.summary)
    return problem_of(
        estimator,
        parameters,
        survey.sample,
        data,
        estimator._n_outputs(targets),
        (loss, loss_options),
        is_first,
        survey.n_rows,
        lambda task: make_runner(encoder.for_task(task), task),
    )


def check_call(estimator: Any, call: FitCall) -> None:
    """Refuse what a source of batches cannot do."""
    refuse_missing_in_fit((None, None, None), call.validation)
    if call.y is not None or call.sample_weight is not None:
        raise ValueError(
            "y and sample_weight must be None where X is a BatchSource, whose batches "
            "hold them: (X, y) or (X, y, sample_weight)."
        )
    if call.incremental:
        raise ValueError(
            "partial_fit trains on one batch, got a BatchSource. Call fit, or pass the "
            "batches one by one: for X, y, sample_weight in source: "
            "model.partial_fit(X, y, sample_weight)."
        )
    if estimator.solver == "lbfgs":
        raise ValueError(
            "solver='lbfgs' needs all rows for each step, and so no BatchSource. Set "
            "another solver, such as 'adam'."
        )
    if (estimator.early_stopping or estimator.validate) and not call.has_validation:
        name = "early_stopping" if estimator.early_stopping else "validate"
        raise ValueError(
            f"{name}=True cannot hold out rows of a BatchSource. Pass a validation set "
            "that fits into memory as X_val and y_val."
        )


def _learn_targets(estimator: Any, call: FitCall, survey: Survey) -> None:
    """Set the attributes learnt from y."""
    classes, keeps_known = call.X.classes, call.goes_on
    # Each label twice: scikit-learn warns of as many classes as rows.
    y = np.tile(survey.labels.labels, 2) if survey.labels else survey.sample.y
    if classes is not None:
        if not is_classifier(estimator):
            raise ValueError("classes of a BatchSource are for MLPClassifier alone.")
        if not (estimator.warm_start or keeps_known):
            estimator._forget_weights()
        estimator._learn_classes(classes, y)
        keeps_known = True
    estimator._learn_targets(y, keeps_known)


class RowEncoder:
    """Turns checked rows into what the kernels take.

    Parameters
    ----------
    estimator : BaseMLP
        Encodes the targets.
    survey : Survey
        Has the counts of the labels.
    dtype : dtype
        That of the network.
    n_targets : int
    """

    def __init__(self, estimator: Any, survey: Survey, dtype: np.dtype, n_targets: int):
        # A twin, for another thread reads, while callbacks may change the estimator.
        self.estimator = twin_of(estimator, vars(estimator).copy())
        self._dtype, self._n_targets = dtype, n_targets
        self._convert: Callable[[TrainingData, np.ndarray], TrainingData] | None = None
        counts = survey.labels.of(estimator.classes_) if survey.labels else None
        self._class_weights = estimator._weights_of_classes(counts)
        if self._class_weights is not None:
            check_some_weight(np.array(self._class_weights[1], dtype), dtype)

    def encode(self, y: ArrayLike) -> np.ndarray | None:
        """Return the targets, of shape (n_rows, n_targets); None for unknown ones."""
        targets: np.ndarray = self.estimator._encode(y)
        is_known = targets.shape[1] == self._n_targets and self.estimator._is_known(y)
        return targets if is_known else None

    def for_task(self, task: FitTask) -> Self:
        """Return an encoder that standardises rows as the network of a task asks."""
        encoder = copy(self)
        if task.network.layout.has_statistics:
            loss = task.loss, select(LossOptions, parameters_of(self.estimator))
            # A copy, for training changes theta while another thread reads rows.
            arguments = task.network, task.state.theta.copy(), loss, self.estimator.loss
            encoder._convert = partial(standardized, *arguments)
        return encoder

    def training_data(
        self, X: ArrayLike, targets: np.ndarray, sample_weight: np.ndarray | None
    ) -> TrainingData:
        """Return rows in the form of the kernels."""
        factors = None
        if self._class_weights is not None:
            weights, mean = self._class_weights
            factors = RowFactors(weights[targets[:, 0].astype(np.intp)], mean)
        data = make_training_data(X, targets, sample_weight, factors, self._dtype)
        return self._convert(data, targets) if self._convert else data


class TrainingStream:
    """The rows of a source of batches, in blocks that the kernels take.

    Parameters
    ----------
    encoder : RowEncoder
    source : BatchSource
    survey : Survey
        What the first pass has found.

    Attributes
    ----------
    n_rows : int
    is_sparse : bool
    block_rows : int
        Rows to hold in memory at a time.
    """

    def __init__(self, encoder: RowEncoder, source: BatchSource, survey: Survey):
        self._encoder, self._source = encoder, source
        self._config = get_config()
        self.n_rows, self.is_sparse = survey.n_rows, survey.is_sparse
        bytes_a_row = max(1, survey.n_bytes // survey.n_rows)
        self.block_rows = source.buffer_size or max(1, _BUFFER_BYTES // bytes_a_row)

    def blocks(self, sizes: Sequence[int]) -> Iterator[TrainingData]:
        """Yield all rows in blocks of these sizes.

        Raises
        ------
        ValueError
            If a batch is not valid, or there are not the rows of the first pass.
        """
        rows, n_read, k = _Rows(), 0, 0
        encoded = self._encoder.training_data
        with config_context(**self._config):
            for X, targets, sample_weight in self._batches():
                n_read += X.shape[0]
                if n_read > self.n_rows:
                    raise self._changed(f"{n_read} rows or more")
                rows.add(X, targets, sample_weight)
                # The last block waits until the source has come to its end.
                while k + 1 < len(sizes) and rows.n_rows >= sizes[k]:
                    yield encoded(*rows.take(sizes[k]))
                    k += 1
            if n_read < self.n_rows:
                raise self._changed(f"{n_read} rows")
            yield encoded(*rows.take(sizes[k]))

    def _batches(self) -> Iterator[tuple[Any, np.ndarray, np.ndarray | None]]:
        for X, y, sample_weight in checked_batches(
            self._encoder.estimator, self._source, resets=False, is_first_pass=False
        ):
            if scipy.sparse.issparse(X) != self.is_sparse:
                raise self._changed("sparse X" if not self.is_sparse else "dense X")
            targets = self._encoder.encode(y)
            if targets is None:
                raise self._changed("other columns of y, or other labels")
            yield X, targets, sample_weight

    def _changed(self, seen: str) -> ValueError:
        return ValueError(
            f"The BatchSource has changed since the first pass, which gave "
            f"{self.n_rows} rows: now it gives {seen}. It must yield the same batches "
            "each time that it is iterated over."
        )


class _Rows:
    """Rows that come in batches and leave in blocks, in the same order."""

    def __init__(self) -> None:
        self._batches: deque[tuple[Any, ...]] = deque()
        self._start = 0  # in the first batch
        self.n_rows = 0

    def add(self, *arrays: Any) -> None:
        """Add a batch: X, targets, and weights or None."""
        self._batches.append(arrays)
        self.n_rows += arrays[0].shape[0]

    def take(self, n_rows: int) -> list[Any]:
        """Remove so many rows; return their arrays. Rows of one batch are a view."""
        taken = []
        self.n_rows -= n_rows
        while n_rows > 0:
            batch, start = self._batches[0], self._start
            n, stop = batch[0].shape[0], self._start + n_rows
            if start > 0 or stop < n:
                batch = tuple(None if a is None else a[start:stop] for a in batch)
            taken.append(batch)
            n_rows -= batch[0].shape[0]
            self._start = stop if stop < n else 0
            if not self._start:
                self._batches.popleft()
        return [stacked(list(parts)) for parts in zip(*taken, strict=True)]
