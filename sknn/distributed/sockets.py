"""A collective of processes that are connected by sockets of their own."""

import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from ssl import SSLContext

from sknn.distributed.collective import Collective, WorkerError
from sknn.distributed.connecting import (
    DATA,
    SIGNS,
    connect,
    receive_exactly,
    receive_into,
)
from sknn.distributed.heartbeat import Heartbeat, said

_LENGTH = struct.Struct("!q")
_PIECE = 2**16  # bytes of a message to send at a time


class SocketCollective(Collective):
    """Connects each process with each other one by TCP, or TLS.

    Messages are bytes of numbers. Nothing is unpickled. Beside each connection for
    messages there is one for signs of life: see `Heartbeat`.

    Parameters
    ----------
    rank : int
    listener : socket
        Listens at the address of this process. Not closed.
    addresses : sequence of (host, port)
        Of all processes, in the order of ranks.
    secret : bytes
        32 bytes that only these processes know.
    timeout : float, default=60
        Seconds to wait for a process that gives signs of life.
    heartbeat_timeout : float, default=4
        Seconds without a sign of life after which a process counts as gone.
    names : sequence of str, optional
        What messages call the processes, in the order of ranks.
    encryption : tuple of ssl.SSLContext, default=None
        For connections that come in, and for those that go out. None: nothing is
        encrypted.
    is_off : callable, optional
        Returns True where this process is to leave the others.

    Raises
    ------
    WorkerError
        If not all are connected within ``timeout`` seconds.
    """

    def __init__(
        self,
        rank: int,
        listener: socket.socket,
        addresses: Sequence[tuple[str, int]],
        secret: bytes,
        timeout: float = 60.0,
        heartbeat_timeout: float = 4.0,
        names: Sequence[str] | None = None,
        encryption: tuple[SSLContext, SSLContext] | None = None,
        is_off: Callable[[], bool] = lambda: False,
    ):
        self.rank, self.size, self.timeout = rank, len(addresses), timeout
        self._names = names or [f"Worker {k} of {self.size}" for k in range(self.size)]
        try:
            connections = connect(
                rank, listener, addresses, self._names, secret, timeout, encryption,
                is_off,
            )  # fmt: skip
        except OSError as error:
            raise WorkerError(
                f"{self._names[rank]} could not connect to all others in {timeout:g} "
                f"seconds: {said(error)}."
            ) from error
        self._peers = {k: each for (k, use), each in connections.items() if use == DATA}
        for peer in self._peers.values():
            peer.settimeout(timeout)
            # For two pieces: the one before may not have been received yet.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * _PIECE)
        self._heartbeat = Heartbeat(
            {k: each for (k, use), each in connections.items() if use == SIGNS},
            self._names,
            heartbeat_timeout,
            lambda: f"{self._names[rank]} was called off." if is_off() else None,
            self._wake,
        )

    def _wake(self) -> None:
        """Let no call wait any more."""
        for peer in self._peers.values():
            with suppress(OSError):  # it may be closed already
                # Of the plain socket: TLS would want to talk with the other end.
                socket.socket.shutdown(peer, socket.SHUT_RDWR)

    def exchange(self, messages: list[bytes]) -> list[bytes]:
        """Send a message to each process, and return what each has sent to this one."""
        if self._heartbeat.fault:
            raise WorkerError(self._heartbeat.fault)
        received = [b""] * self.size
        received[self.rank] = messages[self.rank]
        for other in _partners(self.rank, self.size):
            try:
                received[other] = _swapped(self._peers[other], messages[other])
            except OSError as error:
                raise WorkerError(self._fault_of(other, error)) from error
        return received

    def _fault_of(self, other: int, error: OSError) -> str:
        """Return why an exchange with another process has failed."""
        name = self._names[other]
        if isinstance(error, TimeoutError):
            self._heartbeat.report(
                f"{name} gives signs of life, but others have waited for it for "
                f"{self.timeout:g} seconds. Raise timeout if its work takes so long."
            )
        return self._heartbeat.fault_after(f"{name} is gone: {said(error)}.")

    def abort(self, reason: str) -> None:
        """Tell the others that this process cannot go on."""
        name = self._names[self.rank]
        self._heartbeat.report(f"{name} has ended with an error: {reason}")

    def close(self) -> None:
        """Close all connections."""
        self._heartbeat.close()
        for peer in self._peers.values():
            peer.close()
        self._peers.clear()


def _partners(rank: int, size: int) -> Iterator[int]:
    """Yield the others in the order in which to exchange messages with them.

    That of a round-robin tournament: in each of its rounds all are in one pair, so that
    none waits for another pair, and none in a circle.
    """
    n = size + size % 2  # with a pause for one of an odd number
    for k in range(n - 1):
        other = (k - rank) % (n - 1)
        if rank == n - 1:  # it meets the one who would meet itself
            other = k * (n // 2) % (n - 1)
        elif other == rank:
            other = n - 1
        if other < size:
            yield other


def _swapped(peer: socket.socket, message: bytes) -> bytes:
    """Send a message to another process while it sends one; return that.

    Both send a piece, which finds room in the memory of the connection, and then
    receive one. So they never wait for each other to receive.
    """
    peer.sendall(_LENGTH.pack(len(message)) + message[:_PIECE])
    (size,) = _LENGTH.unpack(receive_exactly(peer, _LENGTH.size))
    received = bytearray(size)
    view, outgoing = memoryview(received), memoryview(message)
    for start in range(0, max(size, len(message)), _PIECE):
        receive_into(peer, view[start : start + _PIECE])
        peer.sendall(outgoing[start + _PIECE : start + 2 * _PIECE])
    return bytes(received)
