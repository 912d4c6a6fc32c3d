"""What asks Numba for machine code. Imported by the first kernel that needs it.

Of Numba's compiler the first half is used as it is: from Python to LLVM's intermediate
code. For the second half there are two ways. `numba_internals.py` optimises a kernel
and all that it contains once, and needs names that are private to Numba.
`numba_documented.py` needs documented names only. It is used where the first way fails,
or where the environment variable ``<NAME>_COMPILER`` is "documented".
"""

import gc
import importlib
import inspect
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import lower_builtin, overload, type_callable

from sknn.jit import declarations
from sknn.jit.calls import call_definition
from sknn.jit.configuration import configuration
from sknn.jit.loader import Code

# ---------------------------------------------------------------------------------
# What kernels may contain.

# Nothing is called from Python.
_JIT_OPTIONS = {
    "forceinline": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "error_model": "numpy",
}

_registered: set[Any] = set()
_imported: set[str] = set()  # modules of intrinsics


def lower_intrinsic(
    function: Callable[..., Any],
) -> Callable[[Callable[..., Any]], None]:
    """Write a function that is marked by ``declarations.intrinsic`` in LLVM's terms.

    Parameters
    ----------
    function : callable
        The marked function.

    Returns
    -------
    decorator : callable
        For a definition like that of ``numba.extending.intrinsic``: it takes a typing
        context and the types of the arguments, and returns a signature and a function
        that appends the instructions. A TypingError says what is wrong with them.
    """

    def register(definition: Callable[..., Any]) -> None:
        parameters = [*inspect.signature(definition).parameters.values()][1:]

        def typed(context: Any) -> Callable[..., Any]:
            def signature_of(*arguments: Any) -> Any:
                result = definition(context, *arguments)
                return result[0] if result else None

            # Numba takes the names and number of the parameters from here.
            vars(signature_of)["__signature__"] = inspect.Signature(parameters)
            return signature_of

        def lowered(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            _, codegen = definition(context.typing_context, *signature.args)
            return codegen(context, builder, signature, values)

        type_callable(function)(typed)
        lower_builtin(function, types.VarArg(types.Any))(lowered)

    return register


def register() -> None:
    """Tell Numba what has been written down since the last time.

    What an exception has kept it from is told again: twice does no harm.
    """
    for module in {*declarations.INTRINSICS.values()} - _registered:
        if module in _imported:
            importlib.reload(sys.modules[module])
        importlib.import_module(module)
        _imported.add(module)
        _registered.add(module)
    for function, fastmath in declarations.INLINED:
        if function not in _registered:
            _overload(function, fastmath, lambda *types, chosen=function: chosen)
            _registered.add(function)
    for function, float32, float64 in declarations.BY_DTYPE:
        if function not in _registered:
            choose = _by_dtype(float32, float64)
            _overload(function, declarations.FASTMATH_SCALAR, choose)
            _registered.add(function)
    for function, name, signature in declarations.CALLERS:
        if function not in _registered:
            lower_intrinsic(function)(call_definition(name, signature))
            _registered.add(function)


def _overload(
    function: Callable[..., Any], fastmath: frozenset[str], choose: Callable[..., Any]
) -> None:
    options: dict[str, Any] = {**_JIT_OPTIONS, "fastmath": set(fastmath)}
    overload(function, jit_options=options, strict=False)(choose)


def _by_dtype(
    float32: Callable[..., Any], float64: Callable[..., Any]
) -> Callable[[Any], Callable[..., Any]]:
    return lambda x: float32 if x == types.float32 else float64


# ---------------------------------------------------------------------------------
# The two ways to machine code.

_failed: list[Exception] = []  # why the first way is not used any more


@contextmanager
def _compiling() -> Iterator[None]:
    """Turn off what would be in the way of the compiler.

    Without garbage collection it takes a sixth less, for it makes many objects and
    little garbage. With ``numba.config.DISABLE_JIT``, which may be set for functions of
    the user's own, it would not work at all.
    """
    was_enabled, is_disabled = gc.isenabled(), numba.config.DISABLE_JIT
    try:
        gc.disable()
        numba.config.DISABLE_JIT = False
        yield
    except MemoryError:
        _registered.clear()  # Numba may have lost some of it
        _read_registries_again()
        raise
    finally:
        numba.config.DISABLE_JIT = is_disabled
        if was_enabled:
            gc.enable()


def _read_registries_again() -> None:
    with suppress(ImportError, AttributeError):  # of another Numba's private names
        from sknn.jit import numba_internals

        numba_internals.read_registries_again()


def _uses_documented() -> bool:
    variable = configuration().variable("COMPILER")
    chosen = os.environ.get(variable, "")
    if chosen not in ("", "internal", "documented"):
        raise ValueError(
            f"{variable} must be 'internal' or 'documented', got {chosen!r}."
        )
    return bool(_failed) or chosen == "documented"


def lower(kernel: Any, dtype: np.dtype[Any], symbol: str) -> Callable[[], Code]:
    """Translate a kernel into LLVM's intermediate code.

    Parameters
    ----------
    kernel : Kernel or Driver
    dtype : dtype
        That of the specialization.
    symbol : str
        Name of the function that is called from outside.

    Returns
    -------
    finish : callable
        Returns the machine code. May be called in another thread, without Numba's lock.
        If it raises, ``compile_after`` may help.
    """
    arguments = kernel, dtype, symbol
    if _uses_documented():
        return _lower_documented(*arguments)
    try:
        with _compiling():
            register()
            from sknn.jit import numba_internals

            return numba_internals.lower(*arguments)
    except Exception as error:
        code = compile_after(error, *arguments)
        return lambda: code


def _lower_documented(*arguments: Any) -> Callable[[], Code]:
    with _compiling():
        register()
        from sknn.jit import numba_documented

        return numba_documented.lower(*arguments)


def compile_after(
    error: Exception, kernel: Any, dtype: np.dtype[Any], symbol: str
) -> Code:
    """Compile in the documented way what failed otherwise, and warn.

    A MemoryError says nothing of the way, and is raised again.

    Parameters
    ----------
    error : Exception
        What was raised. It is raised again if the documented way fails too: then it is
        not for Numba's private names, but for what is compiled.
    kernel, dtype, symbol
        See ``lower``.
    """
    if isinstance(error, MemoryError):
        raise error
    try:
        code = _lower_documented(kernel, dtype, symbol)()
    except Exception:
        raise error from None
    if not _failed:
        _failed.append(error)
        name = configuration().name
        warnings.warn(
            f"Numba {numba.__version__} lacks something that {name} compiles with "
            f"({type(error).__name__}: {error}), so {name} compiles in a slower way. "
            f"Results are the same to rounding. A newer {name} may mend this.",
            RuntimeWarning,
            stacklevel=2,
        )
    return code


def provide_symbols() -> None:
    """Make known to LLVM what Numba's own code calls, by compiling what needs it."""
    numba.njit("float64[::1](int64)")(lambda size: np.empty(size))


def compile_for_python(
    function: Callable[..., Any], n_numbers: int, dtype: np.dtype[Any]
) -> Callable[..., Any]:
    """Return a user's function of numbers, compiled by Numba for Python to call."""
    with _compiling():
        register()
        number = numba.from_dtype(dtype)
        compiled = numba.njit(
            number(*[number] * n_numbers),
            error_model="numpy",
            fastmath=set(declarations.FASTMATH),
        )(function)
    return compiled  # type: ignore[no-any-return]


# A function in LLVM's intermediate code that returns a status.
_DEFINITION = r"^define [^\n]*\bi32 @[^\n]*%excinfo[^\n]*\{$(.*?)^\}"


def may_raise(compiled: Any) -> bool:
    """Return whether a function that ``compile_for_python`` returned may raise.

    Compiled functions return a status, which is 0 where there is no exception. LLVM has
    found out where it is always 0.
    """
    code = compiled.inspect_llvm(compiled.signatures[0])
    functions = re.findall(_DEFINITION, code, re.DOTALL | re.MULTILINE)
    return any(
        status != "0"
        for function in functions
        for status in re.findall(r"\bret i32 (\S+)", function)
    )
