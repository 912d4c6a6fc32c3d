"""The layers of a fitted network as they predict, with affine layers folded.

Dropout does nothing in prediction. Batch normalisation predicts with its running
statistics: it multiplies each neuron by a number and adds another. The product of the
dense layer before it does both, where no activation lies between them.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sknn.network.layers.base import LayerSpec, Options, Use
from sknn.network.network import Network


class PredictingLayer(NamedTuple):
    """A layer that does something in prediction.

    Attributes
    ----------
    kind : str
        Key of ``LAYERS``.
    spec : LayerSpec
    options : tuple of float
    arrays : mapping of str to ndarray
        Its parameters by attribute.
    activation : str or None
        Key of ``ACTIVATIONS``.
    width : int
        Number of its outputs.
    """

    kind: str
    spec: LayerSpec
    options: Options
    arrays: Mapping[str, np.ndarray]
    activation: str | None
    width: int


def network_and_theta(estimator: Any) -> tuple[Network, np.ndarray]:
    """Return the network of a fitted estimator and its vector of parameters."""
    network = estimator._network_of_weights(estimator.coefs_[0].dtype)
    return network, network.pack(vars(estimator))


def predicting_layers(network: Network, theta: np.ndarray) -> list[PredictingLayer]:
    """Return the layers that do something in prediction, from the inputs on.

    Parameters
    ----------
    network : Network
    theta : ndarray of shape (n_parameters,)
        Parameters, in the dtype of the network.
    """
    layers: list[PredictingLayer] = []
    for placed, arrays in network.layout.views_of_layers(theta):
        if placed.spec.kernels_for(placed, Use(network.dtype)) is None:
            continue
        kind, options, activation = placed.layer
        layer = PredictingLayer(
            kind, placed.spec, options, arrays, activation, placed.fan_out
        )
        folded = _folded(layers[-1], layer) if layers else None
        if folded is None:
            layers.append(layer)
        else:
            layers[-1] = folded
    return layers


def _folded(dense: PredictingLayer, layer: PredictingLayer) -> PredictingLayer | None:
    """Return a dense layer that does what it and the layer after it do, if it can."""
    affine = layer.spec.affine(layer.arrays)
    is_linear = dense.activation in (None, "identity")
    if affine is None or dense.kind != "dense" or not is_linear:
        return None
    scale, shift = affine
    coef, intercept = dense.arrays["coefs_"], dense.arrays["intercepts_"]
    arrays = {
        "coefs_": (coef * scale).astype(coef.dtype),
        "intercepts_": (intercept * scale + shift).astype(coef.dtype),
    }
    return dense._replace(arrays=arrays, activation=layer.activation)
