"""Networks that standardise inputs and targets, in other libraries."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from onnx_sessions import FLOATS, run, scores_of

from sknn import MLPClassifier, MLPRegressor
from sknn.convert import to_keras, to_sklearn, to_torch
from sknn.onnx import to_onnx

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

OPTIONS = {"hidden_layer_sizes": (7, 5), "max_iter": 20, "random_state": 0}
rng = np.random.RandomState(0)
Z = rng.normal(size=(120, 4))
X = Z * [1, 1e-3, 40, 5e3] + [0, 1, -300, 2e4]
NUMBERS = Z @ [1.0, -2.0, 0.5, 1.0]
SEVERAL = np.c_[NUMBERS * 1e4 + 3e5, Z[:, 0]]
QUANTILES = {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]}
# Estimator, parameters, targets.
MODELS = {
    "classes": (MLPClassifier, {}, np.digitize(NUMBERS, [-1, 1])),
    "two classes": (MLPClassifier, {}, NUMBERS > 0),
    "numbers": (MLPRegressor, {"standardize_y": True}, SEVERAL[:, 0]),
    "target alone": (
        MLPRegressor,
        {"standardize": False, "standardize_y": True},
        SEVERAL[:, 0],
    ),
    "several": (MLPRegressor, {"standardize_y": True, "loss": "huber"}, SEVERAL),
    "normalised": (
        MLPRegressor,
        {"standardize_y": True, "normalization": "batch", "input_dropout": 0.1},
        SEVERAL,
    ),
    "one quantile": (
        MLPRegressor,
        {"standardize_y": True, "loss": "quantile"},
        SEVERAL[:, 0],
    ),
}
models = pytest.mark.parametrize("name", MODELS)
floats = pytest.mark.parametrize("dtype", FLOATS)


def fitted(name, dtype=np.float64, rows=X):
    estimator, parameters, y = MODELS[name]
    model = estimator(**{**OPTIONS, "standardize": True, **parameters})
    rows = rows.astype(dtype)
    return model.fit(rows, y), rows


def assert_close(found, expected, dtype):
    rtol = 2e-5 if dtype == np.float32 else 1e-10
    assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@floats
@models
def test_onnx(name, dtype):
    pytest.importorskip("onnxruntime")
    model, rows = fitted(name, dtype)
    *_, found = run(to_onnx(model), rows)
    assert found.dtype == dtype
    assert_close(found, scores_of(model, rows), dtype)


@pytest.mark.parametrize("y", [SEVERAL, SEVERAL[:, 0]], ids=["several", "one"])
def test_onnx_of_quantiles(y):
    pytest.importorskip("onnxruntime")
    model = MLPRegressor(standardize=True, standardize_y=True, **QUANTILES, **OPTIONS)
    (found,) = run(to_onnx(model.fit(X, y)), X)
    assert_close(found, model.predict(X), np.float64)


def test_onnx_far_from_zero_keeps_the_digits_of_float32():
    pytest.importorskip("onnxruntime")
    far = np.c_[1.7e9 + 1e4 * Z[:, 0], 2000 + Z[:, 1]].astype(np.float32)
    model = MLPRegressor(standardize=True, **OPTIONS).fit(far, NUMBERS)
    (found,) = run(to_onnx(model), far)
    assert_close(found, model.predict(far), np.float32)


@floats
@models
def test_scikit_learn(name, dtype):
    model, rows = fitted(name, dtype)
    theirs = to_sklearn(model)
    assert_close(scores_of(theirs, rows), scores_of(model, rows), dtype)


def test_scikit_learn_of_csr():
    S = scipy.sparse.csr_array(np.maximum(X, 0))
    model = MLPClassifier(standardize=True, **OPTIONS).fit(S, NUMBERS > 0)
    found = to_sklearn(model).predict_proba(S)
    assert_close(found, model.predict_proba(S), np.float64)
    onnx = pytest.importorskip("onnxruntime") and to_onnx(model)
    assert_close(run(onnx, S.toarray())[1], found, np.float64)


@models
def test_torch(name):
    torch = pytest.importorskip("torch")
    model, rows = fitted(name)
    with torch.no_grad():
        found = to_torch(model)(torch.from_numpy(rows)).numpy()
    expected = scores_of(model, rows)
    if name == "two classes":
        expected = expected[:, 1]
    assert_close(found.reshape(expected.shape), expected, np.float64)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@models
def test_keras(name):
    pytest.importorskip("keras")
    # Keras computes in float32, where columns far from zero lose digits.
    model, rows = fitted(name, rows=X - [0, 1, 0, 0])
    found = to_keras(model).predict(rows, verbose=0)
    expected = scores_of(model, rows)
    if name == "two classes":
        expected = expected[:, 1]
    assert_close(found.reshape(expected.shape), expected, np.float32)


def test_quantiles_in_the_units_of_y_have_no_equivalent():
    pytest.importorskip("torch")
    model = MLPRegressor(standardize_y=True, **QUANTILES, **OPTIONS)
    model.fit(X / 1e4, NUMBERS)
    message = "standardize_y=True with several quantiles has no equivalent"
    with pytest.raises(ValueError, match=message):
        to_torch(model, logits=True)
    with pytest.raises(ValueError, match="several"):
        to_sklearn(model)
