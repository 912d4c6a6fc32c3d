"""The matrix products of training by BLAS, and nothing else.

For each batch and layer: the outputs, the gradient of the weights and, but for the
first layer, the gradient of the inputs. SciPy's BLAS is called from compiled code. The
operands of a layer stay the same, so they are as near as the caches allow.

This is no lower bound: a library whose own products are faster than those of BLAS can
train in less time.
"""

from itertools import pairwise

import numba
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.timing import seconds


class BlasProducts:
    """The products of a case's training, on as many threads as are fastest."""

    def __init__(self, case, dtype, cores: int = 1):
        self.cores = cores
        units = (case.n_features, *case.hidden, case.network_outputs)
        n_full, tail = divmod(case.n_rows, case.batch_size)
        rng = np.random.RandomState(0)
        self.layers = []
        for n_batches, batch in ((n_full, case.batch_size), (1, tail)):
            for layer, (fan_in, fan_out) in enumerate(pairwise(units)):
                if n_batches and batch:
                    shapes = (batch, fan_in), (fan_in, fan_out), (batch, fan_out)
                    operands = [rng.normal(size=s).astype(dtype) for s in shapes]
                    results = [np.empty_like(operands[i]) for i in (2, 1, 0)]
                    self.layers.append((n_batches, layer > 0, *operands, *results))

    def seconds_per_epoch(self, n_epochs: int) -> float:
        """Return the time of an epoch's products."""
        times = []
        for threads in {1, self.cores}:
            with threadpool_limits(threads, user_api="blas"):
                times.append(seconds(self._run, n_epochs) / n_epochs)
        return min(times)

    def _run(self, n_epochs):
        for n_batches, *operands in self.layers:
            _products(n_batches * n_epochs, *operands)


@numba.njit(error_model="numpy")
def _products(n_batches, has_inputs, x, weights, delta, y, gradient, x_delta):
    for _ in range(n_batches):
        np.dot(x, weights, y)
        np.dot(x.T, delta, gradient)
        if has_inputs:
            np.dot(delta, weights.T, x_delta)
