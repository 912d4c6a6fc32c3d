"""Equal fits are equal bytes: pickle, cloudpickle, joblib.hash; in other processes too.

A cache or a store that goes by the content of models can then tell them apart.
"""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor

ROOT = Path(__file__).parents[2]
rng = np.random.RandomState(0)
X = rng.normal(size=(80, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = np.digitize(NUMBERS, [-1.0, 1.0])
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"])


def fit(model, X, y, **options):
    return model.fit(X, y, **options)


def fit_twice(model, X, y):
    return model.set_params(warm_start=True).fit(X, y).fit(X, y)


def fit_parts(model, X, y):
    options = {"classes": np.unique(y)} if hasattr(model, "predict_proba") else {}
    for _ in range(3):
        model.partial_fit(X, y, **options)
    return model


def fit_and_resume(model, X, y):
    return (
        model.set_params(max_iter=2).fit(X, y).set_params(max_iter=6).resume_fit(X, y)
    )


def fit_with_validation(model, X, y):
    return model.fit(X, y, X_val=X[:20], y_val=y[:20])


# Parameters, the course of training, and what X and y are.
CASES = {
    "plain": ({}, fit, None, None),
    "early stopping": ({"early_stopping": True}, fit, None, None),
    "validate": ({"validate": True}, fit, None, None),
    "validation set": ({}, fit_with_validation, None, None),
    "metrics": ({"metrics": {"c": ["accuracy"], "r": ["r2"]}}, fit, None, None),
    "warm start": ({}, fit_twice, None, None),
    "partial_fit": ({"learning_rate": "cosine"}, fit_parts, None, None),
    "resume_fit": ({}, fit_and_resume, None, None),
    "lbfgs": ({"solver": "lbfgs"}, fit, None, None),
    "sgd": ({"solver": "sgd", "learning_rate": "adaptive"}, fit, None, None),
    "nadam": ({"solver": "nadam", "learning_rate": "plateau"}, fit, None, None),
    "layers": (
        {"hidden_layer_sizes": [5, 3], "activation": ["relu", "tanh"]},
        fit,
        None,
        None,
    ),
    "dropout": ({"dropout": 0.2, "normalization": "batch"}, fit, None, None),
    "frame": ({}, fit, lambda X: FRAME, pd.Series),
    "frame in parts": ({}, fit_parts, lambda X: FRAME, None),
    "sparse": ({}, fit, scipy.sparse.csr_array, None),
    "float32": ({}, fit, lambda X: X.astype(np.float32), None),
    "text": ({}, fit, None, lambda y: np.char.add("class ", y.astype(int).astype(str))),
    "text in objects": ({}, fit, None, lambda y: [f"class {int(k)}" for k in y]),
    "two columns": ({}, fit, None, lambda y: np.c_[y > 0, y > 1].astype(int)),
    "generator": ({"random_state": np.random.RandomState}, fit, None, None),
}
EACH = [
    (kind, name)
    for kind in ("classifier", "regressor")
    for name in CASES
    if not (kind == "regressor" and name.startswith("text"))
]


def estimator_of(kind, name):
    parameters = {"hidden_layer_sizes": (6,), "max_iter": 6, "random_state": 3}
    parameters |= CASES[name][0]
    if "metrics" in parameters:
        parameters["metrics"] = list(parameters["metrics"][kind[0]])
    if callable(parameters["random_state"]):
        parameters["random_state"] = np.random.RandomState(3)
    return {"classifier": MLPClassifier, "regressor": MLPRegressor}[kind](**parameters)


def fitted(kind, name, model=None):
    _, train, of_X, of_y = CASES[name]
    y = LABELS if kind == "classifier" else NUMBERS
    model = estimator_of(kind, name) if model is None else model
    return train(model, X if of_X is None else of_X(X), y if of_y is None else of_y(y))


WAYS = {
    "pickle": pickle.dumps,
    "pickle 2": lambda model: pickle.dumps(model, protocol=2),
    "cloudpickle": cloudpickle.dumps,
    "joblib.hash": joblib.hash,
}


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_equal_fits_are_equal_bytes(kind, name):
    one = fitted(kind, name)
    others = {
        "again": fitted(kind, name),
        "clone": fitted(kind, name, clone(estimator_of(kind, name))),
        "copy": fitted(
            kind, name, pickle.loads(pickle.dumps(estimator_of(kind, name)))
        ),
        "loaded": pickle.loads(pickle.dumps(one)),
    }
    if CASES[name][1] is fit and name != "generator":
        others["fitted before"] = fitted(kind, name, fitted(kind, name))
        others["fitted clone"] = fitted(kind, name, clone(one))
        # A fit of another network and solver before leaves nothing.
        before = estimator_of(kind, "lbfgs").set_params(hidden_layer_sizes=(2, 2))
        before = fitted(kind, "plain", before)
        before.set_params(**estimator_of(kind, name).get_params())
        others["another fit before"] = fitted(kind, name, before)
    for way, store in WAYS.items():
        expected = store(one)
        for other, model in others.items():
            assert store(model) == expected, (way, other)


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
@pytest.mark.parametrize(
    "change",
    [{"random_state": 4}, {"max_iter": 7}, {"alpha": 0.1}, {"tol": 1e-5}],
    ids=str,
)
def test_other_fits_are_other_bytes(kind, change):
    one = fitted(kind, "plain")
    other = fitted(kind, "plain", estimator_of(kind, "plain").set_params(**change))
    for store in WAYS.values():
        assert store(one) != store(other)


def test_equal_pipelines_are_equal_bytes():
    one, other = (
        make_pipeline(StandardScaler(), estimator_of("classifier", "plain")).fit(
            X, LABELS
        )
        for _ in range(2)
    )
    for store in WAYS.values():
        assert store(one) == store(other)


def hashes():
    """Return a hash of each model in each way."""
    found = {}
    for kind, name in EACH:
        model = fitted(kind, name)
        found[f"{kind}, {name}"] = [
            joblib.hash(store(model)) for store in WAYS.values()
        ]
    return found


@pytest.mark.slow
def test_equal_fits_are_equal_bytes_in_other_processes():
    code = (
        f"import sys, json, warnings; warnings.simplefilter('ignore'); "
        f"sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(ROOT)!r}]; "
        "import test_equal_bytes as t; print(json.dumps(t.hashes()))"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert json.loads(outputs[0]) == json.loads(outputs[1])
