"""The matrix products of training and nothing else: what no library can save."""

import time
from itertools import pairwise

import numba
import numpy as np


def products_of_an_epoch(case, dtype: np.dtype) -> float:
    """Return the milliseconds that the products of one epoch take.

    For each batch and layer: the outputs, the gradient of the weights and, but for the
    first layer, the gradient of the inputs. BLAS is called from compiled code.
    """
    units = (case.n_features, *case.hidden, case.network_outputs)
    n_batches = -(-case.n_rows // case.batch_size)
    total = 0.0
    for layer, (fan_in, fan_out) in enumerate(pairwise(units)):
        rng = np.random.RandomState(0)
        x = rng.normal(size=(case.batch_size, fan_in)).astype(dtype)
        weights = rng.normal(size=(fan_in, fan_out)).astype(dtype)
        delta = rng.normal(size=(case.batch_size, fan_out)).astype(dtype)
        buffers = (np.empty_like(delta), np.empty_like(weights), np.empty_like(x))
        _products(x, weights, delta, *buffers, 1, layer > 0)
        start = time.perf_counter()
        _products(x, weights, delta, *buffers, n_batches, layer > 0)
        total += time.perf_counter() - start
    return 1e3 * total


@numba.njit(error_model="numpy")
def _products(x, weights, delta, y, gradient, x_delta, n_batches, has_inputs):
    for _ in range(n_batches):
        np.dot(x, weights, y)
        np.dot(x.T, delta, gradient)
        if has_inputs:
            np.dot(delta, weights.T, x_delta)
