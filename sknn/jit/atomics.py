"""Atomic operations on arrays that threads share."""

from sknn.jit.declarations import instruction

_builtin = instruction("sknn.jit.intrinsics")


@_builtin
def add(array, index, value):
    """Add to an element; return what it was before."""
    before = array[index]
    array[index] += value
    return before


@_builtin
def read(array, index):
    """Return an element as it is now."""
    return array[index]


@_builtin
def sched_yield():
    """Let another thread run."""
