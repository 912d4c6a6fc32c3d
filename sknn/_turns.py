"""One training at a time for each estimator."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ended = threading.Condition()
_trainers: dict[int, int] = {}  # the thread that trains, by the id of the estimator


@contextmanager
def turn_of(estimator) -> Iterator[None]:
    """Wait until no other thread trains the estimator, and keep them waiting.

    A thread that trains it already, as a callback may, does not wait for itself.
    """
    key, me = id(estimator), threading.get_ident()
    with _ended:
        _ended.wait_for(lambda: _trainers.get(key, me) == me)
        is_nested = key in _trainers
        _trainers[key] = me
    try:
        yield
    finally:
        if not is_nested:
            with _ended:
                del _trainers[key]
                _ended.notify_all()


def _forget_other_threads() -> None:
    """Let a forked child train what another thread trained at that moment."""
    global _ended
    _ended = threading.Condition()
    _trainers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)
