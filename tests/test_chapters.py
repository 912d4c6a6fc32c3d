"""The chapters of the course: the same program in both languages, which runs."""

import ast
import re
import textwrap
import warnings
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
ENGLISH = {path.stem: path for path in sorted(DOCS.glob("learn/*.md"))}
PORTUGUESE = {path.stem: path for path in sorted(DOCS.glob("pt/learn/*.md"))}
CODE = re.compile(
    r"^(?P<fence>`{3,})(?:\{code-cell\} *(?:python|ipython3)?|python)\n"
    r"(?P<code>.*?)^(?P=fence) *$",
    re.DOTALL | re.MULTILINE,
)
OPTIONS = re.compile(
    r"\A(?:---\n.*?^---\n|(?::[\w-]+:.*\n)+)", re.DOTALL | re.MULTILINE
)


def codes_of(path):
    """Return the code of a chapter: its cells, and the solutions of its exercises."""
    found = CODE.finditer(textwrap.dedent(path.read_text("utf-8")))
    return [OPTIONS.sub("", match["code"]) for match in found]


class Blank(ast.NodeTransformer):
    """Makes all strings alike, also those with values in them."""

    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node):
        values = [v for v in node.values if isinstance(v, ast.FormattedValue)]
        return ast.JoinedStr([self.generic_visit(value) for value in values])


def blanked(code):
    """Return a program without its comments and its strings."""
    return ast.dump(Blank().visit(ast.parse(code)))


def test_every_chapter_is_in_both_languages():
    assert ENGLISH.keys() == PORTUGUESE.keys()
    assert len(ENGLISH) > 10


@pytest.mark.parametrize("chapter", ENGLISH)
def test_both_languages_have_the_same_code(chapter):
    english, portuguese = map(codes_of, (ENGLISH[chapter], PORTUGUESE[chapter]))
    assert len(english) == len(portuguese)
    for ours, theirs in zip(english, portuguese, strict=True):
        assert blanked(ours) == blanked(theirs), ours


TRANSLATED = sorted(path.stem for path in DOCS.glob("pt/use/*.md"))


def test_every_page_on_use_is_in_both_languages():
    assert sorted(path.stem for path in DOCS.glob("use/*.md")) == TRANSLATED


@pytest.mark.parametrize("page", TRANSLATED)
def test_translated_pages_on_use_have_the_same_code(page):
    """Their code runs in test_pages.py."""
    english, portuguese = (
        [blanked(code) for code in codes_of(DOCS / f"{folder}use/{page}.md")]
        for folder in ("", "pt/")
    )
    assert english == portuguese


@pytest.mark.parametrize("page", [page for page in TRANSLATED if page != "index"])
def test_translated_tables_have_the_same_code(page):
    english, portuguese = (
        [
            sorted(re.findall(r"`([^`]+)`", row))
            for row in re.findall(r"^\|.*$", path.read_text("utf-8"), re.MULTILINE)
        ]
        for path in (DOCS / f"use/{page}.md", DOCS / f"pt/use/{page}.md")
    )
    assert english == portuguese


@pytest.mark.slow
@pytest.mark.parametrize("chapter", ENGLISH)
def test_the_code_of_a_chapter_runs(chapter, monkeypatch, tmp_path):
    """Its cells run while the site is built too; the solutions only here."""
    plt = pytest.importorskip("matplotlib.pyplot")
    pytest.importorskip("IPython")
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")
    names = {"__name__": "__main__"}
    with warnings.catch_warnings(), plt.rc_context():
        warnings.simplefilter("ignore")  # a chapter may show them
        for code in codes_of(ENGLISH[chapter]):
            exec(compile(code, chapter, "exec"), names)
    plt.close("all")


def test_strings_and_comments_alone_may_differ():
    assert blanked('print(f"a {x:.2f}")  # one') == blanked('print(f"{x:.2f} um")')
    assert blanked('d = {"weight": 1}') == blanked('d = {"peso": 1}')
    for other in ("print(f'{y:.2f}')", "print(x, 1)", "show(x)"):
        assert blanked("print(f'{x:.2f}')") != blanked(other)
