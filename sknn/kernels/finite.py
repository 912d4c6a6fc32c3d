"""Whether numbers are finite, seen while they are in the cache for other reasons."""

from sknn.kernels.jit import part, vector


@part
def all_finite(x):
    """Return whether all numbers of a vector are finite."""
    # Zero times an infinity is NaN. Without branches, this is vectorised.
    zero = x.dtype.type(0)
    total = zero
    for k in range(x.size):
        total += x[k] * zero
    return total == zero


@part
def finite_rows(values, indptr, n_features, first, n):
    """Return whether rows of a matrix in C order, or in CSR, hold finite numbers only.

    ``indptr`` is empty where the matrix is dense.
    """
    start, size = first * n_features, n * n_features
    if indptr.size:
        start, size = indptr[first], indptr[first + n] - indptr[first]
    return all_finite(vector(values, start, size))
