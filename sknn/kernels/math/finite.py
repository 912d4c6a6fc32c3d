"""Whether numbers are finite, found in one pass that is vectorised."""

from sknn.jit.kernel import inline_array, like


@inline_array
def nan_if_nonfinite(values):
    """Return 0, or NaN where a value is not finite."""
    if values.size == 0:
        return 0.0
    total = zero = like(values[0], 0)
    for i in range(values.size):
        total += zero * values[i]
    return float(total)
