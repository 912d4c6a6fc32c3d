"""Regressors of tables that are trained anew, with a schedule that ends earlier."""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sknn.tabular import TabularMLPRegressor
from sknn.training import rounds
from sknn.training.rounds import JointLoop

N = 240
rng = np.random.RandomState(0)
SIZE = rng.lognormal(size=N)
COLOR = rng.choice(["red", "green", "blue"], size=N)
TABLE = pd.DataFrame({"size": SIZE, "color": pd.Categorical(COLOR)})
NUMBERS = 1000 * np.log(SIZE) + 500 * (COLOR == "red") + 50 * rng.normal(size=N)
# Noise, which networks fit from the first epochs on: the best epoch comes early.
NOISE = np.random.RandomState(1).normal(size=N)
NOISY = {"preset": "quick", "random_state": 0, "hidden_layer_sizes": (16,)}


def fitted_to_noise(**options):
    model = TabularMLPRegressor(**NOISY | options)
    return model.fit(TABLE, NOISE, sample_weight=np.linspace(0.5, 1.5, N))


def test_where_the_best_epoch_is_early_the_schedule_ends_there(capsys):
    n_epochs = TabularMLPRegressor.recipes["quick"].epochs(N)
    model = fitted_to_noise(verbose=True)
    said = capsys.readouterr().out
    (best,) = re.findall(r"The best epoch was (\d+): training anew", said)
    assert model.n_iter_ == int(best) < 0.6 * n_epochs
    once = fitted_to_noise(max_iter=n_epochs)  # as given
    assert once.ensemble_.best_iteration_ == int(best)
    assert once.n_iter_ == n_epochs
    # What a fit of so many epochs gives, with the same folds.
    assert_array_equal(
        model.predict(TABLE), fitted_to_noise(max_iter=int(best)).predict(TABLE)
    )
    rate = model.ensemble_.history_["learning_rate"]
    assert rate[-1] < 0.5 * max(rate)


def test_the_last_epochs_of_a_training_are_not_trained_anew(capsys):
    model = TabularMLPRegressor(**NOISY, verbose=True).fit(TABLE, NUMBERS)
    assert model.n_iter_ == TabularMLPRegressor.recipes["quick"].epochs(N)
    assert "anew" not in capsys.readouterr().out


@pytest.mark.parametrize("how", ["interrupt", "time"])
def test_a_second_training_that_is_cut_short_is_begun_again(how, monkeypatch):
    weights = np.linspace(0.5, 1.5, N)
    whole, n_epochs = fitted_to_noise(), TabularMLPRegressor.recipes["quick"].epochs(N)
    record, n_left = JointLoop._record, iter(range(n_epochs + 1, -1, -1))

    def cut_short(loop, outputs, began):
        if next(n_left) == 0:
            if how == "interrupt":
                raise KeyboardInterrupt
            loop.limits = loop.limits._replace(deadline=0.0)
        return record(loop, outputs, began)

    model = TabularMLPRegressor(**NOISY)
    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Training interrupted by user")
        patch.setattr(rounds, "_MOST_EPOCHS", 1)
        patch.setattr(JointLoop, "_record", cut_short)
        model.fit(TABLE, NOISE, sample_weight=weights)
    first = fitted_to_noise(max_iter=n_epochs)
    assert model.n_iter_ == n_epochs
    assert_array_equal(model.predict(TABLE), first.predict(TABLE))
    model = pickle.loads(pickle.dumps(model))
    with pytest.raises(ValueError, match=r"had 240 rows, these are 239\."):
        model.resume_fit(TABLE[:-1], NOISE[:-1], sample_weight=weights[:-1])
    assert_array_equal(model.predict(TABLE), first.predict(TABLE))
    model.resume_fit(TABLE, NOISE, sample_weight=weights)
    assert model.n_iter_ == whole.n_iter_
    assert_array_equal(model.predict(TABLE), whole.predict(TABLE))
    again = model.ensemble_
    model.resume_fit(TABLE, NOISE, sample_weight=weights)
    assert model.ensemble_ is again
