"""Measure cells, each a fit in a process of its own, and keep what was measured.

A cell that the file has already, of the same version and the same parameters, is not
measured again. A cell that fails is named, and the others go on.
"""

import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.accuracy.methods import METHODS, digest, version
from benchmarks.machine import limited_to, machine
from benchmarks.results import as_text, merged, read_file, write_file
from benchmarks.worker import rows_of

LAST = ("date", "machine")


class Cell(dict):
    """A fit: "method", "set", "split", and "parameters" besides those of the method.

    What else it has, its row has too.
    """

    @property
    def all_parameters(self) -> dict:
        """Return the method's parameters and its own."""
        return METHODS[self["method"]].parameters | self.get("parameters", {})

    @property
    def about(self) -> dict[str, str]:
        """Return what the row of the cell should say of it."""
        told = {name: value for name, value in self.items() if name != "parameters"}
        told["parameters"] = digest(self.all_parameters)
        return as_text(told | {"version": version(METHODS[self["method"]])})


def measure(
    cells: Iterable[Cell], path: Path, key: Sequence[str], again: bool = False
) -> list[str]:
    """Measure the cells that the file lacks, or all; return the names of those failed.

    Each row is written as soon as it is known, in the place of its like by `key`.
    """
    failed = []
    for cell in cells:
        about = cell.about
        if not again and any(about.items() <= row.items() for row in read_file(path)):
            continue
        name = ", ".join(str(about[part]) for part in key)
        options = {**cell, "parameters": cell.all_parameters}
        options |= {"section": "accuracy.cell", "cores": 1}
        try:
            (row,) = rows_of(options, limited_to(1))
        except subprocess.CalledProcessError:
            failed.append(name)
            continue
        origin = {"date": time.strftime("%Y-%m-%d"), "machine": machine()}
        row = about | as_text(row) | origin
        write_file(path, merged(read_file(path), [row], key), LAST)
        print(f"{time.strftime('%X')} {name}: {_told(row)}", file=sys.stderr)
    return failed


def _told(row):
    names = ("error", "log loss", "1 - AUC", "RMSE", "fit s")
    return ", ".join(f"{name} {float(row[name]):.3g}" for name in names if name in row)
