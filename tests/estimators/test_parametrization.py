"""parametrization='ntk' beside a network of that form, trained by Adam in NumPy."""

from math import sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 5))
Y = np.stack([X[:, 0] * X[:, 1], X @ [1.0, -2.0, 0.5, 0.0, 1.0]], axis=1)
OPTIONS = {
    "hidden_layer_sizes": (20, 7),
    "activation": "tanh",
    "alpha": 0.0,
    "batch_size": 40,
    "shuffle": False,
    "learning_rate_init": 0.03,
    "tol": None,
    "random_state": 0,
}
RATE, BETA_1, BETA_2, EPSILON = 0.03, 0.9, 0.999, 1e-8


class Adam:
    """Adam with the epsilon "hat" of its paper, for one array."""

    def __init__(self, rate, epsilon):
        self.m, self.v, self.t, self.rate, self.epsilon = 0.0, 0.0, 0, rate, epsilon

    def step(self, array, gradient):
        self.t += 1
        self.m = BETA_1 * self.m + (1 - BETA_1) * gradient
        self.v = BETA_2 * self.v + (1 - BETA_2) * gradient**2
        rate = self.rate * sqrt(1 - BETA_2**self.t) / (1 - BETA_1**self.t)
        array -= rate * self.m / (np.sqrt(self.v) + self.epsilon)


class Network:
    """Layers z = x V / sqrt(fan_in) + b, with tanh between them."""

    def __init__(self, model):
        self.V = [coef * sqrt(len(coef)) for coef in model.coefs_]
        self.b = [intercept.copy() for intercept in model.intercepts_]
        # A gradient by V is 1 / sqrt(fan_in) of that by W, and so is epsilon here.
        self.of_V = [Adam(RATE, EPSILON / sqrt(len(V))) for V in self.V]
        self.of_b = [Adam(0.1 * RATE, EPSILON) for _ in self.b]

    def step(self):
        inputs = [X]
        for V, b in zip(self.V, self.b, strict=True):
            z = inputs[-1] @ V / sqrt(len(V)) + b
            inputs.append(np.tanh(z))
        delta = (z - Y) / len(X)
        for k in range(len(self.V) - 1, -1, -1):
            scale = sqrt(len(self.V[k]))
            of_V, of_b = inputs[k].T @ delta / scale, delta.sum(axis=0)
            delta = delta @ self.V[k].T / scale * (1 - inputs[k] ** 2)
            self.of_V[k].step(self.V[k], of_V)
            self.of_b[k].step(self.b[k], of_b)


@pytest.mark.parametrize("n_steps", [1, 2, 30])
def test_it_is_a_network_with_scaled_products(n_steps):
    model = MLPRegressor(parametrization="ntk", max_iter=n_steps, **OPTIONS)
    network = Network(model.initialize(X, Y))
    model.fit(X, Y)
    for _ in range(n_steps):
        network.step()
    for coef, V in zip(model.coefs_, network.V, strict=True):
        assert_allclose(coef, V / sqrt(len(V)), rtol=1e-8, atol=1e-10)
    for intercept, b in zip(model.intercepts_, network.b, strict=True):
        assert_allclose(intercept, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_initial_weights_have_the_variance_of_the_form(estimator):
    wide = np.zeros((4, 900))
    options = {"hidden_layer_sizes": (800,), "random_state": 0}
    model = estimator(parametrization="ntk", **options).initialize(wide, [0, 1, 0, 1])
    assert_allclose(sqrt(900) * model.coefs_[0].std(), 1, rtol=0.01)
    assert_allclose(sqrt(800) * model.coefs_[1].std(), 1, rtol=0.1)
    assert not np.concatenate(model.intercepts_).any()
    other = estimator(kernel_initializer="lecun_normal", **options)
    for one, same in zip(
        model.coefs_, other.initialize(wide, [0, 1, 0, 1]).coefs_, strict=True
    ):
        assert_array_equal(one, same)


@pytest.mark.parametrize("kernels", ["he_normal", ["he_normal", "orthogonal"]])
def test_another_initializer_is_heeded(kernels):
    options = {"hidden_layer_sizes": (6, 4), "random_state": 0}
    options["kernel_initializer"] = kernels
    model = MLPRegressor(parametrization="ntk", **options).initialize(X, Y)
    other = MLPRegressor(**options).initialize(X, Y)
    for k, (one, same) in enumerate(zip(model.coefs_, other.coefs_, strict=True)):
        if isinstance(kernels, str) or k < 2:
            assert_array_equal(one, same)


def test_a_fit_may_go_on_in_the_other_form():
    """The weights are the same: only how they learn changes."""
    options = {**OPTIONS, "max_iter": 2, "kernel_initializer": "he_normal"}
    model = MLPRegressor(**options).fit(X, Y)
    before = model.predict(X)
    model.set_params(parametrization="ntk")
    assert_array_equal(model.predict(X), before)
    model.partial_fit(X, Y)
    other = MLPRegressor(**options).fit(X, Y).partial_fit(X, Y)
    assert (model.coefs_[0] != other.coefs_[0]).any()


def test_no_hidden_layer():
    linear = {**OPTIONS, "hidden_layer_sizes": (), "max_iter": 1}
    model = MLPRegressor(parametrization="ntk", **linear)
    begin = model.initialize(X, Y).coefs_[0].copy()
    moved = model.fit(X, Y).coefs_[0] - begin
    # The first step of Adam is the rate, whatever the gradient.
    assert_allclose(np.abs(moved), RATE / sqrt(5), rtol=1e-5)
    assert_allclose(np.abs(model.intercepts_[0]), 0.1 * RATE, rtol=1e-5)
