"""The last chapter of the course: programs of Keras, each beside its form in sknn."""

import re
from pathlib import Path

import pytest
from test_chapters import blanked, codes_of

DOCS = Path(__file__).parents[1] / "docs"
PAGE, TRANSLATION = DOCS / "learn/keras.md", DOCS / "pt/learn/keras.md"
PROGRAM = re.compile(
    r"^```\{code-block\} python\n:caption: Keras\n:class: keras\n\n(.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
PROGRAMS = PROGRAM.findall(PAGE.read_text("utf-8"))
every_program = pytest.mark.parametrize("number", range(len(PROGRAMS)))


def lines_of(code):
    return [line for line in code.splitlines() if line.strip()]


def test_there_are_programs_of_a_whole_course():
    assert len(PROGRAMS) >= 5
    for word in ("softmax", "sigmoid", "mse", "Dropout", "validation_split"):
        assert any(word in program for program in PROGRAMS), word


def test_both_languages_have_the_same_programs():
    translated = PROGRAM.findall(TRANSLATION.read_text("utf-8"))
    assert list(map(blanked, translated)) == list(map(blanked, PROGRAMS))


@every_program
def test_the_form_in_sknn_is_no_longer(number):
    assert len(lines_of(codes_of(PAGE)[number])) <= len(lines_of(PROGRAMS[number]))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Keras and of what it imports
@every_program
def test_the_program_runs_in_keras(number, monkeypatch, tmp_path):
    """With few epochs: to show that each of its calls is one of Keras."""
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("torch")
    pytest.importorskip("keras")
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")
    program = re.sub(r"epochs=\d+", "epochs=2", PROGRAMS[number])
    exec(compile(program, f"Keras {number}", "exec"), {"__name__": "__main__"})
    plt.close("all")
