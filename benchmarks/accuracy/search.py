"""Search defaults of sknn's estimators of tables: choose on a half, confirm on one.

Each half has every second set, in the order of their rows, of both tasks. A
configuration is chosen by the first half; what the second half says of it is what is
to be believed. Rows are kept in accuracy-search.csv; what is there already, of the same
parameters, is not measured again.

    python -m benchmarks.accuracy.search                       # of the presets
    python -m benchmarks.accuracy.search --search values       # of values in recipes
    python -m benchmarks.accuracy.search --search quick        # of the quick preset
    python -m benchmarks.accuracy.search --search ablations    # what each part buys
    python -m benchmarks.accuracy.search --file tries.json     # {"name": {parameters}}
    python -m benchmarks.accuracy.search --half choose --splits 0 1 2
    python -m benchmarks.accuracy.search show                  # the tables alone
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

from benchmarks.accuracy import summary
from benchmarks.accuracy.command import FILE, OUTPUT, say_what_is_missing
from benchmarks.accuracy.datasets import CLASSIFICATION, REGRESSION
from benchmarks.accuracy.methods import BASE, METHODS
from benchmarks.accuracy.runner import Cell, measure
from benchmarks.accuracy.summary import percent
from benchmarks.results import Row, read_file
from benchmarks.tables import markdown

METHOD, CHANGED = "tabular", "tabular-changed"
KEY = ("configuration", "set", "split")
SEARCHED = "accuracy-search.csv"
HALVES = {
    "choose": [*CLASSIFICATION[::2], *REGRESSION[::2]],
    "confirm": [*CLASSIFICATION[1::2], *REGRESSION[1::2]],
}
# The first is what the others are compared with.
CONFIGURATIONS = {
    "default": {},
    "quick": {"preset": "quick"},
    "best": {"preset": "best"},
}
_EMBEDDED = {"numeric_embedding": None, "numeric_embedding_size": 8, "n_bins": 48}
_PLAIN = {
    **_EMBEDDED,
    "feature_scaling": False,
    "parametric_activation": False,
    "activation": "relu",
    "dropout": 0.0,
    "dropout_schedule": None,
    "weight_decay": 0.0,
    "weight_decay_schedule": None,
    "label_smoothing": 0.0,
}


def _without(*names: str) -> dict:
    """Return plain networks, but for these parameters, which are the recipe's."""
    return {name: value for name, value in _PLAIN.items() if name not in names}


# Parts of the networks taken away one by one; then nearly all, but for one.
ABLATIONS: dict[str, dict] = {
    "all parts": {},
    "without the embedding of numbers": {"networks": _EMBEDDED},
    "without factors of the inputs": {"networks": {"feature_scaling": False}},
    "without parametric activations": {"networks": {"parametric_activation": False}},
    "without dropout": {"networks": {"dropout": 0.0, "dropout_schedule": None}},
    "without weight decay": {
        "networks": {"weight_decay": 0.0, "weight_decay_schedule": None}
    },
    "with a constant learning rate": {"networks": {"learning_rate": "constant"}},
    "without smoothed labels": {"networks": {"label_smoothing": 0.0}},
    "without smoothed labels and a temperature": {"calibrate": False},
    "one network": {"one_network": True},
    "five plain networks": {"networks": _PLAIN},
    "one plain network": {"networks": _PLAIN, "one_network": True},
    "one plain network with embedded numbers": {
        "networks": _without(*_EMBEDDED),
        "one_network": True,
    },
}
# Values beside those of the recipes.
_SMOOTHED = {
    f"labels smoothed by {value}": {"networks": {"label_smoothing": value}}
    for value in (0.0, 0.1, 0.2)
}
_LENGTHS = {
    "classes: 600 steps": {"recipe": {"n_steps": 600, "max_iter": (15, 55)}},
}
_BINS = {
    f"classes: {n_bins} bins": {"networks": {"n_bins": n_bins}} for n_bins in (64, 128)
}
_OF_NUMBERS = {
    **{
        f"numbers: learning rate {value}": {"networks": {"learning_rate_init": value}}
        for value in (0.02, 0.1, 0.2)
    },
    **{
        f"numbers: dropout {value}": {"networks": {"dropout": value}}
        for value in (0.05, 0.15)
    },
    "numbers: SELU": {"networks": {"activation": "selu"}},
    "numbers: 192 bins": {"networks": {"n_bins": 192}},
    "numbers: embeddings of 16": {"networks": {"numeric_embedding_size": 16}},
    "numbers: layers of 128": {"networks": {"hidden_layer_sizes": (128, 128)}},
    "numbers: three layers": {"networks": {"hidden_layer_sizes": (96, 96, 96)}},
    "numbers: weight decay 0.04": {"networks": {"weight_decay": 0.04}},
    "numbers: 4,500 steps": {"recipe": {"n_steps": 4500, "max_iter": (50, 380)}},
    "numbers: ten networks": {"recipe": {"n_repeats": 2}},
    "numbers: trained once": {"recipe": {"retrains_before": 0.0}},
    "numbers: trained anew before 0.4": {"recipe": {"retrains_before": 0.4}},
    "numbers: trained anew before 0.8": {"recipe": {"retrains_before": 0.8}},
}
VALUES: dict[str, dict] = {
    "as in the recipes": {},
    **_SMOOTHED,
    **_LENGTHS,
    **_BINS,
    **_OF_NUMBERS,
}


def _quick(n_steps: int | None = None, epochs: tuple[int, int] = (0, 0), **networks):
    """Return the quick preset with other lengths of training, or other networks."""
    found: dict = {"preset": "quick", "networks": networks}
    if n_steps is not None:
        found["recipe"] = {"n_steps": n_steps, "max_iter": epochs}
    return found


_QUICK_OF_CLASSES = {
    "classes: 500 steps": _quick(500, (20, 60)),
    "classes: 500 steps, layers of 96": _quick(
        500, (20, 60), hidden_layer_sizes=(96, 96, 96)
    ),
    "classes: layers of 96": _quick(hidden_layer_sizes=(96, 96, 96)),
    "classes: two layers": _quick(hidden_layer_sizes=(128, 128)),
    "classes: embeddings of 4": _quick(numeric_embedding_size=4),
}
_QUICK_OF_NUMBERS = {
    "numbers: 1,000 steps": _quick(1000, (20, 100)),
    "numbers: 1,000 steps, layers of 128": _quick(
        1000, (20, 100), hidden_layer_sizes=(128, 128)
    ),
    "numbers: 1,500 steps": _quick(1500, (25, 150)),
    "numbers: 1,500 steps, layers of 64": _quick(
        1500, (25, 150), hidden_layer_sizes=(64, 64)
    ),
    "numbers: trained once": {"preset": "quick", "recipe": {"retrains_before": 0.0}},
}
QUICK: dict[str, dict] = {
    "as in the recipes": _quick(),
    **_QUICK_OF_CLASSES,
    **_QUICK_OF_NUMBERS,
}
# What says nothing of classes, and of numbers.
_NUMBERS_ALONE = {*_OF_NUMBERS, *_QUICK_OF_NUMBERS}
_OF_CLASSES = {
    "without smoothed labels",
    "without smoothed labels and a temperature",
    *_SMOOTHED,
    *_LENGTHS,
    *_BINS,
    *_QUICK_OF_CLASSES,
}


class Search(NamedTuple):
    """Configurations, the method that has their parameters, and where rows are kept."""

    configurations: dict[str, dict]
    method: str
    file: str


SEARCHES = {
    "presets": Search(CONFIGURATIONS, METHOD, SEARCHED),
    "values": Search(VALUES, CHANGED, "accuracy-values.csv"),
    "quick": Search(QUICK, CHANGED, "accuracy-quick.csv"),
    "ablations": Search(ABLATIONS, CHANGED, "accuracy-ablations.csv"),
}


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, measure, print what each half says."""
    options = parsed(arguments)
    tries, method, file = SEARCHES[options.search]
    if options.file is not None:
        tries = json.loads(options.file.read_text("utf-8"))
    if options.names:
        tries = {name: tries[name] for name in options.names}
    path = options.output / file
    failed = []
    if options.what is None:
        say_what_is_missing([method])
        halves = list(HALVES) if options.half is None else [options.half]
        cells = cells_of(tries, halves, options.splits, method)
        failed = measure(cells, path, KEY, options.again)
    print(tables(read_file(path), read_file(options.output / FILE), list(tries)))
    if failed:
        raise SystemExit("\n".join(["Failed; see the tracebacks above:", *failed]))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("what", nargs="?", choices=["show"], help="only print what was measured")
    add("--file", type=Path, help="JSON: the parameters of each configuration")
    add("--search", choices=list(SEARCHES), default="presets")
    add("--names", nargs="+", help="of configurations; by default all")
    add("--half", choices=list(HALVES), help="by default both")
    add("--splits", nargs="+", type=int, default=[0])
    add("--again", action="store_true", help="measure also what was measured before")
    add("--output", type=Path, default=OUTPUT)
    return parser.parse_args(arguments)


def cells_of(
    tries: dict[str, dict], halves: list[str], splits: list[int], method: str = METHOD
):
    """Return the fits: all configurations of a set in a row."""
    return [
        Cell(
            configuration=name,
            half=half,
            method=method,
            set=set_,
            split=split,
            parameters=parameters,
        )
        for split in splits
        for half in halves
        for set_ in HALVES[half]
        for name, parameters in tries.items()
        if name not in (_OF_CLASSES if set_ in REGRESSION else _NUMBERS_ALONE)
    ]


def tables(rows: list[Row], others: list[Row], names: list[str]) -> str:
    """Return a table for each half: errors beside the first's and the base's."""
    return "\n\n".join(
        part
        for half in HALVES
        for part in (
            f"### {half}: {', '.join(HALVES[half])}",
            table([row for row in rows if row["half"] == half], others, names),
        )
    )


def beside_first(rows: list[Row], names: list[str]) -> str:
    """Return a line for each configuration but the first: errors and time beside it."""
    first, *others = names
    measures = summary.measures_of(rows)
    beside = [summary.beside(rows, measure, first) for measure in measures]
    return markdown(
        ["configuration", *measures, "fit, times"],
        lines_of(rows, others, beside, first, ".2g"),
    )


def table(rows: list[Row], others: list[Row], names: list[str]) -> str:
    """Return a line for each configuration, on the sets of one half."""
    own = [{**row, "method": row["configuration"]} for row in rows]
    own = [row for row in own if row["method"] in names]
    together = [*own, *(row for row in others if row["method"] == BASE)]
    columns = [
        (measure, base)
        for base in (names[0], BASE)
        for measure in summary.measures_of(own)
    ]
    titles = {names[0]: names[0], BASE: METHODS[BASE].title}
    heads = [f"{measure} beside {titles[base]}" for measure, base in columns]
    beside = [summary.beside(together, measure, base) for measure, base in columns]
    return markdown(
        ["configuration", *heads, "fit, times"],
        lines_of(own, names, beside, names[0], ".2f", n_sets=True),
    )


def lines_of(
    rows: list[Row],
    names: list[str],
    beside: list[dict[str, tuple[float, int]]],
    first: str,
    form: str,
    *,
    n_sets: bool = False,
) -> list[list[str]]:
    """Return the cells of each configuration that was measured.

    They are its name, its differences from those in ``beside``, and the time of its
    fit, divided by the first's and written in a form.
    """
    fits = summary.values(rows, "fit s")
    return [
        [
            name,
            *(percent(found.get(name), n_sets) for found in beside),
            f"{summary.ratio(fits[name], fits.get(first, {}))[0]:{form}}",
        ]
        for name in names
        if name in fits
    ]


if __name__ == "__main__":
    main()
