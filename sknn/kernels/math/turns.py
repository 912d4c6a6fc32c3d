"""Sine and cosine of angles in turns, without branches or calls: loops vectorise.

t turns are t - round(t) of them, which is exact however large t is. Folded into a
quarter of a turn around 0, the angle is the argument of one polynomial: the series of
the sine, of so many terms that the next one is below the precision.
"""

import math
from typing import TypeVar

import numpy as np

from sknn.jit.kernel import by_dtype, inline_scalar

Scalar = TypeVar("Scalar", float, np.float32)

# Adding and subtracting these rounds a number that is not very large to an integer.
_ROUND64, _ROUND32 = 6755399441055744.0, np.float32(12582912.0)
# Of sin(2 pi q): (2 pi)**n / n!, for odd n.
_S1, _S3, _S5 = 6.283185307179586, 41.341702240399755, 81.60524927607504
_S7, _S9, _S11 = 76.70585975306136, 42.058693944897634, 15.094642576822984
_S13, _S15, _S17 = 3.8199525848482803, 0.7181223017785001, 0.10422916220813978
_S19, _S21, _S23 = 0.012031585942120619, 0.0011309237482517954, 8.823533599242996e-05


def sin_of_turns(t: Scalar) -> Scalar:
    """Return sin(2 pi t) of a float32 or float64."""
    return type(t)(math.sin(2 * math.pi * math.remainder(t, 1.0)))


def cos_of_turns(t: Scalar) -> Scalar:
    """Return cos(2 pi t) of a float32 or float64."""
    return type(t)(math.cos(2 * math.pi * math.remainder(t, 1.0)))


@inline_scalar
def _sine64(q: float) -> float:
    """Return sin(2 pi q) for |q| <= 1/4."""
    s = q * q
    y = _S21 - _S23 * s
    y = _S19 - y * s
    y = _S17 - y * s
    y = _S15 - y * s
    y = _S13 - y * s
    y = _S11 - y * s
    y = _S9 - y * s
    y = _S7 - y * s
    y = _S5 - y * s
    y = _S3 - y * s
    y = _S1 - y * s
    return y * q


@inline_scalar
def _sine32(q: np.float32) -> np.float32:
    """Return sin(2 pi q) for |q| <= 1/4."""
    s = q * q
    y = np.float32(_S13) - np.float32(_S15) * s
    y = np.float32(_S11) - y * s
    y = np.float32(_S9) - y * s
    y = np.float32(_S7) - y * s
    y = np.float32(_S5) - y * s
    y = np.float32(_S3) - y * s
    y = np.float32(_S1) - y * s
    return y * q


def _sin64(t: float) -> float:
    """Return sin(2 pi t): that of r = t - round(t), folded at a quarter of a turn."""
    r = t - ((t + _ROUND64) - _ROUND64)
    r = 0.5 - r if r > 0.25 else r
    return _sine64(-0.5 - r if r < -0.25 else r)


def _sin32(t: np.float32) -> np.float32:
    """Return sin(2 pi t): that of r = t - round(t), folded at a quarter of a turn."""
    quarter, half = np.float32(0.25), np.float32(0.5)
    r = t - ((t + _ROUND32) - _ROUND32)
    r = half - r if r > quarter else r
    return _sine32(-half - r if r < -quarter else r)


def _cos64(t: float) -> float:
    """Return cos(2 pi t) = sin(2 pi (1/4 - |r|)), r = t - round(t)."""
    return _sine64(0.25 - abs(t - ((t + _ROUND64) - _ROUND64)))


def _cos32(t: np.float32) -> np.float32:
    """Return cos(2 pi t) = sin(2 pi (1/4 - |r|)), r = t - round(t)."""
    return _sine32(np.float32(0.25) - abs(t - ((t + _ROUND32) - _ROUND32)))


by_dtype(sin_of_turns, float32=_sin32, float64=_sin64)
by_dtype(cos_of_turns, float32=_cos32, float64=_cos64)
