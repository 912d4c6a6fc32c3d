"""Networks without hidden layers are linear models: against scikit-learn's."""

import itertools

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose
from sklearn.linear_model import (
    GammaRegressor,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    TweedieRegressor,
)
from sklearn.metrics import hinge_loss, mean_pinball_loss
from sklearn.svm import LinearSVC

from sknn import MLPClassifier, MLPRegressor

N = 300
RNG = np.random.RandomState(0)
X = RNG.normal(size=(N, 3))
LINEAR = X @ [0.5, -0.3, 0.2] + 0.4
NOISE = RNG.normal(size=N) * (1 + 0.5 * (X[:, 0] > 0))
WEIGHTS = RNG.uniform(0.1, 2, size=N)


def linear(estimator, loss, alpha=0.0, **parameters):
    return estimator(
        loss=loss,
        hidden_layer_sizes=(),
        solver="lbfgs",
        alpha=alpha,
        tol=1e-10,
        max_iter=5000,
        random_state=0,
        **parameters,
    )


def decayed(estimator, loss, **parameters):
    """Adam with a rate that goes to zero, for losses whose kinks stop L-BFGS."""
    parameters = {"hidden_layer_sizes": (), "alpha": 0.0, **parameters}
    return estimator(
        loss=loss,
        batch_size=50,
        learning_rate="exponential",
        learning_rate_init=0.05,
        decay_rate=0.98,
        decay_epochs=1,
        max_iter=500,
        n_iter_no_change=500,
        random_state=0,
        **parameters,
    )


# ---------------------------------------------------------------------------------
# Generalised linear models.

COUNTS = RNG.poisson(np.exp(LINEAR)).astype(float)
AMOUNTS = RNG.gamma(2.0, np.exp(LINEAR) / 2)
GLM = {"alpha": 0, "solver": "newton-cholesky", "tol": 1e-10, "max_iter": 1000}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("loss", "changes", "y", "oracle"),
    [
        ("poisson", {}, COUNTS, PoissonRegressor(**GLM)),
        ("gamma", {}, AMOUNTS, GammaRegressor(**GLM)),
        ("tweedie", {}, COUNTS, TweedieRegressor(power=1.5, link="log", **GLM)),
        (
            "tweedie",
            {"power": 1.2},
            COUNTS,
            TweedieRegressor(power=1.2, link="log", **GLM),
        ),
        (
            "tweedie",
            {"power": 2.5},
            AMOUNTS,
            TweedieRegressor(power=2.5, link="log", **GLM),
        ),
    ],
)
def test_generalised_linear_models(loss, changes, y, oracle, weights):
    model = linear(MLPRegressor, loss, **changes).fit(X, y, sample_weight=weights)
    oracle.fit(X, y, sample_weight=weights)
    assert model.out_activation_ == "exp"
    assert_allclose(model.coefs_[0][:, 0], oracle.coef_, atol=5e-5)
    assert_allclose(model.intercepts_[0], [oracle.intercept_], atol=5e-5)
    assert_allclose(model.predict(X), oracle.predict(X), rtol=5e-4)


# ---------------------------------------------------------------------------------
# Quantiles. The oracle solves a linear programme, so no model has a smaller loss.


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8])
def test_one_quantile(level):
    y = LINEAR + NOISE
    model = decayed(MLPRegressor, "quantile", quantile=level).fit(X, y)
    oracle = QuantileRegressor(quantile=level, alpha=0, solver="highs").fit(X, y)
    best = mean_pinball_loss(y, oracle.predict(X), alpha=level)
    achieved = mean_pinball_loss(y, model.predict(X), alpha=level)
    assert best * (1 - 1e-12) <= achieved <= best * 1.001


def test_several_quantiles_of_parallel_lines():
    """Where the best lines do not cross and lie at constant distances, they are found:
    a line of its own for each level is no better."""
    rng = np.random.RandomState(1)
    features = rng.normal(size=(2000, 2))
    y = features @ [1.0, -0.5] + rng.normal(size=2000)
    levels = (0.1, 0.5, 0.9)
    model = decayed(MLPRegressor, "quantile", quantile=levels)
    predicted = model.fit(features, y).predict(features)
    assert predicted.shape == (2000, 3)
    for k, level in enumerate(levels):
        oracle = QuantileRegressor(quantile=level, alpha=0, solver="highs")
        best = mean_pinball_loss(
            y, oracle.fit(features, y).predict(features), alpha=level
        )
        achieved = mean_pinball_loss(y, predicted[:, k], alpha=level)
        assert best * (1 - 1e-12) <= achieved <= best * 1.005
        assert np.mean(y <= predicted[:, k]) == pytest.approx(level, abs=0.01)


def test_absolute_error_finds_the_median():
    y = LINEAR + NOISE
    absolute = decayed(MLPRegressor, "absolute_error").fit(X, y).predict(X)
    oracle = QuantileRegressor(quantile=0.5, alpha=0, solver="highs").fit(X, y)
    best = np.abs(y - oracle.predict(X)).mean()
    assert best * (1 - 1e-12) <= np.abs(y - absolute).mean() <= best * 1.001


def test_lbfgs_with_a_kinked_loss():
    """It comes close, and says so where its line search fails at a kink."""
    y = LINEAR + NOISE
    model = linear(MLPRegressor, "absolute_error").fit(X, y)
    oracle = QuantileRegressor(quantile=0.5, alpha=0, solver="highs").fit(X, y)
    best = np.abs(y - oracle.predict(X)).mean()
    assert best * (1 - 1e-12) <= np.abs(y - model.predict(X)).mean() <= best * 1.01


# ---------------------------------------------------------------------------------
# Least squares and between.


@pytest.mark.parametrize(
    ("loss", "changes"), [("squared_error", {}), ("huber", {"delta": 1e6})]
)
def test_least_squares(loss, changes):
    y = np.column_stack([LINEAR + NOISE, LINEAR - NOISE])
    model = linear(MLPRegressor, loss, **changes).fit(X, y, sample_weight=WEIGHTS)
    root = np.sqrt(WEIGHTS)[:, np.newaxis]
    design = np.column_stack([X, np.ones(N)])
    expected, *_ = np.linalg.lstsq(root * design, root * y, rcond=None)
    assert_allclose(model.coefs_[0], expected[:3], atol=1e-4)
    assert_allclose(model.intercepts_[0], expected[3], atol=1e-4)


@pytest.mark.parametrize("loss", ["huber", "log_cosh"])
def test_robust_losses_between_mean_and_median(loss):
    """The condition of first order, in NumPy: the slopes sum to zero."""
    y = LINEAR + NOISE
    model = linear(MLPRegressor, loss).fit(X, y)
    e = model.predict(X) - y
    slope = np.tanh(e) if loss == "log_cosh" else np.clip(e, -1, 1)
    assert_allclose(np.column_stack([X, np.ones(N)]).T @ slope / N, 0, atol=1e-4)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "log_cosh"])
def test_robust_losses_ignore_outliers(loss):
    y = LINEAR.copy()
    y[:10] = 1000
    model = decayed(MLPRegressor, loss).fit(X, y)
    assert_allclose(model.predict(X), LINEAR, atol=0.2)
    squared = linear(MLPRegressor, "squared_error").fit(X, y).predict(X)
    assert np.abs(squared - LINEAR).mean() > 10


# ---------------------------------------------------------------------------------
# Classifiers.

LABELS = {
    2: LINEAR + 0.5 * NOISE > 0.5,
    3: np.digitize(LINEAR + 0.5 * NOISE, [0.0, 0.8]),
}


@pytest.mark.parametrize("n_classes", [2, 3])
def test_log_loss_is_logistic_regression(n_classes):
    y = LABELS[n_classes]
    model = linear(MLPClassifier, "log_loss", alpha=2.0).fit(X, y)
    oracle = LogisticRegression(C=1 / 2.0, tol=1e-10, max_iter=5000).fit(X, y)
    assert_allclose(model.predict_proba(X), oracle.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_focal_loss_without_focus_is_logistic_regression(n_classes):
    y = LABELS[n_classes]
    model = linear(MLPClassifier, "focal", alpha=2.0, focal_gamma=0.0).fit(X, y)
    oracle = LogisticRegression(C=1 / 2.0, tol=1e-10, max_iter=5000).fit(X, y)
    assert_allclose(model.predict_proba(X), oracle.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_smoothed_labels_are_repeated_rows(n_classes):
    """A smoothed row is one of each class, weighted by its part of the target."""
    y, s = LABELS[n_classes].astype(int), 0.2
    model = linear(MLPClassifier, "log_loss", alpha=2.0, label_smoothing=s).fit(X, y)
    shares = (1 - s) * np.eye(n_classes)[y] + s / n_classes
    oracle = LogisticRegression(C=1 / 2.0, tol=1e-10, max_iter=5000).fit(
        np.repeat(X, n_classes, axis=0),
        np.tile(np.arange(n_classes), N),
        sample_weight=shares.ravel(),
    )
    assert_allclose(model.predict_proba(X), oracle.predict_proba(X), atol=1e-4)


def test_hinge_loss_is_a_linear_support_vector_machine():
    """By what is minimised: the summed loss and half the squared weights."""
    y, alpha = LABELS[2], 1.0

    def objective(scores, weights):
        return hinge_loss(y, scores) * N + alpha / 2 * (weights**2).sum()

    model = decayed(MLPClassifier, "hinge", alpha=alpha).fit(X, y)
    oracle = LinearSVC(
        loss="hinge", C=1 / alpha, intercept_scaling=100, tol=1e-8, max_iter=10**6
    ).fit(X, y)
    best = objective(oracle.decision_function(X), oracle.coef_)
    achieved = objective(model.decision_function(X), model.coefs_[0])
    assert best * (1 - 1e-3) <= achieved <= best * 1.005


def test_hinge_loss_of_crammer_and_singer():
    """Without a penalty it is a linear programme: one slack variable for each row."""
    y, design = LABELS[3], np.column_stack([X, np.ones(N)])
    constraints = []
    for i, j in itertools.product(range(N), range(3)):
        if j != y[i]:  # slack >= 1 + z_j - z_y
            row = np.zeros((3, 4))
            row[j], row[y[i]] = design[i], -design[i]
            constraints.append(np.concatenate([row.ravel(), -np.eye(N)[i]]))
    best = scipy.optimize.linprog(
        np.concatenate([np.zeros(12), np.ones(N)]),
        A_ub=np.array(constraints),
        b_ub=-np.ones(len(constraints)),
        bounds=[(None, None)] * 12 + [(0, None)] * N,
    ).fun
    model = decayed(MLPClassifier, "hinge").fit(X, y)
    achieved = hinge_loss(y, model.decision_function(X)) * N
    assert best * (1 - 1e-9) <= achieved <= best * 1.01
