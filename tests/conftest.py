"""What all tests share."""

import random
import signal
from functools import partial

import pytest
from signals import interrupt

from sknn.jit.declarations import INTERPRETED
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import REGRESSION_LOSSES
from sknn.network import registry
from sknn.network.network import network

if not INTERPRETED:  # tests compile functions that contain those of the kernels
    from sknn.jit import compiler

    compiler.register()


SECONDS_FOR_SLOW_TESTS = 1800


def mark_all_but_some_cases_slow(items):
    """Leave n cases of each test marked `default_cases(n)` to the default run.

    They are drawn at random, the same ones each time.
    """
    tests = {}
    for item in items:
        is_slow = item.get_closest_marker("slow")
        if item.get_closest_marker("default_cases") and not is_slow:
            tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for name, cases in tests.items():
        n = cases[0].get_closest_marker("default_cases").args[0]
        for item in random.Random(name).sample(cases, max(0, len(cases) - n)):
            item.add_marker(pytest.mark.slow)


def pytest_configure():
    """Let tests be interrupted also where whoever started them ignores SIGINT.

    A shell does so with what it starts in the background. Child processes inherit it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items):
    mark_all_but_some_cases_slow(items)
    for item in items:
        is_slow = item.get_closest_marker("slow")
        if is_slow and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SECONDS_FOR_SLOW_TESTS))


@pytest.fixture
def interrupted(monkeypatch):
    """Return a function that sends SIGINT to this process while a call computes."""
    return partial(interrupt, monkeypatch=monkeypatch)


@pytest.fixture(autouse=True)
def _nothing_stays_registered():
    """Take back what a test registers, for others go over the tables."""
    tables = (ACTIVATIONS, REGRESSION_LOSSES, registry.DEFINITIONS)
    before = [dict(table) for table in tables]
    yield
    for table, entries in zip(tables, before, strict=True):
        if table != entries:
            table.clear()
            table.update(entries)
            network.cache_clear()
