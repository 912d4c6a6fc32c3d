"""The table of operations and the layout of the parameters."""

from functools import partial

import numpy as np
import pytest
from networks import mlp_architecture

from sknn.jit.kernel import Kernel, inline_scalar, like
from sknn.kernels import table
from sknn.kernels.layers import activations, dense
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.layers.dropout import dropout_backward, dropout_forward
from sknn.kernels.layers.normalization import N_SCRATCH, NORMALIZATIONS
from sknn.kernels.layers.sparse_dense import sparse_forward
from sknn.network.layers.dropout import threshold
from sknn.network.layout import Layout
from sknn.network.network import Network
from sknn.network.program import constrained, operations

FLOAT64 = np.dtype(np.float64)


@inline_scalar
def square(z):
    return z * z


@inline_scalar
def square_slope(z):
    return like(z, 2) * z


@pytest.fixture
def keeps_its_sum():
    activations.register(
        "square", square, square_slope, description="z**2", needs_preactivation=True
    )
    yield "square"
    del ACTIVATIONS["square"]


def address(leaf):
    return leaf.address(FLOAT64) if leaf else 0


def test_table_of_a_small_network(keeps_its_sum):
    """Two hidden layers with all there is, by hand.

    In theta lie the weights of shapes (3, 4), (4, 2) and (2, 1) from 0, 12 and 20, the
    biases from 22, 26 and 28, the gains from 29 and 33, the shifts from 35 and 39, the
    running statistics of shapes (2, 4) and (2, 2) from 41 and 49.
    """
    architecture = mlp_architecture(
        (3, 4, 2, 1),
        ("relu", keeps_its_sum),
        "identity",
        dropout=(0.5, 0.25, 0.0),
        normalization="batch",
    )
    layout = Layout(architecture)
    assert (layout.n_penalized, layout.n_trained, layout.n_parameters) == (22, 41, 53)
    ops, n_columns, _, indices = operations(layout, FLOAT64, False, True)
    assert indices.tolist() == list(range(7))
    assert n_columns == 34

    kind = NORMALIZATIONS["batch"]
    narrow = dense.NARROW_DENSE
    norm = kind.forward, kind.backward, kind.gradient
    drop = dropout_forward, dropout_backward, None
    leaves = [drop, narrow, norm, drop, narrow, norm, narrow]
    columns = [table.FORWARD, table.BACKWARD, table.GRADIENT]
    assert ops[:, columns].tolist() == [[*map(address, row[:3])] for row in leaves]

    names = [None, "identity", "relu", None, "identity", keeps_its_sum, "identity"]
    for row, name in zip(ops, names, strict=True):
        if name == "identity":
            assert row[table.ACTIVATION] == row[table.ACTIVATION_GRAD] == 0
        elif name is not None:
            assert row[table.ACTIVATION] == address(ACTIVATIONS[name].forward)
            assert row[table.ACTIVATION_GRAD] == address(ACTIVATIONS[name].backward)

    columns = [
        *(table.FAN_IN, table.FAN_OUT, table.INPUT, table.OUTPUT, table.PREACTIVATION),
        *(table.SCRATCH, table.WEIGHTS, table.BIAS, table.RUNNING),
        *(table.THRESHOLD, table.LAYER_ID, table.NEEDS_INPUT_DELTA),
    ]
    assert ops[:, columns].tolist() == [
        # widths, columns of values, where theta begins, dropout, flags
        [3, 3, -1, 0, 0, 0, 0, 0, 0, 2**31, 0, 0],
        [3, 4, 0, 3, 3, 0, 0, 22, 0, 0, 0, 0],
        [4, 4, 3, 7, 7, 11, 29, 35, 41, 0, 0, 1],
        [4, 4, 7, 19, 0, 0, 0, 0, 0, 3 * 2**30, 1, 1],
        [4, 2, 19, 23, 23, 0, 12, 26, 0, 0, 0, 1],
        [2, 2, 23, 25, 31, 27, 33, 39, 49, 0, 0, 1],
        [2, 1, 25, 33, 33, 0, 20, 28, 0, 0, 0, 1],
    ]
    assert np.array_equal(ops[:, table.INPUT_DELTA], ops[:, table.INPUT])


def flags(architecture, is_sparse=False):
    """Return a row for each operation: see the tests."""
    ops = operations(Layout(architecture), FLOAT64, is_sparse, True).table
    columns = [
        table.EPILOGUE,
        table.ACTIVATION,
        table.ACTIVATION_GRAD,
        table.INPUT_EPILOGUE,
    ]
    return (ops[:, columns] != 0).astype(int).tolist()


def test_products_stand_for_relu_where_they_are_beside_it():
    """Whether a product clamps, what leaves there are, and whether a product gates."""
    wide = partial(mlp_architecture, (20, 16, 17, 3), ("relu", "relu"), "identity")
    assert flags(wide()) == [[1, 0, 0, 0], [1, 0, 0, 1], [0, 0, 0, 1]]
    # CSR has a product of its own forwards.
    assert flags(wide(), is_sparse=True) == [[0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 1]]
    # The gradient of narrow inputs is not found by tiles.
    narrow = mlp_architecture((20, 15, 16, 3), *wide.args[1:])
    assert flags(narrow) == [[1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
    # Dropout is between a layer and the next one, normalisation before the activation.
    dropped = wide(dropout=(0.5, 0.5, 0.0))
    drop = [0, 0, 0, 0]
    assert flags(dropped) == [
        *(drop, [1, 0, 1, 0], drop, [1, 0, 0, 0], [0, 0, 0, 1])
    ]  # fmt: skip
    for name in NORMALIZATIONS:
        dense, norm = [0, 0, 0, 0], [0, 1, 0, 0]
        assert flags(wide(normalization=name)) == [
            *(dense, norm, [0, 0, 0, 1], norm, [0, 0, 0, 1])
        ]  # fmt: skip
    mixed = mlp_architecture(wide.args[0], ("elu", "relu"), "identity")
    assert flags(mixed) == [[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
    mixed = mlp_architecture(wide.args[0], ("relu", "elu"), "identity")
    assert flags(mixed) == [[1, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]]


@pytest.mark.parametrize(("name", "slope"), [("tanh", [1, 0]), ("logistic", [0, 1])])
def test_products_see_to_slopes_behind_them(name, slope):
    wide = partial(mlp_architecture, (20, 16, 17, 3), (name, name), "identity")
    assert flags(wide()) == [[0, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]]
    ops = operations(Layout(wide()), FLOAT64, False, True).table
    assert ops[:, [table.QUADRATIC_P, table.QUADRATIC_Q]].tolist() == [
        [0, 0],
        slope,
        slope,
    ]
    assert flags(wide(), is_sparse=True) == flags(wide())
    narrow = mlp_architecture((20, 15, 16, 3), *wide.args[1:])
    assert flags(narrow) == [[0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    dropped = wide(dropout=(0.0, 0.5, 0.0))
    drop = [0, 0, 0, 0]
    assert flags(dropped) == [[0, 1, 1, 0], drop, [0, 1, 0, 0], [0, 0, 0, 1]]
    for kind in NORMALIZATIONS:
        dense, norm = [0, 0, 0, 0], [0, 1, 0, 0]
        assert flags(wide(normalization=kind)) == [
            *(dense, norm, [0, 0, 0, 1], norm, [0, 0, 0, 1])
        ]  # fmt: skip
    mixed = mlp_architecture(wide.args[0], (name, "relu"), "identity")
    assert flags(mixed) == [[0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 1]]


def test_prediction_drops_nothing():
    plain = partial(mlp_architecture, (3, 4, 2, 1), ("relu", "relu"), "identity")
    dropped = plain(dropout=(0.5, 0.5, 0.5))
    for is_sparse in (False, True):
        expected = operations(Layout(plain()), FLOAT64, is_sparse, False)
        found = operations(Layout(dropped), FLOAT64, is_sparse, False)
        assert np.array_equal(found.table, expected.table)
        assert found.n_columns == expected.n_columns


@pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_prediction_loads_no_leaf_that_it_does_not_call(
    is_sparse, normalization, monkeypatch
):
    """Only what is in the columns that the way forward looks at, and the same there."""
    network = mlp_architecture(
        (40, 20, 20, 3), ("relu", "elu"), "identity", normalization=normalization
    )
    layout = Layout(network)
    whole = operations(layout, FLOAT64, is_sparse, False)
    loaded = set()

    def address(self, dtype):
        loaded.add(self.specializations[dtype])
        return self.specializations[dtype]

    monkeypatch.setattr(Kernel, "address", address)
    found = operations(layout, FLOAT64, is_sparse, False, forward_only=True)
    assert found.n_columns == whole.n_columns
    backwards = [table.BACKWARD, table.GRADIENT, table.ACTIVATION_GRAD, table.TRANSPOSE]
    assert (whole.table[:, backwards] != 0).any(axis=0).all()
    expected = whole.table.copy()
    expected[:, backwards] = 0
    assert np.array_equal(found.table, expected)
    columns = [table.FORWARD, table.ACTIVATION]
    columns += [table.ROWS_PRODUCT, table.DOTS_PRODUCT]
    assert loaded == set(found.table[:, columns].ravel().tolist()) - {0}


@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_rate_of_zero_adds_no_operation(is_sparse):
    def table_with(**options):
        network = mlp_architecture(
            (3, 4, 2, 1), ("relu", "relu"), "identity", **options
        )
        return operations(Layout(network), FLOAT64, is_sparse, True).table

    expected = table_with()
    assert np.array_equal(table_with(dropout=(0.0, 0.0, 0.0)), expected)
    assert len(table_with(dropout=(0.0, 0.0, 0.5))) == len(expected) + 1


def test_dropout_of_csr_inputs_is_part_of_the_first_layer():
    network = mlp_architecture((3, 4, 1), ("relu",), "identity", dropout=(0.25, 0.0))
    ops = operations(Layout(network), FLOAT64, True, True).table
    assert len(ops) == 2
    assert ops[0, table.FORWARD] == address(sparse_forward)
    assert ops[0, table.THRESHOLD] == 3 * 2**30
    assert ops[0, table.LAYER_ID] == 0
    assert ops[1, table.THRESHOLD] == 0


@pytest.mark.parametrize("rate", [1e-12, 0.1, 0.5, 1 - 1e-12])
def test_threshold_is_a_share_of_two_to_the_32(rate):
    """And at least one, for zero stands for no dropout."""
    assert 1 <= threshold(rate) <= 2**32
    assert threshold(rate) / 2**32 == pytest.approx(1 - rate, abs=2**-32)


def architectures(names, n=200):
    """Draw networks of all kinds."""
    rng = np.random.RandomState(0)
    for _ in range(n):
        depth = rng.randint(5)
        units = rng.randint(1, 9, size=depth + 2).tolist()
        rates = rng.choice([0.0, 0.2, 0.5], size=depth + 1).tolist()
        yield mlp_architecture(
            tuple(units),
            tuple(rng.choice(names, size=depth).tolist()),
            "identity",
            dropout=tuple(rates) if any(rates) else (),
            normalization=[None, *NORMALIZATIONS][rng.randint(len(NORMALIZATIONS) + 1)],
        )


def columns_written(row, scratch_leaves):
    """Return which columns of values the operation of a row writes."""
    width = row[table.FAN_OUT]
    starts = {
        int(row[table.OUTPUT]),
        int(row[table.PREACTIVATION] or row[table.OUTPUT]),
    }
    written = [range(start, start + width) for start in sorted(starts)]
    if row[table.FORWARD] in scratch_leaves:
        first = row[table.SCRATCH]
        written.append(range(first, first + N_SCRATCH * width))
    return [column for columns in written for column in columns]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_operations_share_no_columns(is_sparse, training, keeps_its_sum):
    """Each writes to columns of its own, and together they fill all there are."""
    scratch_leaves = {
        address(leaf)
        for kind in NORMALIZATIONS.values()
        for leaf in (kind.forward, kind.predict_forward)
    }
    for architecture in architectures(["relu", "tanh", keeps_its_sum]):
        layout = Layout(architecture)
        ops, n_columns, *_ = operations(layout, FLOAT64, is_sparse, training)
        if training:
            assert n_columns == layout.n_columns(is_sparse)
        written = [c for row in ops for c in columns_written(row, scratch_leaves)]
        assert sorted(written) == list(range(n_columns)), architecture
        # Each reads what the one before it wrote.
        assert ops[0, table.INPUT] == table.FROM_BATCH
        assert np.array_equal(ops[1:, table.INPUT], ops[:-1, table.OUTPUT])
        assert np.array_equal(ops[1:, table.FAN_IN], ops[:-1, table.FAN_OUT])
        # The gradient of the inputs is needed by all behind the first dense layer.
        is_dense = ops[:, table.FORWARD] != address(dropout_forward)
        seen = np.cumsum(is_dense) - is_dense
        assert np.array_equal(ops[:, table.NEEDS_INPUT_DELTA], seen > 0)


def test_layout_covers_all_parameters_once():
    for architecture in architectures(["relu"]):
        layout, network = Layout(architecture), Network(architecture, FLOAT64)
        count = np.zeros(layout.n_parameters)
        theta, views, described = network.unpack(count).pop("_theta_cache")
        assert described is network
        assert theta is count
        for part in views:
            part += 1
        assert (count == 1).all(), architecture
        unpacked = network.unpack(np.arange(layout.n_parameters, dtype=float))
        del unpacked["_theta_cache"]
        assert [len(unpacked[name]) for name in unpacked] == [
            len(shapes) for shapes in layout.shapes.values()
        ]
        # Weights of fewer than 16 neurons, all of them here, are stored transposed.
        parts = [part.T for part in unpacked.pop("coefs_")]
        parts += [part for parts in unpacked.values() for part in parts]
        order = np.concatenate([np.ravel(part) for part in parts])
        assert np.array_equal(order, np.arange(layout.n_parameters))
        n_weights = sum(m * n for m, n in layout.shapes["coefs_"])
        running = unpacked.get("running_statistics_", [])
        n_running = sum(part.size for part in running)
        assert layout.n_penalized == n_weights
        assert layout.n_trained == layout.n_parameters - n_running


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_without_hidden_layers_there_is_nothing_to_normalize(normalization):
    plain, normalized = (
        Layout(mlp_architecture((3, 2), (), "identity", normalization=name))
        for name in (None, normalization)
    )
    for training in (False, True):
        expected = operations(plain, FLOAT64, False, training)
        found = operations(normalized, FLOAT64, False, training)
        assert np.array_equal(found.table, expected.table)
    assert normalized.n_trained == normalized.n_parameters == 8
    assert normalized.shapes.keys() == {"coefs_", "intercepts_"}


@pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])
def test_parts_of_the_table(normalization):
    network = mlp_architecture(
        (3, 4, 2, 1), ("relu", "relu"), "identity", normalization=normalization
    )
    layout = Layout(network)
    found = operations(layout, FLOAT64, False, False)
    n_rows = 2 if normalization else 1
    for k, width in enumerate((4, 2)):
        first = found.before(n_rows * (k + 1)).table
        assert np.array_equal(first, found.table[: n_rows * (k + 1)])
        assert first[-1, table.FAN_OUT] == width
    assert len(found.table) == n_rows * 2 + 1
    assert constrained(layout)[:, table.FAN_IN].tolist() == [3, 4]
    assert constrained(layout)[:, table.FAN_OUT].tolist() == [4, 2]
    assert constrained(layout)[:, table.WEIGHTS].tolist() == [0, 12]
