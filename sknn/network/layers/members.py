"""Layers of members that share weights: what each member has for itself.

The members are networks of the same widths that share the weights of their hidden
layers. A network computes all of them at once: the rows of all members for the first
row of a batch are followed by those for the second row, and so on. Layers without
parameters of members, such as dense layers, take these rows as they take others.
"""

from collections.abc import Mapping
from functools import partial
from math import sqrt
from typing import Any

import numpy as np

from sknn.kernels import table
from sknn.kernels.gemm import products
from sknn.kernels.layers.members import MEMBER_AFFINE, MEMBER_SCALING
from sknn.kernels.layers.separate_dense import SEPARATE_DENSE
from sknn.network.data_initializers import weighted_sums
from sknn.network.layer_inputs import LayerInputs
from sknn.network.layers.base import (
    Initialization,
    LayerParameter,
    LayerSpec,
    Options,
    PlacedLayer,
    Use,
)
from sknn.network.layers.dense import NTK, Dense, draw_biases, draw_weights

FEWEST_MEMBERS, MOST_MEMBERS = 2, 2**16
# Initial factors: ones, random signs, or standard normal numbers.
ONES, SIGNS, NORMAL = 0, 1, 2
_REFERENCE = (
    'Y. Gorishniy, A. Kotelnikov and A. Babenko, "TabM: Advancing Tabular Deep '
    'Learning with Parameter-Efficient Ensembling", ICLR 2025, '
    "https://arxiv.org/abs/2410.24210"
)


def _check_members(options: Options) -> None:
    """Raise a ValueError unless the first option is a number of members."""
    n_members = options[0] if options else 0
    is_count = type(n_members) is int
    if not (is_count and FEWEST_MEMBERS <= n_members <= MOST_MEMBERS):
        raise ValueError(f"there cannot be {n_members!r} members")


def _same_members(before: int, n_members: float) -> int:
    """Return the number of members; raise a ValueError if it is not that before."""
    if before != n_members:
        raise ValueError(
            f"a layer of {n_members} members cannot follow one of {before}"
        )
    return before


def _sums(coef: np.ndarray, inputs: LayerInputs) -> np.ndarray:
    return weighted_sums(inputs.rows, coef)


class MemberScaling(LayerSpec):
    """A factor for each input of each member.

    Its options are the number of members, and how the factors begin. The first such
    layer, in which members begin, has SIGNS or NORMAL, and all later ones ONES. Then
    there may be the widths of groups of inputs whose factors begin as the same; without
    them each input has its own.
    """

    name = "scaling of members"
    description = "``x * r``, with a trained factor r for each input of each member"
    reference = _REFERENCE
    parameter = "n_shared_members"
    arrays = (
        LayerParameter(
            "member_input_scales_",
            lambda fan_in, fan_out, options: (int(options[0]), fan_in),
        ),
    )
    kernels = MEMBER_SCALING
    skips_input_delta = True

    def check(self, fan_in: int, options: Options) -> None:
        """Raise a ValueError unless these are its options."""
        _check_members(options)
        start, *groups = options[1:] or (None,)
        are_widths = all(type(width) is int and width > 0 for width in groups)
        if start not in (ONES, SIGNS, NORMAL) or not are_widths:
            raise ValueError(f"a scaling of members cannot have the options {options}")
        if groups and sum(groups) != fan_in:
            raise ValueError(f"groups of {groups} inputs are not those of {fan_in}")

    def members_after(self, before: int, options: Options) -> int:
        """Return the number of members."""
        if options[1] == ONES:
            return _same_members(before, options[0])
        return _same_members(before, 1) * int(options[0])

    def fan_in_of_arrays(self, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
        """Return the number of inputs that the factors are for."""
        shape = shapes["member_input_scales_"]
        return shape[1] if len(shape) == 2 else None

    def fill_row(self, row: np.ndarray, placed: PlacedLayer, use: Use) -> None:
        """Write the number of members."""
        row[table.OPTION_1] = placed.n_members

    def initialize(
        self,
        arrays: Mapping[str, np.ndarray],
        random_state: np.random.RandomState,
        initialization: Initialization,
    ) -> None:
        """Draw random signs, or normal numbers; or set all factors to 1."""
        scales = arrays["member_input_scales_"]
        n_members, start, *groups = map(int, initialization.layer.options)
        size = n_members, len(groups) or scales.shape[1]
        if start == ONES:
            scales[:] = 1
            return
        if start == SIGNS:
            drawn: np.ndarray = 2.0 * random_state.randint(2, size=size) - 1.0
        else:
            drawn = random_state.normal(size=size)
        scales[:] = np.repeat(drawn, groups, axis=1) if groups else drawn

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return x * r, with a row for each member."""
        scales = arrays["member_input_scales_"]
        n_members, width = scales.shape
        is_first = options[1] != ONES  # in which all members have the same inputs
        y = g.reshape(x, (-1, 1 if is_first else n_members, width)) * scales
        return g.reshape(y, (-1, width))


class MemberAffine(LayerSpec):
    """A factor and a bias for each neuron of each member, then an activation.

    Its option is the number of members.
    """

    name = "scaling and biases of members"
    description = (
        "``f(x * s + b)``, with a trained factor s and bias b for each neuron of each "
        "member, and f the activation"
    )
    reference = _REFERENCE
    parameter = "member_factors"
    arrays = (
        LayerParameter(
            "member_output_scales_",
            lambda fan_in, fan_out, options: (int(options[0]), fan_out),
        ),
        LayerParameter(
            "intercepts_",
            lambda fan_in, fan_out, options: (int(options[0]), fan_out),
            column=table.BIAS,
            learning_rate_factor=Dense.arrays[1].learning_rate_factor,
        ),
    )
    kernels = MEMBER_AFFINE
    has_activation = True

    def check(self, fan_in: int, options: Options) -> None:
        """Raise a ValueError unless these are its options."""
        _check_members(options)
        if options[1:] not in ((), (NTK,)):
            raise ValueError(f"a layer {self.name!r} cannot have the options {options}")

    def members_after(self, before: int, options: Options) -> int:
        """Return the number of members."""
        return _same_members(before, options[0])

    def initialize(
        self,
        arrays: Mapping[str, np.ndarray],
        random_state: np.random.RandomState,
        initialization: Initialization,
    ) -> None:
        """Set all factors to 1; draw biases, the same for all members."""
        biases = arrays["intercepts_"]
        arrays["member_output_scales_"][:] = 1
        draw_biases(biases[0], random_state, initialization, lambda x: x.rows)
        biases[1:] = biases[0]

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return x * s + b."""
        scales, biases = arrays["member_output_scales_"], arrays["intercepts_"]
        n_members, width = scales.shape
        y = g.reshape(x, (-1, n_members, width)) * scales + biases
        return g.reshape(y, (-1, width))


class SeparateDense(LayerSpec):
    """A dense layer with weights and biases of its own for each member.

    Its options are the number of its neurons, that of members and, where its parameters
    learn at the rates of the NTK parametrization, ``NTK``.
    """

    name = "dense of each member"
    description = "``x W + b``, with W and b of its own for each member"
    reference = _REFERENCE
    parameter = "n_shared_members"
    arrays = (
        Dense.arrays[0]._replace(
            shape=lambda fan_in, fan_out, options: (int(options[1]), fan_in, fan_out),
            learning_rate_factor=lambda fan_in, fan_out, options: (
                1 / sqrt(fan_in) if NTK in options[2:] else 1.0
            ),
            has_max_norm=False,
        ),
        Dense.arrays[1]._replace(
            shape=lambda fan_in, fan_out, options: (int(options[1]), fan_out),
        ),
    )
    kernels = SEPARATE_DENSE
    counts = True
    skips_input_delta = True

    def check(self, fan_in: int, options: Options) -> None:
        """Raise a ValueError unless these are its options."""
        _check_members(options[1:])
        width, others = options[0], options[2:]
        if not (type(width) is int and width > 0 and others in ((), (NTK,))):
            raise ValueError(f"a layer {self.name!r} cannot have the options {options}")

    def output_width(self, fan_in: int, options: Options) -> int:
        """Return the number of neurons of a member."""
        return int(options[0])

    def members_after(self, before: int, options: Options) -> int:
        """Return the number of members."""
        return _same_members(before, options[1])

    def n_scratch_columns(self, fan_in: int, fan_out: int) -> int:
        """Return the columns of the outputs of a member."""
        return fan_out

    def n_multiplications(self, fan_in: int, fan_out: int) -> int:
        """Return the size of the weights of a member."""
        return fan_in * fan_out

    def fill_row(self, row: np.ndarray, placed: PlacedLayer, use: Use) -> None:
        """Write the addresses of the products."""
        row[table.ROWS_PRODUCT] = products.rows_product.address(use.dtype)
        row[table.DOTS_PRODUCT] = products.dots_product.address(use.dtype)

    def initialize(
        self,
        arrays: Mapping[str, np.ndarray],
        random_state: np.random.RandomState,
        initialization: Initialization,
    ) -> None:
        """Draw weights and biases for one member after the other."""
        coefs, biases = arrays["coefs_"], arrays["intercepts_"]
        for k, coef in enumerate(coefs):
            inputs = initialization.inputs.of_member(k, len(coefs))
            of_member = initialization._replace(inputs=inputs)
            draw_weights(coef, random_state, of_member)
            draw_biases(biases[k], random_state, of_member, partial(_sums, coef))

    def onnx(
        self, g: Any, x: Any, arrays: Mapping[str, np.ndarray], options: Options
    ) -> Any:
        """Return x W + b of each member."""
        coefs, biases = arrays["coefs_"], arrays["intercepts_"]
        n_members, fan_in, fan_out = coefs.shape
        rows = g.reshape(x, (-1, n_members, 1, fan_in))
        y = g.MatMul(rows, coefs) + biases[:, np.newaxis]
        return g.reshape(y, (-1, fan_out))


KINDS = {
    "member_scaling": MemberScaling(),
    "member_affine": MemberAffine(),
    "separate_dense": SeparateDense(),
}
