"""Feature scaling and parametric activations: NumPy, differences, estimators."""

import pickle
from math import erf, sqrt

import numpy as np
import pytest
import scipy.sparse
from networks import (
    FLOAT64,
    TOLERANCE,
    differences,
    make_training_data,
    network_of,
    point_and_differences,
    with_gradient_of_the_sum,
)
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor
from sknn.convert import to_sklearn
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import LOSSES
from sknn.training.lbfgs import objective

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
SCORE = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * rng.normal(size=60)
TARGETS = {MLPClassifier: np.digitize(SCORE, [-1.0, 1.0]), MLPRegressor: SCORE}
STRAIGHT_THROUGH = {"step"}  # whose derivative is not that of the value
SMOOTH = sorted(ACTIVATIONS.keys() - STRAIGHT_THROUGH)
ATTRIBUTES = {
    "feature_scaling": "feature_scales_",
    "parametric_activation": "activation_weights_",
}
BOTH = dict.fromkeys(ATTRIBUTES, True)
OPTIONS = {"hidden_layer_sizes": (6, 5), "random_state": 0, "max_iter": 6, "tol": None}
both = pytest.mark.parametrize("estimator", TARGETS, ids=lambda kind: kind.__name__)
each = pytest.mark.parametrize("name", ATTRIBUTES)


def fit(estimator, **parameters):
    model = estimator(**{**OPTIONS, **parameters})
    return model.fit(X, TARGETS[estimator])


def arrays_of(model):
    names = ("coefs_", "intercepts_", *ATTRIBUTES.values())
    return [array for name in names for array in getattr(model, name, ())]


def assert_same(model, other):
    for one, another in zip(arrays_of(model), arrays_of(other), strict=True):
        assert_array_equal(one, another)


# The network ---------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"normalization": "layer"}], ids=str)
@pytest.mark.parametrize("hidden", [(5,), (17, 16)], ids=str)
@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.default_cases(12)
def test_gradient_of_all_parameters(activation, hidden, options):
    """By differences, also where the next product could have fused the derivative."""
    problem, loss = make_training_data("squared_error"), LOSSES["squared_error"]
    network = network_of(hidden, activation, "squared_error", **options, **BOTH)

    def evaluate(x):
        return objective(network, loss, problem, 0.7, x)

    function = with_gradient_of_the_sum(
        network, "squared_error", problem, 0.7, lambda x: evaluate(x)[0]
    )
    theta, expected = point_and_differences(network, function)
    assert_allclose(evaluate(theta)[1], expected, **TOLERANCE)


def test_where_the_arrays_lie():
    """Behind the weights, to which alpha applies, and before what is not trained."""
    options = {"normalization": "batch", **BOTH}
    network = network_of((5, 3), "relu", "squared_error", **options)
    names = list(network.layout.shapes)
    assert names[:2] == ["coefs_", "intercepts_"]
    assert names[-1] == "running_statistics_"
    assert network.layout.shapes["feature_scales_"] == [(4,)]
    assert network.layout.shapes["activation_weights_"] == [(5,), (3,)]
    assert network.n_weights == 4 * 5 + 5 * 3 + 3 * 3


FORMULAS = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "gelu": lambda z: z * (1 + np.vectorize(erf)(z / sqrt(2))) / 2,
    "mish": lambda z: z * np.tanh(np.log1p(np.exp(z))),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", FORMULAS)
def test_predictions_by_numpy(activation, dtype):
    data = X.astype(dtype)
    model = MLPRegressor(
        activation=activation, learning_rate_init=0.05, **BOTH, **OPTIONS
    )
    model.fit(data, SCORE)
    h = data.astype(float) * model.feature_scales_[0]
    rtol = 1e-4 if dtype == np.float32 else 1e-10
    for k, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        z = h @ W.astype(float) + b
        if k < 2:
            a = model.activation_weights_[k]
            h = z + a * (FORMULAS[activation](z) - z)
            assert_allclose(model.hidden_activations(data, k), h, rtol, atol=rtol)
    assert_allclose(model.predict(data), z.ravel(), rtol=rtol, atol=rtol)
    assert (model.feature_scales_[0] != 1).all()
    for a in model.activation_weights_:
        assert (a != 1).any() == (activation != "identity")


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_at_first_it_is_the_activation(activation):
    options = {**OPTIONS, "activation": activation}
    model = MLPRegressor(**options, **BOTH).initialize(X, SCORE)
    plain = MLPRegressor(**options).initialize(X, SCORE)
    assert_allclose(model.predict(X), plain.predict(X), rtol=1e-10, atol=1e-12)


# Rates ---------------------------------------------------------------------------


def test_rates_of_the_first_step():
    """A step of Adam is at first the rate, whatever the gradient."""
    rate = {"learning_rate_init": 1e-3, "max_iter": 1, "batch_size": 60}
    model = fit(MLPRegressor, **BOTH, **rate)
    assert_allclose(np.abs(model.feature_scales_[0] - 1), 6e-3, rtol=1e-3)
    for a in model.activation_weights_:
        moved = a[a != 1]
        assert moved.size
        assert_allclose(np.abs(moved - 1), 1e-4, rtol=1e-3)


def test_they_decay_and_are_not_penalized():
    own = {"solver": "sgd", "momentum": 0.0, "clipvalue": 1e-300, "max_iter": 1}
    own |= {"learning_rate_init": 0.1, "batch_size": 60}
    model = fit(MLPRegressor, weight_decay=0.3, **BOTH, **own)
    assert_allclose(model.feature_scales_[0], 1 - 0.1 * 0.3 * 6, rtol=1e-12)
    for a in model.activation_weights_:
        assert_allclose(a, 1 - 0.1 * 0.3 * 0.1, rtol=1e-12)
    plain = MLPRegressor(**OPTIONS, **BOTH, alpha=0.0).initialize(X, SCORE)
    other = MLPRegressor(**OPTIONS, **BOTH, alpha=9.0).initialize(X, SCORE)
    one, same = (each.loss_gradients(X, SCORE) for each in (plain, other))
    for name in ATTRIBUTES.values():
        for a, b in zip(one[name], same[name], strict=True):
            assert_allclose(a, b, rtol=1e-12)


# The estimators ------------------------------------------------------------------


@both
@each
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_it_learns(estimator, name, solver):
    own = {"solver": solver, "learning_rate_init": 0.01, "tol": 1e-4}
    model = fit(estimator, max_iter=200, **own, **{name: True})
    assert model.score(X, TARGETS[estimator]) > 0.8
    assert hasattr(model, ATTRIBUTES[name])


@both
@pytest.mark.parametrize("activation", ["tanh", "silu"])
def test_input_gradients(estimator, activation):
    model = fit(estimator, activation=activation, **BOTH)
    predict = getattr(model, "predict_proba", model.predict)
    found = model.input_gradients(X[:3]).reshape(3, -1, 4)
    for i in range(3):
        for k in range(model.n_outputs_):

            def output(x, i=i, k=k):
                return predict(X[i : i + 1] + x).reshape(-1)[k]

            expected = differences(output, np.zeros(4), 4)
            assert_allclose(found[i, k], expected, rtol=1e-6, atol=1e-8)


@both
@pytest.mark.parametrize("options", [{}, {"dropout": 0.2, "normalization": "batch"}])
def test_training_goes_on_as_without_a_break(estimator, options):
    y = TARGETS[estimator]
    whole = fit(estimator, **BOTH, **options)
    part = pickle.loads(pickle.dumps(fit(estimator, max_iter=3, **BOTH, **options)))
    assert_same(part.set_params(max_iter=6).resume_fit(X, y), whole)
    before = [array.copy() for array in arrays_of(whole)]
    for one, other in zip(arrays_of(whole.partial_fit(X, y)), before, strict=True):
        assert (one != other).any()


@both
@each
def test_a_new_fit_drops_the_attribute(estimator, name):
    model = fit(estimator, **{name: True})
    with pytest.raises(ValueError, match=f"the {name} it began with"):
        model.set_params(**{name: False}).partial_fit(X, TARGETS[estimator])
    model.fit(X, TARGETS[estimator])
    assert not hasattr(model, ATTRIBUTES[name])
    assert_same(model, fit(estimator))


@both
def test_many_rows_in_blocks_and_threads(estimator):
    """Large batches are divided into blocks and among threads: one row is as many."""
    many, y = np.tile(X, (20, 1)), np.tile(TARGETS[estimator], 20)
    options = {"hidden_layer_sizes": (40,), "solver": "sgd", "batch_size": 1200}
    one = estimator(**{**OPTIONS, **options}, **BOTH, shuffle=False, alpha=0.0)
    one.fit(many, y)
    options["batch_size"] = 60
    other = estimator(**{**OPTIONS, **options}, **BOTH, shuffle=False, alpha=0.0)
    other.fit(X, TARGETS[estimator])
    for a, b in zip(arrays_of(one), arrays_of(other), strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_sparse_inputs():
    S = scipy.sparse.csr_array(X)
    message = "'feature scaling', takes dense inputs only. Pass X.toarray"
    with pytest.raises(ValueError, match=message):
        MLPRegressor(feature_scaling=True).fit(S, SCORE)
    dense = fit(MLPRegressor, parametric_activation=True)
    model = MLPRegressor(parametric_activation=True, **OPTIONS).fit(S, SCORE)
    for one, other in zip(arrays_of(model), arrays_of(dense), strict=True):
        assert_allclose(one, other, rtol=1e-9)


def test_summary(capsys):
    fit(MLPRegressor, **BOTH).summary()
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "input: feature scaling (None, 4) 4" in lines
    assert "hidden 1: parametric activation, relu (None, 6) 6" in lines


@each
def test_other_libraries_refuse_it(name):
    with pytest.raises(ValueError, match=f"the layer {name.replace('_', ' ')!r}"):
        to_sklearn(fit(MLPRegressor, **{name: True}))


@both
def test_with_labels_of_both_dtypes(estimator):
    single = estimator(**OPTIONS, **BOTH).fit(X.astype(np.float32), TARGETS[estimator])
    double = fit(estimator, **BOTH)
    assert {array.dtype for array in arrays_of(single)} == {np.dtype(np.float32)}
    assert {array.dtype for array in arrays_of(double)} == {FLOAT64}
    for one, other in zip(arrays_of(single), arrays_of(double), strict=True):
        assert_allclose(one, other, rtol=1e-2, atol=1e-3)
