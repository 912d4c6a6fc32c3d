"""Standardisation of the inputs: y = (x - mean) / deviation, of each column.

Means and standard deviations are those of the training rows. They lie behind the
trained parameters in theta, in an array of three rows, of which the kernels read two:
the means and the deviations. A column of equal numbers has the deviation 0, and is not
divided. CSR rows become dense ones.
"""

from sknn.jit.array_types import Integers, Vector
from sknn.jit.kernel import inline_scalar, kernel, like, vector
from sknn.kernels.batch import Batch, input_delta_of, input_of, output_of, row_of
from sknn.kernels.layers.base import LayerKernels, backward_signature, forward_signature
from sknn.kernels.table import FAN_IN, NEEDS_INPUT_DELTA, OPTION_1, RUNNING


@inline_scalar
def _deviations(op: Integers, theta: Vector) -> Vector:
    """Return the standard deviation of each column, shape (fan_in,)."""
    return vector(theta, op[RUNNING] + op[FAN_IN], op[FAN_IN])


@inline_scalar
def _divisor(deviation: float) -> float:
    """Return the deviation if it is positive, else 1."""
    return deviation if deviation > 0 else like(deviation, 1)


@kernel(forward_signature)
def standardization_forward(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set y = (x - mean) / deviation in values, or x / deviation if OPTION_1 is 0.

    x and y are (n_rows, fan_in), mean and deviation (fan_in,). Deviations of 0 count as
    1.
    """
    x, y = input_of(op, batch, values), output_of(op, batch, values)
    means = vector(theta, op[RUNNING], op[FAN_IN])
    deviations = _deviations(op, theta)
    if op[OPTION_1]:
        for i in range(batch.n):
            for j in range(op[FAN_IN]):
                y[i, j] = (x[i, j] - means[j]) / _divisor(deviations[j])
    else:
        for i in range(batch.n):
            for j in range(op[FAN_IN]):
                y[i, j] = x[i, j] / _divisor(deviations[j])
    return 0.0


@kernel(forward_signature)
def standardization_of_csr(
    op: Integers, batch: Batch, theta: Vector, values: Vector
) -> float:
    """Set y as `standardization_forward` does, with x a CSR matrix.

    Both are of shape (n_rows, fan_in).
    """
    y, deviations = output_of(op, batch, values), _deviations(op, theta)
    means = vector(theta, op[RUNNING], op[FAN_IN])
    y[:] = 0
    for i in range(batch.n):
        row = row_of(batch, i)
        for k in range(batch.indptr[row], batch.indptr[row + 1]):
            y[i, batch.indices[k]] += batch.data[k]
        for j in range(op[FAN_IN]):
            centred = y[i, j] - means[j] if op[OPTION_1] else y[i, j]
            y[i, j] = centred / _divisor(deviations[j])
    return 0.0


@kernel(backward_signature)
def standardization_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Set the gradient of x in deltas to delta / deviation.

    Both are (n_rows, fan_in), deviation is (fan_in,).
    """
    if op[NEEDS_INPUT_DELTA] == 0:
        return 0.0
    delta, x_delta = output_of(op, batch, deltas), input_delta_of(op, batch, deltas)
    deviations = _deviations(op, theta)
    for i in range(batch.n):
        for j in range(op[FAN_IN]):
            x_delta[i, j] = delta[i, j] / _divisor(deviations[j])
    return 0.0


STANDARDIZATION = LayerKernels(standardization_forward, standardization_backward, None)
STANDARDIZATION_OF_CSR = LayerKernels(
    standardization_of_csr, standardization_backward, None
)
