"""How long compiling takes: each kernel, and a first fit in both ways.

    python -m benchmarks.compiling

prints the seconds of import and first fit of new processes with an empty cache, with
Numba's internals and with its documented interface alone, and how fast the code is that
both make. The ways take turns; figures are medians.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator

from benchmarks.machine import machine, versions
from benchmarks.startup import output_of
from benchmarks.timing import in_turns

_SCRIPT = """
import time
import numpy as np
from sknn.estimators import base  # defines all kernels
from sknn.jit.kernel import COMPILED
for kernel in COMPILED:
    start = time.perf_counter()
    kernel.address(np.dtype(np.float64))
    print(kernel.name, time.perf_counter() - start)
"""

_FIRST_FIT = """
import time
start = time.perf_counter()
import warnings
import numpy as np
from sknn import MLPClassifier
warnings.simplefilter("ignore")
X = np.random.RandomState(0).normal(size=(1000, 20))
y = X[:, 0] > 0
MLPClassifier(max_iter=20, random_state=0).fit(X, y)
print(time.perf_counter() - start, time.process_time())
"""

_TRAINING = """
import time
import warnings
import numpy as np
from sknn import MLPClassifier
warnings.simplefilter("ignore")
X = np.random.RandomState(0).normal(size=(4000, 50)).astype(np.float32)
y = X[:, :3].argmax(axis=1)
for activation in ("relu", "tanh", "gelu"):
    model = MLPClassifier((100, 50), activation=activation, max_iter=2, random_state=0)
    model.fit(X, y)
    model.set_params(max_iter=20, n_iter_no_change=21)
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        model.fit(X, y)
        best = min(best, time.perf_counter() - start)
    print(activation, best)
"""

WAYS = ("internal", "documented")


def rows(options) -> Iterator[dict]:
    """Yield a row for each kernel; the first includes what is set up in a process."""
    with tempfile.TemporaryDirectory() as folder:
        for line in output_of(_SCRIPT, folder).splitlines():
            name, seconds = line.split()
            yield {"kernel": name, "seconds": float(seconds)}


def _run(way: str, script: str, cache: str | None = None) -> str:
    os.environ["SKNN_COMPILER"] = way
    if cache is not None:
        return output_of(script, cache)
    with tempfile.TemporaryDirectory() as folder:
        return output_of(script, folder)


def _first_fit(way: str) -> tuple[float, ...]:
    return tuple(map(float, _run(way, _FIRST_FIT).split()))


def _training(way: str, cache: str) -> dict[str, float]:
    lines = map(str.split, _run(way, _TRAINING, cache).splitlines())
    return {activation: float(seconds) for activation, seconds in lines}


def main() -> None:
    """Measure both ways and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"{machine()}. {versions()}.\n")
    ways = {way: lambda way=way: _first_fit(way) for way in WAYS}
    print("| way | import and first fit, s | CPU, s |\n|---|---|---|")
    for way, figures in in_turns(ways, options.repeats).items():
        wall, cpu = map(statistics.median, zip(*figures, strict=True))
        print(f"| {way} | {wall:.2f} | {cpu:.2f} |")
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
        folders = dict(zip(WAYS, (a, b), strict=True))
        for way, folder in folders.items():
            _training(way, folder)
        speeds = in_turns(
            {way: lambda way=way: _training(way, folders[way]) for way in WAYS},
            options.repeats,
        )
    print("\n| activation | time of training, documented / internal |\n|---|---|")
    for activation in speeds[WAYS[0]][0]:
        internal, documented = (
            min(figures[activation] for figures in speeds[way]) for way in WAYS
        )
        print(f"| {activation} | {documented / internal:.2f} |")


if __name__ == "__main__":
    main()
