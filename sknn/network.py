"""A network: its parameters in one vector, and what the kernels do with them."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import chain
from math import prod
from operator import is_
from typing import Any

import numpy as np

from sknn.inputs import Inputs, Problem, aligned_empty, read_only
from sknn.kernels import drivers, layers
from sknn.kernels.losses import LINKS, Loss
from sknn.operations import Architecture, Layout, Operations, operations

# Rows pass through a network in blocks of this many numbers: large enough for BLAS to
# split wide products among threads, small enough for the cache.
_BLOCK_SIZE = 2**18
_FEWEST_ROWS = 32
_OUTPUTS_AT_ONCE = 2**16

# Multiplications in products that take a slow core about a fifth of a second; and, in
# these units, what else costs time: a multiplication with an element of CSR, an output
# of a layer in a row, a parameter in a step, and a batch.
_OPERATIONS_A_CALL = 10**9
_OF_SPARSE, _OF_OUTPUT, _OF_PARAMETER, _OF_BATCH = 5, 100, 30, 30_000


@lru_cache(maxsize=128)
def network(architecture: Architecture, dtype: np.dtype) -> "Network":
    """Return the network of a description, from a small store of those in use."""
    return Network(architecture, dtype)


@cache
def _no_targets(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    return read_only(np.empty((0, 0), dtype)), read_only(np.empty(0, dtype))


class Network:
    """Dense layers with activations, normalisation and dropout, and a link at the end.

    All parameters live in one vector, ``theta``, of which ``coefs_`` and
    ``intercepts_`` are views; ``Layout`` says where each lies. The kernels get a table
    of operations, and compile for no particular network.

    Parameters
    ----------
    architecture : Architecture
    dtype : dtype
        float32 or float64.
    """

    def __init__(self, architecture: Architecture, dtype):
        self.architecture = architecture
        self.units = architecture.units
        self.shapes = architecture.shapes
        self.link = architecture.link
        self.dtype = np.dtype(dtype)
        self.layout = Layout(architecture)
        self.n_weights = self.layout.n_weights
        self.n_trained = self.layout.n_trained
        self.n_parameters = self.layout.n_parameters
        self._settings = read_only(np.array(architecture.settings, dtype=np.float64))
        self._operations: dict[tuple[bool, bool], Operations] = {}
        first, *others = (m * n for m, n in self.shapes)
        beside = 3 * sum(others) + _OF_OUTPUT * sum(self.units[1:])
        # For dense and for CSR inputs, of which all elements may be there.
        self._cost_of_row = 3 * first + beside, 3 * _OF_SPARSE * first + beside

    # Parameters ------------------------------------------------------------------

    def unpack(self, theta: np.ndarray) -> dict[str, Any]:
        """Return the fitted attributes: views of theta, in lists with one a layer.

        With them comes ``_views``: theta, and all the views. It is not to be pickled.
        """
        starts = self.layout.starts
        attributes: dict[str, Any] = {
            name: [
                theta[start : start + prod(shape)].reshape(shape)
                for start, shape in zip(starts[name], shapes, strict=True)
            ]
            for name, shapes in self.layout.shapes.items()
        }
        parts = tuple(part for parts in attributes.values() for part in parts)
        return {**attributes, "_views": (theta, parts)}

    def pack(self, attributes: Mapping[str, list[np.ndarray]]) -> np.ndarray:
        """Copy fitted attributes into a new vector."""
        flat = [
            np.ravel(part) for name in self.layout.shapes for part in attributes[name]
        ]
        vector = aligned_empty(self.n_parameters, self.dtype)
        return np.concatenate(flat, out=vector, casting="same_kind")

    def vector_of(self, attributes: Mapping[str, Any]) -> np.ndarray:
        """Return the vector that fitted attributes are views of.

        A copy, if someone put others in their place, or they are of another dtype.
        """
        theta, views = attributes.get("_views", (None, ()))
        fits = theta is not None and theta.size == self.n_parameters
        if fits and theta.dtype == self.dtype:
            parts = chain.from_iterable(attributes[name] for name in self.layout.shapes)
            if all(map(is_, parts, views)):
                return theta
        return self.pack(attributes)

    # Kernels ---------------------------------------------------------------------

    def operations(self, is_sparse: bool, training: bool = False) -> Operations:
        """Return the operations, for dense or for CSR inputs."""
        key = (is_sparse, training)
        if key not in self._operations:
            self._operations[key] = operations(self.architecture, self.dtype, *key)
        return self._operations[key]

    def buffer(self, n_rows: int, n_columns: int) -> np.ndarray:
        """Return memory for what all operations write."""
        return aligned_empty(n_rows * n_columns, self.dtype)

    def largest_product(self, n_rows: int) -> int:
        """Return the multiplications in the largest product for n_rows rows."""
        return n_rows * max(m * n for m, n in self.shapes)

    def block(self, n_rows: int) -> int:
        """Return how many rows to pass through the network at a time."""
        return min(n_rows, max(_FEWEST_ROWS, _BLOCK_SIZE // sum(self.units)))

    def calls(
        self, n_rows: int, batch_size: int, is_sparse: bool = False
    ) -> list[tuple[int, int]]:
        """Return from where to where each call of a driver goes.

        In whole batches, and so that no call takes much longer than a fifth of a
        second: only between calls can Ctrl-C interrupt.
        """
        of_batch = _OF_PARAMETER * self.n_parameters + _OF_BATCH
        of_batch += batch_size * self._cost_of_row[is_sparse]
        batches = _OPERATIONS_A_CALL // of_batch
        step = batch_size * max(1, batches)
        return [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]

    def predict(self, theta: np.ndarray, inputs: Inputs) -> np.ndarray:
        """Return predictions of shape (n_samples, n_outputs), in blocks of rows."""
        return self._outputs(
            theta, inputs, link=LINKS[self.link].apply.address(self.dtype)
        )

    def parts(self, inputs: Inputs) -> Iterator[tuple[int, int]]:
        """Yield from where to where to predict, that few outputs are kept at a time.

        In whole blocks, so that predictions are the same bits as in one go.
        """
        block = self.block(inputs.n_samples)
        step = block * max(1, _OUTPUTS_AT_ONCE // (block * self.units[-1]))
        for start in range(0, inputs.n_samples, step):
            yield start, min(start + step, inputs.n_samples)

    def hidden_outputs(self, theta: np.ndarray, inputs: Inputs, k: int) -> np.ndarray:
        """Return the outputs of the k-th layer, from 0 on, without the link."""
        table = self.operations(inputs.is_sparse).of_layer(k)
        return self._outputs(theta, inputs, table=table)

    def evaluate(
        self, theta: np.ndarray, loss: Loss, problem: Problem
    ) -> tuple[np.ndarray, float]:
        """Return predictions, and the loss summed over the rows, without a penalty."""
        totals: list[float] = []
        predictions = self._outputs(
            theta,
            problem.inputs,
            link=self._link(),
            loss=loss.train.address(self.dtype),
            targets=(problem.targets, problem.weights),
            totals=totals,
        )
        return predictions, sum(totals)

    def _link(self) -> int:
        return LINKS[self.link].apply.address(self.dtype)

    def _outputs(
        self, theta, inputs, *, table=None, link=0, loss=0, targets=None, totals=None
    ):
        whole, n_columns = self.operations(inputs.is_sparse)
        table = whole if table is None else table
        n_outputs = int(table[-1, layers.FAN_OUT])
        block = self.block(inputs.n_samples)
        values = self.buffer(block, n_columns)
        delta = self.buffer(block if loss else 0, n_outputs)
        out = np.empty((inputs.n_samples, n_outputs), dtype=self.dtype)
        for start, stop in self.calls(inputs.n_samples, block, inputs.is_sparse):
            total = drivers.predict(
                self.dtype,
                table,
                theta,
                values,
                delta,
                *inputs[:4],
                *(targets or _no_targets(self.dtype)),
                start,
                stop,
                block,
                loss,
                link,
                self._settings,
                out,
            )
            if totals is not None:
                totals.append(total)
        return out

    def loss_gradient(
        self, theta: np.ndarray, loss: Loss, problem: Problem
    ) -> tuple[float, np.ndarray]:
        """Return the loss summed over all rows, without a penalty, and its gradient."""
        table, n_columns = self.operations(problem.inputs.is_sparse)
        n_rows = problem.inputs.n_samples
        block = self.block(n_rows)
        gradient = np.zeros(self.n_trained, dtype=self.dtype)
        partial = np.empty_like(gradient)
        values, deltas = self.buffer(block, n_columns), self.buffer(block, n_columns)
        value = 0.0
        for start, stop in self.calls(n_rows, block, problem.inputs.is_sparse):
            value += drivers.loss_gradient(
                self.dtype,
                table,
                theta,
                gradient,
                partial,
                values,
                deltas,
                *problem.arrays,
                start,
                stop,
                block,
                loss.train.address(self.dtype),
                self._settings,
            )
        return value, gradient

    def input_gradient(
        self, theta: np.ndarray, inputs: Inputs, seed: Callable
    ) -> np.ndarray:
        """Return a gradient with respect to the inputs, shape (n_rows, n_features).

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
        inputs : Inputs
        seed : callable
            Takes raw outputs of shape (n_rows, n_outputs); returns the gradient with
            respect to them, in the same shape.
        """
        table, n_columns = self.operations(inputs.is_sparse)
        n_outputs, block = self.units[-1], self.block(inputs.n_samples)
        values, deltas = self.buffer(block, n_columns), self.buffer(block, n_columns)
        gradient = np.empty(self.n_trained, dtype=self.dtype)
        raw = np.empty((inputs.n_samples, n_outputs), dtype=self.dtype)
        first = self.unpack(theta)["coefs_"][0]
        found = np.empty((inputs.n_samples, self.units[0]), dtype=self.dtype)
        no_settings, nothing = read_only(np.empty(0)), _no_targets(self.dtype)
        for start in range(0, inputs.n_samples, block):
            stop = min(start + block, inputs.n_samples)
            n, arrays = stop - start, inputs[:4]
            drivers.predict(
                self.dtype, table, theta, values, deltas, *arrays, *nothing,
                start, stop, block, 0, 0, no_settings, raw,
            )  # fmt: skip
            last = int(table[-1, layers.OUTPUT]) * n
            deltas[last : last + n * n_outputs] = seed(raw[start:stop]).ravel()
            drivers.backward(
                self.dtype, table, theta, gradient, values, deltas, *arrays, start, n
            )
            # The first operation leaves there the gradient of its weighted sums.
            delta = deltas[: n * self.units[1]].reshape(n, -1)
            np.dot(delta, first.T, out=found[start:stop])
        return found
