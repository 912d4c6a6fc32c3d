"""The description of a network: layers, widths and where everything lies.

All weights and biases live in one vector, ``theta``: first the weight matrices, layer
by layer, then the biases. ``coefs_`` and ``intercepts_`` are views of it. A network
turns into a table of operations for the kernels, which compile for no particular one.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse

from sknn.kernels import drivers, layers
from sknn.kernels.activations import ACTIVATIONS
from sknn.kernels.losses import LINKS, Loss

# Rows pass through a network in blocks of this many numbers: large enough for BLAS to
# split wide products among threads, small enough for the cache.
_BLOCK_SIZE = 2**18
_FEWEST_ROWS = 32

# Multiplications that take a slow core about a fifth of a second, and what a row
# costs beside those of its products.
_OPERATIONS_A_CALL = 2 * 10**9
_OPERATIONS_BESIDE = 100


class Inputs(NamedTuple):
    """A dense or CSR matrix as the kernels take it: flat and read-only."""

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    n_features: int
    n_samples: int
    is_sparse: bool

    @classmethod
    def of(cls, X, dtype: np.dtype) -> "Inputs":
        """Take a C-ordered or CSR matrix; copy only what has another type."""
        n_samples, n_features = X.shape
        is_sparse = scipy.sparse.issparse(X)
        values, indices, indptr = X, (), ()
        if is_sparse:
            # The kernels trust the indices; scipy checks them only when asked.
            X.check_format(full_check=True)
            values, indices, indptr = X.data, X.indices, X.indptr
        return cls(
            read_only(np.ravel(np.asarray(values, dtype=dtype, order="C"))),
            read_only(np.asarray(indices, dtype=np.int32)),
            read_only(np.asarray(indptr, dtype=np.int64)),
            n_features,
            n_samples,
            is_sparse,
        )


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a view that cannot be written to: one type for all of a user's data."""
    view = array.view()
    view.flags.writeable = False
    return view


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


@lru_cache(maxsize=128)
def network(units: tuple[int, ...], activation: str, link: str, dtype) -> "Network":
    """Return the network of a description, from a small store of those in use."""
    return Network(units, activation, link, dtype)


class Network:
    """Dense layers, their activations, and a link at the end.

    Parameters
    ----------
    units : sequence of int
        Number of inputs, width of each hidden layer, number of outputs.
    activation : str
        Key of ``ACTIVATIONS``, for all hidden layers.
    link : str
        Key of ``LINKS``.
    dtype : dtype
        float32 or float64.
    """

    def __init__(self, units: Sequence[int], activation: str, link: str, dtype):
        self.units = [int(n) for n in units]
        self.link = link
        self.activation = activation
        self.dtype = np.dtype(dtype)
        self.shapes = list(pairwise(self.units))
        ends = np.cumsum([0] + [m * n for m, n in self.shapes] + self.units[1:])
        self.offsets = [int(end) for end in ends[:-1]]
        self.n_weights = int(ends[len(self.shapes)])
        self.n_parameters = int(ends[-1])
        self._tables: dict[bool, np.ndarray] = {}

    # Parameters ------------------------------------------------------------------

    def initial_parameters(self, random_state: np.random.RandomState) -> np.ndarray:
        """Draw weights, then biases, layer by layer, by the rule of Glorot and Bengio.

        References
        ----------
        X. Glorot and Y. Bengio, "Understanding the difficulty of training deep
        feedforward neural networks", AISTATS 2010.
        """
        theta = np.empty(self.n_parameters, dtype=self.dtype)
        coefs, intercepts = self.unpack(theta)
        factor = 2.0 if self.activation == "logistic" else 6.0
        for coef, intercept in zip(coefs, intercepts, strict=True):
            bound = np.sqrt(factor / sum(coef.shape))
            coef[:] = random_state.uniform(-bound, bound, coef.shape)
            intercept[:] = random_state.uniform(-bound, bound, intercept.shape)
        return theta

    def unpack(self, theta: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the weight matrices and the biases as views of theta."""
        n_layers = len(self.shapes)
        coefs = [
            theta[start : start + m * n].reshape(m, n)
            for start, (m, n) in zip(self.offsets, self.shapes, strict=False)
        ]
        intercepts = [
            theta[start : start + n]
            for start, n in zip(self.offsets[n_layers:], self.units[1:], strict=True)
        ]
        return coefs, intercepts

    def pack(self, coefs, intercepts) -> np.ndarray:
        """Copy weight matrices and biases into a new vector."""
        flat = [np.ravel(part) for part in (*coefs, *intercepts)]
        return np.concatenate(flat, dtype=self.dtype, casting="same_kind")

    def vector_of(self, coefs, intercepts) -> np.ndarray:
        """Return the vector that weight matrices and biases are views of.

        A copy, if they are not, or are of another dtype.
        """
        vector = coefs[0].base
        parts = [*coefs, *intercepts]
        if (
            isinstance(vector, np.ndarray)
            and vector.dtype == self.dtype
            and vector.shape == (self.n_parameters,)
            and all(part.base is vector and part.flags.c_contiguous for part in parts)
        ):
            start = _address(vector)
            at = [start + offset * vector.itemsize for offset in self.offsets]
            if at == [_address(part) for part in parts]:
                return vector
        return self.pack(coefs, intercepts)

    # Kernels ---------------------------------------------------------------------

    def table(self, is_sparse: bool) -> np.ndarray:
        """Return the table of operations, for dense or for CSR inputs."""
        if is_sparse not in self._tables:
            self._tables[is_sparse] = self._new_table(is_sparse)
        return self._tables[is_sparse]

    def _new_table(self, is_sparse: bool) -> np.ndarray:
        first = (layers.dense_forward, layers.dense_backward)
        if is_sparse:
            first = (layers.sparse_dense_forward, layers.sparse_dense_backward)
        later = (layers.dense_forward, layers.dense_backward)
        last = len(self.shapes) - 1
        table = np.zeros((last + 1, layers.N_COLUMNS), dtype=np.int64)
        source, target = layers.FROM_BATCH, 0
        for k, (fan_in, fan_out) in enumerate(self.shapes):
            forward, backward = later if k else first
            activation = ACTIVATIONS[self.activation if k < last else "identity"]
            row = table[k]
            row[layers.FORWARD] = forward.address(self.dtype)
            row[layers.BACKWARD] = backward.address(self.dtype)
            row[layers.FAN_IN], row[layers.FAN_OUT] = fan_in, fan_out
            row[layers.WEIGHTS] = self.offsets[k]
            row[layers.BIAS] = self.offsets[last + 1 + k]
            row[layers.INPUT], row[layers.OUTPUT] = source, target
            row[layers.ACTIVATE] = activation.forward.address(self.dtype)
            row[layers.SLOPE] = activation.backward.address(self.dtype)
            source, target = target, target + fan_out
        return table

    def buffer(self, n_rows: int) -> np.ndarray:
        """Return memory for the outputs of all layers for n_rows rows."""
        return np.empty(n_rows * sum(self.units[1:]), dtype=self.dtype)

    def largest_product(self, n_rows: int) -> int:
        """Return the multiplications in the largest product for n_rows rows."""
        return n_rows * max(m * n for m, n in self.shapes)

    def block(self, n_rows: int) -> int:
        """Return how many rows to pass through the network at a time."""
        return min(n_rows, max(_FEWEST_ROWS, _BLOCK_SIZE // sum(self.units)))

    def calls(self, n_rows: int, batch_size: int) -> list[tuple[int, int]]:
        """Return from where to where each call of a driver goes.

        In whole batches, and so that no call takes much longer than a fifth of a
        second: only between calls can Ctrl-C interrupt.
        """
        operations_a_row = 3 * self.n_parameters + _OPERATIONS_BESIDE
        batches = _OPERATIONS_A_CALL // (operations_a_row * batch_size)
        step = batch_size * max(1, batches)
        return [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]

    def predict(self, theta: np.ndarray, inputs: Inputs) -> np.ndarray:
        """Return predictions of shape (n_samples, n_outputs), in blocks of rows."""
        block = self.block(inputs.n_samples)
        values = self.buffer(block)
        out = np.empty((inputs.n_samples, self.units[-1]), dtype=self.dtype)
        for start, stop in self.calls(inputs.n_samples, block):
            drivers.predict(
                self.dtype,
                self.table(inputs.is_sparse),
                theta,
                values,
                *inputs[:4],
                start,
                stop,
                block,
                LINKS[self.link].address(self.dtype),
                out,
            )
        return out

    def loss_gradient(
        self,
        theta: np.ndarray,
        loss: Loss,
        inputs: Inputs,
        targets: np.ndarray,
        weights: np.ndarray,
    ) -> tuple[float, np.ndarray]:
        """Return the loss summed over all rows, without a penalty, and its gradient.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
        loss : Loss
        inputs : Inputs
        targets : ndarray of shape (n_samples, n_targets)
        weights : ndarray of shape (n_samples,) or (0,)
            Sample weights; empty where there are none.
        """
        block = self.block(inputs.n_samples)
        gradient, partial = np.zeros_like(theta), np.empty_like(theta)
        values, deltas = self.buffer(block), self.buffer(block)
        value = 0.0
        for start, stop in self.calls(inputs.n_samples, block):
            value += drivers.loss_gradient(
                self.dtype,
                self.table(inputs.is_sparse),
                theta,
                gradient,
                partial,
                values,
                deltas,
                *inputs[:4],
                targets,
                weights,
                start,
                stop,
                block,
                loss.train.address(self.dtype),
            )
        return value, gradient
