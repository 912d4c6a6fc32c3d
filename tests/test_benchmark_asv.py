"""The benchmarks in asv's form: what asv would call."""

import importlib
import json
import re
from pathlib import Path

from benchmarks.cases import CASES
from sknn import _site

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks/asv"


def test_asv_finds_what_its_settings_name():
    settings = json.loads((FOLDER / "asv.conf.json").read_text("utf-8"))
    assert settings["project_url"] == _site.REPOSITORY
    assert (FOLDER / settings["benchmark_dir"] / "networks.py").exists()
    assert (FOLDER / settings["repo"] / "setup.cfg").exists()


def test_its_benchmarks_run_on_the_cases():
    suite = importlib.import_module("benchmarks.asv.suite.networks")
    assert suite.Networks.params[0] == list(CASES)
    names = [n for n in dir(suite.Networks) if re.match("time_|peakmem_", n)]
    assert names == ["peakmem_fit", "time_fit", "time_predict", "time_predict_one_row"]
    for case in ("iris-sized", "course"):  # a classifier and a regressor
        networks = suite.Networks()
        networks.setup(case, "float32")
        assert networks.model.n_iter_ == suite.N_EPOCHS
        for name in names:
            getattr(networks, name)(case, "float32")
