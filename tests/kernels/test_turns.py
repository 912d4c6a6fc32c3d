"""Sine and cosine of angles in turns, against the C library."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sknn.jit.kernel import Array, kernel
from sknn.kernels.math.turns import cos_of_turns, sin_of_turns

ULP = {np.float32: 2**-24, np.float64: 2**-53}


@kernel((Array(), Array(), Array()))
def waves(t, cosines, sines):
    for i in range(t.size):
        cosines[i] = cos_of_turns(t[i])
        sines[i] = sin_of_turns(t[i])
    return 0.0


def of_kernel(t):
    from sknn.jit.kernel import call

    cosines, sines = np.empty_like(t), np.empty_like(t)
    call(waves.address(t.dtype), (t, cosines, sines))
    return cosines, sines


@pytest.mark.parametrize("dtype", ULP)
def test_values(dtype):
    rng = np.random.RandomState(0)
    t = np.concatenate([np.linspace(-3, 3, 10_001), rng.normal(scale=1e3, size=5000)])
    t = t.astype(dtype)
    # Exact in float64, and for float32 in long double too.
    r = t.astype(np.longdouble) - np.round(t.astype(np.longdouble))
    angles = 2 * np.pi * r if dtype is np.float32 else 2 * np.longdouble(np.pi) * r
    cosines, sines = of_kernel(t)
    limit = 4 * ULP[dtype]
    assert np.abs(cosines - np.cos(angles)).max() < limit
    assert np.abs(sines - np.sin(angles)).max() < limit


@pytest.mark.parametrize("dtype", ULP)
def test_exact_values_and_what_is_not_finite(dtype):
    t = np.array([0, 0.25, -0.25, 1, 1.25, 1024.75, np.inf, np.nan], dtype)
    cosines, sines = of_kernel(t)
    assert_array_equal(sines[:6], np.array([0, 1, -1, 0, 1, -1], dtype).round())
    assert np.abs(cosines[[1, 2, 4, 5]]).max() < 1e-7
    assert_array_equal(cosines[[0, 3]].round(6), 1)
    assert np.isnan(cosines[6:]).all()
    assert np.isnan(sines[6:]).all()
