"""The driver of predictions, and of the loss of data that are not learnt from."""

from sknn.jit.kernel import INTEGER, call, driver, flat, matrix, vector
from sknn.kernels.batch import numbers_of, rows_as_they_are
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
from sknn.kernels.math.finite import nan_if_nonfinite

# Whether `predict` is to look at inputs, and whether it has seen inputs or predictions
# that are not finite. Threads share this, for what they write is the same.
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
    """Fill rows of out, of shape (n_samples, n_outputs), block by block.

    ``data`` is a matrix in C order, flat, or holds the values of a CSR matrix. Returns
    the loss summed over the rows, or 0 where ``loss`` is 0; ``delta`` is memory for
    it. Where ``link`` is 0, raw outputs are returned. Where ``decide`` is the address
    of a leaf of ``decisions.py``, labels are filled in place of out.

    ``nonfinite_flags``, of shape (3,), says what is not finite. Inputs are checked
    where CHECK_INPUT is 1; the call ends with the first block that is not finite.
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
            found = call(decide, (raw, link, settings, vector(labels, first, n)))
            if found != 0:
                nonfinite_flags[NONFINITE_OUTPUT] = 1
            continue
        if loss:
            own = matrix(delta, 0, n, out.shape[1])
            total += call(loss, (raw, targets, batch, own, settings))
        if link:
            call(link, (raw, settings))
        if nan_if_nonfinite(flat(raw)) != 0:
            nonfinite_flags[NONFINITE_OUTPUT] = 1
        size = n * out.shape[1]
        copy(flat(raw), 0, flat(out), first * out.shape[1], size)
    return total
