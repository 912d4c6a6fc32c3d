"""Calls that take a y, first a good one and then another, to see what they refuse."""

import numpy as np
import pytest
import scipy.sparse
from outcomes import stored_state

from sknn import MLPClassifier

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
INDICATORS = (X[:, :3] > 0).astype(int)
CODES = np.argmax(X[:, :3], axis=1)
TEXT = np.array(["a", "b", "c"])[CODES]
NUMBERS = X @ [1.0, 2.0, 0.0, -1.0]
OPTIONS = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 4}


def new(estimator=MLPClassifier, **changes):
    return estimator(**OPTIONS | changes)


def dense(y):
    return y.toarray() if scipy.sparse.issparse(y) else np.asarray(y)


def classes_for(y):
    """Return what the first call of partial_fit takes beside y, in its right form."""
    y = dense(y)
    return np.arange(y.shape[1]) if y.ndim == 2 and y.shape[1] > 1 else np.unique(y)


def first_partial_fit(good, bad):
    """Return an estimator and a call that shows it the bad y."""
    model = new()
    return model, lambda: model.partial_fit(X, bad, classes=classes_for(good))


def fit(good, bad):
    model = new()
    return model, lambda: model.fit(X, bad)


def refit(good, bad):
    model = new(warm_start=True).fit(X, good)
    return model, lambda: model.fit(X, bad)


def second_partial_fit(good, bad):
    model = new().partial_fit(X, good, classes=classes_for(good))
    return model, lambda: model.partial_fit(X, bad)


def partial_fit_after_fit(good, bad):
    model = new().fit(X, good)
    return model, lambda: model.partial_fit(X, bad)


def resume_fit(good, bad):
    model = new().fit(X, good).set_params(max_iter=6)
    return model, lambda: model.resume_fit(X, bad)


def y_val(good, bad):
    model = new()
    return model, lambda: model.fit(X, good, X_val=X, y_val=bad)


def y_val_of_partial_fit(good, bad):
    model = new().fit(X, good)
    return model, lambda: model.partial_fit(X, good, X_val=X, y_val=bad)


def lbfgs(good, bad):
    model = new(solver="lbfgs")
    return model, lambda: model.fit(X, bad)


GOING_ON = (
    refit,
    second_partial_fit,
    partial_fit_after_fit,
    resume_fit,
    y_val,
    y_val_of_partial_fit,
)
CALLS = (fit, first_partial_fit, lbfgs, *GOING_ON)


def assert_refused(case, good, bad, message, error=ValueError, longest=400):
    model, call = case(good, bad)
    before = stored_state(model)
    with pytest.raises(error, match=message) as raised:
        call()
    assert len(str(raised.value)) < longest
    assert stored_state(model) == before
