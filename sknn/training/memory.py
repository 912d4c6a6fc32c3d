"""How much memory training needs, and how much there is."""

import os
import sys
from functools import cache
from pathlib import Path

from sknn.network.network import Network
from sknn.training.options import TrainingOptions

_LIMIT_OF_CONTAINER = Path("/sys/fs/cgroup/memory.max")
# float64 vectors of the parameters' size in L-BFGS: ten pairs, two points and their
# gradients, and the direction.
_VECTORS_OF_LBFGS = 25


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


def check_memory(
    network: Network, n_samples: int, is_sparse: bool, options: TrainingOptions
) -> None:
    """Refuse to train a network that does not fit into memory, before allocating.

    The system may grant more memory than there is, and end the process when it is
    used. Only what training needs in any case is counted.

    Raises
    ------
    MemoryError
        If training needs more bytes than the machine has.
    """
    itemsize, solver = network.dtype.itemsize, options.solver
    optimizer = options.stochastic_optimizer
    if optimizer is None:
        n_rows = network.gradient_batch(n_samples)
        of_state = 8 * _VECTORS_OF_LBFGS * network.n_trained
    else:
        n_rows = options.rows_of_batch(n_samples)
        n_rows = network.part(n_rows) or n_rows
        of_state = itemsize * (1 + optimizer.n_slots) * network.n_trained
    of_parameters = itemsize * network.n_parameters
    n_columns = 2 * network.layout.n_columns(is_sparse)
    n_columns += 0 if is_sparse else network.n_features
    of_batch = itemsize * n_rows * n_columns
    needed, available = of_parameters + of_state + of_batch, memory_of_machine()
    if needed > available:
        raise MemoryError(
            f"Training needs {needed} bytes of memory, but there are {available}: "
            f"{of_parameters} for the {network.n_parameters} parameters, {of_state} "
            f"for what solver={solver!r} keeps of them, and {of_batch} for a batch of "
            f"{n_rows} rows. Make hidden_layer_sizes, batch_size or the number of "
            f"features ({network.n_features}) smaller."
        )
