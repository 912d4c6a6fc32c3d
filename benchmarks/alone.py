"""Each part of training and prediction alone, by the package's own kernels.

The functions at the end each return what runs a part a number of times. The compiled
loops before them call the leaves that the network's own table of operations names, on
the shapes and in the blocks that training and prediction have, and do nothing else.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.peers.start import ALPHA, BETA_1, BETA_2, EPSILON
from sknn.jit.kernel import INTEGER, REAL, Array, driver
from sknn.kernels import table
from sknn.kernels.batch import Batch, block_of, unshuffled_batch
from sknn.kernels.drivers.records import DATASET, SETTINGS, TABLE, VECTOR
from sknn.kernels.drivers.steps import CHUNK
from sknn.kernels.gemm.products import copy
from sknn.kernels.layers.activations import call_activation
from sknn.kernels.layers.base import call_backward, call_gradient, run_forward
from sknn.kernels.optim.optimizers import OPTIMIZERS, call_step
from sknn.kernels.table import BACKWARD, GRADIENT
from sknn.network.data import Inputs, aligned_empty, read_only
from sknn.network.network import Network
from sknn.training.options import OptimizerOptions

MATRIX = DATASET.fields[:4]  # values, indices and indptr of the inputs, and their width
# Numbers that an activation is applied to at a time: they stay in the nearest cache.
PIECE = 2**10
FRESH = 32  # times after which it gets the first numbers again


@driver((TABLE, *[VECTOR] * 4, *MATRIX, *[INTEGER] * 4))
def train_again(
    ops, theta, gradient, values, deltas, data, indices, indptr, n_features,
    n_rows, batch_size, block, n_times,
):  # fmt: skip
    """Run all operations forwards and back, as n_times epochs do.

    Dense rows are always those of the first batch, for there they were copied to.
    Weights are not transposed anew: in their place lie gradients, with which the
    product takes as long.
    """
    for _ in range(n_times):
        for first in range(0, n_rows, batch_size):
            n = batch_size if first + batch_size < n_rows else n_rows - first
            whole = Batch(
                data, 0, indices, indptr, data[:0], indptr[:0], first, n, 0, n, 0
            )
            for begin in range(0, n, block):
                part = block_of(whole, n_features, begin, block)
                run_forward(ops, part, theta, values)
                for k in range(ops.shape[0] - 1, -1, -1):
                    own = (ops[k], part, theta, gradient, values, deltas)
                    call_backward(ops[k, BACKWARD], own)
            for k in range(ops.shape[0]):
                if ops[k, GRADIENT]:
                    own = (ops[k], whole, gradient, values, deltas, 0, 1)
                    call_gradient(ops[k, GRADIENT], own)
    return 0.0


@driver((TABLE, VECTOR, VECTOR, *MATRIX, *[INTEGER] * 3))
def predict_again(
    ops, theta, values, data, indices, indptr, n_features, n_rows, block, n_times
):  # fmt: skip
    """Run all operations forwards on all rows, n_times."""
    for _ in range(n_times):
        for first in range(0, n_rows, block):
            n = block if first + block < n_rows else n_rows - first
            batch = unshuffled_batch(
                data, indices, indptr, data[:0], n_features, first, n
            )
            run_forward(ops, batch, theta, values)
    return 0.0


@driver((INTEGER, INTEGER, *[VECTOR] * 3, INTEGER))
def activate_again(forward, backward, numbers, z, delta, n_times):
    """Call both leaves of an activation, where there are two, on z and delta."""
    for k in range(n_times):
        if k % FRESH == 0:  # before the slopes leave nothing of delta
            copy(numbers, 0, z, 0, z.size)
            copy(numbers, 0, delta, 0, delta.size)
        if forward:
            call_activation(forward, (z, z))
        if backward:
            call_activation(backward, (z, delta))
    return 0.0


@driver(
    (
        INTEGER, VECTOR, VECTOR, Array(ndim=2), Array(REAL), INTEGER, REAL, REAL,
        SETTINGS, INTEGER, INTEGER,
    )
)  # fmt: skip
def step_again(
    step, theta, gradient, optimizer_state, rates, n_weights, alpha, size, settings,
    n_steps, n_times,
):  # fmt: skip
    """Take so many steps of an optimizer, with the same gradient, n_times."""
    for _ in range(n_steps * n_times):
        for first in range(0, gradient.size, CHUNK):
            end = first + CHUNK if first + CHUNK < gradient.size else gradient.size
            call_step(
                step,
                (
                    theta, gradient, optimizer_state, rates, 1.0, first, end,
                    n_weights, alpha, size, settings,
                ),
            )  # fmt: skip
    return 0.0


def training_products(
    network: Network, theta: np.ndarray, inputs: Inputs, batch_size: int
) -> Callable[[int], float]:
    """Return what runs the products of so many epochs, and nothing else."""
    operations = network.operations(inputs.is_sparse, training=True)
    ops, n_columns = operations.table, operations.n_columns
    if not inputs.is_sparse:  # rows are copied into their order, batch by batch
        rows = inputs.data[: batch_size * inputs.n_features]
        inputs = inputs._replace(data=read_only(_copied(network, rows)))
    gradient, values, deltas = (
        _random(network, size)
        for size in (network.n_trained, *[batch_size * n_columns] * 2)
    )
    block = network.training_block(batch_size)
    return partial(
        train_again, network.dtype, _bare(ops), theta, gradient, values, deltas,
        *inputs[:5], batch_size, block,
    )  # fmt: skip


def prediction_products(
    network: Network, theta: np.ndarray, inputs: Inputs
) -> Callable[[int], float]:
    """Return what runs the products of so many predictions, and nothing else."""
    operations = network.operations(inputs.is_sparse, forward_only=True)
    ops, n_columns = operations.table, operations.n_columns
    block = network.block(inputs.n_samples)
    values = _random(network, block * n_columns)
    return partial(
        predict_again, network.dtype, _bare(ops), theta, values, *inputs[:5], block
    )


def activations(
    network: Network, inputs: Inputs, training: bool
) -> Callable[[int], float] | None:
    """Return what applies the activations so many times, and their slopes in training.

    None, where they are no passes of their own.
    """
    ops = network.operations(inputs.is_sparse, training, not training).table
    passes = [
        (
            int(op[table.ACTIVATION]),
            int(op[table.ACTIVATION_GRAD]),
            int(op[table.FAN_OUT]),
        )
        for op in ops
        if op[table.ACTIVATION] or op[table.ACTIVATION_GRAD]
    ]
    memory = [_random(network, PIECE) for _ in range(3)]

    def run(n_times: int) -> float:
        for forward, backward, width in passes:
            n_pieces = round(n_times * inputs.n_samples * width / PIECE)
            activate_again(network.dtype, forward, backward, *memory, n_pieces)
        return 0.0

    return run if passes else None


def adam(
    network: Network, theta: np.ndarray, n_steps: int, batch_size: int
) -> Callable[[int], float]:
    """Return what takes n_steps of Adam so many times."""
    optimizer = OPTIMIZERS["adam"]
    options = OptimizerOptions(
        momentum=0.0, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON, rho=0.0
    )
    settings = read_only(np.array(optimizer.settings(options)))
    gradient = _random(network, network.n_trained)
    optimizer_state = np.stack([gradient, gradient**2])
    rates = np.array([1e-9, 0.0, 0.0])  # parameters hardly change
    return partial(
        step_again, network.dtype, optimizer.step.address(network.dtype),
        _copied(network, theta[: network.n_trained]), gradient, optimizer_state, rates,
        network.n_weights, ALPHA, float(batch_size), settings, n_steps,
    )  # fmt: skip


def operations(network: Network, inputs: Inputs, training: bool) -> int:
    """Return how many multiplications and additions the products take."""
    shapes = network.layout.shapes["coefs_"]
    first, *others = (fan_in * fan_out for fan_in, fan_out in shapes)
    if inputs.is_sparse:
        first = inputs.data.size * shapes[0][1]
    else:
        first *= inputs.n_samples
    beyond = sum(others) * inputs.n_samples
    # The first layer needs no gradient of its inputs.
    return 2 * (2 * first + 3 * beyond if training else first + beyond)


def _bare(ops):
    """Return a table without activations, also those that products see to."""
    ops = ops.copy()
    activation = (
        table.ACTIVATION,
        table.ACTIVATION_GRAD,
        table.EPILOGUE,
        table.INPUT_EPILOGUE,
    )
    ops[:, activation] = 0
    return ops


def _random(network, size):
    """Return numbers of a size that is usual."""
    numbers = np.random.RandomState(0).normal(size=size)
    return _copied(network, numbers.astype(network.dtype))


def _copied(network, numbers):
    """Return a copy that lies where the network would put it."""
    memory = aligned_empty(numbers.size, network.dtype)
    memory[:] = numbers
    return memory
