"""Activation functions of the hidden layers.

An activation is two scalar functions: the value y = f(z) at the preactivation ``z``,
and the derivative f'(z), as a function of y where possible, so that z need not be kept;
and a call of `register`, which says what `activation_base.py` makes of them and what
the docstrings of the estimators say about it.
"""

import math

from sknn.jit.kernel import inline_scalar, like
from sknn.kernels.layers.activation_base import (
    ACTIVATIONS,
    FUSED_RELU,
    NOT_FUSED,
    FusedEpilogue,
    call_activation,
    fused_quadratic_grad,
    register,
)
from sknn.kernels.math.elementary import erf, exp, expm1, log1p, logistic, tanh

__all__ = [
    "ACTIVATIONS",
    "NOT_FUSED",
    "FusedEpilogue",
    "call_activation",
    "register",
]


@inline_scalar
def identity(z: float) -> float:
    """Return z."""
    return z


@inline_scalar
def identity_derivative(y: float) -> float:
    """Return 1."""
    return like(y, 1)


register(
    "identity",
    identity,
    identity_derivative,
    description="``z``",
    onnx=lambda g, z: z,
)


# The activation of the perceptron. Its derivative is zero, so that the layers before it
# would not learn; the straight-through estimator is the derivative of the hard tanh.


@inline_scalar
def step(z: float) -> float:
    """Return 1 if z >= 0 else 0; NaN stays NaN."""
    return like(z, 1) if z >= 0 else (like(z, 0) if z < 0 else z)


@inline_scalar
def step_derivative(z: float) -> float:
    """Return 1 if |z| <= 1 else 0, the straight-through estimator."""
    return like(z, 1) if abs(z) <= 1 else like(z, 0)


register(
    "step",
    step,
    step_derivative,
    needs_preactivation=True,
    description="1 if ``z >= 0`` else 0, the perceptron's, trained with the gradient "
    "of the identity in [-1, 1] (straight-through)",
    reference='Y. Bengio, N. Leonard and A. Courville, "Estimating or Propagating '
    'Gradients Through Stochastic Neurons for Conditional Computation", 2013, '
    "https://arxiv.org/abs/1308.3432",
    onnx=lambda g, z: g.where(g.GreaterOrEqual(z, 0), 1, 0),
)


@inline_scalar
def relu(z: float) -> float:
    """Return max(0, z)."""
    return like(z, 0) if z < 0 else z


@inline_scalar
def relu_derivative(y: float) -> float:
    """Return 1 if y != 0 else 0, for y = max(0, z)."""
    return like(y, 1) if y != 0 else like(y, 0)


register(
    "relu",
    relu,
    relu_derivative,
    fused_epilogue=FUSED_RELU,
    description="``max(0, z)``",
    reference='X. Glorot, A. Bordes and Y. Bengio, "Deep Sparse Rectifier Neural '
    'Networks", AISTATS 2011',
    onnx=lambda g, z: g.Relu(z),
)


# The slope 0.01 below zero is PyTorch's default. Keras has 0.2 for the activation of
# this name, and 0.3 for the layer.


@inline_scalar
def leaky_relu(z: float) -> float:
    """Return z if z > 0 else 0.01 z."""
    return z if z > 0 else like(z, 0.01) * z


@inline_scalar
def leaky_relu_derivative(y: float) -> float:
    """Return 1 if y > 0 else 0.01."""
    return like(y, 1) if y > 0 else like(y, 0.01)


register(
    "leaky_relu",
    leaky_relu,
    leaky_relu_derivative,
    description="``z`` if ``z > 0`` else ``0.01 z``",
    reference='A. Maas, A. Hannun and A. Ng, "Rectifier Nonlinearities Improve Neural '
    'Network Acoustic Models", ICML 2013',
    onnx=lambda g, z: g.Max(z, 0.01 * z),
)


@inline_scalar
def elu(z: float) -> float:
    """Return z if z > 0 else exp(z) - 1."""
    return z if z > 0 else expm1(z)


@inline_scalar
def elu_derivative(y: float) -> float:
    """Return 1 if y > 0 else y + 1, which is exp(z)."""
    return like(y, 1) if y > 0 else y + like(y, 1)


register(
    "elu",
    elu,
    elu_derivative,
    description="``z`` if ``z > 0`` else ``exp(z) - 1``",
    reference='D. Clevert, T. Unterthiner and S. Hochreiter, "Fast and Accurate Deep '
    'Network Learning by Exponential Linear Units (ELUs)", ICLR 2016',
    onnx=lambda g, z: g.Relu(z) + g.expm1(g.Min(z, 0)),
)


# SELU keeps mean 0 and variance 1 from layer to layer where the weights have variance
# 1 / fan_in. SELU_LIMIT is SELU_SCALE * alpha.
SELU_SCALE = 1.0507009873554804934193349852946
SELU_LIMIT = SELU_SCALE * 1.6732632423543772848170429916717


@inline_scalar
def selu(z: float) -> float:
    """Return scale z if z > 0 else scale alpha (exp(z) - 1)."""
    return like(z, SELU_SCALE) * z if z > 0 else like(z, SELU_LIMIT) * expm1(z)


@inline_scalar
def selu_derivative(y: float) -> float:
    """Return scale if y > 0 else y + scale alpha, which is scale alpha exp(z)."""
    return like(y, SELU_SCALE) if y > 0 else y + like(y, SELU_LIMIT)


register(
    "selu",
    selu,
    selu_derivative,
    description="1.0507 times ``z`` if ``z > 0`` else ``1.6733 (exp(z) - 1)``",
    reference='G. Klambauer et al., "Self-Normalizing Neural Networks", NeurIPS 2017',
    onnx=lambda g, z: SELU_SCALE * g.Relu(z) + SELU_LIMIT * g.expm1(g.Min(z, 0)),
)


@inline_scalar
def _normal_cdf(z: float) -> float:
    """Return Phi(z) = (1 + erf(z / sqrt(2))) / 2, the standard normal CDF."""
    half = like(z, 0.5)
    return half + half * erf(z * like(z, math.sqrt(0.5)))


@inline_scalar
def gelu(z: float) -> float:
    """Return z Phi(z), with Phi the standard normal CDF."""
    return z * _normal_cdf(z)


@inline_scalar
def gelu_derivative(z: float) -> float:
    """Return Phi(z) + z phi(z), with phi the standard normal density."""
    density = like(z, 1 / math.sqrt(2 * math.pi)) * exp(like(z, -0.5) * z * z)
    return _normal_cdf(z) + z * density


register(
    "gelu",
    gelu,
    gelu_derivative,
    needs_preactivation=True,
    description="``z Phi(z)``, with Phi the standard normal distribution function",
    reference='D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units (GELUs)", '
    "2016, https://arxiv.org/abs/1606.08415",
    onnx=lambda g, z: z * (0.5 + 0.5 * g.erf(z * math.sqrt(0.5))),
)


@inline_scalar
def logistic_derivative(y: float) -> float:
    """Return y (1 - y), for y = 1 / (1 + exp(-z))."""
    return y * (like(y, 1) - y)


register(
    "logistic",
    logistic,
    logistic_derivative,
    fused_epilogue=fused_quadratic_grad(0, 1),
    description="``1 / (1 + exp(-z))``",
    onnx=lambda g, z: g.Sigmoid(z),
)


@inline_scalar
def silu(z: float) -> float:
    """Return z logistic(z)."""
    return z * logistic(z)


@inline_scalar
def silu_derivative(z: float) -> float:
    """Return s (1 + z (1 - s)), with s = logistic(z)."""
    y = logistic(z)
    return y * (like(z, 1) + z * (like(z, 1) - y))


register(
    "silu",
    silu,
    silu_derivative,
    needs_preactivation=True,
    description="``z / (1 + exp(-z))``",
    reference='S. Elfwing, E. Uchibe and K. Doya, "Sigmoid-Weighted Linear Units for '
    'Neural Network Function Approximation in Reinforcement Learning", Neural Networks'
    " 107, 2018",
    onnx=lambda g, z: z * g.Sigmoid(z),
)


# With e = exp(z) and n = e (e + 2), tanh(softplus(z)) = tanh(log(1 + e)) = n / (n + 2).
# z is clipped to 40 in e: the quotient is 1 there, and n**2 does not overflow yet.


@inline_scalar
def _mish_terms(z: float) -> tuple[float, float]:
    """Return e = exp(min(z, 40)) and n = e (e + 2)."""
    limit = like(z, 40)
    e = exp(limit if z > limit else z)
    return e, e * (e + like(z, 2))


@inline_scalar
def mish(z: float) -> float:
    """Return z tanh(softplus(z)) = z n / (n + 2), with n = e (e + 2), e = exp(z)."""
    _, n = _mish_terms(z)
    return z * (n / (n + like(z, 2)))


@inline_scalar
def mish_derivative(z: float) -> float:
    """Return n / (n + 2) + 4 z e (1 + e) / (n + 2)**2, with e, n as in `mish`."""
    e, n = _mish_terms(z)
    total = n + like(z, 2)
    z = like(z, 40) if z > 40 else z
    return (n + like(z, 4) * z * e * ((like(z, 1) + e) / total)) / total


register(
    "mish",
    mish,
    mish_derivative,
    needs_preactivation=True,
    description="``z tanh(log(1 + exp(z)))``",
    reference='D. Misra, "Mish: A Self Regularized Non-Monotonic Activation Function",'
    " BMVC 2020, https://arxiv.org/abs/1908.08681",
    onnx=lambda g, z: z * g.Tanh(g.softplus(z)),
)


@inline_scalar
def softplus(z: float) -> float:
    """Return log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|))."""
    return (z if z > 0 else like(z, 0)) + log1p(exp(-abs(z)))


@inline_scalar
def softplus_derivative(y: float) -> float:
    """Return 1 - exp(-y), which is logistic(z)."""
    return -expm1(-y)


register(
    "softplus",
    softplus,
    softplus_derivative,
    description="``log(1 + exp(z))``",
    reference='C. Dugas et al., "Incorporating Second-Order Functional Knowledge for '
    'Better Option Pricing", NeurIPS 2000',
    onnx=lambda g, z: g.softplus(z),
)


@inline_scalar
def tanh_derivative(y: float) -> float:
    """Return 1 - y**2, for y = tanh(z)."""
    return like(y, 1) - y * y


register(
    "tanh",
    tanh,
    tanh_derivative,
    fused_epilogue=fused_quadratic_grad(1, 0),
    description="``tanh(z)``",
    onnx=lambda g, z: g.Tanh(z),
)


@inline_scalar
def softsign(z: float) -> float:
    """Return z / (1 + |z|)."""
    return z / (like(z, 1) + abs(z))


@inline_scalar
def softsign_derivative(y: float) -> float:
    """Return (1 - |y|)**2, which is 1 / (1 + |z|)**2."""
    root = like(y, 1) - abs(y)
    return root * root


register(
    "softsign",
    softsign,
    softsign_derivative,
    description="``z / (1 + |z|)``",
    reference='X. Glorot and Y. Bengio, "Understanding the difficulty of training deep'
    ' feedforward neural networks", AISTATS 2010',
    onnx=lambda g, z: z / (1 + g.Abs(z)),
)


@inline_scalar
def hard_sigmoid(z: float) -> float:
    """Return z / 6 + 1 / 2 clipped to [0, 1]."""
    y = (z + like(z, 3)) * like(z, 1 / 6)
    return like(z, 0) if y < 0 else (like(z, 1) if y > 1 else y)


@inline_scalar
def hard_sigmoid_derivative(y: float) -> float:
    """Return 1 / 6 if 0 < y < 1 else 0."""
    return like(y, 1 / 6) if abs(y - like(y, 0.5)) < 0.5 else like(y, 0)


register(
    "hard_sigmoid",
    hard_sigmoid,
    hard_sigmoid_derivative,
    description="``z / 6 + 1 / 2`` clipped to [0, 1], as in Keras and PyTorch",
    onnx=lambda g, z: g.Min(g.Relu((z + 3) * (1 / 6)), 1),
)
