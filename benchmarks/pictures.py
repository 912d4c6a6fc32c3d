"""The pictures, from the rows of the CSV files: one idea each."""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import (
    EngFormatter,
    FuncFormatter,
    LogLocator,
    NullLocator,
    PercentFormatter,
)

from benchmarks.cases import CASES
from benchmarks.tables import PARTS, REST, WORKS, shares

COLOURS = {
    "sknn": "#1b6ca8",
    "scikit-learn": "#f28e2b",
    "PyTorch": "#d1495b",
    "JAX": "#59a14f",
    "onnxruntime": "#8e6bbf",
    "BLAS": "#777777",
    "tanh": "#1b6ca8",
    "logistic": "#f28e2b",
    "products": "#1b6ca8",
    "activation": "#f28e2b",
    "Adam": "#59a14f",
    REST: "#cccccc",
}
DTYPES = ("float32", "float64")
LINES = {
    "sknn": ("ns per row", "sknn, the whole epoch"),
    "BLAS": ("BLAS ns per row", "the matrix products alone by BLAS"),
}


def draw(results: dict[str, list[dict]], folder: Path) -> list[str]:
    """Draw what there are rows for; return the names of the files."""
    drawn = []
    for name, (section, picture, wanted) in PICTURES.items():
        rows = [
            row
            for row in results.get(section, [])
            if all(row[key] == value for key, value in wanted.items())
        ]
        if not rows:
            continue
        figure = picture(rows)
        if figure is None:
            continue
        origin = _origin(rows, round(18 * figure.get_figwidth()))
        figure.supxlabel(origin, x=0.99, ha="right", size=7, color="#666666")
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
        drawn.append(name)
    return drawn


def peers(rows: list[dict]) -> Figure | None:
    """How many times as long the peers take: relu, one core."""
    series = {n: f"{n} / sknn" for n in ("scikit-learn", "PyTorch", "JAX")}
    figure = _bars(
        rows, series, "epoch: time beside sknn's (longer is slower)", log=True
    )
    return _titled(figure, "An epoch of training, relu, one core: sknn = 1")


def blas(rows: list[dict]) -> Figure | None:
    """An epoch beside the matrix products alone, by BLAS: relu, one core."""
    label = "epoch: time beside the products' by BLAS"
    figure = _bars(rows, {"sknn": "sknn / BLAS"}, label)
    return _titled(
        figure,
        "An epoch of sknn beside the matrix products alone by BLAS (= 1); its own may "
        "take less time",
    )


def activations(rows: list[dict]) -> Figure | None:
    """What tanh and logistic cost beside relu."""
    series = {"tanh": "tanh / relu", "logistic": "logistic / relu"}
    figure = _bars(rows, series, "epoch: time beside that with relu")
    return _titled(figure, "Other activations: the same network with relu = 1")


def predict(rows: list[dict]) -> Figure | None:
    """Prediction of one number of rows: relu, one core."""
    count = int(rows[0]["rows"])
    title = "one row" if count == 1 else f"{count:,} rows"
    series = {name: f"{name} / sknn" for name in ("scikit-learn", "onnxruntime")}
    figure = _bars(rows, series, "time beside sknn's (longer is slower)", log=True)
    return _titled(figure, f"Prediction of {title}, relu, one core: sknn = 1")


def startup(rows: list[dict]) -> Figure:
    """Import and first fit, in seconds."""
    figure = Figure((8, 2.6), layout="constrained")
    axes = figure.subplots()
    names = [row["process"] for row in rows]
    imported, fit = (
        np.array([float(row[k]) for row in rows]) for k in ("import s", "first fit s")
    )
    axes.barh(names, imported, color="#9ecae1", label="import")
    axes.barh(names, fit, left=imported, color=COLOURS["sknn"], label="first fit")
    for y, total in enumerate(imported + fit):
        axes.text(total, y, f" {total:.2f} s", va="center", size=9)
    axes.set_xlim(0, 1.15 * max(imported + fit))
    axes.invert_yaxis()
    axes.set_xlabel("seconds of a new process (iris, 20 epochs)")
    axes.legend(loc="center right", frameon=False)
    return _titled(figure, "Import and first fit")


def threads(rows: list[dict]) -> Figure:
    """What the second core brings."""
    return _titled(
        _horizontal(
            [row["what"] for row in rows],
            [float(row["times as fast"]) for row in rows],
            "times as fast as on one core",
            ".2f",
            mark=(1, 2),
        ),
        "Two cores",
    )


def memory(rows: list[dict]) -> Figure:
    """What a fit takes beyond its data."""
    label = f"MiB beyond the data of {float(rows[0]['data MiB']):,.0f} MiB"
    return _titled(
        _horizontal(
            [row["library"] for row in rows],
            [float(row["beyond MiB"]) for row in rows],
            label,
            ".0f",
        ),
        f"Peak memory of a fit, {int(rows[0]['rows']):,} x 50 in float32",
    )


def growth(rows: list[dict]) -> Figure:
    """Time per row and epoch, beside the products alone."""
    names = list(dict.fromkeys(row["series"] for row in rows))
    figure = Figure((11, 2.9), layout="constrained")
    for axes, name in zip(
        figure.subplots(1, len(names), squeeze=False)[0], names, strict=False
    ):
        own = [row for row in rows if row["series"] == name]
        x = [int(row["value"]) for row in own]
        for line, (column, label) in LINES.items():
            y = [float(row[column]) for row in own]
            axes.plot(x, y, "o-", ms=4, color=COLOURS[line], label=label)
        if name != "depth":
            axes.set_xscale("log")
            _plain(axes.xaxis, subs=(1,))
        if name == "rows":
            axes.set_ylim(0)
        else:
            axes.set_yscale("log")
            _plain(axes.yaxis)
        axes.set_xlabel(name)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("ns per row and epoch")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False)
    return _titled(figure, "Growth: 20 features, 100 hidden, batch 200, but for one")


def limits(rows: list[dict]) -> Figure:
    """What an epoch and a prediction spend on what cannot be left out."""
    activations = list(dict.fromkeys(row["activation"] for row in rows))
    works = [work for work in WORKS if any(row["work"] == work for row in rows)]
    cases = [name for name in CASES if any(row["case"] == name for row in rows)]
    figure = Figure((11, 0.8 + len(works) * (0.9 + 0.26 * len(cases))))
    figure.set_layout_engine("constrained")
    panels = figure.subplots(
        len(works), len(activations), sharex=True, sharey=True, squeeze=False
    )
    for line, work in zip(panels, works, strict=True):
        for axes, activation in zip(line, activations, strict=True):
            both = work, activation
            own = [row for row in rows if (row["work"], row["activation"]) == both]
            _shares(axes, own, cases)
            axes.set_title(f"{WORKS[work]}, {activation}", size=9)
    panels[0, 0].set_yticks(range(len(cases)), cases)
    panels[0, 0].invert_yaxis()
    panels[0, 0].set_xlim(0, 1.005)
    panels[0, 0].xaxis.set_major_formatter(PercentFormatter(1))
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=4, frameon=False)
    return _titled(figure, "Shares of sknn's time (upper bar: float32, lower: float64)")


# The section, the function that draws its rows, and what these have in common.
_RELU = {"cores": "1", "activation": "relu"}
PICTURES = {
    "peers": ("training", peers, _RELU),
    "blas": ("training", blas, _RELU),
    "activations": ("activations", activations, {}),
    "predict_one": ("predict", predict, {**_RELU, "rows": "1"}),
    "predict_many": ("predict", predict, {**_RELU, "rows": "20000"}),
    "limits": ("limits", limits, {}),
    "startup": ("startup", startup, {}),
    "threads": ("threads", threads, {}),
    "memory": ("memory", memory, {}),
    "growth": ("growth", growth, {}),
}


def _shares(axes, rows, cases):
    """Draw a bar for each case and dtype: what each part takes of the whole.

    Parts were timed alone. Where they take longer together than the whole did, which
    is noise, they are shares of their sum.
    """
    for k, dtype in enumerate(DTYPES):
        own = {row["case"]: row for row in rows if row["dtype"] == dtype}
        y = [cases.index(name) + 0.4 * (k - 0.5) for name in own]
        left = np.zeros(len(own))
        found = [shares(row) for row in own.values()]
        sums = np.array([max(1, 1 - share[REST]) for share in found])
        for part in (*PARTS, REST):
            x = np.array([max(share[part], 0) for share in found]) / sums
            label = part if k == 0 else None
            axes.barh(y, x, 0.36, left=left, color=COLOURS[part], label=label)
            left += x
    axes.spines[["top", "right"]].set_visible(False)


def _bars(rows, series, label, log=False):
    """Draw groups of bars by case, a panel for each dtype; None without rows."""
    rows = [r for r in rows if any(r.get(column) for column in series.values())]
    if not rows:
        return None
    cases = [name for name in CASES if any(r["case"] == name for r in rows)]
    dtypes = [d for d in DTYPES if any(r["dtype"] == d for r in rows)]
    height = 1.4 + len(cases) * (0.16 * len(series) + 0.16)
    figure = Figure((9, height), layout="constrained")
    panels = figure.subplots(1, len(dtypes), sharey=True, squeeze=False)[0]
    for axes, dtype in zip(panels, dtypes, strict=True):
        own = {r["case"]: r for r in rows if r["dtype"] == dtype}
        thickness = 0.8 / len(series)
        for k, (name, column) in enumerate(series.items()):
            y = np.arange(len(cases)) + (k - (len(series) - 1) / 2) * thickness
            x = np.array(
                [float(own.get(case, {}).get(column) or "nan") for case in cases]
            )
            # On a logarithmic axis, which has no 0, bars begin where both are level.
            left = 1 if log else 0
            bars = {"color": COLOURS[name], "label": name}
            axes.barh(y, x - left, 0.9 * thickness, left=left, **bars)
            for where, value in zip(y, x, strict=True):
                if np.isfinite(value):
                    text = f" {value:.{1 if value >= 10 else 2}f} "
                    side = "right" if value < left else "left"
                    axes.text(value, where, text, va="center", ha=side, size=7)
        _finish(axes, log)
        axes.set_title(dtype, size=10)
        axes.set_xlabel(label, size=9)
    panels[0].set_yticks(range(len(cases)), cases)
    panels[0].invert_yaxis()
    if len(series) > 1:
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=3, frameon=False)
    return figure


def _finish(axes, log):
    axes.axvline(1, color="black", lw=1)
    axes.spines[["top", "right"]].set_visible(False)
    if log:
        axes.set_xscale("log")
        _plain(axes.xaxis)
        low, high = axes.get_xlim()
        axes.set_xlim(min(0.7 * low, 0.7) if low < 0.95 else 0.9, 1.5 * high)
    else:
        axes.set_xlim(0, 1.15 * axes.get_xlim()[1])


def _plain(axis, subs=(1, 2, 5)):
    """Write the ticks of a logarithmic axis as 0.5, 20, 1k."""
    low, high = axis.get_view_interval()
    if high < 10 * low:  # few of these ticks would be in sight
        subs = (1, 1.5, 2, 3, 5, 7)
    thousands = EngFormatter(sep="")
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(
        FuncFormatter(lambda x, _: thousands(x) if x >= 1000 else f"{x:g}")
    )
    axis.set_minor_locator(NullLocator())


def _horizontal(names, values, label, digits, mark=()):
    figure = Figure((8, 1.2 + 0.35 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, values, 0.7, color=COLOURS["sknn"])
    for y, value in enumerate(values):
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0}
        axes.text(value, y, f" {value:{digits}}", va="center", size=9, bbox=box)
    for x in mark:
        axes.axvline(x, color="black", lw=1, ls="-" if x == 1 else ":")
    axes.set_xlim(0, 1.15 * max(*values, *mark, 0.1))
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _origin(rows, width):
    """Return machine, day and kernels, in lines of so many letters."""
    about = dict.fromkeys(
        f"{row['machine']}; {row['date']}; {row['kernels']}" for row in rows
    )
    return "\n".join(textwrap.fill(text, width) for text in about)


def _titled(figure, title):
    if figure is not None:
        figure.suptitle(title, x=0.01, ha="left", size=11)
    return figure
