"""Ctrl-C that waits until a compiler is done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Raise a KeyboardInterrupt that comes meanwhile at the end, not in the midst.

    In the midst it would be lost where it meets the end of one of LLVM's objects, and
    may leave Numba unable to compile anything more in this process.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # interrupts are raised in the main thread alone
        return
    interrupt = signal.default_int_handler
    numbers = [k for k in signal.valid_signals() if signal.getsignal(k) is interrupt]
    came: list[int] = []
    try:
        for number in numbers:
            signal.signal(number, lambda number, frame: came.append(number))
        yield
    finally:
        for number in numbers:
            signal.signal(number, interrupt)
        if came:
            raise KeyboardInterrupt
