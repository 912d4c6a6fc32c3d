"""Sums of weighted rows of a matrix, as LLVM intrinsics."""

from numba import types

from sknn.jit.abi import array_struct
from sknn.jit.compiler import lower_intrinsic
from sknn.jit.intrinsics import emit_prefetch
from sknn.jit.vectors import I64, Vectors, integer
from sknn.kernels.layers import sparse_dense as sparse


def _sum_of_rows(n_vectors):
    """Return the intrinsic of `sparse_dense.sum_of_rows`, for n_vectors of outputs."""

    def typed(
        typingctx, x, indices, k, n, next_entry, w, w0, w_row, bias, bias0, c, c0, width
    ):
        def codegen(context, builder, signature, values):
            x_, indices_, k, n_entries, next_entry, w_, w0, w_row, *values = values
            bias_, bias0, c_, c0, width = values
            vectors = Vectors(context, builder, c.dtype)
            last = builder.sub(width, integer(vectors.lanes))
            shifts = [
                vectors.lower(integer(v * vectors.lanes), last)
                for v in range(n_vectors)
            ]
            end = builder.sub(width, integer(1))
            x_start = vectors.start(x, x_, k)
            columns = vectors.start(indices, indices_, integer(0))
            n_all = array_struct(context, builder, indices, indices_).nitems
            last_entry = builder.sub(n_all, integer(1))
            w_start = vectors.start(w, w_, w0)

            def row(entry):
                column = builder.load(builder.gep(columns, [entry]))
                shift = builder.mul(builder.sext(column, I64), w_row)
                return builder.gep(w_start, [shift])

            def term(states):
                index, *sums = states
                ahead = builder.add(index, integer(sparse.AHEAD))
                # An entry of this row or, beyond its end, of the next row's.
                is_inside = builder.icmp_signed("<", ahead, n_entries)
                beyond = builder.add(next_entry, builder.sub(ahead, n_entries))
                entry = builder.select(is_inside, builder.add(k, ahead), beyond)
                prefetched = row(vectors.lower(entry, last_entry))
                for shift in (*shifts, end):
                    emit_prefetch(builder, builder.gep(prefetched, [shift]))
                factor = vectors.splat(builder.load(builder.gep(x_start, [index])))
                weights = row(builder.add(k, index))
                accumulated = [
                    vectors.multiply_add(
                        factor, vectors.load(builder.gep(weights, [shift])), total
                    )
                    for shift, total in zip(shifts, sums, strict=True)
                ]
                return [builder.add(index, integer(1)), *accumulated]

            start = vectors.start(bias, bias_, bias0)
            first = [vectors.load(builder.gep(start, [shift])) for shift in shifts]
            _, *sums = vectors.loop(n_entries, term, [integer(0), *first])
            start = vectors.start(c, c_, c0)
            for total, shift in zip(sums, shifts, strict=True):
                vectors.store(total, builder.gep(start, [shift]))
            return context.get_dummy_value()

        int64 = types.int64
        signature = types.void(
            x, indices, *[int64] * 3, w, *[int64] * 2, bias, int64, c, *[int64] * 2
        )
        return signature, codegen

    return typed


for _function, _n_vectors in sparse.SUMS.items():
    lower_intrinsic(_function)(_sum_of_rows(_n_vectors))
