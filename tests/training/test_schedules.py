"""Learning-rate schedules by closed forms, by PyTorch's values, and in estimators."""

import json
import pickle
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sknn import MLPClassifier, MLPRegressor
from sknn.estimators.parameters import STOCHASTIC_SOLVERS, USES
from sknn.training.options import select
from sknn.training.schedules import (
    SCHEDULES,
    SKLEARN_SCHEDULES,
    ScheduleOptions,
    ScheduleState,
    schedule_of,
)

N_EPOCHS, N_ROWS, INITIAL = 30, 10, 0.3
PARAMETERS = {
    "solver": "sgd",
    "learning_rate_init": INITIAL,
    "power_t": 0.4,
    "decay_rate": 0.7,
    "decay_epochs": 3,
    "warmup_epochs": 0,
    "max_iter": N_EPOCHS,
}
TORCH = json.loads((Path(__file__).parents[1] / "torch_steps.json").read_text())


def rates_of(learning_rate, n_epochs=N_EPOCHS, **parameters):
    """Return the rates of epochs that bring progress."""
    parameters = {**PARAMETERS, "learning_rate": learning_rate, **parameters}
    options = select(ScheduleOptions, parameters)
    schedule, rates = schedule_of(options), []
    for epoch in range(n_epochs):
        before = rates[-1] if rates else parameters["learning_rate_init"]
        now = ScheduleState(epoch, n_epochs, epoch * N_ROWS, before)
        rates.append(schedule.rate(now, options))
    return rates


def half_wave(start, end, share):
    """Return a number between start and end, on half a wave of the cosine."""
    return end + (start - end) * (1 + np.cos(np.pi * share)) / 2


def restarted(epoch):
    for start, length in [(0, 3), (3, 6), (9, 12), (21, 24)]:
        if start <= epoch < start + length:
            return half_wave(INITIAL, 0, (epoch - start) / length)


def one_cycle(epoch, n_epochs=N_EPOCHS):
    peak = 0.3 * n_epochs - 1
    waypoints = [
        (0, INITIAL / 25),
        (peak, INITIAL),
        (n_epochs - 1, INITIAL / 25 / 1e4),
    ]
    (a, start), (b, end) = waypoints[:2] if epoch <= peak else waypoints[1:]
    return half_wave(start, end, (epoch - a) / (b - a))


def log_cosine(share):
    return (1 - np.cos(2 * np.pi * np.log2(1 + 15 * share))) / 2


CLOSED_FORMS = {
    "constant": lambda epoch: INITIAL,
    "invscaling": lambda epoch: INITIAL / (N_ROWS * epoch + 1) ** 0.4,
    "adaptive": lambda epoch: INITIAL,
    "plateau": lambda epoch: INITIAL,
    "inverse_time": lambda epoch: INITIAL / (1 + 0.7 * epoch / 3),  # Keras' docs
    "step": lambda epoch: INITIAL * 0.7 ** (epoch // 3),
    "exponential": lambda epoch: INITIAL * 0.7 ** (epoch / 3),
    "cosine": lambda epoch: half_wave(INITIAL, 0, epoch / N_EPOCHS),
    "cosine_restarts": restarted,
    "one_cycle": one_cycle,
    "coslog4": lambda epoch: INITIAL * log_cosine(epoch / N_EPOCHS),
}


def test_every_schedule_has_a_closed_form():
    assert set(CLOSED_FORMS) == set(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
def test_closed_form(name):
    expected = [CLOSED_FORMS[name](epoch) for epoch in range(N_EPOCHS)]
    assert_allclose(rates_of(name), expected, rtol=1e-12, atol=1e-15)


def test_what_neither_scikit_learn_nor_keras_names_is_compared_with_pytorch():
    named = {*SKLEARN_SCHEDULES, "plateau", "inverse_time", "coslog4"}
    for recorded in TORCH["schedules"]["rates"].values():
        assert set(recorded) == set(SCHEDULES) - named


@pytest.mark.parametrize("n_epochs", TORCH["schedules"]["rates"])
@pytest.mark.parametrize("name", TORCH["schedules"]["rates"]["10"])
def test_against_pytorch(name, n_epochs):
    recorded = TORCH["schedules"]
    found = rates_of(
        name,
        int(n_epochs),
        learning_rate_init=recorded["initial"],
        decay_rate=recorded["decay_rate"],
        decay_epochs=recorded["decay_epochs"],
    )
    assert_allclose(found, recorded["rates"][n_epochs][name], rtol=1e-10, atol=1e-15)


def test_invscaling_begins_anew_with_a_warm_start():
    """As in scikit-learn: samples seen before count from the second epoch on."""
    options = select(ScheduleOptions, PARAMETERS | {"learning_rate": "invscaling"})
    schedule = schedule_of(options)
    assert schedule.rate(ScheduleState(0, 5, 100, INITIAL), options) == INITIAL
    second = schedule.rate(ScheduleState(1, 5, 110, INITIAL), options)
    assert_allclose(second, INITIAL / 111**0.4, rtol=1e-12)


@pytest.mark.parametrize("name", ["cosine", "one_cycle", "coslog4"])
def test_beyond_the_last_epoch_the_rate_stays_low(name):
    """Calls of partial_fit may be more than max_iter."""
    options = select(ScheduleOptions, PARAMETERS | {"learning_rate": name})
    rate = partial(schedule_of(options).rate, options=options)
    rates = [rate(ScheduleState(epoch, 10, 0, INITIAL)) for epoch in (10, 11, 15, 20)]
    assert len(set(rates)) == 1
    assert 0 <= rates[0] <= 1.2e-6


def test_after_a_plateau():
    lower = {"adaptive": INITIAL / 5, "plateau": INITIAL * 0.7}
    for name, schedule in SCHEDULES.items():
        options = select(ScheduleOptions, PARAMETERS | {"learning_rate": name})
        assert schedule.after_plateau(INITIAL, options) == lower.get(name)
        assert schedule.after_plateau(1e-6, options) is None
    changes = {"learning_rate": "plateau", "decay_rate": 1}
    never_lower = select(ScheduleOptions, PARAMETERS | changes)
    assert SCHEDULES["plateau"].after_plateau(INITIAL, never_lower) is None


# ---------------------------------------------------------------------------------
# The warm-up.


@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - {"invscaling"}))
def test_warm_up_comes_before_any_schedule(name):
    """It rises in equal steps to the full rate; the schedule begins after it."""
    rates = rates_of(name, N_EPOCHS + 4, warmup_epochs=4)
    assert_allclose(rates[:4], INITIAL * np.array([0.25, 0.5, 0.75, 1.0]))
    assert_allclose(rates[4:], rates_of(name), rtol=1e-12)


def test_warm_up_before_invscaling():
    """Which goes on to count all samples that training has seen."""
    rates = rates_of("invscaling", 7, warmup_epochs=4)
    seen = N_ROWS * np.array([5, 6]) + 1
    assert_allclose(rates[4:], [INITIAL, *(INITIAL / seen**0.4)], rtol=1e-12)


def test_warm_up_before_a_callable():
    rates = rates_of(lambda epoch: 10.0 + epoch, 6, warmup_epochs=4)
    assert rates[4:] == [10.0, 11.0]


def test_warm_up_that_is_longer_than_training():
    rates = rates_of("cosine", 3, warmup_epochs=10)
    assert_allclose(rates, INITIAL * np.array([0.1, 0.2, 0.3]))


def test_adaptive_begins_after_the_warm_up_with_the_full_rate():
    """Even if progress stalled while the rate was small."""
    changes = {"learning_rate": "adaptive", "warmup_epochs": 4}
    options = select(ScheduleOptions, PARAMETERS | changes)
    schedule = schedule_of(options)
    assert schedule.after_plateau(0.1, options) == 0.1 / 5
    assert schedule.rate(ScheduleState(4, 20, 0, 0.02), options) == INITIAL
    assert schedule.rate(ScheduleState(5, 20, 0, 0.02), options) == 0.02


# ---------------------------------------------------------------------------------
# A function of the user.


def test_callable():
    rates = rates_of(lambda epoch: np.float32(0.5) ** epoch, 5)
    assert rates == [1.0, 0.5, 0.25, 0.125, 0.0625]
    assert all(type(rate) is float for rate in rates)


@pytest.mark.parametrize(
    "value", [None, "fast", -0.1, np.nan, np.inf, 1j, [0.1, 0.2]], ids=repr
)
def test_callable_that_returns_no_rate(value):
    with pytest.raises(ValueError, match=r"learning_rate\(2\) returned") as error:
        rates_of(lambda epoch: 0.1 if epoch < 2 else value)
    assert repr(value) in str(error.value)


def test_an_error_in_a_callable_is_the_users_own():
    with pytest.raises(ZeroDivisionError):
        rates_of(lambda epoch: 1 / (2 - epoch))


def test_estimator_refuses_a_callable_that_returns_no_rate():
    X = np.ones((N_ROWS, 2))
    with pytest.raises(ValueError, match=r"learning_rate\(0\) returned None"):
        MLPRegressor(learning_rate=lambda epoch: None).fit(X, X[:, 0])


# ---------------------------------------------------------------------------------
# In the estimators.


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
