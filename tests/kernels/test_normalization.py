"""Batch and layer normalisation against NumPy and recorded values of PyTorch."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from networks import mlp_architecture
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor
from sknn.jit.kernel import call
from sknn.kernels import table
from sknn.kernels.batch import Batch
from sknn.kernels.layers.normalization import EPSILON, MOMENTUM, NORMALIZATIONS
from sknn.network.data import read_only
from sknn.network.layout import Layout
from sknn.network.program import operations

DTYPES = [np.dtype(np.float32), np.dtype(np.float64)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)

X = np.array(
    [[3.53, 0.8, 1.96], [4.48, 3.74, -1.95], [1.9, -0.3, -0.21], [0.82, 0.29, 2.91]]
)
DELTA = np.array(
    [[0.76, 0.12, 0.44], [0.33, 1.49, -0.21], [0.31, -0.85, -2.55], [0.65, 0.86, -0.74]]
)
GAIN, SHIFT = np.array([0.5, 1.5, -1.0]), np.array([0.1, -0.2, 0.3])

# PyTorch 2.13: BatchNorm1d(3) and LayerNorm(3) in float64, with these gains and
# shifts, on X; and their gradients from DELTA.
PYTORCH = {
    "batch": {
        "y": [
            [0.399066665195, -0.520749249964, -0.377814856985],
            [0.734303635029, 2.315349381295, 1.688661627079],
            [-0.176129398837, -1.58187458819, 0.76905316614],
            [-0.557240901386, -1.012725543141, -0.879899936234],
        ],
        "x_delta": [
            [0.095379376254, -0.131049486685, -0.55510513257],
            [-0.047345589677, -0.081654438878, -0.460807618269],
            [-0.078882991632, -0.590780272923, 0.886819695654],
            [0.030849205055, 0.803484198486, 0.129093055185],
        ],
        "gain": [-0.152391668866, 2.790020067329, 0.912817099604],
    },
    "layer": {
        "y": [
            [0.740622180035, -1.938618800235, 0.422165159914],
            [0.515993244707, 0.661575967071, 1.706370467461],
            [0.806641320617, -1.326363311517, 0.962373766889],
            [-0.12987466463, -1.592509987661, -1.088089321033],
        ],
        "x_delta": [
            [0.177180617635, 0.239802514602, -0.416983132237],
            [-0.354094069921, 0.400145208035, -0.046051138114],
            [-0.078885383112, -1.849368866845, 1.928254249957],
            [-0.450030849899, 0.358995029034, 0.091035820865],
        ],
        "gain": [1.387581809924, 0.556642773539, 0.903452135808],
    },
}
# Its running statistics after this batch, from zeros and ones.
PYTORCH_MEAN = [0.26825, 0.11325, 0.06775]
PYTORCH_VARIANCE = [1.1676825, 1.2223825, 1.3773425]


def run(op, batch, theta, gradient, values, deltas):
    call(op[table.FORWARD], (op, batch, theta, values))
    call(op[table.BACKWARD], (op, batch, theta, gradient, values, deltas))
    if op[table.GRADIENT]:
        call(op[table.GRADIENT], (op, batch, gradient, values, deltas, 0, 1))


def normalized(
    name, x, delta=None, *, gain=1.0, shift=0.0, running=(0.0, 1.0), weights=(),
    training=True,
):  # fmt: skip
    """Run a normalisation forwards and backwards; return what it leaves."""
    x = np.asarray(x)
    n, width = x.shape
    network = mlp_architecture(
        (width, width, 1), ("identity",), "identity", normalization=name
    )
    layout = Layout(network)
    op = operations(layout, x.dtype, False, training).table[1].copy()
    theta = np.zeros(layout.n_parameters, x.dtype)
    theta[op[table.WEIGHTS] :][:width] = gain
    theta[op[table.BIAS] :][:width] = shift
    statistics = theta[op[table.RUNNING] :][: 2 * width].reshape(2, width)
    if NORMALIZATIONS[name].keeps_running_statistics:
        statistics.T[:] = np.transpose(running)
    gradient = np.full(layout.n_trained, np.nan, x.dtype)
    nothing = read_only(np.empty(0, x.dtype))
    batch = Batch(
        nothing,
        0,
        read_only(np.empty(0, np.int32)),
        read_only(np.empty(0, np.int64)),
        read_only(np.asarray(weights, x.dtype)),
        read_only(np.empty(0, np.int64)),
        0,
        n,
        0,
        n,
        0,
    )
    values, deltas = np.full((2, 10 * x.size), np.nan, x.dtype)

    def part(buffer, column):
        return buffer[op[column] * n :][: x.size].reshape(x.shape)

    part(values, table.INPUT)[:] = x
    part(deltas, table.OUTPUT)[:] = 0.0 if delta is None else delta
    run(op, batch, theta, gradient, values, deltas)
    return {
        "y": part(values, table.OUTPUT),
        "x_delta": part(deltas, table.INPUT),
        "gain": gradient[op[table.WEIGHTS] :][:width],
        "shift": gradient[op[table.BIAS] :][:width],
        "running": statistics,
    }


def test_every_normalization_has_recorded_values():
    assert set(PYTORCH) == set(NORMALIZATIONS)


# ---------------------------------------------------------------------------------
# The kernels.


@dtypes
@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_outputs_and_gradients_are_those_of_pytorch(name, dtype):
    found = normalized(name, X.astype(dtype), DELTA, gain=GAIN, shift=SHIFT)
    tolerance = {"rtol": 1e-9, "atol": 1e-11}
    if dtype == np.float32:
        tolerance = {"rtol": 1e-5, "atol": 1e-6}
    for key, expected in PYTORCH[name].items():
        assert_allclose(found[key], expected, **tolerance)
    assert_allclose(found["shift"], DELTA.sum(axis=0), **tolerance)


def test_running_statistics_are_those_of_pytorch():
    """The variance is the unbiased one; what is normalised with is not."""
    mean, variance = normalized("batch", X)["running"]
    assert_allclose(mean, PYTORCH_MEAN, rtol=1e-12)
    assert_allclose(variance, PYTORCH_VARIANCE, rtol=1e-12)


@dtypes
def test_statistics_against_numpy(dtype):
    x = np.random.RandomState(0).normal(3, 2, size=(40, 7)).astype(dtype)
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-11}
    found = normalized("batch", x, running=(np.full(7, 0.5), np.full(7, 2.0)))
    scale = np.sqrt(x.var(axis=0) + EPSILON)
    assert_allclose(found["y"], (x - x.mean(axis=0)) / scale, **tolerance)
    mean, variance = found["running"]
    assert_allclose(mean, MOMENTUM * 0.5 + 0.1 * x.mean(axis=0), **tolerance)
    assert_allclose(variance, MOMENTUM * 2 + 0.1 * x.var(axis=0, ddof=1), **tolerance)
    found = normalized("layer", x)
    scale = np.sqrt(x.var(axis=1) + EPSILON)[:, None]
    centred = x - x.mean(axis=1)[:, None]
    assert_allclose(found["y"], centred / scale, **tolerance)


def number_of_rows(weights):
    """Return the sum, or the effective number of rows if that is more."""
    shares = weights / weights.sum()
    return max(weights.sum(), 1 / np.sum(shares**2))


def unbiased(x, weights):
    """Return the mean of each column, and an unbiased variance."""
    mean, n = np.average(x, axis=0, weights=weights), number_of_rows(weights)
    return mean, np.average((x - mean) ** 2, axis=0, weights=weights) * n / (n - 1)


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 0.1, 1.0, 1e9])
def test_weighted_statistics_against_numpy(scale):
    """Whatever the sum of the weights is, also where it is 1 or less."""
    rng = np.random.RandomState(0)
    x, weights = rng.normal(size=(9, 4)), rng.uniform(0, 3, size=9) * scale
    weights[2] = 0
    found = normalized("batch", x, weights=weights)
    mean = np.average(x, axis=0, weights=weights)
    variance = np.average((x - mean) ** 2, axis=0, weights=weights)
    assert_allclose(found["y"], (x - mean) / np.sqrt(variance + EPSILON), rtol=1e-12)
    mean, variance = unbiased(x, weights)
    assert_allclose(found["running"][0], 0.1 * mean, rtol=1e-12)
    assert_allclose(found["running"][1], 0.9 + 0.1 * variance, rtol=1e-12)


def test_weights_are_repetitions_in_the_running_variance():
    weights = np.array([2, 1, 0, 3])
    found = normalized("batch", X, weights=weights)["running"]
    expected = normalized("batch", np.repeat(X, weights, axis=0))["running"]
    assert_allclose(found, expected, rtol=1e-13)
    variance = np.cov(X.T, fweights=weights).diagonal()
    assert_allclose(found[1], 0.9 + 0.1 * variance, rtol=1e-13)


def test_small_weights_are_importances_in_the_running_variance():
    weights = np.array([0.02, 0.01, 0.005, 0.03])
    variance = np.cov(X.T, aweights=weights).diagonal()
    found = normalized("batch", X, weights=weights)["running"]
    assert_allclose(found[1], 0.9 + 0.1 * variance, rtol=1e-13)


# Weights of rows, of which one alone counts.
ONE_ROW = {
    "one row": (X[1:2], ()),
    "one row with a weight": (X[1:2], [0.3]),
    "others of weight zero": (X, [0, 5, 0, 0]),
    "others of next to no weight": (X, [1e-40, 1, 1e-30, 0]),
    "a tiny weight": (X, [0, 1e-30, 0, 0]),
}


@dtypes
@pytest.mark.parametrize("case", ONE_ROW)
def test_one_row_is_normalized_by_the_running_statistics(case, dtype):
    """And leaves them as they are; differences confirm the gradients."""
    x, weights = ONE_ROW[case]
    x = x.astype(dtype)
    row = 0 if len(x) == 1 else 1
    mean, variance = np.array([1.0, -1.0, 0.5]), np.array([4.0, 0.25, 9.0])
    options = {"gain": GAIN, "shift": SHIFT, "running": (mean, variance)}
    delta = np.zeros(x.shape)
    delta[row] = DELTA[1]  # the loss of the others counts nothing
    found = normalized("batch", x, delta, weights=weights, **options)
    scale = 1 / np.sqrt(variance + EPSILON)
    tolerance = {"rtol": 1e-12 if dtype == np.float64 else 1e-5}
    assert_allclose(found["y"], GAIN * (x - mean) * scale + SHIFT, **tolerance)
    assert_array_equal(found["running"], np.array([mean, variance], dtype))
    assert_allclose(found["gain"], DELTA[1] * (x[row] - mean) * scale, **tolerance)
    assert_allclose(found["shift"], DELTA[1], **tolerance)
    assert_allclose(found["x_delta"][row], DELTA[1] * GAIN * scale, **tolerance)
    if dtype == np.float64:
        for j, step in enumerate(np.eye(3) * 1e-6):
            ends = []
            for sign in (-1, 1):
                moved = x.copy()
                moved[row] += sign * step
                y = normalized("batch", moved, weights=weights, **options)["y"]
                ends.append(y[row] @ DELTA[1])
            difference = (ends[1] - ends[0]) / 2e-6
            assert_allclose(found["x_delta"][row, j], difference, rtol=1e-8)


def test_layer_normalization_takes_no_notice_of_weights():
    expected = normalized("layer", X, DELTA)
    found = normalized("layer", X, DELTA, weights=[1, 2, 0, 5])
    for key in ("y", "x_delta", "gain", "shift"):
        assert_array_equal(found[key], expected[key])


def test_fixed_statistics_are_used_and_left():
    mean, variance = np.array([1.0, -1.0, 0.5]), np.array([4.0, 0.25, 9.0])
    found = normalized(
        "batch", X, DELTA, gain=GAIN, shift=SHIFT, running=(mean, variance),
        training=False,
    )  # fmt: skip
    scale = 1 / np.sqrt(variance + EPSILON)
    assert_allclose(found["y"], GAIN * (X - mean) * scale + SHIFT, rtol=1e-12)
    assert_allclose(found["x_delta"], DELTA * GAIN * scale, rtol=1e-12)
    assert_allclose(found["gain"], np.sum(DELTA * (X - mean) * scale, axis=0))
    assert_allclose(found["shift"], DELTA.sum(axis=0))
    assert_array_equal(found["running"], [mean, variance])


@dtypes
@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_constant_columns_and_single_rows_are_finite(name, dtype):
    for x in (X[:1], np.full((5, 3), 7.0), X[:, :1], np.zeros((1, 1))):
        found = normalized(name, x.astype(dtype), np.ones(x.shape))
        for values in found.values():
            assert np.isfinite(values).all()
    constant = normalized("batch", X[[0, 0]], shift=SHIFT)
    assert_array_equal(constant["y"], [SHIFT, SHIFT])
    assert_allclose(constant["running"][1], 0.9, rtol=1e-14)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_nan_passes_through(name):
    """Divergence is found by looking for it."""
    x = X.copy()
    x[1, 2] = np.nan
    assert np.isnan(normalized(name, x)["y"][1, 2])


# ---------------------------------------------------------------------------------
# The estimators.


def data(n=70, n_features=5):
    rng = np.random.RandomState(0)
    inputs = rng.normal(2, 3, size=(n, n_features))
    inputs[rng.uniform(size=inputs.shape) < 0.5] = 0
    return inputs, (inputs[:, 0] > inputs[:, 1]).astype(int)


@pytest.mark.parametrize("weighted", [False, True])
def test_running_statistics_follow_the_batches(weighted):
    """Nothing is learnt at so low a rate; the last batch is a short one."""
    inputs, y = data(50)
    weights = np.random.RandomState(1).uniform(0, 2, 50) if weighted else np.ones(50)
    regressor = MLPRegressor(
        hidden_layer_sizes=(3,),
        solver="sgd",
        normalization="batch",
        learning_rate_init=1e-300,
        batch_size=20,
        shuffle=False,
        max_iter=4,
        tol=0.0,
        random_state=0,
    ).fit(inputs, y, sample_weight=weights if weighted else None)
    z = inputs @ regressor.coefs_[0] + regressor.intercepts_[0]
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(4):
        for rows in (slice(0, 20), slice(20, 40), slice(40, 50)):
            own, own_variance = unbiased(z[rows], weights[rows])
            mean = 0.9 * mean + 0.1 * own
            variance = 0.9 * variance + 0.1 * own_variance
    assert_allclose(regressor.running_statistics_[0], [mean, variance], rtol=1e-11)


def prediction(regressor, inputs):
    """Return the raw outputs of a network of relu, in NumPy."""
    h = inputs
    for k, gain in enumerate(regressor.gains_):
        z = h @ regressor.coefs_[k] + regressor.intercepts_[k]
        if regressor.normalization == "batch":
            mean, variance = regressor.running_statistics_[k]
        else:
            mean, variance = z.mean(axis=1)[:, None], z.var(axis=1)[:, None]
        normal = (z - mean) / np.sqrt(variance + EPSILON)
        h = np.maximum(gain * normal + regressor.shifts_[k], 0)
    return h @ regressor.coefs_[-1] + regressor.intercepts_[-1]


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_predictions_against_numpy(name, early_stopping):
    """Batch normalisation predicts with the running statistics."""
    inputs, y = data()
    regressor = MLPRegressor(
        hidden_layer_sizes=(6, 4),
        normalization=name,
        max_iter=10,
        early_stopping=early_stopping,
        random_state=0,
    ).fit(inputs, y)
    expected = prediction(regressor, inputs)[:, 0]
    assert_allclose(regressor.predict(inputs), expected, rtol=1e-10)
    assert_allclose(regressor.predict(inputs[:1]), expected[:1], rtol=1e-10)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_gains_and_shifts_are_learnt(name):
    inputs, y = data()
    classifier = MLPClassifier(
        (6, 4), normalization=name, learning_rate_init=0.01, random_state=0
    )
    classifier.fit(inputs, y)
    assert classifier.score(inputs, y) > 0.95
    for gain, shift in zip(classifier.gains_, classifier.shifts_, strict=True):
        assert np.all(gain != 1)
        assert np.all(shift != 0)
    assert hasattr(classifier, "running_statistics_") == (name == "batch")


def attributes(estimator):
    names = ("coefs_", "intercepts_", "gains_", "shifts_", "running_statistics_")
    return [part for name in names for part in getattr(estimator, name, ())]


def assert_same(a, b):
    for part, other in zip(attributes(a), attributes(b), strict=True):
        assert_array_equal(part, other)


@dtypes
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_pickled_half_way_goes_on_where_it_was(name, sparse, dtype):
    """With dropout: the masks of later steps are those that would have come."""
    inputs, y = data()
    inputs = inputs.astype(dtype)
    inputs = scipy.sparse.csr_array(inputs) if sparse else inputs
    parameters = {
        "hidden_layer_sizes": (6, 4),
        "normalization": name,
        "dropout": 0.3,
        "input_dropout": 0.1,
        "batch_size": 16,
        "random_state": 0,
    }
    through, halves = MLPClassifier(**parameters), MLPClassifier(**parameters)
    for estimator in (through, halves):
        for _ in range(3):
            estimator.partial_fit(inputs, y, classes=[0, 1])
    halves = pickle.loads(pickle.dumps(halves))
    assert_same(through, halves)
    assert_array_equal(through.predict_proba(inputs), halves.predict_proba(inputs))
    before = halves.gains_[0].copy()
    for estimator in (through, halves):
        for _ in range(3):
            estimator.partial_fit(inputs, y)
    assert_same(through, halves)
    assert np.all(before != halves.gains_[0])
    assert {part.dtype for part in attributes(halves)} == {dtype}


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_sparse_inputs_are_normalized_like_dense_ones(name):
    inputs, y = data()
    classifier = MLPClassifier(
        (6, 4), normalization=name, max_iter=5, batch_size=16, random_state=0
    )
    dense = classifier.fit(inputs, y).predict_proba(inputs)
    sparse = scipy.sparse.csr_array(inputs)
    assert_allclose(classifier.fit(sparse, y).predict_proba(sparse), dense, rtol=1e-8)


def test_lbfgs_takes_layer_normalization_alone():
    inputs, y = data()
    classifier = MLPClassifier((6,), solver="lbfgs", alpha=0.0, random_state=0)
    plain = classifier.fit(inputs, y).loss_
    classifier.set_params(normalization="layer").fit(inputs, y)
    assert classifier.score(inputs, y) == 1
    assert classifier.loss_ != plain
    assert np.all(classifier.gains_[0] != 1)
    with pytest.raises(ValueError, match=r"normalization='batch' cannot be used"):
        classifier.set_params(normalization="batch").fit(inputs, y)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_without_hidden_layers_nothing_is_normalized(name):
    inputs, y = data()
    classifier = MLPClassifier((), max_iter=3, random_state=0).fit(inputs, y)
    expected = classifier.predict_proba(inputs)
    classifier.set_params(normalization=name).fit(inputs, y)
    assert_array_equal(classifier.predict_proba(inputs), expected)
    assert not hasattr(classifier, "gains_")
