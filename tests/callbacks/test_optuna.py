"""Trials of Optuna that end early, and Optuna's search, with the real library."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.callbacks import OptunaPruningCallback

optuna = pytest.importorskip("optuna")
optuna.logging.set_verbosity(optuna.logging.WARNING)

rng = np.random.RandomState(0)
X = rng.normal(size=(120, 4))
LABELS = (X @ [1.0, -2.0, 0.5, 0.0] > 0).astype(int)
OPTIONS = {"hidden_layer_sizes": (5,), "max_iter": 8, "tol": None, "random_state": 0}
OPTIONS |= {"batch_size": 8, "validation_fraction": 0.4}


def study(direction="maximize"):
    created = optuna.create_study(
        direction=direction,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=3),
    )
    for rate in (1e-1, 1e-6, 1e-3):
        created.enqueue_trial({"rate": rate})
    return created


def network_of(trial, monitor="val_score"):
    rate = trial.suggest_float("rate", 1e-6, 1.0)
    network = MLPClassifier(learning_rate_init=rate, validate=True, **OPTIONS)
    return network.set_callbacks(OptunaPruningCallback(trial, monitor))


@pytest.mark.parametrize("is_in_pipeline", [False, True])
@pytest.mark.parametrize("monitor", ["val_score", "val_loss"])
def test_trials_are_pruned(monitor, is_in_pipeline):
    histories = {}

    def objective(trial):
        network = network_of(trial, monitor)
        model = make_pipeline(StandardScaler(), network) if is_in_pipeline else network
        model.fit(X, LABELS)
        histories[trial.number] = network.history_[monitor]
        return network.history_[monitor][-1]

    found = study("maximize" if monitor == "val_score" else "minimize")
    found.optimize(objective, n_trials=3)
    states = [trial.state.name for trial in found.trials]
    assert states[0] == "COMPLETE"
    assert "PRUNED" in states
    for trial in found.trials:
        values = list(trial.intermediate_values.values())
        assert list(trial.intermediate_values) == list(range(len(values)))
        if trial.state.name == "PRUNED":
            # The step after the warm-up, at the earliest.
            assert 4 <= len(values) < 8
        else:
            assert values == pytest.approx(histories[trial.number])


def test_the_first_of_several_fits_is_reported():
    def objective(trial):
        scores = cross_val_score(
            network_of(trial), X, LABELS, cv=3, error_score="raise"
        )
        return scores.mean()

    found = study()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of values reported twice
        found.optimize(objective, n_trials=2)
    assert len(found.trials[0].intermediate_values) == 8


def test_partial_fits_are_reported_one_by_one():
    def objective(trial):
        network = MLPRegressor(**OPTIONS)
        network.set_callbacks(OptunaPruningCallback(trial, "loss"))
        for _ in range(5):
            network.partial_fit(X, X[:, 0])
        assert trial.storage.get_trial(trial._trial_id).intermediate_values == dict(
            enumerate(network.history_["loss"])
        )
        return network.loss_

    found = study("minimize")
    found.optimize(objective, n_trials=1)
    assert found.best_trial.state.name == "COMPLETE"


@pytest.mark.parametrize(
    ("direction", "monitor", "message"),
    [
        ("minimize", "val_score", "'val_score' is a score. Create .*'maximize'"),
        ("maximize", "val_loss", "'val_loss' is a loss. Create .*'minimize'"),
        ("maximize", "auc", "monitor='auc' is not among the values of an epoch"),
    ],
)
def test_refusals_of_the_pruning_callback(direction, monitor, message):
    trial = study(direction).ask()
    network = MLPClassifier(validate=True, **OPTIONS)
    network.set_callbacks(OptunaPruningCallback(trial, monitor))
    with pytest.raises(ValueError, match=message):
        network.fit(X, LABELS)


def test_a_fixed_trial_has_no_study():
    trial = optuna.trial.FixedTrial({"rate": 0.01})
    assert network_of(trial).fit(X, LABELS).n_iter_ == 8


@pytest.mark.filterwarnings("ignore")  # of OptunaSearchCV: experimental
def test_the_search_of_optuna():
    integration = pytest.importorskip("optuna_integration")
    model = make_pipeline(StandardScaler(), MLPClassifier(**OPTIONS))
    name = "mlpclassifier__learning_rate_init"
    rates = optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True)
    search = integration.OptunaSearchCV(
        model, {name: rates}, cv=2, n_trials=4, random_state=0, error_score="raise"
    )
    search.fit(X, LABELS)
    assert search.best_score_ == max(trial.value for trial in search.trials_)
    assert search.score(X, LABELS) > 0.5
