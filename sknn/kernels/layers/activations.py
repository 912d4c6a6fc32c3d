"""Activation functions of the hidden layers.

An activation is two scalar functions: its value at the weighted sum ``z``, and its
slope, as a function of that value where it can be, so that ``z`` need not be kept.
``_forward`` and ``_backward`` make leaves of them; each makes one pass over the rows of
a layer that are worked on, which lie in the cache then.

Beside the classical ones there are the step with a straight-through gradient [1]_
[2]_, leaky ReLU [3]_, ELU [4]_, SELU [5]_, GELU [6]_ in its exact form, SiLU [7]_,
Mish [8]_, softplus [9]_, softsign [10]_ and a hard sigmoid, ``relu6(z + 3) / 6`` as in
Keras 3 and PyTorch.

References
----------
.. [1] Y. Bengio, N. Leonard and A. Courville, "Estimating or Propagating Gradients
   Through Stochastic Neurons for Conditional Computation", 2013,
   https://arxiv.org/abs/1308.3432.
.. [2] I. Hubara et al., "Binarized Neural Networks", NeurIPS 2016.
.. [3] A. Maas, A. Hannun and A. Ng, "Rectifier Nonlinearities Improve Neural Network
   Acoustic Models", ICML 2013.
.. [4] D. Clevert, T. Unterthiner and S. Hochreiter, "Fast and Accurate Deep Network
   Learning by Exponential Linear Units (ELUs)", ICLR 2016.
.. [5] G. Klambauer et al., "Self-Normalizing Neural Networks", NeurIPS 2017.
.. [6] D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units (GELUs)", 2016,
   https://arxiv.org/abs/1606.08415.
.. [7] S. Elfwing, E. Uchibe and K. Doya, "Sigmoid-Weighted Linear Units for Neural
   Network Function Approximation in Reinforcement Learning", Neural Networks 107, 2018.
.. [8] D. Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", BMVC
   2020.
.. [9] C. Dugas et al., "Incorporating Second-Order Functional Knowledge for Better
   Option Pricing", NeurIPS 2000.
.. [10] X. Glorot and Y. Bengio, "Understanding the Difficulty of Training Deep
   Feedforward Neural Networks", AISTATS 2010.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from sknn.jit.kernel import Array, Kernel, inline_scalar, like
from sknn.kernels.gemm.microkernels import NO_EPILOGUE, QUADRATIC_GRAD, RELU, RELU_GRAD
from sknn.kernels.math.elementary import erf, exp, expm1, log1p, logistic, tanh


class FusedEpilogue(NamedTuple):
    """What the products beside an activation do in place of its kernels."""

    forwards: int = NO_EPILOGUE  # to the sums; AS_IT_IS: the leaf is needed
    backwards: int = NO_EPILOGUE  # to the gradients, given the values; likewise
    slope: tuple[int, int] = (0, 0)  # p and q


NOT_FUSED = FusedEpilogue()
# The value is z, or 0 where z is less; the slope 0 where the value is, else 1.
CLAMP = FusedEpilogue(RELU, RELU_GRAD)


def sloped(p: int, q: int) -> FusedEpilogue:
    """Say that the slope is ``p + y (q - y)``, where y is the value."""
    return FusedEpilogue(NO_EPILOGUE, QUADRATIC_GRAD, (p, q))


class Activation(NamedTuple):
    """The two leaves of an activation function."""

    forward: Kernel
    backward: Kernel
    needs_preactivation: bool  # whether backward wants the weighted sum, not the value
    fused_epilogue: FusedEpilogue


ACTIVATIONS: dict[str, Activation] = {}


def register(
    name: str,
    value: Callable,
    slope: Callable,
    *,
    needs_preactivation: bool = False,
    fused_epilogue: FusedEpilogue = NOT_FUSED,
    cached: bool = True,
) -> None:
    """Make an activation available under a name.

    Parameters
    ----------
    name : str
        What users write: ``activation="name"``.
    value : function
        Takes the weighted sum ``z`` and returns ``f(z)``; an ``@inline_scalar``.
    slope : function
        Takes ``y = f(z)``, or ``z`` with ``needs_preactivation``, and returns
        ``f'(z)``; an ``@inline_scalar``.
    needs_preactivation : bool, default=False
        Whether the slope is a function of ``z``. It costs memory and time to keep.
    in_products : InProducts, default=LEAVES_ALONE
        What the products beside it can do in place of its leaves: ``CLAMP``, or
        ``sloped(p, q)`` where the slope is ``p + y (q - y)``, with whole numbers.
    cached : bool, default=True
        Whether to keep the compiled leaves on disk.
    """
    forward = _forward_keeping(value) if needs_preactivation else _forward(value)
    leaf = partial(Kernel, signature=activation_signature, cached=cached, interleave=4)
    ACTIVATIONS[name] = Activation(
        leaf(forward, name=f"{name}_forward"),
        leaf(_backward(slope), name=f"{name}_backward"),
        needs_preactivation,
        fused_epilogue,
    )


# values and kept, or kept and gradient; all are flat.
activation_signature = (Array(), Array())


def _forward(value):
    def forward(z, kept):
        """Set z to f(z)."""
        for k in range(z.size):
            z[k] = value(z[k])
        return 0.0

    return forward


def _forward_keeping(value):
    def forward(z, kept):
        """Set kept to z and z to f(z)."""
        for k in range(z.size):
            kept[k] = z[k]
            z[k] = value(kept[k])
        return 0.0

    return forward


def _backward(slope):
    def backward(kept, delta):
        """Multiply delta by the slope."""
        for k in range(kept.size):
            delta[k] *= slope(kept[k])
        return 0.0

    return backward


# ---------------------------------------------------------------------------------


@inline_scalar
def identity(z):
    return z


@inline_scalar
def identity_slope(y):
    return like(y, 1)


register("identity", identity, identity_slope)


# 1 for z >= 0, else 0: the perceptron's. Its slope is zero, so that nothing before it
# would learn. In its place stands that of the hard tanh, the straight-through
# estimator.


@inline_scalar
def step(z):
    return like(z, 1) if z >= 0 else (like(z, 0) if z < 0 else z)


@inline_scalar
def step_slope(z):
    return like(z, 1) if abs(z) <= 1 else like(z, 0)


register("step", step, step_slope, needs_preactivation=True)


@inline_scalar
def relu(z):
    return like(z, 0) if z < 0 else z


@inline_scalar
def relu_slope(y):
    return like(y, 1) if y != 0 else like(y, 0)


register("relu", relu, relu_slope, fused_epilogue=CLAMP)


# The slope 0.01 below zero is that of PyTorch. Keras has 0.2 for the name, and 0.3 for
# its layer.


@inline_scalar
def leaky_relu(z):
    return z if z > 0 else like(z, 0.01) * z


@inline_scalar
def leaky_relu_slope(y):
    return like(y, 1) if y > 0 else like(y, 0.01)


register("leaky_relu", leaky_relu, leaky_relu_slope)


@inline_scalar
def elu(z):
    return z if z > 0 else expm1(z)


@inline_scalar
def elu_slope(y):
    return like(y, 1) if y > 0 else y + like(y, 1)


register("elu", elu, elu_slope)


# SELU_SCALE (z if z > 0 else alpha expm1(z)): keeps mean 0 and variance 1 from layer
# to layer where the weights have variance 1 / fan_in.
SELU_SCALE = 1.0507009873554804934193349852946
SELU_LIMIT = SELU_SCALE * 1.6732632423543772848170429916717


@inline_scalar
def selu(z):
    return like(z, SELU_SCALE) * z if z > 0 else like(z, SELU_LIMIT) * expm1(z)


@inline_scalar
def selu_slope(y):
    return like(y, SELU_SCALE) if y > 0 else y + like(y, SELU_LIMIT)


register("selu", selu, selu_slope)


# z Phi(z), where Phi is the distribution function of a standard normal variable.


@inline_scalar
def _normal_cdf(z):
    half = like(z, 0.5)
    return half + half * erf(z * like(z, math.sqrt(0.5)))


@inline_scalar
def gelu(z):
    return z * _normal_cdf(z)


@inline_scalar
def gelu_slope(z):
    density = like(z, 1 / math.sqrt(2 * math.pi)) * exp(like(z, -0.5) * z * z)
    return _normal_cdf(z) + z * density


register("gelu", gelu, gelu_slope, needs_preactivation=True)


@inline_scalar
def logistic_slope(y):
    return y * (like(y, 1) - y)


register("logistic", logistic, logistic_slope, fused_epilogue=sloped(0, 1))


@inline_scalar
def silu(z):
    return z * logistic(z)


@inline_scalar
def silu_slope(z):
    y = logistic(z)
    return y * (like(z, 1) + z * (like(z, 1) - y))


register("silu", silu, silu_slope, needs_preactivation=True)


# z tanh(softplus(z)), and tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2). From 40 on
# this is 1, and its square has no overflow yet.


@inline_scalar
def _mish_terms(z):
    limit = like(z, 40)
    e = exp(limit if z > limit else z)
    return e, e * (e + like(z, 2))


@inline_scalar
def mish(z):
    _, n = _mish_terms(z)
    return z * (n / (n + like(z, 2)))


@inline_scalar
def mish_slope(z):
    e, n = _mish_terms(z)
    total = n + like(z, 2)
    z = like(z, 40) if z > 40 else z
    return (n + like(z, 4) * z * e * ((like(z, 1) + e) / total)) / total


register("mish", mish, mish_slope, needs_preactivation=True)


@inline_scalar
def softplus(z):
    return (z if z > 0 else like(z, 0)) + log1p(exp(-abs(z)))


@inline_scalar
def softplus_slope(y):
    return -expm1(-y)


register("softplus", softplus, softplus_slope)


@inline_scalar
def tanh_slope(y):
    return like(y, 1) - y * y


register("tanh", tanh, tanh_slope, fused_epilogue=sloped(1, 0))


@inline_scalar
def softsign(z):
    return z / (like(z, 1) + abs(z))


@inline_scalar
def softsign_slope(y):
    root = like(y, 1) - abs(y)
    return root * root


register("softsign", softsign, softsign_slope)


@inline_scalar
def hard_sigmoid(z):
    y = (z + like(z, 3)) * like(z, 1 / 6)
    return like(z, 0) if y < 0 else (like(z, 1) if y > 1 else y)


@inline_scalar
def hard_sigmoid_slope(y):
    return like(y, 1 / 6) if abs(y - like(y, 0.5)) < 0.5 else like(y, 0)


register("hard_sigmoid", hard_sigmoid, hard_sigmoid_slope)
