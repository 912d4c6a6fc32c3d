"""One network trained on a Dask cluster of processes."""

import pytest
from processes import run

pytest.importorskip("dask.distributed")
pytest.importorskip("dask.array")

BEGIN = """
import json, os, signal, sys, threading, time, warnings
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
from dask.distributed import Client, LocalCluster
from sknn import MLPClassifier, MLPRegressor
from sknn.dask import DaskMLPClassifier, DaskMLPRegressor
from sknn.distributed.collective import WorkerError

rng = np.random.RandomState(0)
X = rng.normal(size=(320, 5))
y = X @ [1.0, -2.0, 0.5, 0.0, 1.0]
labels = np.where(y > 0, "up", "down")
SMALL = {"hidden_layer_sizes": (7,), "max_iter": 3, "random_state": 0, "tol": None}
# At port 0 the web page takes a free port; None would take the usual one.
OPTIONS = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}

def left(dask_worker):
    return [f"{key}: {t.state}" for key, t in dask_worker.state.tasks.items()]

def left_on(client):
    "Return what is left of tasks, once there is nothing, or after some time."
    for _ in range(100):
        found = client.run(left)
        if len(found) == 2 and not any(found.values()):
            break
        time.sleep(0.2)
    return list(found.values())

def weights(model):
    return [array.tolist() for array in model.coefs_ + model.intercepts_]

if __name__ == "__main__":
    warnings.simplefilter("ignore")
"""

FITS = """
    found = {}
    XX, yy = da.from_array(X, chunks=(80, 2)), da.from_array(y, chunks=80)
    LL = da.from_array(labels.astype(object), chunks=80)
    with LocalCluster(n_workers=2, **OPTIONS) as cluster, Client(cluster) as client:
        first = DaskMLPRegressor(client=client, **SMALL).fit(XX, yy)
        again = DaskMLPRegressor(**SMALL).fit(XX, yy)
        found["repeats"] = weights(first) == weights(again)
        local = first.to_local()
        found["local"] = type(local) is MLPRegressor
        lazy = first.predict(XX)
        found["lazy"] = hasattr(lazy, "dask")
        found["same"] = bool((lazy.compute() == local.predict(X)).all())
        rows = pd.DataFrame(X, columns=list("abcde"))
        frame = dd.from_pandas(rows, npartitions=3)
        series = dd.from_pandas(pd.Series(labels), npartitions=3)
        model = DaskMLPClassifier(**SMALL | {"max_iter": 60}, learning_rate_init=0.02)
        model.fit(frame, series, X_val=rows, y_val=labels)
        found["names"] = model.feature_names_in_.tolist()
        found["score"] = model.history_["val_score"][-1]
        probabilities = model.predict_proba(XX)
        found["shape"] = probabilities.shape, probabilities.compute().shape
        found["left"] = left_on(client)
        try:
            DaskMLPRegressor(**SMALL).fit(XX, da.where(yy > 1, np.nan, yy))
        except ValueError as error:
            found["bad"] = str(error)
        try:
            DaskMLPRegressor(**SMALL).fit(X, y)
        except TypeError as error:
            found["local data"] = str(error)
    with LocalCluster(n_workers=1, **OPTIONS) as cluster, Client(cluster) as client:
        one = DaskMLPRegressor(**SMALL).fit(XX, yy)
        found["one"] = weights(one) == weights(MLPRegressor(**SMALL).fit(X, y))
    print(json.dumps(found))
"""

FAULTS = """
    XX, yy = da.from_array(X, chunks=(80, 5)), da.from_array(y, chunks=80)
    found = {}
    with LocalCluster(n_workers=2, **OPTIONS) as cluster, Client(cluster) as client:
        pids = client.run(os.getpid)
        victim = sorted(pids)[1]
        def kill():
            time.sleep(4)
            os.kill(pids[victim], signal.SIGKILL)
        thread = threading.Thread(target=kill)
        thread.start()
        began = time.monotonic()
        model = DaskMLPRegressor(**SMALL | {"max_iter": 10**7}, batch_size=1)
        try:
            model.fit(XX, yy)
        except WorkerError as error:
            found["error"] = str(error)
        found["seconds"] = time.monotonic() - began
        thread.join()
        found["fitted"] = hasattr(model, "coefs_")
        while len(client.nthreads()) < 2:
            time.sleep(0.2)
        found["left"] = left_on(client)
        model.set_params(max_iter=2).fit(XX, yy)
        found["again"] = model.n_iter_
    print(json.dumps(found))
"""


def test_fits_on_a_cluster():
    found = run(BEGIN + FITS)
    assert found["repeats"]
    assert found["one"]
    assert found["local"]
    assert found["lazy"]
    assert found["same"]
    assert found["names"] == list("abcde")
    assert found["score"] > 0.9
    assert found["shape"] == [[320, 2], [320, 2]]
    assert found["left"] == [[], []]
    assert "contains NaN" in found["bad"]
    assert "must be Dask arrays or data frames" in found["local data"]


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_fit():
    found = run(BEGIN + FAULTS)
    assert "gone" in found["error"]
    assert found["seconds"] < 60  # a guard against hanging, not a measurement
    assert not found["fitted"]
    assert found["left"] == [[], []]
    assert found["again"] == 2
