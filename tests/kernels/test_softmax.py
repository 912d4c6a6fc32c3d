"""Softmax and log loss against SciPy, for few classes and many, few rows and many."""

import numpy as np
import pytest
from loss_leaves import apply_link, dtypes, loss_of, run_link
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, softmax

from sknn.kernels.losses.table import OUTPUT_ACTIVATIONS
from sknn.network.data import read_only

# Around the numbers of rows and classes that are moved together, and where rows of
# many classes are treated in another way.
N_CLASSES = [*range(1, 11), 15, 16, 17, 31, 32, 33, 40, 65, 100]
N_ROWS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 22, 32, 47, 100]
GUARD = 128
class_counts = pytest.mark.parametrize("n_classes", N_CLASSES)


def raw_outputs(n_rows, n_classes, dtype, seed=0):
    rng = np.random.RandomState(seed)
    raw = 3 * rng.normal(size=(n_rows, n_classes))
    raw[::5] *= 10
    return raw.astype(dtype)


def assert_close_to_softmax(found, raw):
    """Compare with SciPy's in more digits, as exactly as each step is rounded.

    The difference to the highest output is rounded, and exp makes of that a relative
    error. exp is right to 2 units in the last place, or what is below the smallest
    normal number is 0. The sum, the quotient and the product add half a unit each time.
    """
    info = np.finfo(raw.dtype)
    expected = softmax(raw.astype(np.longdouble), axis=1)
    spread = raw.max(axis=1, keepdims=True) - raw
    steps = 4 + raw.shape[1] / 2 + 1 + (spread + spread.max(axis=1, keepdims=True)) / 2
    assert (abs(found - expected) <= info.eps * steps * expected + info.tiny).all()


@dtypes
@class_counts
def test_softmax(n_classes, dtype):
    """In place, and nothing is written before and behind."""
    for n_rows in N_ROWS:
        raw = raw_outputs(n_rows, n_classes, dtype)
        memory = np.full(2 * GUARD + raw.size, -7, dtype)
        rows = memory[GUARD:-GUARD].reshape(raw.shape)
        rows[:] = raw
        run_link(
            OUTPUT_ACTIVATIONS["softmax"].apply.address(dtype),
            rows,
            read_only(np.zeros(4)),
        )
        assert_close_to_softmax(rows, raw)
        assert (memory[:GUARD] == -7).all()
        assert (memory[-GUARD:] == -7).all()


@dtypes
@class_counts
def test_a_row_has_the_same_bits_wherever_it_is(n_classes, dtype):
    raw = raw_outputs(100, n_classes, dtype)
    expected = apply_link("softmax", raw)
    for n_rows in N_ROWS:
        assert_array_equal(apply_link("softmax", raw[-n_rows:]), expected[-n_rows:])
    targets = np.zeros((100, 1))
    _, gradient = loss_of("log_loss", targets, raw)
    assert_array_equal(gradient[:, 1:], expected[:, 1:])
    for n_rows in N_ROWS:
        _, found = loss_of("log_loss", targets[-n_rows:], raw[-n_rows:])
        assert_array_equal(found, gradient[-n_rows:])


# As plain Python, kernels warn where compiled ones just have NaN.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@dtypes
@class_counts
def test_rows_that_are_not_finite_touch_no_other(n_classes, dtype):
    raw = raw_outputs(37, n_classes, dtype)
    targets = np.full((37, 1), n_classes - 1)
    expected = apply_link("softmax", raw)
    _, gradient = loss_of("log_loss", targets, raw)
    odd = {3: np.nan, 16: np.inf, 31: np.nan, 36: np.inf}
    for row, value in odd.items():
        raw[row, 7 * row % n_classes] = value
    raw[20] = -np.inf
    is_odd = np.isin(np.arange(37), [*odd, 20])
    shares = apply_link("softmax", raw)
    value, slopes = loss_of("log_loss", targets, raw)
    assert np.isnan(value)
    for found, finite in ((shares, expected), (slopes, gradient)):
        assert np.isnan(found[is_odd]).all()
        assert_array_equal(found[~is_odd], finite[~is_odd])


@dtypes
@pytest.mark.parametrize("n_classes", [2, 3, 5, 17, 32, 33])
def test_an_output_of_minus_infinity_has_no_share(n_classes, dtype):
    raw = raw_outputs(20, n_classes, dtype)
    raw[:, 1] = -np.inf
    found = apply_link("softmax", raw)
    assert (found[:, 1] == 0).all()
    others = np.arange(n_classes) != 1
    assert_close_to_softmax(found[:, others], raw[:, others])


@dtypes
@pytest.mark.parametrize("weighted", [False, True])
@class_counts
def test_log_loss(n_classes, weighted, dtype):
    """In an order of rows, and with more of them than are worked on at a time."""
    rng = np.random.RandomState(1)
    for n_rows in [*N_ROWS, 600]:
        labels = rng.randint(n_classes, size=(n_rows + 9, 1))
        weights = rng.uniform(0.5, 2, size=n_rows + 9).astype(dtype)
        order = rng.permutation(n_rows + 9)
        used = order[5 : 5 + n_rows]
        raw = raw_outputs(n_rows, n_classes, dtype, seed=2)
        value, gradient = loss_of(
            "log_loss", labels, raw, weights=weights if weighted else (), rows=order,
            first=5,
        )  # fmt: skip
        w = weights[used].astype(np.float64) if weighted else np.ones(n_rows)
        own = np.arange(n_rows), labels[used, 0]
        logs = log_softmax(raw.astype(np.float64), axis=1)[own]
        eps = np.finfo(dtype).eps
        # Probabilities are kept away from 0 and 1 by one epsilon.
        expected = -w @ np.clip(logs, np.log(eps), np.log1p(-eps))
        assert_allclose(value, expected, rtol=30 * eps, atol=n_classes * n_rows * eps)

        shares = apply_link("softmax", raw)
        shares[own] -= 1
        # A product that is below the smallest normal number has fewer digits.
        expected = w[:, np.newaxis] * shares
        assert_allclose(gradient, expected, rtol=eps, atol=np.finfo(dtype).tiny)


@pytest.mark.parametrize("n_classes", [2, 3, 5, 16, 17, 32, 33])
def test_gradient_of_log_loss_is_a_difference(n_classes):
    rng = np.random.RandomState(3)
    raw = rng.normal(size=(19, n_classes))
    labels = rng.randint(n_classes, size=(19, 1))
    weights = rng.uniform(0.5, 2, size=19)
    _, gradient = loss_of("log_loss", labels, raw, weights=weights)
    h = 1e-3
    for _ in range(20):
        step = h * rng.normal(size=raw.shape)
        values = [
            loss_of("log_loss", labels, raw + k * step, weights=weights)[0]
            for k in (-2, -1, 1, 2)
        ]
        difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / 12
        assert_allclose(difference, np.sum(gradient * step), rtol=1e-7, atol=1e-9)
