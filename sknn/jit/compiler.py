"""What asks Numba for machine code. Imported by the first kernel that needs it.

Of Numba's compiler the first half is used as it is: from Python to LLVM's intermediate
code. The second half is cut short. Numba optimises each function and makes machine
code of it, and does so again in each function that contains it; here the code of a
kernel and of all that it contains is put together, optimised once and emitted once,
behind an entry that needs nothing of Numba, so that it can run without.
"""

import ctypes
import gc
import importlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from itertools import chain
from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.compiler import Flags, compile_extra
from numba.core.compiler_lock import global_compiler_lock
from numba.core.cpu import FastMathOptions
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.runtime.context import NRTContext
from numba.core.typing.templates import infer, infer_global, make_intrinsic_template
from numba.extending import overload

from sknn.jit import declarations
from sknn.jit.abi import kinds_of, value_of
from sknn.jit.loader import Code
from sknn.jit.ndarray_layout import words_of_array

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


def implements(function: Callable, **options: Any) -> Callable[[Callable], None]:
    """Write a function that is marked by ``declarations.instruction``.

    What is decorated is that of ``numba.extending.intrinsic``: it takes a typing
    context and the types of the arguments, and returns a signature and a function that
    appends the instructions.
    """

    def register(definition):
        template = make_intrinsic_template(
            function, definition, function.__name__, **options
        )
        infer(template)
        infer_global(function, types.Function(template))

    return register


def register() -> None:
    """Tell Numba what has been written down since the last time."""
    for module in {*declarations.INSTRUCTIONS.values()} - _registered:
        _registered.add(module)
        importlib.import_module(module)
    for function, fastmath in declarations.INLINED:
        if function not in _registered:
            _registered.add(function)
            _stand_for(function, fastmath, lambda *types, chosen=function: chosen)
    for function, float32, float64 in declarations.BY_DTYPE:
        if function not in _registered:
            _registered.add(function)
            _stand_for(
                function, declarations.FASTMATH_SCALAR, _chooser(float32, float64)
            )


def _stand_for(function: Callable, fastmath: frozenset, choose: Callable) -> None:
    options: dict[str, Any] = {**_JIT_OPTIONS, "fastmath": set(fastmath)}
    overload(function, jit_options=options, strict=False)(choose)


def _chooser(float32: Callable, float64: Callable) -> Callable:
    return lambda x: float32 if x == types.float32 else float64


# ---------------------------------------------------------------------------------
# From Numba's intermediate code to machine code.


class _Parts(JITCodeLibrary):
    """A library that keeps the code of a function until it is put together."""

    interleave = 1

    def add_ir_module(self, ir_module):
        if self.interleave > 1:
            interleave_loops(ir_module, self.interleave)
        module = binding.parse_assembly(cgutils.normalize_ir_text(str(ir_module)))
        module.name = ir_module.name
        # Without these passes `exp` and what contains it are a sixth slower.
        self._optimize_functions(module)
        self._final_module.link_in(module)

    def finalize(self):
        for function in self._final_module.functions:
            if not function.is_declaration:
                function.linkage = "linkonce_odr"
        self._finalized = True

    def get_pointer_to_function(self, name):
        return 1  # there is none yet; Numba wants a number

    def _get_module_for_linking(self):
        """Return this code and all that it contains: for code that is not ours."""
        module = self._final_module.clone()
        _link(module, self)
        return module


def loop_hint(module: ir.Module, name: str, *values: ir.Constant) -> Any:
    """Return what tells LLVM how to treat a loop, for the branch back to its start."""
    hint = module.add_metadata([f"llvm.loop.{name}", *values])
    loop = module.add_metadata([hint, ir.IntType(64)(len(module.metadata))])
    loop.operands = (loop, hint)  # the first one says which loop it is
    return loop


def interleave_loops(module: ir.Module, count: int) -> None:
    """Have LLVM work on so many vectors at a time in each loop that it vectorises."""
    hint = partial(loop_hint, module, "interleave.count", ir.IntType(32)(count))
    for function in module.functions:
        before = set()
        for block in function.blocks:
            before.add(block)
            if not before.isdisjoint(block.terminator.operands):
                block.terminator.set_metadata("llvm.loop", hint())


class _Codegen(JITCPUCodegen):
    _library_class = _Parts

    def set_env(self, env_name, env):
        pass


@cache
def _codegen() -> _Codegen:
    return _Codegen("sknn")


@contextmanager
def _ours(context: Any) -> Iterator[None]:
    """Let Numba keep what it compiles on the way as parts, and count no references.

    Kernels allocate nothing. In functions of Numba's own, which others may use later,
    references are counted. All other threads that compile wait meanwhile.
    """
    theirs, count = context._internal_codegen, NRTContext._call_incref_decref

    def count_theirs(self, *arguments):
        if not self._context.fndesc.modname.startswith("sknn."):
            count(self, *arguments)

    context._internal_codegen = _codegen()
    NRTContext._call_incref_decref = count_theirs
    try:
        yield
    finally:
        context._internal_codegen = theirs
        NRTContext._call_incref_decref = count


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Save a sixth of the time: a compiler makes many objects and little garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parts_of(library: Any) -> dict[Any, None]:
    """Return a library and, in order, all others that it needs."""
    found: dict[Any, None] = {}
    waiting = [library]
    while waiting:
        part = waiting.pop()
        if part in found or part is rtsys.library:
            continue
        found[part] = None
        if isinstance(part, _Parts):  # others contain what they need
            waiting += part._linking_libraries
    return found


def _link(module: Any, library: Any) -> None:
    """Add to a library's module the code of all that the library needs."""
    for part in _parts_of(library):
        if part is not library:
            own = isinstance(part, _Parts)
            other = part._final_module if own else part._get_module_for_linking()
            module.link_in(other, preserve=True)


def _numba_type(kind: declarations.Type, dtype: np.dtype) -> Any:
    if isinstance(kind, declarations.Record):
        fields = [_numba_type(field, dtype) for field in kind.fields]
        return types.NamedTuple(fields, kind.factory)
    if isinstance(kind, declarations.Array):
        element = _numba_type(kind.element, dtype)
        return types.Array(element, kind.ndim, "C", readonly=kind.is_read_only)
    return numba.from_dtype(dtype if kind == declarations.OWN else np.dtype(kind))


def compiled(kernel: Any, dtype: np.dtype, symbol: str) -> Code:
    """Return the machine code of a version, whose entry has the name ``symbol``."""
    with global_compiler_lock, _no_garbage_collection():
        register()
        typing, context = cpu_target.typing_context, cpu_target.target_context
        typing.refresh()
        context.refresh()
        if not kernel.cached:  # may contain users' functions, which others call too
            return _compiled(kernel, dtype, symbol, typing, context)
        with _ours(context):
            return _compiled(kernel, dtype, symbol, typing, context)


def _compiled(kernel, dtype, symbol, typing, context):
    argument_types = tuple(_numba_type(kind, dtype) for kind in kernel.signature)
    flags = Flags()
    flags.error_model = "numpy"
    flags.fastmath = FastMathOptions(set(declarations.FASTMATH))
    flags.boundscheck = declarations.BOUNDS_CHECKED
    flags.nrt = True  # else Numba takes no function that returns a view
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_compile = True
    library = _codegen().create_library(symbol)
    library.interleave = kernel.interleave
    result = compile_extra(
        typing, context, kernel.function, argument_types, types.float64, flags, {},
        library=library,
    )  # fmt: skip
    module = context.create_module(symbol)
    _write_entry(module, kernel, dtype, symbol, context, result.fndesc)
    library.add_ir_module(module)
    return _emitted(library, symbol)


def _write_entry(module, kernel, dtype, symbol, context, description):
    """Append what is called from outside: in words, and with a float64 returned."""
    callee_type = context.call_conv.get_function_type(
        description.restype, description.argtypes
    )
    callee = ir.Function(module, callee_type, description.llvm_func_name)
    real, word = ir.DoubleType(), ir.IntType(64)
    if kernel.is_driver:
        parameters = [word.as_pointer()] * 2
    else:
        parameters = [
            kind for own in description.argtypes for kind in kinds_of(context, own)
        ]
    entry = ir.Function(module, ir.FunctionType(real, parameters), symbol)
    builder = ir.IRBuilder(entry.append_basic_block())
    words = iter(entry.args)
    if kernel.is_driver:
        items, numbers = entry.args
        words = _words_of_arguments(builder, items, numbers, kernel, dtype)
    arguments = [
        value_of(context, builder, kind, words) for kind in description.argtypes
    ]
    status, value = context.call_conv.call_function(
        builder, callee, description.restype, description.argtypes, arguments
    )
    if declarations.BOUNDS_CHECKED:
        with builder.if_then(status.is_error):
            cell = word(ctypes.addressof(declarations.FAILED)).inttoptr(
                word.as_pointer()
            )
            builder.store(word(kernel.number), cell)
            builder.ret(real(float("nan")))
    builder.ret(value)


def _words_of_arguments(builder, items, numbers, kernel, dtype):
    """Return all words of the arguments; return NaN from the entry if one is wrong."""
    fits = ir.Constant(ir.IntType(1), 1)
    words: list[Iterable[ir.Value]] = []
    for k, kind in enumerate(kernel.signature):
        is_array = isinstance(kind, declarations.Array)
        block, slot = (items, k) if is_array else (numbers, kernel.slots[k])
        value = builder.load(builder.gep(block, [ir.IntType(64)(slot)]))
        if is_array:
            is_right, own = words_of_array(builder, value, kind, dtype)
            fits = builder.and_(fits, is_right)
            words.append(own)
        elif kind == declarations.REAL:
            words.append([builder.bitcast(value, ir.DoubleType())])
        else:
            words.append([value])
    with builder.if_then(builder.not_(fits), likely=False):
        builder.ret(ir.DoubleType()(float("nan")))
    return chain.from_iterable(words)


def _optimize(module: Any) -> None:
    """Run LLVM's passes once; Numba's cheap ones, before them, gain nothing here."""
    passes = _codegen()._module_pass_manager()
    if isinstance(passes, tuple):  # as of Numba 0.62
        manager, builder = passes
        manager.run(module, builder)
    else:
        passes.run(module)


def _emitted(library: _Parts, symbol: str) -> Code:
    """Put a function and its parts together, optimise and emit them."""
    module = library._final_module
    _link(module, library)
    if any(f.name.startswith("NRT_") for f in module.functions if f.is_declaration):
        module.link_in(rtsys.library._get_module_for_linking(), preserve=True)
    for function in module.functions:
        if not function.is_declaration and function.name != symbol:
            function.linkage = "internal"
    module.data_layout = _codegen()._data_layout
    _optimize(module)
    module.verify()
    externals = [
        function.name
        for function in module.functions
        if function.is_declaration and not function.name.startswith("llvm.")
    ]
    return Code(_codegen()._tm.emit_object(module), tuple(externals))


def provide_symbols() -> None:
    """Make known to LLVM what Numba's own code calls."""
    with global_compiler_lock:
        rtsys.initialize(cpu_target.target_context)


def vector_bytes() -> int:
    """Return the width of the processor's vectors, for instructions to rely on."""
    features = _codegen()._tm_features.split(",")
    if "+avx512f" in features:
        return 64
    return 32 if "+avx" in features else 16


def n_vector_registers() -> int:
    """Return how many vectors the processor holds."""
    features = _codegen()._tm_features.split(",")
    is_x86 = _codegen()._llvm_module.triple.startswith(("x86", "i686", "amd64"))
    return 16 if is_x86 and "+avx512f" not in features else 32


# ---------------------------------------------------------------------------------


def trial(function: Callable, n_numbers: int, dtype: np.dtype) -> Callable:
    """Return a user's function of numbers, compiled by Numba for Python to call."""
    register()
    kind = numba.from_dtype(dtype)
    signature = kind(*[kind] * n_numbers)
    return numba.njit(
        signature, error_model="numpy", fastmath=set(declarations.FASTMATH)
    )(function)
