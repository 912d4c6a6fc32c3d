"""What type checkers know of a user's script: mypy and pyright, in strict mode."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import sknn

ROOT = Path(__file__).parents[1]
IMPORTS = """\
from typing import reveal_type

import numpy as np

import sknn.io
import sknn.precompile
from sknn import (
    EnsembleMLPClassifier,
    EnsembleMLPRegressor,
    HiddenLayerTransformer,
    LossCurveDisplay,
    MLPClassifier,
    MLPRegressor,
    NetworkDisplay,
    __version__,
    register_activation,
    register_loss,
)

X, y = np.zeros((4, 2)), np.array([0, 1, 0, 1])
classifier = MLPClassifier((10,), solver="sgd", random_state=0)
regressor = MLPRegressor(loss="quantile", quantile=[0.1, 0.9])
"""
FIRST = IMPORTS.count("\n") + 1
TYPE = re.compile(r' is "(.*)"$')
FITTED = {
    "coefs_": "list[ndarray]",
    "intercepts_": "list[ndarray]",
    "gains_": "list[ndarray]",
    "shifts_": "list[ndarray]",
    "running_statistics_": "list[ndarray]",
    "bin_edges_": "list[ndarray]",
    "n_features_in_": "int",
    "feature_names_in_": "ndarray",
    "history_": "dict[str, list[float]]",
    "loss_": "float",
    "loss_curve_": "list[float]",
    "best_loss_": "float | None",
    "validation_scores_": "list[float] | None",
    "best_validation_score_": "float | None",
    "n_iter_": "int",
    "t_": "int",
    "n_layers_": "int",
    "n_outputs_": "int",
    "out_activation_": "str",
}
PARAMETERS = {
    "solver": "str",
    "alpha": "float",
    "max_iter": "int",
    "early_stopping": "bool",
    "tol": "float | None",
    "normalization": "str | None",
}
TYPES = {
    "MLPClassifier()": "MLPClassifier",
    "MLPRegressor()": "MLPRegressor",
    "EnsembleMLPClassifier(classifier, cv=5).fit(X, y)": "EnsembleMLPClassifier",
    "EnsembleMLPClassifier().predict_proba(X)": "ndarray",
    "EnsembleMLPClassifier().resume_fit(X, y)": "EnsembleMLPClassifier",
    "EnsembleMLPClassifier().set_params(cv=3)": "EnsembleMLPClassifier",
    "EnsembleMLPClassifier().set_fit_request(groups=True)": "EnsembleMLPClassifier",
    "EnsembleMLPClassifier().classes_": "ndarray",
    "EnsembleMLPRegressor(regressor).fit(X, y).oof_predictions_": "ndarray",
    "EnsembleMLPRegressor().predict(X)": "ndarray",
    "EnsembleMLPRegressor().predict(X, return_std=True)": "tuple[ndarray, ndarray]",
    "EnsembleMLPRegressor().history_": "dict[str, list[float]]",
    "EnsembleMLPRegressor().best_iteration_": "int",
    "HiddenLayerTransformer(classifier).fit(X, y)": "HiddenLayerTransformer",
    "HiddenLayerTransformer(classifier).transform(X)": "ndarray",
    "classifier": "MLPClassifier",
    "classifier.fit(X, y)": "MLPClassifier",
    "classifier.partial_fit(X, y, classes=[0, 1], X_val=X)": "MLPClassifier",
    "classifier.set_params(alpha=0.1).resume_fit(X, y)": "MLPClassifier",
    "classifier.set_fit_request(X_val=True)": "MLPClassifier",
    "classifier.initialize(X, y, classes=[0, 1])": "MLPClassifier",
    "classifier.loss_gradients(X, y)": "dict[str, list[ndarray]]",
    "regressor.initialize(X, y)": "MLPRegressor",
    "classifier.get_params()": "dict[str, Any]",
    "classifier.predict(X)": "ndarray",
    "classifier.fit(X, y).predict_proba(X)": "ndarray",
    "classifier.predict_log_proba(X)": "ndarray",
    "classifier.decision_function(X)": "ndarray",
    "classifier.score(X, y)": "float",
    "classifier.summary()": "None",
    "classifier.classes_": "ndarray",
    "classifier.focal_gamma": "float",
    "regressor.fit(X, y)": "MLPRegressor",
    "regressor.partial_fit(X, y)": "MLPRegressor",
    "regressor.predict(X)": "ndarray",
    "regressor.score(X, y)": "float",
    "regressor.hidden_activations(X, layer=0)": "ndarray",
    "regressor.input_gradients(X)": "ndarray",
    "regressor.power": "float",
    **{f"classifier.{name}": shown for name, shown in FITTED.items()},
    **{f"regressor.{name}": shown for name, shown in PARAMETERS.items()},
    "NetworkDisplay.from_estimator(classifier).plot()": "NetworkDisplay",
    "LossCurveDisplay.from_estimator(classifier)": "LossCurveDisplay",
    "LossCurveDisplay.from_cv_results({})": "LossCurveDisplay",
    'register_activation("a", abs, abs)': "None",
    'register_loss("a", max, min)': "None",
    "sknn.io.TRUSTED_TYPES": "list[str]",
    "sknn.precompile.precompile()": "bool",
    "len(__version__)": "int",
}
MISTAKES = {
    "unknown parameter": "MLPClassifier(hidden_layers=3)",
    "wrong type": "MLPClassifier(solver=3)",
    "missing argument": "MLPRegressor().score(X)",
    "unknown argument": "MLPRegressor().fit(X, y, epochs=3)",
    "too many arguments": "MLPClassifier().predict_proba(X, y)",
    "wrong attribute type": "regressor.alpha = None",
}
# mypy takes what scikit-learn, which has no types, may define for Any.
MISTAKES_FOR_PYRIGHT = {
    **MISTAKES,
    "unknown attribute": "classifier.loss_curv_",
    "unknown method": "classifier.fit_predict(X)",
}


def run(folder, *arguments):
    """Run a type checker as for an installed package; return what it prints."""
    process = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert not process.stderr, process.stderr
    return process.stdout


def mypy(folder):
    """Yield what mypy says: file, line, whether it is an error, and the message."""
    arguments = ["--strict", "--config-file=", "--follow-imports=silent", "."]
    for line in run(folder, "mypy", *arguments).splitlines()[:-1]:
        file, number, severity, message = line.split(":", 3)
        yield file, int(number), severity == " error", message.strip()


def pyright(folder):
    """Yield what pyright says, in the same form."""
    options = {"strict": ["."], "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(options))
    arguments = ["--outputjson", "--pythonpath", sys.executable]
    for found in json.loads(run(folder, "pyright", *arguments))["generalDiagnostics"]:
        number = found["range"]["start"]["line"] + 1
        file = Path(found["file"]).name
        yield file, number, found["severity"] == "error", found["message"]


def without_modules(shown):
    """Return a type without modules, and arrays without their type parameters."""
    shown = shown.replace("tuple[Any, ...], dtype[Any]", "")
    shown = shown.replace("tuple[Any, ...], numpy.dtype[Any]", "")
    names = ["sknn.displays.", "sknn.estimators.classifier.", "builtins.", "numpy."]
    names += ["sknn.ensemble.classifier.", "sknn.ensemble.regressor."]
    names += ["sknn.estimators.hidden_layer."]
    for module in [*names, "sknn.estimators.regressor."]:
        shown = shown.replace(module, "")
    return shown.replace("ndarray[]", "ndarray")


@pytest.fixture(scope="module", params=[mypy, pyright], ids=lambda f: f.__name__)
def found(request, tmp_path_factory):
    """What a type checker says of a right and of a wrong script."""
    name = request.param.__name__
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    folder = tmp_path_factory.mktemp(name)
    calls = "".join(f"reveal_type({expression})\n" for expression in TYPES)
    (folder / "right.py").write_text(IMPORTS + calls)
    mistakes = "".join(f"{line}\n" for line in mistakes_for(name))
    (folder / "wrong.py").write_text(IMPORTS + mistakes)
    return name, list(request.param(folder))


def mistakes_for(name):
    return (MISTAKES if name == "mypy" else MISTAKES_FOR_PYRIGHT).values()


def test_a_script_has_types(found):
    _, messages = found
    right = [message for message in messages if message[0] == "right.py"]
    assert not [message for message in right if message[2]]
    shown = {line: message for _, line, _, message in right}
    types = [
        without_modules(TYPE.search(shown[FIRST + k])[1]) for k in range(len(TYPES))
    ]
    assert dict(zip(TYPES, types, strict=True)) == TYPES


def test_mistakes_are_found(found):
    name, messages = found
    errors = {line for file, line, is_error, _ in messages if is_error}
    wrong = {line for line in errors if line >= FIRST}  # not those of unused imports
    assert wrong == {FIRST + k for k in range(len(mistakes_for(name)))}


def test_the_types_of_all_parameters_are_declared():
    for estimator in (sknn.MLPClassifier, sknn.MLPRegressor):
        declared = {name for base in estimator.__mro__ for name in annotations_of(base)}
        assert declared >= {*estimator().get_params(), *FITTED}


def annotations_of(base):
    return vars(base).get("__annotations__", {})


def test_every_public_name_is_in_the_script():
    for name in sknn.__all__:
        assert any(name in expression for expression in TYPES), name
