"""What kernels are written with, as LLVM's instructions. Imported by the compiler."""

import sys

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import make_array

from sknn.jit import atomics
from sknn.jit import kernel as jit
from sknn.jit.abi import array_at, words_of
from sknn.jit.compiler import implements


@implements(jit.call)
def _call(typingctx, address, arguments):
    def codegen(context, builder, signature, values):
        words = list(words_of(context, builder, signature.args[1], values[1]))
        result = context.get_value_type(types.float64)
        function = ir.FunctionType(result, [word.type for word in words])
        return builder.call(builder.inttoptr(values[0], function.as_pointer()), words)

    return types.float64(types.int64, arguments), codegen


@implements(jit.like)
def _like(typingctx, x, constant):
    def codegen(context, builder, signature, values):
        return context.cast(builder, values[1], constant, x)

    return x(x, constant), codegen


@implements(jit.matrix)
def _matrix(typingctx, buffer, start, n_rows, n_columns):
    view, integer = types.Array(buffer.dtype, 2, "C"), types.intp

    def codegen(context, builder, signature, values):
        array = make_array(buffer)(context, builder, values[0])
        data = builder.gep(array.data, [values[1]])
        return array_at(context, builder, view, data, values[2:])

    return view(buffer, integer, integer, integer), codegen


@implements(jit.vector)
def _vector(typingctx, buffer, start, size):
    view, integer = types.Array(buffer.dtype, 1, "C"), types.intp

    def codegen(context, builder, signature, values):
        array = make_array(buffer)(context, builder, values[0])
        data = builder.gep(array.data, [values[1]])
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


@implements(jit.prefetch)
def _prefetch(typingctx, buffer, place):
    def codegen(context, builder, signature, values):
        array = make_array(buffer)(context, builder, values[0])
        emit_prefetch(builder, builder.gep(array.data, [values[1]]))
        return context.get_dummy_value()

    return types.void(buffer, types.intp), codegen


@implements(jit.flat)
def _flat(typingctx, array):
    view = types.Array(array.dtype, 1, "C")

    def codegen(context, builder, signature, values):
        whole = make_array(array)(context, builder, values[0])
        return array_at(context, builder, view, whole.data, [whole.nitems])

    return view(array), codegen


@implements(jit.scratch, prefer_literal=True)
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
    return builder.gep(make_array(kind)(context, builder, array).data, [index])


@implements(atomics.add)
def _add(typingctx, array, index, value):
    def codegen(context, builder, signature, values):
        pointer = _element(context, builder, array, *values[:2])
        return builder.atomic_rmw("add", pointer, values[2], "seq_cst")

    return types.int64(array, types.int64, types.int64), codegen


@implements(atomics.read)
def _read(typingctx, array, index):
    def codegen(context, builder, signature, values):
        pointer = _element(context, builder, array, *values)
        return builder.load_atomic(pointer, "seq_cst", 8)

    return types.int64(array, types.int64), codegen


@implements(atomics.sched_yield)
def _give_way(typingctx):
    def codegen(context, builder, signature, values):
        name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
        return context.get_dummy_value()

    return types.void(), codegen
