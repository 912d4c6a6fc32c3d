"""Learning-rate schedules by closed forms, by PyTorch's values, and by callables."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from rates_of_schedules import INITIAL, N_EPOCHS, N_ROWS, PARAMETERS, rates_of

from sknn import MLPRegressor
from sknn.training.options import select
from sknn.training.schedules import (
    SCHEDULES,
    SKLEARN_SCHEDULES,
    ScheduleOptions,
    ScheduleState,
    schedule_of,
)

TORCH = json.loads((Path(__file__).parents[1] / "torch_steps.json").read_text())


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
