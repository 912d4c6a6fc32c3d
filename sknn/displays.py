"""Displays of a trained network, after the pattern of scikit-learn's."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np

from sknn._extras import pyplot_for
from sknn.drawing import (
    chose_best_epoch,
    curve_of,
    curve_style,
    draw_neurons,
    draw_weights,
    fit_labels,
    history_of,
    layer_titles,
    neuron_names,
    neurons_to_draw,
    spread,
    widths_of,
)
from sknn.estimators.summary import layers_of, network_in

__all__ = ["LossCurveDisplay", "NetworkDisplay"]


def __dir__() -> list[str]:
    return sorted(__all__)


class LossCurveDisplay:
    """The loss of a network, or what else its history has, epoch by epoch.

    Create it with :meth:`from_estimator` or :meth:`from_cv_results`. Validation curves
    are dashed. With early stopping a dot marks the epoch with the best score, on the
    curve of the score: "val_score", and "val_loss" with ``scoring='loss'``.

    Parameters
    ----------
    histories : list of dict
        ``history_`` of a network, or of the network of each fold: by name, a list with
        a number for each epoch.
    best_epochs : list of int or None, default=None
        The epoch to mark in each history, counted from 1; on the validation curves, or
        on all if there are none, where no history has a "val_score".
    name : str, default=None
        Name of the model in the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        What the curves are drawn in.
    lines_ : list of matplotlib Line2D
        The curves: for each key, that of each history.
    mean_lines_ : list of matplotlib Line2D
        For each key, the mean of the histories, if there are several.

    See Also
    --------
    sklearn.metrics.PredictionErrorDisplay : Predicted against actual values.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknn import MLPClassifier
    >>> from sknn.displays import LossCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier(max_iter=1000, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(network)
    >>> display.ax_.set_yscale("log")
    """

    def __init__(
        self,
        *,
        histories: Sequence[Mapping[str, Sequence[float]]],
        best_epochs: Sequence[int | None] | None = None,
        name: str | None = None,
    ) -> None:
        self.histories = histories
        self.best_epochs = best_epochs
        self.name = name

    def plot(
        self,
        ax: Any = None,
        *,
        keys: str | Sequence[str] | None = None,
        x: str = "epoch",
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into, such as ``ax_`` of another display; None makes new ones.
        keys : str or list of str, default=None
            What to draw; None is "loss" and, where there is one, "val_loss".
        x : {"epoch", "seconds"}, default="epoch"
            Whether to draw against epochs or the time since training began.
        line_kw : dict, default=None
            Keyword arguments of ``ax.plot`` for all curves.

        Returns
        -------
        self : LossCurveDisplay

        Raises
        ------
        ImportError, ValueError
            If matplotlib is missing; if ``x`` is unknown, or a key not in each history.
        """
        plt = pyplot_for(f"{type(self).__name__}.plot")
        from matplotlib.cbook import normalize_kwargs
        from matplotlib.lines import Line2D
        from matplotlib.ticker import MaxNLocator

        first, *others = self.histories
        best_epochs = self.best_epochs or [None] * len(self.histories)
        present = [key for key in first if all(key in other for other in others)]
        keys = [keys] if isinstance(keys, str) else keys
        keys = keys or [key for key in ("loss", "val_loss") if key in present]
        if x not in ("epoch", "seconds"):
            raise ValueError(f"x must be 'epoch' or 'seconds', got {x!r}.")
        for key in keys if x == "epoch" else [*keys, x]:
            if key not in present:
                raise ValueError(f"There is no {key!r} in the history, only {present}.")
        line_kw = normalize_kwargs(line_kw or {}, Line2D)

        ax = plt.subplots()[1] if ax is None else ax
        self.ax_, self.figure_, self.lines_, self.mean_lines_ = ax, ax.figure, [], []
        any_validation = any(key.startswith("val_") for key in keys)
        quantities = [key.removeprefix("val_").replace("_", " ") for key in keys]
        for key, label in zip(keys, quantities, strict=True):
            validation = key.startswith("val_")
            if validation or f"val_{key}" in present:
                label = f"{'validation' if validation else 'training'} {label}"
            if self.name is not None:  # which says enough where there is one curve
                label = self.name if len(keys) == 1 else f"{self.name}: {label}"
            style: dict[str, Any] = {"linestyle": "--" if validation else "-"}
            curves = [curve_of(history, key, x) for history in self.histories]
            if others:
                shortest = min(curve.shape[1] for curve in curves)
                mean = np.mean([curve[:, :shortest] for curve in curves], axis=0)
                mean_label = f"{label}, mean of {len(curves)} folds"
                wide = {"label": mean_label, "linewidth": 2, **style}
                self.mean_lines_ += ax.plot(*mean, **(wide | line_kw))
                color, label = self.mean_lines_[-1].get_color(), ""
                style |= {"color": color, "linewidth": 0.8, "alpha": 0.5}
            folds = zip(self.histories, curves, best_epochs, strict=True)
            for history, curve, best in folds:
                is_chosen = chose_best_epoch(history, key)
                if is_chosen is None:
                    is_chosen = validation == any_validation
                mark = curve_style(label, best if is_chosen else None)
                self.lines_ += ax.plot(*curve, **(style | mark | line_kw))
        if x == "epoch":
            ax.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True))
        ax.set_xlabel("epoch" if x == "epoch" else "seconds of training")
        ax.set_ylabel(", ".join(dict.fromkeys(quantities)))
        ax.legend()
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        keys: str | Sequence[str] | None = None,
        x: str = "epoch",
        ax: Any = None,
        name: str | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the curves of a fitted network.

        Parameters
        ----------
        estimator : estimator
            Fitted MLPClassifier or MLPRegressor of sknn or scikit-learn, or a Pipeline,
            TransformedTargetRegressor or search around one. Without ``history_`` it has
            "loss" and, with early stopping, "val_score".
        keys, x, ax, line_kw
            As in :meth:`plot`.
        name : str, default=None
            Name of the model in the legend.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        NotFittedError, ValueError
            If it is not fitted, holds no network or no loss curve; as :meth:`plot`.
        """
        history, best_epoch = history_of(estimator)
        display = cls(histories=[history], best_epochs=[best_epoch], name=name)
        return display.plot(ax, keys=keys, x=x, line_kw=line_kw)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Any,
        *,
        keys: str | Sequence[str] | None = None,
        x: str = "epoch",
        ax: Any = None,
        name: str | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw a thin curve for each fold, and their mean up to the shortest one.

        Parameters
        ----------
        cv_results : dict
            Results of ``cross_validate(..., return_estimator=True)``.
        keys, x, ax, name, line_kw
            As in :meth:`from_estimator`.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        NotFittedError, ValueError
            If ``cv_results`` has no "estimator"; and as :meth:`from_estimator`.
        """
        if "estimator" not in cv_results:
            raise ValueError(
                "There is no 'estimator' in cv_results: set return_estimator=True."
            )
        fits = [history_of(estimator) for estimator in cv_results["estimator"]]
        histories, best_epochs = zip(*fits, strict=True)
        display = cls(histories=histories, best_epochs=best_epochs, name=name)
        return display.plot(ax, keys=keys, x=x, line_kw=line_kw)


class NetworkDisplay:
    """A network as a graph: neurons are circles, weights the lines between them.

    Create it with :meth:`from_estimator`. The colour of a line shows the sign and size
    of its weight, the colour of a circle the bias; large weights have wide lines.

    Parameters
    ----------
    coefs : list of ndarray of shape (fan_in, fan_out)
        Weights of each layer.
    intercepts : list of ndarray of shape (fan_out,)
        Biases of each layer.
    activations : list of str
        Activation of each layer.
    input_layers : str, default=""
        Layers between the features and the first weights, such as an embedding.
    feature_names : array-like of str, default=None
        Names of the inputs; None is x0, x1, ...
    class_names : array-like of str, default=None
        Names of the outputs; None is y0, y1, ...

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        What the network is drawn in.
    lines_ : list of matplotlib LineCollection
        The weights of each layer, from the smallest to the largest.
    neurons_ : list of matplotlib EllipseCollection
        The inputs, and the neurons of each layer.
    colorbar_ : matplotlib Colorbar
        The scale of the colours; ``colorbar_.remove()`` takes it away.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknn import MLPClassifier
    >>> from sknn.displays import NetworkDisplay
    >>> iris = load_iris(as_frame=True)
    >>> network = MLPClassifier((8, 4), max_iter=1000, random_state=0)
    >>> display = NetworkDisplay.from_estimator(
    ...     network.fit(iris.data, iris.target), class_names=iris.target_names
    ... )
    """

    def __init__(
        self,
        *,
        coefs: Sequence[np.ndarray],
        intercepts: Sequence[np.ndarray],
        activations: Sequence[str],
        input_layers: str = "",
        feature_names: Any = None,
        class_names: Any = None,
    ) -> None:
        self.coefs = coefs
        self.intercepts = intercepts
        self.activations = activations
        self.input_layers = input_layers
        self.feature_names = feature_names
        self.class_names = class_names

    def plot(self, ax: Any = None, *, max_neurons: int = 12) -> Self:
        """Draw the network.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure of a fitting size.
        max_neurons : int, default=12
            Most circles in a layer, at least 2. Of a wider layer the first and the last
            neurons are drawn, with dots between them.

        Returns
        -------
        self : NetworkDisplay

        Raises
        ------
        ImportError, ValueError
            If matplotlib is missing; if ``max_neurons`` is below 2, the arrays are not
            those of one network, or the names are not as many as the neurons.
        """
        plt = pyplot_for(f"{type(self).__name__}.plot")
        if max_neurons < 2:
            raise ValueError(f"max_neurons must be at least 2, got {max_neurons}.")
        widths = widths_of(self.coefs, self.intercepts, self.activations)
        inputs = neuron_names(self.feature_names, widths[0], "feature_names", "x")
        outputs = neuron_names(self.class_names, widths[-1], "class_names", "y")
        rows = [neurons_to_draw(n_neurons, max_neurons) for n_neurons in widths]
        shown, heights = zip(*rows, strict=True)
        heights = spread(heights)
        ends = zip(self.coefs, pairwise(shown), strict=True)
        weights = [coef[np.ix_(*neurons)].ravel() for coef, neurons in ends]
        biases = [b[k] for b, k in zip(self.intercepts, shown[1:], strict=True)]
        largest = max(np.abs(values).max() for values in weights) or 1.0
        colours = {"cmap": "coolwarm_r", "norm": plt.Normalize(-largest, largest)}
        # Neurons of a layer are 1 apart, layers more, and most so where they are few.
        top = max(ys[0] for ys in heights)
        x = max(3.2, min(0.9 * top, 16 / len(weights))) * np.arange(len(widths))
        if ax is None:
            size = (0.45 * x[-1] + 3.5, 0.9 * max(top, 2) + 1.5)
            ax = plt.subplots(figsize=size, layout="constrained")[1]
        self.ax_, self.figure_, slot = ax, ax.figure, ax.get_position()
        self.lines_ = draw_weights(ax, x, heights, weights, colours)
        self.neurons_ = draw_neurons(ax, x, heights, biases, colours)
        dots = max_neurons / 2 - (max_neurons + 1) // 2 + 0.2 * np.arange(-1, 2)
        for layer, n_neurons in enumerate(widths):
            if n_neurons > max_neurons:
                ax.plot([x[layer]] * 3, dots, ".", color="0.2", markersize=4)

        half = max(top, 2) + 0.5
        ax.set(xlim=(-0.5, x[-1] + 0.5), ylim=(-half, half))
        ax.xaxis.tick_top()
        ax.set_xticks(x, layer_titles(widths, self.input_layers, self.activations))
        right = ax.secondary_yaxis("right")
        for axis, names, layer in ((ax, inputs, 0), (right, outputs, -1)):
            labels = [names[neuron] for neuron in shown[layer]]
            axis.set_yticks(heights[layer], labels, parse_math=False)
            axis.tick_params(length=0)
            axis.spines[:].set_visible(False)
        is_wider = np.abs(np.concatenate(biases)).max() > largest
        self.colorbar_ = ax.figure.colorbar(
            self.lines_[0],
            ax=ax,
            shrink=0.8,
            extend="both" if is_wider else "neither",
            label="weight (line), bias (circle)",
        )
        fit_labels(ax, right, self.colorbar_.ax, slot)
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        feature_names: Any = None,
        class_names: Any = None,
        max_neurons: int = 12,
        ax: Any = None,
    ) -> Self:
        """Draw a fitted network.

        Parameters
        ----------
        estimator : estimator
            Fitted MLPClassifier or MLPRegressor of sknn or scikit-learn, or a Pipeline,
            TransformedTargetRegressor or search around one.
        feature_names : array-like of str, default=None
            Names of the inputs; None takes those seen in ``fit``.
        class_names : array-like of str, default=None
            Names of the classes or other outputs; None takes ``classes_``.
        max_neurons, ax
            As in :meth:`plot`.

        Returns
        -------
        display : NetworkDisplay

        Raises
        ------
        NotFittedError, ValueError
            If the estimator is not fitted or holds no network, or one with
            ``n_shared_members``; and as :meth:`plot`.
        """
        network, names = network_in(estimator)
        if class_names is None:
            class_names = getattr(network, "classes_", None)
        if np.size(class_names) == 2 and network.n_outputs_ == 1:
            class_names = class_names[1:]  # the output is the probability of this one
        if names is not None and len(names) != len(network.coefs_[0]):
            names = None  # layers before the first dense one made other columns
        if any(np.ndim(coef) > 2 for coef in network.coefs_):
            raise ValueError(
                "A network of members that share weights cannot be drawn: each of them "
                "is another network. Its method summary prints the layers."
            )
        before, activations = layers_of(network)
        display = cls(
            coefs=network.coefs_,
            intercepts=network.intercepts_,
            activations=activations,
            input_layers=before,
            feature_names=names if feature_names is None else feature_names,
            class_names=class_names,
        )
        return display.plot(ax, max_neurons=max_neurons)
