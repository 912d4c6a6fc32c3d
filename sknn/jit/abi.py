"""How arguments are passed to a kernel: as a flat list of LLVM values.

An array is passed as the address of its first element and its shape. All else follows,
for arrays are in C order. A tuple is passed as its items.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils


def array_struct(context: Any, builder: Any, array_type: Any, value: Any = None) -> Any:
    """Return access to the fields of an array in Numba's representation.

    Parameters
    ----------
    context : target context
    builder : IRBuilder
    array_type : numba.types.Array
    value : Value, default=None
        The array; None for a new one.

    Returns
    -------
    struct : struct proxy
        With ``data``, ``shape``, ``strides``, ``nitems`` and ``itemsize``.
    """
    return cgutils.create_struct_proxy(array_type)(context, builder, value=value)


def data_pointer(context: Any, builder: Any, array_type: Any, value: Any) -> ir.Value:
    """Return the address of the first element of an array."""
    return array_struct(context, builder, array_type, value).data


def flatten(context: Any, builder: Any, type_: Any, value: Any) -> Iterator[ir.Value]:
    """Yield the LLVM values by which an argument is passed.

    Parameters
    ----------
    context : target context
    builder : IRBuilder
    type_ : numba.types.Type
    value : Value
        The argument as Numba represents it.
    """
    if isinstance(type_, types.Array):
        array = array_struct(context, builder, type_, value)
        yield array.data
        yield from cgutils.unpack_tuple(builder, array.shape, type_.ndim)
    elif isinstance(type_, types.BaseTuple):
        for i, item_type in enumerate(type_):
            item = builder.extract_value(value, i)
            yield from flatten(context, builder, item_type, item)
    else:
        yield value


def flat_types(type_: Any) -> Iterator[Any]:
    """Yield the Numba types of these values."""
    if isinstance(type_, types.Array):
        yield types.CPointer(type_.dtype)
        yield from [types.intp] * type_.ndim
    elif isinstance(type_, types.BaseTuple):
        for item_type in type_:
            yield from flat_types(item_type)
    else:
        yield type_


def llvm_types(context: Any, type_: Any) -> Iterator[ir.Type]:
    """Yield the LLVM types of these values."""
    for flat_type in flat_types(type_):
        yield context.get_value_type(flat_type)


def unflatten(
    context: Any, builder: Any, type_: Any, values: Iterator[ir.Value]
) -> ir.Value:
    """Take an argument from the values by which it is passed."""
    if isinstance(type_, types.Array):
        data = next(values)
        shape = [next(values) for _ in range(type_.ndim)]
        return array_at(context, builder, type_, data, shape)
    if isinstance(type_, types.BaseTuple):
        items = [unflatten(context, builder, item, values) for item in type_]
        return context.make_tuple(builder, type_, items)
    return next(values)


def array_at(
    context: Any, builder: Any, array_type: Any, data: Any, shape: Sequence[ir.Value]
) -> ir.Value:
    """Return an array in C order whose first element lies at an address."""
    integer = context.get_value_type(types.intp)
    itemsize = integer(array_type.dtype.bitwidth // 8)
    strides = [itemsize]
    for extent in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], extent))
    n_items = integer(1)
    for extent in shape:
        n_items = builder.mul(n_items, extent, flags=["nsw"])
    array = array_struct(context, builder, array_type)  # no owner: fields start as 0
    array.data, array.itemsize, array.nitems = data, itemsize, n_items
    array.shape = cgutils.pack_array(builder, shape, integer)
    array.strides = cgutils.pack_array(builder, strides, integer)
    return array._getvalue()


class RecordValue:
    """A record among the arguments of an intrinsic, whose fields are found by name.

    The name of a field of a field has a dot, as in ``"a.offset"``.

    Parameters
    ----------
    context : target context
    builder : IRBuilder
    type_ : numba.types.NamedTuple or numba.types.NamedUniTuple
    value : Value
    """

    def __init__(self, context: Any, builder: Any, type_: Any, value: Any) -> None:
        self.context, self.builder = context, builder
        self.type, self.value = type_, value

    def _find(self, name: str) -> tuple[Any, list[int]]:
        type_, path = self.type, []
        for part in name.split("."):
            path.append(type_.fields.index(part))
            type_ = type_[path[-1]]
        return type_, path

    def __getitem__(self, name: str) -> ir.Value:
        """Return the value of a field."""
        return self.builder.extract_value(self.value, self._find(name)[1])

    def dtype(self, name: str) -> Any:
        """Return Numba's type of the elements of a field, an array."""
        return self._find(name)[0].dtype

    def element(self, name: str, index: ir.Value) -> ir.Value:
        """Return a pointer to an element of a field, an array."""
        type_, _ = self._find(name)
        start = data_pointer(self.context, self.builder, type_, self[name])
        return self.builder.gep(start, [index])

    def size(self, name: str) -> ir.Value:
        """Return the number of elements of a field, an array."""
        type_, _ = self._find(name)
        return array_struct(self.context, self.builder, type_, self[name]).nitems
