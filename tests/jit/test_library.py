"""The library that compiles kernels knows nothing of the package that uses it."""

import ast
import shutil

from processes import PACKAGE, run

JIT = PACKAGE / "jit"


def test_no_tie_to_the_package():
    """No import from it but of the library's own modules, and no name of it."""
    for path in JIT.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                module = f"{node.module}."
                assert not module.startswith("sknn.") or module.startswith("sknn.jit.")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert "sknn" not in node.value, (path.name, node.value)


ANOTHER_PACKAGE = """
import json
import sys
import numpy as np
from other.sums import add

x = np.arange(4.0)
result = add(x.dtype, x)
from other.jit.specializations import COMPILED_HERE
print(json.dumps([result, COMPILED_HERE, "numba" in sys.modules]))
"""


def test_another_package_can_use_it(tmp_path):
    """Under another name, beside sknn: it keeps code in a folder of its own."""
    other = tmp_path / "other"
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(JIT, other / "jit", ignore=no_caches)
    for path in (other / "jit").glob("*.py"):
        text = path.read_text("utf-8").replace("sknn.jit", "other.jit")
        path.write_text(text, "utf-8")
    (other / "__init__.py").write_text(
        "from pathlib import Path\n"
        "from other.jit.configuration import configure\n"
        "configure('other', 'other', [Path(__file__).parent])\n"
    )
    (other / "sums.py").write_text(
        "from other.jit.kernel import Array, driver\n"
        "@driver((Array(),))\n"
        "def add(x):\n"
        "    total = 0.0\n"
        "    for value in x:\n"
        "        total += value\n"
        "    return total\n"
    )
    places = {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert run(ANOTHER_PACKAGE, **places) == [6.0, ["add-float64"], True]
    assert run(ANOTHER_PACKAGE, **places) == [6.0, [], False]
    assert list((tmp_path / "cache" / "other").rglob("add-float64.bin"))
