"""Initial weights by their distributions, and in the estimators."""

from math import sqrt

import numpy as np
import pytest
import scipy.stats
from networks import mlp_architecture
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network

import sknn
from sknn.network.initializers import INITIALIZERS
from sknn.network.network import Network

# Bound of a uniform distribution or deviation of a normal one, by fan_in and fan_out.
BOUNDS = {
    "glorot_uniform": lambda m, n: sqrt(6 / (m + n)),
    "he_uniform": lambda m, n: sqrt(6 / m),
    "lecun_uniform": lambda m, n: sqrt(3 / m),
    "uniform": lambda m, n: 0.05,
}
DEVIATIONS = {
    "glorot_normal": lambda m, n: sqrt(2 / (m + n)),
    "he_normal": lambda m, n: sqrt(2 / m),
    "lecun_normal": lambda m, n: sqrt(1 / m),
    "unit_variance": lambda m, n: sqrt(1 / m),  # before it is scaled
    "normal": lambda m, n: 0.05,
}
OF_DATA = {"unit_variance"}  # see test_data_initializers.py
SHAPES = [(400, 300), (100, 900), (900, 100)]
X = np.random.RandomState(0).normal(size=(20, 4))


def draw(name, shape, seed=0):
    return INITIALIZERS[name](np.random.RandomState(seed), *shape)


def initial(**parameters):
    """Return an estimator with the weights that training begins with."""
    own = {"max_iter": 1, "learning_rate": lambda epoch: 0.0, "random_state": 3}
    return sknn.MLPRegressor(**own, **parameters).fit(X, X[:, 0])


def test_every_initializer_is_tested():
    assert set(INITIALIZERS) == {*BOUNDS, *DEVIATIONS, "orthogonal"}


# ---------------------------------------------------------------------------------
# Distributions.


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", BOUNDS)
def test_uniform(name, shape):
    weights, bound = draw(name, shape), BOUNDS[name](*shape)
    assert weights.shape == shape
    assert 0.999 * bound < np.abs(weights).max() <= bound
    assert abs(weights.mean()) < 5 * bound / sqrt(3 * weights.size)
    assert_allclose(weights.var(), bound**2 / 3, rtol=0.02)
    expected = scipy.stats.uniform(-bound, 2 * bound)
    assert scipy.stats.kstest(weights.ravel(), expected.cdf).pvalue > 1e-3


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", DEVIATIONS)
def test_normal(name, shape):
    """Not truncated: the largest of so many lies beyond four deviations."""
    weights, deviation = draw(name, shape), DEVIATIONS[name](*shape)
    assert weights.shape == shape
    assert np.abs(weights).max() > 4 * deviation
    assert abs(weights.mean()) < 5 * deviation / sqrt(weights.size)
    assert_allclose(weights.var(), deviation**2, rtol=0.02)
    expected = scipy.stats.norm(0, deviation)
    assert scipy.stats.kstest(weights.ravel(), expected.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 7), (7, 1), (30, 30), (50, 20), (20, 50)], ids=str
)
def test_orthogonal(shape):
    weights = draw("orthogonal", shape)
    assert weights.shape == shape
    gram = weights.T @ weights if shape[0] >= shape[1] else weights @ weights.T
    assert_allclose(gram, np.eye(min(shape)), atol=1e-13)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (4, 2), (2, 4)], ids=str)
def test_orthogonal_is_uniform(shape):
    """Entries have mean 0 and mean square 1 / n, as a rotation would not change them.

    The signs that LAPACK gives the columns are not uniform.
    """
    rng, n = np.random.RandomState(0), max(shape)
    draws = np.array([INITIALIZERS["orthogonal"](rng, *shape) for _ in range(5000)])
    assert_allclose(draws.mean(axis=0), np.zeros(shape), atol=5 / sqrt(5000 * n))
    assert_allclose((draws**2).mean(axis=0), np.full(shape, 1 / n), rtol=0.1)
    if shape[0] == shape[1]:  # Diaconis and Shahshahani, 1994
        traces = np.trace(draws, axis1=1, axis2=2)
        assert_allclose(np.mean(traces**2), 1.0, rtol=0.1)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_draws_follow_from_the_generator(name):
    assert_array_equal(draw(name, (5, 3)), draw(name, (5, 3)))
    assert not np.array_equal(draw(name, (5, 3)), draw(name, (5, 3), seed=1))


# ---------------------------------------------------------------------------------
# All parameters of a network.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu", "identity"])
@pytest.mark.parametrize("hidden", [(100,), (7, 5, 6)], ids=str)
@pytest.mark.parametrize("kind", ["MLPRegressor", "MLPClassifier"])
def test_auto_is_scikit_learns(kind, hidden, activation, dtype):
    """After one step of a rate that rounding takes away."""
    theirs, ours = (
        getattr(library, kind)(
            hidden_layer_sizes=hidden,
            activation=activation,
            solver="sgd",
            learning_rate_init=1e-200,
            max_iter=1,
            random_state=3,
        ).fit(X.astype(dtype), np.arange(20) % 3)
        for library in (neural_network, sknn)
    )
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(theirs, name), getattr(ours, name), strict=True):
            assert a.dtype == b.dtype == dtype
            assert_array_equal(a, b)


def test_zero_biases_leave_the_weights_of_auto_in_their_distribution():
    """The same draws, without those of the biases."""
    regressor = initial(bias_initializer="zeros", hidden_layer_sizes=(7, 5))
    rng = np.random.RandomState(3)
    for coef, intercept in zip(regressor.coefs_, regressor.intercepts_, strict=True):
        bound = sqrt(6 / sum(coef.shape))
        assert_array_equal(coef, rng.uniform(-bound, bound, coef.shape))
        assert_array_equal(intercept, 0)


@pytest.mark.parametrize("bias_initializer", ["auto", "zeros"])
@pytest.mark.parametrize("name", sorted(INITIALIZERS.keys() - OF_DATA))
def test_one_name_is_for_all_layers(name, bias_initializer):
    """With zeros for all biases, also of the output layer."""
    regressor = initial(
        kernel_initializer=name,
        bias_initializer=bias_initializer,
        hidden_layer_sizes=(7, 5),
    )
    rng = np.random.RandomState(3)
    for coef, intercept in zip(regressor.coefs_, regressor.intercepts_, strict=True):
        assert_array_equal(coef, INITIALIZERS[name](rng, *coef.shape))
        assert_array_equal(intercept, 0)


@pytest.mark.parametrize(
    ("activation", "last"),
    [
        ("relu", 6),
        ("logistic", 2),
        (("logistic", "relu", "tanh"), 6),
        (("relu", "relu", "logistic"), 2),
    ],
    ids=str,
)
def test_names_for_each_hidden_layer(activation, last):
    """The output layer has 'auto', and goes by the last hidden layer's activation."""
    regressor = initial(
        kernel_initializer=("he_normal", "auto", "orthogonal"),
        activation=activation,
        hidden_layer_sizes=(7, 5, 6),
    )
    rng = np.random.RandomState(3)
    second = 2 if activation == "logistic" else 6

    def auto(factor, shape):
        bound = sqrt(factor / sum(shape))
        return rng.uniform(-bound, bound, shape), rng.uniform(-bound, bound, shape[1])

    expected = [
        (rng.normal(0, sqrt(2 / 4), (4, 7)), np.zeros(7)),
        auto(second, (7, 5)),
        (INITIALIZERS["orthogonal"](rng, 5, 6), np.zeros(6)),
        auto(last, (6, 1)),
    ]
    parts = zip(expected, regressor.coefs_, regressor.intercepts_, strict=True)
    for (weights, biases), coef, intercept in parts:
        assert_array_equal(coef, weights)
        assert_array_equal(intercept, biases)


def test_auto_goes_by_the_activation_of_each_layer():
    regressor = initial(activation=("logistic", "relu"), hidden_layer_sizes=(300, 200))
    bounds = [np.abs(coef).max() for coef in regressor.coefs_]
    assert_allclose(bounds[0], sqrt(2 / 304), rtol=0.01)
    assert_allclose(bounds[1], sqrt(6 / 500), rtol=0.01)


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_normalizations_begin_as_the_identity(normalization):
    architecture = mlp_architecture(
        (4, 7, 5, 1), ("relu", "relu"), "identity", normalization=normalization
    )
    network = Network(architecture, np.float32)
    theta = network.initial_parameters(
        np.random.RandomState(0), ("auto",) * 3, "auto", ("relu",) * 3
    )
    assert theta.dtype == np.float32
    parts = network.unpack(theta)
    for gain, shift in zip(parts["gains_"], parts["shifts_"], strict=True):
        assert_array_equal(gain, 1)
        assert_array_equal(shift, 0)
    for mean, variance in parts.get("running_statistics_", ()):
        assert_array_equal(mean, 0)
        assert_array_equal(variance, 1)
    assert ("running_statistics_" in parts) == (normalization == "batch")


@pytest.mark.parametrize("names", [("he_normal",), ("he_normal",) * 3, ("he", "auto")])
def test_wrong_names_are_refused(names):
    with pytest.raises(ValueError, match="kernel_initializer"):
        initial(kernel_initializer=names, hidden_layer_sizes=(7, 5))
