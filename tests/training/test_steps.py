"""Steps of training: gradients of a batch against differences, masks included."""

import itertools

import numpy as np
import pytest
import scipy.sparse
from networks import (
    FLOAT64,
    N_FEATURES,
    N_ROWS,
    PARAMETERS,
    TOLERANCE,
    make_training_data,
    network_of,
    one_step,
    parameters_of,
    point_and_differences,
    task_of,
    with_gradient_of_the_sum,
)
from numpy.testing import assert_allclose

from sknn.jit.kernel import inline_scalar, like
from sknn.kernels.layers import activations
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.layers.normalization import NORMALIZATIONS
from sknn.kernels.losses.table import LOSSES
from sknn.kernels.optim.optimizers import OPTIMIZERS
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.network import Network
from sknn.training.stochastic import train_stochastic


def check_step(hidden, activation, loss, weighted, sparse, shuffle, **options):
    """Compare one step with differences; dropout draws the same masks in each."""
    problem = make_training_data(loss, weighted, sparse)
    network = network_of(hidden, activation, loss, **options)

    def step_from(x):
        return one_step(network, loss, problem, x, shuffle=shuffle)

    function = with_gradient_of_the_sum(
        network, loss, problem, PARAMETERS["alpha"], lambda x: step_from(x)[0]
    )
    theta, expected = point_and_differences(network, function)
    n = network.n_trained
    assert_allclose((theta - step_from(theta)[1])[:n], expected, **TOLERANCE)


with_kinds_of_data = pytest.mark.parametrize(
    ("weighted", "sparse", "shuffle"),
    [
        (False, False, False),
        (True, False, True),
        (True, True, False),
        (False, True, True),
    ],
    ids=["plain", "weights and shuffling", "CSR and weights", "CSR and shuffling"],
)


@with_kinds_of_data
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.default_cases(20)
def test_a_plain_step_follows_the_gradient(loss, sparse, weighted, shuffle):
    check_step((5,), "tanh", loss, weighted, sparse, shuffle)


RATES = {
    "none": (0.0, 0.0),
    "hidden": (0.0, 0.4),
    "all": (0.3, 0.4),
}


@with_kinds_of_data
@pytest.mark.parametrize("hidden", [(), (5, 3), (4, 1)], ids=str)
@pytest.mark.parametrize("dropped", RATES)
@pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])
@pytest.mark.default_cases(30)
def test_step_with_normalization_and_dropout(
    normalization, dropped, hidden, weighted, sparse, shuffle
):
    rate_of_inputs, rate = RATES[dropped]
    check_step(
        hidden,
        ("tanh", "logistic")[: len(hidden)],
        "squared_error",
        weighted,
        sparse,
        shuffle,
        dropout=(rate_of_inputs, *[rate] * len(hidden)),
        normalization=normalization,
    )


@inline_scalar
def cubic(z):
    return z * z * (like(z, 1) - z)


@inline_scalar
def cubic_slope(z):
    return like(z, 2) * z - like(z, 3) * z * z


@pytest.fixture
def keeps_its_sum():
    activations.register(
        "cubic", cubic, cubic_slope, description="z**3", needs_preactivation=True
    )
    yield "cubic"
    del ACTIVATIONS["cubic"]


@pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_step_with_an_activation_that_keeps_its_sum(
    keeps_its_sum, place, normalization
):
    """Between layers of other activations, in each place."""
    names = ["tanh", "relu", "logistic"]
    names[place] = keeps_its_sum
    options = {"dropout": (0.2, 0.0, 0.3, 0.4), "normalization": normalization}
    check_step((6, 5, 4), tuple(names), "log_loss", True, False, True, **options)


@pytest.mark.parametrize("hidden", [(5,), (6, 3)], ids=str)
@pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_weights_are_repeated_rows(loss, normalization, hidden):
    """In the loss, in its gradient and in the statistics of the batch."""
    repeats = np.array([2, 1, 3, 1, 0, 4, 1, 1, 2, 1, 1])
    problem = make_training_data(loss)
    X = problem.inputs.data.reshape(N_ROWS, N_FEATURES)
    weights = read_only(repeats.astype(float))
    weighted = problem._replace(weights=weights, sample_weight=weights)
    repeated = problem._replace(
        inputs=Inputs.of(np.repeat(X, repeats, axis=0), FLOAT64),
        targets=read_only(np.repeat(problem.targets, repeats, axis=0)),
    )
    network = network_of(hidden, "tanh", loss, normalization=normalization)
    theta = parameters_of(network)
    value, after = one_step(network, loss, weighted, theta)
    expected, expected_after = one_step(
        network, loss, repeated, theta, batch_size=int(repeats.sum())
    )
    assert_allclose(value, expected, rtol=1e-13)
    assert_allclose(after, expected_after, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])
def test_csr_and_dense_inputs_take_the_same_step(normalization):
    """With the same masks, of inputs and of hidden layers."""
    options = {"dropout": (0.5, 0.2, 0.2), "normalization": normalization}
    network = network_of((6, 3), "tanh", "squared_error", **options)
    problem, theta = (
        make_training_data("squared_error", sparse=True),
        parameters_of(network),
    )
    inputs = problem.inputs
    shape = (inputs.n_samples, inputs.n_features)
    X = scipy.sparse.csr_array((inputs.data, inputs.indices, inputs.indptr), shape)
    dense = problem._replace(inputs=Inputs.of(X.toarray(), FLOAT64))
    for shuffle in (False, True):
        value, after = one_step(
            network, "squared_error", problem, theta, shuffle=shuffle
        )
        expected, expected_after = one_step(
            network, "squared_error", dense, theta, shuffle=shuffle
        )
        assert_allclose(value, expected, rtol=1e-14)
        assert_allclose(after, expected_after, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])
def test_float32_takes_the_step_of_float64(normalization):
    options = {"dropout": (0.2, 0.2, 0.2), "normalization": normalization}
    network = network_of((6, 3), "tanh", "log_loss", **options)
    problem, theta = make_training_data("log_loss"), parameters_of(network)
    _, expected = one_step(network, "log_loss", problem, theta)
    single = np.dtype(np.float32)
    nothing = read_only(np.empty(0, single))
    _, after = one_step(
        Network(network.architecture, single),
        "log_loss",
        TrainingData(
            Inputs.of(problem.inputs.data.reshape(N_ROWS, N_FEATURES), single),
            read_only(problem.targets.astype(single)),
            nothing,
            nothing,
        ),
        theta.astype(single),
    )
    assert after.dtype == single
    assert_allclose(after, expected, atol=2e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_descends(optimizer):
    """The loss falls over forty epochs of full batches, for every entry."""
    problem, loss = make_training_data("log_loss"), LOSSES["log_loss"]
    network = network_of((6,), "tanh", "log_loss")
    parameters = {
        **PARAMETERS,
        "solver": "sgd" if optimizer == "nesterov" else optimizer,
        "nesterovs_momentum": optimizer == "nesterov",
        "momentum": 0.5,
        "beta_2": 0.99,
        "learning_rate_init": 0.05,
        "n_iter_no_change": 100,
        "max_iter": 40,
        "alpha": 0.0,
    }
    task = task_of(network, loss, problem, parameters_of(network), parameters)
    with pytest.warns(match="Maximum iterations"):
        train_stochastic(task)
    curve = task.state.history["loss"]
    assert all(b < a for a, b in itertools.pairwise(curve))
    assert curve[-1] < 0.8 * curve[0]
