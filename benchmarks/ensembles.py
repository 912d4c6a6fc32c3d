"""Ensembles: eight networks beside one on one core, and on two cores beside one.

Networks are trained side by side, with averaged predictions of held-out rows after each
epoch. The one network holds out as many rows.
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from benchmarks.timing import in_turns, many, ratio, seconds
from sknn import EnsembleMLPClassifier, MLPClassifier

N_MEMBERS, N_PREDICTED = 8, 10_000
# Widths, rows, features, epochs.
NETWORKS = {
    "20": ((20,), 1_000, 10, 100),
    "100": ((100,), 10_000, 20, 20),
    "256, 256": ((256, 256), 10_000, 50, 4),
}
QUICK = ("20",)


def rows(options) -> Iterator[dict]:
    """Yield a row for each network."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in QUICK if options.quick else NETWORKS:
        yield {"network": name, **_of_network(*NETWORKS[name], options)}


def _of_network(
    widths: tuple[int, ...], n_rows: int, n_features: int, n_epochs: int, options
) -> dict[str, float]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    member = MLPClassifier(widths, max_iter=n_epochs, tol=None, random_state=0)
    member.set_params(early_stopping=True, n_iter_no_change=n_epochs)
    ensemble = EnsembleMLPClassifier(member, n_members=N_MEMBERS, random_state=0)
    with threadpool_limits(1):
        member.fit(X, y)  # compiles
        ensemble.fit(X, y)
    new = rng.standard_normal((N_PREDICTED, n_features), dtype=np.float32)

    def predicted(model: Any) -> float:
        return many(lambda: model.predict_proba(new), options.seconds)

    found = in_turns(
        {
            "one": _on_one_core(seconds, member.fit, X, y),
            "eight": _on_one_core(seconds, ensemble.fit, X, y),
            "two cores": partial(seconds, ensemble.fit, X, y),
            "predict one": _on_one_core(predicted, member),
            "predict eight": _on_one_core(predicted, ensemble),
        },
        options.repeats,
    )
    return {
        "one s": median(found["one"]),
        "eight s": median(found["eight"]),
        "two cores s": median(found["two cores"]),
        "eight / one": ratio(found["eight"], found["one"]),
        "times as fast": ratio(found["eight"], found["two cores"]),
        "predict eight / one": ratio(found["predict eight"], found["predict one"]),
    }


def _on_one_core(
    function: Callable[..., float], *arguments: Any
) -> Callable[[], float]:
    """Return a function that calls another with one thread."""

    def call() -> float:
        with threadpool_limits(1):
            return function(*arguments)

    return call
