"""Networks to and from Keras, against its own predictions."""

import os
import sys
import warnings

import numpy as np
import pytest
import scipy.special
from networks_to_convert import NETWORKS, TASKS, fitted, outputs_of, rows
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPRegressor
from sknn.convert import from_keras, to_keras

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    keras = pytest.importorskip("keras")
layers = keras.layers

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def predicted(model, X):
    rows = keras.ops.convert_to_tensor(X, dtype=str(X.dtype))
    return keras.ops.convert_to_numpy(model(rows, training=False))


# Some operations of Keras return float32 also for float64 inputs, depending on its
# version and backend: so its predictions, not its weights, have float32's rounding.
ROUNDING = 1e-5


def arrays_of(model):
    """Return the arrays of one of our networks in the order of Keras' weights."""
    arrays = []
    for i, (coef, intercept) in enumerate(
        zip(model.coefs_, model.intercepts_, strict=True)
    ):
        arrays += [coef, intercept]
        if model.normalization is not None and i < len(model.coefs_) - 1:
            arrays += [model.gains_[i], model.shifts_[i]]
            if model.normalization == "batch":
                arrays += [*model.running_statistics_[i]]
    return arrays


def assert_same_arrays(given, expected):
    assert len(given) == len(expected)
    for one, other in zip(given, expected, strict=True):
        assert one.dtype == other.dtype
        assert_array_equal(one, other)


@FLOATS
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("network", ["relu", "all", "layer", "no hidden layer"])
def test_to_keras_and_back(network, task, dtype):
    check_round_trip(network, task, dtype)


@pytest.mark.parametrize("network", sorted(NETWORKS.keys() - {"step"}))
def test_every_network(network):
    check_round_trip(network, "classes", np.float64)


def check_round_trip(network, task, dtype):
    model, X = fitted(network, task, dtype)
    converted = to_keras(model)
    assert_same_arrays(converted.get_weights(), arrays_of(model))
    outputs = predicted(converted, X)
    assert_allclose(outputs, outputs_of(model, X), atol=ROUNDING, rtol=ROUNDING)
    is_single = task in ("two classes", "classes")
    options = {"classes": model.classes_} if is_single else {}
    back = from_keras(converted, multilabel=task == "multilabel", **options)
    assert_same_arrays(arrays_of(back), arrays_of(model))
    assert_array_equal(outputs_of(back, X), outputs_of(model, X))
    assert_array_equal(back.predict(X), model.predict(X))
    assert back.predict(X).dtype == model.predict(X).dtype
    assert_array_equal(np.ravel(back.dropout)[:1], np.ravel(model.dropout)[:1])
    assert back.out_activation_ == model.out_activation_


def test_float64_predictions_from_the_weights_of_keras():
    model, X = fitted("batch")
    converted = to_keras(model)
    *hidden, coef, intercept = converted.get_weights()
    epsilons = [
        layer.epsilon
        for layer in converted.layers
        if type(layer) is layers.BatchNormalization
    ]
    a = X
    for i, epsilon in enumerate(epsilons):
        W, b, gamma, beta, mean, variance = hidden[6 * i : 6 * i + 6]
        z = gamma * (a @ W + b - mean) / np.sqrt(variance + epsilon) + beta
        a = np.maximum(z, 0)
    expected = scipy.special.softmax(a @ coef + intercept, axis=1)
    assert len(epsilons) == 2
    assert_allclose(model.predict_proba(X), expected, rtol=1e-10, atol=1e-14)
    back = from_keras(converted, classes=model.classes_)
    assert_allclose(back.predict_proba(X), expected, rtol=1e-10, atol=1e-14)


def test_logits():
    counts, X = fitted("relu", "counts")
    logits = predicted(to_keras(counts, logits=True), X)
    assert_allclose(np.exp(logits)[:, 0], counts.predict(X), rtol=1e-4)
    levels = MLPRegressor("quantile", 4, quantile=(0.1, 0.9), max_iter=2)
    levels.set_params(random_state=0).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="no layer for the output activation 'quant"):
        to_keras(levels)
    assert predicted(to_keras(levels, logits=True), X).shape == (90, 2)


def test_without_keras(monkeypatch):
    model, _ = fitted()
    monkeypatch.setitem(sys.modules, "keras", None)
    for call in (from_keras, to_keras):
        with pytest.raises(ImportError, match=r"Run pip install 'sknn\[keras\]'"):
            call(model)


def test_the_policy_of_keras_stays():
    before = keras.config.dtype_policy()
    to_keras(fitted()[0])
    assert keras.config.dtype_policy() == before


# Models that were made in Keras ------------------------------------------------------


def sequential(*given, n_features=4):
    """Return a model whose weights are far from their first values."""
    model = keras.Sequential([keras.Input((n_features,)), *given])
    rng = np.random.RandomState(0)
    for weight in model.weights:
        lowest = 0.2 if len(weight.shape) == 1 else -1  # variances are positive
        weight.assign(rng.uniform(lowest, 1, weight.shape))
    return model


def dense(width, activation=None, **options):
    return layers.Dense(width, activation=activation, **options)


def batch_norm(**options):
    return layers.BatchNormalization(**options)


MODELS = {
    "plain": lambda: [dense(6, "relu"), dense(3)],
    "no biases": lambda: [dense(6, "gelu", use_bias=False), dense(3, use_bias=False)],
    "epsilon of Keras, before the activation": lambda: [
        dense(6),
        batch_norm(),
        layers.Activation("silu"),
        dense(3),
    ],
    "after the activation": lambda: [dense(6, "elu"), batch_norm(), dense(3)],
    "of the inputs": lambda: [batch_norm(epsilon=0.1), dense(6, "tanh"), dense(3)],
    "without gains": lambda: [
        dense(6),
        batch_norm(scale=False),
        layers.ReLU(),
        dense(5),
        batch_norm(center=False),
        layers.ReLU(),
        dense(3),
    ],
    "layer norm": lambda: [
        dense(6),
        layers.LayerNormalization(),
        layers.Activation("mish"),
        dense(3),
    ],
    "layer norm without gains": lambda: [
        dense(6),
        layers.LayerNormalization(center=False, scale=False, epsilon=0.1),
        layers.Activation("sigmoid"),
        dense(3),
    ],
    "slope of 0.01": lambda: [
        dense(6),
        layers.LeakyReLU(negative_slope=0.01),
        dense(3),
    ],
    "layer as activation": lambda: [dense(6, layers.ELU()), dense(3)],
    "dropout": lambda: [layers.Dropout(0.2), dense(6), layers.Dropout(0.5), dense(3)],
    "nested": lambda: [keras.Sequential([dense(6, "selu")]), dense(3, "linear")],
}


@pytest.mark.parametrize("name", MODELS)
def test_from_keras(name):
    X = rows(np.float32)
    model = sequential(*MODELS[name]())
    expected = predicted(model, X)
    ours = from_keras(model)
    scale = np.abs(expected).max()
    assert_allclose(ours.predict(X), expected, atol=2e-5 * scale)


@pytest.mark.parametrize("classes", [["b", "a", "c"], [5, -2, 2**40]])
@pytest.mark.parametrize("activation", ["softmax", None])
def test_classes_in_the_order_of_the_outputs(activation, classes):
    X = rows(np.float32)
    model = sequential(dense(6, "relu"), dense(3, activation))
    outputs = predicted(model, X)
    *_, second, best = np.sort(outputs, axis=1).T
    is_clear = best - second > ROUNDING  # each side takes its first class in a tie
    assert is_clear.sum() > 80
    expected = np.array(classes)[outputs.argmax(axis=1)]
    assert len(np.unique(expected)) > 1
    ours = from_keras(model, classes=classes)
    assert_array_equal(ours.predict(X)[is_clear], expected[is_clear])
    assert ours.predict(X).dtype == expected.dtype
    if activation:
        columns = outputs[:, np.argsort(classes)]
        assert_allclose(ours.predict_proba(X), columns, atol=ROUNDING)


@pytest.mark.parametrize("classes", [["no", "yes"], ["yes", "no"]])
def test_two_classes(classes):
    X = rows(np.float32)
    model = sequential(dense(6, "tanh"), dense(1, "sigmoid"))
    ours = from_keras(model, classes=classes)
    column = list(ours.classes_).index(classes[1])
    probabilities = ours.predict_proba(X)[:, column]
    assert_allclose(probabilities, predicted(model, X)[:, 0], atol=ROUNDING)


def test_several_labels_a_row():
    X = rows(np.float32)
    model = sequential(dense(3, "sigmoid"))
    ours = from_keras(model, multilabel=True)
    assert_allclose(ours.predict_proba(X), predicted(model, X), atol=ROUNDING)


@pytest.mark.parametrize(
    ("middle", "message"),
    [
        (layers.LeakyReLU(), r"what LeakyReLU\(negative_slope=0.3\) does"),
        (layers.Activation("leaky_relu"), "what leaky_relu does"),  # 0.2
        (layers.ReLU(max_value=6.0), r"what ReLU\(.*max_value=6"),
        (layers.ELU(alpha=0.5), r"what ELU\(alpha=0.5\) does"),
        (layers.Activation("softmax"), "what softmax does"),
        (layers.PReLU(), "of the type PReLU"),
        (layers.GaussianNoise(0.1), "of the type GaussianNoise"),
    ],
)
def test_layers_that_sknn_does_not_have(middle, message):
    model = sequential(dense(6), middle, dense(3))
    with pytest.raises(ValueError, match=message):
        from_keras(model)


class Doubled(keras.Sequential):
    def call(self, inputs, training=None, mask=None, **kwargs):
        return 2 * super().call(inputs, training, mask, **kwargs)


def test_models_that_sknn_does_not_have():
    with pytest.raises(ValueError, match=r"ends with softmax.* Pass classes"):
        from_keras(sequential(dense(3, "softmax")))
    with pytest.raises(ValueError, match="a model that is built for rows of numbers"):
        from_keras(keras.Sequential([dense(3)]))
    with pytest.raises(TypeError, match=r"takes a keras.Sequential, got Dense"):
        from_keras(dense(3))
    with pytest.raises(ValueError, match=r"bfloat16'\], but sknn has networks of fl"):
        from_keras(sequential(dense(3, dtype="bfloat16")))
    with pytest.raises(ValueError, match="Doubled has a call of its own"):
        from_keras(Doubled([keras.Input((4,)), dense(3)]))
    with pytest.raises(ValueError, match="its output layer has the activation 'relu'"):
        from_keras(sequential(dense(3, "relu")))
    with pytest.raises(TypeError, match="to_keras takes a fitted MLPClassifier"):
        to_keras(dense(3))
    model, _ = fitted("step")
    with pytest.raises(ValueError, match="Keras has no activation like 'step'"):
        to_keras(model)
