"""The gradient of the training loss with respect to the weights."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import LabelBinarizer

import sknn

rng = np.random.RandomState(1)
N = 30
X = rng.normal(size=(N, 3))
NUMBERS = X @ [1.0, -2.0, 0.5]
COUNTS = rng.poisson(2.0, size=N) + 1.0
WEIGHTS = rng.uniform(0.1, 2, size=N)
TWO, THREE = np.where(NUMBERS > 0, "yes", "no"), np.digitize(NUMBERS, [-1, 1])
LABELS = np.stack([NUMBERS > 0, X[:, 0] > 0.5], axis=1).astype(int)
SEVERAL = np.stack([NUMBERS, X[:, 0], X[:, 1]], axis=1)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def estimator_for(y, **parameters):
    name = "MLPRegressor" if np.asarray(y).dtype.kind == "f" else "MLPClassifier"
    given = {
        "hidden_layer_sizes": (4, 3),
        "activation": "tanh",
        "alpha": 0.7,
        "random_state": 0,
        **parameters,
    }
    return getattr(sknn, name)(**given)


def fits(y, **parameters):
    return y, parameters


# The loss that fit reports, differentiated -------------------------------------------

FITS = {
    "squared error": fits(NUMBERS),
    "absolute error": fits(NUMBERS, loss="absolute_error"),
    "huber": fits(NUMBERS, loss="huber", delta=0.7),
    "log-cosh": fits(NUMBERS, loss="log_cosh"),
    "quantiles": fits(SEVERAL, loss="quantile", quantile=(0.2, 0.6)),
    "poisson": fits(COUNTS, loss="poisson"),
    "gamma": fits(COUNTS, loss="gamma"),
    "tweedie": fits(COUNTS, loss="tweedie"),
    "several outputs": fits(SEVERAL),
    "two classes": fits(TWO),
    "three classes": fits(THREE),
    "labels": fits(LABELS),
    "smoothed": fits(THREE, label_smoothing=0.2),
    "focal": fits(THREE, loss="focal"),
    "hinge": fits(THREE, loss="hinge"),
    "balanced": fits(THREE, class_weight="balanced"),
    "class weights": fits(TWO, class_weight={"yes": 3.0}),
    "l1": fits(NUMBERS, l1_ratio=0.4),
    "no penalty": fits(NUMBERS, alpha=0.0),
    "batch norm": fits(THREE, normalization="batch"),
    "layer norm": fits(NUMBERS, normalization="layer"),
    "gelu": fits(NUMBERS, activation=["gelu", "softplus"]),
    "linear": fits(THREE, hidden_layer_sizes=()),
}


def loss_at(estimator, values, y, sample_weight):
    """Return the loss that a fit of one epoch reports; it does not move."""
    for name, arrays in values.items():
        for own, array in zip(getattr(estimator, name), arrays, strict=True):
            own[...] = array
    estimator.fit(X, y, sample_weight=sample_weight)
    return estimator.loss_


@pytest.mark.parametrize("sample_weight", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(("y", "parameters"), FITS.values(), ids=FITS)
def test_gradients_are_differences_of_the_loss_of_fit(y, parameters, sample_weight):
    still = {"solver": "sgd", "learning_rate_init": 1e-300, "momentum": 0.0}
    still |= {"max_iter": 1, "tol": None, "batch_size": N, "warm_start": True}
    net = estimator_for(y, **still, **parameters).initialize(X, y)
    gradients = net.loss_gradients(X, y, sample_weight)
    place = {name: [part.copy() for part in getattr(net, name)] for name in gradients}
    scale = 1.0
    if net.loss == "squared_error":
        scale = net.n_outputs_  # reported as a mean, minimised as a sum
    step = 2e-4
    # Along three directions: each has all weights, and none by chance.
    for _ in range(3):
        ways = {k: [rng.normal(size=p.shape) for p in v] for k, v in place.items()}

        def at(distance, ways=ways):
            moved = {
                name: [
                    p + distance * way for p, way in zip(parts, ways[name], strict=True)
                ]
                for name, parts in place.items()
            }
            return loss_at(net, moved, y, sample_weight)

        near, far = at(step) - at(-step), at(2 * step) - at(-2 * step)
        expected = scale * (8 * near - far) / (12 * step)
        penalty = 0.0
        if scale > 1:  # the penalty is reported as it is
            size = N if sample_weight is None else sample_weight.sum()
            slope = sum(
                np.sum(p * w)
                for p, w in zip(place["coefs_"], ways["coefs_"], strict=True)
            )
            penalty = (1 - scale) * net.alpha * slope / size
        found = sum(
            np.sum(g * way)
            for name, parts in gradients.items()
            for g, way in zip(parts, ways[name], strict=True)
        )
        assert_allclose(found, expected + penalty, rtol=2e-7, atol=1e-9)


# scikit-learn ------------------------------------------------------------------------


def sklearn_gradients(net, y, sample_weight):
    """Return the gradients that scikit-learn's estimator finds at the same weights."""
    theirs = getattr(neural_network, type(net).__name__)(max_iter=1)
    shared = ("hidden_layer_sizes", "activation", "alpha")
    theirs.set_params(**{name: getattr(net, name) for name in shared})
    theirs.fit(X, y)
    theirs.coefs_, theirs.intercepts_ = net.coefs_, net.intercepts_
    encoded = y
    if y.dtype.kind != "f":
        encoded = y if y.ndim == 2 else LabelBinarizer().fit_transform(y)
    encoded = np.reshape(encoded, (len(y), -1))
    widths = [array.shape[1] for array in net.coefs_]
    activations = [X] + [np.empty((N, width)) for width in widths]
    deltas = [np.empty((N, width)) for width in widths]
    coefs = [np.empty_like(array) for array in net.coefs_]
    intercepts = [np.empty_like(array) for array in net.intercepts_]
    arguments = (X, encoded, sample_weight, activations, deltas, coefs, intercepts)
    _, coefs, intercepts = theirs._backprop(*arguments)
    return {"coefs_": coefs, "intercepts_": intercepts}


@pytest.mark.parametrize("activation", ["relu", "logistic"])
@pytest.mark.parametrize("sample_weight", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    "y",
    [TWO, THREE, LABELS, NUMBERS, SEVERAL],
    ids=lambda y: str(y.shape + y.dtype.descr[0][1:]),
)
def test_gradients_are_those_of_sklearn(y, sample_weight, activation):
    net = estimator_for(y, activation=activation).initialize(X, y)
    expected = sklearn_gradients(net, y, sample_weight)
    found = net.loss_gradients(X, y, sample_weight)
    assert found.keys() == expected.keys()
    for name in found:
        for mine, theirs in zip(found[name], expected[name], strict=True):
            assert_allclose(mine, theirs, rtol=1e-11, atol=1e-14)


# A step of training ------------------------------------------------------------------

STEPS = {
    **{
        name: FITS[name] for name in ("several outputs", "balanced", "l1", "batch norm")
    },
    "max-norm and decay": fits(NUMBERS, weight_decay=0.5, max_norm=0.1),
    "dropout": fits(NUMBERS, dropout=0.5, input_dropout=0.3),
    "clipping": fits(NUMBERS, clipvalue=1e-6, global_clipnorm=1e-6),
}


@pytest.mark.parametrize(("y", "parameters"), STEPS.values(), ids=STEPS)
def test_a_step_goes_along_the_gradient(y, parameters):
    """What changes a step and is no part of the loss changes no gradient."""
    idle = {"dropout", "input_dropout", "clipvalue", "global_clipnorm", "max_norm"}
    idle.add("weight_decay")
    net = estimator_for(y, **parameters).initialize(X, y)
    gradients = net.loss_gradients(X, y, WEIGHTS)
    taken = {k: v for k, v in parameters.items() if k not in idle}
    step = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1, "max_iter": 1}
    trained = estimator_for(y, **taken, **step, batch_size=N).fit(
        X, y, sample_weight=WEIGHTS
    )
    for name, parts in gradients.items():
        for before, gradient, after in zip(
            getattr(net, name), parts, getattr(trained, name), strict=True
        ):
            assert_allclose(before - 0.1 * gradient, after, rtol=1e-10, atol=1e-12)


# What it takes and returns -----------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("normalization", [None, "layer", "batch"])
@pytest.mark.parametrize("y", [THREE, NUMBERS], ids=["classes", "numbers"])
def test_shapes_and_dtypes(dtype, normalization, y):
    net = estimator_for(y, normalization=normalization).initialize(X.astype(dtype), y)
    gradients = net.loss_gradients(X, y)
    names = ["coefs_", "intercepts_"]
    names += ["gains_", "shifts_"] if normalization else []
    assert list(gradients) == names
    for name, parts in gradients.items():
        own = getattr(net, name)
        assert [p.shape for p in parts] == [p.shape for p in own]
        assert {p.dtype for p in parts} == {p.dtype for p in own} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("y", [TWO, SEVERAL], ids=["classes", "numbers"])
def test_sparse_rows_and_many_of_them(dtype, y):
    """More rows than the kernels take at a time."""
    rows = np.arange(1300) % N
    many = np.where(X > 0, X, 0)[rows].astype(dtype)
    net = estimator_for(y).initialize(many, y[rows])
    dense = net.loss_gradients(many, y[rows])
    sparse = net.loss_gradients(scipy.sparse.csr_array(many), y[rows])
    weighted = net.loss_gradients(many[:N], y, np.bincount(rows))
    for name, parts in dense.items():
        for part, other, third in zip(parts, sparse[name], weighted[name], strict=True):
            tolerance = {"rtol": 1e-4, "atol": 1e-6} if dtype == np.float32 else {}
            assert_allclose(part, other, **tolerance or {"rtol": 1e-10, "atol": 1e-13})
            assert_allclose(part, third, **tolerance or {"rtol": 1e-10, "atol": 1e-13})


@pytest.mark.parametrize("warm_start", [False, True])
def test_rows_without_some_of_the_classes(warm_start):
    net = estimator_for(THREE, warm_start=warm_start).initialize(X, THREE)
    rows = THREE != 1
    gradient = net.loss_gradients(X[rows], THREE[rows])["coefs_"][-1]
    assert gradient.shape == (3, 3)
    assert np.all(np.any(gradient, axis=0))


@pytest.mark.parametrize(
    "parameters", [{}, {"normalization": "batch"}, {"solver": "lbfgs"}]
)
def test_the_estimator_stays_as_it_is(parameters):
    net = estimator_for(THREE, max_iter=2, **parameters).fit(X, THREE)
    before = pickle.dumps(net)
    first = net.loss_gradients(X, THREE)
    second = net.loss_gradients(X, THREE)
    assert pickle.dumps(net) == before
    for one, other in zip(first["coefs_"], second["coefs_"], strict=True):
        assert_array_equal(one, other)


def test_weights_set_by_hand_count():
    net = estimator_for(NUMBERS, hidden_layer_sizes=(), alpha=0.5).initialize(
        X, NUMBERS
    )
    weights = np.array([[1.0], [-2.0], [0.5]])
    net.coefs_ = [weights]
    net.intercepts_[0][:] = 0.25
    gradients = net.loss_gradients(X, NUMBERS)
    expected = 0.25 * X.mean(axis=0, keepdims=True).T + 0.5 * weights / N
    assert_allclose(gradients["coefs_"][0], expected, rtol=1e-12)
    assert_allclose(gradients["intercepts_"][0], [0.25], rtol=1e-12)


REFUSED = {
    "features": ({"X": X[:, :2], "y": NUMBERS}, "X has 2 features, but MLPRegressor"),
    "outputs": ({"X": X, "y": SEVERAL}, "as many outputs as it began with"),
    "length": ({"X": X, "y": NUMBERS[1:]}, "inconsistent numbers of samples"),
    "weights": (
        {"X": X, "y": NUMBERS, "sample_weight": np.zeros(N)},
        "at least one non-zero",
    ),
    "missing": ({"X": X, "y": np.full(N, np.nan)}, "NaN"),
}


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals(given, message):
    net = estimator_for(NUMBERS).initialize(X, NUMBERS)
    with pytest.raises(ValueError, match=message):
        net.loss_gradients(**given)


def test_a_network_without_weights_is_refused():
    with pytest.raises(NotFittedError):
        estimator_for(NUMBERS).loss_gradients(X, NUMBERS)


def test_an_unknown_label_is_refused():
    net = estimator_for(TWO).initialize(X, TWO)
    with pytest.raises(ValueError, match="maybe"):
        net.loss_gradients(X, np.full(N, "maybe"))
