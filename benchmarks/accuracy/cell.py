"""One fit: a method on a split of a set, in a process of its own on one core.

Times are of the processor, as `time.process_time` counts them: what else runs on the
machine does not count, though it may take room in the caches.
"""

import argparse
import pickle
import statistics
import subprocess
import time
import warnings
from collections.abc import Iterator

import pandas as pd
from sklearn.base import clone

from benchmarks.accuracy import datasets, measures
from benchmarks.accuracy.methods import METHODS, digest, version
from benchmarks.machine import ROOT, without_kernel_choices

ROWS, REPEATS = 1_000, 7  # predicted in one call, and how often
FEW = 200  # rows of the fit before the one that is timed


def rows(options: argparse.Namespace) -> Iterator[dict]:
    """Fit, predict, and yield the one row of the results."""
    warnings.simplefilter("ignore")
    split = datasets.load(options.set, options.split)
    method = METHODS[options.method]
    model = method.make(split.X_train, split.n_classes > 0, **options.parameters)
    if method.compiles:
        clone(model).fit(split.X_train[:FEW], split.y_train[:FEW])
    began, cpu = time.perf_counter(), time.process_time()
    model.fit(split.X_train, split.y_train)
    cpu, elapsed = time.process_time() - cpu, time.perf_counter() - began
    yield {
        "method": options.method,
        "set": options.set,
        "split": options.split,
        **errors(model, split),
        "fit s": cpu,
        "fit elapsed s": elapsed,
        "predict ms": 1e3 * seconds_to_predict(model, split.X_test),
        "model kB": len(pickle.dumps(model)) / 1e3,
        "parameters": digest(options.parameters),
        "version": version(method),
        "commit": commit() if method.package == "sknn" else "",
    }


def errors(model, split: datasets.Split) -> dict[str, float]:
    """Return the measures on the rows to test on."""
    predicted = model.predict(split.X_test)
    if not split.n_classes:
        return measures.of_numbers(split.y_test, predicted)
    probabilities = model.predict_proba(split.X_test)
    return measures.of_classes(split.y_test, predicted, probabilities)


def seconds_to_predict(model, X: pd.DataFrame) -> float:
    """Return the median time of a prediction of 1,000 rows."""
    X = pd.concat([X] * -(-ROWS // len(X)), ignore_index=True)[:ROWS]
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        model.predict(X)
        times.append(time.process_time() - began)
    return statistics.median(times)


def commit() -> str:
    """Name the last commit that changed sknn, where there is a clone."""
    command = ["git", "log", "-1", "--format=%h", "--", "sknn"]
    found = subprocess.run(
        command, cwd=ROOT, env=without_kernel_choices(), capture_output=True, text=True
    )
    return found.stdout.strip()
