"""One training at a time for each estimator."""

import os
import threading
import weakref
from typing import Any

_turns: dict[int, Any] = {}  # locks, by the id of the estimator


def fit_lock(estimator):
    """Return what holds back all other threads that train an estimator, in a ``with``.

    A thread that trains it already, as a callback may, does not wait for itself. It is
    a lock of Python's own, which no interrupt leaves held.
    """
    new = threading.RLock()
    lock = _turns.setdefault(id(estimator), new)
    if lock is new:
        weakref.finalize(estimator, _turns.pop, id(estimator), None).atexit = False
    return lock


def _forget_other_threads() -> None:
    """Let a forked child train what another thread trained at that moment."""
    _turns.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)
