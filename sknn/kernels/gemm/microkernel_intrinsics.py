"""GEMM microkernels, whose accumulators stay in vector registers, as LLVM intrinsics.

They are written by hand, since LLVM does not keep a tile of accumulators in registers
when it vectorises loops.
"""

from functools import partial

from llvmlite import ir
from numba import types

from sknn.jit.compiler import lower_intrinsic
from sknn.jit.target import n_vector_registers, vector_bytes
from sknn.jit.vectors import Vectors, integer
from sknn.kernels.gemm import microkernels


def _integers(count):
    """Return the types of count int64 arguments."""
    return (types.int64,) * count


def _reals(count):
    """Return the types of count float64 arguments."""
    return (types.float64,) * count


def _accumulate(vectors, a_rows, b_start, steps, shifts, n_terms, first):
    """Emit the loop over k; return first[i, v] + sum of a[i, k] b[k, v], row by row.

    ``first`` holds the initial accumulators of n_rows x n_vectors. If it has n_vectors
    more, these accumulate the column sums of b.
    """
    builder, n_vectors = vectors.builder, len(shifts)

    def term(states):
        a_offset, b_offset, *sums = states
        row = builder.gep(b_start, [b_offset])
        b_vectors = [vectors.load(builder.gep(row, [shift])) for shift in shifts]
        accumulators = []
        for i, start in enumerate(a_rows):
            x = vectors.splat(builder.load(builder.gep(start, [a_offset])))
            for v, y in enumerate(b_vectors):
                total = sums[i * n_vectors + v]
                accumulators.append(vectors.multiply_add(x, y, total))
        accumulators += map(builder.fadd, sums[len(accumulators) :], b_vectors)
        return [*map(builder.add, (a_offset, b_offset), steps), *accumulators]

    return vectors.loop(n_terms, term, [integer(0), integer(0), *first])[2:]


def _tile(n_rows, n_vectors):
    """Return the intrinsic of `microkernels._tile`."""

    def typed(
        typingctx, a, a0, a_row, a_step, b, b0, b_row, bias, bias0,
        epilogue, p, q, gate, gate0, c, c0, c_row, n_terms,
    ):  # fmt: skip
        def codegen(context, builder, signature, values):
            a_, a0, a_row, a_step, b_, b0, b_row, *values = values
            bias_, bias0, epilogue, p, q, gate_, gate0, c_, c0, c_row, n_terms = values
            vectors = Vectors(context, builder, c.dtype)
            shifts = [integer(v * vectors.lanes) for v in range(n_vectors)]
            a_rows = vectors.rows(vectors.start(a, a_, a0), a_row, n_rows)
            b_start = vectors.start(b, b_, b0)
            steps = a_step, b_row

            def biases():
                pointer = vectors.start(bias, bias_, bias0)
                return [vectors.load(builder.gep(pointer, [s])) for s in shifts]

            none = [vectors.zero] * n_vectors
            first = vectors.chosen(vectors.is_index(bias0), biases, none)

            sums = _accumulate(
                vectors, a_rows, b_start, steps, shifts, n_terms, first * n_rows
            )

            def pointers(start):
                rows = vectors.rows(start, c_row, n_rows)
                return [builder.gep(row, [shift]) for row in rows for shift in shifts]

            def gates():
                return map(vectors.load, pointers(vectors.start(gate, gate_, gate0)))

            def quadratic_grad():
                coefficients = vectors.of(p), vectors.of(q)
                return [
                    vectors.sloped(total, y, *coefficients)
                    for total, y in zip(sums, gates(), strict=True)
                ]

            epilogues = {
                microkernels.RELU: lambda: list(map(vectors.clamped, sums)),
                microkernels.RELU_GRAD: lambda: list(
                    map(vectors.behind, sums, gates())
                ),
                microkernels.QUADRATIC_GRAD: quadratic_grad,
            }
            results = vectors.switched(epilogue, epilogues, sums)
            for total, pointer in zip(
                results, pointers(vectors.start(c, c_, c0)), strict=True
            ):
                vectors.store(total, pointer)
            return context.get_dummy_value()

        signature = types.void(
            a, *_integers(3), b, *_integers(2), bias, *_integers(2), *_reals(2),
            gate, *_integers(1), c, *_integers(3),
        )  # fmt: skip
        return signature, codegen

    return typed


def _tile_and_sums(n_rows, n_vectors):
    """Return the intrinsic of `microkernels._tile_and_sums`."""

    def typed(
        typingctx, a, a0, a_row, a_step, b, b0, b_row, sums, sums0, c, c0, c_row, n
    ):
        def codegen(context, builder, signature, values):
            a_, a0, a_row, a_step, b_, b0, b_row, *values = values
            sums_, sums0, c_, c0, c_row, n_terms = values
            vectors = Vectors(context, builder, c.dtype)
            shifts = [integer(v * vectors.lanes) for v in range(n_vectors)]
            results = _accumulate(
                vectors, vectors.rows(vectors.start(a, a_, a0), a_row, n_rows),
                vectors.start(b, b_, b0), (a_step, b_row), shifts, n_terms,
                [vectors.zero] * ((n_rows + 1) * n_vectors),
            )  # fmt: skip
            rows = vectors.rows(vectors.start(c, c_, c0), c_row, n_rows)
            rows.append(vectors.start(sums, sums_, sums0))
            pointers = [builder.gep(row, [shift]) for row in rows for shift in shifts]
            for total, pointer in zip(results, pointers, strict=True):
                vectors.store(total, pointer)
            return context.get_dummy_value()

        signature = types.void(
            a, *_integers(3), b, *_integers(2), sums, *_integers(1), c, *_integers(3)
        )
        return signature, codegen

    return typed


def _dots(n_rows, n_columns):
    """Return the intrinsic of `microkernels._dots`."""

    def typed(
        typingctx, a, a0, a_row, b, b0, b_row, bias, bias0, epilogue, c, c0, m, n_terms
    ):
        def codegen(context, builder, signature, values):
            a_, a0, a_row, b_, b0, b_row, *values = values
            bias_, bias0, epilogue, c_, c0, m, n_terms = values
            vectors = Vectors(context, builder, c.dtype)
            lanes = integer(vectors.lanes)
            a_rows = vectors.rows(vectors.start(a, a_, a0), a_row, n_rows)
            # With fewer than n_columns columns, repeat the last one.
            b_start, last = vectors.start(b, b_, b0), builder.sub(m, integer(1))
            b_rows = [
                builder.gep(
                    b_start, [builder.mul(vectors.lower(integer(j), last), b_row)]
                )
                for j in range(n_columns)
            ]
            n_whole = builder.sdiv(builder.sub(n_terms, integer(1)), lanes)
            tail = builder.mul(n_whole, lanes)

            def multiply_add(load, offset, sums):
                xs, ys = (
                    [load(builder.gep(row, [offset])) for row in rows]
                    for rows in (a_rows, b_rows)
                )
                pairs = [(x, y) for x in xs for y in ys]
                return [
                    vectors.multiply_add(x, y, total)
                    for (x, y), total in zip(pairs, sums, strict=True)
                ]

            def term(states):
                offset, *sums = states
                return [
                    builder.add(offset, lanes),
                    *multiply_add(vectors.load, offset, sums),
                ]

            zeros = [vectors.zero] * (n_rows * n_columns)

            def whole():
                return vectors.loop(n_whole, term, [integer(0), *zeros])[1:]

            sums = vectors.chosen(
                builder.icmp_signed(">", n_whole, integer(0)), whole, zeros
            )
            # The tail is one to lanes terms.
            mask = vectors.mask(builder.sub(n_terms, tail))
            sums = multiply_add(
                lambda pointer: vectors.first(pointer, mask), tail, sums
            )

            # Vectors of results: a row each or, with one column, that column.
            size = n_columns if n_columns > 1 else n_rows
            is_whole = builder.icmp_signed(">=", m, integer(n_columns))

            def biases():
                pointer = vectors.start(bias, bias_, bias0)
                if n_columns == 1:
                    return [vectors.splat(builder.load(pointer), size)]
                return [vectors.first(pointer, vectors.mask(m, size))]

            none = ir.Constant(ir.VectorType(vectors.scalar, size), None)
            (bias_vector,) = vectors.chosen(vectors.is_index(bias0), biases, [none])
            totals = vectors.totals(sums)
            results = [
                builder.fadd(vectors.part(totals, first, size), bias_vector)
                for first in range(0, n_rows * n_columns, size)
            ]
            epilogues = {microkernels.RELU: lambda: list(map(vectors.clamped, results))}
            results = vectors.switched(epilogue, epilogues, results)
            pointers = vectors.rows(vectors.start(c, c_, c0), m, len(results))
            with builder.if_else(is_whole) as (all_columns, some_columns):
                with all_columns:
                    for row, pointer in zip(results, pointers, strict=True):
                        vectors.store(row, pointer)
                with some_columns:
                    for j in range(n_columns - 1):
                        with builder.if_then(builder.icmp_signed(">", m, integer(j))):
                            for row, pointer in zip(results, pointers, strict=True):
                                element = vectors.part(row, j, 1)
                                vectors.store(
                                    element, builder.gep(pointer, [integer(j)])
                                )
            return context.get_dummy_value()

        signature = types.void(
            a, *_integers(2), b, *_integers(2), bias, *_integers(2), c, *_integers(3)
        )
        return signature, codegen

    return typed


def _sums(n_vectors):
    """Return the intrinsic of `microkernels._sums`."""

    def typed(typingctx, b, b0, b_row, c, c0, n_terms):
        def codegen(context, builder, signature, values):
            b_, b0, b_row, c_, c0, n_terms = values
            vectors = Vectors(context, builder, c.dtype)
            shifts = [integer(v * vectors.lanes) for v in range(n_vectors)]
            start = vectors.start(b, b_, b0)

            def term(states):
                offset, *sums = states
                row = builder.gep(start, [offset])
                accumulators = [
                    builder.fadd(total, vectors.load(builder.gep(row, [shift])))
                    for total, shift in zip(sums, shifts, strict=True)
                ]
                return [builder.add(offset, b_row), *accumulators]

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
    """Return the intrinsic of `microkernels._outer`."""

    def typed(
        typingctx, a, a0, a_row, b, b0, epilogue, p, q, gate, gate0,
        c, c0, c_row, n_rows,
    ):  # fmt: skip
        def codegen(context, builder, signature, values):
            a_, a0, a_row, b_, b0, epilogue, *values = values
            p, q, gate_, gate0, c_, c0, c_row, n_rows = values
            vectors = Vectors(context, builder, c.dtype)
            shifts = [integer(v * vectors.lanes) for v in range(n_vectors)]
            a_start, c_start = vectors.start(a, a_, a0), vectors.start(c, c_, c0)
            row = vectors.start(b, b_, b0)
            factors = [vectors.load(builder.gep(row, [shift])) for shift in shifts]
            gate_start = vectors.start(gate, gate_, gate0)

            def term(states, apply):
                a_offset, c_offset = states
                x = vectors.splat(builder.load(builder.gep(a_start, [a_offset])))
                row, gates = (
                    builder.gep(start, [c_offset]) for start in (c_start, gate_start)
                )
                for shift, y in zip(shifts, factors, strict=True):
                    result = apply(builder.fmul(x, y), builder.gep(gates, [shift]))
                    vectors.store(result, builder.gep(row, [shift]))
                return [builder.add(a_offset, a_row), builder.add(c_offset, c_row)]

            def run(apply):
                run_term = partial(term, apply=apply)
                vectors.loop(n_rows, run_term, [integer(0), integer(0)])
                return []

            def quadratic_grad():
                coefficients = vectors.of(p), vectors.of(q)
                return run(
                    lambda x, pointer: vectors.sloped(
                        x, vectors.load(pointer), *coefficients
                    )
                )

            epilogues = {
                microkernels.NO_EPILOGUE: lambda: run(lambda x, pointer: x),
                microkernels.RELU_GRAD: lambda: run(
                    lambda x, pointer: vectors.behind(x, vectors.load(pointer))
                ),
                microkernels.QUADRATIC_GRAD: quadratic_grad,
            }
            vectors.switched(epilogue, epilogues, [])
            return context.get_dummy_value()

        signature = types.void(
            a, *_integers(2), b, *_integers(2), *_reals(2), gate, *_integers(1),
            c, *_integers(3),
        )  # fmt: skip
        return signature, codegen

    return typed


@lower_intrinsic(microkernels.vector_copy)
def _vector_copy(typingctx, a, a0, c, c0, size):
    """Emit `microkernels.vector_copy`."""

    def codegen(context, builder, signature, values):
        a_, a0, c_, c0, size = values
        vectors = Vectors(context, builder, c.dtype)
        source, target = vectors.start(a, a_, a0), vectors.start(c, c_, c0)
        lanes = integer(vectors.lanes)

        def copy_vector(offset):
            value = vectors.load(builder.gep(source, [offset]))
            vectors.store(value, builder.gep(target, [offset]))

        def term(states):
            copy_vector(states[0])
            return [builder.add(states[0], lanes)]

        vectors.loop(builder.sdiv(size, lanes), term, [integer(0)])
        # The last vector may overlap the one before it.
        copy_vector(builder.sub(size, lanes))
        return context.get_dummy_value()

    return types.void(a, *_integers(1), c, *_integers(2)), codegen


@lower_intrinsic(microkernels.transpose_square)
def _transpose_square(typingctx, a, a0, a_row, c, c0, c_row):
    """Emit `microkernels.transpose_square`."""

    def codegen(context, builder, signature, values):
        a_, a0, a_row, c_, c0, c_row = values
        vectors = Vectors(context, builder, c.dtype)
        lanes = vectors.lanes
        pointers = vectors.rows(vectors.start(a, a_, a0), a_row, lanes)
        rows = vectors.transposed([vectors.load(pointer) for pointer in pointers])
        pointers = vectors.rows(vectors.start(c, c_, c0), c_row, lanes)
        for row, pointer in zip(rows, pointers, strict=True):
            vectors.store(row, pointer)
        return context.get_dummy_value()

    signature = types.void(a, *_integers(2), c, *_integers(2))
    return signature, codegen


def _constant(number):
    """Return the intrinsic of a constant, number(), known at compile time."""

    def typed(typingctx):
        def codegen(context, builder, signature, values):
            return integer(number())

        return types.int64(), codegen

    return typed


def _tile_rows():
    """Return the rows of a full tile, by the number of vector registers."""
    return 8 if n_vector_registers() == 32 else 4


def _rows_beside_sums():
    """Return the rows of a tile with column sums, or 0 with 16 registers."""
    return 8 if n_vector_registers() == 32 else 0


lower_intrinsic(microkernels.vector_bytes)(_constant(vector_bytes))
lower_intrinsic(microkernels.tile_rows)(_constant(_tile_rows))
lower_intrinsic(microkernels.rows_beside_sums)(_constant(_rows_beside_sums))
for _function, (_n_rows, _n_vectors) in microkernels.TILES.items():
    lower_intrinsic(_function)(_tile(_n_rows or _tile_rows(), _n_vectors))
for _function, _n_vectors in microkernels.TILES_AND_SUMS.items():
    lower_intrinsic(_function)(_tile_and_sums(_tile_rows(), _n_vectors))
for _function, _shape in microkernels.DOTS.items():
    lower_intrinsic(_function)(_dots(*_shape))
for _function, _n_vectors in microkernels.SUMS.items():
    lower_intrinsic(_function)(_sums(_n_vectors))
for _function, _n_vectors in microkernels.OUTERS.items():
    lower_intrinsic(_function)(_outer(_n_vectors))
