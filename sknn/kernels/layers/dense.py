"""Dense layers on dense rows."""

from sknn.jit.array_types import Integers, Vector
from sknn.jit.kernel import kernel, matrix
from sknn.kernels.batch import (
    Batch,
    block_offset,
    input_delta_of,
    input_of,
    output_of,
    source_of,
)
from sknn.kernels.gemm.microkernels import rows_beside_sums
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
    first_rows_and_sums,
    outer_product,
)
from sknn.kernels.layers.base import (
    LayerKernels,
    activate,
    activation_gradient,
    backward_signature,
    bias_gradient,
    forward_signature,
    gradient_signature,
    thread_columns,
    thread_range,
)
from sknn.kernels.table import (
    BIAS,
    DOTS_PRODUCT,
    EPILOGUE,
    FAN_IN,
    FAN_OUT,
    INPUT_DELTA,
    INPUT_EPILOGUE,
    NEEDS_INPUT_DELTA,
    OUTPUT,
    QUADRATIC_P,
    QUADRATIC_Q,
    ROWS_PRODUCT,
    TRANSPOSE,
    WEIGHTS,
)

# ---------------------------------------------------------------------------------
# Dense: y = f(x W + b), with W of shape (fan_in, fan_out). BIAS is -1 where there is no
# b.


@kernel(forward_signature)
def dense_forward(op: Integers, batch: Batch, theta: Vector, values: Vector) -> float:
    """Set y = f(x W + b) in values.

    x is (n_rows, fan_in), W is (fan_in, fan_out), b is (fan_out,), y is (n_rows,
    fan_out).
    """
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    x, start = source_of(op, batch, values)
    product = Product(
        a=MatrixOperand(x, start, fan_in, 1),
        b=MatrixOperand(theta, op[WEIGHTS], fan_out, 1),
        bias=VectorOperand(theta, op[BIAS]),
        epilogue=Epilogue(op[EPILOGUE], 0.0, 0.0, values, 0),
        c=MatrixOperand(values, block_offset(batch, op[OUTPUT], fan_out), fan_out, 1),
        n=batch.n,
        m=fan_out,
        n_terms=fan_in,
    )
    call_rows_product(op[ROWS_PRODUCT], (product,))
    activate(op, batch, values)
    return 0.0


@kernel(backward_signature)
def dense_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Multiply delta by f', then set the gradient of x to delta W^T.

    Both are in deltas: delta is (n_rows, fan_out), the gradient of x is (n_rows,
    fan_in). W^T, of shape (fan_out, fan_in), is read from the memory of the gradient of
    W, which is written later.
    """
    activation_gradient(op, batch, values, deltas)
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    start = block_offset(batch, op[OUTPUT], fan_out)
    x_start = block_offset(batch, op[INPUT_DELTA], fan_in)
    delta = MatrixOperand(deltas, start, fan_out, 1)
    x_delta = MatrixOperand(deltas, x_start, fan_in, 1)
    no_bias = VectorOperand(theta, -1)
    if op[TRANSPOSE]:
        p, q = float(op[QUADRATIC_P]), float(op[QUADRATIC_Q])
        epilogue = Epilogue(op[INPUT_EPILOGUE], p, q, values, x_start)
        weights = MatrixOperand(gradient, op[WEIGHTS], fan_in, 1)
        product = Product(
            delta, weights, no_bias, epilogue, x_delta, batch.n, fan_in, fan_out
        )
        call_rows_product(op[ROWS_PRODUCT], (product,))
    else:
        epilogue = Epilogue(NO_EPILOGUE, 0.0, 0.0, values, 0)
        weights = MatrixOperand(theta, op[WEIGHTS], fan_out, 1)
        product = Product(
            delta, weights, no_bias, epilogue, x_delta, batch.n, fan_in, fan_out
        )
        call_dots_product(op[DOTS_PRODUCT], (product,))
    return 0.0


@kernel(gradient_signature)
def dense_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradients of W to x^T delta and of b to the column sums of delta.

    x is (n_rows, fan_in), delta is (n_rows, fan_out); the gradients are (fan_in,
    fan_out) and (fan_out,). Each of n_threads threads sets its range of rows or
    columns.
    """
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    # Divide the larger dimension: each thread reads its range of one operand only.
    rows, columns = (0, fan_in), (0, fan_out)
    if fan_in > fan_out:
        rows = thread_range(thread, n_threads, fan_in)
    else:
        columns = thread_columns(thread, n_threads, fan_out)
    x, start = source_of(op, batch, values)
    width, w_start = columns[1] - columns[0], op[WEIGHTS] + columns[0]
    delta_start = block_offset(batch, op[OUTPUT], fan_out) + columns[0]
    delta = MatrixOperand(deltas, delta_start, fan_out, 1)
    no_bias = VectorOperand(gradient, -1)
    epilogue = Epilogue(NO_EPILOGUE, 0.0, 0.0, values, 0)
    first, beside = rows[0], rows_beside_sums()
    if op[BIAS] < 0:
        pass
    elif rows[1] - first < fan_in or fan_in < beside or beside == 0:
        bias_gradient(op, batch, gradient, deltas, thread, n_threads)
    else:
        x_transposed = MatrixOperand(x, start, 1, fan_in)
        w_gradient = MatrixOperand(gradient, w_start, fan_out, 1)
        product = Product(
            x_transposed, delta, no_bias, epilogue, w_gradient, beside, width, batch.n
        )
        sums = VectorOperand(gradient, op[BIAS] + columns[0])
        first_rows_and_sums(product, sums)
        first = beside
    product = Product(
        a=MatrixOperand(x, start + first, 1, fan_in),
        b=delta,
        bias=no_bias,
        epilogue=epilogue,
        c=MatrixOperand(gradient, w_start + first * fan_out, fan_out, 1),
        n=rows[1] - first,
        m=width,
        n_terms=batch.n,
    )
    call_rows_product(op[ROWS_PRODUCT], (product,))
    return 0.0


# ---------------------------------------------------------------------------------
# The same with fewer than NARROW outputs. The weights are stored transposed, in the
# shape (fan_out, fan_in): so all products run along vectors.


@kernel(forward_signature)
def narrow_forward(op: Integers, batch: Batch, theta: Vector, values: Vector) -> float:
    """Set y = f(x W + b) in values, with W^T stored in place of W.

    x is (n_rows, fan_in), W^T is (fan_out, fan_in), b is (fan_out,), y is (n_rows,
    fan_out).
    """
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    x, start = source_of(op, batch, values)
    product = Product(
        a=MatrixOperand(x, start, fan_in, 1),
        b=MatrixOperand(theta, op[WEIGHTS], fan_in, 1),
        bias=VectorOperand(theta, op[BIAS]),
        epilogue=Epilogue(op[EPILOGUE], 0.0, 0.0, values, 0),
        c=MatrixOperand(values, block_offset(batch, op[OUTPUT], fan_out), fan_out, 1),
        n=batch.n,
        m=fan_out,
        n_terms=fan_in,
    )
    call_dots_product(op[DOTS_PRODUCT], (product,))
    activate(op, batch, values)
    return 0.0


@kernel(backward_signature)
def narrow_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Multiply delta by f', then set the gradient of x to delta W^T.

    Both are in deltas: delta is (n_rows, fan_out), the gradient of x is (n_rows,
    fan_in). W^T is (fan_out, fan_in).
    """
    activation_gradient(op, batch, values, deltas)
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    if fan_in >= NARROW:
        start = block_offset(batch, op[OUTPUT], fan_out)
        x_start = block_offset(batch, op[INPUT_DELTA], fan_in)
        p, q = float(op[QUADRATIC_P]), float(op[QUADRATIC_Q])
        product = Product(
            a=MatrixOperand(deltas, start, fan_out, 1),
            b=MatrixOperand(theta, op[WEIGHTS], fan_in, 1),
            bias=VectorOperand(theta, -1),
            epilogue=Epilogue(op[INPUT_EPILOGUE], p, q, values, x_start),
            c=MatrixOperand(deltas, x_start, fan_in, 1),
            n=batch.n,
            m=fan_in,
            n_terms=fan_out,
        )
        if fan_out == 1:
            outer_product(product)
        else:
            call_rows_product(op[ROWS_PRODUCT], (product,))
        return 0.0
    delta, x_delta = output_of(op, batch, deltas), input_delta_of(op, batch, deltas)
    weights = matrix(theta, op[WEIGHTS], fan_out, fan_in)
    for i in range(batch.n):
        for j in range(fan_in):
            x_delta[i, j] = 0
        for k in range(fan_out):
            for j in range(fan_in):
                x_delta[i, j] += delta[i, k] * weights[k, j]
    return 0.0


@kernel(gradient_signature)
def narrow_gradient(
    op: Integers,
    batch: Batch,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
    thread: int,
    n_threads: int,
) -> float:
    """Set the gradients of W^T to delta^T x and of b to the column sums of delta.

    x is (n_rows, fan_in), delta is (n_rows, fan_out); the gradients are (fan_out,
    fan_in) and (fan_out,). Each of n_threads threads sets its range of columns.
    """
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    if op[BIAS] >= 0:
        bias_gradient(op, batch, gradient, deltas, thread, n_threads)
    if fan_in >= NARROW:
        first, last = thread_columns(thread, n_threads, fan_in)
        x, start = source_of(op, batch, values)
        product = Product(
            a=MatrixOperand(
                deltas, block_offset(batch, op[OUTPUT], fan_out), 1, fan_out
            ),
            b=MatrixOperand(x, start + first, fan_in, 1),
            bias=VectorOperand(gradient, -1),
            epilogue=Epilogue(NO_EPILOGUE, 0.0, 0.0, values, 0),
            c=MatrixOperand(gradient, op[WEIGHTS] + first, fan_in, 1),
            n=fan_out,
            m=last - first,
            n_terms=batch.n,
        )
        call_rows_product(op[ROWS_PRODUCT], (product,))
        return 0.0
    if thread > 0:
        return 0.0
    inputs, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    total = matrix(gradient, op[WEIGHTS], fan_out, fan_in)
    total[:] = 0
    for i in range(batch.n):
        for k in range(fan_out):
            for j in range(fan_in):
                total[k, j] += delta[i, k] * inputs[i, j]
    return 0.0


DENSE = LayerKernels(dense_forward, dense_backward, dense_gradient)
NARROW_DENSE = LayerKernels(narrow_forward, narrow_backward, narrow_gradient)
