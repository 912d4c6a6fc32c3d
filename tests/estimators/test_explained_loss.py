"""What early stopping of the regressor looks at: R^2, or D^2 of the very loss."""

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn.metrics import (
    d2_absolute_error_score,
    d2_pinball_score,
    d2_tweedie_score,
    get_scorer,
    r2_score,
)
from sklearn.model_selection import GridSearchCV

import sknn
from sknn.custom import register_loss

rng = np.random.RandomState(0)
X = rng.normal(size=(240, 4))
ONE = np.exp(X[:, 0] + 0.3 * rng.normal(size=240))
TWO = np.c_[ONE, 20 + 5 * np.exp(X[:, 1])]
WEIGHTS = rng.uniform(0, 2, size=240)
VAL = slice(160, 240)


def check_positive(y):
    if (y <= 0).any():
        raise ValueError("y must be positive")


# Losses of one's own; the lowest values of the last two are not 0.
OWN = {
    "three_halves": (
        lambda y, z: abs(z - y) ** 1.5,
        lambda y, z: 1.5 * abs(z - y) ** 0.5 * (1 if z > y else -1),
        {},
    ),
    "exponential_rate": (
        lambda y, z: z + y * np.exp(-z),
        lambda y, z: 1 - y * np.exp(-z),
        {"link": "exp", "check_targets": check_positive},
    ),
    "shifted_squares": (
        lambda y, z: (z - y) ** 2 - 1e4,
        lambda y, z: 2 * (z - y),
        {},
    ),
}


def by_column(score):
    """Return what takes the mean of a score over the columns, each on its own."""

    def mean(y, predicted, weights):
        columns = zip(np.c_[y].T, np.c_[predicted].T, strict=True)
        return np.mean([score(a, b, weights) for a, b in columns])

    return mean


def d2_of(loss):
    """Return D^2 of loss(y, prediction), with a constant that scipy searches for."""

    def score(y, predicted, weights):
        def mean(guess):
            return np.average(loss(y, guess), weights=weights)

        bounds = y.min(), y.max()
        best = scipy.optimize.minimize_scalar(
            mean, bounds=bounds, method="bounded", options={"xatol": 1e-12}
        ).fun
        return (best - mean(predicted)) / abs(best)

    return by_column(score)


def tweedie(power):
    return by_column(
        lambda y, p, w: d2_tweedie_score(y, p, sample_weight=w, power=power)
    )


def pinball(*levels):
    def score(y, predicted, weights):
        of_levels = np.moveaxis(np.reshape(predicted, (*y.shape, len(levels))), -1, 0)
        return np.mean(
            [
                d2_pinball_score(y, one, sample_weight=weights, alpha=level)
                for one, level in zip(of_levels, levels, strict=True)
            ]
        )

    return score


def huber(delta):
    def loss(y, p):
        e = abs(p - y)
        return np.where(e <= delta, e**2 / 2, delta * (e - delta / 2))

    return d2_of(loss)


def log_cosh(y, p):
    return np.logaddexp(p - y, y - p) - np.log(2)


def r2(y, predicted, weights):
    return r2_score(y, predicted, sample_weight=weights)


def d2_absolute(y, predicted, weights):
    return d2_absolute_error_score(y, predicted, sample_weight=weights)


ORACLES = {
    "squared_error": ({}, r2),
    "poisson": ({}, r2),
    "absolute_error": ({}, d2_absolute),
    "huber": ({}, huber(1.0)),
    "small huber": ({"loss": "huber", "delta": 0.05}, huber(0.05)),
    "log_cosh": ({}, d2_of(log_cosh)),
    "gamma": ({}, tweedie(2)),
    "tweedie": ({}, tweedie(1.5)),
    "tweedie 1": ({"loss": "tweedie", "power": 1}, tweedie(1)),
    "tweedie 3": ({"loss": "tweedie", "power": 3}, tweedie(3)),
    "quantile": ({}, pinball(0.5)),
    "high quantile": ({"loss": "quantile", "quantile": 0.95}, pinball(0.95)),
    "one level": ({"loss": "quantile", "quantile": (0.1,)}, pinball(0.1)),
    "quantiles": (
        {"loss": "quantile", "quantile": (0.1, 0.5, 0.9)},
        pinball(0.1, 0.5, 0.9),
    ),
    "three_halves": ({}, d2_of(lambda y, p: abs(p - y) ** 1.5)),
    "exponential_rate": ({}, d2_of(lambda y, p: np.log(p) + y / p)),
    "shifted_squares": ({}, d2_of(lambda y, p: (p - y) ** 2 - 1e4)),
}


def regressor(name, **options):
    if name in OWN:
        *functions, settings = OWN[name]
        register_loss(name, *functions, **settings)
    parameters = {"loss": name} | ORACLES[name][0]
    return sknn.MLPRegressor(
        hidden_layer_sizes=(8,), random_state=0, tol=None, **parameters, **options
    )


@pytest.fixture
def split_rows(monkeypatch):
    """The rows that the last fit held out."""
    split, rows = sknn.estimators.held_out.split_rows, []

    def recorded(*arrays, **options):
        train, rows[:] = split(*arrays, **options)
        return train, rows

    monkeypatch.setattr(sknn.estimators.held_out, "split_rows", recorded)
    return rows


@pytest.mark.parametrize("y", [ONE, TWO], ids=["one output", "two outputs"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("way", ["early_stopping", "validate", "X_val"])
@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.default_cases(12)
def test_score_of_a_validation_set(name, way, weights, y, split_rows):
    """After each kind of call, the score is that of the estimator's predictions."""
    oracle = ORACLES[name][1]
    data = scipy.sparse.csr_array(X) if weights is None else X
    model = regressor(name, max_iter=4, warm_start=True)
    arguments = {} if weights is None else {"sample_weight": weights}
    if way == "X_val":
        split_rows[:] = range(160, 240)
        arguments |= {"X_val": data[VAL], "y_val": y[VAL]}
        if weights is not None:
            arguments["sample_weight_val"] = weights[VAL]
    else:
        model.set_params(**{way: True})
        if way == "early_stopping":
            model.set_params(restore_best_weights=False)
    calls = [model.fit, model.fit, model.set_params(max_iter=5).resume_fit]
    for call in [*calls, model.partial_fit][: 4 if way == "X_val" else 3]:
        call(data, y, **arguments)
        rows = np.array(split_rows)
        # Of unweighted rows, scikit-learn 1.7 interpolates the best quantile.
        weight = np.ones(len(rows)) if weights is None else weights[rows]
        expected = oracle(y[rows], model.predict(data[rows]), weight)
        assert_allclose(model.validation_scores_[-1], expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["huber", "gamma", "quantiles", "exponential_rate"])
def test_in_float32(name):
    model = regressor(name, max_iter=5)
    data = X.astype(np.float32)
    model.fit(data, TWO, X_val=data[VAL], y_val=TWO[VAL])
    expected = ORACLES[name][1](TWO[VAL], model.predict(data[VAL]), None)
    assert_allclose(model.history_["val_score"][-1], expected, rtol=1e-4)


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("y", [ONE, TWO], ids=["one output", "two outputs"])
@pytest.mark.default_cases(12)
def test_score(name, y):
    """D^2 for quantiles, of one level as of several; R^2 for all other losses."""
    model = regressor(name, max_iter=4).fit(X, y)
    oracle = ORACLES[name][1] if model.loss == "quantile" else r2
    for weights in (None, WEIGHTS):
        expected = oracle(y, model.predict(X), weights)
        assert_allclose(model.score(X, y, weights), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["absolute_error", "gamma", "quantiles", "huber"])
def test_constant_targets(name):
    """As scikit-learn's scores with ``force_finite``: 0, or 1 if nothing is wrong."""
    model = regressor(name, max_iter=4)
    same = np.full(80, 3.7)
    model.fit(X, ONE, X_val=X[VAL], y_val=same)
    assert model.history_["val_score"] == [0.0] * 4
    network = sknn.MLPRegressor("absolute_error", (), max_iter=1, tol=None)
    network.fit(X, ONE)
    network.coefs_[0][:], network.intercepts_[0][:] = 0, 3.7
    network.set_params(learning_rate_init=1e-300)
    network.partial_fit(X, ONE, X_val=X[VAL], y_val=same)
    assert network.history_["val_score"][-1] == 1.0


def test_all_targets_zero_for_a_log_link():
    model = regressor("tweedie", max_iter=4)
    model.fit(X, ONE, X_val=X[VAL], y_val=np.zeros(80))
    assert model.history_["val_score"] == [0.0] * 4


def test_a_loss_without_a_lowest_value():
    """There is no best constant: the score is the negative loss."""
    register_loss("downhill", lambda y, z: 0 * y - z, lambda y, z: 0 * y - 1)
    model = sknn.MLPRegressor("downhill", (8,), max_iter=3, tol=None, random_state=0)
    model.fit(X, ONE, X_val=X[VAL], y_val=ONE[VAL])
    expected = model.predict(X[VAL]).mean()
    assert_allclose(model.history_["val_score"][-1], expected, rtol=1e-10)


def test_a_named_scorer_is_used_for_any_loss():
    model = regressor("quantile", early_stopping=True, scoring="r2", max_iter=5)
    model.set_params(restore_best_weights=False)
    model.fit(X, ONE, X_val=X[VAL], y_val=ONE[VAL])
    expected = get_scorer("r2")(model, X[VAL], ONE[VAL])
    assert_allclose(model.validation_scores_[-1], expected, rtol=1e-10)


@pytest.mark.parametrize("level", [0.1, 0.9, 0.95])
def test_early_stopping_reaches_the_quantile(level):
    """R^2 would stop where the predictions are near the mean."""
    data = rng.normal(size=(3000, 4))
    y = data[:, 0] + 2 * rng.exponential(size=3000) + 5
    model = sknn.MLPRegressor(
        "quantile", (32,), quantile=level, early_stopping=True, max_iter=300,
        random_state=0,
    ).fit(data, y)  # fmt: skip
    assert abs((y <= model.predict(data)).mean() - level) < 0.04


def test_a_search_over_epochs_takes_enough():
    data = rng.normal(size=(600, 2))
    y = data[:, 0] + 2 * rng.exponential(size=600)
    model = sknn.MLPRegressor(
        "quantile", (16,), quantile=0.95, learning_rate_init=0.01, random_state=0,
        tol=None,
    )  # fmt: skip
    search = GridSearchCV(model, {"max_iter": [1, 60]}, cv=2).fit(data, y)
    assert search.best_params_ == {"max_iter": 60}


def test_the_best_constant_is_found_once(monkeypatch):
    """Not once an epoch."""
    searches = []
    search = scipy.optimize.minimize_scalar

    def counted(*arguments, **options):
        searches.append(1)
        return search(*arguments, **options)

    monkeypatch.setattr(scipy.optimize, "minimize_scalar", counted)
    regressor("huber", max_iter=9, validate=True).fit(X, TWO)
    assert len(searches) == 2
    regressor("huber", max_iter=9).fit(X, TWO)
    assert len(searches) == 2
