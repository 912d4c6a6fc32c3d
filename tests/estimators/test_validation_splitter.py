"""Rows held out by a splitter of scikit-learn, with groups or without."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.estimators import held_out

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = np.array(["a", "b", "c"])[np.digitize(NUMBERS, [-1, 1])]
WEIGHTS = rng.uniform(1, 2, size=60)
GROUPS = np.arange(60) % 7
Y = {MLPClassifier: LABELS, MLPRegressor: NUMBERS}
OPTIONS = {
    "hidden_layer_sizes": (5,),
    "max_iter": 6,
    "tol": None,
    "random_state": 0,
    "early_stopping": True,
}
SPLITTERS = {
    "the last fifth": KFold(5),
    "in the order of time": TimeSeriesSplit(5),
    "chosen by hand": PredefinedSplit([0, 1, -1] * 20),
    "drawn": ShuffleSplit(3, test_size=0.3, random_state=1),
    "by class": StratifiedKFold(4, shuffle=True, random_state=1),
    "groups": GroupKFold(3),
    "groups, drawn": GroupShuffleSplit(2, random_state=1),
}
IGNORED = "The groups parameter is ignored"  # says scikit-learn, of some splitters
each_estimator = pytest.mark.parametrize("estimator", Y)


@pytest.fixture
def rows(monkeypatch):
    """Record the rows to train on and those held out, of each fit."""
    found = []
    choose = held_out._rows_to_hold_out

    def spy(*arguments):
        found.append(choose(*arguments))
        return found[-1]

    monkeypatch.setattr(held_out, "_rows_to_hold_out", spy)
    return found


def last_split(splitter, y):
    *_, split = splitter.split(X, y, GROUPS)
    return split


def fitted(estimator, splitter, **options):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", IGNORED)
        model = estimator(validation_splitter=splitter, **{**OPTIONS, **options})
        return model.fit(X, Y[estimator], groups=GROUPS)


@pytest.mark.filterwarnings(f"ignore:{IGNORED}")
@pytest.mark.parametrize("option", ["early_stopping", "validate"])
@pytest.mark.parametrize("name", SPLITTERS)
@each_estimator
def test_the_fit_is_that_with_the_last_split_passed(estimator, name, option):
    splitter, y = SPLITTERS[name], Y[estimator]
    if estimator is MLPRegressor and name == "by class":
        pytest.skip("there are no classes")
    train, test = last_split(splitter, y)
    options = {**OPTIONS, "early_stopping": False, option: True}
    held = fitted(estimator, splitter, **options)
    if option == "validate":
        del options["validate"]
    given = estimator(**options).fit(X[train], y[train], X_val=X[test], y_val=y[test])
    for key in ("loss", "val_loss", "val_score"):
        np.testing.assert_allclose(held.history_[key], given.history_[key], rtol=1e-9)
    for ours, theirs in zip(held.coefs_, given.coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-12)


@each_estimator
def test_sparse_rows_and_sample_weights(estimator, rows):
    y = Y[estimator]
    model = estimator(validation_splitter=KFold(5), **OPTIONS)
    model.fit(scipy.sparse.csr_array(X), y, WEIGHTS)
    assert_array_equal(rows[0][1], np.arange(48, 60))
    last = np.arange(48, 60)
    score = model.score(X[last], y[last], WEIGHTS[last])
    assert max(model.history_["val_score"]) == pytest.approx(score)


def test_groups_are_not_divided(rows):
    fitted(MLPClassifier, GroupShuffleSplit(1, test_size=0.3))
    train, test = rows[0]
    assert not set(GROUPS[train]) & set(GROUPS[test])
    assert len(train) + len(test) == 60


def test_text_as_groups(rows):
    names = np.array(list("uvwxyzz"))[GROUPS]
    model = MLPRegressor(validation_splitter=GroupKFold(3), **OPTIONS)
    model.fit(X, NUMBERS, groups=names.tolist())
    assert not set(names[rows[0][0]]) & set(names[rows[0][1]])


# Chance ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "splitter",
    [GroupShuffleSplit(2), KFold(4, shuffle=True), ShuffleSplit(2, test_size=0.2)],
    ids=lambda splitter: type(splitter).__name__,
)
@each_estimator
def test_a_splitter_without_a_seed_takes_that_of_the_network(estimator, splitter, rows):
    for seed in (0, 0, 1):
        fitted(estimator, splitter, random_state=seed)
    one, again, other = (np.sort(held) for _, held in rows)
    assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert splitter.random_state is None


@pytest.mark.parametrize("seed", [None, 3, "instance"])
@each_estimator
def test_warm_starts_and_resumed_fits_hold_out_the_same_rows(estimator, seed, rows):
    if seed == "instance":
        seed = np.random.RandomState(3)
    splitter = GroupShuffleSplit(2, random_state=seed)
    model = fitted(estimator, splitter, max_iter=3, warm_start=True)
    model.fit(X, Y[estimator], groups=GROUPS)
    model = pickle.loads(pickle.dumps(model)).set_params(max_iter=6)
    model.resume_fit(X, Y[estimator], groups=GROUPS)
    for _, held in rows[1:]:
        assert_array_equal(held, rows[0][1])


@each_estimator
def test_a_resumed_fit_is_the_whole_fit(estimator):
    splitter = GroupShuffleSplit(1)
    whole = fitted(estimator, splitter, max_iter=8)
    parts = fitted(estimator, splitter, max_iter=3).set_params(max_iter=8)
    parts.resume_fit(X, Y[estimator], groups=GROUPS)
    assert parts.history_["val_loss"] == whole.history_["val_loss"]
    assert_array_equal(parts.coefs_[0], whole.coefs_[0])


@pytest.mark.filterwarnings(f"ignore:{IGNORED}")
def test_an_own_generator_moves_on(rows):
    splitter = ShuffleSplit(1, random_state=np.random.RandomState(3))
    for _ in range(2):
        fitted(MLPRegressor, splitter)
    expected = ShuffleSplit(1, random_state=np.random.RandomState(3))
    for _, held in rows:
        assert_array_equal(held, last_split(expected, NUMBERS)[1])


# Around the network ------------------------------------------------------------------


def test_a_pipeline_and_a_search_pass_groups_by_name(rows):
    network = MLPClassifier(validation_splitter=GroupKFold(3), **OPTIONS)
    pipeline = make_pipeline(StandardScaler(), network)
    pipeline.fit(X, LABELS, mlpclassifier__groups=GROUPS)
    grid = {"mlpclassifier__alpha": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
    search.fit(X, LABELS, mlpclassifier__groups=GROUPS)
    assert len(rows) == 1 + 2 * 2 + 1


def test_metadata_routing_passes_groups(rows):
    with sklearn.config_context(enable_metadata_routing=True):
        network = MLPClassifier(validation_splitter=GroupKFold(2), **OPTIONS)
        network.set_fit_request(groups=True)
        search = GridSearchCV(
            make_pipeline(StandardScaler(), network),
            {"mlpclassifier__alpha": [0.1, 1.0]},
            cv=GroupKFold(3),
            error_score="raise",
        )
        search.fit(X, LABELS, groups=GROUPS)
    for train, held in rows[:-1]:
        assert 30 < len(train) + len(held) < 50
    train, held = rows[-1]
    assert not set(GROUPS[train]) & set(GROUPS[held])


def test_clone_copy_and_search_over_splitters():
    network = MLPRegressor(validation_splitter=KFold(4), **OPTIONS)
    for other in (clone(network), copy.copy(network), copy.deepcopy(network)):
        assert repr(other.validation_splitter) == repr(KFold(4))
    space = {"validation_splitter": [None, KFold(3), ShuffleSplit(1)]}
    search = GridSearchCV(network, space, cv=2, error_score="raise").fit(X, NUMBERS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_scores_do_not_depend_on_the_number_of_processes():
    network = MLPRegressor(validation_splitter=GroupShuffleSplit(1), **OPTIONS)
    arguments = {"params": {"groups": GROUPS}, "cv": 3}
    one = cross_val_score(network, X, NUMBERS, n_jobs=1, **arguments)
    assert_array_equal(cross_val_score(network, X, NUMBERS, n_jobs=2, **arguments), one)


# Refusals ----------------------------------------------------------------------------


class Odd:
    """A splitter that gives what it is told to."""

    def __init__(self, *splits):
        self.splits = splits

    def get_n_splits(self, X=None, y=None, groups=None):
        return len(self.splits)

    def split(self, X, y=None, groups=None):
        yield from self.splits

    def __repr__(self):
        return "Odd()"


def test_masks_and_lists_of_rows(rows):
    mask = np.arange(60) < 50
    fitted(MLPRegressor, Odd((mask, ~mask)))
    fitted(MLPRegressor, Odd((list(range(50)), list(range(50, 60)))))
    for train, held in rows:
        assert_array_equal(train, np.arange(50))
        assert_array_equal(held, np.arange(50, 60))


ODD = {
    "no split": [],
    "one part": [([0, 1],)],
    "three parts": [([0], [1, 2], [3])],
    "a row on both sides": [([0, 1, 2], [2, 3])],
    "a row twice": [([0, 1, 1], [2, 3])],
    "a row that is not there": [([0, 1], [2, 60])],
    "a negative row": [([0, 1], [-1, 3])],
    "numbers that are not whole": [([0.5, 1.0], [2.0, 3.0])],
    "a short mask": [(np.ones(59, bool), [3, 4])],
    "a matrix": [([[0, 1]], [2, 3])],
}


@pytest.mark.parametrize("name", ODD)
@each_estimator
def test_splits_that_are_none(estimator, name):
    model = estimator(validation_splitter=Odd(*ODD[name]), **OPTIONS)
    with pytest.raises(
        ValueError, match=r"validation_splitter=Odd\(\) must give pairs"
    ):
        model.fit(X, Y[estimator])
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize(
    ("splitter", "message"),
    [
        (LeaveOneOut(), "leaves 59 of 60 rows to train on and holds out 1 in its last"),
        (Odd(([], [0, 1])), "leaves 0 of 60 rows to train on and holds out 2"),
        (KFold(100), r"validation_splitter=KFold\(n_splits=100.*cannot split the rows"),
        (GroupKFold(2), r"cannot split the rows: .*groups.* Pass groups to fit"),
        (StratifiedGroupKFold(2), r"cannot split the rows: .*groups.* Pass groups to"),
    ],
    ids=str,
)
def test_splits_that_leave_too_little(splitter, message):
    model = MLPClassifier(validation_splitter=splitter, **OPTIONS)
    with pytest.raises(ValueError, match=message):
        model.fit(X, LABELS)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("value", [KFold, 5, 0.2, "last", [([0], [1])]])
@each_estimator
def test_what_is_no_splitter(estimator, value):
    message = r"'validation_splitter' parameter .*splitter of sklearn.model_selection"
    with pytest.raises(ValueError, match=message):
        estimator(validation_splitter=value, **OPTIONS).fit(X, Y[estimator])


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (GROUPS[:10], "inconsistent numbers of samples"),
        (np.ma.masked_array(GROUPS, GROUPS == 1), "groups holds .* masked values"),
        (np.where(GROUPS == 1, np.nan, GROUPS), "groups contains NaN"),
    ],
)
def test_groups_that_are_refused(groups, message):
    model = MLPRegressor(validation_splitter=GroupKFold(2), **OPTIONS)
    with pytest.raises(ValueError, match=message):
        model.fit(X, NUMBERS, groups=groups)


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({}, {}),
        ({"early_stopping": False}, {}),
        ({"early_stopping": False, "solver": "lbfgs", "tol": 1e-4}, {}),
        (
            {"validation_splitter": GroupKFold(2)},
            {"X_val": X[:9], "y_val": NUMBERS[:9]},
        ),
    ],
    ids=["at random", "nothing held out", "lbfgs", "a set that is given"],
)
def test_groups_that_nobody_looks_at_give_a_warning(options, given):
    model = MLPRegressor(**{**OPTIONS, **options})
    with pytest.warns(UserWarning, match="groups has no effect") as said:
        model.fit(X, NUMBERS, groups=GROUPS, **given)
    assert said[0].filename == __file__


def test_a_splitter_has_an_effect_with_validate_alone():
    options = {**OPTIONS, "early_stopping": False}
    MLPRegressor(validation_splitter=KFold(3), validate=True, **options).fit(X, NUMBERS)
    with pytest.warns(UserWarning, match="validation_splitter=.* has no effect"):
        MLPRegressor(validation_splitter=KFold(3), **options).fit(X, NUMBERS)
