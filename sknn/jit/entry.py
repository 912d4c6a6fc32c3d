"""The function by which compiled code is called from outside.

A kernel takes its arguments as ``abi.flatten`` yields them. A driver takes the
addresses of two blocks: pointers to the argument objects, and its numbers, 8 bytes
each. Both return a float64. Here are the instructions that turn these into arguments
as Numba has them.
"""

import ctypes
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types as numba_types

from sknn.jit import declarations
from sknn.jit.abi import flat_types, unflatten
from sknn.jit.ndarray_layout import read_array

REAL, INTEGER = ir.DoubleType(), ir.IntType(64)
NAN = REAL(float("nan"))
BLOCK = numba_types.CPointer(numba_types.int64)
_TRUE = ir.Constant(ir.IntType(1), 1)


def parameters_of(kernel: Any, types: Iterable[Any]) -> list[Any]:
    """Return the Numba types of an entry's own parameters.

    Parameters
    ----------
    kernel : Kernel or Driver
    types : iterable of numba.types.Type
        The types of the kernel's arguments.
    """
    if kernel.is_driver:
        return [BLOCK, BLOCK]
    return [flat_type for type_ in types for flat_type in flat_types(type_)]


def read_arguments(
    context: Any,
    builder: Any,
    kernel: Any,
    dtype: np.dtype[Any],
    types: Sequence[Any],
    values: Sequence[Any],
) -> tuple[ir.Value, Iterator[ir.Value]]:
    """Read the arguments of a kernel or driver from what its entry is given.

    Returns
    -------
    fits : Value
        Whether all arrays are of the types in the signature of a driver.
    arguments : iterator of Value
        To be taken where ``fits`` is true.
    """
    if kernel.is_driver:
        fits, flat = _read_blocks(builder, kernel, dtype, *values)
    else:
        fits, flat = _TRUE, iter(values)
    return fits, (unflatten(context, builder, type_, flat) for type_ in types)


def _read_blocks(
    builder: Any, driver: Any, dtype: np.dtype[Any], items: Any, numbers: Any
) -> tuple[ir.Value, Iterator[ir.Value]]:
    fits = _TRUE
    values: list[Iterable[ir.Value]] = []
    for k, type_ in enumerate(driver.flat_signature):
        is_array = isinstance(type_, declarations.Array)
        block, slot = (items, k) if is_array else (numbers, driver.slots[k])
        value = builder.load(builder.gep(block, [INTEGER(slot)]))
        if is_array:
            is_right, data_and_shape = read_array(builder, value, type_, dtype)
            fits = builder.and_(fits, is_right)
            values.append(data_and_shape)
        elif type_ == declarations.REAL:
            values.append([builder.bitcast(value, REAL)])
        else:
            values.append([value])
    return fits, chain.from_iterable(values)


def note_failure(builder: Any, kernel: Any) -> None:
    """Write the number of a kernel that fails, for Python to find."""
    address = INTEGER(ctypes.addressof(declarations.FAILED))
    cell = builder.inttoptr(address, INTEGER.as_pointer())
    builder.store(INTEGER(kernel.number), cell)
