"""Dropout of the inputs, or of the outputs of a hidden layer."""

from collections.abc import Sequence

import numpy as np

from sknn.kernels import table
from sknn.kernels.layers.base import LayerKernels
from sknn.kernels.layers.dropout import DROPOUT
from sknn.kernels.math.counter_rng import RANGE
from sknn.network.layers.base import Layer, LayerSpec, Options, PlacedLayer, Use


def threshold(rate: float) -> int:
    """Return the number below which a draw from 2**32 keeps an element."""
    return max(1, round((1.0 - rate) * RANGE))  # 0 would stand for no dropout


class Dropout(LayerSpec):
    """Dropout, which does nothing in prediction. Its option is the rate."""

    name = "dropout"
    description = "sets a fraction of its inputs to zero in training"
    parameter = "dropout"
    kernels = DROPOUT
    skips_input_delta = True
    draws = True
    joins_next_on_csr = True

    def check(self, fan_in: int, options: Options) -> None:
        """Raise a ValueError unless the rate is in [0, 1)."""
        if not (len(options) == 1 and 0.0 <= options[0] < 1.0):
            raise ValueError(f"its dropout is {options}")

    def sources(self, fan_in: int, options: Options) -> Sequence[int]:
        """Return each input once."""
        return range(fan_in)

    def kernels_for(self, placed: PlacedLayer, use: Use) -> LayerKernels | None:
        """Return the kernels in training, and None in prediction."""
        return self.kernels if use.training else None

    def fill_row(self, row: np.ndarray, placed: PlacedLayer, use: Use) -> None:
        """Write the threshold, and the number that seeds the draws of the layer."""
        row[table.THRESHOLD] = threshold(placed.layer.options[0])
        row[table.LAYER_ID] = placed.layer_id

    def text(self, layer: Layer) -> str:
        """Return the name and the rate."""
        return f"dropout {layer.options[0]:g}"


KINDS = {"dropout": Dropout()}
