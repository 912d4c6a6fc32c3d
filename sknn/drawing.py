"""What the displays draw with matplotlib: curves, neurons and weights."""

from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np

from sknn.estimators.summary import network_in


def history_of(estimator: Any) -> tuple[Mapping[str, Sequence[float]], int | None]:
    """Return the history of a network, and the epoch that scored best or None."""
    network, _ = network_in(estimator)
    history = getattr(network, "history_", None)
    if getattr(network, "_is_untrained", False):
        raise ValueError(
            f"This {type(network).__name__} has no loss curve: initialize draws "
            "weights and does not train. Call fit."
        )
    if not history and not hasattr(network, "loss_curve_"):
        raise ValueError(
            f"This {type(network).__name__} has no loss curve: solver='lbfgs' of "
            "scikit-learn keeps none. Fit with solver='adam' or solver='sgd'."
        )
    if not history:
        history = {"loss": network.loss_curve_}
        if getattr(network, "validation_scores_", None):
            history["val_score"] = network.validation_scores_
    best = getattr(network, "best_validation_score_", None)
    scores = history.get("val_score", [])
    return history, scores.index(best) + 1 if best in scores else None


def curve_of(history: Mapping[str, Sequence[float]], key: str, x: str) -> np.ndarray:
    """Return the two coordinates of a curve, shape (2, n_epochs)."""
    values = np.asarray(history[key], dtype=float)
    epochs = np.arange(len(values)) + 1
    return np.stack([epochs if x == "epoch" else np.cumsum(history[x]), values])


def curve_style(label: str, best_epoch: int | None) -> dict[str, Any]:
    """Return the label of a curve, and the marker of its best epoch if it has one.

    No label for an empty string.
    """
    if best_epoch is None:
        return {"label": label or None}
    return {
        "label": f"{label} (best epoch: {best_epoch})" if label else None,
        "marker": "o",
        "markevery": [best_epoch - 1],
        "markersize": 7,
        "markeredgecolor": "white",
    }


def neurons_to_draw(n_neurons: int, max_neurons: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which neurons of a layer to draw, and at which heights."""
    shown = np.arange(min(n_neurons, max_neurons))
    if n_neurons <= max_neurons:
        return shown, (n_neurons - 1) / 2 - shown
    below = shown >= (max_neurons + 1) // 2  # the row of the dots
    return shown + below * (n_neurons - max_neurons), max_neurons / 2 - shown - below


def neuron_names(names: Any, n_neurons: int, parameter: str, default: str) -> list[str]:
    """Return a name for each input or output; ``names`` may be None."""
    if names is None:
        return [f"{default}{i}" if n_neurons > 1 else default for i in range(n_neurons)]
    if len(names) != n_neurons:
        raise ValueError(f"{parameter} has {len(names)} names for {n_neurons} neurons.")
    return list(names)


def layer_titles(
    widths: Sequence[int], input_layers: str, activations: Sequence[str]
) -> list[str]:
    """Return the title of each layer: its place, width and activation."""
    n_hidden = len(widths) - 2
    titles = ["Input", *(f"Hidden {i + 1}" for i in range(n_hidden)), "Output"]
    for layer, activation in enumerate([input_layers, *activations]):
        plural = "s" if widths[layer] > 1 else ""
        titles[layer] += f"\n{widths[layer]} neuron{plural}\n{activation}"
    return titles


def draw_weights(
    ax: Any,
    x: np.ndarray,
    heights: Sequence[np.ndarray],
    weights: Sequence[np.ndarray],
    colours: dict[str, Any],
) -> list[Any]:
    """Draw a line for each weight; return a LineCollection for each pair of layers.

    Parameters
    ----------
    ax : matplotlib Axes
    x : ndarray of shape (n_layers,)
        Where the layers are.
    heights : list of ndarray
        Where the neurons of each layer are.
    weights : list of ndarray of shape (fan_in * fan_out,)
        Between each layer and the next.
    colours : dict
        Colour map and scale.
    """
    from matplotlib.collections import LineCollection

    drawn = []
    for layer, (values, ends) in enumerate(
        zip(weights, pairwise(heights), strict=True)
    ):
        lines = [[(x[layer], a), (x[layer + 1], b)] for a, b in product(*ends)]
        order = np.argsort(np.abs(values))  # the largest come on top
        widths = 0.5 + 2.5 * np.abs(values[order]) / colours["norm"].vmax
        collection = LineCollection([lines[i] for i in order], lw=widths, **colours)
        collection.set_array(values[order])
        drawn.append(ax.add_collection(collection))
    return drawn


def draw_neurons(
    ax: Any,
    x: np.ndarray,
    heights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray],
    colours: dict[str, Any],
) -> list[Any]:
    """Draw a circle for each neuron; return an EllipseCollection for each layer.

    ``biases`` are those of all layers but the first; the other parameters are those of
    `draw_weights`.
    """
    from matplotlib.collections import EllipseCollection

    style: dict[str, Any] = {"facecolor": "white", "edgecolor": "0.2", "units": "y"}
    drawn = []
    for layer, ys in enumerate(heights):
        circles = EllipseCollection(
            0.6,
            0.6,
            0,
            zorder=3,
            offsets=[(x[layer], y) for y in ys],
            offset_transform=ax.transData,
            **style,
            **colours,
        )
        if layer:
            circles.set_array(biases[layer - 1])
        drawn.append(ax.add_collection(circles))
    return drawn
