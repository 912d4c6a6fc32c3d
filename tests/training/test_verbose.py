"""What ``verbose`` prints of compilation and of each epoch."""

import re

import numpy as np
import pytest
from processes import run

from sknn import MLPClassifier, MLPRegressor, register_loss
from sknn.jit import specializations
from sknn.jit.specializations import COMPILING

X = np.random.RandomState(0).normal(size=(60, 3))
NUMBERS = X @ [1.0, -2.0, 0.5]
LABELS = (NUMBERS > 0).astype(int)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FITS = """
import contextlib, io, json, sys, warnings
import numpy as np
import sknn
warnings.simplefilter("ignore")
X = np.random.RandomState(0).normal(size=(20, 3))
said = []
for verbose, dtype in [(False, "f4"), (True, "f4"), (True, "f8"), (2, "f8")]:
    output = io.StringIO()
    with contextlib.redirect_stderr(output), contextlib.redirect_stdout(io.StringIO()):
        net = sknn.MLPRegressor(max_iter=1, verbose=verbose, SOLVER)
        net.fit(X.astype(dtype), X[:, 0])
        net.set_params(activation="tanh", warm_start=True).fit(X.astype(dtype), X[:, 0])
    said.append(output.getvalue())
print(json.dumps(said))
"""


@pytest.mark.slow
def test_a_loss_that_must_be_compiled_is_announced_once(capsys, monkeypatch):
    monkeypatch.setattr(specializations, "_announced", [])
    square = {
        "function": lambda y, z: (z - y) ** 2,
        "derivative": lambda y, z: 2 * (z - y),
    }
    said = []
    for k, verbose in enumerate([False, True, True, True]):
        register_loss(f"square_{k}", **square)
        net = MLPRegressor(f"square_{k}", max_iter=1, verbose=verbose)
        net.fit(X, NUMBERS)
        said.append(capsys.readouterr().err)
    assert said == ["", f"{COMPILING}\n", "", ""]


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_compilation_is_announced_once_where_something_is_compiled(solver, tmp_path):
    script = FITS.replace("SOLVER", f"solver={solver!r}")
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    # The fit that does not print has compiled some kernels, but not all.
    assert "".join(run(script, **environment)) == f"{COMPILING}\n"
    assert run(script, **environment) == [""] * 4  # all is in the cache


def test_nothing_is_announced_where_nothing_is_compiled(tmp_path):
    script = FITS.replace("SOLVER", "solver='sgd'")
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "1"}
    assert run(script, **environment) == [""] * 4


LINES = {
    "alone": ({}, ["loss"]),
    "lbfgs": ({"solver": "lbfgs"}, ["loss"]),
    "validate": ({"validate": True}, ["loss", "val_loss", "val_score"]),
    "metrics": ({"metrics": ["r2"]}, ["loss", "r2"]),
    "early stopping and metrics": (
        {"early_stopping": True, "metrics": ["r2"]},
        ["loss", "val_loss", "val_score", "r2", "val_r2"],
    ),
    "schedule": ({"learning_rate": "cosine"}, ["loss"]),
}


@pytest.mark.parametrize(("parameters", "names"), LINES.values(), ids=LINES)
def test_lines_hold_what_the_docstring_says(parameters, names, capsys):
    net = MLPRegressor(max_iter=3, verbose=True, random_state=0, **parameters)
    net.fit(X, NUMBERS)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(net.history_["loss"])
    for k, line in enumerate(lines):
        found = dict(re.findall(r"(\w+) = (\S+?)(?:,|$)", line))
        assert list(found) == names
        assert line.startswith(f"Iteration {k + 1}, ")
        for name in names:
            assert found[name] == f"{net.history_[name][k]:.8f}"


def test_lines_of_early_stopping_are_those_of_sklearn(capsys):
    net = MLPClassifier(max_iter=2, verbose=True, early_stopping=True, random_state=0)
    net.fit(X, LABELS)
    losses, scores = net.history_["loss"], net.history_["val_score"]
    expected = ""
    for k, (loss, score) in enumerate(zip(losses, scores, strict=True)):
        expected += f"Iteration {k + 1}, loss = {loss:.8f}\n"
        expected += f"Validation score: {score:f}\n"
    assert capsys.readouterr().out == expected
