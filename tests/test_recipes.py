"""The recipes of the page on extending, followed to the letter on a copy of sknn."""

import os
import re
import shutil
import subprocess
import sys
from inspect import getdoc
from pathlib import Path
from typing import NamedTuple

import pytest
from processes import PACKAGE

import sknn
from sknn import MLPClassifier, MLPRegressor
from sknn.kernels.descriptions import check_description
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.layers.normalization import NORMALIZATIONS
from sknn.kernels.losses.table import (
    CLASSIFICATION_LOSSES,
    OUTPUT_ACTIVATIONS,
    REGRESSION_LOSSES,
    elementwise_names,
    losses_of_classifier,
)
from sknn.kernels.optim.optimizers import OPTIMIZERS, SOLVERS
from sknn.network.initializers import INITIALIZERS
from sknn.network.layers.table import LAYERS
from sknn.network.registry import DEFINITIONS
from sknn.training.schedules import SCHEDULES

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs/change/extending.md"
WRITES_DOCSTRINGS = TESTS.parent / "docs/docstrings.py"
BLOCK = re.compile(r"<!-- ([^>]+) -->\n```python\n(.*?)```", re.DOTALL)
DESCRIPTION = re.compile(r'^ *description ?= ?"[^\n]*"(,?)\n', re.MULTILINE)


class Recipe(NamedTuple):
    """What a section adds, and whether its kernels are compiled to try it."""

    kind: str
    name: str
    is_compiled: bool = False


RECIPES = {
    "An activation": Recipe("activation", "squareplus", is_compiled=True),
    "A loss of numbers": Recipe("regression_loss", "cauchy"),
    "A loss of classes": Recipe(
        "classification_loss", "squared_hinge", is_compiled=True
    ),
    "An output activation": Recipe("output_activation", "softplus"),
    "An optimizer": Recipe("optimizer", "adabelief"),
    "A schedule": Recipe("schedule", "linear"),
    "An initializer": Recipe("initializer", "identity"),
    "A layer": Recipe("layer", "scaling"),
    "An estimator": Recipe("estimator", "input_normalization"),
}
recipes = pytest.mark.parametrize("title", RECIPES)


def sections():
    """Return the blocks of each section of the page: where they go, and their code."""
    parts = re.split(r"^## (.*)\n", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {title: BLOCK.findall(text) for title, text in pairs}


SECTIONS = sections()


def apply(blocks, folder):
    """Follow a recipe on a copy of the package; return what it says to run."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "sknn", ignore=ignored)
    (folder / "docs").mkdir()
    shutil.copy(WRITES_DOCSTRINGS, folder / "docs")
    scripts = []
    for where, code in blocks:
        if where == "run":
            scripts.append(code)
            continue
        action, _, path = where.rpartition(" ")
        file = folder / path
        assert file.exists() == (action == "append to"), where
        assert action in ("append to", "new file"), where
        before = f"{file.read_text('utf-8')}\n\n" if file.exists() else ""
        file.write_text(before + code, "utf-8")
    return scripts


def run(folder, *arguments, is_compiled=False):
    """Run Python with the copy of the package in a folder."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(TESTS)]),
        "NUMBA_CACHE_DIR": str(folder / "cache"),
        "NUMBA_DISABLE_JIT": str(int(not is_compiled)),
    }
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_section_with_blocks_is_a_recipe():
    assert {title for title, blocks in SECTIONS.items() if blocks} == set(RECIPES)


@recipes
def test_a_recipe_is_one_definition_in_one_file(title):
    assert len([where for where, _ in SECTIONS[title] if where != "run"]) == 1
    assert "run" in [where for where, _ in SECTIONS[title]]


@pytest.mark.parametrize(
    "title",
    [
        pytest.param(title, marks=pytest.mark.slow) if recipe.is_compiled else title
        for title, recipe in RECIPES.items()
    ],
)
@pytest.mark.default_cases(3)
def test_a_recipe_works(title, tmp_path):
    kind, name, is_compiled = RECIPES[title]
    scripts = apply(SECTIONS[title], tmp_path)
    checks: list[tuple[str, ...]] = [("docs/docstrings.py", "--write")]
    checks += [("-c", script) for script in scripts]
    checks.append((str(TESTS / "recipe_checks.py"), kind, name))
    for arguments in checks:
        result = run(tmp_path, *arguments, is_compiled=is_compiled)
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("title", sorted(RECIPES.keys() - {"An estimator"}))
@pytest.mark.parametrize("change", ["left out", "empty"])
@pytest.mark.default_cases(2)
def test_a_component_without_a_description_is_refused(title, change, tmp_path):
    [(where, code)] = [block for block in SECTIONS[title] if block[0] != "run"]
    new = "" if change == "left out" else r'    description=""\1' + "\n"
    tampered, n = DESCRIPTION.subn(new, code)
    assert n == 1
    apply([(where, tampered)], tmp_path)
    result = run(tmp_path, "-c", "from sknn import MLPClassifier")
    assert re.search("(Type|Value)Error: .*description", result.stderr)


def test_an_estimator_without_documentation_is_refused(tmp_path):
    blocks = SECTIONS["An estimator"]
    tampered = [
        (where, re.sub(r"    normalizes_inputs : .*\n.*\n", "", code))
        for where, code in blocks
    ]
    assert tampered != blocks
    apply(tampered, tmp_path)
    kind, name, _ = RECIPES["An estimator"]
    result = run(tmp_path, str(TESTS / "recipe_checks.py"), kind, name)
    assert "AssertionError: normalizes_inputs" in result.stderr


# The tables --------------------------------------------------------------------------

BOTH = (MLPClassifier, MLPRegressor)
USERS = {name for _, name in DEFINITIONS}


def without_variants(losses):
    return {name: losses[name] for name in losses if not losses[name].chosen_by}


SHOWN = [
    (ACTIVATIONS, BOTH),
    (SOLVERS, BOTH),
    (SCHEDULES, BOTH),
    (INITIALIZERS, BOTH),
    (NORMALIZATIONS, BOTH),
    (LAYERS, BOTH),
    (losses_of_classifier(), [MLPClassifier]),
    (without_variants(REGRESSION_LOSSES), [MLPRegressor]),
    (
        {name: OUTPUT_ACTIVATIONS[name] for name in elementwise_names()},
        [sknn.register_loss],
    ),
]
COMPONENTS = [
    (name, component, targets)
    for table, targets in SHOWN
    for name, component in table.items()
    if name not in USERS
]


@pytest.mark.parametrize(
    ("name", "component", "targets"), COMPONENTS, ids=[name for name, *_ in COMPONENTS]
)
def test_docstrings_show_every_component(name, component, targets):
    assert check_description(name, component.description) == component.description
    assert ". " not in component.description
    for target in targets:
        text = " ".join(getdoc(target).split())
        assert f"- '{name}': {component.description}" in text
        if reference := getattr(component, "reference", ""):
            item = re.escape(f"- '{name}': {component.description} ")
            cited = re.search(rf"{item}\[(\d+)\]_", text)
            assert cited, text
            assert f".. [{cited[1]}] {reference}." in text


def test_all_entries_of_the_tables_have_descriptions():
    tables = (OPTIMIZERS, OUTPUT_ACTIVATIONS, REGRESSION_LOSSES, CLASSIFICATION_LOSSES)
    for table in tables:
        for name, component in table.items():
            assert check_description(name, component.description)


@pytest.mark.parametrize("target", [*BOTH, sknn.register_loss])
def test_docstrings_are_not_too_wide(target):
    assert max(map(len, getdoc(target).splitlines())) <= 88
    assert "{" not in re.sub(r"\{'[^}]*'\}|\{array-like[^}]*\}", "", getdoc(target))


@pytest.mark.parametrize("estimator", BOTH)
def test_references_are_numbered_in_the_order_of_the_text(estimator):
    body, _, listed = getdoc(estimator).partition("References\n----------\n")
    cited = list(dict.fromkeys(map(int, re.findall(r"\[(\d+)\]_", body))))
    found = [int(n) for n in re.findall(r"^\.\. \[(\d+)\] ", listed, re.MULTILINE)]
    assert cited == found == list(range(1, len(found) + 1))


@pytest.mark.parametrize(
    "description", ["", " ", None, "two\nlines", "A sentence.", " padded", 3]
)
def test_descriptions_that_are_refused(description):
    with pytest.raises(ValueError, match="description of 'new' must be one line"):
        check_description("new", description)
