"""The page of the documentation and its pictures, from the rows of the CSV file."""

import math
import textwrap
from pathlib import Path

from benchmarks.accuracy import measures, published, search, summary
from benchmarks.accuracy.datasets import DATASETS
from benchmarks.accuracy.methods import BASE, METHODS
from benchmarks.accuracy.summary import percent
from benchmarks.peers import is_there
from benchmarks.results import Row, read_file
from benchmarks.tables import markdown

_HEAD = """# Accuracy on tables

How wrong is a network on a table of yours, beside boosted trees and other networks? On
18 real tables, with the defaults of each library:
"""

_MEASURED = """## How it is measured

`python -m benchmarks accuracy` measures all of this on tables that come inside
packages, and `python -m benchmarks accuracy report` writes this page from
[accuracy.csv](accuracy.csv). `--help` tells how to measure a part of it.

- A split of a set keeps 20% of its rows to test on, of each class alike, and at most
  10,000 of them; it trains on at most 10,000 of the others. Splits differ by a seed.
- Every fit runs in a process of its own on one core. All libraries have their defaults.
  Trees and TabularMLP get the tables as they are, with categories and missing values.
  What the other networks and the linear model get: medians in the place of missing
  numbers and columns that tell where, scaled columns, a column for each category; for
  regression, a standardised target.
- The error is the share of wrong classes. The AUC of many classes is the mean of those
  of each against the others. The RMSE is in standard deviations of the true values.
  Lower is better everywhere.
- Times are of the processor: what else the machine does counts only where it slows down
  the memory. sknn's kernels are compiled before. A prediction is one call with 1,000
  rows; the size of a model is that of its pickle.
- Of each set, one split is noisy: look at means over sets, not at single figures.
"""

_SUMMARY = """What a method's errors are beside {base}'s, over all sets and splits that
both have: the mean of `log(error + 0.01)` is compared, so that -5% is a twentieth less
error. The rank is the mean over sets and splits, 1 the best, among the methods that
have all sets. Wins are the sets on which the mean error (or RMSE) of the splits is
lower than {base}'s. Fit times are beside {base}'s; all are geometric means."""

_PUBLISHED = """{about} Each is compared with the {base} beside it on the sets that it
has, so compare lines with each other only where the sets are the same."""

_HALVES = """The values in the recipes were chosen by means over sets, not by single
sets: the lengths of training by a first half, every second set; learning rates,
dropout, widths, the smoothing of labels and the quick preset by all of them. Here is
each half by itself, beside {base}."""

_VALUES = """Other values than those of the recipes, beside these, on split {splits}:
what the half that chooses says, and what the other says. More than 0 is worse."""

_QUICK = """Other lengths of training and other networks than those of the quick preset,
beside these, on splits {splits}: what the half that chooses says, and what the other
says. More than 0 is worse."""

_ABLATIONS = """What the means become without one part of the networks, and with nearly
none, on split {splits} of each set, beside all parts. More than 0 is worse. Plain
networks have ReLU, and neither embeddings, factors of the inputs, parametric
activations, dropout, weight decay nor smoothed labels. Classifiers drop no neurons."""

PICTURES = {
    "accuracy_summary": "Errors beside CatBoost's, by measure",
    "accuracy_time": "Error and time to fit beside CatBoost's",
    "accuracy_sets": "Errors beside CatBoost's, set by set",
}


def write(folder: Path) -> None:
    """Draw the pictures and write the page, beside the CSV file."""
    rows = in_order(read_file(folder / "accuracy.csv"))
    if not rows:
        raise SystemExit(
            "Nothing is measured yet: run `python -m benchmarks accuracy`."
        )
    if is_there("matplotlib"):
        from benchmarks.accuracy import pictures

        pictures.draw(rows, folder)
    page = page_of(rows, {path.stem for path in folder.glob("accuracy_*.png")}, folder)
    (folder / "accuracy.md").write_text(page, encoding="utf-8")


def in_order(rows: list[Row]) -> list[Row]:
    """Return the rows of known methods and sets in the order of the tables."""
    methods, sets = list(METHODS), list(DATASETS)
    known = [row for row in rows if row["method"] in methods and row["set"] in sets]
    return sorted(
        known,
        key=lambda row: (
            methods.index(row["method"]), sets.index(row["set"]), int(row["split"])
        ),
    )  # fmt: skip


def page_of(rows: list[Row], drawn: set[str], folder: Path) -> str:
    """Return the whole page; searches of the folder have a section each."""
    base = METHODS[BASE].title
    parts = [
        _HEAD.rstrip(),
        overview(rows),
        textwrap.fill(_SUMMARY.format(base=base), 88),
        origins(rows),
    ]
    parts += [f"![{PICTURES[name]}]({name}.png)" for name in PICTURES if name in drawn]
    parts += [
        "## Networks of PyTorch",
        textwrap.fill(_PUBLISHED.format(about=published.about(), base=base), 88),
        of_others(),
    ]
    parts += ["## Half of the sets", textwrap.fill(_HALVES.format(base=base), 88)]
    parts += halves(rows)
    parts += of_search(folder, "values", _VALUES, "## Other values", search.HALVES)
    parts += of_search(folder, "quick", _QUICK, "## The quick preset", search.HALVES)
    every = {"": list(DATASETS)}
    parts += of_search(folder, "ablations", _ABLATIONS, "## What each part buys", every)
    for measure in summary.measures_of(rows):
        parts += [f"## {measure[0].upper()}{measure[1:]}", by_set(rows, measure)]
    parts += ["## Seconds to fit", by_set(rows, "fit s", best=False)]
    parts += ["## The sets", sets(), _MEASURED.rstrip()]
    return "\n\n".join(parts) + "\n"


def origins(rows: list[Row]) -> str:
    """Say on what machines the rows were measured, when, and of what versions."""
    dates = [row["date"] for row in rows]
    days = " to ".join(dict.fromkeys((min(dates), max(dates))))
    versions = dict.fromkeys(
        f"{row['version']} ({row['commit']})" if row["commit"] else row["version"]
        for row in rows
    )
    splits = ", ".join(sorted({row["split"] for row in rows}))
    where = summary.machines(rows)
    return f"Measured on {where}; {days}; splits {splits}.\n{', '.join(versions)}."


# Tables -------------------------------------------------------------------------------


def overview(rows: list[Row]) -> str:
    """Return a line for each method: errors, ranks, wins, times, sizes."""
    found = summary.measures_of(rows)
    beside = {name: summary.beside(rows, name, BASE) for name in found}
    main = [name for name in ("error", "RMSE") if name in found]
    ranks = {name: summary.ranks(rows, name) for name in main}
    wins = {name: summary.wins(rows, name, BASE) for name in main}
    fits = summary.values(rows, "fit s")
    predicts = summary.geometric_means(rows, "predict ms")
    sizes = summary.geometric_means(rows, "model kB")
    lines = [
        [
            METHODS[method].title,
            *(percent(beside[name].get(method)) for name in found),
            *(_rank(ranks[name].get(method)) for name in main),
            *(_wins(wins[name].get(method)) for name in main),
            _times(summary.ratio(fits[method], fits.get(BASE, {}))[0]),
            f"{predicts[method]:.3g}",
            f"{sizes[method]:,.0f}",
        ]
        for method in methods_of(rows)
    ]
    names = [*found, *(f"rank by {name}" for name in main)]
    names += [f"wins by {name}" for name in main]
    names += ["fit, times", "predict 1,000, ms", "model, kB"]
    return markdown(["method", *names], lines)


def halves(rows: list[Row]) -> list[str]:
    """Return a table for each half of the sets: errors beside the base's."""
    parts = []
    for half, names in search.HALVES.items():
        own = [row for row in rows if row["set"] in names]
        found = summary.measures_of(own)
        beside = [summary.beside(own, measure, BASE) for measure in found]
        lines = [
            [METHODS[method].title, *(percent(each.get(method)) for each in beside)]
            for method in methods_of(own)
            if method != BASE
        ]
        parts += [_named(half, names), markdown(["method", *found], lines)]
    return parts


def of_search(
    folder: Path, name: str, about: str, title: str, groups: dict[str, list[str]]
) -> list[str]:
    """Return a section on a search: a table for each group of sets; or nothing."""
    tries, _, file = search.SEARCHES[name]
    rows = read_file(folder / file)
    rows = [row | {"method": row["configuration"]} for row in rows]
    rows = [row for row in rows if row["method"] in tries]
    if not rows:
        return []
    splits = ", ".join(sorted({row["split"] for row in rows}))
    parts = [title, textwrap.fill(about.format(splits=splits), 88)]
    for group, names in groups.items():
        own = [row for row in rows if row["set"] in names]
        parts += [_named(group, names)] * bool(group)
        parts += [search.beside_first(own, list(tries))]
    return [*parts, origins(rows)]


def _named(half: str, names: list[str]) -> str:
    return textwrap.fill(f"The half that {half}s: {', '.join(names)}.", 88)


def of_others() -> str:
    """Return a line for each published method."""
    rows = published.rows()
    beside = {name: summary.beside(rows, name, BASE) for name in measures.ALL}
    lines = []
    for method, version in published.versions().items():
        if method == BASE:
            continue
        cells = [beside[measure].get(method) for measure in measures.ALL]
        lines.append([method, version, *(percent(cell, n_sets=True) for cell in cells)])
    return markdown(["method", "version", *measures.ALL], lines)


def by_set(rows: list[Row], column: str, best: bool = True) -> str:
    """Return a line for each set: the mean over the splits of each method."""
    found = summary.values(rows, column)
    means = {method: summary.by_set(cells) for method, cells in found.items()}
    lines = []
    for name in sets_of(rows, column):
        own = {m: f"{means[m][name]:.3g}" for m in means if name in means[m]}
        least = min(own.values(), key=float)
        cells = [own.get(method, "") for method in means]
        bold = [f"**{c}**" if best and c == least else c for c in cells]
        lines.append([name, *bold])
    return markdown(["set", *(METHODS[method].title for method in means)], lines)


def sets() -> str:
    """Return what the sets are."""
    names = ["set", "from", "rows", "numeric + categorical", "missing", "task"]
    return markdown(
        names,
        [
            [
                name,
                about.source,
                f"{about.rows:,}",
                f"{about.numeric} + {about.categorical}",
                f"{about.missing:.1%}" if about.missing else "",
                about.task,
            ]
            for name, about in DATASETS.items()
        ],
    )


def methods_of(rows: list[Row]) -> list[str]:
    """Return the methods that were measured, in their order."""
    return list(dict.fromkeys(row["method"] for row in rows))


def sets_of(rows: list[Row], column: str) -> list[str]:
    """Return the sets that have a figure of the column, in the order of the suite."""
    found = {row["set"] for row in rows if row.get(column)}
    return [name for name in DATASETS if name in found]


def _rank(rank):
    return "" if rank is None else f"{rank:.1f}"


def _wins(counts):
    return "" if counts is None else f"{counts[0]} of {counts[1]}"


def _times(value):
    return "" if math.isnan(value) else f"{value:.2g}"
