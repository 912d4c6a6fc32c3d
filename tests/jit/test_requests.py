"""Kernels that are requested first and waited for later."""

import os
import threading

import numpy as np
import pytest
from signals import InterruptAt

from sknn.jit import specializations
from sknn.jit.declarations import INTERPRETED
from sknn.jit.kernel import COMPILED, Array, Kernel, call, request_addresses

pytestmark = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")

DTYPE = np.dtype(np.float64)


@pytest.fixture
def kernel():
    """A kernel that is on no disk."""

    def double(x):
        for k in range(x.size):
            x[k] *= 2
        return 0.0

    n_before = len(COMPILED)
    yield Kernel(double, (Array(),), "double", cached=False)
    del COMPILED[n_before:]


@pytest.fixture
def slow_llvm(monkeypatch):
    """LLVM that waits for an event before it starts, and who ran it."""
    from sknn.jit import numba_internals, object_cache

    # After another setting than before, this process would keep nothing from now on.
    monkeypatch.setattr(object_cache, "note_settings", lambda name: None)
    go, threads = threading.Event(), []
    emit = numba_internals._emitted

    def wait(*arguments):
        assert go.wait(60)
        threads.append(threading.current_thread())
        return emit(*arguments)

    monkeypatch.setenv("SKNN_COMPILER", "internal")
    monkeypatch.setattr(numba_internals, "_emitted", wait)
    yield go, threads
    go.set()


def is_right(kernel):
    x = np.arange(3.0)
    call(kernel.address(DTYPE), (x,))
    return x.tolist() == [0.0, 2.0, 4.0]


def test_a_request_does_not_wait_for_llvm(kernel, slow_llvm):
    go, threads = slow_llvm
    kernel.request(DTYPE)
    kernel.request(DTYPE)
    assert not kernel.specializations
    go.set()
    assert is_right(kernel)
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()
    assert not specializations._pending


def test_addresses_are_requests_where_they_are_not_needed_yet(kernel, slow_llvm):
    go, _ = slow_llvm
    found = []

    def ask():
        found.append(kernel.address(DTYPE))

    def ask_twice():
        request_addresses(ask)
        ask()

    request_addresses(ask_twice)
    assert not kernel.specializations
    go.set()
    assert is_right(kernel)
    request_addresses(ask)
    assert found == [kernel.number] * 2 + [kernel.specializations[DTYPE]]


def test_no_exception_leaves_a_request_behind(kernel):
    """Raised at any line: what the next call gets is an address, not a number."""

    def ask():
        kernel.address(DTYPE)

    n = 0
    while True:
        n += 1
        watch = InterruptAt(n, "kernel.py")
        try:
            with watch:
                request_addresses(ask)
        except KeyboardInterrupt:
            pass
        if watch.count < n:
            break
        assert kernel.address(DTYPE) != kernel.number
        kernel.specializations.clear()
    assert n > 5


def test_where_no_thread_can_be_started(kernel, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    kernel.request(DTYPE)
    assert is_right(kernel)


def test_what_fails_in_the_thread_is_raised_where_it_is_waited_for(kernel, monkeypatch):
    from sknn.jit import compiler

    def fail(*arguments):
        raise MemoryError("none left")

    monkeypatch.setattr(compiler, "lower", lambda *arguments: fail)
    monkeypatch.setattr(compiler, "_lower_documented", fail)
    kernel.request(DTYPE)
    with pytest.raises(MemoryError, match="none left"):
        kernel.address(DTYPE)
    monkeypatch.undo()
    assert is_right(kernel)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_waits_for_llvm(kernel, slow_llvm):
    """And the child has what the parent requested."""
    go, _ = slow_llvm
    kernel.request(DTYPE)
    threading.Timer(0.05, go.set).start()
    child = os.fork()
    if child == 0:
        os._exit(0 if go.is_set() and is_right(kernel) else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert is_right(kernel)
