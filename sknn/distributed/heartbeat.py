"""Signs of life between processes, and the reason why one of them has gone."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ssl import SSLWantReadError, SSLWantWriteError

_ALIVE, _LEAVING, _FAULT = b"\x01", b"\x02", b"\x03"
_LENGTH = struct.Struct("!I")  # of the text of a fault
_MOST_TEXT = 10_000  # bytes
_AT_ONCE = 65_536  # bytes to read
_PER_TIMEOUT = 16  # signs of life
_SECONDS_TO_TELL = 0.5  # a process of a fault
_NOT_NOW = (BlockingIOError, SSLWantReadError, SSLWantWriteError)


@dataclass
class _Peer:
    """A connection to another process, and what came from it."""

    connection: socket.socket
    heard: float  # when something came last
    received: bytearray = field(default_factory=bytearray)
    has_left: bool = False


class Heartbeat:
    """Tells other processes that this one is alive, and watches whether they are.

    A thread sends a byte to each of them 16 times within the time-out. Where one is
    silent for the time-out, its connection is closed, or it tells of an error, the
    thread tells all others, so that all of them give the same reason. A process that is
    frozen keeps its connections; that it sends nothing any more is the only sign.

    Parameters
    ----------
    connections : mapping of int to socket
        A connection to each other process, by rank, that nobody else uses.
    names : sequence of str
        Names of the processes, in the order of ranks, for messages.
    timeout : float
        Seconds of silence after which a process counts as gone.
    reason_to_leave : callable
        Returns why this process is to leave the others; None where it is not.
    on_fault : callable
        Called once, in the thread, after the first fault.

    Attributes
    ----------
    fault : str or None
        Why the processes cannot go on.
    """

    def __init__(
        self,
        connections: Mapping[int, socket.socket],
        names: Sequence[str],
        timeout: float,
        reason_to_leave: Callable[[], str | None],
        on_fault: Callable[[], None],
    ):
        self._names, self._timeout = names, timeout
        self._reason_to_leave, self._on_fault = reason_to_leave, on_fault
        self.fault: str | None = None
        self._is_over = False
        self._is_known, self._wakes = threading.Event(), threading.Event()
        now = time.monotonic()
        self._peers = {rank: _Peer(each, now) for rank, each in connections.items()}
        for connection in connections.values():
            connection.setblocking(False)
        # Connections are used in this thread alone: those of TLS ask for that.
        self._thread = threading.Thread(
            target=self._run, name="sknn-heartbeat", daemon=True
        )
        self._thread.start()

    def report(self, fault: str) -> None:
        """Take note of a fault, unless there is one already; the others are told."""
        self.fault = self.fault or fault
        self._is_known.set()
        self._wakes.set()

    def fault_after(self, otherwise: str) -> str:
        """Return the fault, which may be on its way; report another if none comes.

        Call it where another process has closed a connection.
        """
        self._is_known.wait(4 * self._timeout / _PER_TIMEOUT)
        self.report(otherwise)
        return str(self.fault)

    def close(self) -> None:
        """Say goodbye to the others, and end the thread."""
        self._is_over = True
        self._wakes.set()
        self._thread.join()

    # In the thread --------------------------------------------------------------------

    def _run(self) -> None:
        while self.fault is None and not self._is_over:
            if reason := self._reason_to_leave():
                self.report(reason)
            for rank, peer in self._peers.items():
                if not peer.has_left:
                    self._look_at(peer, self._names[rank])
            self._wakes.wait(self._timeout / _PER_TIMEOUT)
        message = _LEAVING
        if self.fault is not None:
            self._on_fault()
            text = self.fault.encode()[:_MOST_TEXT]
            message = _FAULT + _LENGTH.pack(len(text)) + text
        for peer in self._peers.values():
            _tell(peer.connection, message)

    def _look_at(self, peer: _Peer, name: str) -> None:
        """Take what has come, judge the silence, and send a sign of life."""
        try:
            # In this order: to write where the other end is closed may lose the reason.
            self._receive(peer)
            if not (peer.has_left or self.fault):
                with suppress(*_NOT_NOW):  # it reads nothing: it is silent too, or busy
                    peer.connection.send(_ALIVE)
        except OSError as error:
            if not peer.has_left:
                self.report(f"{name} is gone: {said(error)}.")
        if time.monotonic() - peer.heard > self._timeout and not peer.has_left:
            self.report(
                f"{name} is frozen or cut off: it gave no sign of life for "
                f"{self._timeout:g} seconds."
            )

    def _receive(self, peer: _Peer) -> None:
        with suppress(*_NOT_NOW):
            while not peer.has_left:
                received = peer.connection.recv(_AT_ONCE)
                if not received:
                    raise ConnectionError("its connection was closed")
                peer.heard = time.monotonic()
                peer.received += received
                self._understand(peer)

    def _understand(self, peer: _Peer) -> None:
        """Take the messages that have come as a whole."""
        received = peer.received
        while received:
            kind, size = bytes(received[:1]), 1
            if kind == _FAULT:
                size += _LENGTH.size
                if len(received) < size:
                    return
                size += min(_LENGTH.unpack_from(received, 1)[0], _MOST_TEXT)
                if len(received) < size:
                    return
                text = bytes(received[1 + _LENGTH.size : size])
                self.report(text.decode(errors="replace"))
            elif kind == _LEAVING:
                peer.has_left = True
            elif kind != _ALIVE:
                raise ConnectionError("what it sent is no message")
            del received[:size]


def _tell(connection: socket.socket, message: bytes) -> None:
    """Send a last message, and close the connection."""
    with suppress(OSError):  # it is gone, or will find that this process is
        connection.settimeout(_SECONDS_TO_TELL)
        connection.sendall(message)
        connection.shutdown(socket.SHUT_WR)
    connection.close()


def said(error: BaseException) -> str:
    """Return the message of an error, or the name of its class if it has none."""
    return str(error) or type(error).__name__
