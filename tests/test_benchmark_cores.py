"""What the benchmarks do on two cores: that it is what they say; never a timing."""

import os

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from benchmarks import cache_line, pinned, tables, targets
from benchmarks.cases import CASES
from benchmarks.peers import trainer
from sknn.jit.kernel import INTERPRETED


@pytest.mark.skipif(INTERPRETED, reason="plain Python has one thread")
def test_a_cache_line_goes_from_one_core_to_another(monkeypatch):
    chosen = cache_line.cores()
    if len(chosen) > 1:
        assert cache_line.nanoseconds() > 0
    monkeypatch.setattr(cache_line, "cores", lambda: chosen[:1])
    assert np.isnan(cache_line.nanoseconds())
    assert cache_line.median([cache_line.nanoseconds()]) == ""
    assert cache_line.median([7.0, float("nan"), 9.0]) == 8.0


def test_members_take_turns():
    """In one thread, where each finds that it is its turn."""
    written, dtype = np.zeros(16, dtype=np.int64), np.dtype(float)
    for turn in range(2):
        cache_line.take_turns(dtype, written, turn, 1)
        assert written[0] == turn + 1


@pytest.mark.parametrize(("cores", "n_first"), [(1, 1), (2, 4)])
def test_on_two_cores_the_first_calls_are_no_part_of_the_slope(cores, n_first):
    case = CASES["iris-sized"]
    peer = trainer("sknn")(case, *case.data(np.dtype(float)), "relu", cores)
    with threadpool_limits(1):
        peer.seconds_per_epoch(2)
    assert peer.model.n_iter_ == n_first + 2


def test_an_expression_is_asked_of_a_new_process():
    command = 1, "benchmarks.machine", "os.getpid()"
    assert len({os.getpid(), pinned.once(*command), pinned.once(*command)}) == 3


def a_row(gain, line):
    row = {"what": "wide fit", "one core s": "0.2", "two cores s": "0.18"}
    return row | {"times as fast": str(gain), "line ns": line}


@pytest.mark.parametrize(
    ("gain", "line", "about"),
    [
        (
            1.1,
            "190.4",
            "A cache line took 190 ns from one core to the other.",
        ),
        (1.6, "45", ""),
        (1.1, "", ""),
    ],
)
def test_a_missed_target_on_two_cores_says_how_far_apart_they_are(gain, line, about):
    (target,) = targets.targets({"threads": [a_row(gain, line)]})
    assert (target.what, target.about) == ("wide fit on two cores", about)


def test_the_tables_of_two_cores_state_the_cache_line():
    row = a_row(1.1, "190")
    assert "| wide fit | 0.2 | 0.18 | 1.10 | 190 |" in tables.threads([row])
    del row["line ns"]
    assert "| wide fit | 0.2 | 0.18 | 1.10 | - |" in tables.threads([row])
    assert tables._lines([]) == ""
    assert tables._lines([41.9, 42.1]).startswith(" (a cache line took 42 ns from")
    assert tables._lines([190.0, 42.0]).startswith(" (a cache line took 42 to 190 ns")
