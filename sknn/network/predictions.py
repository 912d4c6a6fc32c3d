"""A network: the tables of operations that kernels get, and what it predicts."""

from collections.abc import Callable
from functools import cache, cached_property, lru_cache
from weakref import WeakSet

import numpy as np

from sknn.kernels.drivers import prediction
from sknn.kernels.drivers.decisions import LABELS
from sknn.kernels.losses.table import OUTPUT_ACTIVATIONS, Loss
from sknn.network.data import Inputs, TrainingData, aligned_empty, read_only
from sknn.network.layout import Architecture, Layout, mlp_layers
from sknn.network.program import Operations, constrained, operations
from sknn.network.threads import WORTH_A_THREAD, in_parts, n_threads_for
from sknn.network.work import Work

NO_LABELS = np.empty(0, dtype=np.int64)
networks: WeakSet["PredictingNetwork"] = WeakSet()  # that hold addresses of kernels


@cache
def no_targets(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Return empty targets and weights, for drivers that need none."""
    return np.empty((0, 0), dtype), np.empty(0, dtype)


class PredictingNetwork(Work):
    """A sequence of layers, and a link at the end.

    The kernels get a table of operations, and compile for no particular network.

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
        self.n_members = self.layout.n_members
        self.n_weights = self.layout.n_penalized
        self.n_trained = self.layout.n_trained
        self.draws = any(placed.spec.draws for placed in self.layout.layers)
        self.settings = read_only(np.array(architecture.settings, dtype=np.float64))
        self._operations: dict[tuple[bool, ...], Operations] = {}
        networks.add(self)
        super().__init__(self.layout)

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
        if self.n_members > 1:
            predictions = self.predict(theta, inputs, nonfinite_flags)
            boundary = 0.0 if self.link == "identity" else 0.5
            places = predictions.argmax(axis=1)
            if self.n_outputs == 1:
                places = (predictions[:, 0] > boundary).astype(np.int64)
            found: np.ndarray = names.take(places, mode="clip")
            return found
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
        """Return the outputs of the k-th layer, from 0 on, without the link.

        With members that share weights, those of all members side by side.
        """
        layers = self.layout.layers
        later = (i for i, placed in enumerate(layers) if placed.number > k + 1)
        return self.inputs_of(theta, inputs, next(later, len(layers)))

    def inputs_of(self, theta: np.ndarray, inputs: Inputs, index: int) -> np.ndarray:
        """Return what the layer of an index reads in prediction, as a dense array.

        With the index behind the last layer, its outputs, without the link. With
        members that share weights, what all members read side by side.
        """
        operations = self.operations(inputs.is_sparse, forward_only=True).before(index)
        inputs = self.layout.converted_inputs(theta, inputs)
        if not len(operations.table):
            return inputs.toarray()
        width = self.n_members * self.n_outputs
        if index < len(self.layout.layers):
            width = self.layout.layers[index].n_inputs
        out = np.empty((inputs.n_samples, width), dtype=self.dtype)
        self._run(theta, inputs, out, operations=operations)
        return out

    def evaluate(
        self, theta: np.ndarray, loss: Loss, data: TrainingData, *, raw: bool = False
    ) -> tuple[np.ndarray, float]:
        """Return predictions, and the loss summed over the rows, without a penalty.

        Or raw outputs, before the link. ``data`` is as in training: where targets are
        standardised, predictions are of these. With members that share
        weights it is the loss of their mean prediction, and raw outputs are such by
        which the link gives this mean.
        """
        if self.n_members > 1:
            return self._evaluate_mean(theta, loss, data, raw)
        predictions = np.empty((data.inputs.n_samples, self.n_outputs), self.dtype)
        total = self._run(
            theta,
            data.inputs,
            predictions,
            link=0 if raw else self._link,
            loss=loss.train.address(self.dtype),
            targets=(data.targets, data.weights),
        )
        return predictions, total

    def _evaluate_mean(
        self, theta: np.ndarray, loss: Loss, data: TrainingData, raw: bool
    ) -> tuple[np.ndarray, float]:
        shape = data.inputs.n_samples, self.n_outputs
        predictions = np.empty(shape, self.dtype)
        self._run(theta, data.inputs, predictions, link=self._link)
        settings = self.architecture.settings
        inverse = OUTPUT_ACTIVATIONS[self.link].inverse_of_rows
        outputs = inverse(predictions.astype(np.float64), settings).astype(self.dtype)
        total = loss_of_raw_outputs(loss, settings, data, outputs)
        return outputs if raw else predictions, total

    @cached_property
    def hidden_outputs_of_members(self) -> list[int]:
        """Number of the outputs of each hidden layer, of all members together."""
        counting = [placed for placed in self.layout.layers if placed.spec.counts]
        return [placed.n_outputs for placed in counting[:-1]]

    @cached_property
    def _link(self) -> int:
        return OUTPUT_ACTIVATIONS[self.link].apply.address(self.dtype)

    def _run(
        self,
        theta: np.ndarray,
        inputs: Inputs,
        out: np.ndarray | None,
        labels: np.ndarray = NO_LABELS,
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
        nothing = no_targets(self.dtype)
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


@lru_cache(maxsize=16)
def identity_network(
    n_outputs: int, settings: tuple[float, ...], dtype: np.dtype, n_features: int = 1
) -> PredictingNetwork:
    """Return a network of so many features, without a hidden layer."""
    layers = mlp_layers((), n_outputs, ())
    architecture = Architecture(n_features, layers, "identity", settings)
    return PredictingNetwork(architecture, dtype)


def loss_of_raw_outputs(
    loss: Loss, settings: tuple[float, ...], data: TrainingData, raw: np.ndarray
) -> float:
    """Return the loss, summed over rows, of raw outputs of shape (n_rows, n_outputs).

    Parameters
    ----------
    loss : Loss
    settings : tuple of float
        Settings of the loss.
    data : TrainingData
        Targets and their weights. The inputs do not count.
    raw : ndarray of shape (n_rows, n_outputs)
        Before the output activation, in the dtype of the targets.
    """
    n_outputs, dtype = raw.shape[1], data.targets.dtype
    network = identity_network(n_outputs, settings, dtype, n_outputs)
    theta = np.zeros(network.n_parameters, dtype)
    network.layout.views(theta)["coefs_"][0][...] = np.eye(n_outputs)
    data = data._replace(inputs=Inputs.of(raw, dtype), rows=None)
    return network.evaluate(theta, loss, data)[1]
