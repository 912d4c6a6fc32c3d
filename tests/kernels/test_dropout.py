"""Dropout and what it draws."""

import json
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
import scipy.sparse
import scipy.stats
from networks import mlp_architecture
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor
from sknn.jit.kernel import call
from sknn.kernels.batch import Batch
from sknn.kernels.math.counter_rng import batch_key, draw, row_key, scramble
from sknn.kernels.table import FROM_BATCH, INPUT, NEEDS_INPUT_DELTA, OUTPUT
from sknn.network.data import read_only
from sknn.network.layout import Layout
from sknn.network.program import operations

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)

# ---------------------------------------------------------------------------------
# Draws.


def lowbias32(x):
    """Return Wellons' function, written with unsigned 32-bit arithmetic."""
    x = np.atleast_1d(np.asarray(x, dtype=np.uint32))
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


@numba.njit
def fill_with_draws(key, layer_id, numbers):
    for i in range(numbers.shape[0]):
        own = row_key(key, layer_id, i)
        for j in range(numbers.shape[1]):
            numbers[i, j] = draw(own, j)


def draws(key, layer_id=0, shape=(2**11, 2**8)):
    """Return what a layer draws for a batch."""
    numbers = np.empty(shape, dtype=np.int64)
    fill_with_draws(key, layer_id, numbers)
    return numbers


def test_scramble_is_lowbias32():
    x = np.random.RandomState(0).randint(2**32, size=1000)
    x[:4] = 0, 1, 2**31, 2**32 - 1
    expected = lowbias32(x.astype(np.uint32))
    assert [scramble(each) for each in x.tolist()] == expected.tolist()
    assert scramble(2**32 + 7) == scramble(7)


def test_compiled_draws_are_those_of_plain_python():
    for key in (0, 1, 2**31, 2**32 - 1, 987654321):
        own = row_key(key, 3, 1)
        expected = [draw(own, j) for j in range(300)]
        assert draws(key, 3, (2, 300))[1].tolist() == expected
        assert draw(own, np.int32(5)) == expected[5]  # an index of a CSR matrix


KEYS = [0, 1, 2**31 - 1, 2**32 - 1, batch_key(0, 1), batch_key(7, 3)]
with_keys = pytest.mark.parametrize("key", KEYS)


@with_keys
def test_draws_are_uniform(key):
    """Each byte, over 256 bins."""
    numbers = draws(key).ravel()
    assert numbers.min() >= 0
    assert numbers.max() < 2**32
    for shift in (0, 8, 16, 24):
        counts = np.bincount((numbers >> shift) & 255, minlength=256)
        assert 1e-4 < scipy.stats.chisquare(counts).pvalue < 1 - 1e-4


@with_keys
@pytest.mark.default_cases(1)
def test_bits_of_draws_are_balanced_and_independent(key):
    """Also from a draw to the next ones: all within 5 standard deviations."""
    numbers = draws(key, shape=(2**9, 2**8)).ravel()
    bits = ((numbers[:, None] >> np.arange(32)) & 1) * 2.0 - 1
    bound = 5 / np.sqrt(len(bits))
    assert np.abs(bits.mean(axis=0)).max() < bound
    assert np.abs(bits.T @ bits / len(bits) - np.eye(32)).max() < bound
    for lag in (1, 2, 64, 256):
        assert np.abs(bits[:-lag].T @ bits[lag:]).max() / len(bits) < bound


def test_keys_of_batches_are_distinct():
    """For seeds and steps next to each other."""
    keys = {batch_key(seed, step) for seed in range(100) for step in range(1, 101)}
    assert len(keys) > 10**4 - 5  # a few of 2**32 may coincide
    for seed in range(3):
        assert len({batch_key(seed, step) for step in range(2000)}) == 2000


# ---------------------------------------------------------------------------------
# Masks.

KEY = batch_key(0, 1)


def run_forward(address, op, batch, theta, values):
    call(address, (op, batch, theta, values))


def run_backward(address, op, batch, theta, gradient, values, deltas):
    call(address, (op, batch, theta, gradient, values, deltas))


def batch_of(n, dtype, key, data=()):
    nothing = read_only(np.empty(0, dtype))
    indices = read_only(np.empty(0, np.int32)), read_only(np.empty(0, np.int64))
    data = read_only(np.ravel(np.asarray(data, dtype)))
    rows = read_only(np.empty(0, np.int64))
    return Batch(data, 0, *indices, nothing, rows, 0, n, 0, n, key)


def row_of_layer(k, width, rate, dtype):
    """Return the operation that drops outputs of the k-th of two layers, or inputs."""
    rates = [0.0, 0.0, 0.0]
    rates[k] = rate
    network = mlp_architecture(
        (width,) * 4, ("identity",) * 2, "identity", dropout=tuple(rates)
    )
    table = operations(Layout(network), dtype, False, True).table
    return table[k].copy()


def dropped(x, rate, key=KEY, k=1):
    """Return what the k-th layer makes of its outputs x, shape (n_rows, width)."""
    n, width = x.shape
    op = row_of_layer(k, width, rate, x.dtype)
    values = np.empty(4 * x.size, dtype=x.dtype)
    start = op[INPUT] * n
    if op[INPUT] == FROM_BATCH:
        batch = batch_of(n, x.dtype, key, x)
    else:
        batch = batch_of(n, x.dtype, key)
        values[start : start + x.size] = x.ravel()
    run_forward(op[0], op, batch, values[:0].copy(), values)
    start = op[OUTPUT] * n
    return values[start : start + x.size].reshape(x.shape)


def mask(shape, rate=0.5, key=KEY, k=1):
    """Return what is kept, as numbers of mean zero and variance one."""
    kept = dropped(np.ones(shape), rate, key, k) != 0
    return (kept - (1 - rate)) / np.sqrt(rate * (1 - rate))


@dtypes
@pytest.mark.parametrize("k", [0, 1, 2])
def test_masks_against_numpy(k, dtype):
    """The draw of a row and column of a layer, from a second writing."""
    rate, key, shape = 0.3, batch_key(11, 4), (7, 45)
    row_keys = lowbias32(lowbias32(key ^ k) ^ np.arange(7, dtype=np.uint32))
    numbers = lowbias32(row_keys[:, None] ^ np.arange(45, dtype=np.uint32))
    x = np.random.RandomState(0).normal(size=shape).astype(dtype)
    scale = dtype.type(2**32 / round(0.7 * 2**32))
    expected = np.where(numbers < round(0.7 * 2**32), x * scale, 0)
    assert_array_equal(dropped(x, rate, key, k), expected)


@dtypes
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_share_and_scale_of_what_is_kept(rate, dtype):
    """The mean of the outputs is that of the inputs."""
    y = dropped(np.ones((1000, 200), dtype), rate)
    kept = y[y != 0]
    n, deviation = y.size, np.sqrt(rate * (1 - rate))
    assert abs(kept.size / n - (1 - rate)) < 4 * deviation / np.sqrt(n)
    rounding = 1e-7 if dtype == np.float32 else 1e-9  # of the share, to 32 bits
    assert_allclose(kept, 1 / (1 - rate), rtol=rounding)
    assert abs(y.mean() - 1) < 4 * deviation / (1 - rate) / np.sqrt(n)


@dtypes
def test_backward_drops_what_forward_dropped(dtype):
    rate, key, n, width = 0.4, batch_key(3, 9), 20, 30
    delta = np.random.RandomState(0).normal(size=(n, width)).astype(dtype)
    op = row_of_layer(1, width, rate, dtype)
    assert op[NEEDS_INPUT_DELTA]
    deltas = np.full(4 * delta.size, np.nan, dtype)
    deltas[op[OUTPUT] * n :][: delta.size] = delta.ravel()
    nothing = deltas[:0].copy()
    run_backward(op[1], op, batch_of(n, dtype, key), nothing, nothing, nothing, deltas)
    found = deltas[op[INPUT] * n :][: delta.size].reshape(n, width)
    assert_array_equal(found, dropped(delta, rate, key))


def test_nan_and_infinity_are_not_dropped():
    """Divergence is found by looking for them."""
    x = np.full((50, 2), np.nan)
    x[:, 1] = np.inf
    assert not np.isfinite(dropped(x, 0.5)).any()


SHAPE = (500, 256)


def test_masks_of_neighbours_do_not_correlate():
    """In rows and columns: within 4 standard deviations of zero."""
    m = mask(SHAPE)
    for lag in (1, 2, 3, 16, 64):
        for a, b in ((m[:, lag:], m[:, :-lag]), (m[lag:], m[:-lag])):
            assert abs(np.mean(a * b)) < 4 / np.sqrt(a.size)
    assert abs(np.mean(m)) < 4 / np.sqrt(m.size)
    # Sums of rows and of columns vary as sums of independent numbers do.
    for axis, size in ((0, SHAPE[0]), (1, SHAPE[1])):
        sums = m.sum(axis=axis)
        statistic = np.sum(sums**2) / size
        p = scipy.stats.chi2.cdf(statistic, df=len(sums))
        assert 1e-4 < p < 1 - 1e-4


@pytest.mark.parametrize("other", ["step", "seed", "layer", "far step", "both"])
def test_masks_of_other_steps_seeds_and_layers_are_others(other):
    seed, step, k = {
        "step": (0, 2, 1),
        "seed": (1, 1, 1),
        "layer": (0, 1, 2),
        "far step": (0, 10**6, 1),
        "both": (1, 2, 1),
    }[other]
    a, b = mask(SHAPE), mask(SHAPE, key=batch_key(seed, step), k=k)
    assert abs(np.mean(a * b)) < 4 / np.sqrt(a.size)
    # No row of one is a row of the other, shifted.
    assert abs(np.mean(a[1:] * b[:-1])) < 4 / np.sqrt(a.size)
    assert abs(np.mean(a[:-1] * b[1:])) < 4 / np.sqrt(a.size)


def test_rows_have_masks_of_their_own():
    assert len(np.unique(mask((2000, 64)), axis=0)) == 2000


# ---------------------------------------------------------------------------------
# Training.


def data(n=120, n_features=6):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(n, n_features))
    X[rng.uniform(size=X.shape) < 0.5] = 0
    return X, (X @ np.arange(n_features) > 0).astype(int)


def test_dropout_of_inputs_is_ridge_in_the_mean():
    """A linear model's mean gradient has the penalty of Srivastava et al., section 9.1.

    That is ``rate / (1 - rate) * diag(X.T X) w / n`` beside the gradient of the squared
    error.
    """
    rng, rate, n, rounds = np.random.RandomState(0), 0.3, 500, 400
    X, w = rng.normal(size=(n, 3)), np.array([1.0, -2.0, 0.5])
    y = rng.normal(size=n)
    regressor = MLPRegressor(
        hidden_layer_sizes=(),
        input_dropout=rate,
        solver="sgd",
        momentum=0.0,
        nesterovs_momentum=False,
        alpha=0.0,
        batch_size=n,
        learning_rate_init=1.0,
        random_state=0,
    )
    gradients = []
    regressor.partial_fit(X, y)
    for _ in range(rounds):
        regressor.coefs_[0][:, 0] = w
        regressor.intercepts_[0][:] = 0
        regressor.partial_fit(X, y)
        gradients.append(w - regressor.coefs_[0][:, 0])
    ridge = rate / (1 - rate) * np.mean(X**2, axis=0) * w
    expected = X.T @ (X @ w - y) / n + ridge
    mean, error = np.mean(gradients, axis=0), np.std(gradients, axis=0) / rounds**0.5
    assert np.all(error < 0.05 * np.abs(ridge))
    assert np.all(np.abs(mean - expected) < 4 * error)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_csr_inputs_are_dropped_like_dense_ones(dtype):
    X, y = data()
    classifier = MLPClassifier(
        (5,), input_dropout=0.4, dropout=0.2, max_iter=5, batch_size=50, random_state=0
    )
    dense = classifier.fit(X.astype(dtype), y).coefs_
    sparse = classifier.fit(scipy.sparse.csr_array(X.astype(dtype)), y).coefs_
    for a, b in zip(dense, sparse, strict=True):
        assert_allclose(a, b, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-6)


def test_predictions_drop_nothing():
    """They are those of the weights, by the plain formula."""
    X, y = data()
    regressor = MLPRegressor(
        hidden_layer_sizes=(5, 4),
        dropout=(0.5, 0.2),
        input_dropout=0.3,
        max_iter=5,
        random_state=0,
    ).fit(X, y)
    h = X
    for k in range(3):
        z = h @ regressor.coefs_[k] + regressor.intercepts_[k]
        h = np.maximum(z, 0)
    assert_allclose(regressor.predict(X), z[:, 0], rtol=1e-12)


def test_each_rate_of_each_layer_counts():
    X, y = data()

    def coefs(**parameters):
        return (
            MLPClassifier((5, 4), max_iter=3, random_state=0, **parameters)
            .fit(X, y)
            .coefs_[0]
        )

    configurations = [
        {},
        {"dropout": 0.3},
        {"dropout": (0.3, 0.0)},
        {"dropout": (0.0, 0.3)},
        {"dropout": (0.3, 0.4)},
        {"input_dropout": 0.3},
        {"input_dropout": 0.4},
        {"input_dropout": 0.3, "dropout": 0.3},
    ]
    found = [coefs(**parameters) for parameters in configurations]
    for k, one in enumerate(found):
        assert_array_equal(one, coefs(**configurations[k]))
        assert not any(np.array_equal(one, other) for other in found[:k])
    assert_array_equal(found[0], coefs(dropout=(0.0, 0.0), input_dropout=0.0))


FITS = """
import json, sys
import numpy as np, scipy.sparse
from sknn import MLPRegressor
from sknn.kernels.math.counter_rng import draw, batch_key, row_key

draws = [draw(row_key(batch_key(s, t), k, i), j) for s, t, k, i, j in
         [(0, 1, 0, 0, 0), (2**31 - 1, 10**9, 3, 77, 12345), (5, 6, 7, 8, 9)]]
rng = np.random.RandomState(0)
X = rng.normal(size=(12, 3)); X[rng.uniform(size=X.shape) < 0.4] = 0
y = X[:, 0] - X[:, 1]
coefs = []
for inputs in (X, scipy.sparse.csr_array(X)):
    for normalization in (None, "batch", "layer"):
        regressor = MLPRegressor(
            hidden_layer_sizes=(4, 2), normalization=normalization,
            dropout=(0.0, 0.3), input_dropout=0.2, batch_size=5, random_state=0,
            solver="sgd",  # for Adam enlarges the rounding of tiny gradients
        )
        regressor.partial_fit(inputs, y).partial_fit(inputs, y)
        coefs += [c.tolist() for c in regressor.coefs_]
        coefs.append(regressor.predict(inputs).tolist())
print(json.dumps([draws, coefs]))
"""


@pytest.mark.slow
def test_plain_python_draws_the_same():
    def run(**environment):
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", FITS],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(result.stdout)

    (draws, coefs), (own_draws, own_coefs) = run(), run(NUMBA_DISABLE_JIT="1")
    assert draws == own_draws
    for a, b in zip(coefs, own_coefs, strict=True):
        assert_allclose(a, b, rtol=1e-8, atol=1e-12)
