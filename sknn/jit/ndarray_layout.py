"""How compiled code finds its way about in an array object of NumPy.

The beginning of ``PyArrayObject`` is part of NumPy's binary interface: behind the
header of every object lie the address of the elements, the number of dimensions, the
shape, strides, base, dtype and flags; in the dtype, the number of its kind.
"""

import sys
from collections.abc import Iterator

import numpy as np
from llvmlite import ir

from sknn.jit.declarations import OWN, Array

_HEADER = object.__basicsize__
_BYTE, _INT, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_POINTER = _BYTE.as_pointer()
_ARRAY = ir.LiteralStructType(
    [_POINTER, _INT, _WORD.as_pointer(), _POINTER, _POINTER, _POINTER, _INT]
)
_DATA, _NDIM, _SHAPE, _DTYPE, _FLAGS = 0, 1, 2, 5, 6
_DESCRIPTION = ir.LiteralStructType([_POINTER, _BYTE, _BYTE, _BYTE, _BYTE, _INT])
_ORDER_OF_BYTES, _NUMBER = 3, 5
# Arrays from buffers of ctypes name the order of the machine.
_NATIVE_ORDERS = [ord("="), ord("<" if sys.byteorder == "little" else ">")]

# Of NumPy's C interface.
_C_CONTIGUOUS, _WRITEABLE = 0x1, 0x400


def words_of_array(
    builder: ir.IRBuilder, address: ir.Value, kind: Array, dtype: np.dtype
) -> tuple[ir.Value, Iterator[ir.Value]]:
    """Return whether an array object is of a type, and its data and shape.

    The words are to be taken where the first value is true.
    """
    element = dtype if kind.element == OWN else np.dtype(kind.element)
    array = _behind_header(builder, address, _ARRAY)
    flags = _C_CONTIGUOUS | (0 if kind.is_read_only else _WRITEABLE)
    found = builder.and_(_field(builder, array, _FLAGS), _INT(flags))
    right = builder.icmp_unsigned("==", found, _INT(flags))
    ndim = _field(builder, array, _NDIM)
    right = builder.and_(right, builder.icmp_unsigned("==", ndim, _INT(kind.ndim)))
    dtype_object = _field(builder, array, _DTYPE)
    number = builder.ptrtoint(dtype_object, _WORD)
    description = _behind_header(builder, number, _DESCRIPTION)
    order = _field(builder, description, _ORDER_OF_BYTES)
    right = builder.and_(right, _is_one_of(builder, order, _NATIVE_ORDERS))
    number = _field(builder, description, _NUMBER)
    right = builder.and_(right, _is_one_of(builder, number, _numbers_of(element)))
    return right, _words(builder, array, kind.ndim, element)


def _is_one_of(builder, value, numbers):
    found = ir.Constant(ir.IntType(1), 0)
    for number in numbers:
        same = builder.icmp_unsigned("==", value, value.type(number))
        found = builder.or_(found, same)
    return found


def _words(builder, array, ndim, element):
    types = {"float32": ir.FloatType(), "float64": ir.DoubleType(), "int32": _INT}
    data = _field(builder, array, _DATA)
    yield builder.bitcast(data, types.get(element.name, _WORD).as_pointer())
    shape = _field(builder, array, _SHAPE)
    for k in range(ndim):
        yield builder.load(builder.gep(shape, [_INT(k)]))


def _behind_header(builder, address, struct):
    behind = builder.add(address, _WORD(_HEADER))
    return builder.inttoptr(behind, struct.as_pointer())


def _field(builder, pointer, k):
    return builder.load(builder.gep(pointer, [_INT(0), _INT(k)], inbounds=True))


def _numbers_of(element: np.dtype) -> list[int]:
    """Return the numbers of a dtype: C has several names for some."""
    return [np.dtype(char).num for char in "fdilq" if np.dtype(char) == element]
