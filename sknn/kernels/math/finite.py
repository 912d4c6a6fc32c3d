"""Whether numbers are finite, found in one pass that is vectorised."""

from sknn.jit.kernel import like, part


@part
def zero_of(values):
    """Return 0, or NaN where a value is not finite."""
    if values.size == 0:
        return 0.0
    total = zero = like(values[0], 0)
    for i in range(values.size):
        total += zero * values[i]
    return float(total)
