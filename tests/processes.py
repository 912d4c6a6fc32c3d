"""Scripts in processes of their own, and what they fit."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import sknn

PACKAGE = Path(sknn.__file__).parent


def run(script, *arguments, python=(sys.executable,), **environment):
    """Run a script in a new process; return what it prints, read as JSON."""
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), **environment}
    env = {name: value for name, value in env.items() if value is not None}
    result = subprocess.run(
        [*python, "-P", "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=env,
        cwd=tempfile.gettempdir(),
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def copy_package(root):
    no_caches = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(PACKAGE, root / "sknn", ignore=no_caches))


# Fits of all kinds, for the processes below.
FITS = """
import json, sys, warnings
import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
import sknn

warnings.simplefilter("ignore", ConvergenceWarning)
warnings.filterwarnings("ignore", "Got `batch_size`")
rng = np.random.RandomState(0)
X = rng.normal(size=(40, 4))
NUMBERS = X @ [1.0, -1.0, 2.0, 0.0]
LABELS = np.digitize(NUMBERS, [-1, 1])

def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X

def fit(estimator, dtype="float64", change=np.asarray, n_rows=40, **parameters):
    data = change(X[:n_rows].astype(dtype))
    y = (LABELS if estimator == "MLPClassifier" else np.abs(NUMBERS))[:n_rows]
    parameters = {"max_iter": 3, "random_state": 0, **parameters}
    model = getattr(sknn, estimator)(**parameters).fit(data, y)
    model.predict(data)
    return model

VARIANTS = [
    {"hidden_layer_sizes": (5, 4, 3)},
    {"hidden_layer_sizes": ()},
    {"activation": "tanh"},
    {"activation": "logistic"},
    {"activation": "identity"},
    {"solver": "sgd"},
    {"solver": "sgd", "nesterovs_momentum": False, "learning_rate": "adaptive"},
    {"solver": "lbfgs"},
    {"batch_size": 7},
    {"early_stopping": True},
    {"shuffle": False},
    {"change": read_only},
    {"change": np.asfortranarray},
    {"change": lambda X: read_only(X.T).T},
    {"n_rows": 33},
]
"""

# A small fit, what it led to, and how much was compiled for it.
FIT = """
from sknn.jit.specializations import COMPILED_HERE

def report(*models):
    print(json.dumps({
        "weights": [coef.tolist() for model in models for coef in model.coefs_],
        "warnings": [[w.category.__name__, str(w.message)] for w in caught],
        "compiled": COMPILED_HERE,
        "numba": "numba" in sys.modules,
        "file": sknn.__file__,
    }))

caught = []
warnings.simplefilter("always", RuntimeWarning)
warnings.showwarning = lambda message, category, *rest: caught.append(
    warnings.WarningMessage(message, category, *rest)
)
"""

# One kernel, called from Python.
ONE_KERNEL = (
    FITS
    + FIT
    + """
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.jit.kernel import call

z = np.linspace(-1, 1, 6)
call(ACTIVATIONS["relu"].backward.address(z.dtype), (np.maximum(z, 0), z))
assert np.allclose(z, [0, 0, 0, 0.2, 0.6, 1])
report()
"""
)
