"""Deliberate differences from scikit-learn; their page gives the reasons."""

import pickle
import signal
import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import ConvergenceWarning, InconsistentVersionWarning

import sknn
import sknn.estimators.base
from sknn import MLPClassifier, MLPRegressor

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_REG, Y_REG = make_regression(100, 5, random_state=0)
Y_REG = Y_REG / Y_REG.std()


def state_of(estimator):
    return pickle.dumps(estimator.__getstate__())


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_partial_fit_is_hidden_for_lbfgs(estimator):
    assert not hasattr(estimator(solver="lbfgs"), "partial_fit")
    assert hasattr(estimator(solver="sgd"), "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as error:
        estimator(solver="lbfgs").partial_fit  # noqa: B018
    assert "lbfgs is not stochastic" in str(error.value.__cause__)


def test_poisson_refuses_negative_targets():
    y = np.array([1.0, 2.0, -0.5])
    with pytest.raises(ValueError, match=r"needs y >= 0 .* y is -0\.5"):
        MLPRegressor("poisson").fit(np.eye(3), y)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_negative_sample_weights_are_refused(estimator):
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_w"):
        estimator().fit(np.eye(3), [0, 1, 1], sample_weight=[1, 1, -1])


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_all_zero_sample_weights_are_refused(estimator):
    with pytest.raises(ValueError, match="must contain at least one non-zero number"):
        estimator().fit(np.eye(3), [0, 1, 1], sample_weight=[0, 0, 0])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_one_class_has_one_probability_column(solver):
    classifier = MLPClassifier(max_iter=3, solver=solver).fit(np.eye(4), ["a"] * 4)
    assert_array_equal(classifier.predict_proba(np.eye(4)), np.ones((4, 1)))
    assert_array_equal(classifier.predict_log_proba(np.eye(4)), np.zeros((4, 1)))
    assert_array_equal(classifier.predict(np.eye(4)), ["a"] * 4)


def test_changed_layers_are_refused():
    model = MLPRegressor("squared_error", (7, 3), max_iter=2, warm_start=True)
    model.fit(X_REG, Y_REG)
    before = state_of(model)
    message = r"weights have hidden_layer_sizes=\(7, 3\), but .* is now \(7, 4\)"
    model.hidden_layer_sizes = (7, 4)
    with pytest.raises(ValueError, match=message):
        model.fit(X_REG, Y_REG)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X_REG, Y_REG)
    model.hidden_layer_sizes = (7, 3)
    with pytest.raises(ValueError, match="weights have 1, but y now asks for 2"):
        model.fit(X_REG, np.c_[Y_REG, Y_REG])
    assert state_of(model) == before


def test_pickle_is_smaller_than_scikit_learns():
    ours, theirs = (
        len(pickle.dumps(library.MLPClassifier(random_state=0).fit(X_IRIS, Y_IRIS)))
        for library in (sknn, neural_network)
    )
    assert ours < 0.9 * theirs


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.default_cases(1)
def test_float32_regression_stays_float32(solver):
    X = X_REG.astype(np.float32)
    model = MLPRegressor(solver=solver, max_iter=20, random_state=0).fit(X, Y_REG)
    assert {part.dtype for part in model.coefs_ + model.intercepts_} == {X.dtype}
    assert model.predict(X).dtype == np.float32
    if solver != "lbfgs":
        assert model._optimizer_state["slots"].dtype == np.float32


def test_lbfgs_in_float32_stops_by_its_precision():
    """ftol is no finer than float32, so the line search does not fail on noise."""
    X = X_REG.astype(np.float32)
    model = MLPRegressor(solver="lbfgs", max_iter=2000, tol=0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(X, Y_REG)
    assert model.score(X, Y_REG) > 0.999


def test_validation_scores_need_no_validation_of_input(monkeypatch):
    calls = []
    validate = sknn.estimators.base.validate_data
    monkeypatch.setattr(
        sknn.estimators.base,
        "validate_data",
        lambda *a, **k: calls.append(1) or validate(*a, **k),
    )
    model = MLPClassifier(early_stopping=True, max_iter=10)
    model.fit(X_IRIS.tolist(), Y_IRIS)  # a plain array would need no validation at all
    assert len(calls) == 1


def test_multi_output_tag_is_true():
    assert MLPRegressor().__sklearn_tags__().target_tags.multi_output
    assert not MLPClassifier().__sklearn_tags__().target_tags.multi_output


def held_out_rows(monkeypatch, model, X, y, fits):
    """Return the rows that each of several fits validates on."""
    found = []
    split = sknn.estimators.held_out.split_rows

    def recorded(*arguments):
        train, test = split(*arguments)
        found.append(test)
        return train, test

    monkeypatch.setattr(sknn.estimators.held_out, "split_rows", recorded)
    for _ in range(fits):
        model.fit(X, y)
    return found


@pytest.mark.parametrize("random_state", [0, None])
def test_warm_start_validates_on_the_same_rows(monkeypatch, random_state):
    model = MLPClassifier(
        early_stopping=True, warm_start=True, max_iter=3, random_state=random_state
    )
    first, second, third = held_out_rows(monkeypatch, model, X_IRIS, Y_IRIS, 3)
    assert_array_equal(first, second)
    assert_array_equal(first, third)


def test_a_later_warm_start_validates_on_the_rows_of_the_first_fit(monkeypatch):
    model = MLPClassifier(early_stopping=True, max_iter=3, random_state=0)
    (first,) = held_out_rows(monkeypatch, model, X_IRIS, Y_IRIS, 1)
    model.set_params(warm_start=True)
    (second,) = held_out_rows(monkeypatch, model, X_IRIS, Y_IRIS, 1)
    assert_array_equal(first, second)


def test_a_fresh_fit_draws_new_validation_rows(monkeypatch):
    model = MLPClassifier(early_stopping=True, max_iter=3)
    first, second = held_out_rows(monkeypatch, model, X_IRIS, Y_IRIS, 2)
    assert not np.array_equal(np.sort(first), np.sort(second))


def test_warm_start_keeps_the_best_weights():
    """A second fit that finds nothing better returns to the best of the first."""
    model = MLPRegressor(
        early_stopping=True, warm_start=True, max_iter=150, random_state=0, tol=0
    ).fit(X_REG, Y_REG)
    best = [coef.copy() for coef in model.coefs_]
    score = model.best_validation_score_
    # Far too large steps only make it worse.
    model.set_params(learning_rate_init=0.5, max_iter=2).fit(X_REG, Y_REG)
    assert model.best_validation_score_ == score
    for expected, actual in zip(best, model.coefs_, strict=True):
        assert_array_equal(actual, expected)


def test_multiclass_validation_set_is_stratified(monkeypatch):
    model = MLPClassifier(early_stopping=True, max_iter=2, validation_fraction=0.2)
    y = np.repeat([0, 1, 2], [100, 40, 10])
    (rows,) = held_out_rows(monkeypatch, model, X_IRIS, y, 1)
    assert_array_equal(np.bincount(y[rows]), [20, 8, 2])


def test_multilabel_validation_set_is_stratified(monkeypatch):
    model = MLPClassifier(early_stopping=True, max_iter=2, validation_fraction=0.2)
    Y = np.repeat([[0, 1], [1, 1], [1, 0]], [100, 40, 10], axis=0)
    (rows,) = held_out_rows(monkeypatch, model, X_IRIS, Y, 1)
    assert_array_equal(Y[rows].sum(axis=0), [10, 28])


@pytest.mark.parametrize("rare", [1, 2])
def test_rare_classes_are_no_error(monkeypatch, rare):
    """A plain draw, where a class cannot be on both sides."""
    y = np.repeat([0, 1, 2], [100, 50 - rare, rare])
    fraction = 0.1 if rare == 1 else 2 / 150
    model = MLPClassifier(
        early_stopping=True, max_iter=2, validation_fraction=fraction, random_state=0
    )
    (rows,) = held_out_rows(monkeypatch, model, X_IRIS, y, 1)
    assert len(rows) == np.ceil(fraction * 150)


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_divergence_is_reported_in_its_epoch(solver):
    model = MLPRegressor(random_state=0, max_iter=5).fit(X_REG, Y_REG)
    before = state_of(model)
    model.set_params(solver=solver, learning_rate_init=1e5, max_iter=200)
    X = X_REG
    if solver == "sgd":
        message = (
            "^Solver produced non-finite parameter weights.* diverged in epoch "
            r"\d with a learning rate of 100000\. Scale the features"
        )
    else:
        message = r"^The loss became nan\. L-BFGS diverged after iteration 0\. Scale"
        X = X_REG * 1e200
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y_REG)
    model.set_params(solver="adam", learning_rate_init=0.001, max_iter=5)
    assert state_of(model) == before


def test_divergence_with_early_stopping_keeps_the_best_weights():
    model = MLPRegressor(
        solver="sgd", learning_rate_init=1e5, early_stopping=True, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="diverged in epoch .* were restored"):
        model.fit(X_REG, Y_REG)
    assert model.n_iter_ < 20
    assert np.isnan(model.validation_scores_[-1])
    assert all(np.isfinite(coef).all() for coef in model.coefs_)
    assert np.isfinite(model.predict(X_REG)).all()


def test_divergence_before_the_first_score_is_an_error():
    model = MLPRegressor(
        solver="sgd", learning_rate_init=1e300, early_stopping=True, random_state=0
    )
    with pytest.raises(ValueError, match=r"diverged in epoch [12] with .* 1e\+300"):
        model.fit(X_REG, Y_REG)
    assert not hasattr(model, "coefs_")


def test_predictions_keep_their_activation():
    model = MLPRegressor(max_iter=5, random_state=0).fit(X_REG, Y_REG)
    before = model.predict(X_REG)
    assert_array_equal(model.set_params(activation="tanh").predict(X_REG), before)


def test_loss_of_the_classifier_is_a_parameter():
    assert MLPClassifier().get_params()["loss"] == "log_loss"
    assert "loss" not in neural_network.MLPClassifier().get_params()


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(
    ("X", "y", "weights"),
    [
        (np.full((4, 5), np.nan), [0, 1, 0, 1], None),
        (np.ones((4, 5)), [0, 1, 0], None),
        (np.ones((4, 5)), [0.5, 1.2, 0.1, 3.3], None),
        (np.ones((4, 5)), [0, 1, 0, 1], [1, 1]),
        (np.ones((4, 5)), [0, 1, 0, 1], [0, 0, 0, 0]),
        (np.ones((4, 9)), None, None),
    ],
    ids=["NaN", "lengths", "continuous", "weights", "zero weights", "no y"],
)
def test_failed_fit_changes_nothing(X, y, weights, fitted):
    model = MLPClassifier(max_iter=2, random_state=0)
    if fitted:
        model.fit(X_REG, Y_REG > 0)
    before = state_of(model)
    with pytest.raises(ValueError, match=r"."):
        model.fit(X, y, sample_weight=weights)
    with pytest.raises(ValueError, match=r"."):
        model.partial_fit(X, y, sample_weight=weights, classes=[False, True])
    assert state_of(model) == before


def test_batch_of_zero_weights_is_skipped():
    """It counts neither for the steps nor for the loss of a full fit."""
    weights = np.ones(100)
    weights[20:40] = 0
    options = {"batch_size": 20, "shuffle": False, "max_iter": 10, "random_state": 0}
    sgd = {"solver": "sgd", "momentum": 0.0, **options}
    skipped = MLPRegressor(**sgd).fit(X_REG, Y_REG, sample_weight=weights)
    rows = np.flatnonzero(weights)
    without = MLPRegressor(**sgd).fit(X_REG[rows], Y_REG[rows])
    for expected, actual in zip(without.coefs_, skipped.coefs_, strict=True):
        assert_allclose(actual, expected, rtol=1e-13)
    assert np.isfinite(skipped.loss_curve_).all()


def test_text_targets_are_refused():
    with pytest.raises(ValueError, match=r"needs numbers in y, but its dtype is <U1"):
        MLPRegressor().fit(np.eye(2), np.array(["a", "b"]))


@pytest.mark.parametrize("index", [5, -1, 10**6])
def test_sparse_indices_out_of_range_are_refused(index):
    X = scipy.sparse.csr_array(X_REG)
    model = MLPRegressor(max_iter=2).fit(X, Y_REG)
    X.indices[7] = index
    for call in (lambda: model.fit(X, Y_REG), lambda: model.predict(X)):
        with pytest.raises(
            ValueError, match=r"not a valid .* must be (< 5|>= 0)\. Build"
        ):
            call()


def test_poisson_is_tagged_for_positive_targets():
    assert MLPRegressor("poisson").__sklearn_tags__().target_tags.positive_only
    assert not MLPRegressor().__sklearn_tags__().target_tags.positive_only


def test_targets_beyond_float32_are_refused():
    with pytest.raises(ValueError, match="y holds values too large for float32"):
        MLPRegressor().fit(np.eye(2, dtype=np.float32), [1e300, 0.0])


@pytest.mark.parametrize("sizes", [(2.5,), [[3, 4]], ("a",)], ids=str)
def test_fractional_layer_sizes_are_refused(sizes):
    with pytest.raises(TypeError, match=r"one integer for each hidden layer, got .*"):
        MLPClassifier(sizes).fit(X_IRIS, Y_IRIS)


def test_partial_fit_with_another_optimizer_starts_it_anew():
    model = MLPRegressor(random_state=0).partial_fit(X_REG, Y_REG)
    model.set_params(solver="sgd").partial_fit(X_REG, Y_REG)
    fresh = MLPRegressor(solver="sgd", random_state=0)
    fresh.partial_fit(X_REG, Y_REG)
    assert model._optimizer_state["name"] == "nesterov"
    assert (
        model._optimizer_state["slots"].shape == fresh._optimizer_state["slots"].shape
    )
    assert model._optimizer_state["n_steps"] == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"learning_rate_init": 0.1},
        {"momentum": 0.1},
        {"nesterovs_momentum": False},
        {"solver": "adam", "beta_1": 0.5},
        {"solver": "adam", "learning_rate_init": 0.1},
    ],
    ids=str,
)
def test_partial_fit_takes_changed_parameters(changed):
    solver = changed.get("solver", "sgd")
    models = [
        MLPRegressor(solver=solver, random_state=0).partial_fit(X_REG, Y_REG)
        for _ in range(2)
    ]
    models[0].set_params(**changed)
    for model in models:
        model.partial_fit(X_REG, Y_REG)
    largest = max(
        np.abs(a - b).max() for a, b in zip(*(m.coefs_ for m in models), strict=True)
    )
    assert largest > 1e-6


def test_refit_with_lbfgs_drops_stochastic_attributes():
    model = MLPRegressor(max_iter=3).fit(X_REG, Y_REG)
    model.set_params(solver="lbfgs").fit(X_REG, Y_REG)
    for name in ("loss_curve_", "best_loss_", "validation_scores_"):
        assert not hasattr(model, name)


def test_lbfgs_prints_a_line_an_iteration(capsys):
    model = MLPRegressor(solver="lbfgs", max_iter=4, verbose=True, random_state=0)
    model.fit(X_REG, Y_REG)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 1, loss = ")
    assert lines[-1] == f"Iteration 4, loss = {model.loss_:.8f}"


needs_timer = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="Windows has no timer that interrupts"
)


@needs_timer
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_interrupt_keeps_a_usable_model(solver, monkeypatch):
    """Ctrl-C in the middle of a fit, here after a fifth of a second."""
    model = MLPRegressor(
        solver=solver, max_iter=10**8, max_fun=10**8, tol=0, n_iter_no_change=np.inf
    )
    model.set_params(max_iter=1).fit(X_REG, Y_REG)  # compiles
    model.set_params(max_iter=10**8)
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(20_000, 20)), rng.normal(size=20_000)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(X, y)
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert np.isfinite(model.predict(X)).all()


@needs_timer
def test_interrupt_ends_a_long_epoch():
    """An epoch of seconds is left in its midst, with weights trained so far."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(300_000, 20)).astype(np.float32)
    model = MLPRegressor("squared_error", (400, 400), max_iter=2, random_state=0)
    model.fit(X[:10], X[:10, 0])  # compiles
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(X, X[:, 0])
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert model.n_iter_ == 0
    assert np.isfinite(model.predict(X[:100])).all()


def test_pickle_carries_the_version(monkeypatch):
    model = MLPClassifier(max_iter=2).fit(X_IRIS, Y_IRIS)
    stored = pickle.dumps(model)
    pickle.loads(stored)
    monkeypatch.setattr("sknn.estimators.estimator.__version__", "99.0")
    with pytest.warns(InconsistentVersionWarning, match=r"sknn 0\.1\.0"):
        pickle.loads(stored)
