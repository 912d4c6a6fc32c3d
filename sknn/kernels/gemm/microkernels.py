"""Pieces of products that stay in vector registers, as plain Python.

`microkernel_intrinsics.py` has them as intrinsics. All arrays are 1-D; with each comes
the place of its first element and, where it is a matrix, what to add for the next row.
"""

from collections.abc import Callable

import numpy as np

from sknn.jit.kernel import instruction

# A tile is some rows times so many vectors.
TILE_VECTORS, PAIR = 3, 2
HALF_ROWS = 4
FEW_ROWS = 3
# Rows and columns of results that are summed along vectors.
N_DOTS = 8
DOTS_SQUARE = 4

# What is done to elements of a product before they are stored: nothing; what is below 0
# is set to 0; what has a 0 in the gate is; what has y in the gate is multiplied by the
# slope p + y (q - y).
NO_EPILOGUE, RELU, RELU_GRAD, QUADRATIC_GRAD = 0, 1, 2, 3

# What the functions made below are: by function, rows and vectors.
TILES: dict[Callable, tuple[int, int]] = {}
TILES_AND_SUMS: dict[Callable, int] = {}
DOTS: dict[Callable, tuple[int, int]] = {}
SUMS: dict[Callable, int] = {}
OUTERS: dict[Callable, int] = {}

_builtin = instruction("sknn.kernels.gemm.microkernel_intrinsics")


@_builtin
def vector_bytes():
    """Return the size of a vector register."""
    return 16


@_builtin
def tile_rows():
    """Return the rows of a whole tile.

    The sums of a tile, three vectors of the second matrix and an element of the first
    fit into the registers.
    """
    return 8


@_builtin
def rows_beside_sums():
    """Return the rows of a tile that leaves registers for sums of columns, or 0."""
    return 8


def _block(array, start, row, column, n_rows, n_columns):
    size = array.itemsize
    return np.lib.stride_tricks.as_strided(
        array[start:], (n_rows, n_columns), (row * size, column * size)
    )


def _finished(found, finish, gate=None, p=0, q=0):
    if finish == RELU:
        return np.where(found < 0, 0, found)
    if finish == RELU_GRAD:
        return np.where(gate == 0, 0, found)
    if finish == QUADRATIC_GRAD:
        p, q = found.dtype.type(p), found.dtype.type(q)
        return found * (p + gate * (q - gate))
    return found


def _tile(n_rows, n_vectors):
    """Make the function of a tile of so many rows (0: a whole tile) and vectors.

    It sets c[i, j] to bias[j] + sum of a[i, k] b[k, j] over k, finished as ``finish``
    says; ``a_step`` is what to add for the next k. A bias at a place below 0 is none.
    Rows of the gate are as far apart as those of c.
    """

    @_builtin
    def tile(
        a, a0, a_row, a_step, b, b0, b_row, bias, bias0,
        finish, p, q, gate, gate0, c, c0, c_row, n_terms,
    ):  # fmt: skip
        n_columns = n_vectors * vector_bytes() // c.itemsize
        rows = n_rows or tile_rows()
        found = _block(a, a0, a_row, a_step, rows, n_terms) @ _block(
            b, b0, b_row, 1, n_terms, n_columns
        )
        if bias0 >= 0:
            found += bias[bias0 : bias0 + n_columns]
        gates = _block(gate, gate0, c_row, 1, rows, n_columns)
        found = _finished(found, finish, gates, p, q)
        _block(c, c0, c_row, 1, rows, n_columns)[:] = found

    TILES[tile] = n_rows, n_vectors
    return tile


def _tile_and_sums(n_vectors):
    """Make the function of a tile, and of the sums of the columns of b.

    It sets c[i, j] to the sum of a[i, k] b[k, j] over k, sums[j] to that of b[k, j].
    """

    @_builtin
    def tile_and_sums(
        a, a0, a_row, a_step, b, b0, b_row, sums, sums0, c, c0, c_row, n_terms
    ):
        n_columns = n_vectors * vector_bytes() // c.itemsize
        rows = _block(b, b0, b_row, 1, n_terms, n_columns)
        found = _block(a, a0, a_row, a_step, rows_beside_sums(), n_terms) @ rows
        _block(c, c0, c_row, 1, rows_beside_sums(), n_columns)[:] = found
        sums[sums0 : sums0 + n_columns] = rows.sum(axis=0)

    TILES_AND_SUMS[tile_and_sums] = n_vectors
    return tile_and_sums


def _dots(n_rows, n_columns):
    """Make the function of a product a b.T of so many rows and columns.

    It sets c[i, j] to bias[j] + sum of a[i, k] b[j, k] over k, as it is or clamped. A
    bias at a place below 0 is none. A row of c has m elements: if these are fewer, so
    are the columns.
    """

    @_builtin
    def dots(a, a0, a_row, b, b0, b_row, bias, bias0, finish, c, c0, m, n_terms):
        width = min(n_columns, m)
        found = (
            _block(a, a0, a_row, 1, n_rows, n_terms)
            @ _block(b, b0, b_row, 1, width, n_terms).T
        )
        if bias0 >= 0:
            found += bias[bias0 : bias0 + width]
        _block(c, c0, m, 1, n_rows, width)[:] = _finished(found, finish)

    DOTS[dots] = n_rows, n_columns
    return dots


def _sums(n_vectors):
    """Make the function that adds up so many vectors of columns.

    It sets c[j] to the sum of b[k, j] over k.
    """

    @_builtin
    def sums(b, b0, b_row, c, c0, n_terms):
        n_columns = n_vectors * vector_bytes() // c.itemsize
        rows = _block(b, b0, b_row, 1, n_terms, n_columns)
        c[c0 : c0 + n_columns] = rows.sum(axis=0)

    SUMS[sums] = n_vectors
    return sums


def _outer(n_vectors):
    """Make the function of so many vectors of columns of an outer product.

    It sets c[i, j] to a[i] b[j], finished as by ``_tile``, but never clamped.
    """

    @_builtin
    def outer(a, a0, a_row, b, b0, finish, p, q, gate, gate0, c, c0, c_row, n_rows):
        n_columns = n_vectors * vector_bytes() // c.itemsize
        found = _block(a, a0, a_row, 1, n_rows, 1) * b[b0 : b0 + n_columns]
        gates = _block(gate, gate0, c_row, 1, n_rows, n_columns)
        found = _finished(found, finish, gates, p, q)
        _block(c, c0, c_row, 1, n_rows, n_columns)[:] = found

    OUTERS[outer] = n_vectors
    return outer


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


@_builtin
def vector_copy(a, a0, c, c0, size):
    """Copy elements; there must be a vector of them or more."""
    c[c0 : c0 + size] = a[a0 : a0 + size]


@_builtin
def transpose_square(a, a0, a_row, c, c0, c_row):
    """Transpose a square as wide as a vector."""
    lanes = vector_bytes() // c.itemsize
    square = _block(a, a0, a_row, 1, lanes, lanes)
    _block(c, c0, c_row, 1, lanes, lanes)[:] = square.T
