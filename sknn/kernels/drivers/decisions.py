"""Labels of a classifier, found from raw outputs while these are in the cache.

A label is found from the probabilities that the link makes, ties included. But where
one raw output is clearly the highest, or one output clearly on one side, the link would
not change the order, and is left out: softmax is a quarter of the time of a small
network. Rows where it is not clear pass through the link one by one.
"""

from sknn.jit.kernel import (
    INTEGER,
    Array,
    call,
    flat,
    inline_array,
    kernel,
    like,
    matrix,
)
from sknn.kernels.losses.output_activations import SETTINGS
from sknn.kernels.math.finite import nan_if_nonfinite

# Raw outputs that differ by more than this are in the same order after the link, for
# it changes their ratio by far more than its rounding.
_CLEAR = 2.0**-10

# raw; the link, or 0 where raw outputs are the predictions; its settings; labels.
labels_signature = (Array(ndim=2), INTEGER, SETTINGS, Array(INTEGER))


@kernel(labels_signature)
def highest_label(raw, link, settings, labels):
    """Find the place of the first highest prediction of each row.

    Returns 0, or 1 where a prediction is not finite.
    """
    n_rows, n_outputs = raw.shape
    is_odd = 0.0
    for i in range(n_rows):
        best, runner_up, label = raw[i, 0], raw[i, 1], 0
        zero = like(best, 0)
        total = best * zero
        if runner_up > best:
            best, runner_up, label = runner_up, best, 1
        total += raw[i, 1] * zero
        for j in range(2, n_outputs):
            value = raw[i, j]
            total += value * zero
            lower = best if value > best else value
            runner_up = lower if lower > runner_up else runner_up
            label = j if value > best else label
            best = value if value > best else best
        labels[i] = label
        if total == zero and (link == 0 or runner_up < best - like(best, _CLEAR)):
            continue
        row = matrix(raw, i * n_outputs, 1, n_outputs)
        if link:
            call(link, (row, settings))
        if nan_if_nonfinite(flat(row)) != 0:
            is_odd = 1.0
        labels[i] = _first_highest(row)
    return is_odd


@inline_array
def _first_highest(row):
    """Return what NumPy's argmax does: the first NaN, or else the first highest."""
    best, label = row[0, 0], 0
    for j in range(1, row.shape[1]):
        value = row[0, j]
        if best == best and not value <= best:
            best, label = value, j
    return label


@kernel(labels_signature)
def second_label(raw, link, settings, labels):
    """Find whether the prediction of each row is above that of no preference.

    Returns 0, or 1 where a prediction is not finite.
    """
    z = flat(raw)
    n_clear = 0
    limit = _CLEAR if link else 0.0
    for i in range(z.size):
        labels[i] = z[i] > 0
        n_clear += abs(z[i]) > limit and z[i] * like(z[i], 0) == 0
    if n_clear == z.size:
        return 0.0
    if link:
        call(link, (raw, settings))
        for i in range(z.size):
            labels[i] = z[i] > 0.5
    return 1.0 if nan_if_nonfinite(z) != 0 else 0.0


LABELS = {"highest": highest_label, "second": second_label}
