"""Factors of the learning rate and of weight decay, where they lie in ``theta``.

Each array of a layer may learn at a rate of its own: the learning rate times a factor
(``LayerParameter``). The kernels get the factors as segments of the vector of
parameters. Where all factors are the same there is one segment.
"""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import numpy as np

from sknn.network.data import read_only
from sknn.network.layers.base import LayerParameter, PlacedLayer
from sknn.network.layout import Layout


class Segments(NamedTuple):
    """Ranges of the trained parameters, side by side, and a factor for each.

    Attributes
    ----------
    ends : ndarray of shape (n_segments,), int64
        Where each ends, in rising order. The first one begins at 0.
    factors : ndarray of shape (n_segments,), float64
    """

    ends: np.ndarray
    factors: np.ndarray


def learning_rate_segments(layout: Layout) -> Segments:
    """Return the factors of the learning rate."""
    return _segments(layout, _learning_rate_factor)


def weight_decay_segments(layout: Layout) -> Segments:
    """Return the factors of the learning rate times ``weight_decay``."""

    def factor(placed: PlacedLayer, array: LayerParameter) -> float:
        decay = array.weight_decay_factor
        share = float(array.is_penalized) if decay is None else decay
        return share * _learning_rate_factor(placed, array)

    return _segments(layout, factor)


def _learning_rate_factor(placed: PlacedLayer, array: LayerParameter) -> float:
    factor = array.learning_rate_factor
    if callable(factor):
        return factor(placed.fan_in, placed.fan_out, placed.layer.options)
    return factor


def _segments(
    layout: Layout, factor_of: Callable[[PlacedLayer, LayerParameter], float]
) -> Segments:
    """Return the segments of equal factors."""
    trained = [
        (placed, array)
        for placed in layout.layers
        for array in placed.spec.arrays
        if array.is_trained
    ]
    ends: list[int] = []
    factors: list[float] = []
    for placed, array in sorted(trained, key=lambda pair: _start(*pair)):
        factor = factor_of(placed, array)
        end = _start(placed, array) + prod(placed.shapes[array.attribute])
        if factors and factors[-1] == factor:
            ends[-1] = end
        else:
            ends.append(end)
            factors.append(factor)
    return Segments(
        read_only(np.array(ends, dtype=np.int64)),
        read_only(np.array(factors, dtype=np.float64)),
    )


def _start(placed: PlacedLayer, array: LayerParameter) -> int:
    return placed.starts[array.attribute]
