"""Every compiled function says what it computes."""

import json
import re
import subprocess
import sys
from inspect import getdoc

import pytest

from sknn.jit.declarations import BY_DTYPE, INLINED, INTRINSICS
from sknn.jit.kernel import COMPILED
from sknn.network import network  # noqa: F401  (which imports all kernels)

FUNCTIONS = {
    "kernels and drivers": [each.function for each in COMPILED],
    "inline functions": [function for function, _ in INLINED],
    "functions by dtype": [each for functions in BY_DTYPE for each in functions],
    "intrinsics": list(INTRINSICS),
}


def is_ours(function):
    """Users' activations and losses, which other tests register, are left out."""
    return function.__module__.startswith("sknn.kernels.")


@pytest.mark.parametrize("group", FUNCTIONS)
def test_every_compiled_function_has_a_docstring(group):
    functions = [function for function in FUNCTIONS[group] if is_ours(function)]
    assert len(functions) > 10
    undocumented = {
        f"{function.__module__}.{function.__qualname__}"
        for function in functions
        if not getdoc(function)
    }
    assert not undocumented


def test_every_kernel_states_shapes():
    """As in "of shape (n_rows, width)" or "x is (n_rows, fan_in)"."""
    stated = re.compile(r"\b[Ss]hapes? |\b(is|are) \(\w[^()]*,[^()]*\)")
    without = {
        kernel.name
        for kernel in COMPILED
        if is_ours(kernel.function) and not stated.search(getdoc(kernel.function))
    }
    assert not without


def test_no_two_kernels_have_one_name():
    """Else one would run the machine code that is kept for the other."""
    script = "import json, sknn.network.network; from sknn.jit.kernel import COMPILED; "
    script += "print(json.dumps([kernel.name for kernel in COMPILED]))"
    # In a process of its own, for other tests register functions of one name.
    names = json.loads(subprocess.check_output([sys.executable, "-c", script]))
    assert len(names) > 100
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("huber_train", "huber(y, z, settings)"),
        ("focal_train", "focal(raw, i, label"),
        ("softsign_forward", "softsign(z)"),
        ("gelu_backward", "gelu_derivative(saved)"),
        ("exp_link", "exp(raw)"),
        ("adam_step", "by adam."),
        ("nadam_rates", "by nadam_rates."),
    ],
)
def test_a_generated_kernel_names_its_formula(name, formula):
    (kernel,) = [each for each in COMPILED if each.name == name]
    assert formula in getdoc(kernel.function)
