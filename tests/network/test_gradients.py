"""Gradients of all rows against differences, over the kernels' tables."""

import numpy as np
import pytest
import scipy.sparse
from networks import (
    FLOAT64,
    LOSS_OPTIONS,
    N_FEATURES,
    N_ROWS,
    TARGETS,
    TOLERANCE,
    make_training_data,
    mlp_architecture,
    network_of,
    parameters_of,
    point_and_differences,
    with_gradient_of_the_sum,
)
from numpy.testing import assert_allclose

from sknn.jit.kernel import call
from sknn.kernels.layers.activations import ACTIVATIONS, NOT_FUSED
from sknn.kernels.layers.normalization import NORMALIZATIONS
from sknn.kernels.losses.table import LOSSES, OUTPUT_ACTIVATIONS
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.network import Network
from sknn.training.lbfgs import objective

DEPTHS = [(), (5,), (4, 1, 3), (17, 16)]

# Of activations whose slope is not the derivative.
STRAIGHT_THROUGH = {"step"}


def test_every_loss_has_targets():
    assert set(LOSSES) <= set(TARGETS)
    assert {loss.link for loss in LOSSES.values()} == set(OUTPUT_ACTIVATIONS)


def check_objective(hidden, activation, loss, weighted, sparse, alpha, **options):
    problem = make_training_data(loss, weighted, sparse)
    network = network_of(hidden, activation, loss, **options)

    def evaluate(x):
        return objective(network, LOSSES[loss], problem, alpha, x)

    function = with_gradient_of_the_sum(
        network, loss, problem, alpha, lambda x: evaluate(x)[0]
    )
    theta, expected = point_and_differences(network, function)
    assert_allclose(evaluate(theta)[1], expected, **TOLERANCE)


SMOOTH = [name for name in ACTIVATIONS if name not in STRAIGHT_THROUGH]
with_options = pytest.mark.parametrize(
    ("weighted", "sparse", "alpha"),
    [(False, False, 0.0), (True, False, 0.7), (True, True, 0.7)],
    ids=["plain", "weights and penalty", "CSR"],
)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", SMOOTH)
def test_gradient_of_every_pair(activation, loss):
    check_objective((5,), activation, loss, False, False, 0.0)


@pytest.mark.parametrize("hidden", DEPTHS, ids=str)
@pytest.mark.parametrize("activation", SMOOTH)
def test_gradient_of_every_activation(activation, hidden):
    check_objective(hidden, activation, "squared_error", True, False, 0.7)


@with_options
@pytest.mark.parametrize("hidden", [(), (6, 3)], ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_of_every_loss(loss, hidden, weighted, sparse, alpha):
    check_objective(hidden, "tanh", loss, weighted, sparse, alpha)


@with_options
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_gradient_of_fixed_normalization(normalization, weighted, sparse, alpha):
    """As in prediction: batch normalisation with its running statistics."""
    options = {"normalization": normalization}
    check_objective((6, 3), "tanh", "log_loss", weighted, sparse, alpha, **options)


def call_slope(address, kept, delta):
    call(address, (kept.reshape(-1), delta.reshape(-1)))


@pytest.mark.parametrize("name", [*(STRAIGHT_THROUGH & ACTIVATIONS.keys()), "tanh"])
def test_straight_through_uses_the_slope(name):
    """Backpropagation in NumPy with the activation's own slope; tanh for contrast."""
    problem = make_training_data("squared_error")
    network = network_of((5,), name, "squared_error")
    theta = parameters_of(network)
    _, gradient = objective(network, LOSSES["squared_error"], problem, 0.0, theta)
    parts, found = network.unpack(theta), network.unpack(gradient)
    X = problem.inputs.data.reshape(N_ROWS, N_FEATURES)
    kept = X @ parts["coefs_"][0] + parts["intercepts_"][0]
    h = network.hidden_outputs(theta, problem.inputs, 0)
    delta = (
        h @ parts["coefs_"][1] + parts["intercepts_"][1] - problem.targets
    ) / N_ROWS
    hidden_delta = delta @ parts["coefs_"][1].T
    if not ACTIVATIONS[name].needs_preactivation:
        kept = h
    call_slope(ACTIVATIONS[name].backward.address(FLOAT64), kept, hidden_delta)
    assert np.any(hidden_delta)
    assert_allclose(found["coefs_"][1], h.T @ delta, rtol=1e-12)
    assert_allclose(found["coefs_"][0], X.T @ hidden_delta, rtol=1e-12)
    assert_allclose(found["intercepts_"][0], hidden_delta.sum(axis=0), rtol=1e-12)


# Networks in which products see to slopes, by tiles of all kinds, and some beside them.
WIDE = [
    (4, 16, 1),
    (4, 203, 1),
    (5, 100, 3),
    (7, 17, 2),
    (20, 100, 40, 15),
    (3, 33, 64, 17, 5),
    (6, 15, 16, 4),
]
WITH_SLOPES = [
    name for name, one in ACTIVATIONS.items() if any(one.fused_epilogue.coefficients)
]
FUNCTIONS = {
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "logistic": (lambda z: 1 / (1 + np.exp(-z)), lambda y: y * (1 - y)),
}


def network_and_problem(units, name, n_rows, dtype, is_sparse, **options):
    names = (name,) * (len(units) - 2)
    settings = LOSSES["squared_error"].settings_of(LOSS_OPTIONS)
    network = Network(
        mlp_architecture(units, names, "identity", settings, **options), dtype
    )
    rng = np.random.RandomState(n_rows)
    X = rng.normal(size=(n_rows, units[0])).astype(dtype)
    targets = read_only(rng.normal(size=(n_rows, units[-1])).astype(dtype))
    S = scipy.sparse.csr_array(X) if is_sparse else X
    none = read_only(np.empty(0, dtype))
    return network, TrainingData(Inputs.of(S, dtype), targets, none, none), X


@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "CSR"])
@pytest.mark.parametrize("dtype", [np.dtype(np.float32), FLOAT64], ids=str)
@pytest.mark.parametrize("n_rows", [1, 3, 13, 40])
@pytest.mark.parametrize("units", WIDE, ids=str)
@pytest.mark.parametrize("name", WITH_SLOPES)
def test_slopes_in_products(name, units, n_rows, dtype, is_sparse):
    """Backpropagation in NumPy."""
    value, slope = FUNCTIONS[name]
    network, problem, X = network_and_problem(units, name, n_rows, dtype, is_sparse)
    theta = parameters_of(network).astype(dtype)
    _, found = network.loss_gradient(theta, LOSSES["squared_error"], problem)
    coefs, intercepts = (
        [part.astype(np.float64) for part in network.unpack(theta)[name]]
        for name in ("coefs_", "intercepts_")
    )
    outputs = [X.astype(np.float64)]
    for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
        outputs.append(value(outputs[-1] @ W + b))
    raw = outputs[-1] @ coefs[-1] + intercepts[-1]
    delta = raw - problem.targets
    parts, allowed = network.unpack(found), 1e-5 if dtype == np.float32 else 1e-13
    for k in reversed(range(len(coefs))):
        for own, expected in (
            (parts["coefs_"][k], outputs[k].T @ delta),
            (parts["intercepts_"][k], delta.sum(axis=0)),
        ):
            atol = allowed * np.abs(expected).max()
            assert_allclose(own, expected, rtol=0, atol=atol)
        delta = (delta @ coefs[k].T) * slope(outputs[k])


@pytest.mark.parametrize("options", [{}, {"normalization": "layer"}], ids=str)
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "CSR"])
@pytest.mark.parametrize("units", WIDE, ids=str)
@pytest.mark.parametrize("name", WITH_SLOPES)
def test_slopes_in_products_are_those_of_leaves(
    name, units, is_sparse, options, monkeypatch
):
    """So it does not matter where dropout or a narrow layer keep products from it."""
    gradients = []
    for fused_epilogue in (ACTIVATIONS[name].fused_epilogue, NOT_FUSED):
        own = ACTIVATIONS[name]._replace(fused_epilogue=fused_epilogue)
        monkeypatch.setitem(ACTIVATIONS, name, own)
        network, problem, _ = network_and_problem(
            units, name, 13, FLOAT64, is_sparse, **options
        )
        theta = parameters_of(network)
        gradients.append(network.loss_gradient(theta, LOSSES["squared_error"], problem))
    (value, gradient), (same_value, same_gradient) = gradients
    assert value == same_value
    assert_allclose(gradient, same_gradient, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])
@pytest.mark.parametrize("loss", LOSSES)
def test_blocks_of_rows_add_up(loss, normalization, monkeypatch):
    """Neither gradient nor predictions depend on how many rows pass at a time."""
    problem = make_training_data(loss, weighted=True)
    network = network_of((6, 3), "tanh", loss, normalization=normalization)
    theta = parameters_of(network)
    whole = network.loss_gradient(theta, LOSSES[loss], problem)
    predictions = network.predict(theta, problem.inputs)
    for block in (1, 2, 4, N_ROWS):
        monkeypatch.setattr(Network, "block", lambda self, n, block=block: block)
        value, gradient = network.loss_gradient(theta, LOSSES[loss], problem)
        assert_allclose(value, whole[0], rtol=1e-13)
        assert_allclose(gradient, whole[1], rtol=1e-11, atol=1e-13)
        found = network.predict(theta, problem.inputs)
        assert_allclose(found, predictions, rtol=1e-12)
