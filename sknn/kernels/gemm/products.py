"""Matrix products (GEMM) for the sizes of networks on tabular data.

BLAS packs both matrices into panels before it multiplies. For a batch of some hundred
rows this costs as much as it saves. Here a tile of the result is accumulated in vector
registers, and both matrices are read in place: broadcast elements of the first, and
vectors from the rows of the second. Remainders are computed by a tile that overlaps the
one before it, so that there are no masks and no scalar loops.

Each element of a result is a sum in the order of k, whatever the tile, the block of
rows or the number of threads: so a row has the same result, bit for bit, alone or among
others.

Matrices are passed as in `microkernels.py`: array, offset, strides.
"""

from collections import namedtuple

from sknn.jit.kernel import (
    INTEGER,
    REAL,
    Array,
    Record,
    caller,
    inline_array,
    inline_scalar,
    kernel,
    like,
)
from sknn.kernels.gemm import microkernels

# Layers with fewer outputs store their weights transposed and use dots_product. NARROW
# is at least the number of lanes of any vector.
NARROW = 16


# What the kernels below take, by name.
RowsProduct = namedtuple(
    "RowsProduct",
    "a a0 a_row a_step b b0 b_row bias bias0 epilogue p q gate gate0 "
    "c c0 c_row n m n_terms",
)
DotsProduct = namedtuple(
    "DotsProduct", "a a0 a_row b b0 b_row bias bias0 epilogue c c0 n m n_terms"
)
ROWS_PRODUCT = Record(
    RowsProduct,
    (
        Array(), INTEGER, INTEGER, INTEGER, Array(), INTEGER, INTEGER,
        Array(), INTEGER, INTEGER, REAL, REAL, Array(), INTEGER,
        Array(), *[INTEGER] * 5,
    ),
)  # fmt: skip
DOTS_PRODUCT = Record(
    DotsProduct,
    (
        Array(), INTEGER, INTEGER, Array(), INTEGER, INTEGER,
        Array(), INTEGER, INTEGER, Array(), *[INTEGER] * 4,
    ),
)  # fmt: skip
call_rows_product = caller("rows_product", (ROWS_PRODUCT,))
call_dots_product = caller("dots_product", (DOTS_PRODUCT,))


@kernel((ROWS_PRODUCT,))
def rows_product(product):
    """Set c to epilogue(a b + bias), a GEMM accumulated along the rows of b.

    Parameters
    ----------
    product : RowsProduct
        With the fields below.
    a, a0, a_row, a_step
        Matrix of shape (n, n_terms), its offset and its two strides.
    b, b0, b_row
        Matrix of shape (n_terms, m).
    bias, bias0
        Vector of shape (m,); bias0 = -1 means no bias.
    epilogue : int
        One of the epilogues in `microkernels.py`.
    p, q : float
        Coefficients of QUADRATIC_GRAD.
    gate, gate0
        Matrix of shape (n, m), with the row stride of c.
    c, c0, c_row
        Output of shape (n, m).
    n, m, n_terms : int
        Sizes, with m >= NARROW.
    """
    (
        a, a0, a_row, a_step, b, b0, b_row, bias, bias0, epilogue, p, q, gate, gate0,
        c, c0, c_row, n, m, n_terms,
    ) = product  # fmt: skip
    lanes = microkernels.vector_bytes() // c.itemsize
    span = microkernels.TILE_VECTORS * lanes
    # A separate loop: among the tiles below it would slow all of them down.
    if n == microkernels.FEW_ROWS and m >= span:
        j = 0
        while j < m:
            j0 = j if m - j >= span else m - span
            bias1 = bias0 + j0 if bias0 >= 0 else bias0
            b1, c1, gate1 = b0 + j0, c0 + j0, gate0 + j0
            microkernels.few_wide(
                a, a0, a_row, a_step, b, b1, b_row, bias, bias1,
                epilogue, p, q, gate, gate1, c, c1, c_row, n_terms,
            )  # fmt: skip
            j += span
        return 0.0
    if n < microkernels.HALF_ROWS:
        span = 2 * microkernels.TILE_VECTORS * lanes
        j = 0
        while j < m:
            wide = m - j >= span
            j0 = j if m - j >= lanes else m - lanes
            bias1 = bias0 + j0 if bias0 >= 0 else bias0
            for i in range(n):
                a1, b1, shift = a0 + i * a_row, b0 + j0, i * c_row + j0
                c1, gate1 = c0 + shift, gate0 + shift
                if wide:
                    microkernels.one_wide(
                        a, a1, a_row, a_step, b, b1, b_row, bias, bias1,
                        epilogue, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
                else:
                    microkernels.one_thin(
                        a, a1, a_row, a_step, b, b1, b_row, bias, bias1,
                        epilogue, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
            j += span if wide else lanes
        return 0.0
    whole_rows = microkernels.tile_rows()
    j = 0
    while j < m:
        width = strip(m - j, m, lanes)
        # The last tile overlaps the one before it, so as to end with the row.
        j0 = j if m - j >= width * lanes else m - width * lanes
        bias1 = bias0 + j0 if bias0 >= 0 else bias0
        i = 0
        while i < n:
            remaining = n - i
            is_whole = n >= whole_rows and remaining > microkernels.HALF_ROWS
            is_whole = is_whole or whole_rows == microkernels.HALF_ROWS
            height = whole_rows if is_whole else microkernels.HALF_ROWS
            i0 = i if remaining >= height else n - height
            a1, b1, shift = a0 + i0 * a_row, b0 + j0, i0 * c_row + j0
            c1, gate1 = c0 + shift, gate0 + shift
            if width == microkernels.TILE_VECTORS:
                if is_whole:
                    microkernels.whole_wide(
                        a, a1, a_row, a_step, b, b1, b_row, bias, bias1,
                        epilogue, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
                else:
                    microkernels.half_wide(
                        a, a1, a_row, a_step, b, b1, b_row, bias, bias1,
                        epilogue, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
            elif width == microkernels.PAIR or microkernels.PAIR * lanes <= NARROW:
                if is_whole:
                    microkernels.whole_pair(
                        a, a1, a_row, a_step, b, b1, b_row, bias, bias1,
                        epilogue, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
                else:
                    microkernels.half_pair(
                        a, a1, a_row, a_step, b, b1, b_row, bias, bias1,
                        epilogue, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
            elif is_whole:
                microkernels.whole_thin(
                    a, a1, a_row, a_step, b, b1, b_row, bias, bias1,
                    epilogue, p, q, gate, gate1, c, c1, c_row, n_terms,
                )  # fmt: skip
            else:
                microkernels.half_thin(
                    a, a1, a_row, a_step, b, b1, b_row, bias, bias1,
                    epilogue, p, q, gate, gate1, c, c1, c_row, n_terms,
                )  # fmt: skip
            i += height
        j += width * lanes
    return 0.0


@inline_scalar
def strip(remaining, m, lanes):
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
def first_rows_and_sums(
    a, a0, a_row, a_step, b, b0, b_row, sums, sums0, c, c0, c_row, m, n_terms
):
    """Set the first rows of c to those of a b, and sums to the column sums of b.

    The vectors of b are loaded once for both.

    Parameters
    ----------
    a, a0, a_row, a_step
        Matrix of shape (rows_beside_sums(), n_terms).
    b, b0, b_row
        Matrix of shape (n_terms, m).
    sums, sums0
        Output of shape (m,).
    c, c0, c_row
        Output of shape (rows_beside_sums(), m).
    m, n_terms : int
        Sizes, with m >= NARROW.
    """
    lanes = microkernels.vector_bytes() // c.itemsize
    j = 0
    while j < m:
        width = strip(m - j, m, lanes)
        j0 = j if m - j >= width * lanes else m - width * lanes
        b1, sums1, c1 = b0 + j0, sums0 + j0, c0 + j0
        if width == microkernels.TILE_VECTORS:
            microkernels.wide_and_sums(
                a, a0, a_row, a_step, b, b1, b_row, sums, sums1, c, c1, c_row, n_terms
            )
        elif width == microkernels.PAIR or microkernels.PAIR * lanes <= NARROW:
            microkernels.pair_and_sums(
                a, a0, a_row, a_step, b, b1, b_row, sums, sums1, c, c1, c_row, n_terms
            )
        else:
            microkernels.thin_and_sums(
                a, a0, a_row, a_step, b, b1, b_row, sums, sums1, c, c1, c_row, n_terms
            )
        j += width * lanes


@kernel((DOTS_PRODUCT,))
def dots_product(product):
    """Set c to epilogue(a b.T + bias), a GEMM of dot products along the terms.

    Parameters
    ----------
    product : DotsProduct
        With the fields below.
    a, a0, a_row
        Matrix of shape (n, n_terms).
    b, b0, b_row
        Matrix of shape (m, n_terms).
    bias, bias0
        Vector of shape (m,); bias0 = -1 means no bias.
    epilogue : int
        NO_EPILOGUE or RELU.
    c, c0
        Output of shape (n, m), contiguous.
    n, m, n_terms : int
    """
    a, a0, a_row, b, b0, b_row, bias, bias0, epilogue, c, c0, n, m, n_terms = product
    width = microkernels.DOTS_SQUARE if m > 1 else 1
    many = microkernels.DOTS_SQUARE if m > 1 else microkernels.N_DOTS
    height = many if n >= many else 1
    last = m - width if m > width else 0  # first column of the last block
    i = 0
    while i < n:
        i0 = i if n - i >= height else n - height
        a1 = a0 + i0 * a_row
        j = 0
        while j < m:
            j0 = j if j < last else last
            bias1 = bias0 + j0 if bias0 >= 0 else bias0
            b1, c1 = b0 + j0 * b_row, c0 + i0 * m + j0
            if width > 1 and height > 1:
                microkernels.square_dots(
                    a, a1, a_row, b, b1, b_row, bias, bias1, epilogue, c, c1, m, n_terms
                )
            elif width > 1:
                microkernels.row_of_dots(
                    a, a1, a_row, b, b1, b_row, bias, bias1, epilogue, c, c1, m, n_terms
                )
            elif height > 1:
                microkernels.many_dots(
                    a, a1, a_row, b, b1, b_row, bias, bias1, epilogue, c, c1, m, n_terms
                )
            else:
                microkernels.one_dot(
                    a, a1, a_row, b, b1, b_row, bias, bias1, epilogue, c, c1, m, n_terms
                )
            j += width
        i += height
    return 0.0


@inline_scalar
def outer_product(a, a0, a_row, b, b0, epilogue, p, q, gate, gate0, c, c0, c_row, n, m):
    """Set c to epilogue(a[:, None] * b), an outer product.

    Parameters
    ----------
    a, a0, a_row
        Vector of shape (n,) and its stride.
    b, b0
        Vector of shape (m,).
    epilogue, p, q, gate, gate0
        As in `rows_product`, but not RELU.
    c, c0, c_row
        Output of shape (n, m).
    n, m : int
        Sizes, with m at least the lanes of a vector.
    """
    lanes = microkernels.vector_bytes() // c.itemsize
    j = 0
    while j < m:
        wide = m - j >= 2 * microkernels.TILE_VECTORS * lanes
        j0 = j if m - j >= lanes else m - lanes
        b1, c1, gate1 = b0 + j0, c0 + j0, gate0 + j0
        if wide:
            microkernels.wide_outer(
                a, a0, a_row, b, b1, epilogue, p, q, gate, gate1, c, c1, c_row, n
            )
        else:
            microkernels.thin_outer(
                a, a0, a_row, b, b1, epilogue, p, q, gate, gate1, c, c1, c_row, n
            )
        j += 2 * microkernels.TILE_VECTORS * lanes if wide else lanes


@inline_array
def column_sums(b, b0, b_row, c, c0, m, n_terms):
    """Set c to b.sum(axis=0).

    Parameters
    ----------
    b, b0, b_row
        Matrix of shape (n_terms, m).
    c, c0
        Output of shape (m,).
    m, n_terms : int
    """
    lanes = microkernels.vector_bytes() // c.itemsize
    if m < lanes:
        for j in range(m):
            total = like(c[c0], 0)
            for k in range(n_terms):
                total += b[b0 + k * b_row + j]
            c[c0 + j] = total
        return
    j = 0
    while j < m:
        if m - j >= 2 * microkernels.TILE_VECTORS * lanes:
            microkernels.wide_sums(b, b0 + j, b_row, c, c0 + j, n_terms)
            j += 2 * microkernels.TILE_VECTORS * lanes
        else:
            j0 = j if m - j >= lanes else m - lanes
            microkernels.thin_sums(b, b0 + j0, b_row, c, c0 + j0, n_terms)
            j += lanes


@inline_scalar
def copy(a, a0, c, c0, size):
    """Copy size elements of a from a0 on to c from c0 on."""
    if size * c.itemsize >= microkernels.vector_bytes():
        microkernels.vector_copy(a, a0, c, c0, size)
    else:
        for k in range(size):
            c[c0 + k] = a[a0 + k]


transpose_signature = (Array(), INTEGER, Array(), INTEGER, INTEGER, INTEGER)
call_transpose = caller("transpose", transpose_signature)


@kernel(transpose_signature)
def transpose(a, a0, c, c0, n, m):
    """Set c to a.T, where a has shape (n, m), n and m >= NARROW, both contiguous."""
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
