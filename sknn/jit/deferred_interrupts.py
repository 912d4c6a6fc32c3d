"""Exceptions of signal handlers that wait until a compiler or a thread is done.

Python runs the handler of a signal between any two instructions of the main thread. An
exception that the handler raises, such as KeyboardInterrupt or that of a time-out, may
then arrive where Numba, LLVM or ``threading`` cannot cope with it.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_NUMBERS = tuple(map(int, signal.valid_signals()))  # enumerations would be slower


def _ignore(error: BaseException) -> None:
    """Do nothing."""


class _Errors:
    """The exceptions that handlers raise in a block, and whether it has ended."""

    def __init__(self, note: Callable[[BaseException], None]):
        self.raised: list[BaseException] = []
        self.note = note
        self.block_has_ended = False


class _Handler:
    """Runs the handler of a signal, and keeps the exception that it raises.

    If an exception arrives while handlers are restored, some of these stay installed.
    They then do nothing but run the handler.
    """

    def __init__(self, handler: Callable[..., Any], errors: _Errors):
        self.handler, self.errors = handler, errors

    def __call__(self, number: int, frame: Any) -> None:
        if self.errors.block_has_ended:
            self.handler(number, frame)
            return
        try:
            self.handler(number, frame)
        except BaseException as error:
            self.errors.raised.append(error)
            self.errors.note(error)


@contextmanager
def interrupts_wait(
    note: Callable[[BaseException], None] = _ignore,
) -> Iterator[None]:
    """Raise what signal handlers raise in the block at its end, not in its midst.

    The handlers run when their signals come. Of several exceptions the first is raised.
    In a block within another one, exceptions wait for the end of the outer block.

    Parameters
    ----------
    note : callable, optional
        Is called with each exception when the handler raises it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread alone
        return
    errors, installed = _Errors(note), dict[int, _Handler]()
    try:
        for number in _NUMBERS:
            handler: Any = signal.getsignal(number)
            if isinstance(handler, _Handler):
                if not handler.errors.block_has_ended:
                    continue
                handler = handler.handler
            if callable(handler):
                installed[number] = _Handler(handler, errors)
                signal.signal(number, installed[number])
        yield
    finally:
        # From here on exceptions are raised where they come, also in this block.
        errors.block_has_ended = True
        for number, wrapper in installed.items():
            current: Any = signal.getsignal(number)
            if current is wrapper:  # else the handler has set another one
                signal.signal(number, wrapper.handler)
        if errors.raised:
            raise errors.raised[0]
