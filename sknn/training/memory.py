"""How much memory training needs, and how much there is."""

import os
import sys
from functools import cache
from pathlib import Path

from sknn.kernels.optim.optimizers import OPTIMIZERS
from sknn.network.network import Network
from sknn.training.stochastic import optimizer_name

_LIMIT_OF_CONTAINER = Path("/sys/fs/cgroup/memory.max")
# What scipy's L-BFGS-B keeps of the parameters' size in float64: ten pairs of vectors,
# and the point, the gradient and the direction.
_VECTORS_OF_LBFGS = 23


@cache
def memory_of_machine() -> int:
    """Return the bytes of memory of the machine, or of the container, if known."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        memory = sys.maxsize
    try:
        return min(memory, int(_LIMIT_OF_CONTAINER.read_text("ascii")))
    except (OSError, ValueError):  # not Linux, or "max"
        return memory


def rows_at_once(network: Network, n_samples: int, parameters: dict) -> int:
    """Return for how many rows the network keeps all outputs in training."""
    if parameters["solver"] == "lbfgs":
        return network.batch_of_lbfgs(n_samples)
    batch_size = parameters["batch_size"]
    return min(200 if batch_size == "auto" else batch_size, n_samples)


def check_memory(network: Network, n_rows: int, is_sparse: bool, parameters: dict):
    """Refuse to train what cannot fit into memory, before any of it is asked for.

    The system may grant memory that is not there, and end the process when it is used.
    ``n_rows`` is the number of rows in a batch. What is counted is needed for sure.
    """
    itemsize, solver = network.dtype.itemsize, parameters["solver"]
    if solver == "lbfgs":
        of_state = 8 * _VECTORS_OF_LBFGS * network.n_trained
    else:
        n_slots = OPTIMIZERS[optimizer_name(parameters)].n_slots
        of_state = itemsize * (1 + n_slots) * network.n_trained
    of_parameters = itemsize * network.n_parameters
    n_columns = 2 * network.layout.n_columns(is_sparse)
    n_columns += 0 if is_sparse else network.n_features
    of_batch = itemsize * n_rows * n_columns
    needed, there = of_parameters + of_state + of_batch, memory_of_machine()
    if needed > there:
        raise MemoryError(
            f"Training needs {needed} bytes of memory, but there are {there}: "
            f"{of_parameters} for the {network.n_parameters} parameters, {of_state} "
            f"for what solver={solver!r} keeps of them, and {of_batch} for a batch of "
            f"{n_rows} rows. Make hidden_layer_sizes, batch_size or the number of "
            f"features ({network.n_features}) smaller."
        )
