"""
Runs of MLflow
==============

Each fit of a search is recorded as a run, epoch by epoch.

Needs: ``pip install "sknn[mlflow]"``
"""

import os
import tempfile

import mlflow
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier
from sknn.callbacks import MLflowCallback
from sknn.io import TRUSTED_TYPES

X, y = load_iris(return_X_y=True)
network = MLPClassifier(max_iter=50, tol=None, random_state=0)
model = make_pipeline(StandardScaler(), network)
search = GridSearchCV(model, {"mlpclassifier__alpha": [1e-4, 1.0]}, cv=3)

with tempfile.TemporaryDirectory() as folder:
    mlflow.set_tracking_uri(f"sqlite:///{os.path.join(folder, 'runs.db')}")
    mlflow.set_experiment("iris")
    with mlflow.start_run() as run:
        network.set_callbacks(MLflowCallback(nested=True))
        search.fit(X, y)
        mlflow.log_metric("score", search.best_score_)
    best = search.best_estimator_
    best[-1].set_callbacks()  # a model for others needs none
    path = os.path.join(folder, "model")
    mlflow.sklearn.save_model(
        best,
        path,
        skops_trusted_types=TRUSTED_TYPES,
        pip_requirements=["sknn", "skops"],
    )
    same = (mlflow.sklearn.load_model(path).predict(X) == best.predict(X)).mean()
    runs = mlflow.search_runs([run.info.experiment_id])
    fits = runs[runs["tags.mlflow.parentRunId"] == run.info.run_id]

print(
    f"{len(fits)} fits were recorded, with alpha = {sorted(set(fits['params.alpha']))}"
)
print(f"Labels of the stored model equal to those of the search: {same:.0%}")
