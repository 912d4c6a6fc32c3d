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

_COMPILE_ALL = """
import time
import numpy as np
import sknn
from sknn.kernels.jit import COMPILED
for kernel in COMPILED:
    start = time.perf_counter()
    kernel.address(np.dtype(np.float64))
    print(kernel.name, time.perf_counter() - start)
"""


def compile_times() -> dict[str, float]:
    """Return how long each kernel takes to compile for float64, one after the other.

    The first one includes what Numba sets up in a process.
    """
    with tempfile.TemporaryDirectory() as folder:
        lines = _output_of(_COMPILE_ALL, folder).splitlines()
    return {name: float(seconds) for name, seconds in map(str.split, lines)}


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
    imported, fit = _output_of(_SCRIPT.format(module=module), cache).split()
    return float(imported), float(fit)


def _output_of(script: str, cache: str | None) -> str:
    """Run a script in a new process and return what it prints."""
    environment = dict(os.environ)
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


def _median(pairs) -> tuple[float, float]:
    imported, fit = zip(*pairs, strict=True)
    return statistics.median(imported), statistics.median(fit)
