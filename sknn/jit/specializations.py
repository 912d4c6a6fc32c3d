"""Versions of kernels: from the cache, or else from the compiler."""

import itertools
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from sknn.jit import loader as native
from sknn.jit import object_cache as cache
from sknn.jit.declarations import INTERPRETED
from sknn.jit.deferred_interrupts import interrupts_wait

COMPILED_HERE: list[str] = []  # names of what this process has compiled

# One at a time, and none while the process forks: the child would wait forever for a
# lock that no thread of its own holds.
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire,
        after_in_parent=_lock.release,
        after_in_child=_lock.release,
    )

_numbers = itertools.count()


def name_of(kernel: Any, dtype: np.dtype) -> str:
    """Return the name of a version in the cache."""
    return f"{kernel.name}-{dtype.name}"


def make(kernel: Any, dtype: np.dtype) -> None:
    """Enter the address of a version in ``kernel.versions``."""
    with interrupts_wait(), _lock:
        if dtype in kernel.versions:
            return
        name = name_of(kernel, dtype)
        symbol = f"sknn_{kernel.name}_{dtype.name}"
        if not kernel.cached:  # names may be registered again
            symbol = f"{symbol}_{next(_numbers)}"
        code = cache.read(name) if kernel.cached else None
        if code is None or not _is_complete(code):
            from sknn.jit import compiler

            code = compiler.compiled(kernel, dtype, symbol)
            COMPILED_HERE.append(name)
            if kernel.cached:
                cache.write(name, code)
            if not _is_complete(code):  # LLVM would end the process
                raise RuntimeError(f"{name} needs one of {code.externals}.")
        kernel.versions[dtype] = native.load(code, symbol)


def _is_complete(code: native.Code) -> bool:
    """Return whether this process has what code needs; import Numba if that helps."""
    if native.is_complete(code):
        return True
    from sknn.jit import compiler

    compiler.provide_symbols()
    return native.is_complete(code)


def keep(kernel: Any, dtype: np.dtype) -> bool:
    """Make a version; return whether the cache holds it now."""
    kernel.address(dtype)
    name = name_of(kernel, dtype)
    return not INTERPRETED and cache.read(name) is not None


def trial(function: Callable, n_numbers: int, dtype: np.dtype) -> Callable:
    """Return a user's function of numbers, compiled for one dtype if it can be."""
    if INTERPRETED:
        return function
    from sknn.jit import compiler

    with interrupts_wait(), _lock:
        return compiler.trial(function, n_numbers, dtype)
