"""Elementary functions against NumPy and SciPy."""

import numba
import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose

from sknn.kernels.math import elementary

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


NAMES = ("exp", "expm1", "log", "log1p", "tanh", "logistic", "probability", "erf")


def loop(name):
    function = getattr(elementary, name)

    @numba.njit(error_model="numpy")
    def evaluate(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    return evaluate


exp, expm1, log, log1p, tanh, logistic, probability, erf = map(loop, NAMES)


def evaluate(function, x):
    out = np.empty_like(x)
    function(x, out)
    return out


def largest_error(actual, exact, dtype):
    """Return the largest error in units in the last place."""
    ulp = np.spacing(np.abs(exact).astype(dtype)).astype(np.longdouble)
    return float(np.max(np.abs(actual.astype(np.longdouble) - exact) / ulp))


@dtypes
def test_exp_within_two_ulps_over_its_whole_range(dtype):
    limits = np.finfo(dtype)
    low, high = np.log(limits.tiny), np.log(limits.max)
    x = np.linspace(low * 0.9999, high * 0.9999, 300_001).astype(dtype)
    exact = np.exp(x.astype(np.longdouble))
    assert largest_error(evaluate(exp, x), exact, dtype) < 2


@dtypes
def test_log_within_one_ulp_over_its_whole_range(dtype):
    limits = np.finfo(dtype)
    x = np.concatenate(
        [
            np.geomspace(limits.smallest_subnormal, limits.max / 2, 300_001).astype(
                dtype
            ),
            np.linspace(0.4, 2.5, 100_001, dtype=dtype),
        ]
    )
    exact = np.log(x.astype(np.longdouble))
    assert largest_error(evaluate(log, x), exact, dtype) < 1


@dtypes
def test_tanh_within_three_ulps_over_its_whole_range(dtype):
    x = np.concatenate(
        [
            np.linspace(-25, 25, 300_001),
            np.geomspace(float(np.finfo(dtype).tiny), 1e30, 50_001),
        ]
    ).astype(dtype)
    exact = np.tanh(x.astype(np.longdouble))
    assert largest_error(evaluate(tanh, x), exact, dtype) < 3


@dtypes
@pytest.mark.parametrize("function", [logistic, probability])
def test_logistic_within_three_ulps_over_its_whole_range(function, dtype):
    highest = -np.log(np.finfo(dtype).tiny) * 0.999
    x = np.concatenate(
        [np.linspace(-highest, highest, 300_001), np.linspace(-5, 5, 50_001)]
    ).astype(dtype)
    exact = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    assert largest_error(evaluate(function, x), exact, dtype) < 3


@dtypes
def test_distance_of_probabilities_from_one_is_that_of_scipy(dtype):
    """A log loss of mistakes made with certainty depends on each unit of it."""
    x = np.linspace(5, 40, 100_001, dtype=dtype)
    is_same = evaluate(probability, x) == scipy.special.expit(x)
    assert np.mean(is_same) > 0.999


@dtypes
def test_expm1_within_four_ulps_over_its_whole_range(dtype):
    limits = np.finfo(dtype)
    x = np.concatenate(
        [
            np.linspace(-60, np.log(limits.max) * 0.9999, 300_001),
            np.geomspace(float(limits.tiny), 1, 50_001),
            -np.geomspace(float(limits.tiny), 60, 50_001),
        ]
    ).astype(dtype)
    exact = np.expm1(x.astype(np.longdouble))
    assert largest_error(evaluate(expm1, x), exact, dtype) < 4


@dtypes
def test_log1p_within_two_ulps_from_zero_to_one(dtype):
    tiny = float(np.finfo(dtype).tiny)
    x = np.concatenate([np.linspace(0, 1, 300_001), np.geomspace(tiny, 1, 50_001)])
    x = x.astype(dtype)
    exact = np.log1p(x.astype(np.longdouble))
    assert largest_error(evaluate(log1p, x), exact, dtype) < 2


@dtypes
def test_erf_within_four_ulps_over_its_whole_range(dtype):
    sizes = np.concatenate(
        [np.linspace(0, 8, 300_001), np.geomspace(1.2 * np.finfo(dtype).tiny, 1e30)]
    )
    x = np.concatenate([-sizes, sizes]).astype(dtype)
    exact = scipy.special.erf(x.astype(np.float64)).astype(np.longdouble)
    actual = evaluate(erf, x)
    assert largest_error(actual, exact, dtype) < 4
    assert np.abs(actual).max() == 1


@dtypes
@pytest.mark.parametrize(
    ("function", "reference", "points"),
    [
        (exp, np.exp, [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1.0]),
        (log, np.log, [np.nan, np.inf, -np.inf, 0.0, -1.0, 1.0]),
        (tanh, np.tanh, [np.nan, np.inf, -np.inf, 0.0, 1e30, -1e30]),
        (expm1, np.expm1, [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1.0]),
        (log1p, np.log1p, [np.nan, 0.0, 1.0]),
        (logistic, scipy.special.expit, [np.nan, np.inf, -np.inf, 0.0, 1e30, -1e30]),
        (
            probability,
            scipy.special.expit,
            [np.nan, np.inf, -np.inf, 0.0, 1e30, -1e30],
        ),
        (erf, scipy.special.erf, [np.nan, np.inf, -np.inf, 0.0, 1e30, -1e30]),
    ],
    ids=["exp", "log", "tanh", "expm1", "log1p", "logistic", "probability", "erf"],
)
def test_special_values(function, reference, points, dtype):
    x = np.array(points, dtype=dtype)
    with np.errstate(all="ignore"):
        expected = reference(x)
    assert_allclose(evaluate(function, x), expected, rtol=1e-6)


@dtypes
def test_exp_flushes_what_is_too_small_to_zero(dtype):
    x = np.array([np.log(np.finfo(dtype).tiny) * 1.01], dtype=dtype)
    assert evaluate(exp, x)[0] == 0


def test_plain_python_bodies_are_numpy():
    """What runs under NUMBA_DISABLE_JIT=1."""
    for name in NAMES:
        x = np.float32(0.7)
        special = {"logistic": "expit", "probability": "expit"}
        name_of_reference = special.get(name, name)
        reference = getattr(np, name_of_reference, None) or getattr(
            scipy.special, name_of_reference
        )
        result = getattr(elementary, name)(x)
        assert type(result) is np.float32
        assert_allclose(result, reference(x), rtol=1e-7)
    assert elementary.epsilon(np.float32(1)) == np.finfo(np.float32).eps
