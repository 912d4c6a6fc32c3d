"""A vectorised test for infinite values and NaN."""

from sknn.jit.array_types import Vector
from sknn.jit.kernel import inline_array, like


@inline_array
def nan_if_nonfinite(values: Vector) -> float:
    """Return sum(0 * values): 0, or NaN if any of the 1-D array is not finite."""
    if values.size == 0:
        return 0.0
    total = zero = like(values[0], 0)
    for i in range(values.size):
        total += zero * values[i]
    return float(total)
