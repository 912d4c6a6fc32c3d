"""GEMM microkernels, whose accumulators stay in vector registers, as LLVM intrinsics.

They are written by hand, since LLVM does not keep a tile of accumulators in registers
when it vectorises loops.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types

from sknn.jit.abi import RecordValue
from sknn.jit.compiler import lower_intrinsic
from sknn.jit.target import n_vector_registers, vector_bytes
from sknn.jit.vectors import Vectors, integer
from sknn.kernels.gemm import microkernels
from sknn.kernels.gemm.dot_intrinsics import dots_definition
from sknn.kernels.gemm.operands import (
    NO_EPILOGUE,
    QUADRATIC_GRAD,
    RELU,
    RELU_GRAD,
)
from sknn.kernels.gemm.product_values import Definition, ProductValue, Values, store_all

Apply = Callable[[ir.Value, ir.Value], ir.Value]


def _shifts(vectors: Vectors, n_vectors: int) -> Values:
    """Return the offsets of vectors that lie side by side."""
    return [integer(v * vectors.lanes) for v in range(n_vectors)]


def _accumulate(
    vectors: Vectors,
    a_rows: Values,
    b_start: ir.Value,
    steps: tuple[ir.Value, ir.Value],
    shifts: Values,
    n_terms: ir.Value,
    first: Values,
) -> Values:
    """Emit the loop over k; return first[i, v] + sum of a[i, k] b[k, v], row by row.

    ``first`` holds the initial accumulators of n_rows x n_vectors. If it has n_vectors
    more, these accumulate the column sums of b. ``steps`` are the strides from term to
    term, in a and in b.
    """
    builder, n_vectors = vectors.builder, len(shifts)

    def term(states: Values) -> Values:
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

    states = vectors.loop(n_terms, term, [integer(0), integer(0), *first])
    return states[2:]


def _tile(n_rows: int, n_vectors: int) -> Definition:
    """Return the intrinsic of `microkernels._tile`."""

    def typed(typingctx: Any, product: Any, i: Any, j: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            operands, (i, j) = (
                ProductValue(context, builder, product, values[0]),
                values[1:],
            )
            vectors = operands.vectors
            shifts = _shifts(vectors, n_vectors)

            def load_bias(start: ir.Value) -> Values:
                return [vectors.load(builder.gep(start, [s])) for s in shifts]

            a_rows = vectors.rows(
                operands.start("a", i, integer(0)), operands["a.row_stride"], n_rows
            )
            b_start = operands.start("b", integer(0), j)
            first = operands.bias(j, load_bias, [vectors.zero] * n_vectors)
            sums = _accumulate(
                vectors, a_rows, b_start,
                (operands["a.column_stride"], operands["b.row_stride"]),
                shifts, operands["n_terms"], first * n_rows,
            )  # fmt: skip

            def pointers(start: ir.Value) -> Values:
                rows = vectors.rows(start, operands["c.row_stride"], n_rows)
                return [builder.gep(row, [shift]) for row in rows for shift in shifts]

            def load_gates() -> Values:
                return list(map(vectors.load, pointers(operands.gate(i, j))))

            results = _apply_epilogue(operands, sums, load_gates)
            store_all(vectors, results, pointers(operands.start("c", i, j)))
            return context.get_dummy_value()

        return types.void(product, types.int64, types.int64), codegen

    return typed


def _apply_epilogue(
    operands: ProductValue, sums: Values, load_gates: Callable[[], Values]
) -> Values:
    """Emit the choice of an epilogue; return its results for a tile of sums."""
    vectors = operands.vectors

    def quadratic_grad() -> Values:
        coefficients = operands.quadratic()
        return [
            vectors.quadratic_grad(total, y, *coefficients)
            for total, y in zip(sums, load_gates(), strict=True)
        ]

    epilogues = {
        RELU: lambda: list(map(vectors.relu, sums)),
        RELU_GRAD: lambda: list(map(vectors.relu_grad, sums, load_gates())),
        QUADRATIC_GRAD: quadratic_grad,
    }
    return vectors.switched(operands["epilogue.function"], epilogues, sums)


def _tile_and_sums(n_rows: int, n_vectors: int) -> Definition:
    """Return the intrinsic of `microkernels._tile_and_sums`."""

    def typed(typingctx: Any, product: Any, sums: Any, j: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            operands, j = ProductValue(context, builder, product, values[0]), values[2]
            sums_of_b = RecordValue(context, builder, sums, values[1])
            vectors, zero = operands.vectors, integer(0)
            shifts = _shifts(vectors, n_vectors)
            a_start, c_start = (
                operands.start("a", zero, zero),
                operands.start("c", zero, j),
            )
            results = _accumulate(
                vectors, vectors.rows(a_start, operands["a.row_stride"], n_rows),
                operands.start("b", zero, j),
                (operands["a.column_stride"], operands["b.row_stride"]),
                shifts, operands["n_terms"],
                [vectors.zero] * ((n_rows + 1) * n_vectors),
            )  # fmt: skip
            rows = vectors.rows(c_start, operands["c.row_stride"], n_rows)
            rows.append(sums_of_b.element("array", builder.add(sums_of_b["offset"], j)))
            pointers = [builder.gep(row, [shift]) for row in rows for shift in shifts]
            store_all(vectors, results, pointers)
            return context.get_dummy_value()

        return types.void(product, sums, types.int64), codegen

    return typed


# ---------------------------------------------------------------------------------
# Column sums and outer products.


def _sums(n_vectors: int) -> Definition:
    """Return the intrinsic of `microkernels._sums`."""

    def typed(typingctx: Any, b: Any, c: Any, j: Any, n_terms: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            matrix = RecordValue(context, builder, b, values[0])
            target = RecordValue(context, builder, c, values[1])
            j, n_terms = values[2:]
            vectors = Vectors(context, builder, matrix.dtype("array"))
            shifts = _shifts(vectors, n_vectors)
            start = matrix.element("array", builder.add(matrix["offset"], j))

            def term(states: Values) -> Values:
                offset, *sums = states
                row = builder.gep(start, [offset])
                accumulators = [
                    builder.fadd(total, vectors.load(builder.gep(row, [shift])))
                    for total, shift in zip(sums, shifts, strict=True)
                ]
                return [builder.add(offset, matrix["row_stride"]), *accumulators]

            zeros = [vectors.zero] * n_vectors
            _, *sums = vectors.loop(n_terms, term, [integer(0), *zeros])
            end = target.element("array", builder.add(target["offset"], j))
            store_all(vectors, sums, [builder.gep(end, [shift]) for shift in shifts])
            return context.get_dummy_value()

        return types.void(b, c, types.int64, types.int64), codegen

    return typed


def _outer(n_vectors: int) -> Definition:
    """Return the intrinsic of `microkernels._outer`."""

    def typed(typingctx: Any, product: Any, j: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            operands, j = ProductValue(context, builder, product, values[0]), values[1]
            vectors, zero = operands.vectors, integer(0)
            shifts = _shifts(vectors, n_vectors)
            a_start, row = operands.start("a", zero, zero), operands.start("b", zero, j)
            c_start, gate_start = operands.start("c", zero, j), operands.gate(zero, j)
            factors = [vectors.load(builder.gep(row, [shift])) for shift in shifts]
            steps = operands["a.row_stride"], operands["c.row_stride"]

            def term(states: Values, apply: Apply) -> Values:
                a_offset, c_offset = states
                x = vectors.splat(builder.load(builder.gep(a_start, [a_offset])))
                row, gates = (
                    builder.gep(start, [c_offset]) for start in (c_start, gate_start)
                )
                for shift, y in zip(shifts, factors, strict=True):
                    result = apply(builder.fmul(x, y), builder.gep(gates, [shift]))
                    vectors.store(result, builder.gep(row, [shift]))
                return list(map(builder.add, states, steps))

            def run(apply: Apply) -> Values:
                run_term = partial(term, apply=apply)
                vectors.loop(operands["n"], run_term, [integer(0), integer(0)])
                return []

            _run_epilogue(operands, run)
            return context.get_dummy_value()

        return types.void(product, types.int64), codegen

    return typed


def _run_epilogue(operands: ProductValue, run: Callable[[Apply], Values]) -> None:
    """Emit run(apply) for the chosen epilogue; apply takes x and a pointer to y."""
    vectors = operands.vectors

    def quadratic_grad() -> Values:
        p, q = operands.quadratic()
        return run(lambda x, gate: vectors.quadratic_grad(x, vectors.load(gate), p, q))

    epilogues = {
        NO_EPILOGUE: lambda: run(lambda x, gate: x),
        RELU_GRAD: lambda: run(
            lambda x, gate: vectors.relu_grad(x, vectors.load(gate))
        ),
        QUADRATIC_GRAD: quadratic_grad,
    }
    vectors.switched(operands["epilogue.function"], epilogues, [])


# ---------------------------------------------------------------------------------
# Copies.


@lower_intrinsic(microkernels.vector_copy)
def _vector_copy(typingctx: Any, a: Any, a0: Any, c: Any, c0: Any, size: Any) -> Any:
    """Emit `microkernels.vector_copy`."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        a_, a0, c_, c0, size = values
        vectors = Vectors(context, builder, c.dtype)
        source, target = vectors.start(a, a_, a0), vectors.start(c, c_, c0)
        lanes = integer(vectors.lanes)

        def copy_vector(offset: ir.Value) -> None:
            value = vectors.load(builder.gep(source, [offset]))
            vectors.store(value, builder.gep(target, [offset]))

        def term(states: Values) -> Values:
            copy_vector(states[0])
            return [builder.add(states[0], lanes)]

        vectors.loop(builder.sdiv(size, lanes), term, [integer(0)])
        # The last vector may overlap the one before it.
        copy_vector(builder.sub(size, lanes))
        return context.get_dummy_value()

    int64 = types.int64
    return types.void(a, int64, c, int64, int64), codegen


@lower_intrinsic(microkernels.transpose_square)
def _transpose_square(
    typingctx: Any, a: Any, a0: Any, a_row: Any, c: Any, c0: Any, c_row: Any
) -> Any:
    """Emit `microkernels.transpose_square`."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        a_, a0, a_row, c_, c0, c_row = values
        vectors = Vectors(context, builder, c.dtype)
        lanes = vectors.lanes
        pointers = vectors.rows(vectors.start(a, a_, a0), a_row, lanes)
        rows = vectors.transposed([vectors.load(pointer) for pointer in pointers])
        pointers = vectors.rows(vectors.start(c, c_, c0), c_row, lanes)
        for row, pointer in zip(rows, pointers, strict=True):
            vectors.store(row, pointer)
        return context.get_dummy_value()

    int64 = types.int64
    return types.void(a, int64, int64, c, int64, int64), codegen


def _constant(number: Callable[[], int]) -> Definition:
    """Return the intrinsic of a constant, number(), known at compile time."""

    def typed(typingctx: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return integer(number())

        return types.int64(), codegen

    return typed


def _tile_rows() -> int:
    """Return the rows of a full tile, by the number of vector registers."""
    return 8 if n_vector_registers() == 32 else 4


def _rows_beside_sums() -> int:
    """Return the rows of a tile with column sums, or 0 with 16 registers."""
    return 8 if n_vector_registers() == 32 else 0


lower_intrinsic(microkernels.vector_bytes)(_constant(vector_bytes))
lower_intrinsic(microkernels.tile_rows)(_constant(_tile_rows))
lower_intrinsic(microkernels.rows_beside_sums)(_constant(_rows_beside_sums))
for _tile_function, (_n_rows, _n_vectors) in microkernels.TILES.items():
    lower_intrinsic(_tile_function)(_tile(_n_rows or _tile_rows(), _n_vectors))
for _tile_and_sums_function, _n_vectors in microkernels.TILES_AND_SUMS.items():
    lower_intrinsic(_tile_and_sums_function)(_tile_and_sums(_tile_rows(), _n_vectors))
for _dots_function, _shape in microkernels.DOTS.items():
    lower_intrinsic(_dots_function)(dots_definition(*_shape))
for _sums_function, _n_vectors in microkernels.SUMS.items():
    lower_intrinsic(_sums_function)(_sums(_n_vectors))
for _outer_function, _n_vectors in microkernels.OUTERS.items():
    lower_intrinsic(_outer_function)(_outer(_n_vectors))
