"""Fits on batches are those on an array of all the rows, bit for bit."""

import copy
import pickle
import threading

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from data_in_batches import (
    LABELS,
    NUMBERS,
    SPARSE,
    WEIGHTS,
    X,
    cut,
    source_of,
    state_of,
)
from numpy.testing import assert_array_equal
from recording_callbacks import Recorder
from sklearn.metrics import accuracy_score

from sknn import MLPClassifier, MLPRegressor
from sknn.data import BatchSource
from sknn.jit.kernel import Driver
from sknn.kernels.drivers import training as drivers

SMALL = {"hidden_layer_sizes": (7,), "max_iter": 4, "random_state": 0, "tol": None}
IN_ORDER = {**SMALL, "shuffle": False, "batch_size": 32}
MULTILABEL = (X[:, :3] > 0).astype(int)

ARRAYS = {
    "regressor": (MLPRegressor, (X, NUMBERS), {}),
    "several targets": (MLPRegressor, (X, X[:, :2]), {}),
    "float32": (MLPRegressor, (X.astype(np.float32), NUMBERS), {}),
    "sample weights": (MLPRegressor, (X, NUMBERS, WEIGHTS), {}),
    "text": (MLPClassifier, (X, LABELS), {}),
    "two classes": (MLPClassifier, (X, NUMBERS > 0), {"batch_size": 200}),
    "several labels": (MLPClassifier, (X, MULTILABEL), {}),
    "sparse": (MLPClassifier, (SPARSE, LABELS), {}),
    "sparse labels": (MLPClassifier, (X, scipy.sparse.csr_array(MULTILABEL)), {}),
    "balanced": (MLPClassifier, (X, LABELS), {"class_weight": "balanced"}),
    "balanced, weighted": (
        MLPClassifier,
        (X, LABELS, WEIGHTS),
        {"class_weight": "balanced"},
    ),
    "weights of classes": (
        MLPClassifier,
        (X, LABELS),
        {"class_weight": {"low": 2.0, "middle": 0.0, "up": 0.3}},
    ),
    "batch normalisation": (
        MLPClassifier,
        (X, LABELS),
        {"normalization": "batch", "batch_size": 109},  # three rows are left
    ),
    "dropout": (MLPRegressor, (X, NUMBERS), {"dropout": 0.3}),
    "schedule": (MLPRegressor, (X, NUMBERS), {"learning_rate": "cosine"}),
    "poisson": (MLPRegressor, (X, np.abs(NUMBERS)), {"loss": "poisson"}),
    "one batch": (MLPRegressor, (X, NUMBERS), {"batch_size": len(X)}),
    "a batch larger than the rows": (MLPRegressor, (X, NUMBERS), {"batch_size": 999}),
    "the default batch": (MLPRegressor, (X, NUMBERS), {"batch_size": "auto"}),
    "until it stops": (
        MLPRegressor,
        (X, NUMBERS),
        {"tol": 0.5, "n_iter_no_change": 2, "max_iter": 30},
    ),
}

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Got `batch_size`"),
]


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("sknn-reader")]


# The same bits -----------------------------------------------------------------------


@pytest.mark.parametrize("case", ARRAYS)
@pytest.mark.parametrize("buffer_size", [None, 1, 50])
@pytest.mark.default_cases(30)
def test_rows_in_order_give_the_bits_of_an_array(case, buffer_size):
    estimator, arrays, parameters = ARRAYS[case]
    model = estimator(**{**IN_ORDER, **parameters})
    whole = copy.copy(model).fit(*arrays)
    model.fit(source_of(*arrays, buffer_size=buffer_size))
    assert state_of(model) == state_of(whole)
    if estimator is MLPClassifier:
        assert_array_equal(model.classes_, whole.classes_)
    for sizes in ((len(X),), (5,)):
        model.fit(source_of(*arrays, sizes=sizes, buffer_size=buffer_size))
        assert state_of(model) == state_of(whole)


def test_calls_of_any_length_give_the_same_loss(monkeypatch):
    whole = MLPRegressor(**IN_ORDER).fit(X, NUMBERS)
    monkeypatch.setattr("sknn.network.work._OPERATIONS_A_CALL", 1)
    for source in ((X, NUMBERS), (source_of(X, NUMBERS, buffer_size=99),)):
        assert state_of(MLPRegressor(**IN_ORDER).fit(*source)) == state_of(whole)


@pytest.mark.parametrize("case", ["regressor", "sparse", "balanced, weighted"])
def test_a_buffer_of_all_rows_shuffles_as_an_array(case):
    estimator, arrays, parameters = ARRAYS[case]
    model = estimator(**{**SMALL, **parameters})
    whole = copy.copy(model).fit(*arrays)
    for buffer_size in (None, len(X), 10**6):
        model.fit(source_of(*arrays, buffer_size=buffer_size))
        assert state_of(model) == state_of(whole)


def test_rows_are_shuffled_within_the_buffer(monkeypatch):
    """Each block of rows comes before the next, in another order in each epoch."""
    orders, prepare = [], Driver.prepare

    def prepare_watched(self, *arguments, **fixed):
        run = prepare(self, *arguments, **fixed)
        if self is not drivers.epochs:
            return run

        def watched(order, *others):
            orders.append(fixed["rows_before"] + order[0])
            return run(order, *others)

        return watched

    monkeypatch.setattr(Driver, "prepare", prepare_watched)
    parameters = SMALL | {"max_iter": 2, "batch_size": 50}
    model = MLPRegressor(**parameters).fit(source_of(X, NUMBERS, buffer_size=100))
    for k, order in enumerate(orders[:4]):
        assert_array_equal(np.sort(order), np.arange(100 * k, min(100 * k + 100, 330)))
        assert not np.array_equal(order, orders[4 + k])
    assert len(orders) == 8
    again = MLPRegressor(**parameters).fit(source_of(X, NUMBERS, buffer_size=100))
    assert state_of(again) == state_of(model)
    # Blocks are whole minibatches, whatever the buffer.
    finer = MLPRegressor(**parameters).fit(source_of(X, NUMBERS, buffer_size=51))
    assert state_of(finer) == state_of(model)


# All that a fit has --------------------------------------------------------------


@pytest.mark.parametrize("restores", [True, False])
def test_early_stopping_on_a_given_validation_set(restores):
    parameters = {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 40}
    model = MLPClassifier(
        **{**IN_ORDER, **parameters}, restore_best_weights=restores
    ).set_params(tol=1e-3)
    given = {"X_val": X[:90], "y_val": LABELS[:90]}
    whole = copy.copy(model).fit(X[90:], LABELS[90:], **given)
    model.fit(source_of(X[90:], LABELS[90:]), **given)
    assert state_of(model) == state_of(whole)
    assert model.n_iter_ < 40
    assert model.best_validation_score_ == whole.best_validation_score_


def test_metrics_and_scoring():
    options = {"metrics": ["accuracy"], "scoring": "f1_macro"}
    model = MLPClassifier(**IN_ORDER, **options)
    given = {"X_val": X[:90], "y_val": LABELS[:90]}
    model.fit(source_of(X, LABELS), **given)
    whole = MLPClassifier(**IN_ORDER, **options).fit(X, LABELS, **given)
    assert state_of(model) == state_of(whole)
    assert model.history_["accuracy"][-1] == accuracy_score(LABELS, model.predict(X))


def test_metrics_of_many_rows_are_those_of_evenly_spaced_ones(monkeypatch):
    monkeypatch.setattr("sknn.estimators.first_pass._MOST_ROWS", 100)
    model = MLPClassifier(**IN_ORDER, metrics=["accuracy"])
    model.fit(source_of(X, LABELS))
    expected = accuracy_score(LABELS[::4], model.predict(X[::4]))
    assert model.history_["accuracy"][-1] == expected


def test_classes_that_no_row_has():
    classes = ["high", "low", "middle", "up"]
    model = MLPClassifier(**IN_ORDER, class_weight="balanced")
    model.fit(source_of(X, LABELS, classes=classes))
    assert_array_equal(model.classes_, classes)
    assert model.n_outputs_ == 4
    # A new fit forgets them, and a fit with other classes is none that goes on.
    model.fit(source_of(X, LABELS))
    assert model.n_outputs_ == 3
    with pytest.raises(ValueError, match="`y` has classes not in"):
        model.fit(source_of(X, LABELS, classes=["low", "up"]))
    assert model.n_outputs_ == 3


def test_many_classes_do_not_look_like_numbers():
    y = np.array([f"class {k}" for k in range(40)])[np.arange(len(X)) % 40]
    for labels in (y, np.arange(len(X)) % 40):
        model = MLPClassifier(**IN_ORDER).fit(source_of(X, labels))
        assert model.n_outputs_ == 40


def test_callbacks_see_every_epoch():
    model, recorder = MLPRegressor(**IN_ORDER), Recorder()
    model.set_callbacks(recorder).fit(source_of(X, NUMBERS))
    ended = [call for call in recorder.hooks("end") if call[1] == "epoch"]
    assert len(ended) == 4


def test_warm_start_and_initialize():
    source = source_of(X, NUMBERS)
    model = MLPRegressor(**IN_ORDER).initialize(source)
    whole = MLPRegressor(**IN_ORDER).initialize(X, NUMBERS)
    assert_array_equal(model.coefs_[0], whole.coefs_[0])
    for each, data in ((model, (source,)), (whole, (X, NUMBERS))):
        each.set_params(warm_start=True).fit(*data).fit(*data)
    assert state_of(model) == state_of(whole)
    # From batches to arrays.
    assert state_of(model.fit(X, NUMBERS)) == state_of(whole.fit(X, NUMBERS))
    for each in (model, whole):
        each.partial_fit(X[:50], NUMBERS[:50])
    assert state_of(model) == state_of(whole)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_fit_that_is_resumed(shuffle):
    source = source_of(X, NUMBERS, buffer_size=80)
    parameters = {**IN_ORDER, "shuffle": shuffle, "dropout": 0.2}
    whole = MLPRegressor(**parameters).set_params(max_iter=5).fit(source)
    model = MLPRegressor(**parameters).set_params(max_iter=2).fit(source)
    model = pickle.loads(pickle.dumps(model))
    model.set_params(max_iter=5).resume_fit(source)
    assert state_of(model) == state_of(whole)
    with pytest.raises(ValueError, match="it had 330 rows to train on, these are 90"):
        model.resume_fit(source_of(X[:90], NUMBERS[:90]))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("n_calls", [0, 1, 4, 12, 17])
def test_an_interrupt_at_any_batch_loses_nothing(n_calls, shuffle, monkeypatch):
    monkeypatch.setattr("sknn.network.work._OPERATIONS_A_CALL", 1)
    source = source_of(X, NUMBERS, buffer_size=80)
    parameters = {**IN_ORDER, "shuffle": shuffle, "dropout": 0.1}
    whole = MLPRegressor(**parameters).fit(source)
    prepare, left = Driver.prepare, iter(range(n_calls))

    def prepare_interrupted(self, *arguments, **fixed):
        run = prepare(self, *arguments, **fixed)

        def interrupted(*changing):
            value = run(*changing)
            if next(left, None) is None:
                raise KeyboardInterrupt
            return value

        return interrupted if self is drivers.epochs else run

    model = MLPRegressor(**parameters)
    with monkeypatch.context() as patch:
        patch.setattr(Driver, "prepare", prepare_interrupted)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(source)
    assert np.isfinite(model.predict(X)).all()
    assert state_of(copy.copy(model).resume_fit(source)) == state_of(whole)


def test_an_interrupt_while_waiting_for_rows():
    n_passes = []

    def batches():
        n_passes.append(None)
        for k, batch in enumerate(cut(X, NUMBERS)):
            yield batch
            if len(n_passes) == 3 and k == 1:
                raise KeyboardInterrupt

    model = MLPRegressor(**IN_ORDER)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(BatchSource(batches, buffer_size=64))
    assert model.n_iter_ == 1
    whole = MLPRegressor(**IN_ORDER).fit(X, NUMBERS)
    assert state_of(model.resume_fit(source_of(X, NUMBERS))) == state_of(whole)


def test_a_fit_that_diverges_ends_at_once():
    n_read = []

    def batches():
        for batch in cut(X, NUMBERS, sizes=(10,)):
            n_read.append(None)
            yield batch

    model = MLPRegressor(**IN_ORDER).fit(source_of(X, NUMBERS))
    before = state_of(model)
    n_read.clear()
    model.set_params(solver="sgd", learning_rate_init=1e300)
    with pytest.raises(ValueError, match="Training diverged in epoch 1"):
        model.fit(BatchSource(batches, buffer_size=10))
    assert len(n_read) < 33 + 20  # a pass, and not another one
    model.set_params(solver="adam", learning_rate_init=0.001)
    assert state_of(model) == before


# Reading ahead ----------------------------------------------------------------------


def test_the_next_block_is_read_while_one_trains(monkeypatch):
    """The driver waits until the block after its own is being read."""
    is_read, prepare, n_waits = threading.Semaphore(0), Driver.prepare, []

    class Batches:
        n_passes = 0

        def __iter__(self):
            self.n_passes += 1
            for k, batch in enumerate(cut(X, NUMBERS, sizes=(64,))):
                if (self.n_passes, k) > (2, 0):
                    is_read.release()
                yield batch

    def prepare_waiting(self, *arguments, **fixed):
        run = prepare(self, *arguments, **fixed)

        def waiting(*changing):
            if fixed["rows_before"] < 200:
                assert is_read.acquire(timeout=60)
                n_waits.append(threading.current_thread().name)
            return run(*changing)

        return waiting if self is drivers.epochs else run

    monkeypatch.setattr(Driver, "prepare", prepare_waiting)
    model = MLPRegressor(**IN_ORDER).set_params(max_iter=2)
    model.fit(BatchSource(Batches(), buffer_size=64))
    assert len(n_waits) == 8


def test_each_epoch_reads_once():
    class Batches:
        n_passes = 0

        def __iter__(self):
            self.n_passes += 1
            return iter(cut(X, NUMBERS))

    batches = Batches()
    MLPRegressor(**IN_ORDER).fit(BatchSource(batches))
    assert batches.n_passes == 1 + 4


@pytest.mark.parametrize("n_passes", [1, 2, 3])
def test_an_error_of_the_source_comes_through(n_passes):
    left = iter(range(n_passes - 1))

    def batches():
        yield X[:200], NUMBERS[:200]
        if next(left, None) is None:
            raise OSError("the disk is gone")
        yield X[200:], NUMBERS[200:]

    model = MLPRegressor(**IN_ORDER)
    before = dict(vars(model))
    with pytest.raises(OSError, match="the disk is gone"):
        model.fit(BatchSource(batches, buffer_size=32))
    assert vars(model) == before


# Kinds of sources ---------------------------------------------------------------------


def test_arrays_and_what_looks_like_them(tmp_path):
    whole = MLPRegressor(**IN_ORDER).fit(X, NUMBERS, WEIGHTS)
    X.tofile(tmp_path / "X")
    mapped = np.memmap(tmp_path / "X", X.dtype, "r", shape=X.shape)

    class Chunked:
        """What Zarr, HDF5 and Dask have in common."""

        shape = X.shape

        def __getitem__(self, rows):
            return X[rows].tolist()

    frame = pd.DataFrame(X)
    for data in (X, mapped, Chunked(), frame.to_numpy(), X.tolist()):
        source = BatchSource.from_arrays(data, NUMBERS, WEIGHTS, batch_rows=70)
        assert state_of(MLPRegressor(**IN_ORDER).fit(source)) == state_of(whole)
    source = BatchSource.from_arrays(SPARSE, pd.Series(NUMBERS), batch_rows=70)
    model = MLPRegressor(**IN_ORDER).fit(source)
    assert state_of(model) == state_of(MLPRegressor(**IN_ORDER).fit(SPARSE, NUMBERS))
    with pytest.raises(ValueError, match=r"different numbers of rows: \[330, 329\]"):
        BatchSource.from_arrays(X, NUMBERS[1:])


def test_data_frames_bring_their_names():
    frame, names = pd.DataFrame(X), [f"column {k}" for k in range(5)]
    frame.columns = names
    source = BatchSource.from_arrays(frame, pd.Series(NUMBERS), batch_rows=70)
    model = MLPRegressor(**IN_ORDER).fit(source)
    assert_array_equal(model.feature_names_in_, names)
    model.predict(frame)
    frame.columns = names[::-1]
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        model.set_params(warm_start=True).fit(BatchSource([(frame, NUMBERS)]))


def test_files(tmp_path):
    paths = []
    for k, (rows, y) in enumerate(cut(X, NUMBERS, sizes=(100,))):
        paths.append(tmp_path / f"{k}.npz")
        np.savez(paths[-1], X=rows, y=y)

    def read(path):
        with np.load(path) as arrays:
            return arrays["X"], arrays["y"]

    whole = state_of(MLPRegressor(**IN_ORDER).fit(X, NUMBERS))
    source = BatchSource.from_files(paths, read, buffer_size=100)
    assert state_of(MLPRegressor(**IN_ORDER).fit(source)) == whole
    source = BatchSource.from_files(iter(paths), lambda path: np.load(path).values())
    assert state_of(MLPRegressor(**IN_ORDER).fit(source)) == whole


def test_a_loader_of_pytorch():
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(*map(torch.as_tensor, (X, NUMBERS)))
    loader = torch.utils.data.DataLoader(data, batch_size=64)
    model = MLPRegressor(**IN_ORDER).fit(BatchSource(loader))
    assert state_of(model) == state_of(MLPRegressor(**IN_ORDER).fit(X, NUMBERS))
