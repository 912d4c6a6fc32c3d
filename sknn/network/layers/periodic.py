"""Periodic embeddings of columns of numbers."""

from collections.abc import Mapping, Sequence
from math import pi, sqrt
from typing import Any

import numpy as np

from sknn.kernels import table
from sknn.kernels.descriptions import REALMLP
from sknn.kernels.layers.periodic import (
    FREQUENCIES,
    N_EMBEDDED,
    N_FREQUENCIES,
    N_SCRATCH,
    PERIODIC,
    PHASES,
)
from sknn.network.layers.base import (
    Initialization,
    Layer,
    LayerParameter,
    LayerSpec,
    Options,
    PlacedLayer,
    Use,
)
from sknn.network.layers.piecewise_linear import N_COMMON, NTK_RATE
from sknn.network.quantiles import CLIP, Distribution

_DEVIATION = 0.1  # of the initial frequencies, as in RealMLP


def _n_embedded(options: Options) -> int:
    return int(sum(options[N_COMMON:]))


def _rate(fan_in: int, fan_out: int, options: Options) -> float:
    return NTK_RATE if options[2] else 1.0


def _of_columns(
    attribute: str, column: int, shape: Any, is_penalized: bool = False
) -> LayerParameter:
    """Return an array with one of a shape, which depends on d, for each column."""
    return LayerParameter(
        attribute,
        lambda fan_in, fan_out, options: (
            _n_embedded(options),
            *shape(int(options[0])),
        ),
        column=column,
        is_penalized=is_penalized,
        learning_rate_factor=_rate,
    )


class Periodic(LayerSpec):
    """Each column of numbers, squashed, and trained sums of cosines of it.

    Its options are the number of outputs of a column, that of frequencies, 1 beside the
    NTK parametrization and 0 elsewhere, and then, for each column, 1, or 0 where it is
    passed on.
    """

    name = "periodic"
    description = "the column, centred, scaled and squashed, and sums of cosines of it"
    reference = REALMLP
    parameter = "numeric_embedding"
    arrays = (
        _of_columns(
            "periodic_weights_",
            table.WEIGHTS,
            lambda size: (size - 1, N_FREQUENCIES),
            is_penalized=True,
        ),
        _of_columns("embedding_biases_", table.BIAS, lambda size: (size - 1,)),
        _of_columns("frequencies_", FREQUENCIES, lambda size: (N_FREQUENCIES,)),
        _of_columns("phases_", PHASES, lambda size: (N_FREQUENCIES,)),
        LayerParameter(
            "input_scales_",
            lambda fan_in, fan_out, options: (2, _n_embedded(options)),
            column=table.RUNNING,
            is_trained=False,
        ),
    )
    kernels = PERIODIC
    skips_input_delta = True

    def check(self, fan_in: int, options: Options) -> None:
        """Raise a ValueError unless it is known of each column what becomes of it."""
        are_counts = all(type(n) is int and n >= 0 for n in options)
        if not (are_counts and len(options) == fan_in + N_COMMON and options[0] > 1):
            raise ValueError(f"{fan_in} columns cannot have the embedding {options}")
        if options[1] != N_FREQUENCIES or max(options[N_COMMON:]) != 1:
            raise ValueError(f"columns cannot have the embedding {options}")

    def output_width(self, fan_in: int, options: Options) -> int:
        """Return the number of outputs of embedded columns, and of those passed on."""
        n_embedded = _n_embedded(options)
        return int(options[0]) * n_embedded + fan_in - n_embedded

    def sources(self, fan_in: int, options: Options) -> Sequence[int]:
        """Return the embedded columns, each for all its outputs, then the others."""
        is_embedded = np.array(options[N_COMMON:]) > 0
        embedded, passed = np.flatnonzero(is_embedded), np.flatnonzero(~is_embedded)
        return [*map(int, np.repeat(embedded, int(options[0]))), *map(int, passed)]

    def n_scratch_columns(self, fan_in: int, fan_out: int) -> int:
        """Return the columns of squashed inputs, cosines and sines."""
        return N_SCRATCH * fan_in

    def integers(self, placed: PlacedLayer) -> Sequence[int]:
        """Return the numbers of the embedded columns, then of the others."""
        embedded = np.array(placed.layer.options[N_COMMON:]) > 0
        return [
            *map(int, np.flatnonzero(embedded)),
            *map(int, np.flatnonzero(~embedded)),
        ]

    def fill_row(self, row: np.ndarray, placed: PlacedLayer, use: Use) -> None:
        """Write the number of embedded columns."""
        row[N_EMBEDDED] = _n_embedded(placed.layer.options)

    def initialize(
        self,
        arrays: Mapping[str, np.ndarray],
        random_state: np.random.RandomState,
        initialization: Initialization,
    ) -> None:
        """Draw what is trained, as RealMLP does; set centres and scales."""
        bound = 1.0 / sqrt(N_FREQUENCIES)
        frequencies, phases = arrays["frequencies_"], arrays["phases_"]
        frequencies[:] = random_state.normal(0, _DEVIATION, frequencies.shape)
        phases[:] = random_state.uniform(-pi, pi, phases.shape)
        for array in (arrays["periodic_weights_"], arrays["embedding_biases_"]):
            array[:] = random_state.uniform(-bound, bound, array.shape)
        inputs = initialization.inputs
        embedded = np.flatnonzero(initialization.layer.options[N_COMMON:])
        for k, column in enumerate(inputs.rows.T[embedded]):
            known = Distribution.of(column, inputs.sample_weight)
            arrays["input_scales_"][:, k] = known.center_and_scale()

    def check_arrays(self, arrays: Mapping[str, np.ndarray], options: Options) -> None:
        """Raise a ValueError unless centres and scales are numbers, scales positive."""
        scales = arrays["input_scales_"]
        if not (np.isfinite(scales).all() and (scales[1] > 0).all()):
            raise ValueError("input_scales_ that are not finite, or not positive")

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return s and W cos(2 pi f s + p) + b, then the columns passed on."""
        size, n = int(options[0]), _n_embedded(options)
        is_embedded = np.array(options[N_COMMON:]) > 0
        center, scale = arrays["input_scales_"]
        u = (g.take_columns(x, np.flatnonzero(is_embedded)) - center) * scale
        s = g.reshape(u / g.Sqrt((u / CLIP) * (u / CLIP) + 1.0), (-1, n, 1))
        angles = s * (2 * pi * arrays["frequencies_"]) + arrays["phases_"]
        cosines = g.reshape(g.cos(angles), (-1, n, 1, N_FREQUENCIES))
        weights = np.swapaxes(arrays["periodic_weights_"], 1, 2)
        sums = g.reshape(g.MatMul(cosines, weights), (-1, n, size - 1))
        y = g.Concat(s, sums + arrays["embedding_biases_"], axis=2)
        y = g.reshape(y, (-1, n * size))
        y.width = n * size
        passed = np.flatnonzero(~is_embedded)
        return g.concatenated(y, g.take_columns(x, passed)) if passed.size else y

    def text(self, layer: Layer) -> str:
        """Return the name, the number of columns and of outputs of each."""
        return f"{self.name} {_n_embedded(layer.options)} x {int(layer.options[0])}"


KINDS = {"periodic": Periodic()}
