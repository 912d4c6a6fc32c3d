"""What the second core brings: searches on threads and processes, wide and small fits.

The process on two cores has no environment variable that says how many threads to use.
With each comparison goes how long a cache line takes from core to core meanwhile.
"""

import statistics
from collections.abc import Iterator
from functools import partial

from benchmarks import cache_line
from benchmarks.pinned import Pinned, once
from benchmarks.timing import in_turns, ratio

SMALL = {"iris-sized": (200, 10), "defaults": (20, 3), "course": (20, 3)}


def rows(options) -> Iterator[dict]:
    """Yield a row for each comparison with one core."""
    n_epochs = 5 if options.quick else 60
    module = "benchmarks.two_cores"
    with (
        Pinned(1, module) as one,
        Pinned(2, module) as two,
        Pinned(2, "benchmarks.cache_line") as line,
    ):

        def compare(*named):
            """Measure in turns; each row is a name, a process and an expression."""
            functions = {
                name: lambda where=where, what=what: where(what)
                for name, where, what in named
            }
            for _, where, what in named:  # compiles, and starts processes
                where(what)
            functions["line"] = lambda: line("nanoseconds()")
            figures = in_turns(functions, options.repeats)
            lines = figures.pop("line")
            (_, base), *others = figures.items()
            for name, times in others:
                yield {
                    "what": name,
                    "one core s": statistics.median(base),
                    "two cores s": statistics.median(times),
                    "times as fast": ratio(base, times),
                    "line ns": cache_line.median(lines),
                }

        yield from compare(
            ("one core", one, f"search('threading', 1, {n_epochs})"),
            ("search on threads", two, f"search('threading', 2, {n_epochs})"),
            ("search on processes", two, f"search('loky', 2, {n_epochs})"),
        )
        first = "first in a process"
        alone, together = (partial(once, cores, module) for cores in (1, 2))
        yield from compare(
            ("one core", alone, f"search('threading', 1, {n_epochs})"),
            (
                f"search on threads, {first}",
                together,
                f"search('threading', 2, {n_epochs})",
            ),
            (
                f"search on processes, {first}",
                together,
                f"search('loky', 2, {n_epochs})",
            ),
        )
        yield from compare(
            ("one core", one, "fit('very wide', 4)"),
            ("wide fit", two, "fit('very wide', 4)"),
        )
        for name, (epochs, fits) in SMALL.items():
            yield from compare(
                ("one core", one, f"fit({name!r}, {epochs}, {fits})"),
                (f"small fit: {name}", two, f"fit({name!r}, {epochs}, {fits})"),
            )
