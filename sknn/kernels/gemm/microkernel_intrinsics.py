"""Pieces of products that stay in vector registers, as LLVM's instructions.

Written by hand, for no compiler keeps a tile of sums in registers by itself.
"""

from functools import partial

from llvmlite import ir
from numba import types

from sknn.jit.compiler import implements, n_vector_registers, vector_bytes
from sknn.jit.vectors import Vectors, integer
from sknn.kernels.gemm import microkernels as tiles


def _integers(count):
    return (types.int64,) * count


def _reals(count):
    return (types.float64,) * count


def _summed(vectors, a_rows, b_start, steps, shifts, n_terms, first):
    """Return sums of products, row by row, of the elements of a and the vectors of b.

    If there are more of them than rows times vectors, the others are the sums of the
    vectors of b.
    """
    builder, n_vectors = vectors.builder, len(shifts)

    def term(states):
        a_place, b_place, *sums = states
        row = builder.gep(b_start, [b_place])
        seconds = [vectors.load(builder.gep(row, [shift])) for shift in shifts]
        found = []
        for i, start in enumerate(a_rows):
            x = vectors.splat(builder.load(builder.gep(start, [a_place])))
            for v, y in enumerate(seconds):
                total = sums[i * n_vectors + v]
                found.append(vectors.multiply_add(x, y, total))
        found += map(builder.fadd, sums[len(found) :], seconds)
        return [*map(builder.add, (a_place, b_place), steps), *found]

    return vectors.loop(n_terms, term, [integer(0), integer(0), *first])[2:]


def _tile(n_rows, n_vectors):
    def typed(
        typingctx, a, a0, a_row, a_step, b, b0, b_row, bias, bias0,
        finish, p, q, gate, gate0, c, c0, c_row, n_terms,
    ):  # fmt: skip
        def codegen(context, builder, signature, values):
            a_, a0, a_row, a_step, b_, b0, b_row, *values = values
            bias_, bias0, finish, p, q, gate_, gate0, c_, c0, c_row, n_terms = values
            vectors = Vectors(context, builder, c.dtype)
            shifts = [integer(v * vectors.lanes) for v in range(n_vectors)]
            a_rows = vectors.rows(vectors.start(a, a_, a0), a_row, n_rows)
            b_start = vectors.start(b, b_, b0)
            steps = a_step, b_row

            def biases():
                place = vectors.start(bias, bias_, bias0)
                return [vectors.load(builder.gep(place, [s])) for s in shifts]

            none = [vectors.zero] * n_vectors
            first = vectors.chosen(vectors.is_place(bias0), biases, none)

            sums = _summed(
                vectors, a_rows, b_start, steps, shifts, n_terms, first * n_rows
            )

            def places(start):
                rows = vectors.rows(start, c_row, n_rows)
                return [builder.gep(row, [shift]) for row in rows for shift in shifts]

            def gates():
                return map(vectors.load, places(vectors.start(gate, gate_, gate0)))

            def sloped():
                own = vectors.of(p), vectors.of(q)
                return [
                    vectors.sloped(total, y, *own)
                    for total, y in zip(sums, gates(), strict=True)
                ]

            finishes = {
                tiles.RELU: lambda: list(map(vectors.clamped, sums)),
                tiles.RELU_GRAD: lambda: list(map(vectors.behind, sums, gates())),
                tiles.QUADRATIC_GRAD: sloped,
            }
            found = vectors.switched(finish, finishes, sums)
            for total, place in zip(
                found, places(vectors.start(c, c_, c0)), strict=True
            ):
                vectors.store(total, place)
            return context.get_dummy_value()

        signature = types.void(
            a, *_integers(3), b, *_integers(2), bias, *_integers(2), *_reals(2),
            gate, *_integers(1), c, *_integers(3),
        )  # fmt: skip
        return signature, codegen

    return typed


def _tile_and_sums(n_rows, n_vectors):
    def typed(
        typingctx, a, a0, a_row, a_step, b, b0, b_row, sums, sums0, c, c0, c_row, n
    ):
        def codegen(context, builder, signature, values):
            a_, a0, a_row, a_step, b_, b0, b_row, *values = values
            sums_, sums0, c_, c0, c_row, n_terms = values
            vectors = Vectors(context, builder, c.dtype)
            shifts = [integer(v * vectors.lanes) for v in range(n_vectors)]
            found = _summed(
                vectors, vectors.rows(vectors.start(a, a_, a0), a_row, n_rows),
                vectors.start(b, b_, b0), (a_step, b_row), shifts, n_terms,
                [vectors.zero] * ((n_rows + 1) * n_vectors),
            )  # fmt: skip
            rows = vectors.rows(vectors.start(c, c_, c0), c_row, n_rows)
            rows.append(vectors.start(sums, sums_, sums0))
            places = [builder.gep(row, [shift]) for row in rows for shift in shifts]
            for total, place in zip(found, places, strict=True):
                vectors.store(total, place)
            return context.get_dummy_value()

        signature = types.void(
            a, *_integers(3), b, *_integers(2), sums, *_integers(1), c, *_integers(3)
        )
        return signature, codegen

    return typed


def _dots(n_rows, n_columns):
    def typed(
        typingctx, a, a0, a_row, b, b0, b_row, bias, bias0, finish, c, c0, m, n_terms
    ):
        def codegen(context, builder, signature, values):
            a_, a0, a_row, b_, b0, b_row, *values = values
            bias_, bias0, finish, c_, c0, m, n_terms = values
            vectors = Vectors(context, builder, c.dtype)
            lanes = integer(vectors.lanes)
            a_rows = vectors.rows(vectors.start(a, a_, a0), a_row, n_rows)
            # Where there are fewer columns, the last one is taken again.
            b_start, last = vectors.start(b, b_, b0), builder.sub(m, integer(1))
            b_rows = [
                builder.gep(
                    b_start, [builder.mul(vectors.lower(integer(j), last), b_row)]
                )
                for j in range(n_columns)
            ]
            n_whole = builder.sdiv(builder.sub(n_terms, integer(1)), lanes)
            rest = builder.mul(n_whole, lanes)

            def added(load, place, sums):
                xs, ys = (
                    [load(builder.gep(row, [place])) for row in rows]
                    for rows in (a_rows, b_rows)
                )
                pairs = [(x, y) for x in xs for y in ys]
                return [
                    vectors.multiply_add(x, y, total)
                    for (x, y), total in zip(pairs, sums, strict=True)
                ]

            def term(states):
                place, *sums = states
                return [builder.add(place, lanes), *added(vectors.load, place, sums)]

            zeros = [vectors.zero] * (n_rows * n_columns)

            def whole():
                return vectors.loop(n_whole, term, [integer(0), *zeros])[1:]

            sums = vectors.chosen(
                builder.icmp_signed(">", n_whole, integer(0)), whole, zeros
            )
            # One to lanes terms are left.
            mask = vectors.mask(builder.sub(n_terms, rest))
            sums = added(lambda place: vectors.first(place, mask), rest, sums)

            # Results lie side by side: those of a row, or those of the only column.
            size = n_columns if n_columns > 1 else n_rows
            is_whole = builder.icmp_signed(">=", m, integer(n_columns))

            def biases():
                place = vectors.start(bias, bias_, bias0)
                if n_columns == 1:
                    return [vectors.splat(builder.load(place), size)]
                return [vectors.first(place, vectors.mask(m, size))]

            none = ir.Constant(ir.VectorType(vectors.scalar, size), None)
            (own,) = vectors.chosen(vectors.is_place(bias0), biases, [none])
            totals = vectors.totals(sums)
            found = [
                builder.fadd(vectors.part(totals, first, size), own)
                for first in range(0, n_rows * n_columns, size)
            ]
            finishes = {tiles.RELU: lambda: list(map(vectors.clamped, found))}
            found = vectors.switched(finish, finishes, found)
            places = vectors.rows(vectors.start(c, c_, c0), m, len(found))
            with builder.if_else(is_whole) as (all_columns, some_columns):
                with all_columns:
                    for row, place in zip(found, places, strict=True):
                        vectors.store(row, place)
                with some_columns:
                    for j in range(n_columns - 1):
                        with builder.if_then(builder.icmp_signed(">", m, integer(j))):
                            for row, place in zip(found, places, strict=True):
                                one = vectors.part(row, j, 1)
                                vectors.store(one, builder.gep(place, [integer(j)]))
            return context.get_dummy_value()

        signature = types.void(
            a, *_integers(2), b, *_integers(2), bias, *_integers(2), c, *_integers(3)
        )
        return signature, codegen

    return typed


def _sums(n_vectors):
    def typed(typingctx, b, b0, b_row, c, c0, n_terms):
        def codegen(context, builder, signature, values):
            b_, b0, b_row, c_, c0, n_terms = values
            vectors = Vectors(context, builder, c.dtype)
            shifts = [integer(v * vectors.lanes) for v in range(n_vectors)]
            start = vectors.start(b, b_, b0)

            def term(states):
                place, *sums = states
                row = builder.gep(start, [place])
                found = [
                    builder.fadd(total, vectors.load(builder.gep(row, [shift])))
                    for total, shift in zip(sums, shifts, strict=True)
                ]
                return [builder.add(place, b_row), *found]

            _, *sums = vectors.loop(
                n_terms, term, [integer(0), *[vectors.zero] * n_vectors]
            )
            start = vectors.start(c, c_, c0)
            for total, shift in zip(sums, shifts, strict=True):
                vectors.store(total, builder.gep(start, [shift]))
            return context.get_dummy_value()

        return types.void(b, *_integers(2), c, *_integers(2)), codegen

    return typed


def _outer(n_vectors):
    def typed(
        typingctx, a, a0, a_row, b, b0, finish, p, q, gate, gate0,
        c, c0, c_row, n_rows,
    ):  # fmt: skip
        def codegen(context, builder, signature, values):
            a_, a0, a_row, b_, b0, finish, *values = values
            p, q, gate_, gate0, c_, c0, c_row, n_rows = values
            vectors = Vectors(context, builder, c.dtype)
            shifts = [integer(v * vectors.lanes) for v in range(n_vectors)]
            a_start, c_start = vectors.start(a, a_, a0), vectors.start(c, c_, c0)
            row = vectors.start(b, b_, b0)
            factors = [vectors.load(builder.gep(row, [shift])) for shift in shifts]
            gate_start = vectors.start(gate, gate_, gate0)

            def term(states, finished):
                a_place, c_place = states
                x = vectors.splat(builder.load(builder.gep(a_start, [a_place])))
                row, gates = (
                    builder.gep(start, [c_place]) for start in (c_start, gate_start)
                )
                for shift, y in zip(shifts, factors, strict=True):
                    found = finished(builder.fmul(x, y), builder.gep(gates, [shift]))
                    vectors.store(found, builder.gep(row, [shift]))
                return [builder.add(a_place, a_row), builder.add(c_place, c_row)]

            def run(finished):
                run_term = partial(term, finished=finished)
                vectors.loop(n_rows, run_term, [integer(0), integer(0)])
                return []

            def sloped():
                own = vectors.of(p), vectors.of(q)
                return run(lambda x, at: vectors.sloped(x, vectors.load(at), *own))

            finishes = {
                tiles.NO_EPILOGUE: lambda: run(lambda x, at: x),
                tiles.RELU_GRAD: lambda: run(
                    lambda x, at: vectors.behind(x, vectors.load(at))
                ),
                tiles.QUADRATIC_GRAD: sloped,
            }
            vectors.switched(finish, finishes, [])
            return context.get_dummy_value()

        signature = types.void(
            a, *_integers(2), b, *_integers(2), *_reals(2), gate, *_integers(1),
            c, *_integers(3),
        )  # fmt: skip
        return signature, codegen

    return typed


@implements(tiles.vector_copy)
def _vector_copy(typingctx, a, a0, c, c0, size):
    def codegen(context, builder, signature, values):
        a_, a0, c_, c0, size = values
        vectors = Vectors(context, builder, c.dtype)
        source, target = vectors.start(a, a_, a0), vectors.start(c, c_, c0)
        lanes = integer(vectors.lanes)

        def move(place):
            value = vectors.load(builder.gep(source, [place]))
            vectors.store(value, builder.gep(target, [place]))

        def term(states):
            move(states[0])
            return [builder.add(states[0], lanes)]

        vectors.loop(builder.sdiv(size, lanes), term, [integer(0)])
        move(builder.sub(size, lanes))  # the last ones, some of them once more
        return context.get_dummy_value()

    return types.void(a, *_integers(1), c, *_integers(2)), codegen


@implements(tiles.transpose_square)
def _transpose_square(typingctx, a, a0, a_row, c, c0, c_row):
    def codegen(context, builder, signature, values):
        a_, a0, a_row, c_, c0, c_row = values
        vectors = Vectors(context, builder, c.dtype)
        lanes = vectors.lanes
        places = vectors.rows(vectors.start(a, a_, a0), a_row, lanes)
        rows = vectors.transposed([vectors.load(place) for place in places])
        places = vectors.rows(vectors.start(c, c_, c0), c_row, lanes)
        for row, place in zip(rows, places, strict=True):
            vectors.store(row, place)
        return context.get_dummy_value()

    signature = types.void(a, *_integers(2), c, *_integers(2))
    return signature, codegen


def _constant(number):
    def typed(typingctx):
        def codegen(context, builder, signature, values):
            return integer(number())

        return types.int64(), codegen

    return typed


def _tile_rows():
    return 8 if n_vector_registers() == 32 else 4


def _rows_beside_sums():
    return 8 if n_vector_registers() == 32 else 0


implements(tiles.vector_bytes)(_constant(vector_bytes))
implements(tiles.tile_rows)(_constant(_tile_rows))
implements(tiles.rows_beside_sums)(_constant(_rows_beside_sums))
for _function, (_n_rows, _n_vectors) in tiles.TILES.items():
    implements(_function)(_tile(_n_rows or _tile_rows(), _n_vectors))
for _function, _n_vectors in tiles.TILES_AND_SUMS.items():
    implements(_function)(_tile_and_sums(_tile_rows(), _n_vectors))
for _function, _shape in tiles.DOTS.items():
    implements(_function)(_dots(*_shape))
for _function, _n_vectors in tiles.SUMS.items():
    implements(_function)(_sums(_n_vectors))
for _function, _n_vectors in tiles.OUTERS.items():
    implements(_function)(_outer(_n_vectors))
