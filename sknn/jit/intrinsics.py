"""What kernels are written with, as LLVM's instructions. Imported by the compiler."""

import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from sknn.jit import atomics, functions
from sknn.jit.abi import array_at, array_struct, data_pointer
from sknn.jit.compiler import lower_intrinsic


@lower_intrinsic(functions.like)
def _like(typingctx: Any, x: Any, constant: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return context.cast(builder, values[1], constant, x)

    return x(x, constant), codegen


@lower_intrinsic(functions.matrix)
def _matrix(
    typingctx: Any, buffer: Any, start: Any, n_rows: Any, n_columns: Any
) -> Any:
    view, integer = types.Array(buffer.dtype, 2, "C"), types.intp

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = data_pointer(context, builder, buffer, values[0])
        data = builder.gep(first, [values[1]])
        return array_at(context, builder, view, data, values[2:])

    return view(buffer, integer, integer, integer), codegen


@lower_intrinsic(functions.vector)
def _vector(typingctx: Any, buffer: Any, start: Any, size: Any) -> Any:
    view, integer = types.Array(buffer.dtype, 1, "C"), types.intp

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = data_pointer(context, builder, buffer, values[0])
        data = builder.gep(first, [values[1]])
        return array_at(context, builder, view, data, values[2:])

    return view(buffer, integer, integer), codegen


def emit_prefetch(builder: Any, pointer: Any) -> None:
    """Ask for the line of the cache in which something lies, before it is needed."""
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    # For reading, to be kept in all caches, data.
    place = builder.bitcast(pointer, byte)
    builder.call(function, [place, *(number(k) for k in (0, 3, 1))])


@lower_intrinsic(functions.prefetch)
def _prefetch(typingctx: Any, buffer: Any, place: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = data_pointer(context, builder, buffer, values[0])
        emit_prefetch(builder, builder.gep(first, [values[1]]))
        return context.get_dummy_value()

    return types.void(buffer, types.intp), codegen


@lower_intrinsic(functions.flat)
def _flat(typingctx: Any, array: Any) -> Any:
    view = types.Array(array.dtype, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        whole = array_struct(context, builder, array, values[0])
        return array_at(context, builder, view, whole.data, [whole.nitems])

    return view(array), codegen


@lower_intrinsic(functions.scratch)
def _scratch(typingctx: Any, x: Any, size: Any) -> Any:
    if not isinstance(size, types.IntegerLiteral):
        return None
    view = types.Array(x, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        count = ir.Constant(ir.IntType(64), size.literal_value)
        data = cgutils.alloca_once(builder, context.get_data_type(x), count)
        data.align = 64  # vectors across two lines of the cache take longer
        return array_at(context, builder, view, data, [count])

    return view(x, size), codegen


# ---------------------------------------------------------------------------------
# What threads share.


def _element(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(data_pointer(context, builder, kind, array), [index])


@lower_intrinsic(atomics.add)
def _add(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = _element(context, builder, array, *values[:2])
        return builder.atomic_rmw("add", pointer, values[2], "seq_cst")

    return types.int64(array, types.int64, types.int64), codegen


@lower_intrinsic(atomics.read)
def _read(typingctx: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = _element(context, builder, array, *values)
        return builder.load_atomic(pointer, "seq_cst", 8)

    return types.int64(array, types.int64), codegen


@lower_intrinsic(atomics.sched_yield)
def _give_way(typingctx: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
        return context.get_dummy_value()

    return types.void(), codegen
