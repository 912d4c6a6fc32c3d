"""The sums of L-BFGS and of orthogonal weights: exact sums, formulas, NumPy's QR."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sknn.kernels.optim import sums

FLOAT64 = np.dtype(np.float64)
RNG = np.random.RandomState(0)
EPSILON = np.finfo(float).eps


@pytest.mark.parametrize("n", [0, 1, 2, 7, 64, 1001, 20_000])
def test_dot(n):
    x, y = RNG.normal(size=(2, n))
    largest = n * EPSILON * math.fsum(np.abs(x * y))
    assert abs(sums.dot(FLOAT64, x, y) - math.fsum(x * y)) <= largest


@pytest.mark.parametrize("values", [(np.nan, 1.0), (np.inf, 1.0), (np.inf, 0.0)])
def test_dot_of_what_is_not_finite(values):
    x, y = np.full(9, values[0]), np.full(9, values[1])
    with np.errstate(invalid="ignore"):
        np.testing.assert_equal(sums.dot(FLOAT64, x, y), np.sum(x * y))


def inverse_hessian(steps, changes, n):
    """Return the matrix that BFGS updates, by its formula (oldest pair first)."""
    s, y = steps[-1], changes[-1]
    inverse = np.eye(n) * (s @ y) / (y @ y)
    for s, y in zip(steps, changes, strict=True):
        project = np.eye(n) - np.outer(s, y) / (s @ y)
        inverse = project @ inverse @ project.T + np.outer(s, s) / (s @ y)
    return inverse


@pytest.mark.parametrize("n", [2, 9, 40])
@pytest.mark.parametrize(
    ("n_pairs", "newest"), [(1, 0), (3, 2), (5, 4), (5, 1), (3, 0)]
)
def test_quasi_newton(n_pairs, newest, n):
    """Also where the ring of pairs has begun anew."""
    steps = RNG.normal(size=(5, n))
    changes = steps * RNG.uniform(0.5, 2, size=n)  # of a convex function
    products = np.einsum("ij,ij->i", steps, changes)
    gradient = RNG.normal(size=n)
    order = [(newest - k) % 5 for k in reversed(range(n_pairs))]
    expected = inverse_hessian(steps[order], changes[order], n) @ gradient
    direction = gradient.copy()
    unused = [k for k in range(5) if k not in order]
    steps[unused] = changes[unused] = products[unused] = np.nan
    arguments = steps, changes, products, np.empty(5), direction, n_pairs, newest
    sums.quasi_newton(FLOAT64, *arguments)
    assert_allclose(direction, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 4), (3, 50), (60, 60)], ids=str)
def test_orthonormalize_is_qr_with_a_positive_diagonal(shape):
    rows = RNG.normal(size=shape)
    q, r = np.linalg.qr(rows.T)
    expected = (q * np.sign(np.diag(r))).T
    sums.orthonormalize(FLOAT64, rows)
    # A square matrix of normal numbers magnifies rounding errors by its condition.
    assert_allclose(rows, expected, atol=1e-10)


@pytest.mark.parametrize("noise", [1e-3, 1e-6, 1e-9, 1e-12])
def test_orthonormalize_rows_that_are_nearly_the_same(noise):
    rows = np.ones((8, 30)) + noise * RNG.normal(size=(8, 30))
    sums.orthonormalize(FLOAT64, rows)
    assert_allclose(rows @ rows.T, np.eye(8), atol=1e-13)
