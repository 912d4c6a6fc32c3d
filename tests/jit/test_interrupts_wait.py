"""Exceptions of signal handlers, held back where they would do harm."""

import signal
import threading

import pytest
from signals import SignalAt

from sknn.jit import deferred_interrupts
from sknn.jit.deferred_interrupts import interrupts_wait

SIGNALS = [signal.SIGINT, signal.SIGTERM]
if hasattr(signal, "SIGALRM"):
    SIGNALS += [signal.SIGALRM, signal.SIGUSR1]


@pytest.fixture
def time_out():
    """A handler that raises, for a while that of all signals above."""

    def handler(number, frame):
        raise TimeoutError(number)

    before = {number: signal.signal(number, handler) for number in SIGNALS}
    yield handler
    for number, old in before.items():
        signal.signal(number, old)


def raised_in_a_block(*numbers, note=None, error=None):
    """Raise signals in a block; return whether it went on to its end."""
    done = []
    try:
        with interrupts_wait(*([note] if note else [])):
            for number in numbers:
                signal.raise_signal(number)
            done.append(True)
            if error is not None:
                raise error
    except BaseException as error:
        return error, bool(done)
    return None, bool(done)


@pytest.mark.parametrize("number", SIGNALS)
def test_what_a_handler_raises_comes_at_the_end(number, time_out):
    noted = []
    error, went_on = raised_in_a_block(number, note=noted.append)
    assert isinstance(error, TimeoutError)
    assert went_on
    assert noted == [error]
    assert signal.getsignal(number) is time_out
    with pytest.raises(TimeoutError):
        signal.raise_signal(number)


def test_ctrl_c_comes_at_the_end():
    error, went_on = raised_in_a_block(signal.SIGINT, signal.SIGINT)
    assert isinstance(error, KeyboardInterrupt)
    assert went_on
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_first_of_several_is_raised(time_out):
    error, _ = raised_in_a_block(*reversed(SIGNALS))
    assert error.args == (SIGNALS[-1],)


def test_an_interrupt_is_raised_in_place_of_an_error():
    error, _ = raised_in_a_block(signal.SIGINT, error=ValueError())
    assert isinstance(error, KeyboardInterrupt)
    assert isinstance(error.__context__, ValueError)


def test_the_outermost_block_waits(time_out):
    outcomes = []

    def inner(number, frame):
        outcomes.append(raised_in_a_block(signal.SIGINT))

    signal.signal(signal.SIGTERM, inner)
    error, _ = raised_in_a_block(signal.SIGTERM)
    assert outcomes == [(None, True)]
    assert isinstance(error, TimeoutError)
    assert signal.getsignal(signal.SIGINT) is time_out


def test_a_handler_that_raises_nothing_runs_when_its_signal_comes():
    calls = []
    before = signal.signal(signal.SIGTERM, lambda *arguments: calls.append(arguments))
    try:
        with interrupts_wait():
            signal.raise_signal(signal.SIGTERM)
            assert [number for number, _ in calls] == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
    assert calls[0][1] is not None


def test_a_handler_that_replaces_itself_is_not_restored():
    def once(number, frame):
        signal.signal(number, signal.SIG_IGN)

    before = signal.signal(signal.SIGTERM, once)
    try:
        with interrupts_wait():
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_change_no_handler(time_out):
    found = []

    def work():
        with interrupts_wait():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [time_out]


def test_an_exception_at_any_instruction_leaves_working_handlers(time_out):
    """Also where handlers are being replaced or restored."""
    n, came = 0, True
    while came:
        n += 1
        injection = SignalAt(n, deferred_interrupts.__file__, signal.SIGINT)
        came = False
        with injection:
            try:
                with interrupts_wait():
                    pass
            except TimeoutError:
                came = True
        for number in SIGNALS:
            with pytest.raises(TimeoutError):
                signal.raise_signal(number)
        with interrupts_wait():  # which wraps what was left behind but once
            assert signal.getsignal(signal.SIGINT).handler is time_out
    assert n > 100
