"""Signals that come at a given instruction."""

import signal
import sys


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
