"""The recipe for conda-forge says what setup.cfg says."""

import configparser
import re
from pathlib import Path

import sknn

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "recipe/recipe.yaml"


def test_the_recipe_is_in_step_with_setup_cfg():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    options, text = setup["options"], RECIPE.read_text("utf-8")
    run = text.partition("  run:\n")[2].partition("\n\n")[0]
    wanted = dict(
        re.fullmatch(r"([\w-]+)>=([\d.]+)", line).groups()
        for line in options["install_requires"].split()
    )
    found = dict(re.findall(r"- ([\w-]+) >=([\d.]+)", run))
    assert found == wanted
    python = options["python_requires"].removeprefix(">=")
    assert f'python_min: "{python}"' in text
    assert f'version: "{sknn.__version__}"' in text
    assert setup["metadata"]["license_expression"] in text
    assert setup["metadata"]["description"] in text
    imports = re.findall(r"^ +- (sknn[.\w]*)$", text, re.MULTILINE)
    assert {name.rpartition(".")[2] for name in imports} <= {"sknn", *dir(sknn)}
