"""The layers of a fitted network as they predict, with affine layers folded.

Dropout does nothing in prediction. Batch normalisation predicts with its running
statistics: it multiplies each neuron by a number and adds another. The product of the
dense layer before it does both, where no activation lies between them.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sknn.network.layers.base import LayerSpec, Options, Use
from sknn.network.layers.standardization import Standardization
from sknn.network.network import Network
from sknn.network.network import network as network_of


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


def without_standardization(
    network: Network, theta: np.ndarray
) -> tuple[Network, np.ndarray]:
    """Return a network of float64 whose dense layers standardise too.

    It predicts the same. In float32 the first layer would lose the digits of inputs far
    from zero.

    Raises
    ------
    ValueError
        If there is no such network.
    """
    layout, architecture = network.layout, network.architecture
    if not layout.has_statistics:
        return network, theta
    arrays = {
        name: [np.array(view, dtype=np.float64) for view in views]
        for name, views in layout.views(theta).items()
    }
    coefs, intercepts = arrays["coefs_"], arrays["intercepts_"]
    first, first_arrays = next(layout.views_of_layers(theta))
    if isinstance(first.spec, Standardization):
        kinds = [p.layer.kind for p in layout.layers[1:] if p.spec.arrays]
        if kinds[0] != "dense":
            raise ValueError(
                f"The layer {first.spec.name!r} cannot be folded into a layer "
                f"{kinds[0]!r}."
            )
        scale, shift = first.spec.as_affine(first_arrays)
        intercepts[0] += shift @ coefs[0]
        coefs[0] *= scale[:, np.newaxis]
    scaling = layout.output_scaling(theta)
    if scaling is not None:
        n_levels = architecture.settings[0] if network.link == "quantiles" else 1
        if n_levels > 1:
            raise ValueError(
                "standardize_y=True with several quantiles has no equivalent elsewhere:"
                " the output activation comes before the scale of the target."
            )
        coefs[-1] *= scaling[0]
        intercepts[-1] = intercepts[-1] * scaling[0] + scaling[1]
    layers = [p.layer for p in layout.layers if not p.spec.has_statistics]
    architecture = architecture._replace(layers=tuple(layers))
    plain = network_of(architecture, np.dtype(np.float64))
    return plain, plain.pack(arrays)


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
