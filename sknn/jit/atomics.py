"""Atomic operations on arrays that threads share."""

from typing import Any

from sknn.jit.declarations import intrinsic

_intrinsic = intrinsic(f"{__package__}.intrinsics")


@_intrinsic
def add(array: Any, index: Any, value: Any) -> Any:
    """Add to an element; return what it was before."""
    before = array[index]
    array[index] += value
    return before


@_intrinsic
def read(array: Any, index: Any) -> Any:
    """Return an element as it is now."""
    return array[index]


@_intrinsic
def sched_yield() -> None:
    """Let another thread run."""
