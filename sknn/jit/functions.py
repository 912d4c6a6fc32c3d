"""Functions that kernels are written with, as plain Python.

`intrinsics.py` has them as LLVM instructions.
"""

import numpy as np

from sknn.jit.array_types import AnyArray, Matrix, Vector
from sknn.jit.declarations import intrinsic

_intrinsic = intrinsic(f"{__package__}.intrinsics")


@_intrinsic
def matrix(buffer: AnyArray, start: int, n_rows: int, n_columns: int) -> Matrix:
    """Return a C-ordered view of a buffer from an element on, without checks."""
    return buffer.reshape(-1)[start : start + n_rows * n_columns].reshape(
        n_rows, n_columns
    )


@_intrinsic
def vector(buffer: AnyArray, start: int, size: int) -> Vector:
    """Return a 1-D view of a buffer from an element on, without checks."""
    return buffer.reshape(-1)[start : start + size]


@_intrinsic
def flat(array: AnyArray) -> Vector:
    """Return a C-ordered array as a 1-D view."""
    return array.reshape(-1)


@_intrinsic
def prefetch(buffer: Vector, index: int) -> None:
    """Load the cache line of an element of a buffer before it is needed."""


@_intrinsic
def scratch(x: float, size: int) -> Vector:
    """Return memory for numbers like x, which the kernel has while it runs.

    The size must be a constant.
    """
    return np.empty(size, type(x))


@_intrinsic
def like(x: float, constant: float) -> float:
    """Return a constant in the type of the scalar x, so that float32 stays float32."""
    return type(x)(constant)
