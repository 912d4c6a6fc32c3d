"""The contract of a drop-in: signatures, attributes, output, what a fit goes on from.

scikit-learn's class, as installed, is the oracle.
"""

import inspect
from inspect import Parameter
from numbers import Integral, Real

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network

import sknn

CLASSIFIERS = (sknn.MLPClassifier, neural_network.MLPClassifier)
REGRESSORS = (sknn.MLPRegressor, neural_network.MLPRegressor)
each_pair = pytest.mark.parametrize(
    ("ours", "theirs"), [CLASSIFIERS, REGRESSORS], ids=["classifier", "regressor"]
)
each_estimator = pytest.mark.parametrize(
    "estimator", [sknn.MLPClassifier, sknn.MLPRegressor]
)

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * rng.normal(size=60)
LABELS = (NUMBERS > 0).astype(int)
THREE = np.digitize(NUMBERS, [-1, 1])
TWO_OUTPUTS = np.c_[NUMBERS, NUMBERS**2]
TWO_LABELS = np.c_[LABELS, NUMBERS > 1].astype(int)


def y_for(estimator):
    return LABELS if hasattr(estimator, "predict_proba") else NUMBERS


# Signatures ------------------------------------------------------------------------


def parameters_of(function):
    """Return names, in order, kinds and defaults; annotations are no matter."""
    return [
        (parameter.name, parameter.kind, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
    ]


def public_names(estimator):
    return {name for name in dir(estimator) if not name.startswith("_")}


@each_pair
def test_constructor(ours, theirs):
    """scikit-learn's parameters come first, in its order; new ones are keywords."""
    mine, other = parameters_of(ours), parameters_of(theirs)
    assert mine[: len(other)] == other
    assert {kind for _, kind, _ in mine[len(other) :]} == {Parameter.KEYWORD_ONLY}


NEW_METHODS = {
    "decision_function",
    "hidden_activations",
    "initialize",
    "input_gradients",
    "loss_gradients",
    "resume_fit",
    "set_callbacks",
    "set_resume_fit_request",
    "summary",
}


@each_pair
def test_public_names(ours, theirs):
    new = public_names(ours()) - public_names(theirs())
    assert public_names(theirs()) <= public_names(ours())
    assert new - set(ours().get_params()) <= NEW_METHODS


@each_pair
def test_methods(ours, theirs):
    for name in sorted(public_names(theirs())):
        method = getattr(theirs(), name)
        if callable(method):
            mine, other = parameters_of(getattr(ours(), name)), parameters_of(method)
            if name.startswith("set_"):  # of metadata: sorted by name
                assert set(mine) >= set(other), name
                continue
            if name == "fit":  # a BatchSource holds its targets
                assert mine[1] == ("y", Parameter.POSITIONAL_OR_KEYWORD, None)
                mine[1] = other[1]
            assert mine[: len(other)] == other, name


@each_pair
def test_an_array_needs_targets(ours, theirs):
    """``y`` is optional in the signature of fit alone."""
    messages = []
    for estimator in (ours, theirs):
        with pytest.raises(ValueError, match="requires y to be passed") as error:
            estimator().fit(X, None)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    with pytest.raises(ValueError, match="requires y to be passed"):
        ours().fit(X)


@each_pair
def test_parameters(ours, theirs):
    assert ours().get_params().items() >= theirs().get_params().items()
    assert set(ours._parameter_constraints) == set(ours().get_params())
    assert repr(ours(alpha=0.5, solver="sgd")) == repr(theirs(alpha=0.5, solver="sgd"))


def test_loss_of_the_classifier():
    """An attribute in scikit-learn, a parameter here."""
    assert sknn.MLPClassifier().loss == neural_network.MLPClassifier().loss


# Attributes ------------------------------------------------------------------------


def kind(value):
    """Return a description that is equal for what users may take for the same."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, np.ndarray):
        return ("array", value.dtype, value.shape)
    if isinstance(value, list):
        return [kind(item) for item in value]
    if isinstance(value, bool):
        return "bool"
    return next(number for number in (Integral, Real) if isinstance(value, number))


def attributes(estimator):
    return {
        name: value
        for name, value in vars(estimator).items()
        if name.endswith("_") and not name.startswith("_") and name != "history_"
    }


def assert_same_attributes(ours, theirs, values=True):
    ours, theirs = attributes(ours), attributes(theirs)
    assert sorted(ours) == sorted(theirs)
    for name, expected in theirs.items():
        assert kind(ours[name]) == kind(expected), name
        if not values:
            continue
        if name in ("coefs_", "intercepts_"):
            for mine, other in zip(ours[name], expected, strict=True):
                assert_allclose(mine, other, rtol=1e-5, atol=1e-8, err_msg=name)
        elif name == "classes_":
            assert_array_equal(ours[name], expected)
        elif expected is not None and not isinstance(expected, str):
            assert_allclose(ours[name], expected, rtol=1e-7, err_msg=name)


TARGETS = {
    "two classes": (CLASSIFIERS, LABELS),
    "three classes": (CLASSIFIERS, THREE),
    "several labels": (CLASSIFIERS, TWO_LABELS),
    "one output": (REGRESSORS, NUMBERS),
    "two outputs": (REGRESSORS, TWO_OUTPUTS),
}


def fit(estimator, y):
    return estimator.fit(X, y)


def fit_twice(estimator, y):
    return estimator.fit(X, y).fit(X, y)


def partial_fit_twice(estimator, y):
    options = {}
    if hasattr(estimator, "predict_proba"):
        options = {"classes": np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)}
    return estimator.partial_fit(X, y, **options).partial_fit(X, y)


SCENARIOS = {
    "adam": ({}, fit),
    "sgd": ({"solver": "sgd", "learning_rate": "invscaling"}, fit),
    "lbfgs": ({"solver": "lbfgs"}, fit),
    "adam, early stopping": ({"early_stopping": True}, fit),
    "sgd, early stopping": ({"solver": "sgd", "early_stopping": True}, fit),
    "lbfgs, early stopping": ({"solver": "lbfgs", "early_stopping": True}, fit),
    "adam twice": ({}, fit_twice),
    "adam, warm start": ({"warm_start": True}, fit_twice),
    "sgd, warm start": ({"solver": "sgd", "warm_start": True}, fit_twice),
    "lbfgs, warm start": ({"solver": "lbfgs", "warm_start": True}, fit_twice),
    "adam, partial_fit": ({}, partial_fit_twice),
    "sgd, partial_fit": ({"solver": "sgd"}, partial_fit_twice),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.default_cases(20)
def test_attributes(targets, scenario):
    (ours, theirs), y = TARGETS[targets]
    changes, train = SCENARIOS[scenario]
    parameters = {"max_iter": 8, "random_state": 1, "hidden_layer_sizes": (6, 5)}
    mine = train(ours(**parameters | changes), y)
    other = train(theirs(**parameters | changes), y)
    # Our validation set is stratified for more than two classes, and labels, too.
    held_out = mine.early_stopping and mine.solver != "lbfgs"
    differs = held_out and targets in ("three classes", "several labels")
    assert_same_attributes(mine, other, values=not differs)


@each_pair
def test_no_attributes_before_fit(ours, theirs):
    assert attributes(ours()) == attributes(theirs()) == {}


@each_pair
def test_attributes_are_of_the_last_solver(ours, theirs):
    """A new fit leaves nothing of an old one behind, which scikit-learn does."""
    y = y_for(ours())
    estimator = ours(max_iter=3, early_stopping=True).fit(X, y)
    estimator.set_params(solver="lbfgs").fit(X, y)
    fresh = theirs(max_iter=3, solver="lbfgs").fit(X, y)
    assert sorted(attributes(estimator)) == sorted(attributes(fresh))


# verbose ---------------------------------------------------------------------------

PLATEAU = {"tol": 0.05, "n_iter_no_change": 2, "max_iter": 40}
VERBOSE = {
    "adam": {"max_iter": 3},
    "adam, to a plateau": PLATEAU,
    "adam, early stopping": {**PLATEAU, "early_stopping": True},
    "sgd": {"solver": "sgd", "max_iter": 3},
    "sgd, to a plateau": {**PLATEAU, "solver": "sgd"},
    "sgd, adaptive": {
        **PLATEAU,
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.1,
        "max_iter": 200,
    },
    "sgd, adaptive, early stopping": {
        **PLATEAU,
        "solver": "sgd",
        "learning_rate": "adaptive",
        "early_stopping": True,
        "max_iter": 200,
    },
    "an integer": {"max_iter": 2, "verbose": 2},
}


@each_pair
@pytest.mark.parametrize("case", VERBOSE)
def test_verbose(ours, theirs, case, capsys):
    parameters = {"verbose": True, "random_state": 0, "hidden_layer_sizes": (6,)}
    parameters |= VERBOSE[case]
    printed = []
    for estimator in (ours, theirs):
        estimator(**parameters).fit(X, y_for(estimator()))
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert printed[0].startswith("Iteration 1, loss = ")
    for word, sign in {
        "early": "Validation score: ",
        "plateau": "2 consecutive epochs. Stopping.",
        "adaptive": "Learning rate too small. Stopping.",
    }.items():
        assert word not in case or sign in printed[0]


@each_estimator
def test_verbose_of_lbfgs(estimator, capsys):
    """One line an iteration; scikit-learn leaves it to scipy, of any version."""
    parameters = {"solver": "lbfgs", "max_iter": 4, "random_state": 0}
    model = estimator(**parameters, verbose=True).fit(X, y_for(estimator()))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_ == 4
    assert lines[-1] == f"Iteration 4, loss = {model.loss_:.8f}"


@each_estimator
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_silence(estimator, solver, capsys):
    estimator(solver=solver, max_iter=3).fit(X, y_for(estimator()))
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


# What a call goes on from ------------------------------------------------------------

STEPS = {
    "fit": lambda e, y: e.fit(X, y),
    "fit on half": lambda e, y: e.fit(X[:30], y[:30]),
    "partial_fit": lambda e, y: e.partial_fit(X, y),
    "partial_fit on half": lambda e, y: e.partial_fit(X[30:], y[30:]),
    "warm": lambda e, y: e.set_params(warm_start=True),
    "cold": lambda e, y: e.set_params(warm_start=False),
    "longer": lambda e, y: e.set_params(max_iter=e.max_iter + 3),
    "lbfgs": lambda e, y: e.set_params(solver="lbfgs"),
}
SEQUENCES = [
    ["fit", "fit"],
    ["warm", "fit", "fit", "fit"],
    ["warm", "fit", "longer", "fit on half", "fit"],
    ["fit", "partial_fit", "partial_fit on half", "partial_fit"],
    ["fit", "partial_fit", "fit"],
    ["fit", "warm", "fit", "partial_fit", "fit", "partial_fit"],
    ["warm", "fit", "partial_fit", "cold", "fit"],
    ["fit", "warm", "lbfgs", "fit"],
]
STATES = {
    "adam": {},
    "adam, plateau": {"tol": 0.1, "n_iter_no_change": 1, "max_iter": 20},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "sgd, invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "sgd, adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "tol": 0.1,
        "n_iter_no_change": 1,
        "max_iter": 20,
    },
}


@each_pair
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("sequence", SEQUENCES, ids=", ".join)
def test_sequences(ours, theirs, state, sequence):
    parameters = {"max_iter": 4, "random_state": 2, "hidden_layer_sizes": (5,)}
    parameters |= STATES[state]
    mine, other = ours(**parameters), theirs(**parameters)
    for step in sequence:
        for estimator in (mine, other):
            STEPS[step](estimator, y_for(estimator))
        assert_same_attributes(mine, other)


@each_estimator
def test_counts(estimator):
    """n_iter_ is of the last call; loss_curve_ and t_ are of all since the first."""
    model = estimator(max_iter=3, warm_start=True, n_iter_no_change=100)
    y = y_for(model)
    for call in (1, 2, 3):
        model.fit(X, y)
        assert model.n_iter_ == 3
        assert model.t_ == call * 3 * len(X)
        assert len(model.loss_curve_) == call * 3
        assert model.loss_ == model.loss_curve_[-1]
        assert model.best_loss_ == min(model.loss_curve_)
    model.partial_fit(X[:10], y[:10])
    assert model.n_iter_ == 1
    assert model.t_ == 9 * len(X) + 10
    assert len(model.loss_curve_) == 10


@each_estimator
def test_partial_fit_keeps_the_optimizer(estimator):
    """A hundred calls are one fit, as long as the rows are not shuffled."""
    parameters = {"random_state": 3, "shuffle": False, "hidden_layer_sizes": (5,)}
    whole = estimator(**parameters, max_iter=100, n_iter_no_change=1000)
    parts = estimator(**parameters)
    y = y_for(whole)
    whole.fit(X, y)
    options = {"classes": [0, 1]} if hasattr(whole, "predict_proba") else {}
    for _ in range(100):
        parts.partial_fit(X, y, **options)
    assert_array_equal(parts.predict(X), whole.predict(X))
    assert_array_equal(parts.loss_curve_, whole.loss_curve_)


# Unusual values of parameters --------------------------------------------------------

VALUES = [
    {"hidden_layer_sizes": np.int64(5)},
    {"hidden_layer_sizes": range(3, 5)},
    {"hidden_layer_sizes": np.array([])},
    {"alpha": 10**20},
    {"batch_size": np.int32(7), "shuffle": np.False_},
    {"learning_rate_init": 1, "tol": 0, "n_iter_no_change": np.inf},
    {"beta_1": 0, "beta_2": 0, "epsilon": 1},
    {"solver": "sgd", "momentum": 1},
    {"solver": "sgd", "momentum": 0, "learning_rate": "invscaling", "power_t": 0},
    {"solver": "lbfgs", "max_fun": np.int64(5), "max_iter": np.int16(9)},
    {"early_stopping": np.True_, "validation_fraction": 0.5, "tol": 1},
]


@each_pair
@pytest.mark.parametrize("values", VALUES, ids=str)
def test_unusual_values(ours, theirs, values):
    parameters = {"max_iter": 4, "random_state": 0, **values}
    mine, other = (each(**parameters).fit(X, y_for(each())) for each in (ours, theirs))
    assert_same_attributes(mine, other)
