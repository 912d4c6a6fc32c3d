"""Arrays of layers that learn at a rate of their own, and decay by a share of it.

Factors of dense layers are set here alone: see ``with_factors``.
"""

import pickle
from math import sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

from sknn import MLPRegressor
from sknn.estimators.parameters import STOCHASTIC_SOLVERS
from sknn.kernels.drivers.steps import CHUNK
from sknn.network.layers.dense import Dense
from sknn.network.layout import Architecture, Layout, mlp_layers
from sknn.network.rate_factors import learning_rate_segments, weight_decay_segments

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
Y = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * rng.normal(size=60)
OPTIONS = {"hidden_layer_sizes": (7, 5), "random_state": 0, "max_iter": 6, "tol": None}
solvers = pytest.mark.parametrize("solver", sorted(STOCHASTIC_SOLVERS))


@pytest.fixture
def with_factors(monkeypatch):
    """Return a function that sets the factors of weights and biases."""
    weights, biases = Dense.arrays

    def put(of_weights, of_biases, decays=(None, None)):
        factors = zip((weights, biases), (of_weights, of_biases), decays, strict=True)
        arrays = tuple(
            array._replace(learning_rate_factor=factor, weight_decay_factor=decay)
            for array, factor, decay in factors
        )
        monkeypatch.setattr(Dense, "arrays", arrays)

    return put


def by_fan_in(fan_in, fan_out, options):
    return 1 / sqrt(fan_in)


def fit(**parameters):
    return MLPRegressor(**{**OPTIONS, **parameters}).fit(X, Y)


def start(**parameters):
    return MLPRegressor(**{**OPTIONS, **parameters}).initialize(X, Y)


def arrays_of(model):
    return [*model.coefs_, *model.intercepts_]


def assert_same(model, other):
    for one, another in zip(arrays_of(model), arrays_of(other), strict=True):
        assert_array_equal(one, another)


def layout(*hidden):
    return Layout(
        Architecture(4, mlp_layers(hidden, 1, ["relu"] * len(hidden)), "identity")
    )


# The segments ----------------------------------------------------------------------


def test_equal_factors_are_one_segment():
    plain = layout(7, 5)
    rates, decays = learning_rate_segments(plain), weight_decay_segments(plain)
    assert (rates.ends.tolist(), rates.factors.tolist()) == ([plain.n_trained], [1.0])
    assert decays.ends.tolist() == [plain.n_penalized, plain.n_trained]
    assert decays.factors.tolist() == [1.0, 0.0]


def test_segments_join_where_the_factor_is_the_same(with_factors):
    with_factors(by_fan_in, 0.1, (3.0, 2.0))
    net = layout(9, 9, 9)  # fan_in: 4, and then 9 three times
    ends = [4 * 9, 4 * 9 + 2 * 81 + 9, net.n_trained]
    rates, decays = learning_rate_segments(net), weight_decay_segments(net)
    assert rates.ends.tolist() == decays.ends.tolist() == ends
    assert_allclose(rates.factors, [1 / 2, 1 / 3, 0.1])
    assert_allclose(decays.factors, [3 / 2, 3 / 3, 0.2])


# Training -------------------------------------------------------------------------


@solvers
def test_the_same_factor_for_all_is_another_learning_rate(solver, with_factors):
    """To the bit, for a power of two."""
    options = {"solver": solver, "learning_rate_init": 0.02, "weight_decay": 0.3}
    expected = fit(**options | {"learning_rate_init": 0.01})
    with_factors(0.5, 0.5)
    assert_same(fit(**options), expected)


@solvers
def test_a_factor_of_zero_holds_an_array(solver, with_factors):
    with_factors(1.0, 0.0)
    model, begin = fit(solver=solver), start(solver=solver)
    for one, other in zip(model.intercepts_, begin.intercepts_, strict=True):
        assert_array_equal(one, other)
    assert all((a != b).any() for a, b in zip(model.coefs_, begin.coefs_, strict=True))


@pytest.mark.parametrize("hidden", [(7, 5), (200, 150)], ids=str)
def test_a_step_of_gradient_descent(hidden, with_factors):
    """Also where segments lie in several chunks of the parameters."""
    with_factors(by_fan_in, 0.1)
    options = {"hidden_layer_sizes": hidden, "alpha": 0.0}
    descent = {"solver": "sgd", "momentum": 0.0, "max_iter": 1, "batch_size": 60}
    model, begin = fit(**options, **descent), start(**options)
    gradients = begin.loss_gradients(X, Y)
    assert (sum(array.size for array in arrays_of(model)) > CHUNK) == (hidden[0] > 99)
    for k, coef in enumerate(model.coefs_):
        step = 0.001 / sqrt(len(coef)) * gradients["coefs_"][k]
        assert_allclose(coef, begin.coefs_[k] - step, rtol=1e-12, atol=1e-15)
        step = 0.1 * 0.001 * gradients["intercepts_"][k]
        found = model.intercepts_[k]
        assert_allclose(found, begin.intercepts_[k] - step, rtol=1e-12, atol=1e-15)


@solvers
def test_the_penalty_in_the_loss_is_that_of_all_weights(solver, with_factors):
    with_factors(by_fan_in, 0.1)
    model, begin = fit(solver=solver, max_iter=1, batch_size=60), start()
    squares = sum(np.sum(coef**2) for coef in begin.coefs_)
    error = np.mean((begin.predict(X) - Y) ** 2) / 2
    assert_allclose(model.loss_, error + 0.0001 / 2 * squares / 60, rtol=1e-12)


@pytest.mark.parametrize("decays", [(None, None), (0.5, 2.0)])
def test_decay_is_by_the_rate_of_the_array(decays, with_factors):
    """Where nothing but decay moves the parameters."""
    with_factors(by_fan_in, 0.1, decays)
    options = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05}
    begin = start(**options)
    model = fit(weight_decay=0.4, clipvalue=1e-300, **options)
    n_steps = model.n_iter_
    of_weights, of_biases = (1.0, 0.0) if decays[0] is None else decays
    for k, coef in enumerate(model.coefs_):
        left = (1 - 0.05 * 0.4 * of_weights / sqrt(len(coef))) ** n_steps
        assert_allclose(coef, begin.coefs_[k] * left, rtol=1e-12)
        left = (1 - 0.05 * 0.4 * of_biases * 0.1) ** n_steps
        assert_allclose(model.intercepts_[k], begin.intercepts_[k] * left, rtol=1e-12)


@solvers
def test_training_goes_on_as_without_a_break(solver, with_factors):
    with_factors(by_fan_in, 0.1)
    options = {"solver": solver, "weight_decay": 0.1}
    part = pickle.loads(pickle.dumps(fit(max_iter=3, **options)))
    assert_same(part.set_params(max_iter=6).resume_fit(X, Y), fit(**options))


def test_the_number_of_threads_changes_no_bit(with_factors):
    with_factors(by_fan_in, 0.1)
    options = {"hidden_layer_sizes": (300, 200), "batch_size": 60, "max_iter": 3}
    with threadpool_limits(1):
        alone = fit(**options)
    assert_same(fit(**options), alone)
