"""Compiling with no more of Numba than what it documents.

A kernel becomes a C callback (``numba.cfunc``), whose LLVM code Numba lets one inspect.
It is made into an object file by llvmlite. Numba has optimised and emitted each
function on the way, to no use, so this takes longer than `numba_internals.py`.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
from llvmlite import binding
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sknn.jit import declarations, target
from sknn.jit.calls import numba_type
from sknn.jit.entry import note_failure, parameters_of, read_arguments
from sknn.jit.loader import Code

# The function that Numba is to compile. `{words}` are numbers and pointers. Exceptions
# are caught, for a callback would print them with the help of Python.
_ENTRY = """
def entry({words}):
    words = ({words},)
    if not fits(words):
        return nan
    try:
        return function(*arguments(words))
    except Exception:
        note_failure()
        return nan
"""


def lower(kernel: Any, dtype: np.dtype[Any], symbol: str) -> Callable[[], Code]:
    """Translate a kernel into LLVM's intermediate code; see ``compiler.lower``."""
    argument_types = [numba_type(type_, dtype) for type_ in kernel.signature]
    word_types = parameters_of(kernel, argument_types)
    fits, arguments = _argument_intrinsics(kernel, dtype, argument_types)
    names = {
        "fits": fits,
        "arguments": arguments,
        "note_failure": _failure_intrinsic(kernel),
        "nan": float("nan"),
        "function": numba.njit(
            error_model="numpy",
            fastmath=set(declarations.FASTMATH),
            boundscheck=declarations.BOUNDS_CHECKED,
        )(kernel.function),
    }
    words = ", ".join(f"word{k}" for k in range(len(word_types)))
    exec(_ENTRY.format(words=words), names)
    callback = numba.cfunc(types.float64(*word_types))(names["entry"])
    text = callback.inspect_llvm()
    if kernel.cached:  # and so allocates nothing
        text = target.without_reference_counts(text)
    return lambda: _emitted(text, callback.native_name, symbol)


def _argument_intrinsics(
    kernel: Any, dtype: np.dtype[Any], argument_types: list[Any]
) -> tuple[Any, Any]:
    """Return two intrinsics: one checks the arguments, one returns them as a tuple."""
    if len(set(argument_types)) == 1:
        result: Any = types.UniTuple(argument_types[0], len(argument_types))
    else:
        result = types.Tuple(argument_types)

    def read(context: Any, builder: Any, words: Any) -> tuple[Any, Iterator[Any]]:
        values = cgutils.unpack_tuple(builder, words)
        return read_arguments(context, builder, kernel, dtype, argument_types, values)

    def fits(typingctx: Any, words: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return read(context, builder, *values)[0]

        return types.boolean(words), codegen

    def arguments(typingctx: Any, words: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            items = list(read(context, builder, *values)[1])
            return context.make_tuple(builder, result, items)

        return result(words), codegen

    return intrinsic(fits), intrinsic(arguments)


def _failure_intrinsic(kernel: Any) -> Any:
    def note(typingctx: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            if declarations.BOUNDS_CHECKED:
                note_failure(builder, kernel)
            return context.get_dummy_value()

        return types.void(), codegen

    return intrinsic(note)


def _emitted(text: str, name: str, symbol: str) -> Code:
    """Return the machine code of a function, under another name.

    Numba lets no callback contain the function that it calls.
    """
    text = re.sub(r"\bnoinline\b", "inlinehint", text)
    module = binding.parse_assembly(text)
    module.get_function(name).name = symbol
    target.keep_only(module, symbol)
    target.optimize(module)
    return target.emit(module, target.machine())
