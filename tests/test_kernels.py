"""Elementary functions, activations, links and losses against NumPy and SciPy."""

import numba
import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import log_loss, mean_poisson_deviance, mean_squared_error

from sknn.kernels import elementary
from sknn.kernels.activations import ACTIVATIONS
from sknn.kernels.jit import call
from sknn.kernels.layers import Batch
from sknn.kernels.losses import LINKS, LOSSES
from sknn.network import read_only

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@numba.njit(error_model="numpy")
def exp(x, out):
    for i in range(x.size):
        out[i] = elementary.exp(x[i])


@numba.njit(error_model="numpy")
def log(x, out):
    for i in range(x.size):
        out[i] = elementary.log(x[i])


@numba.njit(error_model="numpy")
def tanh(x, out):
    for i in range(x.size):
        out[i] = elementary.tanh(x[i])


def evaluate(function, x):
    out = np.empty_like(x)
    function(x, out)
    return out


def largest_error(actual, exact, dtype):
    """Return the largest error in units in the last place."""
    ulp = np.spacing(np.abs(exact).astype(dtype)).astype(np.longdouble)
    return float(np.max(np.abs(actual.astype(np.longdouble) - exact) / ulp))


@dtypes
def test_exp_within_two_ulps_over_its_whole_range(dtype):
    limits = np.finfo(dtype)
    low, high = np.log(limits.tiny), np.log(limits.max)
    x = np.linspace(low * 0.9999, high * 0.9999, 300_001).astype(dtype)
    exact = np.exp(x.astype(np.longdouble))
    assert largest_error(evaluate(exp, x), exact, dtype) < 2


@dtypes
def test_log_within_one_ulp_over_its_whole_range(dtype):
    limits = np.finfo(dtype)
    x = np.concatenate(
        [
            np.geomspace(limits.smallest_subnormal, limits.max / 2, 300_001).astype(
                dtype
            ),
            np.linspace(0.4, 2.5, 100_001, dtype=dtype),
        ]
    )
    exact = np.log(x.astype(np.longdouble))
    assert largest_error(evaluate(log, x), exact, dtype) < 1


@dtypes
def test_tanh_within_two_ulps_over_its_whole_range(dtype):
    x = np.concatenate(
        [
            np.linspace(-25, 25, 300_001),
            np.geomspace(float(np.finfo(dtype).tiny), 1e30, 50_001),
        ]
    ).astype(dtype)
    exact = np.tanh(x.astype(np.longdouble))
    assert largest_error(evaluate(tanh, x), exact, dtype) < 2


@dtypes
@pytest.mark.parametrize(
    ("function", "reference", "points"),
    [
        (exp, np.exp, [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1.0]),
        (log, np.log, [np.nan, np.inf, -np.inf, 0.0, -1.0, 1.0]),
        (tanh, np.tanh, [np.nan, np.inf, -np.inf, 0.0, 1e30, -1e30]),
    ],
    ids=["exp", "log", "tanh"],
)
def test_special_values(function, reference, points, dtype):
    x = np.array(points, dtype=dtype)
    with np.errstate(all="ignore"):
        expected = reference(x)
    assert_allclose(evaluate(function, x), expected, rtol=1e-6)


@dtypes
def test_exp_flushes_what_is_too_small_to_zero(dtype):
    x = np.array([np.log(np.finfo(dtype).tiny) * 1.01], dtype=dtype)
    assert evaluate(exp, x)[0] == 0


def test_plain_python_bodies_are_numpy():
    """What runs under NUMBA_DISABLE_JIT=1."""
    for name in ("exp", "log", "tanh"):
        x = np.float32(0.7)
        assert getattr(elementary, name)(x) == getattr(np, name)(x)
    assert elementary.epsilon(np.float32(1)) == np.finfo(np.float32).eps


# Activations -----------------------------------------------------------------------


@numba.njit
def run_forward(address, z, bias):
    call(address, (z, bias))


@numba.njit
def run_backward(address, y, delta, bias_gradient):
    call(address, (y, delta, bias_gradient))


VALUES = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "logistic": scipy.special.expit,
    "tanh": np.tanh,
}
EXTREMES = [-1e30, -800.0, -90.0, -30.0, -1e-30, 0.0, 1e-30, 30.0, 90.0, 800.0, 1e30]


def test_every_activation_has_a_reference():
    assert set(VALUES) == set(ACTIVATIONS)


@dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 100), (40, 33)], ids=str)
def test_activation_forward(name, shape, dtype):
    rng = np.random.RandomState(0)
    z = (3 * rng.normal(size=shape)).astype(dtype)
    z.flat[: min(z.size, len(EXTREMES))] = EXTREMES[: z.size]
    bias = rng.normal(size=shape[1]).astype(dtype)
    expected = VALUES[name]((z + bias).astype(np.float64))
    run_forward(ACTIVATIONS[name].forward.address(dtype), z, bias)
    assert_allclose(z, expected, rtol=4 * np.finfo(dtype).eps, atol=1e-37)


@dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 100)], ids=str)
def test_activation_backward(name, shape, dtype):
    """The slope, by differences of the reference, and the sums over the rows."""
    rng = np.random.RandomState(1)
    z = rng.uniform(0.1, 3, size=shape) * rng.choice([-1, 1], size=shape)
    delta = rng.normal(size=shape)
    h, f = 1e-3, VALUES[name]
    slope = (8 * (f(z + h) - f(z - h)) - (f(z + 2 * h) - f(z - 2 * h))) / (12 * h)
    actual = delta.astype(dtype)
    sums = np.full(shape[1], np.nan, dtype=dtype)
    run_backward(
        ACTIVATIONS[name].backward.address(dtype), f(z).astype(dtype), actual, sums
    )
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    assert_allclose(actual, delta * slope, rtol=tolerance, atol=tolerance)
    assert_allclose(sums, (delta * slope).sum(axis=0), rtol=tolerance, atol=tolerance)


def test_relu_has_no_slope_at_zero():
    delta, sums = np.ones((1, 2)), np.empty(2)
    y = np.array([[0.0, 1.0]])
    run_backward(ACTIVATIONS["relu"].backward.address(DTYPES[1]), y, delta, sums)
    assert_array_equal(delta, [[0.0, 1.0]])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_let_nan_through(name):
    """Divergence must not be hidden."""
    z = np.full((2, 3), np.nan)
    run_forward(ACTIVATIONS[name].forward.address(DTYPES[1]), z, np.zeros(3))
    if name != "relu":
        assert np.isnan(z).all()


# Links and losses ------------------------------------------------------------------


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
