"""A lock for each estimator, held while it trains."""

import os
import threading
import weakref
from typing import Any

_locks: dict[int, Any] = {}  # locks, by the id of the estimator


def fit_lock(estimator: Any) -> Any:
    """Return the lock of an estimator, for a ``with`` statement around its training.

    It is reentrant, since a callback may train the estimator again. Python releases it
    in a ``with`` statement even after an interrupt.
    """
    new = threading.RLock()
    lock = _locks.setdefault(id(estimator), new)
    if lock is new:
        weakref.finalize(estimator, _locks.pop, id(estimator), None).atexit = False
    return lock


def _forget_other_threads() -> None:
    """Drop the locks that other threads held when the process was forked."""
    _locks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)
