"""Models from somebody else: skops loads them, and no code runs."""

import copy
import doctest
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import skops.io
from numpy.testing import assert_array_equal
from recording_callbacks import Recorder
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops.io.exceptions import UntrustedTypesFoundException

import sknn
import sknn.io
from sknn.io import TRUSTED_TYPES

X, Y = load_iris(return_X_y=True)
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}


# Those that somebody may trust who stores a Pipeline with sparse matrices.
SPARSE_TYPES = ["scipy.sparse._csr.csr_array"]


def load(file):
    return skops.io.loads(file, trusted=TRUSTED_TYPES)


def test_only_the_estimators_need_trust():
    assert TRUSTED_TYPES[:2] == [
        "sknn.estimators.classifier.MLPClassifier",
        "sknn.estimators.regressor.MLPRegressor",
    ]
    others = ("sknn.", "sklearn.", "numpy.")
    assert all(name.startswith(others) for name in TRUSTED_TYPES[2:])
    model = sknn.MLPClassifier(**SMALL, normalization="batch", early_stopping=True)
    file = skops.io.dumps(model.fit(X, Y))
    assert skops.io.get_untrusted_types(data=file) == TRUSTED_TYPES[:1]
    with pytest.raises(UntrustedTypesFoundException):
        skops.io.loads(file)


def test_pipelines_and_searches():
    model = make_pipeline(StandardScaler(), sknn.MLPClassifier(**SMALL)).fit(X, Y)
    assert_array_equal(load(skops.io.dumps(model)).predict(X), model.predict(X))
    search = GridSearchCV(sknn.MLPClassifier(**SMALL), {"alpha": [0.1, 1]}, cv=2)
    best = search.fit(X, Y).best_estimator_
    assert_array_equal(load(skops.io.dumps(best)).predict(X), best.predict(X))


def test_the_documented_example():
    result = doctest.testmod(sknn.io)
    assert result.attempted > 5
    assert result.failed == 0


# Files that would run code -----------------------------------------------------------


class Malice:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_pickle_runs_code(tmp_path):
    """Which is why there is another way."""
    model = sknn.MLPClassifier(**SMALL).fit(X, Y)
    model.history_["loss"].append(Malice(tmp_path / "made"))
    pickle.loads(pickle.dumps(model))
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: partial(os.mkdir, path),
        lambda path: os.mkdir,
        lambda path: Path(path).mkdir,
        lambda path: Recorder(),
        lambda path: eval,
    ],
)
@pytest.mark.parametrize(
    "place", ["kept_", "history_", "learning_rate", "_definitions"]
)
def test_skops_refuses_what_is_not_trusted(harm, place, tmp_path):
    model = sknn.MLPClassifier(**SMALL).fit(X, Y)
    setattr(model, place, {"loss": [harm(str(tmp_path / "made"))]})
    file = skops.io.dumps(model)
    with pytest.raises((UntrustedTypesFoundException, TypeError)):
        load(file)
    assert not (tmp_path / "made").exists()


def edited(file, edit):
    """Return a file of skops whose schema was changed by hand."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                edit(schema)
                content = json.dumps(schema)
            new.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "exec"), ("sknn.network.registry", "Definitions")],
)
def test_an_edited_file_is_refused(module, name):
    file = skops.io.dumps(sknn.MLPClassifier(**SMALL).fit(X, Y))

    def edit(schema):
        node = schema["content"]["content"]["_label_binarizer"]
        node["__module__"], node["__class__"] = module, name

    with pytest.raises(UntrustedTypesFoundException, match=f"{module}.{name}"):
        load(edited(file, edit))


# Files whose parts do not fit together -----------------------------------------------


def wrong_layers(layers):
    """Yield layers that are not those of the arrays, or that cannot be."""
    dense, norm, dropout, output = layers
    yield ()
    yield layers[1:]
    yield layers[:-1]
    yield (dense, dropout, output)
    yield (norm, *layers)
    yield (dense, ("layer_norm", *norm[1:]), dropout, output)
    yield (*layers[:-1], ("dense", output[1], "relu"))
    yield (*layers, dropout)
    for options in ((), (1.5,), (-0.1,), (0.1, 0.1), ("x",), None):
        yield (dense, norm, ("dropout", options, None), output)
    for options in ((), (0,), (-1,), (10**9,), (2.0,), (2, 2)):
        yield (("dense", options, None), norm, dropout, output)
    yield (dense, ("batch_norm", (1,), norm[2]), dropout, output)
    yield (dense, norm, ("dropout", dropout[1], "relu"), output)
    yield (("dense", dense[1], ["relu"]), norm, dropout, output)


def wrong_states(model):
    """Yield attributes that would make the kernels read or write beyond an array."""
    first, last = model.coefs_
    yield {"n_features_in_": 2}
    yield {"n_outputs_": 500}
    yield {"coefs_": [first]}
    yield {"coefs_": [np.zeros((5000, 4)), last], "n_features_in_": 4}
    yield {"coefs_": [first, np.zeros((4, 2))]}
    yield {"coefs_": [part.astype(complex) for part in (first, last)]}
    yield {"coefs_": [part.astype(object) for part in (first, last)]}
    yield {"coefs_": [csr_array(part) for part in (first, last)]}
    yield {"coefs_": [part.tolist() for part in (first, last)]}
    yield {"coefs_": np.array([1.0, 2.0])}
    yield {"coefs_": [part.ravel() for part in (first, last)]}
    yield {"coefs_": []}
    yield {"intercepts_": [np.zeros(9), np.zeros(3)]}
    yield {"intercepts_": [np.ma.masked_array(part) for part in model.intercepts_]}
    for classes in ([2, 0, 1], [0, 1, 1], [0, 1], [0, 1, 2, 3], [[0, 1, 2]]):
        yield {"classes_": np.array(classes)}
    yield {"classes_": [0, 1, 2]}
    yield {"classes_": csr_array([[0, 1, 2]])}
    for name, wrong in (
        ("y_type_", "binary"),
        ("y_type_", "multilabel-indicator"),
        ("classes_", np.array([1, 0, 2])),
        ("classes_", np.arange(4)),
        ("neg_label", 5),
        ("sparse_input_", "x"),
    ):
        binarizer = copy.deepcopy(model._label_binarizer)
        setattr(binarizer, name, wrong)
        yield {"_label_binarizer": binarizer}
    yield {"_label_binarizer": StandardScaler()}
    yield {"out_activation_": "quantiles"}
    yield {"feature_names_in_": np.array(["a", "b"], dtype=object)}
    yield {"history_": {"loss": 3.0}}
    yield {"history_": [1.0]}
    yield {"t_": -1}
    yield {"loss_curve_": "x"}
    yield {"gains_": [np.ones(4000)]}
    yield {"running_statistics_": [np.ones((2, 1))]}
    for changes in (
        {"link": "quantiles"},
        {"link": "quantiles", "settings": (1e9, 0.5, 0.0, 0.0)},
        {"link": "quantiles", "settings": (0.0, 0.5, 0.0, 0.0)},
        {"settings": None},
        {"n_features": 2},
        {"n_features": -3},
        {"n_features": 3.0},
        *({"layers": layers} for layers in wrong_layers(model._architecture["layers"])),
    ):
        yield {"_architecture": model._architecture | changes}
    for changes in (
        {"slots": np.zeros((2, 3))},
        {"slots": np.zeros(0)},
        {"slots": csr_array(model._optimizer_state["slots"])},
        {"slots": None},
        {"n_steps": -1},
        {"seed": 2**63},
        {"learning_rate": np.nan},
    ):
        yield {"_optimizer_state": model._optimizer_state | changes}
    for changes in (
        {"theta": np.zeros(2)},
        {"theta": csr_array(np.ones((1, len(model._theta_cache[0]))))},
        {"rows_done": 10**9},
        {"n_rows": "x"},
    ):
        yield {"_resume_state": model._resume_state | changes}
    random_state = model._resume_state["random_state"]
    yield {"_split_state": random_state | {"bit_generator": "PCG64"}}
    yield {"_split_state": random_state | {"bit_generator": None}}
    for changes in ({"pos": 10**6}, {"pos": -1}, {"key": np.zeros(3, np.uint32)}):
        wrong = random_state | {"state": random_state["state"] | changes}
        yield {"_resume_state": model._resume_state | {"random_state": wrong}}
        yield {"_split_state": wrong}


def test_parts_that_do_not_fit_are_refused():
    options = {"normalization": "batch", "dropout": 0.1, "validate": True}
    model = sknn.MLPClassifier(**SMALL, **options).fit(X, Y)
    whole = vars(model).copy()
    for changes in wrong_states(model):
        model.__dict__ = whole | changes
        file = skops.io.dumps(model)
        with pytest.raises(ValueError, match="which was stored by sknn"):
            skops.io.loads(file, trusted=[*TRUSTED_TYPES, *SPARSE_TYPES])
    model.__dict__ = whole
    load(skops.io.dumps(model))


NONSENSE = """
import sys, warnings
import numpy as np
import sknn

warnings.simplefilter("ignore")
X = np.random.RandomState(0).normal(size=(40, 3))
y = np.digitize(X[:, 0], [-0.5, 0.5])
things = [
    None, -1, 10**9, 0.5, "x", "", (), [], {}, [None], (3,), np.zeros(0), np.zeros(1),
    np.zeros((1, 1)), np.full((2, 10**4), 7), [np.zeros(2)] * 2, object,
]
options = {"early_stopping": True, "normalization": "batch", "dropout": 0.1}
n_loaded = n_refused = 0
for estimator in (sknn.MLPClassifier, sknn.MLPRegressor):
    model = estimator(hidden_layer_sizes=(4,), max_iter=3, random_state=0, **options)
    state = model.fit(X, y).__getstate__()
    parts = ("_architecture", "_optimizer_state", "_resume_state", "_split_state")
    fitted = [name for name in state if name not in model.get_params()]
    wrong = [{name: thing} for name in fitted for thing in things]
    wrong += [
        {part: state[part] | {name: thing}}
        for part in parts for name in state[part] for thing in things
    ]
    for changes in wrong:
        other = object.__new__(estimator)
        try:
            other.__setstate__(state | changes)
        except Exception:
            n_refused += 1
            continue
        n_loaded += 1
        for use in (
            lambda: other.predict(X),
            lambda: other.score(X, y),
            lambda: other.set_params(max_iter=5).resume_fit(X, y),
            lambda: other.set_params(early_stopping=False).partial_fit(X, y),
        ):
            try:
                use()
            except Exception:
                pass
print(n_loaded, n_refused)
"""


@pytest.mark.slow
def test_nonsense_is_an_exception_and_no_crash():
    """Whatever stands in a file for an attribute, the process lives on."""
    run = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", NONSENSE],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(sknn.__file__).parents[1])},
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    n_loaded, n_refused = map(int, run.stdout.split())
    assert min(n_loaded, n_refused) > 100


# Functions ---------------------------------------------------------------------------


def square(z):
    return z * z


def slope(z):
    return 2 * z


def test_registered_functions_are_refused_clearly():
    sknn.register_activation("square_of_skops", square, slope)
    model = sknn.MLPClassifier(activation="square_of_skops", **SMALL).fit(X, Y)
    with pytest.raises(TypeError, match=r"skops cannot store .*'square_of_skops'"):
        skops.io.dumps(model)
    model = sknn.MLPClassifier(**SMALL).fit(X, Y)
    assert_array_equal(load(skops.io.dumps(model)).predict(X), model.predict(X))


def rate(epoch):
    return 0.01


def test_a_function_as_parameter_needs_trust_by_name():
    model = sknn.MLPClassifier(learning_rate=rate, **SMALL).fit(X, Y)
    file = skops.io.dumps(model)
    own = [f"{__name__}.rate"]
    assert skops.io.get_untrusted_types(data=file) == sorted(TRUSTED_TYPES[:1] + own)
    with pytest.raises(UntrustedTypesFoundException, match="rate"):
        load(file)
    other = skops.io.loads(file, trusted=TRUSTED_TYPES + own)
    assert_array_equal(
        other.partial_fit(X, Y).predict(X), model.partial_fit(X, Y).predict(X)
    )
