"""Initial weights that depend on the training rows, by what they are to achieve."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

from sknn import MLPClassifier, MLPRegressor
from sknn.network.data_initializers import deviations, random_means, weighted_sums

rng = np.random.RandomState(0)
X = rng.normal(size=(500, 6)) * [1, 10, 100, 0.1, 5, 1] + [0, 5, -3, 1, 0, 0]
Y = X[:, 0] + 0.1 * X[:, 1]
WEIGHTS = rng.uniform(0, 2, size=500) * (rng.uniform(size=500) < 0.8)
OPTIONS = {"hidden_layer_sizes": (40, 20, 3), "random_state": 0}
SCALED = {"kernel_initializer": "unit_variance"}
AMID = {"bias_initializer": "data"}


def preactivations(model, data):
    """Return the weighted sums of each layer without its biases, and the biases."""
    h = data
    for k, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        yield h @ W, b
        if k < len(model.coefs_) - 1:
            h = model.hidden_activations(data, k)


# The functions -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 3, 2), (300, 40, 70), (33, 1, 17)])
def test_weighted_sums(shape, dtype):
    n_rows, fan_in, fan_out = shape
    rows = rng.normal(size=(n_rows, fan_in)).astype(dtype)
    weights = rng.normal(size=(fan_in, fan_out)).astype(dtype)
    expected = rows.astype(float) @ weights.astype(float)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for order in "CF":
        found = weighted_sums(rows, np.array(weights, order=order))
        assert found.dtype == dtype
        assert_allclose(found, expected, rtol=tolerance, atol=10 * tolerance)


def test_deviations():
    sums = np.column_stack([X, np.full(500, 1 / 3), np.zeros(500)])
    found = deviations(sums, np.ones(500))
    assert_allclose(found[:6], X.std(axis=0), rtol=1e-12)
    assert_array_equal(found[6:], 1)
    times = rng.randint(0, 4, size=500)
    repeated = np.repeat(X, times, axis=0)
    assert_allclose(deviations(X, times), repeated.std(axis=0), rtol=1e-12)


def test_random_means_lie_amid_the_rows():
    sums = rng.uniform(size=(50, 20_000)) + 3
    means = random_means(np.random.RandomState(0), sums, np.ones(50)) - 3
    assert 0 < means.min() < 0.1
    assert 0.9 < means.max() < 1
    assert_allclose(means.mean(), sums.mean() - 3, atol=5e-3)
    # Shares of five that are uniform among those that add up to 1: E sum(s**2) = 1/3.
    assert_allclose(means.var(), 1 / 12 / 3, rtol=0.05)


@pytest.mark.parametrize("weight", [1.0, 3.0, 0.3, 1e-12, 1e300])
def test_random_means_of_one_row(weight):
    rs, sums = np.random.RandomState(0), np.array([[3.0, -2.0]])
    assert_allclose(random_means(rs, sums, np.array([weight])), [3, -2])


@pytest.mark.parametrize("unit", [1, 0.1])
def test_random_means_count_rows_by_their_weights(unit):
    """Numbers 0 to 3, by the mean and variance of draws with these probabilities."""
    times = np.array([4, 1, 2, 3])
    sums = np.tile(np.arange(4.0)[:, np.newaxis], 40_000)
    means = random_means(np.random.RandomState(0), sums, unit * times)
    expected = np.average(np.arange(4), weights=times)
    variance = np.average((np.arange(4) - expected) ** 2, weights=times)
    assert_allclose(means.mean(), expected, atol=0.02)
    assert_allclose(means.var(), variance / 3, rtol=0.05)


def test_random_means_of_repeated_rows():
    times = rng.randint(1, 4, size=500)
    one = random_means(np.random.RandomState(0), X, times)
    other = random_means(
        np.random.RandomState(0), np.repeat(X, times, axis=0), np.ones(times.sum())
    )
    assert_array_equal(one, other)


# The estimators ------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("options", [{}, {"feature_scaling": True, "dropout": 0.5}])
@pytest.mark.parametrize("weight", [None, WEIGHTS])
def test_unit_variance(weight, options, activation):
    model = MLPRegressor(activation=activation, **OPTIONS, **SCALED, **options)
    still = {"learning_rate": lambda epoch: 0.0, "max_iter": 1}
    model.set_params(**still).fit(X, Y, weight)
    for sums, bias in preactivations(model, X):
        mean = np.average(sums, axis=0, weights=weight)
        variance = np.average((sums - mean) ** 2, axis=0, weights=weight)
        dead = (sums == sums[0]).all(axis=0)
        assert_allclose(variance[~dead], 1, rtol=1e-9)
        assert not dead.all()
        assert not bias.any()


def test_weights_of_each_neuron_keep_their_direction():
    model = MLPRegressor(**OPTIONS, **SCALED).initialize(X, Y)
    other = MLPRegressor(**OPTIONS, kernel_initializer="lecun_normal").initialize(X, Y)
    ratio = model.coefs_[0] / other.coefs_[0]
    assert_allclose(ratio, np.tile(ratio[0], (6, 1)), rtol=1e-10)


@pytest.mark.parametrize("kernel", ["auto", "he_normal", "unit_variance"])
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_the_kinks_lie_amid_the_rows(estimator, kernel):
    y = Y if estimator is MLPRegressor else (Y > 0).astype(int)
    model = estimator(**OPTIONS, **AMID, kernel_initializer=kernel).initialize(X, y)
    for sums, bias in preactivations(model, X):
        tolerance = 1e-9 * np.abs(sums).max()
        assert (sums.min(axis=0) - tolerance <= -bias).all()
        assert (-bias <= sums.max(axis=0) + tolerance).all()
    plain = estimator(**OPTIONS, kernel_initializer=kernel).initialize(X, y)
    assert_array_equal(plain.coefs_[0], model.coefs_[0]) if kernel == "auto" else None
    # At least some rows are on either side of the kink of nearly all neurons.
    shares = (X @ model.coefs_[0] + model.intercepts_[0] > 0).mean(axis=0)
    assert ((shares > 0.01) & (shares < 0.99)).mean() > 0.9


@pytest.mark.parametrize("kernel", ["auto", "unit_variance"])
def test_weights_are_repeated_rows_in_the_biases(kernel):
    times = rng.randint(0, 4, size=500)
    repeated, target = np.repeat(X, times, axis=0), np.repeat(Y, times)
    options = {**OPTIONS, **AMID, "kernel_initializer": kernel, "max_iter": 1}
    still = {"learning_rate": lambda epoch: 0.0}
    one = MLPRegressor(**options, **still).fit(X, Y, times)
    other = MLPRegressor(**options, **still).fit(repeated, target)
    for bias, same in zip(one.intercepts_, other.intercepts_, strict=True):
        assert_allclose(bias, same, rtol=1e-9, atol=1e-9)


def test_a_layer_may_have_it_alone():
    kernels = ["he_normal", "unit_variance", "he_normal"]
    model = MLPRegressor(**OPTIONS, kernel_initializer=kernels).initialize(X, Y)
    other = MLPRegressor(**OPTIONS, kernel_initializer="he_normal").initialize(X, Y)
    assert_array_equal(model.coefs_[0], other.coefs_[0])
    _, (sums, _), _, _ = preactivations(model, X)
    assert_allclose(sums.var(axis=0), 1, rtol=1e-9)


def test_constant_columns_and_rows():
    constant = np.ones((30, 6))
    model = MLPRegressor(**OPTIONS, **SCALED, **AMID).initialize(constant, Y[:30])
    for array in (*model.coefs_, *model.intercepts_):
        assert np.isfinite(array).all()
        assert np.abs(array).max() < 10
    # All rows are the same, and so is their mean.
    assert_allclose(model.hidden_activations(constant, 0), 0, atol=1e-12)


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, np.asarray])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_and_single(kind, dtype):
    model = MLPRegressor(**OPTIONS, **SCALED, **AMID).initialize(X, Y)
    other = MLPRegressor(**OPTIONS, **SCALED, **AMID)
    other.initialize(kind(X.astype(dtype)), Y)
    tolerance = 1e-3 if dtype == np.float32 else 1e-9
    for name in ("coefs_", "intercepts_"):
        for one, same in zip(getattr(model, name), getattr(other, name), strict=True):
            assert same.dtype == dtype
            assert_allclose(same, one, rtol=tolerance, atol=tolerance)


def test_the_number_of_threads_changes_no_bit():
    many = np.tile(X, (40, 50))
    target = np.tile(Y, 40)
    options = {"hidden_layer_sizes": (300, 200), "random_state": 0}

    def weights():
        model = MLPRegressor(**options, **SCALED, **AMID)
        return model.initialize(many, target).coefs_

    with threadpool_limits(1):
        alone = weights()
    for one, other in zip(weights(), alone, strict=True):
        assert_array_equal(one, other)


def test_a_fit_begins_there_and_goes_on_from_where_it_was():
    options = {**OPTIONS, **SCALED, **AMID, "max_iter": 2, "batch_size": 100}
    model = MLPRegressor(**options, learning_rate_init=1e-12)
    begin = MLPRegressor(**options).initialize(X, Y)
    for one, other in zip(model.fit(X, Y).coefs_, begin.coefs_, strict=True):
        assert_allclose(one, other, rtol=1e-6, atol=1e-9)
    before = [coef.copy() for coef in model.coefs_]
    model.partial_fit(1000 * X, Y)
    for one, other in zip(model.coefs_, before, strict=True):
        assert_allclose(one, other, rtol=1e-6, atol=1e-9)
