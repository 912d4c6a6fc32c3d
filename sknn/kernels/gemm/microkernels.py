"""GEMM microkernels, whose accumulators stay in vector registers, as plain Python.

`microkernel_intrinsics.py` implements them as intrinsics. They take a product as a
whole, see `operands.py`, and the row and the column of c from which on they compute it.
"""

from collections.abc import Callable

import numpy as np

from sknn.jit.array_types import Matrix, Vector
from sknn.jit.kernel import intrinsic
from sknn.kernels.gemm.operands import (
    NO_EPILOGUE,
    RELU,
    RELU_GRAD,
    MatrixOperand,
    Product,
    VectorOperand,
)

# Widths of a tile, in vectors, and heights below that of a full tile, in rows.
TILE_VECTORS, PAIR = 3, 2
HALF_ROWS = 4
FEW_ROWS = 3
# Sizes of the blocks of dot products: N_DOTS rows of one column, or a square.
N_DOTS = 8
DOTS_SQUARE = 4

# The microkernels made below: function -> (n_rows, n_vectors), or n_vectors.
Tile = Callable[[Product, int, int], None]
TileAndSums = Callable[[Product, VectorOperand, int], None]
ColumnSums = Callable[[MatrixOperand, VectorOperand, int, int], None]
Outer = Callable[[Product, int], None]
TILES: dict[Tile, tuple[int, int]] = {}
TILES_AND_SUMS: dict[TileAndSums, int] = {}
DOTS: dict[Tile, tuple[int, int]] = {}
SUMS: dict[ColumnSums, int] = {}
OUTERS: dict[Outer, int] = {}

_intrinsic = intrinsic("sknn.kernels.gemm.microkernel_intrinsics")


@_intrinsic
def vector_bytes() -> int:
    """Return the size of a vector register, in bytes."""
    return 16


@_intrinsic
def tile_rows() -> int:
    """Return the number of rows of a full tile.

    Its accumulators, three vectors of b and a broadcast element of a fit into the
    vector registers.
    """
    return 8


@_intrinsic
def rows_beside_sums() -> int:
    """Return the rows of a tile that leaves registers for column sums; 0: none."""
    return 8


def _view(
    operand: MatrixOperand, i: int, j: int, n_rows: int, n_columns: int
) -> Matrix:
    """Return elements [i : i + n_rows, j : j + n_columns] of an operand, as a view."""
    array, offset, row_stride, column_stride = operand
    size = array.itemsize
    return np.lib.stride_tricks.as_strided(
        array[offset + i * row_stride + j * column_stride :],
        (n_rows, n_columns),
        (row_stride * size, column_stride * size),
    )


def _finish(product: Product, i: int, j: int, results: Matrix) -> None:
    """Store epilogue(results + bias) at row i and column j of the product."""
    bias, epilogue, x = product.bias, product.epilogue, results
    n_rows, n_columns = x.shape
    if bias.offset >= 0:
        x = x + bias.array[bias.offset + j :][:n_columns]
    if epilogue.function == RELU:
        x = np.where(x < 0, 0, x)
    elif epilogue.function != NO_EPILOGUE:
        gate = product.c._replace(array=epilogue.gate, offset=epilogue.gate_offset)
        y = _view(gate, i, j, n_rows, n_columns)
        if epilogue.function == RELU_GRAD:
            x = np.where(y == 0, 0, x)
        else:
            p, q = x.dtype.type(epilogue.p), x.dtype.type(epilogue.q)
            x = x * (p + y * (q - y))
    _view(product.c, i, j, n_rows, n_columns)[:] = x


def _lanes(product: Product) -> int:
    """Return the number of elements of a vector register."""
    return vector_bytes() // product.c.array.itemsize


def _tile(n_rows: int, n_vectors: int) -> Tile:
    """Return the GEMM microkernel of n_rows (0: a full tile) x n_vectors vectors."""

    @_intrinsic
    def tile(product: Product, i: int, j: int) -> None:
        """Set a tile of c to epilogue(a b + bias).

        Parameters
        ----------
        product : Product
            With any column stride of a.
        i, j : int
            First row and column of the tile, whose shape is (n_rows, n_vectors *
            lanes).
        """
        height, width = n_rows or tile_rows(), n_vectors * _lanes(product)
        a = _view(product.a, i, 0, height, product.n_terms)
        b = _view(product.b, 0, j, product.n_terms, width)
        _finish(product, i, j, a @ b)

    TILES[tile] = n_rows, n_vectors
    return tile


def _tile_and_sums(n_vectors: int) -> TileAndSums:
    """Return the microkernel of a tile and of the column sums of b."""

    @_intrinsic
    def tile_and_sums(product: Product, sums: VectorOperand, j: int) -> None:
        """Set a tile of c to a b, and its columns of sums to the column sums of b.

        Parameters
        ----------
        product : Product
            With any column stride of a; bias and epilogue are not applied.
        sums : VectorOperand
            Output, shape (m,).
        j : int
            First column of the tile, whose shape is (rows_beside_sums(), n_vectors *
            lanes). Its first row is row 0.
        """
        height, width = rows_beside_sums(), n_vectors * _lanes(product)
        a = _view(product.a, 0, 0, height, product.n_terms)
        b = _view(product.b, 0, j, product.n_terms, width)
        _view(product.c, 0, j, height, width)[:] = a @ b
        sums.array[sums.offset + j :][:width] = b.sum(axis=0)

    TILES_AND_SUMS[tile_and_sums] = n_vectors
    return tile_and_sums


def _dots(n_rows: int, n_columns: int) -> Tile:
    """Return the microkernel of a b.T for n_rows x n_columns dot products."""

    @_intrinsic
    def dots(product: Product, i: int, j: int) -> None:
        """Set a block of c to epilogue(a b.T + bias).

        Parameters
        ----------
        product : Product
            With b of shape (m, n_terms), c of row stride m, and NO_EPILOGUE or RELU.
        i, j : int
            First row and column of the block, whose shape is (n_rows, min(n_columns,
            m)).
        """
        width = min(n_columns, product.m)
        a = _view(product.a, i, 0, n_rows, product.n_terms)
        b = _view(product.b, j, 0, width, product.n_terms)
        _finish(product, i, j, a @ b.T)

    DOTS[dots] = n_rows, n_columns
    return dots


def _sums(n_vectors: int) -> ColumnSums:
    """Return the microkernel of the column sums of n_vectors vectors of columns."""

    @_intrinsic
    def sums(b: MatrixOperand, c: VectorOperand, j: int, n_terms: int) -> None:
        """Set c[j : j + width] to the column sums of b[:, j : j + width].

        b has n_terms rows, and width is n_vectors * lanes.
        """
        width = n_vectors * vector_bytes() // c.array.itemsize
        c.array[c.offset + j :][:width] = _view(b, 0, j, n_terms, width).sum(axis=0)

    SUMS[sums] = n_vectors
    return sums


def _outer(n_vectors: int) -> Outer:
    """Return the microkernel of an outer product of n_vectors vectors of columns."""

    @_intrinsic
    def outer(product: Product, j: int) -> None:
        """Set all rows of c, from column j on, to epilogue(a b).

        Parameters
        ----------
        product : Product
            Of one term, without a bias; the epilogue is not RELU.
        j : int
            First of n_vectors * lanes columns.
        """
        width = n_vectors * _lanes(product)
        a = _view(product.a, 0, 0, product.n, 1)
        _finish(product, 0, j, a * _view(product.b, 0, j, 1, width))

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
def vector_copy(a: Vector, a0: int, c: Vector, c0: int, size: int) -> None:
    """Set c[c0 : c0 + size] to a[a0 : a0 + size], where size >= lanes."""
    c[c0 : c0 + size] = a[a0 : a0 + size]


@_intrinsic
def transpose_square(
    a: Vector, a0: int, a_row: int, c: Vector, c0: int, c_row: int
) -> None:
    """Set c to a.T.

    Both have the shape (lanes, lanes), start at a0 and c0, and have the row strides
    a_row and c_row.
    """
    lanes = vector_bytes() // c.itemsize
    square = _view(MatrixOperand(a, a0, a_row, 1), 0, 0, lanes, lanes)
    _view(MatrixOperand(c, c0, c_row, 1), 0, 0, lanes, lanes)[:] = square.T
