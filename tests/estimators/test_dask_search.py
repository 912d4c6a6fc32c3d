"""A search on a Dask cluster of processes finds what a local one finds."""

import pytest
from processes import run

pytest.importorskip("dask.distributed")

SEARCH = """
import json, os, warnings
import joblib
import numpy as np
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sknn import MLPClassifier

def search():
    model = make_pipeline(StandardScaler(), MLPClassifier(max_iter=20, random_state=0))
    grid = {
        "mlpclassifier__hidden_layer_sizes": [(5,), (20, 10)],
        "mlpclassifier__alpha": [1e-4, 1.0],
    }
    return GridSearchCV(model, grid, cv=3)

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    X, y = load_iris(return_X_y=True)
    local = search().fit(X, y)
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with LocalCluster(**options, dashboard_address=":0") as cluster:
        with Client(cluster) as client:
            with joblib.parallel_config("dask"):
                remote = search().fit(X, y)
            pids = set(client.run(os.getpid).values())
    scores = [s.cv_results_["mean_test_score"].tolist() for s in (local, remote)]
    same = bool((local.predict_proba(X) == remote.predict_proba(X)).all())
    print(json.dumps([*scores, same, len(pids - {os.getpid()})]))
"""


def test_a_grid_search_on_a_cluster():
    local, remote, same, n_workers = run(SEARCH)
    assert local == remote
    assert same
    assert n_workers == 2
