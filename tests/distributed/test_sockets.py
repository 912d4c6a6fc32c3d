"""Connections between processes, here between threads: strangers, signs of life."""

import secrets
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ssl import PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER, SSLContext

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sknn.distributed import heartbeat, sockets
from sknn.distributed.collective import WorkerError
from sknn.distributed.sockets import SocketCollective

SECRET = secrets.token_bytes(32)


def group(size, work, **options):
    """Run ``work(collective)`` in threads; return what each returns or raises."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(size)]
    addresses = [each.getsockname() for each in listeners]

    def run(rank):
        own = {k: v(rank) if callable(v) else v for k, v in options.items()}
        own = {"timeout": 60, "heartbeat_timeout": 8} | own
        try:
            with (
                listeners[rank] as listener,
                SocketCollective(rank, listener, addresses, SECRET, **own) as each,
            ):
                return work(each)
        except Exception as error:
            return error

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(run, range(size)))


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    names = [thread.name for thread in threading.enumerate()]
    assert "sknn-heartbeat" not in names


def added_up(collective):
    rng = np.random.RandomState(collective.rank)
    arrays = rng.normal(size=5), rng.normal(size=1001).astype(np.float32), np.ones(1)
    collective.all_reduce(*arrays)
    told = np.full((2, 3), collective.rank)
    collective.broadcast(told, root=collective.size - 1)
    return [*arrays, told]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
def test_sums_are_the_same_everywhere_and_in_the_order_of_ranks(size):
    found = group(size, added_up)
    generators = [np.random.RandomState(rank) for rank in range(size)]
    expected = [sum(rng.normal(size=5) for rng in generators)]
    expected += [sum(r.normal(size=1001).astype(np.float32) for r in generators)]
    expected += [[size], np.full((2, 3), size - 1)]
    for arrays in found:
        for array, other in zip(arrays, expected, strict=True):
            assert_array_equal(array, other)


@pytest.mark.parametrize("sizes", [(3_000_000, 0), (0, 3_000_000), (3_000_000,) * 2])
def test_long_messages_pass_each_other(sizes):
    """They are longer than what the system keeps of a connection."""

    def work(collective):
        own = bytes(sizes[collective.rank])
        return [len(each) for each in collective.exchange([own, own])]

    assert group(2, work) == [[sizes[0], sizes[1]]] * 2


@pytest.mark.parametrize("size", range(1, 18))
def test_all_are_in_a_pair_in_each_round(size):
    """So an exchange takes as many steps as there are rounds, and none waits."""
    partners = [list(sockets._partners(rank, size)) for rank in range(size)]
    for rank, others in enumerate(partners):
        assert sorted([*others, rank]) == list(range(size))
    n_rounds = 0
    while any(partners):
        at = {rank: others[0] for rank, others in enumerate(partners) if others}
        pairs = [rank for rank, other in at.items() if at.get(other) == rank]
        assert pairs
        for rank in pairs:
            del partners[rank][0]
        n_rounds += 1
    assert n_rounds <= size


def test_an_error_of_one_is_told_to_all():
    def work(collective):
        collective.broadcast(np.ones(3))
        if collective.rank == 1:
            raise ValueError("no more")
        collective.broadcast(np.ones(3))

    found = group(3, work)
    message = "Worker 1 of 3 has ended with an error: ValueError: no more"
    assert [str(error) for error in found] == [message, "no more", message]


def test_one_that_leaves_early_is_named():
    def work(collective):
        if collective.rank != 1:
            collective.broadcast(np.ones(3))

    found = group(2, work)
    assert isinstance(found[0], WorkerError)
    assert str(found[0]).startswith("Worker 1 of 2 is gone: ")


def test_one_that_is_called_off_tells_the_others():
    is_off = threading.Event()

    def work(collective):
        if collective.rank == 1:
            is_off.set()
        collective.broadcast(np.ones(3), root=2 if collective.rank < 2 else 0)

    def wait(collective):
        if collective.rank == 2:  # for which the others wait
            is_off.wait(60)
            time.sleep(0.5)
        return work(collective)

    found = group(
        3,
        wait,
        heartbeat_timeout=3,
        names=["one", "another", "a third"],
        is_off=lambda rank: lambda: rank == 1 and is_off.is_set(),
    )
    assert {str(error) for error in found} == {"another was called off."}


def test_a_busy_one_gives_signs_of_life():
    """Others wait for longer than for a sign of life."""

    def work(collective):
        if collective.rank == 1:
            time.sleep(4)
        told = np.full(1, collective.rank)
        collective.broadcast(told, root=1)
        return told[0]

    assert group(2, work, heartbeat_timeout=3) == [1, 1]


def test_one_that_keeps_others_waiting():
    def work(collective):
        if collective.rank == 1:
            time.sleep(2)
        collective.broadcast(np.ones(1), root=1)

    found = group(2, work, timeout=0.5)
    message = "Worker 1 of 2 gives signs of life, but others have waited for it for 0.5"
    assert [str(error)[: len(message)] for error in found] == [message] * 2


def test_a_silent_one_is_frozen_or_cut_off(monkeypatch):
    """Its connections are there, but nothing comes."""

    def work(collective):
        if collective.rank == 1:
            time.sleep(3)
        collective.broadcast(np.ones(1), root=1)

    run = heartbeat.Heartbeat._run

    def run_or_freeze(self):
        if 1 in self._peers:
            return run(self)
        time.sleep(3)
        self._peers[0].connection.close()

    monkeypatch.setattr(heartbeat.Heartbeat, "_run", run_or_freeze)
    found = group(2, work, heartbeat_timeout=1)
    assert str(found[0]) == (
        "Worker 1 of 2 is frozen or cut off: it gave no sign of life for 1 seconds."
    )


# Strangers ---------------------------------------------------------------------------

STRANGERS = {
    "says nothing": b"",
    "speaks another language": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(50),
    "does not know the secret": bytes(7) + b"\x01" + bytes(8) + bytes(32),
}


@pytest.mark.parametrize("case", STRANGERS)
def test_a_stranger_is_turned_away(case, monkeypatch):
    monkeypatch.setattr("sknn.distributed.connecting._SECONDS_FOR_HELLO", 0.3)
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [each.getsockname() for each in listeners]

    def run(rank):
        with (
            listeners[rank] as listener,
            SocketCollective(rank, listener, addresses, SECRET, 20, 2) as collective,
        ):
            return added_up(collective)

    with (
        socket.create_connection(addresses[0]) as stranger,
        ThreadPoolExecutor(2) as pool,
    ):
        stranger.sendall(STRANGERS[case])
        first, second = pool.map(run, range(2))
        stranger.settimeout(10)
        with suppress(ConnectionResetError):
            assert stranger.recv(1) == b""  # it was closed
    for one, other in zip(first, second, strict=True):
        assert_array_equal(one, other)


def test_a_port_that_another_program_has_taken():
    """The others end in an error; none waits for ever."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        addresses = [taken.getsockname(), listener.getsockname()]
        with pytest.raises(OSError, match="in use"):
            socket.create_server(addresses[0])
        collective = SocketCollective(1, listener, addresses, SECRET, 0.5, 2)
        with collective, pytest.raises(WorkerError, match="Worker 0 of 2"):
            collective.broadcast(np.ones(3))


def test_nobody_at_an_address():
    listener = socket.create_server(("127.0.0.1", 0))
    with socket.create_server(("127.0.0.1", 0)) as gone:
        addresses = [gone.getsockname(), listener.getsockname()]
    with listener, pytest.raises(WorkerError, match="Worker 1 of 2 could not connect"):
        SocketCollective(1, listener, addresses, SECRET, 2)
    with (
        socket.create_server(("127.0.0.1", 0)) as own,
        pytest.raises(WorkerError, match=r"in 0.5 seconds: Worker 1 of 2 did not conn"),
    ):
        SocketCollective(0, own, [own.getsockname(), addresses[0]], SECRET, 0.5)


# TLS ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=sknn"
    arguments = [*command.split(), "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(arguments, check=True, capture_output=True)
    except OSError:
        pytest.skip("needs openssl")
    return certificate, key


def contexts_of(certificate, key):
    """Return contexts that ask for this certificate, as Dask's do."""
    contexts = SSLContext(PROTOCOL_TLS_SERVER), SSLContext(PROTOCOL_TLS_CLIENT)
    for context in contexts:
        context.check_hostname = False
        context.load_verify_locations(certificate)
        context.load_cert_chain(certificate, key)
        context.verify_mode = 2  # ssl.CERT_REQUIRED
    return contexts


def test_tls(certificate):
    found = group(3, added_up, encryption=contexts_of(*certificate))
    for arrays in found[1:]:
        for array, other in zip(arrays, found[0], strict=True):
            assert_array_equal(array, other)

    def fail(collective):
        if collective.rank == 1:
            raise ValueError("no more")
        collective.broadcast(np.ones(10**6), root=1)

    found = group(2, fail, encryption=contexts_of(*certificate))
    assert "Worker 1 of 2 has ended with an error: ValueError" in str(found[0])


def test_what_is_not_encrypted_is_turned_away(certificate, monkeypatch):
    monkeypatch.setattr("sknn.distributed.connecting._SECONDS_FOR_HELLO", 0.3)
    contexts = contexts_of(*certificate)
    found = group(
        2,
        added_up,
        timeout=1,
        encryption=lambda rank: None if rank else contexts,
    )
    assert all(isinstance(error, WorkerError) for error in found)
