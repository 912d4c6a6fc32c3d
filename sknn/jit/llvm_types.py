"""Sizes of LLVM's types, for which LLVM is seldom asked.

It serves one thread at a time: who asks while it optimises a kernel waits for long.
"""

from functools import cache

from llvmlite import ir

from sknn.jit import target

_POINTER = ir.IntType(8).as_pointer()
_SCALARS = (
    _POINTER,
    *map(ir.IntType, (1, 8, 32, 64)),
    ir.FloatType(),
    ir.DoubleType(),
)


def ask_for_scalars() -> None:
    """Ask LLVM for the layouts of all scalars. Call it before LLVM is at work."""
    for scalar in _SCALARS:
        layout_of(scalar)


def size_of(type_: ir.Type) -> int:
    """Return the size of a type, in bytes."""
    return layout_of(type_)[0]


@cache
def layout_of(type_: ir.Type) -> tuple[int, int]:
    """Return size and alignment of a type, in bytes.

    Those of arrays and structures are computed from those of scalars.
    """
    if isinstance(type_, ir.PointerType) and type_ != _POINTER:
        return layout_of(_POINTER)
    if isinstance(type_, ir.ArrayType):
        size, alignment = layout_of(type_.element)
        return type_.count * size, alignment
    if isinstance(type_, ir.LiteralStructType) and not type_.packed:
        end, widest = 0, 1
        for size, alignment in map(layout_of, type_.elements):
            end = _rounded_up(end, alignment) + size
            widest = max(widest, alignment)
        return _rounded_up(end, widest), widest
    data = target.machine().target_data
    return int(type_.get_abi_size(data)), int(type_.get_abi_alignment(data))


def _rounded_up(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
