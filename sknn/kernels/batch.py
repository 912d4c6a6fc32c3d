"""The rows of a batch that are worked on, and where their numbers lie."""

from typing import NamedTuple

import numpy as np

from sknn.jit.array_types import Int32s, Integers, Matrix, Vector
from sknn.jit.kernel import (
    INT32,
    INTEGER,
    Array,
    Record,
    flat,
    inline_scalar,
    matrix,
    vector,
)
from sknn.kernels.table import (
    FAN_IN,
    FAN_OUT,
    FROM_BATCH,
    INPUT,
    INPUT_DELTA,
    MEMBERS,
    OUTPUT,
)


class Batch(NamedTuple):
    """The rows that are worked on now: a block of a batch.

    Attributes
    ----------
    data : ndarray, 1-D
        The dense matrix in C order, or the values of a CSR matrix.
    offset : int
        Where the first row starts in dense data.
    indices, indptr : ndarray, 1-D
        Those of a CSR matrix; else empty.
    weights : ndarray of shape (n_samples,) or (0,)
        Weights in the loss; empty: all 1.
    rows : ndarray of shape (n_samples,) or (0,)
        The order of the rows; empty: unshuffled. See `row_of`.
    first, n : int
        The block has rows[first : first + n].
    begin, size : int
        The block begins so many rows after the first one of the batch, which has so
        many.
    key : int
        Of the batch's random numbers: see `counter_rng.py`.
    """

    data: Vector
    offset: int
    indices: Int32s
    indptr: Integers
    weights: Vector
    rows: Integers
    first: int
    n: int
    begin: int
    size: int
    key: int


@inline_scalar
def unshuffled_batch(
    data: Vector,
    indices: Int32s,
    indptr: Integers,
    weights: Vector,
    n_features: int,
    first: int,
    n: int,
) -> Batch:
    """Return rows first, ..., first + n - 1 of the data, as a batch of one block.

    The arrays are those of `Batch`; dense data have ``n_features`` columns.
    """
    return Batch(
        data, first * n_features, indices, indptr, weights, indptr[:0], first, n,
        0, n, 0,
    )  # fmt: skip


@inline_scalar
def block_of(batch: Batch, n_features: int, begin: int, block: int) -> Batch:
    """Return rows begin, ..., begin + block - 1 of a batch; fewer at its end."""
    n = block if begin + block < batch.size else batch.size - begin
    return Batch(
        batch.data, batch.offset + begin * n_features, batch.indices, batch.indptr,
        batch.weights, batch.rows, batch.first + begin, n, begin, batch.size, batch.key,
    )  # fmt: skip


@inline_scalar
def rows_of_members(op: Integers, batch: Batch) -> Batch:
    """Return a block with op[MEMBERS] rows for each row of the batch."""
    k = op[MEMBERS]
    return Batch(
        batch.data, batch.offset, batch.indices, batch.indptr, batch.weights,
        batch.rows, batch.first, batch.n * k, batch.begin * k, batch.size * k,
        batch.key,
    )  # fmt: skip


@inline_scalar
def row_of(batch: Batch, i: int) -> int:
    """Return the row of the data that is row i of a block.

    It is rows[first + i], or first + i where rows are not shuffled.
    """
    row = batch.first + i
    # Unsigned indices spare the test for negative ones, which count from the end.
    index: int = batch.rows[np.uintp(row)] if batch.rows.size else row
    return index


@inline_scalar
def block_data(batch: Batch, n_features: int) -> Vector:
    """Return the data of an unshuffled block, flat.

    Of shape (n * n_features,); of a CSR matrix, the values of the rows.
    """
    start, size = batch.offset, batch.n * n_features
    if batch.indptr.size:
        start = batch.indptr[batch.first]
        size = batch.indptr[batch.first + batch.n] - start
    return vector(flat(batch.data), start, size)


@inline_scalar
def block_offset(batch: Batch, column: int, width: int) -> int:
    """Return the index in values or deltas at which the block's rows of a matrix start.

    The matrix has the shape (batch.size, width), and ``column`` columns of the same
    number of rows lie before it: column * size + begin * width.
    """
    return column * batch.size + batch.begin * width


@inline_scalar
def flat_rows_of(op: Integers, batch: Batch, column: int, buffer: Vector) -> Vector:
    """Return the block's rows of a matrix of the shape of the outputs, flat.

    Of shape (n_rows * fan_out,). ``column`` is the column of the table that says where
    the matrix lies in buffer.
    """
    start = block_offset(batch, op[column], op[FAN_OUT])
    return vector(buffer, start, batch.n * op[FAN_OUT])


@inline_scalar
def source_of(op: Integers, batch: Batch, values: Vector) -> tuple[Vector, int]:
    """Return the array that an operation reads, and where the block's rows start."""
    if op[INPUT] == FROM_BATCH:
        return flat(batch.data), batch.offset
    return flat(values), block_offset(batch, op[INPUT], op[FAN_IN])


@inline_scalar
def input_of(op: Integers, batch: Batch, values: Vector) -> Matrix:
    """Return the matrix that an operation reads, shape (n_rows, fan_in)."""
    memory, start = source_of(op, batch, values)
    return matrix(memory, start, batch.n, op[FAN_IN])


@inline_scalar
def output_of(op: Integers, batch: Batch, values: Vector) -> Matrix:
    """Return the matrix that an operation fills, or its gradient in deltas.

    Of shape (n_rows, fan_out).
    """
    start = block_offset(batch, op[OUTPUT], op[FAN_OUT])
    return matrix(values, start, batch.n, op[FAN_OUT])


@inline_scalar
def input_delta_of(op: Integers, batch: Batch, deltas: Vector) -> Matrix:
    """Return the gradient of the inputs, shape (n_rows, fan_in), to fill in deltas."""
    start = block_offset(batch, op[INPUT_DELTA], op[FAN_IN])
    return matrix(deltas, start, batch.n, op[FAN_IN])


# The types of a batch; user data are read-only.
BATCH = Record(
    Batch,
    (
        Array(is_read_only=True),
        INTEGER,
        Array(INT32, is_read_only=True),
        Array(INTEGER, is_read_only=True),
        Array(is_read_only=True),
        Array(INTEGER, is_read_only=True),
        *[INTEGER] * 5,
    ),
)
