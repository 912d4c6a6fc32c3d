"""Penalties, clipping, decay and limits: closed forms, PyTorch, and the estimators."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPRegressor
from sknn.jit.kernel import call
from sknn.kernels import table
from sknn.kernels.gemm.products import NARROW
from sknn.kernels.optim import regularization
from sknn.kernels.optim.regularization import constrain, shape_gradient
from sknn.network.data import read_only

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
TORCH = json.loads((Path(__file__).parents[1] / "torch_steps.json").read_text())
LIMITS = ["L1", "L2", "DECAY", "CLIP_VALUE", "CLIP_NORM", "MAX_NORM"]

N, N_WEIGHTS, SIZE, RATE = 23, 15, 7.0, 0.1


def run_leaf(address, arguments):
    return call(address, arguments)


def settings_of(**given):
    settings = np.zeros(regularization.N_REGULARIZATION_SETTINGS)
    for name, value in given.items():
        settings[getattr(regularization, name)] = value
    return read_only(settings)


def shape(theta, gradient, size=SIZE, n_weights=N_WEIGHTS, decay=None, **settings):
    """Run the leaf on copies; return the penalty, the gradient and theta."""
    decay = decay or ([n_weights, theta.size], [1.0, 0.0])
    decay = [read_only(np.array(segments)) for segments in decay]
    theta, gradient = theta.copy(), gradient.copy()
    penalty = run_leaf(
        shape_gradient.address(theta.dtype),
        (theta, gradient, n_weights, size, RATE, *decay, settings_of(**settings)),
    )
    return penalty, gradient, theta


def limit(weights, largest, before=0):
    """Run the leaf for one layer, with other parameters around it."""
    fan_in, fan_out = weights.shape
    others = np.full(before, 9.0, weights.dtype)
    is_transposed = fan_out < NARROW
    stored = weights.T if is_transposed else weights
    theta = np.concatenate([others, stored.ravel(), others])
    row = np.zeros((1, table.N_COLUMNS), dtype=np.int64)
    row[0, [table.FAN_IN, table.FAN_OUT]] = fan_in, fan_out
    row[0, table.WEIGHTS] = before
    gradient = np.full_like(theta, np.nan)
    run_leaf(
        constrain.address(weights.dtype),
        (row, theta, gradient, settings_of(MAX_NORM=largest)),
    )
    end = before + weights.size
    assert_array_equal(theta[:before], others)
    assert_array_equal(theta[end:], others)
    found = theta[before:end].reshape(stored.shape)
    return found.T if is_transposed else found


def draw(dtype, seed=0):
    rng = np.random.RandomState(seed)
    theta = rng.normal(size=N).astype(dtype)
    theta[3] = 0.0  # where the penalty L1 has a kink
    return theta, (10 * rng.normal(size=N)).astype(dtype)


def tolerance(dtype):
    return 20 * np.finfo(dtype).eps


# ---------------------------------------------------------------------------------
# The gradient.


@dtypes
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_without_limits_the_gradient_stays_a_sum(decay, dtype):
    """The optimizer's step divides it."""
    theta, gradient = draw(dtype)
    penalty, found, _ = shape(theta, gradient, DECAY=decay)
    assert penalty == 0.0
    assert_array_equal(found, gradient)
    assert not regularization.averages(settings_of(DECAY=decay, MAX_NORM=1.0))


@pytest.mark.parametrize("name", ["L1", "L2", "CLIP_VALUE", "CLIP_NORM"])
@dtypes
def test_with_any_limit_the_gradient_becomes_a_mean(name, dtype):
    theta, gradient = draw(dtype)
    settings = {name: 1e-30 if name.startswith("L") else 1e30}
    _, found, same = shape(theta, gradient, **settings)
    assert_allclose(found, gradient / SIZE, rtol=tolerance(dtype))
    assert_array_equal(same, theta)
    assert regularization.averages(settings_of(**settings))


@dtypes
@pytest.mark.parametrize(("l1", "l2"), [(0.7, 0.0), (0.0, 0.3), (0.7, 0.3)])
def test_penalties(l1, l2, dtype):
    """The biases have none, and a weight of zero has no slope."""
    theta, gradient = draw(dtype)
    penalty, found, same = shape(theta, gradient, L1=l1, L2=l2)
    w = np.where(np.arange(N) < N_WEIGHTS, theta.astype(float), 0.0)
    expected = l1 * np.abs(w).sum() + 0.5 * l2 * (w**2).sum()
    assert_allclose(penalty, expected, rtol=tolerance(dtype))
    expected = (gradient + l1 * np.sign(w) + l2 * w) / SIZE
    assert_allclose(found, expected, rtol=tolerance(dtype), atol=tolerance(dtype))
    assert_array_equal(same, theta)


def test_the_gradient_of_the_penalty_by_differences():
    theta, _ = draw(DTYPES[1], seed=1)
    theta[3] = 0.5
    settings = {"L1": 0.7, "L2": 0.3}
    _, found, _ = shape(theta, np.zeros(N), size=1.0, **settings)
    for i, h in enumerate(1e-6 * np.eye(N)):
        above, below = (shape(theta + s * h, theta, **settings)[0] for s in (1, -1))
        assert_allclose(found[i], (above - below) / 2e-6, atol=1e-8)


@dtypes
def test_clip_by_value(dtype):
    theta, gradient = draw(dtype)
    gradient[:4] = np.array([0.5, -0.5, 3e30, -3e30]) * SIZE
    _, found, _ = shape(theta, gradient, CLIP_VALUE=0.5)
    expected = np.clip(gradient / SIZE, -0.5, 0.5)
    assert_allclose(found, expected, rtol=tolerance(dtype))
    assert np.abs(found).max() == 0.5


@dtypes
@pytest.mark.parametrize("size", [1.0, SIZE])
@pytest.mark.parametrize("factor", [0.01, 0.999, 1.001, 100.0])
def test_clip_by_norm(factor, size, dtype):
    """A longer gradient is shortened, a shorter one left as it is."""
    theta, gradient = draw(dtype)
    mean = gradient.astype(float) / size
    norm = factor * np.linalg.norm(mean)
    _, found, _ = shape(theta, gradient, size=size, CLIP_NORM=norm)
    assert_allclose(found, mean * min(1.0, factor), rtol=tolerance(dtype))


def test_a_gradient_at_the_limit_is_left_as_it_is():
    theta, gradient = np.zeros(2), np.array([3.0, -4.0])
    _, found, _ = shape(theta, gradient, 1.0, 2, CLIP_NORM=5.0, CLIP_VALUE=4.0)
    assert_array_equal(found, gradient)


@pytest.mark.parametrize("norm", TORCH["clipped"])
def test_clip_by_norm_against_pytorch(norm):
    """PyTorch adds 1e-6 to the norm that it divides by."""
    clipped = 0
    for given, expected in zip(TORCH["gradients"], TORCH["clipped"][norm], strict=True):
        gradient = np.array(given)
        settings = {"CLIP_NORM": float(norm)}
        _, found, _ = shape(np.zeros(5), gradient, 1.0, 5, **settings)
        assert_allclose(found, expected, rtol=3e-6)
        clipped += not np.allclose(found, gradient)
    assert clipped > 0


@dtypes
@pytest.mark.parametrize("name", LIMITS[:-1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_limit_hides_divergence(value, name, dtype):
    """NaN stays NaN, and infinity becomes finite only where it is clipped by value."""
    theta, gradient = draw(dtype)
    gradient[[5, -1]] = value
    with np.errstate(all="ignore"):  # for NUMBA_DISABLE_JIT=1
        _, found, _ = shape(theta, gradient, **{name: 0.5})
    if np.isnan(value):
        assert np.isnan(found[[5, -1]]).all()
    elif name == "CLIP_VALUE":
        assert_array_equal(found[[5, -1]], [0.5, 0.5])
    else:
        assert not np.isfinite(found[[5, -1]]).any()


@dtypes
@pytest.mark.parametrize("name", LIMITS[:-1])
def test_a_zero_gradient_stays_zero(name, dtype):
    theta = np.zeros(N, dtype)
    penalty, found, same = shape(theta, theta, **{name: 0.5})
    assert penalty == 0.0
    assert_array_equal(found, 0)
    assert_array_equal(same, 0)


# ---------------------------------------------------------------------------------
# The weights.


@dtypes
def test_decay_takes_a_share_of_the_weights(dtype):
    """In each step the same one, whatever the gradient and the size of the batch."""
    theta, gradient = draw(dtype)
    expected = theta.astype(float)
    expected[:N_WEIGHTS] *= 1 - RATE * 0.4
    for size, factor in [(1.0, 0), (SIZE, 1), (1e6, -50)]:
        penalty, found, decayed = shape(theta, factor * gradient, size, DECAY=0.4)
        assert penalty == 0.0
        assert_array_equal(found, factor * gradient)
        assert_allclose(decayed, expected, rtol=tolerance(dtype))
        assert_array_equal(decayed[N_WEIGHTS:], theta[N_WEIGHTS:])


def test_order():
    """Mean and penalties, value, norm; decay last, and not in the penalty."""
    theta, gradient = draw(DTYPES[1])
    settings = dict(L1=0.7, L2=0.3, DECAY=0.4, CLIP_VALUE=0.8, CLIP_NORM=2.0)
    penalty, found, decayed = shape(theta, gradient, **settings)
    w = np.where(np.arange(N) < N_WEIGHTS, theta, 0.0)
    assert_allclose(penalty, 0.7 * np.abs(w).sum() + 0.15 * (w**2).sum())
    expected = (gradient + 0.7 * np.sign(w) + 0.3 * w) / SIZE
    expected = np.clip(expected, -0.8, 0.8)
    assert np.linalg.norm(expected) > 2.0
    assert_allclose(found, expected * 2.0 / np.linalg.norm(expected))
    assert_allclose(decayed, theta - RATE * 0.4 * w)


@dtypes
@pytest.mark.parametrize("fan_in", [1, 2, 40])
@pytest.mark.parametrize("fan_out", [1, 3, 17])
def test_max_norm(fan_in, fan_out, dtype):
    """Columns, the incoming weights of a neuron, keep their direction."""
    rng = np.random.RandomState(0)
    weights = (rng.normal(size=(fan_in, fan_out)) / np.sqrt(fan_in)).astype(dtype)
    weights[:, 0] *= 100
    exact = weights.astype(float)
    norms = np.linalg.norm(exact, axis=0)
    expected = exact * np.minimum(1.0, 1.0 / norms)
    found = limit(weights, 1.0, before=5)
    assert_allclose(found, expected, rtol=tolerance(dtype))
    assert_array_equal(found[:, norms < 1], weights[:, norms < 1])


@dtypes
def test_max_norm_of_columns_at_the_limit_of_zero_and_of_nan(dtype):
    weights = np.array([[3, 0, np.nan, 6, np.inf], [-4, 0, 1, -8, 1]], dtype)
    with np.errstate(all="ignore"):  # for NUMBA_DISABLE_JIT=1
        found = limit(weights, 5.0)
    assert_array_equal(found[:, :2], weights[:, :2])
    assert np.isnan(found[0, 2])
    assert_array_equal(found[:, 3], [3, -4])
    assert np.isnan(found[0, 4])


# ---------------------------------------------------------------------------------
# In the estimators.

RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 4))
Y = X @ [3.0, -2.0, 1.0, 0.0] + np.sin(3 * X[:, 0])


def fit(X=X, y=Y, **parameters):
    own = {"max_iter": 1, "random_state": 0, "batch_size": 20, "shuffle": False}
    return MLPRegressor(**{**own, **parameters}).fit(X, y)


def initial(**parameters):
    """Return an estimator with the weights that training begins with."""
    return fit(learning_rate=lambda epoch: 0.0, **parameters)


@pytest.mark.parametrize("solver", ["sgd", "adam", "adagrad", "adamw"])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_max_norm_of_all_hidden_neurons(is_sparse, solver):
    data = scipy.sparse.csr_array(X) if is_sparse else X
    own = {
        "hidden_layer_sizes": (7, 5),
        "max_iter": 30,
        "solver": solver,
        "learning_rate_init": 0.02,
    }
    regressor = fit(data, max_norm=0.5, **own)
    hidden = [np.linalg.norm(coef, axis=0) for coef in regressor.coefs_[:-1]]
    assert all(norms.max() <= 0.5 * (1 + 1e-6) for norms in hidden)
    assert any(np.isclose(norms, 0.5).any() for norms in hidden)
    assert np.linalg.norm(regressor.coefs_[-1]) > 0.5  # the output layer is free
    without = fit(data, **own)
    assert np.linalg.norm(without.coefs_[0], axis=0).max() > 0.5


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(
    ("batch_size", "weights", "share"),
    [
        (60, None, 1 / 60),
        (25, None, (25 / 25 + 25 / 25 + 10 / 10) / 60),  # in batches of 25, 25 and 10
        (60, np.full(60, 2.5), 1 / 150),
    ],
    ids=["one batch", "three batches", "weights"],
)
def test_the_penalty_in_the_loss(batch_size, weights, share, l1_ratio):
    """alpha over the size of the batch, times the norms; here of weights that stay."""
    own = {"batch_size": batch_size, "max_iter": 1, "random_state": 0}
    own["learning_rate"] = lambda epoch: 0.0
    without = MLPRegressor(alpha=0.0, **own).fit(X, Y, weights)
    penalised = MLPRegressor(alpha=5.0, l1_ratio=l1_ratio, **own).fit(X, Y, weights)
    absolute = sum(np.abs(coef).sum() for coef in penalised.coefs_)
    squares = sum((coef**2).sum() for coef in penalised.coefs_)
    penalty = 5.0 * (l1_ratio * absolute + (1 - l1_ratio) * 0.5 * squares)
    assert_allclose(penalised.loss_, without.loss_ + share * penalty)


def test_l1_takes_weights_to_zero():
    """Without data they fall by rate * alpha / size a step, then swing around zero."""
    own = {"hidden_layer_sizes": (), "solver": "sgd", "momentum": 0.0}
    own.update(batch_size=60, learning_rate_init=0.1, n_iter_no_change=1000)
    own.update(alpha=6.0, l1_ratio=1.0)
    nothing = np.zeros_like(X)
    start = initial(hidden_layer_sizes=()).coefs_[0]
    step = 0.1 * 6.0 / 60
    n_steps = int(np.abs(start).min() / step)
    falling = fit(nothing, max_iter=n_steps, **own).coefs_[0]
    assert n_steps > 3
    assert_allclose(falling, start - np.sign(start) * n_steps * step, rtol=1e-9)
    swinging = fit(nothing, max_iter=300, **own).coefs_[0]
    assert 0 < np.abs(swinging).max() <= step


@pytest.mark.parametrize("batch_size", [5, 20, 60])
@pytest.mark.parametrize(
    ("solver", "weight_decay", "decay"),
    [
        ("sgd", 0.5, 0.5),
        ("adam", 0.5, 0.5),
        ("lion", 0.5, 0.5),
        ("adamw", "auto", 0.01),
        ("adamw", 0.5, 0.5),
        ("adam", "auto", 0.0),
    ],
)
def test_weight_decay_is_a_share_of_the_rate(solver, weight_decay, decay, batch_size):
    """Where the data have no gradient: in each step, in batches of any size."""
    regressor = fit(
        np.zeros_like(X),
        hidden_layer_sizes=(),
        solver=solver,
        weight_decay=weight_decay,
        alpha=0.0,
        batch_size=batch_size,
        max_iter=4,
        learning_rate_init=0.05,
    )
    start = initial(hidden_layer_sizes=()).coefs_[0]
    n_steps = 4 * 60 // batch_size
    expected = start * (1 - 0.05 * decay) ** n_steps
    assert_allclose(regressor.coefs_[0], expected, rtol=1e-12)


def test_weight_decay_leaves_biases():
    start = initial(hidden_layer_sizes=()).intercepts_[0]
    nothing = np.zeros_like(X)
    regressor = fit(
        nothing,
        np.full(60, start[0]),
        hidden_layer_sizes=(),
        weight_decay=0.5,
        learning_rate_init=0.05,
    )
    assert_allclose(regressor.intercepts_[0], start, rtol=1e-12)


@pytest.mark.parametrize("limit", [{"global_clipnorm": 1.0}, {"clipvalue": 0.1}])
def test_clipping_survives_what_diverges_without_it(limit):
    own = {"solver": "sgd", "learning_rate_init": 0.01, "max_iter": 200}
    with pytest.raises(ValueError, match="diverged"), np.errstate(all="ignore"):
        fit(1e3 * X, Y, **own)
    regressor = fit(1e3 * X, Y, **own, **limit)
    assert np.isfinite(regressor.history_["loss"]).all()
    assert regressor.loss_ < regressor.history_["loss"][0] / 10


def test_a_clipped_step_has_the_length_of_the_limit():
    """Plain gradient descent on one batch: rate times global_clipnorm."""
    own = {"solver": "sgd", "momentum": 0.0, "batch_size": 60}
    start = initial()
    moved = fit(learning_rate_init=0.1, global_clipnorm=0.01, **own)
    steps = [
        np.ravel(after - before)
        for name in ("coefs_", "intercepts_")
        for after, before in zip(
            getattr(moved, name), getattr(start, name), strict=True
        )
    ]
    assert_allclose(np.linalg.norm(np.concatenate(steps)), 0.001, rtol=1e-9)


def test_divergence_is_found_behind_all_limits():
    own = {"solver": "sgd", "learning_rate_init": 1e200, "max_iter": 50}
    own.update(l1_ratio=0.5, weight_decay=0.1, global_clipnorm=1e200, max_norm=1e200)
    with pytest.raises(ValueError, match="diverged"), np.errstate(all="ignore"):
        fit(**own)
