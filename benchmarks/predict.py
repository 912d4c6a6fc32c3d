"""Time of ``predict``: one row, 20,000 rows, a million; and the memory of a million.

sknn, scikit-learn and onnxruntime predict with the same weights, in turns. All return
labels, or numbers for a regression.
"""

import json
import statistics
import subprocess
import sys
import warnings
from collections.abc import Iterator

import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning

from benchmarks.cases import CASES, chosen
from benchmarks.machine import limited_to, pin
from benchmarks.memory import peak_beyond
from benchmarks.peers import is_there, trainer
from benchmarks.results import KEYS
from benchmarks.timing import in_turns, many, ratio

MILLION = 1_000_000
LIBRARIES = ("sknn", "scikit-learn", "onnxruntime")


def rows(options) -> Iterator[dict]:
    """Yield a row for each case, dtype, activation and number of rows."""
    for name, case, dtype, X, y in chosen(options):
        for activation in options.activations:
            functions = predictors(case, X, y, activation, options.cores)
            counts = [1, 20_000]
            if name == "defaults" and activation == "relu":
                counts.append(MILLION // 10 if options.quick else MILLION)
            for n_rows in counts:
                key = (name, dtype, activation, options.cores, n_rows)
                row = dict(zip(KEYS["predict"], key, strict=True))
                row |= measure(functions, rows_of(X, n_rows), options)
                if n_rows >= MILLION // 10:
                    row |= {
                        f"{library} MiB": memory_of(library, *key)
                        for library in functions
                    }
                yield row


def predictors(case, X, y, activation: str, cores: int) -> dict:
    """Fit, and return the function of each library that predicts."""
    models = {}
    for name in LIBRARIES[:2]:
        peer = trainer(name)(case, X, y, activation)
        peer.train(1)
        models[name] = peer.model
    if case.density == 1 and is_there("onnxruntime") and is_there("onnx"):
        from benchmarks.peers.onnx_runtime import OnnxRuntime

        weights = models["sknn"].coefs_, models["sknn"].intercepts_
        models["onnxruntime"] = OnnxRuntime(*weights, case, activation, cores)
    return {name: model.predict for name, model in models.items()}


def rows_of(X, n_rows: int):
    """Return so many rows, from the start again where there are too few."""
    chosen = X[np.arange(n_rows) % X.shape[0]]
    return chosen if scipy.sparse.issparse(X) else np.ascontiguousarray(chosen)


def measure(functions: dict, X, options) -> dict:
    """Return the milliseconds of each library, and the ratios to sknn's."""
    least = options.seconds / 4
    figures = in_turns(
        {
            name: lambda predict=predict: many(lambda: predict(X), least, 200)
            for name, predict in functions.items()
        },
        options.repeats,
    )
    row = {}
    for name in LIBRARIES:
        times = figures.get(name)
        row[f"{name} ms"] = 1e3 * statistics.median(times) if times else ""
    for name in LIBRARIES[1:]:
        found = name in figures
        row[f"{name} / sknn"] = ratio(figures[name], figures["sknn"]) if found else ""
    return row


def memory_of(library, case, dtype, activation, cores, n_rows) -> float:
    """Return the MiB that a prediction takes beyond X, in a process of its own."""
    arguments = json.dumps([library, case, dtype, activation, cores, n_rows])
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.predict", arguments],
        env=limited_to(cores),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(result.stdout)


def print_memory(library, name, dtype, activation, cores, n_rows) -> None:
    """Print the peak beyond what is there before; the first call is a small one."""
    pin(cores)
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = CASES[name].data(np.dtype(dtype))
    predict = predictors(CASES[name], X, y, activation, cores)[library]
    big = rows_of(X, n_rows)
    predict(big[:100])
    print(peak_beyond(lambda: predict(big)) / 2**20)


if __name__ == "__main__":
    print_memory(*json.loads(sys.argv[1]))
