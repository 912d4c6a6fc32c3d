"""What a network is, and where its parameters lie in one vector."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import Any, NamedTuple

import numpy as np

from sknn.kernels.gemm import products
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.layers.base import Layer, PlacedLayer, Shape
from sknn.network.layers.dense import NTK
from sknn.network.layers.members import ONES, SIGNS
from sknn.network.layers.table import LAYERS, parameters_of_layers

_MOST_LAYERS = 2**20


class Architecture(NamedTuple):
    """What a network is, without its parameters.

    Attributes
    ----------
    n_features : int
        Number of columns of X.
    layers : tuple of Layer
        From the inputs to the raw outputs.
    link : str
        Key of ``OUTPUT_ACTIVATIONS``.
    settings : tuple of float
        Of the loss and its link.
    """

    n_features: int
    layers: tuple[Layer, ...]
    link: str
    settings: tuple[float, ...] = ()

    @property
    def n_hidden(self) -> int:
        """Number of hidden layers."""
        return sum(LAYERS[layer.kind].counts for layer in self.layers) - 1

    def without_draws(self) -> "Architecture":
        """Return the architecture without the layers that draw random numbers."""
        layers = [layer for layer in self.layers if not LAYERS[layer.kind].draws]
        return self._replace(layers=tuple(layers))

    def to_plain(self) -> dict[str, Any]:
        """Return the architecture in builtin types, which any format can store."""
        return {**self._asdict(), "layers": tuple(map(tuple, self.layers))}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "Architecture":
        """Return the architecture that ``to_plain`` has stored."""
        layers = tuple(
            Layer(kind, tuple(options), activation)
            for kind, options, activation in plain["layers"]
        )
        return cls(**{**plain, "layers": layers})

    def with_arrays(
        self, attributes: Mapping[str, Any], n_outputs: int
    ) -> "Architecture":
        """Return the architecture with the widths that its fitted arrays have now.

        Users may put other weights in the place of fitted ones.
        """
        arrays: dict[str, Iterator[Any]] = {}
        layers: list[Layer] = []
        n_features: int | None = None
        last = max(k for k, layer in enumerate(self.layers) if counts(layer))
        for k, layer in enumerate(self.layers):
            spec, shapes = LAYERS[layer.kind], {}
            for name in (array.attribute for array in spec.arrays):
                values = arrays.setdefault(name, iter(attributes.get(name, ())))
                shapes[name] = np.shape(next(values, ()))
            options = spec.options_of_arrays(layer.options, shapes)
            if k == last:
                options = (n_outputs, *layer.options[1:])
            layers.append(layer._replace(options=options))
            is_known = spec.output_width(self.n_features, options) == self.n_features
            if n_features is None and (shapes or not is_known):
                n_features = spec.fan_in_of_arrays(shapes) if shapes else None
                n_features = n_features or self.n_features
        return self._replace(
            n_features=n_features or self.n_features, layers=tuple(layers)
        )


def counts(layer: Layer) -> bool:
    """Return whether a layer counts as one of ``hidden_layer_sizes``, or the output."""
    return LAYERS[layer.kind].counts


def mlp_layers(
    hidden: Sequence[int],
    n_outputs: int,
    activations: Sequence[str],
    dropout: Sequence[float] = (),
    normalization: str | None = None,
    *,
    parametrization: str = "standard",
    feature_scaling: bool = False,
    parametric_activation: bool = False,
    n_members: int = 1,
    member_factors: str = "all",
) -> tuple[Layer, ...]:
    """Return the layers of a multi-layer perceptron.

    Parameters
    ----------
    hidden : sequence of int
        Width of each hidden layer.
    n_outputs : int
    activations : sequence of str
        Activation of each hidden layer.
    dropout : sequence of float
        Share of the inputs, then of each hidden layer, that is dropped in training.
        Empty: none.
    normalization : str or None
        Key of ``NORMALIZATIONS``, for all hidden layers.
    parametrization : {'standard', 'ntk'}
        By which rates the dense layers learn.
    feature_scaling : bool
        Whether each input has a trained factor.
    parametric_activation : bool
        Whether each hidden neuron has a trained weight of its activation.
    n_members : int
        Of how many members that share the weights of the hidden layers it consists.
    member_factors : {'all', 'inputs'}
        Whether these have factors and biases of their own in all hidden layers, or
        only factors of the inputs.
    """
    layers = []
    rates = dropout or (0.0,) * (len(hidden) + 1)
    options = (NTK,) if parametrization == "ntk" else ()
    has_own_biases = n_members > 1 and member_factors == "all"
    if rates[0]:
        layers.append(Layer("dropout", (rates[0],)))
    if feature_scaling:
        layers.append(Layer("feature_scaling"))
    if n_members > 1:
        layers.append(Layer("member_scaling", (n_members, SIGNS)))
    for width, activation, rate in zip(hidden, activations, rates[1:], strict=True):
        block = [Layer("dense", (width, *options))]
        if has_own_biases:
            factors = Layer("member_scaling", (n_members, ONES))
            layers += [factors] * any(counts(layer) for layer in layers)
            block = [
                Layer("unbiased_dense", (width, *options)),
                Layer("member_affine", (n_members, *options)),
            ]
        if normalization:
            block.append(Layer(f"{normalization}_norm"))
        if parametric_activation:
            block.append(Layer("parametric_activation"))
        block[-1] = block[-1]._replace(activation=activation)
        layers += block
        if rate:
            layers.append(Layer("dropout", (rate,)))
    if n_members > 1:
        return (*layers, Layer("separate_dense", (n_outputs, n_members, *options)))
    return (*layers, Layer("dense", (n_outputs, *options)))


class Layout:
    """Where the layers of a network, and their parameters, lie.

    In the vector of parameters the arrays of one attribute lie side by side, layer by
    layer: first those that are penalised, which are the weights, then the biases, the
    gains and shifts of normalisations and whatever else is trained, and last what is
    not trained.

    Attributes
    ----------
    layers : list of PlacedLayer
    shapes : dict of list
        Shapes of the arrays of each fitted attribute.
    starts : dict of list
        Where they start in the vector.
    n_penalized, n_trained, n_parameters : int
        So many parameters, from the first on, are penalised, are trained, are there.
    widths : list of int
        Number of the outputs of each layer that counts; of a member, where several
        share weights.
    n_members : int
        How many members the raw outputs are of; 1 where there are none.
    has_statistics, converts_targets : bool
        Whether a layer has ``update_statistics``; and one ``convert_targets``.
    """

    def __init__(self, architecture: Architecture):
        widths, members = _widths(architecture), _members(architecture)
        self.shapes: dict[str, list[Shape]] = {}
        self._is_weights: dict[str, bool] = {}
        for layer, (fan_in, fan_out) in zip(architecture.layers, widths, strict=True):
            for array in LAYERS[layer.kind].arrays:
                shape = array.shape(fan_in, fan_out, layer.options)
                self.shapes.setdefault(array.attribute, []).append(shape)
        known = [a for a in parameters_of_layers() if a.attribute in self.shapes]
        self.shapes = {array.attribute: self.shapes[array.attribute] for array in known}
        self.starts: dict[str, list[int]] = {}
        self.n_penalized = self.n_trained = self.n_parameters = 0
        for array in known:
            sizes = [prod(shape) for shape in self.shapes[array.attribute]]
            *starts, end = accumulate(sizes, initial=self.n_parameters)
            self.starts[array.attribute] = starts
            self.n_parameters = end
            self.n_trained = end if array.is_trained else self.n_trained
            self.n_penalized = end if array.is_penalized else self.n_penalized
            self._is_weights[array.attribute] = array.is_weights
        self.layers = self._placed(architecture, widths, members)
        counting = [p for p in self.layers if p.spec.counts]
        self.widths = [p.fan_out for p in counting]
        self.n_members = counting[-1].n_members
        self.has_statistics = any(p.spec.has_statistics for p in self.layers)
        self.converts_targets = any(p.spec.follows_output for p in self.layers)

    def _placed(
        self,
        architecture: Architecture,
        widths: Sequence[tuple[int, int]],
        members: Sequence[tuple[int, int]],
    ) -> list[PlacedLayer]:
        """Return the layers with their places."""
        seen: Counter[str] = Counter()
        drawing: Counter[int] = Counter()
        placed: list[PlacedLayer] = []
        number = 0
        for layer, *sizes in zip(architecture.layers, widths, members, strict=True):
            spec, starts, shapes = LAYERS[layer.kind], {}, {}
            number += spec.counts
            layer_id = number + _MOST_LAYERS * drawing[number]
            drawing[number] += spec.draws
            for name in (array.attribute for array in spec.arrays):
                starts[name] = self.starts[name][seen[name]]
                shapes[name] = self.shapes[name][seen[name]]
                seen[name] += 1
            placed.append(
                PlacedLayer(
                    layer, spec, *sizes[0], *sizes[1], number, layer_id, starts, shapes
                )
            )
        return placed

    @cached_property
    def learning(self) -> list[tuple[str, dict[str, Shape]]]:
        """The kinds of the layers with parameters, and the shapes of these."""
        return [(p.layer.kind, p.shapes) for p in self.layers if p.spec.arrays]

    def n_columns(self, is_sparse: bool) -> int:
        """Return how many columns of values the operations fill in training."""
        return sum(
            columns_of(placed)
            for placed in self.layers
            if not (is_sparse and placed.spec.joins_next_on_csr and not placed.number)
        )

    def views(self, theta: np.ndarray) -> dict[str, list[np.ndarray]]:
        """Return the fitted attributes: views of theta, in lists with one a layer.

        Of a vector of the first n_trained alone, as a gradient is, those trained.
        """
        return {
            name: [
                self._view(theta, name, start, shape)
                for start, shape in zip(self.starts[name], shapes, strict=True)
            ]
            for name, shapes in self.shapes.items()
            if self.starts[name][0] < theta.size
        }

    def views_of_layers(
        self, theta: np.ndarray
    ) -> Iterator[tuple[PlacedLayer, dict[str, np.ndarray]]]:
        """Yield each layer, with views of its own arrays by attribute."""
        for placed in self.layers:
            yield (
                placed,
                {
                    name: self._view(theta, name, start, placed.shapes[name])
                    for name, start in placed.starts.items()
                },
            )

    # What layers do to data -------------------------------------------------------

    def update_statistics(
        self, theta: np.ndarray, data: TrainingData, is_first: bool
    ) -> None:
        """Bring what is not trained up to date with rows: see ``LayerSpec``."""
        for placed, arrays in self.views_of_layers(theta):
            options = placed.layer.options
            placed.spec.update_statistics(arrays, options, data, is_first=is_first)

    def converted_inputs(self, theta: np.ndarray, inputs: Inputs) -> Inputs:
        """Return inputs for the first layer that reads CSR by its own kernel."""
        if not (inputs.is_sparse and self.has_statistics):
            return inputs
        for placed, arrays in self.views_of_layers(theta):
            if not placed.spec.joins_next_on_csr:
                break
            inputs = placed.spec.convert_csr(arrays, inputs)
        return inputs

    def converted_targets(self, theta: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return targets as the network is trained on them, in its dtype."""
        for placed, arrays in self.views_of_layers(theta):
            targets = placed.spec.convert_targets(arrays, targets)
        return read_only(np.ascontiguousarray(targets, dtype=theta.dtype))

    def output_scaling(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return what predictions are multiplied by, and what is added to them.

        A number for each output, in float64. None: predictions stay as they are.
        """
        if not self.converts_targets:
            return None
        *_, (placed, arrays) = self.views_of_layers(theta)
        return placed.spec.affine(arrays)

    def _view(
        self, theta: np.ndarray, name: str, start: int, shape: Shape
    ) -> np.ndarray:
        array = theta[start : start + prod(shape)]
        if self._is_weights[name] and is_transposed(shape):
            *others, fan_in, fan_out = shape
            return array.reshape(*others, fan_out, fan_in).swapaxes(-1, -2)
        return array.reshape(shape)


def _widths(architecture: Architecture) -> list[tuple[int, int]]:
    """Return fan_in and fan_out of each layer."""
    widths, fan_in = [], architecture.n_features
    for layer in architecture.layers:
        fan_out = LAYERS[layer.kind].output_width(fan_in, layer.options)
        widths.append((fan_in, fan_out))
        fan_in = fan_out
    return widths


def _members(architecture: Architecture) -> list[tuple[int, int]]:
    """Return of how many members the inputs and the outputs of each layer are."""
    members, before = [], 1
    for layer in architecture.layers:
        after = LAYERS[layer.kind].members_after(before, layer.options)
        members.append((before, after))
        before = after
    return members


def columns_of(placed: PlacedLayer) -> int:
    """Return how many columns of values the operation of a layer fills."""
    n_columns = placed.fan_out
    n_columns += placed.spec.n_scratch_columns(placed.fan_in, placed.fan_out)
    if keeps_preactivation(placed):
        n_columns += placed.fan_out
    return n_columns * placed.n_members


def keeps_preactivation(placed: PlacedLayer) -> bool:
    """Return whether an activation needs the preactivation for its derivative."""
    activation = placed.layer.activation
    return activation is not None and ACTIVATIONS[activation].needs_preactivation


def is_transposed(shape: Shape) -> bool:
    """Return whether weights of a shape are stored transposed: see ``products.py``.

    With a third axis before they are those of each member, always so.
    """
    return len(shape) == 3 or (len(shape) == 2 and shape[1] < products.NARROW)
