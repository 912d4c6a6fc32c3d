"""Products of matrices, and what is done to their elements before they are stored."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sknn.jit.kernel import INTEGER, REAL, Array, call, driver
from sknn.kernels.gemm.operands import (
    NO_EPILOGUE,
    QUADRATIC_GRAD,
    RELU,
    RELU_GRAD,
    Epilogue,
    MatrixOperand,
    Product,
    VectorOperand,
)
from sknn.kernels.gemm.products import (
    dots_product,
    outer_product,
    rows_product,
)
from sknn.kernels.layers.activations import ACTIVATIONS

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
# So many rows and columns that there are all tiles.
shapes = pytest.mark.parametrize(
    "shape", [(1, 16), (3, 100), (4, 17), (13, 64), (29, 107), (8, 203)], ids=str
)
SPECIAL_NUMBERS = [-np.inf, np.inf, np.nan, -2.0, 2.0, 0.0, -1e-30, 1e-30]


@driver((*[Array()] * 4, INTEGER, REAL, REAL, INTEGER, INTEGER))
def outer(a, b, gate, c, epilogue, p, q, n, m):
    product = Product(
        MatrixOperand(a, 0, 1, 1),
        MatrixOperand(b, 0, m, 1),
        VectorOperand(a, -1),
        Epilogue(epilogue, p, q, gate, 0),
        MatrixOperand(c, 0, m, 1),
        n,
        m,
        1,
    )
    outer_product(product)
    return 0.0


def special_numbers(rng, shape, dtype):
    return rng.choice(np.array(SPECIAL_NUMBERS, dtype), size=shape)


def rows(a, b, epilogue=NO_EPILOGUE, gate=None, p=0.0, q=0.0):
    """Return a b from the kernel."""
    (n, n_terms), m = a.shape, b.shape[1]
    c = np.full((n, m), -7, dtype=a.dtype)
    gate = a if gate is None else gate
    product = Product(
        MatrixOperand(a.ravel(), 0, n_terms, 1),
        MatrixOperand(b.ravel(), 0, m, 1),
        VectorOperand(a.ravel(), -1),
        Epilogue(epilogue, p, q, gate.ravel(), 0),
        MatrixOperand(c.reshape(-1), 0, m, 1),
        n,
        m,
        n_terms,
    )
    call(rows_product.address(a.dtype), (product,))
    return c


def dots(a, b, epilogue):
    """Return a b.T from the kernel."""
    (n, n_terms), m = a.shape, len(b)
    c = np.full((n, m), -7, dtype=a.dtype)
    product = Product(
        MatrixOperand(a.ravel(), 0, n_terms, 1),
        MatrixOperand(b.ravel(), 0, n_terms, 1),
        VectorOperand(a.ravel(), -1),
        Epilogue(epilogue, 0.0, 0.0, a.ravel(), 0),
        MatrixOperand(c.reshape(-1), 0, m, 1),
        n,
        m,
        n_terms,
    )
    call(dots_product.address(a.dtype), (product,))
    return c


@dtypes
@shapes
@pytest.mark.parametrize("epilogue", [NO_EPILOGUE, RELU])
def test_clamped_results_are_no_less_than_zero(epilogue, shape, dtype):
    """One term each, a number that is not finite or too small, times one."""
    numbers = special_numbers(np.random.RandomState(0), shape, dtype)
    expected = np.maximum(numbers, 0) if epilogue == RELU else numbers
    column, row = np.ones((shape[0], 1), dtype), np.ones((1, shape[1]), dtype)
    with np.errstate(invalid="ignore"):
        for k in range(shape[0]):
            assert_array_equal(
                rows(column, numbers[k : k + 1], epilogue)[0], expected[k]
            )
        for k in range(shape[1]):
            own = np.ascontiguousarray(numbers[:, k : k + 1])
            assert_array_equal(rows(own, row, epilogue)[:, 0], expected[:, k])
            for m in (1, 2, 3, 4, 7):
                found = dots(own, row[:, :m].T, epilogue)
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
        product = Product(
            MatrixOperand(own[0], 0, *strides),
            MatrixOperand(own[1], 0, m, 1),
            VectorOperand(own[2], 0),
            Epilogue(NO_EPILOGUE, 0.0, 0.0, own[1], 0),
            MatrixOperand(c, guard, m, 1),
            n,
            m,
            n_terms,
        )
        call(rows_product.address(dtype), (product,))
        assert_array_equal(c[guard:-guard].reshape(n, m), a @ b + bias)
        assert_array_equal(c[:guard], -7)
        assert_array_equal(c[-guard:], -7)


@dtypes
@shapes
def test_results_behind_a_gate_are_zero(shape, dtype):
    """A gate is shut where it is 0; NaN then does not get past it, as elsewhere."""
    rng = np.random.RandomState(1)
    gate = special_numbers(rng, shape, dtype)
    column, row = (special_numbers(rng, size, dtype) for size in shape)
    found = np.full(shape, -7, dtype)
    with np.errstate(all="ignore"):
        product = np.outer(column, row)
        expected = np.where(gate == 0, 0, product)
        for epilogue, numbers in ((RELU_GRAD, expected), (NO_EPILOGUE, product)):
            own = column, row, gate.ravel(), found.reshape(-1)
            outer(dtype, *own, epilogue, 0.0, 0.0, *shape)
            assert_array_equal(found, numbers)
        assert_array_equal(rows(column[:, None], row[None], RELU_GRAD, gate), expected)
        assert_array_equal(rows(column[:, None], row[None]), product)


QUADRATIC = sorted(
    name
    for name, one in ACTIVATIONS.items()
    if one.fused_epilogue.backwards == QUADRATIC_GRAD
)


@dtypes
@shapes
@pytest.mark.parametrize("name", QUADRATIC)
def test_results_times_a_quadratic_derivative(name, shape, dtype):
    """As exact as the kernel of the same derivative, also where it almost vanishes."""
    rng = np.random.RandomState(2)
    near = np.exp(rng.uniform(-35, 0, size=shape))
    kinds = [near, 1 - near, -near, near - 1, np.sign(near)]
    y = np.choose(rng.randint(len(kinds), size=shape), kinds).astype(dtype)
    column, row = (rng.normal(size=size).astype(dtype) for size in shape)
    product = np.outer(column, row)
    p, q = map(float, ACTIVATIONS[name].fused_epilogue.coefficients)
    wide = y.astype(np.longdouble)
    slope = {"tanh": (1 - wide) * (1 + wide), "logistic": wide * (1 - wide)}[name]
    exact = product * slope
    by_kernel = product.copy()
    address = ACTIVATIONS[name].backward.address(dtype)
    call(address, (y.ravel(), by_kernel.reshape(-1)))
    allowed = (
        np.abs(by_kernel - exact) + 2 * np.finfo(dtype).eps * np.abs(exact) + 1e-37
    )
    found = rows(column[:, None], row[None], QUADRATIC_GRAD, y, p, q)
    assert np.all(np.abs(found - exact) <= allowed)
    outer(
        dtype, column, row, y.ravel(), found.reshape(-1), QUADRATIC_GRAD, p, q, *shape
    )
    assert np.all(np.abs(found - exact) <= allowed)
