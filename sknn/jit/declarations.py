"""What kernels are declared with: argument types, inlined functions, intrinsics.

Nothing is compiled here, and Numba is not imported: `compiler.py` reads what is written
down.
"""

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def _is_set(variable: str) -> bool:
    """Return whether a variable is a number other than 0, as Numba reads it."""
    try:
        return bool(int(os.environ.get(variable, "")))
    except ValueError:
        return False


# With NUMBA_DISABLE_JIT=1 all kernels run as plain Python.
INTERPRETED = _is_set("NUMBA_DISABLE_JIT")
# With NUMBA_BOUNDSCHECK=1 a kernel ends where an index is out of bounds, and writes its
# number, from 1 on, here.
BOUNDS_CHECKED = _is_set("NUMBA_BOUNDSCHECK")
FAILED = ctypes.c_int64(0)

# ---------------------------------------------------------------------------------
# Argument types. A signature is a tuple of these, one for each argument; the value that
# a kernel returns is a float64.

REAL, INTEGER, INT32 = "float64", "int64", "int32"
DTYPE = "dtype"  # the dtype of the specialization: float32 or float64


class Array(NamedTuple):
    """Type of an array in C order.

    Attributes
    ----------
    element : str, default="dtype"
        Name of its dtype; "dtype" is that of the specialization.
    ndim : int, default=1
        Number of dimensions.
    is_read_only : bool, default=False
        Whether read-only arrays are taken too. The kernel cannot write to it then.
    """

    element: str = DTYPE
    ndim: int = 1
    is_read_only: bool = False


class Record(NamedTuple):
    """Type of a namedtuple.

    Attributes
    ----------
    factory : type
        The namedtuple.
    fields : tuple
        The type of each of its fields.
    """

    factory: Any
    fields: "tuple[Type, ...]"


Type = str | Array | Record
Signature = tuple[Type, ...]


def flat_parameters(
    names: Iterable[str], types: Iterable[Type]
) -> Iterator[tuple[str, Type]]:
    """Yield names and types of parameters, those of fields in place of records."""
    for name, type_ in zip(names, types, strict=True):
        if isinstance(type_, Record):
            yield from flat_parameters(type_.factory._fields, type_.fields)
        else:
            yield name, type_


def nested(type_: Type, values: Iterator[Any]) -> Any:
    """Return the next value, or a record of the next values."""
    if isinstance(type_, Record):
        return type_.factory(*[nested(field, values) for field in type_.fields])
    return next(values)


# ---------------------------------------------------------------------------------
# What kernels and drivers may contain, written down for `compiler.py`.

# Sums may be re-ordered and products fused into additions, which is what it takes to
# vectorise. That NaN and infinity never occur is not promised, for divergence is found
# by looking for them.
FASTMATH = frozenset({"reassoc", "contract"})
# For functions of numbers: re-ordering would undo a two-step reduction of the range.
FASTMATH_SCALAR = frozenset({"contract"})

# Functions and their fastmath flags.
INLINED: list[tuple[Callable[..., Any], frozenset[str]]] = []
# Functions, what stands for them in float32, and in float64.
BY_DTYPE: list[tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = []
# Functions that call kernels by address, what messages call these, and signatures.
CALLERS: list[tuple[Callable[..., Any], str, Signature]] = []
# The modules that implement intrinsics.
INTRINSICS: dict[Callable[..., Any], str] = {}


def inline_scalar(function: Function) -> Function:
    """Let kernels contain a function of numbers.

    Parameters
    ----------
    function : callable
        Plain Python in the subset that Numba compiles. Its sums keep their order.

    Returns
    -------
    function : callable
        The same function, which can be called from Python too.
    """
    INLINED.append((function, FASTMATH_SCALAR))
    return function


def inline_array(function: Function) -> Function:
    """Let kernels contain a function of arrays, whose sums may be re-ordered.

    Parameters
    ----------
    function : callable
        Plain Python in the subset that Numba compiles.

    Returns
    -------
    function : callable
        The same function, which can be called from Python too.
    """
    INLINED.append((function, FASTMATH))
    return function


def by_dtype(
    function: Callable[..., Any],
    *,
    float32: Callable[..., Any],
    float64: Callable[..., Any],
) -> None:
    """Let kernels contain a function of one number, compiled differently by its dtype.

    Parameters
    ----------
    function : callable
        What kernels call; its own code runs in plain Python only.
    float32, float64 : callable
        What is compiled in its place for a number of this type.
    """
    BY_DTYPE.append((function, float32, float64))


def intrinsic(module: str) -> Callable[[Function], Function]:
    """Let kernels contain a function that a module writes as LLVM instructions.

    Intrinsics compile faster than functions, and can do what Python cannot say. The
    decorated function is their plain Python, for NUMBA_DISABLE_JIT=1.

    Parameters
    ----------
    module : str
        Name of the module, imported when something has to be compiled. It has to
        decorate the instructions with ``compiler.lower_intrinsic(function)``.

    Returns
    -------
    decorator : callable
        Marks a function and returns it.
    """

    def mark(function: Function) -> Function:
        INTRINSICS[function] = module
        return function

    return mark
