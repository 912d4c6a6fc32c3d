"""Signals that come at a given instruction, and exceptions at a given line."""

import signal
import sys
import threading
import time
from pathlib import Path

import sknn
from sknn.jit.kernel import Driver

LATEST = 20  # seconds until compiled code runs
PACKAGE = str(Path(sknn.__file__).parent)


class SignalAt:
    """Raises a signal before the n-th bytecode instruction that runs in some files.

    And again after each ``every`` further ones. ``count`` is how many have run.
    """

    def __init__(self, n, files, number, every=10**9):
        self.n, self.files, self.number, self.every = n, files, number, every
        self.count = 0

    def __enter__(self):
        self.old = sys.gettrace()
        sys.settrace(self.call)
        return self

    def __exit__(self, *error):
        sys.settrace(self.old)

    def call(self, frame, event, argument):
        if not frame.f_code.co_filename.endswith(self.files):
            return None
        frame.f_trace_opcodes = True
        return self.step

    def step(self, frame, event, argument):
        if event == "opcode":
            self.count += 1
            if self.count >= self.n and (self.count - self.n) % self.every == 0:
                signal.raise_signal(self.number)
        return self.step


def interrupt(call, monkeypatch, delay=0.2):
    """Send SIGINT to this process, so long after the first kernel of a call has begun.

    Return how long the call then took.
    """
    call_once, prepare, begun = Driver.__call__, Driver.prepare, threading.Event()
    ended, sent = threading.Event(), []

    def watched(self, *arguments):
        begun.set()
        return call_once(self, *arguments)

    def watched_loop(self, *arguments, **fixed):
        begun.set()
        return prepare(self, *arguments, **fixed)

    def send():
        if begun.wait(LATEST) and not ended.wait(delay):
            sent.append(time.perf_counter())
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=send)
    monkeypatch.setattr(Driver, "__call__", watched)
    monkeypatch.setattr(Driver, "prepare", watched_loop)
    thread.start()
    try:
        call()
    finally:
        ended.set()
        begun.set()
        thread.join()
    assert sent, "it ended before the signal"
    return time.perf_counter() - sent[0]


class InterruptAt:
    """Raises KeyboardInterrupt before the n-th line that Python runs in sknn."""

    def __init__(self, n, files=""):
        self.n, self.files, self.count = n, files, 0

    def __enter__(self):
        self.old = sys.gettrace()
        sys.settrace(self.call)

    def __exit__(self, *error):
        sys.settrace(self.old)

    def call(self, frame, event, argument):
        path = frame.f_code.co_filename
        inside = path.startswith(PACKAGE) and path.endswith(self.files)
        return self.line if inside else None

    def line(self, frame, event, argument):
        if event == "line":
            self.count += 1
            if self.count == self.n:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self.line
