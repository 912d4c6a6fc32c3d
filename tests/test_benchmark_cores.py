"""What the benchmarks do on two cores: that it is what they say; never a timing."""

import os

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from benchmarks import cache_line, pinned
from benchmarks.cases import CASES
from benchmarks.peers import trainer
from sknn.kernels.jit import INTERPRETED


@pytest.mark.skipif(INTERPRETED, reason="plain Python has one thread")
def test_a_cache_line_goes_from_one_core_to_another(monkeypatch):
    chosen = cache_line.cores()
    if len(chosen) > 1:
        assert cache_line.nanoseconds() > 0
    monkeypatch.setattr(cache_line, "cores", lambda: chosen[:1])
    assert np.isnan(cache_line.nanoseconds())


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
