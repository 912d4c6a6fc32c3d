"""Ensembles as scikit-learn's estimators: checks, messages, files, threads, limits."""

import pickle
import time
import tracemalloc

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose, assert_array_equal
from recording_callbacks import Recorder, calls_of
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknn import (
    EnsembleMLPClassifier,
    EnsembleMLPRegressor,
    MLPClassifier,
    MLPRegressor,
)
from sknn.kernels.losses.output_activations import OUTPUT_ACTIVATIONS

IRIS, LABELS = load_iris(return_X_y=True)
X_DIABETES, Y_DIABETES = load_diabetes(return_X_y=True)
X_DIABETES, Y_DIABETES = scale(X_DIABETES), scale(Y_DIABETES)
FAST = {
    "hidden_layer_sizes": (8,),
    "max_iter": 10,
    "tol": None,
    "batch_size": 32,
    "learning_rate_init": 0.01,
}
CLASSIFIER = EnsembleMLPClassifier(MLPClassifier(**FAST), cv=3, random_state=0)
REGRESSOR = EnsembleMLPRegressor(MLPRegressor(**FAST), cv=3, random_state=0)


@parametrize_with_checks(
    [
        EnsembleMLPClassifier(MLPClassifier(max_iter=40, tol=None)),
        EnsembleMLPRegressor(MLPRegressor(max_iter=40, tol=None)),
    ]
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


# Predictions --------------------------------------------------------------------------


def test_the_deviation_of_the_members():
    X, y = X_DIABETES, Y_DIABETES
    model = clone(REGRESSOR).fit(X, y)
    each = [member.predict(X) for member in model.estimators_]
    mean, deviation = model.predict(X, return_std=True)
    assert_array_equal(mean, model.predict(X))
    assert_allclose(deviation, np.std(each, axis=0), rtol=1e-8)
    # A copy in another dtype is made of blocks of rows.
    many = np.tile(X, (100, 1)).astype(int)
    mean, deviation = model.predict(many, return_std=True)
    assert mean.shape == deviation.shape == (44200,)
    each = [member.predict(many) for member in model.estimators_]
    assert_allclose(deviation, np.std(each, axis=0), rtol=1e-8)


@pytest.mark.parametrize("n_rows", [1, 5, 20_001])
def test_means_do_not_depend_on_the_rows_beside(n_rows):
    model = clone(CLASSIFIER).fit(IRIS, LABELS)
    X = np.random.RandomState(0).normal(3, size=(n_rows, 4))
    mean = np.mean([member.predict_proba(X) for member in model.estimators_], axis=0)
    assert_allclose(model.predict_proba(X), mean, rtol=1e-12)
    assert_array_equal(model.predict(X), mean.argmax(axis=1))


def test_data_that_are_not_finite_are_refused():
    model = clone(CLASSIFIER).fit(IRIS, LABELS)
    X = IRIS.copy()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.predict(X)
    with (
        config_context(assume_finite=True),
        pytest.warns(RuntimeWarning, match="not finite"),
    ):
        assert np.isnan(clone(REGRESSOR).fit(IRIS, LABELS).predict(X)[3])


def test_members_that_do_not_belong_together_are_refused():
    model = clone(CLASSIFIER).fit(IRIS, LABELS)
    model.estimators_[1] = MLPClassifier(**FAST).fit(IRIS, LABELS > 0)
    with pytest.raises(ValueError, match=r"estimators_ must have as many .* outputs"):
        model.predict(IRIS)


@pytest.mark.parametrize(
    ("link", "settings", "width"),
    [
        ("identity", (), 3),
        ("exp", (), 3),
        ("logistic", (), 3),
        ("softmax", (), 4),
        ("quantiles", (3.0, 0.1, 0.5, 0.9), 6),
    ],
)
def test_raw_outputs_of_predictions(link, settings, width):
    raw = np.random.RandomState(0).normal(size=(20, width))
    links = {
        "identity": lambda z: z,
        "exp": np.exp,
        "logistic": scipy.special.expit,
        "softmax": lambda z: scipy.special.softmax(z, axis=1),
        "quantiles": lambda z: np.cumsum(
            np.concatenate(
                [z[..., :1], np.logaddexp(0, z[..., 1:])], axis=-1
            ), axis=-1
        ),
    }  # fmt: skip

    def predictions_of(z):
        z = z.reshape(20, -1, 3) if link == "quantiles" else z
        return links[link](z).reshape(20, width)

    predictions = predictions_of(raw)
    found = OUTPUT_ACTIVATIONS[link].inverse_of_rows(predictions, settings)
    assert_allclose(predictions_of(found), predictions, rtol=1e-10)
    if link != "softmax":
        assert_allclose(found, raw, rtol=1e-8, atol=1e-10)


def test_every_output_activation_has_its_inverse():
    assert {"identity", "exp", "logistic", "softmax", "quantiles"} >= set(
        OUTPUT_ACTIVATIONS
    )


# The same result whatever runs beside -------------------------------------------------


@pytest.mark.parametrize("model", [CLASSIFIER, REGRESSOR])
def test_the_result_does_not_depend_on_threads(model):
    X = np.tile(IRIS, (20, 1))
    X = X + np.random.RandomState(0).normal(0, 0.3, X.shape)
    y = np.tile(LABELS, 20)
    found = []
    for n_jobs in (1, 2, -1, None):
        one = clone(model).set_params(n_jobs=n_jobs)
        one.set_params(estimator__hidden_layer_sizes=(64, 64))
        found.append(one.fit(X, y))
    for other in found[1:]:
        assert_array_equal(other.oof_predictions_, found[0].oof_predictions_)
        assert other.history_["val_score"] == found[0].history_["val_score"]
        assert_array_equal(other.predict(X), found[0].predict(X))


def test_seeds():
    one, other = clone(CLASSIFIER).fit(IRIS, LABELS), clone(CLASSIFIER)
    assert_array_equal(other.fit(IRIS, LABELS).oof_predictions_, one.oof_predictions_)
    assert pickle.dumps(other) == pickle.dumps(one)
    other.set_params(random_state=1).fit(IRIS, LABELS)
    assert (other.oof_predictions_ != one.oof_predictions_).any()
    coefs = [member.coefs_[0][0, 0] for member in one.estimators_]
    assert len(set(coefs)) == 3


# scikit-learn around it ---------------------------------------------------------------


def test_parameters_of_the_members_are_searched():
    search = GridSearchCV(CLASSIFIER, {"estimator__alpha": [1e-4, 10.0]}, cv=2)
    search.fit(IRIS, LABELS)
    assert {member.alpha for member in search.best_estimator_.estimators_} == {
        search.best_params_["estimator__alpha"]
    }


def test_groups_come_by_metadata_routing():
    groups = np.repeat(np.arange(15), 10)
    with config_context(enable_metadata_routing=True):
        model = clone(CLASSIFIER).set_fit_request(groups=True)
        pipeline = make_pipeline(StandardScaler(), model)
        pipeline.fit(IRIS, LABELS, groups=groups)
    expected = clone(CLASSIFIER).fit(scale(IRIS), LABELS, groups=groups)
    found = pipeline[-1].oof_predictions_
    assert_allclose(found, expected.oof_predictions_, rtol=1e-6)


@pytest.mark.parametrize("model", [CLASSIFIER, REGRESSOR])
def test_files(model):
    model = clone(model).fit(IRIS, LABELS)
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.predict(IRIS), model.predict(IRIS))
    assert "seconds" not in loaded.history_
    skops_io = pytest.importorskip("skops.io")
    from sknn.io import TRUSTED_TYPES

    loaded = skops_io.loads(skops_io.dumps(model), trusted=TRUSTED_TYPES)
    assert_array_equal(loaded.predict(IRIS), model.predict(IRIS))
    assert loaded.best_iteration_ == model.best_iteration_


def test_a_failed_fit_changes_nothing():
    model = clone(CLASSIFIER)
    with pytest.raises(NotFittedError):
        model.predict(IRIS)
    model.fit(IRIS, LABELS)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full_like(IRIS, np.nan), LABELS)
    assert pickle.dumps(model) == before
    model.set_params(cv=None).fit(IRIS, LABELS)
    assert not hasattr(model, "oof_predictions_")


def test_callbacks_hear_of_each_epoch_and_may_stop():
    recorder = Recorder()
    clone(CLASSIFIER).set_callbacks(recorder).fit(IRIS, LABELS)
    assert recorder.calls == calls_of(10)
    model = clone(CLASSIFIER).set_callbacks(Recorder(stop_after=4))
    assert model.fit(IRIS, LABELS).n_iter_ == 4
    assert len(model.oof_predictions_) == 150


def test_verbose_prints_an_epoch_a_line(capsys):
    net = MLPClassifier(**{**FAST, "max_iter": 3}, verbose=True, scoring="loss")
    EnsembleMLPClassifier(net, cv=2, random_state=0).fit(IRIS, LABELS)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:11] for line in lines if line.startswith("Iteration")] == [
        "Iteration 1",
        "Iteration 2",
        "Iteration 3",
    ]


# Ends before the last epoch -----------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupt_keeps_the_best_weights(n_jobs):
    scores = iter([0.1, 0.3, 0.2, KeyboardInterrupt])

    def scoring(estimator, X, y):
        score = next(scores)
        if score is KeyboardInterrupt:
            raise KeyboardInterrupt
        return score

    net = MLPClassifier(**FAST, scoring=scoring)
    model = EnsembleMLPClassifier(net, cv=3, random_state=0, n_jobs=n_jobs)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(IRIS, LABELS)
    assert (model.best_iteration_, model.n_iter_) == (2, 3)
    expected = clone(CLASSIFIER).set_params(estimator__max_iter=2)
    expected.set_params(estimator__restore_best_weights=False).fit(IRIS, LABELS)
    assert_array_equal(model.predict_proba(IRIS), expected.predict_proba(IRIS))
    assert_array_equal(model.oof_predictions_, expected.oof_predictions_)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("cv", [None, 3])
def test_ctrl_c_within_an_epoch(n_jobs, cv, interrupted):
    """It ends a long epoch, and training goes on from there to the same bits."""
    X, y = np.tile(X_DIABETES, (20, 1)), np.tile(Y_DIABETES, 20)
    net = MLPRegressor(hidden_layer_sizes=(200, 200), tol=None, batch_size=64)
    net.set_params(dropout=0.1, max_iter=1)
    model = EnsembleMLPRegressor(net, cv=cv, n_members=3, random_state=0, n_jobs=n_jobs)
    whole = clone(model).fit(X, y)  # and compiles
    model.set_params(estimator__max_iter=1000)
    with pytest.warns(UserWarning, match="interrupted by user"):
        interrupted(lambda: model.fit(X, y), delay=0.1)
    assert model.n_iter_ < 1000
    if model.n_iter_ == 0:
        assert len(model.predict(X)) == len(X)
        model.set_params(estimator__max_iter=1).resume_fit(X, y)
        assert_array_equal(model.predict(X), whole.predict(X))


def test_the_data_are_in_memory_once():
    X = np.random.RandomState(0).normal(size=(30_000, 40)).astype(np.float32)
    y = X[:, 0] > 0
    net = MLPClassifier((4,), max_iter=1, tol=None)
    model = EnsembleMLPClassifier(net, cv=4, n_members=8, random_state=0)
    model.fit(X[:100], y[:100])  # compiles
    tracemalloc.start()
    model.fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Beside X, which was there before: numbers of rows, as orders and in splits.
    numbers_of_rows = 8 * len(X) * 8
    assert peak < 3 * numbers_of_rows + X.nbytes


def test_the_display_shows_the_history_of_an_ensemble():
    pytest.importorskip("matplotlib").use("Agg")
    from sknn import LossCurveDisplay

    model = clone(CLASSIFIER).fit(IRIS, LABELS)
    pipeline = make_pipeline(model).fit(IRIS, LABELS)
    display = LossCurveDisplay.from_estimator(pipeline)
    assert display.histories[0]["val_score"] == model.history_["val_score"]
    assert display.best_epochs == [model.best_iteration_]


@pytest.mark.parametrize("refit", [False, True])
def test_the_time_limit(refit):
    X, y = np.tile(X_DIABETES, (40, 1)), np.tile(Y_DIABETES, 40)
    net = MLPRegressor(hidden_layer_sizes=(64,), max_iter=100_000, tol=None)
    model = EnsembleMLPRegressor(net, cv=3, refit=refit, time_limit=2, random_state=0)
    clone(model).set_params(estimator__max_iter=1).fit(X, y)  # compiles
    began = time.perf_counter()
    model.fit(X, y)
    # A loose bound: the machine may be busy.
    assert time.perf_counter() - began < 6
    assert 0 < model.best_iteration_ <= model.n_iter_ < 100_000
    assert model.score(X, y) > 0.3


def test_no_time_at_all():
    model = clone(REGRESSOR).set_params(time_limit=1e-9, refit=True)
    model.fit(X_DIABETES, Y_DIABETES)
    assert model.n_iter_ == model.best_iteration_ == 0
    assert model.oof_predictions_.shape == (442,)
    assert np.isfinite(model.predict(X_DIABETES)).all()


def test_divergence():
    net = MLPRegressor(**{**FAST, "solver": "sgd", "learning_rate_init": 1e9})
    model = EnsembleMLPRegressor(net, n_members=2, random_state=0)
    with pytest.raises(ValueError, match=r"Training diverged in epoch 1 .* Scale"):
        model.fit(1e4 * X_DIABETES, Y_DIABETES)
    assert not hasattr(model, "estimators_")


# Messages -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_members": 0}, "'n_members' parameter of EnsembleMLPClassifier must be"),
        ({"n_members": 7, "cv": 3}, r"n_members=7 must be .* n_members=6 or 9"),
        ({"n_members": 2, "cv": 3}, r"n_members=2 must be .* n_members=3 or 6"),
        ({"cv": []}, "cv gives no splits"),
        ({"cv": [([0, 1], [])]}, "A split of cv has no rows to hold out"),
        ({"cv": [([0, 1], [150])]}, "must hold numbers of rows, from 0 to 149"),
        ({"cv": [([0, 1], [0.5])]}, "must hold numbers of rows"),
        ({"cv": 1}, "'cv' parameter|at least one train/test split"),
        ({"time_limit": 0}, "'time_limit' parameter"),
        ({"n_jobs": 0}, "'n_jobs' parameter"),
        ({"estimator": MLPRegressor()}, "must be an MLPClassifier, got MLPRegressor"),
        ({"estimator": MLPClassifier(solver="lbfgs")}, "solver='lbfgs'"),
        ({"estimator": MLPClassifier(alpha=-1)}, "'alpha' parameter of MLPClassifier"),
        (
            {"cv": 3, "estimator": MLPClassifier(validation_splitter=KFold(2))},
            r"cv holds out rows .* validation_splitter=KFold\(",
        ),
        ({"estimator": 3}, "'estimator' parameter of EnsembleMLPClassifier must be"),
    ],
)
def test_refusals(parameters, message):
    model = EnsembleMLPClassifier(**parameters)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(IRIS, LABELS)
    assert not hasattr(model, "estimators_")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"metrics": "accuracy"}, r"metrics='accuracy' .* Set cv, or early_stopping"),
        ({"warm_start": True}, r"warm_start=True .* call resume_fit"),
    ],
)
def test_parameters_of_the_estimator_without_effect(parameters, message):
    net = MLPClassifier(**FAST, **parameters)
    model = EnsembleMLPClassifier(net, n_members=2, random_state=0)
    with pytest.warns(UserWarning, match=message) as caught:
        model.fit(IRIS, LABELS)
    assert caught[0].filename == __file__


def test_two_kinds_of_validation_are_refused():
    with pytest.raises(ValueError, match=r"cv holds out rows .* X_val and y_val"):
        clone(CLASSIFIER).fit(IRIS, LABELS, X_val=IRIS, y_val=LABELS)


def test_weights_that_leave_a_member_nothing():
    weights = np.zeros(150)
    weights[:50] = 1
    cv = [(np.arange(50, 150), np.arange(50))]
    with pytest.raises(ValueError, match="All rows that member 0 would be trained on"):
        clone(CLASSIFIER).set_params(cv=cv).fit(IRIS, LABELS, sample_weight=weights)


def test_a_misspelt_argument():
    with pytest.raises(TypeError, match="group"):
        clone(CLASSIFIER).fit(IRIS, LABELS, group=LABELS)
