"""Fits that are recorded by MLflow, with the real library on a store of files."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.callbacks import EpochCallback, MLflowCallback

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mlflow = pytest.importorskip("mlflow")

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = (NUMBERS > 0).astype(int)
OPTIONS = {"hidden_layer_sizes": (5,), "max_iter": 6, "tol": None, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow and what it imports


@pytest.fixture(autouse=True, scope="module")
def client(tmp_path_factory):
    """Record into a database of its own: to make one takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/runs.db")
    mlflow.create_experiment("sknn", (folder / "files").as_uri())
    mlflow.set_experiment("sknn")
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


def columns_of(client, run_id, names):
    """Return the metrics of a run, as ``history_`` has them."""
    columns = {}
    for name in names:
        metrics = client.get_metric_history(run_id, name)
        metrics.sort(key=lambda metric: metric.step)
        assert [metric.step for metric in metrics] == list(range(len(metrics)))
        columns[name] = [metric.value for metric in metrics]
    return columns


@pytest.mark.parametrize("send_every", [1, 4, 50])
def test_the_active_run_gets_parameters_and_epochs(client, send_every):
    model = MLPClassifier(**OPTIONS, early_stopping=True)
    with mlflow.start_run() as run:
        model.set_callbacks(MLflowCallback(send_every=send_every)).fit(X, LABELS)
        run_id = run.info.run_id
        assert client.get_run(run_id).info.status == "RUNNING"
    assert columns_of(client, run_id, model.history_) == model.history_
    params = client.get_run(run_id).data.params
    assert params == {name: str(value) for name, value in model.get_params().items()}


def test_without_an_active_run_one_begins_and_ends(client):
    model = MLPRegressor(**OPTIONS).set_callbacks(MLflowCallback()).fit(X, NUMBERS)
    assert mlflow.active_run() is None
    run = mlflow.last_active_run()
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "MLPRegressor"
    assert columns_of(client, run.info.run_id, ["loss"])["loss"] == model.loss_curve_


def test_a_run_that_is_named(client):
    with mlflow.start_run() as run:
        pass
    callback = MLflowCallback(run.info.run_id)
    model = MLPRegressor(**OPTIONS).set_callbacks(callback).fit(X, NUMBERS)
    assert columns_of(client, run.info.run_id, ["loss"])["loss"] == model.loss_curve_


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_fit_of_a_search_is_a_nested_run(client, n_jobs):
    network = MLPRegressor(**OPTIONS)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), network),
        {"mlpregressor__alpha": [0.1, 1.0]},
        cv=2,
        n_jobs=n_jobs,
        error_score="raise",
    )
    with mlflow.start_run() as parent:
        network.set_callbacks(MLflowCallback(nested=True))
        search.fit(X, NUMBERS)
    name = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    runs = client.search_runs([parent.info.experiment_id], name)
    assert sorted(run.data.params["alpha"] for run in runs) == sorted(
        [*2 * ["0.1", "1.0"], str(search.best_params_["mlpregressor__alpha"])]
    )
    for run in runs:
        assert run.info.status == "FINISHED"
        assert len(columns_of(client, run.info.run_id, ["loss"])["loss"]) == 6


def test_a_second_fit_is_not_mixed_with_the_first():
    model = MLPRegressor(**OPTIONS).set_callbacks(MLflowCallback())
    with mlflow.start_run():
        model.fit(X, NUMBERS)
        with pytest.raises(
            ValueError, match=r"already holds epoch 0 of another fit\. Set"
        ):
            model.fit(X, NUMBERS)


def test_what_goes_on_is_recorded_in_the_same_run(client):
    model = MLPRegressor(**OPTIONS).set_callbacks(MLflowCallback())
    with mlflow.start_run() as run:
        model.fit(X, NUMBERS).set_params(max_iter=9).resume_fit(X, NUMBERS)
        model.partial_fit(X, NUMBERS)
    losses = columns_of(client, run.info.run_id, ["loss"])["loss"]
    assert losses == model.loss_curve_
    assert len(losses) == 10


def test_a_fit_that_fails_keeps_the_epochs_before(client):
    class Fails(EpochCallback):
        def on_epoch_end(self, epoch, logs):
            if epoch == 2:
                raise RuntimeError("from a callback")

    model = MLPRegressor(**OPTIONS).set_callbacks(MLflowCallback(), Fails())
    with pytest.raises(RuntimeError, match="from a callback"):
        model.fit(X, NUMBERS)
    assert mlflow.active_run() is None
    run = mlflow.last_active_run()
    assert run.info.status == "FAILED"
    assert len(columns_of(client, run.info.run_id, ["loss"])["loss"]) == 3


def test_autologging_of_a_pipeline_beside_the_callback(client):
    """Bare networks are not logged by MLflow itself; Pipelines are."""
    mlflow.sklearn.autolog(log_models=False, silent=True)
    try:
        network = MLPClassifier(**OPTIONS).set_callbacks(MLflowCallback())
        make_pipeline(StandardScaler(), network).fit(X, LABELS)
    finally:
        mlflow.sklearn.autolog(disable=True)
    run = mlflow.last_active_run()
    assert run.data.params["mlpclassifier__max_iter"] == "6"
    assert "training_accuracy_score" in run.data.metrics
    losses = columns_of(client, run.info.run_id, ["loss"])["loss"]
    assert losses == network.loss_curve_


def test_send_every_is_a_number_of_epochs():
    with pytest.raises(ValueError, match="send_every must be at least 1, got 0"):
        MLflowCallback(send_every=0)


def test_the_callback_on_a_pipeline_is_refused():
    pipeline = make_pipeline(MLPRegressor(**OPTIONS))
    if not hasattr(pipeline, "set_callbacks"):
        pytest.skip("scikit-learn 1.9 has callbacks of Pipelines")
    with pytest.raises(TypeError, match="MLflowCallback is told of no epochs"):
        pipeline.set_callbacks(MLflowCallback()).fit(X, NUMBERS)
