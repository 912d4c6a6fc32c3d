"""How arguments are passed to a leaf, in LLVM's instructions."""

from collections.abc import Iterator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import make_array, populate_array

# An array is passed to a leaf as the address of its first element and its shape: all
# else follows, for arrays are in C order.


def words_of(context, builder, kind, value) -> Iterator[ir.Value]:
    """Yield a value in the words that are passed to a leaf."""
    if isinstance(kind, types.Array):
        array = make_array(kind)(context, builder, value)
        yield array.data
        yield from cgutils.unpack_tuple(builder, array.shape, kind.ndim)
    elif isinstance(kind, types.BaseTuple):
        for i, part in enumerate(kind):
            part_of_value = builder.extract_value(value, i)
            yield from words_of(context, builder, part, part_of_value)
    else:
        yield value


def kinds_of(context, kind) -> Iterator[ir.Type]:
    """Yield the LLVM types of these words."""
    if isinstance(kind, types.Array):
        yield context.get_data_type(kind.dtype).as_pointer()
        yield from [context.get_value_type(types.intp)] * kind.ndim
    elif isinstance(kind, types.BaseTuple):
        for part in kind:
            yield from kinds_of(context, part)
    else:
        yield context.get_value_type(kind)


def value_of(context, builder, kind, words: Iterator[ir.Value]) -> ir.Value:
    """Take a value from its words."""
    if isinstance(kind, types.Array):
        data = next(words)
        return array_at(
            context, builder, kind, data, [next(words) for _ in range(kind.ndim)]
        )
    if isinstance(kind, types.BaseTuple):
        parts = [value_of(context, builder, part, words) for part in kind]
        return context.make_tuple(builder, kind, parts)
    return next(words)


def array_at(context, builder, kind, data, shape) -> ir.Value:
    """Return an array in C order of which the first element is at an address."""
    itemsize = context.get_constant(
        types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype))
    )
    strides = [itemsize]
    for extent in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], extent))
    array = make_array(kind)(context, builder)
    populate_array(array, data, shape, strides, itemsize, meminfo=None)
    return array._getvalue()
