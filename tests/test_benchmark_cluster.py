"""The section on one fit on a cluster: what is computed, and what is measured of it."""

import secrets
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import cluster, targets
from benchmarks import cluster_estimate as estimate
from benchmarks.tables import cluster as table_of

SECRET = secrets.token_bytes(32)
FIT = {"what": "a fit, hidden 512", "parameters": "1000", "batch": "100", "ms": "50"}
FIT |= {"one / local": "0.98", "two / one": "1.8", "ms beside": "2.5"}
FIT |= {"apart / one": "1.9"}
ROWS = [
    *({"what": estimate.REDUCE.format(size), "ms": "1"} for size in estimate.SIZES),
    {"what": estimate.MESSAGE, "ms": "0.5"},
    FIT,
]


def test_a_sum_takes_its_messages_and_its_bytes():
    """By hand: of 4 machines each sends 3 shares twice, in 6 turns."""
    latency = 6 * (estimate.LATENCY + 0.001)
    sent = 2 * 3 * 4 * 100_000 / 4  # bytes, of 100,000 numbers of 4 bytes
    found = estimate.seconds_to_reduce(4, 100_000, 8, message=0.001, number=1e-9)
    assert found == pytest.approx(latency + 1e-4 + sent / 1e9)
    assert estimate.seconds_to_reduce(1, 100_000, 8, 0.001, 0) == 0


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_batch_is_large_enough_for_a_share_of_computing(share):
    batch = estimate.batch_for(share, n_machines=16, reduce=0.02, row=1e-5)
    computing = batch / 16 * 1e-5
    assert computing / (computing + 0.02) == pytest.approx(share)


def test_the_table_says_that_it_is_an_estimate():
    text = table_of(ROWS)
    measured, _, estimated = text.partition("**An estimate, not a measurement.**")
    assert (
        "| a fit, hidden 512 | 1000 | 100 | 50 | 0.98 | 1.80 | 1.90 | 2.5 |" in measured
    )
    lines = [line for line in estimated.splitlines() if line.startswith("| a fit")]
    assert len(lines) == len(estimate.MACHINES) * len(estimate.GIGABITS)
    # 30 turns of 0.55 ms, and hardly any bytes
    assert "| a fit, hidden 512 | 16 | 25 | 16.5 |" in estimated
    assert table_of(ROWS[:-1]) == measured.partition("\n\n")[0]


def test_two_workers_have_a_target():
    (met,) = [t for t in targets.targets({"cluster": ROWS}) if "two workers" in t.what]
    assert (met.asked, met.measured) == ("at least 1.7", "1.8")


def test_sums_are_timed():
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [each.getsockname() for each in listeners]

    def run(rank):
        with listeners[rank] as listener:
            return cluster.reduce_often(rank, listener, addresses, SECRET, 10**6)

    with ThreadPoolExecutor(2) as pool:
        assert all(seconds > 0 for seconds in pool.map(run, range(2)))
