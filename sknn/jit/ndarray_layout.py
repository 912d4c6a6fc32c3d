"""How compiled code reads an array object of NumPy.

The beginning of ``PyArrayObject`` is part of NumPy's binary interface: behind the
header of every object lie the address of the elements, the number of dimensions, the
shape, strides, base, dtype and flags; in the dtype, its type number.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from llvmlite import ir

from sknn.jit.declarations import DTYPE, Array

_HEADER = object.__basicsize__
_BYTE, _INT, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_POINTER = _BYTE.as_pointer()
_ARRAY = ir.LiteralStructType(
    [_POINTER, _INT, _WORD.as_pointer(), _POINTER, _POINTER, _POINTER, _INT]
)
_DATA, _NDIM, _SHAPE, _DTYPE, _FLAGS = 0, 1, 2, 5, 6
_DESCRIPTION = ir.LiteralStructType([_POINTER, _BYTE, _BYTE, _BYTE, _BYTE, _INT])
_BYTE_ORDER, _TYPE_NUMBER = 3, 5
# Arrays from ctypes buffers name the byte order of the machine.
_NATIVE_ORDERS = [ord("="), ord("<" if sys.byteorder == "little" else ">")]

# Of NumPy's C interface.
_C_CONTIGUOUS, _WRITEABLE = 0x1, 0x400


def read_array(
    builder: Any, address: Any, type_: Array, dtype: np.dtype[Any]
) -> tuple[ir.Value, Iterator[ir.Value]]:
    """Return whether an array object is of a type, and its data pointer and shape.

    Parameters
    ----------
    builder : IRBuilder
    address : Value
        Address of the object, an integer.
    type_ : Array
        The type that it should have.
    dtype : dtype
        That of the specialization.

    Returns
    -------
    fits : Value
        Whether dtype, byte order, number of dimensions and flags are right.
    values : iterator of Value
        The array as a kernel takes it. To be taken where ``fits`` is true.
    """
    element = dtype if type_.element == DTYPE else np.dtype(type_.element)
    array = _behind_header(builder, address, _ARRAY)
    wanted = _INT(_C_CONTIGUOUS | (0 if type_.is_read_only else _WRITEABLE))
    flags = builder.and_(_field(builder, array, _FLAGS), wanted)
    fits = builder.icmp_unsigned("==", flags, wanted)
    ndim = _field(builder, array, _NDIM)
    fits = builder.and_(fits, builder.icmp_unsigned("==", ndim, _INT(type_.ndim)))
    dtype_object = builder.ptrtoint(_field(builder, array, _DTYPE), _WORD)
    description = _behind_header(builder, dtype_object, _DESCRIPTION)
    order = _field(builder, description, _BYTE_ORDER)
    fits = builder.and_(fits, _is_one_of(builder, order, _NATIVE_ORDERS))
    number = _field(builder, description, _TYPE_NUMBER)
    fits = builder.and_(fits, _is_one_of(builder, number, _type_numbers(element)))
    return fits, _data_and_shape(builder, array, type_.ndim, element)


def _is_one_of(builder: Any, value: Any, numbers: list[int]) -> ir.Value:
    is_one = ir.Constant(ir.IntType(1), 0)
    for number in numbers:
        same = builder.icmp_unsigned("==", value, value.type(number))
        is_one = builder.or_(is_one, same)
    return is_one


def _data_and_shape(
    builder: Any, array: Any, ndim: int, element: np.dtype[Any]
) -> Iterator[ir.Value]:
    types = {"float32": ir.FloatType(), "float64": ir.DoubleType(), "int32": _INT}
    data = _field(builder, array, _DATA)
    yield builder.bitcast(data, types.get(element.name, _WORD).as_pointer())
    shape = _field(builder, array, _SHAPE)
    for k in range(ndim):
        yield builder.load(builder.gep(shape, [_INT(k)]))


def _behind_header(builder: Any, address: Any, struct: ir.Type) -> ir.Value:
    behind = builder.add(address, _WORD(_HEADER))
    return builder.inttoptr(behind, struct.as_pointer())


def _field(builder: Any, pointer: Any, k: int) -> ir.Value:
    return builder.load(builder.gep(pointer, [_INT(0), _INT(k)], inbounds=True))


def _type_numbers(element: np.dtype[Any]) -> list[int]:
    """Return NumPy's numbers of a dtype: C has several names for some."""
    return [np.dtype(char).num for char in "fdilq" if np.dtype(char) == element]
