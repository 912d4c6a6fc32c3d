"""The mean of the predictions of several networks, in one pass over the rows."""

from collections.abc import Callable, Sequence

import numpy as np

from sknn.network.data import Inputs
from sknn.network.network import Network
from sknn.network.threads import WORTH_A_THREAD, active_fit, in_parts, n_threads_for

# Rows stay in the cache from one network to the next. Means do not depend on the number
# of threads, since these share out whole blocks.
_NUMBERS_IN_BLOCK = 2**16
_FEWEST_BLOCKS = 4  # of rows that a network passes on together

Member = tuple[Network, np.ndarray]


def mean_predictions(
    members: Sequence[Member],
    inputs: Inputs,
    nonfinite_flags: np.ndarray,
    deviations: np.ndarray | None = None,
) -> np.ndarray:
    """Return averaged predictions of shape (n_samples, n_outputs).

    Parameters
    ----------
    members : sequence of (Network, ndarray)
        Networks of one dtype and of as many outputs, and their parameters.
    inputs : Inputs
    nonfinite_flags : ndarray
        Where the kernels note what is not finite.
    deviations : ndarray of shape (n_samples, n_outputs), default=None
        Is filled with the standard deviations of the networks' predictions.
    """
    network = members[0][0]
    n_rows = inputs.n_samples
    out = np.zeros((n_rows, network.n_outputs), network.dtype)
    block = max(net.block(n_rows) for net, _ in members)
    step = block * max(_FEWEST_BLOCKS, _NUMBERS_IN_BLOCK // (inputs.n_features * block))

    def fill(first: int, last: int, is_off: Callable[[], bool] = lambda: False) -> None:
        for start in range(first, last, step):
            stop = min(start + step, last)
            if is_off():
                break
            rows, mean = inputs.rows(start, stop), out[start:stop]
            parts = []
            for net, theta in members:
                part = net.predict(theta, rows, nonfinite_flags)
                mean += part
                if deviations is not None:
                    parts.append(part)
            mean /= len(members)
            if deviations is not None:
                deviations[start:stop] = np.std(parts, axis=0)

    def fill_beside_others(first: int, last: int, is_off: Callable[[], bool]) -> None:
        with active_fit():
            fill(first, last, is_off)

    work = sum(net.multiplications(n_rows) for net, _ in members)
    n_threads = n_threads_for(work, WORTH_A_THREAD) if n_rows > step else 1
    if n_threads == 1:
        fill(0, n_rows)
    else:
        in_parts(fill_beside_others, n_rows, n_threads, step)
    return out
