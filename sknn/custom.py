"""Registration of users' activations and losses.

Each is a pair of Python functions of numbers, which are checked, compiled and added to
the tables of built-in ones. Estimators that use them carry
their definitions along, so that they work in other processes too.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sknn.jit.specializations import compile_for_python, may_raise
from sknn.network.registry import Definition, check_name, define, fresh_function

__all__ = ["register_activation", "register_loss"]

# Where a derivative is compared with differences of its function: both signs, and
# unlikely to be where a user's function has a kink.
_POINTS = (-2.8291, -1.6183, -0.7137, -0.1259, 0.1723, 0.5897, 1.4147, 2.7189)
_TARGETS = (-1.3, 0.0, 0.37, 1.0, 2.2, 7.0, 50.0)
_STEPS = (1e-3, 1e-5)  # the second, in case that there is a kink nearby
_TOLERANCE = 1e-4

_DTYPES = (np.dtype(np.float64), np.dtype(np.float32))


def __dir__() -> list[str]:
    return sorted(__all__)


def register_activation(
    name: str,
    function: Callable[..., Any],
    derivative: Callable[..., Any],
    *,
    onnx: Callable[..., Any] | None = None,
) -> None:
    """Make your own activation available as ``activation="name"``.

    Both functions are plain Python functions of one number. They are compiled by
    Numba, in float32 and in float64: arithmetic, ``if``, and functions of ``math``
    and NumPy that take a number may be used; functions of your own that they call
    need Numba's ``@njit``. The compiled code is not kept on disk.

    Estimators that use the activation can be pickled if the functions can: with
    `pickle`, if they are defined by ``def`` in a module; with `cloudpickle`, and thus
    in the processes of `joblib`, always.

    Parameters
    ----------
    name : str
        A valid identifier that is not the name of a built-in activation. To register
        a name again replaces the activation; networks that were trained before use
        the new one from then on.
    function : callable
        ``function(z)`` returns the value at the weighted sum ``z``.
    derivative : callable
        ``derivative(z)`` returns the derivative there. It is compared with
        differences of the function.
    onnx : callable, default=None
        ``onnx(g, z)`` returns the value in an ONNX graph, for
        :func:`sknn.onnx.to_onnx`. ``g.Tanh(z)`` adds a node with the operator Tanh;
        arithmetic of its results and numbers adds nodes too. It is compared with the
        function at each export. None: the activation cannot be exported.

    Raises
    ------
    ValueError
        If the name is taken, a function does not compile or may raise an exception,
        or the derivative does not fit the function. Nothing is registered then.

    Examples
    --------
    >>> from sknn.custom import register_activation
    >>> register_activation("square", lambda z: z * z, lambda z: 2 * z)
    """
    caller = "register_activation"
    check_name(caller, "activation", name)
    value, slope = _compiled(caller, 1, function=function, derivative=derivative)
    _check_derivative(caller, value, slope, [(z,) for z in _POINTS])
    _refuse_exceptions(caller, function=value, derivative=slope)
    if onnx is not None and not callable(onnx):
        raise ValueError(f"{caller}: onnx={onnx!r} is not callable.")
    arguments = (function, derivative, onnx) if onnx else (function, derivative)
    define("activation", name, Definition(arguments, uuid.uuid4().hex))


def register_loss(
    name: str,
    function: Callable[..., Any],
    derivative: Callable[..., Any],
    *,
    link: str = "identity",
    check_targets: Callable[..., Any] | None = None,
) -> None:
    """Make your own loss available as ``MLPRegressor(loss="name")``.

    What `register_activation` says of functions, names and pickles holds here too.
    The loss is summed over outputs and samples, with sample weights, and divided by
    the sum of the weights.

    Parameters
    ----------
    name : str
        A valid identifier that is not the name of a built-in loss.
    function : callable
        ``function(y, z)`` returns the loss of one target ``y`` and one raw output
        ``z`` of the network, before the link.
    derivative : callable
        ``derivative(y, z)`` returns its derivative with respect to ``z``.
    link : str, default="identity"
        Turns raw outputs ``z`` into predictions:

        - 'identity': ``z``
        - 'exp': ``exp(z)``
        - 'logistic': ``1 / (1 + exp(-z))``
    check_targets : callable, default=None
        ``check_targets(y)`` raises a ValueError if the array ``y`` has values that
        the loss does not take. None: it takes all. The derivative is compared with
        differences at targets between -1.3 and 50, as far as these are taken.

    Raises
    ------
    ValueError
        If the name is taken, a function does not compile or may raise an exception,
        or the derivative does not fit the function. Nothing is registered then.

    Examples
    --------
    >>> from sknn.custom import register_loss
    >>> register_loss("quartic", lambda y, z: (z - y)**4, lambda y, z: 4 * (z - y)**3)
    """
    caller = "register_loss"
    check_name(caller, "loss", name)
    if check_targets is not None and not callable(check_targets):
        raise ValueError(f"{caller}: check_targets={check_targets!r} is not callable.")
    value, slope = _compiled(caller, 2, function=function, derivative=derivative)
    targets = [y for y in _TARGETS if _accepts(check_targets, y)]
    points = [(y, z) for y in targets for z in _POINTS]
    _check_derivative(caller, value, slope, points)
    _refuse_exceptions(caller, function=value, derivative=slope)
    arguments = (function, derivative, link, check_targets)
    define("loss", name, Definition(arguments, uuid.uuid4().hex))


def _compiled(
    caller: str, n_numbers: int, **functions: Callable[..., Any]
) -> list[Callable[..., Any]]:
    """Return compiled functions of float64, after a trial in both dtypes."""
    for role, function in functions.items():
        if not callable(function):
            raise ValueError(f"{caller}: {role}={function!r} is not callable.")

    compiled = []
    for role, function in functions.items():
        plain = fresh_function(function, n_numbers)
        try:
            versions = [
                compile_for_python(plain, n_numbers, dtype) for dtype in _DTYPES
            ]
        except Exception as error:
            raise ValueError(
                f"{caller}: Numba cannot compile the {role}: {_cause_in(error)}. It "
                f"has to take {n_numbers} number{'s' * (n_numbers > 1)} and return "
                "one. Use arithmetic, functions of math and NumPy, and `a if c else b` "
                "rather than np.where; other functions that it calls need Numba's "
                "@njit."
            ) from error
        compiled.append(versions[0])
    return compiled


def _refuse_exceptions(caller: str, **functions: Callable[..., Any]) -> None:
    """Refuse functions that may raise: nothing in compiled training would hear it."""
    for role, function in functions.items():
        if may_raise(function):
            raise ValueError(
                f"{caller}: the {role} may raise an exception: it has `raise`, "
                "`assert` or an index that may be out of range, makes an array, or "
                "calls what does. Compiled training cannot pass exceptions on. Return "
                "nan in its place, which ends training with an error, or let "
                "check_targets of register_loss refuse targets."
            )


def _cause_in(error: Exception) -> str:
    """Return the cause in a message of Numba, without the traceback."""
    innermost = str(error).rpartition("raised a specific error:")[2]
    lines = [line.strip() for line in innermost.splitlines() if line.strip()]
    if "Failed in " in lines[0]:
        del lines[0]
    ends = ("File ", "During: ", "There are ", "raised from")
    end = next((i for i, line in enumerate(lines) if line.startswith(ends)), len(lines))
    return " ".join(lines[:end]).partition(" for '$")[0].rstrip(".")


def _accepts(check_targets: Callable[..., Any] | None, y: float) -> bool:
    try:
        if check_targets is not None:
            check_targets(np.array([[y]]))
    except ValueError:
        return False
    return True


def _check_derivative(
    caller: str,
    function: Callable[..., Any],
    derivative: Callable[..., Any],
    points: Sequence[tuple[float, ...]],
) -> None:
    """Compare a derivative by the last argument with fourth-order differences."""

    def at(called: Callable[..., Any], role: str, point: tuple[float, ...]) -> float:
        try:
            with np.errstate(all="ignore"):
                number = float(called(*map(np.float64, point)))
        except Exception as error:
            reason = f"raised {type(error).__name__}: {error}".rstrip(".")
        else:
            if np.isfinite(number):
                return number
            reason = f"returned {number}"
        raise ValueError(
            f"{caller}: {role}{_listed(point)} {reason}. It has to return a finite "
            "number"
            + (" for all targets that check_targets takes." if point[1:] else ".")
        )

    def difference(point: tuple[float, ...], step: float) -> float:
        def f(shift: float) -> float:
            return at(function, "function", (*point[:-1], point[-1] + shift))

        near, far = f(step) - f(-step), f(2 * step) - f(-2 * step)
        return (8 * near - far) / (12 * step)

    for point in points:
        at(function, "function", point)
    slopes_returned = [at(derivative, "derivative", point) for point in points]
    expected = [[difference(point, step) for step in _STEPS] for point in points]
    scale = np.median(np.abs(expected)) if expected else 0.0
    for point, actual, slopes in zip(points, slopes_returned, expected, strict=True):
        errors = [abs(actual - slope) for slope in slopes]
        best = int(np.argmin(errors))
        if errors[best] > _TOLERANCE * max(scale, abs(slopes[best])) + 1e-9:
            raise ValueError(
                f"{caller}: the derivative does not fit the function: "
                f"derivative{_listed(point)} returned {actual:.6g}, but the slope of "
                f"the function there is {slopes[best]:.6g}, found by differences."
            )


def _listed(point: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{x:g}" for x in point) + ")"
