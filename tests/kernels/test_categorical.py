"""The kernels for columns of codes against NumPy, scikit-learn and differences."""

import numpy as np
import pytest
from networks import TOLERANCE, differences, with_gradient_of_the_sum
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import OneHotEncoder

from sknn.kernels.losses.table import LOSSES
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.layers.base import Layer
from sknn.network.layers.categorical import CodedColumn, categorical_layer
from sknn.network.layout import Architecture, mlp_layers
from sknn.network.network import Network
from sknn.training.lbfgs import objective

FLOAT64 = np.dtype(np.float64)
N_ROWS, WIDTH = 40, 6
TABLES = [CodedColumn(1, 5, 3), CodedColumn(4, 12, 2)]
INDICATORS = [CodedColumn(0, 2, 0), CodedColumn(3, 4, 0), CodedColumn(5, 1, 0)]
MIXED = sorted([*TABLES, *INDICATORS])
rng = np.random.RandomState(0)
X = rng.normal(size=(N_ROWS, WIDTH))
for column in MIXED:
    X[:, column.number] = rng.randint(-1, column.n_codes, size=N_ROWS)
# What is no code of a column, or not any code.
ODD = [np.nan, np.inf, -np.inf, 1e30, -0.5, 0.5, 99.0, -1.0]


def network_of(*layers, dtype=FLOAT64):
    return Network(Architecture(WIDTH, layers, "identity"), np.dtype(dtype))


def parameters_of(network, seed=1):
    theta = np.random.RandomState(seed).normal(size=network.n_parameters)
    return theta.astype(network.dtype)


def coded(columns, vectors, inputs):
    """Return what the layer makes of inputs, one number at a time."""
    numbers = [column.number for column in columns]
    outputs = [np.delete(inputs, numbers, axis=1)]
    start = 0
    for column in columns:
        size = (column.n_codes + 1) * column.size
        table = vectors[start : start + size].reshape(column.n_codes + 1, -1)
        start += size
        part = np.zeros((len(inputs), column.width))
        for i, x in enumerate(inputs[:, column.number]):
            is_code = x in range(column.n_codes)
            if column.size:
                part[i] = table[int(x) if is_code else -1]
            elif is_code and column.n_codes <= 2:
                part[i] = -1 if x == 0 else 1
            elif is_code:
                part[i, int(x)] = 1
        outputs.append(part)
    return np.column_stack(outputs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [MIXED, TABLES, INDICATORS], ids=len)
def test_values(columns, dtype):
    network = network_of(categorical_layer(columns), Layer("dense", (2,)), dtype=dtype)
    theta = parameters_of(network)
    views = network.layout.views(theta)
    inputs = np.concatenate([X, X[: len(ODD)]]).astype(dtype)
    numbers = [column.number for column in columns]
    inputs[-len(ODD) :, numbers] = np.array(ODD, dtype)[:, np.newaxis]
    vectors = views.get("category_vectors_", [np.empty(0)])[0]
    expected = coded(columns, vectors, inputs)
    assert expected.shape[1] == network.layout.layers[0].fan_out
    expected = expected @ views["coefs_"][0] + views["intercepts_"][0]
    found = network.predict(theta, Inputs.of(inputs, network.dtype))
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    assert_allclose(found, expected, rtol=rtol, atol=rtol)


def test_indicators_are_those_of_scikit_learn():
    column = CodedColumn(3, 4, 0)
    network = network_of(categorical_layer([column]), Layer("dense", (9,)))
    theta = parameters_of(network)
    views = network.layout.views(theta)
    views["coefs_"][0][:], views["intercepts_"][0][:] = np.eye(9), 0
    encoder = OneHotEncoder(
        categories=[range(4)], handle_unknown="ignore", sparse_output=False
    )
    expected = encoder.fit(X[:, [3]]).transform(X[:, [3]])
    found = network.predict(theta, Inputs.of(X, FLOAT64))
    assert_array_equal(found[:, 5:], expected)
    assert_array_equal(found[:, :5], np.delete(X, 3, axis=1))


@pytest.mark.parametrize(
    "layers",
    [
        (categorical_layer(MIXED), *mlp_layers((5,), 2, ("tanh",))),
        (categorical_layer(TABLES), *mlp_layers((), 2, ())),
        (categorical_layer(INDICATORS), *mlp_layers((5,), 2, ("tanh",))),
        (
            categorical_layer([TABLES[0]]),
            Layer("piecewise_linear", (2, 4, 0, 4, 3, 2, 0, 0, 0, 0, 0)),
            *mlp_layers((), 2, ()),
        ),
        # Behind a layer that learns, it passes gradients on.
        (
            Layer("dense", (WIDTH,), "tanh"),
            categorical_layer(MIXED),
            *mlp_layers((), 2, ()),
        ),
    ],
    ids=["mixed", "tables", "indicators", "before an embedding", "within"],
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
        for edges in network.layout.views(theta).get("bin_edges_", ()):
            first = 0
            for n in layers[1].options[2:5]:
                edges[0, first : first + n + 1].sort()
                first += n + 1
        n = network.n_trained

        def value(x, theta=theta, n=n):
            return evaluate(np.concatenate([x, theta[n:]]))[0]

        function = with_gradient_of_the_sum(network, "squared_error", data, 0.7, value)
        expected = differences(function, theta[:n], n)
        if expected is not None:  # else an input lies near a jump
            assert_allclose(evaluate(theta)[1][:n], expected, **TOLERANCE)
            return
    raise AssertionError("there is a kink everywhere")


def test_gradient_of_the_inputs():
    network = network_of(categorical_layer(MIXED), *mlp_layers((4,), 1, ("tanh",)))
    theta = parameters_of(network)
    found = network.input_gradient(
        theta, Inputs.of(X, FLOAT64), lambda raw: np.ones_like(raw)
    )
    numbers = [column.number for column in MIXED]
    assert_array_equal(found[:, numbers], 0)
    step = np.zeros(WIDTH)
    step[2] = 1e-6
    high, low = (
        network.predict(theta, Inputs.of(X + k * step, FLOAT64)) for k in (1, -1)
    )
    assert_allclose(found[:, 2], (high - low)[:, 0] / 2e-6, rtol=1e-5, atol=1e-8)
