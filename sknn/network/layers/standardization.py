"""Standardisation of the inputs and of the targets, by moments of the training rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sknn.kernels import table
from sknn.kernels.layers.base import LayerKernels
from sknn.kernels.layers.standardization import (
    STANDARDIZATION,
    STANDARDIZATION_OF_CSR,
)
from sknn.network.data import Inputs, TrainingData, read_only
from sknn.network.layers.base import (
    LayerParameter,
    LayerSpec,
    Options,
    PlacedLayer,
    Use,
)
from sknn.network.moments import Moments, moments_of_inputs, moments_of_matrix


def _statistics(attribute: str) -> LayerParameter:
    """Return an array with the means of columns, their deviations, and the weight."""
    return LayerParameter(
        attribute,
        lambda fan_in, fan_out, options: (3, fan_out),
        column=table.RUNNING,
        initial=[[0.0], [1.0], [0.0]],
        is_trained=False,
    )


def _add_rows(
    statistics: np.ndarray, moments: Moments, is_first: bool, name: str
) -> None:
    """Add rows to statistics of shape (3, n_columns), which they may begin.

    Raises
    ------
    ValueError
        If the numbers are too large.
    """
    if not is_first:
        mean, deviation, weight = statistics.astype(np.float64)
        moments = Moments(float(weight[0]), mean, deviation**2).add(moments)
    with np.errstate(over="ignore", invalid="ignore"):
        now = np.stack([moments.mean, moments.deviation]).astype(statistics.dtype)
    if not (np.isfinite(now).all() and np.isfinite(moments.variance).all()):
        raise ValueError(
            f"{name} holds values too large for its mean and standard deviation in "
            f"{statistics.dtype}. Divide {name} by a power of ten."
        )
    statistics[:2], statistics[2] = now, moments.weight


def _check_statistics(statistics: np.ndarray, name: str) -> None:
    """Raise a ValueError unless means, deviations and weight can be such."""
    if not (np.isfinite(statistics).all() and (statistics[1:] >= 0).all()):
        raise ValueError(
            f"{name} that are not finite, or with a negative deviation or weight"
        )


def _divisors(statistics: np.ndarray) -> np.ndarray:
    """Return the deviations, and 1 for those of equal numbers."""
    divisors: np.ndarray = np.where(statistics[1] > 0, statistics[1], 1)
    return divisors


class Standardization(LayerSpec):
    """Standardisation of the inputs; without centring it keeps CSR inputs sparse.

    The options are the numbers of columns that stay as they are, such as codes.
    """

    parameter = "standardize"
    arrays = (_statistics("input_statistics_"),)
    has_statistics = True
    kernels = STANDARDIZATION
    csr_kernels: LayerKernels | None = STANDARDIZATION_OF_CSR
    skips_input_delta = True

    def __init__(self, centres: bool):
        self.centres = centres
        self.joins_next_on_csr = not centres
        self.name = "standardization" if centres else "uncentred standardization"
        self.description = (
            "subtracts the mean of each input, and divides by its standard deviation"
            if centres
            else "divides each input by its standard deviation, where X was sparse"
        )

    def check(self, fan_in: int, options: Options) -> None:
        """Raise a ValueError unless the options are numbers of columns."""
        are_numbers = all(type(k) is int and 0 <= k < fan_in for k in options)
        if not (are_numbers and list(options) == sorted({*options})):
            raise ValueError(f"{fan_in} columns do not have the numbers {options}")

    def check_arrays(self, arrays: Mapping[str, np.ndarray], options: Options) -> None:
        """Raise a ValueError unless the deviations are."""
        name = "input_statistics_"
        _check_statistics(arrays[name], name)

    def fan_in_of_arrays(self, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
        """Return the number of inputs that the statistics are of."""
        shape = shapes["input_statistics_"]
        return shape[1] if len(shape) == 2 else None

    def sources(self, fan_in: int, options: Options) -> Sequence[int]:
        """Return each input once."""
        return range(fan_in)

    def fill_row(self, row: np.ndarray, placed: PlacedLayer, use: Use) -> None:
        """Write whether the mean is subtracted."""
        row[table.OPTION_1] = self.centres

    def update_statistics(
        self,
        arrays: Mapping[str, np.ndarray],
        options: Options,
        data: TrainingData,
        *,
        is_first: bool,
    ) -> None:
        """Add the rows to means and deviations, with their sample weights."""
        if data.summary is not None:
            moments = data.summary.inputs
        else:
            moments = moments_of_inputs(data.inputs, data.sample_weight, data.rows)
        _add_rows(arrays["input_statistics_"], moments, is_first, "X")
        arrays["input_statistics_"][:2, [*map(int, options)]] = 0

    def convert_csr(self, arrays: Mapping[str, np.ndarray], inputs: Inputs) -> Inputs:
        """Return CSR inputs divided by their deviations."""
        divisors = _divisors(arrays["input_statistics_"])
        return inputs._replace(data=read_only(inputs.data / divisors[inputs.indices]))

    def as_affine(
        self, arrays: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return scale and shift, for x * scale + shift in float64.

        Not `affine`: in float32 this form loses the digits of inputs far from zero.
        """
        statistics = arrays["input_statistics_"].astype(np.float64)
        scale = 1.0 / _divisors(statistics)
        return scale, -self.centres * statistics[0] * scale

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return (x - mean) / deviation."""
        statistics = arrays["input_statistics_"]
        centred = x - statistics[0] if self.centres else x
        return centred / _divisors(statistics)


class TargetStandardization(LayerSpec):
    """Predictions in the units of the targets, where these are standardised.

    It has no operation: the network is trained on standardised targets, and what it
    predicts is multiplied and shifted at last, after the output activation. Of several
    outputs for a target, as those of quantiles, each has the statistics of this target.
    """

    name = "target standardization"
    description = (
        "multiplies predictions by the standard deviation of the target, and adds its "
        "mean"
    )
    parameter = "standardize_y"
    arrays = (_statistics("target_statistics_"),)
    follows_output = True
    has_statistics = True

    def members_after(self, before: int, options: Options) -> int:
        """Return 1: predictions are means over members."""
        return 1

    def kernels_for(self, placed: PlacedLayer, use: Use) -> LayerKernels | None:
        """Return None."""
        return None

    def check_arrays(self, arrays: Mapping[str, np.ndarray], options: Options) -> None:
        """Raise a ValueError unless the deviations are."""
        name = "target_statistics_"
        _check_statistics(arrays[name], name)

    def update_statistics(
        self,
        arrays: Mapping[str, np.ndarray],
        options: Options,
        data: TrainingData,
        *,
        is_first: bool,
    ) -> None:
        """Add the rows to means and deviations, with their sample weights."""
        statistics = arrays["target_statistics_"]
        n_outputs = statistics.shape[1] // data.targets.shape[1]
        if data.summary is not None:
            moments = data.summary.targets
        else:
            moments = moments_of_matrix(data.targets, data.sample_weight, data.rows)
        moments = moments._replace(
            mean=np.repeat(moments.mean, n_outputs),
            variance=np.repeat(moments.variance, n_outputs),
        )
        _add_rows(statistics, moments, is_first, "y")

    def convert_targets(
        self, arrays: Mapping[str, np.ndarray], targets: np.ndarray
    ) -> np.ndarray:
        """Return (y - mean) / deviation."""
        scale, shift = self.affine(arrays)
        n_outputs = len(scale) // targets.shape[1]
        standardized: np.ndarray = (targets - shift[::n_outputs]) / scale[::n_outputs]
        return standardized

    def affine(self, arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return deviations and means."""
        statistics = arrays["target_statistics_"].astype(np.float64)
        return _divisors(statistics), statistics[0]


KINDS = {
    "standardization": Standardization(centres=True),
    "uncentred_standardization": Standardization(centres=False),
    "target_standardization": TargetStandardization(),
}
