"""Compiling ahead of use."""

import numpy as np

from sknn.kernels import drivers
from sknn.kernels.activations import ACTIVATIONS
from sknn.kernels.optimizers import OPTIMIZERS


def prepare(dtype: np.dtype) -> None:
    """Make the first fit on a machine the only one that waits for the compiler.

    If the cache does not hold the main driver, every activation, optimizer and driver
    is compiled along with it, so that a search over them never stops to compile. If
    it does, it holds the others too, and each is loaded when it is needed. Without a
    cache, each process compiles only what it uses.
    """
    drivers.epoch.version(dtype)
    if not drivers.epoch.was_compiled(dtype):
        return
    leaves = [leaf for pair in ACTIVATIONS.values() for leaf in pair]
    leaves += [optimizer.step for optimizer in OPTIMIZERS.values()]
    for kernel in (drivers.loss_gradient, drivers.predict, *leaves):
        kernel.version(dtype)
