"""What the displays draw with matplotlib: curves, neurons and weights."""

from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from textwrap import wrap
from typing import Any

import numpy as np

from sknn.estimators.summary import network_in

_LONGEST_LINE = 24  # characters of a name
_MANY_NEURONS = 12  # more of them in a layer are drawn closer to each other
_SMALLEST = 0.3  # part of the size of a label that is left


def history_of(estimator: Any) -> tuple[Mapping[str, Sequence[float]], int | None]:
    """Return the history of a network, and the epoch that scored best or None.

    Or that of an ensemble.
    """
    network, _ = network_in(estimator, ("coefs_", "history_"))
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


def chose_best_epoch(history: Mapping[str, Sequence[float]], key: str) -> bool | None:
    """Return whether early stopping went by this curve; None if that is not known."""
    if "val_score" not in history:
        return None
    values, scores = np.asarray(history[key]), np.asarray(history["val_score"])
    return np.array_equal(values, scores) or np.array_equal(values, -scores)


def widths_of(
    coefs: Sequence[np.ndarray],
    intercepts: Sequence[np.ndarray],
    activations: Sequence[str],
) -> list[int]:
    """Return the number of inputs, and of the neurons of each layer.

    Raises
    ------
    ValueError
        If the arrays are not those of one network, or the activations not one a layer.
    """
    shapes, of_biases = [np.shape(coef) for coef in coefs], [*map(np.shape, intercepts)]
    if not shapes or any(len(shape) != 2 or 0 in shape for shape in shapes):
        raise ValueError(
            "coefs must have an array of two axes for each layer, got the shapes "
            f"{shapes}."
        )
    fan_ins, fan_outs = zip(*shapes, strict=True)
    if fan_ins[1:] != fan_outs[:-1]:
        raise ValueError(
            f"coefs has the shapes {shapes}: each layer must have as many rows as the "
            "layer before has columns."
        )
    expected = [(n_neurons,) for n_neurons in fan_outs]
    if of_biases != expected:
        raise ValueError(
            f"intercepts must have the shapes {expected}, as coefs has columns, got "
            f"{of_biases}."
        )
    if len(activations) != len(shapes):
        raise ValueError(
            f"activations must have a name for each of {len(shapes)} layers, got "
            f"{list(activations)}."
        )
    return [fan_ins[0], *fan_outs]


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
    return [in_two_lines(str(name)) for name in names]


def in_two_lines(name: str) -> str:
    """Return a name, if it is long in two lines, and with an ellipsis if very long."""
    if len(name) <= _LONGEST_LINE:
        return name
    return "\n".join(wrap(name, _LONGEST_LINE, max_lines=2, placeholder=" ..."))


def spread(heights: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return heights with narrow layers spread beside one of very many neurons."""
    most = max(map(len, heights))
    wanted = max(1.0, most / _MANY_NEURONS)
    return [
        ys * min(wanted, max(1.0, (most - 1) / max(len(ys) - 1, 1))) for ys in heights
    ]


def fit_labels(ax: Any, right: Any, bar: Any, slot: Any) -> None:
    """Make labels small enough not to overlap, and the axes for them to fit in.

    Parameters
    ----------
    ax, right, bar : matplotlib Axes
        Those of the network, of the names on its right, and of the colour bar.
    slot : matplotlib Bbox
        Where the axes were, in the coordinates of the figure.
    """
    figure = ax.figure.canvas.figure
    figure.draw_without_rendering()
    if figure.get_layout_engine() is None:
        _narrow_names(ax, right, 0.25 * slot.width * ax.figure.bbox.width)
        for _ in range(2):
            _shrink_labels(ax, right)
            to_figure = ax.figure.transSubfigure.inverted()
            of_bar = bar.get_tightbbox().transformed(to_figure)
            place = bar.get_position()
            shift = max(0.0, of_bar.x1 - slot.x1)
            bar.set_position([place.x0 - shift, *place.bounds[1:]])
            drawn = ax.get_tightbbox().transformed(to_figure)
            place, gap = ax.get_position(), 0.02 * slot.width
            x0 = place.x0 + max(0.0, slot.x0 - drawn.x0)
            x1 = place.x1 - max(0.0, drawn.x1 - (of_bar.x0 - shift - gap))
            y1 = place.y1 - max(0.0, drawn.y1 - slot.y1)
            width = max(x1 - x0, 0.2 * slot.width)
            ax.set_position([x0, place.y0, width, y1 - place.y0])
            figure.draw_without_rendering()
    for _ in range(2):  # the layout may change with the labels
        _shrink_labels(ax, right)
        figure.draw_without_rendering()


def _narrow_names(ax: Any, right: Any, widest: float) -> None:
    """Set sizes at which names are not wider than so many pixels, if possible."""
    for axes in (ax, right):
        labels = axes.get_yticklabels()
        width = max((label.get_window_extent().width for label in labels), default=0)
        if width > widest:
            size = labels[0].get_fontsize() * max(widest / width, _SMALLEST)
            axes.tick_params(axis="y", labelsize=size)


def _shrink_labels(ax: Any, right: Any) -> None:
    """Set sizes of labels at which neighbours do not overlap."""
    for axes, which in ((ax, "x"), (ax, "y"), (right, "y")):
        axis = getattr(axes, f"{which}axis")
        labels = [label for label in axis.get_ticklabels() if label.get_text()]
        if len(labels) < 2:
            continue
        column = int(which == "y")
        places = [label.get_position()[column] for label in labels]
        ends = [(place, 0) if which == "x" else (0, place) for place in places]
        points = ax.transData.transform(ends)[:, column]
        extents = [label.get_window_extent() for label in labels]
        extent = max(box.width if which == "x" else box.height for box in extents)
        room = np.abs(np.diff(points)).min() / max(extent, 1.0)
        if room < 1.05:
            size = labels[0].get_fontsize() * max(0.95 * room, _SMALLEST)
            axes.tick_params(axis=which, labelsize=size)


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
        widths *= min(1.0, _MANY_NEURONS / max(map(len, ends)))
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
            clip_on=False,
            offsets=[(x[layer], y) for y in ys],
            offset_transform=ax.transData,
            **style,
            **colours,
        )
        if layer:
            circles.set_array(biases[layer - 1])
        drawn.append(ax.add_collection(circles))
    return drawn
