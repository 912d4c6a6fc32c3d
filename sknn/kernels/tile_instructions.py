"""Pieces of products that stay in vector registers, as LLVM's instructions.

Written by hand, for no compiler keeps a tile of sums in registers by itself. Vectors
are loaded from wherever they lie: aligned or not, it takes the same time.
"""

from functools import partial

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import make_array

from sknn.kernels import tiles
from sknn.kernels.compiler import implements, n_vector_registers, vector_bytes

_I32, _I64 = ir.IntType(32), ir.IntType(64)


def _int(value):
    return ir.Constant(_I64, value)


class _Vectors:
    """Writes instructions on vectors of one type."""

    def __init__(self, context, builder, dtype):
        self.context, self.builder = context, builder
        self.scalar = context.get_value_type(dtype)
        self.bits = dtype.bitwidth
        self.size = dtype.bitwidth // 8
        self.lanes = vector_bytes() // self.size
        self.type = ir.VectorType(self.scalar, self.lanes)
        self.dtype = dtype
        self.zero = ir.Constant(self.type, None)
        self.name = f"v{self.lanes}f{self.bits}"

    def start(self, kind, array, place):
        data = make_array(kind)(self.context, self.builder, array).data
        return self.builder.gep(data, [place])

    def _function(self, name, result, arguments):
        kind = ir.FunctionType(result, arguments)
        return cgutils.get_or_insert_function(self.builder.module, kind, name)

    def is_place(self, place):
        return self.builder.icmp_signed(">=", place, _int(0))

    def number(self, value):
        """Return a float64 as one of the own type."""
        return self.context.cast(self.builder, value, types.float64, self.dtype)

    def load(self, pointer):
        found = self.builder.load(
            self.builder.bitcast(pointer, self.type.as_pointer()), align=self.size
        )
        return found

    def store(self, value, pointer):
        place = self.builder.bitcast(pointer, self.type.as_pointer())
        self.builder.store(value, place, align=self.size)

    def splat(self, value):
        undefined = ir.Constant(self.type, ir.Undefined)
        one = self.builder.insert_element(undefined, value, ir.Constant(_I32, 0))
        zeros = ir.Constant(ir.VectorType(_I32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, undefined, zeros)

    def multiply_add(self, x, y, z):
        """X y + z: in one instruction where the processor has it."""
        name = f"llvm.fmuladd.{self.name}"
        function = self._function(name, self.type, [self.type] * 3)
        return self.builder.call(function, [x, y, z])

    def at_least(self, value, least):
        """Return what is more, of numbers or of vectors; NaN stays NaN."""
        is_less = self.builder.fcmp_ordered("<", value, least)
        return self.builder.select(is_less, least, value)

    def behind(self, gate, value):
        """Return a vector with 0 in place of what has a 0 in the gate."""
        is_open = self.builder.fcmp_unordered("!=", gate, self.zero)
        return self.builder.select(is_open, value, self.zero)

    def first(self, pointer, mask):
        """Load the elements that the mask has; the others are zero."""
        place = self.builder.bitcast(pointer, self.type.as_pointer())
        function = self._function(
            f"llvm.masked.load.{self.name}.p0",
            self.type,
            [place.type, _I32, mask.type, self.type],
        )
        align = ir.Constant(_I32, self.size)
        return self.builder.call(function, [place, align, mask, self.zero])

    def mask(self, count):
        """Return the mask of the first so many elements."""
        wide = ir.VectorType(_I64, self.lanes)
        undefined = ir.Constant(wide, ir.Undefined)
        one = self.builder.insert_element(undefined, count, ir.Constant(_I32, 0))
        zeros = ir.Constant(ir.VectorType(_I32, self.lanes), [0] * self.lanes)
        counts = self.builder.shuffle_vector(one, undefined, zeros)
        places = ir.Constant(wide, list(range(self.lanes)))
        return self.builder.icmp_signed("<", places, counts)

    def totals(self, values):
        """Return the sums of all elements of some vectors, each summed pairwise.

        As many vectors as there are lanes are added up together: each step puts the
        halves of two side by side, and adds these to the other halves.
        """
        found = []
        for first in range(0, len(values), self.lanes):
            group = values[first : first + self.lanes]
            size = self.lanes  # of what is still to be added up
            while size > 1:
                size //= 2
                pairs = [group[k : k + 2] for k in range(0, len(group), 2)]
                group = [self._halved(pair[0], pair[-1], size) for pair in pairs]
            for k in range(len(values[first : first + self.lanes])):
                index = ir.Constant(_I32, k)
                found.append(self.builder.extract_element(group[0], index))
        return found

    def _halved(self, x, y, size):
        """Add the halves of each part of x, then of y; halves have a size."""
        both = range(0, 2 * self.lanes, 2 * size)
        lower = [k + j for k in both for j in range(size)]
        kind = ir.VectorType(_I32, self.lanes)
        halves = [
            self.builder.shuffle_vector(
                x, y, ir.Constant(kind, [k + shift for k in lower])
            )
            for shift in (0, size)
        ]
        return self.builder.fadd(*halves)

    def loop(self, count, body, states):
        """Run body(states) -> states so often, at least once; return the last ones."""
        builder = self.builder
        entry = builder.basic_block
        loop = builder.append_basic_block("sum")
        done = builder.append_basic_block("summed")
        builder.branch(loop)
        builder.position_at_end(loop)
        index = builder.phi(_I64)
        index.add_incoming(_int(0), entry)
        phis = [builder.phi(state.type) for state in states]
        for phi, state in zip(phis, states, strict=True):
            phi.add_incoming(state, entry)
        after = body(phis)
        following = builder.add(index, _int(1))
        for phi, state in zip([index, *phis], [following, *after], strict=True):
            phi.add_incoming(state, builder.basic_block)
        again = builder.icmp_signed("<", following, count)
        branch = builder.cbranch(again, loop, done)
        branch.set_metadata("llvm.loop", self._as_it_is())
        builder.position_at_end(done)
        return after

    def _as_it_is(self):
        """Return what tells LLVM not to unroll a loop: its sums fill the registers."""
        module = self.builder.module
        never = module.add_metadata(["llvm.loop.unroll.disable"])
        node = module.add_metadata([never, _int(len(module.metadata))])
        node.operands = (node, never)  # the first one says which loop it is
        return node

    def chosen(self, condition, make, others):
        """Return what make() -> values returns where a condition holds, else others."""
        builder = self.builder
        before = builder.basic_block
        with builder.if_then(condition):
            made = make()
            inside = builder.basic_block
        found = []
        for value, other in zip(made, others, strict=True):
            found.append(builder.phi(value.type))
            found[-1].add_incoming(other, before)
            found[-1].add_incoming(value, inside)
        return found

    def rows(self, start, step, count):
        found = [start]
        for _ in range(count - 1):
            found.append(self.builder.gep(found[-1], [step]))
        return found


def _integers(count):
    return (types.int64,) * count


def _tile(n_rows, n_vectors):
    def typed(
        typingctx, a, a0, a_row, a_step, b, b0, b_row, bias, bias0, least, gate, gate0,
        c, c0, c_row, n_terms,
    ):  # fmt: skip
        def codegen(context, builder, signature, values):
            a_, a0, a_row, a_step, b_, b0, b_row, *values = values
            bias_, bias0, least, gate_, gate0, c_, c0, c_row, n_terms = values
            vectors = _Vectors(context, builder, c.dtype)
            shifts = [_int(v * vectors.lanes) for v in range(n_vectors)]
            a_rows = vectors.rows(vectors.start(a, a_, a0), a_row, n_rows)
            b_start = vectors.start(b, b_, b0)

            def biases():
                place = vectors.start(bias, bias_, bias0)
                return [vectors.load(builder.gep(place, [s])) for s in shifts]

            none = [vectors.zero] * n_vectors
            first = vectors.chosen(vectors.is_place(bias0), biases, none)

            def term(states):
                a_place, b_place, *sums = states
                row = builder.gep(b_start, [b_place])
                seconds = [vectors.load(builder.gep(row, [s])) for s in shifts]
                found = []
                for i, start in enumerate(a_rows):
                    x = vectors.splat(builder.load(builder.gep(start, [a_place])))
                    for v, y in enumerate(seconds):
                        total = sums[i * n_vectors + v]
                        found.append(vectors.multiply_add(x, y, total))
                return [
                    builder.add(a_place, a_step), builder.add(b_place, b_row), *found
                ]  # fmt: skip

            _, _, *sums = vectors.loop(
                n_terms, term, [_int(0), _int(0), *(first * n_rows)]
            )
            limit = vectors.splat(vectors.number(least))
            found = [vectors.at_least(total, limit) for total in sums]

            def places(start):
                rows = vectors.rows(start, c_row, n_rows)
                return [builder.gep(row, [shift]) for row in rows for shift in shifts]

            def gated():
                gates = map(vectors.load, places(vectors.start(gate, gate_, gate0)))
                return list(map(vectors.behind, gates, found))

            found = vectors.chosen(vectors.is_place(gate0), gated, found)
            for total, place in zip(
                found, places(vectors.start(c, c_, c0)), strict=True
            ):
                vectors.store(total, place)
            return context.get_dummy_value()

        signature = types.void(
            a, *_integers(3), b, *_integers(2), bias, *_integers(1), types.float64,
            gate, *_integers(1), c, *_integers(3),
        )  # fmt: skip
        return signature, codegen

    return typed


def _dots(n_rows, n_columns):
    def typed(
        typingctx, a, a0, a_row, b, b0, b_row, bias, bias0, least, c, c0, c_row, n_terms
    ):
        def codegen(context, builder, signature, values):
            a_, a0, a_row, b_, b0, b_row, *values = values
            bias_, bias0, least, c_, c0, c_row, n_terms = values
            vectors = _Vectors(context, builder, c.dtype)
            a_rows = vectors.rows(vectors.start(a, a_, a0), a_row, n_rows)
            b_rows = vectors.rows(vectors.start(b, b_, b0), b_row, n_columns)
            lanes = _int(vectors.lanes)
            n_whole = builder.sdiv(builder.sub(n_terms, _int(1)), lanes)
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
                return vectors.loop(n_whole, term, [_int(0), *zeros])[1:]

            sums = vectors.chosen(
                builder.icmp_signed(">", n_whole, _int(0)), whole, zeros
            )
            # One to lanes terms are left.
            mask = vectors.mask(builder.sub(n_terms, rest))
            sums = added(lambda place: vectors.first(place, mask), rest, sums)

            def biases():
                place = vectors.start(bias, bias_, bias0)
                shifts = map(_int, range(n_columns))
                return [builder.load(builder.gep(place, [shift])) for shift in shifts]

            none = [ir.Constant(vectors.scalar, 0)] * n_columns
            own = vectors.chosen(vectors.is_place(bias0), biases, none)
            limit = vectors.number(least)
            totals = vectors.totals(sums)
            for i, row in enumerate(
                vectors.rows(vectors.start(c, c_, c0), c_row, n_rows)
            ):
                for j in range(n_columns):
                    total = builder.fadd(totals[i * n_columns + j], own[j])
                    total = vectors.at_least(total, limit)
                    builder.store(total, builder.gep(row, [_int(j)]))
            return context.get_dummy_value()

        signature = types.void(
            a, *_integers(2), b, *_integers(2), bias, *_integers(1), types.float64,
            c, *_integers(3),
        )  # fmt: skip
        return signature, codegen

    return typed


def _sums(n_vectors):
    def typed(typingctx, b, b0, b_row, c, c0, n_terms):
        def codegen(context, builder, signature, values):
            b_, b0, b_row, c_, c0, n_terms = values
            vectors = _Vectors(context, builder, c.dtype)
            shifts = [_int(v * vectors.lanes) for v in range(n_vectors)]
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
                n_terms, term, [_int(0), *[vectors.zero] * n_vectors]
            )
            start = vectors.start(c, c_, c0)
            for total, shift in zip(sums, shifts, strict=True):
                vectors.store(total, builder.gep(start, [shift]))
            return context.get_dummy_value()

        return types.void(b, *_integers(2), c, *_integers(2)), codegen

    return typed


def _outer(n_vectors):
    def typed(typingctx, a, a0, a_row, b, b0, gate, gate0, c, c0, c_row, n_rows):
        def codegen(context, builder, signature, values):
            a_, a0, a_row, b_, b0, gate_, gate0, c_, c0, c_row, n_rows = values
            vectors = _Vectors(context, builder, c.dtype)
            shifts = [_int(v * vectors.lanes) for v in range(n_vectors)]
            a_start, c_start = vectors.start(a, a_, a0), vectors.start(c, c_, c0)
            row = vectors.start(b, b_, b0)
            factors = [vectors.load(builder.gep(row, [shift])) for shift in shifts]
            gate_start = vectors.start(gate, gate_, gate0)

            def term(states, is_gated):
                a_place, c_place = states
                x = vectors.splat(builder.load(builder.gep(a_start, [a_place])))
                row, gates = (
                    builder.gep(start, [c_place]) for start in (c_start, gate_start)
                )
                for shift, y in zip(shifts, factors, strict=True):
                    found = builder.fmul(x, y)
                    if is_gated:
                        own = vectors.load(builder.gep(gates, [shift]))
                        found = vectors.behind(own, found)
                    vectors.store(found, builder.gep(row, [shift]))
                return [builder.add(a_place, a_row), builder.add(c_place, c_row)]

            with builder.if_else(vectors.is_place(gate0)) as branches:
                for branch, is_gated in zip(branches, (True, False), strict=True):
                    with branch:
                        run = partial(term, is_gated=is_gated)
                        vectors.loop(n_rows, run, [_int(0), _int(0)])
            return context.get_dummy_value()

        signature = types.void(
            a, *_integers(2), b, *_integers(1), gate, *_integers(1), c, *_integers(3)
        )
        return signature, codegen

    return typed


@implements(tiles.vector_copy)
def _vector_copy(typingctx, a, a0, c, c0, size):
    def codegen(context, builder, signature, values):
        a_, a0, c_, c0, size = values
        vectors = _Vectors(context, builder, c.dtype)
        source, target = vectors.start(a, a_, a0), vectors.start(c, c_, c0)
        lanes = _int(vectors.lanes)

        def move(place):
            value = vectors.load(builder.gep(source, [place]))
            vectors.store(value, builder.gep(target, [place]))

        def term(states):
            move(states[0])
            return [builder.add(states[0], lanes)]

        vectors.loop(builder.sdiv(size, lanes), term, [_int(0)])
        move(builder.sub(size, lanes))  # the last ones, some of them once more
        return context.get_dummy_value()

    return types.void(a, *_integers(1), c, *_integers(2)), codegen


@implements(tiles.transpose_square)
def _transpose_square(typingctx, a, a0, a_row, c, c0, c_row):
    def codegen(context, builder, signature, values):
        a_, a0, a_row, c_, c0, c_row = values
        vectors = _Vectors(context, builder, c.dtype)
        lanes = vectors.lanes
        places = vectors.rows(vectors.start(a, a_, a0), a_row, lanes)
        rows = [vectors.load(place) for place in places]
        # Swap ever larger squares that lie beside the diagonal.
        kind = ir.VectorType(_I32, lanes)
        step = 1
        while step < lanes:
            swapped = list(rows)
            upper = [k if not k & step else lanes + k - step for k in range(lanes)]
            lower = [k + step if not k & step else lanes + k for k in range(lanes)]
            for i in range(lanes):
                if not i & step:
                    pair = rows[i], rows[i + step]
                    swapped[i] = builder.shuffle_vector(*pair, ir.Constant(kind, upper))
                    swapped[i + step] = builder.shuffle_vector(
                        *pair, ir.Constant(kind, lower)
                    )
            rows, step = swapped, step * 2
        places = vectors.rows(vectors.start(c, c_, c0), c_row, lanes)
        for row, place in zip(rows, places, strict=True):
            vectors.store(row, place)
        return context.get_dummy_value()

    signature = types.void(a, *_integers(2), c, *_integers(2))
    return signature, codegen


def _constant(number):
    def typed(typingctx):
        def codegen(context, builder, signature, values):
            return _int(number())

        return types.int64(), codegen

    return typed


def _tile_rows():
    return 8 if n_vector_registers() == 32 else 4


implements(tiles.vector_bytes)(_constant(vector_bytes))
implements(tiles.tile_rows)(_constant(_tile_rows))
for _function, (_n_rows, _n_vectors) in tiles.TILES.items():
    implements(_function)(_tile(_n_rows or _tile_rows(), _n_vectors))
for _function, _shape in tiles.DOTS.items():
    implements(_function)(_dots(*_shape))
for _function, _n_vectors in tiles.SUMS.items():
    implements(_function)(_sums(_n_vectors))
for _function, _n_vectors in tiles.OUTERS.items():
    implements(_function)(_outer(_n_vectors))
