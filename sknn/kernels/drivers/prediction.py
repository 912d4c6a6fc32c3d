"""The driver of predictions, and of the loss of held-out data."""

from typing import NamedTuple

from sknn.jit.array_types import Float64s, Integers, Matrix
from sknn.jit.kernel import (
    INTEGER,
    Record,
    driver,
    flat,
    inline_scalar,
    like,
    matrix,
    vector,
)
from sknn.kernels.batch import block_data
from sknn.kernels.drivers.decisions import call_labels
from sknn.kernels.drivers.records import (
    ACTIVATIONS,
    DATASET,
    INTEGERS,
    NETWORK,
    SETTINGS,
    SQUARE,
    Activations,
    Dataset,
    NetworkArrays,
    rows_of,
)
from sknn.kernels.gemm.products import copy
from sknn.kernels.layers.base import raw_of, run_forward, run_prepare
from sknn.kernels.losses.base import call_loss
from sknn.kernels.losses.output_activations import call_output_activation
from sknn.kernels.math.finite import nan_if_nonfinite
from sknn.kernels.table import MEMBERS

# Flags of `predict`: whether to check the inputs, and whether inputs or predictions are
# not finite. Threads share the flags, since they all write the same value.
CHECK_INPUT, NONFINITE_INPUT, NONFINITE_OUTPUT = 0, 1, 2
N_NONFINITE_FLAGS = 3


class RowBlocks(NamedTuple):
    """Rows from ``start`` to ``stop``, in blocks of ``block`` rows."""

    start: int
    stop: int
    block: int


ROW_BLOCKS = Record(RowBlocks, (INTEGER,) * 3)


class Outputs(NamedTuple):
    """What becomes of raw outputs.

    Attributes
    ----------
    loss : int
        Address of the kernel of the loss; 0: compute none and return 0.0.
    link : int
        Address of the kernel of the output activation; 0: return raw outputs.
    decide : int
        Address of a kernel of `decisions.py`, which fills labels in place of out; 0:
        fill out.
    settings : ndarray of shape (n_settings,), float64
        Of the loss and the output activation.
    """

    loss: int
    link: int
    decide: int
    settings: Float64s


OUTPUTS = Record(Outputs, (INTEGER, INTEGER, INTEGER, SETTINGS))


@driver(
    (
        NETWORK, ACTIVATIONS, DATASET, ROW_BLOCKS, OUTPUTS, SQUARE, INTEGERS, INTEGERS,
    )
)  # fmt: skip
def predict(
    network: NetworkArrays,
    activations: Activations,
    dataset: Dataset,
    rows: RowBlocks,
    outputs: Outputs,
    out: Matrix,
    labels: Integers,
    nonfinite_flags: Integers,
) -> float:
    """Set rows of out to link(raw outputs), block by block; return the summed loss.

    Parameters
    ----------
    network : NetworkArrays
    activations : Activations
        Memory for a block: the outputs of all operations, and the gradient of the loss
        alone.
    dataset : Dataset
    rows : RowBlocks
    outputs : Outputs
    out : ndarray of shape (n_samples, n_outputs)
        Predictions; with members that share weights, the mean over the members. In the
        shape (n_samples, n_members * n_outputs), the prediction of each member. With
        such members, ``outputs`` has neither loss nor decide.
    labels : ndarray of shape (n_samples,), int64
        Output in place of out, if ``outputs.decide`` is not 0.
    nonfinite_flags : ndarray of shape (N_NONFINITE_FLAGS,), int64
        With CHECK_INPUT set, the call ends at the first block whose inputs are not
        finite and sets NONFINITE_INPUT. NONFINITE_OUTPUT is set if predictions are not.
    """
    total = 0.0
    link, settings = outputs.link, outputs.settings
    n_members = network.ops[network.ops.shape[0] - 1, MEMBERS]
    run_prepare(network.ops, network.theta, activations.values, 0, 1)
    for first in range(rows.start, rows.stop, rows.block):
        rest = rows.stop - first
        n = rows.block if rows.block < rest else rest
        batch = rows_of(dataset, first, n)
        if (
            nonfinite_flags[CHECK_INPUT]
            and nan_if_nonfinite(block_data(batch, dataset.n_features)) != 0
        ):
            nonfinite_flags[NONFINITE_INPUT] = 1
            return total
        run_forward(network.ops, batch, network.theta, activations.values)
        raw = raw_of(network.ops, batch, activations.values)
        if outputs.decide:
            is_nonfinite = call_labels(
                outputs.decide, (raw, link, settings, vector(labels, first, n))
            )
            if is_nonfinite != 0:
                nonfinite_flags[NONFINITE_OUTPUT] = 1
            continue
        if outputs.loss:
            delta = matrix(activations.deltas, 0, n, out.shape[1])
            arguments = (raw, dataset.targets, batch, delta, settings)
            total += call_loss(outputs.loss, arguments)
        if link:
            call_output_activation(link, (raw, settings))
        if nan_if_nonfinite(flat(raw)) != 0:
            nonfinite_flags[NONFINITE_OUTPUT] = 1
        if out.shape[1] == raw.shape[1] and n_members > 1:
            _average_members(raw, n_members, out, first)
        else:
            size = n * out.shape[1]
            copy(flat(raw), 0, flat(out), first * out.shape[1], size)
    return total


@inline_scalar
def _average_members(raw: Matrix, n_members: int, out: Matrix, first: int) -> None:
    """Set out[first + i] to the mean of rows i * n_members, ... of raw, one a member.

    raw is (n_rows * n_members, n_outputs), out is (n_samples, n_outputs).
    """
    for i in range(raw.shape[0] // n_members):
        for j in range(raw.shape[1]):
            total = like(raw[0, 0], 0)
            for k in range(n_members):
                total += raw[i * n_members + k, j]
            out[first + i, j] = total / like(total, n_members)
