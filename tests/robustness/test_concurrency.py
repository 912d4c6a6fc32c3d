"""Many threads and processes at once: no hang, no abort, no difference in a result."""

import os
import threading
import time
import warnings

import busy
import numpy as np
import pytest
from busy import CODES, NUMBERS, WIDE, X, at_once, bits_of, job
from joblib import parallel_config
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_info, threadpool_limits

import sknn

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
FEW = {"hidden_layer_sizes": (10,), "max_iter": 5, "random_state": 0}
N_THREADS = 8


@pytest.fixture(scope="module")
def expected():
    """What each job gives alone."""
    return busy.jobs()


def assert_equal_jobs(found, expected):
    for name, bits in found:
        assert bits == expected[name], name


# Threads, each with its own estimator -----------------------------------------------


def test_fits_in_many_threads(expected):
    assert_equal_jobs(busy.run("many_threads"), expected)


@pytest.mark.slow
def test_kernels_first_used_by_many_threads(expected, tmp_path):
    """With an empty cache, so that all wait for the same compiler."""
    found = busy.run("cold_threads", NUMBA_CACHE_DIR=str(tmp_path))
    assert len(found) == 8
    assert_equal_jobs(found, expected)
    assert any(tmp_path.rglob("*")), "the cache was not empty at first"


@pytest.mark.slow
def test_kernels_first_used_by_many_threads_without_a_cache(expected, tmp_path):
    """Where the cache cannot be used, one warning says so, and all train."""
    blocked = tmp_path / "a file"
    blocked.touch()
    found = busy.run("cold_threads", NUMBA_CACHE_DIR=str(blocked / "cache"))
    assert_equal_jobs(found, expected)


# Threads that share an estimator ----------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
def test_predictions_in_many_threads(sparse):
    data = csr_array(np.maximum(X, 0)) if sparse else X
    model = sknn.MLPClassifier(**FEW).fit(data, CODES)
    calls = [
        model.predict,
        model.predict_proba,
        model.hidden_activations,
        model.input_gradients,
    ]
    expected = [call(data) for call in calls]

    def predict(k):
        for _ in range(20):
            assert_array_equal(calls[k % 4](data), expected[k % 4])

    at_once(N_THREADS, predict, range(N_THREADS))


def alternatives(estimator):
    """Return data sets of as many features, which make unlike models."""
    if estimator is sknn.MLPRegressor:
        return [
            (X, NUMBERS),
            (X, np.column_stack([NUMBERS, -NUMBERS])),
            (X[:90], -NUMBERS[:90]),
        ]
    names = np.array(["low", "mid", "high"])
    return [(X, CODES), (X, names[CODES]), (X[:90], NUMBERS[:90] > 0)]


@pytest.mark.parametrize("estimator", [sknn.MLPClassifier, sknn.MLPRegressor])
def test_fits_of_one_estimator_leave_one_of_the_results(estimator):
    """The last one, entire: they take turns."""
    data = alternatives(estimator)
    expected = [state_of(estimator(**FEW).fit(*each)) for each in data]
    model = estimator(**FEW)
    for _ in range(10):
        at_once(6, lambda k: model.fit(*data[k % 3]), range(6))
        assert state_of(model) in expected


def state_of(model):
    """Return all that is fitted, but what measures time."""
    state = {name: part for name, part in vars(model).items() if name != "history_"}
    state["_label_binarizer"] = vars(state.get("_label_binarizer", model)).get(
        "classes_"
    )
    return {
        name: busy.exact(part) for name, part in state.items() if name != "_theta_cache"
    }


def test_each_partial_fit_counts():
    """Calls from many threads are as many calls one after the other."""
    model, expected = (sknn.MLPClassifier(**FEW) for _ in range(2))
    classes = np.unique(CODES)

    def train(_):
        for _ in range(10):
            model.partial_fit(X, CODES, classes=classes)

    at_once(4, train, range(4))
    for _ in range(40):
        expected.partial_fit(X, CODES, classes=classes)
    assert len(model.loss_curve_) == 40
    assert model.t_ == 40 * len(X)
    assert bits_of(model, X) == bits_of(expected, X)


@pytest.mark.parametrize("estimator", [sknn.MLPClassifier, sknn.MLPRegressor])
def test_predictions_beside_a_fit_are_of_the_old_or_the_new_model(estimator):
    data = alternatives(estimator)
    predictions = [estimator(**FEW).fit(*each).predict(X) for each in data]
    model = estimator(**FEW).fit(*data[0])
    stop, seen = threading.Event(), set()

    def predict():
        while not stop.is_set():
            found = model.predict(X)
            which = [k for k, one in enumerate(predictions) if same(found, one)]
            assert which, "a mixture"
            seen.update(which)

    def refit():
        n_fits, end = 0, time.monotonic() + 60
        try:
            # Fits are so short that no prediction may meet some of them.
            while n_fits < 60 or (len(seen) < 3 and time.monotonic() < end):
                model.fit(*data[n_fits % 3])
                n_fits += 1
        finally:
            stop.set()

    at_once(3, lambda call: call(), [predict, predict, refit])
    assert seen == {0, 1, 2}


def same(one, other):
    return one.dtype == other.dtype and np.array_equal(one, other)


def test_a_fit_that_fails_beside_predictions_changes_nothing():
    model = sknn.MLPClassifier(**FEW).fit(X, CODES)
    expected = model.predict(X)
    stop = threading.Event()

    def predict():
        while not stop.is_set():
            assert_array_equal(model.predict(X), expected)

    def fail():
        try:
            for _ in range(30):
                with pytest.raises(ValueError, match="has classes not in"):
                    model.partial_fit(X, CODES + 5)
        finally:
            stop.set()

    at_once(2, lambda call: call(), [predict, fail])


class Look:
    """A callback that uses the estimator of the caller while that is trained."""

    def __init__(self, look):
        self.look = look

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.parent is not None:
            self.look(estimator)

    def teardown(self, estimator, context):
        pass


def test_a_callback_sees_the_new_model_and_others_the_old_one():
    old = sknn.MLPRegressor(**FEW).fit(X, NUMBERS).predict(X)
    new = sknn.MLPRegressor(**FEW).fit(X, -NUMBERS).predict(X)
    model = sknn.MLPRegressor(**FEW).fit(X, NUMBERS)
    found = []
    look = Look(lambda own: found.append((own.predict(X), model.predict(X))))
    model.set_callbacks(look).fit(X, -NUMBERS)
    assert len(found) == 5
    for _, others in found:
        assert_array_equal(others, old)
    assert_array_equal(found[-1][0], new)
    assert_array_equal(model.predict(X), new)


def test_a_callback_may_train_the_estimator_of_the_caller():
    """It does not wait for itself."""
    model = sknn.MLPRegressor(**FEW)
    done = []

    def train(_):
        if not done:
            done.append(True)
            model.partial_fit(X, NUMBERS)

    model.set_callbacks(Look(train)).fit(X, NUMBERS)
    assert done
    assert bits_of(model, X) == bits_of(sknn.MLPRegressor(**FEW).fit(X, NUMBERS), X)


# Processes --------------------------------------------------------------------------


@forks
@pytest.mark.parametrize(
    "scene",
    [
        "forks",
        "fork_beside_threads",
        pytest.param("spawn_pool", marks=pytest.mark.slow),
        pytest.param("fork_pool", marks=pytest.mark.slow),
        pytest.param("forkserver_pool", marks=pytest.mark.slow),
    ],
)
@pytest.mark.default_cases(1)
def test_processes(scene, expected):
    found = busy.run(scene)
    assert len(found) >= 3
    for each in found:
        assert_equal_jobs(each.items(), expected)


@forks
def test_a_fork_within_a_fit(expected):
    assert busy.run("fork_within_a_fit") == [expected["relu"]] * 2


# joblib ----------------------------------------------------------------------

BACKENDS = ["loky", "threading"]


@pytest.mark.parametrize("backend", [*BACKENDS, "multiprocessing"])
@pytest.mark.default_cases(1)
def test_searches(backend):
    alone, found = busy.run("searches", backend)
    assert found == alone
    assert all(found["mean_test_score"])


@pytest.mark.parametrize("backend", BACKENDS)
def test_nested_parallelism(backend):
    """Workers that have workers of their own; `test_processes` has threads in them."""

    def search(n_jobs):
        model = sknn.MLPClassifier(**FEW)
        bag = BaggingClassifier(model, 4, n_jobs=n_jobs, random_state=0)
        return GridSearchCV(bag, {"max_samples": [0.5, 1.0]}, cv=2, n_jobs=n_jobs)

    alone = search(1).fit(X, CODES)
    with parallel_config(backend):
        found = search(2).fit(X, CODES)
    assert_array_equal(
        found.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


# Threads of BLAS and of joblib's workers --------------------------------------------


def sizes():
    return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}


@pytest.mark.parametrize("name", ["relu", *WIDE])
def test_a_limit_of_threads_holds_within_and_after_a_fit(name, expected):
    job(name)
    before = sizes()
    with threadpool_limits(limits=1):
        assert job(name) == expected[name]
        assert set(sizes().values()) == {1}
        assert at_once(3, job, [name] * 3) == [expected[name]] * 3
        assert set(sizes().values()) == {1}
    assert sizes() == before


@pytest.mark.parametrize("name", ["relu", *WIDE])
def test_a_limit_set_during_a_fit_stays(name):
    """A fit that puts back what it found at its start would lift it."""
    X, y = busy.data_of(name)
    limits = []
    look = Look(lambda _: limits or limits.append(threadpool_limits(limits=1)))
    before = sizes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            busy.estimator_of(name).set_callbacks(look).fit(X, y)
        assert set(sizes().values()) == {1}
    finally:
        limits[0].restore_original_limits()
    assert sizes() == before


@pytest.mark.parametrize(
    ("n_jobs", "inner"),
    [
        (2, 0),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in [(1, 0), (2, 1), (2, 2)]
        ),
    ],
)
@pytest.mark.slow
def test_workers_of_joblib_start_no_more_threads_than_their_share(n_jobs, inner):
    """Which loky tells them; alone, a process has all processors."""
    for extra, share in busy.run("threads_in_loky", str(n_jobs), str(inner)):
        assert extra <= (os.cpu_count() if share is None else int(share)) - 1


def test_threads_of_joblib_start_no_more_threads_than_there_are_processors():
    assert busy.run("threads_in_threads", "2") <= max(0, os.cpu_count() - 2)
