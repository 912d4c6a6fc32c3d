"""The warning where a fit has learnt less than a constant prediction."""

import warnings

import numpy as np
import pytest
from networks import mlp_architecture
from numpy.testing import assert_allclose
from sklearn import datasets
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from sknn import MLPClassifier, MLPRegressor
from sknn.custom import register_loss
from sknn.estimators.validation import make_training_data
from sknn.kernels.losses.table import LOSSES, losses_of_classifier
from sknn.network.network import network
from sknn.training.baseline import NOT_LEARNT, make_baseline

rng = np.random.RandomState(0)
X = rng.normal(size=(300, 4))
Y = X @ [1.0, 2.0, -1.0, 0.5]
LABELS = (Y > 0).astype(int)


def said(model, X, y, **options):
    """Fit; return what was said of a fit that learnt nothing."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, **options)
    own = [each for each in caught if NOT_LEARNT in str(each.message)]
    assert all(each.category is ConvergenceWarning for each in own)
    return [str(each.message) for each in own]


SCALE = "scale it, as standardize_y=True does"
# Estimator, parameters, factor of X, function of Y, what the message names.
NOTHING_LEARNT = {
    "tiny": (MLPRegressor, {}, 1, lambda y: y * 1e-3, ["too small", SCALE]),
    "tinier": (MLPRegressor, {}, 1, lambda y: y * 1e-6, ["too small", SCALE]),
    "large": (MLPRegressor, {}, 1, lambda y: y * 1e6, ["too large", SCALE]),
    "large mean": (MLPRegressor, {}, 1, lambda y: y + 1e6, ["too large", SCALE]),
    "lbfgs, tiny": (
        MLPRegressor,
        {"solver": "lbfgs"},
        1,
        lambda y: y * 1e-6,
        ["too small", SCALE],
    ),
    "early stopping": (
        MLPRegressor,
        {"early_stopping": True},
        1,
        lambda y: y * 1e-3,
        ["too small", SCALE],
    ),
    "absolute error": (
        MLPRegressor,
        {"loss": "absolute_error"},
        1,
        lambda y: y * 1e-3,
        ["too small", SCALE],
    ),
    "quantile": (
        MLPRegressor,
        {"loss": "quantile", "quantile": [0.1, 0.9]},
        1,
        lambda y: y * 1e-3,
        ["too small", SCALE],
    ),
    "overshoot, adam": (
        MLPRegressor,
        {"learning_rate_init": 10.0},
        1,
        lambda y: y,
        ["overshot", "learning_rate_init=10"],
    ),
    "overshoot, sgd": (
        MLPRegressor,
        {"solver": "sgd", "learning_rate_init": 0.5, "activation": "tanh"},
        1,
        lambda y: y,
        ["overshot", "learning_rate_init=0.5"],
    ),
    "overshoot, labels": (
        MLPClassifier,
        {"solver": "sgd", "learning_rate_init": 100.0},
        100,
        lambda y: LABELS,
        ["overshot", "learning_rate_init=100"],
    ),
    "overshoot, hinge": (
        MLPClassifier,
        {"loss": "hinge", "solver": "sgd", "learning_rate_init": 100.0},
        100,
        lambda y: np.digitize(y, [-1, 1]),
        ["overshot", "learning_rate_init=100"],
    ),
    "too slow": (
        MLPRegressor,
        {"learning_rate_init": 1e-7},
        1,
        lambda y: 2 * y + 3,
        ["change learning_rate_init=1e-07"],
    ),
}


@pytest.mark.parametrize("name", NOTHING_LEARNT)
def test_a_fit_that_learnt_nothing(name):
    estimator, parameters, factor, of_y, words = NOTHING_LEARNT[name]
    options = {"random_state": 0, "max_iter": 60, **parameters}
    if options.get("learning_rate_init") == 0.5:
        options["max_iter"] = 12  # while all numbers are finite
    model = estimator(**options)
    (message,) = said(model, factor * X, of_y(Y))
    for word in words:
        assert word in message
    assert ("(standardize=True)" in message) == ("too " not in "".join(words))
    if estimator is MLPRegressor and "loss" not in parameters:
        assert model.score(factor * X, of_y(Y)) < 0.001


def test_what_is_standardised_already_is_not_advised():
    model = MLPRegressor(random_state=0, max_iter=60, standardize=True)
    (message,) = said(model.set_params(learning_rate_init=10.0), X, Y)
    assert "Training overshot with learning_rate_init=10. Lower it." in message
    model.set_params(learning_rate_init=1e-7)
    (message,) = said(model, X, 2 * Y + 3)
    assert "Change learning_rate_init=1e-07; or lower tol." in message


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e6, 1e8])
def test_the_remedy_helps(factor):
    model = MLPRegressor(random_state=0, max_iter=200)
    assert said(model, X, factor * Y + factor)
    scaled = clone(model).set_params(standardize_y=True)
    assert not said(scaled, X, factor * Y + factor)
    assert scaled.score(X, factor * Y + factor) > 0.95


FALSE_ALARMS = {
    "few epochs": (MLPRegressor, {"max_iter": 3}, lambda y: y * 1e3),
    "noise": (MLPRegressor, {}, lambda y: np.random.RandomState(1).permutation(y)),
    "noise, early": (
        MLPRegressor,
        {"early_stopping": True},
        lambda y: np.random.RandomState(1).permutation(y),
    ),
    "penalty": (MLPRegressor, {"alpha": 1e4, "max_iter": 400}, lambda y: y),
    "dropout": (MLPRegressor, {"dropout": 0.7}, lambda y: y),
    "zeros": (MLPRegressor, {}, lambda y: 0 * y),
    "constant": (MLPRegressor, {}, lambda y: 0 * y + 3),
    "counts": (MLPRegressor, {"loss": "poisson"}, lambda y: np.floor(np.exp(y / 2))),
    "amounts": (MLPRegressor, {"loss": "gamma"}, lambda y: np.exp(y / 2)),
    "absolute": (MLPRegressor, {"loss": "absolute_error"}, lambda y: y),
    "quantiles": (
        MLPRegressor,
        {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
        lambda y: y,
    ),
    "lbfgs": (MLPRegressor, {"solver": "lbfgs"}, lambda y: y * 1e4),
    "one class": (MLPClassifier, {}, lambda y: np.zeros(300, int)),
    "labels": (MLPClassifier, {}, lambda y: LABELS),
    "rare": (MLPClassifier, {}, lambda y: (y > 5).astype(int)),
    "balanced": (
        MLPClassifier,
        {"class_weight": "balanced"},
        lambda y: (y > 4).astype(int),
    ),
    "hinge": (MLPClassifier, {"loss": "hinge"}, lambda y: LABELS),
    "hinge, three classes": (
        MLPClassifier,
        {"loss": "hinge"},
        lambda y: np.digitize(y, [-1, 1]),
    ),
    "hinge, two labels": (
        MLPClassifier,
        {"loss": "hinge"},
        lambda y: np.c_[y > 0, y > 2].astype(int),
    ),
    "focal": (MLPClassifier, {"loss": "focal"}, lambda y: np.digitize(y, [-1, 1])),
    "smoothed": (MLPClassifier, {"label_smoothing": 0.2}, lambda y: LABELS),
    "two labels": (MLPClassifier, {}, lambda y: np.c_[y > 0, y > 2].astype(int)),
    "sure of itself": (MLPClassifier, {"learning_rate_init": 1e3}, lambda y: LABELS),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", FALSE_ALARMS)
def test_no_false_alarm(name, weighted):
    estimator, parameters, of_y = FALSE_ALARMS[name]
    weights = np.arange(300) % 3 if weighted else None
    model = estimator(**{"random_state": 0, "max_iter": 150, **parameters})
    assert not said(model, X, of_y(Y), sample_weight=weights)


@pytest.mark.parametrize("seed", [2, 19, 23])
def test_no_alarm_for_one_value(seed):
    """The score of the held-out rows is the same in all epochs: training ends soon."""
    few = np.random.RandomState(0).normal(size=(10, 2))
    model = MLPRegressor(early_stopping=True, validation_fraction=0.2)
    model.set_params(random_state=seed)
    assert not said(model, few, np.ones(10))


@pytest.mark.parametrize("seed", [88, 94, 97, 111, 130])
def test_no_alarm_for_one_class(seed):
    """Its score is perfect from the start, so that training ends early.

    With these seeds the loss is then that of a probability below a half.
    """
    X = np.random.RandomState(0).randn(10, 2)
    model = MLPClassifier(
        early_stopping=True, validation_fraction=0.2, random_state=seed
    )
    assert not said(model, X, np.ones(10, int))
    assert model.score(X, np.ones(10, int)) == 1


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "rmsprop", "lion"])
@pytest.mark.parametrize("rate", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_said_only_where_nothing_was_learnt(factor, rate, solver, activation):
    X_reg, y = datasets.make_regression(120, 5, noise=5, random_state=0)
    y = factor * y / y.std()
    model = MLPRegressor(
        activation=activation,
        solver=solver,
        learning_rate_init=rate,
        random_state=0,
        max_iter=60,
    )
    try:
        messages = said(model, X_reg, y)
    except ValueError:  # diverged, and says so
        return
    score = model.score(X_reg, y)
    if messages:
        assert score < 0.001
    elif model.n_iter_ < 60:  # training ended by itself
        assert score > -0.11


def test_no_false_alarm_for_a_negative_loss():
    register_loss(
        "below_zero", lambda y, z: (z - y) ** 2 - 1e4, lambda y, z: 2 * (z - y)
    )
    model = MLPRegressor(loss="below_zero", max_iter=150, random_state=0)
    assert not said(model, X, Y)
    assert model.loss_ < 0


def test_partial_fit_says_nothing():
    model = MLPRegressor(random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(20):
            model.partial_fit(X, 1e6 * Y)


@pytest.mark.parametrize("weighted", [False, True])
def test_baselines_by_closed_forms(weighted):
    weights = rng.uniform(0, 2, size=300) if weighted else None

    def found(name, y, n_outputs, settings=()):
        loss = LOSSES[name]
        y = y[:, np.newaxis] if y.ndim == 1 else y
        data = make_training_data(X, y, weights, None, np.dtype(float))
        settings = (*settings, 0, 0, 0, 0)
        architecture = mlp_architecture((4, n_outputs), (), loss.link, settings)
        return make_baseline(network(architecture, np.dtype(float)), loss, data)

    mean = np.average(Y, weights=weights)
    variance = np.average((Y - mean) ** 2, weights=weights)
    assert_allclose(found("squared_error", Y, 1).loss, variance / 2, rtol=1e-10)
    classes = np.digitize(Y, [-1, 1])
    shares = np.bincount(classes, weights, 3) / np.bincount(classes, weights).sum()
    expected = log_loss(classes, np.tile(shares, (300, 1)), sample_weight=weights)
    assert_allclose(found("log_loss", classes, 3).loss, expected, rtol=1e-10)
    share = np.average(LABELS, weights=weights)
    expected = log_loss(LABELS, np.full(300, share), sample_weight=weights)
    assert_allclose(found("binary_log_loss", LABELS, 1).loss, expected, rtol=1e-10)
    counts = np.floor(np.exp(Y / 2))
    rate = np.average(counts, weights=weights)
    relative = np.where(counts > 0, counts * np.log(np.maximum(counts, 1) / rate), 0)
    expected = np.average(relative - counts + rate, weights=weights)
    assert_allclose(found("poisson", counts, 1).loss, expected, rtol=1e-10)
    # A median is the best constant, and one of the targets is a median.
    expected = min(np.average(np.abs(Y - y), weights=weights) for y in Y)
    assert_allclose(found("absolute_error", Y, 1).loss, expected, rtol=1e-10)


@pytest.mark.parametrize("loss", losses_of_classifier())
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_fits_that_converge_compare_any_loss_of_classes(loss, solver, n_classes):
    y = np.digitize(X[:, 0], [-0.5, 0.5][: n_classes - 1])
    options = {"solver": solver, "learning_rate_init": 0.05, "random_state": 0}
    model = MLPClassifier(8, loss=loss, max_iter=300, tol=1e-3, **options)
    assert model.fit(X, y).score(X, y) > 0.9
