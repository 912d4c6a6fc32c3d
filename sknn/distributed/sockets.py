"""A collective of processes that are connected by sockets of their own."""

import socket
import struct
from collections.abc import Callable, Sequence
from secrets import compare_digest
from ssl import SSLContext

from sknn.distributed.collective import Collective, WorkerError

_LENGTH = struct.Struct("!q")
_HELLO = struct.Struct("!q32s")  # rank, and a secret


class SocketCollective(Collective):
    """Connects each process with each other one by TCP, or TLS.

    Messages are bytes of numbers. Nothing is unpickled.

    Parameters
    ----------
    rank : int
    listener : socket
        Listens at the address of this process.
    addresses : sequence of (host, port)
        Of all processes, in the order of ranks.
    secret : bytes
        32 bytes that only these processes know.
    timeout : float, default=60
    encryption : tuple of ssl.SSLContext, default=None
        For connections that come in, and for those that go out. None: nothing is
        encrypted.
    is_off : callable, optional
        Returns True where this process is to leave the others.
    """

    def __init__(
        self,
        rank: int,
        listener: socket.socket,
        addresses: Sequence[tuple[str, int]],
        secret: bytes,
        timeout: float = 60.0,
        encryption: tuple[SSLContext, SSLContext] | None = None,
        is_off: Callable[[], bool] = lambda: False,
    ):
        self.rank, self.size, self.timeout = rank, len(addresses), timeout
        self._is_off = is_off
        self._peers: dict[int, socket.socket] = {}
        listener.settimeout(timeout)
        try:
            for other in range(rank):
                peer = socket.create_connection(addresses[other], timeout)
                if encryption:
                    peer = encryption[1].wrap_socket(peer)
                self._take(other, peer)
                peer.sendall(_HELLO.pack(rank, secret))
            while len(self._peers) < self.size - 1:
                peer, _ = listener.accept()
                peer.settimeout(timeout)
                if encryption:
                    peer = encryption[0].wrap_socket(peer, server_side=True)
                other, said = _HELLO.unpack(_received(peer, _HELLO.size))
                if compare_digest(said, secret) and rank < other < self.size:
                    self._take(other, peer)
                else:
                    peer.close()
        except OSError as error:
            self.close()
            raise WorkerError(
                f"Worker {rank} of {self.size} could not connect to all others in "
                f"{timeout:g} seconds: {error}."
            ) from error

    def _take(self, other: int, peer: socket.socket) -> None:
        peer.settimeout(self.timeout)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peers[other] = peer

    def exchange(self, messages: list[bytes]) -> list[bytes]:
        """Send a message to each process, and return what each has sent to this one."""
        if self._is_off():
            raise WorkerError(f"Worker {self.rank} of {self.size} was called off.")
        received = [b""] * self.size
        received[self.rank] = messages[self.rank]
        # All go through the pairs in the same order, so that none waits in a circle.
        pairs = sorted((min(k, self.rank), max(k, self.rank)) for k in self._peers)
        for pair in pairs:
            (other,) = {*pair} - {self.rank}
            peer = self._peers[other]
            try:
                if self.rank < other:
                    _send(peer, messages[other])
                    received[other] = _receive(peer)
                else:
                    received[other] = _receive(peer)
                    _send(peer, messages[other])
            except OSError as error:
                raise WorkerError(
                    f"Worker {other} of {self.size} is gone, or did not answer in "
                    f"{self.timeout:g} seconds: {error or type(error).__name__}."
                ) from error
        return received

    def close(self) -> None:
        """Close all connections."""
        for peer in self._peers.values():
            peer.close()
        self._peers.clear()


def _send(peer: socket.socket, message: bytes) -> None:
    peer.sendall(_LENGTH.pack(len(message)))
    peer.sendall(message)


def _receive(peer: socket.socket) -> bytes:
    (size,) = _LENGTH.unpack(_received(peer, _LENGTH.size))
    return _received(peer, size)


def _received(peer: socket.socket, size: int) -> bytes:
    message = bytearray(size)
    view = memoryview(message)
    while view:
        n = peer.recv_into(view)
        if not n:
            raise ConnectionError("the connection was closed")
        view = view[n:]
    return bytes(message)
