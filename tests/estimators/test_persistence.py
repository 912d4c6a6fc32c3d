"""Estimators through pickle, joblib, copies and skops: nothing is lost or let out."""

import copy
import io
import pickle
import zipfile

import joblib
import numpy as np
import pytest
import skops.io
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning

import sknn
from sknn.estimators.parameters import STOCHASTIC_SOLVERS
from sknn.io import TRUSTED_TYPES
from sknn.kernels.layers.normalization import NORMALIZATIONS
from sknn.kernels.losses.table import REGRESSION_LOSSES

try:
    import cloudpickle
except ImportError:
    from joblib.externals import cloudpickle  # part of joblib before 1.6

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * rng.normal(size=60)
TARGETS = np.column_stack([NUMBERS, NUMBERS**2])
CODES = np.digitize(NUMBERS, [-1, 1])
MULTILABEL = np.column_stack([NUMBERS > 0, NUMBERS > 1, X[:, 0] > 0]).astype(int)

LABELS = {
    "int": CODES,
    "two": CODES > 0,
    "one": np.zeros(60, dtype=int),
    "str": np.array(["low", "mid", "high"])[CODES],
    "object": np.array(["low", "mid", "high"], dtype=object)[CODES],
    "float": CODES * 2.0,
    "beyond float64": CODES + 2**53,
    "multilabel": MULTILABEL,
    "sparse multilabel": csr_array(MULTILABEL),
}
CASES = {
    **{f"labels, {name}": (sknn.MLPClassifier, y, {}) for name, y in LABELS.items()},
    **{
        f"loss {name}": (sknn.MLPRegressor, NUMBERS**2, {"loss": name})
        for name in REGRESSION_LOSSES
    },
    **{
        f"solver {name}": (sknn.MLPRegressor, TARGETS, {"solver": name})
        for name in [*sorted(STOCHASTIC_SOLVERS), "lbfgs"]
    },
    **{
        f"normalization {name}": (
            sknn.MLPClassifier,
            CODES,
            {"normalization": name, "dropout": 0.2},
        )
        for name in NORMALIZATIONS
    },
    "quantiles": (
        sknn.MLPRegressor,
        NUMBERS,
        {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
    ),
    "early stopping": (sknn.MLPClassifier, CODES, {"early_stopping": True}),
    "metrics": (sknn.MLPRegressor, NUMBERS, {"validate": True, "metrics": ["r2"]}),
    "a generator": (
        sknn.MLPRegressor,
        NUMBERS,
        {"random_state": np.random.RandomState(5)},
    ),
    "NumPy's parameters": (
        sknn.MLPRegressor,
        NUMBERS,
        {"hidden_layer_sizes": np.array([6, 5]), "alpha": np.float32(0.1)},
    ),
    "no hidden layer": (sknn.MLPRegressor, NUMBERS, {"hidden_layer_sizes": ()}),
}
each_case = pytest.mark.parametrize("case", CASES)


def fitted(case, dtype=np.float64):
    estimator, y, parameters = CASES[case]
    parameters = {"hidden_layer_sizes": (6, 5), "random_state": 0} | parameters
    model = clone(estimator(max_iter=4, batch_size=16, **parameters))
    return model.fit(X.astype(dtype), y), y


def by_joblib(model, compress=0):
    file = io.BytesIO()
    joblib.dump(model, file, compress=compress)
    file.seek(0)
    return joblib.load(file)


def by_memory_map(model, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib", mmap_mode="r")


def by_skops(model):
    return skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)


WAYS = {
    **{
        f"pickle {protocol}": lambda model, _, protocol=protocol: pickle.loads(
            pickle.dumps(model, protocol)
        )
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
    "joblib": lambda model, _: by_joblib(model),
    "joblib, compressed": lambda model, _: by_joblib(model, compress=3),
    "joblib, memory map": by_memory_map,
    "deepcopy": lambda model, _: copy.deepcopy(model),
    "copy": lambda model, _: copy.copy(model),
    "cloudpickle": lambda model, _: pickle.loads(cloudpickle.dumps(model)),
    "skops": lambda model, _: by_skops(model),
}


def by_partial_fit(model, y):
    return model.set_params(early_stopping=False, validate=False).partial_fit(X, y)


def by_warm_start(model, y):
    return model.set_params(warm_start=True).fit(X, y)


def by_resume_fit(model, y):
    return model.set_params(max_iter=6).resume_fit(X, y)


def trainings_of(model):
    if model.solver == "lbfgs":
        return [by_warm_start]
    return [by_partial_fit, by_warm_start, by_resume_fit]


def arrays_of(value):
    """Return all numbers of an attribute, as bytes; lists of arrays too."""
    if isinstance(value, dict):
        return {key: arrays_of(each) for key, each in value.items() if key != "seconds"}
    if isinstance(value, list | tuple):
        return [arrays_of(each) for each in value]
    if isinstance(value, np.random.RandomState):
        return arrays_of(value.get_state(legacy=False))
    is_array = isinstance(value, np.ndarray) and value.dtype != object
    return (value.shape, value.dtype, value.tobytes()) if is_array else repr(value)


def state_of(model):
    """Return all attributes but those that measure time."""
    return arrays_of(model.__getstate__())


@each_case
@pytest.mark.default_cases(12)
def test_round_trips(case, tmp_path):
    """Equal attributes and predictions, and then equal further training."""
    model, y = fitted(case)
    before, predicted = state_of(model), model.predict(X)
    expected = {
        train: state_of(train(fitted(case)[0], y)) for train in trainings_of(model)
    }
    for way, there_and_back in WAYS.items():
        if (way, case) == ("copy", "a generator"):
            continue  # which a shallow copy shares
        other = there_and_back(model, tmp_path)
        assert type(other) is type(model)
        assert state_of(other) == before, way
        found = other.predict(X)
        if isinstance(found, np.ndarray):
            assert_array_equal(found, predicted, err_msg=way)
            assert found.dtype == predicted.dtype, way
        else:
            assert (found != predicted).nnz == 0, way
        for train, trained in expected.items():
            other = there_and_back(model, tmp_path)
            assert state_of(train(other, y)) == trained, (way, train.__name__)
    assert state_of(model) == before, "the original has changed"


@pytest.mark.parametrize("way", WAYS)
def test_round_trips_in_float32(way, tmp_path):
    model, y = fitted("early stopping", np.float32)
    other = WAYS[way](model, tmp_path)
    assert other.coefs_[0].dtype == other._optimizer_state["slots"].dtype == np.float32
    X32 = X.astype(np.float32)
    assert_array_equal(other.predict_proba(X32), model.predict_proba(X32))
    for each in (model, other):
        each.set_params(early_stopping=False).partial_fit(X32, y)
    assert state_of(other) == state_of(model)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("estimator", [sknn.MLPClassifier, sknn.MLPRegressor])
def test_round_trips_before_a_fit(estimator, way, tmp_path):
    model = estimator(alpha=0.5, hidden_layer_sizes=(7,), random_state=3, max_iter=3)
    other = WAYS[way](model, tmp_path)
    assert other.get_params() == model.get_params()
    assert state_of(other.fit(X, CODES)) == state_of(model.fit(X, CODES))


@pytest.mark.parametrize("way", [way for way in WAYS if way != "skops"])
def test_copies_share_no_memory(way, tmp_path):
    model, y = fitted("solver adam")
    before = state_of(model)
    by_partial_fit(WAYS[way](model, tmp_path), y)
    assert state_of(model) == before


# Training data -----------------------------------------------------------------------


def traces(data, file):
    """Return how many of the numbers are found in a file, in any form of a number."""
    parts = [file]
    if file[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            parts = [archive.read(name) for name in archive.namelist()]
    forms = [
        form
        for number in np.ravel(data)
        for form in (
            *(np.array(number, dtype).tobytes() for dtype in ("<f8", ">f8", "<f4")),
            repr(float(number)).encode(),
        )
    ]
    return sum(form in part for form in forms for part in parts)


FILES = {
    "pickle": pickle.dumps,
    "skops": skops.io.dumps,
    "cloudpickle": cloudpickle.dumps,
}
given = np.random.RandomState(9).normal(size=(20, 4))
given_numbers = np.random.RandomState(8).normal(size=20)
weights = np.random.RandomState(7).uniform(0.5, 1.5, size=60)

FITS = {
    "fit": lambda model, X: model.fit(X, NUMBERS, weights),
    "lbfgs": lambda model, X: model.set_params(solver="lbfgs").fit(X, NUMBERS, weights),
    "partial_fit": lambda model, X: model.partial_fit(X, NUMBERS, weights),
    "early stopping": lambda model, X: model.set_params(early_stopping=True).fit(
        X, NUMBERS, weights
    ),
    "validation and metrics": lambda model, X: model.set_params(
        validate=True, metrics=["r2"]
    ).fit(X, NUMBERS, weights),
    "validation data": lambda model, X: model.fit(
        X, NUMBERS, weights, X_val=given, y_val=given_numbers
    ),
    "not shuffled": lambda model, X: model.set_params(shuffle=False).fit(
        X, NUMBERS, weights
    ),
    "sparse": lambda model, X: model.fit(csr_array(X), NUMBERS, weights),
    "one batch": lambda model, X: model.set_params(batch_size=60).fit(
        X, NUMBERS, weights
    ),
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("fit", FITS)
def test_files_hold_no_training_data(fit, file, tmp_path):
    mapped = np.memmap(tmp_path / "X", dtype=float, mode="w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    for data in (X, np.memmap(tmp_path / "X", dtype=float, mode="r", shape=X.shape)):
        model = sknn.MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0)
        model = FITS[fit](model, data)
        model.predict(data)
        stored = FILES[file](model)
        for numbers in (X, NUMBERS, weights, given, given_numbers):
            assert traces(numbers, stored) == 0
        assert traces(model.coefs_[0], stored) >= model.coefs_[0].size
        # Where they are, they are found.
        model.kept_, model.also_kept_ = data[:2].copy(), [float(NUMBERS[0])]
        stored = FILES[file](model)
        assert traces(X[:2], stored) == 8
        assert traces(NUMBERS[0], stored) == 1


# Size --------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["pickle", "skops"])
@pytest.mark.parametrize("given", [False, True])
def test_files_grow_by_the_history_alone(file, given):
    options = {"X_val": X[:20], "y_val": NUMBERS[:20]} if given else {}
    model = sknn.MLPRegressor(hidden_layer_sizes=(4,), random_state=0)

    def after(n_calls):
        for _ in range(n_calls):
            model.partial_fit(X, NUMBERS, **options)
        return len(FILES[file](model))

    def history():
        bare = sknn.MLPRegressor()
        for name in ("history_", "loss_curve_", "validation_scores_"):
            setattr(bare, name, getattr(model, name))
        return len(FILES[file](bare))

    first, before = after(10), history()
    growth = after(200) - first
    grown = history() - before
    assert abs(growth - grown) < 100  # counters have more digits
    assert grown > 0
    # It is a plain dict of lists: who needs no history empties it.
    model.history_.clear()
    before = state_of(model)
    assert abs(after(10) - first) < 100
    assert len(model.loss_curve_) == 10
    assert state_of(model)["_optimizer_state"] != before["_optimizer_state"]


def test_an_emptied_history_changes_no_training():
    one, other = (sknn.MLPRegressor(random_state=0, dropout=0.1) for _ in range(2))
    for _ in range(5):
        one.partial_fit(X, NUMBERS)
        other.partial_fit(X, NUMBERS)
        other.history_.clear()
    assert arrays_of(other.coefs_) == arrays_of(one.coefs_)


# Versions ----------------------------------------------------------------------------


def with_state(model, **changes):
    """Return a pickle of a model with some attributes changed; None: without them."""
    state = model.__getstate__() | changes
    state = {name: value for name, value in state.items() if value is not None}

    class Stored:
        def __reduce__(self):
            return type(model).__new__, (type(model),), state

    return pickle.dumps(Stored())


@pytest.mark.parametrize("version", ["0.0.1", "99.0", None])
def test_other_versions_warn(version):
    model, _ = fitted("labels, str")
    stored = with_state(model, _sknn_version=version)
    shown = "of an unknown version" if version is None else version
    with pytest.warns(InconsistentVersionWarning, match=f"version sknn {shown}"):
        other = pickle.loads(stored)
    assert_array_equal(other.predict(X), model.predict(X))


def test_a_parameter_that_an_older_version_did_not_have():
    model, _ = fitted("loss squared_error")
    stored = with_state(model, warmup_epochs=None, metrics=None)
    other = pickle.loads(stored)
    assert other.get_params() == model.get_params()
    assert state_of(by_partial_fit(other, NUMBERS)) == state_of(
        by_partial_fit(model, NUMBERS)
    )


def test_a_parameter_that_a_newer_version_has():
    model, _ = fitted("loss squared_error")
    stored = with_state(model, _sknn_version="99.0", depth_wise=True)
    with pytest.warns(InconsistentVersionWarning):
        other = pickle.loads(stored)
    assert_array_equal(other.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"intercepts_": None}, "it has no attribute 'intercepts_'"),
        ({"classes_": None}, "it has no attribute 'classes_'"),
        ({"_label_binarizer": None}, "it has no attribute '_label_binarizer'"),
        ({"out_activation_": None}, "it has no attribute 'out_activation_'"),
        ({"_architecture": {"skips": 1}}, r"its network has \['skips'\], which this"),
        (
            {"_architecture": {"layers": [("dense", (9,), "x")]}},
            "its activation 'x' is",
        ),
        ({"_architecture": {"link": "x"}}, "its output activation 'x' is not known"),
        ({"_architecture": {"layers": [("x", (), None)]}}, "its layer 'x' is not"),
    ],
)
def test_what_cannot_be_read_is_refused(changes, problem):
    model, _ = fitted("labels, str")
    if "_architecture" in changes:
        changes = {"_architecture": model._architecture | changes["_architecture"]}
    stored = with_state(model, _sknn_version="99.0", **changes)
    message = f"This MLPClassifier, which was stored by sknn 99.0, cannot .*: {problem}"
    with (
        pytest.warns(InconsistentVersionWarning),
        pytest.raises(ValueError, match=message),
    ):
        pickle.loads(stored)


@pytest.mark.parametrize("name", ["loss_curve_", "history_"])
@pytest.mark.parametrize("go_on", [by_partial_fit, by_warm_start])
def test_an_emptied_loss_curve_changes_no_training(go_on, name):
    """``loss_curve_`` is ``history_["loss"]`` itself."""
    model, y = fitted("solver adam")
    other, _ = fitted("solver adam")
    getattr(model, name).clear()
    assert arrays_of(go_on(model, y).coefs_) == arrays_of(go_on(other, y).coefs_)
