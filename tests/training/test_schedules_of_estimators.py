"""Learning-rate schedules in the estimators, also past their end."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from rates_of_schedules import INITIAL, N_EPOCHS, N_ROWS, PARAMETERS, rates_of

from sknn import MLPClassifier, MLPRegressor
from sknn.estimators.effects import USES
from sknn.estimators.parameters import STOCHASTIC_SOLVERS
from sknn.training.schedules import SCHEDULES, SKLEARN_SCHEDULES


def fit(learning_rate, **parameters):
    """Fit a bias, for X is zero and no layer is hidden, to targets of mean 1."""
    own = {"warmup_epochs": 0, "decay_rate": 0.5, "decay_epochs": 20, "power_t": 0.4}
    for name in ("decay_rate", "decay_epochs"):
        if learning_rate in USES[name].values:
            own[name] = PARAMETERS[name]
    defaults = {
        "hidden_layer_sizes": (),
        "bias_initializer": "zeros",
        "learning_rate_init": INITIAL,
        "solver": "sgd",
        "momentum": 0.0,
        "alpha": 0.0,
        "max_iter": N_EPOCHS,
        "n_iter_no_change": N_EPOCHS,
        "random_state": 0,
    }
    parameters = {**defaults, **own, "learning_rate": learning_rate, **parameters}
    X, y = np.zeros((N_ROWS, 2)), np.linspace(0, 2, N_ROWS)
    return MLPRegressor(**parameters).fit(X, y)


@pytest.mark.parametrize("warmup_epochs", [0, 4])
@pytest.mark.parametrize("name", [*SCHEDULES, lambda epoch: 0.5 / (1 + epoch)])
def test_the_recorded_rates_are_those_of_the_steps(name, warmup_epochs):
    regressor = fit(name, warmup_epochs=warmup_epochs)
    rates = regressor.history_["learning_rate"]
    assert_allclose(rates, rates_of(name, warmup_epochs=warmup_epochs), rtol=1e-12)
    bias = 0.0
    for rate in rates:
        bias -= rate * (bias - 1.0)
    assert_allclose(regressor.intercepts_[0], bias, rtol=1e-9)


@pytest.mark.parametrize("name", [*SCHEDULES, lambda epoch: 0.5 / (1 + epoch)])
@pytest.mark.parametrize("solver", sorted(STOCHASTIC_SOLVERS))
def test_every_stochastic_solver_has_every_schedule(solver, name):
    regressor = fit(name, solver=solver, max_iter=10, warmup_epochs=2)
    rates = regressor.history_["learning_rate"]
    if solver == "adam" and name in SKLEARN_SCHEDULES:
        name = "constant"
    assert_allclose(rates, rates_of(name, 10, warmup_epochs=2), rtol=1e-12)


@pytest.mark.parametrize("solver", sorted(STOCHASTIC_SOLVERS))
def test_the_rate_reaches_every_solver(solver):
    """Where it is zero, nothing moves."""
    moving = fit(lambda epoch: 0.1, solver=solver, max_iter=3)
    then_still = fit(lambda epoch: 0.1 if epoch < 3 else 0.0, solver=solver)
    assert moving.intercepts_[0] == then_still.intercepts_[0]
    assert moving.intercepts_[0] > 0


def stalling(**parameters):
    """Fit with a tol so large that all epochs but the first are without progress."""
    options = {"learning_rate_init": 1e-4, "tol": 1e6, "n_iter_no_change": 2}
    classifier = MLPClassifier((3,), random_state=0, **{**options, **parameters})
    X = np.random.RandomState(0).normal(size=(20, 2))
    return classifier.fit(X, X[:, 0] > 0)


FIFTHS = [1e-4] * 4 + [1e-4 / 5] * 3 + [1e-4 / 25] * 3 + [1e-4 / 125] * 3


@pytest.mark.parametrize("solver", ["sgd", "adamw", "lion"])
def test_adaptive_divides_by_five_on_a_plateau(solver):
    classifier = stalling(solver=solver, learning_rate="adaptive")
    assert_allclose(classifier.history_["learning_rate"], FIFTHS, rtol=1e-12)


@pytest.mark.parametrize("solver", sorted(STOCHASTIC_SOLVERS))
def test_plateau_multiplies_by_decay_rate(solver):
    """And stops where it would lower a rate of 1e-6 or less."""
    options = {"solver": solver, "learning_rate": "plateau"}
    classifier = stalling(decay_rate=0.2, **options)
    assert_allclose(classifier.history_["learning_rate"], FIFTHS, rtol=1e-12)
    assert stalling(decay_rate=1.0, **options).n_iter_ == 4


@pytest.mark.parametrize("solver", sorted(STOCHASTIC_SOLVERS - {"adam"}))
@pytest.mark.parametrize("early_stopping", [False, True])
def test_plateau_by_a_fifth_is_adaptive(solver, early_stopping):
    options = {"solver": solver, "early_stopping": early_stopping, "tol": 1e-2}
    options |= {"learning_rate_init": 0.01, "max_iter": 300}
    adaptive = stalling(learning_rate="adaptive", **options)
    plateau = stalling(learning_rate="plateau", decay_rate=0.2, **options)
    assert plateau.n_iter_ == adaptive.n_iter_ < 300
    for one, other in zip(plateau.coefs_, adaptive.coefs_, strict=True):
        assert_allclose(one, other, rtol=1e-7)


def test_plateau_says_what_it_does(capsys):
    stalling(learning_rate="plateau", decay_rate=0.2, verbose=True)
    lines = [line for line in capsys.readouterr().out.split("\n") if "epochs. " in line]
    ends = [line.split("epochs. ")[1] for line in lines]
    rates = [f"Setting learning rate to {1e-4 / 5**k:f}" for k in (1, 2, 3)]
    assert ends == [*rates, "Learning rate too small. Stopping."]


@pytest.mark.parametrize("name", ["adaptive", "plateau"])
@pytest.mark.parametrize("before", ["cosine", "step", "constant"])
def test_a_schedule_that_begins_between_calls_begins_with_the_initial_rate(
    name, before
):
    """It keeps the rate of the epoch before only where that was its own."""
    X, y = np.zeros((N_ROWS, 2)), np.ones(N_ROWS)
    model = MLPRegressor(solver="sgd", learning_rate=before, max_iter=4)
    for _ in range(4):
        model.partial_fit(X, y)
    model.set_params(learning_rate=name, tol=1e3, n_iter_no_change=1)
    for _ in range(6):
        model.partial_fit(X, y)
    found = model.history_["learning_rate"][4:]
    lower = [0.001 * 0.5, 0.001 / 5][name == "adaptive"]
    assert found[0] == 0.001
    assert lower in found


# ---------------------------------------------------------------------------------
# Schedules past their end.

ZEROS, ONES = np.zeros((N_ROWS, 2)), np.ones(N_ROWS)


def said_by(calls, model, between=lambda model: model):
    """Return for each call of partial_fit what it warned of."""
    messages = []
    for _ in range(calls):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            model.partial_fit(ZEROS, ONES)
        messages.append([str(each.message) for each in said])
        model = between(model)
    return messages


def stored_and_loaded(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("between", [lambda model: model, stored_and_loaded])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize(
    ("name", "max_iter", "warmup_epochs", "lasts"),
    [
        ("cosine", 4, 0, 4),
        ("one_cycle", 4, 0, 4),
        ("cosine", 5, 2, 5),
        ("cosine", 2, 4, 5),
        ("one_cycle", 1, 0, 1),
        ("coslog4", 15, 0, 15),
    ],
)
def test_a_schedule_past_its_end_is_said_once(
    name, max_iter, warmup_epochs, lasts, solver, between
):
    model = MLPRegressor(
        learning_rate=name,
        max_iter=max_iter,
        warmup_epochs=warmup_epochs,
        solver=solver,
    )
    messages = said_by(lasts + 4, model, between)
    assert not any(messages[:lasts] + messages[lasts + 1 :])
    (message,) = messages[lasts]
    for word in (name, f"max_iter={max_iter}", "Raise max_iter", "cosine_restarts"):
        assert word in message


def test_a_raised_max_iter_begins_the_schedule_again():
    model = MLPRegressor(learning_rate="cosine", max_iter=2)
    assert [len(said) for said in said_by(4, model)] == [0, 0, 1, 0]
    model.set_params(max_iter=6)
    assert [len(said) for said in said_by(4, model)] == [0, 0, 1, 0]


def test_a_lowered_max_iter_is_past_its_end_at_once():
    model = MLPRegressor(learning_rate="one_cycle", max_iter=20)
    assert not any(said_by(4, model))
    model.set_params(max_iter=2)
    assert [len(said) for said in said_by(3, model)] == [1, 0, 0]


def zero_rate(epoch):
    return 0.0


@pytest.mark.parametrize(
    "parameters",
    [
        {"learning_rate": "constant"},
        {"learning_rate": "cosine_restarts", "decay_epochs": 2},
        {"learning_rate": "inverse_time", "decay_epochs": 1},
        {"learning_rate": "plateau"},
        {"learning_rate": "step", "decay_epochs": 1},
        {"learning_rate": "invscaling", "solver": "sgd", "power_t": 200.0},
        {"learning_rate": zero_rate},
    ],
    ids=lambda parameters: "-".join(
        str(getattr(v, "__name__", v)) for v in parameters.values()
    ),
)
def test_schedules_without_an_end_say_nothing(parameters):
    """Nor does a user's function that returns 0, or what scikit-learn has too."""
    assert not any(said_by(12, MLPRegressor(max_iter=3, **parameters)))


@pytest.mark.parametrize("name", ["step", "exponential"])
def test_a_rate_that_vanished_is_said_once(name):
    model = MLPRegressor(learning_rate=name, decay_rate=1e-4, decay_epochs=1)
    messages = said_by(8, model)
    assert [len(said) for said in messages] == [0, 0, 0, 0, 1, 0, 0, 0]
    assert f"learning_rate='{name}' has lowered the rate to 1e-19" in messages[4][0]
    model = MLPRegressor(
        learning_rate=name, decay_rate=1e-4, decay_epochs=1, tol=None, max_iter=20
    )
    with pytest.warns(UserWarning, match="has lowered the rate") as said:
        model.fit(ZEROS, ONES)
    texts = [str(warning.message) for warning in said]
    assert len([text for text in texts if "has lowered the rate" in text]) == 1


def test_partial_fit_follows_the_schedule():
    X, y = np.zeros((N_ROWS, 2)), np.ones(N_ROWS)
    regressor = MLPRegressor(learning_rate="one_cycle", max_iter=10)
    for _ in range(10):
        regressor.partial_fit(X, y)
    expected = rates_of("one_cycle", 10, learning_rate_init=0.001)
    assert_allclose(regressor.history_["learning_rate"], expected, rtol=1e-12)
