"""What a type checker knows of a user's script."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is not installed")

ROOT = Path(__file__).parents[1]
SCRIPT = """\
import numpy as np

from sknn import MLPClassifier, MLPRegressor

X, y = np.zeros((4, 2)), np.array([0, 1, 0, 1])
classifier = MLPClassifier((10,), solver="sgd", random_state=0)
reveal_type(classifier)
reveal_type(classifier.fit(X, y))
reveal_type(classifier.partial_fit(X, y, classes=[0, 1], X_val=X, y_val=y))
reveal_type(classifier.set_params(alpha=0.1).resume_fit(X, y))
reveal_type(MLPClassifier().fit(X, y).predict_proba(X))
reveal_type(classifier.score(X, y))
reveal_type(MLPRegressor(loss="quantile", quantile=[0.1, 0.9]).fit(X, y))
reveal_type(MLPRegressor().fit(X, y).predict(X))
reveal_type(MLPRegressor().fit(X, y).hidden_activations(X, layer=0))
"""
CLASSIFIER = "sknn.estimators.classifier.MLPClassifier"
REGRESSOR = "sknn.estimators.regressor.MLPRegressor"
ARRAY = "numpy.ndarray["
TYPES = [
    CLASSIFIER,
    CLASSIFIER,
    CLASSIFIER,
    CLASSIFIER,
    ARRAY,
    ("float", "builtins.float"),
    REGRESSOR,
    ARRAY,
    ARRAY,
]
MISTAKES = {
    "unknown parameter": "MLPClassifier(hidden_layers=3)",
    "wrong type": "MLPClassifier(solver=3)",
    "missing argument": "MLPRegressor().fit(X)",
    "unknown argument": "MLPRegressor().fit(X, y, epochs=3)",
    "too many arguments": "MLPClassifier().predict_proba(X, y)",
}


def check(script, folder):
    """Return the lines that mypy, in its strict mode, prints of a script."""
    path = folder / "script.py"
    path.write_text(script)
    # As from an installed package, whose own errors are not shown.
    arguments = ["--strict", "--config-file=", "--follow-imports=silent"]
    process = subprocess.run(
        [sys.executable, "-m", "mypy", *arguments, path],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert not process.stderr
    return process.stdout.splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mypy")


def test_a_script_has_types(folder):
    lines = check(SCRIPT, folder)
    notes = [line.split("Revealed type is ")[1] for line in lines[:-1]]
    assert lines[-1].startswith("Success"), lines
    assert len(notes) == len(TYPES)
    for note, expected in zip(notes, TYPES, strict=True):
        assert note.strip('"').startswith(expected), note


def test_mistakes_are_found(folder):
    before = SCRIPT[: SCRIPT.index("classifier =")]
    lines = check(before + "\n".join(MISTAKES.values()), folder)
    first = before.count("\n") + 1
    found = {int(line.split(":")[1]) for line in lines if ": error: " in line}
    assert found == {first + k for k in range(len(MISTAKES))}, lines
