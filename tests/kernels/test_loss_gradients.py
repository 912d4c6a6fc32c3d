"""Gradients of losses against differences, and losses of extreme outputs."""

import numpy as np
import pytest
from loss_leaves import BY_CLASS, DEFAULTS, cases, dtypes, example, loss_of
from numpy.testing import assert_allclose, assert_array_equal

from sknn.kernels.losses.table import CLASSIFICATION_LOSSES, LOSSES, REGRESSION_LOSSES


@pytest.mark.parametrize("weighted", [False, True])
@cases
def test_gradient_by_differences(name, parameters, weighted):
    """Central differences of fourth order; no kink is within two steps."""
    targets, raw = example(name, parameters, n=9)
    weights = np.random.RandomState(1).uniform(size=9) if weighted else ()
    _, delta = loss_of(name, targets, raw, parameters, weights)
    h, expected = 1e-3, np.empty_like(raw)
    for k in np.ndindex(raw.shape):
        step = np.zeros_like(raw)
        step[k] = h

        def at(n, step=step):
            return loss_of(name, targets, raw + n * step, parameters, weights)[0]

        expected[k] = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
    assert_allclose(delta, expected, rtol=1e-8, atol=1e-9)


PERFECT = {name: 1.0 for name in REGRESSION_LOSSES} | {
    "poisson": 0.0,
    "gamma": 0.0,
    "tweedie": 0.0,
    "binary_log_loss": 60.0,
    "binary_focal": 60.0,
    "binary_hinge": 1.5,
    "log_loss": [-60.0, 60.0, -60.0],
    "focal": [-60.0, 60.0, -60.0],
    "hinge": [-1.0, 0.5, -2.0],
}


def test_every_loss_but_the_smoothed_can_be_perfect():
    assert set(LOSSES) - set(PERFECT) == {
        "smoothed_log_loss",
        "binary_smoothed_log_loss",
    }


@dtypes
@pytest.mark.parametrize("name", PERFECT)
def test_loss_and_gradient_vanish_at_a_perfect_prediction(name, dtype):
    raw = np.broadcast_to(np.array(PERFECT[name], dtype), (1, 3)).copy()
    targets = [[1.0]] if name in BY_CLASS else [[1.0, 1.0, 1.0]]
    value, delta = loss_of(name, targets, raw)
    atol = 4 * np.finfo(dtype).eps
    assert_allclose(value, 0, atol=atol)
    assert_allclose(delta, 0, atol=atol)


@pytest.mark.parametrize(("label", "binary"), [(1, False), (1, True), (0, True)])
def test_gradient_vanishes_where_the_smoothed_target_is_predicted(label, binary):
    s = DEFAULTS["label_smoothing"]
    p = np.array([[s / 3, 1 - s * 2 / 3, s / 3]])
    if binary:
        p = np.full((1, 3), label * (1 - s) + s / 2)
    raw = np.log(p / (1 - p)) if binary else np.log(p)
    targets = np.full((1, 3 if binary else 1), label)
    name = "binary_smoothed_log_loss" if binary else "smoothed_log_loss"
    _, delta = loss_of(name, targets, raw)
    assert_allclose(delta, 0, atol=1e-15)


# ---------------------------------------------------------------------------------
# Extremes. As plain Python, kernels warn where compiled ones just have an infinity.

overflows = pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")


@overflows
@dtypes
@pytest.mark.parametrize("name", CLASSIFICATION_LOSSES)
def test_classification_losses_of_extreme_outputs_are_finite(name, dtype):
    """Gradients stay bounded: no class is more wrong than wholly."""
    extremes = (-800.0, -50.0, 0.0, 50.0, 800.0)
    raw = np.array([(a, b) for a in extremes for b in extremes], dtype=dtype)
    for label in (0, 1):
        targets = np.full((len(raw), 1 if name in BY_CLASS else 2), label)
        value, delta = loss_of(name, targets, raw)
        assert np.isfinite(value)
        bound = 1.6 if "focal" in name else 1.0
        assert_array_equal(np.clip(delta, -bound, bound), delta)


@overflows
@dtypes
@pytest.mark.parametrize("name", ["binary_log_loss", "log_loss"])
def test_hopeless_predictions_cost_the_log_of_epsilon(name, dtype):
    """Probabilities are kept away from 0, as scikit-learn does, so the loss stays
    finite."""
    raw = np.array([[-900.0, 900.0]], dtype=dtype)
    targets = [[0.0]] if name == "log_loss" else [[1.0, 1.0]]
    value, _ = loss_of(name, targets, raw)
    assert_allclose(value, -np.log(np.finfo(dtype).eps), rtol=1e-6)


@dtypes
@pytest.mark.parametrize("name", ["absolute_error", "huber", "log_cosh", "quantile"])
@pytest.mark.parametrize("error", [-1e30, -800.0, 800.0, 1e30])
def test_large_errors_cost_in_proportion(name, error, dtype):
    slope = 0.5 if name == "quantile" else 1.0
    value, delta = loss_of(name, [[0.0]], np.array([[error]], dtype))
    offset = {"huber": 0.5, "log_cosh": np.log(2)}.get(name, 0.0)
    assert_allclose(value, slope * abs(error) - offset, rtol=1e-6)
    assert_allclose(delta, slope * np.sign(error), rtol=1e-6)


@dtypes
@pytest.mark.parametrize("name", ["gamma", "tweedie", "poisson"])
def test_tiny_targets_and_means(name, dtype):
    value, delta = loss_of(name, [[1e-30]], np.array([[-60.0]], dtype))
    assert np.isfinite(value)
    assert np.isfinite(delta).all()


@pytest.mark.parametrize("power", [1, 1.5, 1.9])
def test_tweedie_deviance_of_zero(power):
    """y log y and its likes are 0 at y = 0."""
    value, delta = loss_of(
        "tweedie", [[0.0]], np.array([[0.5]]), {**DEFAULTS, "power": power}
    )
    assert_allclose(value, np.exp((2 - power) * 0.5) / (2 - power), rtol=1e-14)
    assert_allclose(delta, np.exp((2 - power) * 0.5), rtol=1e-14)


@dtypes
@pytest.mark.parametrize("weights", [(), [1.0, 1.0]], ids=["plain", "weighted"])
@cases
def test_nan_in_any_output_reaches_the_loss(name, parameters, weights, dtype):
    """Divergence is found by it."""
    targets, raw = example(name, parameters, n=2)
    for j in range(raw.shape[1]):
        bad = raw.astype(dtype)
        bad[1, j] = np.nan
        assert np.isnan(loss_of(name, targets, bad, parameters, weights)[0]), j


@pytest.mark.parametrize("name", ["focal", "binary_focal", "binary_smoothed_log_loss"])
def test_loss_of_sure_predictions_is_exact_where_it_is_tiny(name):
    """No 1 - p cancels: log(1 + exp(-40)) is not zero."""
    parameters = {**DEFAULTS, "focal_gamma": 0.0, "label_smoothing": 0.0}
    label = 0.0 if name == "binary_smoothed_log_loss" else 1.0
    raw = np.array([[0.0, 40.0]] if name == "focal" else [[80 * label - 40.0]])
    value, _ = loss_of(name, [[label]], raw, parameters)
    assert_allclose(value, np.log1p(np.exp(-40.0)), rtol=1e-14)
