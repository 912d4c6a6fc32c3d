"""Attributions a second, and what a callback costs an epoch.

Attributions are those of the network of scikit-learn's defaults. What a callback costs
is the difference between fits of iris with and without it, whose epochs take
microseconds themselves. All times are CPU times, in one core: nothing here waits.
"""

import statistics
import tempfile
import time
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.cases import CASES
from benchmarks.peers import is_there
from benchmarks.timing import in_turns

ATTRIBUTIONS = "{method}, {activation}, tol={tol:g}"
N_EPOCHS = 200


def seconds(function: Callable[..., Any], *arguments: Any) -> float:
    """Return the CPU time of one call."""
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


def rows(options: Namespace) -> Iterator[dict]:
    """Yield a row for each kind of explanation and each callback."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    yield from attributions(options)
    yield from callbacks(options)


def attributions(options: Namespace) -> Iterator[dict]:
    """Yield how many rows are explained a second."""
    from sknn import MLPClassifier
    from sknn.explain import expected_gradients, integrated_gradients

    X, y = CASES["defaults"].data(np.dtype("float64"))
    n_rows = 20 if options.quick else 200
    for activation in ("relu", "tanh"):
        model = MLPClassifier(activation=activation, max_iter=5, random_state=0)
        model.fit(X, y)
        calls: dict[str, Any] = {
            ATTRIBUTIONS.format(
                method="integrated gradients", activation=activation, tol=tol
            ): lambda tol=tol, model=model: integrated_gradients(
                model, X[:n_rows], tol=tol, max_evaluations=2**16
            )
            for tol in (1e-2, 1e-3, 1e-4)
        }
        name = ATTRIBUTIONS.format(
            method="expected gradients, 50 baselines", activation=activation, tol=1e-2
        )
        calls[name] = lambda model=model: expected_gradients(
            model, X[: n_rows // 10], X, random_state=0
        )
        for call in calls.values():
            call()
        figures = in_turns(
            {name: lambda call=call: seconds(call) for name, call in calls.items()},
            options.repeats,
        )
        for name, times in figures.items():
            n = n_rows // 10 if name.startswith("expected") else n_rows
            yield {
                "what": name,
                "value": n / statistics.median(times),
                "unit": "rows/s",
            }


def callbacks(options: Namespace) -> Iterator[dict]:
    """Yield what each callback adds to an epoch."""
    from sknn import MLPClassifier

    X, y = CASES["iris-sized"].data(np.dtype("float64"))
    with tempfile.TemporaryDirectory() as folder:
        made = makers(Path(folder))

        def fit(name: str) -> float:
            model = MLPClassifier(max_iter=N_EPOCHS, tol=None, random_state=0)
            # Beside it, each epoch is a call of its own, as with a callback.
            model.set_params(metrics={"n": nothing})
            if name:
                model.set_callbacks(made[name]())
            return 1e6 * seconds(model.fit, X, y) / N_EPOCHS

        for name in ("", *made):
            fit(name)
        figures = in_turns(
            {name: lambda name=name: fit(name) for name in ("", *made)}, options.repeats
        )
    plain = figures.pop("")
    for name, times in figures.items():
        more = [one - base for one, base in zip(times, plain, strict=True)]
        value = statistics.median(more)
        yield {"what": name, "value": value, "unit": "microseconds an epoch"}


def nothing(estimator: Any, X: Any, y: Any) -> float:
    """Return a number: a metric that costs nothing."""
    return 0.0


def makers(folder: Path) -> dict[str, Any]:
    """Return a function for each callback that makes one for a fit."""
    from sknn import callbacks

    class OfLogs(callbacks.EpochCallback):
        def on_epoch_end(self, epoch, logs):
            pass

    class OfNetworks(callbacks.EpochCallback):
        def on_epoch_end(self, epoch, logs, fitted_estimator):
            pass

    made: dict[str, Any] = {
        "EpochCallback": OfLogs,
        "EpochCallback with fitted_estimator": OfNetworks,
        "ModelCheckpoint": lambda: callbacks.ModelCheckpoint(folder / "net.joblib"),
    }
    if is_there("optuna"):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="minimize")
        made["OptunaPruningCallback"] = lambda: callbacks.OptunaPruningCallback(
            study.ask(), "loss"
        )
    if is_there("mlflow"):
        import mlflow

        mlflow.set_tracking_uri(f"sqlite:///{folder}/runs.db")
        made["MLflowCallback"] = callbacks.MLflowCallback
    return made
