"""Rows in batches, for tests of fits on data that memory does not hold."""

import numpy as np
import scipy.sparse

from sknn.data import BatchSource

rng = np.random.RandomState(0)
X = rng.normal(size=(330, 5))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0, 1.0] + 0.1 * rng.normal(size=len(X))
LABELS = np.array(["low", "middle", "up"])[np.digitize(NUMBERS, [-1.5, 1.5])]
WEIGHTS = rng.uniform(0, 2, len(X))
SPARSE = scipy.sparse.csr_array(np.where(rng.uniform(size=X.shape) < 0.5, X, 0))

SIZES = (1, 70, 3, 100)


def cut(*arrays, sizes=SIZES):
    """Return a list of batches: rows of the arrays, in turns of these sizes."""
    batches, start, k = [], 0, 0
    while start < arrays[0].shape[0]:
        stop = start + sizes[k % len(sizes)]
        batches.append(tuple(array[start:stop] for array in arrays))
        start, k = stop, k + 1
    return batches


def source_of(*arrays, sizes=SIZES, **options):
    """Return a source of batches of these sizes."""
    return BatchSource(cut(*arrays, sizes=sizes), **options)


def state_of(model):
    """Return all that a fit has learnt, without times, in a form to compare."""
    state = dict(vars(model))
    history = {k: v for k, v in state["history_"].items() if k != "seconds"}
    parts = {"history_": history}
    for name in ("coefs_", "intercepts_", "gains_", "shifts_", "running_statistics_"):
        parts[name] = [array.tobytes() for array in state.get(name, ())]
    for name in ("loss_", "n_iter_", "t_", "best_loss_", "n_features_in_"):
        parts[name] = state[name]
    optimizer = dict(state["_optimizer_state"])
    parts["slots"] = optimizer.pop("slots").tobytes()
    return parts | {"optimizer": optimizer}
