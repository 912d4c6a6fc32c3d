"""What layers read of the training rows, for initial values that depend on the data."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor
from sknn.kernels.layers.base import LayerKernels
from sknn.kernels.layers.normalization import NORMALIZATIONS
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.layers.base import Layer
from sknn.network.layers.normalization import Normalization
from sknn.network.layers.table import LAYERS, register
from sknn.network.layout import Architecture, mlp_layers
from sknn.network.network import Network

FLOAT64 = np.dtype(np.float64)
RATES = {"learning_rate_init": 1e-12, "max_iter": 2, "random_state": 0}
rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4)) * [1, 10, 100, 0.1] + [0, 5, -3, 1]
y = X[:, 0] + 0.1 * X[:, 1]


class Standardization(Normalization):
    """Subtracts means and divides by deviations, which are those of its inputs."""

    def __init__(self):
        super().__init__("batch")
        self.name = "batch standardization"
        self.needs_whole_batch = False

    def kernels_for(self, placed, use):
        return LayerKernels(*NORMALIZATIONS["batch"][3:6])

    def initialize(self, arrays, random_state, initialization):
        super().initialize(arrays, random_state, initialization)
        rows, weights = initialization.inputs.rows, initialization.inputs.sample_weight
        mean = np.average(rows, axis=0, weights=weights)
        arrays["running_statistics_"][0] = mean
        variance = np.average((rows - mean) ** 2, axis=0, weights=weights)
        arrays["running_statistics_"][1] = variance


@pytest.fixture(autouse=True)
def new_kind():
    register("batch_standardization", Standardization())
    yield
    del LAYERS["batch_standardization"]


def with_first(base):
    """Return an estimator whose network begins with a standardization."""

    class Changed(base):
        def _change_layers(self, layers):
            return (Layer("batch_standardization"), *layers)

    return Changed


def data_of(matrix, weights=()):
    weights = read_only(np.array(weights, dtype=float))
    n_rows = matrix.shape[0]
    targets = read_only(np.zeros((n_rows, 1)))
    return TrainingData(Inputs.of(matrix, FLOAT64), targets, weights, weights)


def theta_and_views(layers, data, n_features=4):
    network = Network(Architecture(n_features, layers, "identity"), FLOAT64)
    n = network.architecture.n_hidden + 1
    arguments = (("auto",) * n, "auto", ("tanh",) * n)
    rs = np.random.RandomState(3)
    theta = network.initial_parameters(rs, *arguments, data=data)
    return theta, network.layout.views(theta)


def assert_statistics(found, rows, weights=None):
    mean = np.average(rows, axis=0, weights=weights)
    variance = np.average((rows - mean) ** 2, axis=0, weights=weights)
    assert_allclose(found, [mean, variance], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("input_dropout", [0.0, 0.5])
def test_inputs_are_the_outputs_of_the_layers_before(is_sparse, input_dropout):
    rates = (input_dropout, 0.4, 0.0)
    layers = list(mlp_layers((5, 3), 1, ("tanh", "tanh"), rates))
    last_hidden = len(layers) - 1
    layers.insert(last_hidden, Layer("batch_standardization"))
    matrix = scipy.sparse.csr_array(X) if is_sparse else X
    _, views = theta_and_views(tuple(layers), data_of(matrix))
    h = X
    for coef, intercept in zip(views["coefs_"][:2], views["intercepts_"], strict=False):
        h = np.tanh(h @ coef + intercept)
    assert_statistics(views["running_statistics_"][0], h)


@pytest.mark.parametrize("rates", [(), (0.5, 0.0)])
def test_inputs_of_the_first_layer_are_the_rows(rates):
    layers = list(mlp_layers((5,), 1, ("tanh",), rates))
    layers.insert(1 if rates else 0, Layer("batch_standardization"))
    _, views = theta_and_views(tuple(layers), data_of(X))
    assert_statistics(views["running_statistics_"][0], X)


def test_sample_weights_count_and_rows_without_one_do_not():
    weights = rng.uniform(size=60)
    weights[::3] = 0
    layers = (Layer("batch_standardization"), Layer("dense", (1,)))
    _, views = theta_and_views(layers, data_of(X, weights))
    assert_statistics(views["running_statistics_"][0], X, weights)
    inputs, sample_weight = data_of(X, weights).sample(True)
    assert_array_equal(inputs.toarray(), X[weights > 0])
    assert_array_equal(sample_weight, weights[weights > 0])


def test_a_sample_is_evenly_spaced(monkeypatch):
    monkeypatch.setattr("sknn.network.data._MOST_NUMBERS", 4)
    numbers = np.arange(100.0)[:, np.newaxis]
    for matrix in (numbers, scipy.sparse.csr_array(numbers)):
        inputs, weights = data_of(matrix).sample(True)
        assert_array_equal(inputs.toarray().ravel(), [0, 25, 50, 75])
        assert_array_equal(weights, np.ones(4))
    some = data_of(numbers)._replace(rows=np.array([7, 3, 8, 1, 9, 2, 4, 5]))
    assert_array_equal(some.sample(True)[0].toarray().ravel(), [7, 8, 9, 4])
    wide = data_of(scipy.sparse.csr_array(np.ones((6, 2))))
    assert wide.sample(True)[0].n_samples == 2
    assert wide.sample(False)[0].n_samples == 4
    whole = data_of(numbers[:4])
    assert whole.sample(True)[0] is whole.inputs


def test_many_rows_are_sampled():
    n_rows = 2**14 + 5000
    column = np.sort(rng.normal(size=n_rows))[:, np.newaxis]
    layers = (Layer("batch_standardization"), Layer("dense", (1,)))
    _, views = theta_and_views(layers, data_of(column), 1)
    picked = np.arange(2**14) * n_rows // 2**14
    assert_statistics(views["running_statistics_"][0], column[picked])


def test_layers_that_do_not_ask_cost_nothing():
    layers = mlp_layers((5,), 1, ("tanh",))
    theta, _ = theta_and_views(layers, data_of(X)._replace(inputs=None))
    expected, _ = theta_and_views(layers, None)
    assert_array_equal(theta, expected)


def test_data_are_needed():
    layers = (Layer("batch_standardization"), Layer("dense", (1,)))
    with pytest.raises(ValueError, match="depend on the training data: pass data to"):
        theta_and_views(layers, None)


@pytest.mark.parametrize("base", [MLPClassifier, MLPRegressor])
def test_the_first_call_decides(base):
    targets = (y > 0).astype(int) if base is MLPClassifier else y
    other = X + 10
    for solver in ("adam", "lbfgs"):
        model = with_first(base)(
            hidden_layer_sizes=4, solver=solver, **RATES
        ).set_params(tol=1e3)
        model.fit(X, targets)
        assert_statistics(model.running_statistics_[0], X)
        model.set_params(warm_start=True).fit(other, targets)
        assert_statistics(model.running_statistics_[0], X)
        model.set_params(warm_start=False).fit(other, targets)
        assert_statistics(model.running_statistics_[0], other)
    classes = {"classes": [0, 1]} if base is MLPClassifier else {}
    model = with_first(base)(hidden_layer_sizes=4, **RATES).partial_fit(
        X, targets, **classes
    )
    model.partial_fit(other, targets)
    assert_statistics(model.running_statistics_[0], X)
    model.initialize(other, targets)
    assert_statistics(model.running_statistics_[0], other)


def test_existing_draws_stay():
    """The rows are not drawn: the first dense layer has the weights it would have."""
    model = with_first(MLPRegressor)(hidden_layer_sizes=4, **RATES).fit(X, y)
    plain = MLPRegressor(hidden_layer_sizes=4, **RATES).fit(X, y)
    assert_allclose(model.coefs_[0], plain.coefs_[0], atol=1e-9)
