"""The CSV files: one a section, a row a measurement.

Where cases can be chosen, a new row replaces its like; else a section is written anew.
"""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.machine import provenance

Row = dict[str, str]

# What tells the rows of a section apart.
KEYS = {
    "training": ("case", "dtype", "activation", "cores"),
    "predict": ("case", "dtype", "activation", "cores", "rows"),
    "export": ("case", "dtype"),
    "limits": ("case", "dtype", "activation", "work"),
    "activations": ("case", "dtype"),
    "startup": ("process",),
    "compiling": ("kernel",),
    "threads": ("what",),
    "ensembles": ("network",),
    "memory": ("library",),
    "growth": ("series", "value"),
    "streams": ("network", "data"),
    "cluster": ("what",),
    "insight": ("what",),
}


def read(section: str, folder: Path) -> list[Row]:
    """Return the rows of a section, in the order of the file."""
    return read_file(folder / f"{section}.csv")


def update(section: str, folder: Path, rows: list[dict]) -> None:
    """Write rows into the section's file, in the place of those before."""
    if not rows:
        return
    origin = provenance()
    kept = read(section, folder) if "case" in KEYS[section] else []
    rows = [as_text(row) | origin for row in rows]
    path = folder / f"{section}.csv"
    write_file(path, merged(kept, rows, KEYS[section]), last=tuple(origin))


def read_file(path: Path) -> list[Row]:
    """Return the rows of a file, none if it is not there."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_file(path: Path, rows: Sequence[Row], last: Sequence[str] = ()) -> None:
    """Write a file anew, whole or not at all; `last` names the columns at its end."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in names if name not in last] + list(last)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    unfinished.replace(path)


def merged(kept: Iterable[Row], rows: Iterable[Row], names: Sequence[str]) -> list[Row]:
    """Return rows, each in the place of the one kept that has the same names."""
    found = {tuple(row[name] for name in names): row for row in (*kept, *rows)}
    return list(found.values())


def as_text(row: dict) -> Row:
    """Return a row as it stands in the file."""
    return {
        name: f"{value:.6g}" if isinstance(value, float) else str(value)
        for name, value in row.items()
    }
