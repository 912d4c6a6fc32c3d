"""Activations against NumPy, SciPy and PyTorch."""

import math

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose, assert_array_equal

from sknn.jit.kernel import call
from sknn.kernels.gemm.operands import QUADRATIC_GRAD, RELU, RELU_GRAD
from sknn.kernels.layers.activations import ACTIVATIONS

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
FLOAT64 = DTYPES[1]


def run_leaf(address, first, second):
    call(address, (first.reshape(-1), second.reshape(-1)))


def forward(name, z):
    """Return values and what is kept, of weighted sums z."""
    y, kept = z.copy(), np.full_like(z, -7)
    address = ACTIVATIONS[name].forward.address(z.dtype)
    run_leaf(address, y, kept)
    return y, kept


def slopes(name, z):
    y, kept = forward(name, z)
    delta = np.ones_like(z)
    kept = kept if ACTIVATIONS[name].needs_preactivation else y
    run_leaf(ACTIVATIONS[name].backward.address(z.dtype), kept, delta)
    return delta


def selu(z):
    """With the constants of a fixed point at mean 0, variance 1 (equation 14)."""
    a, b = math.erfc(math.sqrt(0.5)) * math.sqrt(math.e), math.erfc(math.sqrt(2))
    alpha = math.sqrt(2 / math.pi) / (1 - a)
    inner = 2 * b * math.e**2 + math.pi * a**2 - 2 * (2 + math.pi) * a + math.pi + 2
    scale = (1 - a) * math.sqrt(2 * math.pi / inner)
    return scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


VALUES = {
    "identity": lambda z: z,
    "step": lambda z: np.heaviside(z, 1),
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, z / 100),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": selu,
    "gelu": lambda z: z * scipy.special.ndtr(z),
    "logistic": scipy.special.expit,
    "silu": lambda z: z * scipy.special.expit(z),
    "mish": lambda z: z * np.tanh(np.logaddexp(0, z)),
    "softplus": lambda z: np.logaddexp(0, z),
    "tanh": np.tanh,
    "softsign": lambda z: z / (1 + np.abs(z)),
    "hard_sigmoid": lambda z: np.clip((z + 3) / 6, 0, 1),
}
CLAMPS = {"relu"}
SLOPES = {"tanh": lambda y: 1 - y**2, "logistic": lambda y: y - y**2}
KEEP_THE_SUM = {"step", "gelu", "silu", "mish"}
EXTREMES = [-1e30, -800.0, -90.0, -30.0, -1e-30, 0.0, 1e-30, 30.0, 90.0, 800.0, 1e30]

# Slopes far to the left and to the right, where the value has reached its limit.
SATURATED = {
    "identity": (1, 1),
    "step": (0, 0),
    "relu": (0, 1),
    "leaky_relu": (0.01, 1),
    "elu": (0, 1),
    "selu": (0, 1.0507009873554805),
    "gelu": (0, 1),
    "logistic": (0, 0),
    "silu": (0, 1),
    "mish": (0, 1),
    "softplus": (0, 1),
    "tanh": (0, 0),
    "softsign": (0, 0),
    "hard_sigmoid": (0, 0),
}

# Values and slopes of PyTorch 2.13.0 in float64, at these points.
TORCH_POINTS = [-800.0, -20.0, -3.0, -1.0, -0.25, 0.25, 2.5, 10.0]
# fmt: off
TORCH = {
    "gelu": (
        [0.0, 0.0, -0.00404969409489031, -0.15865525393145702,
         -0.10032341857926907, 0.14967658142073093, 2.4844758366855597, 10.0],
        [0.0, 0.0, -0.01194564720418392, -0.08331547058768635,
         0.304626645116364, 0.695373354883636, 1.037611085908145, 1.0],
    ),
    "silu": (
        [0.0, -4.122307236380407e-08, -0.14227761953270035, -0.2689414213699951,
         -0.10945587477855048, 0.14054412522144952, 2.3103545499468914,
         9.999546021312975],
        [0.0, -3.9161918660646786e-08, -0.08810410601516962, 0.07232948812851325,
         0.37628997842980233, 0.6237100215701977, 1.0994011113415267,
         1.0004085602086568],
    ),
    "mish": (
        [0.0, -4.122307240628762e-08, -0.1456474612756246, -0.30340146137410895,
         -0.129926963679141, 0.1695724096638176, 2.471392304557881,
         9.999999958780672],
        [0.0, -3.916191874348969e-08, -0.09339311453232084, 0.059216755877395014,
         0.43981560172180506, 0.7541726677205928, 1.041129530131353,
         1.0000000783129825],
    ),
    "softplus": (
        [0.0, 2.061153620314381e-09, 0.04858735157374206, 0.31326168751822286,
         0.5759394198788436, 0.8259394198788436, 2.5788897342925496,
         10.000045398899218],
        [0.0, 2.0611536181902033e-09, 0.04742587317756679, 0.2689414213699951,
         0.4378234991142019, 0.5621765008857981, 0.9241418199787564,
         0.9999546021312976],
    ),
    "selu": (
        [-1.7580993408473766, -1.758099337223664, -1.6705687287671118,
         -1.1113307378125625, -0.388890197478119, 0.2626752468388701,
         2.626752468388701, 10.507009873554804],
        [0.0, 3.6237128249944113e-09, 0.08753061208026487, 0.646768603034814,
         1.3692091433692577, 1.0507009873554805, 1.0507009873554805,
         1.0507009873554805],
    ),
    "hard_sigmoid": (  # its slopes are those of float32
        [0.0, 0.0, 0.0, 0.3333333333333333, 0.4583333333333333, 0.5416666666666666,
         0.9166666666666666, 1.0],
        [0.0, 0.0, 0.0, 0.1666666716337204, 0.1666666716337204, 0.1666666716337204,
         0.1666666716337204, 0.0],
    ),
}
# fmt: on


def test_every_activation_has_a_reference():
    assert set(VALUES) == set(SATURATED) == set(ACTIVATIONS)
    assert {
        name for name in ACTIVATIONS if ACTIVATIONS[name].needs_preactivation
    } == KEEP_THE_SUM


@dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 100), (40, 33)], ids=str)
def test_activation_forward(name, shape, dtype):
    rng = np.random.RandomState(0)
    z = (3 * rng.normal(size=shape)).astype(dtype)
    z.flat[: min(z.size, len(EXTREMES))] = EXTREMES[: z.size]
    kept = np.full_like(z, -7)
    total = z.copy()
    expected = VALUES[name](total.astype(np.float64))
    run_leaf(ACTIVATIONS[name].forward.address(dtype), z, kept)
    epsilon = np.finfo(dtype).eps
    # The distribution function in gelu is exact to one epsilon, however small it is.
    floor = np.abs(total) * epsilon if name == "gelu" else 0.0
    error = np.abs(z - expected)
    assert np.all(error <= 6 * epsilon * np.abs(expected) + floor + 1e-37)
    assert_array_equal(kept, total if name in KEEP_THE_SUM else -7)


@dtypes
@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"step"}))
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 100)], ids=str)
def test_activation_backward(name, shape, dtype):
    """The slope, by differences of the reference."""
    rng = np.random.RandomState(1)
    z = rng.uniform(0.1, 2.9, size=shape) * rng.choice([-1, 1], size=shape)
    delta = rng.normal(size=shape)
    h, f = 1e-3, VALUES[name]
    slope = (8 * (f(z + h) - f(z - h)) - (f(z + 2 * h) - f(z - 2 * h))) / (12 * h)
    actual = delta.astype(dtype)
    kept = (z if ACTIVATIONS[name].needs_preactivation else f(z)).astype(dtype)
    run_leaf(ACTIVATIONS[name].backward.address(dtype), kept, actual)
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    assert_allclose(actual, delta * slope, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_products_stand_for_clamps_alone(name):
    """Products set to 0 what is below, and the gradient of what is 0 then."""
    fused_epilogue = ACTIVATIONS[name].fused_epilogue
    assert (fused_epilogue.forwards == RELU) == (name in CLAMPS)
    assert (fused_epilogue.backwards == RELU_GRAD) == (name in CLAMPS)
    z = np.array([-np.inf, -2.0, -1e-300, 0.0, 5e-324, 2.0, 7.0, np.inf, np.nan])
    clamped = np.maximum(z, 0)
    is_one = np.array_equal(forward(name, z)[0], clamped, equal_nan=True)
    is_one &= np.array_equal(slopes(name, z), (clamped != 0).astype(float))
    assert is_one == (name in CLAMPS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_products_know_the_slopes_of_these(name):
    fused_epilogue = ACTIVATIONS[name].fused_epilogue
    assert (fused_epilogue.backwards == QUADRATIC_GRAD) == (name in SLOPES)
    if name in SLOPES:
        y = np.linspace(-1, 1, 9)
        p, q = fused_epilogue.coefficients
        assert_array_equal(p + y * (q - y), SLOPES[name](y))


@dtypes
@pytest.mark.parametrize("name", TORCH)
def test_values_and_slopes_of_pytorch(name, dtype):
    z = np.array([TORCH_POINTS], dtype=dtype)
    values, their_slopes = TORCH[name]
    rtol, atol = (1e-5, 1e-6) if dtype == np.float32 else (1e-12, 1e-14)
    assert_allclose(forward(name, z)[0][0], values, rtol=rtol, atol=atol)
    rtol = max(rtol, 1e-7) if name == "hard_sigmoid" else rtol
    assert_allclose(slopes(name, z)[0], their_slopes, rtol=rtol, atol=atol)


@dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_exact_where_saturated(name, dtype):
    far = [1e30, float(np.finfo(dtype).max) / 4]
    far += [] if name == "softsign" else [50.0, 800.0]
    right = np.array([far], dtype=dtype)
    limits = np.array(SATURATED[name], dtype=dtype)
    assert_array_equal(slopes(name, right), np.full_like(right, limits[1]))
    if name == "gelu":
        assert_array_equal(slopes(name, -right), np.zeros_like(right))
    else:  # the exponential of -50 is not zero yet
        left = slopes(name, -right)
        assert_array_equal(left[:, :2], np.full_like(left[:, :2], limits[0]))
        assert_allclose(left, np.full_like(left, limits[0]), atol=1e-14)


@dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_finite_sum_is_too_large(name, dtype):
    sizes = np.geomspace(1e-37, float(np.finfo(dtype).max) / 4, 2001)
    z = np.array([np.concatenate([-sizes, sizes])], dtype=dtype)
    assert np.isfinite(forward(name, z)[0]).all()
    assert np.isfinite(slopes(name, z)).all()


@dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_let_nan_through(name, dtype):
    """Divergence must not be hidden."""
    y, _ = forward(name, np.full((2, 37), np.nan, dtype=dtype))
    assert np.isnan(y).all()


# Conventions at kinks and jumps -------------------------------------------------------


@dtypes
def test_step_and_its_straight_through_slope(dtype):
    above = np.nextafter(dtype.type(1), dtype.type(2))
    z = np.array([[-5, -above, -1, -0.3, 0, 0.3, 1, above, 5]], dtype=dtype)
    assert_array_equal(forward("step", z)[0][0], [0, 0, 0, 0, 1, 1, 1, 1, 1])
    assert_array_equal(slopes("step", z)[0], [0, 0, 1, 1, 1, 1, 1, 0, 0])


@pytest.mark.parametrize(
    ("name", "z", "slope"),
    [
        ("relu", 0.0, 0.0),
        ("leaky_relu", 0.0, 0.01),
        ("elu", 0.0, 1.0),
        ("selu", 0.0, 1.7580993408473766),
        ("hard_sigmoid", -3.0, 0.0),
        ("hard_sigmoid", 3.0, 0.0),
        ("gelu", 0.0, 0.5),
        ("softsign", 0.0, 1.0),
    ],
)
def test_slopes_at_kinks_are_those_of_pytorch(name, z, slope):
    assert_array_equal(slopes(name, np.array([[z]])), [[slope]])
