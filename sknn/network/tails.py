"""Parts of a network: behind the layers that embed columns, up to a hidden layer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sknn.network.data import Inputs
from sknn.network.layers.base import PlacedLayer
from sknn.network.layout import Architecture
from sknn.network.network import Network
from sknn.network.network import network as network_of


class Tail(NamedTuple):
    """A network from a layer on, whose predictions are continuous in what it reads.

    Attributes
    ----------
    network : Network
    theta : ndarray
        Its parameters.
    whole : Network
        The network that it is a part of.
    whole_theta : ndarray
        The parameters of that.
    first : int
        The index of the layer.
    sources : ndarray of shape (n_inputs,), dtype=int
        The input of the whole network that each of its inputs is made of.
    """

    network: Network
    theta: np.ndarray
    whole: Network
    whole_theta: np.ndarray
    first: int
    sources: np.ndarray

    def inputs_of(self, rows: np.ndarray) -> np.ndarray:
        """Return what it reads of rows of the whole network."""
        if not self.first:
            return rows
        inputs = Inputs.of(rows, self.whole.dtype)
        return self.whole.inputs_of(self.whole_theta, inputs, self.first)


def continuous_tail(
    network: Network, theta: np.ndarray, behind_embeddings: bool = False
) -> Tail:
    """Return the network behind its last layer without a gradient of its inputs.

    It is the network itself where there is no such layer.

    Parameters
    ----------
    network : Network
    theta : ndarray
        Its parameters.
    behind_embeddings : bool, default=False
        Whether the tail begins behind all first layers that do not mix their inputs.

    Raises
    ------
    ValueError
        If a layer before it mixes its inputs.
    """
    architecture, layers = network.architecture, network.layout.layers
    jumps = [k for k, p in enumerate(layers) if not p.spec.has_input_gradient]
    first = jumps[-1] + 1 if jumps else 0
    while behind_embeddings and _sources(layers[first]) is not None:
        first += 1
    sources = np.arange(network.n_features)
    for placed in layers[:first]:
        of_layer = _sources(placed)
        if of_layer is None:
            raise ValueError(
                f"The layer {placed.spec.name!r} mixes its inputs, as none may before "
                "or in a layer whose outputs jump: inputs have no contributions here."
            )
        sources = sources[np.asarray(of_layer)]
    if not first:
        return Tail(network, theta, network, theta, first, sources)
    plain = architecture._replace(n_features=len(sources))
    tail = _some_layers(network, theta, plain, slice(first, None))
    return Tail(*tail, network, theta, first, sources)


def up_to_hidden(
    network: Network, theta: np.ndarray, k: int
) -> tuple[Network, np.ndarray]:
    """Return the network whose outputs are those of the k-th hidden layer, from 0 on.

    With it come its parameters.
    """
    layers = enumerate(network.layout.layers)
    behind = next(index for index, placed in layers if placed.number > k + 1)
    plain = network.architecture._replace(link="identity", settings=())
    return _some_layers(network, theta, plain, slice(behind))


def _some_layers(
    network: Network, theta: np.ndarray, architecture: Architecture, chosen: slice
) -> tuple[Network, np.ndarray]:
    """Return a network of some of the layers, with their parameters."""
    layers = architecture.layers[chosen]
    part = network_of(architecture._replace(layers=layers), network.dtype)
    arrays: dict[str, list[np.ndarray]] = {}
    for _, views in list(network.layout.views_of_layers(theta))[chosen]:
        for name, view in views.items():
            arrays.setdefault(name, []).append(view)
    return part, part.pack(arrays)


def _sources(placed: PlacedLayer) -> Sequence[int] | None:
    return placed.spec.sources(placed.fan_in, placed.layer.options)
