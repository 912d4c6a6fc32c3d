"""A picture of contributions: of one row, or the mean over many."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from sknn._extras import pyplot_for
from sknn.explain.attributions import Attributions


class AttributionDisplay:
    """Contributions of features as bars, the largest at the top.

    Create it with :meth:`from_attributions`. Of one row, bars to the right raise the
    prediction and bars to the left lower it. Of many rows, a bar is the mean size of
    the contributions of a feature.

    Parameters
    ----------
    values : ndarray of shape (n_features,)
        Contributions, or their mean sizes.
    feature_names : sequence of str
        Names of the features.
    title : str, default=""
        Title of the axes.
    xlabel : str, default="contribution"
        Label of the axis of contributions.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        What the bars are drawn in.
    bars_ : matplotlib BarContainer
        The bars, from the bottom to the top.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sknn import MLPRegressor
    >>> from sknn.explain import AttributionDisplay, integrated_gradients
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = MLPRegressor(solver="lbfgs", alpha=1.0, random_state=0)
    >>> found = integrated_gradients(model.fit(10 * X, y), 10 * X[:50])
    >>> display = AttributionDisplay.from_attributions(found, row=0)
    >>> display = AttributionDisplay.from_attributions(found)  # of all rows
    """

    def __init__(
        self,
        *,
        values: np.ndarray,
        feature_names: Sequence[str],
        title: str = "",
        xlabel: str = "contribution",
    ) -> None:
        self.values = values
        self.feature_names = feature_names
        self.title = title
        self.xlabel = xlabel

    def plot(
        self,
        ax: Any = None,
        *,
        max_features: int = 10,
        bar_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes new ones.
        max_features : int, default=10
            Most features with a bar of their own; the last bar is the sum of others.
        bar_kw : dict, default=None
            Keyword arguments of ``ax.barh``.

        Returns
        -------
        self : AttributionDisplay

        Raises
        ------
        ImportError, ValueError
            If matplotlib is missing; if ``max_features`` is below 1, or there is not a
            name for each value.
        """
        plt = pyplot_for(f"{type(self).__name__}.plot")
        values, names = np.asarray(self.values, dtype=float), list(self.feature_names)
        if values.shape != (len(names),):
            raise ValueError(
                f"values must have one number for each of {len(names)} feature_names, "
                f"got the shape {values.shape}."
            )
        if max_features < 1:
            raise ValueError(f"max_features must be at least 1, got {max_features!r}.")
        order = np.argsort(-np.abs(values), kind="stable")
        shown, others = order[:max_features], order[max_features:]
        labels = [names[k] for k in shown]
        lengths = values[shown]
        if len(others):
            labels.append(f"{len(others)} others")
            lengths = np.append(lengths, values[others].sum())
        if ax is None:
            _, ax = plt.subplots(
                figsize=(6, 1.2 + 0.35 * len(labels)), layout="constrained"
            )
        self.ax_, self.figure_ = ax, ax.figure
        colours = ["C0" if length >= 0 else "C3" for length in lengths]
        style = {"color": colours[::-1], **(bar_kw or {})}
        positions = np.arange(len(labels))
        self.bars_ = ax.barh(positions, lengths[::-1], **style)
        ax.set_yticks(positions, labels[::-1])
        ax.axvline(0, color="0.3", linewidth=0.8)
        ax.bar_label(self.bars_, fmt="%.3g", padding=3)
        ax.margins(x=0.15)
        ax.set(xlabel=self.xlabel, title=self.title)
        return self

    @classmethod
    def from_attributions(
        cls,
        attributions: Attributions,
        *,
        row: int | None = None,
        target: str | None = None,
        max_features: int = 10,
        ax: Any = None,
        bar_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the contributions for one row, or the mean of their sizes.

        Parameters
        ----------
        attributions : Attributions
            What `integrated_gradients` or `expected_gradients` returned.
        row : int, default=None
            Position of the row; None is the mean over all.
        target : str, default=None
            Name of the output, where there are several: see ``output_names``.
        max_features, ax, bar_kw
            As in :meth:`plot`.

        Returns
        -------
        display : AttributionDisplay

        Raises
        ------
        IndexError, ValueError
            If there is no such row, or ``target`` is not one of several outputs; and as
            :meth:`plot`.
        """
        names = attributions.output_names
        values, base = attributions.values, attributions.base_values
        predictions = attributions.predictions
        if target is None and len(names) > 1:
            raise ValueError(f"target must be one of {names}, got None.")
        if target is not None and str(target) not in names:
            raise ValueError(f"target must be one of {names}, got {target!r}.")
        if len(names) > 1:
            k = names.index(str(target))
            values, base, predictions = values[:, k], base[:, k], predictions[:, k]
        of = f" of {target}" if target is not None else ""
        if row is None:
            shown = np.abs(values).mean(axis=0)
            title, xlabel = f"{len(values)} rows{of}", "mean size of contribution"
        else:
            shown, xlabel = values[row], "contribution"
            title = f"prediction{of}: {predictions[row]:.3g}, baseline: {base[row]:.3g}"
        display = cls(
            values=shown,
            feature_names=attributions.feature_names,
            title=title,
            xlabel=xlabel,
        )
        return display.plot(ax, max_features=max_features, bar_kw=bar_kw)
