"""scikit-learn's names of schedules mean what they mean there, warnings included."""

import warnings
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from outcomes import as_new_scipy
from sklearn import datasets, neural_network
from sklearn.preprocessing import StandardScaler

import sknn
from sknn.estimators.parameters import STOCHASTIC_SOLVERS
from sknn.training.baseline import NOT_LEARNT

SCHEDULES = ["constant", "invscaling", "adaptive"]
SOLVERS = ["adam", "sgd", "lbfgs"]
rng = np.random.RandomState(0)
X = rng.normal(size=(90, 5))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0, 0.3] + 0.1 * rng.normal(size=90)
LABELS = (NUMBERS > 0).astype(int)  # two classes, which both libraries stratify


def drawn(seed, solver, learning_rate, early_stopping, way):
    """Return parameters that let plateaus come soon, and the rate decay in between."""
    draw = np.random.RandomState(seed)
    return {
        "solver": solver,
        "learning_rate": learning_rate,
        "early_stopping": early_stopping,
        "warm_start": way == "warm start",
        "learning_rate_init": float(10 ** draw.uniform(-3.5, -1.5)),
        "power_t": float(draw.uniform(0, 1)),
        "tol": float(10 ** draw.uniform(-4, -1)),
        "n_iter_no_change": int(draw.randint(1, 4)),
        "max_iter": int(draw.randint(5, 50)),
        "batch_size": int(draw.randint(8, 91)),
        "alpha": float(10 ** draw.uniform(-5, 0)),
        "momentum": float(draw.uniform(0, 0.95)),
        "nesterovs_momentum": bool(draw.randint(2)),
        "shuffle": bool(draw.randint(2)),
        "hidden_layer_sizes": tuple(
            int(n) for n in draw.randint(2, 9, draw.randint(3))
        ),
        "activation": str(draw.choice(["relu", "tanh", "logistic", "identity"])),
        "validation_fraction": 0.2,
        "random_state": int(draw.randint(100)),
    }


def outcome(model, calls):
    """Return what scikit-learn promises of a model after calls, and what was said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for call in calls:
            call(model)
    weights = [*model.coefs_, *model.intercepts_]
    told = [(each.category, as_new_scipy(str(each.message))) for each in said]
    return weights, getattr(model, "loss_curve_", [model.loss_]), model.n_iter_, told


def calls_of(way, y, solver):
    if way == "partial_fit":
        return [lambda model: model.partial_fit(X, y)] * 12
    calls = [lambda model: model.fit(X, y)]
    if way == "warm start":
        calls *= 2
    if way == "fit, partial_fit" and solver != "lbfgs":
        calls += [lambda model: model.partial_fit(X[:50], y[:50])] * 3
    return calls


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))]
)
@pytest.mark.parametrize(
    ("way", "early_stopping"),
    [
        ("fit", False),
        ("fit", True),
        ("warm start", False),
        ("partial_fit", False),
        ("fit, partial_fit", False),
    ],
)
@pytest.mark.parametrize("learning_rate", SCHEDULES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_random_configurations(kind, solver, learning_rate, way, early_stopping, seed):
    if solver == "lbfgs" and way == "partial_fit":
        way = "fit"  # which is all it has
    y = LABELS if kind == "MLPClassifier" else NUMBERS
    parameters = drawn(seed, solver, learning_rate, early_stopping, way)
    calls = calls_of(way, y, solver)
    if way == "partial_fit" and kind == "MLPClassifier":
        calls[0] = lambda model: model.partial_fit(X, y, classes=[0, 1])
    theirs, ours = (
        outcome(getattr(library, kind)(**parameters), calls)
        for library in (neural_network, sknn)
    )
    assert ours[2] == theirs[2]
    rtol = 1e-5 if solver == "lbfgs" else 1e-8
    for expected, actual in zip(theirs[0], ours[0], strict=True):
        atol = rtol * np.abs(expected).max()
        assert_allclose(actual, expected, rtol=rtol, atol=atol)
    if solver != "lbfgs":
        assert_allclose(ours[1], theirs[1], rtol=rtol)
    assert [each for each in ours[3] if NOT_LEARNT not in each[1]] == theirs[3]


@cache
def data(name, is_scaled):
    data_set = getattr(datasets, f"load_{name}")()
    features, target = data_set.data[:400], data_set.target[:400]
    if is_scaled:
        features = StandardScaler().fit_transform(features)
        if name == "diabetes":
            target = StandardScaler().fit_transform(target[:, np.newaxis])[:, 0]
    return features, target


@pytest.mark.parametrize("learning_rate", SCHEDULES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("is_scaled", [False, True], ids=["raw", "scaled"])
@pytest.mark.parametrize(
    "name", ["iris", "wine", "breast_cancer", "digits", "diabetes"]
)
@pytest.mark.default_cases(30)
def test_warnings_are_scikit_learns(name, is_scaled, solver, learning_rate):
    """But for the one of a model that has learnt nothing, where it has not."""
    X, y = data(name, is_scaled)
    kind = "MLPRegressor" if name == "diabetes" else "MLPClassifier"
    options = {"solver": solver, "learning_rate": learning_rate, "random_state": 0}
    options |= {"hidden_layer_sizes": 20, "max_iter": 60}
    models, outcomes = [], []
    for library in (neural_network, sknn):
        models.append(getattr(library, kind)(**options))
        with np.errstate(all="ignore"):
            try:
                outcomes.append(outcome(models[-1], [lambda model: model.fit(X, y)]))
            except ValueError as error:
                outcomes.append(str(error)[:40])
    theirs, ours = outcomes
    if isinstance(theirs, str):
        assert ours == theirs
        return
    told = [each for each in ours[3] if NOT_LEARNT not in each[1]]
    assert told == [each for each in theirs[3] if each[0] is not RuntimeWarning]
    if told != ours[3]:
        baseline = 0.0 if kind == "MLPRegressor" else np.bincount(y).max() / len(y)
        assert models[1].score(X, y) <= baseline + 0.1 * (1 - baseline)


STALLS = {"tol": 0.1, "n_iter_no_change": 1, "random_state": 0, "max_iter": 30}


@pytest.mark.parametrize(
    ("schedule", "parameters"),
    [
        ("plateau", {}),
        ("inverse_time", {"decay_epochs": 1}),
        ("step", {"decay_epochs": 1}),
    ],
)
def test_adam_follows_schedules_of_other_names(schedule, parameters):
    constant = sknn.MLPRegressor(**STALLS).fit(X, NUMBERS)
    model = sknn.MLPRegressor(learning_rate=schedule, **STALLS, **parameters)
    assert set(constant.history_["learning_rate"]) == {0.001}
    assert model.fit(X, NUMBERS).history_["learning_rate"][-1] < 0.001


@pytest.mark.parametrize("schedule", ["invscaling", "adaptive"])
@pytest.mark.parametrize("solver", sorted(STOCHASTIC_SOLVERS - {"adam"}))
def test_other_solvers_heed_scikit_learns_schedules(solver, schedule):
    options = STALLS | {"solver": solver, "learning_rate": schedule, "tol": 10.0}
    model = sknn.MLPRegressor(**options).fit(X, NUMBERS)
    assert model.history_["learning_rate"][-1] < 0.001
