"""What kernels are declared with: types for signatures, and what they may contain.

Nothing is compiled here: `compiler.py` reads what is written down.
"""

import ctypes
import os
from collections.abc import Callable
from typing import NamedTuple


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").strip() not in ("", "0")


# With NUMBA_DISABLE_JIT=1 all kernels run as plain Python.
INTERPRETED = _is_set("NUMBA_DISABLE_JIT")
# With NUMBA_BOUNDSCHECK=1 kernels leave off where an index is out of bounds.
BOUNDS_CHECKED = _is_set("NUMBA_BOUNDSCHECK")
FAILED = ctypes.c_int64(0)  # and write their number here, from 1 on

# ---------------------------------------------------------------------------------
# Types, for signatures. A signature is a tuple of these, one for each argument; what
# a kernel returns is a float64.

REAL, INTEGER, INT32 = "float64", "int64", "int32"
OWN = "own"  # the dtype of the version: float32 or float64


class Array(NamedTuple):
    """Type of an array in C order."""

    element: str = OWN
    ndim: int = 1
    is_read_only: bool = False


class Record(NamedTuple):
    """Type of a namedtuple."""

    factory: type
    fields: tuple


Type = str | Array | Record

# ---------------------------------------------------------------------------------
# What leaves and drivers may contain, written down for `compiler.py`.

# Sums may be re-ordered and products fused into additions, which is what it takes to
# vectorise. The promise that NaN and infinity never occur is left out on purpose:
# divergence is found by looking for them.
FASTMATH = frozenset({"reassoc", "contract"})
# Re-ordering would undo the two-step reduction of the range in `elementary.py`.
FASTMATH_SCALAR = frozenset({"contract"})

INLINED: list[tuple[Callable, frozenset[str]]] = []  # and what their sums may do
BY_DTYPE: list[tuple[Callable, Callable, Callable]] = []
INSTRUCTIONS: dict[Callable, str] = {}  # the modules that have them


def inline_scalar(function: Callable) -> Callable:
    """Mark a scalar function as one that leaves may contain."""
    INLINED.append((function, FASTMATH_SCALAR))
    return function


def inline_array(function: Callable) -> Callable:
    """Mark a function of arrays as one that leaves may contain, with their options."""
    INLINED.append((function, FASTMATH))
    return function


def by_dtype(function: Callable, *, float32: Callable, float64: Callable) -> None:
    """Say what stands for a function of one number, by the type of the number."""
    BY_DTYPE.append((function, float32, float64))


def instruction(module: str) -> Callable[[Callable], Callable]:
    """Mark a function as one that another module writes in LLVM's instructions.

    Instructions compile faster than functions, and can do what Python cannot say. What
    is marked is their plain Python, for NUMBA_DISABLE_JIT=1. The module, which may
    import Numba, has a function decorated by ``compiler.implements``.
    """

    def mark(function):
        INSTRUCTIONS[function] = module
        return function

    return mark
