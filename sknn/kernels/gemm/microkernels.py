"""GEMM microkernels, whose accumulators stay in vector registers, as plain Python.

`microkernel_intrinsics.py` implements them as intrinsics. All arrays are 1-D. A matrix
``a`` is passed as the array, the offset ``a0`` of its first element and the stride
``a_row`` from row to row, in elements; the columns are contiguous unless a column
stride ``a_step`` is given.
"""

from collections.abc import Callable

import numpy as np

from sknn.jit.kernel import intrinsic

# Widths of a tile, in vectors, and heights below that of a full tile, in rows.
TILE_VECTORS, PAIR = 3, 2
HALF_ROWS = 4
FEW_ROWS = 3
# Sizes of the blocks of dot products: N_DOTS rows of one column, or a square.
N_DOTS = 8
DOTS_SQUARE = 4

# Epilogues, applied to an element x of the product before it is stored, with y the
# element of ``gate`` in the same position:
#   NO_EPILOGUE     x
#   RELU            max(0, x)
#   RELU_GRAD       x if y != 0 else 0
#   QUADRATIC_GRAD  x (p + y (q - y))
NO_EPILOGUE, RELU, RELU_GRAD, QUADRATIC_GRAD = 0, 1, 2, 3

# The microkernels made below: function -> (n_rows, n_vectors), or n_vectors.
TILES: dict[Callable, tuple[int, int]] = {}
TILES_AND_SUMS: dict[Callable, int] = {}
DOTS: dict[Callable, tuple[int, int]] = {}
SUMS: dict[Callable, int] = {}
OUTERS: dict[Callable, int] = {}

_intrinsic = intrinsic("sknn.kernels.gemm.microkernel_intrinsics")


@_intrinsic
def vector_bytes():
    """Return the size of a vector register, in bytes."""
    return 16


@_intrinsic
def tile_rows():
    """Return the number of rows of a full tile.

    Its accumulators, three vectors of b and a broadcast element of a fit into the
    vector registers.
    """
    return 8


@_intrinsic
def rows_beside_sums():
    """Return the rows of a tile that leaves registers for column sums; 0: none."""
    return 8


def _view(array, start, row, column, n_rows, n_columns):
    """Return a view of shape (n_rows, n_columns), with strides (row, column)."""
    size = array.itemsize
    return np.lib.stride_tricks.as_strided(
        array[start:], (n_rows, n_columns), (row * size, column * size)
    )


def _apply_epilogue(x, epilogue, y=None, p=0, q=0):
    """Return the epilogue of x, given the gate y; both of shape (n_rows, n_columns)."""
    if epilogue == RELU:
        return np.where(x < 0, 0, x)
    if epilogue == RELU_GRAD:
        return np.where(y == 0, 0, x)
    if epilogue == QUADRATIC_GRAD:
        p, q = x.dtype.type(p), x.dtype.type(q)
        return x * (p + y * (q - y))
    return x


def _tile(n_rows, n_vectors):
    """Return the GEMM microkernel of n_rows (0: a full tile) x n_vectors vectors."""

    @_intrinsic
    def tile(
        a, a0, a_row, a_step, b, b0, b_row, bias, bias0,
        epilogue, p, q, gate, gate0, c, c0, c_row, n_terms,
    ):  # fmt: skip
        """Set c[i, j] to epilogue(bias[j] + sum of a[i, k] b[k, j] over k).

        Parameters
        ----------
        a, a0, a_row, a_step
            Matrix of shape (n_rows, n_terms), its offset and its two strides.
        b, b0, b_row
            Matrix of shape (n_terms, n_columns), n_columns = n_vectors * lanes.
        bias, bias0
            Vector of shape (n_columns,); bias0 < 0 means no bias.
        epilogue : int
            One of NO_EPILOGUE, RELU, RELU_GRAD and QUADRATIC_GRAD.
        p, q : float
            Coefficients of QUADRATIC_GRAD.
        gate, gate0
            Matrix of shape (n_rows, n_columns) with the row stride of c.
        c, c0, c_row
            Output of shape (n_rows, n_columns).
        n_terms : int
        """
        n_columns = n_vectors * vector_bytes() // c.itemsize
        rows = n_rows or tile_rows()
        product = _view(a, a0, a_row, a_step, rows, n_terms) @ _view(
            b, b0, b_row, 1, n_terms, n_columns
        )
        if bias0 >= 0:
            product += bias[bias0 : bias0 + n_columns]
        gates = _view(gate, gate0, c_row, 1, rows, n_columns)
        product = _apply_epilogue(product, epilogue, gates, p, q)
        _view(c, c0, c_row, 1, rows, n_columns)[:] = product

    TILES[tile] = n_rows, n_vectors
    return tile


def _tile_and_sums(n_vectors):
    """Return the microkernel of a tile and of the column sums of b."""

    @_intrinsic
    def tile_and_sums(
        a, a0, a_row, a_step, b, b0, b_row, sums, sums0, c, c0, c_row, n_terms
    ):
        """Set c[i, j] to the sum of a[i, k] b[k, j] over k, sums[j] to that of b[k, j].

        Shapes are those of a tile with ``rows_beside_sums()`` rows; sums has shape
        (n_columns,).
        """
        n_columns = n_vectors * vector_bytes() // c.itemsize
        rows = _view(b, b0, b_row, 1, n_terms, n_columns)
        product = _view(a, a0, a_row, a_step, rows_beside_sums(), n_terms) @ rows
        _view(c, c0, c_row, 1, rows_beside_sums(), n_columns)[:] = product
        sums[sums0 : sums0 + n_columns] = rows.sum(axis=0)

    TILES_AND_SUMS[tile_and_sums] = n_vectors
    return tile_and_sums


def _dots(n_rows, n_columns):
    """Return the microkernel of a b.T for n_rows x n_columns dot products."""

    @_intrinsic
    def dots(a, a0, a_row, b, b0, b_row, bias, bias0, epilogue, c, c0, m, n_terms):
        """Set c[i, j] to epilogue(bias[j] + sum of a[i, k] b[j, k] over k).

        Parameters
        ----------
        a, a0, a_row
            Matrix of shape (n_rows, n_terms).
        b, b0, b_row
            Matrix of shape (width, n_terms), width = min(n_columns, m).
        bias, bias0
            Vector of shape (width,); bias0 < 0 means no bias.
        epilogue : int
            NO_EPILOGUE or RELU.
        c, c0
            Output of shape (n_rows, width), with row stride m.
        m, n_terms : int
        """
        width = min(n_columns, m)
        product = (
            _view(a, a0, a_row, 1, n_rows, n_terms)
            @ _view(b, b0, b_row, 1, width, n_terms).T
        )
        if bias0 >= 0:
            product += bias[bias0 : bias0 + width]
        _view(c, c0, m, 1, n_rows, width)[:] = _apply_epilogue(product, epilogue)

    DOTS[dots] = n_rows, n_columns
    return dots


def _sums(n_vectors):
    """Return the microkernel of the column sums of n_vectors vectors of columns."""

    @_intrinsic
    def sums(b, b0, b_row, c, c0, n_terms):
        """Set c[j] to the sum of b[k, j] over k.

        b has shape (n_terms, n_columns) and c (n_columns,), n_columns = n_vectors *
        lanes.
        """
        n_columns = n_vectors * vector_bytes() // c.itemsize
        rows = _view(b, b0, b_row, 1, n_terms, n_columns)
        c[c0 : c0 + n_columns] = rows.sum(axis=0)

    SUMS[sums] = n_vectors
    return sums


def _outer(n_vectors):
    """Return the microkernel of an outer product of n_vectors vectors of columns."""

    @_intrinsic
    def outer(a, a0, a_row, b, b0, epilogue, p, q, gate, gate0, c, c0, c_row, n_rows):
        """Set c[i, j] to epilogue(a[i] b[j]), where the epilogue is not RELU.

        a has shape (n_rows,) and stride a_row, b (n_columns,), gate and c
        (n_rows, n_columns), n_columns = n_vectors * lanes; p, q are as in a tile.
        """
        n_columns = n_vectors * vector_bytes() // c.itemsize
        product = _view(a, a0, a_row, 1, n_rows, 1) * b[b0 : b0 + n_columns]
        gates = _view(gate, gate0, c_row, 1, n_rows, n_columns)
        product = _apply_epilogue(product, epilogue, gates, p, q)
        _view(c, c0, c_row, 1, n_rows, n_columns)[:] = product

    OUTERS[outer] = n_vectors
    return outer


# Names of tiles: height (whole: tile_rows(), half: 4, few: 3, one: 1 row), then width
# (wide: 3 vectors, or 6 for one row, pair: 2, thin: 1).
whole_wide, whole_thin = _tile(0, TILE_VECTORS), _tile(0, 1)
half_wide, half_thin = _tile(HALF_ROWS, TILE_VECTORS), _tile(HALF_ROWS, 1)
whole_pair, half_pair = _tile(0, PAIR), _tile(HALF_ROWS, PAIR)
few_wide = _tile(FEW_ROWS, TILE_VECTORS)
one_wide, one_thin = _tile(1, 2 * TILE_VECTORS), _tile(1, 1)
wide_and_sums, thin_and_sums = _tile_and_sums(TILE_VECTORS), _tile_and_sums(1)
pair_and_sums = _tile_and_sums(PAIR)
many_dots, one_dot = _dots(N_DOTS, 1), _dots(1, 1)
square_dots, row_of_dots = _dots(DOTS_SQUARE, DOTS_SQUARE), _dots(1, DOTS_SQUARE)
wide_outer, thin_outer = _outer(2 * TILE_VECTORS), _outer(1)
wide_sums, thin_sums = _sums(2 * TILE_VECTORS), _sums(1)


@_intrinsic
def vector_copy(a, a0, c, c0, size):
    """Copy size elements of a from a0 on to c from c0 on, size >= lanes."""
    c[c0 : c0 + size] = a[a0 : a0 + size]


@_intrinsic
def transpose_square(a, a0, a_row, c, c0, c_row):
    """Set c to a.T, both of shape (lanes, lanes) with strides a_row and c_row."""
    lanes = vector_bytes() // c.itemsize
    square = _view(a, a0, a_row, 1, lanes, lanes)
    _view(c, c0, c_row, 1, lanes, lanes)[:] = square.T
