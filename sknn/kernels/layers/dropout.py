"""Dropout: in training, each element is zero with some probability [1]_.

What is kept is divided by the share that is kept, so that prediction, where nothing is
dropped, needs no scaling. Dropout is a layer of its own, after an activation or before
the first dense layer.

References
----------
.. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
   Overfitting", Journal of Machine Learning Research 15, 2014.
"""

from sknn.jit.kernel import inline_scalar, kernel
from sknn.kernels.batch import input_delta_of, input_of, output_of
from sknn.kernels.layers.base import LayerKernels, backward_signature, forward_signature
from sknn.kernels.math.counter_rng import kept_share, row_key
from sknn.kernels.table import FAN_IN, LAYER_ID, NEEDS_INPUT_DELTA, THRESHOLD


@inline_scalar
def _drop(op, batch, x, y):
    """Fill y with x, where kept."""
    threshold = op[THRESHOLD]
    for i in range(batch.n):
        key = row_key(batch.key, op[LAYER_ID], batch.begin + i)
        for j in range(op[FAN_IN]):
            y[i, j] = x[i, j] * x.dtype.type(kept_share(threshold, key, j))


@kernel(forward_signature)
def dropout_forward(op, batch, theta, values):
    _drop(op, batch, input_of(op, batch, values), output_of(op, batch, values))
    return 0.0


@kernel(backward_signature)
def dropout_backward(op, batch, theta, gradient, values, deltas):
    if op[NEEDS_INPUT_DELTA]:
        delta = output_of(op, batch, deltas)
        _drop(op, batch, delta, input_delta_of(op, batch, deltas))
    return 0.0


DROPOUT = LayerKernels(dropout_forward, dropout_backward, None)
