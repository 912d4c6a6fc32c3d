"""Sums of rows of the weights, as LLVM's instructions."""

from numba import types
from numba.np.arrayobj import make_array

from sknn.jit.compiler import implements
from sknn.jit.intrinsics import emit_prefetch
from sknn.jit.vectors import I64, Vectors, integer
from sknn.kernels.layers import sparse_dense as sparse


def _sum_of_rows(n_vectors):
    def typed(
        typingctx, x, indices, k, n, coming, w, w0, w_row, bias, bias0, c, c0, width
    ):
        def codegen(context, builder, signature, values):
            x_, indices_, k, n_entries, coming, w_, w0, w_row, *values = values
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
            n_all = make_array(indices)(context, builder, indices_).nitems
            last_entry = builder.sub(n_all, integer(1))
            w_start = vectors.start(w, w_, w0)

            def row(entry):
                column = builder.load(builder.gep(columns, [entry]))
                shift = builder.mul(builder.sext(column, I64), w_row)
                return builder.gep(w_start, [shift])

            def term(states):
                place, *sums = states
                ahead = builder.add(place, integer(sparse.AHEAD))
                # Of this row or the next, or where that is short, of some other.
                is_own = builder.icmp_signed("<", ahead, n_entries)
                beyond = builder.add(coming, builder.sub(ahead, n_entries))
                entry = builder.select(is_own, builder.add(k, ahead), beyond)
                asked = row(vectors.lower(entry, last_entry))
                for shift in (*shifts, end):
                    emit_prefetch(builder, builder.gep(asked, [shift]))
                factor = vectors.splat(builder.load(builder.gep(x_start, [place])))
                weights = row(builder.add(k, place))
                found = [
                    vectors.multiply_add(
                        factor, vectors.load(builder.gep(weights, [shift])), total
                    )
                    for shift, total in zip(shifts, sums, strict=True)
                ]
                return [builder.add(place, integer(1)), *found]

            start = vectors.start(bias, bias_, bias0)
            first = [vectors.load(builder.gep(start, [shift])) for shift in shifts]
            _, *sums = vectors.loop(n_entries, term, [integer(0), *first])
            start = vectors.start(c, c_, c0)
            for total, shift in zip(sums, shifts, strict=True):
                vectors.store(total, builder.gep(start, [shift]))
            return context.get_dummy_value()

        word = types.int64
        signature = types.void(
            x, indices, *[word] * 3, w, *[word] * 2, bias, word, c, *[word] * 2
        )
        return signature, codegen

    return typed


for _function, _n_vectors in sparse.SUMS.items():
    implements(_function)(_sum_of_rows(_n_vectors))
