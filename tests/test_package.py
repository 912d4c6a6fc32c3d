"""The package as a whole: imports, compilation, the size of files."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from processes import FITS, PACKAGE, run

import sknn
from docs.import_graph import (
    BEGIN,
    END,
    PAGE,
    graph,
    imported_modules,
    imported_names,
    modules,
)
from sknn.kernels.optim.sums import IN_FLOAT64

FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 450
MOST_PARAMETERS = 12
NUMBA_MODULES = {
    "abi",
    "calls",
    "compiler",
    "dot_intrinsics",
    "entry",
    "intrinsics",
    "llvm_texts",
    "microkernel_intrinsics",
    "numba_documented",
    "numba_internals",
    "softmax_intrinsics",
    "sparse_intrinsics",
    "target",
    "vectors",
}


MODULES = modules()


def imports_of(tree):
    return set(imported_names(tree))


def own_imports_of(module):
    """Return the modules of sknn that a module imports; sknn itself does not count."""
    return imported_modules(module, MODULES) - {"sknn"}


# Imports -----------------------------------------------------------------------------


# Each package may import those before it, and no others.
PACKAGES = ["jit", "kernels", "network", "distributed", "training"]
PACKAGES += ["estimators", "ensemble", "tabular", "export", "callbacks", "explain"]
# Modules at the top that any package may import.
PRIVATE = {"_extras", "_site", "_sklearn", "_version"}
ROOMS = ["descriptions", "math", "gemm", "table", "batch"]
ROOMS += ["layers", "losses", "optim", "drivers"]


def test_the_modules_are_found():
    expected = {"sknn.network.network", "sknn.jit.kernel", "sknn.kernels.table"}
    assert expected < set(MODULES)
    found = own_imports_of("sknn.network.layers.dense")
    assert found > {"sknn.kernels.layers.dense"}


def package_of(module):
    return module.split(".")[1] if "." in module else ""


def test_packages_import_one_way():
    for module in MODULES:
        others = {package_of(name) for name in own_imports_of(module)}
        if (package := package_of(module)) in PACKAGES:
            allowed = {*PACKAGES[: PACKAGES.index(package) + 1], *PRIVATE}
            assert others <= allowed, module


def test_the_page_shows_the_graph_of_packages():
    page = PAGE.read_text("utf-8")
    shown = page.partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == graph(), "run python docs/import_graph.py --write"


def test_rooms_of_kernels_import_one_way():
    for module in MODULES:
        if package_of(module) != "kernels" or module.count(".") < 2:
            continue
        room = ROOMS.index(module.split(".")[2])
        for other in own_imports_of(module):
            if package_of(other) == "kernels":
                assert ROOMS.index(other.split(".")[2]) <= room, (module, other)


def test_no_module_imports_the_package_itself():
    for module, tree in MODULES.items():
        names = {f"sknn.{name}" for name in sknn.__all__} | {"sknn"}
        assert not names & imports_of(tree) or module == "sknn", module


def test_no_circular_imports():
    graph = {module: own_imports_of(module) for module in MODULES}
    order = list(TopologicalSorter(graph).static_order())
    assert order.index("sknn.jit.kernel") < order.index("sknn.network.network")


def test_only_the_compiler_and_intrinsics_know_numba():
    """The modules that a process with a full cache never imports."""
    for module, tree in MODULES.items():
        roots = {name.partition(".")[0] for name in imports_of(tree)}
        if package_of(module) not in ("jit", "kernels"):
            assert not roots & {"numba", "llvmlite"}, module
        if "numba" in roots and module != "sknn.jit.object_cache":
            assert module.rpartition(".")[2] in NUMBA_MODULES, module


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


def test_import_loads_no_optional_package():
    script = """
import json, sys
import sklearn.neural_network  # loads pandas and rich itself, if it can
optional = {"matplotlib", "pandas", "polars", "rich", "onnx", "torch", "keras"}
optional |= {"optuna", "mlflow"}
before = optional & set(sys.modules)
import sknn
[getattr(sknn, name) for name in sknn.__all__]
assert "sknn.training.stochastic" in sys.modules
print(json.dumps(sorted(optional & set(sys.modules) - before)))
"""
    assert run(script) == []


def test_public_names_are_imported_when_first_used():
    script = """
import json, sys
import sknn
early = [name for name in sys.modules if name.startswith(("sknn.", "sklearn"))]
sknn.MLPClassifier
print(json.dumps([early, "sknn.ensemble" in sys.modules]))
"""
    assert run(script) == [["sknn._version"], False]


@pytest.mark.parametrize("names", [("io", "MLPClassifier"), ("tabular", "custom")])
def test_threads_may_use_public_names_first(names):
    """Modules of scikit-learn import each other in circles."""
    script = """
import json, sys, threading
import sknn
errors, barrier = [], threading.Barrier(2)
def use(name):
    barrier.wait()
    try:
        getattr(sknn, name)
    except Exception as error:
        errors.append(repr(error))
threads = [threading.Thread(target=use, args=(name,)) for name in sys.argv[1:]]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(errors))
"""
    assert run(script, *names) == []


def test_public_names_are_where_type_checkers_look_for_them():
    branch = next(node for node in MODULES["sknn"].body if isinstance(node, ast.If))
    shown = {alias.name: node.module for node in branch.body for alias in node.names}
    modules = sknn._MODULES_OF_NAMES.items()
    assert shown == {name: f"sknn.{module}" for name, module in modules}
    assert {*shown, "__version__"} == {*sknn.__all__}
    for name in sknn.__all__:
        assert getattr(sknn, name) is vars(sknn)[name]


# Compilation -------------------------------------------------------------------------

VERSIONS = """
for estimator in ("MLPClassifier", "MLPRegressor"):
    for dtype in ("float32", "float64"):
        for variant in VARIANTS:
            fit(estimator, dtype, **variant)
        fit(estimator, dtype, change=scipy.sparse.csr_array)
        fit(estimator, dtype, change=scipy.sparse.csc_matrix)
fit("MLPRegressor", "float32", loss="poisson")

from sknn.jit.kernel import COMPILED
print(json.dumps({
    kernel.name: [dtype.name for dtype in kernel.specializations] for kernel in COMPILED
}))
"""


def test_two_versions_of_each_kernel():
    versions = run(FITS + VERSIONS)
    assert len(versions) > 20
    for name in {each.name for each in IN_FLOAT64} & versions.keys():
        assert set(versions.pop(name)) <= {"float64"}, name
    for name, dtypes in versions.items():
        assert sorted(dtypes) in ([], ["float32"], ["float32", "float64"]), name
    assert len(versions["epochs"]) == 2


RECOMPILATION = """
from sknn.jit.specializations import COMPILED_HERE

estimator, dtype = sys.argv[1:]
counts = []
for variant in [{}, *VARIANTS, *VARIANTS]:
    fit(estimator, dtype, **variant)
    counts.append(len(COMPILED_HERE))
print(json.dumps([counts, len(set(COMPILED_HERE)), "numba" in sys.modules]))
"""


@pytest.mark.parametrize(
    ("estimator", "dtype"), [("MLPClassifier", "float64"), ("MLPRegressor", "float32")]
)
@pytest.mark.default_cases(1)
def test_nothing_is_compiled_twice(estimator, dtype, tmp_path):
    arguments = (FITS + RECOMPILATION, estimator, dtype)
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    counts, n_names, _ = run(*arguments, **environment)
    assert counts[0] > 0
    assert n_names == counts[-1], "a version was compiled twice"
    n_fits = len(counts) // 2
    assert counts[n_fits:] == counts[n_fits : n_fits + 1] * (n_fits + 1)
    again, *_ = run(*arguments, **environment)
    assert again == [0] * len(counts), "the cache was not used"


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


# Files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [*FILES, *sorted(Path(__file__).parent.rglob("*.py"))], ids=lambda p: p.name
)
def test_files_are_not_too_long(path):
    """But for the docstrings of the estimators, which list all parameters."""
    source = path.read_text("utf-8")
    docstrings = [
        ast.get_docstring(node) or ""
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name in sknn.__all__
    ]
    n_documenting = sum(len(text.splitlines()) for text in docstrings)
    assert len(source.splitlines()) - n_documenting <= LONGEST_FILE


def parameters_of(function):
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [argument.arg for argument in named if argument.arg not in ("self", "cls")]


ESTIMATORS = (
    *(sknn.MLPClassifier, sknn.MLPRegressor),
    *(sknn.tabular.TabularMLPClassifier, sknn.tabular.TabularMLPRegressor),
)


def test_only_constructors_of_estimators_have_many_parameters():
    many = {
        f"{module}.{function.name}"
        for module, tree in MODULES.items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and len(parameters_of(function)) > MOST_PARAMETERS
    }
    assert many == {
        f"{estimator.__init__.__module__}.__init__" for estimator in ESTIMATORS
    }


def is_overload(node):
    """Return whether a function only declares types."""
    return "overload" in map(ast.unparse, node.decorator_list)


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
                if not member.name.startswith("_")
                and not ast.get_docstring(member)
                and not is_overload(member)
            ]
    assert missing == []


def test_public_names():
    assert sorted(sknn.__all__) == [
        "EnsembleMLPClassifier",
        "EnsembleMLPRegressor",
        "HiddenLayerTransformer",
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


PUBLIC = {
    "sknn": [
        *sknn.__all__,
        "callbacks",
        "convert",
        "custom",
        "dask",
        "data",
        "displays",
        "explain",
        "io",
        "onnx",
        "precompile",
        "tabular",
    ],
    "sknn.callbacks": [
        *("EpochCallback", "MLflowCallback", "ModelCheckpoint"),
        *("OptunaPruningCallback", "progress_bar"),
    ],
    "sknn.convert": [
        *("from_keras", "from_sklearn", "from_torch"),
        *("to_keras", "to_sklearn", "to_torch"),
    ],
    "sknn.custom": ["register_activation", "register_loss"],
    "sknn.dask": ["DaskMLPClassifier", "DaskMLPRegressor", "WorkerError"],
    "sknn.data": ["BatchSource"],
    "sknn.displays": ["LossCurveDisplay", "NetworkDisplay"],
    "sknn.explain": [
        *("AttributionDisplay", "Attributions"),
        *("expected_gradients", "integrated_gradients"),
    ],
    "sknn.io": ["TRUSTED_TYPES"],
    "sknn.onnx": ["register_skl2onnx", "to_inputs", "to_onnx"],
    "sknn.precompile": ["main", "precompile"],
    "sknn.tabular": ["TableEncoder", "TabularMLPClassifier", "TabularMLPRegressor"],
}


@pytest.mark.parametrize("module", PUBLIC)
@pytest.mark.default_cases(2)
def test_completion_offers_what_is_public_and_no_more(module):
    script = f"import json, sknn; m = {module}; names = dir(m); "
    script += "print(json.dumps([names, [hasattr(m, name) for name in names]]))"
    names, exist = run(script)
    assert names == sorted(PUBLIC[module])
    assert all(exist)


def test_a_misspelt_name_is_refused():
    with pytest.raises(AttributeError, match=r"module 'sknn' has no .* 'MLPClasifier'"):
        sknn.MLPClasifier  # noqa: B018
    assert not hasattr(sknn, "mlp")
