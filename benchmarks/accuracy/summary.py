"""What the rows say together: means beside a base, ranks, wins.

A cell is a set and a split. Two methods are compared on the cells that both have.
"""

import math
import statistics
from collections.abc import Iterable, Mapping

from scipy.stats import rankdata

from benchmarks.accuracy import measures

Cells = dict[tuple[str, str], float]  # by set and split
Values = dict[str, Cells]  # by method
# Added to errors before their logarithm, so that those near 0 do not decide alone.
OFFSET = 0.01


def machines(rows: Iterable[Mapping[str, str]]) -> str:
    """Name the machines on which the rows were measured."""
    return "; ".join(dict.fromkeys(row["machine"] for row in rows))


def values(rows: Iterable[Mapping[str, str]], column: str) -> Values:
    """Return a column by method and cell, of the rows that have it."""
    found: Values = {}
    for row in rows:
        if row.get(column):
            cell = row["set"], str(row["split"])
            found.setdefault(row["method"], {})[cell] = float(row[column])
    return found


def ratio(own: Cells, base: Cells, offset: float = 0) -> tuple[float, int]:
    """Return the geometric mean of own / base, and over how many sets; else NaN, 0.

    Each set counts once, however many of its splits both have.
    """
    logs: dict[str, list[float]] = {}
    for cell in own.keys() & base.keys():
        log = math.log(own[cell] + offset) - math.log(base[cell] + offset)
        logs.setdefault(cell[0], []).append(log)
    if not logs:
        return math.nan, 0
    mean = statistics.fmean(statistics.fmean(found) for found in logs.values())
    return math.exp(mean), len(logs)


def beside(rows: list, measure: str, base: str) -> dict[str, tuple[float, int]]:
    """Return by how much each method's error differs from the base's, and on n sets.

    It is the mean of log(error + 0.01) that is compared: 0.05 is 5% more error.
    """
    found = values(rows, measure)
    compared = {
        method: ratio(cells, found.get(base, {}), OFFSET)
        for method, cells in found.items()
    }
    return {method: (mean - 1, n) for method, (mean, n) in compared.items() if n}


def geometric_means(rows: list, column: str) -> dict[str, float]:
    """Return the geometric mean of a column for each method."""
    return {
        method: statistics.geometric_mean(cells.values())
        for method, cells in values(rows, column).items()
    }


def percent(cell: tuple[float, int] | None, n_sets: bool = False) -> str:
    """Write a difference; nothing stays nothing."""
    if cell is None or math.isnan(cell[0]):
        return ""
    return f"{cell[0]:+.1%}" + (f" ({cell[1]} sets)" if n_sets else "")


def by_set(cells: Cells) -> dict[str, float]:
    """Return the mean over the splits of each set."""
    found: dict[str, list[float]] = {}
    for (name, _), value in cells.items():
        found.setdefault(name, []).append(value)
    return {name: statistics.fmean(all_) for name, all_ in found.items()}


def shared_by_all(found: Values) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the methods that have all sets, and the cells that all of these have."""
    sets = {name: {set_ for set_, _ in cells} for name, cells in found.items()}
    every = set().union(*sets.values())
    methods = [name for name in found if sets[name] == every]
    cells = set.intersection(*(set(found[name]) for name in methods)) if methods else ()
    return methods, sorted(cells)


def ranks(rows: list, measure: str) -> dict[str, float]:
    """Return the mean rank, 1 the best, of each method that has all sets."""
    found = values(rows, measure)
    methods, cells = shared_by_all(found)
    if not cells:
        return {}
    table = rankdata([[found[m][cell] for cell in cells] for m in methods], axis=0)
    return dict(zip(methods, table.mean(axis=1).tolist(), strict=True))


def wins(rows: list, measure: str, base: str) -> dict[str, tuple[int, int]]:
    """Return on how many sets each method beats the base, and of how many.

    The means over the splits that both have are compared.
    """
    found = values(rows, measure)
    result = {}
    for method, own in found.items():
        shared = own.keys() & found.get(base, {}).keys()
        if method == base or not shared:
            continue
        mine, theirs = (
            by_set({cell: found[name][cell] for cell in shared})
            for name in (method, base)
        )
        result[method] = sum(mine[name] < theirs[name] for name in mine), len(mine)
    return result


def measures_of(rows: list) -> list[str]:
    """Return the measures that any row has."""
    return [name for name in measures.ALL if any(row.get(name) for row in rows)]
