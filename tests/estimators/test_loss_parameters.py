"""What losses refuse, and losses of one's own."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sknn import MLPRegressor
from sknn.jit.declarations import INTERPRETED
from sknn.jit.kernel import Kernel
from sknn.kernels.losses.base import LossOptions
from sknn.kernels.losses.table import REGRESSION_LOSSES, levels_of, register_custom

X = np.random.RandomState(0).normal(size=(60, 3))
LINEAR = X @ [1.0, -2.0, 0.5] + 0.3


# ---------------------------------------------------------------------------------
# Domains.


@pytest.mark.parametrize(
    ("loss", "power", "smallest", "message"),
    [
        ("poisson", 1.5, -1, r"loss='poisson' needs y >= 0 .* smallest .* y is -1\. "),
        ("gamma", 1.5, 0, r"loss='gamma' needs y > 0 .* of y is 0\. "),
        ("gamma", 1.5, -0.5, r"loss='gamma' needs y > 0 .* of y is -0\.5\. "),
        (
            "tweedie",
            1.5,
            -2,
            r"loss='tweedie' needs y >= 0 \(power=1\.5\).* y is -2\. ",
        ),
        ("tweedie", 2, 0, r"loss='tweedie' needs y > 0 \(power=2\).* of y is 0\. "),
        ("tweedie", 3, -1, r"loss='tweedie' needs y > 0 \(power=3\).* of y is -1\. "),
    ],
)
def test_targets_outside_of_the_domain_are_refused(loss, power, smallest, message):
    y = np.abs(LINEAR) + 1
    y[7] = smallest
    changes = {"power": power} if loss == "tweedie" else {}
    with pytest.raises(ValueError, match=message + "Use .*loss='squared_error'"):
        MLPRegressor(loss=loss, **changes).fit(X, y)


@pytest.mark.parametrize(("loss", "power"), [("poisson", 1.5), ("tweedie", 1.99)])
def test_zeros_are_taken(loss, power):
    options = LossOptions(power=power)
    REGRESSION_LOSSES[loss].check_targets(np.array([[0.0], [3.0]]), options)


@pytest.mark.parametrize(
    "quantile", [(), (0.5, 0.5), (0.9, 0.1), (0.0, 0.5), (0.5, 1.0), ((0.1, 0.5),)]
)
def test_levels_that_are_none_are_refused(quantile):
    message = "quantile must be one level, or a sequence of strictly increasing levels"
    with pytest.raises(ValueError, match=message):
        MLPRegressor(loss="quantile", quantile=quantile).fit(X, LINEAR)


@pytest.mark.parametrize("quantile", [0.0, 1.0, -0.1, "median", np.nan, ("a",)])
def test_one_level_that_is_none_is_refused(quantile):
    with pytest.raises(ValueError, match="quantile"):
        MLPRegressor(loss="quantile", quantile=quantile).fit(X, LINEAR)


@pytest.mark.parametrize(
    ("quantile", "levels"),
    [
        (0.3, (0.3,)),
        (np.float32(0.5), (0.5,)),
        ([0.25], (0.25,)),
        (np.array([0.1, 0.9]), (0.1, 0.9)),
    ],
    ids=str,
)
def test_levels(quantile, levels):
    assert levels_of(LossOptions(quantile=quantile)) == levels


# ---------------------------------------------------------------------------------
# A loss of one's own.


@pytest.fixture
def registered():
    """Register losses that are gone after the test."""
    before = set(REGRESSION_LOSSES)
    yield register_custom
    for name in set(REGRESSION_LOSSES) - before:
        del REGRESSION_LOSSES[name]


def half_square(y, z):
    return 0.5 * (z - y) ** 2


def half_square_gradient(y, z):
    return z - y


def half_poisson(y, z):
    return np.exp(z) - y * z


def half_poisson_gradient(y, z):
    return np.exp(z) - y


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("twin", "value", "gradient", "link"),
    [
        ("squared_error", half_square, half_square_gradient, "identity"),
        ("poisson", half_poisson, half_poisson_gradient, "exp"),
    ],
)
def test_custom_loss_trains_as_its_built_in_twin(
    registered, twin, value, gradient, link, weighted, dtype
):
    registered("own", value, gradient, link)
    y = np.abs(LINEAR)
    weights = np.random.RandomState(1).uniform(size=len(y)) if weighted else None
    own, other = (
        MLPRegressor(loss, max_iter=5, random_state=0).fit(
            X.astype(dtype), y, sample_weight=weights
        )
        for loss in ("own", twin)
    )
    assert own.coefs_[0].dtype == dtype
    assert own.out_activation_ == other.out_activation_ == link
    rtol = 1e-4 if dtype == np.float32 else 1e-10
    assert_allclose(own.predict(X), other.predict(X), rtol=rtol, atol=rtol)


def test_custom_loss_can_be_registered_anew(registered):
    """As in a cell of a notebook that runs twice."""
    losses = []
    for scale in (1.0, 3.0):
        registered(
            "own",
            lambda y, z, scale=scale: scale * (z - y) ** 2,
            lambda y, z, scale=scale: scale * 2 * (z - y),
        )
        model = MLPRegressor("own", solver="sgd", max_iter=1, random_state=0)
        losses.append(model.fit(X, LINEAR).loss_)
    assert losses[1] > 2 * losses[0]


def test_custom_loss_checks_its_targets(registered):
    def check(y):
        if (y > 1).any():
            raise ValueError("own needs y <= 1")

    registered("own", half_square, half_square_gradient, "logistic", check)
    model = MLPRegressor("own", max_iter=1)
    with pytest.raises(ValueError, match="own needs y <= 1"):
        model.fit(X, LINEAR + 10)
    assert ((model.fit(X, LINEAR > 0).predict(X) - 0.5) ** 2 <= 0.25).all()


@pytest.mark.skipif(INTERPRETED, reason="there is no cache")
def test_custom_loss_is_not_cached(registered, tmp_path, monkeypatch):
    """It could not be told from another of its name in another process."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    registered("own", half_square, half_square_gradient)
    own = REGRESSION_LOSSES["own"].train
    own.address(np.dtype(np.float64))
    assert not list(tmp_path.rglob("*own*"))

    cached = Kernel(own.function, own.signature, "cached_own_train")
    cached.address(np.dtype(np.float64))
    assert list(tmp_path.rglob("*own*"))


@pytest.mark.parametrize("link", ["softmax", "quantiles", "relu", None])
def test_links_that_a_custom_loss_cannot_have(registered, link):
    message = r"link must be one of \['exp', 'identity', 'logistic'\]"
    with pytest.raises(ValueError, match=message):
        registered("own", half_square, half_square_gradient, link)
    assert "own" not in REGRESSION_LOSSES


@pytest.mark.parametrize("name", ["squared_error", "log_loss"])
def test_names_of_sknn_are_not_replaced(registered, name):
    with pytest.raises(ValueError, match="is a loss of sknn itself"):
        registered(name, half_square, half_square_gradient)
