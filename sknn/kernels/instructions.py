"""What kernels are written with, as LLVM's instructions. Imported by the compiler."""

from llvmlite import ir
from numba import types
from numba.np.arrayobj import make_array

from sknn.kernels import jit
from sknn.kernels.compiler import implements
from sknn.kernels.words import array_at, words_of


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


@implements(jit.flat)
def _flat(typingctx, array):
    view = types.Array(array.dtype, 1, "C")

    def codegen(context, builder, signature, values):
        whole = make_array(array)(context, builder, values[0])
        return array_at(context, builder, view, whole.data, [whole.nitems])

    return view(array), codegen
