"""Inverted dropout: training sets each element to 0 with probability ``rate`` [1]_.

The other elements are divided by 1 - rate, so that prediction, which drops none, needs
no scaling. Dropout is a separate operation, after an activation or before the first
dense layer.

References
----------
.. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
   Overfitting", Journal of Machine Learning Research 15, 2014.
"""

from sknn.jit.array_types import Integers, Matrix, Vector
from sknn.jit.kernel import inline_scalar, kernel
from sknn.kernels.batch import Batch, input_delta_of, input_of, output_of
from sknn.kernels.layers.base import LayerKernels, backward_signature, forward_signature
from sknn.kernels.math.counter_rng import dropout_factor, row_key
from sknn.kernels.table import FAN_IN, LAYER_ID, NEEDS_INPUT_DELTA, THRESHOLD


@inline_scalar
def _drop(op: Integers, batch: Batch, x: Matrix, y: Matrix) -> None:
    """Set y to x * mask / (1 - rate); all of shape (n_rows, fan_in).

    mask is 0 with probability rate, else 1. It depends on the batch's key, the layer,
    the row and the column, so that forward and backward draw the same one.
    """
    threshold = op[THRESHOLD]
    for i in range(batch.n):
        key = row_key(batch.key, op[LAYER_ID], batch.begin + i)
        for j in range(op[FAN_IN]):
            y[i, j] = x[i, j] * x.dtype.type(dropout_factor(threshold, key, j))


@kernel(forward_signature)
def dropout_forward(op: Integers, batch: Batch, theta: Vector, values: Vector) -> float:
    """Set y = x * mask / (1 - rate) in values; all of shape (n_rows, fan_in)."""
    _drop(op, batch, input_of(op, batch, values), output_of(op, batch, values))
    return 0.0


@kernel(backward_signature)
def dropout_backward(
    op: Integers,
    batch: Batch,
    theta: Vector,
    gradient: Vector,
    values: Vector,
    deltas: Vector,
) -> float:
    """Set the gradient of x in deltas to delta * mask / (1 - rate).

    All are (n_rows, fan_in). The mask is that of `dropout_forward`.
    """
    if op[NEEDS_INPUT_DELTA]:
        delta = output_of(op, batch, deltas)
        _drop(op, batch, delta, input_delta_of(op, batch, deltas))
    return 0.0


DROPOUT = LayerKernels(dropout_forward, dropout_backward, None)
