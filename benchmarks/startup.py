"""What a new process pays: import and first fit, with a cold and a warm cache."""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from benchmarks.machine import without_kernel_choices
from benchmarks.timing import in_turns

_FIT = """
import time
start = time.perf_counter()
from {module} import MLPClassifier
imported = time.perf_counter()
import warnings
from sklearn.datasets import load_iris
warnings.simplefilter("ignore")
X, y = load_iris(return_X_y=True)
imported_data = time.perf_counter()
MLPClassifier(max_iter=20, random_state=0).fit(X, y)
print(imported - start, time.perf_counter() - imported_data)
"""

SKLEARN, WARM, COLD = "scikit-learn", "sknn, compiled before", "sknn, first fit here"


def rows(options) -> Iterator[dict]:
    """Yield a row for each library and cache."""
    with tempfile.TemporaryDirectory() as cache:
        _run("sknn", cache)
        _run("sklearn.neural_network")
        runs = in_turns(
            {
                SKLEARN: lambda: _run("sklearn.neural_network"),
                WARM: lambda: _run("sknn", cache),
                COLD: _run_cold,
            },
            options.repeats,
        )
    for process, pairs in runs.items():
        imported, fit = zip(*pairs, strict=True)
        both = list(zip(pairs, runs[SKLEARN], strict=True))
        yield {
            "process": process,
            "import s": statistics.median(imported),
            "first fit s": statistics.median(fit),
            "together s": statistics.median(map(sum, pairs)),
            "import beyond s": statistics.median(a[0] - b[0] for a, b in both),
            "together / scikit-learn": statistics.median(
                sum(a) / sum(b) for a, b in both
            ),
        }


def _run_cold() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as cache:
        return _run("sknn", cache)


def _run(module: str, cache: str | None = None) -> tuple[float, float]:
    imported, fit = output_of(_FIT.format(module=module), cache).split()
    return float(imported), float(fit)


def output_of(script: str, cache: str | None) -> str:
    """Run a script in a new process and return what it prints."""
    environment = without_kernel_choices()
    # Python keeps the bytecode of modules on a user's machine.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if cache:
        environment["NUMBA_CACHE_DIR"] = cache
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout
