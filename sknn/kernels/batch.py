"""The rows of a batch that are worked on, and where their numbers lie."""

from collections import namedtuple

import numpy as np

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
    OUTPUT,
)

# The rows that are worked on now: n rows of a batch of so many (`size`), `begin` rows
# after its first one. `data` is flat: the dense matrix in C order from element `offset`
# on, or the values of a CSR matrix with `indices` and `indptr`. `row_of` says which row
# of the targets, the weights and the CSR matrix is meant. `key` seeds what is drawn.
Batch = namedtuple(
    "Batch", "data offset indices indptr weights rows first n begin size key"
)


@inline_scalar
def rows_as_they_are(data, indices, indptr, weights, n_features, first, n):
    """Return a batch, and its only block, of n rows from one on, in their order."""
    return Batch(
        data, first * n_features, indices, indptr, weights, indptr[:0], first, n,
        0, n, 0,
    )  # fmt: skip


@inline_scalar
def block_of(batch, n_features, begin, block):
    """Return the rows of a whole batch from one on: a block, or what is left."""
    n = block if begin + block < batch.size else batch.size - begin
    return Batch(
        batch.data, batch.offset + begin * n_features, batch.indices, batch.indptr,
        batch.weights, batch.rows, batch.first + begin, n, begin, batch.size, batch.key,
    )  # fmt: skip


@inline_scalar
def row_of(batch, i):
    """Return which row of the data the i-th row of a block is."""
    # Of unsigned numbers it is known that they do not count from the end.
    row = batch.first + i
    return batch.rows[np.uintp(row)] if batch.rows.size else row


@inline_scalar
def numbers_of(batch, n_features):
    """Return the numbers of the block's rows of the data, flat."""
    start, size = batch.offset, batch.n * n_features
    if batch.indptr.size:  # and the rows are in order
        start = batch.indptr[batch.first]
        size = batch.indptr[batch.first + batch.n] - start
    return vector(flat(batch.data), start, size)


@inline_scalar
def place(batch, column, width):
    """Return where the block's rows of a matrix start in values or deltas.

    ``column`` is the number of columns that lie before the matrix.
    """
    return column * batch.size + batch.begin * width


@inline_scalar
def part_of(op, batch, column, buffer):
    """Return the block's rows of a matrix as wide as the outputs, flat."""
    start = place(batch, op[column], op[FAN_OUT])
    return vector(buffer, start, batch.n * op[FAN_OUT])


@inline_scalar
def source_of(op, batch, values):
    """Return where an operation reads: memory, and the place of the block's rows."""
    if op[INPUT] == FROM_BATCH:
        return flat(batch.data), batch.offset
    return flat(values), place(batch, op[INPUT], op[FAN_IN])


@inline_scalar
def input_of(op, batch, values):
    """Return the matrix that an operation reads, shape (n_rows, fan_in)."""
    memory, start = source_of(op, batch, values)
    return matrix(memory, start, batch.n, op[FAN_IN])


@inline_scalar
def output_of(op, batch, values):
    """Return the matrix that an operation fills, or its gradient in deltas."""
    start = place(batch, op[OUTPUT], op[FAN_OUT])
    return matrix(values, start, batch.n, op[FAN_OUT])


@inline_scalar
def input_delta_of(op, batch, deltas):
    """Return the gradient of the inputs, which an operation fills in deltas."""
    start = place(batch, op[INPUT_DELTA], op[FAN_IN])
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
