"""Matrix products (GEMM) for the sizes of networks on tabular data.

BLAS packs both matrices into panels before it multiplies. For a batch of some hundred
rows this costs as much as it saves. Here a tile of the result is accumulated in vector
registers, and both matrices are read in place: broadcast elements of the first, and
vectors from the rows of the second. Remainders are computed by a tile that overlaps the
one before it, so that there are no masks and no scalar loops.

Each element of a result is a sum in the order of k, whatever the tile, the block of
rows or the number of threads: so a row has the same result, bit for bit, alone or among
others.

Operands are records, see `operands.py`.
"""

from sknn.jit.array_types import Vector
from sknn.jit.kernel import (
    INTEGER,
    Array,
    caller,
    inline_array,
    inline_scalar,
    kernel,
    like,
)
from sknn.kernels.gemm import microkernels
from sknn.kernels.gemm.operands import PRODUCT, MatrixOperand, Product, VectorOperand

# Layers with fewer outputs store their weights transposed and use dots_product. NARROW
# is at least the number of lanes of any vector.
NARROW = 16

call_rows_product = caller("rows_product", (PRODUCT,))
call_dots_product = caller("dots_product", (PRODUCT,))


@inline_scalar
def _lanes(array: Vector) -> int:
    """Return the number of elements of a vector register."""
    return microkernels.vector_bytes() // array.itemsize


@kernel((PRODUCT,))
def rows_product(product: Product) -> float:
    """Set c to epilogue(a b + bias), a GEMM accumulated along the rows of b.

    Parameters
    ----------
    product : Product
        With m >= NARROW and b of shape (n_terms, m).
    """
    n, m, lanes = product.n, product.m, _lanes(product.c.array)
    j, span = 0, microkernels.TILE_VECTORS * lanes
    # A separate loop: among the tiles below it would slow all of them down.
    if n == microkernels.FEW_ROWS and m >= span:
        while j < m:
            microkernels.few_wide(product, 0, j if m - j >= span else m - span)
            j += span
        return 0.0
    if n < microkernels.HALF_ROWS:
        while j < m:
            wide = m - j >= 2 * span
            j0 = j if m - j >= lanes else m - lanes
            for i in range(n):
                if wide:
                    microkernels.one_wide(product, i, j0)
                else:
                    microkernels.one_thin(product, i, j0)
            j += 2 * span if wide else lanes
        return 0.0
    whole_rows = microkernels.tile_rows()
    while j < m:
        width = strip(m - j, m, lanes)
        # The last tile overlaps the one before it, so as to end with the row.
        j0 = j if m - j >= width * lanes else m - width * lanes
        i = 0
        while i < n:
            remaining = n - i
            is_whole = n >= whole_rows and remaining > microkernels.HALF_ROWS
            is_whole = is_whole or whole_rows == microkernels.HALF_ROWS
            height = whole_rows if is_whole else microkernels.HALF_ROWS
            i0 = i if remaining >= height else n - height
            if width == microkernels.TILE_VECTORS:
                if is_whole:
                    microkernels.whole_wide(product, i0, j0)
                else:
                    microkernels.half_wide(product, i0, j0)
            elif width == microkernels.PAIR or microkernels.PAIR * lanes <= NARROW:
                if is_whole:
                    microkernels.whole_pair(product, i0, j0)
                else:
                    microkernels.half_pair(product, i0, j0)
            elif is_whole:
                microkernels.whole_thin(product, i0, j0)
            else:
                microkernels.half_thin(product, i0, j0)
            i += height
        j += width * lanes
    return 0.0


@inline_scalar
def strip(remaining: int, m: int, lanes: int) -> int:
    """Return the width of the next tile, in vectors, for the remaining of m columns.

    It is 1 only if m is less than two vectors: a tile of one vector needs as many loads
    of the first matrix as one of three. Where NARROW columns are two vectors it is
    never 1; callers repeat this condition, which is known at compile time, so that the
    tiles of one vector are not compiled.
    """
    n_vectors = (remaining + lanes - 1) // lanes
    width = microkernels.TILE_VECTORS
    if n_vectors < width or n_vectors == 2 * microkernels.PAIR or width * lanes > m:
        width = microkernels.PAIR
    return width if width * lanes <= m else 1


@inline_scalar
def first_rows_and_sums(product: Product, sums: VectorOperand) -> None:
    """Set the first rows of c to those of a b, and sums to the column sums of b.

    The vectors of b are loaded once for both.

    Parameters
    ----------
    product : Product
        With m >= NARROW. Its bias and its epilogue are not applied; all but the first
        rows_beside_sums() rows are left alone.
    sums : VectorOperand
        Output, shape (m,).
    """
    m, lanes = product.m, _lanes(product.c.array)
    j = 0
    while j < m:
        width = strip(m - j, m, lanes)
        j0 = j if m - j >= width * lanes else m - width * lanes
        if width == microkernels.TILE_VECTORS:
            microkernels.wide_and_sums(product, sums, j0)
        elif width == microkernels.PAIR or microkernels.PAIR * lanes <= NARROW:
            microkernels.pair_and_sums(product, sums, j0)
        else:
            microkernels.thin_and_sums(product, sums, j0)
        j += width * lanes


@kernel((PRODUCT,))
def dots_product(product: Product) -> float:
    """Set c to epilogue(a b.T + bias), a GEMM of dot products along the terms.

    Parameters
    ----------
    product : Product
        With b of shape (m, n_terms), contiguous columns of a, row stride m of c, and
        NO_EPILOGUE or RELU.
    """
    n, m = product.n, product.m
    width = microkernels.DOTS_SQUARE if m > 1 else 1
    many = microkernels.DOTS_SQUARE if m > 1 else microkernels.N_DOTS
    height = many if n >= many else 1
    last = m - width if m > width else 0  # first column of the last block
    i = 0
    while i < n:
        i0 = i if n - i >= height else n - height
        j = 0
        while j < m:
            j0 = j if j < last else last
            if width > 1 and height > 1:
                microkernels.square_dots(product, i0, j0)
            elif width > 1:
                microkernels.row_of_dots(product, i0, j0)
            elif height > 1:
                microkernels.many_dots(product, i0, j0)
            else:
                microkernels.one_dot(product, i0, j0)
            j += width
        i += height
    return 0.0


@inline_scalar
def outer_product(product: Product) -> None:
    """Set c to epilogue(a b), with a of one column and b of one row.

    Parameters
    ----------
    product : Product
        Of one term, m at least the lanes of a vector, without bias; the epilogue is not
        RELU.
    """
    m, lanes = product.m, _lanes(product.c.array)
    span = 2 * microkernels.TILE_VECTORS * lanes
    j = 0
    while j < m:
        wide = m - j >= span
        j0 = j if m - j >= lanes else m - lanes
        if wide:
            microkernels.wide_outer(product, j0)
        else:
            microkernels.thin_outer(product, j0)
        j += span if wide else lanes


@inline_array
def column_sums(b: MatrixOperand, c: VectorOperand, m: int, n_terms: int) -> None:
    """Set c, of shape (m,), to b.sum(axis=0), b of shape (n_terms, m)."""
    lanes = _lanes(c.array)
    if m < lanes:
        for j in range(m):
            total = like(c.array[c.offset], 0)
            for k in range(n_terms):
                total += b.array[b.offset + k * b.row_stride + j]
            c.array[c.offset + j] = total
        return
    span = 2 * microkernels.TILE_VECTORS * lanes
    j = 0
    while j < m:
        if m - j >= span:
            microkernels.wide_sums(b, c, j, n_terms)
            j += span
        else:
            microkernels.thin_sums(b, c, j if m - j >= lanes else m - lanes, n_terms)
            j += lanes


@inline_scalar
def copy(a: Vector, a0: int, c: Vector, c0: int, size: int) -> None:
    """Set c[c0 : c0 + size] to a[a0 : a0 + size]; both arrays are 1-D."""
    if size * c.itemsize >= microkernels.vector_bytes():
        microkernels.vector_copy(a, a0, c, c0, size)
    else:
        for k in range(size):
            c[c0 + k] = a[a0 + k]


transpose_signature = (Array(), INTEGER, Array(), INTEGER, INTEGER, INTEGER)
call_transpose = caller("transpose", transpose_signature)


@kernel(transpose_signature)
def transpose(a: Vector, a0: int, c: Vector, c0: int, n: int, m: int) -> float:
    """Set c to a.T, of shape (m, n), where a has the shape (n, m).

    a starts at index a0 and c at index c0 of 1-D arrays, both in C order. n and m are
    at least NARROW.
    """
    lanes = microkernels.vector_bytes() // c.itemsize
    i = 0
    while i < n:
        i0 = i if n - i >= lanes else n - lanes
        j = 0
        while j < m:
            j0 = j if m - j >= lanes else m - lanes
            microkernels.transpose_square(
                a, a0 + i0 * m + j0, m, c, c0 + j0 * n + i0, n
            )
            j += lanes
        i += lanes
    return 0.0
