"""The periodic embedding against NumPy and finite differences."""

import numpy as np
import pytest
from networks import TOLERANCE, differences, with_gradient_of_the_sum
from numpy.testing import assert_allclose, assert_array_equal

from sknn.kernels.losses.table import LOSSES
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.layers.base import Layer
from sknn.network.layout import Architecture, mlp_layers
from sknn.network.network import Network
from sknn.training.lbfgs import objective

FLOAT64 = np.dtype(np.float64)
N_ROWS, WIDTH = 30, 4
EMBEDDED, PASSED = [0, 2, 3], [1]
rng = np.random.RandomState(0)
X = rng.normal(scale=3, size=(N_ROWS, WIDTH))


def embedding(size):
    return Layer("periodic", (size, 16, 0, 1, 0, 1, 1))


def network_of(*layers, dtype=FLOAT64):
    return Network(Architecture(WIDTH, layers, "identity"), np.dtype(dtype))


def parameters_of(network, seed=1):
    """Return random parameters, with scales that are positive."""
    rng = np.random.RandomState(seed)
    theta = rng.normal(size=network.n_parameters).astype(network.dtype)
    for scales in network.layout.views(theta)["input_scales_"]:
        scales[1] = rng.uniform(0.2, 2, size=scales.shape[1])
    return theta


def embedded(views, inputs):
    """Return what the layer makes of inputs, column by column."""
    outputs = []
    for k, j in enumerate(EMBEDDED):
        center, scale = views["input_scales_"][0][:, k]
        u = (inputs[:, j] - center) * scale
        s = u / np.sqrt(1 + (u / 3) ** 2)
        angles = 2 * np.pi * np.outer(s, views["frequencies_"][0][k])
        waves = np.cos(angles + views["phases_"][0][k])
        sums = waves @ views["periodic_weights_"][0][k].T
        outputs += [s, *(sums + views["embedding_biases_"][0][k]).T]
    return np.column_stack([*outputs, inputs[:, PASSED]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [2, 4, 7])
def test_values(size, dtype):
    network = network_of(embedding(size), Layer("dense", (2,)), dtype=dtype)
    theta = parameters_of(network)
    views = network.layout.views(theta.astype(float))
    inputs = X.astype(dtype)
    expected = embedded(views, inputs.astype(float))
    assert expected.shape == (N_ROWS, 3 * size + 1)
    expected = expected @ views["coefs_"][0] + views["intercepts_"][0]
    found = network.predict(theta, Inputs.of(inputs, network.dtype))
    rtol = 1e-4 if dtype == np.float32 else 1e-11
    assert_allclose(found, expected, rtol=rtol, atol=rtol)
    for i in range(0, N_ROWS, 7):  # a row alone has the same bits
        row = network.predict(theta, Inputs.of(inputs[i : i + 1], network.dtype))
        assert_array_equal(row[0], found[i])


@pytest.mark.parametrize(
    "layers",
    [
        (embedding(3), *mlp_layers((), 2, ())),
        (embedding(2), *mlp_layers((5,), 2, ("tanh",))),
        # Behind a layer that learns, it passes the gradient of its inputs on.
        (Layer("dense", (WIDTH,), "tanh"), embedding(3), *mlp_layers((), 2, ())),
    ],
    ids=["linear", "deep", "within"],
)
def test_gradient(layers):
    weights = read_only(np.random.RandomState(3).uniform(0, 2, size=N_ROWS))
    targets = read_only(np.random.RandomState(4).normal(size=(N_ROWS, 2)))
    data = TrainingData(Inputs.of(X, FLOAT64), targets, weights, weights)
    network, loss = network_of(*layers), LOSSES["squared_error"]
    theta, n = parameters_of(network), network.n_trained

    def value(x):
        whole = np.concatenate([x, theta[n:]])
        return objective(network, loss, data, 0.7, whole)[0]

    function = with_gradient_of_the_sum(network, "squared_error", data, 0.7, value)
    expected = differences(function, theta[:n], n, step=2e-5)
    assert expected is not None
    found = objective(network, loss, data, 0.7, theta)[1]
    assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_gradient_of_the_inputs():
    network = network_of(embedding(4), *mlp_layers((4,), 1, ("tanh",)))
    theta = parameters_of(network)

    def output(row):
        return network.predict(theta, Inputs.of(row[np.newaxis].copy(), FLOAT64))[0, 0]

    found = network.input_gradient(
        theta, Inputs.of(X, FLOAT64), lambda raw: np.ones_like(raw)
    )
    for i in range(N_ROWS):
        expected = differences(output, X[i], WIDTH)
        assert_allclose(found[i], expected, **TOLERANCE)


def test_threads_change_no_bit(monkeypatch):
    nothing = read_only(np.empty(0))
    inputs = rng.normal(size=(1200, WIDTH))
    targets = read_only(rng.normal(size=(1200, 2)))
    data = TrainingData(Inputs.of(inputs, FLOAT64), targets, nothing, nothing)
    network = network_of(embedding(4), *mlp_layers((40,), 2, ("tanh",)))
    theta, gradients = parameters_of(network), []
    for n in (1, 2, 3):
        monkeypatch.setattr(
            "sknn.network.network.n_threads_for", lambda *arguments, n=n: n
        )
        gradient = network.loss_gradient(theta, LOSSES["squared_error"], data)[1]
        gradients.append(gradient)
    assert_array_equal(gradients[1], gradients[0])
    assert_array_equal(gradients[2], gradients[0])
