"""exp, log and tanh without branches or calls, so that loops over them vectorise.

Numba calls the C library once an element for these functions. Here they are
polynomials in plain arithmetic, which LLVM turns into vector instructions. The
coefficients and the way of reducing the range are those of the Cephes library [1]_.
Infinities and NaN behave as in NumPy; results below the smallest normal number are
flushed to zero.

References
----------
.. [1] S. L. Moshier, "Methods and Programs for Mathematical Functions", Ellis
   Horwood, 1989; https://www.netlib.org/cephes.
"""

import numpy as np
from numba import types
from numba.extending import overload

# Re-ordering would undo the two-step reduction of the range.
OPTIONS = {"fastmath": {"contract"}, "forceinline": True}


def exp(x):
    """Exponential of a float32 or float64."""
    return np.exp(x)


def log(x):
    """Natural logarithm of a float32 or float64 that is zero or positive."""
    return np.log(x)


def tanh(x):
    """Hyperbolic tangent of a float32 or float64."""
    return np.tanh(x)


def epsilon(x):
    """Distance from 1 to the next number in the type of x."""
    return np.finfo(type(x)).eps


def _exp64(x):
    # Beyond these bounds the result is 0 or infinity; comparisons let NaN through.
    low, high = -708.3964185322641, 709.782712893384
    clipped = low if x < low else (high if x > high else x)
    k = np.rint(clipped * 1.4426950408889634)
    r = clipped - k * 6.93145751953125e-1
    r = r - k * 1.42860682030941723212e-6
    s = r * r
    p = r * (
        (1.26177193074810590878e-4 * s + 3.02994407707441961300e-2) * s
        + 9.99999999999999999910e-1
    )
    q = (
        (3.00198505138664455042e-6 * s + 2.52448340349684104192e-3) * s
        + 2.27265548208155028766e-1
    ) * s + 2.0
    y = 1.0 + 2.0 * (p / (q - p))
    # 2**k in two factors: k may be 1024, whose power of two alone overflows.
    finite = k == k
    n = np.int64(k) if finite else np.int64(0)
    half = n >> 1
    y = y * np.int64((half + 1023) << 52).view(np.float64)
    y = y * np.int64((n - half + 1023) << 52).view(np.float64)
    y = 0.0 if x < low else y
    return np.inf if x > high else y


def _exp32(x):
    low, high = np.float32(-87.33654), np.float32(88.72283)
    clipped = low if x < low else (high if x > high else x)
    k = np.rint(clipped * np.float32(1.4426950408889634))
    r = clipped - k * np.float32(0.693359375)
    r = r - k * np.float32(-2.12194440e-4)
    y = np.float32(1.9875691500e-4)
    y = y * r + np.float32(1.3981999507e-3)
    y = y * r + np.float32(8.3334519073e-3)
    y = y * r + np.float32(4.1665795894e-2)
    y = y * r + np.float32(1.6666665459e-1)
    y = y * r + np.float32(5.0000001201e-1)
    y = y * (r * r) + r + np.float32(1.0)
    finite = k == k
    n = np.int32(k) if finite else np.int32(0)
    half = np.int32(n >> np.int32(1))
    bias, shift = np.int32(127), np.int32(23)
    y = y * np.int32((half + bias) << shift).view(np.float32)
    y = y * np.int32((n - half + bias) << shift).view(np.float32)
    y = np.float32(0.0) if x < low else y
    return np.float32(np.inf) if x > high else y


def _tanh64(x):
    z = x * x
    p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z
    p = p - 1.61468768441708447952e3
    q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z
    q = q + 4.84406305325125486048e3
    # Near zero x + x z p / q, elsewhere sign(x) (1 - 2 / (exp(2 |x|) + 1)): with one
    # division for both.
    size = abs(x)
    is_far = size > 0.625
    sign = -1.0 if x < 0.0 else 1.0
    base = sign if is_far else x
    numerator = -2.0 * sign if is_far else x * z * p
    denominator = exp(2.0 * size) + 1.0 if is_far else q
    return base + numerator / denominator


def _tanh32(x):
    one, two = np.float32(1.0), np.float32(2.0)
    z = x * x
    p = np.float32(-5.70498872745e-3)
    p = p * z + np.float32(2.06390887954e-2)
    p = p * z + np.float32(-5.37397155531e-2)
    p = p * z + np.float32(1.33314422036e-1)
    p = p * z + np.float32(-3.33332819422e-1)
    near = p * z * x + x
    size = abs(x)
    far = one - two / (exp(two * size) + one)
    far = -far if x < np.float32(0.0) else far
    return far if size > np.float32(0.625) else near


def _log64(x):
    # Subnormal numbers are scaled up by 2**54 first.
    small = x < 2.2250738585072014e-308
    bits = np.float64(x * 18014398509481984.0 if small else x).view(np.int64)
    e = np.float64((bits >> 52) - 1022) - (54.0 if small else 0.0)
    m = np.int64((bits & 0x000FFFFFFFFFFFFF) | (1022 << 52)).view(np.float64)
    low = m < 0.70710678118654752440
    e = e - 1.0 if low else e
    m = (m + m if low else m) - 1.0
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
    y = m + y + e * 0.693359375
    result = -np.inf if x == 0.0 else y
    result = np.nan if x < 0.0 else result
    return result if x < np.inf else x


def _log32(x):
    small = x < np.float32(1.1754944e-38)
    bits = np.float32(x * np.float32(16777216.0) if small else x).view(np.int32)
    e = np.float32((bits >> np.int32(23)) - np.int32(126))
    e = e - (np.float32(24.0) if small else np.float32(0.0))
    fraction = np.int32(bits & np.int32(0x007FFFFF))
    m = np.int32(fraction | np.int32(126 << 23)).view(np.float32)
    low = m < np.float32(0.70710677)
    e = e - np.float32(1.0) if low else e
    m = (m + m if low else m) - np.float32(1.0)
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
    y = m + y + e * np.float32(0.693359375)
    y = np.float32(-np.inf) if x == np.float32(0.0) else y
    y = np.float32(np.nan) if x < np.float32(0.0) else y
    return y if x < np.float32(np.inf) else x


@overload(epsilon)
def _epsilon(x):
    if x == types.float32:
        return lambda x: np.float32(2.0**-23)
    return lambda x: 2.0**-52


@overload(exp, jit_options=OPTIONS)
def _exp(x):
    return _exp32 if x == types.float32 else _exp64


@overload(log, jit_options=OPTIONS)
def _log(x):
    return _log32 if x == types.float32 else _log64


@overload(tanh, jit_options=OPTIONS)
def _tanh(x):
    return _tanh32 if x == types.float32 else _tanh64
