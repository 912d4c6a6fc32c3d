"""What products do with numbers that are too small, not finite, or behind a gate."""

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sknn.kernels.jit import INTEGER, Array, call, driver
from sknn.kernels.products import dots_product, outer_product, rows_product

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
# So many rows and columns that there are all kinds of tiles.
shapes = pytest.mark.parametrize(
    "shape", [(1, 16), (3, 100), (4, 17), (13, 64), (29, 107), (8, 203)], ids=str
)
ODD = [-np.inf, np.inf, np.nan, -2.0, 2.0, 0.0, -1e-30, 1e-30]


@driver((*[Array()] * 4, *[INTEGER] * 3))
def outer(a, b, gate, c, gate0, n, m):
    outer_product(a, 0, 1, b, 0, gate, gate0, c, 0, m, n, m)
    return 0.0


def odd_numbers(rng, shape, dtype):
    return rng.choice(np.array(ODD, dtype), size=shape)


def rows(a, b, least=-math.inf, gate=None):
    """Return a b from the leaf."""
    (n, n_terms), m = a.shape, b.shape[1]
    c = np.full((n, m), -7, dtype=a.dtype)
    mask, mask0 = (c, -1) if gate is None else (gate, 0)
    call(
        rows_product.address(a.dtype),
        (
            a.ravel(), 0, n_terms, 1, b.ravel(), 0, m, a.ravel(), -1, least,
            mask.ravel(), mask0, c.reshape(-1), 0, m, n, m, n_terms,
        ),
    )  # fmt: skip
    return c


def dots(a, b, least):
    """Return a b.T from the leaf."""
    (n, n_terms), m = a.shape, len(b)
    c = np.full((n, m), -7, dtype=a.dtype)
    call(
        dots_product.address(a.dtype),
        (
            a.ravel(), 0, n_terms, b.ravel(), 0, n_terms, a.ravel(), -1, least,
            c.reshape(-1), 0, n, m, n_terms,
        ),
    )  # fmt: skip
    return c


@dtypes
@shapes
@pytest.mark.parametrize("least", [-math.inf, 0.0])
def test_results_are_no_less_than_the_least(least, shape, dtype):
    """One term each, a number that is not finite or too small, times one."""
    numbers = odd_numbers(np.random.RandomState(0), shape, dtype)
    expected = np.maximum(numbers, dtype.type(least))
    column, row = np.ones((shape[0], 1), dtype), np.ones((1, shape[1]), dtype)
    with np.errstate(invalid="ignore"):
        for k in range(shape[0]):
            assert_array_equal(rows(column, numbers[k : k + 1], least)[0], expected[k])
        for k in range(shape[1]):
            own = np.ascontiguousarray(numbers[:, k : k + 1])
            assert_array_equal(rows(own, row, least)[:, 0], expected[:, k])
            for m in (1, 2, 3, 4, 7):
                found = dots(own, row[:, :m].T, least)
                assert_array_equal(found, np.tile(expected[:, k : k + 1], m))


@dtypes
@pytest.mark.parametrize("n", [*range(1, 10), 12, 13])
@pytest.mark.parametrize("m", [16, 17, 40, 48, 100, 203])
def test_products_of_whole_numbers_are_exact(n, m, dtype):
    """All heights and widths of tiles; nothing is written before or behind."""
    n_terms, guard = 11, 64
    rng = np.random.RandomState(n)
    a, b, bias = (rng.randint(-9, 10, k) for k in ((n, n_terms), (n_terms, m), (m,)))
    c = np.full(n * m + 2 * guard, -7, dtype)
    for a_own, strides in ((a, (n_terms, 1)), (a.T, (1, n))):
        own = [numbers.astype(dtype).ravel() for numbers in (a_own, b, bias)]
        c[:] = -7
        call(
            rows_product.address(dtype),
            (
                own[0], 0, *strides, own[1], 0, m, own[2], 0, -math.inf,
                own[1], -1, c, guard, m, n, m, n_terms,
            ),
        )  # fmt: skip
        assert_array_equal(c[guard:-guard].reshape(n, m), a @ b + bias)
        assert_array_equal(c[:guard], -7)
        assert_array_equal(c[-guard:], -7)


@dtypes
@shapes
def test_results_behind_a_gate_are_zero(shape, dtype):
    """A gate is shut where it is 0; NaN then does not get past it, as elsewhere."""
    rng = np.random.RandomState(1)
    gate = odd_numbers(rng, shape, dtype)
    column, row = (odd_numbers(rng, size, dtype) for size in shape)
    found = np.full(shape, -7, dtype)
    with np.errstate(all="ignore"):
        product = np.outer(column, row)
        expected = np.where(gate == 0, 0, product)
        for c, gate0, numbers in ((found, 0, expected), (found.copy(), -1, product)):
            outer(dtype, column, row, gate.ravel(), c.reshape(-1), gate0, *shape)
            assert_array_equal(c, numbers)
        assert_array_equal(rows(column[:, None], row[None], gate=gate), expected)
        assert_array_equal(rows(column[:, None], row[None]), product)
