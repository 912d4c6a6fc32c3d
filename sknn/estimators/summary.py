"""The layers of a network, for ``summary`` and for displays."""

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sknn.estimators.state_checks import check_before_drawing, dtype_of_weights
from sknn.network.layers.table import parameters_of_layers
from sknn.network.network import Network


class _Line(NamedTuple):
    layer: str
    shape: tuple[int, ...]
    n_parameters: int


def _lines(network: Network) -> list[_Line]:
    n_hidden = len(network.hidden_widths)
    lines = [_Line("input", (network.n_features,), 0)]
    for placed in network.layout.layers:
        number, layer = placed.number, placed.layer
        where = f"hidden {number}" if number else "input"
        text = f"{where}: {placed.spec.text(layer)}"
        if number > n_hidden:
            text = f"output: {placed.spec.text(layer)}"
            text += f", {network.link}" * placed.spec.counts
        elif layer.activation is not None:
            text += f", {layer.activation}"
        members = (placed.n_members,) * (placed.n_members > 1)
        shape = (*members, placed.fan_out)
        lines.append(_Line(text, shape, placed.n_parameters))
    return lines


def network_in(
    estimator: Any, attributes: tuple[str, ...] = ("coefs_",)
) -> tuple[Any, Any]:
    """Return the network inside an estimator, and the names of its inputs or None.

    It is the first estimator that has one of the attributes.
    """
    names = None
    while not any(hasattr(estimator, name) for name in attributes):
        check_is_fitted(estimator)
        if isinstance(estimator, Pipeline):
            names = None
            with suppress(AttributeError, ValueError):  # not every transformer knows
                names = estimator[:-1].get_feature_names_out()
            estimator = estimator[-1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "regressor_"):
            estimator = estimator.regressor_
        else:
            raise ValueError(
                f"There is no network in {type(estimator).__name__}. Pass an "
                "MLPClassifier or MLPRegressor of sknn or scikit-learn, or a Pipeline, "
                "TransformedTargetRegressor or search with refit=True around one."
            )
    if hasattr(estimator, "_checked_attributes"):  # one of sknn
        check_before_drawing(estimator)
    return estimator, getattr(estimator, "feature_names_in_", names)


def layers_of(estimator: Any) -> tuple[str, list[str]]:
    """Return the layers before the first dense one, and the activation of each layer.

    The estimator may be scikit-learn's, or have weights that were set by hand.
    """
    before, last = "", len(estimator.coefs_) - 1
    activations = estimator.activation
    if isinstance(activations, str):
        activations = [activations] * last
    if hasattr(estimator, "_network_of_weights"):  # one of sknn
        network = estimator._network_of_weights(dtype_of_weights(vars(estimator)))
        network.vector_of(vars(estimator))  # which checks the shapes of the arrays
        layout = network.layout
        activations = [""] * last
        for placed in layout.layers:
            if placed.number and placed.layer.activation is not None:
                activations[placed.number - 1] = placed.layer.activation
        firsts = [p for p in layout.layers if p.number == 0 and p.spec.arrays]
        before = ", ".join(placed.spec.text(placed.layer) for placed in firsts)
    return before, [*activations, estimator.out_activation_]


def _untrained(network: Network) -> str:
    """Return the names of the parameters that are not trained."""
    return " and ".join(
        array.attribute.strip("_").replace("_", " ")
        for array in parameters_of_layers()
        if array.attribute in network.layout.shapes and not array.is_trained
    )


def summary_of(estimator: Any) -> str:
    """Return the layers of a fitted estimator, with shapes and parameters, as text."""
    network = estimator._network_of_weights(np.float64)
    lines = _lines(network)
    width = max(24, *(len(line.layer) for line in lines))
    rule = "-" * (width + 30)
    table = [
        type(estimator).__name__,
        rule,
        f"{'layer':<{width}}  {'output shape':>15}{'parameters':>13}",
        rule,
    ]
    for line in lines:
        shape = str((None, *line.shape))
        table.append(f"{line.layer:<{width}}  {shape:>15}{line.n_parameters:>13,}")
    untrained = network.n_parameters - network.n_trained
    total = f"parameters: {network.n_parameters:,}"
    if untrained:
        total += f", of which {untrained:,} are {_untrained(network)}"
    return "\n".join([*table, rule, total])
