"""Errors and warnings: the same types and texts as scikit-learn's own.

Each case runs on both libraries, so that every supported version of scikit-learn is
followed. Where sknn differs on purpose, no case is listed here. Where sknn adds how to
mend the mistake, its message must begin with scikit-learn's (see ``CURED``); what it
adds is tested in test_cures.py.
"""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from outcomes import as_new_scipy
from sklearn import neural_network

import sknn

CLASSIFIER, REGRESSOR = "MLPClassifier", "MLPRegressor"
BOTH = (CLASSIFIER, REGRESSOR)

X = np.random.RandomState(0).normal(size=(12, 3))
TWO = np.arange(12) % 2
THREE = np.arange(12) % 3
NUMBERS = X[:, 0].copy()
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


def new(estimator, **parameters):
    return estimator(**{"max_iter": 2, "random_state": 0, **parameters})


def y_for(estimator):
    return TWO if estimator.__name__ == CLASSIFIER else NUMBERS


def fit(estimator, X=X, y=None, sample_weight=None, **parameters):
    y = y_for(estimator) if y is None else y
    return new(estimator, **parameters).fit(X, y, sample_weight)


def partial_fit(estimator, X=X, y=None, **parameters):
    options = {"classes": [0, 1]} if estimator.__name__ == CLASSIFIER else {}
    y = y_for(estimator) if y is None else y
    return new(estimator, **parameters).partial_fit(X, y, **options)


def with_value(value):
    changed = X.copy()
    changed[1, 2] = value
    return changed


CASES = {}  # what the test is called: the estimators and a function that takes one


def case(name, function, estimators=BOTH):
    assert name not in CASES
    CASES[name] = (estimators, function)


def cases(name, table, function, estimators=BOTH):
    """Add a case for each value of a table."""
    for key, value in table.items():
        case(
            f"{name}: {key}",
            lambda estimator, value=value: function(estimator, value),
            estimators,
        )


# Parameters ------------------------------------------------------------------------

INVALID = {
    "hidden_layer_sizes": [0, -1, 2.5, "a", None, (3, 0), [3, -1]],
    "activation": ["relu6", None, 3],
    "solver": ["newton", None],
    "alpha": [-1, "a", None, np.nan],
    "batch_size": [0, -3, 2.5, "all", None],
    "learning_rate": ["slow", 0.1],
    "learning_rate_init": [0, -1, np.inf, "a"],
    "power_t": [-1, np.inf, None],
    "max_iter": [0, 1.5, None, np.inf],
    "shuffle": ["yes", 2, None],
    "random_state": ["a", -1, 1.5, np.random.default_rng(0)],
    "tol": [-1, "a", np.inf],
    "verbose": [-1, "yes", 1.5],
    "warm_start": ["yes", 2],
    "momentum": [-0.1, 1.1, None],
    "nesterovs_momentum": ["yes", 3],
    "early_stopping": ["yes", 2],
    "validation_fraction": [-0.1, 1, 1.5, None],
    "beta_1": [-0.1, 1, None],
    "beta_2": [-0.1, 1, None],
    "epsilon": [0, -1, np.inf],
    "n_iter_no_change": [0, 1.5, -np.inf, np.nan],
    "max_fun": [0, 1.5, None],
    "loss": ["log_loss", None],
}
for _name, _values in INVALID.items():
    cases(
        "parameter",
        {f"{_name}={value}": {_name: value} for value in _values},
        lambda estimator, parameters: fit(estimator, **parameters),
        (REGRESSOR,) if _name == "loss" else BOTH,
    )
case("parameter: partial_fit", lambda e: partial_fit(e, momentum=2))
case("parameter: set_params", lambda e: e().set_params(width=3))
case(
    "parameter: positional width of the regressor",
    lambda e: e((3,)).fit(X, NUMBERS),
    (REGRESSOR,),
)

# X ---------------------------------------------------------------------------------

ODD_X = {
    "NaN": with_value(np.nan),
    "infinity": with_value(np.inf),
    "minus infinity": with_value(-np.inf),
    "NaN in CSR": scipy.sparse.csr_matrix(with_value(np.nan)),
    "one dimension": X[:, 0],
    "three dimensions": X[:, :, np.newaxis],
    "complex": X + 1j,
    "no rows": X[:0],
    "no columns": X[:, :0],
    "too few rows": X[:11],
    "a number": 3.0,
    "a ragged list": [[1, 2], [3]] * 6,
}
X_ONLY_IN_FIT = {  # predict parses strings, where scikit-learn has other texts
    "strings": np.array([["a", "b", "c"]] * 12),
    "None": None,
    "dicts": [{"a": 1}] * 12,
    "bytes": np.array([[b"a", b"b", b"c"]] * 12),
}
cases("fit on X", ODD_X | X_ONLY_IN_FIT, lambda e, odd: fit(e, odd))
cases("partial_fit on X", ODD_X | X_ONLY_IN_FIT, lambda e, odd: partial_fit(e, odd))
cases("predict on X", ODD_X, lambda e, odd: fit(e).predict(odd))
cases("predict_proba", ODD_X, lambda e, odd: fit(e).predict_proba(odd), (CLASSIFIER,))
cases("score on X", ODD_X, lambda e, odd: fit(e).score(odd, y_for(e)))

for _method in ("predict", "predict_proba", "predict_log_proba"):
    _estimators = BOTH if _method == "predict" else (CLASSIFIER,)
    case(
        f"{_method} before fit",
        lambda e, method=_method: getattr(e(), method)(X),
        _estimators,
    )
    case(
        f"{_method} on too few columns",
        lambda e, method=_method: getattr(fit(e), method)(X[:, :2]),
        _estimators,
    )
case("score before fit", lambda e: e().score(X, y_for(e)))
case("score on too few columns", lambda e: fit(e).score(X[:, :2], y_for(e)))
case("score with too few targets", lambda e: fit(e).score(X, y_for(e)[:5]))
case("score with too few weights", lambda e: fit(e).score(X, y_for(e), [1.0]))
case("partial_fit on too few columns", lambda e: fit(e).partial_fit(X[:, :2], y_for(e)))

# y ---------------------------------------------------------------------------------

ODD_Y = {
    "NaN": np.full(12, np.nan),
    "infinity": np.full(12, np.inf),
    "a column": TWO[:, np.newaxis],
    "three dimensions": TWO[:, np.newaxis, np.newaxis],
    "too few": TWO[:5],
    "a number": 3,
    "complex": NUMBERS + 1j,
    "no columns": np.zeros((12, 0)),
    "sequences": [[1], [2], [1, 2]] * 4,
}
cases("fit on y", ODD_Y, lambda e, odd: fit(e, y=odd))
cases("partial_fit on y", ODD_Y, lambda e, odd: partial_fit(e, y=odd))
cases(
    "fit on y of mixed types",
    {"numbers and strings": np.array([1, "a"] * 6, dtype=object)},
    lambda e, odd: fit(e, y=odd),
    (REGRESSOR,),
)
case("fit on y: None", lambda e: new(e).fit(X, None))
case("partial_fit on y: None", lambda e: new(e).partial_fit(X, None), (REGRESSOR,))

# Sample weights --------------------------------------------------------------------

cases(
    "weights",
    {
        "too few": [1, 2],
        "two dimensions": np.ones((12, 1)),
        "NaN": np.full(12, np.nan),
        "infinity": np.full(12, np.inf),
        "strings": ["a"] * 12,
        "complex": np.full(12, 1j),
        "one for all": 2.0,
    },
    lambda e, weights: fit(e, sample_weight=weights),
)

# Early stopping, batches, the end of training ----------------------------------------

cases(
    "early stopping",
    {
        "too few rows": {"validation_fraction": 0.05},
        "no rows": {"validation_fraction": 0},
        "nearly all rows": {"validation_fraction": 0.99},
        "a batch of all rows": {"validation_fraction": 0.3, "batch_size": 12},
        "feature names": {"validation_fraction": 0.3, "X": FRAME},
    },
    lambda e, options: fit(e, early_stopping=True, **options),
)
case("batch_size above the number of rows", lambda e: fit(e, batch_size=50))
case("max_iter reached by adam", lambda e: fit(e))
case("max_iter reached by sgd", lambda e: fit(e, solver="sgd", max_iter=3))
case("max_iter reached by lbfgs", lambda e: fit(e, solver="lbfgs"))
case(
    "max_fun reached by lbfgs", lambda e: fit(e, solver="lbfgs", max_iter=9, max_fun=3)
)

# partial_fit and warm_start ----------------------------------------------------------

case("partial_fit of lbfgs", lambda e: partial_fit(e, solver="lbfgs"), (CLASSIFIER,))
case("partial_fit with early stopping", lambda e: partial_fit(e, early_stopping=True))
for _name, _function in {
    "no classes": lambda e: new(e).partial_fit(X, TWO),
    "other classes": lambda e: partial_fit(e).partial_fit(X, TWO, classes=[0, 1, 2]),
    "other classes after fit": lambda e: fit(e).partial_fit(X, TWO, classes=[1, 2]),
    "the same classes after fit": lambda e: fit(e).partial_fit(X, TWO, classes=[0, 1]),
    "unseen labels": lambda e: partial_fit(e).partial_fit(X, TWO + 1),
    "unseen labels at first": lambda e: new(e).partial_fit(X, TWO, classes=[2]),
    "unseen strings": lambda e: (
        new(e)
        .partial_fit(X, np.array(["a", "b"])[TWO], classes=["a", "b"])
        .partial_fit(X, ["c"] * 12)
    ),
    "more labels than classes": lambda e: (
        new(e).partial_fit(X, TWO, classes=[0, 1]).partial_fit(X, THREE)
    ),
}.items():
    case(f"partial_fit: {_name}", _function, (CLASSIFIER,))
for _name, _function in {
    "other labels": lambda e: fit(e, warm_start=True).fit(X, TWO + 1),
    "fewer labels": lambda e: fit(e, y=THREE, warm_start=True).fit(X, TWO),
    "more labels": lambda e: fit(e, warm_start=True).fit(X, THREE),
    "fewer labels in partial_fit": lambda e: partial_fit(
        e, warm_start=True
    ).partial_fit(X, TWO * 0),
}.items():
    case(f"warm start: {_name}", _function, (CLASSIFIER,))
case(
    "warm start: too few columns",
    lambda e: fit(e, warm_start=True).fit(X[:, :2], y_for(e)),
)

# Feature names -----------------------------------------------------------------------

cases(
    "feature names",
    {
        "array after frame": lambda e: fit(e, FRAME).predict(X),
        "frame after array": lambda e: fit(e).predict(FRAME),
        "another order": lambda e: fit(e, FRAME).predict(FRAME[["b", "a", "c"]]),
        "too few": lambda e: fit(e, FRAME).predict(FRAME[["b", "a"]]),
        "other names": lambda e: fit(e, FRAME).predict(FRAME.rename(columns=str.upper)),
        "of mixed types": lambda e: fit(e, FRAME.rename(columns={"a": 1})),
        "partial_fit on an array": lambda e: fit(e, FRAME).partial_fit(X, y_for(e)),
    },
    lambda e, function: function(e),
)


# The comparison --------------------------------------------------------------------

# Cases in which sknn's message goes on after scikit-learn's.
CURED = re.compile(
    r"parameter: (activation=(relu6|None)|learning_rate=0\.1"
    r"|loss=log_loss|hidden_layer_sizes=a|positional width of the regressor)"
    r"|(fit|partial_fit|predict|score) on X: three dimensions"
    r"|predict_proba: three dimensions"
    r"|(fit|partial_fit) on X: (strings|dicts|bytes)"
    r"|(fit|partial_fit) on y: (NaN|three dimensions)"
    r"|fit on y of mixed types: numbers and strings|weights: strings"
    r"|partial_fit of lbfgs"
)

# Parameters that take more here than in scikit-learn.
WIDER = "activation|solver|learning_rate|loss|tol"


def sorted_sets(text):
    """Sort what stands in braces: scikit-learn prints sets, in any order.

    Lists of what is possible are left out where ours are longer.
    """
    text = re.sub(f"(The '({WIDER})' .* must be) .* Got", r"\1 ... Got", text)
    text = re.sub(r"(Valid parameters are:) \[.*\]", r"\1 ...", text)
    return re.sub(
        r"\{([^{}]*)\}", lambda found: str(sorted(found[1].split(", "))), text
    )


def outcome(library, name, function):
    """Return the error, if there is one, and all warnings, as types and texts."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # scikit-learn casts NaN and infinity to integers before it refuses them. On
        # some processors NumPy warns of that; sknn refuses them before any cast.
        warnings.filterwarnings("ignore", "invalid value encountered in cast")
        error = None
        try:
            function(getattr(library, name))
        except Exception as raised:
            error = raised
    messages = [error] if error else []
    messages += [warning.message for warning in caught]
    return [
        (type(message).__name__, as_new_scipy(sorted_sets(str(message))))
        for message in messages
    ]


def expected_of(estimator, function):
    """Return scikit-learn's outcome; sometimes it does not know that its data are y."""
    return [
        (kind, re.sub("^Input contains", "Input y contains", text))
        for kind, text in outcome(neural_network, estimator, function)
    ]


@pytest.mark.parametrize(
    ("estimator", "function"),
    [
        pytest.param(estimator, function, id=f"{estimator[3:]}-{name}")
        for name, (estimators, function) in CASES.items()
        for estimator in estimators
        if not CURED.fullmatch(name)
    ],
)
def test_as_sklearn(estimator, function):
    expected = expected_of(estimator, function)
    assert expected, "scikit-learn neither raises nor warns"
    assert outcome(sknn, estimator, function) == expected


@pytest.mark.parametrize(
    ("estimator", "function"),
    [
        pytest.param(estimator, function, id=f"{estimator[3:]}-{name}")
        for name, (estimators, function) in CASES.items()
        for estimator in estimators
        if CURED.fullmatch(name)
    ],
)
def test_begins_as_sklearn(estimator, function):
    expected = expected_of(estimator, function)
    (kind, text), *others = outcome(sknn, estimator, function)
    assert kind == expected[0][0]
    assert text.startswith(expected[0][1])
    assert len(text) > len(expected[0][1]), "it belongs to test_as_sklearn"
    assert others == expected[1:]


@pytest.mark.parametrize("estimator", BOTH)
def test_why_lbfgs_has_no_partial_fit(estimator):
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as ours:
        partial_fit(getattr(sknn, estimator), solver="lbfgs")
    # scikit-learn's regressor forgets to look at the solver.
    with pytest.raises(AttributeError) as theirs:
        partial_fit(neural_network.MLPClassifier, solver="lbfgs")
    assert str(ours.value.__cause__).startswith(str(theirs.value.__cause__))
    assert str(ours.value.__cause__) in str(ours.value)
    assert not hasattr(getattr(sknn, estimator)(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("estimator", [sknn.MLPClassifier, sknn.MLPRegressor])
def test_weights_of_zero(estimator):
    """scikit-learn 1.7 has another message."""
    with pytest.raises(
        ValueError,
        match=r"^Sample weights must contain at least one non-zero number\.$",
    ):
        fit(estimator, sample_weight=np.zeros(12))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("estimator", BOTH)
def test_divergence_begins_as_in_sklearn(estimator, solver):
    def diverge(estimator):
        fit(estimator, X * 1e200, solver=solver, learning_rate_init=1e200, max_iter=20)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind, text = outcome(neural_network, estimator, diverge)[0]
    assert kind == "ValueError"
    ours = outcome(sknn, estimator, diverge)
    assert ours[0][0] == kind
    assert ours[0][1].startswith(text)
    assert len(ours) == 1, "a warning beside the error"


def test_targets_of_none_are_no_large_values():
    y = np.array([1.0, None] * 6, dtype=object)
    with pytest.raises(ValueError, match="NaN"):
        fit(sknn.MLPRegressor, y=y)


@pytest.mark.parametrize("method", ["predict", "score"])
def test_text_to_predict_from(method):
    """scikit-learn takes numbers written as text in fit, but not in predict."""
    errors = []
    for library in (neural_network, sknn):
        model = fit(library.MLPRegressor)
        arguments = (np.full((3, model.n_features_in_), "1.5"), np.arange(3.0))
        with pytest.raises(ValueError, match="bytes/strings") as error:
            getattr(model, method)(*arguments[: 1 + (method == "score")])
        errors.append(str(error.value))
    assert errors[1] == f"{errors[0]} Convert it, as X.astype(float) does."
