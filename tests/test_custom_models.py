"""Registered functions in models: what may raise, names, and whose function is used."""

import gc
import json
import math
import pickle

import numba
import numpy as np
import processes
import pytest
from numpy.testing import assert_array_equal

import sknn
from sknn import register_activation, register_loss
from sknn.jit.declarations import INTERPRETED
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import LOSSES
from sknn.network.same_functions import are_same

try:
    import cloudpickle
except ImportError:
    from joblib.externals import cloudpickle  # part of joblib before 1.6

X = np.linspace(-2, 2, 20).reshape(-1, 1)


def double(z):
    return 2.0 * z


def two(z):
    return 2.0


# Exceptions ---------------------------------------------------------------------------


def guarded(z):
    if z > 3.0:  # the trial points end at 2.72
        raise ValueError("too large")
    return 2.0 * z


FACTORS = (2.0, 2.0, 2.0, 2.0)
raising = numba.njit(guarded)

MAY_RAISE = {
    "raise": guarded,
    "a helper": lambda z: raising(z),
    "compiled": raising,
    "an index": lambda z: FACTORS[int(abs(z))] * z,
    "an array": lambda z: 2.0 * np.array([z, 0.0]).sum(),
}


@pytest.mark.skipif(INTERPRETED, reason="plain Python raises by itself")
@pytest.mark.parametrize("case", MAY_RAISE)
def test_functions_that_may_raise_are_refused(case):
    """Compiled training would go on with what lies in memory."""
    function = MAY_RAISE[case]
    message = r"register_activation: the function may raise an exception: .* nan"
    with pytest.raises(ValueError, match=message):
        register_activation("own", function, two)
    with pytest.raises(ValueError, match="the derivative may raise an exception"):
        register_activation("own", lambda z: z * z, function)

    assert "own" not in ACTIVATIONS


@pytest.mark.skipif(INTERPRETED, reason="plain Python raises by itself")
def test_losses_that_may_raise_are_refused():
    def error(y, z):
        if y > 60.0:  # the trial targets end at 50
            raise OverflowError("target too large")
        return (z - y) ** 2

    with pytest.raises(ValueError, match="register_loss: the function may raise"):
        register_loss("own", error, lambda y, z: 2 * (z - y))
    assert "own" not in LOSSES


def polynomial(z):
    total = 0.0
    for factor in FACTORS:
        total = total * z + factor
    return total


def slope_of_polynomial(z):
    return 6.0 * z * z + 4.0 * z + 2.0


CANNOT_RAISE = {
    "a loop": (polynomial, slope_of_polynomial),
    "a division": (lambda z: 1 / (1 + z * z), lambda z: -2 * z / (1 + z * z) ** 2),
    "math": (lambda z: math.sqrt(1 + z * z), lambda z: z / math.sqrt(1 + z * z)),
    "a branch": (lambda z: z if z > 0 else 0.1 * z, lambda z: 1.0 if z > 0 else 0.1),
    "nan": (lambda z: 2.0 * z if z < 1e6 else np.nan, two),
}


@pytest.mark.parametrize("case", CANNOT_RAISE)
def test_functions_that_cannot_raise_are_taken(case):
    function, derivative = CANNOT_RAISE[case]
    register_activation("own", function, derivative)
    model = sknn.MLPRegressor(
        hidden_layer_sizes=(2,), activation="own", max_iter=2, random_state=0
    ).fit(X, X.ravel())
    z = X @ model.coefs_[0] + model.intercepts_[0]
    expected = np.vectorize(function, otypes=[float])(z)
    np.testing.assert_allclose(model.hidden_activations(X), expected, rtol=1e-12)


# Names --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["größer", "日本"])
@pytest.mark.default_cases(1)
def test_names_that_are_not_ascii(name):
    def fitted(activation, loss):
        return sknn.MLPRegressor(
            hidden_layer_sizes=(3,),
            activation=activation,
            loss=loss,
            max_iter=3,
            random_state=0,
        ).fit(X, X.ravel())

    for each in (name, "plain"):
        register_activation(each, double, two)
        register_loss(each, lambda y, z: (z - y) ** 2, lambda y, z: 2 * (z - y))
    model, other = fitted(name, name), fitted("plain", "plain")
    assert_array_equal(model.predict(X), other.predict(X))
    copy = pickle.loads(cloudpickle.dumps(model))
    assert_array_equal(copy.predict(X), model.predict(X))


# Whose function -----------------------------------------------------------------------

STORE = """
import json, sys, warnings, base64
import cloudpickle, numpy as np, sknn
warnings.simplefilter("ignore")
X = np.linspace(-2, 2, 20).reshape(-1, 1)
stored = []
for factor in (2.0, 3.0):
    sknn.register_activation("mine", lambda z: factor * z, lambda z: factor)
    sknn.register_loss(
        "mine", lambda y, z: factor * (z - y) ** 2, lambda y, z: 2 * factor * (z - y)
    )
    model = sknn.MLPRegressor(
        loss=sys.argv[1], hidden_layer_sizes=(3,), activation="mine", random_state=0,
        max_iter=5,
    ).fit(X, X.ravel())
    file = base64.b64encode(cloudpickle.dumps(model)).decode()
    stored.append([file, model.predict(X).tolist()])
print(json.dumps(stored))
"""

LOAD = """
import base64, gc, json, pickle, sys
import numpy as np, sknn
X = np.linspace(-2, 2, 20).reshape(-1, 1)
(first, wanted_first), (second, wanted_second) = json.loads(sys.argv[1])
load = lambda file: pickle.loads(base64.b64decode(file))
model = load(first)
assert model.predict(X).tolist() == wanted_first
again = load(first)  # the same function
assert again.predict(X).tolist() == wanted_first
try:
    load(second)
except ValueError as error:
    message = str(error)
assert model.predict(X).tolist() == wanted_first
model.partial_fit(X, X.ravel())
del model, again
gc.collect()
other = load(second)  # as in a worker, which lives on
assert other.predict(X).tolist() == wanted_second
print(json.dumps(message))
"""


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["squared_error", "mine"])
def test_two_models_with_different_functions_of_one_name(loss):
    pytest.importorskip("cloudpickle")
    stored = processes.run(STORE, loss)
    message = processes.run(LOAD, json.dumps(stored))
    expected = "another function is registered under that name by a model that was"
    assert expected in message
    assert "'mine'" in message


@pytest.mark.slow
def test_a_model_beside_another_registration_is_refused():
    register_activation("own", double, two)
    model = sknn.MLPRegressor(activation="own", max_iter=1).fit(X, X.ravel())
    stored = cloudpickle.dumps(model)
    register_activation("own", lambda z: z * z, lambda z: 2 * z)
    with pytest.raises(ValueError, match=r"'own', but another .* by this process\."):
        pickle.loads(stored)
    register_activation("own", double, two)  # the same again
    del model
    gc.collect()
    pickle.loads(stored).predict(X)


def made(factor, shift=0.0):
    def function(z, a=factor):
        return a * z + shift

    return function


def test_functions_are_compared_by_what_they_do():
    assert are_same(made(2.0), made(2.0))
    assert not are_same(made(2.0), made(3.0))
    assert not are_same(made(2.0), made(2.0, 1.0))
    assert are_same(lambda z: FACTORS[0] * z, lambda z: FACTORS[0] * z)
    assert not are_same(lambda z: 2 * z, lambda z: 2 + z)
    assert not are_same(lambda z: 2 * z, lambda z: 3 * z)
    assert not are_same(lambda z: np.sin(z), lambda z: np.cos(z))
    assert not are_same(double, np.sin)
    assert are_same(numba.njit(double), double)
    others = {**double.__globals__, "FACTORS": (1.0,)}
    uses = type(double)(polynomial.__code__, others)
    assert not are_same(polynomial, uses)
    assert are_same((np.arange(2), [double]), (np.arange(2), [double]))
    assert not are_same(np.arange(2), np.arange(3))
