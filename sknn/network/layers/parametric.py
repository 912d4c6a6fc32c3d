"""Activations of which each neuron learns how much it takes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sknn.kernels.descriptions import REALMLP
from sknn.kernels.layers.parametric import PARAMETRIC
from sknn.network.layers.base import LayerParameter, LayerSpec, Options


class ParametricActivation(LayerSpec):
    """An activation f between x and f(x), with a trained weight for each neuron."""

    name = "parametric activation"
    description = (
        "``x + a (f(x) - x)``, with f the activation and a trained a for each neuron"
    )
    reference = REALMLP
    parameter = "parametric_activation"
    arrays = (
        LayerParameter(
            "activation_weights_",
            lambda fan_in, fan_out, options: (fan_out,),
            initial=1.0,
            learning_rate_factor=0.1,
            weight_decay_factor=1.0,
        ),
    )
    kernels = PARAMETRIC
    has_activation = True
    ends_in_activation = False
    skips_input_delta = True

    def n_scratch_columns(self, fan_in: int, fan_out: int) -> int:
        """Return the columns of f(x)."""
        return fan_out

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return x."""
        return x

    def onnx_activated(
        self, g: Any, z: Any, y: Any, arrays: Mapping[str, np.ndarray]
    ) -> Any:
        """Return z + a (y - z)."""
        return z + (y - z) * arrays["activation_weights_"]


KINDS = {"parametric_activation": ParametricActivation()}
