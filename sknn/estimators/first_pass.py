"""The first pass over a source of batches: all checks, and what a fit has to know."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.base import is_classifier

from sknn.estimators.batch_source import BatchSource
from sknn.estimators.embeddings import largest_code, numbers_of_columns
from sknn.estimators.labels import check_form
from sknn.estimators.missing import refuse_missing
from sknn.estimators.twins import twin_of
from sknn.estimators.validation import weights_of
from sknn.network.data import ArrayLike
from sknn.network.moments import DataSummary, MomentSums
from sknn.training.monitor import Rows

# Of the rows that are kept to look at: most rows, and numbers in them.
_MOST_ROWS, _MOST_NUMBERS = 10_000, 2**24


class Survey(NamedTuple):
    """What the first pass has found.

    Attributes
    ----------
    n_rows : int
    n_bytes : int
        Of X in all rows.
    dtype : dtype
        float32 where all batches are float32, else float64.
    is_sparse : bool
    sample : Rows
        Evenly spaced rows: all of them, where they are few.
    labels : LabelCounts or None
        Of a classifier with one label a row.
    has_weights : bool
    names : ndarray of shape (n_features,) or None
        Names of the features.
    summary : DataSummary
        What ``standardize``, ``standardize_y`` and ``categorical_features`` need.
    """

    n_rows: int
    n_bytes: int
    dtype: np.dtype
    is_sparse: bool
    sample: Rows
    labels: "LabelCounts | None"
    has_weights: bool
    names: np.ndarray | None
    summary: DataSummary


class LabelCounts:
    """The labels of rows, and how often each is there, by sample weight.

    Attributes
    ----------
    labels : ndarray of shape (n_labels,)
        In order.
    counts : ndarray of shape (n_labels,), float64
        Sums in the order of the rows, however these are divided into batches.
    """

    def __init__(self) -> None:
        self.labels = np.empty(0, dtype=np.int64)
        self.counts = np.empty(0)

    def add(self, y: np.ndarray, sample_weight: np.ndarray | None) -> None:
        """Count the labels of some more rows."""
        labels, codes = np.unique(y, return_inverse=True)
        if not self.labels.size:
            self.labels, self.counts = labels[:0], np.empty(0)
        else:
            check_form(y, self.labels, 0, "y", "y of the batches before")
        known = np.union1d(self.labels, labels)
        counts = np.zeros(len(known))
        counts[np.searchsorted(known, self.labels)] = self.counts
        codes = np.searchsorted(known, labels)[codes]
        np.add.at(counts, codes, 1.0 if sample_weight is None else sample_weight)
        self.labels, self.counts = known, counts

    def merge(self, others: "LabelCounts") -> None:
        """Add the counts of others."""
        check_form(others.labels, self.labels, 0, "y", "y of other rows")
        known = np.union1d(self.labels, others.labels)
        self.counts, self.labels = self.of(known) + others.of(known), known

    def of(self, classes: np.ndarray) -> np.ndarray:
        """Return the counts in the order of classes, which hold all labels."""
        counts = np.zeros(len(classes))
        counts[np.searchsorted(classes, self.labels)] = self.counts
        return counts


class RowSample:
    """Keeps every row, and where they become too many every second one of them."""

    def __init__(self) -> None:
        self._pieces: list[list[Any]] = []
        self._stride, self._n_seen, self._n_kept = 1, 0, 0

    def add(self, rows: Rows) -> None:
        """Keep some of these rows, in a copy."""
        n_rows, n_features = rows.X.shape
        kept = slice(-self._n_seen % self._stride, None, self._stride)
        # Not a view, which would hold the whole batch in memory.
        self._pieces.append([None if a is None else a[kept].copy() for a in rows])
        self._n_seen += n_rows
        self._n_kept += self._pieces[-1][0].shape[0]
        most = max(2, min(_MOST_ROWS, _MOST_NUMBERS // n_features))
        while self._n_kept > most:
            self._pieces = [[None if a is None else a[::2] for a in self._stacked()]]
            self._stride, self._n_kept = 2 * self._stride, (self._n_kept + 1) // 2

    def rows(self) -> Rows:
        """Return the rows that were kept."""
        return Rows(*self._stacked())

    def _stacked(self) -> list[Any]:
        return [stacked(list(parts)) for parts in zip(*self._pieces, strict=True)]


class _SummarySums:
    """Adds up what parameters of an estimator need to know of all rows.

    Parameters
    ----------
    estimator : BaseMLP
    """

    def __init__(self, estimator: Any):
        self._estimator = estimator
        self._inputs: MomentSums | None = None
        self._targets: MomentSums | None = None
        self._codes: dict[int, int] | None = None

    def add(self, rows: Rows) -> None:
        """Take some more rows."""
        estimator, X, weights = self._estimator, rows.X, rows.sample_weight
        weights = np.empty(0) if weights is None else weights
        is_sparse = scipy.sparse.issparse(X)
        if estimator.standardize:
            self._inputs = self._inputs or MomentSums(X.shape[1], is_sparse)
            self._inputs.add(X, weights)
        if getattr(estimator, "standardize_y", False):
            targets = estimator._encode(rows.y).astype(np.float64)
            self._targets = self._targets or MomentSums(targets.shape[1], False)
            self._targets.add(targets, weights)
        if not is_sparse:  # else it is refused later
            self._add_codes(X)

    def _add_codes(self, X: np.ndarray) -> None:
        if self._codes is None:
            names = getattr(self._estimator, "feature_names_in_", None)
            columns = self._estimator.categorical_features
            numbers = numbers_of_columns(columns, X.shape[1], names)
            self._codes = dict.fromkeys(numbers, -1)
        for number, code in self._codes.items():
            self._codes[number] = max(code, largest_code(X[:, number], number))

    def total(self) -> DataSummary:
        """Return the statistics and the largest codes of all rows."""
        inputs, targets = (
            sums.total() if sums else None for sums in (self._inputs, self._targets)
        )
        return DataSummary(inputs, targets, self._codes or {})


def stacked(parts: list[Any]) -> Any:
    """Return parts of an array or CSR matrix, one below the other; None for Nones."""
    if len(parts) == 1 or parts[0] is None:
        return parts[0]
    if scipy.sparse.issparse(parts[0]):
        return scipy.sparse.vstack(parts, format="csr")
    return np.concatenate(parts)


def checked_batches(
    estimator: Any, source: BatchSource, resets: bool, is_first_pass: bool
) -> Iterator[Rows]:
    """Yield the batches as arrays, checked as the data of a fit.

    Parameters
    ----------
    estimator : BaseMLP
    source : BatchSource
    resets : bool
        Whether the estimator learns the features from the first batch.
    is_first_pass : bool
        Whether to warn of what each pass finds.
    """
    names = source._feature_names
    if names is not None and not resets:
        _check_names(estimator, names)
    for k, (X, y, sample_weight) in enumerate(source):
        with _named(k):
            refuse_missing(X=X, y=y, sample_weight=sample_weight)
            if resets and k == 0:
                X, y = estimator._validated(X, y, reset=True)
                if names is not None:
                    estimator.feature_names_in_ = np.asarray(names, dtype=object)
            else:
                checker = estimator if names is None else _without_names(estimator)
                X, y = checker._validated(X, y, reset=False)
            if not (is_first_pass and k == 0):
                y = _without_axis(y)  # of which there was a warning
            y = _without_axis(estimator._read_targets(y))
            weights = weights_of(sample_weight, X, X.dtype, may_be_zero=True)
        yield Rows(X, y, weights)


def _without_axis(y: Any) -> Any:
    """Return a single column as a vector."""
    is_column = isinstance(y, np.ndarray) and y.shape[1:] == (1,)
    return y.ravel() if is_column else y


def _without_names(estimator: Any) -> Any:
    """Return a twin that takes arrays without names of features."""
    attributes = vars(estimator).copy()
    attributes.pop("feature_names_in_", None)
    return twin_of(estimator, attributes)


def _check_names(estimator: Any, names: Any) -> None:
    known = getattr(estimator, "feature_names_in_", None)
    if known is not None and list(known) != list(names):
        raise ValueError(
            "The columns of the BatchSource must be those of the fit before, "
            f"{list(known)}, got {list(names)}. Pass features={list(known)}."
        )


@contextmanager
def _named(k: int) -> Iterator[None]:
    """Let errors say which batch they are about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        error.args = (f"Batch {k} of the BatchSource: {error}",)
        raise


def survey_source(
    estimator: Any,
    source: BatchSource,
    resets: bool,
    check_targets: Callable[[ArrayLike], None],
) -> Survey:
    """Read all batches once; refuse what a fit cannot take.

    Parameters
    ----------
    estimator : BaseMLP
        The features are those of the first batch, if it is to learn them.
    source : BatchSource
    resets : bool
        Whether it is.
    check_targets : callable
        Raises a ValueError for targets that the loss does not take.
    """
    first: _Form | None = None
    labels: LabelCounts | None = None
    sample, n_rows, n_bytes = RowSample(), 0, 0
    sums = _SummarySums(estimator)
    total_weight, dtype = 0.0, np.dtype(np.float32)
    for k, rows in enumerate(checked_batches(estimator, source, resets, True)):
        first = first or _Form.of(rows)
        with _named(k):
            check_same_form(_Form.of(rows), first)
            check_targets(rows.y)
            sums.add(rows)
            if is_classifier(estimator) and rows.y.ndim == 1:
                labels = labels or LabelCounts()
                labels.add(rows.y, rows.sample_weight)
        dtype = np.promote_types(dtype, rows.X.dtype)
        n_rows += rows.X.shape[0]
        n_bytes += rows.X.data.nbytes  # of CSR the values alone
        if rows.sample_weight is not None:
            total_weight += float(rows.sample_weight.sum())
        sample.add(rows)
    if first is None:
        raise ValueError(
            "The BatchSource gave no rows. It must yield (X, y) for each batch, each "
            "time that it is iterated over."
        )
    if first.has_weights and not total_weight > 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return Survey(
        n_rows,
        n_bytes,
        dtype,
        first.is_sparse,
        sample.rows(),
        labels,
        first.has_weights,
        getattr(estimator, "feature_names_in_", None),
        sums.total(),
    )


def merged(surveys: Sequence[Survey]) -> Survey:
    """Return the survey of the rows of several, one after the other.

    Raises
    ------
    ValueError
        If they are of different kinds.
    """
    first, sample, labels = surveys[0], RowSample(), None
    for survey in surveys:
        if survey.sample.X.shape[1:] != first.sample.X.shape[1:]:
            counts = [each.sample.X.shape[1] for each in (first, survey)]
            raise ValueError(
                f"Some rows of X have {counts[0]} columns, others have {counts[1]}."
            )
        check_same_form(_Form.of(survey.sample), _Form.of(first.sample))
        sample.add(survey.sample)
        if survey.labels and labels:
            labels.merge(survey.labels)
        labels = labels or deepcopy(survey.labels)
    return first._replace(
        n_rows=sum(survey.n_rows for survey in surveys),
        n_bytes=sum(survey.n_bytes for survey in surveys),
        dtype=np.result_type(*(survey.dtype for survey in surveys)),
        sample=sample.rows(),
        labels=labels,
        summary=reduce(DataSummary.add, (survey.summary for survey in surveys)),
    )


class _Form(NamedTuple):
    """What all batches must have in common."""

    is_sparse: bool
    columns: tuple[int, ...]  # of y
    has_weights: bool

    @classmethod
    def of(cls, rows: Rows) -> "_Form":
        return cls(
            scipy.sparse.issparse(rows.X),
            rows.y.shape[1:],
            rows.sample_weight is not None,
        )


def check_same_form(form: _Form, first: _Form) -> None:
    """Refuse a batch of another kind than the first one."""
    if form.is_sparse != first.is_sparse:
        kinds = {True: "sparse", False: "dense"}
        raise ValueError(
            f"X is {kinds[form.is_sparse]}, but that of the batches before is "
            f"{kinds[first.is_sparse]}. Make all of them dense, or all sparse."
        )
    if form.columns != first.columns:
        raise ValueError(
            f"y has {_counted(form.columns)}, but that of the batches before has "
            f"{_counted(first.columns)}. All must have the same columns."
        )
    if form.has_weights != first.has_weights:
        raise ValueError(
            f"it comes with{'' if form.has_weights else 'out'} sample weights, unlike "
            "the batches before. Either all must have them, or none."
        )


def _counted(columns: tuple[int, ...]) -> str:
    return f"{columns[0]} columns" if columns else "one value a row"
