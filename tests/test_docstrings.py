"""The docstrings as an editor reads them: in the source, without running it."""

import ast
import inspect
import re
import textwrap

import pytest
from processes import PACKAGE

import docs.docstrings
from sknn import (
    EnsembleMLPClassifier,
    EnsembleMLPRegressor,
    MLPClassifier,
    MLPRegressor,
)

FITS = [
    (estimator, name)
    for estimator in (MLPClassifier, MLPRegressor)
    for name in ("fit", "partial_fit", "resume_fit")
]
PAIRS = [(MLPClassifier, EnsembleMLPClassifier), (MLPRegressor, EnsembleMLPRegressor)]
PARAMETERS = re.compile(r"^Parameters\n-+\n.*?(?=\n\n)", re.MULTILINE | re.DOTALL)
VALIDATION = re.compile(r"^X_val : .*?(?=\n\n)", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", docs.docstrings.documented(), ids=lambda p: p.name)
def test_docstrings_are_in_step_with_the_tables(path):
    expected = docs.docstrings.documented()[path]
    assert path.read_text("utf-8") == expected, "run python docs/docstrings.py --write"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.name)
def test_docstrings_in_the_source_have_no_gaps(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node) or ""
            assert not re.search(r"(?<!\\frac)\{\w+\}", text), getattr(
                node, "name", path
            )


@pytest.mark.parametrize(("estimator", "name"), FITS)
def test_the_docstring_in_the_source_is_that_of_the_program(estimator, name):
    method = inspect.unwrap(getattr(estimator, name))
    [function] = ast.parse(textwrap.dedent(inspect.getsource(method))).body
    assert ast.get_docstring(function) == inspect.getdoc(getattr(estimator, name))


@pytest.mark.parametrize(("estimator", "name"), FITS)
def test_all_fits_say_the_same_of_validation_data(estimator, name):
    found = VALIDATION.search(inspect.getdoc(getattr(estimator, name)))
    assert found[0] == VALIDATION.search(inspect.getdoc(MLPClassifier.fit))[0]
    assert "sample_weight_val : " in found[0]


@pytest.mark.parametrize(("network", "ensemble"), PAIRS)
def test_ensembles_are_scored_on_the_same_parameters_as_networks(network, ensemble):
    found, expected = (
        PARAMETERS.search(inspect.getdoc(estimator.score))[0]
        for estimator in (ensemble, network)
    )
    assert found == expected
    assert "sample_weight : " in found


def test_a_stale_list_is_written_anew():
    items = [docs.docstrings.Item("a", "first", "A. Author, 1999")]
    items.append(docs.docstrings.Item("b", "second - not third"))
    stale = "x : int\n    One of:\n\n    - 'b': old\n      and long\n"
    stale += "    - 'c': gone\n\ny : z\n"
    found = docs.docstrings.with_list(stale, "x", items)
    assert found == (
        "x : int\n    One of:\n\n    - 'a': first [@A. Author, 1999@]_\n"
        "    - 'b': second - not third\n\ny : z\n"
    )


def test_citations_are_numbered_anew():
    text = "a [2]_, b [1]_, a [2]_\n\nReferences\n----------\n"
    text += ".. [1] One\n   long.\n.. [2] Two.\n"
    decoded = docs.docstrings.with_texts_of_citations(text)
    assert decoded.startswith("a [@Two@]_, b [@One long@]_")
    found = docs.docstrings.with_numbers_of_citations(decoded)
    assert found.split("\n")[0] == "a [1]_, b [2]_, a [1]_"
    assert found.rstrip().endswith(".. [1] Two.\n.. [2] One long.")
