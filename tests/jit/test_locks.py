"""Locks that are held while the process forks, and what is made again after errors."""

import os
import threading
import traceback

import numpy as np
import pytest
from processes import run

from sknn.jit import locks
from sknn.jit.declarations import INTERPRETED
from sknn.jit.kernel import COMPILED, Array, Kernel

forks = pytest.mark.skipif(
    INTERPRETED or not hasattr(os, "fork"), reason="needs fork and a compiler"
)

# A thread that holds a lock, or what a user's thread does, while this one forks.
FORK_BESIDE = """
import json, os, signal, sys, threading, time, warnings
from contextlib import contextmanager
import numpy as np
import numba
from llvmlite import binding
from numba.core.compiler_lock import global_compiler_lock
import sknn
from sknn.jit.kernel import Array, Kernel, call
from sknn.jit.locks import compiler_lock

warnings.simplefilter("ignore")
COMPILED = numba.njit(lambda x: x + 1)

def double(x):
    for k in range(x.size):
        x[k] *= 2
    return 0.0

def compile_one():
    x = np.ones(3)
    kernel = Kernel(double, (Array(),), "double", cached=False)
    call(kernel.address(x.dtype), (x,))
    assert x.tolist() == [2, 2, 2]

def of_the_user():
    exec("def f(x):\\n  return x * 3", names := {})
    assert numba.njit(names["f"])(2) == 6

compile_one()
of_the_user()
lock_of_llvm = binding.ffi.lib._lock
LOCKS = {"Numba": global_compiler_lock, "LLVM": lock_of_llvm, "own": compiler_lock}
hung = []
for name, lock in LOCKS.items():
    is_held = threading.Event()

    def hold(lock=lock):
        with lock:
            is_held.set()
            time.sleep(0.05)

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        compile_one()
        of_the_user()
        os._exit(0)
    thread.join()
    _, status = os.waitpid(child, 0)
    if status:
        hung.append([name, status])
    compile_one()
print(json.dumps(hung))
"""


@forks
def test_a_fork_beside_a_thread_that_holds_a_lock():
    """Of the compiler here, of Numba, or of LLVM."""
    assert run(FORK_BESIDE) == []


@forks
@pytest.mark.parametrize(("module", "names"), locks.LOCKS_OF_OTHERS)
def test_numba_and_llvmlite_have_their_locks(module, names, monkeypatch):
    import numba  # noqa: F401

    monkeypatch.setattr(locks, "LOCKS_OF_OTHERS", [(module, names)])
    (lock,) = locks._locks_of_others()
    with lock:
        pass


def test_locks_of_modules_that_are_not_there(monkeypatch):
    places = [("no.such.module", "lock"), ("os", "path.lock"), ("os", "path")]
    monkeypatch.setattr(locks, "LOCKS_OF_OTHERS", places)
    assert [*locks._locks_of_others()] == []


CTRL_C_IN_A_FORK = """
import json, os, signal, sys, threading, time, warnings
from sknn.jit.locks import compiler_lock
warnings.simplefilter("ignore")
began = threading.Event()

def hold():
    with compiler_lock:
        began.set()
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.1)

said = []
sys.unraisablehook = lambda error: said.append(error.exc_type.__name__)
thread = threading.Thread(target=hold)
thread.start()
began.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)
    with compiler_lock:
        os._exit(0)
thread.join()
_, status = os.waitpid(child, 0)
found = compiler_lock.acquire(blocking=False)
print(json.dumps([status, said, found]))
"""


@forks
def test_an_interrupt_while_a_fork_waits():
    """Python cannot raise it there, and prints it. The lock is held and released."""
    assert run(CTRL_C_IN_A_FORK) == [0, ["KeyboardInterrupt"], True]


# A compiler that was interrupted ------------------------------------------------------

# MemoryError, or a signal with a handler that raises, at a line of what tells Numba
# about functions, of Numba's own tables, or of the import of modules.
AT_A_LINE = """
import json, os, signal, sys, warnings
import numpy as np
from sknn import MLPClassifier
warnings.simplefilter("error", RuntimeWarning)
warnings.filterwarnings("ignore", message="Stochastic")
import sknn.jit.compiler
from sknn.kernels.layers.activations import ACTIVATIONS

what, kind, points = sys.argv[1], sys.argv[2], [int(each) for each in sys.argv[3:]]
FILES = ("jit/compiler.py", "typing/context.py", "core/base.py", "jit/intrinsics.py")
FILES += ("numba_internals.py", "core/registry.py", "core/imputils.py")
X = np.random.RandomState(0).normal(size=(60, 4))
y = (X[:, 0] > 0).astype(int)

def handler(number, frame):
    raise TimeoutError

signal.signal(signal.SIGALRM, handler)

def inject(n):
    left = [n]

    def line(frame, event, argument):
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                sys.settrace(None)
                if kind == "memory":
                    raise MemoryError
                signal.raise_signal(signal.SIGALRM)
        return line

    sys.settrace(lambda frame, *rest: (
        line if frame.f_code.co_filename.endswith(FILES) else None
    ))

def attempt():
    try:
        if what == "kernel":
            ACTIVATIONS["gelu"].backward.address(X.dtype)
        else:
            MLPClassifier((5,), max_iter=2).fit(X, y)
    except (MemoryError, TimeoutError) as error:
        return type(error).__name__
    return "works"

found = {}
for n in points:
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.environ["NUMBA_CACHE_DIR"] += f"/{n}"
        inject(n)
        first = attempt()
        sys.settrace(None)
        os.write(writing, json.dumps([first, attempt()]).encode())
        os._exit(0)
    os.wait()
    os.close(writing)
    found[n] = json.loads(os.fdopen(reading).read() or '"died"')
print(json.dumps(found))
"""


def check_injections(what, kind, points, tmp_path):
    found = run(AT_A_LINE, what, kind, *points, NUMBA_CACHE_DIR=str(tmp_path))
    error = {"memory": "MemoryError", "alarm": "TimeoutError"}[kind]
    assert found == {str(n): [error, "works"] for n in points}


@forks
@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "kind", "points"),
    [
        ("kernel", "memory", [3, 40, 60, 700]),
        ("kernel", "alarm", [40, 4000]),
        ("fit", "memory", [4000, 9000]),
    ],
)
def test_after_an_exception_at_a_line_of_the_compiler(what, kind, points, tmp_path):
    """Another call compiles all that this one has not."""
    found = run(AT_A_LINE, what, kind, *points, NUMBA_CACHE_DIR=str(tmp_path))
    error = {"memory": "MemoryError", "alarm": "TimeoutError"}[kind]
    assert found == {str(n): [error, "works"] for n in points}


@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
@pytest.mark.filterwarnings(  # an object that llvmlite could not make, at its end
    "ignore:.*ObjectRef.__del__:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("n", [1, 2, 30])
def test_an_error_beside_llvms_lock_leaves_it_free(n):
    """llvmlite takes the lock, then calls what Numba and others have registered."""
    from llvmlite.binding import ffi

    def twice(x):
        for i in range(x.size):
            x[i] *= 2
        return 0.0

    left = [n]

    def fail():
        names = {each.name for each in traceback.extract_stack()}
        if "__del__" in names:  # where Python raises nothing
            return
        left[0] -= 1
        if left[0] == 0:
            raise MemoryError

    n_before, dtype, callbacks = len(COMPILED), np.dtype(float), (fail, lambda: None)
    kernel = Kernel(twice, (Array(),), "twice", cached=False)
    ffi.register_lock_callback(*callbacks)
    try:
        with pytest.raises(MemoryError):
            kernel.address(dtype)
    finally:
        ffi.unregister_lock_callback(*callbacks)
    thread = threading.Thread(target=kernel.address, args=(dtype,), daemon=True)
    thread.start()
    thread.join(60)
    assert dtype in kernel.specializations
    del COMPILED[n_before:]
