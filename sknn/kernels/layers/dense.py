"""Dense layers on dense rows."""

from sknn.jit.kernel import call, kernel, matrix
from sknn.kernels.batch import input_delta_of, input_of, output_of, place, source_of
from sknn.kernels.gemm.microkernels import NO_EPILOGUE, rows_beside_sums
from sknn.kernels.gemm.products import NARROW, first_rows_and_sums, outer_product
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
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    x, start = source_of(op, batch, values)
    out = place(batch, op[OUTPUT], fan_out)
    call(
        op[ROWS_PRODUCT],
        (
            x, start, fan_in, 1, theta, op[WEIGHTS], fan_out,
            theta, op[BIAS], op[EPILOGUE], 0.0, 0.0, values, 0,
            values, out, fan_out, batch.n, fan_out, fan_in,
        ),
    )  # fmt: skip
    activate(op, batch, values)
    return 0.0


@kernel(backward_signature)
def dense_backward(op, batch, theta, gradient, values, deltas):
    deactivate(op, batch, values, deltas)
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    delta = place(batch, op[OUTPUT], fan_out)
    x_delta = place(batch, op[INPUT_DELTA], fan_in)
    p, q = float(op[SLOPE_P]), float(op[SLOPE_Q])
    if op[TRANSPOSE]:  # they lie where the gradient of the weights will
        call(
            op[ROWS_PRODUCT],
            (
                deltas, delta, fan_out, 1, gradient, op[WEIGHTS], fan_in,
                theta, -1, op[INPUT_EPILOGUE], p, q, values, x_delta,
                deltas, x_delta, fan_in, batch.n, fan_in, fan_out,
            ),
        )  # fmt: skip
    else:
        call(
            op[DOTS_PRODUCT],
            (
                deltas, delta, fan_out, theta, op[WEIGHTS], fan_out,
                theta, -1, NO_EPILOGUE, deltas, x_delta, batch.n, fan_in, fan_out,
            ),
        )  # fmt: skip
    return 0.0


@kernel(gradient_signature)
def dense_gradient(op, batch, gradient, values, deltas, share, n_shares):
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
    call(
        op[ROWS_PRODUCT],
        (
            x, start + first, 1, fan_in, deltas, delta, fan_out,
            gradient, -1, NO_EPILOGUE, 0.0, 0.0, values, 0,
            gradient, op[WEIGHTS] + first * fan_out + columns[0], fan_out,
            rows[1] - first, width, batch.n,
        ),
    )  # fmt: skip
    return 0.0


# ---------------------------------------------------------------------------------
# The same with fewer than NARROW outputs. The weights are stored transposed, in the
# shape (fan_out, fan_in): so all products run along vectors.


@kernel(forward_signature)
def narrow_forward(op, batch, theta, values):
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    x, start = source_of(op, batch, values)
    out = place(batch, op[OUTPUT], fan_out)
    call(
        op[DOTS_PRODUCT],
        (
            x, start, fan_in, theta, op[WEIGHTS], fan_in,
            theta, op[BIAS], op[EPILOGUE], values, out, batch.n, fan_out, fan_in,
        ),
    )  # fmt: skip
    activate(op, batch, values)
    return 0.0


@kernel(backward_signature)
def narrow_backward(op, batch, theta, gradient, values, deltas):
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
        call(
            op[ROWS_PRODUCT],
            (
                deltas, start, fan_out, 1, theta, op[WEIGHTS], fan_in,
                theta, -1, op[INPUT_EPILOGUE], p, q, values, x_start,
                deltas, x_start, fan_in, batch.n, fan_in, fan_out,
            ),
        )  # fmt: skip
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
    fan_in, fan_out = op[FAN_IN], op[FAN_OUT]
    add_up_rows(op, batch, gradient, deltas, share, n_shares)
    if fan_in >= NARROW:
        first, last = columns_of(share, n_shares, fan_in)
        x, start = source_of(op, batch, values)
        delta = place(batch, op[OUTPUT], fan_out)
        call(
            op[ROWS_PRODUCT],
            (
                deltas, delta, 1, fan_out, x, start + first, fan_in,
                gradient, -1, NO_EPILOGUE, 0.0, 0.0, values, 0,
                gradient, op[WEIGHTS] + first, fan_in, fan_out, last - first, batch.n,
            ),
        )  # fmt: skip
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
