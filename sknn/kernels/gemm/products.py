"""Products of matrices, written for the sizes of networks on tables.

BLAS copies both matrices into an order of its own before it multiplies. For a batch of
some hundred rows this costs as much as it saves. Here a tile of the result stays in
vector registers while the sum runs, and both matrices are read where they lie: one
element of the first at a time, and whole vectors from rows of the second. What does
not fill a tile is done by a tile that overlaps the one before it, so that there are no
masks and no scalar remainders.

Each element of a result is one sum in the order of k, whatever the tile, the block of
rows or the number of threads: so a row has the same result, bit for bit, alone or among
others.
"""

from sknn.jit.kernel import (
    INTEGER,
    REAL,
    Array,
    inline_array,
    inline_scalar,
    kernel,
    like,
)
from sknn.kernels.gemm import microkernels as tiles

# Outputs narrower than this have weights that are stored transposed, and products of
# their own. It is at least as wide as any vector.
NARROW = 16


@kernel(
    (
        Array(), INTEGER, INTEGER, INTEGER, Array(), INTEGER, INTEGER,
        Array(), INTEGER, INTEGER, REAL, REAL, Array(), INTEGER,
        Array(), *[INTEGER] * 5,
    )
)  # fmt: skip
def rows_product(
    a, a0, a_row, a_step, b, b0, b_row, bias, bias0, finish, p, q, gate, gate0,
    c, c0, c_row, n, m, n_terms,
):  # fmt: skip
    """Set c to a b + bias; shapes (n, n_terms), (n_terms, m), (m,) and (n, m).

    Rows of b and c are contiguous and hold NARROW elements or more. ``a_row`` and
    ``a_step`` are the strides of a, in elements; ``bias0`` is -1 for no bias.
    ``finish`` is the epilogue, one of those in `microkernels.py`: the gate lies in
    memory as c does, and ``p`` and ``q`` belong to the slope.
    """
    lanes = tiles.vector_bytes() // c.itemsize
    span = tiles.TILE_VECTORS * lanes
    # To have these among the tiles below would make all of them slower.
    if n == tiles.FEW_ROWS and m >= span:
        j = 0
        while j < m:
            j0 = j if m - j >= span else m - span
            own = bias0 + j0 if bias0 >= 0 else bias0
            b1, c1, gate1 = b0 + j0, c0 + j0, gate0 + j0
            tiles.few_wide(
                a, a0, a_row, a_step, b, b1, b_row, bias, own,
                finish, p, q, gate, gate1, c, c1, c_row, n_terms,
            )  # fmt: skip
            j += span
        return 0.0
    if n < tiles.HALF_ROWS:
        span = 2 * tiles.TILE_VECTORS * lanes
        j = 0
        while j < m:
            wide = m - j >= span
            j0 = j if m - j >= lanes else m - lanes
            own = bias0 + j0 if bias0 >= 0 else bias0
            for i in range(n):
                a1, b1, shift = a0 + i * a_row, b0 + j0, i * c_row + j0
                c1, gate1 = c0 + shift, gate0 + shift
                if wide:
                    tiles.one_wide(
                        a, a1, a_row, a_step, b, b1, b_row, bias, own,
                        finish, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
                else:
                    tiles.one_thin(
                        a, a1, a_row, a_step, b, b1, b_row, bias, own,
                        finish, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
            j += span if wide else lanes
        return 0.0
    whole_rows = tiles.tile_rows()
    j = 0
    while j < m:
        width = strip(m - j, m, lanes)
        # The last vector ends with the row.
        j0 = j if m - j >= width * lanes else m - width * lanes
        own = bias0 + j0 if bias0 >= 0 else bias0
        i = 0
        while i < n:
            left = n - i
            is_whole = n >= whole_rows and left > tiles.HALF_ROWS
            is_whole = is_whole or whole_rows == tiles.HALF_ROWS
            height = whole_rows if is_whole else tiles.HALF_ROWS
            i0 = i if left >= height else n - height
            a1, b1, shift = a0 + i0 * a_row, b0 + j0, i0 * c_row + j0
            c1, gate1 = c0 + shift, gate0 + shift
            if width == tiles.TILE_VECTORS:
                if is_whole:
                    tiles.whole_wide(
                        a, a1, a_row, a_step, b, b1, b_row, bias, own,
                        finish, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
                else:
                    tiles.half_wide(
                        a, a1, a_row, a_step, b, b1, b_row, bias, own,
                        finish, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
            elif width == tiles.PAIR or tiles.PAIR * lanes <= NARROW:
                if is_whole:
                    tiles.whole_pair(
                        a, a1, a_row, a_step, b, b1, b_row, bias, own,
                        finish, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
                else:
                    tiles.half_pair(
                        a, a1, a_row, a_step, b, b1, b_row, bias, own,
                        finish, p, q, gate, gate1, c, c1, c_row, n_terms,
                    )  # fmt: skip
            elif is_whole:
                tiles.whole_thin(
                    a, a1, a_row, a_step, b, b1, b_row, bias, own,
                    finish, p, q, gate, gate1, c, c1, c_row, n_terms,
                )  # fmt: skip
            else:
                tiles.half_thin(
                    a, a1, a_row, a_step, b, b1, b_row, bias, own,
                    finish, p, q, gate, gate1, c, c1, c_row, n_terms,
                )  # fmt: skip
            i += height
        j += width * lanes
    return 0.0


@inline_scalar
def strip(left, m, lanes):
    """Return by how many vectors a product of m columns goes on; so many are left.

    That is one only if the product has no more: by itself a vector takes longer than
    its share, for it needs as many loads of the first matrix as three. Where NARROW
    columns are two vectors it is never one, which callers also say by themselves: so
    the tiles of one vector are not compiled.
    """
    n_vectors = (left + lanes - 1) // lanes
    width = tiles.TILE_VECTORS
    if n_vectors < width or n_vectors == 2 * tiles.PAIR or width * lanes > m:
        width = tiles.PAIR
    return width if width * lanes <= m else 1


@inline_scalar
def first_rows_and_sums(
    a, a0, a_row, a_step, b, b0, b_row, sums, sums0, c, c0, c_row, m, n_terms
):
    """Set the first rows of c to those of a b, and sums to those of the columns of b.

    These are as many rows as ``rows_beside_sums`` says. The sums take hardly any time
    beside products of the same numbers.
    """
    lanes = tiles.vector_bytes() // c.itemsize
    j = 0
    while j < m:
        width = strip(m - j, m, lanes)
        j0 = j if m - j >= width * lanes else m - width * lanes
        b1, sums1, c1 = b0 + j0, sums0 + j0, c0 + j0
        if width == tiles.TILE_VECTORS:
            tiles.wide_and_sums(
                a, a0, a_row, a_step, b, b1, b_row, sums, sums1, c, c1, c_row, n_terms
            )
        elif width == tiles.PAIR or tiles.PAIR * lanes <= NARROW:
            tiles.pair_and_sums(
                a, a0, a_row, a_step, b, b1, b_row, sums, sums1, c, c1, c_row, n_terms
            )
        else:
            tiles.thin_and_sums(
                a, a0, a_row, a_step, b, b1, b_row, sums, sums1, c, c1, c_row, n_terms
            )
        j += width * lanes


@kernel(
    (
        Array(), INTEGER, INTEGER, Array(), INTEGER, INTEGER,
        Array(), INTEGER, INTEGER, Array(), *[INTEGER] * 4,
    )
)  # fmt: skip
def dots_product(a, a0, a_row, b, b0, b_row, bias, bias0, finish, c, c0, n, m, n_terms):
    """Set c to a b.T + bias; shapes (n, n_terms), (m, n_terms), (m,) and (n, m).

    c is in C order. ``finish`` is AS_IT_IS or CLAMPED.
    """
    width = tiles.DOTS_SQUARE if m > 1 else 1
    many = tiles.DOTS_SQUARE if m > 1 else tiles.N_DOTS
    height = many if n >= many else 1
    last = m - width if m > width else 0  # where the last columns start
    i = 0
    while i < n:
        i0 = i if n - i >= height else n - height
        a1 = a0 + i0 * a_row
        j = 0
        while j < m:
            j0 = j if j < last else last
            own = bias0 + j0 if bias0 >= 0 else bias0
            b1, c1 = b0 + j0 * b_row, c0 + i0 * m + j0
            if width > 1 and height > 1:
                tiles.square_dots(
                    a, a1, a_row, b, b1, b_row, bias, own, finish, c, c1, m, n_terms
                )
            elif width > 1:
                tiles.row_of_dots(
                    a, a1, a_row, b, b1, b_row, bias, own, finish, c, c1, m, n_terms
                )
            elif height > 1:
                tiles.many_dots(
                    a, a1, a_row, b, b1, b_row, bias, own, finish, c, c1, m, n_terms
                )
            else:
                tiles.one_dot(
                    a, a1, a_row, b, b1, b_row, bias, own, finish, c, c1, m, n_terms
                )
            j += width
        i += height
    return 0.0


@inline_scalar
def outer_product(a, a0, a_row, b, b0, finish, p, q, gate, gate0, c, c0, c_row, n, m):
    """Set c to the product of a column and a row; shapes (n,), (m,) and (n, m).

    ``finish`` and what belongs to it are those of ``rows_product``, but for CLAMPED.
    """
    lanes = tiles.vector_bytes() // c.itemsize
    j = 0
    while j < m:
        wide = m - j >= 2 * tiles.TILE_VECTORS * lanes
        j0 = j if m - j >= lanes else m - lanes
        b1, c1, gate1 = b0 + j0, c0 + j0, gate0 + j0
        if wide:
            tiles.wide_outer(
                a, a0, a_row, b, b1, finish, p, q, gate, gate1, c, c1, c_row, n
            )
        else:
            tiles.thin_outer(
                a, a0, a_row, b, b1, finish, p, q, gate, gate1, c, c1, c_row, n
            )
        j += 2 * tiles.TILE_VECTORS * lanes if wide else lanes


@inline_array
def column_sums(b, b0, b_row, c, c0, m, n_terms):
    """Set c to the sums of the columns of b; shapes (n_terms, m) and (m,)."""
    lanes = tiles.vector_bytes() // c.itemsize
    if m < lanes:
        for j in range(m):
            total = like(c[c0], 0)
            for k in range(n_terms):
                total += b[b0 + k * b_row + j]
            c[c0 + j] = total
        return
    j = 0
    while j < m:
        if m - j >= 2 * tiles.TILE_VECTORS * lanes:
            tiles.wide_sums(b, b0 + j, b_row, c, c0 + j, n_terms)
            j += 2 * tiles.TILE_VECTORS * lanes
        else:
            j0 = j if m - j >= lanes else m - lanes
            tiles.thin_sums(b, b0 + j0, b_row, c, c0 + j0, n_terms)
            j += lanes


@inline_scalar
def copy(a, a0, c, c0, size):
    """Copy so many elements from place a0 of a to place c0 of c."""
    if size * c.itemsize >= tiles.vector_bytes():
        tiles.vector_copy(a, a0, c, c0, size)
    else:
        for k in range(size):
            c[c0 + k] = a[a0 + k]


@kernel((Array(), INTEGER, Array(), INTEGER, INTEGER, INTEGER))
def transpose(a, a0, c, c0, n, m):
    """Set c to a.T; a has shape (n, m), and both n and m are NARROW or more."""
    lanes = tiles.vector_bytes() // c.itemsize
    i = 0
    while i < n:
        i0 = i if n - i >= lanes else n - lanes
        j = 0
        while j < m:
            j0 = j if m - j >= lanes else m - lanes
            tiles.transpose_square(a, a0 + i0 * m + j0, m, c, c0 + j0 * n + i0, n)
            j += lanes
        i += lanes
    return 0.0
