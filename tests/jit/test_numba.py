"""Numba's private names, and the way to machine code that does without them."""

import ast
import os
import sys
from pathlib import Path

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
        pytest.param(owner, name, id=f"{getattr(owner, '__name__', owner)}.{name}")
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


SMALL = FITS + FIT + 'report(fit("MLPRegressor", hidden_layer_sizes=3))'
# What a release of Numba might take away: a module's name, a method, an argument.
LOST = {
    "import": """
import numba.core.codegen
del numba.core.codegen.JITCPUCodegen
""",
    "method": """
import numba.core.codegen
del numba.core.codegen.CPUCodegen._module_pass_manager
""",
    "attribute": """
import numba.core.runtime.context
del numba.core.runtime.context.NRTContext._call_incref_decref
""",
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return run(SMALL, NUMBA_CACHE_DIR=str(tmp_path_factory.mktemp("usual")))


@pytest.mark.skipif(BOUNDS_CHECKED, reason="there is no cache")
@pytest.mark.parametrize("lost", LOST)
def test_a_numba_that_lacks_a_private_name_costs_one_warning(lost, usual, tmp_path):
    places = {"NUMBA_CACHE_DIR": str(tmp_path), "SKNN_COMPILER": None}
    report = run(FITS + FIT + LOST[lost] + SMALL.removeprefix(FITS + FIT), **places)
    ((category, message),) = report["warnings"]
    assert category == "RuntimeWarning"
    assert "compiles in a slower way. Results are the same" in message
    assert sorted(report["compiled"]) == sorted(usual["compiled"])
    for mine, other in zip(report["weights"], usual["weights"], strict=True):
        assert_allclose(mine, other, rtol=1e-9)
    again = run(SMALL, **places)
    assert not again["compiled"]
    assert not again["numba"], "code from the cache needs no Numba"
    assert again["weights"] == report["weights"]


def test_the_way_can_be_chosen(tmp_path):
    code = "import sys; " + SMALL
    chosen = {"SKNN_COMPILER": "documented", "NUMBA_CACHE_DIR": str(tmp_path)}
    script = SMALL + "\nassert 'sknn.jit.numba_internals' not in sys.modules"
    report = run(script, **chosen)
    assert report["compiled"]
    assert not report["warnings"]
    assert code


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
    report = run(
        FITS + FIT + script + SMALL.removeprefix(FITS + FIT),
        NUMBA_CACHE_DIR=str(tmp_path),
    )
    assert report["compiled"]
    assert os.listdir(tmp_path)
