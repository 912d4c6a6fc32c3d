"""The driver of predictions, and of the loss of held-out data."""

from sknn.jit.kernel import INTEGER, driver, flat, matrix, vector
from sknn.kernels.batch import numbers_of, rows_as_they_are
from sknn.kernels.drivers.decisions import call_labels
from sknn.kernels.drivers.training import (
    DATA,
    INTEGERS,
    SETTINGS,
    SQUARE,
    TABLE,
    VECTOR,
)
from sknn.kernels.gemm.products import copy
from sknn.kernels.layers.base import raw_of, run_forward
from sknn.kernels.losses.base import call_loss
from sknn.kernels.losses.output_activations import call_output_activation
from sknn.kernels.math.finite import nan_if_nonfinite

# Flags of `predict`: whether to check the inputs, and whether inputs or predictions are
# not finite. Threads share the flags, since they all write the same value.
CHECK_INPUT, NONFINITE_INPUT, NONFINITE_OUTPUT = 0, 1, 2
N_NONFINITE_FLAGS = 3


@driver(
    (
        TABLE, VECTOR, VECTOR, VECTOR, *DATA,
        *[INTEGER] * 6, SETTINGS, SQUARE, INTEGERS, INTEGERS,
    )
)  # fmt: skip
def predict(
    ops, theta, values, delta, data, indices, indptr, n_features, targets, weights,
    start, stop, block, loss, link, decide, settings, out, labels, nonfinite_flags,
):  # fmt: skip
    """Set rows of out to link(raw outputs), block by block; return the summed loss.

    Parameters
    ----------
    ops : ndarray of shape (n_operations, N_COLUMNS), int64
        Table of operations.
    theta : ndarray of shape (n_parameters,)
    values, delta : ndarray, 1-D
        Workspace for the outputs of all operations and for the gradient of the loss,
        block rows each.
    data, indices, indptr, n_features
        Dense or CSR matrix X; see `Batch`.
    targets : ndarray of shape (n_samples, n_targets)
    weights : ndarray of shape (n_samples,) or (0,)
    start, stop, block : int
        Range of rows, and rows of a block.
    loss : int
        Address of the kernel of the loss; 0: compute none and return 0.0.
    link : int
        Address of the kernel of the output activation; 0: return raw outputs.
    decide : int
        Address of a kernel of `decisions.py`, which fills labels in place of out; 0:
        fill out.
    settings : ndarray of shape (n_settings,), float64
        Settings of the loss and the output activation.
    out : ndarray of shape (n_samples, n_outputs)
    labels : ndarray of shape (n_samples,), int64
        Outputs.
    nonfinite_flags : ndarray of shape (N_NONFINITE_FLAGS,), int64
        With CHECK_INPUT set, the call ends at the first block whose inputs are not
        finite and sets NONFINITE_INPUT. NONFINITE_OUTPUT is set if predictions are not.
    """
    total = 0.0
    for first in range(start, stop, block):
        n = block if first + block < stop else stop - first
        batch = rows_as_they_are(data, indices, indptr, weights, n_features, first, n)
        if (
            nonfinite_flags[CHECK_INPUT]
            and nan_if_nonfinite(numbers_of(batch, n_features)) != 0
        ):
            nonfinite_flags[NONFINITE_INPUT] = 1
            return total
        run_forward(ops, batch, theta, values)
        raw = raw_of(ops, batch, values)
        if decide:
            is_nonfinite = call_labels(
                decide, (raw, link, settings, vector(labels, first, n))
            )
            if is_nonfinite != 0:
                nonfinite_flags[NONFINITE_OUTPUT] = 1
            continue
        if loss:
            block_delta = matrix(delta, 0, n, out.shape[1])
            total += call_loss(loss, (raw, targets, batch, block_delta, settings))
        if link:
            call_output_activation(link, (raw, settings))
        if nan_if_nonfinite(flat(raw)) != 0:
            nonfinite_flags[NONFINITE_OUTPUT] = 1
        size = n * out.shape[1]
        copy(flat(raw), 0, flat(out), first * out.shape[1], size)
    return total
