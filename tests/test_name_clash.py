"""scikit-neuralnetwork of 2016 installs a module named sknn too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sknn


def test_importing_sknn_mlp_says_what_to_write():
    message = r"'from sknn import MLPClassifier, MLPRegressor'"
    with pytest.raises(ImportError, match=message):
        from sknn.mlp import Classifier  # noqa: F401


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.default_cases(1)
def test_files_of_the_other_package_are_noticed(both, tmp_path):
    shutil.copytree(Path(sknn.__file__).parent, tmp_path / "sknn")
    if both:
        (tmp_path / "sknn" / "backend").mkdir()
    result = subprocess.run(
        [sys.executable, "-c", "import sknn; print(sknn.__file__)"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path) in result.stdout
    assert ("pip uninstall scikit-neuralnetwork" in result.stderr) == both
