"""The steps of softmax, as LLVM intrinsics."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from sknn.jit.abi import array_struct
from sknn.jit.compiler import lower_intrinsic
from sknn.jit.vectors import Vectors, integer
from sknn.kernels.math import softmax
from sknn.kernels.math.softmax import CLASSES

Values = list[ir.Value]
Definition = Callable[..., Any]  # what `lower_intrinsic` takes


def _matrix(context: Any, builder: Any, array_type: Any, array: Any) -> Any:
    """Return a pointer to the first element of a matrix, and its shape."""
    matrix = array_struct(context, builder, array_type, array)
    return matrix.data, *cgutils.unpack_tuple(builder, matrix.shape, 2)


# ---------------------------------------------------------------------------------
# Transposition of rows to columns and back.


class _RowGroup:
    """A group of rows, one for each lane of a vector, in both layouts of the matrix."""

    def __init__(
        self,
        vectors: Vectors,
        rows: Any,
        columns: Any,
        first: ir.Value,
        n_rows: ir.Value,
        n_classes: ir.Value,
    ) -> None:
        self.vectors, self.builder = vectors, vectors.builder
        self.n_rows, self.n_classes = n_rows, n_classes
        self.row = self.builder.gep(rows, [self.builder.mul(first, n_classes)])
        self.column = self.builder.gep(columns, [first])
        filled = self.builder.add(n_classes, integer(CLASSES - 1))
        self.n_groups = self.builder.sdiv(filled, integer(CLASSES))

    def in_rows(self, group: ir.Value) -> tuple[Values, ir.Value]:
        """Return pointers to a group of CLASSES classes in each row, and its mask."""
        first = self.builder.mul(group, integer(CLASSES))
        start = self.builder.gep(self.row, [first])
        rows = self.vectors.rows(start, self.n_classes, self.vectors.lanes)
        remaining = self.builder.sub(self.n_classes, first)
        return rows, self.vectors.mask(remaining, CLASSES)

    def in_columns(self, group: ir.Value) -> Values:
        """Return pointers to the column vector of each class of a group."""
        first = self.builder.mul(group, integer(CLASSES))
        start = self.builder.gep(self.column, [self.builder.mul(first, self.n_rows)])
        return self.vectors.rows(start, self.n_rows, CLASSES)

    def for_groups(self, body: Callable[..., Values], *states: ir.Value) -> Values:
        """Run body(group, *states) -> states for each group of classes."""

        def with_next(states: Values) -> Values:
            return [self.builder.add(states[0], integer(1)), *body(*states)]

        return self.vectors.loop(self.n_groups, with_next, [integer(0), *states])[1:]

    def for_classes(self, body: Callable[..., Values], *states: ir.Value) -> Values:
        """Run body(pointer, *states) -> states for the column vector of each class."""

        def with_next(states: Values) -> Values:
            return [self.builder.gep(states[0], [self.n_rows]), *body(*states)]

        return self.vectors.loop(self.n_classes, with_next, [self.column, *states])[1:]


def _by_row_group(fill: Callable[[_RowGroup], None]) -> Definition:
    """Return the intrinsic that runs fill(group) for all rows.

    Groups have a row for each lane of a vector, and fewer in the remainder.
    """

    def typed(typingctx: Any, rows: Any, columns: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            (row, n_rows, n_classes), (column, *_) = map(
                partial(_matrix, context, builder), signature.args, values
            )
            lanes = Vectors(context, builder, rows.dtype).lanes
            first = integer(0)
            for count in sorted({lanes, min(lanes, CLASSES), 1}, reverse=True):
                vectors = Vectors(context, builder, rows.dtype, count)

                def run(states: Values, vectors: Vectors = vectors) -> Values:
                    (first,) = states
                    fill(_RowGroup(vectors, row, column, first, n_rows, n_classes))
                    return [builder.add(first, integer(vectors.lanes))]

                n = builder.sdiv(builder.sub(n_rows, first), integer(count))
                is_any = builder.icmp_signed(">", n, integer(0))
                loop = partial(vectors.loop, n, run, [first])
                (first,) = vectors.chosen(is_any, loop, [first])
            return context.get_dummy_value()

        return types.void(rows, columns), codegen

    return typed


def _fill_columns(row_group: _RowGroup) -> Any:
    """Emit `softmax.fill_columns` for a group of rows."""
    vectors, builder = row_group.vectors, row_group.builder

    def transpose_group(group: ir.Value, highest: ir.Value) -> Values:
        starts, mask = row_group.in_rows(group)
        padding = vectors.constant(-math.inf, CLASSES)
        rows = [vectors.first(start, mask, padding) for start in starts]
        columns = vectors.transposed(rows)
        for column, pointer in zip(columns, row_group.in_columns(group), strict=True):
            vectors.store(column, pointer)
            highest = vectors.at_least(highest, column)
        return [highest]

    (highest,) = row_group.for_groups(transpose_group, vectors.constant(-math.inf))

    def lower(pointer: ir.Value) -> Values:
        vectors.store(builder.fsub(vectors.load(pointer), highest), pointer)
        return []

    row_group.for_classes(lower)


def _fill_rows(row_group: _RowGroup) -> Any:
    """Emit `softmax.fill_rows` for a group of rows."""
    vectors, builder = row_group.vectors, row_group.builder

    def add(pointer: ir.Value, total: ir.Value) -> Values:
        return [builder.fadd(total, vectors.load(pointer))]

    (total,) = row_group.for_classes(add, vectors.zero)
    inverse = builder.fdiv(vectors.constant(1.0), total)

    def transpose_group(group: ir.Value) -> Values:
        columns = [
            builder.fmul(vectors.load(pointer), inverse)
            for pointer in row_group.in_columns(group)
        ]
        starts, mask = row_group.in_rows(group)
        for row, start in zip(vectors.transposed(columns), starts, strict=True):
            vectors.store_first(row, start, mask)
        return []

    row_group.for_groups(transpose_group)


# ---------------------------------------------------------------------------------
# Along rows.


def _reduce_rows(
    neutral: float,
    combine: Callable[[Vectors, ir.Value, ir.Value], ir.Value],
    apply: Callable[[ir.IRBuilder, ir.Value, ir.Value], ir.Value],
) -> Definition:
    """Return the intrinsic that reduces each row and applies the result to the row.

    ``combine(vectors, x, y)`` reduces two vectors, with ``neutral`` as its neutral
    element; ``apply(builder, x, result)`` returns the new elements.
    """

    def typed(typingctx: Any, rows: Any, results: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            (source, n_rows, width), (target, *_) = map(
                partial(_matrix, context, builder), signature.args, values
            )
            vectors = Vectors(context, builder, rows.dtype)
            lanes = integer(vectors.lanes)
            n_whole = builder.sdiv(builder.sub(width, integer(1)), lanes)
            # The last vector of a row overlaps the one before it.
            last = builder.sub(width, lanes)
            overlap = vectors.mask(builder.sub(builder.mul(n_whole, lanes), last))

            def one_row(states: Values) -> Values:
                def reduce_vector(states: Values) -> Values:
                    pointer, result = states
                    result = combine(vectors, result, vectors.load(pointer))
                    return [builder.gep(pointer, [lanes]), result]

                def apply_vector(states: Values) -> Values:
                    pointer, target_pointer = states
                    vectors.store(
                        apply(builder, vectors.load(pointer), reduced), target_pointer
                    )
                    return [builder.gep(start, [lanes]) for start in states]

                end, target_end = [builder.gep(start, [last]) for start in states]
                end = vectors.load(end)
                first = builder.select(overlap, vectors.constant(neutral), end)
                _, result = vectors.loop(n_whole, reduce_vector, [states[0], first])
                result = vectors.reduced([result], partial(combine, vectors))
                reduced = vectors.spread(result)
                vectors.loop(n_whole, apply_vector, states)
                vectors.store(apply(builder, end, reduced), target_end)
                return [builder.gep(start, [width]) for start in states]

            vectors.loop(n_rows, one_row, [source, target])
            return context.get_dummy_value()

        return types.void(rows, results), codegen

    return typed


def _sum(vectors: Vectors, x: ir.Value, y: ir.Value) -> ir.Value:
    """Return x + y, elementwise."""
    return vectors.builder.fadd(x, y)


lower_intrinsic(softmax.fill_columns)(_by_row_group(_fill_columns))
lower_intrinsic(softmax.fill_rows)(_by_row_group(_fill_rows))
lower_intrinsic(softmax.lower_rows)(
    _reduce_rows(-math.inf, Vectors.at_least, ir.IRBuilder.fsub)
)
lower_intrinsic(softmax.divide_rows)(_reduce_rows(0.0, _sum, ir.IRBuilder.fdiv))
