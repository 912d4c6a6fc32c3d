"""Normalisation of what a dense layer passes on to its activation."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sknn.kernels import table
from sknn.kernels.layers.base import LayerKernels
from sknn.kernels.layers.normalization import EPSILON, N_SCRATCH, NORMALIZATIONS
from sknn.network.layers.base import (
    LayerParameter,
    LayerSpec,
    Options,
    PlacedLayer,
    Use,
)


def _of_neurons(
    attribute: str, *leading: int, column: int, initial: Any, is_trained: bool = True
) -> LayerParameter:
    """Return an array with a number, or a few, for each neuron."""
    return LayerParameter(
        attribute,
        lambda fan_in, fan_out, options: (*leading, fan_out),
        column=column,
        initial=initial,
        is_trained=is_trained,
    )


_TRAINED = (
    _of_neurons("gains_", column=table.WEIGHTS, initial=1.0),
    _of_neurons("shifts_", column=table.BIAS, initial=0.0),
)
_RUNNING = _of_neurons(  # the mean of each neuron, and its variance
    "running_statistics_",
    2,
    column=table.RUNNING,
    initial=[[0.0], [1.0]],
    is_trained=False,
)


class Normalization(LayerSpec):
    """A key of ``NORMALIZATIONS``, with gains, shifts and an activation."""

    parameter = "normalization"
    has_activation = True

    def __init__(self, key: str):
        self.name = f"{key} norm"
        self._kernels = NORMALIZATIONS[key]
        self.description = self._kernels.description
        self.needs_whole_batch = self._kernels.keeps_running_statistics
        self.arrays = (*_TRAINED, _RUNNING) if self.needs_whole_batch else _TRAINED
        self.kernels = LayerKernels(*self._kernels[:3])

    def n_scratch_columns(self, fan_in: int, fan_out: int) -> int:
        """Return the columns of means and scales."""
        return N_SCRATCH * fan_out

    def kernels_for(self, placed: PlacedLayer, use: Use) -> LayerKernels | None:
        """Return the kernels for training, or for prediction."""
        kernels = super().kernels_for(placed, use)
        return kernels if use.training else LayerKernels(*self._kernels[3:6])

    def check_arrays(self, arrays: Mapping[str, np.ndarray], options: Options) -> None:
        """Raise a ValueError if a variance is negative.

        NaN and infinity pass, as in weights: training that diverged leaves them.
        """
        if self.needs_whole_batch and (arrays["running_statistics_"][1] < 0).any():
            raise ValueError("running_statistics_ with a negative variance")

    def affine(
        self, arrays: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return scale and shift of the running statistics, if it has these."""
        if not self.needs_whole_batch:
            return None
        mean, variance = np.asarray(arrays["running_statistics_"], dtype=np.float64)
        scale = arrays["gains_"] / np.sqrt(variance + EPSILON)
        return scale, arrays["shifts_"] - scale * mean

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return gain * normalised x + shift."""
        assert self._kernels.onnx, "running statistics are affine"
        return self._kernels.onnx(g, x) * arrays["gains_"] + arrays["shifts_"]


KINDS = {f"{key}_norm": Normalization(key) for key in NORMALIZATIONS}
