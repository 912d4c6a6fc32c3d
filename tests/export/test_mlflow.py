"""Models that MLflow stores in its default form, a file of skops."""

import warnings

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.io import TRUSTED_TYPES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("mlflow.sklearn")

X, Y = load_iris(return_X_y=True)
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
MODELS = {
    "network": lambda: MLPClassifier(**SMALL).fit(X, Y),
    "pipeline": lambda: make_pipeline(StandardScaler(), MLPRegressor(**SMALL)).fit(
        X, X[:, 0]
    ),
    "search": lambda: GridSearchCV(
        MLPClassifier(**SMALL), {"alpha": [0.1, 1]}, cv=2, scoring="accuracy"
    ).fit(X, Y),
    "calibration": lambda: CalibratedClassifierCV(MLPClassifier(**SMALL), cv=2).fit(
        X, Y
    ),
    "bagging": lambda: BaggingRegressor(MLPRegressor(**SMALL), 2).fit(X, Y),
}
# Else MLflow looks for the requirements of each model in a new process.
REQUIREMENTS = {"pip_requirements": ["sknn", "skops"]}

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow and what it imports


@pytest.mark.parametrize("name", MODELS)
def test_models_come_back(name, tmp_path):
    model, path = MODELS[name](), str(tmp_path / "model")
    mlflow.sklearn.save_model(
        model, path, skops_trusted_types=TRUSTED_TYPES, **REQUIREMENTS
    )
    assert (tmp_path / "model/model.skops").exists()
    for loaded in (mlflow.sklearn.load_model(path), mlflow.pyfunc.load_model(path)):
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_without_the_list_mlflow_refuses(tmp_path):
    with pytest.raises(mlflow.MlflowException, match="untrusted types"):
        mlflow.sklearn.save_model(
            MODELS["network"](), str(tmp_path / "model"), **REQUIREMENTS
        )
