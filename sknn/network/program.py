"""How a network becomes a table of operations for the kernels.

``Architecture`` says what the network is, ``Layout`` where its parameters lie in one
vector, and ``operations`` writes the table: a row for each operation, with the
addresses of its leaves and with where it reads and writes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sknn.jit.kernel import Kernel, requesting
from sknn.kernels import table
from sknn.kernels.gemm import products
from sknn.kernels.gemm.microkernels import NO_EPILOGUE
from sknn.kernels.layers import dense
from sknn.kernels.layers.activations import ACTIVATIONS, NOT_FUSED, FusedEpilogue
from sknn.kernels.layers.dropout import dropout_backward, dropout_forward
from sknn.kernels.layers.normalization import N_SCRATCH, NORMALIZATIONS
from sknn.kernels.layers.sparse_dense import SPARSE
from sknn.kernels.math.counter_rng import RANGE
from sknn.network.layout import Architecture, Layout


class Operations(NamedTuple):
    """A table, and how many columns of values its operations fill."""

    table: np.ndarray
    n_columns: int

    def of_layer(self, k: int) -> np.ndarray:
        """Return the table as far as the output of the k-th layer, from 0 on."""
        dense = np.flatnonzero(self.table[:, table.IS_DENSE])
        return self.table[: dense[k + 1]] if k + 1 < len(dense) else self.table

    def limited(self) -> np.ndarray:
        """Return the rows of the dense hidden layers."""
        return self.table[self.table[:, table.IS_DENSE] != 0][:-1]


def threshold(rate: float) -> int:
    """Return the number below which a draw from 2**32 keeps an element."""
    return max(1, round((1.0 - rate) * RANGE))  # 0 would stand for no dropout


def operations(
    architecture: Architecture,
    dtype: np.dtype,
    is_sparse: bool,
    training: bool,
    forward_only: bool = False,
) -> Operations:
    """Return the operations of a network, for dense or for CSR inputs.

    With ``forward_only`` there are no leaves but those of the way forward, so that no
    others are loaded.
    """
    with requesting():  # so that they are compiled at the same time
        _Builder(architecture, dtype, forward_only).build(is_sparse, training)
    return _Builder(architecture, dtype, forward_only).build(is_sparse, training)


class _Builder:
    """Appends operations, each of which reads what the one before it wrote."""

    def __init__(self, architecture: Architecture, dtype: np.dtype, forward_only: bool):
        self.architecture = architecture
        self.forward_only = forward_only
        self.starts = Layout(architecture).starts
        self.dtype = dtype
        self.rows: list[np.ndarray] = []
        self.source = table.FROM_BATCH
        self.n_columns = 0

    def build(self, is_sparse: bool, training: bool) -> Operations:
        architecture = self.architecture
        shapes, last = architecture.shapes, len(architecture.units) - 2
        dropout = architecture.dropout if training else ()
        dropout = dropout or (0.0,) * len(shapes)
        if not is_sparse:
            self.drop(0, dropout[0])
        for k, (fan_in, fan_out) in enumerate(shapes):
            leaves = dense.NARROW_DENSE if fan_out < products.NARROW else dense.DENSE
            if is_sparse and k == 0:
                leaves = SPARSE
            row = self.add(*leaves, fan_in, fan_out)
            row[table.IS_DENSE] = 1
            if leaves is not SPARSE:
                row[table.ROWS_PRODUCT] = products.rows_product.address(self.dtype)
                row[table.DOTS_PRODUCT] = products.dots_product.address(self.dtype)
            beside = self.before(k, dropout)
            row[table.INPUT_EPILOGUE] = beside.backwards
            row[[table.SLOPE_P, table.SLOPE_Q]] = beside.slope
            is_wide = min(fan_in, fan_out) >= products.NARROW
            if is_wide and row[table.NEEDS_INPUT_DELTA] and not self.forward_only:
                row[table.TRANSPOSE] = products.transpose.address(self.dtype)
            row[table.WEIGHTS] = self.starts["coefs_"][k]
            row[table.BIAS] = self.starts["intercepts_"][k]
            if is_sparse and k == 0 and dropout[0]:
                row[table.THRESHOLD] = threshold(dropout[0])
            activation = architecture.activations[k] if k < last else "identity"
            if k < last and architecture.normalization:
                self.activate(row, "identity")
                row = self.normalize(k, architecture.normalization, training)
            is_done = self.before(k + 1, dropout).backwards != NO_EPILOGUE
            self.activate(row, activation, is_done)
            if k < last:
                self.drop(k + 1, dropout[k + 1])
        return Operations(np.array(self.rows), self.n_columns)

    def add(
        self,
        forward: Kernel,
        backward: Kernel,
        gradient: Kernel | None,
        fan_in: int,
        fan_out: int,
    ) -> np.ndarray:
        row = np.zeros(table.N_COLUMNS, dtype=np.int64)
        row[table.FORWARD] = forward.address(self.dtype)
        if not self.forward_only:
            row[table.BACKWARD] = backward.address(self.dtype)
            row[table.GRADIENT] = gradient.address(self.dtype) if gradient else 0
        row[table.FAN_IN], row[table.FAN_OUT] = fan_in, fan_out
        row[table.INPUT], row[table.OUTPUT] = self.source, self.n_columns
        row[table.NEEDS_INPUT_DELTA] = any(other[table.IS_DENSE] for other in self.rows)
        self.source = self.n_columns
        self.n_columns += fan_out
        self.rows.append(row)
        return row

    def before(self, k: int, dropout: Sequence[float]) -> FusedEpilogue:
        """Return what the k-th product backwards can do of the slope before it."""
        names = self.architecture.activations
        if not 0 < k <= len(names) or dropout[k]:
            return NOT_FUSED
        is_wide = self.architecture.units[k] >= products.NARROW
        return ACTIVATIONS[names[k - 1]].fused_epilogue if is_wide else NOT_FUSED

    def activate(self, row: np.ndarray, name: str, is_sloped: bool = False) -> None:
        """Add an activation; if sloped, the operation after it sees to the slope."""
        activation = ACTIVATIONS[name]
        row[table.PREACTIVATION] = row[table.OUTPUT]
        if name == "identity":
            return
        if row[table.ROWS_PRODUCT]:
            row[table.EPILOGUE] = activation.fused_epilogue.forwards
        if row[table.EPILOGUE] == NO_EPILOGUE:
            row[table.ACTIVATE] = activation.forward.address(self.dtype)
        if not self.forward_only and not is_sloped:
            row[table.SLOPE] = activation.backward.address(self.dtype)
        if activation.needs_preactivation:
            row[table.PREACTIVATION] = self.n_columns
            self.n_columns += int(row[table.FAN_OUT])

    def normalize(self, k: int, name: str, training: bool) -> np.ndarray:
        kind, width = NORMALIZATIONS[name], self.architecture.units[k + 1]
        leaves = kind.forward, kind.backward, kind.gradient
        if not training:
            leaves = kind.predict_forward, kind.predict_backward, kind.predict_gradient
        row = self.add(*leaves, width, width)
        row[table.WEIGHTS] = self.starts["gains_"][k]
        row[table.BIAS] = self.starts["shifts_"][k]
        row[table.SCRATCH] = self.n_columns
        self.n_columns += N_SCRATCH * width
        if kind.keeps_running_statistics:
            row[table.RUNNING] = self.starts["running_statistics_"][k]
        return row

    def drop(self, k: int, rate: float) -> None:
        """Drop inputs (k = 0) or outputs of the k-th hidden layer."""
        if rate:
            width = self.architecture.units[k]
            row = self.add(dropout_forward, dropout_backward, None, width, width)
            row[table.THRESHOLD], row[table.LAYER_ID] = threshold(rate), k
