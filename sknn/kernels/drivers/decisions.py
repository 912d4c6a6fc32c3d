"""Predicted labels of a classifier, computed while the raw outputs are in the cache.

A label is the argmax of the predicted probabilities, ties included. Where a raw output
exceeds the others by a margin, the output activation cannot change the argmax and is
skipped: softmax takes a quarter of the time of a small network. Rows without such a
margin go through the output activation one by one.
"""

from sknn.jit.array_types import Float64s, Integers, Matrix
from sknn.jit.kernel import (
    INTEGER,
    Array,
    caller,
    flat,
    inline_array,
    kernel,
    like,
    matrix,
)
from sknn.kernels.losses.output_activations import SETTINGS, call_output_activation
from sknn.kernels.math.finite import nan_if_nonfinite

# Raw outputs that differ by more than this margin keep their order under the output
# activation, whose rounding errors are far smaller.
_MARGIN = 2.0**-10

# raw, link (address of the output activation; 0: identity), settings, labels
labels_signature = (Array(ndim=2), INTEGER, SETTINGS, Array(INTEGER))
call_labels = caller("labels", labels_signature)


@kernel(labels_signature)
def highest_label(
    raw: Matrix, link: int, settings: Float64s, labels: Integers
) -> float:
    """Set labels[i] to argmax(prediction[i]), the first one if there are ties.

    Returns 0, or 1 if a prediction is not finite.

    Parameters
    ----------
    raw : ndarray of shape (n_rows, n_outputs), n_outputs > 1
        Raw outputs; rows without a clear maximum are overwritten by predictions.
    link : int
        Address of the kernel of the output activation, or 0 for the identity.
    settings : ndarray of shape (n_settings,), float64
        Settings of the output activation.
    labels : ndarray of shape (n_rows,), int64
        Output.
    """
    n_rows, n_outputs = raw.shape
    is_nonfinite = 0.0
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
        if total == zero and (link == 0 or runner_up < best - like(best, _MARGIN)):
            continue
        row = matrix(raw, i * n_outputs, 1, n_outputs)
        if link:
            call_output_activation(link, (row, settings))
        if nan_if_nonfinite(flat(row)) != 0:
            is_nonfinite = 1.0
        labels[i] = _argmax(row)
    return is_nonfinite


@inline_array
def _argmax(row: Matrix) -> int:
    """Return np.argmax(row), row of shape (1, n): the first NaN, else first maximum."""
    best, label = row[0, 0], 0
    for j in range(1, row.shape[1]):
        value = row[0, j]
        if best == best and not value <= best:
            best, label = value, j
    return label


@kernel(labels_signature)
def second_label(raw: Matrix, link: int, settings: Float64s, labels: Integers) -> float:
    """Set labels[i] to prediction[i] > 1/2, or to raw[i] > 0 without output activation.

    Returns 0, or 1 if a prediction is not finite.

    Parameters
    ----------
    raw : ndarray of shape (n_rows, 1)
        Raw outputs; overwritten by predictions unless the sign of all is clear.
    link : int
        Address of the kernel of the output activation, or 0 for the identity.
    settings : ndarray of shape (n_settings,), float64
        Settings of the output activation.
    labels : ndarray of shape (n_rows,), int64
        Output.
    """
    z = flat(raw)
    n_clear = 0
    margin = _MARGIN if link else 0.0
    for i in range(z.size):
        labels[i] = z[i] > 0
        n_clear += abs(z[i]) > margin and z[i] * like(z[i], 0) == 0
    if n_clear == z.size:
        return 0.0
    if link:
        call_output_activation(link, (raw, settings))
        for i in range(z.size):
            labels[i] = z[i] > 0.5
    return 1.0 if nan_if_nonfinite(z) != 0 else 0.0


LABELS = {"highest": highest_label, "second": second_label}
