"""Compiling everything ahead of use."""

import os
import subprocess
import sys

import pytest
from processes import FIT, FITS, PACKAGE, run

from sknn.jit.declarations import BOUNDS_CHECKED, INTERPRETED

pytestmark = pytest.mark.skipif(
    INTERPRETED or BOUNDS_CHECKED, reason="there is no cache"
)

EVERYTHING = (
    FITS
    + FIT
    + """
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import REGRESSION_LOSSES
from sknn.kernels.optim.optimizers import OPTIMIZERS

dtype = sys.argv[1]
solvers = {*OPTIMIZERS, "adamw", "lbfgs"} - {"nesterov"}
variants = [
    *VARIANTS,
    *({"activation": name} for name in ACTIVATIONS),
    *({"solver": name} for name in solvers),
    *({"normalization": name} for name in ("batch", "layer")),
    *({"numeric_embedding": name} for name in ("piecewise_linear", "periodic")),
    {"change": scipy.sparse.csr_array},
    {"dropout": 0.2},
    {"n_shared_members": 2},
    {"max_norm": 1.0, "l1_ratio": 0.5, "clipvalue": 1.0},
]
for estimator in ("MLPClassifier", "MLPRegressor"):
    for variant in variants:
        model = fit(estimator, dtype, **variant)
        if variant.get("change") is None:
            model.input_gradients(X.astype(dtype))
for loss in REGRESSION_LOSSES:
    fit("MLPRegressor", dtype, loss=loss)
three_classes = LABELS
for loss, label_smoothing in (
    ("log_loss", 0.0), ("log_loss", 0.1), ("focal", 0.0), ("hinge", 0.0)
):
    for LABELS in (three_classes, three_classes > 0):
        fit("MLPClassifier", dtype, loss=loss, label_smoothing=label_smoothing)
report()
"""
)


def precompile(folder, *arguments):
    environment = {
        **os.environ,
        "PYTHONPATH": str(PACKAGE.parent),
        "NUMBA_CACHE_DIR": str(folder),
    }
    command = [sys.executable, "-m", "sknn.precompile", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_nothing_compiles_after_precompile(tmp_path):
    result = precompile(tmp_path, "--dtype", "float32")
    assert result.returncode == 0, result.stderr
    report = run(EVERYTHING, "float32", NUMBA_CACHE_DIR=str(tmp_path))
    assert report["compiled"] == []
    assert report["warnings"] == []


@pytest.mark.slow
def test_precompile_says_if_nothing_can_be_kept(tmp_path):
    file = tmp_path / "file"
    file.touch()
    result = precompile(file)
    assert result.returncode == 1
    assert "NUMBA_CACHE_DIR" in result.stderr
