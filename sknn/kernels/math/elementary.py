"""exp, log, tanh and erf without branches or calls, so that loops vectorise.

Numba compiles these functions to a call of the C library for each element. Here they
are polynomials in plain arithmetic, which LLVM vectorises. Coefficients and range
reduction are those of the Cephes library [1]_, except for the polynomials of exp in
float64, of erf in float32 and of r coth(r), which are minimax fits made for sknn. exp
avoids division, the slowest operation; tanh and the logistic function are a single
quotient of polynomials. Infinities and NaN behave as in NumPy; results below the
smallest normal number are flushed to zero.

The functions with suffix 64 or 32 are the specializations for float64 and float32, with
k an integer and r the remainder of the range reduction.

References
----------
.. [1] S. L. Moshier, "Methods and Programs for Mathematical Functions", Ellis
   Horwood, 1989; https://www.netlib.org/cephes.
"""

import math
from typing import TypeVar

import numpy as np

from sknn.jit.kernel import by_dtype, inline_scalar

Scalar = TypeVar("Scalar", float, np.float32)


def exp(x: Scalar) -> Scalar:
    """Return exp(x) of a float32 or float64."""
    return type(x)(np.exp(x))


def expm1(x: Scalar) -> Scalar:
    """Return exp(x) - 1 of a float32 or float64, without cancellation near zero."""
    return type(x)(np.expm1(x))


def log(x: Scalar) -> Scalar:
    """Return log(x) of a float32 or float64, x >= 0."""
    return type(x)(np.log(x))


def log1p(x: Scalar) -> Scalar:
    """Return log(1 + x) of a float32 or float64, 0 <= x <= 1."""
    return type(x)(np.log1p(x))


def tanh(x: Scalar) -> Scalar:
    """Return tanh(x) of a float32 or float64."""
    return type(x)(np.tanh(x))


def logistic(x: Scalar) -> Scalar:
    """Return 1 / (1 + exp(-x)) of a float32 or float64."""
    return type(x)(1 / (1 + np.exp(-x)))


def probability(x: Scalar) -> Scalar:
    """Return 1 / (1 + exp(-x)), more precise near 1 than `logistic`, for a loss."""
    return type(x)(1 / (1 + np.exp(-x)))


def erf(x: Scalar) -> Scalar:
    """Return erf(x) of a float32 or float64."""
    return type(x)(math.erf(x))


def epsilon(x: float) -> float:
    """Return the machine epsilon of the dtype of x."""
    return np.finfo(type(x)).eps


# Adding and subtracting these rounds a number to an integer k. The lowest bits of the
# sum are the biased exponent of 2**k.
_ROUND64, _ROUND32 = 6755399441055744.0 + 1023.0, np.float32(12582912.0 + 127.0)
_SIGN64, _SIGN32 = np.int64(-(2**63)), np.int32(-(2**31))


@inline_scalar
def _power64(rounded: float) -> float:
    """Return 2**k, given k + _ROUND64."""
    return np.int64(np.float64(rounded).view(np.int64) << 52).view(np.float64)


@inline_scalar
def _power32(rounded: np.float32) -> np.float32:
    """Return 2**k, given k + _ROUND32."""
    bits = np.float32(rounded).view(np.int32)
    return np.int32(bits << np.int32(23)).view(np.float32)


@inline_scalar
def _reduced64(x: float, exponent: float) -> tuple[float, float]:
    """Return 2**(k + exponent) and expm1(r); x = k log(2) + r, |r| <= log(2) / 2."""
    rounding = _ROUND64 + exponent
    t = x * 1.4426950408889634 + rounding
    k = t - rounding
    r = x - k * 6.93145751953125e-1
    r = r - k * 1.42860682030941723212e-6
    return _power64(t), _expm1_near_zero64(r)


@inline_scalar
def _reduced32(x: np.float32, exponent: float) -> tuple[np.float32, np.float32]:
    """Return 2**(k + exponent) and expm1(r); x = k log(2) + r, |r| <= log(2) / 2."""
    rounding = _ROUND32 + np.float32(exponent)
    t = x * np.float32(1.4426950408889634) + rounding
    k = t - rounding
    r = x - k * np.float32(0.693359375)
    r = r - k * np.float32(-2.12194440e-4)
    return _power32(t), _expm1_near_zero32(r)


@inline_scalar
def _expm1_near_zero64(r: float) -> float:
    """Return exp(r) - 1 for |r| <= log(2) / 2."""
    # Estrin's scheme: its chain of dependent operations is shorter than Horner's.
    s = r * r
    y = 2.511451634712854e-08 * r + 2.7626382056674593e-07
    y = y * s + (2.7557227827830375e-06 * r + 2.4801504312532132e-05)
    u = 0.00019841269903157934 * r + 0.001388888893248395
    v = 0.008333333333314541 * r + 0.04166666666657332
    w = 0.16666666666666685 * r + 0.5000000000000006
    q = s * s
    y = y * q + (u * s + v)
    y = y * s + w
    return y * s + r


@inline_scalar
def _expm1_near_zero32(r: np.float32) -> np.float32:
    """Return exp(r) - 1 for |r| <= log(2) / 2."""
    s = r * r
    y = np.float32(1.9875691500e-4) * r + np.float32(1.3981999507e-3)
    y = y * s + (np.float32(8.3334519073e-3) * r + np.float32(4.1665795894e-2))
    y = y * s + (np.float32(1.6666665459e-1) * r + np.float32(5.0000001201e-1))
    return y * s + r


def _exp64(x: float) -> float:
    """Return exp(x) = 2**k exp(r)."""
    # Beyond these bounds the result is 0 or infinity; the comparisons keep NaN.
    low, high = -708.3964185322641, 709.782712893384
    bounded = low if x < low else (high if x > high else x)
    # Multiply by 2**k by adding k to the exponent: within the bounds it stays valid.
    k, y = _reduced64(bounded, -1023.0)
    bits = np.float64(1.0 + y).view(np.int64) + np.float64(k).view(np.int64)
    y = np.int64(bits).view(np.float64)
    y = 0.0 if x < low else y
    y = np.inf if x > high else y
    return y if x == x else x


def _exp32(x: np.float32) -> np.float32:
    """Return exp(x) = 2**k exp(r)."""
    low, high = np.float32(-87.33654), np.float32(88.72283)
    bounded = low if x < low else (high if x > high else x)
    k, y = _reduced32(bounded, -127.0)
    y = np.float32(y + np.float32(1.0))
    y = np.int32(y.view(np.int32) + np.float32(k).view(np.int32)).view(np.float32)
    y = np.float32(0.0) if x < low else y
    y = np.float32(np.inf) if x > high else y
    return y if x == x else x


def _expm1_64(x: float) -> float:
    """Return exp(x) - 1 = 2 (2**(k - 1) expm1(r) + (2**(k - 1) - 1/2))."""
    # Below low the result is -1; at high it overflows, but 2**(k - 1) does not.
    low, high = -50.0, 710.0
    x = high if x > high else x
    half, y = _reduced64(low if x < low else x, -1.0)
    return 2.0 * (half * y + (half - 0.5))


def _expm1_32(x: np.float32) -> np.float32:
    """Return exp(x) - 1 = 2 (2**(k - 1) expm1(r) + (2**(k - 1) - 1/2))."""
    low, high = np.float32(-20.0), np.float32(89.0)
    x = high if x > high else x
    half, y = _reduced32(low if x < low else x, -1.0)
    return np.float32(2.0) * (half * y + (half - np.float32(0.5)))


# With d = r coth(r), a polynomial in r**2, exp(2 r) = (d + r) / (d - r): the functions
# made of it need a single division, their last operation.


@inline_scalar
def _r_coth_r64(r: float) -> float:
    """Return r coth(r) for |r| <= log(2) / 4."""
    s = r * r
    d = 2.1183259224562036e-05 * s - 0.00021163362998041416
    d = d * s + 0.0021164020136883303
    d = d * s - 0.022222222221497542
    d = d * s + 0.3333333333333315
    return d * s + 1.0


@inline_scalar
def _r_coth_r32(r: np.float32) -> np.float32:
    """Return r coth(r) for |r| <= log(2) / 4."""
    s = r * r
    d = np.float32(-0.022126939) * s + np.float32(0.33333227)
    return d * s + np.float32(1.0)


def _tanh64(x: float) -> float:
    """Return tanh(x) = sign(x) (1 - exp(-2 |x|)) / (1 + exp(-2 |x|))."""
    # (1 - e) / (1 + e) with e = exp(-2 |x|) = 2**k exp(2 r). Near zero, where k is 0,
    # nothing cancels; for larger |k| the error of k log(2) grows, but e vanishes, so
    # that the range reduction needs only one step.
    magnitude = abs(x)
    magnitude = 25.0 if magnitude > 25.0 else magnitude
    t = magnitude * -2.8853900817779268 + _ROUND64
    r = -magnitude - (t - _ROUND64) * 0.34657359027997264
    d, power = _r_coth_r64(r), _power64(t)
    one_minus, one_plus = 1.0 - power, 1.0 + power
    y = (d * one_minus - r * one_plus) / (d * one_plus - r * one_minus)
    sign = np.float64(x).view(np.int64) & _SIGN64
    return np.int64(np.float64(y).view(np.int64) | sign).view(np.float64)


def _tanh32(x: np.float32) -> np.float32:
    """Return tanh(x) = sign(x) (1 - exp(-2 |x|)) / (1 + exp(-2 |x|))."""
    one, high = np.float32(1.0), np.float32(15.0)
    magnitude = np.float32(abs(x))
    magnitude = high if magnitude > high else magnitude
    t = magnitude * np.float32(-2.8853900817779268) + _ROUND32
    r = -magnitude - (t - _ROUND32) * np.float32(0.34657359027997264)
    d, power = _r_coth_r32(r), _power32(t)
    one_minus, one_plus = one - power, one + power
    y = np.float32((d * one_minus - r * one_plus) / (d * one_plus - r * one_minus))
    sign = np.int32(np.float32(x).view(np.int32) & _SIGN32)
    return np.int32(y.view(np.int32) | sign).view(np.float32)


def _logistic64(x: float) -> float:
    """Return 1 / (1 + exp(-x)) = (d - r) / ((d - r) + 2**k (d + r)), d = r coth(r)."""
    # Beyond the bounds 2**k is not representable: at low it is infinity. The product
    # between the two clamps keeps LLVM from merging them into slower instructions.
    low, high = -709.782712893384, 708.0
    half = -0.5 * (high if x > high else x)
    half = -0.5 * low if half > -0.5 * low else half
    t = half * 2.8853900817779268 + _ROUND64
    k = t - _ROUND64
    r = half - k * 3.465728759765625e-1
    r = r - k * 7.14303410154708615e-7
    d = _r_coth_r64(r)
    return (d - r) / ((d - r) + _power64(t) * (d + r))


def _logistic32(x: np.float32) -> np.float32:
    """Return 1 / (1 + exp(-x)) = (d - r) / ((d - r) + 2**k (d + r)), d = r coth(r)."""
    low, high = np.float32(-88.72283), np.float32(87.0)
    minus_half = np.float32(-0.5)
    half = minus_half * (high if x > high else x)
    half = minus_half * low if half > minus_half * low else half
    t = half * np.float32(2.8853900817779268) + _ROUND32
    k = t - _ROUND32
    r = half - k * np.float32(0.3466796875)
    r = r - k * np.float32(-1.06097220e-4)
    d = _r_coth_r32(r)
    return (d - r) / ((d - r) + _power32(t) * (d + r))


def _probability64(x: float) -> float:
    """Return 1 / (1 + 2**k exp(r)), where -x = k log(2) + r."""
    # Near 1 its only rounding errors are those of the sum and the division.
    low, high = -709.782712893384, 708.0
    x = low if x < low else x
    power, y = _reduced64(-(high if x > high else x), 0.0)
    return 1.0 / (1.0 + power * (1.0 + y))


def _probability32(x: np.float32) -> np.float32:
    """Return 1 / (1 + 2**k exp(r)), where -x = k log(2) + r."""
    one, low, high = np.float32(1.0), np.float32(-88.72283), np.float32(87.0)
    x = low if x < low else x
    power, y = _reduced32(-(high if x > high else x), 0.0)
    return one / (one + power * (one + y))


@inline_scalar
def _log_near_one64(m: float, e: float) -> float:
    """Return log(1 + m) + e log(2), for sqrt(1/2) <= 1 + m <= sqrt(2)."""
    z = m * m
    p = 1.01875663804580931796e-4
    p = p * m + 4.97494994976747001425e-1
    p = p * m + 4.70579119878881725854e0
    p = p * m + 1.44989225341610930846e1
    p = p * m + 1.79368678507819816313e1
    p = p * m + 7.70838733755885391666e0
    q = m + 1.12873587189167450590e1
    q = q * m + 4.52279145837532221105e1
    q = q * m + 8.29875266912776603211e1
    q = q * m + 7.11544750618563894466e1
    q = q * m + 2.31251620126765340583e1
    y = m * (z * p / q) - e * 2.121944400546905827679e-4 - 0.5 * z
    return m + y + e * 0.693359375


@inline_scalar
def _log_near_one32(m: np.float32, e: np.float32) -> np.float32:
    """Return log(1 + m) + e log(2), for sqrt(1/2) <= 1 + m <= sqrt(2)."""
    z = m * m
    y = np.float32(7.0376836292e-2)
    y = y * m + np.float32(-1.1514610310e-1)
    y = y * m + np.float32(1.1676998740e-1)
    y = y * m + np.float32(-1.2420140846e-1)
    y = y * m + np.float32(1.4249322787e-1)
    y = y * m + np.float32(-1.6668057665e-1)
    y = y * m + np.float32(2.0000714765e-1)
    y = y * m + np.float32(-2.4999993993e-1)
    y = y * m + np.float32(3.3333331174e-1)
    y = y * m * z + e * np.float32(-2.12194440e-4) - np.float32(0.5) * z
    return m + y + e * np.float32(0.693359375)


def _log64(x: float) -> float:
    """Return log(x) = log(1 + m) + e log(2), where x = (1 + m) 2**e."""
    # Scale subnormal numbers up by 2**54 first.
    small = x < 2.2250738585072014e-308
    bits = np.float64(x * 18014398509481984.0 if small else x).view(np.int64)
    e = np.float64((bits >> 52) - 1022) - (54.0 if small else 0.0)
    m = np.int64((bits & 0x000FFFFFFFFFFFFF) | (1022 << 52)).view(np.float64)
    low = m < 0.70710678118654752440
    e = e - 1.0 if low else e
    m = (m + m if low else m) - 1.0
    y = _log_near_one64(m, e)
    result = -np.inf if x == 0.0 else y
    result = np.nan if x < 0.0 else result
    return result if x < np.inf else x


def _log32(x: np.float32) -> np.float32:
    """Return log(x) = log(1 + m) + e log(2), where x = (1 + m) 2**e."""
    small = x < np.float32(1.1754944e-38)
    bits = np.float32(x * np.float32(16777216.0) if small else x).view(np.int32)
    e = np.float32((bits >> np.int32(23)) - np.int32(126))
    e = e - (np.float32(24.0) if small else np.float32(0.0))
    fraction = np.int32(bits & np.int32(0x007FFFFF))
    m = np.int32(fraction | np.int32(126 << 23)).view(np.float32)
    low = m < np.float32(0.70710677)
    e = e - np.float32(1.0) if low else e
    m = (m + m if low else m) - np.float32(1.0)
    y = _log_near_one32(m, e)
    y = np.float32(-np.inf) if x == np.float32(0.0) else y
    y = np.float32(np.nan) if x < np.float32(0.0) else y
    return y if x < np.float32(np.inf) else x


def _log1p_64(x: float) -> float:
    """Return log(1 + x) for 0 <= x <= 1."""
    # For large x use log(1 + x) = log((1 + x) / 2) + log(2): both m are exact.
    small = x < 0.41421356237309504880
    return _log_near_one64(x if small else 0.5 * x - 0.5, 0.0 if small else 1.0)


def _log1p_32(x: np.float32) -> np.float32:
    """Return log(1 + x) for 0 <= x <= 1."""
    small, half = x < np.float32(0.41421357), np.float32(0.5)
    e = np.float32(0.0) if small else np.float32(1.0)
    return _log_near_one32(x if small else half * x - half, e)


def _erf64(x: float) -> float:
    """Return erf(x), by rational approximations."""
    # x t / u for |x| <= 1, else sign(x) (1 - exp(-x**2) p / q), with one division for
    # both; sign(x) beyond 6.
    magnitude = abs(x)
    magnitude = 6.0 if magnitude > 6.0 else magnitude
    s = magnitude * magnitude
    t = 9.60497373987051638749e0
    t = t * s + 9.00260197203842689217e1
    t = t * s + 2.23200534594684319226e3
    t = t * s + 7.00332514112805075473e3
    t = t * s + 5.55923013010394962768e4
    u = s + 3.35617141647503099647e1
    u = u * s + 5.21357949780152679795e2
    u = u * s + 4.59432382970980127987e3
    u = u * s + 2.26290000613890934246e4
    u = u * s + 4.92673942608635921086e4
    p = 2.46196981473530512524e-10
    p = p * magnitude + 5.64189564831068821977e-1
    p = p * magnitude + 7.46321056442269912687e0
    p = p * magnitude + 4.86371970985681366614e1
    p = p * magnitude + 1.96520832956077098242e2
    p = p * magnitude + 5.26445194995477358631e2
    p = p * magnitude + 9.34528527171957607540e2
    p = p * magnitude + 1.02755188689515710272e3
    p = p * magnitude + 5.57535335369399327526e2
    q = magnitude + 1.32281951154744992508e1
    q = q * magnitude + 8.67072140885989742329e1
    q = q * magnitude + 3.54937778887819891062e2
    q = q * magnitude + 9.75708501743205489753e2
    q = q * magnitude + 1.82390916687909736289e3
    q = q * magnitude + 2.24633760818710981792e3
    q = q * magnitude + 1.65666309194161350182e3
    q = q * magnitude + 5.57535340817727675546e2
    is_far = magnitude > 1.0
    sign = -1.0 if x < 0.0 else 1.0
    numerator = -sign * exp(-s) * p if is_far else x * t
    return (sign if is_far else 0.0) + numerator / (q if is_far else u)


def _erf32(x: np.float32) -> np.float32:
    """Return erf(x), by polynomials for erf(x) / x and -log(1 - erf(x)) / x."""
    one, limit = np.float32(1.0), np.float32(4.0)
    magnitude = abs(x)
    magnitude = limit if magnitude > limit else magnitude
    s = magnitude * magnitude
    near = np.float32(-7.2520244e-4)
    near = near * s + np.float32(5.1684636e-3)
    near = near * s + np.float32(-2.6855029e-2)
    near = near * s + np.float32(1.1283690e-1)
    near = near * s + np.float32(-3.7612635e-1)
    near = near * s + np.float32(1.2837923e-1)
    # -log(1 - erf(x)) / x
    y = np.float32(-2.0946780569e-4)
    y = y * magnitude + np.float32(3.1877632718e-3)
    y = y * magnitude + np.float32(-2.2830257192e-2)
    y = y * magnitude + np.float32(1.0520476847e-1)
    y = y * magnitude + np.float32(6.3573902845e-1)
    y = y * magnitude + np.float32(1.1285136938e0)
    far = one - exp(-magnitude * y)
    far = -far if x < np.float32(0.0) else far
    return far if magnitude > np.float32(0.625) else x * near + x


def _epsilon64(x: float) -> float:
    """Return 2**-52."""
    return 2.0**-52


def _epsilon32(x: np.float32) -> np.float32:
    """Return 2**-23."""
    return np.float32(2.0**-23)


by_dtype(epsilon, float32=_epsilon32, float64=_epsilon64)
by_dtype(exp, float32=_exp32, float64=_exp64)
by_dtype(expm1, float32=_expm1_32, float64=_expm1_64)
by_dtype(log, float32=_log32, float64=_log64)
by_dtype(log1p, float32=_log1p_32, float64=_log1p_64)
by_dtype(tanh, float32=_tanh32, float64=_tanh64)
by_dtype(logistic, float32=_logistic32, float64=_logistic64)
by_dtype(probability, float32=_probability32, float64=_probability64)
by_dtype(erf, float32=_erf32, float64=_erf64)
