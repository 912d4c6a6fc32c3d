"""Measure sknn beside scikit-learn, PyTorch, JAX, onnxruntime and BLAS.

All run in turns in one process, on the same data, from the same initial weights, for
as many epochs; figures are medians, and ratios medians of the ratios within each turn.
BLAS computes the matrix products of the training and nothing else. Tables are printed,
and kept as CSV files and pictures in the output folder. Variables that choose kernels,
such as OPENBLAS_CORETYPE, are removed: each library chooses by itself.

    pip install -e ".[bench]" && python -m benchmarks        # all, half an hour
    python -m benchmarks --quick                             # a short try
    python -m benchmarks training --cases defaults text --activations relu --cores 1
    python -m benchmarks startup memory
    # The README's tables, in ten minutes.
    python -m benchmarks training startup report --activations relu --cores 1
    python -m benchmarks limits          # what each part of the work takes alone
    python -m benchmarks report          # the page and the README's tables anew
    python -m benchmarks accuracy        # on tables, beside boosted trees: hours

Measured again, a section with cases replaces the rows of these cases alone.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import tables, targets
from benchmarks.cases import CASES
from benchmarks.machine import (
    kernels,
    limited_to,
    machine,
    removed_choices,
    unlimited,
    versions,
)
from benchmarks.peers import PEERS, TRAINERS, is_there
from benchmarks.results import KEYS, read, update
from benchmarks.worker import rows_of

# Who is measured where: sections that are run for each number of cores, and the others.
BY_CORES = ("training", "predict")
ON_CORES = {
    "export": 1,
    "limits": 1,
    "activations": 1,
    "startup": 2,
    "compiling": 1,
    "threads": 2,
    "ensembles": 2,
    "memory": 1,
    "growth": 1,
    "streams": 2,
    "cluster": 2,
    "insight": 1,
}
ALL = list(KEYS)
DTYPES, ACTIVATIONS = ["float32", "float64"], ["relu", "tanh", "logistic"]
# What is measured in a short try, where nothing else is asked for.
QUICK = {"cases": ["iris-sized", "defaults"], "activations": ["relu"], "cores": [1]}
QUICK |= {"seconds": 0.05, "repeats": 3}
OUTPUT, QUICK_OUTPUT = Path("docs/trust/benchmarks"), Path("benchmarks-quick")


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, measure, print, write."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["accuracy"]:
        from benchmarks.accuracy import command

        return command.main(arguments[1:])
    options = parsed(arguments)
    sections = options.sections or ALL
    print(f"{machine()}\n\n{versions()}\n")
    measured = [name for name in ALL if name in sections]
    if measured:
        print(f"Matrix products: {kernels()}\n")
        if said := removed_choices():
            print(f"{said}\n")
        say_what_is_missing()
    began = time.perf_counter()
    for section in measured:
        rows: list[dict] = []
        try:
            for cores in cores_of(section, options):
                rows.extend(run(section, cores, options))
        finally:  # what was measured before an error or an interrupt is kept
            update(section, options.output, rows)
        print(f"### {section}\n")
        print(getattr(tables, section)(read(section, options.output)), "\n", flush=True)
    if measured:
        results = {name: read(name, options.output) for name in ALL}
        print(f"### Targets\n\n{targets.table(results)}\n")
        if is_there("matplotlib"):
            from benchmarks.pictures import draw

            draw(results, options.output)
        else:
            print("There are no pictures: the module matplotlib is not installed.\n")
        print(f"Measured in {(time.perf_counter() - began) / 60:.0f} minutes.")
    if "report" in sections:
        from benchmarks.report import write

        write(options.output, options.readme)


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("sections", nargs="*", metavar="section", help=f"of {', '.join(ALL)}, report")
    add("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    add("--activations", nargs="+", choices=ACTIVATIONS, default=ACTIVATIONS)
    add("--dtypes", nargs="+", choices=DTYPES, default=DTYPES)
    add("--peers", nargs="+", choices=PEERS, default=PEERS, help="that train too")
    add("--cores", nargs="+", type=int, default=[1, 2])
    add("--repeats", type=int, default=5)
    add("--seconds", type=float, default=0.12, help="that the timed epochs take")
    add("--quick", action="store_true", help="few cases, short times")
    add("--output", type=Path, help=f"a folder; by default {OUTPUT}")
    add("--readme", type=Path, help="whose tables are written anew by report")
    options = parser.parse_args(arguments)
    unknown = set(options.sections) - {*ALL, "report"}
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}: of {', '.join(ALL)}")
    if options.quick:
        for name, short in QUICK.items():
            if getattr(options, name) == parser.get_default(name):
                setattr(options, name, short)
    if options.output is None:
        options.output = QUICK_OUTPUT if options.quick else OUTPUT
    if options.readme is None and options.output == OUTPUT:
        options.readme = Path("README.md")
    return options


def say_what_is_missing() -> None:
    """Name the peers that are not installed, and so left out."""
    for name, module in [
        *((name, library.needs) for name, library in TRAINERS.items()),
        ("onnxruntime", "onnxruntime"),
    ]:
        if not is_there(module):
            print(f"{name} is left out: the module {module} is not installed.\n")


def cores_of(section: str, options) -> list[int]:
    """Return the numbers of cores that a section is run on, one after the other."""
    return options.cores if section in BY_CORES else [ON_CORES[section]]


def run(section: str, cores: int, options) -> Iterator[dict]:
    """Run a section in a process of its own; yield its rows as they come."""
    own = {**vars(options), "section": section, "cores": cores}
    if cores > 1 and section in BY_CORES and "relu" in options.activations:
        own["activations"] = ["relu"]
    environment = unlimited() if section == "threads" else limited_to(cores)
    try:
        for row in rows_of(own, environment):
            name = ", ".join(str(row[name]) for name in KEYS[section])
            print(f"{time.strftime('%X')} {section}: {name}", file=sys.stderr)
            yield row
    except subprocess.CalledProcessError:
        message = f"The section {section} failed; see its traceback above."
        raise SystemExit(message) from None


if __name__ == "__main__":
    main()
