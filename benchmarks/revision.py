"""Print how fast training is beside an earlier revision of sknn.

Takes the package of a git revision, under another name, into the same process. Both
train in turns; figures are medians. A ratio above 1 means that it has become slower.

    python -m benchmarks.revision HEAD~5
"""

import argparse
import importlib
import io
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import sknn
from benchmarks.cases import CASES
from benchmarks.machine import rerun_without_kernel_choices
from benchmarks.timing import seconds

NAME = "sknn_of_revision"
CHOSEN = ["iris-sized", "defaults", "small batch", "wider", "text", "course"]


def package_of(revision, folder):
    """Return sknn as it was at a revision, imported under another name."""
    command = ["git", "archive", revision, "sknn"]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    (folder / "sknn").rename(folder / NAME)
    for path in (folder / NAME).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"\bsknn\b", NAME, text), encoding="utf-8")
    sys.path.insert(0, str(folder))
    return importlib.import_module(NAME)


def seconds_an_epoch(library, case, dtype, n_epochs):
    """Fit once; return the time of an epoch."""
    X, y = case.data(np.dtype(dtype))
    kind = library.MLPRegressor if case.n_outputs == 1 else library.MLPClassifier
    estimator = kind(
        hidden_layer_sizes=case.hidden,
        batch_size=case.batch_size,
        max_iter=n_epochs,
        n_iter_no_change=n_epochs + 1,
        random_state=0,
    )
    return seconds(estimator.fit, X, y) / n_epochs


def main():
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("revision")
    parser.add_argument("--cases", nargs="+", default=CHOSEN, choices=list(CASES))
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    with tempfile.TemporaryDirectory() as folder:
        libraries = {"now": sknn, "then": package_of(options.revision, Path(folder))}
        print(f"| case | dtype | {options.revision} ms/epoch | now ms/epoch | ratio |")
        print("|---|---|---|---|---|")
        for name in options.cases:
            for dtype in options.dtypes:
                print_case(name, CASES[name], dtype, libraries, options.repeats)


def print_case(name, case, dtype, libraries, repeats):
    """Print the line of a case; its first fits compile."""
    for library in libraries.values():
        once = seconds_an_epoch(library, case, dtype, 3)
    once = seconds_an_epoch(library, case, dtype, 3)
    n_epochs = max(2, round(0.5 / once))
    times = {which: [] for which in libraries}
    for _ in range(repeats):
        for which, library in libraries.items():
            times[which].append(seconds_an_epoch(library, case, dtype, n_epochs))
    then, now = (1e3 * statistics.median(times[which]) for which in ("then", "now"))
    print(
        f"| {name} | {dtype} | {then:.3g} | {now:.3g} | {now / then:.3f} |", flush=True
    )


if __name__ == "__main__":
    rerun_without_kernel_choices()
    main()
