"""Specializations of kernels: from the cache, or else from the compiler."""

import itertools
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from sknn.jit import loader, object_cache
from sknn.jit.configuration import check_unread_sources, configuration
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


def name_of(kernel: Any, dtype: np.dtype[Any]) -> str:
    """Return the name of a specialization in the cache."""
    return f"{kernel.name}-{dtype.name}"


def make(kernel: Any, dtype: np.dtype[Any]) -> None:
    """Enter the address of a specialization in ``kernel.specializations``.

    Parameters
    ----------
    kernel : Kernel or Driver
    dtype : dtype
        float32 or float64.
    """
    with interrupts_wait(), _lock:
        if dtype in kernel.specializations:
            return
        name = name_of(kernel, dtype)
        symbol = f"{configuration().name}_{kernel.name}_{dtype.name}"
        if not kernel.cached:  # names may be registered again
            symbol = f"{symbol}_{next(_numbers)}"
        code = object_cache.read(name) if kernel.cached else None
        if code is None or not _is_complete(code):
            is_current = not check_unread_sources()
            from sknn.jit import compiler

            code = compiler.compiled(kernel, dtype, symbol)
            COMPILED_HERE.append(name)
            if kernel.cached and is_current:
                object_cache.write(name, code)
            if not _is_complete(code):  # LLVM would end the process
                raise RuntimeError(f"{name} needs one of {code.externals}.")
        kernel.specializations[dtype] = loader.load(code, symbol)


def _is_complete(code: loader.Code) -> bool:
    """Return whether this process has what code needs; import Numba if that helps."""
    if loader.is_complete(code):
        return True
    from sknn.jit import compiler

    compiler.provide_symbols()
    return loader.is_complete(code)


def keep(kernel: Any, dtype: np.dtype[Any]) -> bool:
    """Make a specialization; return whether the cache holds it now."""
    kernel.address(dtype)
    name = name_of(kernel, dtype)
    return not INTERPRETED and object_cache.read(name) is not None


def compile_for_python(
    function: Callable[..., Any], n_numbers: int, dtype: np.dtype[Any]
) -> Callable[..., Any]:
    """Return a user's function of numbers, compiled for Python to call.

    Parameters
    ----------
    function : callable
    n_numbers : int
        How many numbers it takes.
    dtype : dtype
        Their type.

    Returns
    -------
    function : callable
        The same one, with NUMBA_DISABLE_JIT=1.
    """
    if INTERPRETED:
        return function
    from sknn.jit import compiler

    with interrupts_wait(), _lock:
        return compiler.compile_for_python(function, n_numbers, dtype)
