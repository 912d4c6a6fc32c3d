"""Activation functions of the hidden layers.

An activation is two scalar functions: the value y = f(z) at the preactivation ``z``,
and the derivative f'(z), as a function of y where possible, so that z need not be kept.
``_forward`` and ``_backward`` make kernels of them, which pass over the outputs of a
layer for a block of rows while these are in the cache.

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

from sknn.jit.kernel import Array, Kernel, caller, inline_scalar, like
from sknn.kernels.gemm.microkernels import NO_EPILOGUE, QUADRATIC_GRAD, RELU, RELU_GRAD
from sknn.kernels.math.elementary import erf, exp, expm1, log1p, logistic, tanh


class FusedEpilogue(NamedTuple):
    """Epilogues of the GEMMs around an activation that replace its kernels.

    With NO_EPILOGUE the kernel of that direction is called after the GEMM.
    """

    forwards: int = NO_EPILOGUE  # of the forward GEMM, for y = f(z)
    backwards: int = NO_EPILOGUE  # of the backward GEMM, for the product with f'(z)
    slope: tuple[int, int] = (0, 0)  # p and q of QUADRATIC_GRAD


NOT_FUSED = FusedEpilogue()
# y = max(0, z), with derivative 1 if y != 0 else 0.
FUSED_RELU = FusedEpilogue(RELU, RELU_GRAD)


def fused_quadratic_grad(p: int, q: int) -> FusedEpilogue:
    """Return the epilogue of an activation with derivative ``p + y (q - y)``."""
    return FusedEpilogue(NO_EPILOGUE, QUADRATIC_GRAD, (p, q))


class Activation(NamedTuple):
    """The two kernels of an activation function."""

    forward: Kernel
    backward: Kernel
    needs_preactivation: bool  # whether the derivative is a function of z, not of y
    fused_epilogue: FusedEpilogue


ACTIVATIONS: dict[str, Activation] = {}


def register(
    name: str,
    value: Callable,
    derivative: Callable,
    *,
    needs_preactivation: bool = False,
    fused_epilogue: FusedEpilogue = NOT_FUSED,
    cached: bool = True,
) -> None:
    """Make an activation available under a name.

    Parameters
    ----------
    name : str
        Value of the parameter ``activation``.
    value : function
        ``value(z)`` returns ``f(z)`` for the preactivation z; an ``@inline_scalar``.
    derivative : function
        ``derivative(y)`` returns ``f'(z)`` for y = f(z), or ``derivative(z)`` with
        ``needs_preactivation``; an ``@inline_scalar``.
    needs_preactivation : bool, default=False
        Whether the derivative is a function of z. To keep z costs memory and time.
    fused_epilogue : FusedEpilogue, default=NOT_FUSED
        Epilogues of the GEMMs that replace the kernels: ``FUSED_RELU``, or
        ``fused_quadratic_grad(p, q)`` where the derivative is ``p + y (q - y)`` with
        integers p and q.
    cached : bool, default=True
        Whether to keep the compiled kernels on disk.
    """
    forward = _forward_saving(value) if needs_preactivation else _forward(value)
    kernel = partial(
        Kernel, signature=activation_signature, cached=cached, interleave=4
    )
    ACTIVATIONS[name] = Activation(
        kernel(forward, name=f"{name}_forward"),
        kernel(_backward(derivative), name=f"{name}_backward"),
        needs_preactivation,
        fused_epilogue,
    )


# z and saved forwards, saved and delta backwards: flat, of shape (size,).
activation_signature = (Array(), Array())
call_activation = caller("activation", activation_signature)


def _forward(value):
    """Return the kernel function that applies value, where saved is the output."""

    def forward(z, saved):
        for k in range(z.size):
            z[k] = value(z[k])
        return 0.0

    forward.__doc__ = f"Set z, of shape (size,), to {value.__name__}(z)."
    return forward


def _forward_saving(value):
    """Return the kernel function that applies value and saves the preactivation."""

    def forward(z, saved):
        for k in range(z.size):
            saved[k] = z[k]
            z[k] = value(saved[k])
        return 0.0

    forward.__doc__ = (
        f"Set saved to z, then z to {value.__name__}(z); both of shape (size,)."
    )
    return forward


def _backward(derivative):
    """Return the kernel function that applies the chain rule."""

    def backward(saved, delta):
        for k in range(saved.size):
            delta[k] *= derivative(saved[k])
        return 0.0

    backward.__doc__ = (
        f"Multiply delta by {derivative.__name__}(saved); both of shape (size,)."
    )
    return backward


# ---------------------------------------------------------------------------------


@inline_scalar
def identity(z):
    """Return z."""
    return z


@inline_scalar
def identity_derivative(y):
    """Return 1."""
    return like(y, 1)


register("identity", identity, identity_derivative)


# The activation of the perceptron. Its derivative is zero, so that the layers before it
# would not learn; the straight-through estimator is the derivative of the hard tanh.


@inline_scalar
def step(z):
    """Return 1 if z >= 0 else 0; NaN stays NaN."""
    return like(z, 1) if z >= 0 else (like(z, 0) if z < 0 else z)


@inline_scalar
def step_derivative(z):
    """Return 1 if |z| <= 1 else 0, the straight-through estimator."""
    return like(z, 1) if abs(z) <= 1 else like(z, 0)


register("step", step, step_derivative, needs_preactivation=True)


@inline_scalar
def relu(z):
    """Return max(0, z)."""
    return like(z, 0) if z < 0 else z


@inline_scalar
def relu_derivative(y):
    """Return 1 if y != 0 else 0, for y = max(0, z)."""
    return like(y, 1) if y != 0 else like(y, 0)


register("relu", relu, relu_derivative, fused_epilogue=FUSED_RELU)


# The slope 0.01 below zero is PyTorch's default. Keras has 0.2 for the activation of
# this name, and 0.3 for the layer.


@inline_scalar
def leaky_relu(z):
    """Return z if z > 0 else 0.01 z."""
    return z if z > 0 else like(z, 0.01) * z


@inline_scalar
def leaky_relu_derivative(y):
    """Return 1 if y > 0 else 0.01."""
    return like(y, 1) if y > 0 else like(y, 0.01)


register("leaky_relu", leaky_relu, leaky_relu_derivative)


@inline_scalar
def elu(z):
    """Return z if z > 0 else exp(z) - 1."""
    return z if z > 0 else expm1(z)


@inline_scalar
def elu_derivative(y):
    """Return 1 if y > 0 else y + 1, which is exp(z)."""
    return like(y, 1) if y > 0 else y + like(y, 1)


register("elu", elu, elu_derivative)


# SELU keeps mean 0 and variance 1 from layer to layer where the weights have variance
# 1 / fan_in. SELU_LIMIT is SELU_SCALE * alpha.
SELU_SCALE = 1.0507009873554804934193349852946
SELU_LIMIT = SELU_SCALE * 1.6732632423543772848170429916717


@inline_scalar
def selu(z):
    """Return scale z if z > 0 else scale alpha (exp(z) - 1)."""
    return like(z, SELU_SCALE) * z if z > 0 else like(z, SELU_LIMIT) * expm1(z)


@inline_scalar
def selu_derivative(y):
    """Return scale if y > 0 else y + scale alpha, which is scale alpha exp(z)."""
    return like(y, SELU_SCALE) if y > 0 else y + like(y, SELU_LIMIT)


register("selu", selu, selu_derivative)


@inline_scalar
def _normal_cdf(z):
    """Return Phi(z) = (1 + erf(z / sqrt(2))) / 2, the standard normal CDF."""
    half = like(z, 0.5)
    return half + half * erf(z * like(z, math.sqrt(0.5)))


@inline_scalar
def gelu(z):
    """Return z Phi(z), with Phi the standard normal CDF."""
    return z * _normal_cdf(z)


@inline_scalar
def gelu_derivative(z):
    """Return Phi(z) + z phi(z), with phi the standard normal density."""
    density = like(z, 1 / math.sqrt(2 * math.pi)) * exp(like(z, -0.5) * z * z)
    return _normal_cdf(z) + z * density


register("gelu", gelu, gelu_derivative, needs_preactivation=True)


@inline_scalar
def logistic_derivative(y):
    """Return y (1 - y), for y = 1 / (1 + exp(-z))."""
    return y * (like(y, 1) - y)


register(
    "logistic", logistic, logistic_derivative, fused_epilogue=fused_quadratic_grad(0, 1)
)


@inline_scalar
def silu(z):
    """Return z logistic(z)."""
    return z * logistic(z)


@inline_scalar
def silu_derivative(z):
    """Return s (1 + z (1 - s)), with s = logistic(z)."""
    y = logistic(z)
    return y * (like(z, 1) + z * (like(z, 1) - y))


register("silu", silu, silu_derivative, needs_preactivation=True)


# With e = exp(z) and n = e (e + 2), tanh(softplus(z)) = tanh(log(1 + e)) = n / (n + 2).
# z is clipped to 40 in e: the quotient is 1 there, and n**2 does not overflow yet.


@inline_scalar
def _mish_terms(z):
    """Return e = exp(min(z, 40)) and n = e (e + 2)."""
    limit = like(z, 40)
    e = exp(limit if z > limit else z)
    return e, e * (e + like(z, 2))


@inline_scalar
def mish(z):
    """Return z tanh(softplus(z)) = z n / (n + 2), with n = e (e + 2), e = exp(z)."""
    _, n = _mish_terms(z)
    return z * (n / (n + like(z, 2)))


@inline_scalar
def mish_derivative(z):
    """Return n / (n + 2) + 4 z e (1 + e) / (n + 2)**2, with e, n as in `mish`."""
    e, n = _mish_terms(z)
    total = n + like(z, 2)
    z = like(z, 40) if z > 40 else z
    return (n + like(z, 4) * z * e * ((like(z, 1) + e) / total)) / total


register("mish", mish, mish_derivative, needs_preactivation=True)


@inline_scalar
def softplus(z):
    """Return log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|))."""
    return (z if z > 0 else like(z, 0)) + log1p(exp(-abs(z)))


@inline_scalar
def softplus_derivative(y):
    """Return 1 - exp(-y), which is logistic(z)."""
    return -expm1(-y)


register("softplus", softplus, softplus_derivative)


@inline_scalar
def tanh_derivative(y):
    """Return 1 - y**2, for y = tanh(z)."""
    return like(y, 1) - y * y


register("tanh", tanh, tanh_derivative, fused_epilogue=fused_quadratic_grad(1, 0))


@inline_scalar
def softsign(z):
    """Return z / (1 + |z|)."""
    return z / (like(z, 1) + abs(z))


@inline_scalar
def softsign_derivative(y):
    """Return (1 - |y|)**2, which is 1 / (1 + |z|)**2."""
    root = like(y, 1) - abs(y)
    return root * root


register("softsign", softsign, softsign_derivative)


@inline_scalar
def hard_sigmoid(z):
    """Return z / 6 + 1 / 2 clipped to [0, 1]."""
    y = (z + like(z, 3)) * like(z, 1 / 6)
    return like(z, 0) if y < 0 else (like(z, 1) if y > 1 else y)


@inline_scalar
def hard_sigmoid_derivative(y):
    """Return 1 / 6 if 0 < y < 1 else 0."""
    return like(y, 1 / 6) if abs(y - like(y, 0.5)) < 0.5 else like(y, 0)


register("hard_sigmoid", hard_sigmoid, hard_sigmoid_derivative)
