"""Names of kernels, by which the cache keeps machine code."""

import pytest
from processes import run

from sknn.jit import kernel_names
from sknn.jit.kernel import COMPILED, INTEGER, Array, Driver, Kernel

ARRAY = (Array(),)


@pytest.fixture(autouse=True)
def _nothing_is_kept(monkeypatch):
    """The kernels that a test defines are forgotten behind it."""
    monkeypatch.setattr(kernel_names, "_CACHED", {})
    n_before = len(COMPILED)
    yield
    del COMPILED[n_before:]


def of_the_package(function):
    """Return a function as if a module of sknn had defined it."""
    function.__module__ = "sknn.kernels.somewhere"
    return function


def multiply_by(factor):
    def multiply(x):
        for k in range(x.size):
            x[k] *= factor
        return 0.0

    return of_the_package(multiply)


@of_the_package
def negate(x):
    for k in range(x.size):
        x[k] = -x[k]
    return 0.0


@pytest.mark.parametrize("second", [Kernel, Driver])
@pytest.mark.parametrize("first", [Kernel, Driver])
def test_a_second_function_of_a_name_is_refused(first, second):
    first(multiply_by(2), ARRAY, "scale")
    n_before = len(COMPILED)
    with pytest.raises(ValueError, match="'scale'") as caught:
        second(negate, ARRAY, "scale")
    message = str(caught.value)
    for function in (multiply_by(2), negate):
        line = function.__code__.co_firstlineno
        place = f"{function.__qualname__} in sknn.kernels.somewhere, line {line}"
        assert place in message
    assert "must have a name of its own" in message
    assert message.endswith("Rename one of them.")
    assert len(COMPILED) == n_before  # and the first one is as it was
    first(multiply_by(2), ARRAY, "scale")


def test_functions_of_the_same_lines_are_told_apart():
    """Kernels of all activations are of the same lines, and enclose their formulas."""
    Kernel(multiply_by(2), ARRAY, "scale")
    with pytest.raises(ValueError, match="Two kernels are named 'scale'"):
        Kernel(multiply_by(3), ARRAY, "scale")


@pytest.mark.parametrize(
    ("signature", "interleave"), [((Array(ndim=2),), 1), (ARRAY, 4)]
)
def test_another_way_to_compile_a_function_is_refused(signature, interleave):
    Kernel(negate, ARRAY, "negate")
    with pytest.raises(ValueError, match="Two kernels are named 'negate'"):
        Kernel(negate, signature, "negate", interleave=interleave)


def test_the_same_definition_may_run_again():
    """As where a user interrupts an import and repeats it."""
    for _ in range(2):
        Kernel(multiply_by(2), ARRAY, "scale")
        Kernel(multiply_by(multiply_by(2)), (Array(), INTEGER), "scale_twice")


def test_names_of_kernels_that_are_not_cached_may_repeat():
    """They get other symbols, so users can register a function again."""
    kernels = [
        Kernel(multiply_by(2), ARRAY, "scale", cached=False),
        Kernel(multiply_by(3), ARRAY, "scale", cached=False),
        Kernel(negate, ARRAY, "scale"),
    ]
    assert [kernel.cached for kernel in kernels] == [False, False, True]


REPEATED_IMPORT = """
import json, sys
from sknn import MLPClassifier
from sknn.jit.kernel import COMPILED

n_before = len(COMPILED)
modules = [name for name in sys.modules if name.startswith("sknn.kernels")]
for name in modules:
    del sys.modules[name]
for name in modules:
    __import__(name)
print(json.dumps([n_before, len(COMPILED)]))
"""


def test_all_modules_of_kernels_can_be_imported_again():
    n_before, n_after = run(REPEATED_IMPORT)
    assert n_after == 2 * n_before > 200
