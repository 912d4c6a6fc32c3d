"""Copies of estimators: clones, pickles, joblib's files, weights from elsewhere."""

import io
import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

import sknn

X = np.random.RandomState(0).normal(size=(80, 5))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0, 1.0]
each_estimator = pytest.mark.parametrize(
    "estimator", [sknn.MLPClassifier, sknn.MLPRegressor]
)


def y_for(estimator):
    return NUMBERS if estimator is sknn.MLPRegressor else np.digitize(NUMBERS, [-1, 1])


@each_estimator
def test_clone(estimator):
    y = y_for(estimator)
    model = estimator(alpha=0.5, hidden_layer_sizes=[3, 2], max_iter=3, random_state=0)
    model.fit(X, y)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not [name for name in vars(copy) if name.endswith("_")]
    assert_array_equal(copy.fit(X, y).predict(X), model.predict(X))


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@each_estimator
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("copy", [by_pickle, by_joblib])
def test_round_trip(estimator, solver, copy):
    y = y_for(estimator)
    model = estimator(solver=solver, max_iter=4, random_state=0).fit(X, y)
    other = copy(model)
    assert_array_equal(other.predict(X), model.predict(X))
    assert sorted(vars(other)) == sorted(vars(model))
    train = "fit" if solver == "lbfgs" else "partial_fit"
    for each in (model, other):
        each.set_params(warm_start=solver == "lbfgs")
        getattr(each, train)(X, y)
    assert_array_equal(other.predict(X), model.predict(X))
    for mine, theirs in zip(other.coefs_, model.coefs_, strict=True):
        assert_array_equal(mine, theirs)
    assert other.loss_ == model.loss_


@each_estimator
def test_weights_in_a_memory_map(estimator, tmp_path):
    """Read-only weights, not next to each other, as joblib's workers get them."""
    y = y_for(estimator)
    model = estimator(max_iter=4, random_state=0).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert_array_equal(mapped.predict(X), model.predict(X))
    mapped.partial_fit(X, y)
    assert_array_equal(mapped.predict(X), model.partial_fit(X, y).predict(X))


@each_estimator
def test_weights_may_be_replaced(estimator):
    """As converters do, and tests: coefs_ are plain lists of plain arrays."""
    y = y_for(estimator)
    model = estimator(max_iter=4, random_state=0).fit(X, y)
    other = estimator(max_iter=4, random_state=1).fit(X, y)
    other.coefs_ = [coef.copy() for coef in model.coefs_]
    other.intercepts_ = [intercept.copy() for intercept in model.intercepts_]
    assert_array_equal(other.predict(X), model.predict(X))
    other.coefs_[0][:] = 0
    other.coefs_[1] = np.zeros_like(other.coefs_[1])
    assert len(np.unique(other.predict(X))) == 1


@each_estimator
def test_weights_may_be_transposed(estimator):
    """A view of the same memory and shape, in another order."""
    y = y_for(estimator)
    model = estimator(hidden_layer_sizes=(4, 4), max_iter=4, random_state=0).fit(X, y)
    before = model.predict(X)
    model.coefs_[1] = model.coefs_[1].T
    transposed = model.predict(X)
    model.coefs_[1] = model.coefs_[1].copy()
    assert_array_equal(transposed, model.predict(X))
    assert not np.array_equal(transposed, before)
