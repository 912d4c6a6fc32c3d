"""One thread compiles or loads at a time, and none while the process forks.

A child has no other thread than the one that forked. A lock that another thread held at
that moment would never be released in it.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sknn.jit.deferred_interrupts import interrupts_wait

compiler_lock = threading.RLock()

# What has to end before a fork, called with the lock held.
BEFORE_FORK: list[Callable[[], None]] = []

# Names of modules, and where their locks are: private names of Numba and llvmlite.
LOCK_OF_LLVM = ("llvmlite.binding.ffi", "lib._lock")
LOCKS_OF_OTHERS = (("numba.core.compiler_lock", "global_compiler_lock"), LOCK_OF_LLVM)

_held: list[ExitStack] = []


def _lock_of(module: str, names: str) -> Any:
    """Return a lock of a module; None if the module is not imported, or has none."""
    lock: Any = sys.modules.get(module)
    for name in names.split("."):
        lock = getattr(lock, name, None)
    return lock


def _locks_of_others() -> Iterator[Any]:
    """Yield the locks of modules that are imported, in the order of their use."""
    for module, names in LOCKS_OF_OTHERS:
        lock = _lock_of(module, names)
        if hasattr(lock, "__enter__"):
            yield lock


@contextmanager
def llvm_unlocked_after_errors() -> Iterator[None]:
    """Release LLVM's lock where an exception has left it locked.

    llvmlite takes it and then calls what Numba wants to be told, which may raise a
    MemoryError: nobody releases it then, and every thread waits for ever. A thread that
    enters here does not hold it.
    """
    try:
        yield
    except BaseException:
        lock = getattr(_lock_of(*LOCK_OF_LLVM), "_lock", None)
        while lock is not None and lock._is_owned():
            lock.release()
        raise


def _before_fork() -> None:
    # Python prints what is raised at the end of this block, and forks.
    with interrupts_wait(), ExitStack() as stack:
        stack.enter_context(compiler_lock)
        for end in BEFORE_FORK:
            end()
        for lock in _locks_of_others():
            stack.enter_context(lock)
        _held.append(stack.pop_all())


def _after_fork() -> None:
    with interrupts_wait():
        _held.pop().close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork,
        after_in_child=_after_fork,
    )
