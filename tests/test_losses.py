"""Links and losses against SciPy and scikit-learn."""

import numba
import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss, mean_poisson_deviance, mean_squared_error

from sknn.inputs import read_only
from sknn.kernels.jit import call
from sknn.kernels.layers import Batch
from sknn.kernels.losses import LINKS, LOSSES

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@numba.njit
def run_link(address, raw):
    call(address, (raw,))


@numba.njit
def run_loss(address, raw, targets, weights, batch, delta):
    return call(address, (raw, targets, weights, batch, delta))


LINK_VALUES = {
    "identity": lambda z: z,
    "exp": np.exp,
    "logistic": scipy.special.expit,
    "softmax": lambda z: scipy.special.softmax(z, axis=1),
}


@dtypes
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("shape", [(1, 1), (9, 3), (33, 10)], ids=str)
def test_link(link, shape, dtype):
    raw = (3 * np.random.RandomState(0).normal(size=shape)).astype(dtype)
    expected = LINK_VALUES[link](raw.astype(np.float64))
    run_link(LINKS[link].address(dtype), raw)
    assert_allclose(raw, expected, rtol=20 * np.finfo(dtype).eps)


@dtypes
def test_softmax_of_extremes_is_finite_and_sums_to_one(dtype):
    raw = np.array([[1e30, -1e30, 0], [800, 800, 800], [-1e30, -1e30, -1e30]], dtype)
    run_link(LINKS["softmax"].address(dtype), raw)
    assert_allclose(raw, [[1, 0, 0], [1 / 3] * 3, [1 / 3] * 3], rtol=1e-6)


def cases(dtype, n=30):
    """Return name -> (targets, raw outputs, mean loss of the sum over outputs)."""
    rng = np.random.RandomState(0)
    raw = rng.normal(size=(n, 4))
    numbers, labels = rng.normal(size=(n, 4)), rng.randint(2, size=(n, 4))
    counts, classes = rng.poisson(1.5, size=(n, 4)), rng.randint(4, size=(n, 1))

    def each_output(score):
        return lambda y, z, w: sum(
            score(y[:, k], z[:, k], sample_weight=w) for k in range(4)
        )

    return {
        "squared_error": (
            numbers,
            raw,
            each_output(lambda y, z, **w: mean_squared_error(y, z, **w) / 2),
        ),
        "poisson": (
            counts,
            raw,
            each_output(lambda y, z, **w: mean_poisson_deviance(y, np.exp(z), **w) / 2),
        ),
        "binary_log_loss": (
            labels,
            raw,
            each_output(lambda y, z, **w: log_loss(y, scipy.special.expit(z), **w)),
        ),
        "log_loss": (
            classes,
            raw,
            lambda y, z, w: log_loss(
                y, scipy.special.softmax(z, axis=1), sample_weight=w, labels=range(4)
            ),
        ),
    }


def loss_of_batch(name, dtype, targets, raw, weights, rows, first, n):
    batch = Batch(
        read_only(np.empty(0, dtype)),
        0,
        read_only(np.empty(0, np.int32)),
        read_only(np.empty(0, np.int64)),
        read_only(rows),
        first,
        n,
    )
    delta = np.full_like(raw, np.nan)
    value = run_loss(
        LOSSES[name].train.address(dtype),
        raw,
        read_only(targets.astype(dtype)),
        read_only(weights.astype(dtype)),
        batch,
        delta,
    )
    return value, delta


def test_every_loss_has_a_reference():
    assert set(cases(DTYPES[1])) == set(LOSSES)


@dtypes
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_scikit_learns_metric(name, weighted, dtype):
    """In an order of rows, for a part of them, with and without weights."""
    targets, raw, metric = cases(dtype)[name]
    rng = np.random.RandomState(5)
    rows, first, n = rng.permutation(len(raw)), 7, 19
    weights = rng.uniform(0, 2, size=len(raw)) if weighted else np.empty(0)
    used = rows[first : first + n]
    value, _ = loss_of_batch(
        name, dtype, targets, raw[used].astype(dtype), weights, rows, first, n
    )
    w = weights[used] if weighted else np.ones(n)
    expected = metric(targets[used], raw[used], w) * w.sum()
    assert_allclose(value, expected, rtol=1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_vanishes_at_a_perfect_prediction(name):
    targets = np.array([[1.0]] if name == "log_loss" else [[1.0, 1.0, 1.0]])
    raw = {
        "squared_error": [[1.0, 1.0, 1.0]],
        "poisson": [[0.0, 0.0, 0.0]],
        "binary_log_loss": [[60.0, 60.0, 60.0]],
        "log_loss": [[-60.0, 60.0, -60.0]],
    }[name]
    value, delta = loss_of_batch(
        name,
        DTYPES[1],
        targets,
        np.array(raw),
        np.empty(0),
        np.empty(0, np.int64),
        0,
        1,
    )
    assert_allclose(value, 0, atol=1e-12)
    assert_allclose(delta, 0, atol=1e-12)


@dtypes
@pytest.mark.parametrize("name", ["binary_log_loss", "log_loss"])
def test_hopeless_predictions_cost_the_log_of_epsilon(name, dtype):
    """Probabilities are kept away from 0, as scikit-learn does, so the loss stays
    finite."""
    raw = np.array([[-900.0, 900.0]], dtype=dtype)
    targets = np.array([[0.0]] if name == "log_loss" else [[1.0, 1.0]])
    value, delta = loss_of_batch(
        name, dtype, targets, raw, np.empty(0), np.empty(0, np.int64), 0, 1
    )
    assert_allclose(value, -np.log(np.finfo(dtype).eps), rtol=1e-6)
    assert np.isfinite(delta).all()


def test_poisson_of_no_counts():
    """y log y is 0 at y = 0."""
    value, delta = loss_of_batch(
        "poisson",
        DTYPES[1],
        np.array([[0.0]]),
        np.array([[0.5]]),
        np.empty(0),
        np.empty(0, np.int64),
        0,
        1,
    )
    assert_allclose(value, np.exp(0.5))
    assert_allclose(delta, np.exp(0.5))
