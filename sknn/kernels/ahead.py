"""Compiling ahead of use."""

import numpy as np

from sknn.kernels import drivers
from sknn.kernels.activations import ACTIVATIONS
from sknn.kernels.jit import Compiled
from sknn.kernels.optimizers import OPTIMIZERS

# scikit-learn's options: what searches written for it go over. All else is compiled
# when it is first used.
_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
_OPTIMIZERS = ("sgd", "nesterov", "adam")


def prepare(dtype: np.dtype) -> None:
    """Make the first fit on a machine the only one that waits for the compiler.

    If the cache does not hold the main driver, the drivers and what scikit-learn has
    of activations and optimizers are compiled along with it, so that a search over
    them never stops to compile. If it does, it holds the others too, and each is
    loaded when it is needed. Without a cache, each process compiles only what it uses.
    """
    drivers.epoch.version(dtype)
    if not drivers.epoch.was_compiled(dtype):
        return
    kernels: list[Compiled] = [drivers.loss_gradient, drivers.predict]
    for name in _ACTIVATIONS:
        kernels += [ACTIVATIONS[name].forward, ACTIVATIONS[name].backward]
    for kernel in [*kernels, *(OPTIMIZERS[name].step for name in _OPTIMIZERS)]:
        kernel.version(dtype)
