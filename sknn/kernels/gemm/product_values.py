"""Products among the arguments of intrinsics, as LLVM values."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from sknn.jit.abi import RecordValue
from sknn.jit.vectors import Vectors

Values = list[ir.Value]
Load = Callable[[ir.Value], Values]
Definition = Callable[..., Any]  # what `lower_intrinsic` takes


class ProductValue(RecordValue):
    """A product among the arguments, and instructions on its vectors."""

    def __init__(self, context: Any, builder: Any, type_: Any, value: Any) -> None:
        super().__init__(context, builder, type_, value)
        self.vectors = Vectors(context, builder, self.dtype("c.array"))

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


def store_all(vectors: Vectors, values: Values, pointers: Values) -> None:
    """Store vectors, each at its pointer."""
    for value, pointer in zip(values, pointers, strict=True):
        vectors.store(value, pointer)
