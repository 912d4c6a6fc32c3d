"""What drivers take: arguments that belong together, as namedtuples.

Python passes the fields of a record one by one, in their order: see `Driver`.
"""

from typing import NamedTuple

from sknn.jit.array_types import (
    Float64s,
    Int32s,
    IntegerMatrix,
    Integers,
    Matrix,
    Vector,
)
from sknn.jit.kernel import INT32, INTEGER, REAL, Array, Record, inline_scalar
from sknn.kernels.batch import Batch, unshuffled_batch

TABLE, VECTOR, SQUARE = Array(INTEGER, 2), Array(), Array(ndim=2)
READONLY, REALS, INTEGERS = Array(is_read_only=True), Array(REAL), Array(INTEGER)
SETTINGS = Array(REAL, is_read_only=True)
ENDS = Array(INTEGER, is_read_only=True)


class NetworkArrays(NamedTuple):
    """A network.

    Attributes
    ----------
    ops : ndarray of shape (n_operations, N_COLUMNS), int64
        Its table of operations.
    theta : ndarray of shape (n_parameters,)
        The trained parameters, then all others.
    """

    ops: IntegerMatrix
    theta: Vector


NETWORK = Record(NetworkArrays, (TABLE, VECTOR))


class Dataset(NamedTuple):
    """What is trained on, or predicted from.

    Attributes
    ----------
    data, indices, indptr, n_features
        Dense or CSR matrix X; see `Batch`.
    targets : ndarray of shape (n_samples, n_targets)
    weights : ndarray of shape (n_samples,) or (0,)
        Weights in the loss: sample weight times class weight. Empty: all 1.
    """

    data: Vector
    indices: Int32s
    indptr: Integers
    n_features: int
    targets: Matrix
    weights: Vector


DATASET = Record(
    Dataset,
    (
        READONLY,
        Array(INT32, is_read_only=True),
        Array(INTEGER, is_read_only=True),
        INTEGER,
        Array(ndim=2, is_read_only=True),
        READONLY,
    ),
)


class Activations(NamedTuple):
    """Memory for a batch or a block: outputs of all operations, their gradients."""

    values: Vector
    deltas: Vector


ACTIVATIONS = Record(Activations, (VECTOR, VECTOR))


class Workspace(NamedTuple):
    """Memory for the gradient of a batch.

    Attributes
    ----------
    gradient : ndarray of shape (n_trained,)
    values, deltas : ndarray, 1-D
        See `Activations`.
    sums : ndarray, 1-D, float64
        For the loss of each block, then for the sum of each chunk of the parameters.
    part_gradient : ndarray of shape (n_trained,) or (0,)
        That of a part of the batch; empty where batches are not divided into parts.
    """

    gradient: Vector
    values: Vector
    deltas: Vector
    sums: Float64s
    part_gradient: Vector


WORKSPACE = Record(Workspace, (VECTOR, VECTOR, VECTOR, REALS, VECTOR))


class Objective(NamedTuple):
    """The loss that is minimised.

    Attributes
    ----------
    loss : int
        Address of its kernel.
    loss_settings : ndarray of shape (n_settings,), float64
    """

    loss: int
    loss_settings: Float64s


OBJECTIVE = Record(Objective, (INTEGER, SETTINGS))


class Team(NamedTuple):
    """Threads that work on one batch; see `barrier.py`.

    Attributes
    ----------
    shared : ndarray of shape (N_SHARED,), int64
    thread, n_threads : int
        Number of this thread, and of all.
    """

    shared: Integers
    thread: int
    n_threads: int


TEAM = Record(Team, (INTEGERS, INTEGER, INTEGER))


class Span(NamedTuple):
    """Rows, and how they are divided.

    Attributes
    ----------
    start, stop : int
        Range of rows.
    batch_size, block : int
        Rows of a batch, and of the blocks that it is processed in.
    """

    start: int
    stop: int
    batch_size: int
    block: int


SPAN = Record(Span, (INTEGER,) * 4)


class BatchWeights(NamedTuple):
    """What the rows of a batch count.

    Attributes
    ----------
    sample_weight : ndarray of shape (n_samples,) or (0,)
    mean_class_weight : float
        The size of a batch is the sum of its sample weights times this.
    """

    sample_weight: Vector
    mean_class_weight: float


BATCH_WEIGHTS = Record(BatchWeights, (READONLY, REAL))


class Batches(NamedTuple):
    """The batches of several epochs.

    Attributes
    ----------
    orders : ndarray of shape (n_epochs or 1, n_samples or 0), int64
        The order of the rows in each epoch, or in all; with 0 columns: unshuffled.
    gathered : ndarray of shape (most rows of a batch, n_features) or (0, 0)
        Memory for the rows of a batch; empty: read them in place.
    gathered_data : ndarray, 1-D
        The same memory, flat and read-only.
    n_epochs, start, stop : int
        Number of epochs and range of rows; that of several epochs is all rows.
    batch_size, smallest, part, block : int
        Rows of a batch; fewer remaining rows than ``smallest`` join the last batch;
        rows of the parts whose gradients are added up, 0 for whole batches; rows of the
        blocks that a part is processed in.
    seed : int
        Of dropout.
    rows_before : int
        Rows of the epoch that came before these, where they are a block of the data.
    """

    orders: IntegerMatrix
    gathered: Matrix
    gathered_data: Vector
    n_epochs: int
    start: int
    stop: int
    batch_size: int
    smallest: int
    part: int
    block: int
    seed: int
    rows_before: int


BATCHES = Record(Batches, (Array(INTEGER, 2, True), SQUARE, READONLY, *[INTEGER] * 9))


class Optimizer(NamedTuple):
    """The optimizer.

    Attributes
    ----------
    rates, step : int
        Addresses of its kernels.
    step_settings : ndarray of shape (N_SETTINGS,), float64
    alpha : float
        L2 penalty.
    learning_rates : ndarray of shape (n_steps or 1,), float64
        Learning rate of each step of the call, or of all.
    n_weights : int
        Number of penalised parameters, the first of theta.
    rate_ends, rate_factors : ndarray of shape (n_segments,), int64 and float64
        Where segments of theta end, and the factors of their learning rates.
    optimizer_state : ndarray of shape (n_slots, n_trained)
        Updated in place.
    momentum_product : ndarray of shape (1,), float64
        Updated in place.
    step_rates : ndarray of shape (N_RATES,), float64
        Memory for the rates of a step, which all threads read.
    """

    rates: int
    step: int
    step_settings: Float64s
    alpha: float
    learning_rates: Float64s
    n_weights: int
    rate_ends: Integers
    rate_factors: Float64s
    optimizer_state: Matrix
    momentum_product: Float64s
    step_rates: Float64s


OPTIMIZER = Record(
    Optimizer,
    (
        INTEGER, INTEGER, SETTINGS, REAL, SETTINGS, INTEGER, ENDS, SETTINGS, SQUARE,
        REALS, REALS,
    ),
)  # fmt: skip


class Regularization(NamedTuple):
    """What the optimizer's step does not do.

    Attributes
    ----------
    shape, constrain : int
        Addresses of `shape_gradient` and `constrain`; 0: not needed.
    regularization_settings : ndarray of shape (N_REGULARIZATION_SETTINGS,), float64
    decay_ends, decay_factors : ndarray of shape (n_segments,), int64 and float64
        Where segments of theta end, and the factors of their decay.
    constrained : ndarray of shape (n, N_COLUMNS), int64
        Where the weights are that `constrain` scales: see `network.program`.
    """

    shape: int
    constrain: int
    regularization_settings: Float64s
    decay_ends: Integers
    decay_factors: Float64s
    constrained: IntegerMatrix


REGULARIZATION = Record(
    Regularization, (INTEGER, INTEGER, SETTINGS, ENDS, SETTINGS, TABLE)
)


@inline_scalar
def rows_of(dataset: Dataset, first: int, n: int) -> Batch:
    """Return rows first, ..., first + n - 1 of a dataset, as a batch of one block."""
    return unshuffled_batch(
        dataset.data, dataset.indices, dataset.indptr, dataset.weights,
        dataset.n_features, first, n,
    )  # fmt: skip
