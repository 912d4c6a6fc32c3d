"""
A search with Optuna
====================

Trials that do not look good end after some epochs.

Needs: ``pip install "sknn[optuna]"``
"""

import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier
from sknn.callbacks import OptunaPruningCallback

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, random_state=0)


def objective(trial):
    network = MLPClassifier(
        hidden_layer_sizes=trial.suggest_int("width", 8, 64, log=True),
        learning_rate_init=trial.suggest_float("rate", 1e-5, 1e-1, log=True),
        early_stopping=True,
        max_iter=40,
        random_state=0,
    )
    network.set_callbacks(OptunaPruningCallback(trial))
    make_pipeline(StandardScaler(), network).fit(X, y)
    return network.best_validation_score_


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(
    direction="maximize",
    sampler=optuna.samplers.TPESampler(seed=0),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=3),
)
study.optimize(objective, n_trials=12)
states = [trial.state.name for trial in study.trials]
print(f"{states.count('PRUNED')} of {len(states)} trials were pruned.")
print(f"Best: {study.best_value:.3f} with {study.best_params}")
