"""The names of metrics in ``history_``: none hides another, nor the losses."""

import warnings
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.metrics import (
    fbeta_score,
    get_scorer,
    make_scorer,
    mean_absolute_error,
    mean_pinball_loss,
)
from sklearn.model_selection import GridSearchCV

import sknn

rng = np.random.RandomState(0)
X = rng.normal(size=(90, 3))
Y = (X[:, 0] + 0.5 * rng.normal(size=90) > 0).astype(int)
OPTIONS = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0, "tol": None}


def fbeta(beta):
    return make_scorer(fbeta_score, beta=beta)


def quarter(estimator, X, y):
    return 0.25


def scaled(factor, estimator, X, y):
    return factor * quarter(estimator, X, y)


class Half:
    def __call__(self, estimator, X, y):
        return 0.5


METRICS = {
    "names": (["accuracy", "f1"], ["accuracy", "f1"]),
    "a tuple": (("accuracy",), ["accuracy"]),
    "an array": (np.array(["accuracy", "f1"]), ["accuracy", "f1"]),
    "twice the same": (["f1", "f1", quarter, quarter], ["f1", "quarter"]),
    "a scorer": ([fbeta(2)], ["fbeta_score"]),
    "two scorers": (
        [fbeta(2), fbeta(0.5)],
        ["fbeta_score(beta=2)", "fbeta_score(beta=0.5)"],
    ),
    "a scorer by name and a scorer": (
        ["f1", get_scorer("f1_macro")],
        ["f1", "f1_score"],
    ),
    "a negative scorer": (
        [make_scorer(mean_absolute_error, greater_is_better=False)],
        ["neg_mean_absolute_error"],
    ),
    "a function": ([quarter], ["quarter"]),
    "a method": ([Half().__call__], ["__call__"]),
    "an object": ([Half()], ["Half"]),
    "a lambda": ([lambda *_: 1.0], ["<lambda>"]),
    "a partial function": ([partial(scaled, 3)], ["scaled"]),
    "two partial functions": (
        [partial(scaled, 3), partial(scaled, 4)],
        ["scaled(3)", "scaled(4)"],
    ),
    "a scorer of a partial function": (
        [make_scorer(partial(fbeta_score, beta=beta)) for beta in (1, 2)],
        ["fbeta_score(beta=1)", "fbeta_score(beta=2)"],
    ),
    "a dict": (
        {"first": fbeta(2), "second": fbeta(0.5), "third": "accuracy", "l": quarter},
        ["first", "second", "third", "l"],
    ),
    "lambdas in a dict": ({"a": lambda *_: 1.0, "b": lambda *_: 2.0}, ["a", "b"]),
    "an odd key": ({"val_alone": "f1"}, ["val_alone"]),
    "an empty dict": ({}, []),
    "an empty list": ([], []),
}


def own_columns(model, *, validates):
    """Return the columns of history_ that are not those of every fit."""
    own = {"loss", "learning_rate", "seconds"}
    own |= {"val_loss", "val_score"} if validates else set()
    return [name for name in model.history_ if name not in own]


@pytest.mark.parametrize("name", METRICS)
def test_columns(name):
    """On both sets, in this order, with the scorer's values."""
    metrics, expected = METRICS[name]
    model = sknn.MLPClassifier(metrics=metrics, **OPTIONS).fit(X, Y)
    assert own_columns(model, validates=False) == expected
    plain = sknn.MLPClassifier(**OPTIONS).fit(X, Y)
    assert model.history_["loss"] == plain.history_["loss"]
    model.partial_fit(X, Y, X_val=X[:50], y_val=Y[:50])
    both = expected + [f"val_{column}" for column in expected]
    assert own_columns(model, validates=True) == both
    scorers = metrics.values() if isinstance(metrics, dict) else dict.fromkeys(metrics)
    for column, metric in zip(expected, scorers, strict=True):
        scorer = get_scorer(metric) if isinstance(metric, str) else metric
        assert_allclose(model.history_[column][-1], scorer(model, X, Y))
        value = scorer(model, X[:50], Y[:50])
        assert_allclose(model.history_[f"val_{column}"][-1], value)


def named(name):
    def function(estimator, X, y):
        return -1.0

    function.__name__ = name
    return function


REFUSED = {
    **{
        f"a function called {name}": ([named(name)], ValueError, f"called '{name}'")
        for name in ("loss", "val_loss", "val_score", "learning_rate", "seconds")
    },
    "a key called loss": ({"loss": "f1"}, ValueError, "called 'loss': history_"),
    "the validation score": ([named("score")], ValueError, r"'score': history_\['val_"),
    "a column of both": (
        {"f1": "f1", "val_f1": "accuracy"},
        ValueError,
        "both 'f1' and 'val_f1'",
    ),
    "two lambdas": ([lambda *_: 1, lambda *_: 2], ValueError, "2 metrics called '<lam"),
    "two functions": ([named("a"), named("a")], ValueError, "2 metrics called 'a'"),
    "equal scorers": ([fbeta(2), fbeta(2)], ValueError, "2 metrics called 'fbeta_sc"),
    "long arguments": (
        [make_scorer(mean_pinball_loss, alpha=np.full(99, k)) for k in (0.1, 0.2)],
        ValueError,
        "2 metrics called 'mean_pinball_loss'. which",
    ),
    "a key that is no string": (
        {1: "f1"},
        TypeError,
        "keys of metrics must be strings",
    ),
    "an empty key": ({"": "f1"}, ValueError, "its name is empty"),
    "a number": ({"f1": 3}, TypeError, r"metrics\['f1'\] must be the name of a scorer"),
    "a number in a list": ([3], TypeError, "metrics must hold names of scorers"),
    "no scorer": ({"mine": "no_such_scorer"}, ValueError, "no_such_scorer"),
}


@pytest.mark.parametrize("estimator", [sknn.MLPClassifier, sknn.MLPRegressor])
@pytest.mark.parametrize("name", REFUSED)
def test_refusals_change_nothing(name, estimator):
    metrics, error, message = REFUSED[name]
    model = estimator(**OPTIONS).fit(X, Y).set_params(metrics=metrics)
    before = dict(vars(model))
    for fit in (model.fit, model.partial_fit, model.resume_fit):
        with pytest.raises(error, match=message) as caught:
            fit(X, Y)
        assert len(str(caught.value)) < 300 or "no_such" in message
        assert vars(model) == before


def test_a_dict_is_a_parameter_like_others():
    metrics = {"two": fbeta(2), "half": "f1"}
    model = sknn.MLPClassifier(metrics=metrics, **OPTIONS)
    assert model.get_params()["metrics"] is metrics
    copy = clone(model)
    assert copy.get_params()["metrics"].keys() == metrics.keys()
    assert "two" in copy.fit(X, Y).history_
    assert repr(copy)
    grid = {"metrics": [metrics, None, ["f1"]], "alpha": [0.1, 1.0]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, Y)
    assert len(search.cv_results_["params"]) == 6
    assert metrics.keys() == {"two", "half"}
