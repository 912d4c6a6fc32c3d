"""How many threads are used, and what becomes of errors in them."""

import itertools
import os
import signal
import sys
import threading
import warnings

import numpy as np
import pytest
from processes import run as run_script
from signals import SignalAt
from threadpoolctl import threadpool_limits

import sknn
from sknn.jit import deferred_interrupts
from sknn.jit.declarations import INTERPRETED
from sknn.kernels.drivers.barrier import CALLED_OFF
from sknn.network import threads

pytestmark = pytest.mark.skipif(INTERPRETED, reason="plain Python has one thread")


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(threads, "openmp_effective_n_threads", lambda: 4)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4), raising=False)


def test_threads_follow_the_work_and_share_the_cores(four_cores):
    assert threads.n_threads_for(100, worth_one=60) == 1
    assert threads.n_threads_for(180, worth_one=60) == 3
    assert threads.n_threads_for(1e9, worth_one=60) == 4
    with threads.active_fit():
        assert threads.n_threads_for(1e9, worth_one=60) == 4
        with threads.active_fit():
            assert threads.n_threads_for(1e9, worth_one=60) == 2
    assert threads.n_threads_for(1e9, worth_one=60) == 4


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux has it")
def test_a_thread_keeps_off_the_core_of_the_one_that_waits_for_it(monkeypatch):
    own, found = os.sched_getaffinity(0), []
    assert threads._core_finder()() in own
    for core in own:
        monkeypatch.setattr(threads, "_core_finder", lambda core=core: lambda: core)
        calls = [lambda: None, lambda: found.append(os.sched_getaffinity(0))]
        threads.run_together(calls, np.zeros(CALLED_OFF + 1, dtype=np.int64))
        assert found.pop() == (own - {core} or own)
        assert os.sched_getaffinity(0) == own


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux has it")
def test_cores_that_were_taken_away_are_no_error(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {10**4, 10**4 + 1})
    with pytest.raises(OSError, match="Invalid argument"):
        os.sched_setaffinity(0, {10**4})
    threads._keep_off(10**4)


def test_limits_of_others_hold():
    with threadpool_limits(1):
        assert threads.n_threads_for(1e18, worth_one=1) == 1


def test_an_ended_run_is_not_counted_whatever_ended_it(four_cores):
    with pytest.raises(KeyboardInterrupt), threads.active_fit():
        raise KeyboardInterrupt
    assert threads.n_threads_for(1e9, worth_one=60) == 4


@pytest.mark.parametrize("seconds", [{1: 1.0, 4: 0.4}, {1: 1.0, 4: 3.0}])
def test_the_faster_number_is_used_and_the_other_tried_again(seconds):
    pace, chosen = threads.ThreadCountTuner(), []
    for _ in range(100):
        chosen.append(pace.choose(4))
        pace.note(chosen[-1], 10, seconds[chosen[-1]])
    faster = min(seconds, key=seconds.get)
    assert chosen.count(faster) > 90
    assert set(chosen) == {1, 4}


@pytest.mark.parametrize("n_slow", [1, 10])
def test_one_slow_call_is_forgiven_and_many_are_not(n_slow):
    pace, chosen = threads.ThreadCountTuner(), []
    for k in range(24):
        chosen.append(pace.choose(4))
        is_slow = chosen[-1] == 4 and 10 <= k < 10 + n_slow
        pace.note(chosen[-1], 10, 9.0 if is_slow else 1.0 / chosen[-1])
    assert (chosen[10:].count(1) > 0) == (n_slow > 1)


@pytest.mark.parametrize("who", [0, 1])
def test_an_error_in_any_member_calls_off_the_others(who):
    shared = np.zeros(3, dtype=np.int64)

    def wait():
        while not shared[CALLED_OFF]:
            threading.Event().wait(0.001)

    def fail():
        raise MemoryError("no room")

    calls = [fail, wait] if who == 0 else [wait, fail]
    with pytest.raises(MemoryError, match="no room"):
        threads.run_together(calls, shared)


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7])
def test_parts_cover_all_rows_once(n_threads):
    seen = np.zeros(101, dtype=int)

    def mark(start, stop, is_off):
        assert start % 8 == 0
        assert not is_off()
        seen[start:stop] += 1

    threads.in_parts(mark, len(seen), n_threads, block=8)
    assert (seen == 1).all()


# Where there is no thread ------------------------------------------------------------


@pytest.mark.parametrize("n_started", [0, 1, 2])
def test_without_threads_all_is_done_in_this_one(n_started, monkeypatch):
    """Also where the first of several can be started, and waits for the others."""
    left, real = iter(range(n_started)), threads.start_if_possible

    def start(thread):
        return next(left, None) is not None and real(thread)

    monkeypatch.setattr(threads, "start_if_possible", start)
    seen, me = np.zeros(101, dtype=int), []

    def mark(start, stop, is_off):
        while start and not is_off():  # a part in another thread
            threading.Event().wait(0.001)
        if not is_off():
            seen[start:stop] += 1
            me.append(threading.current_thread())

    threads.in_parts(mark, len(seen), 4, block=8)
    assert (seen == 1).all()
    assert me == [threading.current_thread()]


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("n_started", [0, 1])
def test_fits_without_threads_have_the_same_bits(
    solver, n_started, four_cores, monkeypatch
):
    X = np.random.RandomState(0).normal(size=(512, 64)).astype(np.float32)
    model = sknn.MLPRegressor(hidden_layer_sizes=(256, 256), solver=solver, max_iter=3)
    model.set_params(random_state=0, batch_size=256)

    def bits():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, X[:, 0])
        return [coef.tobytes() for coef in model.coefs_], model.loss_

    expected, asked, real = bits(), [], threads.start_if_possible

    def start(thread):
        asked.append(thread)
        return len(asked) % 3 < n_started and real(thread)

    monkeypatch.setattr(threads, "start_if_possible", start)
    assert bits() == expected
    assert asked


NO_THREAD = """
import json, os, resource, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
from sknn import MLPClassifier, MLPRegressor
X = np.random.RandomState(0).normal(size=(6000, 300))
y = (X[:, 0] > 0).astype(int)
wide = {"hidden_layer_sizes": (300, 300), "random_state": 0, "max_iter": 1}

def run():
    adam = MLPClassifier(batch_size=500, **wide).fit(X[:1000], y[:1000])
    lbfgs = MLPRegressor(solver="lbfgs", **wide).fit(X[:1000], y[:1000])
    return [
        adam.predict_proba(X).sum(), lbfgs.predict(X).sum(),
        MLPRegressor(max_iter=1, random_state=0).fit(X[:50], y[:50]).loss_,
    ]

expected = run()
if os.geteuid() == 0:  # for whom there is no limit
    os.setgid(65534)
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
from threading import Thread
try:
    Thread(target=print).start()
    print(json.dumps("threads can be started"))
except RuntimeError:
    print(json.dumps(run() == expected))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of processes")
def test_a_process_that_may_start_no_thread():
    found = run_script(NO_THREAD)
    if found == "threads can be started":
        pytest.skip("the limit does not hold for this user")
    assert found is True


AT_THE_END = """
import atexit, json, os, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
from sknn import MLPClassifier
X = np.random.RandomState(0).normal(size=(12000, 300))
y = (X[:, 0] > 0).astype(int)
model = MLPClassifier((300, 300), max_iter=1, batch_size=200, random_state=0)
model.fit(X[:1000], y[:1000])
expected = model.predict(X).tobytes()

class Server:
    model, X, y, expected, found = model, X, y, expected, []

    def use(self, where):
        if where == "atexit":  # later scikit-learn has something to import
            self.model.fit(self.X[:1000], self.y[:1000])
        predicted = self.model.predict(self.X).tobytes()
        self.found.append([where, predicted == self.expected])

    def __del__(self, dumps=json.dumps, write=os.write, system=sys):
        assert system.is_finalizing()
        self.use("__del__")
        write(1, dumps(self.found).encode())

server = Server()
atexit.register(lambda: server.use("atexit"))
"""


@pytest.mark.timeout(120)
def test_an_interpreter_that_ends():
    """A new thread would never run, and the end never come."""
    assert run_script(AT_THE_END) == [["atexit", True], ["__del__", True]]


# Signals -----------------------------------------------------------------------------


@pytest.mark.parametrize("every", [10**9, 50], ids=["one", "a storm"])
@pytest.mark.parametrize(
    "step", [29, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_an_interrupt_at_any_instruction_leaves_no_thread(step, every):
    """Python's own threads do not bear one where they are started and waited for."""
    n_threads, ended = threading.active_count(), 0
    files = (threads.__file__, threading.__file__, deferred_interrupts.__file__)

    def mark(start, stop, is_off):
        counts[start // 8] += 1

    for n in itertools.count(1, step):
        counts = np.zeros(3, dtype=int)
        with SignalAt(n, files, signal.SIGINT, every) as injection:
            try:
                threads.in_parts(mark, 24, 3, block=8)
            except KeyboardInterrupt:
                ended += 1
        assert threading.active_count() == n_threads
        if injection.count < n:
            break
    assert (counts == 1).all()
    assert ended > 100 // step
    threads.in_parts(mark, 24, 3, block=8)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_ends_the_other_parts_early():
    """Without waiting for what they have left to do."""
    stopped = []

    def work(start, stop, is_off):
        if start == 0:
            signal.raise_signal(signal.SIGINT)
            return
        for _ in range(6000):
            if is_off():
                stopped.append(True)
                return
            threading.Event().wait(0.01)

    with pytest.raises(KeyboardInterrupt):
        threads.in_parts(work, 16, 2, block=8)
    assert stopped
