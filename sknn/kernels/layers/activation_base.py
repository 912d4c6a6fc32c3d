"""What an activation is, and kernels made from its two scalar functions.

``_forward`` and ``_backward`` make kernels of them, which pass over the outputs of a
layer for a block of rows while these are in the cache.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from sknn.jit.array_types import Vector
from sknn.jit.kernel import Array, Kernel, caller
from sknn.kernels.descriptions import check_description
from sknn.kernels.gemm.operands import NO_EPILOGUE, QUADRATIC_GRAD, RELU, RELU_GRAD

# A function of one number, in the dtype of the specialization.
ScalarFunction = Callable[[float], float]


class FusedEpilogue(NamedTuple):
    """Epilogues of the GEMMs around an activation that replace its kernels.

    With NO_EPILOGUE the kernel of that direction is called after the GEMM.
    """

    forwards: int = NO_EPILOGUE  # of the forward GEMM, for y = f(z)
    backwards: int = NO_EPILOGUE  # of the backward GEMM, for the product with f'(z)
    coefficients: tuple[int, int] = (0, 0)  # p and q of QUADRATIC_GRAD


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
    description: str
    reference: str
    onnx: Callable[..., Any] | None  # see `register`


ACTIVATIONS: dict[str, Activation] = {}


def register(
    name: str,
    value: ScalarFunction,
    derivative: ScalarFunction,
    *,
    description: str,
    reference: str = "",
    needs_preactivation: bool = False,
    fused_epilogue: FusedEpilogue = NOT_FUSED,
    cached: bool = True,
    onnx: Callable[..., Any] | None = None,
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
    description : str
        One line for the docstrings of the estimators.
    reference : str, default=""
        Publication that the docstrings cite.
    needs_preactivation : bool, default=False
        Whether the derivative is a function of z. To keep z costs memory and time.
    fused_epilogue : FusedEpilogue, default=NOT_FUSED
        Epilogues of the GEMMs that replace the kernels: ``FUSED_RELU``, or
        ``fused_quadratic_grad(p, q)`` where the derivative is ``p + y (q - y)`` with
        integers p and q.
    cached : bool, default=True
        Whether to keep the compiled kernels on disk.
    onnx : callable or None, default=None
        ``onnx(g, z)`` returns ``f(z)`` in an ONNX graph. ``g.Tanh(z)`` adds the node of
        an operator, ``g.expm1``, ``g.softplus`` and ``g.erf`` add several; tensors and
        numbers may be added, subtracted, multiplied and divided. None: networks with
        this activation cannot be exported.
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
        check_description(name, description),
        reference,
        onnx,
    )


# z and saved forwards, saved and delta backwards: flat, of shape (size,).
activation_signature = (Array(), Array())
call_activation = caller("activation", activation_signature)


def _forward(value: ScalarFunction) -> Callable[[Vector, Vector], float]:
    """Return the kernel function that applies value, where saved is the output."""

    def forward(z: Vector, saved: Vector) -> float:
        for k in range(z.size):
            z[k] = value(z[k])
        return 0.0

    forward.__doc__ = f"Set z, of shape (size,), to {value.__name__}(z)."
    return forward


def _forward_saving(value: ScalarFunction) -> Callable[[Vector, Vector], float]:
    """Return the kernel function that applies value and saves the preactivation."""

    def forward(z: Vector, saved: Vector) -> float:
        for k in range(z.size):
            saved[k] = z[k]
            z[k] = value(saved[k])
        return 0.0

    forward.__doc__ = (
        f"Set saved to z, then z to {value.__name__}(z); both of shape (size,)."
    )
    return forward


def _backward(derivative: ScalarFunction) -> Callable[[Vector, Vector], float]:
    """Return the kernel function that applies the chain rule."""

    def backward(saved: Vector, delta: Vector) -> float:
        for k in range(saved.size):
            delta[k] *= derivative(saved[k])
        return 0.0

    backward.__doc__ = (
        f"Multiply delta by {derivative.__name__}(saved); both of shape (size,)."
    )
    return backward
