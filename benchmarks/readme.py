"""The README's two short tables and its picture, from the CSV files alone."""

import re
import textwrap
from pathlib import Path

from benchmarks import tables
from benchmarks.accuracy import summary
from benchmarks.accuracy.methods import BASE, METHODS
from benchmarks.accuracy.report import in_order, methods_of, percent
from benchmarks.cases import CASES
from benchmarks.peers import PEERS
from benchmarks.results import read, read_file

PICTURE = "speed_and_accuracy.png"
# From the smallest network to the one on which sknn gains least.
SHOWN = ("iris-sized", "small batch", "defaults", "deep tabular")
LEFT_OUT = ("linear", "quick")


def write(folder: Path, readme: Path) -> None:
    """Write the tables between their markers, and draw the picture into the folder."""
    training = speed_rows(read("training", folder))
    accuracy = in_order(read_file(folder / "accuracy.csv"))
    text = readme.read_text(encoding="utf-8")
    if training:
        text = between("speed table", text, speed_table(training), readme)
    if accuracy:
        text = between("accuracy table", text, accuracy_table(accuracy), readme)
    readme.write_text(text, encoding="utf-8")
    if training and accuracy:
        draw(training, accuracy, folder / PICTURE)


def between(name: str, text: str, table: str, readme: Path) -> str:
    """Return the text with a table between the two comments that mark its place."""
    markers = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    text, n = markers.subn(lambda m: f"{m[1]}\n{table}\n\n{m[2]}", text)
    if n != 1:
        raise SystemExit(f"{readme} has {n} places for the {name}, not one.")
    return text


def speed_rows(rows: list[dict]) -> list[dict]:
    """Return the rows that the README is about: float32, relu, one core."""
    wanted = ("1", "relu", "float32")
    return [
        row for row in rows if (row["cores"], row["activation"], row["dtype"]) == wanted
    ]


def speed_table(rows: list[dict]) -> str:
    """Return how many times as long as sknn each library takes for an epoch."""
    ratios = [f"{peer} / sknn" for peer in PEERS]
    lines = [
        [
            CASES[row["case"]].shape,
            ", ".join(map(str, CASES[row["case"]].hidden)),
            str(CASES[row["case"]].batch_size),
            f"{tables.number(row['sknn ms'])} ms",
            *(f"{tables.times(row[name])} x" if row[name] else "" for name in ratios),
        ]
        for case in SHOWN
        for row in rows
        if row["case"] == case
    ]
    means = [tables.geometric_mean(rows, name) for name in ratios]
    all_ = f"mean of all {len(rows)} cases"
    lines.append([all_, "", "", "", *(f"{m:.1f} x" if m else "" for m in means)])
    names = ["rows x features, outputs", "hidden layers", "batch", "sknn", *PEERS]
    said = (
        "The time of an epoch: sknn's in milliseconds, and how many times as long the "
        f"others take. {rows[-1]['machine']}; one core, 32-bit numbers."
    )
    return textwrap.fill(said, 88) + "\n\n" + tables.markdown(names, lines)


def shown_methods(rows: list[dict]) -> list[str]:
    """Return the methods that the README compares."""
    return [
        name
        for name in methods_of(rows)
        if not any(word in METHODS[name].title for word in LEFT_OUT)
    ]


def accuracy_table(rows: list[dict]) -> str:
    """Return how much each method's errors differ from CatBoost's."""
    classes, numbers = (summary.beside(rows, name, BASE) for name in ("error", "RMSE"))
    fits = summary.values(rows, "fit s")
    lines = [
        [
            METHODS[name].title,
            percent(classes.get(name)),
            percent(numbers.get(name)),
            f"{summary.ratio(fits[name], fits.get(BASE, {}))[0]:.2g} x",
        ]
        for name in shown_methods(rows)
    ]
    tables_of = {row["set"]: bool(row.get("error")) for row in rows}
    n_classes = sum(tables_of.values())
    names = [
        "library's defaults",
        f"error, {n_classes} tables",
        f"RMSE, {len(tables_of) - n_classes} tables",
        "time to fit",
    ]
    said = (
        f"The mean error on {len(tables_of)} real tables, beside that of "
        f"{METHODS[BASE].title}: below zero is better. "
        f"{summary.machines(rows)}; one core."
    )
    return textwrap.fill(said, 88) + "\n\n" + tables.markdown(names, lines)


def draw(training: list[dict], accuracy: list[dict], path: Path) -> None:
    """Draw how much longer the peers train, and how well each library predicts."""
    from matplotlib.figure import Figure

    from benchmarks.pictures import COLOURS

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    means = {p: tables.geometric_mean(training, f"{p} / sknn") for p in PEERS}
    means = {"sknn": 1.0} | {peer: mean for peer, mean in means.items() if mean}
    bars = left.barh(list(means), list(means.values()), color=COLOURS["scikit-learn"])
    left.bar_label(bars, [f"{mean:.2g} x" for mean in means.values()], padding=3)
    left.set(title="Time to train: sknn = 1", xlim=(0, 1.15 * max(means.values())))
    left.set_xlabel(f"mean of {len(training)} networks, one core (shorter is faster)")

    # A table has one of the two measures.
    merged = [row | {"either": row["error"] or row["RMSE"]} for row in accuracy]
    compared = summary.beside(merged, "either", BASE)
    errors = {METHODS[n].title: compared[n][0] for n in shown_methods(accuracy)}
    errors = dict(sorted(errors.items(), key=lambda item: item[1]))
    bars = right.barh(
        list(errors), list(errors.values()), color=COLOURS["scikit-learn"]
    )
    right.bar_label(
        bars, [f"{e:+.1%}" if e else "0" for e in errors.values()], padding=3
    )
    right.axvline(0, color="black", lw=0.8)
    largest = max(map(abs, errors.values()))
    right.set_xlim(min(0, *errors.values()) - 0.25 * largest, 1.25 * largest)
    n_sets = len({row["set"] for row in accuracy})
    right.set_title(f"Error on {n_sets} tables, beside {METHODS[BASE].title}'s")
    right.set_xlabel("all with their defaults (further left is better)")
    right.xaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    for axes, own in ((left, "sknn"), (right, "TabularMLP")):
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        for label, bar in zip(axes.get_yticklabels(), axes.patches, strict=True):
            if label.get_text() == own:
                bar.set_color(COLOURS["sknn"])
                label.set_fontweight("bold")
    figure.savefig(path, dpi=110, metadata={"Software": None})
