"""Sums for L-BFGS and for orthogonal weights, in float64.

BLAS divides such sums among its threads, so that their number would change the last
bits of the result. Here the order of the terms is always the same.
"""

from math import sqrt

from sknn.jit.array_types import Matrix, Vector
from sknn.jit.kernel import INTEGER, Array, driver

_VECTOR, _READ_ONLY = Array(), Array(is_read_only=True)
_ROWS = Array(ndim=2)

# A row that has lost more than this share of its length to the rows before it is made
# orthogonal once more: what is left holds their rounding errors.
_CANCELLED = 0.5


@driver((_READ_ONLY, _READ_ONLY))
def dot(x: Vector, y: Vector) -> float:
    """Return the sum of x * y.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
    """
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@driver((_ROWS, _ROWS, _VECTOR, _VECTOR, _VECTOR, INTEGER, INTEGER))
def quasi_newton(
    steps: Matrix,
    changes: Matrix,
    products: Vector,
    factors: Vector,
    direction: Vector,
    n_pairs: int,
    newest: int,
) -> float:
    """Multiply the direction d by the inverse Hessian that L-BFGS estimates, in place.

    The two-loop recursion [1]_ on pairs of a step s and a change y, with p = s . y::

        for each pair, newest first:    f = (s . d) / p;  d -= f y
        d *= p / (y . y), of the newest pair
        for each pair, oldest first:    d += (f - (y . d) / p) s

    The pairs are a ring in memory: the newest, then those before it down to row 0, then
    those from the last row on downwards.

    Parameters
    ----------
    steps, changes : ndarray of shape (n_stored, n)
        Steps s, and the changes y of the gradient with them.
    products : ndarray of shape (n_stored,)
        Their scalar products p, which are positive.
    factors : ndarray of shape (n_stored,)
        Workspace for f.
    direction : ndarray of shape (n,)
        The gradient, which is overwritten.
    n_pairs, newest : int
        Number of pairs, at least one, and the row of the newest.

    References
    ----------
    .. [1] J. Nocedal, "Updating Quasi-Newton Matrices with Limited Storage",
       Mathematics of Computation 35, 1980.
    """
    n_stored, n = steps.shape
    k = newest
    for _ in range(n_pairs):
        total = 0.0
        for i in range(n):
            total += steps[k, i] * direction[i]
        factor = total / products[k]
        factors[k] = factor
        for i in range(n):
            direction[i] -= factor * changes[k, i]
        k = k - 1 if k > 0 else n_stored - 1
    squares = 0.0
    for i in range(n):
        squares += changes[newest, i] * changes[newest, i]
    scale = products[newest] / squares
    for i in range(n):
        direction[i] *= scale
    for _ in range(n_pairs):
        k = k + 1 if k < n_stored - 1 else 0
        total = 0.0
        for i in range(n):
            total += changes[k, i] * direction[i]
        factor = factors[k] - total / products[k]
        for i in range(n):
            direction[i] += factor * steps[k, i]
    return 0.0


@driver((_ROWS,))
def orthonormalize(rows: Matrix) -> float:
    """Make rows orthonormal in place, by the Gram-Schmidt process.

    For each row r, in their order: r -= (q . r) q for each row q before it, then r /=
    norm(r). A row that loses much of its length is made orthogonal twice.

    Parameters
    ----------
    rows : ndarray of shape (m, n)
        Linearly independent, m <= n.
    """
    m, n = rows.shape
    for r in range(m):
        row = rows[r]
        before = 0.0
        for i in range(n):
            before += row[i] * row[i]
        after = before
        for _ in range(2):
            for k in range(r):
                known = rows[k]
                total = 0.0
                for i in range(n):
                    total += known[i] * row[i]
                for i in range(n):
                    row[i] -= total * known[i]
            after = 0.0
            for i in range(n):
                after += row[i] * row[i]
            if after > _CANCELLED * _CANCELLED * before:
                break
        length = sqrt(after)
        for i in range(n):
            row[i] /= length
    return 0.0


# Never called in float32, whatever the dtype of the network is.
IN_FLOAT64 = (dot, quasi_newton, orthonormalize)
