"""What drivers take: arguments that belong together, as namedtuples.

Python passes the fields of a record one by one, in their order: see `Driver`.
"""

from collections import namedtuple

from sknn.jit.kernel import INT32, INTEGER, REAL, Array, Record, inline_scalar
from sknn.kernels.batch import unshuffled_batch

TABLE, VECTOR, SQUARE = Array(INTEGER, 2), Array(), Array(ndim=2)
READONLY, REALS, INTEGERS = Array(is_read_only=True), Array(REAL), Array(INTEGER)
SETTINGS = Array(REAL, is_read_only=True)

# A network:
#   ops : int64 of shape (n_operations, N_COLUMNS), its table of operations
#   theta : shape (n_parameters,), the trained parameters, then all others
NetworkArrays = namedtuple("NetworkArrays", "ops theta")
NETWORK = Record(NetworkArrays, (TABLE, VECTOR))

# What is trained on, or predicted from:
#   data, indices, indptr, n_features : dense or CSR matrix X; see `Batch`
#   targets : shape (n_samples, n_targets)
#   weights : shape (n_samples,) or (0,), weights in the loss: sample weight times class
#       weight; empty: all 1
Dataset = namedtuple("Dataset", "data indices indptr n_features targets weights")
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

# Memory for a batch or a block of rows:
#   values, deltas : 1-D, outputs of all operations and their gradients
Activations = namedtuple("Activations", "values deltas")
ACTIVATIONS = Record(Activations, (VECTOR, VECTOR))

# Memory for the gradient of a batch:
#   gradient : shape (n_trained,)
#   values, deltas : as above
#   sums : float64, for the loss of each block
Workspace = namedtuple("Workspace", "gradient values deltas sums")
WORKSPACE = Record(Workspace, (VECTOR, VECTOR, VECTOR, REALS))

# The loss that is minimised:
#   loss : address of its kernel
#   loss_settings : float64 of shape (n_settings,)
Objective = namedtuple("Objective", "loss loss_settings")
OBJECTIVE = Record(Objective, (INTEGER, SETTINGS))

# Threads that work on one batch; see `barrier.py`:
#   shared : int64 of shape (N_SHARED,)
#   thread, n_threads : number of this thread, and of all
Team = namedtuple("Team", "shared thread n_threads")
TEAM = Record(Team, (INTEGERS, INTEGER, INTEGER))


@inline_scalar
def rows_of(dataset, first, n):
    """Return a batch of n rows from one on, unshuffled, as its only block."""
    return unshuffled_batch(
        dataset.data, dataset.indices, dataset.indptr, dataset.weights,
        dataset.n_features, first, n,
    )  # fmt: skip
