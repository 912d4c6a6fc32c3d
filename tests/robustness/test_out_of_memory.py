"""Memory that is not there: the number of bytes, and the model as it was."""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import processes
import pytest
import scipy.sparse

import sknn
from sknn import MLPClassifier, MLPRegressor
from sknn.jit import room
from sknn.jit.declarations import BOUNDS_CHECKED, INTERPRETED

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = np.digitize(NUMBERS, [-1, 1])


def snapshot(model):
    return dict(vars(model)), repr(vars(model))


def assert_unchanged(model, before):
    attributes, text = before
    assert vars(model).keys() == attributes.keys()
    assert all(vars(model)[name] is value for name, value in attributes.items())
    assert repr(vars(model)) == text


ABSURD = {
    "widths": {"hidden_layer_sizes": (2**40, 2**40)},
    "widths beyond 64 bits": {"hidden_layer_sizes": (2**70, 3)},
    "one width beyond 64 bits": {"hidden_layer_sizes": 2**70},
    "a width": {"hidden_layer_sizes": 10**12},
    "many layers": {"hidden_layer_sizes": 10**6, "n_hidden_layers": 50},
}


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("case", ABSURD)
@pytest.mark.parametrize("fitted", [False, True])
def test_absurd_sizes(case, solver, estimator, fitted):
    """Refused before anything is allocated, with the number of bytes."""
    model, y = estimator(max_iter=2, random_state=0), LABELS
    if fitted:
        model.fit(X, y)
    model.set_params(solver=solver, **ABSURD[case])
    before = snapshot(model)
    with pytest.raises(
        MemoryError,
        match=r"^Training needs \d+ bytes of memory, but there are \d+: .* Make "
        r"hidden_layer_sizes, batch_size or the number of features \(4\) smaller\.$",
    ):
        model.fit(X, y)
    assert_unchanged(model, before)


def test_too_many_layers():
    model = MLPRegressor(hidden_layer_sizes=1, n_hidden_layers=10**12)
    with pytest.raises(ValueError, match=r"n_hidden_layers=10+ is more than the"):
        model.fit(X, NUMBERS)


def test_too_many_columns_of_text():
    empty = scipy.sparse.csr_array((12, 2**31 - 1), dtype=np.float32)
    model = MLPRegressor(hidden_layer_sizes=(10**4,))
    with pytest.raises(MemoryError, match=r"number of features \(2147483647\) smaller"):
        model.fit(empty, NUMBERS[:12])
    wide = scipy.sparse.csr_array((12, 2**31), dtype=np.float32)
    with pytest.raises(ValueError, match=r"at most 2147483647\. Hash them into fewer"):
        sknn.network.data.Inputs.of(wide, np.dtype(np.float32))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit for memory")
@pytest.mark.slow
def test_memory_runs_out():
    """With a real limit: numpy's message has the size, and the model is as before."""
    script = """
        import json, resource, warnings
        import numpy as np
        import sknn
        warnings.simplefilter("ignore")
        X, y = np.random.RandomState(0).normal(size=(300, 20)), np.arange(300.0)
        options = {"random_state": 0, "max_iter": 2, "batch_size": 300}
        model = sknn.MLPRegressor("squared_error", (8,), **options).fit(X, y)
        for solver in ("lbfgs", "sgd"):
            sknn.MLPRegressor("squared_error", (8,), solver=solver).fit(X, y)
        expected = model.predict(X).tolist()
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (used + 3 * 10**8, hard))
        found = []
        for solver in ("adam", "lbfgs", "sgd"):
            for widths in ((4000, 4000), (20_000,) * 2, (10**6,)):
                before = dict(vars(model))
                model.hidden_layer_sizes, model.solver = widths, solver
                try:
                    model.fit(X, y)
                    found.append("it was enough")
                except MemoryError as error:
                    found.append(str(error))
                model.hidden_layer_sizes, model.solver = (8,), "adam"
                assert vars(model).keys() == before.keys()
                kept = [name for name in before if name.endswith("_")]
                assert all(vars(model)[name] is before[name] for name in kept)
                assert model.predict(X).tolist() == expected
        try:
            model.predict(np.broadcast_to(X[:1], (10**8, 20)))
        except MemoryError as error:
            found.append(str(error))
        model.set_params(max_iter=3).fit(X, y)
        assert model.n_iter_ == 3
        print(json.dumps(found))
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert len(found) == 10
    for message in found:
        assert "Unable to allocate" in message or "bytes of memory" in message, message


# Kernels are loaded before a fit allocates -------------------------------------------

FITS = {
    "adam": "MLPClassifier(**short).fit(X, labels)",
    "held-out rows": "MLPClassifier(early_stopping=True, **short).fit(X, labels)",
    "metrics": "MLPRegressor(metrics=['r2'], **short).fit(X, numbers)",
    "a validation set": (
        "MLPRegressor(solver='rmsprop', **short)"
        ".fit(X, numbers, X_val=X[:50], y_val=numbers[:50])"
    ),
    "many short epochs": "MLPClassifier(tol=None, max_iter=64).fit(X, labels)",
    "L-BFGS": (
        "MLPRegressor(solver='lbfgs', **short).fit(X.astype('float32'), numbers)"
    ),
    "CSR": "MLPRegressor(solver='sgd', **short).fit(csr_array(X), numbers)",
    "many layers": (
        "MLPClassifier((8, 8), normalization='batch', dropout=0.1, solver='adamw',"
        " alpha=0.1, l1_ratio=0.5, max_norm=2.0, global_clipnorm=1.0,"
        " numeric_embedding='piecewise_linear', standardize=True, **short)"
        ".fit(X, labels)"
    ),
    "partial_fit": "MLPRegressor().partial_fit(X, numbers)",
    "batches from a source": (
        "MLPRegressor(**short).fit(BatchSource([(X, numbers), (X, numbers)]))"
    ),
    "an ensemble": (
        "EnsembleMLPClassifier(MLPClassifier(**short), n_members=2).fit(X, labels)"
    ),
}


@pytest.mark.skipif(INTERPRETED, reason="there are no kernels to load")
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.default_cases(4)
def test_kernels_are_loaded_before_a_fit_allocates(fit):
    """What LLVM is asked for, in a new process, comes before the optimizer's state."""
    script = f"""
        import json, warnings
        import numpy as np
        from scipy.sparse import csr_array
        from sknn import *
        from sknn.data import BatchSource
        from sknn.jit import specializations
        from sknn.training.progress import TrainingState

        warnings.simplefilter("ignore")
        short = {{"max_iter": 2}}
        X = np.random.RandomState(0).normal(size=(600, 6))
        numbers, labels = X[:, 0], X[:, 0] > 0
        asked, make, request = [], specializations.make, specializations.request
        start = TrainingState.start

        def ask(name):
            function = getattr(specializations, name)

            def asked_for(kernel, dtype):
                if dtype not in kernel.specializations:
                    asked.append(kernel.name)
                return function(kernel, dtype)

            setattr(specializations, name, asked_for)

        def start_and_note(*arguments):
            asked.append("allocates")
            return start(*arguments)

        ask("make")
        ask("request")
        TrainingState.start = start_and_note
        {FITS[fit]}
        print(json.dumps(asked))
    """
    asked = processes.run(textwrap.dedent(script))
    before, after = asked[: asked.index("allocates")], asked[asked.index("allocates") :]
    assert before
    assert set(after) == {"allocates"}


# Memory that LLVM does not get -------------------------------------------------------

# LLVM would end the process. What is loaded before, and whether the cache has what the
# fit needs, decides how much of LLVM runs.
LIMITED = (Path(__file__).parents[1] / "limited_memory.py").read_text("utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit for memory")
@pytest.mark.skipif(INTERPRETED or BOUNDS_CHECKED, reason="there is no cache")
@pytest.mark.parametrize(
    ("loaded", "n_megabytes", "purpose"),
    [
        ("nothing", 100, "load LLVM"),
        ("LLVM", 0.2, "load compiled code"),
        ("LLVM", 0.5, "load compiled code"),
    ],
)
@pytest.mark.default_cases(1)
def test_too_little_memory_to_load_kernels(loaded, n_megabytes, purpose):
    processes.run(LIMITED, "LLVM", 10**4)  # fills the cache
    found = processes.run(LIMITED, loaded, n_megabytes)
    assert re.match(
        rf"Less than \d+ MB of memory are left, too little to {purpose}\.", found
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit for memory")
@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("loaded", "n_megabytes"),
    [
        *(("LLVM", n) for n in (1, 20, 80, 120, 160, 190)),
        *(("compiler", n) for n in (1, 40, 80, 160)),
        *(("a kernel", n) for n in (1, 5, 20, 30)),
    ],
)
def test_too_little_memory_to_compile_kernels(loaded, n_megabytes, tmp_path):
    """A MemoryError, and the fit compiles when there is enough."""
    found = processes.run(
        LIMITED, loaded, n_megabytes, NUMBA_CACHE_DIR=str(tmp_path / "cache")
    )
    assert "MB of memory are left, too little to compile a kernel" in found


def test_what_the_machine_and_the_container_have_left(monkeypatch, tmp_path):
    info = tmp_path / "meminfo"
    info.write_text("MemTotal: 900 kB\nMemAvailable: 300 kB\nSwapFree: 20 kB\n")
    numbers = room._numbers
    monkeypatch.setattr(
        room,
        "_numbers",
        lambda file: numbers(str(info) if file == "/proc/meminfo" else file),
    )
    assert room._left_in_machine() == 1024 * 320
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("5000\n")
    (tmp_path / "memory.stat").write_text("anon 4000\ninactive_file 700\n")
    places = [(str(tmp_path), "memory.max", "memory.current", "inactive_file")]
    monkeypatch.setattr(room, "_CONTAINERS", places)
    assert room._left_in_container() == np.inf
    (tmp_path / "memory.max").write_text("8000\n")
    assert room._left_in_container() == 8000 - 5000 + 700 + 1024 * 20
    assert room._is_available(20_000)
    with pytest.raises(MemoryError, match=r"Less than 1 MB of memory .* to test"):
        room.check_room(1, "test", n_resident=1)
    info.write_text("nonsense")
    monkeypatch.setattr(room, "_CONTAINERS", [])
    assert room._is_available(2**60)
