"""Networks of members that share weights: ordinary networks, NumPy, differences."""

import numpy as np
import pytest
import scipy.sparse
from networks import (
    FLOAT64,
    N_FEATURES,
    N_OUTPUTS,
    N_ROWS,
    TOLERANCE,
    make_training_data,
    mlp_architecture,
    network_of,
    parameters_of,
    point_and_differences,
    with_gradient_of_the_sum,
)
from numpy.testing import assert_allclose, assert_array_equal

from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import LOSSES, OUTPUT_ACTIVATIONS
from sknn.network.data import Inputs
from sknn.network.layers.base import Layer
from sknn.network.layers.members import NORMAL, ONES, SIGNS
from sknn.network.layers.table import LAYERS
from sknn.network.layout import Architecture, Layout
from sknn.network.network import Network
from sknn.training.lbfgs import objective

K = 3
FACTORS = ("all", "inputs")
each_kind = pytest.mark.parametrize("factors", FACTORS)
each_loss = pytest.mark.parametrize("loss", LOSSES)
depths = pytest.mark.parametrize("hidden", [(), (5,), (4, 1, 3), (17, 16)], ids=str)
STRAIGHT_THROUGH = {"step"}
SMOOTH = sorted(ACTIVATIONS.keys() - STRAIGHT_THROUGH)


def members_network(hidden, activation, loss, factors, n_members=K, **options):
    """Return a network of members."""
    own = {"n_members": n_members, "member_factors": factors}
    return network_of(hidden, activation, loss, **own, **options)


def members_of(network, theta, hidden, activation, loss):
    """Yield an ordinary network, and its parameters, for each member."""
    arrays = {name: list(views) for name, views in network.unpack(theta).items()}
    scales = arrays["member_input_scales_"]
    has_own = "member_output_scales_" in arrays
    plain = network_of(hidden, activation, loss)
    for k in range(network.n_members):
        coefs, intercepts = [], []
        for layer in range(len(hidden)):
            coef, intercept = arrays["coefs_"][layer], arrays["intercepts_"][layer]
            if layer == 0 or has_own:
                coef = scales[layer][k][:, np.newaxis] * coef
            if has_own:
                coef = coef * arrays["member_output_scales_"][layer][k]
                intercept = intercept[k]
            coefs.append(coef)
            intercepts.append(intercept)
        coef = arrays["coefs_"][-1][k]
        coefs.append(coef if hidden else scales[0][k][:, np.newaxis] * coef)
        intercepts.append(arrays["intercepts_"][-1][k])
        yield plain, plain.pack({"coefs_": coefs, "intercepts_": intercepts})


# Beside ordinary networks ---------------------------------------------------------


@each_kind
@depths
@each_loss
@pytest.mark.default_cases(24)
def test_the_loss_is_the_mean_of_the_losses_of_the_members(loss, hidden, factors):
    problem = make_training_data(loss, weighted=True)
    network = members_network(hidden, "tanh", loss, factors)
    theta = parameters_of(network)
    found, _ = network.loss_gradient(theta, LOSSES[loss], problem)
    losses = [
        plain.loss_gradient(of_member, LOSSES[loss], problem)[0]
        for plain, of_member in members_of(network, theta, hidden, "tanh", loss)
    ]
    assert len(set(losses)) == K
    assert_allclose(found, np.mean(losses), rtol=1e-12)


@each_kind
@depths
@each_loss
@pytest.mark.default_cases(24)
def test_predictions_are_means_over_the_members(loss, hidden, factors):
    problem = make_training_data(loss)
    network = members_network(hidden, "tanh", loss, factors)
    theta = parameters_of(network)
    predictions = [
        plain.predict(of_member, problem.inputs)
        for plain, of_member in members_of(network, theta, hidden, "tanh", loss)
    ]
    found = network.predict(theta, problem.inputs)
    assert_allclose(found, np.mean(predictions, axis=0), rtol=1e-12)


@each_kind
@each_loss
def test_evaluation_is_that_of_the_mean_prediction(loss, factors):
    """Of raw outputs by which the output activation gives this mean."""
    problem = make_training_data(loss, weighted=True)
    network = members_network((5, 3), "tanh", loss, factors)
    theta = parameters_of(network)
    predictions, total = network.evaluate(theta, LOSSES[loss], problem)
    assert_array_equal(predictions, network.predict(theta, problem.inputs))
    raw, same = network.evaluate(theta, LOSSES[loss], problem, raw=True)
    link = OUTPUT_ACTIVATIONS[LOSSES[loss].link]
    inverse = link.inverse_of_rows(predictions, network.architecture.settings)
    assert_allclose(raw, inverse, rtol=1e-9, atol=1e-12)
    assert total == same
    # An ordinary network whose biases are the raw outputs of one row.
    one = Architecture(1, (Layer("dense", (raw.shape[1],)),), *network.architecture[2:])
    plain, losses = Network(one, FLOAT64), []
    for i in range(N_ROWS):
        row = problem._replace(
            inputs=Inputs.of(np.zeros((1, 1)), FLOAT64),
            targets=problem.targets[i : i + 1],
            weights=problem.weights[i : i + 1],
        )
        biases = np.concatenate([np.zeros(raw.shape[1]), raw[i]])
        losses.append(plain.evaluate(biases, LOSSES[loss], row)[1])
    assert_allclose(total, sum(losses), rtol=1e-9)


@each_kind
@pytest.mark.parametrize("hidden", [(5,), (17, 16)], ids=str)
def test_hidden_outputs_are_those_of_all_members(hidden, factors):
    problem = make_training_data("squared_error")
    network = members_network(hidden, "tanh", "squared_error", factors)
    theta = parameters_of(network)
    for layer, width in enumerate(hidden):
        found = network.hidden_outputs(theta, problem.inputs, layer)
        assert found.shape == (N_ROWS, K * width)
        for k, (plain, of_member) in enumerate(
            members_of(network, theta, hidden, "tanh", "squared_error")
        ):
            expected = plain.hidden_outputs(of_member, problem.inputs, layer)
            if factors == "all" and layer + 1 < len(hidden):  # as the next one gets it
                expected = (
                    expected * network.unpack(theta)["member_input_scales_"][1][k]
                )
            own = found[:, k * width : (k + 1) * width]
            assert_allclose(own, expected, rtol=1e-12, atol=1e-14)


# By differences -------------------------------------------------------------------


def check_gradient(hidden, activation, loss, factors, weighted=False, **options):
    problem = make_training_data(loss, weighted)
    network = members_network(hidden, activation, loss, factors, **options)

    def evaluate(x):
        return objective(network, LOSSES[loss], problem, 0.7, x)

    function = with_gradient_of_the_sum(
        network, loss, problem, 0.7, lambda x: evaluate(x)[0]
    )
    theta, expected = point_and_differences(network, function)
    assert_allclose(evaluate(theta)[1], expected, **TOLERANCE)


@each_kind
@pytest.mark.parametrize("hidden", [(5,), (17, 16)], ids=str)
@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.default_cases(6)
def test_gradient_of_every_activation(activation, hidden, factors):
    check_gradient(hidden, activation, "squared_error", factors)


@each_kind
@depths
@each_loss
@pytest.mark.default_cases(16)
def test_gradient_of_every_loss(loss, hidden, factors):
    check_gradient(hidden, "tanh", loss, factors, weighted=True)


@each_kind
@pytest.mark.parametrize(
    "options",
    [
        {"normalization": "layer"},
        {"feature_scaling": True, "parametric_activation": True},
        {"normalization": "layer", "parametric_activation": True},
        {"n_members": 2},
        {"n_members": 17},
    ],
    ids=str,
)
def test_gradient_beside_other_layers(options, factors):
    check_gradient((5, 4), "tanh", "log_loss", factors, **options)


@each_kind
@pytest.mark.parametrize("hidden", [(), (5,), (17, 16)], ids=str)
def test_input_gradients(hidden, factors):
    problem = make_training_data("log_loss")
    network = members_network(hidden, "tanh", "log_loss", factors)
    theta = parameters_of(network)
    jacobian = OUTPUT_ACTIVATIONS["softmax"].gradient
    X = problem.inputs.toarray()
    for output in range(N_OUTPUTS):
        found = network.input_gradient(
            theta, problem.inputs, lambda raw, k=output: jacobian(raw, k, ())
        )
        for column in range(N_FEATURES):
            step = 1e-5 * np.eye(N_FEATURES)[column]
            above, below = (
                network.predict(theta, Inputs.of(X + sign * step, FLOAT64))
                for sign in (1, -1)
            )
            expected = (above - below)[:, output] / 2e-5
            assert_allclose(found[:, column], expected, rtol=1e-6, atol=1e-8)


# Rows ------------------------------------------------------------------------------


@each_kind
@each_loss
def test_blocks_of_rows_add_up(loss, factors, monkeypatch):
    """Neither gradient nor predictions depend on how many rows pass at a time."""
    problem = make_training_data(loss, weighted=True)
    network = members_network((6, 17), "tanh", loss, factors)
    theta = parameters_of(network)
    whole = network.loss_gradient(theta, LOSSES[loss], problem)
    predictions = network.predict(theta, problem.inputs)
    for block in (1, 2, 4, N_ROWS):
        monkeypatch.setattr(Network, "block", lambda self, n, block=block: block)
        value, gradient = network.loss_gradient(theta, LOSSES[loss], problem)
        assert_allclose(value, whole[0], rtol=1e-13)
        assert_allclose(gradient, whole[1], rtol=1e-11, atol=1e-13)
        assert_array_equal(network.predict(theta, problem.inputs), predictions)


def test_sparse_inputs_are_refused():
    problem = make_training_data("squared_error", sparse=True)
    assert scipy.sparse.issparse(problem.inputs.matrix)
    network = members_network((5,), "tanh", "squared_error", "all")
    with pytest.raises(ValueError, match="'scaling of members', takes dense inputs"):
        network.predict(parameters_of(network), problem.inputs)


# The layout ------------------------------------------------------------------------


def test_where_the_arrays_lie():
    network = members_network((5, 3), "relu", "squared_error", "all")
    shapes = network.layout.shapes
    assert shapes == {
        "coefs_": [(4, 5), (5, 3), (K, 3, N_OUTPUTS)],
        "intercepts_": [(K, 5), (K, 3), (K, N_OUTPUTS)],
        "member_input_scales_": [(K, 4), (K, 5)],
        "member_output_scales_": [(K, 5), (K, 3)],
    }
    assert network.n_weights == 4 * 5 + 5 * 3 + K * 3 * N_OUTPUTS
    mini = members_network((5, 3), "relu", "squared_error", "inputs")
    assert mini.layout.shapes == {
        "coefs_": shapes["coefs_"],
        "intercepts_": [(5,), (3,), (K, N_OUTPUTS)],
        "member_input_scales_": [(K, 4)],
    }
    for one in (network, mini):
        assert (one.n_members, one.n_outputs) == (K, N_OUTPUTS)
        assert one.hidden_widths == [5, 3]


def drawn(network, kernel="glorot_uniform", bias="zeros"):
    n_layers = len(network.hidden_widths) + 1
    of_layers = (kernel,) * n_layers, bias, ("tanh",) * n_layers
    theta = network.initial_parameters(np.random.RandomState(0), *of_layers)
    return network.unpack(theta)


@each_kind
def test_initial_values(factors):
    """The first factors tell members apart, and so do the output layers."""
    network = members_network((60, 50), "tanh", "squared_error", factors, n_members=40)
    arrays = drawn(network, "auto", "auto")
    first, *others = arrays["member_input_scales_"]
    assert_array_equal(np.abs(first), 1)
    assert 0.3 < np.mean(first > 0) < 0.7
    for ones in (*others, *arrays.get("member_output_scales_", ())):
        assert_array_equal(ones, 1)
    bounds = np.sqrt(6 / np.array([4 + 60, 60 + 50, 50 + N_OUTPUTS]))
    for name in ("coefs_", "intercepts_"):
        for array, bound in zip(arrays[name], bounds, strict=True):
            assert bound * 0.8 < np.abs(array).max() <= bound
    *hidden, of_outputs = arrays["intercepts_"]
    for biases in hidden:  # begin as the same for all members
        assert biases.shape[:-1] == ((40,) if factors == "all" else ())
        assert len(np.unique(biases)) == biases.shape[-1]
    for array in (of_outputs, arrays["coefs_"][-1]):
        assert len(np.unique(array)) == array.size


@pytest.mark.parametrize("kernel", ["lecun_normal", "orthogonal"])
def test_each_output_layer_has_an_initializer(kernel):
    network = members_network((40,), "tanh", "squared_error", "all")
    for coef in drawn(network, kernel)["coefs_"][-1]:
        if kernel == "orthogonal":
            assert_allclose(coef.T @ coef, np.eye(N_OUTPUTS), atol=1e-12)
        else:
            assert 0.8 < coef.std() * np.sqrt(40) < 1.2


def test_groups_of_inputs_begin_with_the_same_factor():
    groups = (3, 1, 2)
    layers = (
        Layer("member_scaling", (50, NORMAL, *groups)),
        Layer("separate_dense", (2, 50)),
    )
    network = Network(Architecture(6, layers, "identity", ()), FLOAT64)
    (scales,) = drawn(network)["member_input_scales_"]
    for columns in np.split(scales, np.cumsum(groups)[:-1], axis=1):
        assert_array_equal(columns, np.repeat(columns[:, :1], columns.shape[1], axis=1))
    assert len(np.unique(scales)) == 3 * 50
    assert 0.8 < scales.std() < 1.2


# What cannot be --------------------------------------------------------------------

FIRST = Layer("member_scaling", (K, SIGNS))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([FIRST, Layer("separate_dense", (1, 2))], "of 2 members cannot follow one of"),
        ([Layer("separate_dense", (1, K))], f"of {K} members cannot follow one of 1"),
        ([Layer("member_affine", (K,))], f"of {K} members cannot follow one of 1"),
        ([Layer("member_scaling", (K, ONES))], f"of {K} members cannot follow one of"),
        ([FIRST, FIRST], f"of 1 members cannot follow one of {K}"),
    ],
    ids=str,
)
def test_layers_of_other_numbers_of_members(layers, message):
    """Their kernels would read behind the parameters."""
    with pytest.raises(ValueError, match=message):
        Layout(Architecture(4, (*layers, Layer("dense", (1,))), "identity", ()))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("member_scaling", ()),
        ("member_scaling", (K,)),
        ("member_scaling", (1, SIGNS)),
        ("member_scaling", (K, 3)),
        ("member_scaling", (2.0, SIGNS)),
        ("member_scaling", (K, SIGNS, 3)),
        ("member_scaling", (K, SIGNS, 4, 0)),
        ("member_affine", ()),
        ("member_affine", (True,)),
        ("member_affine", (K, 2)),
        ("separate_dense", (2,)),
        ("separate_dense", (0, K)),
        ("separate_dense", (2, K, 3)),
        ("separate_dense", (2, 2**40)),
    ],
)
def test_options_that_no_layer_has(kind, options):
    with pytest.raises(ValueError, match=r"members|cannot have the options|groups of"):
        LAYERS[kind].check(4, options)


def test_options_that_layers_have():
    LAYERS["member_scaling"].check(4, (K, SIGNS))
    LAYERS["member_scaling"].check(4, (K, NORMAL, 3, 1))
    LAYERS["member_affine"].check(4, (K, 1))
    LAYERS["separate_dense"].check(4, (2, K, 1))


def test_the_architecture_is_plain():
    architecture = mlp_architecture((4, 5, 2), ("tanh",), "identity", n_members=K)
    assert Architecture.of_plain(architecture.to_plain()) == architecture
