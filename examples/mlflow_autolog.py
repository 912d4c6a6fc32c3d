"""
Autologging of MLflow
=====================

``mlflow.sklearn.autolog()`` records a fit of a Pipeline: the parameters of its steps,
its scores on the training data, and its later scores. It sees no epochs. The callback
adds them, as a run within the run.

Needs: ``pip install "sknn[mlflow]"``
"""

import tempfile
from pathlib import Path

import mlflow
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier
from sknn.callbacks import MLflowCallback

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
network = MLPClassifier(max_iter=50, tol=None, random_state=0)
network.set_callbacks(MLflowCallback(nested=True))
model = make_pipeline(StandardScaler(), network)

with tempfile.TemporaryDirectory() as folder:
    mlflow.set_tracking_uri(f"sqlite:///{Path(folder, 'runs.db')}")
    experiment = mlflow.create_experiment("wine", Path(folder, "files").as_uri())
    mlflow.set_experiment(experiment_id=experiment)
    mlflow.sklearn.autolog(log_models=False)
    with mlflow.start_run() as run:
        model.fit(X_train, y_train)
        model.score(X_test, y_test)
    mlflow.sklearn.autolog(disable=True)
    client = mlflow.MlflowClient()
    recorded = client.get_run(run.info.run_id).data
    [epochs] = client.search_runs(
        [run.info.experiment_id], f"tags.mlflow.parentRunId = '{run.info.run_id}'"
    )
    losses = client.get_metric_history(epochs.info.run_id, "loss")

print(f"Epochs: {recorded.params['mlpclassifier__max_iter']}")
for name in ("training_accuracy_score", "Pipeline_score_X_test"):
    print(f"{name}: {recorded.metrics[name]:.3f}")
print(f"Loss of {len(losses)} epochs: {losses[0].value:.2f} to {losses[-1].value:.2f}")
