"""Specializations of kernels: from the cache, or else from the compiler."""

import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from sknn.jit import loader, object_cache
from sknn.jit.configuration import check_unread_sources, configuration
from sknn.jit.declarations import INTERPRETED
from sknn.jit.deferred_interrupts import interrupts_wait
from sknn.jit.locks import BEFORE_FORK, compiler_lock, llvm_unlocked_after_errors
from sknn.jit.room import check_room
from sknn.jit.thread_start import start_if_possible

COMPILED_HERE: list[str] = []  # names of what this process has compiled

# Of address space, and of memory that is written to, for the first kernel, with the
# import of Numba, and for each later one.
_MEGABYTES_AT_FIRST, _RESIDENT_AT_FIRST = 200, 120
_MEGABYTES_LATER, _RESIDENT_LATER = 32, 32

COMPILING = "Compiling kernels with Numba, which may take some seconds."

_announces: ContextVar[bool] = ContextVar("_announces", default=False)
_announced: list[str] = []  # what this process has said

_pending: dict[tuple[Any, np.dtype[Any]], "_Pending"] = {}
_numbers = itertools.count()


class _Pending:
    """Machine code in the making.

    LLVM optimises and emits a kernel in a thread of its own, without the GIL, while
    Numba translates the next one.
    """

    def __init__(
        self, symbol: str, is_current: bool, finish: Callable[[], loader.Code]
    ):
        self.symbol = symbol
        self.is_current = is_current  # whether it is of the sources on disk
        self._finish = finish
        self._code: loader.Code | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="LLVM")
        if not start_if_possible(self._thread):
            self._run()

    def _run(self) -> None:
        try:
            with llvm_unlocked_after_errors():
                self._code = self._finish()
        except BaseException as error:
            self._error = error

    def wait(self) -> None:
        """Wait until the code is there."""
        if self._thread.ident is not None:
            self._thread.join()

    def code(self) -> loader.Code:
        """Return the code, or raise what went wrong."""
        self.wait()
        if self._error is not None:
            raise self._error
        assert self._code is not None
        return self._code


def _wait_for_llvm() -> None:
    for pending in _pending.values():
        pending.wait()


BEFORE_FORK.append(_wait_for_llvm)


@contextmanager
def compiling_announced(is_verbose: bool | int) -> Iterator[None]:
    """Say on stderr, once a process, if something has to be compiled in the block."""
    token = _announces.set(bool(is_verbose))
    try:
        yield
    finally:
        _announces.reset(token)


def _announce() -> None:
    if _announces.get() and not _announced:
        _announced.append(COMPILING)
        print(COMPILING, file=sys.stderr, flush=True)


def name_of(kernel: Any, dtype: np.dtype[Any]) -> str:
    """Return the name of a specialization in the cache."""
    return f"{kernel.name}-{dtype.name}"


def request(kernel: Any, dtype: np.dtype[Any]) -> None:
    """Load a specialization from the cache, or begin to compile it.

    Parameters
    ----------
    kernel : Kernel or Driver
    dtype : dtype
        float32 or float64.
    """
    with interrupts_wait(), compiler_lock, llvm_unlocked_after_errors():
        if dtype in kernel.specializations or (kernel, dtype) in _pending:
            return
        name = name_of(kernel, dtype)
        kernel_name = kernel.name.encode("ascii", "backslashreplace").decode()
        symbol = f"{configuration().name}_{kernel_name}_{dtype.name}"
        if not kernel.cached:  # names may be registered again
            symbol = f"{symbol}_{next(_numbers)}"
        code = object_cache.read(name) if kernel.cached else None
        if code is not None and _is_complete(code):
            kernel.specializations[dtype] = loader.load(code, symbol)
            return
        try:
            is_current = not check_unread_sources()
        except OSError:  # no file can be opened
            is_current = False
        _check_room()
        _announce()
        from sknn.jit import compiler

        finish = compiler.lower(kernel, dtype, symbol)
        object_cache.note_settings(name)
        _pending[kernel, dtype] = _Pending(symbol, is_current, finish)


def _check_room() -> None:
    if COMPILED_HERE or _pending:
        check_room(_MEGABYTES_LATER, "compile a kernel", _RESIDENT_LATER)
    else:
        check_room(_MEGABYTES_AT_FIRST, "compile a kernel", _RESIDENT_AT_FIRST)


def make(kernel: Any, dtype: np.dtype[Any]) -> None:
    """Enter the address of a specialization in ``kernel.specializations``.

    Parameters
    ----------
    kernel : Kernel or Driver
    dtype : dtype
        float32 or float64.
    """
    with interrupts_wait(), compiler_lock, llvm_unlocked_after_errors():
        request(kernel, dtype)
        pending = _pending.pop((kernel, dtype), None)
        if pending is None:
            return
        name, symbol = name_of(kernel, dtype), pending.symbol
        try:
            code = pending.code()
        except Exception as error:
            from sknn.jit import compiler

            code = compiler.compile_after(error, kernel, dtype, symbol)
        COMPILED_HERE.append(name)
        if kernel.cached and pending.is_current:
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

    with interrupts_wait(), compiler_lock, llvm_unlocked_after_errors():
        return compiler.compile_for_python(function, n_numbers, dtype)


def may_raise(function: Callable[..., Any]) -> bool:
    """Return whether what `compile_for_python` returned may raise an exception.

    Drivers do not hear of it: they would go on with what lies in memory. Plain Python
    raises by itself.
    """
    if INTERPRETED:
        return False
    from sknn.jit import compiler

    return compiler.may_raise(function)
