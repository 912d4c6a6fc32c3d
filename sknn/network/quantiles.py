"""Weighted quantiles of a column, and what follows from them: bins and scales.

A weight counts as that many equal rows. Quantiles are values of the column: none is
interpolated, so that equal data give equal results however they are weighted.
"""

from typing import NamedTuple

import numpy as np

CLIP = 3.0  # what squashed values stay below


class Distribution(NamedTuple):
    """The distinct values of a column, in order, and the sums of their weights."""

    values: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, column: np.ndarray, sample_weight: np.ndarray) -> "Distribution":
        """Return the distribution of a column, shape (n_rows,)."""
        values, positions = np.unique(column, return_inverse=True)
        return cls(values, np.bincount(positions, sample_weight))

    def quantiles(self, fractions: np.ndarray) -> np.ndarray:
        """Return the lowest values below or at which these fractions of the weight are.

        Fractions are in [0, 1]; the result has their shape.
        """
        cumulative = np.cumsum(self.weights)
        places = np.searchsorted(cumulative, fractions * cumulative[-1])
        found: np.ndarray = self.values[np.minimum(places, len(self.values) - 1)]
        return found

    def bin_edges(self, n_bins: int) -> np.ndarray:
        """Return increasing edges of at most so many bins, the extremes among them.

        All values are edges if they are few. Else the edges are quantiles, where no
        value counts for more than one bin: those beside a frequent one are divided too.
        """
        if len(self.values) <= n_bins + 1:
            return self.values
        limit = self.weights.sum() / n_bins
        limited = self._replace(weights=np.minimum(self.weights, limit))
        inner = limited.quantiles(np.arange(1, n_bins) / n_bins)
        return np.unique([self.values[0], *inner, self.values[-1]])

    def exactly(self, n_edges: int, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
        """Return so many increasing edges, and their squashed values.

        They are those of ``bin_edges(n_bins)`` if these are as many. Otherwise some of
        these rows lack values, or have others, than those by which bins were counted:
        the edges are then interpolated between these.
        """
        edges = self.bin_edges(n_bins).astype(np.float64)
        if len(edges) == 1:  # no scale to go by
            steps = np.arange(n_edges, dtype=np.float64)
            return edges[0] + steps * max(1.0, abs(edges[0])), steps / n_edges
        if len(edges) != n_edges:
            places = np.linspace(0, len(edges) - 1, n_edges)
            edges = np.interp(places, np.arange(len(edges)), edges)
        return edges, self.squashed(edges)

    def center_and_scale(self) -> tuple[float, float]:
        """Return the median, and a factor: one over the interquartile range.

        Where this is 0 the factor is 2 / (max - min); of a constant column it is 0.
        """
        low, median, high = map(float, self.quantiles(np.array([0.25, 0.5, 0.75])))
        least, most = float(self.values[0]), float(self.values[-1])
        if high > low:
            return median, 1.0 / (high - low)
        return median, 2.0 / (most - least) if most > least else 0.0

    def squashed(self, values: np.ndarray) -> np.ndarray:
        """Return values, centred and scaled, with their tails squashed into (-3, 3).

        x / sqrt(1 + (x / 3)**2), as in RealMLP, in float64.
        """
        center, scale = self.center_and_scale()
        x = (values.astype(np.float64) - center) * scale
        squashed: np.ndarray = x / np.sqrt(1.0 + (x / CLIP) ** 2)
        return squashed
