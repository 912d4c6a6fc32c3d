"""Sums of weighted rows of a matrix, as LLVM intrinsics."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from sknn.jit.abi import RecordValue
from sknn.jit.compiler import lower_intrinsic
from sknn.jit.intrinsics import emit_prefetch
from sknn.jit.vectors import I64, Vectors, integer
from sknn.kernels.layers import sparse_dense as sparse

Values = list[ir.Value]


def _sum_of_rows(n_vectors: int) -> Callable[..., Any]:
    """Return the intrinsic of `sparse_dense.sum_of_rows`, for n_vectors of outputs."""

    def typed(
        typingctx: Any, row: Any, w: Any, bias: Any, c: Any, j: Any, width: Any
    ) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            entries, weights, biases, target = (
                RecordValue(context, builder, type_, value)
                for type_, value in zip((row, w, bias, c), values, strict=False)
            )
            j, width = values[4:]
            vectors = Vectors(context, builder, target.dtype("array"))
            last = builder.sub(width, integer(vectors.lanes))
            shifts = [
                vectors.lower(integer(v * vectors.lanes), last)
                for v in range(n_vectors)
            ]
            first, n_entries = entries["first"], entries["n_entries"]
            x_start = entries.element("data", first)
            w_row = _WeightRows(entries, weights, j)

            def term(states: Values) -> Values:
                index, *sums = states
                ahead = w_row.ahead(index)
                for shift in (*shifts, builder.sub(width, integer(1))):
                    emit_prefetch(builder, builder.gep(ahead, [shift]))
                factor = vectors.splat(builder.load(builder.gep(x_start, [index])))
                row_of_w = w_row.of(builder.add(first, index))
                accumulated = [
                    vectors.multiply_add(
                        factor, vectors.load(builder.gep(row_of_w, [shift])), total
                    )
                    for shift, total in zip(shifts, sums, strict=True)
                ]
                return [builder.add(index, integer(1)), *accumulated]

            start = biases.element("array", builder.add(biases["offset"], j))
            initial = [vectors.load(builder.gep(start, [shift])) for shift in shifts]
            _, *sums = vectors.loop(n_entries, term, [integer(0), *initial])
            start = target.element("array", builder.add(target["offset"], j))
            for total, shift in zip(sums, shifts, strict=True):
                vectors.store(total, builder.gep(start, [shift]))
            return context.get_dummy_value()

        return types.void(row, w, bias, c, types.int64, types.int64), codegen

    return typed


class _WeightRows:
    """Pointers to the rows of the weights that entries of a CSR matrix select."""

    def __init__(self, entries: RecordValue, weights: RecordValue, j: ir.Value) -> None:
        self.entries, self.builder = entries, entries.builder
        self.columns = entries.element("indices", integer(0))
        self.row_stride = weights["row_stride"]
        start = self.builder.add(weights["offset"], j)
        self.start = weights.element("array", start)
        self.last_entry = self.builder.sub(entries.size("indices"), integer(1))

    def of(self, entry: ir.Value) -> ir.Value:
        """Return a pointer to the row for an entry."""
        column = self.builder.load(self.builder.gep(self.columns, [entry]))
        shift = self.builder.mul(self.builder.sext(column, I64), self.row_stride)
        return self.builder.gep(self.start, [shift])

    def ahead(self, index: ir.Value) -> ir.Value:
        """Return the same for the entry to prefetch, given the number of the current.

        It is one of this row of the matrix or, beyond its end, of the row that comes
        next.
        """
        builder, entries = self.builder, self.entries
        ahead, n_entries = (
            builder.add(index, integer(sparse.AHEAD)),
            entries["n_entries"],
        )
        beyond = builder.add(entries["next_entry"], builder.sub(ahead, n_entries))
        entry = builder.select(
            builder.icmp_signed("<", ahead, n_entries),
            builder.add(entries["first"], ahead),
            beyond,
        )
        is_lower = builder.icmp_signed("<", entry, self.last_entry)
        return self.of(builder.select(is_lower, entry, self.last_entry))


for _function, _n_vectors in sparse.SUMS.items():
    lower_intrinsic(_function)(_sum_of_rows(_n_vectors))
