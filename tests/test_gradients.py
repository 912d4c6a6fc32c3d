"""Gradients against fourth-order central differences, over the kernels' tables."""

import itertools

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose

from sknn.kernels.activations import ACTIVATIONS
from sknn.kernels.losses import LINKS, LOSSES
from sknn.kernels.optimizers import OPTIMIZERS
from sknn.network import Inputs, Network, read_only
from sknn.training import Problem, Progress, new_slots, objective, train_stochastic

N_ROWS, N_FEATURES, N_OUTPUTS = 11, 4, 3
DEPTHS = [(), (5,), (6, 3), (4, 5, 3, 4)]
FLOAT64 = np.dtype(np.float64)


def differences(function, x, step=1e-3):
    """Return the gradient by central differences of fourth order."""
    gradient = np.empty_like(x)
    for i in range(x.size):
        e = np.zeros_like(x)
        e[i] = step
        gradient[i] = (
            8 * (function(x + e) - function(x - e))
            - (function(x + 2 * e) - function(x - 2 * e))
        ) / (12 * step)
    return gradient


def targets_of(loss):
    rng = np.random.RandomState(1)
    return {
        "squared_error": rng.normal(size=(N_ROWS, N_OUTPUTS)),
        "poisson": rng.poisson(2.0, size=(N_ROWS, N_OUTPUTS)).astype(float),
        "binary_log_loss": rng.randint(2, size=(N_ROWS, N_OUTPUTS)).astype(float),
        "log_loss": rng.randint(N_OUTPUTS, size=(N_ROWS, 1)).astype(float),
    }[loss]


def problem_of(loss, weighted=False, sparse=False):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(N_ROWS, N_FEATURES))
    if sparse:
        X[rng.uniform(size=X.shape) < 0.6] = 0
        X = scipy.sparse.csr_array(X)
    weights = rng.uniform(0, 2, size=N_ROWS if weighted else 0)
    return Problem(
        Inputs.of(X, FLOAT64),
        read_only(targets_of(loss)),
        read_only(weights),
        LOSSES[loss],
    )


def network_and_point(hidden, activation, loss, problem=None):
    """Return a network and parameters; for relu, away from the kinks."""
    units = (N_FEATURES, *hidden, N_OUTPUTS)
    network = Network(units, activation, LOSSES[loss].link, FLOAT64)
    for seed in itertools.count(2):
        theta = network.initial_parameters(np.random.RandomState(seed))
        if activation != "relu" or distance_from_kinks(network, theta, problem) > 1e-4:
            return network, theta


def distance_from_kinks(network, theta, problem):
    """Return how close to zero a weighted sum of a hidden layer comes."""
    inputs, smallest = problem.inputs, np.inf
    x = inputs.data
    if inputs.is_sparse:
        shape = (inputs.n_samples, inputs.n_features)
        x = scipy.sparse.csr_array((x, inputs.indices, inputs.indptr), shape).toarray()
    x = x.reshape(inputs.n_samples, -1)
    coefs, intercepts = network.unpack(theta)
    for coef, intercept in zip(coefs[:-1], intercepts[:-1], strict=True):
        z = x @ coef + intercept
        smallest = min(smallest, np.abs(z).min())
        x = np.maximum(z, 0)
    return smallest


def objective_of_gradient(network, problem, alpha):
    """Return the function whose gradient ``objective`` returns.

    The value differs by the number of outputs where the loss is reported as a mean
    over them.
    """

    def function(x):
        penalty = 0.5 * alpha * np.sum(x[: network.n_weights] ** 2)
        size = problem.weights.sum() if problem.weights.size else N_ROWS
        value = objective(network, problem, alpha, x)[0]
        return (value - penalty / size) / problem.loss_scale(network) + penalty / size

    return function


def test_every_loss_and_link_has_a_case():
    for loss in LOSSES:
        assert len(targets_of(loss)) == N_ROWS
    assert {loss.link for loss in LOSSES.values()} == set(LINKS)


@pytest.mark.parametrize(
    ("sparse", "weighted", "alpha"),
    [(False, False, 0.0), (False, True, 0.7), (True, True, 0.7)],
    ids=["plain", "weights and penalty", "CSR"],
)
@pytest.mark.parametrize("hidden", DEPTHS, ids=str)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_of_the_whole_network(
    activation, loss, hidden, sparse, weighted, alpha
):
    problem = problem_of(loss, weighted, sparse)
    network, theta = network_and_point(hidden, activation, loss, problem)
    _, gradient = objective(network, problem, alpha, theta)
    step = 1e-5 if activation == "relu" else 1e-3
    expected = differences(objective_of_gradient(network, problem, alpha), theta, step)
    assert_allclose(gradient, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_plain_step_follows_the_gradient(loss, sparse, weighted, shuffle):
    """One epoch of one batch without momentum moves by minus the rate times it."""
    problem = problem_of(loss, weighted, sparse)
    network, theta = network_and_point((6, 3), "tanh", loss)
    parameters = {
        "solver": "sgd",
        "nesterovs_momentum": False,
        "momentum": 0.0,
        "learning_rate": "constant",
        "learning_rate_init": 0.1,
        "batch_size": N_ROWS,
        "shuffle": shuffle,
        "alpha": 0.3,
        "tol": 0.0,
        "verbose": False,
        "n_iter_no_change": 10,
        "max_iter": 1,
    }
    slots = new_slots(network, parameters)
    progress = Progress(theta.copy(), slots, learning_rate=0.1)
    train_stochastic(
        network,
        problem,
        progress,
        parameters,
        np.random.RandomState(0),
        incremental=True,
    )
    function = objective_of_gradient(network, problem, 0.3)
    assert_allclose(
        (theta - progress.theta) / 0.1, differences(function, theta), atol=1e-9
    )
    assert_allclose(progress.loss, objective(network, problem, 0.3, theta)[0])


@pytest.mark.parametrize("loss", LOSSES)
def test_blocks_of_rows_add_up(loss, monkeypatch):
    """The gradient does not depend on how many rows pass at a time."""
    problem = problem_of(loss, weighted=True)
    network, theta = network_and_point((6, 3), "tanh", loss)
    whole = network.loss_gradient(
        theta, problem.loss, problem.inputs, problem.targets, problem.weights
    )
    for block in (1, 2, 4, N_ROWS):
        monkeypatch.setattr(Network, "block", lambda self, n, block=block: block)
        loss_sum, gradient = network.loss_gradient(
            theta, problem.loss, problem.inputs, problem.targets, problem.weights
        )
        assert_allclose(loss_sum, whole[0], rtol=1e-13)
        assert_allclose(gradient, whole[1], rtol=1e-11, atol=1e-13)
        assert_allclose(
            network.predict(theta, problem.inputs),
            Network(network.units, "tanh", network.link, FLOAT64).predict(
                theta, problem.inputs
            ),
            rtol=1e-13,
        )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_descends(optimizer):
    """The loss falls over forty epochs of full batches, for every entry."""
    problem = problem_of("log_loss")
    network, theta = network_and_point((6,), "tanh", "log_loss")
    solver = "sgd" if optimizer == "nesterov" else optimizer
    parameters = {
        "solver": solver,
        "nesterovs_momentum": optimizer == "nesterov",
        "momentum": 0.5,
        "beta_1": 0.9,
        "beta_2": 0.99,
        "epsilon": 1e-8,
        "learning_rate": "constant",
        "learning_rate_init": 0.05,
        "batch_size": "auto",
        "shuffle": True,
        "alpha": 0.0,
        "tol": 0.0,
        "verbose": False,
        "n_iter_no_change": 100,
        "max_iter": 40,
    }
    progress = Progress(theta.copy(), new_slots(network, parameters), 0.05)
    with pytest.warns(match="Maximum iterations"):
        train_stochastic(
            network, problem, progress, parameters, np.random.RandomState(0)
        )
    falls = [b < a for a, b in itertools.pairwise(progress.loss_curve)]
    assert all(falls)
    assert progress.loss_curve[-1] < 0.8 * progress.loss_curve[0]
