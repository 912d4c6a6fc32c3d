"""How kernels are written and called, without knowing the compiler.

There are two sorts of compiled functions. *Kernels* work on whole arrays: an
activation, a loss, the step of an optimizer, one layer forwards. *Drivers* walk over
batches and layers and call the kernels by address, so that a driver never holds the
code of a kernel: it is compiled once and serves every kernel that exists now or will be
registered later. Options are values, never types. Each function has exactly two
specializations, float32 and float64. A specialization is loaded from the cache, or
compiled, when it is first used.

Numba is imported by `compiler.py`, and that by the first specialization that the cache
does not hold: the decorators only write down what is to be compiled.
"""

import ctypes
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np

from sknn.jit import specializations
from sknn.jit.argument_checks import description_of, fits
from sknn.jit.configuration import configuration
from sknn.jit.declarations import (
    BOUNDS_CHECKED,
    CALLERS,
    DTYPE,
    FAILED,
    INT32,
    INTEGER,
    INTERPRETED,
    REAL,
    Array,
    Record,
    Signature,
    Type,
    by_dtype,
    flat_parameters,
    inline_array,
    inline_scalar,
    intrinsic,
    nested,
)
from sknn.jit.functions import flat, like, matrix, prefetch, scratch, vector
from sknn.jit.kernel_names import check_name

__all__ = [
    "DTYPE",
    "INT32",
    "INTEGER",
    "REAL",
    "Array",
    "Driver",
    "Kernel",
    "Record",
    "by_dtype",
    "call",
    "caller",
    "driver",
    "flat",
    "inline_array",
    "inline_scalar",
    "intrinsic",
    "kernel",
    "like",
    "matrix",
    "prefetch",
    "request_addresses",
    "scratch",
    "vector",
]

# ---------------------------------------------------------------------------------
# Kernels.

_FIRST_ITEM = tuple.__basicsize__  # bytes from a tuple's address to its first pointer

# Every kernel and driver, in the order of definition.
COMPILED: list["CompiledFunction"] = []


def request_addresses(function: Callable[..., Any], *arguments: Any) -> None:
    """Request the specializations whose addresses a function asks for.

    ``address`` returns another number meanwhile, and waits for nothing. So what needs
    many kernels can be run twice, the first time to find out which.
    """
    function(*arguments)


def _is_requesting() -> bool:
    """Return whether ``request_addresses`` runs in this thread.

    The stack tells, so that no exception, wherever it is raised, can leave this true.
    """
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not request_addresses.__code__:
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None


class CompiledFunction:
    """A function with one specialization for each dtype, made when first used.

    Parameters
    ----------
    function : function
        Plain Python in the subset that Numba compiles. Returns a number.
    signature : tuple
        The types of its arguments.
    name : str
        Unique among all kernels and drivers that are kept on disk.
    cached : bool, default=True
        Whether specializations are kept on disk. Not so for what users register, nor
        for functions from elsewhere: the cache tells apart the sources of the
        configured package only.
    interleave : int, default=1
        On how many vectors at a time a loop over elements works. Where every step waits
        for the one before, those of other vectors run meanwhile.

    Raises
    ------
    ValueError
        If another kernel or driver that is kept on disk has this name.
    """

    is_driver = False

    def __init__(
        self,
        function: Callable[..., Any],
        signature: Signature,
        name: str,
        *,
        cached: bool = True,
        interleave: int = 1,
    ):
        self.function = function
        self.signature = signature
        self.name = name
        self.cached = cached and configuration().contains(function.__module__)
        self.interleave = interleave
        if self.cached:
            check_name(self)
        self.specializations: dict[np.dtype[Any], int] = {}  # the addresses
        COMPILED.append(self)
        self.number = len(COMPILED)

    def address(self, dtype: np.dtype[Any]) -> int:
        """Return the address of the specialization for a dtype, as drivers take it."""
        try:
            return self.specializations[dtype]
        except KeyError:
            if _is_requesting():
                self.request(dtype)
                return self.number
            return self._make(dtype)

    def request(self, dtype: np.dtype[Any]) -> None:
        """Begin to make the specialization for a dtype, if it is not there.

        Where several have to be compiled it takes less time to request them all before
        the first address is asked for: LLVM then works on one in another thread while
        Numba translates the next.
        """
        if dtype not in self.specializations and not INTERPRETED:
            specializations.request(self, dtype)

    def _make(self, dtype: np.dtype[Any]) -> int:
        if INTERPRETED:
            _INTERPRETED_KERNELS[id(self.function)] = self.function
            self.specializations[dtype] = id(self.function)
        else:
            specializations.make(self, dtype)
        return self.specializations[dtype]


class Kernel(CompiledFunction):
    """Compiled code that a driver calls by address."""


class Driver(CompiledFunction):
    """Compiled code that Python calls, without the GIL if not told otherwise.

    Compiled code gets two addresses: where pointers to the arguments lie, of which it
    reads those to arrays, and where the integers and floats lie, 8 bytes each. It
    looks up in the array objects itself where the elements are, and whether dtype,
    number of dimensions and order are those of the signature.

    A namedtuple in the signature, a ``Record``, is passed from Python as its fields, in
    their order: ``parameters`` and ``flat_signature`` hold these in its place.
    """

    is_driver = True

    def __init__(self, function: Callable[..., Any], signature: Signature, name: str):
        code = function.__code__
        names = code.co_varnames[: code.co_argcount]
        flat = [*flat_parameters(names, signature)]
        self.parameters = [name for name, _ in flat]
        if len({*self.parameters}) < len(flat):
            raise TypeError(f"{name} has two parameters of one name: {self.parameters}")
        super().__init__(function, signature, name)
        self.flat_signature = [type_ for _, type_ in flat]
        types = self.flat_signature
        numbers = [k for k, type_ in enumerate(types) if not _is_array(type_)]
        self.slots = {k: slot for slot, k in enumerate(numbers)}  # of the numbers
        self._numbers = _items(numbers)
        formats = ["d" if types[k] == REAL else "q" for k in numbers]
        self._pack = struct.Struct("".join(formats)).pack
        self._entries: dict[np.dtype[Any], Callable[..., float]] = {}

    def _entry(self, dtype: np.dtype[Any]) -> Callable[..., float]:
        self._entries[dtype] = _entry(self.address(dtype), ctypes.c_char_p)
        return self._entries[dtype]

    def __call__(self, dtype: np.dtype[Any], *arguments: Any) -> float:
        """Run the specialization for a dtype; return its result."""
        if INTERPRETED:
            return self.interpret(arguments)
        if len(arguments) != len(self.flat_signature):
            raise TypeError(f"{self.name} takes {len(self.flat_signature)} arguments.")
        entry = self._entries.get(dtype) or self._entry(dtype)
        numbers = self._pack(*self._numbers(arguments))
        result = entry(id(arguments) + _FIRST_ITEM, numbers)
        return result if result == result else self.explain(dtype, arguments, result)

    def prepare(
        self, dtype: np.dtype[Any], *, keeps_gil: bool = False, **fixed: Any
    ) -> Callable[..., float]:
        """Return a function of the arguments that are not given here.

        Parameters
        ----------
        dtype : dtype
            That of the specialization.
        keeps_gil : bool, default=False
            Whether other Python threads wait. Where a call is over in microseconds, to
            release the GIL and take it again may take longer.
        **fixed : arrays and numbers
            Arguments by name, which are looked up once.

        Returns
        -------
        run : callable
            Takes the other arguments, in their order. Not to be called by several
            threads at the same time.
        """
        return _prepared(self, dtype, fixed, keeps_gil)

    def interpret(self, arguments: Iterable[Any]) -> float:
        """Run the function as plain Python."""
        values = iter(arguments)
        own = [nested(type_, values) for type_ in self.signature]
        return self.function(*own)  # type: ignore[no-any-return]

    def explain(self, dtype: np.dtype[Any], arguments: Any, result: float) -> float:
        """Return a result that is NaN, or raise if a wrong argument led to it.

        Raises
        ------
        TypeError
            If an argument is not of the type in the signature.
        """
        for name, type_, value in zip(
            self.parameters, self.flat_signature, arguments, strict=True
        ):
            if isinstance(type_, Array) and not fits(value, type_, dtype):
                raise TypeError(
                    f"{self.name}: {name} must be an array like {type_}, in C order, "
                    f"where '{DTYPE}' is {dtype}; got {description_of(value)}."
                )
        return result


def _is_array(type_: Type) -> bool:
    return isinstance(type_, Array)


def _items(indices: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return a function that selects items of a tuple, fast for several of them."""
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda arguments: tuple(arguments[k] for k in indices)


@cache  # ctypes itself keeps some of them only
def _prototype(numbers_type: Any, keeps_gil: bool) -> Any:
    prototype: Any = ctypes.PYFUNCTYPE if keeps_gil else ctypes.CFUNCTYPE
    return prototype(ctypes.c_double, ctypes.c_void_p, numbers_type)


def _entry(
    address: int, numbers_type: Any, keeps_gil: bool = False
) -> Callable[[int, Any], float]:
    """Return compiled code as a Python function."""
    compiled: Callable[[int, Any], float]
    compiled = _prototype(numbers_type, keeps_gil)(address)
    if not BOUNDS_CHECKED:
        return compiled

    def run(items: int, numbers: Any) -> float:
        result = compiled(items, numbers)
        number, FAILED.value = FAILED.value, 0
        if number:
            name = COMPILED[number - 1].name
            raise IndexError(f"An index was out of bounds in the kernel {name!r}.")
        return result

    return run


def _prepared(
    driver: Driver, dtype: np.dtype[Any], fixed: dict[str, Any], keeps_gil: bool
) -> Callable[..., float]:
    names = driver.parameters
    unknown = fixed.keys() - set(names)
    if unknown:
        raise TypeError(f"{driver.name} has no parameters {sorted(unknown)}.")
    changing = [k for k, name in enumerate(names) if name not in fixed]
    arguments = [fixed.get(name) for name in names]  # which keeps the arrays alive

    if INTERPRETED:

        def run_interpreted(*values: Any) -> float:
            for k, value in zip(changing, values, strict=True):
                arguments[k] = value
            return driver.interpret(arguments)

        return run_interpreted

    n_items = len(names)
    block = bytearray(8 * (n_items + len(driver.slots)))
    reals, integers = memoryview(block).cast("d"), memoryview(block).cast("q")
    writers: list[tuple[Any, int, bool]] = [
        (integers, k, True)
        if isinstance(type_, Array)
        else (reals if type_ == REAL else integers, n_items + driver.slots[k], False)
        for k, type_ in enumerate(driver.flat_signature)
    ]
    for k, (view, slot, is_array) in enumerate(writers):
        if k not in changing:
            view[slot] = id(arguments[k]) if is_array else arguments[k]
    changing_writers = [writers[k] for k in changing]
    entry = _entry(driver.address(dtype), ctypes.c_void_p, keeps_gil)
    items = ctypes.addressof((ctypes.c_char * len(block)).from_buffer(block))
    numbers = items + 8 * n_items

    def run(*values: Any) -> float:
        for (view, slot, is_array), value in zip(changing_writers, values, strict=True):
            view[slot] = id(value) if is_array else value
        result = entry(items, numbers)
        if result == result:
            return result
        for k, value in zip(changing, values, strict=True):
            arguments[k] = value
        return driver.explain(dtype, arguments, result)

    vars(run)["block"] = block  # which nothing else holds where nothing changes
    return run


def kernel(signature: Signature) -> Callable[[Callable[..., Any]], Kernel]:
    """Turn a function into a kernel with the given signature."""
    return lambda function: Kernel(function, signature, function.__name__)


def driver(signature: Signature) -> Callable[[Callable[..., Any]], Driver]:
    """Turn a function into a driver with the given signature."""
    return lambda function: Driver(function, signature, function.__name__)


# ---------------------------------------------------------------------------------
# Calls of kernels by address.

_INTERPRETED_KERNELS: dict[int, Callable[..., Any]] = {}


def call(address: int, arguments: tuple[Any, ...]) -> float:
    """Call a kernel from Python.

    Parameters
    ----------
    address : int
        What ``kernel.address(dtype)`` returned.
    arguments : tuple
        Arrays, numbers and namedtuples of the types in the signature, which are not
        checked. An integer is passed as an int64.

    Returns
    -------
    result : float
    """
    if INTERPRETED:
        return _INTERPRETED_KERNELS[address](*arguments)  # type: ignore[no-any-return]
    values = list(_flatten(arguments))
    prototype = ctypes.CFUNCTYPE(ctypes.c_double, *map(type, values))
    return prototype(int(address))(*values)  # type: ignore[no-any-return]


def _flatten(arguments: tuple[Any, ...]) -> Iterator[Any]:
    """Yield arguments as kernels take them: an array as an address and its shape."""
    for argument in arguments:
        if isinstance(argument, tuple):
            yield from _flatten(argument)
        elif isinstance(argument, np.ndarray):
            yield ctypes.c_void_p(argument.ctypes.data)
            yield from map(ctypes.c_int64, argument.shape)
        elif isinstance(argument, np.float32):
            yield ctypes.c_float(float(argument))
        elif isinstance(argument, (float, np.floating)):
            yield ctypes.c_double(float(argument))
        else:
            yield ctypes.c_int64(argument)


def caller(name: str, signature: Signature) -> Callable[[int, tuple[Any, ...]], float]:
    """Return the function by which compiled code calls kernels of a signature.

    The types of the arguments are checked while the caller is compiled.

    Parameters
    ----------
    name : str
        What messages call the kernels.
    signature : tuple
        The types of their arguments.

    Returns
    -------
    call : callable
        Takes the address of a kernel, or of any other of this signature, and a tuple
        of arguments; returns the kernel's float64. Works from Python too.
    """

    def call_kernel(address: int, arguments: tuple[Any, ...]) -> float:
        return call(address, arguments)

    CALLERS.append((call_kernel, name, signature))
    return call_kernel
