"""The names that Numba keeps private and this library needs, all in one place.

Numba optimises each function and makes machine code of it, and does so again in each
function that contains it. Here the code of a kernel and of all that it contains is put
together, optimised once and emitted once, behind an entry that needs nothing of Numba,
so that it can run without.

Where a name is missing, or its use fails, `numba_documented.py` takes over.
"""

import operator
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types, version_info
from numba.core import cgutils, postproc, typed_passes
from numba.core.codegen import CodeLibrary, JITCodeLibrary, JITCPUCodegen
from numba.core.compiler import Flags, compile_extra
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import PassManager
from numba.core.cpu import FastMathOptions
from numba.core.ir import Loc
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.runtime.context import NRTContext
from numba.core.transforms import canonicalize_cfg
from numba.core.typing.context import BaseContext
from numba.core.typing.templates import _OverloadFunctionTemplate

from sknn.jit import declarations, target
from sknn.jit.calls import numba_type
from sknn.jit.configuration import configuration
from sknn.jit.entry import NAN, REAL, note_failure, parameters_of, read_arguments
from sknn.jit.llvm_texts import Text, put_together
from sknn.jit.llvm_types import ask_for_scalars, size_of
from sknn.jit.loader import Code
from sknn.jit.patches import replaced

# What this module uses of each object above, for a test to look for.
PRIVATE_NAMES: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (
        JITCodeLibrary,
        (
            "_get_module_for_linking",
            "add_ir_module",
            "add_linking_library",
            "finalize",
            "get_pointer_to_function",
        ),
    ),
    (
        JITCPUCodegen,
        (
            "_create_empty_module",
            "_function_pass_manager",
            "_library_class",
            "_module_pass_manager",
            "create_library",
            "set_env",
        ),
    ),
    (NRTContext, ("_call_incref_decref",)),
    (type(rtsys), ("library",)),
    (typed_passes, ("llvm",)),
    (PassManager, ("_runPass",)),
    (Loc, ("_get_path",)),
    (postproc, ("VariableLifetime",)),
    (postproc.PostProcessor, ("run",)),
    (BaseContext, ("resolve_function_type",)),
    (
        _OverloadFunctionTemplate,
        ("_build_impl", "_get_impl"),
    ),
    (cpu_target, ("typing_context", "target_context")),
    (
        cpu_target.typing_context,
        ("_lookup_global", "_registries", "_remove_global"),
    ),
    (
        cpu_target.target_context,
        (
            "_internal_codegen",
            "_registries",
            "call_conv",
            "create_module",
            "get_abi_sizeof",
            "refresh",
        ),
    ),
    (cpu_target.target_context.call_conv, ("call_function", "get_function_type")),
)


# Whether Numba uses LLVM's new pass manager, which takes a builder.
_HAS_PASS_BUILDER = version_info.short >= (0, 62)

# Held while LLVM makes machine code, which another thread may do.
_emission_lock = threading.RLock()


class _KernelLibrary(JITCodeLibrary):  # type: ignore[misc]
    """A library that keeps the code of a function as text until it is put together.

    So Numba, which fills it, does not wait for LLVM, which works on other kernels.
    """

    interleave = 1
    has_function_passes = True

    def __init__(self, codegen: Any, name: str):
        CodeLibrary.__init__(self, codegen, name)
        self._linking_libraries: list[Any] = []
        self.text = Text()

    def add_ir_module(self, ir_module: ir.Module) -> None:
        if self.interleave > 1:
            target.interleave_loops(ir_module, self.interleave)
        self.text.add(ir_module, self.name)

    def finalize(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 1  # there is none yet; Numba wants a number

    def _get_module_for_linking(self) -> Any:
        """Return this code and all that it contains: for code of others."""
        with _emission_lock:
            module = _module(self, *_contained_in(self))
            for function in module.functions:
                if function.name in self.text.definitions:
                    function.linkage = "linkonce_odr"
            return module


class _KernelCodegen(JITCPUCodegen):  # type: ignore[misc]
    _library_class = _KernelLibrary

    def set_env(self, env_name: str, env: Any) -> None:
        pass

    def _create_empty_module(self, name: str) -> ir.Module:
        module = ir.Module(cgutils.normalize_ir_text(name))
        module.triple = target.triple()
        if self._data_layout:
            module.data_layout = self._data_layout
        return module


@cache
def _codegen() -> _KernelCodegen:
    return _KernelCodegen(configuration().name)


@contextmanager
def _collecting(context: Any) -> Iterator[None]:
    """Let Numba keep what it compiles on the way uncompiled, and count no references.

    Kernels allocate nothing. In functions of Numba's own, which others may use later,
    references are counted. All other threads that compile wait meanwhile.

    Nor does Numba ask LLVM, which may be at work in another thread, for statistics or
    for sizes of types. Of its passes only those run that kernels need.
    """
    count, contains = NRTContext._call_incref_decref, configuration().contains

    def count_elsewhere(self: Any, *arguments: Any) -> None:
        if not contains(self._context.fndesc.modname):
            count(self, *arguments)

    with ExitStack() as stack:
        for owner, name, value in (
            (context, "_internal_codegen", _codegen()),
            (context, "get_abi_sizeof", size_of),
            (NRTContext, "_call_incref_decref", count_elsewhere),
            (typed_passes, "llvm", _NO_STATISTICS),
            (PassManager, "_runPass", _run_pass),
            (postproc.PostProcessor, "run", _note_lifetimes),
        ):
            stack.enter_context(replaced(owner, name, value))
        yield


_SOURCE = SimpleNamespace(dump_refprune_stats=lambda: 0)
_NO_STATISTICS = SimpleNamespace(newpassmanagers=_SOURCE, passmanagers=_SOURCE)


# Passes that do nothing for kernels, which contain no array expressions, closures or
# functions that Numba inlines itself.
_UNUSED_PASSES = frozenset(
    {
        "annotate_types",
        "dump_parfor_diagnostics",
        "inline_closure_likes",
        "inline_inlinables",
        "inline_overloads",
        "literal_unroll",
        "nopython_rewrites",
        "nopython_supported_feature_validation",
        "with_lifting",
    }
)


def _run_pass(self: Any, index: int, compiler_pass: Any, state: Any) -> None:
    """Run one of Numba's passes, without the events and timers around each of them."""
    if compiler_pass.name() not in _UNUSED_PASSES:
        compiler_pass.analysis = self._analysis
        compiler_pass.run_pass(state)


def _note_lifetimes(
    self: Any, emit_dels: bool = False, extend_lifetimes: bool = False
) -> None:
    """Compute the lifetimes of variables only where they are asked for.

    Numba computes them after each pass. Nothing is released at their ends, for no
    references are counted.
    """
    code = self.func_ir
    code.blocks = canonicalize_cfg(code.blocks)
    code.variable_lifetime = postproc.VariableLifetime(code.blocks)
    code.generator_info = None


# What a function inherits from its callers if its own options do not say it.
_INHERITED_OPTIONS = {"error_model", "fastmath", "forceinline"}
_numba_implementation = _OverloadFunctionTemplate._get_impl


def _implementation(self: Any, arguments: Any, keywords: Any) -> Any:
    """Return what stands for an overloaded function, compiled once for all callers.

    Numba compiles it again for callers with other options, for it may inherit them.
    """
    if not self._jit_options.keys() >= _INHERITED_OPTIONS:
        return _numba_implementation(self, arguments, keywords)
    key = self.context, tuple(arguments), tuple(keywords.items())
    if key not in self._impl_cache:
        self._build_impl(key, arguments, keywords)
    return self._impl_cache[key]


_numba_resolution = BaseContext.resolve_function_type
_resolved: dict[Any, Any] = {}  # signatures, by function and types of arguments


def _resolve(self: Any, function: Any, arguments: Any, keywords: Any) -> Any:
    """Return the signature of a call; of operators on numbers, look for it once.

    Numba tries all definitions of a function each time. Of ``bool``, which each ``if``
    calls, there are many.
    """
    operator_like = getattr(function, "typing_key", None) in _OPERATORS
    if keywords or not operator_like or not all(map(_is_number, arguments)):
        return _numba_resolution(self, function, arguments, keywords)
    key = self, function, arguments
    if key not in _resolved:
        _resolved[key] = _numba_resolution(self, function, arguments, keywords)
    return _resolved[key]


_OPERATORS = {bool, int, float, *map(vars(operator).get, operator.__all__)}


def _is_number(type_: Any) -> bool:
    return isinstance(type_, types.Number | types.Boolean)


def _contained_in(library: _KernelLibrary) -> tuple[list[_KernelLibrary], list[Any]]:
    """Return, in order, all other libraries that one needs.

    Those of others are turned into modules, which have all that they need.
    """
    own: dict[_KernelLibrary, None] = {library: None}
    others: dict[Any, Any] = {rtsys.library: None}
    waiting = [*library._linking_libraries]
    while waiting:
        library = waiting.pop()
        if isinstance(library, _KernelLibrary):
            if library not in own:
                own[library] = None
                waiting += library._linking_libraries
        elif library not in others:
            others[library] = library._get_module_for_linking()
    return [*own][1:], [*others.values()][1:]


def _module(
    library: _KernelLibrary, contained: list[_KernelLibrary], others: list[Any]
) -> Any:
    """Return the code of a library and of what it contains, as one module of LLVM.

    One text is parsed, for the GIL is waited for after each call of LLVM.
    """
    empty = str(_codegen()._create_empty_module(library.name))
    texts = [each.text for each in (library, *contained)]
    module = binding.parse_assembly(put_together(empty, texts))
    module.data_layout = _codegen()._data_layout
    if library.has_function_passes:
        _optimize_functions(module)
    for other in others:
        module.link_in(other, preserve=True)
    return module


def read_registries_again() -> None:
    """Let Numba read all that functions are registered in, as if for the first time.

    It goes on where it was before an exception, and loses what it was about to read.
    """
    typing = cpu_target.typing_context
    _resolved.clear()
    for registry in typing._registries:
        for value, _ in registry.globals:  # may not be entered twice
            if typing._lookup_global(value) is not None:
                typing._remove_global(value)
    typing._registries.clear()
    cpu_target.target_context._registries.clear()


def lower(kernel: Any, dtype: np.dtype[Any], symbol: str) -> Callable[[], Code]:
    """Translate a kernel into LLVM's intermediate code; see ``compiler.lower``."""
    compiled_once = replaced(_OverloadFunctionTemplate, "_get_impl", _implementation)
    resolved_once = replaced(BaseContext, "resolve_function_type", _resolve)
    # Numba's is relative to the current folder, which may have been deleted.
    named = replaced(Loc, "_get_path", lambda location: location.filename)
    with global_compiler_lock, compiled_once, resolved_once, named:
        typing, context = cpu_target.typing_context, cpu_target.target_context
        typing.refresh()
        context.refresh()
        ask_for_scalars()
        if not kernel.cached:  # may contain users' functions, which others call too
            library = _lowered(kernel, dtype, symbol, typing, context)
        else:
            with _collecting(context):
                library = _lowered(kernel, dtype, symbol, typing, context)
        contained, others = _contained_in(library)
        return lambda: _emitted(library, contained, others, symbol)


def _lowered(
    kernel: Any, dtype: np.dtype[Any], symbol: str, typing: Any, context: Any
) -> _KernelLibrary:
    flags = Flags()
    flags.error_model = "numpy"
    flags.fastmath = FastMathOptions(set(declarations.FASTMATH))
    flags.boundscheck = declarations.BOUNDS_CHECKED
    flags.nrt = True  # else Numba takes no function that returns a view
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_compile = True
    argument_types = tuple(numba_type(type_, dtype) for type_ in kernel.signature)
    library: _KernelLibrary = _codegen().create_library(symbol)
    library.interleave = kernel.interleave
    library.has_function_passes = not kernel.is_driver
    result = compile_extra(
        typing, context, kernel.function, argument_types, types.float64, flags, {},
        library=library,
    )  # fmt: skip
    module = context.create_module(symbol)
    _write_entry(module, kernel, dtype, symbol, context, result.fndesc)
    library.add_ir_module(module)
    return library


def _write_entry(
    module: ir.Module,
    kernel: Any,
    dtype: np.dtype[Any],
    symbol: str,
    context: Any,
    description: Any,
) -> None:
    """Append what is called from outside; see `entry.py`."""
    argument_types = description.argtypes
    callee_type = context.call_conv.get_function_type(
        description.restype, argument_types
    )
    callee = ir.Function(module, callee_type, description.llvm_func_name)
    parameters = [
        context.get_value_type(type_) for type_ in parameters_of(kernel, argument_types)
    ]
    entry = ir.Function(module, ir.FunctionType(REAL, parameters), symbol)
    builder = ir.IRBuilder(entry.append_basic_block())
    fits, arguments = read_arguments(
        context, builder, kernel, dtype, argument_types, entry.args
    )
    if kernel.is_driver:
        with builder.if_then(builder.not_(fits), likely=False):
            builder.ret(NAN)
    status, value = context.call_conv.call_function(
        builder, callee, description.restype, argument_types, list(arguments)
    )
    if declarations.BOUNDS_CHECKED:
        with builder.if_then(status.is_error):
            note_failure(builder, kernel)
            builder.ret(NAN)
    builder.ret(value)


def _optimize_functions(module: Any) -> None:
    """Run LLVM's passes on each function by itself, as Numba does.

    Without them `exp` and what contains it are a sixth slower. For drivers, which call
    kernels, they would be a quarter of LLVM's work and gain nothing.
    """
    functions = [each for each in module.functions if not each.is_declaration]
    if _HAS_PASS_BUILDER:
        manager, builder = _codegen()._function_pass_manager()
        for function in functions:
            manager.run(function, builder)
        return
    manager = _codegen()._function_pass_manager(module)
    for function in functions:
        manager.initialize()
        manager.run(function)
        manager.finalize()


def _optimize(module: Any) -> None:
    """Run LLVM's passes once; Numba's cheap ones, before them, gain nothing here."""
    if _HAS_PASS_BUILDER:
        manager, builder = _codegen()._module_pass_manager()
        manager.run(module, builder)
    else:
        _codegen()._module_pass_manager().run(module)


def _emitted(
    library: _KernelLibrary,
    contained: list[_KernelLibrary],
    others: list[Any],
    symbol: str,
) -> Code:
    """Put a function and what it contains together, optimise and emit it."""
    declared = [
        name for each in (library, *contained) for name in each.text.declarations
    ]
    with _emission_lock:
        module = _module(library, contained, others)
        if others or any(name.startswith("NRT_") for name in declared):
            module.link_in(rtsys.library._get_module_for_linking(), preserve=True)
            target.keep_only(module, symbol)
        _optimize(module)
        return target.emit(module, _codegen()._tm)
