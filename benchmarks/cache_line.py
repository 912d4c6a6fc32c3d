"""How long a cache line takes from one core to another: two threads in turns.

Each waits until the other has written, and then writes, by the instructions with which
the members of a team meet. The cores of a virtual machine do not always share a cache,
and with this time varies what threads gain that work on one batch.
"""

import math
import os
import statistics
import threading
from collections.abc import Iterable

import numpy as np

from benchmarks.timing import seconds
from sknn.jit.atomics import add, read
from sknn.jit.kernel import INTEGER, driver
from sknn.kernels.drivers.records import INTEGERS

N_TURNS, N_REPEATS = 5_000, 20


@driver((INTEGERS, INTEGER, INTEGER))
def take_turns(written, member, n_turns):
    """Wait for each turn of a member, and give it to the other."""
    for k in range(n_turns):
        while read(written, 0) != 2 * k + member:
            pass
        add(written, 0, 1)
    return 0.0


def median(figures: Iterable[float]) -> float | str:
    """Return the median of some times; nothing, where there was but one core."""
    found = [figure for figure in figures if not math.isnan(figure)]
    return statistics.median(found) if found else ""


def cores() -> list[int | None]:
    """Return two cores of this process, or nothing where it cannot choose."""
    if not hasattr(os, "sched_getaffinity"):
        return [None, None]
    return sorted(os.sched_getaffinity(0))[:2]


def nanoseconds() -> float:
    """Return how long a line takes from one core to the other; NaN with one core.

    The least of several times: what another process takes of a core does not count.
    """
    chosen, dtype = cores(), np.dtype(np.float64)  # of which the loop has nothing
    if len(chosen) < 2:  # they would wait for each other forever
        return float("nan")
    take_turns.address(dtype)
    return min(_measured(chosen, dtype) for _ in range(N_REPEATS))


def _measured(chosen, dtype):
    written, together = np.zeros(16, dtype=np.int64), threading.Barrier(2)
    found = []

    def run(member, core):
        if core is not None:
            os.sched_setaffinity(0, {core})  # of this thread
        together.wait()
        found.append(seconds(take_turns, dtype, written, member, N_TURNS))

    threads = [threading.Thread(target=run, args=own) for own in enumerate(chosen)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1e9 * max(found) / (2 * N_TURNS)
