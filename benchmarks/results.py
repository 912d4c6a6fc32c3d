"""The CSV files: one a section, a row a measurement.

Where cases can be chosen, a new row replaces its like; else a section is written anew.
"""

import csv
from pathlib import Path

from benchmarks.machine import provenance

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
    "memory": ("library",),
    "growth": ("series", "value"),
}


def read(section: str, folder: Path) -> list[dict[str, str]]:
    """Return the rows of a section, in the order of the file."""
    path = folder / f"{section}.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def update(section: str, folder: Path, rows: list[dict]) -> None:
    """Write rows into the section's file, in the place of those before."""
    if not rows:
        return
    origin = provenance()
    kept = read(section, folder) if "case" in KEYS[section] else []
    merged = {_key(section, row): row for row in kept}
    for row in rows:
        plain = {name: _text(value) for name, value in row.items()}
        merged[_key(section, plain)] = plain | origin
    names = list(dict.fromkeys(name for row in merged.values() for name in row))
    names = [name for name in names if name not in origin] + list(origin)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{section}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(merged.values())


def _key(section, row):
    return tuple(str(row[name]) for name in KEYS[section])


def _text(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)
