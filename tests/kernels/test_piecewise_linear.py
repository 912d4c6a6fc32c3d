"""The piecewise-linear embedding against NumPy, scipy and finite differences."""

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
SIZE, N_ROWS = 3, 40
# Bins of the columns: two of them are passed on.
BINS = (4, 0, 1, 7, 0)
EMBEDDING = Layer("piecewise_linear", (SIZE, 8, 0, *BINS))
rng = np.random.RandomState(0)
EDGES = [np.sort(rng.normal(size=n + 1)) for n in BINS if n]
X = rng.normal(scale=2, size=(N_ROWS, len(BINS)))
X[:6, 0] = [*EDGES[0], 99]  # also the edges themselves


def network_of(*layers, dtype=FLOAT64):
    return Network(Architecture(len(BINS), layers, "identity"), dtype)


def parameters_of(network, seed=1):
    """Return random parameters, with the edges above."""
    theta = np.random.RandomState(seed).normal(size=network.n_parameters)
    theta = theta.astype(network.dtype)
    for edges in network.layout.views(theta)["bin_edges_"]:
        edges[0] = np.concatenate(EDGES)
    return theta


def embedded(theta, network, inputs):
    """Return what the layer makes of inputs: clipped terms, one bin at a time."""
    views = network.layout.views(theta.astype(float))
    weights = np.split(views["bin_weights_"][0], np.cumsum([n for n in BINS if n])[:-1])
    starts = np.cumsum([n + 1 for n in BINS if n])[:-1]
    p = np.split(views["bin_edges_"][0][1], starts)
    outputs, k = [], 0
    for column, n in zip(inputs.T, BINS, strict=True):
        if n == 0:
            continue
        # The linear part: interpolation of p between the edges, by NumPy.
        of_p = np.interp(column, EDGES[k], p[k])
        y = views["embedding_biases_"][0][k] + np.outer(
            of_p, views["embedding_weights_"][0][k]
        )
        for t in range(n):
            low, high = EDGES[k][t : t + 2]
            y += np.outer(np.clip((column - low) / (high - low), 0, 1), weights[k][t])
        outputs.append(y)
        k += 1
    passed = inputs[:, [j for j, n in enumerate(BINS) if n == 0]]
    return np.column_stack([*outputs, passed])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values(dtype):
    """The sum over clipped terms, as in Gorishniy et al."""
    network = network_of(EMBEDDING, Layer("dense", (2,)), dtype=np.dtype(dtype))
    theta = parameters_of(network)
    views = network.layout.views(theta)
    inputs = X.astype(dtype)
    expected = embedded(theta, network, inputs.astype(float))
    assert expected.shape == (N_ROWS, 3 * SIZE + 2)
    expected = expected @ views["coefs_"][0] + views["intercepts_"][0]
    found = network.predict(theta, Inputs.of(inputs, network.dtype))
    rtol = 2e-4 if dtype == np.float32 else 1e-12
    assert_allclose(found, expected, rtol=rtol, atol=rtol)
    for i in range(0, N_ROWS, 7):  # a row alone has the same bits
        row = network.predict(theta, Inputs.of(inputs[i : i + 1], network.dtype))
        assert_array_equal(row[0], found[i])


@pytest.mark.parametrize(
    "layers",
    [
        (EMBEDDING, *mlp_layers((), 2, ())),
        (EMBEDDING, *mlp_layers((6, 5), 2, ("tanh", "tanh"))),
        (EMBEDDING, *mlp_layers((6,), 2, ("tanh",), normalization="layer")),
        # Behind a layer that learns, it passes the gradient of its inputs on.
        (Layer("dense", (len(BINS),), "tanh"), EMBEDDING, *mlp_layers((), 2, ())),
    ],
    ids=["linear", "deep", "normalised", "within"],
)
def test_gradient(layers):
    weights = read_only(np.random.RandomState(3).uniform(0, 2, size=N_ROWS))
    targets = read_only(np.random.RandomState(4).normal(size=(N_ROWS, 2)))
    data = TrainingData(Inputs.of(X, FLOAT64), targets, weights, weights)
    network, loss = network_of(*layers), LOSSES["squared_error"]

    def evaluate(x):
        return objective(network, loss, data, 0.7, x)

    for seed in range(1, 20):
        theta = parameters_of(network, seed)
        n = network.n_trained

        def value(x, theta=theta, n=n):
            return evaluate(np.concatenate([x, theta[n:]]))[0]

        function = with_gradient_of_the_sum(network, "squared_error", data, 0.7, value)
        expected = differences(function, theta[:n], n)
        if expected is not None:  # else an input lies near an edge
            assert_allclose(evaluate(theta)[1][:n], expected, **TOLERANCE)
            return
    raise AssertionError("there is a kink everywhere")


def test_gradient_of_the_inputs():
    """It is the slope in the bin, and 0 beyond the edges."""
    network = network_of(EMBEDDING, *mlp_layers((4,), 1, ("tanh",)))
    theta = parameters_of(network)
    inputs = np.random.RandomState(5).normal(scale=2, size=(25, len(BINS)))

    def output(row):
        inputs_of_row = Inputs.of(np.ascontiguousarray(row[np.newaxis]), FLOAT64)
        return network.predict(theta, inputs_of_row)[0, 0]

    found = network.input_gradient(
        theta, Inputs.of(inputs, FLOAT64), lambda raw: np.ones_like(raw)
    )
    n_compared = 0
    for i in range(len(inputs)):
        expected = differences(output, inputs[i], len(BINS))
        if expected is not None:
            assert_allclose(found[i], expected, **TOLERANCE)
            n_compared += 1
    assert n_compared > 15
    k = 0
    for j, n in enumerate(BINS):
        if n:
            is_beyond = (inputs[:, j] < EDGES[k][0]) | (inputs[:, j] > EDGES[k][-1])
            assert is_beyond.any()
            assert_array_equal(found[is_beyond, j], 0)
            k += 1


def test_constant_beyond_the_edges():
    network = network_of(EMBEDDING, *mlp_layers((4,), 1, ("tanh",)))
    theta = parameters_of(network)
    inputs = np.repeat(X[:1], 4, axis=0)
    inputs[:, 0] = [EDGES[0][-1], EDGES[0][-1] + 1, 1e300, np.inf]
    found = network.predict(theta, Inputs.of(inputs, FLOAT64))
    assert_array_equal(found, np.repeat(found[:1], 4, axis=0))
    inputs[0, 0] = np.nan
    found = network.predict(theta, Inputs.of(inputs, FLOAT64))
    assert np.isnan(found[0, 0])


def test_threads_change_no_bit(monkeypatch):
    """Columns of the gradient are divided among threads."""
    weights = read_only(np.empty(0))
    data = rng.normal(size=(1200, len(BINS)))
    targets = read_only(rng.normal(size=(1200, 2)))
    problem = TrainingData(Inputs.of(data, FLOAT64), targets, weights, weights)
    network = network_of(EMBEDDING, *mlp_layers((40,), 2, ("tanh",)))
    theta = parameters_of(network)
    gradients = []
    for n in (1, 2, 3):
        monkeypatch.setattr(
            "sknn.network.network.n_threads_for", lambda *arguments, n=n: n
        )
        loss = LOSSES["squared_error"]
        gradients.append(network.loss_gradient(theta, loss, problem)[1])
    assert_array_equal(gradients[1], gradients[0])
    assert_array_equal(gradients[2], gradients[0])


@pytest.mark.parametrize("n_bins", [1, 2, 63, 64, 65, 128, 129, 300])
def test_every_bin_is_found(n_bins):
    """Searched by halves, then by comparison: at the edges and between them."""
    layer = Layer("piecewise_linear", (1, n_bins, 0, n_bins))
    network = Network(
        Architecture(1, (layer, Layer("dense", (1,))), "identity"), FLOAT64
    )
    theta = np.zeros(network.n_parameters)
    views = network.layout.views(theta)
    edges = np.sort(np.random.RandomState(n_bins).normal(size=n_bins + 1))
    views["bin_edges_"][0][0] = edges
    views["bin_weights_"][0][:, 0] = np.arange(1.0, n_bins + 1) ** 2
    views["coefs_"][0][:] = 1
    at_edges = np.concatenate([[0], np.cumsum(np.arange(1.0, n_bins + 1) ** 2)])
    middles = (edges[1:] + edges[:-1]) / 2
    x = np.concatenate([edges, middles, edges[[0, -1]] + [-1, 1]])
    found = network.predict(theta, Inputs.of(x[:, np.newaxis].copy(), FLOAT64))
    assert_allclose(found[:, 0], np.interp(x, edges, at_edges), rtol=1e-12)
