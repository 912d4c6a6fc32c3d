"""Fitted attributes set by hand, and files that were tampered with."""

import copy
import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import skops.io
import tampering
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network import MLPClassifier as Theirs
from sklearn.preprocessing import LabelBinarizer
from tampering import CODES, SMALL, X

import sknn
from sknn.io import TRUSTED_TYPES
from sknn.network.layers.table import LAYERS

# Random attacks -----------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, 48, 4))
def test_attacks(first):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        faults = [fault for k in range(4) for fault in tampering.attack(first + k)[0]]
    assert faults == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(10_000, 12_000, 250))
def test_thousands_of_attacks_with_checked_indices(first, tmp_path):
    environment = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    folder = Path(sknn.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, tampering.__file__, "--first", str(first), "--number", "250"],
        capture_output=True,
        text=True,
        cwd=tempfile.gettempdir(),
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
    )
    assert run.stdout, run.stderr
    assert json.loads(run.stdout)["faults"] == []


# What is refused, by its name ---------------------------------------------------------


def model_of(y=CODES, **parameters):
    return sknn.MLPClassifier(
        **{**SMALL, "hidden_layer_sizes": (5,), **parameters}
    ).fit(X, y)


class Subclass(np.ndarray):
    pass


def first(change):
    """Return what is set in the place of ``coefs_``: the first one is changed."""
    return lambda model: [change(model.coefs_[0]), *model.coefs_[1:]]


def binarizer(**parts):
    made = LabelBinarizer().fit(CODES)
    vars(made).update(parts)
    return made


REFUSED = {
    "a list": ("coefs_", first(np.ndarray.tolist), r"coefs_\[0\] is \[\["),
    "CSR": ("coefs_", first(sp.csr_matrix), r"\(csr_matrix\), not a NumPy array"),
    "masked": ("coefs_", first(np.ma.masked_array), r"\(MaskedArray\), not a NumPy"),
    "matrix": (
        "coefs_",
        first(lambda c: c.view(np.matrix)),
        r"\(matrix\), not a NumPy",
    ),
    "subclass": ("coefs_", first(lambda c: c.view(Subclass)), r"\(Subclass\), not a"),
    "complex": ("coefs_", first(lambda c: c * 1j), "complex128, not a NumPy array of"),
    "objects": (
        "coefs_",
        first(lambda c: c.astype(object)),
        "dtype object, not a NumPy",
    ),
    "text": (
        "coefs_",
        first(lambda c: c.astype(str)),
        "dtype <U.*, not a NumPy array of",
    ),
    "truth": (
        "coefs_",
        first(lambda c: c > 0),
        "dtype bool, not a NumPy array of real",
    ),
    "vectors": ("coefs_", lambda m: [c.ravel() for c in m.coefs_], "two axes"),
    "no layer": ("coefs_", lambda m: [], "coefs_ is"),
    "no list": ("coefs_", lambda m: 3, "coefs_ is 3"),
    "one layer more": (
        "coefs_",
        lambda m: [*m.coefs_, m.coefs_[1]],
        "coefs_ must have",
    ),
    "one layer less": ("coefs_", lambda m: m.coefs_[:1], "coefs_ must"),
    "another width": (
        "intercepts_",
        lambda m: [np.zeros(9), np.zeros(3)],
        "intercepts_ must have the shapes",
    ),
    "unsorted": ("classes_", lambda m: np.array([2, 0, 1]), "not sorted"),
    "doubled": ("classes_", lambda m: np.array([0, 1, 1]), "without duplicates"),
    "two names": ("classes_", lambda m: np.array(["a", "b"]), "each of 3 classes"),
    "four": ("classes_", lambda m: np.arange(4), "each of 3 classes"),
    "a list of classes": ("classes_", lambda m: [0, 1, 2], "classes_ is"),
    "objects as classes": (
        "classes_",
        lambda m: np.array([0, "a", None], dtype=object),
        "classes_ is an array .* object, not a one-dimensional NumPy array of labels",
    ),
    "no binarizer": ("_label_binarizer", lambda m: None, "_label_binarizer is None"),
    "another kind": (
        "_label_binarizer",
        lambda m: binarizer(y_type_="binary"),
        r"_label_binarizer.y_type_ is 'binary', not that of 3 classes",
    ),
    "unknown kind": ("_label_binarizer", lambda m: binarizer(y_type_="x"), "y_type_"),
    "many outputs": ("n_outputs_", lambda m: 7, "n_outputs_ is 7, but the 3 labels"),
    "half an output": (
        "n_outputs_",
        lambda m: 1.5,
        "n_outputs_ is 1.5, not",
    ),
    "no activation": ("out_activation_", lambda m: "x", "out_activation_ is 'x'"),
    "quantiles": ("out_activation_", lambda m: "quantiles", "that fits the loss"),
    "no layers": (
        "_architecture",
        lambda m: {**m._architecture, "layers": ()},
        "_architecture",
    ),
    "a list as network": ("_architecture", lambda m: [1], "_architecture"),
}
FEATURES = {
    "an empty array": np.zeros(0),
    "an array": np.array([4, 4]),
    "one in an array": np.array([4]),
    "text": "4",
    "a fraction": 4.0,
    "none": None,
    "zero": 0,
    "truth": True,
}
for case, wrong in FEATURES.items():
    REFUSED[f"features: {case}"] = (
        "n_features_in_",
        lambda m, wrong=wrong: wrong,
        "n_features_in_ is .*, not a positive integer",
    )
WAYS = ("predict", "predict_proba", "score", "hidden_activations", "input_gradients")
OF_PREDICTIONS = ("summary", "partial_fit", "warm start", "resume_fit", *WAYS)


def call(model, way):
    if way in ("score", "partial_fit", "resume_fit"):
        return getattr(model, way)(X, CODES)
    if way == "warm start":
        return model.set_params(warm_start=True).fit(X, CODES)
    return model.summary() if way == "summary" else getattr(model, way)(X)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_set_by_hand_is_refused_by_its_name(case):
    name, wrong, message = REFUSED[case]
    for way in OF_PREDICTIONS:
        model = model_of()
        setattr(model, name, wrong(model))
        is_shape = "must" in message
        if is_shape and way == "summary":  # it does not touch the numbers
            continue
        expected = "Training can only go on|" * (is_shape and way not in WAYS) + message
        with pytest.raises(ValueError, match=expected):
            call(model, way)
    with pytest.raises(ValueError, match="which was stored by sknn"):
        copy.copy(model)


OF_TRAINING = {
    "slots": ("_optimizer_state", "slots", lambda slots: slots[:, :-1]),
    "CSR slots": ("_optimizer_state", "slots", sp.csr_matrix),
    "text of slots": ("_optimizer_state", "slots", lambda slots: slots.astype(str)),
    "steps": ("_optimizer_state", "n_steps", lambda n: "x"),
    "seed": ("_optimizer_state", "seed", lambda n: -1),
    "rate": ("_optimizer_state", "learning_rate", lambda rate: np.nan),
    "theta": ("_resume_state", "theta", lambda theta: np.zeros(3)),
    "CSR theta": ("_resume_state", "theta", lambda theta: sp.csr_array((1, 41))),
    "rows": ("_resume_state", "rows_done", lambda n: 10**9),
    "generator": ("_resume_state", "random_state", lambda state: {**state, "state": 3}),
    "position": (
        "_resume_state",
        "random_state",
        lambda state: {**state, "state": {**state["state"], "pos": 10**6}},
    ),
}


@pytest.mark.parametrize("case", OF_TRAINING)
def test_the_state_of_training_is_checked_before_it_goes_on(case):
    name, part, wrong = OF_TRAINING[case]
    for way in ("partial_fit", "warm start", "resume_fit"):
        model = model_of()
        state = getattr(model, name)
        setattr(model, name, {**state, part: wrong(state[part])})
        before = [coef.copy() for coef in model.coefs_]
        with pytest.raises(ValueError, match=rf"{name}\['{part}'\]"):
            call(model.set_params(max_iter=4), way)
        assert_array_equal(model.coefs_[0], before[0])
        model.predict(X)


def test_what_is_changed_in_place_reaches_no_kernel():
    model = model_of()
    model._optimizer_state["slots"] = np.zeros((2, 3))
    with pytest.raises(ValueError, match="slots"):
        model.partial_fit(X, CODES)
    model = model_of(CODES * 0, loss="hinge")
    model._label_binarizer.y_type_ = "multiclass"  # of one output
    with pytest.raises(ValueError, match="y_type_"):
        model.partial_fit(X, CODES * 0)
    model = model_of()
    model.classes_[:] = [2, 0, 1]
    with pytest.raises(ValueError, match="not sorted"):
        model.partial_fit(X, CODES)


@pytest.mark.parametrize("where", ["slots", "theta", "coefs_", "classes_"])
@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array, sp.csc_matrix])
def test_a_sparse_matrix_that_calls_itself_an_estimator(where, kind):
    """skops audits the names in a file, not what becomes of them."""
    model = model_of()
    file = skops.io.dumps(model)
    buffer = io.BytesIO()
    sp.save_npz(buffer, kind(np.ones((2, 41))))
    node = {
        "__class__": "MLPClassifier",
        "__module__": "sknn.estimators.classifier",
        "__loader__": "SparseMatrixNode",
        "type": "scipy",
        "file": "evil.npz",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                state = schema["content"]["content"]
                if where == "slots":
                    state["_optimizer_state"]["content"]["slots"] = node
                elif where == "theta":
                    state["_resume_state"]["content"]["theta"] = node
                elif where == "coefs_":
                    state["coefs_"]["content"][0] = node
                else:
                    state["classes_"] = node
                content = json.dumps(schema)
            new.writestr(name, content)
        new.writestr("evil.npz", buffer.getvalue())
    evil = out.getvalue()
    assert set(skops.io.get_untrusted_types(data=evil)) <= set(TRUSTED_TYPES)
    with pytest.raises(ValueError, match=f"cannot be read by sknn .*{where}"):
        skops.io.loads(evil, trusted=TRUSTED_TYPES)


# What is converted --------------------------------------------------------------------

CONVERTED = {
    "float16": lambda a: a.astype(np.float16),
    "float32": lambda a: a.astype(np.float32),
    "long double": lambda a: a.astype(np.longdouble),
    "integers": lambda a: np.round(3 * a).astype(int),
    "small integers": lambda a: np.round(3 * a).astype(np.int8),
    "swapped bytes": lambda a: a.astype(a.dtype.newbyteorder()),
    "columns first": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1][::-1],
    "read-only": lambda a: np.broadcast_to(a, a.shape),
}


@pytest.mark.parametrize("names", ["coefs_", "intercepts_", "coefs_ intercepts_"])
@pytest.mark.parametrize("case", CONVERTED)
def test_real_weights_are_converted(case, names):
    """In all methods, beside scikit-learn with the same weights."""
    model, theirs = model_of(activation="tanh"), Theirs(**SMALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.set_params(hidden_layer_sizes=(5,), activation="tanh").fit(X, CODES)
    for name in ("coefs_", "intercepts_"):
        arrays = [array.copy() for array in getattr(model, name)]
        if name in names.split():
            arrays = [CONVERTED[case](array) for array in arrays]
        setattr(model, name, arrays)
        setattr(theirs, name, arrays)
    expected = theirs.predict_proba(X)
    is_small = all(a.dtype.itemsize <= 4 for a in (*model.coefs_, *model.intercepts_))
    tolerance = 1e-5 if is_small else 1e-12
    for other in (model, copy.deepcopy(model)):
        assert_allclose(other.predict_proba(X), expected, rtol=tolerance)
        other.input_gradients(X)
        other.summary()
        for way in ("resume_fit", "partial_fit"):
            call(other.set_params(max_iter=4), way)
            assert np.isfinite(other.predict_proba(X)).all()


def test_an_output_activation_set_by_hand_is_used():
    model = model_of()
    probabilities = model.predict_proba(X)
    model.out_activation_ = "identity"
    logits = model.decision_function(X)
    odds = np.exp(logits)
    assert_allclose(odds / odds.sum(axis=1, keepdims=True), probabilities)
    assert_array_equal(copy.copy(model).decision_function(X), logits)
    model.out_activation_ = "softmax"
    assert_array_equal(model.predict_proba(X), probabilities)


def test_classes_may_be_renamed_by_hand():
    model = model_of()
    codes = model.predict(X)
    model.classes_ = np.array(["a", "b", "c"])
    assert_array_equal(model.predict(X), model.classes_[codes])
    assert_array_equal(copy.copy(model).predict(X), model.classes_[codes])


def test_a_prediction_checks_only_what_has_changed(monkeypatch):
    model = model_of()
    monkeypatch.setattr(
        "sknn.estimators.state_checks._CHECKS", {"x": lambda state: 1 / 0}
    )
    model.predict(X)
    model.classes_ = model.classes_.copy()
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        model.predict(X)


@pytest.mark.parametrize(
    ("name", "dropped", "attribute"),
    [
        ("standardized", 0, "input_statistics_"),
        ("standardized", -1, "target_statistics_"),
        ("embedding", 0, "features"),
    ],
)
def test_a_network_without_one_of_its_layers_is_refused(name, dropped, attribute):
    model = tampering.fitted(name)
    state = model.__getstate__()
    layers = list(state["_architecture"]["layers"])
    del layers[dropped]
    architecture = {**state["_architecture"], "layers": tuple(layers)}
    other = object.__new__(type(model))
    with pytest.raises(ValueError, match=attribute):
        other.__setstate__({**state, "_architecture": architecture})


# A model with each array that is not trained.
OF_STATISTICS = {
    "running_statistics_": "classes",
    "bin_edges_": "embedding",
    "input_scales_": "waves",
    "input_statistics_": "standardized",
    "target_statistics_": "standardized",
}


def test_all_arrays_of_statistics_are_in_the_table():
    arrays = [array for spec in LAYERS.values() for array in spec.arrays]
    names = {array.attribute for array in arrays if not array.is_trained}
    assert names == OF_STATISTICS.keys()


USES = {
    "loaded": lambda model: pickle.loads(pickle.dumps(model)),
    "set by hand": lambda model: model.predict(X),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("attribute", OF_STATISTICS)
def test_statistics_that_cannot_be_are_refused_by_their_name(attribute, use):
    model = tampering.fitted(OF_STATISTICS[attribute])
    arrays = copy.deepcopy(getattr(model, attribute))
    for array in arrays:
        array[:] = -np.abs(array) - 1 if attribute != "bin_edges_" else array[:, ::-1]
    setattr(model, attribute, arrays)
    with pytest.raises(ValueError, match=f"{attribute} (with|that)"):
        USES[use](model)
