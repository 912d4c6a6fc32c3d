"""The number of threads of a fit or a prediction, and how they are run.

There is no pool: threads are started for one call of a driver, and end with it. Their
number changes no result, so that it may depend on what else runs in the process: fits
that run at the same time divide the cores among them.
"""

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any
from weakref import ref

import numpy as np
from joblib.parallel import get_active_backend

from sknn._sklearn import openmp_effective_n_threads
from sknn.jit.declarations import INTERPRETED
from sknn.jit.deferred_interrupts import interrupts_wait
from sknn.jit.thread_start import start_if_possible
from sknn.kernels.drivers.barrier import CALLED_OFF

# Multiplications for which another thread pays: in the products of a batch, for which
# threads wait for each other several times; and in a prediction, where they do not.
WORTH_A_TEAM_THREAD = 2**22
WORTH_A_THREAD = 2**26

_FIRST_CALLS, _CALLS_BETWEEN_TRIALS, _REMEMBERED = 3, 25, 3


# Weak references: a fit that an interrupt has kept from leaving is not counted when it
# is gone. A count, or a lock around it, could be left wrong or held.
_active: set["ref[active_fit]"] = set()


class active_fit:
    """Count a fit or a prediction among those that share the cores."""

    def __enter__(self) -> None:
        _active.add(ref(self))

    def __exit__(self, *error: object) -> None:
        _active.discard(ref(self))


def _n_active() -> int:
    _active.difference_update([each for each in tuple(_active) if each() is None])
    return len(_active)


if hasattr(os, "register_at_fork"):
    # None of the threads of the parent is in the child.
    os.register_at_fork(after_in_child=_active.clear)


def is_shared(n_multiplications: float, worth_one: int) -> bool:
    """Return whether work can be enough for two threads."""
    return n_multiplications >= 2 * worth_one and not INTERPRETED


def n_threads_for(n_multiplications: float, worth_one: int) -> int:
    """Return how many threads to use now.

    No more than scikit-learn's own compiled code would: it heeds OMP_NUM_THREADS,
    which joblib sets in its processes, and ``threadpoolctl.threadpool_limits``.
    """
    if not is_shared(n_multiplications, worth_one) or _is_worker_thread():
        return 1
    n_cores = int(openmp_effective_n_threads())
    if hasattr(os, "sched_getaffinity"):
        n_cores = min(n_cores, len(os.sched_getaffinity(0)))
    n_available = n_cores // max(1, _n_active())
    return max(1, min(n_available, int(n_multiplications // worth_one)))


def _is_worker_thread() -> bool:
    """Return whether joblib runs this in a thread, beside others on the other cores."""
    if threading.current_thread() is threading.main_thread():
        return False
    backend, _ = get_active_backend()
    return bool(backend.nesting_level)


class ThreadCountTuner:
    """Chooses between one thread and several by what they took.

    Where others use the cores, members of a team wait for each other longer than they
    work. So both are tried, and now and then the one that was slower once more.
    """

    def __init__(self) -> None:
        # For a row, in the last calls with one thread and with several.
        self._seconds: dict[bool, deque[float]] = {
            several: deque(maxlen=_REMEMBERED) for several in (True, False)
        }
        self._n_calls = 0

    def choose(self, n_threads: int) -> int:
        """Return n_threads or 1."""
        self._n_calls += 1
        if self._n_calls <= _FIRST_CALLS:  # the very first also finds memory cold
            return 1 if self._n_calls == _FIRST_CALLS else n_threads
        # The least of a few: one call that something else held up does not count.
        one, several = (min(self._seconds[k], default=np.inf) for k in (False, True))
        tries_other = self._n_calls % _CALLS_BETWEEN_TRIALS == 0
        return n_threads if (several < one) != tries_other else 1

    def note(self, n_threads: int, n_rows: int, seconds: float) -> None:
        """Write down what a call took."""
        self._seconds[n_threads > 1].append(seconds / n_rows)


@cache
def _core_finder() -> Callable[[], int]:
    """Return a function for the core that this thread runs on; -1 if unknown."""
    try:
        return ctypes.CDLL(None).sched_getcpu
    except (AttributeError, OSError, TypeError):  # not Linux
        return lambda: -1


def _keep_off(core: int) -> None:
    """Let this thread run on any core but the given one, if there are others.

    The system may start a thread on the core of the one that started it, although
    another is idle, and take longer to move it than its work takes.
    """
    if core >= 0 and hasattr(os, "sched_setaffinity"):
        others = set(os.sched_getaffinity(0)) - {core}
        if others:
            with suppress(OSError):  # they were taken away meanwhile
                os.sched_setaffinity(0, others)


class CalledOffError(RuntimeError):
    """Work was called off between two calls of a kernel, since another part failed."""


class NoThreadError(RuntimeError):
    """A thread could not be started, and so the others have done nothing either."""


def run_together(calls: Sequence[Callable[[], Any]], shared: np.ndarray) -> Any:
    """Run calls in threads; return the result of the first when all have ended.

    The first runs in this thread, each other one in a new thread. ``shared`` is what
    the threads share: see ``barrier.py``. An exception in one of them calls off what
    has not begun, and is raised here when all have ended. So does an exception from a
    signal handler, such as Ctrl-C.

    Raises
    ------
    NoThreadError
        If a thread cannot be started. The others have not passed a barrier.
    """
    if len(calls) == 1:
        return calls[0]()
    errors: list[BaseException] = []
    core = _core_finder()()

    def call_off(error: BaseException) -> None:
        shared[CALLED_OFF] = 1
        errors.append(error)

    def run(call: Callable[[], Any]) -> None:
        try:
            _keep_off(core)
            call()
        except BaseException as error:
            call_off(error)

    others = [threading.Thread(target=run, args=(call,)) for call in calls[1:]]
    started: list[threading.Thread] = []
    result = None
    with interrupts_wait(call_off):
        try:
            for thread in others:
                if not start_if_possible(thread):
                    raise NoThreadError
                started.append(thread)
            result = calls[0]()
        except BaseException as error:
            call_off(error)
        for thread in started:
            thread.join()
        if errors:
            raise errors[0]
    return result


def run_together_or_alone(
    calls_of: Callable[[int], Sequence[Callable[[], Any]]],
    n_threads: int,
    shared: np.ndarray,
) -> Any:
    """Run the calls for a number of threads, or those for one if there are no more.

    ``calls_of`` returns the calls for a number of threads.
    """
    try:
        return run_together(calls_of(n_threads), shared)
    except NoThreadError:
        shared[:] = 0
        return run_together(calls_of(1), shared)


def in_parts(
    function: Callable[[int, int, Callable[[], bool]], Any],
    n_rows: int,
    n_threads: int,
    block: int,
) -> None:
    """Call ``function(start, stop, is_off)`` for parts of rows, in threads.

    Where ``is_off()`` returns True, the work was called off, and what is done is lost.
    """
    shared = np.zeros(CALLED_OFF + 1, dtype=np.int64)

    def calls_of(n_threads: int) -> list[Callable[[], Any]]:
        n_blocks = -(-n_rows // block)
        starts = [n_blocks * k // n_threads * block for k in range(n_threads)]
        stops = [*starts[1:], n_rows]
        return [
            partial(function, start, stop, lambda: bool(shared[CALLED_OFF]))
            for start, stop in zip(starts, stops, strict=True)
        ]

    run_together_or_alone(calls_of, n_threads, shared)


def calls_of_threads(
    prepare: Callable[..., Callable[..., float]], start: int, stop: int, n_threads: int
) -> list[Callable[[], float]]:
    """Return what each of so many threads has to do with a range of rows."""
    return [
        partial(prepare(thread=k, n_threads=n_threads), start, stop)
        for k in range(n_threads)
    ]


def run_in_turns(
    calls: Sequence[Callable[[Callable[[], bool]], Any]], n_threads: int
) -> None:
    """Make calls in so many threads, each of which takes the next until none is left.

    ``call(is_off)`` is to raise a CalledOffError soon after ``is_off()`` has become
    True: when another call has failed, or a signal handler has raised an exception,
    such as Ctrl-C. That exception is raised here when all threads have ended.
    """
    pending, errors = deque(calls), deque[BaseException]()

    def take_turns() -> None:
        try:
            while not errors:
                try:
                    call = pending.popleft()
                except IndexError:
                    return
                call(lambda: bool(errors))
        except BaseException as error:
            errors.append(error)
            raise

    def beside_others() -> None:
        with active_fit():
            take_turns()

    def calls_of(n_threads: int) -> list[Callable[[], Any]]:
        return [take_turns, *[beside_others] * (n_threads - 1)]

    shared = np.zeros(CALLED_OFF + 1, dtype=np.int64)
    with interrupts_wait(errors.append):
        run_together_or_alone(calls_of, min(n_threads, len(calls)), shared)
