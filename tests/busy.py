"""What the tests of threads, processes and determinism run, here and elsewhere.

``python tests/busy.py NAME`` runs one of the functions marked by ``@scene`` in a new
process and prints what it returns as JSON.
"""

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

import sknn

SCENES = {}
LONGEST = 240  # seconds after which a process hangs


def scene(function):
    SCENES[function.__name__] = function
    return function


def run(name, *arguments, **environment):
    """Run a scene in a new process, with a limit of time."""
    env = {**os.environ, "PYTHONPATH": str(Path(sknn.__file__).parents[1])}
    env |= environment
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", __file__, name, *arguments],
        capture_output=True,
        text=True,
        env={key: value for key, value in env.items() if value is not None},
        timeout=LONGEST,
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


# Jobs ------------------------------------------------------------------------------

rng = np.random.RandomState(0)
X = rng.normal(size=(300, 8))
NUMBERS = X @ rng.normal(size=8) + 0.1 * rng.normal(size=300)
CODES = np.digitize(NUMBERS, [-1, 1])
X_WIDE = rng.normal(size=(256, 64)).astype(np.float32)
NUMBERS_WIDE = X_WIDE[:, :4].sum(axis=1)

# Each has its own kernels; the wide ones are large enough for several threads.
JOBS = {
    "relu": {"hidden_layer_sizes": (20,)},
    "tanh": {"activation": "tanh", "solver": "sgd", "batch_size": 32},
    "lbfgs": {"solver": "lbfgs", "activation": "logistic", "max_iter": 10},
    "deep": {"hidden_layer_sizes": (30, 20, 10), "dropout": 0.2, "batch_size": 50},
    "batch norm": {"normalization": "batch", "early_stopping": True},
    "layer norm": {"normalization": "layer", "activation": "gelu", "solver": "lion"},
    "medium": {"hidden_layer_sizes": (256, 256), "batch_size": 128, "max_iter": 2},
    "wide": {"hidden_layer_sizes": (1024,), "batch_size": 256, "max_iter": 2},
    "wide, two": {"hidden_layer_sizes": (512, 512), "batch_size": 256, "max_iter": 2},
    # Sums and matrices that BLAS and LAPACK would divide among their threads.
    "wide, lbfgs": {"hidden_layer_sizes": (200,), "solver": "lbfgs", "max_iter": 5},
    "orthogonal": {
        "hidden_layer_sizes": (200, 200),
        "kernel_initializer": "orthogonal",
        "max_iter": 1,
    },
}
WIDE = ("medium", "wide", "wide, two", "wide, lbfgs", "orthogonal")


def data_of(name):
    if name in WIDE:
        return X_WIDE, NUMBERS_WIDE
    return X, CODES if "norm" in name else NUMBERS


def estimator_of(name):
    estimator = sknn.MLPClassifier if "norm" in name else sknn.MLPRegressor
    return estimator(**{"max_iter": 6, "random_state": 0} | JOBS[name])


def digest(*arrays):
    return hashlib.sha256(b"".join(np.asarray(a).tobytes() for a in arrays)).hexdigest()


def exact(value):
    """Return an attribute in a form that is equal only where all bits are."""
    if isinstance(value, dict):
        return {key: exact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [exact(each) for each in value]
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    return repr(value)


def bits_of(model, X):
    """Return a digest of the weights, the loss, and the predictions for X."""
    parts = [*model.coefs_, *model.intercepts_, model.loss_]
    return digest(*parts, *model.history_.get("loss", ()), model.predict(X))


def job(name):
    """Fit and predict; return the digest."""
    X, y = data_of(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return bits_of(estimator_of(name).fit(X, y), X)


def jobs(names=JOBS):
    return {name: job(name) for name in names}


@scene
def everything(dtype, n_jobs):
    """Return the digests for all kinds of estimators, from workers of joblib."""
    from all_kinds import ALL_KINDS, all_bits_of

    tasks = [delayed(all_bits_of)(name, dtype) for name in ALL_KINDS]
    found = Parallel(n_jobs=int(n_jobs))(tasks)
    return dict(zip(ALL_KINDS, found, strict=True))


def at_once(n_threads, function, *columns):
    """Call a function in threads that begin together; return what they return."""
    barrier = threading.Barrier(n_threads)

    def call(*arguments):
        barrier.wait(LONGEST)
        return function(*arguments)

    with ThreadPoolExecutor(n_threads) as pool:
        futures = [
            pool.submit(call, *arguments) for arguments in zip(*columns, strict=True)
        ]
        return [future.result(LONGEST) for future in futures]


@contextmanager
def noise(kinds=("fits", "BLAS")):
    """Keep threads busy beside the block."""
    stop = threading.Event()

    def fits():
        while not stop.is_set():
            job("medium")

    def products():
        a = np.ones((400, 400))
        while not stop.is_set():
            a @ a

    threads = [
        threading.Thread(target={"fits": fits, "BLAS": products}[kind], daemon=True)
        for kind in kinds
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(LONGEST / 8)
            assert not thread.is_alive()


# Scenes: each in a process of its own ----------------------------------------------


@scene
def serial():
    return jobs()


@scene
def hashes():
    """What depends on the order of a set or a dict of text would differ by its seed."""
    return [hash("a seed for each process"), jobs()]


@scene
def cold_threads():
    """Eight threads that all need the compiler first, of the same and other kernels."""
    names = ["relu", "tanh", "lbfgs", "relu"] * 2
    return list(zip(names, at_once(8, job, names), strict=True))


@scene
def many_threads():
    names = [*JOBS, *JOBS]
    return list(zip(names, at_once(len(names), job, names), strict=True))


def _forked(function, *arguments):
    """Return what a function returns in a forked child, by way of a pipe."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(function(*arguments)).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    began = time.monotonic()
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() - began > LONGEST / 4:
            os.kill(child, 9)
            raise TimeoutError("The child hangs.")
        time.sleep(0.01)
    with os.fdopen(reading) as pipe:
        return json.loads(pipe.read())


@scene
def forks():
    """Before the first fit, after it, from a child, and once more in the parent."""
    grandchild = partial(_forked, jobs, WIDE)
    return [_forked(jobs, WIDE), jobs(), _forked(jobs), _forked(grandchild), jobs(WIDE)]


@scene
def fork_beside_threads():
    """Fork while another thread trains."""
    names = ["relu", *WIDE]
    jobs(names)
    # Not beside NumPy's products: a fork in the midst of one can hang NumPy itself.
    with noise(["fits"]):
        return [_forked(jobs, names) for _ in range(3)]


class ForkAfterAnEpoch:
    """Forks in the midst of a fit, of the estimator that is being trained."""

    def __init__(self, model):
        self.model, self.found = model, None

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if self.found is None:
            thread = threading.Thread(target=self.fork)
            thread.start()
            thread.join()

    def teardown(self, estimator, context):
        pass

    def fork(self):
        X, y = data_of("relu")

        def refit():
            model = self.model.set_callbacks()
            return bits_of(model.fit(X, y), X)

        self.found = _forked(refit)


@scene
def fork_within_a_fit():
    """The child, in another thread than the fit, trains the same estimator."""
    X, y = data_of("relu")
    model = estimator_of("relu")
    callback = ForkAfterAnEpoch(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_callbacks(callback).fit(X, y)
    return [callback.found, bits_of(model, X)]


def _started(method):
    context = multiprocessing.get_context(method)
    names = list(JOBS)
    before = jobs(WIDE)
    with context.Pool(2) as pool:
        found = pool.map(job, names, chunksize=1)
        in_threads = pool.map(job_in_threads, names[:3], chunksize=1)
    return [before, dict(zip(names, found, strict=True)), *in_threads, jobs(WIDE)]


def job_in_threads(name):
    first, second = at_once(2, job, [name] * 2)
    assert first == second
    return {name: first}


@scene
def fork_pool():
    return _started("fork")


@scene
def spawn_pool():
    return _started("spawn")


@scene
def forkserver_pool():
    return _started("forkserver")


@scene
def searches(backend):
    """Search alone and with workers; return all that was found but the times."""
    warnings.simplefilter("error", UserWarning)  # joblib's, where it has no workers
    warnings.simplefilter("ignore", ConvergenceWarning)
    model = sknn.MLPClassifier(max_iter=5, early_stopping=True, random_state=0)
    grid = {"alpha": [1e-4, 1.0], "hidden_layer_sizes": [(5,), (256,)]}

    def search(n_jobs):
        cv = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs, error_score="raise")
        results = cv.fit(X, CODES).cv_results_.items()
        found = {k: np.asarray(v).tolist() for k, v in results if "time" not in k}
        return found | {"bits": bits_of(cv.best_estimator_, X)}

    alone = search(1)
    with parallel_config(backend):
        return alone, search(2)


# Threads of joblib's workers -------------------------------------------------------


def most_threads(function):
    """Return how many threads the process has at most while a function runs.

    Python's own are counted while it runs. Others are counted when it has ended, and
    stay, as pools do: the system lists a thread of Python's a little longer than it
    lives, so that of two that follow each other it sometimes lists both.
    """
    most, stop = [0], threading.Event()

    def watch():
        while not stop.is_set():
            most[0] = max(most[0], threading.active_count())
            time.sleep(0.0005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        function()
    finally:
        stop.set()
        watcher.join(LONGEST)
    return most[0] + threads_of_others()


def threads_of_others():
    """Return how many threads the process has that Python knows nothing of."""
    import psutil

    found = []
    for _ in range(20):  # until those that have ended are gone
        found.append(psutil.Process().num_threads() - threading.active_count())
        time.sleep(0.01)
    return min(found)


def extra_threads(run_jobs):
    """Return how many threads wide networks add to those of narrow ones, at most."""
    run_jobs(WIDE)  # starts what stays, such as a pool of BLAS
    # So many that the watcher's turn comes while all of joblib's threads are there.
    narrow = most_threads(lambda: run_jobs(["relu"] * 300))
    return most_threads(lambda: run_jobs(WIDE * 3)) - narrow


def extra_threads_of_a_worker():
    return extra_threads(jobs_in_turn), os.environ.get("OMP_NUM_THREADS")


def jobs_in_turn(names):
    for name in names:
        job(name)


@scene
def threads_in_loky(n_jobs, inner):
    with parallel_config("loky", inner_max_num_threads=int(inner) or None):
        return Parallel(n_jobs=int(n_jobs))(
            delayed(extra_threads_of_a_worker)() for _ in range(2)
        )


@scene
def threads_in_threads(n_jobs):
    def run_jobs(names):
        with parallel_config("threading"):
            Parallel(n_jobs=int(n_jobs))(delayed(job)(name) for name in names)

    return extra_threads(run_jobs)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    print(json.dumps(SCENES[sys.argv[1]](*sys.argv[2:])))
