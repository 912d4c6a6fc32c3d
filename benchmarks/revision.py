"""Print how fast training is beside an earlier revision of sknn.

Two processes, one of this tree and one of a git revision, train in turns; figures are
medians, and the ratio is the median of those of each turn. A ratio above 1 means that
sknn has become slower. In one process, where the code of each lies in memory has made
8% of difference.

    python -m benchmarks.revision HEAD~5
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import sknn
from benchmarks.cases import CASES
from benchmarks.machine import ROOT, rerun_without_kernel_choices
from benchmarks.timing import in_turns, ratio, seconds

CHOSEN = ["iris-sized", "defaults", "small batch", "wider", "text", "course"]

# Takes case, dtype and number of epochs; returns the seconds of an epoch.
Measure = Callable[[str, str, int], float]


def unpack(revision: str, folder: Path) -> None:
    """Write the package as it was at a revision into a folder."""
    command = ["git", "archive", revision, "sknn"]
    archive = subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def seconds_an_epoch(case_name: str, dtype: str, n_epochs: int) -> float:
    """Fit once; return the time of an epoch."""
    case = CASES[case_name]
    X, y = case.data(np.dtype(dtype))
    kind = sknn.MLPRegressor if case.n_outputs == 1 else sknn.MLPClassifier
    estimator = kind(
        hidden_layer_sizes=case.hidden,
        batch_size=case.batch_size,
        max_iter=n_epochs,
        n_iter_no_change=n_epochs + 1,
        random_state=0,
    )
    return seconds(estimator.fit, X, y) / n_epochs


def answer() -> None:
    """Measure what each line of the standard input asks for; print the seconds."""
    for line in sys.stdin:
        print(json.dumps(seconds_an_epoch(*json.loads(line))), flush=True)


@contextmanager
def process_of(package: Path) -> Iterator[Measure]:
    """Start a process that imports sknn from a folder; yield what measures there."""
    # With -m, the current folder comes first, where modules are searched.
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.revision", "--answers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:

        def measure(*asked: str | int) -> float:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            found: float = json.loads(process.stdout.readline())
            return found

        yield measure


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("revision", nargs="?")
    parser.add_argument("--cases", nargs="+", default=CHOSEN, choices=list(CASES))
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--answers", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if options.answers:
        answer()
        return
    if options.revision is None:
        parser.error("Name a revision, such as HEAD~5.")
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        unpack(options.revision, folder)
        measures = {
            which: ends.enter_context(process_of(package))
            for which, package in (("now", ROOT), ("then", folder))
        }
        print(f"| case | dtype | {options.revision} ms/epoch | now ms/epoch | ratio |")
        print("|---|---|---|---|---|")
        for name in options.cases:
            for dtype in options.dtypes:
                print_case(name, dtype, measures, options.repeats)


def print_case(
    name: str, dtype: str, measures: dict[str, Measure], repeats: int
) -> None:
    """Print the line of a case; its first fits compile."""
    for measure in measures.values():
        measure(name, dtype, 3)
    n_epochs = max(2, round(0.5 / measures["now"](name, dtype, 3)))
    times = in_turns(
        {which: partial(measures[which], name, dtype, n_epochs) for which in measures},
        repeats,
    )
    then, now = (1e3 * statistics.median(times[which]) for which in ("then", "now"))
    change = ratio(times["now"], times["then"])
    print(f"| {name} | {dtype} | {then:.3g} | {now:.3g} | {change:.3f} |", flush=True)


if __name__ == "__main__":
    rerun_without_kernel_choices()
    main()
