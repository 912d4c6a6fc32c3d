"""The one place that knows how sknn compiles.

Two kinds of compiled code exist. *Leaves* are small functions that work on whole
arrays: an activation, a loss, the step of an optimizer, one layer forwards. *Drivers*
walk over batches and layers and call the leaves by address, so that a driver never
holds the code of a leaf: it is compiled once and serves every leaf that exists now or
will be registered later. Options are values, never types. Each function exists in
exactly two versions, float32 and float64, and a version is compiled, and cached on
disk, when it is first used.
"""

import hashlib
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic, register_jitable

# With NUMBA_DISABLE_JIT=1 everything below runs as plain Python.
INTERPRETED = bool(numba.config.DISABLE_JIT)

# Sums may be re-ordered and products fused into additions, which is what it takes to
# vectorise. The promise that NaN and infinity never occur is left out on purpose:
# divergence is found by looking for them.
_OPTIONS: dict[str, Any] = {
    "nopython": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract"},
}

COMPILED: list["Compiled"] = []  # every leaf and driver, in the order of definition

_unusable_caches: list[Exception] = []  # what went wrong, at most once


def _digest_of_sources() -> str:
    """Return a short hash of the text of all kernel files.

    Numba stamps a cached function with the text of its own file alone, so a change
    in a helper of another file would go unnoticed. This digest is part of the name
    of each compiled function, and the name is part of the key of the cache.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


_DIGEST = _digest_of_sources()


class Compiled:
    """A function with one compiled version for each dtype, made when first used.

    Parameters
    ----------
    function : function
        Plain Python in the subset that Numba compiles.
    signature : callable
        Takes the Numba scalar type, float32 or float64; returns the signature.
    name : str
        Unique among all leaves and drivers.
    cached : bool, default=True
        Whether versions are kept on disk. Not so for what users register: the names
        of cached versions only tell sknn's own code apart.
    """

    def __init__(
        self, function: Callable, signature: Callable, name: str, *, cached: bool = True
    ):
        self.function = function
        self.signature = signature
        self.name = name
        self.cached = cached
        self.versions: dict[np.dtype, Any] = {}
        self._lock = threading.Lock()
        COMPILED.append(self)

    def version(self, dtype: np.dtype) -> Any:
        """Return the version for a dtype, compiled or loaded from the cache."""
        if dtype not in self.versions:
            with self._lock:
                if dtype not in self.versions:
                    self.versions[dtype] = self._compile(dtype)
        return self.versions[dtype]

    def was_compiled(self, dtype: np.dtype) -> bool:
        """Return whether the version was compiled and put into the cache just now."""
        version = self.version(dtype)
        uses_cache = self.cached and not (INTERPRETED or _unusable_caches)
        return uses_cache and not self._cache_hits(version)

    def _cache_hits(self, version: Any) -> int:
        raise NotImplementedError

    def _compile(self, dtype: np.dtype) -> Any:
        if INTERPRETED:
            return self.function
        signature = self.signature(numba.from_dtype(dtype))
        function = self._renamed(dtype)
        if not self.cached:
            return self._decorated(function, signature, cache=False)
        if not _unusable_caches:
            try:
                return self._decorated(function, signature, cache=True)
            except Exception as error:
                cause = error
        # An error of the code itself, not of the cache, is raised again here.
        compiled = self._decorated(function, signature, cache=False)
        if not _unusable_caches:
            _unusable_caches.append(cause)
            warnings.warn(
                f"Numba's cache cannot be used ({type(cause).__name__}: {cause}); sknn "
                "compiles without it, which costs seconds in each new process. Point "
                "the environment variable NUMBA_CACHE_DIR to a folder that can be "
                "written.",
                RuntimeWarning,
                stacklevel=2,
            )
        return compiled

    def _renamed(self, dtype: np.dtype) -> FunctionType:
        """Copy the function under a name that no other version shares.

        Numba keeps one index file a name. If two functions shared one, processes
        that compile at the same time could overwrite each other's entries.
        """
        f = self.function
        assert isinstance(f, FunctionType)
        copy = FunctionType(
            f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__
        )
        copy.__qualname__ = f"{self.name}_{dtype.name}_{_DIGEST}"
        return copy

    def _decorated(self, function: Callable, signature: Any, cache: bool) -> Any:
        raise NotImplementedError


class Driver(Compiled):
    """Compiled code that Python calls, without the GIL."""

    def __call__(self, dtype: np.dtype, *arguments: Any) -> Any:
        """Run the version for a dtype."""
        return self.version(dtype)(*arguments)

    def _cache_hits(self, version):
        return sum(version.stats.cache_hits.values())

    def _decorated(self, function, signature, cache):
        return numba.jit(signature, nogil=True, cache=cache, **_OPTIONS)(function)


class Leaf(Compiled):
    """Compiled code that a driver calls by address. Returns a float64."""

    def address(self, dtype: np.dtype) -> int:
        """Return where the version for a dtype starts, as a value for the drivers."""
        version = self.version(dtype)
        if INTERPRETED:
            _INTERPRETED_LEAVES[id(version)] = version
            return id(version)
        return version.address

    def _cache_hits(self, version):
        return version.cache_hits

    def _decorated(self, function, signature, cache):
        return numba.cfunc(signature, cache=cache, **_OPTIONS)(function)


def leaf(signature: Callable) -> Callable[[Callable], Leaf]:
    """Turn a function into a leaf of the given kind (a function of the dtype)."""
    return lambda function: Leaf(function, signature, function.__name__)


def driver(signature: Callable) -> Callable[[Callable], Driver]:
    """Turn a function into a driver with the given signature."""
    return lambda function: Driver(function, signature, function.__name__)


def scalar(function: Callable) -> Callable:
    """Mark a scalar function as one that leaves may contain."""
    return register_jitable(fastmath={"contract"}, forceinline=True)(function)


def part(function: Callable) -> Callable:
    """Mark a function of arrays as one that leaves may contain, with their options."""
    return register_jitable(fastmath=_OPTIONS["fastmath"], forceinline=True)(function)


# ---------------------------------------------------------------------------------
# What kernels are written with, as plain Python for NUMBA_DISABLE_JIT=1 ...

_INTERPRETED_LEAVES: dict[int, Callable] = {}


def call(address, arguments):
    """Call the leaf at an address with a tuple of arguments; return its float64."""
    return _INTERPRETED_LEAVES[address](*arguments)


def matrix(buffer, start, n_rows, n_columns):
    """Return a C-ordered view of a buffer from an element on, without checks."""
    return buffer.reshape(-1)[start : start + n_rows * n_columns].reshape(
        n_rows, n_columns
    )


def flat(array):
    """Return a C-ordered array as a 1-D view."""
    return array.reshape(-1)


def like(x, constant):
    """Return a constant in the type of the scalar x, so that float32 stays float32."""
    return type(x)(constant)


# ... and as instructions. Intrinsics compile faster than functions would.


def _call(typingctx, address, arguments):
    def codegen(context, builder, signature, values):
        kinds = list(signature.args[1])
        function = ir.FunctionType(
            context.get_value_type(types.float64),
            [context.get_value_type(kind) for kind in kinds],
        )
        pointer = builder.inttoptr(values[0], function.as_pointer())
        unpacked = [builder.extract_value(values[1], i) for i in range(len(kinds))]
        return builder.call(pointer, unpacked)

    return types.float64(types.int64, arguments), codegen


def _like(typingctx, x, constant):
    def codegen(context, builder, signature, values):
        return context.cast(builder, values[1], constant, x)

    return x(x, constant), codegen


def _pointer(typingctx, address, buffer):
    pointer = types.CPointer(buffer.dtype)

    def codegen(context, builder, signature, values):
        return builder.inttoptr(values[0], context.get_value_type(pointer))

    return pointer(types.intp, buffer), codegen


if not INTERPRETED:
    call, like, pointer = intrinsic(_call), intrinsic(_like), intrinsic(_pointer)

    @register_jitable
    def matrix(buffer, start, n_rows, n_columns):
        address = buffer.ctypes.data + start * buffer.itemsize
        return carray(pointer(address, buffer), (n_rows, n_columns))

    @register_jitable
    def flat(array):
        return carray(pointer(array.ctypes.data, array), (array.size,))
