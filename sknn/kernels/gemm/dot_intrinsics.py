"""GEMM microkernels of dot products, as LLVM intrinsics."""

from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types

from sknn.jit.vectors import Vectors, integer
from sknn.kernels.gemm.operands import RELU
from sknn.kernels.gemm.product_values import (
    Definition,
    ProductValue,
    Values,
    store_all,
)


def dots_definition(n_rows: int, n_columns: int) -> Definition:
    """Return the intrinsic of `microkernels._dots`."""
    # Vectors of results: a row each or, with one column, that column.
    size = n_columns if n_columns > 1 else n_rows

    def typed(typingctx: Any, product: Any, i: Any, j: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            operands, (i, j) = (
                ProductValue(context, builder, product, values[0]),
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
                builder.fadd(vectors.extract(totals, first, size), bias)
                for first in range(0, n_rows * n_columns, size)
            ]
            epilogues = {RELU: lambda: list(map(vectors.relu, results))}
            stored = vectors.switched(operands["epilogue.function"], epilogues, results)
            pointers = vectors.rows(operands.start("c", i, j), m, len(results))
            _store_columns(vectors, stored, pointers, m, n_columns)
            return context.get_dummy_value()

        return types.void(product, types.int64, types.int64), codegen

    return typed


def _rows_of_b(operands: ProductValue, j: ir.Value, n_columns: int) -> Values:
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
            store_all(vectors, rows, pointers)
        with some_columns:
            for j in range(n_columns - 1):
                with builder.if_then(builder.icmp_signed(">", m, integer(j))):
                    for row, pointer in zip(rows, pointers, strict=True):
                        target = builder.gep(pointer, [integer(j)])
                        vectors.store(vectors.extract(row, j, 1), target)
