"""Sequential models of other libraries: their heads, and layers to hand back."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from sknn.estimators.base import BaseMLP
from sknn.export.assembly import Step, blocks_of, classifier_of, regressor_of
from sknn.export.folding import network_and_theta, without_standardization
from sknn.network.data import FLOATS

# Output activations that a regressor may have, and a loss that has them.
_LOSSES = {"identity": "squared_error", "exp": "poisson"}


def estimator_of(
    steps: Sequence[Step],
    output: str,
    classes: Any,
    multilabel: bool,
    dtype: Any,
) -> Any:
    """Return a fitted estimator for the layers of another library's model.

    Parameters
    ----------
    steps : sequence of Step
        Its layers, without the output activation.
    output : str
        Key of ``OUTPUT_ACTIVATIONS``: 'identity' where the model has raw outputs.
    classes, multilabel
        As in `sknn.convert.from_torch`.
    dtype : dtype
        Of its weights.

    Raises
    ------
    ValueError
        If no estimator predicts what the model does.
    """
    dtype = np.dtype(dtype)
    if dtype not in FLOATS:
        raise ValueError(
            f"The weights of the model are of {dtype}, but sknn has networks of "
            "float32 and float64. Convert the model first."
        )
    blocks, input_dropout = blocks_of(steps)
    if classes is None and not multilabel:
        if output not in _LOSSES:
            raise ValueError(
                f"The model ends with {output}, and so predicts probabilities. Pass "
                "classes, the labels in the order of its outputs, for a classifier; or "
                "multilabel=True if each output is a label that rows may have."
            )
        return regressor_of(blocks, input_dropout, _LOSSES[output], dtype)
    if classes is not None and multilabel:
        raise ValueError(
            "Pass either classes or multilabel=True. Several labels a row are the "
            "columns of an indicator matrix, and have no names."
        )
    n_outputs = len(blocks[-1].intercept)
    expected = "logistic" if multilabel or n_outputs == 1 else "softmax"
    if output not in ("identity", expected):
        meaning = "several labels a row" if multilabel else "one label a row"
        raise ValueError(
            f"The model has {n_outputs} outputs and ends with {output}, but for "
            f"{meaning} it would end with {expected}, or with raw outputs."
        )
    if multilabel and n_outputs == 1:
        raise ValueError(
            "multilabel=True needs a model with several outputs, got one. Pass the "
            "labels that 0 and 1 stand for as classes."
        )
    return classifier_of(blocks, input_dropout, classes, multilabel, dtype)


class LayerToHandBack(NamedTuple):
    """A layer of a network, for another library's model.

    Attributes
    ----------
    kind : str
        Key of ``LAYERS``.
    arrays : dict
        Its parameters by attribute.
    activation : str
    rate : float
        Of dropout.
    width : int
        Number of its outputs.
    """

    kind: str
    arrays: dict[str, np.ndarray]
    activation: str
    rate: float
    width: int


def layers_to_hand_back(
    estimator: Any, function: str, library: str, kinds: Sequence[str]
) -> Iterator[LayerToHandBack]:
    """Yield the layers of a fitted estimator, from the inputs on.

    Raises
    ------
    TypeError
        If it is not an estimator of sknn.
    ValueError
        If it has a layer of another kind than those named.
    """
    network, theta = network_and_theta(estimator)
    dtype = network.dtype
    network, theta = without_standardization(network, theta)
    theta = theta.astype(dtype)
    for placed, arrays in network.layout.views_of_layers(theta):
        layer = placed.layer
        if layer.kind not in kinds:
            raise ValueError(
                f"{function} has no layer of {library} for the layer "
                f"{placed.spec.name!r}."
            )
        rate = layer.options[0] if layer.kind == "dropout" else 0.0
        activation = layer.activation or "identity"
        yield LayerToHandBack(layer.kind, arrays, activation, rate, placed.fan_out)


def check_handed_back(estimator: Any, function: str) -> None:
    """Refuse what is not a fitted estimator of sknn."""
    if not isinstance(estimator, BaseMLP):
        raise TypeError(
            f"{function} takes a fitted MLPClassifier or MLPRegressor of sknn, got "
            f"{estimator!r}."
        )
    check_is_fitted(estimator, "coefs_")


def output_to_hand_back(
    estimator: Any, function: str, library: str, known: Sequence[str], logits: bool
) -> str:
    """Return the output activation of an estimator; 'identity' with ``logits``.

    Raises
    ------
    ValueError
        If the library has none like it.
    """
    link = str(estimator.out_activation_)
    if logits:
        return "identity"
    if link == "quantiles" and len(estimator._levels()) == 1:
        return "identity"
    if link not in known:
        what = "labels" if is_classifier(estimator) else "predictions"
        raise ValueError(
            f"{library} has no layer for the output activation {link!r}. "
            f"{function}(estimator, logits=True) returns the model without it, whose "
            f"raw outputs you turn into {what}."
        )
    return link
