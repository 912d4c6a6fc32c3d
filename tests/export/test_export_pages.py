"""The code on the pages about ONNX and about other libraries."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("page", "modules"),
    [
        ("use/onnx.md", ["onnx", "onnxruntime", "skl2onnx"]),
        ("use/convert.md", ["torch", "emlearn", "keras"]),
    ],
)
def test_code_runs(page, modules, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    for module in modules:
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text("utf-8")
    names = {}
    codes = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(codes) >= 2
    for code in codes:
        exec(compile(code, page, "exec"), names)
