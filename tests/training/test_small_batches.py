"""Batch normalisation where a batch has few rows, or only one."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor
from sknn.kernels.layers.normalization import NORMALIZATIONS

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def data(n=70, n_features=5):
    rng = np.random.RandomState(0)
    inputs = rng.normal(2, 3, size=(n, n_features))
    inputs[rng.uniform(size=inputs.shape) < 0.5] = 0
    return inputs, (inputs[:, 0] > inputs[:, 1]).astype(int)


def attributes(estimator):
    names = ("coefs_", "intercepts_", "gains_", "shifts_", "running_statistics_")
    return [part for name in names for part in getattr(estimator, name, ())]


def assert_same(a, b):
    for part, other in zip(attributes(a), attributes(b), strict=True):
        assert_array_equal(part, other)


# Rows, rows of a batch, and the rows of each batch of an epoch: a rest of one row, or
# of fewer than an eighth of a batch, joins the batch before it.
RESTS = [
    (41, 20, [20, 21]),
    (42, 20, [20, 22]),
    (43, 20, [20, 20, 3]),
    (21, 20, [21]),
    (5, 2, [2, 3]),
    (4, 3, [4]),
    (5, 3, [3, 2]),
    (57, 16, [16, 16, 16, 9]),
    (20, 20, [20]),
    (2, 2, [2]),
]


@dtypes
@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("n", "batch_size", "sizes"), RESTS)
def test_a_small_rest_joins_the_batch_before_it(
    n, batch_size, sizes, shuffle, container, dtype
):
    """One epoch is as many steps of partial_fit, with the rows of each."""
    inputs, y = data(n)
    inputs = inputs.astype(dtype)
    parameters = {
        "hidden_layer_sizes": (4,),
        "normalization": "batch",
        "shuffle": shuffle,
        "random_state": 0,
        "tol": None,
    }
    whole = MLPRegressor(batch_size=batch_size, max_iter=1, **parameters)
    whole.fit(container(inputs), y)
    order = np.arange(n)
    if shuffle:
        draws = np.random.RandomState(0)
        for fan_in, fan_out in ((5, 4), (4, 1)):
            draws.uniform(size=(fan_in + 1) * fan_out)
        draws.shuffle(order)
    steps = MLPRegressor(**parameters | {"shuffle": False})
    for rows in np.split(order, np.cumsum(sizes)[:-1]):
        steps.partial_fit(container(inputs[rows]), y[rows])
    tolerance = {"rtol": 1e-10, "atol": 1e-13}
    if dtype == np.float32:
        tolerance = {"rtol": 1e-4, "atol": 1e-5}
    for a, b in zip(attributes(whole), attributes(steps), strict=True):
        assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize(
    "parameters",
    [
        {"normalization": None},
        {"normalization": "layer"},
        {"normalization": "batch", "hidden_layer_sizes": ()},
    ],
)
def test_a_rest_joins_no_batch_without_running_statistics(parameters):
    inputs, y = data(41)
    model = MLPRegressor(hidden_layer_sizes=(4,), batch_size=20, max_iter=1, tol=None)
    model.set_params(**parameters, shuffle=False, random_state=0).fit(inputs, y)
    steps = MLPRegressor(hidden_layer_sizes=(4,), shuffle=False, random_state=0)
    steps.set_params(**parameters)
    for rows in (slice(0, 20), slice(20, 40), slice(40, 41)):
        steps.partial_fit(inputs[rows], y[rows])
    for a, b in zip(attributes(model), attributes(steps), strict=True):
        assert_allclose(a, b, rtol=1e-10, atol=1e-13)


def test_a_rest_joins_the_batch_of_another_call(monkeypatch):
    """Long epochs are cut into calls."""
    inputs, y = data(41)
    model = MLPRegressor(
        hidden_layer_sizes=(4,), normalization="batch", batch_size=20, max_iter=3,
        tol=None, random_state=0,
    )  # fmt: skip
    whole = pickle.loads(pickle.dumps(model)).fit(inputs, y)
    monkeypatch.setattr("sknn.network.work._OPERATIONS_A_CALL", 1)
    assert_same(model.fit(inputs, y), whole)


@pytest.mark.parametrize("rest", [0, 1, 2, 3, 7, 13])
def test_a_small_rest_spoils_nothing(rest):
    inputs = np.random.RandomState(0).normal(size=(2300, 4))
    y = 2 * inputs[:, 0] + np.abs(inputs[:, 1])
    regressor = MLPRegressor(
        hidden_layer_sizes=(32,), normalization="batch", batch_size=100, max_iter=300,
        tol=None, learning_rate_init=0.01, random_state=0,
    )  # fmt: skip
    n = 200 + rest
    assert regressor.fit(inputs[:n], y[:n]).score(inputs[300:], y[300:]) > 0.99


single_rows = pytest.mark.filterwarnings(
    "ignore:normalization='batch' needs:UserWarning"
)


@single_rows
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", NORMALIZATIONS)
@pytest.mark.slow
def test_batches_of_one_row_learn(name, sparse):
    """In fit, from the first row on, and row by row in partial_fit."""
    inputs, y = data(60)
    inputs = scipy.sparse.csr_array(inputs) if sparse else inputs
    parameters = {"normalization": name, "learning_rate_init": 0.01, "random_state": 0}
    classifier = MLPClassifier((8,), batch_size=1, max_iter=30, tol=None, **parameters)
    assert classifier.fit(inputs, y).score(inputs, y) > 0.9
    classifier = MLPClassifier((8,), **parameters)
    for _ in range(20):
        for k in range(60):
            classifier.partial_fit(inputs[k : k + 1], y[k : k + 1], classes=[0, 1])
    assert classifier.score(inputs, y) > 0.9


@single_rows
def test_the_first_row_trains_a_network_without_normalization():
    """By a mean of zero and a variance of one, but for epsilon."""
    inputs, y = data(15)
    parameters = {
        "hidden_layer_sizes": (4,), "solver": "sgd", "momentum": 0.0, "alpha": 0.0,
        "bias_initializer": "zeros", "random_state": 0,
    }  # fmt: skip
    normal = MLPRegressor(normalization="batch", **parameters)
    plain = MLPRegressor(**parameters)
    normal.partial_fit(inputs[:1], y[:1] + 1)
    plain.partial_fit(inputs[:1], y[:1] + 1)
    assert_allclose(normal.coefs_[0], plain.coefs_[0], rtol=1e-4)
    assert np.any(plain.intercepts_[0] != 0)
    assert_allclose(normal.shifts_[0], plain.intercepts_[0], rtol=1e-4)
    assert_array_equal(normal.running_statistics_[0], [np.zeros(4), np.ones(4)])


def test_a_single_row_goes_on_from_the_statistics_of_others():
    inputs, y = data(60)
    classifier = MLPClassifier((4,), normalization="batch", alpha=0.0, random_state=0)
    classifier.partial_fit(inputs, y, classes=[0, 1])
    statistics = classifier.running_statistics_[0].copy()
    weights = classifier.coefs_[0].copy()
    classifier.partial_fit(inputs[:1], y[:1])
    assert_array_equal(classifier.running_statistics_[0], statistics)
    assert np.any(classifier.coefs_[0] != weights)
    among_others = pickle.loads(pickle.dumps(classifier))
    classifier.partial_fit(inputs[3:4], y[3:4])
    alone = np.zeros(60)
    alone[3] = 2.5
    among_others.partial_fit(inputs, y, sample_weight=alone)
    for a, b in zip(attributes(classifier), attributes(among_others), strict=True):
        assert_allclose(a, b, rtol=1e-10)
    assert_array_equal(among_others.running_statistics_[0], statistics)


@pytest.mark.parametrize("parameters", [{"batch_size": 1}, {}])
def test_batches_of_one_row_are_warned_of_once(parameters):
    inputs, y = data(20)
    n = 20 if parameters else 1
    regressor = MLPRegressor(
        hidden_layer_sizes=(4,), normalization="batch", max_iter=2, tol=None,
        warm_start=True, **parameters,
    )  # fmt: skip
    with pytest.warns(UserWarning, match=r"two rows or more .* normalization='layer'"):
        regressor.fit(inputs[:n], y[:n])
    regressor.fit(inputs[:n], y[:n])
    regressor.set_params(normalization="layer", warm_start=False)
    regressor.fit(inputs[:n], y[:n])
    regressor.set_params(normalization="batch", hidden_layer_sizes=())
    regressor.fit(inputs[:n], y[:n])


def test_a_batch_in_which_nothing_counts_changes_nothing():
    """Even if the weights of its rows are those of classes."""
    inputs, y = data()
    order = np.argsort(y, kind="stable")
    inputs, y = inputs[order], y[order]
    size = int(np.sum(y == 0))
    parameters = {"normalization": "batch", "shuffle": False, "random_state": 0}
    classifier = MLPClassifier((4,), batch_size=size, max_iter=2, **parameters)
    classifier.set_params(class_weight={0: 0.0, 1: 1.0}).fit(inputs, y)
    assert all(np.isfinite(part).all() for part in attributes(classifier))
