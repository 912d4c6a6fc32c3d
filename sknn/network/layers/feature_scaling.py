"""A trained factor for each feature."""

from collections.abc import Mapping, Sequence

import numpy as np

from sknn.kernels.descriptions import REALMLP
from sknn.kernels.layers.feature_scaling import SCALING
from sknn.network.layers.base import LayerParameter, LayerSpec, Options


class FeatureScaling(LayerSpec):
    """A factor for each feature, which starts at 1 and learns fast."""

    name = "feature scaling"
    description = "``x * s``, with a trained factor s for each feature"
    reference = REALMLP
    parameter = "feature_scaling"
    arrays = (
        LayerParameter(
            "feature_scales_",
            lambda fan_in, fan_out, options: (fan_in,),
            initial=1.0,
            learning_rate_factor=6.0,
            weight_decay_factor=1.0,
        ),
    )
    kernels = SCALING
    skips_input_delta = True

    def sources(self, fan_in: int, options: Options) -> Sequence[int]:
        """Return each input once."""
        return range(fan_in)

    def affine(self, arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the factors, and zeros."""
        scales = arrays["feature_scales_"].astype(np.float64)
        return scales, np.zeros_like(scales)


KINDS = {"feature_scaling": FeatureScaling()}
