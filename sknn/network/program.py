"""How a network becomes a table of operations for the kernels.

``Architecture`` says what the network is, ``Layout`` where its layers and their
parameters lie, and ``operations`` writes the table: a row for each operation, with the
addresses of its kernels and with where it reads and writes.
"""

from typing import NamedTuple

import numpy as np

from sknn.jit.kernel import request_addresses
from sknn.kernels import table
from sknn.kernels.gemm import products
from sknn.kernels.gemm.operands import NO_EPILOGUE
from sknn.kernels.layers.activations import ACTIVATIONS, NOT_FUSED, FusedEpilogue
from sknn.kernels.layers.base import LayerKernels
from sknn.network.layers.base import PlacedLayer, Use
from sknn.network.layout import Layout, keeps_preactivation

# Entries of a row that count columns of values.
_COLUMNS = (
    table.INPUT,
    table.OUTPUT,
    table.INPUT_DELTA,
    table.PREACTIVATION,
    table.SCRATCH,
)


class Operations(NamedTuple):
    """A table, and how many columns of values its operations fill.

    ``n_prepared`` numbers lie behind these columns, at the end of values. ``indices``
    holds for each row which layer of the network it is.
    """

    table: np.ndarray
    n_columns: int
    n_prepared: int
    indices: np.ndarray

    def before(self, index: int) -> "Operations":
        """Return the operations of the layers before one of the network, from 0 on."""
        return self._replace(table=self.table[: np.sum(self.indices < index)])


def operations(
    layout: Layout,
    dtype: np.dtype,
    is_sparse: bool,
    training: bool,
    forward_only: bool = False,
    of_inputs: bool = False,
) -> Operations:
    """Return the operations of a network, for dense or for CSR inputs.

    With ``forward_only`` there are forward kernels alone, so that no others are loaded.
    With ``of_inputs`` backward kernels compute the gradient of the inputs too, in
    column ``INPUT_DELTA`` of the first row.

    Raises
    ------
    ValueError
        If the first layer cannot read CSR inputs.
    """
    use = Use(np.dtype(dtype), training, False, forward_only, of_inputs)
    # So that kernels are compiled at the same time.
    request_addresses(_build, layout, use, is_sparse)
    return _build(layout, use, is_sparse)


def _build(layout: Layout, use: Use, is_sparse: bool) -> Operations:
    """Return the operations of a network."""
    steps: list[tuple[PlacedLayer, Use, LayerKernels]] = []
    joining: dict[int, list[PlacedLayer]] = {}  # by the step that does their work
    indices: list[int] = []
    for index, placed in enumerate(layout.layers):
        layer_use = use._replace(reads_csr=is_sparse and not steps)
        joins_next = placed.spec.joins_next_on_csr and not use.of_inputs
        if layer_use.reads_csr and joins_next:
            if use.training:
                joining.setdefault(len(steps), []).append(placed)
            continue
        kernels = placed.spec.kernels_for(placed, layer_use)
        if kernels is not None:
            steps.append((placed, layer_use, kernels))
            indices.append(index)
    last = steps[-1][0]
    integers = [placed.spec.integers(placed) for placed, _, _ in steps]
    builder = _Builder(table.N_COLUMNS + max(map(len, integers)))
    for k, (placed, layer_use, kernels) in enumerate(steps):
        before = steps[k - 1][0] if k else None
        after = steps[k + 1][0] if k + 1 < len(steps) else None
        row = builder.add(placed, layer_use, kernels)
        row[table.N_COLUMNS :][: len(integers[k])] = integers[k]
        for other in (*joining.get(k, ()), placed):
            other.spec.fill_row(row, other, layer_use)
        epilogue = _backward_epilogue(before, placed)
        row[table.INPUT_EPILOGUE] = epilogue.backwards
        row[[table.QUADRATIC_P, table.QUADRATIC_Q]] = epilogue.coefficients
        if placed.spec.has_activation:
            is_fused = _backward_epilogue(placed, after).backwards != NO_EPILOGUE
            builder.activate(row, placed, layer_use, is_fused)
    builder.finish(last)
    ops = np.array(builder.rows)
    return Operations(ops, builder.n_columns, builder.n_prepared, np.array(indices))


def constrained(layout: Layout) -> np.ndarray:
    """Return a table of the weights that ``max_norm`` applies to, for ``constrain``."""
    n_hidden, rows = len(layout.widths) - 1, []
    for placed in layout.layers:
        for array in placed.spec.arrays:
            if array.has_max_norm and placed.number <= n_hidden:
                row = np.zeros(table.N_COLUMNS, dtype=np.int64)
                row[table.WEIGHTS] = placed.starts[array.attribute]
                row[[table.FAN_IN, table.FAN_OUT]] = placed.shapes[array.attribute]
                rows.append(row)
    return np.array(rows, dtype=np.int64).reshape(-1, table.N_COLUMNS)


def _backward_epilogue(
    before: PlacedLayer | None, after: PlacedLayer | None
) -> FusedEpilogue:
    """Return which activation derivative a layer's backward GEMM can fuse."""
    if before is None or after is None or not after.spec.fuses_input_gradient:
        return NOT_FUSED
    if before.layer.activation is None or not before.spec.ends_in_activation:
        return NOT_FUSED
    if before.fan_out < products.NARROW:
        return NOT_FUSED
    return ACTIVATIONS[before.layer.activation].fused_epilogue


class _Builder:
    """Appends operations, each of which reads what the one before it wrote."""

    def __init__(self, width: int) -> None:
        self.width = width  # of the table
        self.rows: list[np.ndarray] = []
        self.source = table.FROM_BATCH
        self.n_columns = self.n_prepared = 0
        self.something_learns = False

    def add(self, placed: PlacedLayer, use: Use, kernels: LayerKernels) -> np.ndarray:
        """Append what is the same for all kinds of layers."""
        spec, dtype = placed.spec, use.dtype
        row = np.zeros(self.width, dtype=np.int64)
        row[table.FORWARD] = kernels.forward.address(dtype)
        if not use.forward_only:
            row[table.BACKWARD] = kernels.backward.address(dtype)
            if kernels.gradient is not None:
                row[table.GRADIENT] = kernels.gradient.address(dtype)
        # What it does for each member has a row for each of them.
        n_members = row[table.MEMBERS] = placed.n_members_before
        row[table.FAN_IN] = placed.fan_in
        row[table.FAN_OUT] = placed.n_outputs // n_members
        self.align(placed.n_members)
        row[table.INPUT], row[table.OUTPUT] = self.source, self.n_columns
        self.source = self.n_columns
        self.n_columns += placed.n_outputs
        needs_delta = use.of_inputs or self.something_learns
        row[table.NEEDS_INPUT_DELTA] = needs_delta
        row[table.INPUT_DELTA] = row[table.INPUT]
        sets_delta = needs_delta or not spec.skips_input_delta
        if row[table.INPUT] == table.FROM_BATCH and sets_delta and not use.forward_only:
            row[table.INPUT_DELTA] = self.n_columns
            self.n_columns += placed.n_inputs
        for array in spec.arrays:
            row[array.column] = placed.starts[array.attribute]
        n_scratch = spec.n_scratch_columns(placed.fan_in, placed.fan_out)
        if n_scratch:
            row[table.SCRATCH] = self.n_columns
            self.n_columns += n_scratch * n_members
        if kernels.prepare is not None:
            row[table.PREPARE] = kernels.prepare.address(dtype)
            self.n_prepared += spec.n_prepared(placed)
            row[table.PREPARED] = self.n_prepared
        self.something_learns |= spec.learns
        self.rows.append(row)
        return row

    def activate(
        self, row: np.ndarray, placed: PlacedLayer, use: Use, is_fused: bool
    ) -> None:
        """Add an activation; if fused, the next operation applies its derivative."""
        row[table.PREACTIVATION] = row[table.OUTPUT]
        name = placed.layer.activation
        if name in (None, "identity"):
            return
        activation = ACTIVATIONS[name]
        if placed.spec.fuses_activation and not use.reads_csr:
            row[table.EPILOGUE] = activation.fused_epilogue.forwards
        if row[table.EPILOGUE] == NO_EPILOGUE:
            row[table.ACTIVATION] = activation.forward.address(use.dtype)
        if not use.forward_only and not is_fused:
            row[table.ACTIVATION_GRAD] = activation.backward.address(use.dtype)
        if keeps_preactivation(placed):
            row[table.PREACTIVATION] = self.n_columns
            self.n_columns += placed.n_outputs

    def align(self, n_members: int) -> None:
        """Go on at a column where the rows of all members can begin."""
        self.n_columns += -self.n_columns % n_members

    def finish(self, last: PlacedLayer) -> None:
        """Count columns in rows of members, where an operation has such rows."""
        if last.n_members > 1:
            self.rows[-1][table.MEMBER_RAW] = self.n_columns
            self.n_columns += last.fan_out
        for row in self.rows:
            for column in _COLUMNS:
                if row[column] != table.FROM_BATCH:
                    row[column] //= row[table.MEMBERS]
