"""Links and losses against closed forms, scikit-learn's metrics and PyTorch."""

import numpy as np
import pytest
import scipy.special
import sklearn.metrics
from loss_leaves import (
    CASES,
    DEFAULTS,
    N_OUTPUTS,
    apply_link,
    cases,
    dtypes,
    example,
    loss_of,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, softmax, xlogy

from sknn.kernels.losses.table import LOSSES, OUTPUT_ACTIVATIONS

# ---------------------------------------------------------------------------------
# Links.

LINK_VALUES = {
    "identity": lambda z: z,
    "exp": np.exp,
    "logistic": expit,
    "softmax": lambda z: softmax(z, axis=1),
    "quantiles": lambda z: np.cumsum(
        np.column_stack([z[:, :1], np.logaddexp(0, z[:, 1:])]), axis=1
    ),
}


def test_every_link_has_a_reference():
    assert set(LINK_VALUES) == set(OUTPUT_ACTIVATIONS)


@dtypes
@pytest.mark.parametrize("link", OUTPUT_ACTIVATIONS)
@pytest.mark.parametrize("shape", [(1, 1), (9, 3), (33, 10)], ids=str)
def test_link(link, shape, dtype):
    raw = (3 * np.random.RandomState(0).normal(size=shape)).astype(dtype)
    expected = LINK_VALUES[link](raw.astype(np.float64))
    settings = (shape[1], *np.linspace(0.1, 0.9, shape[1]), 0, 0, 0)
    tolerance = 20 * np.finfo(dtype).eps
    atol = tolerance if link == "quantiles" else 0
    assert_allclose(
        apply_link(link, raw, settings), expected, rtol=tolerance, atol=atol
    )


@dtypes
def test_softmax_of_extremes_is_finite_and_sums_to_one(dtype):
    raw = np.array([[1e30, -1e30, 0], [800, 800, 800], [-1e30, -1e30, -1e30]], dtype)
    assert_allclose(
        apply_link("softmax", raw), [[1, 0, 0], [1 / 3] * 3, [1 / 3] * 3], rtol=1e-6
    )


@dtypes
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_quantiles_never_cross(dtype, scale):
    """For two targets with three levels each, which do not mix."""
    raw = (scale * np.random.RandomState(0).normal(size=(1000, 6))).astype(dtype)
    found = apply_link("quantiles", raw, (3, 0.1, 0.5, 0.9))
    assert np.isfinite(found).all()
    assert (np.diff(found.reshape(1000, 2, 3)) >= 0).all()
    assert_array_equal(found[:, 0::3], raw[:, 0::3])


def test_distance_of_quantiles_is_exact_also_where_it_is_tiny():
    raw = np.array([[0.0, -40.0], [0.0, -300.0], [0.0, -1e-9]])
    found = apply_link("quantiles", raw, (2, 0.1, 0.9))
    assert_allclose(found[:, 1], np.log1p(np.exp(raw[:, 1])), rtol=1e-15)


# ---------------------------------------------------------------------------------
# Values: each row's loss, the sum over its outputs, in NumPy and SciPy.


def by_label(function):
    """Make a closed form of one of a label's probability or signed output."""
    return lambda y, z, p: function(np.where(y == 1, z, -z), p).sum(axis=1)


def of_own_class(function):
    """Make a closed form of one of the log probability of the row's class."""

    def of_rows(y, z, p):
        rows, classes = np.arange(len(z)), y[:, 0].astype(int)
        return function(log_softmax(z, axis=1)[rows, classes], p)

    return of_rows


def elementwise(function):
    return lambda y, z, p: function(y, z, p).sum(axis=1)


def pinball(y, z, p):
    levels = np.atleast_1d(p["quantile"])
    z = z.reshape(len(z), -1, len(levels))
    steps = np.concatenate([z[..., :1], np.logaddexp(0, z[..., 1:])], axis=2)
    e = y[..., np.newaxis] - np.cumsum(steps, axis=2)
    return np.maximum(levels * e, (levels - 1) * e).sum(axis=(1, 2))


def tweedie(y, z, p):
    power, mu = p["power"], np.exp(z)
    if power == 1:
        return xlogy(y, y / mu) - y + mu
    if power == 2:
        return y / mu - 1 - np.log(y / mu)
    return (
        y ** (2 - power) / ((1 - power) * (2 - power))
        - y * mu ** (1 - power) / (1 - power)
        + mu ** (2 - power) / (2 - power)
    )


def smoothed(y, z, p):
    s, n = p["label_smoothing"], z.shape[1]
    target = (1 - s) * np.eye(n)[y[:, 0].astype(int)] + s / n
    return -(target * log_softmax(z, axis=1)).sum(axis=1)


def binary_smoothed(y, z, p):
    target = y * (1 - p["label_smoothing"]) + p["label_smoothing"] / 2
    return -target * np.log(expit(z)) - (1 - target) * np.log(expit(-z))


def crammer_singer(y, z, p):
    rows, classes = np.arange(len(z)), y[:, 0].astype(int)
    rivals = z.copy()
    rivals[rows, classes] = -np.inf
    return np.maximum(0, 1 + rivals.max(axis=1) - z[rows, classes])


def focal(log_p, p):
    return -((1 - np.exp(log_p)) ** p["focal_gamma"]) * log_p


CLOSED_FORMS = {
    "squared_error": elementwise(lambda y, z, p: (z - y) ** 2 / 2),
    "absolute_error": elementwise(lambda y, z, p: abs(z - y)),
    "huber": elementwise(lambda y, z, p: scipy.special.huber(p["delta"], z - y)),
    "log_cosh": elementwise(lambda y, z, p: np.log(np.cosh(z - y))),
    "quantile": pinball,
    "poisson": elementwise(lambda y, z, p: tweedie(y, z, {"power": 1})),
    "gamma": elementwise(lambda y, z, p: tweedie(y, z, {"power": 2})),
    "tweedie": elementwise(tweedie),
    "log_loss": of_own_class(lambda log_p, p: -log_p),
    "smoothed_log_loss": smoothed,
    "focal": of_own_class(focal),
    "hinge": crammer_singer,
    "binary_log_loss": by_label(lambda z, p: -np.log(expit(z))),
    "binary_smoothed_log_loss": elementwise(binary_smoothed),
    "binary_focal": by_label(lambda z, p: focal(np.log(expit(z)), p)),
    "binary_hinge": by_label(lambda z, p: np.maximum(0, 1 - z)),
}


def test_every_loss_has_a_closed_form():
    assert set(CLOSED_FORMS) == set(LOSSES)


@dtypes
@pytest.mark.parametrize("weighted", [False, True])
@cases
def test_loss_is_its_closed_form(name, parameters, weighted, dtype):
    """In an order of rows, for a part of them, with and without weights."""
    targets, raw = example(name, parameters)
    rng = np.random.RandomState(5)
    rows, first, n = rng.permutation(len(raw)), 7, 19
    weights = rng.uniform(0, 2, size=len(raw)) if weighted else ()
    used = rows[first : first + n]
    value, delta = loss_of(
        name, targets, raw[used].astype(dtype), parameters, weights, rows, first
    )
    w = weights[used] if weighted else np.ones(n)
    expected = w @ CLOSED_FORMS[name](targets[used], raw[used], parameters)
    # Near a power of 1 the closed form itself cancels.
    rtol = 1e-10 if parameters["power"] == 1.0001 else 1e-12
    assert_allclose(value, expected, rtol=1e-5 if dtype == np.float32 else rtol)

    _, plain = loss_of(name, targets[used], raw[used], parameters)
    tolerance = 1e-5 if dtype == np.float32 else 1e-14
    assert_allclose(delta, w[:, np.newaxis] * plain, rtol=tolerance, atol=tolerance)


def of_outputs(metric):
    """Make the sum over the outputs of a metric of one of them."""
    return lambda y, z, p: sum(metric(y[:, k], z[:, k], p) for k in range(z.shape[1]))


def deviance(power):
    return of_outputs(
        lambda y, z, p: (
            sklearn.metrics.mean_tweedie_deviance(
                y, np.exp(z), power=power or p["power"]
            )
            / 2
        )
    )


METRICS = {
    "squared_error": of_outputs(
        lambda y, z, p: sklearn.metrics.mean_squared_error(y, z) / 2
    ),
    "absolute_error": of_outputs(
        lambda y, z, p: sklearn.metrics.mean_absolute_error(y, z)
    ),
    "quantile": of_outputs(
        lambda y, z, p: sklearn.metrics.mean_pinball_loss(y, z, alpha=p["quantile"])
    ),
    "poisson": deviance(1),
    "gamma": deviance(2),
    "tweedie": deviance(None),
    "log_loss": lambda y, z, p: sklearn.metrics.log_loss(
        y, softmax(z, axis=1), labels=range(N_OUTPUTS)
    ),
    "hinge": lambda y, z, p: sklearn.metrics.hinge_loss(
        y[:, 0], z, labels=range(N_OUTPUTS)
    ),
    "binary_log_loss": of_outputs(
        lambda y, z, p: sklearn.metrics.log_loss(y, expit(z))
    ),
    "binary_hinge": of_outputs(lambda y, z, p: sklearn.metrics.hinge_loss(y, z)),
}


def has_metric(name, parameters):
    return name in METRICS and np.ndim(parameters["quantile"]) == 0


@pytest.mark.parametrize(
    ("name", "parameters"), [case for case in CASES if has_metric(*case.values)]
)
def test_loss_is_scikit_learns_metric(name, parameters):
    targets, raw = example(name, parameters)
    value, _ = loss_of(name, targets, raw, parameters)
    expected = METRICS[name](targets, raw, parameters) * len(raw)
    assert_allclose(value, expected, rtol=1e-10)


# PyTorch 2.13.0: huber_loss(delta=0.7), cross_entropy(label_smoothing=0.1),
# binary_cross_entropy_with_logits of smoothed targets; and the focal loss with a gamma
# of 1.7 from its definition, by automatic differentiation.
TORCH_RAW = np.array([[-2.0, 0.3, 1.5], [0.2, -0.4, 3.0]])
TORCH = {
    "huber": (
        [[0.5, 0.1, 1.0], [-1.0, -0.9, 0.0]],
        4.225,
        [[-0.7, 0.2, 0.5], [0.7, 0.5, 0.7]],
    ),
    "smoothed_log_loss": (
        [[2], [0]],
        3.259566310865151,
        [
            [-0.010652265247777917, 0.1928917780220716, -0.18223951277429362],
            [-0.8777575803363247, -0.0028327134038875178, 0.8805902937402121],
        ],
    ),
    "binary_smoothed_log_loss": (
        [[1, 0, 0], [0, 1, 1]],
        6.372438006849538,
        [
            [-0.8307970779778825, 0.524442516811659, 0.7675744761936436],
            [0.49983399731247796, -0.5486876601124521, 0.002574126822433298],
        ],
    ),
    "focal": (
        [[2], [0]],
        2.6492183572433037,
        [
            [0.005264073595654178, 0.05250483049862736, -0.057768904094281516],
            [-1.1046938195887346, 0.03567660025312443, 1.0690172193356098],
        ],
    ),
    "binary_focal": (
        [[1, 0, 0], [0, 1, 1]],
        3.925851622952971,
        [
            [-1.0572053617047783, 0.46471454026138503, 0.9551917980837011],
            [0.41984553752216863, -0.5106938633882265, -0.0007078895293250201],
        ],
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_loss_and_gradient_are_pytorchs(name):
    targets, expected, gradient = TORCH[name]
    parameters = {**DEFAULTS, "delta": 0.7, "focal_gamma": 1.7}
    value, delta = loss_of(name, targets, TORCH_RAW, parameters)
    assert_allclose(value, expected, rtol=1e-13)
    assert_allclose(delta, gradient, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "changes", "other", "rtol"),
    [
        ("tweedie", {"power": 1}, "poisson", 1e-12),
        ("tweedie", {"power": 1 + 1e-9}, "poisson", 1e-7),
        ("tweedie", {"power": 2}, "gamma", 1e-12),
        ("tweedie", {"power": 2 - 1e-9}, "gamma", 1e-7),
        ("focal", {"focal_gamma": 0}, "log_loss", 1e-12),
        ("binary_focal", {"focal_gamma": 0}, "binary_log_loss", 1e-12),
        ("smoothed_log_loss", {"label_smoothing": 0}, "log_loss", 1e-12),
        ("binary_smoothed_log_loss", {"label_smoothing": 0}, "binary_log_loss", 1e-12),
        ("huber", {"delta": 1e9}, "squared_error", 1e-12),
    ],
)
def test_losses_that_coincide(name, changes, other, rtol):
    parameters = {**DEFAULTS, **changes}
    targets, raw = example("gamma" if other == "gamma" else other, parameters)
    value, delta = loss_of(name, targets, raw, parameters)
    expected, gradient = loss_of(other, targets, raw)
    assert_allclose(value, expected, rtol=rtol)
    assert_allclose(delta, gradient, rtol=rtol, atol=rtol)


def test_pinball_loss_of_the_median_is_half_the_absolute_error():
    targets, raw = example("absolute_error", DEFAULTS)
    value, delta = loss_of("quantile", targets, raw)
    expected, gradient = loss_of("absolute_error", targets, raw)
    assert_allclose(2 * value, expected, rtol=1e-14)
    assert_array_equal(2 * delta, gradient)
