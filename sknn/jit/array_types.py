"""Names of array types, for the annotations of what is compiled.

The dtype of a `Vector` or a `Matrix` is that of the specialization, float32 or float64,
which an annotation cannot say: what is taken from one counts as ``Any``. Scalars of
this dtype are annotated as ``float``. Numba reads no annotations.
"""

from typing import Any

import numpy as np

Vector = np.ndarray[tuple[int], np.dtype[Any]]
Matrix = np.ndarray[tuple[int, int], np.dtype[Any]]
AnyArray = np.ndarray[Any, np.dtype[Any]]  # of any number of dimensions
Float64s = Vector  # 1-D, of float64 in both specializations
Integers = Vector  # 1-D, of int64
Int32s = Vector  # 1-D, of int32
IntegerMatrix = Matrix  # 2-D, of int64
