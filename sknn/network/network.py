"""A network: its parameters in one vector, and what the kernels do with them."""

from collections.abc import Callable, Mapping
from functools import cache, cached_property, lru_cache, partial
from itertools import chain
from operator import is_
from typing import Any, NamedTuple
from weakref import WeakSet

import numpy as np

from sknn.kernels import table
from sknn.kernels.drivers import gradient as gradient_drivers
from sknn.kernels.drivers import prediction
from sknn.kernels.drivers.barrier import N_SHARED
from sknn.kernels.drivers.decisions import LABELS
from sknn.kernels.losses.table import OUTPUT_ACTIVATIONS, Loss
from sknn.network.data import Inputs, TrainingData, aligned_empty, read_only
from sknn.network.layers.base import Initialization, LayerInputs
from sknn.network.layout import Architecture, Layout
from sknn.network.program import Operations, constrained, operations
from sknn.network.threads import (
    WORTH_A_TEAM_THREAD,
    WORTH_A_THREAD,
    calls_of_threads,
    in_parts,
    n_threads_for,
    run_together_or_alone,
)
from sknn.network.work import Work

_NO_LABELS = np.empty(0, dtype=np.int64)


class ThetaCache(NamedTuple):
    """The vector of all parameters, and what is known of it."""

    theta: np.ndarray
    views: tuple[np.ndarray, ...]  # those in the fitted attributes
    network: "Network"


@lru_cache(maxsize=128)
def network(architecture: Architecture, dtype: np.dtype) -> "Network":
    """Return the network of a description, from a small store of those in use."""
    return Network(architecture, dtype)


@cache
def _no_targets(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    return np.empty((0, 0), dtype), np.empty(0, dtype)


_networks: WeakSet["Network"] = WeakSet()


def look_up_kernels_again() -> None:
    """Let all networks look up their kernels anew, after some have been replaced."""
    network.cache_clear()
    for existing in list(_networks):
        existing.forget_operations()


def cached_theta(attributes: Mapping[str, Any]) -> tuple["Network | None", Any]:
    """Return the network and the vector that fitted attributes are views of, if any."""
    cache = attributes.get("_theta_cache")
    if type(cache) is ThetaCache:
        theta, views, network = cache
        try:
            lists = [attributes[name] for name in network.layout.shapes]
            arrays = list(chain.from_iterable(lists))
        except (KeyError, TypeError):  # somebody deleted or set an attribute
            return None, None
        if len(arrays) == len(views) and all(map(is_, arrays, views)):
            return network, theta
    return None, None


class Network(Work):
    """A sequence of layers, and a link at the end.

    All parameters live in one vector, ``theta``, of which ``coefs_`` and
    ``intercepts_`` are views; ``Layout`` says where each lies. The kernels get a table
    of operations, and compile for no particular network.

    Parameters
    ----------
    architecture : Architecture
    dtype : dtype
        float32 or float64.
    """

    def __init__(self, architecture: Architecture, dtype: np.dtype):
        self.architecture = architecture
        self.link = architecture.link
        self.dtype = np.dtype(dtype)
        self.layout = Layout(architecture)
        self.n_features = architecture.n_features
        *self.hidden_widths, self.n_outputs = self.layout.widths
        self.n_weights = self.layout.n_penalized
        self.n_trained = self.layout.n_trained
        self.draws = any(placed.spec.draws for placed in self.layout.layers)
        self.settings = read_only(np.array(architecture.settings, dtype=np.float64))
        self._operations: dict[tuple[bool, ...], Operations] = {}
        _networks.add(self)
        super().__init__(self.layout)

    # Parameters ------------------------------------------------------------------

    def unpack(self, theta: np.ndarray) -> dict[str, Any]:
        """Return the fitted attributes: views of theta, in lists with one a layer.

        With them comes ``_theta_cache``: theta, all the views, and the network. It is
        not pickled.
        """
        attributes: dict[str, Any] = self.layout.views(theta)
        views = tuple(view for arrays in attributes.values() for view in arrays)
        return {**attributes, "_theta_cache": ThetaCache(theta, views, self)}

    def initial_parameters(
        self,
        random_state: np.random.RandomState,
        kernels: tuple[str, ...],
        bias: str,
        activations: tuple[str, ...],
        data: TrainingData | None = None,
    ) -> np.ndarray:
        """Draw the parameters, layer by layer; return them as one vector.

        Parameters
        ----------
        random_state : RandomState
        kernels : tuple of str
            For each hidden layer and the output layer a key of ``INITIALIZERS``, or
            'auto' for scikit-learn's rule.
        bias : str
            'zeros', 'data', or 'auto' for scikit-learn's rule in layers that have
            'auto' weights.
        activations : tuple of str
            For each of these layers the activation that 'auto' goes by.
        data : TrainingData or None, default=None
            What layers whose initial values depend on the data look at.
        """
        theta = aligned_empty(self.n_parameters, self.dtype)
        for index, (placed, arrays) in enumerate(self.layout.views_of_layers(theta)):
            k = max(placed.number - 1, 0)
            compute = data and partial(self._inputs_of, index, theta, data)
            of_layer = placed.layer, LayerInputs(compute)
            initialization = Initialization(kernels[k], bias, activations[k], *of_layer)
            placed.spec.initialize(arrays, random_state, initialization)
            if data is not None:  # for what the layers behind it look at
                options = placed.layer.options
                placed.spec.update_statistics(arrays, options, data, is_first=True)
        return theta

    def _inputs_of(
        self, index: int, theta: np.ndarray, data: TrainingData
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what the layer of an index reads of the rows, and their weights."""
        before = self.operations(data.inputs.is_sparse, forward_only=True).before(index)
        inputs, sample_weight = data.sample(not len(before.table))
        return self.inputs_of(theta, inputs, index), sample_weight

    def inputs_of(self, theta: np.ndarray, inputs: Inputs, index: int) -> np.ndarray:
        """Return what the layer of an index reads in prediction, as a dense array."""
        operations = self.operations(inputs.is_sparse, forward_only=True).before(index)
        inputs = self.layout.converted_inputs(theta, inputs)
        if not len(operations.table):
            return inputs.toarray()
        width = self.layout.layers[index].fan_in
        out = np.empty((inputs.n_samples, width), dtype=self.dtype)
        self._run(theta, inputs, out, operations=operations)
        return out

    def pack(self, attributes: Mapping[str, list[np.ndarray]]) -> np.ndarray:
        """Copy fitted attributes into a new vector."""
        vector = aligned_empty(self.n_parameters, self.dtype)
        views = self.unpack(vector)
        for name, shapes in self.layout.shapes.items():
            actual = [np.shape(array) for array in attributes.get(name, ())]
            if actual != shapes:
                raise ValueError(
                    f"{name} must have the shapes {shapes}, got {actual}. Set the "
                    "arrays of all layers together."
                )
            for view, array in zip(views[name], attributes[name], strict=True):
                np.copyto(view, array, casting="same_kind")
        return vector

    def vector_of(self, attributes: Mapping[str, Any]) -> np.ndarray:
        """Return the vector that fitted attributes are views of.

        A copy, if someone put others in their place, or they are of another dtype.
        """
        cached, theta = cached_theta(attributes)
        expected = self.architecture, self.dtype
        if cached is not None and (cached.architecture, cached.dtype) == expected:
            vector: np.ndarray = theta
            return vector
        return self.pack(attributes)

    # Kernels ---------------------------------------------------------------------

    def operations(
        self,
        is_sparse: bool,
        training: bool = False,
        forward_only: bool = False,
        of_inputs: bool = False,
    ) -> Operations:
        """Return the operations, for dense or for CSR inputs."""
        key = (is_sparse, training, forward_only, of_inputs)
        if key not in self._operations:
            self._operations[key] = operations(self.layout, self.dtype, *key)
        return self._operations[key]

    def forget_operations(self) -> None:
        """Drop the operations, which hold the addresses of kernels."""
        self._operations.clear()

    @cached_property
    def constrained(self) -> np.ndarray:
        """The weights that ``max_norm`` applies to, as a table."""
        return constrained(self.layout)

    def buffer(self, n_rows: int, operations: Operations) -> np.ndarray:
        """Return memory for what all operations write."""
        n = n_rows * operations.n_columns + operations.n_prepared
        return aligned_empty(n, self.dtype)

    def predict(
        self,
        theta: np.ndarray,
        inputs: Inputs,
        nonfinite_flags: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return predictions of shape (n_samples, n_outputs), in blocks of rows.

        ``nonfinite_flags`` is where ``prediction.predict`` notes what is not finite.
        """
        out = np.empty((inputs.n_samples, self.n_outputs), dtype=self.dtype)
        inputs = self.layout.converted_inputs(theta, inputs)
        self._run(theta, inputs, out, link=self._link, nonfinite_flags=nonfinite_flags)
        if scaling := self.layout.output_scaling(theta):
            scale, shift = (array.astype(self.dtype) for array in scaling)
            out *= scale
            out += shift
        return out

    def labels(
        self,
        theta: np.ndarray,
        inputs: Inputs,
        names: np.ndarray,
        nonfinite_flags: np.ndarray,
    ) -> np.ndarray:
        """Return the names of the predicted classes, shape (n_samples,).

        Of several outputs, the highest prediction has the label; of one, whether it is
        on the side of the second class.
        """
        decide = LABELS["highest" if self.n_outputs > 1 else "second"]
        link = 0 if self.link == "identity" else self._link
        address = decide.address(self.dtype)
        inputs = self.layout.converted_inputs(theta, inputs)
        labels = np.empty(inputs.n_samples, dtype=names.dtype)
        for start, stop in self.parts(inputs.n_samples):
            rows, places = inputs.rows(start, stop), np.empty(stop - start, np.int64)
            self._run(
                theta,
                rows,
                None,
                places,
                link=link,
                decide=address,
                nonfinite_flags=nonfinite_flags,
            )
            # There may be but one class.
            names.take(places, mode="clip", out=labels[start:stop])
        return labels

    def hidden_outputs(self, theta: np.ndarray, inputs: Inputs, k: int) -> np.ndarray:
        """Return the outputs of the k-th layer, from 0 on, without the link."""
        layers = enumerate(self.layout.layers)
        behind = next(index for index, placed in layers if placed.number > k + 1)
        return self.inputs_of(theta, inputs, behind)

    def evaluate(
        self, theta: np.ndarray, loss: Loss, problem: TrainingData, *, raw: bool = False
    ) -> tuple[np.ndarray, float]:
        """Return predictions, and the loss summed over the rows, without a penalty.

        Or raw outputs, before the link. ``problem`` has the data as in training: where
        targets are standardised, predictions are of these.
        """
        predictions = np.empty((problem.inputs.n_samples, self.n_outputs), self.dtype)
        total = self._run(
            theta,
            problem.inputs,
            predictions,
            link=0 if raw else self._link,
            loss=loss.train.address(self.dtype),
            targets=(problem.targets, problem.weights),
        )
        return predictions, total

    @cached_property
    def _link(self) -> int:
        return OUTPUT_ACTIVATIONS[self.link].apply.address(self.dtype)

    def _run(
        self,
        theta: np.ndarray,
        inputs: Inputs,
        out: np.ndarray | None,
        labels: np.ndarray = _NO_LABELS,
        *,
        operations: Operations | None = None,
        link: int = 0,
        loss: int = 0,
        decide: int = 0,
        targets: tuple[np.ndarray, np.ndarray] | None = None,
        nonfinite_flags: np.ndarray | None = None,
    ) -> float:
        """Fill ``out`` or ``labels``; return the loss summed over the rows."""
        operations = operations or self.operations(inputs.is_sparse, forward_only=True)
        block = self.block(inputs.n_samples)
        nothing = _no_targets(self.dtype)
        nonfinite_flags = (
            np.zeros(prediction.N_NONFINITE_FLAGS, dtype=np.int64)
            if nonfinite_flags is None
            else nonfinite_flags
        )
        before = (*inputs[:4], *(targets or nothing))
        after = (
            block, loss, link, decide, self.settings,
            nothing[0] if out is None else out, labels, nonfinite_flags,
        )  # fmt: skip

        def fill(
            first: int, last: int, is_off: Callable[[], bool] = lambda: False
        ) -> float:
            values = self.buffer(block, operations)
            delta = np.empty(block * self.n_outputs, self.dtype) if loss else values
            total = 0.0
            for start, stop in self.calls(last, block, inputs.is_sparse, first, True):
                if is_off() or nonfinite_flags[prediction.NONFINITE_INPUT]:
                    break
                total += prediction.predict(
                    self.dtype, operations.table, theta, values, delta, *before, start,
                    stop, *after,
                )  # fmt: skip
            return total

        # The sum of the losses must not depend on the number of threads.
        work = 0 if loss else self.multiplications(inputs.n_samples)
        n_threads = n_threads_for(work, WORTH_A_THREAD)
        if n_threads == 1:
            return fill(0, inputs.n_samples)
        in_parts(fill, inputs.n_samples, n_threads, block)
        return 0.0

    def loss_gradient(
        self,
        theta: np.ndarray,
        loss: Loss,
        problem: TrainingData,
        training: bool = False,
    ) -> tuple[float, np.ndarray]:
        """Return the loss summed over all rows, without a penalty, and its gradient.

        In training, batch normalisation takes the statistics of these rows, and writes
        its running statistics into theta.
        """
        operations = self.operations(problem.inputs.is_sparse, training)
        n_rows = problem.inputs.n_samples
        batch_size = self.gradient_batch(n_rows, training)
        block = self.training_block(batch_size) if training else self.block(batch_size)
        gradient = np.zeros(self.n_trained, dtype=self.dtype)
        shared = np.zeros(N_SHARED, dtype=np.int64)
        prepare = partial(
            gradient_drivers.loss_gradient.prepare,
            self.dtype,
            ops=operations.table,
            theta=theta,
            gradient_sum=gradient,
            gradient=np.empty_like(gradient),
            values=self.buffer(batch_size, operations),
            deltas=self.buffer(batch_size, operations),
            **problem.arguments,
            batch_size=batch_size,
            block=block,
            loss=loss.train.address(self.dtype),
            loss_settings=self.settings,
            sums=np.empty(batch_size // block + 1),
            shared=shared,
        )
        work, value = self.training_multiplications(batch_size), 0.0
        work *= block < batch_size  # threads share the blocks of a batch
        for start, stop in self.calls(n_rows, batch_size, problem.inputs.is_sparse):
            n_threads = n_threads_for(work, WORTH_A_TEAM_THREAD)
            value += run_together_or_alone(
                partial(calls_of_threads, prepare, start, stop), n_threads, shared
            )
        return value, gradient

    def input_gradient(
        self,
        theta: np.ndarray,
        inputs: Inputs,
        seed: Callable[[np.ndarray], np.ndarray],
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
        operations = self.operations(inputs.is_sparse, of_inputs=True)
        ops = operations.table
        n_outputs, block = self.n_outputs, self.block(inputs.n_samples)
        values, deltas = self.buffer(block, operations), self.buffer(block, operations)
        gradient = np.empty(self.n_trained, dtype=self.dtype)
        raw = np.empty((inputs.n_samples, n_outputs), dtype=self.dtype)
        gradients = np.empty((inputs.n_samples, self.n_features), dtype=self.dtype)
        no_settings, nothing = read_only(np.empty(0)), _no_targets(self.dtype)
        nonfinite_flags = np.zeros(prediction.N_NONFINITE_FLAGS, dtype=np.int64)
        for start in range(0, inputs.n_samples, block):
            stop = min(start + block, inputs.n_samples)
            n, arrays = stop - start, inputs[:4]
            prediction.predict(
                self.dtype, ops, theta, values, deltas, *arrays, *nothing,
                start, stop, block, 0, 0, 0, no_settings, raw, _NO_LABELS,
                nonfinite_flags,
            )  # fmt: skip
            last = int(ops[-1, table.OUTPUT]) * n
            deltas[last : last + n * n_outputs] = seed(raw[start:stop]).ravel()
            gradient_drivers.backward(
                self.dtype, ops, theta, gradient, values, deltas, *arrays, *nothing,
                start, n,
            )  # fmt: skip
            first = int(ops[0, table.INPUT_DELTA]) * n
            block_gradient = deltas[first : first + n * self.n_features]
            gradients[start:stop] = block_gradient.reshape(n, -1)
        return gradients
