"""What fits on batches refuse, and that the estimator is then as it was before."""

from functools import partial

import numpy as np
import pytest
from data_in_batches import (
    LABELS,
    NUMBERS,
    SPARSE,
    WEIGHTS,
    X,
    cut,
    source_of,
    state_of,
)
from sklearn import config_context

from sknn import EnsembleMLPRegressor, MLPClassifier, MLPRegressor
from sknn.data import BatchSource
from sknn.tabular import TabularMLPRegressor

SMALL = {"hidden_layer_sizes": (7,), "max_iter": 4, "random_state": 0, "tol": None}
IN_ORDER = {**SMALL, "shuffle": False, "batch_size": 32}
MULTILABEL = (X[:, :3] > 0).astype(int)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BAD = np.where(np.arange(5) == 2, np.nan, X[:3])
REFUSED = {
    "nothing": ([], "The BatchSource gave no rows"),
    "no rows": ([(X[:0], NUMBERS[:0])], "The BatchSource gave no rows"),
    "X alone": ([X], "Batch 0 must be a tuple .*, got a ndarray"),
    "too much": (
        [(X, NUMBERS, WEIGHTS, 1)],
        "Batch 0 must be .* a tuple of 4",
    ),
    "NaN": ([(X, NUMBERS), (BAD, NUMBERS[:3])], "Batch 1 .*: Input X contains NaN"),
    "text in y": ([(X, LABELS)], "Batch 0 .*: MLPRegressor needs numbers in y"),
    "columns": (
        [(X, NUMBERS), (X[:, 1:], NUMBERS)],
        "Batch 1 .*: X has 4 features, but MLPRegressor is expecting 5",
    ),
    "rows": ([(X, NUMBERS[1:])], "Batch 0 .*: .*inconsistent numbers of samples"),
    "sparse": ([(X, NUMBERS), (SPARSE, NUMBERS)], "Batch 1 .*: X is sparse, but that"),
    "targets": (
        [(X, NUMBERS), (X, X[:, :2])],
        "Batch 1 .*: y has 2 columns, but that of the batches before has one value",
    ),
    "no weights": (
        [(X, NUMBERS, WEIGHTS), (X, NUMBERS)],
        "Batch 1 .*: it comes without sample weights, unlike",
    ),
    "negative weights": ([(X, NUMBERS, -WEIGHTS)], "Batch 0 .*: .*[Nn]egative"),
    "zero weights": ([(X, NUMBERS, 0 * WEIGHTS)], "at least one non-zero number"),
    "classes": (BatchSource([(X, NUMBERS)], classes=[0, 1]), "are for MLPClassifier"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_batches_are_refused(case):
    source, message = REFUSED[case]
    source = source if isinstance(source, BatchSource) else BatchSource(source)
    for model in (
        MLPRegressor(**IN_ORDER),
        MLPRegressor(**IN_ORDER).fit(X[:, :5], NUMBERS),
    ):
        before = dict(vars(model))
        with pytest.raises((TypeError, ValueError), match=message):
            model.fit(source)
        assert vars(model) == before


def test_zero_weights_in_one_batch():
    weights = np.where(np.arange(len(X)) < 71, 0, WEIGHTS)
    whole = MLPRegressor(**IN_ORDER).fit(X, NUMBERS, weights)
    model = MLPRegressor(**IN_ORDER).fit(source_of(X, NUMBERS, weights))
    assert state_of(model) == state_of(whole)


def test_labels_of_other_types_are_refused():
    source = BatchSource([(X, LABELS), (X, NUMBERS > 0)])
    with pytest.raises(ValueError, match=r"y holds numbers .* of the batches"):
        MLPClassifier(**IN_ORDER).fit(source)
    source = BatchSource([(X, -np.abs(NUMBERS))])
    with pytest.raises(ValueError, match=r"Batch 0 .*loss=.poisson"):
        MLPRegressor(**IN_ORDER, loss="poisson").fit(source)


CHANGED = {
    "fewer rows": ([(X[:300], NUMBERS[:300])], "which gave 330 rows: now it gives 300"),
    "more rows": ([(X, NUMBERS)] * 2, "now it gives 660 rows or more"),
    "nothing": ([], "now it gives 0 rows"),
    "other kind": ([(SPARSE, NUMBERS)], "now it gives sparse X"),
    "other targets": ([(X, X[:, :2])], "now it gives other columns of y"),
    "NaN": ([(BAD, NUMBERS[:3])], "Batch 0 .*: Input X contains NaN"),
}


@pytest.mark.parametrize("case", CHANGED)
@pytest.mark.parametrize("epoch", [1, 2])
def test_a_source_that_changes_is_refused(case, epoch):
    other, message = CHANGED[case]
    passes = iter([[(X, NUMBERS)]] * epoch + [other] * 5)
    model = MLPRegressor(**IN_ORDER)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(BatchSource(lambda: next(passes)))
    assert vars(model) == before


def test_labels_that_change_are_refused():
    passes = iter([[(X, LABELS)], [(X, np.where(LABELS == "up", "down", LABELS))]])
    with pytest.raises(ValueError, match="now it gives other columns of y, or other"):
        MLPClassifier(**IN_ORDER).fit(BatchSource(lambda: next(passes)))


SOURCE = source_of(X, NUMBERS)
CALLS = {
    "with y": (lambda m: m.fit(SOURCE, NUMBERS), "y and sample_weight must be None"),
    "with weights": (lambda m: m.fit(SOURCE, None, WEIGHTS), "must be None where X is"),
    "partial_fit": (
        lambda m: m.partial_fit(SOURCE, None),
        "partial_fit trains on one batch, got a BatchSource. Call fit",
    ),
    "columns without codes": (
        lambda m: m.set_params(categorical_features=[0]).fit(SOURCE),
        "Batch 0 of the BatchSource: The columns in categorical_features must hold",
    ),
    "a column without known codes": (
        lambda m: m.set_params(categorical_features=[0]).fit(
            BatchSource([(X * 0 - 1, NUMBERS)])
        ),
        "Column 0 of X, which is in categorical_features, holds no code but -1",
    ),
    "a table": (
        lambda m: TabularMLPRegressor().fit(SOURCE, None),
        "A table must be in memory, got a BatchSource. Fit a TableEncoder on some",
    ),
    "lbfgs": (
        lambda m: m.set_params(solver="lbfgs", tol=1e-4).fit(SOURCE),
        "solver='lbfgs' needs all rows for each step",
    ),
    "early stopping": (
        lambda m: m.set_params(early_stopping=True).fit(SOURCE),
        "early_stopping=True cannot hold out rows of a BatchSource",
    ),
    "validate": (
        lambda m: m.set_params(validate=True).fit(SOURCE),
        "validate=True cannot hold out rows of a BatchSource",
    ),
    "predict": (
        lambda m: m.fit(X, NUMBERS).predict(SOURCE),
        "A BatchSource cannot be used as an array",
    ),
    "an ensemble": (
        lambda m: EnsembleMLPRegressor(m).fit(SOURCE, None),
        "An ensemble needs arrays, got a BatchSource",
    ),
    "y is missing": (lambda m: m.fit(X), "requires y to be passed"),
    "a generator": (
        lambda m: m.fit(iter(cut(X, NUMBERS))),
        r"pass sknn\.data\.BatchSource\(function\)",
    ),
    "a function": (
        lambda m: m.fit(partial(cut, X, NUMBERS)),
        r"pass sknn\.data\.BatchSource\(X\)",
    ),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls_that_are_refused(case):
    call, message = CALLS[case]
    with pytest.raises((TypeError, ValueError), match=message):
        call(MLPRegressor(**SMALL))


def test_a_list_is_an_array():
    model = MLPRegressor(**IN_ORDER).fit(X.tolist(), NUMBERS.tolist())
    assert state_of(model) == state_of(MLPRegressor(**IN_ORDER).fit(X, NUMBERS))


def test_class_weight_of_several_labels_is_refused():
    model = MLPClassifier(**IN_ORDER, class_weight="balanced")
    with pytest.raises(ValueError, match="not supported for several labels a row"):
        model.fit(source_of(X, MULTILABEL))
    model.set_params(class_weight={"low": 0, "middle": 0, "up": 0})
    with pytest.raises(ValueError, match="together give every row a weight of zero"):
        model.fit(source_of(X, LABELS))


BAD_ARGUMENTS = {
    "an iterator": (
        lambda: BatchSource(iter([])),
        "nothing is left after one",
    ),
    "a number": (lambda: BatchSource(3), "batches must be iterable, or a function"),
    "no rows": (lambda: BatchSource([], buffer_size=0), "buffer_size must be an int"),
    "text": (lambda: BatchSource([], buffer_size="1"), "an int of at least 1, or None"),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_arguments_that_are_refused(case):
    make, message = BAD_ARGUMENTS[case]
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_the_configuration_reaches_the_reader():
    infinite, model = np.where(np.arange(5) == 2, np.inf, X), MLPRegressor(**IN_ORDER)
    with (
        config_context(assume_finite=True),
        pytest.raises(ValueError, match="Training diverged"),
    ):
        model.fit(source_of(infinite, NUMBERS))
