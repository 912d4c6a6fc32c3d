"""Every kernel once with its indices checked, and once as plain Python.

Compiled code does not check indices: a wrong one reads or writes whatever is there.
Numba can be told to check them, and NumPy always does.
"""

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_package import PACKAGE

# Small fits that reach each leaf and each driver; what they give is printed.
SELECTION = """
import json, sys, warnings
import numpy as np
import scipy.sparse
import sknn
from part_processes import fit_alone
from sknn.data import BatchSource
from sknn.estimators.parameters import STOCHASTIC_SOLVERS
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.jit.kernel import COMPILED
from sknn.kernels.losses.table import REGRESSION_LOSSES
from sknn.kernels.layers.normalization import NORMALIZATIONS

warnings.simplefilter("ignore")
dtype = sys.argv[1]
rng = np.random.RandomState(0)
X = rng.normal(size=(11, 5)).astype(dtype)
X[rng.uniform(size=X.shape) < 0.4] = 0
S = scipy.sparse.csr_array(X)
WEIGHTS = rng.uniform(0, 2, size=11)
AMOUNTS = np.abs(X[:, :3]) + 0.5
TWO, THREE = np.arange(11) % 2, np.arange(11) % 3
LABELS = np.c_[TWO, TWO[::-1], THREE > 0].astype(int)
OPTIONS = {"hidden_layer_sizes": (4, 3), "max_iter": 2, "batch_size": 4}
OPTIONS |= {"random_state": 0, "activation": "tanh"}
found = {}

def fit(name, y, data=X, weights=None, **parameters):
    estimator = sknn.MLPRegressor if y is AMOUNTS else sknn.MLPClassifier
    model = estimator(**{**OPTIONS, **parameters})
    given = {}
    if model.early_stopping:
        given = {"X_val": data, "y_val": y}
    model.fit(data, y, weights, **given)
    name_of = "predict" if y is AMOUNTS else "predict_proba"
    if model.loss == "hinge":
        name_of = "decision_function"
    predicted = getattr(model, name_of)(data)
    arrays = [predicted, model.input_gradients(data)]
    if model.n_layers_ > 2:
        arrays.append(model.hidden_activations(data, 0))
    if y is TWO or y is THREE:
        arrays.append(model.predict(data).astype(float))
    found[name] = [np.ravel(array).tolist() for array in arrays]

for k, name in enumerate(sorted(ACTIVATIONS)):
    fit(f"activation {name}", AMOUNTS, activation=name, data=(X, S)[k % 2])
for name in sorted(STOCHASTIC_SOLVERS | {"lbfgs"}):
    fit(f"solver {name}", AMOUNTS, solver=name, weights=WEIGHTS)
fit("momentum", AMOUNTS, solver="sgd", nesterovs_momentum=False)
for name in sorted(REGRESSION_LOSSES):
    fit(f"loss {name}", AMOUNTS, loss=name)
    fit(f"loss {name}, weights", AMOUNTS, loss=name, weights=WEIGHTS, solver="lbfgs")
fit("orthogonal", AMOUNTS, kernel_initializer="orthogonal")
fit("quantiles", AMOUNTS, loss="quantile", quantile=(0.2, 0.5))
for kind, y in (("two", TWO), ("three", THREE), ("labels", LABELS)):
    for name in ("log_loss", "focal", "hinge"):
        fit(f"{name} of {kind}", y, loss=name, early_stopping=True)
        fit(f"{name} of {kind}, weights", y, S, WEIGHTS, loss=name)
    fit(f"smoothed {kind}", y, label_smoothing=0.2)
for data in (X, S):
    units = {"standardize": True, "standardize_y": True}
    fit(f"standardize {data is X}", AMOUNTS, data, WEIGHTS, **units)
for name in sorted(NORMALIZATIONS):
    for data in (X, S):
        fit(f"{name} {data is X}", THREE, data, normalization=name, dropout=0.4)
for data in (X, S):
    fit(f"dropout {data is X}", TWO, data, dropout=(0.5, 0.2), input_dropout=0.3)
    fit(f"linear {data is X}", TWO, data, hidden_layer_sizes=(), shuffle=False)
TRAINED = {"feature_scaling": True, "parametric_activation": True}
fit("factors", AMOUNTS, activation="silu", **TRAINED)
for name in ("all", "inputs"):
    members = {"n_shared_members": 3, "member_factors": name, "dropout": 0.2}
    fit(f"members {name}", AMOUNTS, weights=WEIGHTS, **members)
    fit(f"members {name} of classes", THREE, hidden_layer_sizes=(17, 16), **members)
fit("embedding", AMOUNTS, numeric_embedding="piecewise_linear", n_bins=5)
fit("waves", AMOUNTS, numeric_embedding="periodic")
CODED = np.column_stack([X[:, 0], np.arange(11), THREE]).astype(dtype)
fit("codes", AMOUNTS, CODED, categorical_features=[1, 2])
fit("limits", THREE, max_norm=0.5, clipvalue=0.01, global_clipnorm=0.1, l1_ratio=0.5)
fit("one row at a time", AMOUNTS, batch_size=1, hidden_layer_sizes=(1, 1))
for data in (X, S):
    sizes = (70, 33, 17, 9)
    fit(f"wide {data is X}", THREE, data, hidden_layer_sizes=sizes, batch_size=7)
MANY = np.tile(X, (60, 1)), np.tile(TWO, 60)  # for the shuffle of our own
fit("many rows", MANY[1], MANY[0], hidden_layer_sizes=1, batch_size=99)
for factors in ("all", "inputs"):
    members = {"n_shared_members": 3, "member_factors": factors}
    fit(f"members, {factors}", AMOUNTS, **members, numeric_embedding="periodic")
    fit(f"members of classes, {factors}", THREE, **members, dropout=0.2)
unit = {"kernel_initializer": "unit_variance", "bias_initializer": "data"}
fit("initialized by data", AMOUNTS, **unit)
source = BatchSource(lambda: iter([(X, AMOUNTS)]))
model = sknn.MLPRegressor(**OPTIONS)
fit_alone(model, source)
found["part"] = [model.predict(X).ravel().tolist()]
# Layers without an activation have none to call.
IDENTITY = {"identity_forward", "identity_backward"}
unused = [kernel.name for kernel in COMPILED if not kernel.specializations]
unused = sorted(set(unused) - IDENTITY)
print(json.dumps([found, unused]))
"""

# A loss that is to read behind the last of the targets, and says so if it checks.
OUT_OF_BOUNDS = """
import numpy as np
from networks import network_of, parameters_of, make_training_data
from sknn.kernels.losses.table import LOSSES

problem, network = make_training_data("log_loss"), network_of((3,), "tanh", "log_loss")
problem = problem._replace(targets=problem.targets[:4])
network.loss_gradient(parameters_of(network), LOSSES["log_loss"], problem)
print("[]")
"""


def run(script, *arguments, **environment):
    """Run a script; return what it prints, read as JSON, and its complaints."""
    folders = [str(PACKAGE.parent), str(Path(__file__).parents[1])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), **environment}
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env=env,
        cwd=tempfile.gettempdir(),
    )
    found = json.loads(result.stdout.splitlines()[-1]) if result.stdout else None
    return found, result.stderr


@cache
def usual(dtype):
    found, complaints = run(SELECTION, dtype)
    assert complaints == ""
    return found


def check_selection(dtype, **environment):
    found, complaints = run(SELECTION, dtype, **environment)
    assert complaints == ""
    expected, unused = usual(dtype)
    assert unused == [], "kernels that the selection does not reach"
    assert found[0].keys() == expected.keys()
    rtol = 1e-3 if dtype == "float32" else 1e-8
    for name, arrays in expected.items():
        for one, other in zip(found[0][name], arrays, strict=True):
            scale = max(np.abs(other))
            assert_allclose(one, other, rtol=rtol, atol=rtol * scale, err_msg=name)


@pytest.mark.slow
def test_as_plain_python():
    """NumPy checks all indices and shapes; Numba's own semantics are left out."""
    check_selection("float64", NUMBA_DISABLE_JIT="1")


def test_plain_python_notices():
    _, complaints = run(OUT_OF_BOUNDS, NUMBA_DISABLE_JIT="1")
    assert "IndexError" in complaints


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """Return an environment for checked code, which Numba's cache takes for other."""
    cache = tmp_path_factory.mktemp("checked")
    return {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(cache)}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_with_checked_indices(dtype, checked):
    check_selection(dtype, **checked)


@pytest.mark.slow
def test_checked_indices_notice(checked):
    assert run(OUT_OF_BOUNDS)[1] == ""
    _, complaints = run(OUT_OF_BOUNDS, **checked)
    assert "out of bounds in the kernel" in complaints
