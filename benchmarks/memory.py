"""Peak memory of a fit beyond its data: 1,000,000 x 50 in float32.

Each library fits in a process of its own, after a small fit that loads its code.
"""

import gc
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.machine import limited_to, pin

N_FEATURES = 50
LIBRARIES = {"sknn": "sknn", "scikit-learn": "sklearn.neural_network"}


def rows(options) -> Iterator[dict]:
    """Yield a row for each library."""
    n_rows = 50_000 if options.quick else 1_000_000
    for library in LIBRARIES:
        command = [sys.executable, "-m", "benchmarks.memory", library, str(n_rows)]
        result = subprocess.run(
            command, env=limited_to(1), capture_output=True, text=True, check=True
        )
        data, parameters, beyond = map(float, result.stdout.split())
        yield {
            "library": library,
            "rows": n_rows,
            "data MiB": data / 2**20,
            "parameters MiB": parameters / 2**20,
            "beyond MiB": beyond / 2**20,
            "beyond / (data + parameters)": beyond / (data + parameters),
        }


def peak_beyond(function: Callable[[], object]) -> float:
    """Return the bytes by which the resident memory rises at most during a call."""
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:  # not Linux
        return _watched(function)
    before = _status("VmRSS")
    function()
    return _status("VmHWM") - before


def _status(name):
    """Return a number of bytes that Linux keeps of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * int(next(x for x in lines if x.startswith(name)).split()[1])


def _watched(function):
    """Look at the memory every millisecond."""
    import psutil

    process = psutil.Process()
    before = highest = process.memory_info().rss
    thread = threading.Thread(target=function)
    thread.start()
    while thread.is_alive():
        highest = max(highest, process.memory_info().rss)
        time.sleep(0.001)
    return highest - before


def main(library: str, n_rows: int) -> None:
    """Print the bytes of the data, of the parameters, and of the peak beyond."""
    pin(1)
    warnings.simplefilter("ignore")
    kind = __import__(LIBRARIES[library], fromlist=["MLPClassifier"]).MLPClassifier
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, N_FEATURES), dtype=np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    model = kind(max_iter=2, random_state=0)
    model.fit(X[:1000], y[:1000])
    beyond = peak_beyond(lambda: model.fit(X, y))
    parameters = sum(array.nbytes for array in (*model.coefs_, *model.intercepts_))
    print(X.nbytes + y.nbytes, parameters, beyond)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
