"""Atomic operations on arrays that threads share."""

from sknn.jit.array_types import Integers
from sknn.jit.declarations import intrinsic

_intrinsic = intrinsic(f"{__package__}.intrinsics")


@_intrinsic
def add(array: Integers, index: int, value: int) -> int:
    """Add to an element; return what it was before."""
    before: int = array[index]
    array[index] += value
    return before


@_intrinsic
def read(array: Integers, index: int) -> int:
    """Return an element as it is now."""
    value: int = array[index]
    return value


@_intrinsic
def sched_yield() -> None:
    """Let another thread run."""
