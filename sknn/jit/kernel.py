"""How kernels are written and called, without knowing the compiler.

Two kinds of compiled code exist. *Leaves* are small functions that work on whole
arrays: an activation, a loss, the step of an optimizer, one layer forwards. *Drivers*
walk over batches and layers and call the leaves by address, so that a driver never
holds the code of a leaf: it is compiled once and serves every leaf that exists now or
will be registered later. Options are values, never types. Each function exists in
exactly two versions, float32 and float64, and a version is loaded from the cache, or
compiled, when it is first used.

Numba is imported by `compiler.py`, and that by the first version that the cache does
not hold: the decorators only write down what is to be compiled.
"""

import ctypes
import struct
from collections.abc import Callable
from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np

from sknn.jit import specializations as versions
from sknn.jit.declarations import (
    BOUNDS_CHECKED,
    FAILED,
    INT32,
    INTEGER,
    INTERPRETED,
    OWN,
    REAL,
    Array,
    Record,
    Type,
    by_dtype,
    inline_array,
    inline_scalar,
    instruction,
)

__all__ = [
    "INT32",
    "INTEGER",
    "OWN",
    "REAL",
    "Array",
    "Driver",
    "Kernel",
    "Record",
    "by_dtype",
    "call",
    "driver",
    "flat",
    "inline_array",
    "inline_scalar",
    "instruction",
    "kernel",
    "like",
    "matrix",
    "prefetch",
    "scratch",
    "vector",
]

# ---------------------------------------------------------------------------------
# Kernels.

_FIRST_ITEM = tuple.__basicsize__  # bytes from a tuple's address to its first pointer

# Every kernel and driver, in the order of definition.
COMPILED: list["CompiledFunction"] = []


class CompiledFunction:
    """A function with one version for each dtype, made when first used.

    Parameters
    ----------
    function : function
        Plain Python in the subset that Numba compiles. Returns a number.
    signature : tuple
        The types of its arguments.
    name : str
        Unique among all leaves and drivers.
    cached : bool, default=True
        Whether versions are kept on disk. Not so for what users register, nor for
        functions from elsewhere: cached versions only tell sknn's own code apart.
    interleave : int, default=1
        Of how many vectors a loop over elements does each step side by side. Where
        every step waits for the one before, others run meanwhile.
    """

    is_driver = False

    def __init__(
        self,
        function: Callable,
        signature: tuple[Type, ...],
        name: str,
        *,
        cached: bool = True,
        interleave: int = 1,
    ):
        self.function = function
        self.signature = signature
        self.name = name
        self.cached = cached and function.__module__.startswith("sknn.kernels.")
        self.interleave = interleave
        self.versions: dict[np.dtype, Any] = {}  # the addresses
        COMPILED.append(self)
        self.number = len(COMPILED)

    def address(self, dtype: np.dtype) -> int:
        """Return where the version for a dtype starts, as a value for the drivers."""
        try:
            return self.versions[dtype]
        except KeyError:
            return self._make(dtype)

    def _make(self, dtype: np.dtype) -> int:
        if INTERPRETED:
            _INTERPRETED_LEAVES[id(self.function)] = self.function
            self.versions[dtype] = id(self.function)
        else:
            versions.make(self, dtype)
        return self.versions[dtype]


class Kernel(CompiledFunction):
    """Compiled code that a driver calls by address."""


class Driver(CompiledFunction):
    """Compiled code that Python calls, without the GIL if not told otherwise.

    Compiled code gets two addresses: where pointers to the arguments lie, of which it
    reads those to arrays, and where the integers and floats lie, 8 bytes each. It
    looks up in the array objects itself where the elements are, and whether dtype,
    number of dimensions and order are those of the signature.
    """

    is_driver = True

    def __init__(self, function: Callable, signature: tuple[Type, ...], name: str):
        super().__init__(function, signature, name)
        code = function.__code__
        self.parameters = code.co_varnames[: code.co_argcount]
        numbers = [k for k, kind in enumerate(signature) if not isinstance(kind, Array)]
        self.slots = {k: slot for slot, k in enumerate(numbers)}  # of the numbers
        self._numbers = _items(numbers)
        kinds = ["d" if signature[k] == REAL else "q" for k in numbers]
        self._pack = struct.Struct("".join(kinds)).pack
        self._entries: dict[np.dtype, Callable] = {}

    def _entry(self, dtype: np.dtype) -> Callable:
        self._entries[dtype] = _entry(self.address(dtype), ctypes.c_char_p)
        return self._entries[dtype]

    def __call__(self, dtype: np.dtype, *arguments: Any) -> float:
        """Run the version for a dtype."""
        if INTERPRETED:
            return self.function(*arguments)
        if len(arguments) != len(self.signature):
            raise TypeError(f"{self.name} takes {len(self.signature)} arguments.")
        entry = self._entries.get(dtype) or self._entry(dtype)
        numbers = self._pack(*self._numbers(arguments))
        result = entry(id(arguments) + _FIRST_ITEM, numbers)
        return result if result == result else self.explain(dtype, arguments, result)

    def prepare(
        self, dtype: np.dtype, *, keeps_gil: bool = False, **fixed: Any
    ) -> Callable[..., float]:
        """Return a function of the arguments that are not given here, in their order.

        What is given is looked up once. The function is not to be called by several
        threads at the same time. Where a call is over in microseconds, to let go of
        the GIL and wait for its return may take longer than to keep it.
        """
        return _prepared(self, dtype, fixed, keeps_gil)

    def explain(self, dtype: np.dtype, arguments: Any, result: float) -> float:
        """Return a result that is NaN, or raise if that means a wrong argument.

        Raises
        ------
        TypeError
            If an argument is not of the type in the signature.
        """
        for name, kind, value in zip(
            self.parameters, self.signature, arguments, strict=True
        ):
            if isinstance(kind, Array) and not _fits(value, kind, dtype):
                raise TypeError(
                    f"{self.name}: {name} must be an array like {kind}, in C order, "
                    f"with {dtype} for its own dtype; got {_described(value)}."
                )
        return result


def _items(places: list[int]) -> Callable[[tuple], tuple]:
    """Return what takes items out of a tuple, fast where there are several."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda arguments: tuple(arguments[k] for k in places)


@cache  # of ctypes' own, not all are kept
def _prototype(kind_of_numbers: Any, keeps_gil: bool) -> Any:
    kind = ctypes.PYFUNCTYPE if keeps_gil else ctypes.CFUNCTYPE
    return kind(ctypes.c_double, ctypes.c_void_p, kind_of_numbers)


def _entry(
    address: int, kind_of_numbers: Any, keeps_gil: bool = False
) -> Callable[[int, Any], float]:
    """Return compiled code as a Python function."""
    compiled = _prototype(kind_of_numbers, keeps_gil)(address)
    if not BOUNDS_CHECKED:
        return compiled

    def run(items, numbers):
        result = compiled(items, numbers)
        number, FAILED.value = FAILED.value, 0
        if number:
            name = COMPILED[number - 1].name
            raise IndexError(f"An index was out of bounds in the kernel {name!r}.")
        return result

    return run


def _fits(value: Any, kind: Array, dtype: np.dtype) -> bool:
    element = dtype if kind.element == OWN else np.dtype(kind.element)
    return (
        isinstance(value, np.ndarray)
        and value.dtype == element
        and value.ndim == kind.ndim
        and value.flags.c_contiguous
        and (kind.is_read_only or value.flags.writeable)
    )


def _described(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return type(value).__name__
    flags = " ".join(str(value.flags).split())
    return f"{value.dtype} of shape {value.shape}, {flags}"


def _prepared(
    driver: Driver, dtype: np.dtype, fixed: dict[str, Any], keeps_gil: bool
) -> Callable:
    names = driver.parameters
    unknown = fixed.keys() - set(names)
    if unknown:
        raise TypeError(f"{driver.name} has no parameters {sorted(unknown)}.")
    places = [k for k, name in enumerate(names) if name not in fixed]
    arguments = [fixed.get(name) for name in names]  # which keeps the arrays alive

    if INTERPRETED:

        def run_interpreted(*changing):
            for place, value in zip(places, changing, strict=True):
                arguments[place] = value
            return driver.function(*arguments)

        return run_interpreted

    n_items = len(names)
    block = bytearray(8 * (n_items + len(driver.slots)))
    reals, integers = memoryview(block).cast("d"), memoryview(block).cast("q")
    writers: list[tuple[Any, int, bool]] = [
        (integers, k, True)
        if isinstance(kind, Array)
        else (reals if kind == REAL else integers, n_items + driver.slots[k], False)
        for k, kind in enumerate(driver.signature)
    ]
    for k, (view, slot, is_array) in enumerate(writers):
        if k not in places:
            view[slot] = id(arguments[k]) if is_array else arguments[k]
    changes = [writers[k] for k in places]
    entry = _entry(driver.address(dtype), ctypes.c_void_p, keeps_gil)
    items = ctypes.addressof((ctypes.c_char * len(block)).from_buffer(block))
    numbers = items + 8 * n_items

    def run(*changing):
        for (view, slot, is_array), value in zip(changes, changing, strict=True):
            view[slot] = id(value) if is_array else value
        result = entry(items, numbers)
        if result == result:
            return result
        for place, value in zip(places, changing, strict=True):
            arguments[place] = value
        return driver.explain(dtype, arguments, result)

    vars(run)["block"] = block  # which nothing else holds where nothing changes
    return run


def kernel(signature: tuple[Type, ...]) -> Callable[[Callable], Kernel]:
    """Turn a function into a leaf with the given signature."""
    return lambda function: Kernel(function, signature, function.__name__)


def driver(signature: tuple[Type, ...]) -> Callable[[Callable], Driver]:
    """Turn a function into a driver with the given signature."""
    return lambda function: Driver(function, signature, function.__name__)


# ---------------------------------------------------------------------------------
# What kernels are written with, as plain Python; `intrinsics.py` has the rest.

_INTERPRETED_LEAVES: dict[int, Callable] = {}
_builtin = instruction("sknn.jit.intrinsics")


@_builtin
def call(address, arguments):
    """Call the leaf at an address with a tuple of arguments; return its float64."""
    if INTERPRETED:
        return _INTERPRETED_LEAVES[address](*arguments)
    words = list(_words(arguments))
    kinds = [type(word) for word in words]
    return ctypes.CFUNCTYPE(ctypes.c_double, *kinds)(int(address))(*words)


def _words(arguments):
    """Yield arguments as leaves take them: an array as an address and its shape."""
    for argument in arguments:
        if isinstance(argument, tuple):
            yield from _words(argument)
        elif isinstance(argument, np.ndarray):
            yield ctypes.c_void_p(argument.ctypes.data)
            yield from map(ctypes.c_int64, argument.shape)
        elif isinstance(argument, np.float32):
            yield ctypes.c_float(float(argument))
        elif isinstance(argument, (float, np.floating)):
            yield ctypes.c_double(float(argument))
        else:
            yield ctypes.c_int64(argument)


@_builtin
def matrix(buffer, start, n_rows, n_columns):
    """Return a C-ordered view of a buffer from an element on, without checks."""
    return buffer.reshape(-1)[start : start + n_rows * n_columns].reshape(
        n_rows, n_columns
    )


@_builtin
def vector(buffer, start, size):
    """Return a 1-D view of a buffer from an element on, without checks."""
    return buffer.reshape(-1)[start : start + size]


@_builtin
def flat(array):
    """Return a C-ordered array as a 1-D view."""
    return array.reshape(-1)


@_builtin
def prefetch(buffer, place):
    """Ask for an element of a buffer, and those beside it, before they are needed."""


@_builtin
def scratch(x, size):
    """Return memory for so many numbers like x, which the kernel has while it runs.

    The size must be a constant.
    """
    return np.empty(size, type(x))


@_builtin
def like(x, constant):
    """Return a constant in the type of the scalar x, so that float32 stays float32."""
    return type(x)(constant)
