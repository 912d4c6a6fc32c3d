"""Dense layers: y = f(x W + b)."""

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any

import numpy as np

from sknn.kernels import table
from sknn.kernels.gemm import products
from sknn.kernels.layers import dense
from sknn.kernels.layers.base import LayerKernels
from sknn.kernels.layers.sparse_dense import SPARSE
from sknn.network.data_initializers import (
    deviations,
    random_means,
    weighted_sums,
)
from sknn.network.initializers import INITIALIZERS
from sknn.network.layer_inputs import LayerInputs
from sknn.network.layers.base import (
    Initialization,
    LayerParameter,
    LayerSpec,
    Options,
    PlacedLayer,
    Shape,
    Use,
)

# Option of a layer in the NTK parametrization, beside its width.
NTK = 1
_BIAS_RATE = 0.1  # of biases in this parametrization, as in RealMLP


def _rate_of_weights(fan_in: int, fan_out: int, options: Options) -> float:
    return 1 / sqrt(fan_in) if NTK in options[1:] else 1.0


def _rate_of_biases(fan_in: int, fan_out: int, options: Options) -> float:
    return _BIAS_RATE if NTK in options[1:] else 1.0


def draw_weights(
    coef: np.ndarray,
    random_state: np.random.RandomState,
    initialization: Initialization,
) -> None:
    """Fill the weights of a layer, shape (fan_in, fan_out), with initial values."""
    if initialization.kernel == "auto":
        bound = _bound(initialization.activation, *coef.shape)
        coef[:] = random_state.uniform(-bound, bound, coef.shape)
        return
    initializer, inputs = INITIALIZERS[initialization.kernel], initialization.inputs
    coef[:] = initializer(random_state, *coef.shape)
    if initializer.scales_to_data:
        sums = weighted_sums(inputs.rows, coef)
        coef /= deviations(sums, inputs.sample_weight)


def draw_biases(
    intercept: np.ndarray,
    random_state: np.random.RandomState,
    initialization: Initialization,
    sums_of: Callable[[LayerInputs], np.ndarray],
) -> None:
    """Fill biases of shape (fan_out,) with initial values.

    ``sums_of`` takes the inputs of the layer and returns what the biases are added to,
    for their rows.
    """
    kernel, bias, activation, _, inputs, fan_in = initialization
    intercept[:] = 0
    if kernel == bias == "auto":
        bound = _bound(activation, fan_in, len(intercept))
        intercept[:] = random_state.uniform(-bound, bound, intercept.shape)
    if bias == "data":
        sums = sums_of(inputs)
        intercept[:] = -random_means(random_state, sums, inputs.sample_weight)


def _bound(activation: str, fan_in: int, fan_out: int) -> float:
    factor = 2.0 if activation == "logistic" else 6.0
    return sqrt(factor / (fan_in + fan_out))


class Dense(LayerSpec):
    """A dense layer.

    Its options are the number of its neurons and, where its parameters learn at the
    rates of the NTK parametrization, ``NTK``.
    """

    name = "dense"
    description = "``f(x W + b)``, with f the activation"
    parameter = "hidden_layer_sizes"
    arrays: tuple[LayerParameter, ...] = (
        LayerParameter(
            "coefs_",
            lambda fan_in, fan_out, options: (fan_in, fan_out),
            is_penalized=True,
            learning_rate_factor=_rate_of_weights,
            has_max_norm=True,
            is_weights=True,
        ),
        LayerParameter(
            "intercepts_",
            lambda fan_in, fan_out, options: (fan_out,),
            column=table.BIAS,
            learning_rate_factor=_rate_of_biases,
        ),
    )
    counts = True
    has_activation = True
    fuses_activation = True
    fuses_input_gradient = True
    skips_input_delta = True

    def check(self, fan_in: int, options: Options) -> None:
        """Raise a ValueError unless the width is a positive integer."""
        width, *others = options or (0,)
        if not (type(width) is int and width > 0 and others in ([], [NTK])):
            raise ValueError(f"a dense layer cannot have the options {options}")

    def output_width(self, fan_in: int, options: Options) -> int:
        """Return the number of neurons."""
        return int(options[0])

    def options_of_arrays(
        self, options: Options, shapes: Mapping[str, Shape]
    ) -> Options:
        """Return the number of neurons that the weights are for."""
        shape = shapes["coefs_"]
        return (shape[1], *options[1:]) if len(shape) == 2 else options

    def fan_in_of_arrays(self, shapes: Mapping[str, Shape]) -> int | None:
        """Return the number of inputs that the weights are for."""
        shape = shapes["coefs_"]
        return shape[0] if len(shape) == 2 else None

    def n_multiplications(self, fan_in: int, fan_out: int) -> int:
        """Return the size of the weights."""
        return fan_in * fan_out

    def kernels_for(self, placed: PlacedLayer, use: Use) -> LayerKernels:
        """Return the kernels for the width, or for CSR inputs."""
        is_narrow = placed.fan_out < products.NARROW
        kernels = dense.NARROW_DENSE if is_narrow else dense.DENSE
        if not use.reads_csr:
            return kernels
        # The gradient of CSR inputs is dense.
        return SPARSE._replace(backward=kernels.backward) if use.of_inputs else SPARSE

    def fill_row(self, row: np.ndarray, placed: PlacedLayer, use: Use) -> None:
        """Write the addresses of the products."""
        if not use.reads_csr or use.of_inputs:
            row[table.ROWS_PRODUCT] = products.rows_product.address(use.dtype)
            row[table.DOTS_PRODUCT] = products.dots_product.address(use.dtype)
        is_wide = min(placed.fan_in, placed.fan_out) >= products.NARROW
        if is_wide and row[table.NEEDS_INPUT_DELTA] and not use.forward_only:
            row[table.TRANSPOSE] = products.transpose.address(use.dtype)

    def initialize(
        self,
        arrays: Mapping[str, np.ndarray],
        random_state: np.random.RandomState,
        initialization: Initialization,
    ) -> None:
        """Draw the weights, and the biases where scikit-learn does.

        'auto' is uniform, in the bound of Glorot and Bengio, which is smaller before a
        logistic activation. Biases beside such weights are drawn in the same bound if
        theirs is 'auto' too. Those of 'data' put the zero of the weighted sum amid the
        training rows. All others are zero.
        """
        coef, intercept = arrays["coefs_"], arrays["intercepts_"]
        draw_weights(coef, random_state, initialization)
        draw_biases(
            intercept,
            random_state,
            initialization,
            lambda inputs: weighted_sums(inputs.rows, coef),
        )

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return x W + b."""
        return g.dense(x, arrays["coefs_"], arrays["intercepts_"])


class UnbiasedDense(Dense):
    """A dense layer without biases, before a layer that has them for each member."""

    name = "dense without biases"
    description = "``x W``, with the same W for all members"
    parameter = "member_factors"
    arrays = Dense.arrays[:1]
    has_activation = False
    fuses_activation = False

    def fill_row(self, row: np.ndarray, placed: PlacedLayer, use: Use) -> None:
        """Write the addresses of the products, and that there are no biases."""
        super().fill_row(row, placed, use)
        row[table.BIAS] = -1

    def initialize(
        self,
        arrays: Mapping[str, np.ndarray],
        random_state: np.random.RandomState,
        initialization: Initialization,
    ) -> None:
        """Draw the weights."""
        draw_weights(arrays["coefs_"], random_state, initialization)

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return x W."""
        return g.MatMul(x, arrays["coefs_"])


KINDS = {"dense": Dense(), "unbiased_dense": UnbiasedDense()}
