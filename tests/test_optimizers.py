"""Each optimizer against a second writing of it in plain NumPy."""

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose

from sknn.kernels.jit import call
from sknn.kernels.optimizers import OPTIMIZERS
from sknn.network import read_only
from sknn.schedules import SCHEDULES

PARAMETERS = {"momentum": 0.8, "beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-6}


@numba.njit
def run_step(address, arguments):
    return call(address, arguments)


class Sgd:
    def __init__(self, n, nesterov=False):
        self.velocity, self.nesterov = np.zeros(n), nesterov

    def update(self, g, rate):
        mu = PARAMETERS["momentum"]
        self.velocity = mu * self.velocity - rate * g
        return mu * self.velocity - rate * g if self.nesterov else self.velocity


class Adam:
    def __init__(self, n):
        self.m, self.v, self.t = np.zeros(n), np.zeros(n), 0

    def update(self, g, rate):
        b1, b2 = PARAMETERS["beta_1"], PARAMETERS["beta_2"]
        self.t += 1
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g**2
        rate = rate * np.sqrt(1 - b2**self.t) / (1 - b1**self.t)
        return -rate * self.m / (np.sqrt(self.v) + PARAMETERS["epsilon"])


REFERENCES = {
    "sgd": Sgd,
    "nesterov": lambda n: Sgd(n, nesterov=True),
    "adam": Adam,
}


def test_every_optimizer_has_a_reference():
    assert set(REFERENCES) == set(OPTIMIZERS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 5, 1003])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_against_numpy(name, n, dtype):
    dtype, optimizer = np.dtype(dtype), OPTIMIZERS[name]
    rng = np.random.RandomState(0)
    n_weights, alpha, size = (2 * n) // 3, 0.3, 17.0
    theta = rng.normal(size=n).astype(dtype)
    expected = theta.astype(np.float64)
    slots = np.zeros((optimizer.n_slots, n), dtype=dtype)
    settings = read_only(np.array(optimizer.settings(PARAMETERS)))
    reference = REFERENCES[name](n)
    for t in range(1, 8):
        gradient = rng.normal(size=n).astype(dtype)
        rate = 0.01 * t
        squares = run_step(
            optimizer.step.address(dtype),
            (theta, gradient, slots, n_weights, alpha, size, rate, t, settings),
        )
        tolerance = 1e-4 if dtype == np.float32 else 1e-12
        assert_allclose(squares, np.sum(expected[:n_weights] ** 2), rtol=tolerance)
        penalty = np.where(np.arange(n) < n_weights, alpha * expected, 0)
        expected = expected + reference.update((gradient + penalty) / size, rate)
        assert_allclose(theta, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nothing_moves_without_a_gradient(name):
    optimizer, dtype = OPTIMIZERS[name], np.dtype(np.float64)
    theta = np.arange(6.0)
    settings = read_only(np.array(optimizer.settings(PARAMETERS)))
    slots = np.zeros((optimizer.n_slots, 6))
    run_step(
        optimizer.step.address(dtype),
        (theta, np.zeros(6), slots, 4, 0.0, 1.0, 0.1, 1, settings),
    )
    np.testing.assert_array_equal(theta, np.arange(6.0))


def test_schedules_by_their_closed_forms():
    parameters = {"learning_rate_init": 0.4, "power_t": 0.25}
    constant, adaptive = SCHEDULES["constant"], SCHEDULES["adaptive"]
    invscaling = SCHEDULES["invscaling"]
    assert constant.after_epoch(0.4, 100, parameters) == 0.4
    assert constant.on_plateau(0.4) is None
    assert invscaling.after_epoch(0.1, 80, parameters) == 0.4 / 81**0.25
    assert invscaling.on_plateau(0.4) is None
    assert adaptive.after_epoch(0.4, 100, parameters) == 0.4
    assert adaptive.on_plateau(0.4) == 0.4 / 5
    assert adaptive.on_plateau(1e-6) is None
