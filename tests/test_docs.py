"""What the documentation quotes, names and promises."""

import ast
import doctest
import importlib
import inspect
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import sknn
import sknn.estimators.classifier
import sknn.estimators.regressor

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def without_code(text):
    """Return the text of a page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)


@pages
def test_links_lead_to_files(page):
    for target in LINK.findall(without_code(page.read_text("utf-8"))):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pages
def test_named_files_exist(page):
    for path in re.findall(
        r"`((?:sknn|tests|docs|examples)/[\w./]+)`", page.read_text()
    ):
        assert (ROOT / path).exists(), path


def test_fragments_of_the_changelog_are_of_a_kind():
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    kinds = re.findall(r'directory = "(\w+)", name', settings)
    assert kinds == ["added", "changed", "removed", "fixed"]
    for path in ROOT.glob("changes/*"):
        pattern = rf"README\.md|\+[\w-]+\.({'|'.join(kinds)})\.md"
        assert re.fullmatch(pattern, path.name), path


def test_modules_that_the_page_of_internals_names_exist():
    """Its paths are relative to sknn/, where no others are given."""
    page = (ROOT / "docs/change/internals.md").read_text("utf-8")
    paths = re.findall(r"`([\w/]+(?:\.py|/))`", page)
    assert len(paths) > 30
    for path in paths:
        assert (ROOT / "sknn" / path).exists() or (ROOT / path).exists(), path


def names_of_tests():
    trees = [
        ast.parse(path.read_text("utf-8")) for path in ROOT.glob("tests/**/test_*.py")
    ]
    nodes = [node for tree in trees for node in tree.body]
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def test_every_promise_of_reliability_names_its_test():
    text = (ROOT / "docs/trust/reliability.md").read_text("utf-8")
    assert set(re.findall(r"`(test_\w+)`", text)) <= names_of_tests()
    for item in re.split(r"\n- \*\*", text)[1:]:
        assert "`test_" in item, item


def test_every_difference_names_its_test():
    text = (ROOT / "docs/reference/differences.md").read_text("utf-8")
    tests = names_of_tests()
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named <= tests
    assert len(named) >= 25
    differences, _, _ = text.partition("## Kept although odd")
    for item in re.split(r"\n- \*\*", differences)[1:]:
        assert "`test_" in item, item


README_CODE = {
    name: re.findall(r"```python\n(.*?)```", (ROOT / name).read_text("utf-8"), re.S)
    for name in ("README.md", "README.pt-BR.md")
}


def test_the_code_of_the_readme_beats_the_plain_default(capsys):
    [code] = README_CODE["README.md"]
    assert len(code.splitlines()) <= 12
    exec(compile(code, "README.md", "exec"), {})
    plain, better = re.findall(r"R² (-?[\d.]+)", capsys.readouterr().out)
    assert float(plain) < 0.3 < float(better)
    for name in README_CODE:
        text = (ROOT / name).read_text("utf-8")
        assert f"R² {plain}" in text
        assert f"R² {better}" in text


def test_both_languages_of_the_readme_have_the_same_code_and_pictures():
    assert README_CODE["README.pt-BR.md"] == README_CODE["README.md"]
    pictures = [
        re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / name).read_text("utf-8"))
        for name in README_CODE
    ]
    assert len(pictures[0]) == 2
    assert pictures[0] == pictures[1]


def test_the_table_of_the_readme_runs_on_a_file(tmp_path, monkeypatch, capsys):
    pandas = pytest.importorskip("pandas")
    generator = np.random.default_rng(0)
    city = generator.choice(["Natal", "Recife"], 200)
    age = generator.integers(9, 99, 200)
    churned = np.where((age > 50) ^ (city == "Natal"), "yes", "no")
    table = pandas.DataFrame({"city": city, "age": age, "churned": churned})
    table.loc[::20, "age"] = None
    table.to_csv(tmp_path / "customers.csv", index=False)
    monkeypatch.chdir(tmp_path)
    codes = [
        re.search(
            r"```text\n(import pandas.*?)```", (ROOT / name).read_text("utf-8"), re.S
        )[1]
        for name in README_CODE
    ]
    assert codes[0] == codes[1]
    exec(compile(codes[0], "README.md", "exec"), {})
    assert float(capsys.readouterr().out.split()[0]) > 0.8


WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in ROOT.glob("sknn/**/*.py")
    if ">>> " in path.read_text("utf-8")
)


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_of_the_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.failed == 0


@pytest.mark.parametrize("estimator", [sknn.MLPClassifier, sknn.MLPRegressor])
def test_every_parameter_and_attribute_is_documented(estimator):
    documentation = inspect.getdoc(estimator)
    for name in estimator().get_params():
        assert re.search(rf"^{name} : .*default=", documentation, re.MULTILINE), name
    for name in ("coefs_", "intercepts_", "loss_curve_", "n_iter_", "t_", "best_loss_"):
        assert re.search(rf"^{name} : ", documentation, re.MULTILINE), name
    assert "{" not in re.sub(r"\{'[^}]*'\}|\{array-like[^}]*\}", "", documentation)


@pytest.mark.slow
def test_quickstart_saves_its_pictures(tmp_path, capsys, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    namespace = runpy.run_path(str(ROOT / "examples/quickstart.py"))
    namespace["main"](tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "quickstart_loss_curve.png",
        "quickstart_predicted_vs_actual.png",
    }
    assert "accuracy or R2" in capsys.readouterr().out
