"""A network: its parameters in one vector, and the gradients of what it computes."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from itertools import chain
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from sknn.kernels import table
from sknn.kernels.drivers import gradient as gradient_drivers
from sknn.kernels.drivers import prediction
from sknn.kernels.drivers.barrier import N_SHARED
from sknn.kernels.losses.table import Loss
from sknn.network.data import Inputs, TrainingData, aligned_empty, read_only
from sknn.network.layer_inputs import LayerInputs
from sknn.network.layers.base import Initialization
from sknn.network.layout import Architecture
from sknn.network.predictions import (
    NO_LABELS,
    PredictingNetwork,
    networks,
    no_targets,
)
from sknn.network.threads import (
    WORTH_A_TEAM_THREAD,
    calls_of_threads,
    n_threads_for,
    run_together_or_alone,
)


class ThetaCache(NamedTuple):
    """The vector of all parameters, and what is known of it."""

    theta: np.ndarray
    views: tuple[np.ndarray, ...]  # those in the fitted attributes
    network: "Network"


@lru_cache(maxsize=128)
def network(architecture: Architecture, dtype: np.dtype) -> "Network":
    """Return the network of a description, from a small store of those in use."""
    return Network(architecture, dtype)


def look_up_kernels_again() -> None:
    """Let all networks look up their kernels anew, after some have been replaced."""
    network.cache_clear()
    for existing in list(networks):
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


class Network(PredictingNetwork):
    """A network, with its parameters and their gradients.

    All parameters live in one vector, ``theta``, of which ``coefs_`` and
    ``intercepts_`` are views; ``Layout`` says where each lies.

    Parameters
    ----------
    architecture : Architecture
    dtype : dtype
        float32 or float64.
    """

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
        fan_in = self.n_features
        for index, (placed, arrays) in enumerate(self.layout.views_of_layers(theta)):
            k = max(placed.number - 1, 0)
            compute = data and partial(self._inputs_of, index, theta, data)
            fan_in = placed.fan_in if placed.spec.counts else fan_in
            of_layer = placed.layer, LayerInputs(compute), fan_in
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
        rows, placed = self.inputs_of(theta, inputs, index), self.layout.layers[index]
        n_members = placed.n_members_before
        return rows.reshape(-1, placed.fan_in), np.repeat(sample_weight, n_members)

    def pack(self, attributes: Mapping[str, list[np.ndarray]]) -> np.ndarray:
        """Copy fitted attributes into a new vector.

        Raises
        ------
        ValueError
            If an array is not of the shape of its layer, or a layer refuses it.
        """
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
        for placed, arrays in self.layout.views_of_layers(vector):
            try:
                placed.spec.check_arrays(arrays, placed.layer.options)
            except ValueError as error:
                raise ValueError(
                    f"A layer {placed.spec.name!r} cannot have {error}. Set the "
                    "arrays that a fit left."
                ) from error
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

    # Gradients ------------------------------------------------------------------

    def loss_gradient(
        self,
        theta: np.ndarray,
        loss: Loss,
        data: TrainingData,
        training: bool = False,
    ) -> tuple[float, np.ndarray]:
        """Return the loss summed over all rows, without a penalty, and its gradient.

        In training, batch normalisation takes the statistics of these rows, and writes
        its running statistics into theta.
        """
        operations = self.operations(data.inputs.is_sparse, training)
        n_rows = data.inputs.n_samples
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
            part_gradient=np.empty(0, self.dtype),
            values=self.buffer(batch_size, operations),
            deltas=self.buffer(batch_size, operations),
            **data.arguments,
            batch_size=batch_size,
            block=block,
            loss=loss.train.address(self.dtype),
            loss_settings=self.settings,
            sums=np.empty(batch_size // block + 1),
            shared=shared,
        )
        work, value = self.training_multiplications(batch_size), 0.0
        work *= block < batch_size  # threads share the blocks of a batch
        for start, stop in self.calls(n_rows, batch_size, data.inputs.is_sparse):
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
            respect to them, in the same shape. With members that share weights, the
            rows are those of all members, and the gradient is that of their mean.
        """
        operations = self.operations(inputs.is_sparse, of_inputs=True)
        ops = operations.table
        n_raw, block = self.n_outputs * self.n_members, self.block(inputs.n_samples)
        values, deltas = self.buffer(block, operations), self.buffer(block, operations)
        gradient = np.empty(self.n_trained, dtype=self.dtype)
        raw = np.empty((inputs.n_samples, n_raw), dtype=self.dtype)
        gradients = np.empty((inputs.n_samples, self.n_features), dtype=self.dtype)
        no_settings, nothing = read_only(np.empty(0)), no_targets(self.dtype)
        nonfinite_flags = np.zeros(prediction.N_NONFINITE_FLAGS, dtype=np.int64)
        for start in range(0, inputs.n_samples, block):
            stop = min(start + block, inputs.n_samples)
            n, arrays = stop - start, inputs[:4]
            prediction.predict(
                self.dtype, ops, theta, values, deltas, *arrays, *nothing,
                start, stop, block, 0, 0, 0, no_settings, raw, NO_LABELS,
                nonfinite_flags,
            )  # fmt: skip
            last = int(ops[-1, table.OUTPUT] * ops[-1, table.MEMBERS]) * n
            seeds = seed(raw[start:stop].reshape(-1, self.n_outputs))
            deltas[last : last + n * n_raw] = seeds.ravel() / self.n_members
            gradient_drivers.backward(
                self.dtype, ops, theta, gradient, values, deltas, *arrays, *nothing,
                start, n,
            )  # fmt: skip
            first = int(ops[0, table.INPUT_DELTA]) * n
            block_gradient = deltas[first : first + n * self.n_features]
            gradients[start:stop] = block_gradient.reshape(n, -1)
        return gradients
