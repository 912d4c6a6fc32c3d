"""Threads that work on one batch together.

Every member of a team runs the same driver on the same memory, with a number of its
own, and does its share of each phase. Between two phases all wait for the last one.
Nothing is summed across members: each element of a result is found by one member, in
the same way whatever their number, so that this number never changes a bit.

What they share is an array of three integers: how many have arrived, how often all
have, and whether the work was called off.
"""

from sknn.jit.atomics import add, read, sched_yield
from sknn.jit.kernel import inline_scalar

ARRIVED, ROUNDS, CALLED_OFF = 0, 1, 2
N_SHARED = 3

_PATIENCE = 2000  # looks before a waiting member lets others run


@inline_scalar
def barrier_wait(shared, n_threads):
    """Wait for all members; return whether to go on."""
    if n_threads == 1:
        return True
    rounds = read(shared, ROUNDS)
    if add(shared, ARRIVED, 1) == n_threads - 1:
        add(shared, ARRIVED, -n_threads)
        add(shared, ROUNDS, 1)
        return read(shared, CALLED_OFF) == 0
    looks = 0
    while read(shared, ROUNDS) == rounds:
        if read(shared, CALLED_OFF) != 0:
            return False
        looks += 1
        if looks > _PATIENCE:
            sched_yield()
    return True
