"""Dense layers with weights of its own for each member: y[k] = x[k] W[k] + b[k].

The rows of all members for a row of the batch lie side by side, as in `members.py`: so
the rows of one member are a matrix with a longer stride. The weights of each member are
stored transposed, in the shape (fan_out, fan_in).
"""

from sknn.jit.array_types import Integers, Vector
from sknn.jit.kernel import inline_scalar, kernel, matrix
from sknn.kernels.batch import Batch, block_offset, output_of, source_of
from sknn.kernels.gemm.operands import (
    NO_EPILOGUE,
    Epilogue,
    MatrixOperand,
    Product,
    VectorOperand,
)
from sknn.kernels.gemm.products import (
    NARROW,
    call_dots_product,
    call_rows_product,
    column_sums,
    outer_product,
)
from sknn.kernels.layers.base import (
    LayerKernels,
    backward_signature,
    forward_signature,
    gradient_signature,
    thread_range,
)
from sknn.kernels.table import (
    BIAS,
    DOTS_PRODUCT,
    FAN_IN,
    FAN_OUT,
    INPUT_DELTA,
    MEMBERS,
    NEEDS_INPUT_DELTA,
    OUTPUT,
    ROWS_PRODUCT,
    SCRATCH,
    WEIGHTS,
)


@inline_scalar
def _inputs(op: Integers, batch: Batch, values: Vector, k: int) -> MatrixOperand:
    """Return the inputs of member k, shape (n_rows, fan_in)."""
    x, start = source_of(op, batch, values)
    return MatrixOperand(x, start + k * op[FAN_IN], op[MEMBERS] * op[FAN_IN], 1)


@inline_scalar
def _output_deltas(op: Integers, batch: Batch, deltas: Vector, k: int) -> MatrixOperand:
    """Return the gradient of the outputs of member k, shape (n_rows, fan_out)."""
    start = block_offset(batch, op[OUTPUT], op[FAN_OUT]) + k * op[FAN_OUT]
    return MatrixOperand(deltas, start, op[MEMBERS] * op[FAN_OUT], 1)


@inline_scalar
def _weights(op: Integers, theta: Vector, k: int) -> MatrixOperand:
    """Return the weights of member k, or their gradient, shape (fan_out, fan_in)."""
    start = op[WEIGHTS] + k * op[FAN_IN] * op[FAN_OUT]
    return MatrixOperand(theta, start, op[FAN_IN], 1)


@kernel(forward_signature)
def separate_dense_forward(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set y[k] = x[k] W[k] + b[k] in values, for each member k.

    x is (n_rows, n_members, fan_in), W is (n_members, fan_in, fan_out), stored
    transposed, b is (n_members, fan_out), y is (n_rows, n_members, fan_out).
    """
    fan_out, n = op[FAN_OUT], batch.n // op[MEMBERS]
    y, start = output_of(op, batch, values), block_offset(batch, op[SCRATCH], fan_out)
    of_member = matrix(values, start, n, fan_out)
    for k in range(op[MEMBERS]):
        product = Product(
            a=_inputs(op, batch, values, k),
            b=_weights(op, theta, k),
            bias=VectorOperand(theta, op[BIAS] + k * fan_out),
            epilogue=Epilogue(NO_EPILOGUE, 0.0, 0.0, values, 0),
            c=MatrixOperand(values, start, fan_out, 1),
            n=n,
            m=fan_out,
            n_terms=op[FAN_IN],
        )
        call_dots_product(op[DOTS_PRODUCT], (product,))
        for i in range(n):
            for j in range(fan_out):
                y[i * op[MEMBERS] + k, j] = of_member[i, j]
    return 0.0


@kernel(backward_signature)
def separate_dense_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Set the gradient of x[k] in deltas to delta[k] W[k]^T, for each member k.

    delta is (n_rows, n_members, fan_out), the gradient (n_rows, n_members, fan_in), and
    W[k]^T (fan_out, fan_in).
    """
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    for k in range(op[MEMBERS]):
        start = block_offset(batch, op[INPUT_DELTA], fan_in) + k * fan_in
        product = Product(
            a=_output_deltas(op, batch, deltas, k),
            b=_weights(op, theta, k),
            bias=VectorOperand(theta, -1),
            epilogue=Epilogue(NO_EPILOGUE, 0.0, 0.0, values, 0),
            c=MatrixOperand(deltas, start, op[MEMBERS] * fan_in, 1),
            n=batch.n // op[MEMBERS],
            m=fan_in,
            n_terms=fan_out,
        )
        if fan_in < NARROW:
            _few_columns(product)
        elif fan_out == 1:
            outer_product(product)
        else:
            call_rows_product(op[ROWS_PRODUCT], (product,))
    return 0.0


@kernel(gradient_signature)
def separate_dense_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradients of W[k]^T to delta[k]^T x[k], of b[k] to sums of delta[k].

    For each member k they are (fan_out, fan_in) and (fan_out,), with x[k] of shape
    (n_rows, fan_in) and delta[k] of shape (n_rows, fan_out). Each of n_threads threads
    sets those of its range of members.
    """
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    first, last = thread_range(thread, n_threads, op[MEMBERS])
    for k in range(first, last):
        delta, n = _output_deltas(op, batch, deltas, k), batch.n // op[MEMBERS]
        sums = VectorOperand(gradient, op[BIAS] + k * fan_out)
        column_sums(delta, sums, fan_out, n)
        product = Product(
            a=MatrixOperand(deltas, delta.offset, 1, delta.row_stride),
            b=_inputs(op, batch, values, k),
            bias=VectorOperand(gradient, -1),
            epilogue=Epilogue(NO_EPILOGUE, 0.0, 0.0, values, 0),
            c=_weights(op, gradient, k),
            n=fan_out,
            m=fan_in,
            n_terms=n,
        )
        if fan_in < NARROW:
            _few_columns(product)
        else:
            call_rows_product(op[ROWS_PRODUCT], (product,))
    return 0.0


@inline_scalar
def _few_columns(product: Product) -> None:
    """Set c to a b, where b has fewer than NARROW columns; shapes as in `Product`."""
    a, b, c = product.a, product.b, product.c
    for i in range(product.n):
        row = c.offset + i * c.row_stride
        for j in range(product.m):
            c.array[row + j] = 0
        for t in range(product.n_terms):
            factor = a.array[a.offset + i * a.row_stride + t * a.column_stride]
            for j in range(product.m):
                c.array[row + j] += factor * b.array[b.offset + t * b.row_stride + j]


SEPARATE_DENSE = LayerKernels(
    separate_dense_forward, separate_dense_backward, separate_dense_gradient
)
