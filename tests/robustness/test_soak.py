"""Thousands of small fits in one process: memory, threads and files do not grow."""

import gc
import mmap
import pickle
import threading
import warnings

import numpy as np
import psutil
import pytest
from recording_callbacks import Recorder
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning

import sknn
from sknn.estimators.fit_lock import _locks
from sknn.network import network as networks

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 3))
NUMBERS = X @ [1.0, -1.0, 0.5]
LABELS = {
    "int": np.digitize(NUMBERS, [-0.5, 0.5]),
    "str": np.array(["low", "high"])[(NUMBERS > 0).astype(int)],
    "multilabel": np.column_stack([NUMBERS > 0, X[:, 0] > 0]).astype(int),
}
SOLVERS = ["adam", "sgd", "lbfgs", "rmsprop", "adagrad"]
ACTIVATIONS = ["relu", "tanh", "logistic", "gelu"]
SPARSE = csr_array(np.maximum(X, 0))


def life(k):
    """Make one estimator, of another architecture each time, and use it."""
    # Widths up to 8 in three layers: hundreds of architectures, few of them kept.
    sizes = (1 + k % 8, 1 + k // 8 % 8, 1 + k // 64 % 8)[: 1 + k % 3]
    solver = SOLVERS[k % 5]
    parameters = {
        "hidden_layer_sizes": sizes,
        "activation": ACTIVATIONS[k % 4],
        "solver": solver,
        "max_iter": 2,
        "random_state": k,
        "normalization": "batch" if solver != "lbfgs" and k % 7 == 0 else None,
        "early_stopping": k % 11 == 0,
    }
    data = (SPARSE if k % 4 == 1 else X).astype(np.float32 if k % 2 else np.float64)
    if k % 2:
        model, y = sknn.MLPRegressor(**parameters), NUMBERS
    else:
        y = list(LABELS.values())[k // 2 % 3]
        model = sknn.MLPClassifier(**parameters)
    callback = Recorder(fail_in=("end", "epoch", 0) if k % 13 == 0 else None)
    if k % 3 == 0:
        model.set_callbacks(callback)
    failing = y[:-1] if k % 10 == 5 else y
    try:
        model.fit(data, failing)
    except ValueError:  # the callback's, or of the length of y
        return "failed"
    model.predict(data)
    model = pickle.loads(pickle.dumps(model))
    model.predict(data[:1])
    if solver != "lbfgs" and not parameters["early_stopping"]:
        model.partial_fit(data, y)
    model.score(data, y)
    return "done"


def resources():
    gc.collect()
    process = psutil.Process()
    files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
    return {
        "memory": process.memory_info().rss,
        "objects": len(gc.get_objects()),
        "threads": process.num_threads(),
        "files": files,
    }


def soak(n_lives, function=life):
    """Run lives; return what they ended in, and what each quarter added.

    The first quarter is not counted: what is used for the first time stays.
    """
    ends, before, growth = {}, None, []
    for quarter in range(4):
        for k in range(quarter * n_lives // 4, (quarter + 1) * n_lives // 4):
            end = function(k)
            ends[end] = ends.get(end, 0) + 1
        now = resources()
        if before:
            growth.append({name: now[name] - before[name] for name in now})
        before = now
    return ends, growth


def check(n_lives):
    gc.collect()
    n_locks = len(_locks)  # of estimators that other tests have kept
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ends, growth = soak(n_lives)
    assert ends["done"] + ends["failed"] == n_lives
    assert min(ends.values()) > n_lives / 20
    for name in ("threads", "files"):
        assert max(quarter[name] for quarter in growth) <= 0, (name, growth)
    # Were one estimator in ten kept, it would be more: see below.
    a_quarter = n_lives // 4
    assert min(quarter["objects"] for quarter in growth) < a_quarter, growth
    assert min(quarter["memory"] for quarter in growth) < 2000 * a_quarter, growth
    assert networks.network.cache_info().currsize <= 128
    assert len(_locks) <= n_locks
    return growth


@pytest.mark.slow
def test_five_hundred_lives():
    check(500)


@pytest.mark.slow
def test_ten_thousand_lives():
    growth = check(10_000)
    # No trend: memory that a process has asked for goes up and down by pages.
    assert sum(quarter["memory"] for quarter in growth) < 5 * 2**20, growth
    assert sum(quarter["objects"] for quarter in growth) < 500, growth


@pytest.mark.slow
def test_what_is_kept_is_found():
    """The measure itself: a leak of one estimator in ten, memory, a file, a thread."""
    kept, stop = [], threading.Event()

    def leak(k):
        if k % 10 == 0:
            model = sknn.MLPRegressor(max_iter=1, hidden_layer_sizes=(300,))
            kept.append(model.fit(X, NUMBERS))
        if k % 100 == 0:
            # Not from malloc, which may still hold what other tests have given back.
            kept.append(mmap.mmap(-1, 2**20))
            kept[-1].write(bytes(2**20))
            kept.append(open(__file__))  # noqa: SIM115
            kept.append(threading.Thread(target=stop.wait))
            kept[-1].start()
        return "done"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, growth = soak(400, leak)
    stop.set()
    for each in kept:
        if isinstance(each, threading.Thread):
            each.join()
        elif not isinstance(each, sknn.MLPRegressor):
            each.close()
    for quarter in growth:
        assert quarter["threads"] == quarter["files"] == 1
        assert quarter["objects"] > 100
    assert sum(quarter["memory"] for quarter in growth) > 2000 * 300


@pytest.mark.slow
def test_a_history_is_as_long_as_the_calls_of_partial_fit():
    """It is all that grows in an estimator that lives on."""
    model = sknn.MLPRegressor(hidden_layer_sizes=(4,), random_state=0)

    def train(k):
        model.partial_fit(X, NUMBERS)
        return "done"

    _, growth = soak(1000, train)
    assert [len(column) for column in model.history_.values()] == [1000] * 3
    assert min(quarter["objects"] for quarter in growth) < 50


def test_registrations_keep_the_last_definition():
    """Numba keeps the code that it has compiled; of sknn's own, nothing is added."""
    from sknn.kernels.layers.activations import ACTIVATIONS
    from sknn.network.registry import DEFINITIONS

    def register(k):
        sknn.register_activation("of_soak", lambda z: k * z, lambda z: k)
        model = sknn.MLPRegressor(activation="of_soak", max_iter=1)
        model.fit(X, NUMBERS)
        return "done"

    sizes = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(3):
            register(k + 1)
            sizes.append((len(ACTIVATIONS), len(DEFINITIONS)))
    assert len(set(sizes)) == 1
