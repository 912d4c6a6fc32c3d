"""Labels are those of the highest probabilities, though most are found without."""

import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn
from numpy.testing import assert_array_equal

from sknn import MLPClassifier, MLPRegressor

DTYPES = [np.float32, np.float64]
NAMES = np.array(["a", "bb", "ccc", "d"])


def model_of_outputs(n_classes, dtype, loss="log_loss"):
    """Return a classifier whose raw outputs are its features."""
    n = n_classes if n_classes > 2 else 1
    X = np.random.RandomState(0).normal(size=(40, n)).astype(dtype)
    y = NAMES[np.arange(40) % n_classes]
    model = MLPClassifier((n,), "identity", max_iter=1, loss=loss, random_state=0)
    model.fit(X, y)
    for k in range(2):
        model.coefs_[k][:] = np.eye(n)
        model.intercepts_[k][:] = 0
    return model


def close_calls(n_outputs, dtype):
    """Return raw outputs of which several are nearly, or just, the same."""
    rng = np.random.RandomState(0)
    eps = np.finfo(dtype).eps
    centers = rng.choice([0, 1e-30, 1, 3, 90, 1e4, 3e8], size=(4000, 1))
    steps = rng.choice([0, 1, -1, 2, 50, 2**-12 / eps, 0.5 / eps], (4000, n_outputs))
    return (centers * (1 + steps * eps) + rng.choice([0, 1e-4], (4000, 1))).astype(
        dtype
    )


def predicted(method, X):
    """Return predictions, and whether there was a warning that they are not finite."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = method(X)
    return found, [str(each.message)[:44] for each in caught]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [3, 4])
def test_ties_are_those_of_the_probabilities(n_classes, dtype):
    """Where rounding makes probabilities equal, the first class is predicted."""
    model, X = model_of_outputs(n_classes, dtype), close_calls(n_classes, dtype)
    best = model.predict_proba(X).argmax(axis=1)
    assert np.mean(best != X.argmax(axis=1)) > 0.01, "nothing to see"
    assert_array_equal(model.predict(X), NAMES[best])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_second_class_needs_more_than_half(dtype):
    model = model_of_outputs(2, dtype)
    X = np.concatenate([10.0 ** np.arange(-30, 5), [0], -(10.0 ** np.arange(-30, 5))])
    X = X[:, np.newaxis].astype(dtype)
    is_second = model.predict_proba(X)[:, 1] > 0.5
    assert np.any(is_second != (X[:, 0] > 0)), "nothing to see"
    assert_array_equal(model.predict(X), NAMES[is_second.astype(int)])
    for row in range(len(X)):
        assert_array_equal(model.predict(X[[row]]), NAMES[[int(is_second[row])]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_what_is_not_finite_is_that_of_the_predictions(loss, n_classes, dtype):
    """The same labels, and a warning for the same rows."""
    model = model_of_outputs(n_classes, dtype, loss)
    model.coefs_[1][:] *= 1000
    large = np.finfo(dtype).max
    n_outputs = model.n_outputs_
    X = np.random.RandomState(0).choice([0, 1, large, -large], (60, n_outputs))
    X, method = X.astype(dtype), "predict_proba"
    if loss == "hinge":
        method = "decision_function"
    n_odd = 0
    for row in X:
        outputs, messages = predicted(getattr(model, method), row[np.newaxis])
        label, own_messages = predicted(model.predict, row[np.newaxis])
        outputs = outputs.reshape(1, -1)
        if n_outputs == 1:
            code = int(outputs[0, -1] > (0 if loss == "hinge" else 0.5))
        else:
            code = outputs.argmax()
        assert label == NAMES[code], (row, outputs)
        assert own_messages == messages, row
        n_odd += len(messages)
    assert n_odd < len(X)
    assert n_odd or loss == "log_loss"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_a_number_that_is_not_finite_is_found_in_any_row(estimator, container, value):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(3000, 5)), np.arange(3000) % 3
    network = {"hidden_layer_sizes": (300,), "max_iter": 1, "batch_size": 3000}
    model = estimator(**network).fit(X, y)
    whole = model.predict(X)
    for row in (0, 31, 32, 1500, 2999):
        wrong = X.copy()
        wrong[row, row % 5] = value
        wrong = container(wrong)
        for method in ("predict", "predict_proba"):
            if hasattr(model, method):
                with pytest.raises(ValueError, match=r"Input X contains (NaN|inf)"):
                    getattr(model, method)(wrong)
        with sklearn.config_context(assume_finite=True):
            found, messages = predicted(model.predict, wrong)
        assert len(messages) <= 1
        others = np.arange(3000) != row
        assert_array_equal(found[others], whole[others])


def test_numbers_whose_sum_is_not_finite_are_taken():
    X = np.full((50, 3), np.finfo(np.float32).max, np.float32)
    small = np.arange(150, dtype=np.float32).reshape(50, 3)
    model = MLPClassifier((4,), max_iter=1).fit(small, np.arange(50) % 2)
    for weights in model.coefs_:
        weights *= 1e-38
    assert model.predict(X).shape == (50,)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_rows_are_converted_in_parts(method, monkeypatch):
    """float32 for weights in float64: the same bits as converted at once."""
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(700, 5)).astype(np.float32), np.arange(700) % 3
    wide = X.astype(np.float64)
    model = MLPClassifier((30,), max_iter=1, random_state=0).fit(wide, y)
    expected = getattr(model, method)(wide)
    monkeypatch.setattr("sknn.estimators.prediction._CONVERTED_AT_ONCE", 500)
    found = getattr(model, method)(X)
    assert found.dtype == expected.dtype
    assert_array_equal(found, expected)
    X[650, 3] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        getattr(model, method)(X)
