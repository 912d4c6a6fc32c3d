"""How many threads are used, and what becomes of errors in them."""

import os
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

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
