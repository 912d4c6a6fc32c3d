"""The kinds of attacks that ``tests/attack.py`` makes, each drawn by a generator.

An attack raises an exception if it finds a fault.
"""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import busy
import numpy as np
import processes
import tampering
from numpy.testing import assert_allclose
from signals import SignalAt
from sklearn import neural_network

import sknn

RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = np.digitize(NUMBERS, [-1, 1])
FILES = tuple(map(str, processes.PACKAGE.rglob("*.py")))


class Kind(NamedTuple):
    """A kind of attack.

    ``variables`` are those of the environment that its process gets.
    """

    attack: Callable[[Any], None]
    variables: dict[str, str]


KINDS: dict[str, Kind] = {}


def kind(name, **variables):
    def register(function):
        KINDS[name] = Kind(function, variables)
        return function

    return register


def quietly(function, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)


# Beside scikit-learn -----------------------------------------------------------------


@kind("calls beside scikit-learn")
def calls_beside_sklearn(rng):
    """A random configuration and sequence of calls has scikit-learn's results."""
    name = rng.choice(["MLPClassifier", "MLPRegressor"])
    solver = rng.choice(["adam", "sgd", "lbfgs"])
    parameters = {
        "hidden_layer_sizes": tuple(rng.choices([1, 2, 5, 17], k=rng.randint(0, 3))),
        "activation": rng.choice(["relu", "tanh", "logistic", "identity"]),
        "solver": solver,
        "alpha": rng.choice([0.0, 1e-4, 0.1, 3.0]),
        "batch_size": rng.choice(["auto", 1, 7, 30, 60]),
        "learning_rate_init": rng.choice([1e-4, 1e-3, 1e-2]),
        "max_iter": rng.randint(1, 6),
        "shuffle": rng.random() < 0.7,
        "random_state": rng.randrange(1000),
        "warm_start": rng.random() < 0.3,
        "tol": rng.choice([1e-4, 0.0, 1.0]),
    }
    if solver == "sgd":
        parameters["learning_rate"] = rng.choice(["constant", "invscaling", "adaptive"])
        parameters["momentum"] = rng.choice([0.0, 0.5, 0.9])
        parameters["nesterovs_momentum"] = rng.random() < 0.5
    # With several classes, and in warm starts, other rows are held out on purpose.
    if solver != "lbfgs" and name == "MLPRegressor" and not parameters["warm_start"]:
        parameters["early_stopping"] = rng.random() < 0.2
    y = LABELS if name == "MLPClassifier" else NUMBERS
    mine = getattr(sknn, name)(**parameters)
    theirs = getattr(neural_network, name)(**parameters)
    methods = ["fit", "predict", "pickle"]
    if solver != "lbfgs" and not parameters.get("early_stopping"):
        methods.append("partial_fit")
    for method in ["fit", *rng.choices(methods, k=rng.randint(0, 4))]:
        if method == "predict":
            assert_allclose(mine.predict(X), theirs.predict(X), rtol=1e-5, atol=1e-8)
        elif method == "pickle":
            mine = pickle.loads(pickle.dumps(mine))
        else:
            quietly(getattr(mine, method), X, y)
            quietly(getattr(theirs, method), X, y)
            for own, other in zip(mine.coefs_, theirs.coefs_, strict=True):
                assert_allclose(own, other, rtol=1e-5, atol=1e-7, err_msg=parameters)


# Signals -----------------------------------------------------------------------------


@kind("interrupts")
def interrupts(rng):
    """A signal at any instruction leaves a model as it was, or one that is usable."""
    name, solver = (
        rng.choice(["MLPClassifier", "MLPRegressor"]),
        rng.choice(["adam", "sgd", "lbfgs"]),
    )
    y = LABELS if name == "MLPClassifier" else NUMBERS
    model = getattr(sknn, name)(
        hidden_layer_sizes=(3,), solver=solver, max_iter=3, random_state=0
    )
    fitted = rng.random() < 0.7
    if fitted:
        quietly(model.fit, X, y)
    before = pickle.dumps(model)
    method = rng.choice(["fit", "predict", "score"] if fitted else ["fit"])
    arguments = (X,) if method == "predict" else (X, y)
    at = int(10 ** rng.uniform(0, 4.5))
    was_interrupted = False
    try:
        with SignalAt(at, FILES, signal.SIGINT):
            quietly(getattr(model, method), *arguments)
    except KeyboardInterrupt:
        was_interrupted = True
    if hasattr(model, "coefs_"):
        assert np.isfinite(model.coefs_[0]).all()
        model.predict(X)
    else:
        assert was_interrupted
        assert pickle.dumps(model) == before
    other = getattr(sknn, name)(**model.get_params())
    for one in (model, other):
        quietly(one.fit, X, y)
    for own, expected in zip(model.coefs_, other.coefs_, strict=True):
        assert (own == expected).all()
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        return
    raise AssertionError("Ctrl-C does nothing any more")


# State -------------------------------------------------------------------------------


@kind("tampered state", NUMBA_BOUNDSCHECK="1")
def tampered_state(rng):
    """What was tampered with works, or is refused with the name of the attribute."""
    faults, _ = quietly(tampering.attack, rng.randrange(2**31))
    assert not faults, faults


# Processes ---------------------------------------------------------------------------


@kind("forks")
def forks(rng):
    """Forks, also beside threads, have the results of one process."""
    scene = rng.choice(["forks", "fork_beside_threads", "fork_pool", "many_threads"])
    expected = quietly(_jobs)
    found = busy.run(scene)
    _check_jobs(found, expected)


_found_jobs: dict[str, str] = {}


def _jobs():
    if not _found_jobs:
        _found_jobs.update(busy.jobs())
    return _found_jobs


def _check_jobs(found, expected):
    """Check each pair of a name and a digest, in whatever they lie."""
    if isinstance(found, dict):
        for name, value in found.items():
            if name in expected:
                assert value == expected[name], name
            else:
                _check_jobs(value, expected)
    elif isinstance(found, list):
        if len(found) == 2 and isinstance(found[0], str) and found[0] in expected:
            assert found[1] == expected[found[0]], found[0]
            return
        for each in found:
            _check_jobs(each, expected)


@kind("threads")
def threads(rng):
    """Fits in threads beside each other have the bits that they have alone."""
    expected = quietly(_jobs)
    names = rng.choices(list(busy.JOBS), k=rng.randint(2, 8))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = busy.at_once(len(names), busy.job, names)
    assert found == [expected[name] for name in names], names


# The cache ---------------------------------------------------------------------------

FIT = (
    processes.FITS
    + processes.FIT
    + 'report(fit("MLPRegressor", hidden_layer_sizes=3, activation=sys.argv[1]))'
)


def _full_cache(folder, activation):
    """Fill a cache; return what the fit reports."""
    return processes.run(FIT, activation, NUMBA_CACHE_DIR=str(folder))


def _damage(rng, path):
    what = rng.randrange(8)
    content = bytearray(path.read_bytes())
    if what == 0:
        os.truncate(path, rng.randrange(len(content)))
    elif what == 1:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
    elif what == 2:
        path.write_bytes(rng.randbytes(rng.randrange(10**5)))
    elif what == 3:
        shutil.copy(rng.choice([*path.parent.iterdir()]), path.with_suffix(".new"))
        os.replace(path.with_suffix(".new"), path)
    elif what == 4:
        os.truncate(path, 2 ** rng.randrange(40))
    else:
        path.unlink()
        if what == 5:
            os.mkfifo(path)
        elif what == 6:
            path.symlink_to(rng.choice(["/dev/zero", path, "nothing", "/etc/passwd"]))


_caches: dict[str, tuple[Path, Any]] = {}


@kind("damage of the cache")
def damage_of_the_cache(rng):
    """Whatever happens to its files, a fit has the weights that it had."""
    activation = rng.choice(["relu", "gelu"])
    if activation not in _caches:
        folder = Path(tempfile.mkdtemp())
        _caches[activation] = folder, _full_cache(folder, activation)
    full, expected = _caches[activation]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(full, Path(folder, "copy")))
        files = processes.files_of(copy)
        for path in rng.sample(files, rng.randint(1, 4)):
            _damage(rng, path)
        report = _full_cache(copy, activation)
    for own, other in zip(report["weights"], expected["weights"], strict=True):
        assert_allclose(own, other, rtol=1e-12)
    assert not report["warnings"], report["warnings"]


@kind("killed processes")
def killed_processes(rng):
    """A process that is killed at any time leaves a cache that the next one can use."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        environment["PYTHONPATH"] = str(processes.PACKAGE.parent)
        for _ in range(rng.randint(1, 3)):
            process = subprocess.Popen(
                [sys.executable, "-c", FIT, "relu"],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(rng.uniform(0.5, 12))
            process.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM]))
            process.wait()
        report = _full_cache(folder, "relu")
        assert not report["warnings"], report["warnings"]
        assert not _full_cache(folder, "relu")["compiled"]


# Memory ------------------------------------------------------------------------------


@kind("limits of memory")
def limits_of_memory(rng):
    """A fit raises MemoryError where there is too little, and works where not."""
    loaded = rng.choice(["nothing", "LLVM", "compiler", "a kernel"])
    n_megabytes = round(10 ** rng.uniform(-1.5, 2.6), 2)
    with tempfile.TemporaryDirectory() as folder:
        places = {"NUMBA_CACHE_DIR": folder if rng.random() < 0.5 else None}
        script = Path(__file__).with_name("limited_memory.py").read_text("utf-8")
        found = processes.run(script, loaded, n_megabytes, **places)
    assert json.dumps(found)


@kind("lives")
def lives(rng):
    """Short and long lives of estimators end as those of others with the same seeds."""
    seed, results = rng.randrange(10**6), []
    for _ in range(2):
        draw = np.random.RandomState(seed)
        model = sknn.MLPClassifier((3,), max_iter=2, random_state=seed)
        for _ in range(draw.randint(1, 12)):
            rows = draw.permutation(60)[: draw.randint(20, 60)]
            rows = np.r_[rows, [np.flatnonzero(k == LABELS)[0] for k in range(3)]]
            call = draw.choice(["fit", "partial_fit", "resume_fit"])
            if call == "resume_fit":
                if not hasattr(model, "coefs_"):
                    continue
                model.set_params(max_iter=int(draw.randint(1, 5)))
            first = call == "partial_fit" and not hasattr(model, "coefs_")
            options = {"classes": np.arange(3)} if first else {}
            try:
                quietly(partial(getattr(model, call), X[rows], LABELS[rows], **options))
            except ValueError:  # other data than those of the fit
                assert call == "resume_fit"
        results.append([coef.tobytes() for coef in getattr(model, "coefs_", [])])
    assert results[0] == results[1]
