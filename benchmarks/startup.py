"""What a new process pays: import and first fit, with a cold and a warm cache."""

import os
import statistics
import subprocess
import sys
import tempfile

_SCRIPT = """
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


def startup_times(repeats: int = 3) -> dict[str, tuple[float, float]]:
    """Return the medians of import and first fit for each library and cache."""
    times = {
        "scikit-learn": _median(_run("sklearn.neural_network") for _ in range(repeats))
    }
    cold = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(_run("sknn", folder))
            warm = [_run("sknn", folder) for _ in range(repeats)]
    times["sknn, compiled before"] = _median(warm)
    times["sknn, first fit on this machine"] = _median(cold)
    return times


def _run(module: str, cache: str | None = None) -> tuple[float, float]:
    environment = dict(os.environ)
    if cache:
        environment["NUMBA_CACHE_DIR"] = cache
    result = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(module=module)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    imported, fit = result.stdout.split()
    return float(imported), float(fit)


def _median(pairs) -> tuple[float, float]:
    imported, fit = zip(*pairs, strict=True)
    return statistics.median(imported), statistics.median(fit)
