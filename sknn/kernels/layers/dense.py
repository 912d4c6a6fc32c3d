"""Dense layers on dense rows."""

from sknn.jit.kernel import kernel, matrix
from sknn.kernels.batch import input_delta_of, input_of, output_of, place, source_of
from sknn.kernels.gemm.microkernels import NO_EPILOGUE, rows_beside_sums
from sknn.kernels.gemm.products import (
    NARROW,
    DotsProduct,
    RowsProduct,
    call_dots_product,
    call_rows_product,
    first_rows_and_sums,
    outer_product,
)
from sknn.kernels.layers.base import (
    LayerKernels,
    activate,
    add_up_rows,
    backward_signature,
    columns_of,
    deactivate,
    forward_signature,
    gradient_signature,
    limits_of,
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
    ROWS_PRODUCT,
    SLOPE_P,
    SLOPE_Q,
    TRANSPOSE,
    WEIGHTS,
)

# ---------------------------------------------------------------------------------
# Dense: y = f(x W + b), with W of shape (fan_in, fan_out).


@kernel(forward_signature)
def dense_forward(op, batch, theta, values):
    """Set y = f(x W + b) in values: x is (n_rows, fan_in), y is (n_rows, fan_out)."""
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    x, start = source_of(op, batch, values)
    out = place(batch, op[OUTPUT], fan_out)
    product = RowsProduct(
        a=x, a0=start, a_row=fan_in, a_step=1, b=theta, b0=op[WEIGHTS], b_row=fan_out,
        bias=theta, bias0=op[BIAS], epilogue=op[EPILOGUE], p=0.0, q=0.0, gate=values,
        gate0=0, c=values, c0=out, c_row=fan_out, n=batch.n, m=fan_out, n_terms=fan_in,
    )  # fmt: skip
    call_rows_product(op[ROWS_PRODUCT], (product,))
    activate(op, batch, values)
    return 0.0


@kernel(backward_signature)
def dense_backward(op, batch, theta, gradient, values, deltas):
    """Multiply delta by f', then set the gradient of the inputs to delta W^T.

    In deltas, of shapes (n_rows, fan_out) and (n_rows, fan_in). The weights transposed
    lie where the gradient of the weights will be written later.
    """
    deactivate(op, batch, values, deltas)
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    delta = place(batch, op[OUTPUT], fan_out)
    x_delta = place(batch, op[INPUT_DELTA], fan_in)
    p, q = float(op[SLOPE_P]), float(op[SLOPE_Q])
    if op[TRANSPOSE]:  # they lie where the gradient of the weights will
        product = RowsProduct(
            a=deltas, a0=delta, a_row=fan_out, a_step=1, b=gradient, b0=op[WEIGHTS],
            b_row=fan_in, bias=theta, bias0=-1, epilogue=op[INPUT_EPILOGUE], p=p, q=q,
            gate=values, gate0=x_delta, c=deltas, c0=x_delta, c_row=fan_in, n=batch.n,
            m=fan_in, n_terms=fan_out,
        )  # fmt: skip
        call_rows_product(op[ROWS_PRODUCT], (product,))
    else:
        dots = DotsProduct(
            a=deltas, a0=delta, a_row=fan_out, b=theta, b0=op[WEIGHTS], b_row=fan_out,
            bias=theta, bias0=-1, epilogue=NO_EPILOGUE, c=deltas, c0=x_delta, n=batch.n,
            m=fan_in, n_terms=fan_out,
        )  # fmt: skip
        call_dots_product(op[DOTS_PRODUCT], (dots,))
    return 0.0


@kernel(gradient_signature)
def dense_gradient(op, batch, gradient, values, deltas, share, n_shares):
    """Set the gradients of W to x^T delta and of b to the column sums of delta.

    Of shapes (fan_in, fan_out) and (fan_out,). Thread ``share`` of ``n_shares`` sets
    its range of rows or columns.
    """
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    # What is divided is not read by all: so much the less comes from other cores.
    rows, columns = (0, fan_in), (0, fan_out)
    if fan_in > fan_out:
        rows = limits_of(share, n_shares, fan_in)
    else:
        columns = columns_of(share, n_shares, fan_out)
    x, start = source_of(op, batch, values)
    delta = place(batch, op[OUTPUT], fan_out) + columns[0]
    width = columns[1] - columns[0]
    first, beside = rows[0], rows_beside_sums()
    if rows[1] - first < fan_in or fan_in < beside or beside == 0:
        add_up_rows(op, batch, gradient, deltas, share, n_shares)
    else:
        first_rows_and_sums(
            x, start, 1, fan_in, deltas, delta, fan_out,
            gradient, op[BIAS] + columns[0],
            gradient, op[WEIGHTS] + columns[0], fan_out, width, batch.n,
        )  # fmt: skip
        first = beside
    product = RowsProduct(
        a=x, a0=start + first, a_row=1, a_step=fan_in, b=deltas, b0=delta,
        b_row=fan_out, bias=gradient, bias0=-1, epilogue=NO_EPILOGUE, p=0.0, q=0.0,
        gate=values, gate0=0, c=gradient, c0=op[WEIGHTS] + first * fan_out + columns[0],
        c_row=fan_out, n=rows[1] - first, m=width, n_terms=batch.n,
    )  # fmt: skip
    call_rows_product(op[ROWS_PRODUCT], (product,))
    return 0.0


# ---------------------------------------------------------------------------------
# The same with fewer than NARROW outputs. The weights are stored transposed, in the
# shape (fan_out, fan_in): so all products run along vectors.


@kernel(forward_signature)
def narrow_forward(op, batch, theta, values):
    """Set y = f(x W + b) in values, with W stored transposed.

    x has the shape (n_rows, fan_in), y (n_rows, fan_out).
    """
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    x, start = source_of(op, batch, values)
    out = place(batch, op[OUTPUT], fan_out)
    dots = DotsProduct(
        a=x, a0=start, a_row=fan_in, b=theta, b0=op[WEIGHTS], b_row=fan_in, bias=theta,
        bias0=op[BIAS], epilogue=op[EPILOGUE], c=values, c0=out, n=batch.n, m=fan_out,
        n_terms=fan_in,
    )  # fmt: skip
    call_dots_product(op[DOTS_PRODUCT], (dots,))
    activate(op, batch, values)
    return 0.0


@kernel(backward_signature)
def narrow_backward(op, batch, theta, gradient, values, deltas):
    """Multiply delta by f', then set the gradient of the inputs to delta W^T.

    In deltas, of shapes (n_rows, fan_out) and (n_rows, fan_in).
    """
    deactivate(op, batch, values, deltas)
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    start = place(batch, op[OUTPUT], fan_out)
    x_start = place(batch, op[INPUT_DELTA], fan_in)
    p, q = float(op[SLOPE_P]), float(op[SLOPE_Q])
    if fan_in >= NARROW and fan_out == 1:
        outer_product(
            deltas, start, 1, theta, op[WEIGHTS],
            op[INPUT_EPILOGUE], p, q, values, x_start,
            deltas, x_start, fan_in, batch.n, fan_in,
        )  # fmt: skip
        return 0.0
    if fan_in >= NARROW:
        product = RowsProduct(
            a=deltas, a0=start, a_row=fan_out, a_step=1, b=theta, b0=op[WEIGHTS],
            b_row=fan_in, bias=theta, bias0=-1, epilogue=op[INPUT_EPILOGUE], p=p, q=q,
            gate=values, gate0=x_start, c=deltas, c0=x_start, c_row=fan_in, n=batch.n,
            m=fan_in, n_terms=fan_out,
        )  # fmt: skip
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
def narrow_gradient(op, batch, gradient, values, deltas, share, n_shares):
    """Set the gradients of W^T to delta^T x and of b to the column sums of delta.

    Of shapes (fan_out, fan_in) and (fan_out,). Thread ``share`` of ``n_shares`` sets
    its range of columns.
    """
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    add_up_rows(op, batch, gradient, deltas, share, n_shares)
    if fan_in >= NARROW:
        first, last = columns_of(share, n_shares, fan_in)
        x, start = source_of(op, batch, values)
        delta = place(batch, op[OUTPUT], fan_out)
        product = RowsProduct(
            a=deltas, a0=delta, a_row=1, a_step=fan_out, b=x, b0=start + first,
            b_row=fan_in, bias=gradient, bias0=-1, epilogue=NO_EPILOGUE, p=0.0, q=0.0,
            gate=values, gate0=0, c=gradient, c0=op[WEIGHTS] + first, c_row=fan_in,
            n=fan_out, m=last - first, n_terms=batch.n,
        )  # fmt: skip
        call_rows_product(op[ROWS_PRODUCT], (product,))
        return 0.0
    if share > 0:
        return 0.0
    x, delta = input_of(op, batch, values), output_of(op, batch, deltas)
    total = matrix(gradient, op[WEIGHTS], fan_out, fan_in)
    total[:] = 0
    for i in range(batch.n):
        for k in range(fan_out):
            for j in range(fan_in):
                total[k, j] += delta[i, k] * x[i, j]
    return 0.0


DENSE = LayerKernels(dense_forward, dense_backward, dense_gradient)
NARROW_DENSE = LayerKernels(narrow_forward, narrow_backward, narrow_gradient)
