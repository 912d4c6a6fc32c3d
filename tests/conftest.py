"""What all tests share."""

import pytest

from sknn.jit.declarations import INTERPRETED
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import REGRESSION_LOSSES
from sknn.network import registry
from sknn.network.network import network

if not INTERPRETED:  # tests compile functions that contain those of the kernels
    from sknn.jit import compiler

    compiler.register()


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
