"""LLVM's instructions on vectors, with which microkernels are written.

Vectors are loaded from wherever they lie: aligned or not, it takes the same time.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from sknn.jit.abi import data_pointer
from sknn.jit.target import loop_hint, vector_bytes

I32, I64 = ir.IntType(32), ir.IntType(64)


def integer(value: Any) -> Any:
    """Return a constant."""
    return ir.Constant(I64, value)


class Vectors:
    """Writes instructions on vectors of one type, by default as wide as a register."""

    def __init__(
        self, context: Any, builder: Any, dtype: Any, lanes: Any = None
    ) -> None:
        self.context, self.builder = context, builder
        self.scalar = context.get_value_type(dtype)
        self.bits = dtype.bitwidth
        self.size = dtype.bitwidth // 8
        self.lanes = lanes or vector_bytes() // self.size
        self.type = ir.VectorType(self.scalar, self.lanes)
        self.dtype = dtype
        self.zero = ir.Constant(self.type, None)
        self.name = f"v{self.lanes}f{self.bits}"

    def start(self, array_type: Any, array: Any, index: Any) -> Any:
        """Return a pointer to the element of an array at an index."""
        data = data_pointer(self.context, self.builder, array_type, array)
        return self.builder.gep(data, [index])

    def _function(self, name: Any, result: Any, arguments: Any) -> Any:
        type_ = ir.FunctionType(result, arguments)
        return cgutils.get_or_insert_function(self.builder.module, type_, name)

    def is_index(self, index: Any) -> Any:
        """Return whether an index is one: below 0 there is none."""
        return self.builder.icmp_signed(">=", index, integer(0))

    def of(self, value: Any) -> Any:
        """Return a vector of a float64, cast to the type of the vector."""
        number = self.context.cast(self.builder, value, types.float64, self.dtype)
        return self.splat(number)

    def load(self, pointer: Any) -> Any:
        """Load a vector as wide as a register."""
        target = self.builder.bitcast(pointer, self.type.as_pointer())
        return self.builder.load(target, align=self.size)

    def store(self, value: Any, pointer: Any) -> None:
        """Store a vector, of any width."""
        target = self.builder.bitcast(pointer, value.type.as_pointer())
        self.builder.store(value, target, align=self.size)

    def splat(self, value: Any, count: Any = None) -> Any:
        """Return a vector of one number; by default, as wide as a register."""
        count = count or self.lanes
        undefined = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
        one = self.builder.insert_element(undefined, value, ir.Constant(I32, 0))
        return self._shuffled(one, undefined, [0] * count)

    def multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        """X y + z: in one instruction where the processor has it."""
        name = f"llvm.fmuladd.{self.name}"
        function = self._function(name, self.type, [self.type] * 3)
        return self.builder.call(function, [x, y, z])

    def lower(self, x: Any, y: Any) -> Any:
        """Return the lower one of two whole numbers."""
        return self.builder.select(self.builder.icmp_signed("<", x, y), x, y)

    def at_least(self, value: Any, least: Any) -> Any:
        """Return what is more, of numbers or of vectors; NaN stays NaN."""
        is_less = self.builder.fcmp_ordered("<", value, least)
        return self.builder.select(is_less, least, value)

    def relu(self, value: Any) -> Any:
        """Return a vector with 0 in place of what is less; NaN stays NaN."""
        return self.at_least(value, ir.Constant(value.type, None))

    def relu_grad(self, value: Any, gate: Any) -> Any:
        """Return a vector with 0 in place of what has a 0 in the gate."""
        is_open = self.builder.fcmp_unordered("!=", gate, self.zero)
        return self.builder.select(is_open, value, self.zero)

    def quadratic_grad(self, value: Any, y: Any, p: Any, q: Any) -> Any:
        """Return a vector times the slope p + y (q - y)."""
        slope = self.multiply_add(y, self.builder.fsub(q, y), p)
        return self.builder.fmul(value, slope)

    def constant(self, number: Any, count: Any = None) -> Any:
        """Return a vector of one number that is known now."""
        count = count or self.lanes
        return ir.Constant(ir.VectorType(self.scalar, count), [number] * count)

    def first(self, pointer: Any, mask: Any, others: Any = None) -> Any:
        """Load the elements that the mask has; the others are zero, if not given."""
        type_ = ir.VectorType(self.scalar, mask.type.count)
        target = self.builder.bitcast(pointer, type_.as_pointer())
        function = self._function(
            f"llvm.masked.load.v{type_.count}f{self.bits}.p0",
            type_,
            [target.type, I32, mask.type, type_],
        )
        align = ir.Constant(I32, self.size)
        others = others or ir.Constant(type_, None)
        return self.builder.call(function, [target, align, mask, others])

    def store_first(self, value: Any, pointer: Any, mask: Any) -> None:
        """Store the elements that the mask has."""
        target = self.builder.bitcast(pointer, value.type.as_pointer())
        function = self._function(
            f"llvm.masked.store.v{value.type.count}f{self.bits}.p0",
            ir.VoidType(),
            [value.type, target.type, I32, mask.type],
        )
        align = ir.Constant(I32, self.size)
        self.builder.call(function, [value, target, align, mask])

    def transposed(self, rows: Any) -> Any:
        """Return the columns of rows: both are powers of two, and may differ."""
        n_rows, n_columns = len(rows), rows[0].type.count
        size = min(n_rows, n_columns)
        # Squares that lie below each other are put side by side first.
        squares = [self._joined(rows[i::size]) for i in range(size)]
        step = 1
        while step < size:  # swap ever larger squares that lie beside the diagonal
            count = squares[0].type.count
            upper = [k if not k & step else count + k - step for k in range(count)]
            lower = [k + step if not k & step else count + k for k in range(count)]
            for i in range(size):
                if not i & step:
                    pair = squares[i], squares[i + step]
                    squares[i] = self._shuffled(*pair, upper)
                    squares[i + step] = self._shuffled(*pair, lower)
            step *= 2
        return [
            self.extract(square, first, n_rows)
            for first in range(0, squares[0].type.count, n_rows)
            for square in squares
        ]

    def _joined(self, parts: Any) -> Any:
        """Return vectors side by side, as one."""
        while len(parts) > 1:
            places = range(2 * parts[0].type.count)
            pairs = zip(parts[::2], parts[1::2], strict=True)
            parts = [self._shuffled(x, y, places) for x, y in pairs]
        return parts[0]

    def mask(self, n_first: Any, count: Any = None) -> Any:
        """Return the mask of the first elements of so many."""
        counts = self.splat(n_first, count)
        places = ir.Constant(counts.type, list(range(counts.type.count)))
        return self.builder.icmp_signed("<", places, counts)

    def totals(self, values: Any) -> Any:
        """Return the sums of all elements of some vectors, each summed pairwise."""
        return self.reduced(values, self.builder.fadd)

    def reduced(self, values: Any, combine: Any) -> Any:
        """Return what all elements of some vectors combine to, pair by pair.

        The results are one vector, and as many as a power of two. As many vectors as
        there are lanes are reduced together: each step puts the halves of two side by
        side, and combines these with the other halves.
        """
        groups = []
        for first in range(0, len(values), self.lanes):
            group = values[first : first + self.lanes]
            size = self.lanes  # of what is still to be added up
            while size > 1:
                size //= 2
                pairs = [group[k : k + 2] for k in range(0, len(group), 2)]
                group = [
                    self._halved(pair[0], pair[-1], size, combine) for pair in pairs
                ]
            groups.append(group[0])
        return self.extract(self._joined(groups), 0, len(values))

    def spread(self, vector: Any) -> Any:
        """Return a vector of the first element of another."""
        return self._shuffled(vector, vector, [0] * self.lanes)

    def extract(self, vector: Any, first: Any, count: Any) -> Any:
        """Return so many elements of a vector from one on."""
        return self._shuffled(vector, vector, range(first, first + count))

    def _shuffled(self, x: Any, y: Any, places: Any) -> Any:
        """Return elements of x, then y, by their places."""
        type_ = ir.VectorType(I32, len(places))
        return self.builder.shuffle_vector(x, y, ir.Constant(type_, list(places)))

    def _halved(self, x: Any, y: Any, size: Any, combine: Any) -> Any:
        """Combine the halves of each part of x, then of y; halves have a size."""
        both = range(0, 2 * self.lanes, 2 * size)
        lower = [k + j for k in both for j in range(size)]
        halves = [
            self._shuffled(x, y, [k + shift for k in lower]) for shift in (0, size)
        ]
        return combine(*halves)

    def loop(self, count: Any, body: Any, states: Any) -> list[ir.Value]:
        """Run body(states) -> states so often, at least once; return the last ones."""
        builder = self.builder
        entry = builder.basic_block
        loop = builder.append_basic_block("sum")
        done = builder.append_basic_block("summed")
        builder.branch(loop)
        builder.position_at_end(loop)
        index = builder.phi(I64)
        index.add_incoming(integer(0), entry)
        phis = [builder.phi(state.type) for state in states]
        for phi, state in zip(phis, states, strict=True):
            phi.add_incoming(state, entry)
        after: list[ir.Value] = body(phis)
        following = builder.add(index, integer(1))
        for phi, state in zip([index, *phis], [following, *after], strict=True):
            phi.add_incoming(state, builder.basic_block)
        again = builder.icmp_signed("<", following, count)
        # Else LLVM unrolls the loop, whose sums fill the registers.
        branch = builder.cbranch(again, loop, done)
        branch.set_metadata("llvm.loop", loop_hint(builder.module, "unroll.disable"))
        builder.position_at_end(done)
        return after

    def chosen(self, condition: Any, make: Any, others: Any) -> list[ir.Value]:
        """Return what make() -> values returns where a condition holds, else others."""
        builder = self.builder
        before = builder.basic_block
        with builder.if_then(condition):
            made = make()
            inside = builder.basic_block
        results = []
        for value, other in zip(made, others, strict=True):
            results.append(builder.phi(value.type))
            results[-1].add_incoming(other, before)
            results[-1].add_incoming(value, inside)
        return results

    def switched(self, number: Any, makes: Any, others: Any) -> list[ir.Value]:
        """Return what makes[number]() -> values returns if it is there, else others."""
        builder = self.builder
        before = builder.basic_block
        after = builder.append_basic_block("switched")
        switch = builder.switch(number, after)
        ways = [(others, before)]
        for own, make in makes.items():
            switch.add_case(integer(own), builder.append_basic_block("case"))
            builder.position_at_end(switch.cases[-1][1])
            ways.append((make(), builder.basic_block))
            builder.branch(after)
        builder.position_at_end(after)
        results = [builder.phi(value.type) for value in others]
        for values, block in ways:
            for phi, value in zip(results, values, strict=True):
                phi.add_incoming(value, block)
        return results

    def rows(self, start: Any, step: Any, count: Any) -> list[ir.Value]:
        """Return pointers to so many rows."""
        results = [start]
        for _ in range(count - 1):
            results.append(self.builder.gep(results[-1], [step]))
        return results
