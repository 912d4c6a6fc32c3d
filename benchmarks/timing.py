"""How times are taken on a machine that others use too: in turns, and as medians."""

import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any


def seconds(function: Callable, *arguments) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def many(function: Callable[[], object], least: float, most: int = 1000) -> float:
    """Return the mean time of a call, over calls that take ``least`` together."""
    once = seconds(function)
    n = max(1, min(most, round(least / max(once, 1e-7))))
    return seconds(lambda: [function() for _ in range(n)]) / n


def in_turns(functions: dict[Any, Callable[[], Any]], repeats: int) -> dict[Any, list]:
    """Call each function once a repeat; return the figures of each, by repeat.

    What slows the machine down for a while then slows all of them, and a ratio of two
    figures of the same repeat is hardly touched.
    """
    figures: dict[Any, list] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            figures[name].append(function())
    return figures


def ratio(above: Iterable[float], below: Iterable[float]) -> float:
    """Return the median of the ratios within each repeat."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
