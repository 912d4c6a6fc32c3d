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
from sknn.kernels.gemm.operands import (
    NO_EPILOGUE,
    QUADRATIC_GRAD,
    RELU,
    RELU_GRAD,
)

Values = list[ir.Value]
Load = Callable[[ir.Value], Values]
Apply = Callable[[ir.Value, ir.Value], ir.Value]
Definition = Callable[..., Any]  # what `lower_intrinsic` takes


class _Operands(RecordValue):
    """A product or a matrix among the arguments, and instructions on its vectors."""

    def __init__(
        self, context: Any, builder: Any, type_: Any, value: Any, array: str = "c.array"
    ) -> None:
        super().__init__(context, builder, type_, value)
        self.vectors = Vectors(context, builder, self.dtype(array))

    def start(self, operand: str, i: ir.Value, j: ir.Value) -> ir.Value:
        """Return a pointer to element (i, j) of an operand with contiguous columns."""
        row = self._row(f"{operand}.offset", i, f"{operand}.row_stride")
        return self.element(f"{operand}.array", self.builder.add(row, j))

    def gate(self, i: ir.Value, j: ir.Value) -> ir.Value:
        """Return a pointer to element (i, j) of the gate."""
        row = self._row("epilogue.gate_offset", i, "c.row_stride")
        return self.element("epilogue.gate", self.builder.add(row, j))

    def _row(self, offset: str, i: ir.Value, stride: str) -> ir.Value:
        return self.builder.add(self[offset], self.builder.mul(i, self[stride]))

    def bias(self, j: ir.Value, load: Load, zeros: Values) -> Values:
        """Return load(pointer to bias[j]) if there is a bias, else zeros."""
        offset = self["bias.offset"]

        def biases() -> Values:
            return load(self.element("bias.array", self.builder.add(offset, j)))

        return self.vectors.chosen(self.vectors.is_index(offset), biases, zeros)

    def quadratic(self) -> Values:
        """Return vectors of p and q, the coefficients of QUADRATIC_GRAD."""
        return [self.vectors.of(self[f"epilogue.{name}"]) for name in "pq"]


def _shifts(vectors: Vectors, n_vectors: int) -> Values:
    """Return the offsets of vectors that lie side by side."""
    return [integer(v * vectors.lanes) for v in range(n_vectors)]


def _store_all(vectors: Vectors, values: Values, pointers: Values) -> None:
    """Store vectors, each at its pointer."""
    for value, pointer in zip(values, pointers, strict=True):
        vectors.store(value, pointer)


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
                _Operands(context, builder, product, values[0]),
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
            _store_all(vectors, results, pointers(operands.start("c", i, j)))
            return context.get_dummy_value()

        return types.void(product, types.int64, types.int64), codegen

    return typed


def _apply_epilogue(
    operands: _Operands, sums: Values, load_gates: Callable[[], Values]
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
            operands, j = _Operands(context, builder, product, values[0]), values[2]
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
            _store_all(vectors, results, pointers)
            return context.get_dummy_value()

        return types.void(product, sums, types.int64), codegen

    return typed


# ---------------------------------------------------------------------------------
# Dot products.


def _dots(n_rows: int, n_columns: int) -> Definition:
    """Return the intrinsic of `microkernels._dots`."""
    # Vectors of results: a row each or, with one column, that column.
    size = n_columns if n_columns > 1 else n_rows

    def typed(typingctx: Any, product: Any, i: Any, j: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            operands, (i, j) = (
                _Operands(context, builder, product, values[0]),
                values[1:],
            )
            vectors, m, zero = operands.vectors, operands["m"], integer(0)
            a_start, a_row = operands.start("a", i, zero), operands["a.row_stride"]
            sums = _dot_sums(
                vectors, vectors.rows(a_start, a_row, n_rows),
                _rows_of_b(operands, j, n_columns), operands["n_terms"],
            )  # fmt: skip

            def load_bias(start: ir.Value) -> Values:
                if n_columns == 1:
                    return [vectors.splat(builder.load(start), size)]
                return [vectors.first(start, vectors.mask(m, size))]

            none = ir.Constant(ir.VectorType(vectors.scalar, size), None)
            (bias,) = operands.bias(j, load_bias, [none])
            totals = vectors.totals(sums)
            results = [
                builder.fadd(vectors.part(totals, first, size), bias)
                for first in range(0, n_rows * n_columns, size)
            ]
            epilogues = {RELU: lambda: list(map(vectors.relu, results))}
            stored = vectors.switched(operands["epilogue.function"], epilogues, results)
            pointers = vectors.rows(operands.start("c", i, j), m, len(results))
            _store_columns(vectors, stored, pointers, m, n_columns)
            return context.get_dummy_value()

        return types.void(product, types.int64, types.int64), codegen

    return typed


def _rows_of_b(operands: _Operands, j: ir.Value, n_columns: int) -> Values:
    """Return pointers to n_columns rows of b from j on; repeat the last of fewer."""
    vectors, builder = operands.vectors, operands.builder
    last = builder.sub(operands["m"], integer(1))
    start, step = operands.start("b", j, integer(0)), operands["b.row_stride"]
    rows = [vectors.lower(integer(k), last) for k in range(n_columns)]
    return [builder.gep(start, [builder.mul(row, step)]) for row in rows]


def _dot_sums(
    vectors: Vectors, a_rows: Values, b_rows: Values, n_terms: ir.Value
) -> Values:
    """Emit the loop over vectors of terms; return a vector of sums for each product."""
    builder, lanes = vectors.builder, integer(vectors.lanes)
    n_whole = builder.sdiv(builder.sub(n_terms, integer(1)), lanes)
    tail = builder.mul(n_whole, lanes)

    def multiply_add(
        load: Callable[[ir.Value], ir.Value], offset: ir.Value, sums: Values
    ) -> Values:
        xs, ys = (
            [load(builder.gep(row, [offset])) for row in rows]
            for rows in (a_rows, b_rows)
        )
        pairs = [(x, y) for x in xs for y in ys]
        return [
            vectors.multiply_add(x, y, total)
            for (x, y), total in zip(pairs, sums, strict=True)
        ]

    def term(states: Values) -> Values:
        offset, *sums = states
        return [builder.add(offset, lanes), *multiply_add(vectors.load, offset, sums)]

    zeros = [vectors.zero] * (len(a_rows) * len(b_rows))

    def whole() -> Values:
        return vectors.loop(n_whole, term, [integer(0), *zeros])[1:]

    is_any = builder.icmp_signed(">", n_whole, integer(0))
    sums = vectors.chosen(is_any, whole, zeros)
    # The tail is one to lanes terms.
    mask = vectors.mask(builder.sub(n_terms, tail))
    return multiply_add(partial(vectors.first, mask=mask), tail, sums)


def _store_columns(
    vectors: Vectors, rows: Values, pointers: Values, m: ir.Value, n_columns: int
) -> None:
    """Store the first min(m, n_columns) elements of rows, each at its pointer."""
    builder = vectors.builder
    is_whole = builder.icmp_signed(">=", m, integer(n_columns))
    with builder.if_else(is_whole) as (all_columns, some_columns):
        with all_columns:
            _store_all(vectors, rows, pointers)
        with some_columns:
            for j in range(n_columns - 1):
                with builder.if_then(builder.icmp_signed(">", m, integer(j))):
                    for row, pointer in zip(rows, pointers, strict=True):
                        target = builder.gep(pointer, [integer(j)])
                        vectors.store(vectors.part(row, j, 1), target)


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
            _store_all(vectors, sums, [builder.gep(end, [shift]) for shift in shifts])
            return context.get_dummy_value()

        return types.void(b, c, types.int64, types.int64), codegen

    return typed


def _outer(n_vectors: int) -> Definition:
    """Return the intrinsic of `microkernels._outer`."""

    def typed(typingctx: Any, product: Any, j: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            operands, j = _Operands(context, builder, product, values[0]), values[1]
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


def _run_epilogue(operands: _Operands, run: Callable[[Apply], Values]) -> None:
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
    lower_intrinsic(_dots_function)(_dots(*_shape))
for _sums_function, _n_vectors in microkernels.SUMS.items():
    lower_intrinsic(_sums_function)(_sums(_n_vectors))
for _outer_function, _n_vectors in microkernels.OUTERS.items():
    lower_intrinsic(_outer_function)(_outer(_n_vectors))
