"""A spinning barrier for threads that work on the same batch.

Each thread runs the same driver on the same memory, with its number ``thread``, and
processes its range of each phase. Between two phases all threads wait for the last one.
No sum runs across threads: each element of a result is computed by a single thread, in
the same way whatever the number of threads, so that this number never changes a bit.

The threads share an array of N_SHARED integers: the number of threads that have
arrived at the barrier, the number of times that all have, and whether the work was
called off.
"""

from sknn.jit.array_types import Integers
from sknn.jit.atomics import add, read, sched_yield
from sknn.jit.kernel import inline_scalar

ARRIVED, ROUNDS, CALLED_OFF = 0, 1, 2
N_SHARED = 3

_SPINS = 2000  # reads before a waiting thread yields the processor


@inline_scalar
def barrier_wait(shared: Integers, n_threads: int) -> bool:
    """Wait until all threads have arrived; return False if the work was called off.

    ``shared`` is the int64 array of shape (N_SHARED,) that all threads pass.
    """
    if n_threads == 1:
        return True
    rounds = read(shared, ROUNDS)
    if add(shared, ARRIVED, 1) == n_threads - 1:
        add(shared, ARRIVED, -n_threads)
        add(shared, ROUNDS, 1)
        return read(shared, CALLED_OFF) == 0
    spins = 0
    while read(shared, ROUNDS) == rounds:
        if read(shared, CALLED_OFF) != 0:
            return False
        spins += 1
        if spins > _SPINS:
            sched_yield()
    return True
