"""How long each kernel takes to compile for float64, one after the other."""

import tempfile
from collections.abc import Iterator

from benchmarks.startup import output_of

_SCRIPT = """
import time
import numpy as np
import sknn
from sknn.jit.kernel import COMPILED
for kernel in COMPILED:
    start = time.perf_counter()
    kernel.address(np.dtype(np.float64))
    print(kernel.name, time.perf_counter() - start)
"""


def rows(options) -> Iterator[dict]:
    """Yield a row for each kernel; the first includes what is set up in a process."""
    with tempfile.TemporaryDirectory() as folder:
        for line in output_of(_SCRIPT, folder).splitlines():
            name, seconds = line.split()
            yield {"kernel": name, "seconds": float(seconds)}
