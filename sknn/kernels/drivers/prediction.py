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
from sknn.kernels.math.finite import zero_of

# Whether `predict` is to look at inputs, and whether it has seen inputs or predictions
# that are not finite. Threads share this, for what they write is the same.
LOOK, ODD_INPUT, ODD_OUTPUT = 0, 1, 2
N_ODD = 3


@driver(
    (
        TABLE, VECTOR, VECTOR, VECTOR, *DATA,
        *[INTEGER] * 6, SETTINGS, SQUARE, INTEGERS, INTEGERS,
    )
)  # fmt: skip
def predict(
    ops, theta, values, delta, data, indices, indptr, n_features, targets, weights,
    start, stop, block, loss, link, decide, settings, out, labels, odd,
):  # fmt: skip
    """Fill rows of out, of shape (n_samples, n_outputs), block by block.

    ``data`` is a matrix in C order, flat, or holds the values of a CSR matrix. Returns
    the loss summed over the rows, or 0 where ``loss`` is 0; ``delta`` is memory for
    it. Where ``link`` is 0, raw outputs are returned. Where ``decide`` is the address
    of a leaf of ``labels.py``, labels are filled in place of out.

    What is not finite is noted in ``odd``, of shape (3,). Inputs are looked at where
    LOOK is 1; with the first block of those that are not, the call ends.
    """
    total = 0.0
    for first in range(start, stop, block):
        n = block if first + block < stop else stop - first
        batch = rows_as_they_are(data, indices, indptr, weights, n_features, first, n)
        if odd[LOOK] and zero_of(numbers_of(batch, n_features)) != 0:
            odd[ODD_INPUT] = 1
            return total
        run_forward(ops, batch, theta, values)
        raw = raw_of(ops, batch, values)
        if decide:
            found = call(decide, (raw, link, settings, vector(labels, first, n)))
            if found != 0:
                odd[ODD_OUTPUT] = 1
            continue
        if loss:
            own = matrix(delta, 0, n, out.shape[1])
            total += call(loss, (raw, targets, batch, own, settings))
        if link:
            call(link, (raw, settings))
        if zero_of(flat(raw)) != 0:
            odd[ODD_OUTPUT] = 1
        size = n * out.shape[1]
        copy(flat(raw), 0, flat(out), first * out.shape[1], size)
    return total
