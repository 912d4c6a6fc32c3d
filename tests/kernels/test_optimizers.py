"""Each optimizer against a second writing of it in plain NumPy, and PyTorch's values.

``torch_steps.json`` is what ``record_torch_steps.py`` writes.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknn.jit.kernel import call
from sknn.kernels.optim.optimizers import OPTIMIZERS
from sknn.kernels.optim.regularization import (
    DECAY,
    N_REGULARIZATION_SETTINGS,
    shape_gradient,
)
from sknn.network.data import read_only
from sknn.training.options import OptimizerOptions, select

PARAMETERS = {
    "momentum": 0.8,
    "beta_1": 0.7,
    "beta_2": 0.95,
    "epsilon": 1e-3,
    "rho": 0.85,
}
RATES = [0.01, 0.02, 0.05, 0.002, 0.0, 0.1, 0.01]  # as a schedule may give them
TORCH = json.loads((Path(__file__).parents[1] / "torch_steps.json").read_text())


def run_leaf(address, arguments):
    return call(address, arguments)


class Steps:
    """Calls of the leaf, with the state that it keeps."""

    def __init__(self, name, theta, parameters=PARAMETERS):
        self.optimizer, self.theta, self.t = OPTIMIZERS[name], theta, 0
        self.optimizer_state = np.zeros(
            (self.optimizer.n_slots, len(theta)), theta.dtype
        )
        self.momentum_product = np.ones(1)
        self.settings = read_only(
            np.array(self.optimizer.settings(select(OptimizerOptions, parameters)))
        )

    def __call__(
        self, gradient, rate, n_weights=0, alpha=0.0, size=1.0, rate_factor=1.0
    ):
        """Make a step in two parts, as if two threads shared it."""
        self.t += 1
        rates, dtype, n = np.empty(3), self.theta.dtype, len(self.theta)
        run_leaf(
            self.optimizer.rates.address(dtype),
            (rates, rate, self.t, self.settings, self.momentum_product),
        )
        return sum(
            run_leaf(
                self.optimizer.step.address(dtype),
                (
                    self.theta,
                    gradient,
                    self.optimizer_state,
                    rates,
                    rate_factor,
                    first,
                    last,
                    n_weights,
                    alpha,
                    size,
                    self.settings,
                ),
            )
            for first, last in ((0, n // 3), (n // 3, n))
        )


class Sgd:
    def __init__(self, n, nesterov=False):
        self.velocity, self.nesterov = np.zeros(n), nesterov

    def update(self, g, rate):
        mu = PARAMETERS["momentum"]
        self.velocity = mu * self.velocity - rate * g
        return mu * self.velocity - rate * g if self.nesterov else self.velocity


class Adagrad:
    def __init__(self, n):
        self.gradients = []

    def update(self, g, rate):
        self.gradients.append(g)
        norm = np.linalg.norm(self.gradients, axis=0)
        return -rate * g / (norm + PARAMETERS["epsilon"])


class Rmsprop:
    def __init__(self, n):
        self.v = np.zeros(n)

    def update(self, g, rate):
        rho = PARAMETERS["rho"]
        self.v = rho * self.v + (1 - rho) * g**2
        return -rate * g / (np.sqrt(self.v) + PARAMETERS["epsilon"])


class Adam:
    """Adam with the epsilon "hat" of its paper, at the end of section 2."""

    def __init__(self, n, takes_maximum=False):
        self.m, self.v, self.largest, self.t = np.zeros(n), np.zeros(n), np.zeros(n), 0
        self.takes_maximum = takes_maximum

    def update(self, g, rate):
        b1, b2 = PARAMETERS["beta_1"], PARAMETERS["beta_2"]
        self.t += 1
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g**2
        self.largest = np.maximum(self.largest, self.v)
        v = self.largest if self.takes_maximum else self.v
        rate = rate * np.sqrt(1 - b2**self.t) / (1 - b1**self.t)
        return -rate * self.m / (np.sqrt(v) + PARAMETERS["epsilon"])


class Nadam:
    """Algorithm 2 of Dozat's paper, with its schedule of the momentum."""

    def __init__(self, n):
        self.m, self.v, self.t = np.zeros(n), np.zeros(n), 0

    def update(self, g, rate):
        b1, b2 = PARAMETERS["beta_1"], PARAMETERS["beta_2"]
        self.t += 1
        t = np.arange(1, self.t + 2)
        mu = b1 * (1 - 0.5 * 0.96 ** (0.004 * t))
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g**2
        m_hat = mu[-1] * self.m / (1 - np.prod(mu))
        g_hat = (1 - mu[-2]) * g / (1 - np.prod(mu[:-1]))
        v_hat = self.v / (1 - b2**self.t)
        return -rate * (m_hat + g_hat) / (np.sqrt(v_hat) + PARAMETERS["epsilon"])


class Lion:
    def __init__(self, n):
        self.m = np.zeros(n)

    def update(self, g, rate):
        b1, b2 = PARAMETERS["beta_1"], PARAMETERS["beta_2"]
        direction = np.sign(b1 * self.m + (1 - b1) * g)
        self.m = b2 * self.m + (1 - b2) * g
        return -rate * direction


REFERENCES = {
    "sgd": Sgd,
    "nesterov": lambda n: Sgd(n, nesterov=True),
    "adagrad": Adagrad,
    "rmsprop": Rmsprop,
    "adam": Adam,
    "nadam": Nadam,
    "amsgrad": lambda n: Adam(n, takes_maximum=True),
    "lion": Lion,
}


def test_every_optimizer_has_a_reference():
    assert set(REFERENCES) == set(OPTIMIZERS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 5, 1003])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_against_numpy(name, n, dtype):
    """With a penalty of the weights, and a rate that changes from step to step."""
    rng = np.random.RandomState(0)
    n_weights, alpha, size = (2 * n) // 3, 0.3, 17.0
    theta = rng.normal(size=n).astype(dtype)
    expected = theta.astype(np.float64)
    step, reference = Steps(name, theta), REFERENCES[name](n)
    for rate in RATES:
        gradient = rng.normal(size=n).astype(dtype)
        squares = step(gradient, rate, n_weights, alpha, size)
        tolerance = 1e-4 if dtype == np.float32 else 1e-12
        assert_allclose(squares, np.sum(expected[:n_weights] ** 2), rtol=tolerance)
        penalty = np.where(np.arange(n) < n_weights, alpha * expected, 0)
        expected = expected + reference.update((gradient + penalty) / size, rate)
        assert_allclose(theta, expected, rtol=tolerance, atol=tolerance)


def test_every_optimizer_but_lion_is_in_the_recorded_table():
    assert set(TORCH["optimizers"]) == (set(OPTIMIZERS) - {"lion"}) | {"adamw"}


@pytest.mark.parametrize("name", TORCH["optimizers"])
def test_against_pytorch(name):
    recorded = TORCH["optimizers"][name]
    parameters = {**PARAMETERS, **recorded["parameters"]}
    theta = np.array(TORCH["theta"])
    step = Steps("adam" if name == "adamw" else name, theta, parameters)
    settings = np.zeros(N_REGULARIZATION_SETTINGS)
    settings[DECAY] = parameters.get("weight_decay", 0.0)
    decay = read_only(np.array([theta.size])), read_only(np.ones(1))
    rates = TORCH["rates"]
    if parameters.get("constant"):
        rates = [rates[0]] * len(rates)
    for gradient, rate, expected in zip(
        np.array(TORCH["gradients"]), rates, recorded["path"], strict=True
    ):
        run_leaf(
            shape_gradient.address(theta.dtype),
            (theta, gradient, theta.size, 1.0, rate, *decay, read_only(settings)),
        )
        step(gradient, rate)
        assert_allclose(theta, expected, rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_factor_of_the_rate(name):
    """It multiplies what a step changes, and nothing that the optimizer keeps."""
    rng = np.random.RandomState(0)
    theta = rng.normal(size=6)
    expected, reference = theta.copy(), REFERENCES[name](6)
    step = Steps(name, theta)
    for rate in RATES:
        gradient = rng.normal(size=6)
        step(gradient, rate, rate_factor=0.3)
        expected += reference.update(gradient, 0.3 * rate)
        assert_allclose(theta, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nothing_moves_without_a_gradient(name):
    theta = np.arange(6.0)
    step = Steps(name, theta)
    for _ in range(3):
        step(np.zeros(6), 0.1)
    assert_array_equal(theta, np.arange(6.0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nan_is_not_hidden(name, dtype):
    """Divergence is found by looking for NaN in theta."""
    theta = np.arange(40, dtype=dtype)
    gradient = np.ones_like(theta)
    step = Steps(name, theta)
    step(gradient, 0.1)
    gradient[17] = np.nan
    step(gradient, 0.1)
    assert_array_equal(np.flatnonzero(np.isnan(theta)), [17])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_all_slots_are_used(name):
    step = Steps(name, np.zeros(3))
    step(np.ones(3), 0.1)
    assert (step.optimizer_state != 0).all()


def test_amsgrad_is_adam_until_gradients_shrink():
    paths = []
    for name in ("adam", "amsgrad"):
        theta = np.zeros(1)
        step = Steps(name, theta)
        values = []
        for g in (1.0, 2.0, 3.0, 0.1, 0.1):
            step(np.array([g]), 0.1)
            values.append(theta[0])
        paths.append(values)
    adam, amsgrad = paths
    assert adam[:3] == amsgrad[:3]
    assert adam[3] < amsgrad[3]  # whose step is the shorter one
