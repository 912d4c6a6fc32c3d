"""Activations against NumPy and SciPy."""

import numba
import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose, assert_array_equal

from sknn.kernels.activations import ACTIVATIONS
from sknn.kernels.jit import call

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


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
