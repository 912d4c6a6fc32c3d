"""The package as a whole: imports, compilation, the cache, the size of files."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import sknn

PACKAGE = Path(sknn.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
KERNELS = [path for path in FILES if path.parent.name == "kernels"]
LONGEST_FILE = 450


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): ast.parse(path.read_text("utf-8")) for path in FILES}


def imports_of(tree):
    """Return all imported names in full, those within functions too."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own_imports_of(module):
    """Return the modules of sknn that a module imports; sknn itself does not count."""
    found = set()
    for name in imports_of(MODULES[module]):
        while name and name not in MODULES:
            name = name.rpartition(".")[0]
        found |= {name} - {"", "sknn"}
    return found


# Imports -----------------------------------------------------------------------------


def test_the_modules_are_found():
    assert {"sknn", "sknn.network", "sknn.kernels", "sknn.kernels.jit"} <= set(MODULES)
    assert own_imports_of("sknn.network") > {"sknn.kernels.layers"}


def is_kernel(module):
    return module.startswith("sknn.kernels")


def test_direction_of_imports():
    network = {"sknn.inputs", "sknn.operations", "sknn.network"}
    training = network | {
        "sknn.schedules",
        "sknn.progress",
        "sknn.training",
        "sknn._sklearn",
    }
    allowed = {
        "sknn.kernels": set(),
        "sknn.inputs": set(),
        "sknn.operations": set(),
        "sknn.network": network,
        "sknn.schedules": set(),
        "sknn.initializers": network,
        "sknn.progress": {"sknn.inputs", "sknn.schedules"},
        "sknn.training": training,
        "sknn.lbfgs": training,
        "sknn._callbacks": training,
        "sknn._sklearn": set(),
        "sknn._threads": set(),
        "sknn.custom": network,
        "sknn.displays": {"sknn._sklearn"},
    }
    for module in MODULES:
        layer = "sknn.kernels" if is_kernel(module) else module
        if layer in allowed:
            others = {name for name in own_imports_of(module) if not is_kernel(name)}
            assert others <= allowed[layer], module


def test_kernels_do_not_import_the_package():
    for module in filter(is_kernel, MODULES):
        for name in imports_of(MODULES[module]):
            assert not name.startswith("sknn") or is_kernel(name), module


def test_no_circular_imports():
    graph = {module: own_imports_of(module) for module in MODULES}
    order = list(TopologicalSorter(graph).static_order())
    kernels = [name.rpartition(".")[2] for name in order if is_kernel(name)]
    assert kernels.index("jit") < kernels.index("layers") < kernels.index("drivers")
    assert kernels.index("drivers") < kernels.index("ahead")


def test_only_kernels_know_numba():
    for module, tree in MODULES.items():
        if not is_kernel(module):
            roots = {name.partition(".")[0] for name in imports_of(tree)}
            assert not roots & {"numba", "llvmlite"}, module


def test_private_names_of_sklearn_are_in_one_module():
    def private(tree):
        return {
            name
            for name in imports_of(tree)
            if name.startswith("sklearn.")
            and any(part.startswith("_") for part in name.split("."))
        }

    assert private(MODULES["sknn._sklearn"])
    for module, tree in MODULES.items():
        assert module == "sknn._sklearn" or not private(tree), module


def run(script, *arguments, python=(sys.executable,), **environment):
    """Run a script in a new process; return what it prints, read as JSON."""
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), **environment}
    env = {name: value for name, value in env.items() if value is not None}
    result = subprocess.run(
        [*python, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=env,
        cwd=tempfile.gettempdir(),
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_import_loads_no_optional_package():
    script = """
import json, sys
import sklearn.neural_network  # loads pandas and rich itself, if it can
optional = {"matplotlib", "pandas", "polars", "rich"}
before = optional & set(sys.modules)
import sknn
assert "sknn.training" in sys.modules
print(json.dumps(sorted(optional & set(sys.modules) - before)))
"""
    assert run(script) == []


# Compilation -------------------------------------------------------------------------

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

VERSIONS = """
for estimator in ("MLPClassifier", "MLPRegressor"):
    for dtype in ("float32", "float64"):
        for variant in VARIANTS:
            fit(estimator, dtype, **variant)
        fit(estimator, dtype, change=scipy.sparse.csr_array)
        fit(estimator, dtype, change=scipy.sparse.csc_matrix)
fit("MLPRegressor", "float32", loss="poisson")

from sknn.kernels.jit import COMPILED, Driver
print(json.dumps({
    kernel.name: [
        [dtype.name, len(getattr(version, "signatures", [None]))]
        for dtype, version in kernel.versions.items()
    ]
    for kernel in COMPILED
}))
"""


def test_two_versions_of_each_kernel():
    versions = run(FITS + VERSIONS)
    assert len(versions) > 20
    for name, compiled in versions.items():
        dtypes = [dtype for dtype, _ in compiled]
        assert sorted(dtypes) in ([], ["float32"], ["float32", "float64"]), name
        assert all(n_signatures == 1 for _, n_signatures in compiled), name
    assert len(versions["epoch"]) == 2


RECOMPILATION = """
from pathlib import Path
from numba.core.event import install_recorder

estimator, dtype, cache = sys.argv[1:]

def files():
    return sorted(str(path) for path in Path(cache).rglob("*") if path.is_file())

with install_recorder("numba:compile") as recorder:
    fit(estimator, dtype)
first, before = len(recorder.buffer), files()
counts = []
for variant in VARIANTS:
    with install_recorder("numba:compile") as recorder:
        fit(estimator, dtype, **variant)
    counts.append(len(recorder.buffer))
print(json.dumps([first, counts, len(before), len(files())]))
"""


@pytest.mark.parametrize(
    ("estimator", "dtype"), [("MLPClassifier", "float64"), ("MLPRegressor", "float32")]
)
def test_only_the_first_fit_compiles(estimator, dtype, tmp_path):
    arguments = (FITS + RECOMPILATION, estimator, dtype, tmp_path)
    first, later, *n_files = run(*arguments, NUMBA_CACHE_DIR=str(tmp_path))
    assert first > 0
    assert later == [0] * len(later)
    assert n_files[0] == n_files[1] > 0
    again, *_ = run(*arguments, NUMBA_CACHE_DIR=str(tmp_path))
    assert again == 0, "the cache was not used"


WEIGHTS = """
models = [
    fit(estimator, **variant)
    for estimator in ("MLPClassifier", "MLPRegressor")
    for variant in (
        {"batch_size": 9, "hidden_layer_sizes": (4, 3)},
        {"solver": "sgd", "activation": "tanh", "early_stopping": True},
        {"solver": "lbfgs", "activation": "logistic", "hidden_layer_sizes": 3},
        {"change": scipy.sparse.csr_array, "hidden_layer_sizes": 3},
    )
]
models.append(fit("MLPRegressor", loss="poisson", hidden_layer_sizes=3))
print(json.dumps([[coef.tolist() for coef in model.coefs_] for model in models]))
"""


def test_without_the_compiler():
    compiled = run(FITS + WEIGHTS)
    interpreted = run(FITS + WEIGHTS, NUMBA_DISABLE_JIT="1")
    for expected, weights in zip(compiled, interpreted, strict=True):
        for theirs, mine in zip(expected, weights, strict=True):
            assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)


# The cache ---------------------------------------------------------------------------

IN_SPITE_OF_THE_CACHE = """
warnings.simplefilter("always", RuntimeWarning)
with warnings.catch_warnings(record=True) as caught:
    model = fit("MLPClassifier", hidden_layer_sizes=3)
    fit("MLPClassifier", hidden_layer_sizes=3, activation="tanh", solver="sgd")
print(json.dumps([
    [coef.tolist() for coef in model.coefs_],
    [[warning.category.__name__, str(warning.message)] for warning in caught],
    sknn.__file__,
]))
"""


@cache
def usual_weights():
    return run(FITS + IN_SPITE_OF_THE_CACHE)[0]


def check_in_spite_of_the_cache(root=PACKAGE.parent, at_least=0, **options):
    """Check the weights, and that a warning, if there is one, says what to do."""
    options["PYTHONPATH"] = str(root)
    weights, caught, file = run(FITS + IN_SPITE_OF_THE_CACHE, **options)
    assert Path(file).parent == root / "sknn"
    assert at_least <= len(caught) <= 1
    for category, message in caught:
        assert category == "RuntimeWarning"
        assert "NUMBA_CACHE_DIR" in message
    for mine, other in zip(weights, usual_weights(), strict=True):
        assert_allclose(mine, other, rtol=1e-12)


def copy_package(root):
    no_caches = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(PACKAGE, root / "sknn", ignore=no_caches))


def test_no_folder_for_the_cache(tmp_path):
    """Wherever Numba looks, there is a file in place of the folder."""
    copy = copy_package(tmp_path)
    (copy / "kernels" / "__pycache__").touch()
    file = tmp_path / "file"
    file.touch()
    names = ["NUMBA_CACHE_DIR", "HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "USERPROFILE"]
    check_in_spite_of_the_cache(tmp_path, at_least=1, **dict.fromkeys(names, str(file)))


def test_damaged_cache(tmp_path):
    check_in_spite_of_the_cache(NUMBA_CACHE_DIR=str(tmp_path))
    files = [path for path in tmp_path.rglob("*.nb*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        os.truncate(path, path.stat().st_size // 2)
    check_in_spite_of_the_cache(NUMBA_CACHE_DIR=str(tmp_path))


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of POSIX")
def test_read_only_installation():
    """As in a container: neither the package nor the home folder can be written."""
    python = [sys.executable]
    if os.geteuid() == 0:  # who may write anywhere: become nobody, if that works
        drop = ["--reuid=65534", "--regid=65534", "--clear-groups"]
        python = [shutil.which("setpriv") or "false", *drop, *python]
        probe = [*python, "-c", "import numba"]
        if subprocess.run(probe, capture_output=True).returncode:
            pytest.skip("root may write everywhere, and nobody may not run this Python")
    # Not in tmp_path, which other users may not enter.
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copy = copy_package(root)
        folders = [root, copy, *(path for path in copy.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        try:
            check_in_spite_of_the_cache(
                root,
                at_least=1,
                python=python,
                HOME=str(root),
                XDG_CACHE_HOME=str(root),
                NUMBA_CACHE_DIR=None,
            )
        finally:
            for path in folders:
                path.chmod(0o755)


# Files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [*FILES, *sorted(Path(__file__).parent.glob("*.py"))], ids=lambda p: p.name
)
def test_files_are_not_too_long(path):
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE


def test_everything_public_has_a_docstring():
    missing = []
    for module, tree in MODULES.items():
        assert ast.get_docstring(tree), module
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            members = [node, *(n for n in node.body if isinstance(n, ast.FunctionDef))]
            missing += [
                f"{module}.{node.name}.{member.name}"
                for member in members
                if not member.name.startswith("_") and not ast.get_docstring(member)
            ]
    assert missing == []


def test_kernels_are_a_package_of_their_own():
    assert len(KERNELS) > 5
    names = {path.stem for path in KERNELS}
    assert {"jit", "layers", "losses", "optimizers", "activations"} <= names


def test_public_names():
    assert sorted(sknn.__all__) == [
        "LossCurveDisplay",
        "MLPClassifier",
        "MLPRegressor",
        "NetworkDisplay",
        "__version__",
        "register_activation",
        "register_loss",
    ]
    assert np.all([hasattr(sknn, name) for name in sknn.__all__])
    assert (PACKAGE / "py.typed").exists()
