"""Looking inside a fitted network: the summary, hidden layers, input gradients."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

import sknn

rng = np.random.RandomState(0)
X = rng.normal(size=(80, 4))
NUMBERS = np.exp(0.3 * X @ [1.0, -2.0, 0.5, 0.0])
TWO = (NUMBERS > 1).astype(int)
THREE = np.digitize(NUMBERS, [0.7, 1.3])
LABELS = np.c_[TWO, X[:, 0] > 0].astype(int)
SMOOTH = {"activation": ("tanh", "softplus"), "hidden_layer_sizes": (6, 5)}
OPTIONS = {**SMOOTH, "max_iter": 15, "random_state": 0, "learning_rate_init": 0.02}


# Summary ------------------------------------------------------


def test_summary(capsys):
    model = sknn.MLPClassifier(
        (20, 1000),
        ("relu", "tanh"),
        normalization="batch",
        dropout=(0.0, 0.25),
        input_dropout=0.1,
        max_iter=1,
    ).fit(X, THREE)
    assert model.summary() is None
    assert (
        capsys.readouterr().out
        == """\
MLPClassifier
--------------------------------------------------------
layer                          output shape   parameters
--------------------------------------------------------
input                             (None, 4)            0
input: dropout 0.1                (None, 4)            0
hidden 1: dense                  (None, 20)          100
hidden 1: batch norm, relu       (None, 20)           80
hidden 2: dense                (None, 1000)       21,000
hidden 2: batch norm, tanh     (None, 1000)        4,000
hidden 2: dropout 0.25         (None, 1000)            0
output: dense, softmax            (None, 3)        3,003
--------------------------------------------------------
parameters: 28,183, of which 2,040 are running statistics
"""
    )


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("sizes", [(), (3,), (5, 4)])
def test_summary_counts_all_parameters(sizes, normalization, capsys):
    model = sknn.MLPRegressor(
        hidden_layer_sizes=sizes, normalization=normalization, max_iter=1
    ).fit(X, NUMBERS)
    names = ("coefs_", "intercepts_", "gains_", "shifts_", "running_statistics_")
    total = sum(part.size for name in names for part in getattr(model, name, []))
    model.summary()
    *lines, last = capsys.readouterr().out.splitlines()
    assert last.split(",")[0] == f"parameters: {total}"
    counts = [int(line.split()[-1]) for line in lines[4:-1]]
    assert sum(counts) == total


@pytest.mark.parametrize(
    "look",
    [
        lambda model: model.summary(),
        lambda model: model.hidden_activations(X),
        lambda model: model.input_gradients(X),
    ],
)
def test_needs_a_fitted_network(look):
    with pytest.raises(NotFittedError):
        look(sknn.MLPClassifier())


# Hidden layers ------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hidden_activations_by_the_formula(dtype):
    model = sknn.MLPClassifier(**OPTIONS).fit(X.astype(dtype), THREE)
    first = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    second = np.logaddexp(0, first @ model.coefs_[1] + model.intercepts_[1])
    rtol = 1e-12 if dtype == np.float64 else 1e-4
    x = X.astype(dtype)
    assert model.hidden_activations(x).dtype == dtype
    for layer, expected in {0: first, 1: second, -1: second, -2: first}.items():
        assert_allclose(model.hidden_activations(x, layer), expected, rtol, 1e-6)
    sparse = scipy.sparse.csr_array(x)
    assert_allclose(model.hidden_activations(sparse, 0), first, rtol, 1e-6)


def test_hidden_activations_with_normalisation_and_dropout():
    """As the next layer gets them in prediction: normalised, nothing dropped."""
    model = sknn.MLPClassifier(normalization="batch", dropout=0.5, **OPTIONS)
    model.fit(X, THREE)
    z = X @ model.coefs_[0] + model.intercepts_[0]
    mean, variance = model.running_statistics_[0]
    normal = (z - mean) / np.sqrt(variance + 1e-5)
    expected = np.tanh(normal * model.gains_[0] + model.shifts_[0])
    assert_allclose(model.hidden_activations(X, 0), expected, rtol=1e-10)


def test_hidden_activations_of_many_rows():
    """In blocks, as predictions are made."""
    model = sknn.MLPRegressor(hidden_layer_sizes=(300,), max_iter=1).fit(X, NUMBERS)
    many = np.tile(X, (40, 1))
    hidden = model.hidden_activations(many)
    assert hidden.shape == (3200, 300)
    assert_allclose(hidden[-80:], model.hidden_activations(X), rtol=1e-12)


@pytest.mark.parametrize("layer", [2, -3])
def test_hidden_activations_of_no_layer(layer):
    model = sknn.MLPRegressor(**OPTIONS).fit(X, NUMBERS)
    with pytest.raises(ValueError, match=f"no hidden layer {layer}: the network has 2"):
        model.hidden_activations(X, layer)
    linear = sknn.MLPRegressor(hidden_layer_sizes=(), max_iter=1).fit(X, NUMBERS)
    with pytest.raises(ValueError, match="no hidden layer -1: the network has 0"):
        linear.hidden_activations(X)


# Input gradients ------------------------------------------------------

MODELS = {
    "regressor": (sknn.MLPRegressor, {}, NUMBERS),
    "two outputs": (sknn.MLPRegressor, {}, np.c_[NUMBERS, -NUMBERS]),
    "poisson": (sknn.MLPRegressor, {"loss": "poisson"}, NUMBERS),
    "quantiles": (
        sknn.MLPRegressor,
        {"loss": "quantile", "quantile": (0.1, 0.5, 0.9)},
        np.c_[NUMBERS, -NUMBERS],
    ),
    "two classes": (sknn.MLPClassifier, {}, TWO),
    "three classes": (sknn.MLPClassifier, {}, THREE),
    "labels": (sknn.MLPClassifier, {}, LABELS),
    "hinge": (sknn.MLPClassifier, {"loss": "hinge"}, THREE),
    "batch normalisation": (sknn.MLPClassifier, {"normalization": "batch"}, THREE),
    "layer normalisation": (
        sknn.MLPRegressor,
        {"normalization": "layer", "dropout": 0.2},
        NUMBERS,
    ),
    "linear": (
        sknn.MLPRegressor,
        {"hidden_layer_sizes": (), "activation": "relu"},
        TWO,
    ),
}


def outputs(model, X):
    """Return what the gradients are of, shape (n_samples, n_outputs)."""
    if hasattr(model, "decision_function"):
        return model.decision_function(X)
    if not hasattr(model, "predict_proba"):
        return model.predict(X).reshape(len(X), -1)
    proba = model.predict_proba(X)
    return proba[:, 1:] if model.n_outputs_ == 1 else proba


@pytest.mark.parametrize("case", MODELS)
def test_input_gradients_by_differences(case):
    estimator, own, y = MODELS[case]
    model = estimator(**OPTIONS | own).fit(X, y)
    rows, step = X[:30], 1e-3
    expected = np.empty((30, outputs(model, rows).shape[1], 4))
    for j in range(4):
        shift = step * np.eye(4)[j]
        near = outputs(model, rows + shift) - outputs(model, rows - shift)
        far = outputs(model, rows + 2 * shift) - outputs(model, rows - 2 * shift)
        expected[:, :, j] = (8 * near - far) / (12 * step)
    gradients = model.input_gradients(rows)
    if model.n_outputs_ == 1:
        assert gradients.shape == (30, 4)
        gradients = gradients[:, np.newaxis]
    assert_allclose(gradients, expected, rtol=1e-6, atol=1e-9)
    sparse = model.input_gradients(scipy.sparse.csr_array(rows))
    assert_allclose(sparse.reshape(gradients.shape), gradients, rtol=1e-9, atol=1e-12)


def test_input_gradients_of_a_line_are_its_weights():
    model = sknn.MLPRegressor(hidden_layer_sizes=(), max_iter=5).fit(X, NUMBERS)
    expected = np.tile(model.coefs_[0].T, (80, 1))
    assert_allclose(model.input_gradients(X), expected, rtol=1e-12)


def test_looking_changes_nothing():
    model = sknn.MLPClassifier(**OPTIONS).fit(X, THREE)
    before = [part.copy() for part in model.coefs_]
    model.hidden_activations(X)
    first = model.input_gradients(X)
    assert_array_equal(model.input_gradients(X), first)
    for one, other in zip(model.coefs_, before, strict=True):
        assert_array_equal(one, other)


def test_float32_gradients():
    model = sknn.MLPClassifier(**OPTIONS).fit(X.astype(np.float32), THREE)
    gradients = model.input_gradients(X.astype(np.float32))
    assert gradients.dtype == np.float32
    assert_allclose(gradients, model.input_gradients(X), rtol=1e-3, atol=1e-5)
