"""Numba's private names, and the way to machine code that does without them."""

import ast
import os
import re
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from processes import FIT, FITS, PACKAGE, run

from sknn.jit.declarations import BOUNDS_CHECKED, INTERPRETED

pytestmark = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")

JIT = PACKAGE / "jit"

# Modules of Numba's documented interface, and `numba.core.cgutils` and `errors`, which
# the documentation of its extension interface uses.
DOCUMENTED = {
    "numba",
    "numba.core.cgutils",
    "numba.core.config",
    "numba.core.errors.TypingError",
    "numba.extending",
    "numba.types",
    "numba.config",
    "numba.njit",
}


def private_names():
    from sknn.jit import numba_internals

    return [
        pytest.param(
            owner, name, id=f"{getattr(owner, '__name__', type(owner).__name__)}.{name}"
        )
        for owner, names in numba_internals.PRIVATE_NAMES
        for name in names
    ]


@pytest.mark.parametrize(("owner", "name"), [] if INTERPRETED else private_names())
def test_numba_has_the_private_names(owner, name):
    assert hasattr(owner, name), "numba_internals.py has to be mended"


def test_numba_has_the_private_options():
    from numba.core.compiler import Flags, compile_extra
    from numba.core.cpu import FastMathOptions

    options = set(Flags.options)
    assert options > {
        "boundscheck", "error_model", "fastmath", "no_cfunc_wrapper", "no_compile",
        "no_cpython_wrapper", "nrt",
    }  # fmt: skip
    assert "library" in compile_extra.__code__.co_varnames
    assert FastMathOptions({"reassoc"}).flags == {"reassoc"}


@pytest.mark.parametrize("left_out", ["_run_pass", "_note_lifetimes", "_resolve"])
@pytest.mark.parametrize("name", ["dense_backward", "relu_backward"])
def test_what_numba_is_spared_does_not_change_the_code(name, left_out, monkeypatch):
    """Passes, lifetimes of variables, and types of operators: a third of its time."""
    from llvmlite.binding import ObjectFileRef
    from numba.core.compiler_machinery import PassManager
    from numba.core.postproc import PostProcessor
    from numba.core.typing.context import BaseContext

    from sknn.jit import compiler, numba_internals
    from sknn.jit.kernel import COMPILED

    (kernel,) = (kernel for kernel in COMPILED if kernel.name == name)

    def code():
        with compiler._compiling():
            lowered = numba_internals.lower(kernel, np.dtype(np.float32), "compared")
            data = lowered().data
        sections = ObjectFileRef.from_data(data).sections()
        return [section.data() for section in sections if section.is_text()]

    ours = code()
    assert any(ours)
    numbas = {
        "_run_pass": PassManager._runPass,
        "_note_lifetimes": PostProcessor.run,
        "_resolve": BaseContext.resolve_function_type,
    }
    monkeypatch.setattr(numba_internals, left_out, numbas[left_out])
    assert code() == ours


@pytest.mark.parametrize(
    "types",
    [
        "i1", "i8", "i32", "i64", "f", "d", "p", "pp", "[3 x i8]", "[2 x {i8, d}]",
        "{}", "{i8, i64}", "{i64, i8}", "{f, i1, i1}", "{i8, {i8, i32}, i8}",
        "{p, p, i64, i64, p, [2 x i64], [2 x i64]}",
    ],
)  # fmt: skip
def test_sizes_of_types_are_those_of_llvm(types):
    from llvmlite import ir

    from sknn.jit import llvm_types, target

    names = {
        "p": ir.IntType(8).as_pointer(),
        "pp": ir.DoubleType().as_pointer().as_pointer(),
        "f": ir.FloatType(),
        "d": ir.DoubleType(),
        **{f"i{width}": ir.IntType(width) for width in (1, 8, 32, 64)},
    }

    def parse(words):
        word = words.pop(0)
        if word == "[":
            count, _, element, _ = (
                words.pop(0),
                words.pop(0),
                parse(words),
                words.pop(0),
            )
            return ir.ArrayType(element, int(count))
        if word == "{":
            elements = []
            while words[0] != "}":
                elements.append(parse(words))
            words.pop(0)
            return ir.LiteralStructType(elements)
        return names[word]

    type_ = parse(re.findall(r"[\w]+|[][{}]", types))
    data = target.machine().target_data
    expected = type_.get_abi_size(data), type_.get_abi_alignment(data)
    assert llvm_types.layout_of(type_) == expected


def test_numba_has_the_passes_that_are_left_out():
    from numba.core.compiler import DefaultPassBuilder, Flags
    from numba.core.compiler_machinery import _pass_registry

    from sknn.jit.numba_internals import _UNUSED_PASSES

    state = SimpleNamespace(flags=Flags(), func_ir=None)
    passes = DefaultPassBuilder.define_nopython_pipeline(state).passes
    names = {_pass_registry.get(pass_).pass_inst.name() for pass_, _ in passes}
    assert names >= _UNUSED_PASSES


def test_a_function_is_compiled_once_for_all_that_contain_it():
    """Also where they have other fastmath flags, which it would not inherit."""
    from sknn.jit import compiler, numba_internals
    from sknn.jit.declarations import FASTMATH, FASTMATH_SCALAR
    from sknn.jit.kernel import COMPILED, REAL, Kernel

    def inner(x):
        return 2 * x

    def outer(x):
        return inner(x) + 1

    def both(x):
        return inner(x) * outer(x)

    asked_for = []

    def choose(function, *types):
        asked_for.append(function)
        return function

    for function, flags in ((inner, FASTMATH), (outer, FASTMATH_SCALAR)):
        chosen = partial(choose, function)
        compiler._overload(function, flags, lambda x, chosen=chosen: chosen(x))
    kernel = Kernel(both, (REAL,), "both", cached=False)
    COMPILED.remove(kernel)
    with compiler._compiling():
        numba_internals.lower(kernel, np.dtype(float), "both")
    assert asked_for.count(inner) == asked_for.count(outer) == 1


def test_numba_has_its_version_in_a_file():
    import numba

    file = Path(numba.__file__).with_name("_version.py")
    assert numba.__version__ in file.read_text("utf-8")


def test_private_names_are_in_one_module():
    for path in PACKAGE.rglob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
        names = {name for name in names if name.partition(".")[0] == "numba"}
        names = {n for n in names if not n.startswith("numba.extending.")}
        if path.name == "numba_internals.py":
            assert names - DOCUMENTED
        else:
            assert names <= DOCUMENTED, path


ONE_KERNEL = """
from sknn.jit.kernel import call
from sknn.kernels.layers.activations import ACTIVATIONS

z = np.linspace(-1, 1, 6)
call(ACTIVATIONS["relu"].backward.address(z.dtype), (np.maximum(z, 0), z))
assert np.allclose(z, [0, 0, 0, 0.2, 0.6, 1])
call(ACTIVATIONS["relu"].forward.address(z.dtype), (z, z))
report()
"""
COMPILED = ["relu_backward-float64", "relu_forward-float64"]
# What a release of Numba might do: take a name away, or let its use fail.
LOST = {
    "import": """
from numba.core.registry import cpu_target
cpu_target.target_context
import numba.core.codegen
del numba.core.codegen.JITCPUCodegen
""",
    "subclass": """
import numba.core.codegen
def refuse(cls): raise TypeError("JITCPUCodegen is final.")
numba.core.codegen.JITCPUCodegen.__init_subclass__ = classmethod(refuse)
""",
    "method": """
from sknn.jit import compiler, numba_internals
def lost(module): raise AttributeError("no attribute '_module_pass_manager'")
numba_internals._optimize = lost
""",
}


@pytest.mark.skipif(BOUNDS_CHECKED, reason="there is no cache")
@pytest.mark.parametrize("lost", LOST)
@pytest.mark.default_cases(1)
def test_a_numba_that_lacks_a_private_name_costs_one_warning(lost, tmp_path):
    places = {"NUMBA_CACHE_DIR": str(tmp_path), "SKNN_COMPILER": None}
    report = run(FITS + FIT + LOST[lost] + ONE_KERNEL, **places)
    ((category, message),) = report["warnings"]
    assert category == "RuntimeWarning"
    assert "compiles in a slower way" in message
    assert report["compiled"] == COMPILED
    again = run(FITS + FIT + ONE_KERNEL, **places)
    assert not again["compiled"]
    assert not again["numba"], "code from the cache needs no Numba"


FIT_BOTH_WAYS = FITS + FIT + 'report(fit("MLPRegressor", hidden_layer_sizes=3))'


@pytest.mark.slow
@pytest.mark.skipif(BOUNDS_CHECKED, reason="there is no cache")
def test_both_ways_give_the_same_results(tmp_path):
    reports = []
    for way in ("internal", "documented"):
        places = {"NUMBA_CACHE_DIR": str(tmp_path / way), "SKNN_COMPILER": way}
        reports.append(run(FIT_BOTH_WAYS, **places))
        again = run(FIT_BOTH_WAYS, **places)
        assert again == {**reports[-1], "compiled": [], "numba": False}
    internal, documented = reports
    assert internal["compiled"] == documented["compiled"]
    assert not internal["warnings"] + documented["warnings"]
    for mine, other in zip(internal["weights"], documented["weights"], strict=True):
        assert_allclose(mine, other, rtol=1e-12)


def test_the_way_can_be_chosen(tmp_path):
    chosen = {"SKNN_COMPILER": "documented", "NUMBA_CACHE_DIR": str(tmp_path)}
    script = ONE_KERNEL + "assert 'sknn.jit.numba_internals' not in sys.modules"
    report = run(FITS + FIT + script, **chosen)
    assert report["compiled"] == COMPILED
    assert not report["warnings"]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the folder")
def test_the_current_folder_may_have_been_deleted(tmp_path):
    """In the documented way Numba needs the folder, for its messages."""
    folder = str(tmp_path / "deleted")
    script = (
        f"import os; os.mkdir({folder!r}); os.chdir({folder!r}); os.rmdir({folder!r})\n"
    )
    places = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "SKNN_COMPILER": "internal"}
    report = run(script + FITS + FIT + ONE_KERNEL, **places)
    assert report["compiled"] == COMPILED
    assert not report["warnings"]


def test_an_unknown_way_is_refused(monkeypatch):
    from sknn.jit import compiler

    monkeypatch.setenv("SKNN_COMPILER", "fast")
    with pytest.raises(ValueError, match="SKNN_COMPILER must be 'internal' or"):
        compiler._uses_documented()


def test_errors_in_what_is_compiled_are_not_blamed_on_numba():
    from sknn.jit import compiler
    from sknn.jit.kernel import COMPILED, Array, Kernel

    def wrong(x):
        return x.no_such_method()

    kernel = Kernel(wrong, (Array(),), "wrong", cached=False)
    COMPILED.remove(kernel)
    with pytest.raises(Exception, match="no_such_method"):
        kernel.address(np.dtype(float))
    assert not compiler._failed


@pytest.mark.skipif(
    sys.platform == "win32" or BOUNDS_CHECKED, reason="needs another process"
)
def test_numba_with_its_compiler_turned_off_by_the_user(tmp_path):
    """For functions of the user's own; `NUMBA_DISABLE_JIT` would be heeded."""
    script = """
import numba
numba.config.DISABLE_JIT = True
"""
    places = {"NUMBA_CACHE_DIR": str(tmp_path)}
    report = run(FITS + FIT + script + ONE_KERNEL, **places)
    assert report["compiled"] == COMPILED
    assert os.listdir(tmp_path)
