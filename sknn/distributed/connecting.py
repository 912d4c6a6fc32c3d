"""Connections of each process with each other one."""

import socket
import struct
import time
from collections.abc import Callable, Sequence
from secrets import compare_digest
from ssl import SSLContext

DATA, SIGNS = 0, 1  # what a connection is for
_HELLO = struct.Struct("!qq32s")  # rank, what the connection is for, and a secret
_POLL = 0.25  # seconds between looks at whether the fit was called off
_SECONDS_FOR_HELLO = 5.0

Key = tuple[int, int]  # rank of the other process, and what the connection is for


def connect(
    rank: int,
    listener: socket.socket,
    addresses: Sequence[tuple[str, int]],
    names: Sequence[str],
    secret: bytes,
    timeout: float,
    encryption: tuple[SSLContext, SSLContext] | None,
    is_off: Callable[[], bool],
) -> dict[Key, socket.socket]:
    """Return two connections to each other process.

    A process connects to those before it, and those after it connect to it. Whoever
    does not know the secret is turned away.

    Parameters are those of `SocketCollective`.

    Raises
    ------
    OSError
        If there are not all of them in time.
    """
    deadline = time.monotonic() + timeout
    connections: dict[Key, socket.socket] = {}
    try:
        for key in _keys(range(rank)):
            hello = _HELLO.pack(rank, key[1], secret)
            address = addresses[key[0]]
            connections[key] = _connected(address, hello, timeout, encryption)
        missing = _keys(range(rank + 1, len(addresses)))
        listener.settimeout(_POLL)
        while missing:
            if is_off():
                raise ConnectionError("The fit was called off")
            if time.monotonic() > deadline:
                late = ", ".join(dict.fromkeys(names[other] for other, _ in missing))
                raise TimeoutError(f"{late} did not connect")
            try:
                peer, _ = listener.accept()
            except TimeoutError:
                continue
            found = _identified(peer, secret, encryption)
            if found and found[0] in missing:
                missing.remove(found[0])
                connections[found[0]] = found[1]
            else:
                peer.close()
    except BaseException:
        for peer in connections.values():
            peer.close()
        raise
    return connections


def _keys(ranks: range) -> list[Key]:
    return [(rank, use) for rank in ranks for use in (DATA, SIGNS)]


def _connected(
    address: tuple[str, int],
    hello: bytes,
    timeout: float,
    encryption: tuple[SSLContext, SSLContext] | None,
) -> socket.socket:
    """Return a connection to another process, which knows who this one is."""
    peer = socket.create_connection(address, timeout)
    try:
        if encryption:
            peer = encryption[1].wrap_socket(peer)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.sendall(hello)
    except BaseException:
        peer.close()
        raise
    return peer


def _identified(
    peer: socket.socket,
    secret: bytes,
    encryption: tuple[SSLContext, SSLContext] | None,
) -> tuple[Key, socket.socket] | None:
    """Return who has connected, and the connection; None for a stranger."""
    peer.settimeout(_SECONDS_FOR_HELLO)
    try:
        if encryption:
            peer = encryption[0].wrap_socket(peer, server_side=True)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        other, use, told = _HELLO.unpack(receive_exactly(peer, _HELLO.size))
    except OSError:  # a port scanner, or a program that says nothing
        peer.close()
        return None
    if not compare_digest(told, secret):
        peer.close()
        return None
    return (other, use), peer


def receive_exactly(peer: socket.socket, size: int) -> bytes:
    """Return so many bytes, once they have come."""
    message = bytearray(size)
    receive_into(peer, memoryview(message))
    return bytes(message)


def receive_into(peer: socket.socket, view: memoryview) -> None:
    """Fill memory with bytes as they come."""
    while view:
        n = peer.recv_into(view)
        if not n:
            raise ConnectionError("the connection was closed")
        view = view[n:]
