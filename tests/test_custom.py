"""Activations and losses of users."""

import math
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numba
import numpy as np
import pytest
from networks import mlp_architecture
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

import sknn
from sknn import custom
from sknn.jit import compiler
from sknn.jit.declarations import INTERPRETED
from sknn.jit.kernel import call
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import LOSSES
from sknn.network import registry
from sknn.network.network import network

try:
    import cloudpickle
except ImportError:
    from joblib.externals import cloudpickle  # part of joblib before 1.6

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def run_leaf(address, first, second):
    call(address, (first.reshape(-1), second.reshape(-1)))


def value_and_slope(name, z):
    """Return f(z) and f'(z) as the kernels find them, in the dtype of z."""
    activation, y, kept = ACTIVATIONS[name], z.copy(), np.empty_like(z)
    run_leaf(activation.forward.address(z.dtype), y, kept)
    delta = np.ones_like(z)
    run_leaf(activation.backward.address(z.dtype), kept, delta)
    return y, delta


def sums(dtype):
    return np.random.RandomState(0).normal(size=(5, 7)).astype(dtype)


# Activations -------------------------------------------------------------------------


def bent(z, a=0.3):
    """Has what users write: literals, a default, a branch, functions of math, NumPy."""
    if z > 0:
        return math.log(1.0 + z) + a * np.sin(z)
    return 0.7 * z


def bent_slope(z):
    return 1 / (1.0 + z) + 0.3 * np.cos(z) if z > 0 else 0.7


@numba.njit
def twice(z):
    return 2 * z


@dtypes
@pytest.mark.parametrize(
    ("function", "derivative", "expected"),
    [
        (bent, bent_slope, None),
        (np.arctan, lambda z: 1 / (1 + z * z), np.arctan),
        (lambda z: twice(z) * z, lambda z: 4 * z, lambda z: 2 * z * z),
        (numba.njit(lambda z: z * z), lambda z: 2 * z, np.square),
        (lambda z: max(z, 0), lambda z: int(z > 0), lambda z: np.maximum(z, 0)),
        (lambda z: 3, lambda z: 0, lambda z: np.full_like(z, 3)),
    ],
    ids=["bent", "ufunc", "helper", "compiled", "integers", "constant"],
)
@pytest.mark.default_cases(4)
def test_own_activation(function, derivative, expected, dtype):
    custom.register_activation("own", function, derivative)
    z = sums(dtype)
    y, slope = value_and_slope("own", z)
    tolerance = 1e-6 if dtype == np.float32 else 1e-13
    expected = expected or np.vectorize(bent)
    assert_allclose(y, expected(z.astype(float)), rtol=tolerance, atol=tolerance)
    expected_slope = [derivative(x) for x in z.ravel().astype(float)]
    assert_allclose(slope.ravel(), expected_slope, rtol=tolerance, atol=tolerance)
    assert ACTIVATIONS["own"].needs_preactivation


def test_float64_literals_do_not_reach_the_loops_of_float32():
    own = registry._typed(bent)
    if not INTERPRETED:
        compiler.register()
    compiled = numba.njit(lambda z: own(z))
    result = compiled(np.float32(0.5))
    if INTERPRETED:
        assert type(result) is np.float32
    else:
        kinds = [signature.return_type for signature in compiled.nopython_signatures]
        assert kinds == [numba.float32]


def test_own_activations_are_not_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    custom.register_activation("own", bent, bent_slope)
    for leaf in ACTIVATIONS["own"][:2]:
        assert not leaf.cached
        leaf.address(DTYPES[1])
    assert not list(tmp_path.iterdir())


def test_a_name_can_be_registered_again():
    architecture = mlp_architecture((2, 3, 1), ("own",), "identity")
    custom.register_activation("own", lambda z: z, lambda z: 1)
    before = network(architecture, DTYPES[1])
    custom.register_activation("own", lambda z: 3 * z, lambda z: 3)
    assert network(architecture, DTYPES[1]) is not before
    z = sums(DTYPES[1])
    assert_allclose(value_and_slope("own", z)[0], 3 * z)


FACTOR = 1.0


def test_registered_again_after_a_change_of_a_global_name(monkeypatch):
    def scaled(z):
        return FACTOR * z

    z = sums(DTYPES[1])
    for factor in (1.0, 4.0):
        monkeypatch.setitem(globals(), "FACTOR", factor)
        custom.register_activation("own", scaled, lambda z: FACTOR)
        y, slope = value_and_slope("own", z)
        assert_allclose(y, factor * z)
        assert_allclose(slope, factor)


def straight(z):
    return z


def one(z):
    return 1


def unknown_helper(z):
    return z


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("relu", straight, one), "'relu' is a built-in activation"),
        (("my own", straight, one), "'my own' is not a string such as"),
        ((3, straight, one), "3 is not a string such as"),
        (("own", None, one), "function=None is not callable"),
        (("own", straight, "one"), "derivative='one' is not callable"),
        (
            ("own", lambda z: z * z, lambda z: 3 * z),
            r"derivative\(-2.8291\) returned -8.4873, but the slope .* is -5.6582",
        ),
        (("own", lambda z: z if z < 2 else 2 * z, one), r"derivative\(2.7189\) .* 2,"),
        (("own", lambda z: 1e-4 * z, lambda z: 2e-4), "does not fit the function"),
        (
            ("own", lambda z: 1.0 if z > 0 else 0.0, one),
            "the function there is 0,",
        ),
        (("own", lambda z: np.sqrt(z), one), r"function\(-2.8291\) returned nan"),
        (("own", straight, lambda z: np.log(z)), r"derivative\(-2.8291\) returned nan"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_refused_activations(arguments, message):
    before = dict(ACTIVATIONS)
    with pytest.raises(ValueError, match=f"register_activation: .*{message}"):
        custom.register_activation(*arguments)
    assert before == ACTIVATIONS
    assert not registry.DEFINITIONS


@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda z: unknown_helper(z), "Untyped global name 'unknown_helper'"),
        (lambda z: z.anything, "Unknown attribute 'anything' of type float64"),
        (lambda z: z[0], r"getitem\(float64"),
        (lambda z: "text", "No conversion from .* to float64"),
        (lambda z: None, "No conversion from none to float64"),
        (lambda z: 1j * z, "No conversion from complex128 to float64"),
        (lambda y, z: z, "missing a required argument"),
        (lambda z: np.where(z > 0, z, 0), "No conversion from array"),
    ],
    ids=["helper", "attribute", "index", "text", "None", "complex", "two", "where"],
)
@pytest.mark.parametrize("role", ["function", "derivative"])
def test_what_numba_cannot_compile(role, function, message):
    pair = (function, one) if role == "function" else (straight, function)
    before = dict(ACTIVATIONS)
    expected = f"cannot compile the {role}: .*{message}.*takes? 1 number and return one"
    with pytest.raises(ValueError, match=expected) as caught:
        custom.register_activation("own", *pair)
    assert len(str(caught.value)) < 500
    assert caught.value.__cause__ is not None
    assert before == ACTIVATIONS


def test_an_exception_of_the_function_is_reported():
    def picky(z):
        if z > 2:
            raise ValueError("too large")
        return z

    with pytest.raises(ValueError, match=r"function\(2.7189\) raised ValueError: too"):
        custom.register_activation("own", picky, one)


# Losses ------------------------------------------------------------------------------


def quartic(y, z):
    return 0.25 * (z - y) ** 4


def quartic_slope(y, z):
    return (z - y) ** 3


def gamma(y, z):
    return z + y * math.exp(-z) - math.log(y)


def gamma_slope(y, z):
    return 1 - y * math.exp(-z)


def check_positive(y):
    if np.any(y <= 0):
        raise ValueError("y must be positive")


def half_square(y, z):
    return 0.5 * (z - y) ** 2


def half_square_slope(y, z):
    return z - y


@dtypes
@pytest.mark.parametrize("weighted", [False, True])
def test_own_loss_is_trained_as_the_built_in_one(weighted, dtype):
    custom.register_loss("own", half_square, half_square_slope)
    rng = np.random.RandomState(0)
    X = rng.normal(size=(30, 3)).astype(dtype)
    y = (X @ np.array([1.0, -2.0, 0.5]) + rng.normal(size=30)).astype(dtype)
    weights = rng.uniform(0.5, 2, size=30) if weighted else None
    own, built_in = (
        sknn.MLPRegressor(
            hidden_layer_sizes=(4,), loss=loss, max_iter=40, tol=0.0, random_state=0
        )
        for loss in ("own", "squared_error")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        own.fit(X, y, sample_weight=weights)
        built_in.fit(X, y, sample_weight=weights)
    rtol = 1e-4 if dtype == np.float32 else 1e-10
    assert_allclose(own.predict(X), built_in.predict(X), rtol=rtol, atol=rtol)
    assert_allclose(own.loss_curve_, built_in.loss_curve_, rtol=rtol)
    assert own.loss_curve_[-1] < own.loss_curve_[0]


def test_own_loss_with_a_link_and_a_domain():
    custom.register_loss(
        "own", gamma, gamma_slope, link="exp", check_targets=check_positive
    )
    X = np.zeros((4, 1))
    model = sknn.MLPRegressor(
        hidden_layer_sizes=(), loss="own", solver="lbfgs", alpha=0, max_iter=500
    )
    model.fit(X, [1.0, 2.0, 3.0, 6.0])
    assert_allclose(model.predict(X), 3.0, rtol=1e-3)
    with pytest.raises(ValueError, match="y must be positive"):
        model.fit(X, [1.0, 2.0, 3.0, 0.0])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("poisson", quartic, quartic_slope), {}, "'poisson' is a built-in loss"),
        (("log_loss", quartic, quartic_slope), {}, "'log_loss' is a built-in loss"),
        (("my loss", quartic, quartic_slope), {}, "not a string such as 'my_loss'"),
        (("own", quartic, quartic_slope), {"link": "softmax"}, "softmax"),
        (("own", quartic, quartic_slope), {"check_targets": 1}, "check_targets=1 is"),
        (("own", quartic, 1), {}, "derivative=1 is not callable"),
        (("own", quartic, lambda y, z: (y - z) ** 3), {}, r"derivative\(-1.3, -2.8291"),
        (("own", gamma, gamma_slope), {}, "for all targets that check_targets takes"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_refused_losses(arguments, options, message):
    before = dict(LOSSES)
    with pytest.raises(ValueError, match=message):
        custom.register_loss(*arguments, **options)
    assert before == dict(LOSSES)
    assert not registry.DEFINITIONS


# Other processes ---------------------------------------------------------------------

WORKER = """
import pickle, sys
import numpy as np
from sknn.network import registry
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import LOSSES
from sknn.network.network import network
from sknn.network.layout import Architecture, mlp_layers
from sknn.network.data import Inputs

assert "own" not in ACTIVATIONS and "own" not in LOSSES
architecture = Architecture(1, mlp_layers((1,), 1, ("own",)), "identity")
for definitions in pickle.load(sys.stdin.buffer):
    registry.register_missing(definitions)
    own = network(architecture, np.dtype(np.float64))
    own_again = dict(ACTIVATIONS)
    registry.register_missing(definitions)
    assert ACTIVATIONS == own_again, "registered twice"
    inputs = Inputs.of(np.array([[5.0]]), np.dtype(np.float64))
    print(own.predict(np.array([1.0, 1.0, 0.0, 0.0]), inputs).item())
print(sorted(registry.definitions_of(["own"])), "own" in LOSSES)
"""


def test_definitions_go_to_other_processes():
    """A worker lives on while the user changes the function."""
    sent = []
    custom.register_loss("own", quartic, quartic_slope)
    custom.register_activation("other", straight, one)
    for factor in (2, 3):
        custom.register_activation(
            "own", lambda z, a=factor: a * z, lambda z, a=factor: a
        )
        sent.append(registry.definitions_of(["relu", "own", "squared_error"]))
    assert set(sent[0]) == {("activation", "own"), ("loss", "own")}
    result = subprocess.run(
        [sys.executable, "-c", WORKER],
        input=by_value(sent),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(sknn.__file__).parent.parent)},
    )
    assert result.returncode == 0, result.stderr.decode()
    *values, kinds = result.stdout.decode().splitlines()
    assert values == ["10.0", "15.0"]
    assert kinds == "[('activation', 'own'), ('loss', 'own')] True"


def by_value(thing):
    """Pickle functions of this module as those of a notebook are."""
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(thing)
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def test_a_call_here_wins_over_what_comes_from_elsewhere():
    custom.register_activation("own", lambda z: 2 * z, lambda z: 2)
    old = registry.definitions_of(["own"])
    custom.register_activation("own", lambda z: 3 * z, lambda z: 3)
    registry.register_missing(old)
    z = sums(DTYPES[1])
    assert_array_equal(value_and_slope("own", z)[0], 3 * z)


def test_a_name_that_is_built_in_by_now():
    custom.register_activation("own", straight, one)
    definitions = registry.definitions_of(["own"])
    renamed = {("activation", "relu"): definitions["activation", "own"]}
    with pytest.raises(ValueError, match="'relu' is a built-in activation"):
        registry.register_missing(renamed)


def test_nothing_to_define():
    assert registry.definitions_of(["relu", "squared_error"]) == {}
    registry.register_missing({})
