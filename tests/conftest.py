"""What all tests share."""

import signal

import pytest

from sknn.jit.declarations import INTERPRETED
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import REGRESSION_LOSSES
from sknn.network import registry
from sknn.network.network import network

if not INTERPRETED:  # tests compile functions that contain those of the kernels
    from sknn.jit import compiler

    compiler.register()


SECONDS_FOR_SLOW_TESTS = 1800


def pytest_configure():
    """Let tests be interrupted also where whoever started them ignores SIGINT.

    A shell does so with what it starts in the background. Child processes inherit it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    for item in items:
        is_slow = item.get_closest_marker("slow")
        if is_slow and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SECONDS_FOR_SLOW_TESTS))


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
