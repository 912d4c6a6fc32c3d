"""The whole Keras programs in the course, which stand beside those of sknn."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "learn/keras.md").read_text("utf-8")
BLOCK = re.compile(
    r"^```\{code-block\} python\n((?::[^\n]*\n)+)\n(.*?)^```", re.M | re.S
)
PROGRAMS = [code for options, code in BLOCK.findall(PAGE) if ":class: keras" in options]


def test_there_are_programs():
    assert len(PROGRAMS) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_a_program_runs(number, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("torch")
    pytest.importorskip("keras")
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    exec(compile(PROGRAMS[number], "keras.md", "exec"), {"__name__": "__main__"})
    plt.close("all")
    assert capsys.readouterr().out
