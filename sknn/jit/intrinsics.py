"""What kernels are written with, as LLVM's instructions. Imported by the compiler."""

import sys

from llvmlite import ir
from numba import types
from numba.core import cgutils

from sknn.jit import atomics
from sknn.jit import kernel as jit
from sknn.jit.abi import array_at, array_struct, data_pointer
from sknn.jit.compiler import lower_intrinsic


@lower_intrinsic(jit.like)
def _like(typingctx, x, constant):
    def codegen(context, builder, signature, values):
        return context.cast(builder, values[1], constant, x)

    return x(x, constant), codegen


@lower_intrinsic(jit.matrix)
def _matrix(typingctx, buffer, start, n_rows, n_columns):
    view, integer = types.Array(buffer.dtype, 2, "C"), types.intp

    def codegen(context, builder, signature, values):
        first = data_pointer(context, builder, buffer, values[0])
        data = builder.gep(first, [values[1]])
        return array_at(context, builder, view, data, values[2:])

    return view(buffer, integer, integer, integer), codegen


@lower_intrinsic(jit.vector)
def _vector(typingctx, buffer, start, size):
    view, integer = types.Array(buffer.dtype, 1, "C"), types.intp

    def codegen(context, builder, signature, values):
        first = data_pointer(context, builder, buffer, values[0])
        data = builder.gep(first, [values[1]])
        return array_at(context, builder, view, data, values[2:])

    return view(buffer, integer, integer), codegen


def emit_prefetch(builder, pointer):
    """Ask for the line of the cache in which something lies, before it is needed."""
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    # For reading, to be kept in all caches, data.
    place = builder.bitcast(pointer, byte)
    builder.call(function, [place, *(number(k) for k in (0, 3, 1))])


@lower_intrinsic(jit.prefetch)
def _prefetch(typingctx, buffer, place):
    def codegen(context, builder, signature, values):
        first = data_pointer(context, builder, buffer, values[0])
        emit_prefetch(builder, builder.gep(first, [values[1]]))
        return context.get_dummy_value()

    return types.void(buffer, types.intp), codegen


@lower_intrinsic(jit.flat)
def _flat(typingctx, array):
    view = types.Array(array.dtype, 1, "C")

    def codegen(context, builder, signature, values):
        whole = array_struct(context, builder, array, values[0])
        return array_at(context, builder, view, whole.data, [whole.nitems])

    return view(array), codegen


@lower_intrinsic(jit.scratch)
def _scratch(typingctx, x, size):
    if not isinstance(size, types.IntegerLiteral):
        return None
    view = types.Array(x, 1, "C")

    def codegen(context, builder, signature, values):
        count = ir.Constant(ir.IntType(64), size.literal_value)
        data = cgutils.alloca_once(builder, context.get_data_type(x), count)
        data.align = 64  # vectors across two lines of the cache take longer
        return array_at(context, builder, view, data, [count])

    return view(x, size), codegen


# ---------------------------------------------------------------------------------
# What the members of a team share.


def _element(context, builder, kind, array, index):
    return builder.gep(data_pointer(context, builder, kind, array), [index])


@lower_intrinsic(atomics.add)
def _add(typingctx, array, index, value):
    def codegen(context, builder, signature, values):
        pointer = _element(context, builder, array, *values[:2])
        return builder.atomic_rmw("add", pointer, values[2], "seq_cst")

    return types.int64(array, types.int64, types.int64), codegen


@lower_intrinsic(atomics.read)
def _read(typingctx, array, index):
    def codegen(context, builder, signature, values):
        pointer = _element(context, builder, array, *values)
        return builder.load_atomic(pointer, "seq_cst", 8)

    return types.int64(array, types.int64), codegen


@lower_intrinsic(atomics.sched_yield)
def _give_way(typingctx):
    def codegen(context, builder, signature, values):
        name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
        return context.get_dummy_value()

    return types.void(), codegen
