"""The pieces of softmax, as LLVM's instructions."""

import math
from functools import partial

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import make_array

from sknn.jit.compiler import implements
from sknn.jit.vectors import Vectors, integer
from sknn.kernels.math import softmax
from sknn.kernels.math.softmax import CLASSES


def _matrix(context, builder, kind, array):
    """Return a pointer to the first element of a matrix, and its shape."""
    matrix = make_array(kind)(context, builder, array)
    return matrix.data, *cgutils.unpack_tuple(builder, matrix.shape, 2)


# ---------------------------------------------------------------------------------
# Between rows and columns.


class _Some:
    """Some rows, as many as a vector has lanes, and where they lie in both matrices."""

    def __init__(self, vectors, rows, columns, first, n_rows, n_classes):
        self.vectors, self.builder = vectors, vectors.builder
        self.n_rows, self.n_classes = n_rows, n_classes
        self.row = self.builder.gep(rows, [self.builder.mul(first, n_classes)])
        self.column = self.builder.gep(columns, [first])
        filled = self.builder.add(n_classes, integer(CLASSES - 1))
        self.n_groups = self.builder.sdiv(filled, integer(CLASSES))

    def in_rows(self, group):
        """Return pointers to a group of classes in each row, and its mask."""
        first = self.builder.mul(group, integer(CLASSES))
        start = self.builder.gep(self.row, [first])
        rows = self.vectors.rows(start, self.n_classes, self.vectors.lanes)
        rest = self.builder.sub(self.n_classes, first)
        return rows, self.vectors.mask(rest, CLASSES)

    def in_columns(self, group):
        """Return pointers to a vector for each class of a group."""
        first = self.builder.mul(group, integer(CLASSES))
        start = self.builder.gep(self.column, [self.builder.mul(first, self.n_rows)])
        return self.vectors.rows(start, self.n_rows, CLASSES)

    def for_groups(self, body, *states):
        """Run body(group, *states) -> states for each group of classes."""

        def with_next(states):
            return [self.builder.add(states[0], integer(1)), *body(*states)]

        return self.vectors.loop(self.n_groups, with_next, [integer(0), *states])[1:]

    def for_classes(self, body, *states):
        """Run body(place, *states) -> states for the vector of each class."""

        def with_next(states):
            return [self.builder.gep(states[0], [self.n_rows]), *body(*states)]

        return self.vectors.loop(self.n_classes, with_next, [self.column, *states])[1:]


def _side_by_side(fill):
    """Make the function that runs fill(some) for all rows.

    It takes a vector of them at a time, and what is left by fewer.
    """

    def typed(typingctx, rows, columns):
        def codegen(context, builder, signature, values):
            (row, n_rows, n_classes), (column, *_) = map(
                partial(_matrix, context, builder), signature.args, values
            )
            lanes = Vectors(context, builder, rows.dtype).lanes
            first = integer(0)
            for count in sorted({lanes, min(lanes, CLASSES), 1}, reverse=True):
                vectors = Vectors(context, builder, rows.dtype, count)

                def run(states, vectors=vectors):
                    (first,) = states
                    fill(_Some(vectors, row, column, first, n_rows, n_classes))
                    return [builder.add(first, integer(vectors.lanes))]

                n = builder.sdiv(builder.sub(n_rows, first), integer(count))
                is_any = builder.icmp_signed(">", n, integer(0))
                loop = partial(vectors.loop, n, run, [first])
                (first,) = vectors.chosen(is_any, loop, [first])
            return context.get_dummy_value()

        return types.void(rows, columns), codegen

    return typed


def _fill_columns(some):
    vectors, builder = some.vectors, some.builder

    def put(group, highest):
        starts, mask = some.in_rows(group)
        missing = vectors.constant(-math.inf, CLASSES)
        rows = [vectors.first(start, mask, missing) for start in starts]
        columns = vectors.transposed(rows)
        for column, place in zip(columns, some.in_columns(group), strict=True):
            vectors.store(column, place)
            highest = vectors.at_least(highest, column)
        return [highest]

    (highest,) = some.for_groups(put, vectors.constant(-math.inf))

    def lower(place):
        vectors.store(builder.fsub(vectors.load(place), highest), place)
        return []

    some.for_classes(lower)


def _fill_rows(some):
    vectors, builder = some.vectors, some.builder

    def add(place, total):
        return [builder.fadd(total, vectors.load(place))]

    (total,) = some.for_classes(add, vectors.zero)
    share = builder.fdiv(vectors.constant(1.0), total)

    def put(group):
        columns = [
            builder.fmul(vectors.load(place), share) for place in some.in_columns(group)
        ]
        starts, mask = some.in_rows(group)
        for row, start in zip(vectors.transposed(columns), starts, strict=True):
            vectors.store_first(row, start, mask)
        return []

    some.for_groups(put)


# ---------------------------------------------------------------------------------
# Along rows.


def _along_rows(missing, combine, apply):
    """Make the function that applies what a row combines to, to all of the row."""

    def typed(typingctx, rows, results):
        def codegen(context, builder, signature, values):
            (source, n_rows, width), (target, *_) = map(
                partial(_matrix, context, builder), signature.args, values
            )
            vectors = Vectors(context, builder, rows.dtype)
            lanes = integer(vectors.lanes)
            n_whole = builder.sdiv(builder.sub(width, integer(1)), lanes)
            # The last vector of a row has some elements of the one before it.
            last = builder.sub(width, lanes)
            again = vectors.mask(builder.sub(builder.mul(n_whole, lanes), last))

            def one_row(states):
                def find(states):
                    place, found = states
                    found = combine(vectors, found, vectors.load(place))
                    return [builder.gep(place, [lanes]), found]

                def change(states):
                    place, to = states
                    vectors.store(apply(builder, vectors.load(place), own), to)
                    return [builder.gep(start, [lanes]) for start in states]

                end, to_end = [builder.gep(start, [last]) for start in states]
                end = vectors.load(end)
                first = builder.select(again, vectors.constant(missing), end)
                _, found = vectors.loop(n_whole, find, [states[0], first])
                found = vectors.reduced([found], partial(combine, vectors))
                own = vectors.spread(found)
                vectors.loop(n_whole, change, states)
                vectors.store(apply(builder, end, own), to_end)
                return [builder.gep(start, [width]) for start in states]

            vectors.loop(n_rows, one_row, [source, target])
            return context.get_dummy_value()

        return types.void(rows, results), codegen

    return typed


def _sum(vectors, x, y):
    return vectors.builder.fadd(x, y)


implements(softmax.fill_columns)(_side_by_side(_fill_columns))
implements(softmax.fill_rows)(_side_by_side(_fill_rows))
implements(softmax.lower_rows)(
    _along_rows(-math.inf, Vectors.at_least, ir.IRBuilder.fsub)
)
implements(softmax.divide_rows)(_along_rows(0.0, _sum, ir.IRBuilder.fdiv))
