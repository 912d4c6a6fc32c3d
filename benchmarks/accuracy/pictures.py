"""The pictures of accuracy: by measure, beside the time, and set by set."""

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from benchmarks.accuracy import summary
from benchmarks.accuracy.methods import BASE, METHODS
from benchmarks.results import Row

COLOURS = {"sknn": "#1b6ca8", "others": "#b0b7bf", BASE: "#f28e2b"}
CLIPPED = math.log(2)  # of the colours of single sets: half or twice the error
MAIN = {"error": "classes: error", "RMSE": "regression: RMSE"}


def draw(rows: list[Row], folder: Path) -> list[str]:
    """Draw what there are rows for; return the names of the files."""
    drawn = []
    if not any(row["method"] == BASE for row in rows):
        return drawn
    for name, picture in PICTURES.items():
        figure = picture(rows)
        figure.supxlabel(
            summary.machines(rows), x=0.99, ha="right", size=7, color="#666666"
        )
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
        drawn.append(name)
    return drawn


def by_measure(rows: list[Row]) -> Figure:
    """How much more or less error than the base, a panel for each measure."""
    measures = summary.measures_of(rows)
    methods = [name for name in _methods(rows) if name != BASE]
    figure = Figure((2.4 + 2.4 * len(measures), 1.3 + 0.3 * len(methods)))
    figure.set_layout_engine("constrained")
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for axes, measure in zip(panels, measures, strict=True):
        found = summary.beside(rows, measure, BASE)
        x = [found.get(method, (math.nan, 0))[0] for method in methods]
        colours = [_colour(method) for method in methods]
        axes.barh([METHODS[m].title for m in methods], x, 0.7, color=colours)
        for y, value in enumerate(x):
            if not math.isnan(value):
                side = "left" if value >= 0 else "right"
                text = f" {value:+.1%} "
                axes.text(value, y, text, va="center", ha=side, size=8)
        axes.axvline(0, color="black", lw=1)
        ends = [min(0, *np.nan_to_num(x)), max(0, *np.nan_to_num(x))]
        room = 0.35 * max(ends[1] - ends[0], 0.01)
        left = ends[0] - room if ends[0] < 0 else -0.1 * room
        right = ends[1] + room if ends[1] > 0 else 0.1 * room
        axes.set_xlim(left, right)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_title(measure, size=10)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    base = METHODS[BASE].title
    return _titled(figure, f"Mean error beside {base}'s (left is better)")


def by_time(rows: list[Row]) -> Figure:
    """Mean error and time to fit beside the base's, of classes and of numbers."""
    figure = Figure((10, 4.2), layout="constrained")
    present = [measure for measure in MAIN if measure in summary.measures_of(rows)]
    panels = figure.subplots(1, len(present), squeeze=False)[0]
    for axes, measure in zip(panels, present, strict=True):
        own = [row for row in rows if row.get(measure)]
        fits = summary.values(own, "fit s")
        points = sorted(
            (summary.ratio(fits[method], fits[BASE])[0], error, method)
            for method, (error, _) in summary.beside(own, measure, BASE).items()
        )
        for number, (time, error, method) in enumerate(points):
            axes.plot(time, error, "o", ms=8, color=_colour(method))
            # Neighbours apart; below the line there is room below.
            place = (0, 7) if number % 2 and error >= 0 else (0, -15)
            axes.annotate(
                METHODS[method].title, (time, error), place, size=8,
                textcoords="offset points", ha="right" if time < 1 else "left",
            )  # fmt: skip
        axes.set_xscale("log")
        axes.margins(0.22, 0.15)
        axes.axhline(0, color="#999999", lw=0.8)
        axes.axvline(1, color="#999999", lw=0.8)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel(f"time to fit, {METHODS[BASE].title} = 1")
        axes.set_title(MAIN[measure], size=10)
        axes.spines[["top", "right"]].set_visible(False)
    title = f"Mean error and time to fit beside {METHODS[BASE].title}'s (lower left"
    return _titled(figure, f"{title} is better)")


def by_set(rows: list[Row]) -> Figure:
    """Errors beside the base's, a field for each set and method."""
    methods = [name for name in _methods(rows) if name != BASE]
    names, fields = [], []
    for measure in MAIN:
        found = summary.values(rows, measure)
        base = found.get(BASE, {})
        for name in dict.fromkeys(name for name, _ in base):
            own = {cell: value for cell, value in base.items() if cell[0] == name}
            names.append(name)
            fields.append(
                [
                    summary.ratio(found.get(m, {}), own, summary.OFFSET)[0]
                    for m in methods
                ]
            )
    figure = Figure((2.2 + 0.95 * len(methods), 1.8 + 0.27 * len(names)))
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    logs = np.log(np.array(fields))
    axes.imshow(logs, cmap="RdBu_r", vmin=-CLIPPED, vmax=CLIPPED, aspect="auto")
    for (y, x), value in np.ndenumerate(logs):
        if not math.isnan(value):
            colour = "white" if abs(value) > 0.7 * CLIPPED else "black"
            text = f"{math.exp(value) - 1:+.0%}"
            axes.text(x, y, text, ha="center", va="center", size=8, color=colour)
    titles = [METHODS[method].title for method in methods]
    axes.set_xticks(range(len(methods)), titles, rotation=35, ha="right", size=8)
    axes.set_yticks(range(len(names)), names, size=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    title = f"Error, or RMSE, beside {METHODS[BASE].title}'s (blue is better)"
    return _titled(figure, title)


PICTURES = {
    "accuracy_summary": by_measure,
    "accuracy_time": by_time,
    "accuracy_sets": by_set,
}


def _methods(rows):
    return list(dict.fromkeys(row["method"] for row in rows))


def _colour(method):
    if method == BASE:
        return COLOURS[BASE]
    return COLOURS["sknn" if METHODS[method].package == "sknn" else "others"]


def _titled(figure, title):
    figure.suptitle(title, x=0.01, ha="left", size=11)
    return figure
