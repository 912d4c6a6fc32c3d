"""The parameter numeric_embedding='piecewise_linear' of both estimators."""

import pickle

import matplotlib as mpl
import numpy as np
import pytest
import scipy.sparse
import skops.io
from networks import differences
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor
from sknn.displays import NetworkDisplay
from sknn.io import TRUSTED_TYPES
from sknn.network.quantiles import Distribution

mpl.use("Agg")
rng = np.random.RandomState(0)
N = 150
X = np.column_stack(
    [
        rng.normal(50, 20, size=N),
        rng.randint(2, size=N),
        rng.standard_cauchy(size=N),
        np.full(N, 7.0),
        rng.randint(4, size=N),
    ]
)
NUMBERS = np.where(X[:, 0] > 40, 1.0, -1.0) + (X[:, 4] == 2) + 0.05 * rng.normal(size=N)
ESTIMATORS = {MLPClassifier: np.digitize(NUMBERS, [-0.5, 0.5]), MLPRegressor: NUMBERS}
both = pytest.mark.parametrize("estimator", ESTIMATORS)
OPTIONS = {
    "numeric_embedding": "piecewise_linear",
    "numeric_embedding_size": 3,
    "n_bins": 10,
    "hidden_layer_sizes": (8,),
    "activation": "tanh",
    "max_iter": 6,
    "random_state": 0,
}
PLAIN = {"numeric_embedding": None, "numeric_embedding_size": "auto", "n_bins": 64}
OWN = ("bin_weights_", "embedding_weights_", "embedding_biases_", "bin_edges_")
# The columns that are embedded, and passed on.
EMBEDDED, PASSED = [0, 2, 4], [1, 3]


def fitted(estimator, **options):
    return estimator(**OPTIONS | options).fit(X, ESTIMATORS[estimator])


def edges_of(column, n_bins=10, weights=None):
    weights = np.ones(len(column)) if weights is None else weights
    return Distribution.of(column, weights).bin_edges(n_bins)


def by_numpy(model, inputs):
    """Return raw outputs of tanh networks, found in NumPy."""
    outputs, first, first_bin = [], 0, 0
    edges, p_edges = model.bin_edges_[0]
    for k, j in enumerate(EMBEDDED):
        n = len(edges_of(X[:, j])) - 1
        at = slice(first, first + n + 1)
        low, high = edges[at][:-1], edges[at][1:]
        through = np.clip((inputs[:, [j]] - low) / (high - low), 0, 1)
        p = np.interp(inputs[:, j], edges[at], p_edges[at])
        y = through @ model.bin_weights_[0][first_bin : first_bin + n]
        y += np.outer(p, model.embedding_weights_[0][k])
        outputs.append(y + model.embedding_biases_[0][k])
        first, first_bin = first + n + 1, first_bin + n
    h = np.column_stack([*outputs, inputs[:, PASSED]])
    for k, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        h = h @ W + b
        h = np.tanh(h) if k < len(model.coefs_) - 1 else h
    return h


def arrays_of(model):
    return [a for name in ("coefs_", "intercepts_", *OWN) for a in getattr(model, name)]


def assert_same_fit(one, other):
    for a, b in zip(arrays_of(one), arrays_of(other), strict=True):
        assert_array_equal(a, b)


@both
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predictions(estimator, solver, dtype):
    y = ESTIMATORS[estimator]
    model = estimator(**OPTIONS, solver=solver).fit(X.astype(dtype), y)
    assert all(array.dtype == dtype for array in arrays_of(model))
    inputs = np.concatenate([X, 3 * X]).astype(dtype)  # also beyond the edges
    raw = by_numpy(model, inputs.astype(float))
    rtol = 1e-3 if dtype == np.float32 else 1e-9
    if estimator is MLPRegressor:
        assert_allclose(model.predict(inputs), raw.ravel(), rtol, rtol)
    else:
        e = np.exp(raw - raw.max(axis=1, keepdims=True))
        expected = e / e.sum(axis=1, keepdims=True)
        assert_allclose(model.predict_proba(inputs), expected, rtol, rtol)
    assert model.coefs_[0].shape == (3 * len(EMBEDDED) + len(PASSED), 8)
    assert model.n_features_in_ == 5


@both
def test_edges_are_quantiles_of_the_training_rows(estimator):
    weights = rng.randint(3, size=N).astype(float)
    model = estimator(**OPTIONS)
    model.fit(X, ESTIMATORS[estimator], sample_weight=weights)
    expected = [edges_of(X[:, j], weights=weights)[:] for j in EMBEDDED]
    expected = [
        Distribution.of(X[weights > 0, j], weights[weights > 0]).bin_edges(10)
        for j in EMBEDDED
    ]
    assert_array_equal(model.bin_edges_[0][0], np.concatenate(expected))
    assert len(expected[2]) == 4  # all values of the last column
    squashed = [
        Distribution.of(X[weights > 0, j], weights[weights > 0]).squashed(edges)
        for j, edges in zip(EMBEDDED, expected, strict=True)
    ]
    assert_array_equal(model.bin_edges_[0][1], np.concatenate(squashed))


@both
def test_it_begins_with_linear_functions(estimator):
    model = estimator(**OPTIONS).initialize(X, ESTIMATORS[estimator])
    assert_array_equal(model.bin_weights_[0], 0)
    for array in (model.embedding_weights_[0], model.embedding_biases_[0]):
        assert array.shape == (3, 3)
        assert 0 < np.abs(array).max() <= 1 / np.sqrt(3)
    before = [array.copy() for array in arrays_of(model)]
    model.set_params(warm_start=True).fit(X, ESTIMATORS[estimator])
    for name, array, old in zip(
        ("coefs_", "coefs_", "intercepts_", "intercepts_", *OWN),
        arrays_of(model),
        before,
        strict=True,
    ):
        assert np.array_equal(array, old) == (name == "bin_edges_"), name
    assert_same_fit(model, fitted(estimator))


def test_it_fits_steps_that_a_plain_network_does_not():
    options = {"max_iter": 300, "solver": "lbfgs"}
    model = fitted(MLPRegressor, **options)
    assert model.score(X, NUMBERS) > 0.95
    unscaled = MLPRegressor(hidden_layer_sizes=8, random_state=0, **options).fit(
        X, NUMBERS
    )
    assert unscaled.score(X, NUMBERS) < 0.9


@both
@pytest.mark.parametrize("options", [{}, {"dropout": 0.2, "input_dropout": 0.1}])
def test_training_goes_on(estimator, options):
    y = ESTIMATORS[estimator]
    whole = fitted(estimator, max_iter=12, **options)
    part = pickle.loads(pickle.dumps(fitted(estimator, max_iter=5, **options)))
    assert_same_fit(part.set_params(max_iter=12).resume_fit(X, y), whole)
    edges = whole.bin_edges_[0].copy()
    before = whole.bin_weights_[0].copy()
    whole.partial_fit(X[:30] + 5, y[:30])
    whole.set_params(warm_start=True).fit(X + 5, y)
    assert_array_equal(whole.bin_edges_[0], edges)  # those of the first call
    assert (whole.bin_weights_[0] != before).any()
    whole.set_params(warm_start=False).fit(X + 5, y)
    assert (whole.bin_edges_[0] != edges).any()


@both
def test_training_goes_on_with_the_same_embedding_only(estimator):
    y = ESTIMATORS[estimator]
    model = fitted(estimator)
    message = r"with the numeric_embedding it began with: .* numeric_embedding is now"
    for parameters, text in [
        (PLAIN, message),
        ({"numeric_embedding_size": 4}, r"piecewise linear \(23, 3\)"),
    ]:
        before = arrays_of(model)
        with pytest.raises(ValueError, match=text):
            model.set_params(**OPTIONS | parameters).partial_fit(X, y)
        assert all(a is b for a, b in zip(arrays_of(model), before, strict=True))
    plain = estimator(hidden_layer_sizes=8, max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match=message):
        plain.set_params(numeric_embedding="piecewise_linear").partial_fit(X, y)
    model.set_params(**OPTIONS | PLAIN).fit(X, y)
    assert not set(OWN) & set(vars(model))


@both
def test_input_gradients(estimator):
    model = fitted(estimator)
    predict = getattr(model, "predict_proba", model.predict)
    inputs = rng.normal(X[:12], 0.1)
    found = model.input_gradients(inputs).reshape(12, -1, 5)
    n_compared = 0
    for i in range(12):
        for k in range(model.n_outputs_):

            def output(x, k=k):
                return predict(x[np.newaxis]).reshape(-1)[k]

            expected = differences(output, inputs[i], 5)
            if expected is not None:  # else near an edge
                assert_allclose(found[i, k], expected, 1e-5, 1e-8)
                n_compared += 1
    assert n_compared > 5


@both
@pytest.mark.parametrize(
    "copy",
    [
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES),
    ],
    ids=["pickle", "skops"],
)
def test_stored_and_loaded(estimator, copy):
    model = fitted(estimator)
    other = copy(model)
    assert_same_fit(other, model)
    assert_array_equal(other.predict(X), model.predict(X))


def with_edges(change):
    def changed(state):
        edges = state["bin_edges_"][0].copy()
        change(edges)
        return {"bin_edges_": [edges]}

    return changed


def with_options(options):
    def changed(state):
        _, *others = state["_architecture"]["layers"]
        layers = [("piecewise_linear", options, None), *others]
        return {"_architecture": {**state["_architecture"], "layers": layers}}

    return changed


@both
@pytest.mark.parametrize(
    "changed",
    [
        with_edges(lambda edges: edges[0].__setitem__(1, np.nan)),
        with_edges(lambda edges: edges[0].__setitem__(1, edges[0, 2])),
        with_edges(lambda edges: edges[1].__setitem__(1, np.inf)),
        lambda state: {"bin_edges_": [state["bin_edges_"][0][:, 1:]]},
        lambda state: {"bin_weights_": [state["bin_weights_"][0][1:]]},
        lambda state: {"embedding_weights_": []},
        with_options((3, 10, 0, 10, 0, 10, 0, 4)),
        with_options((3, 10, 0, 10, 0, 10, 0)),
        with_options((3, 5, 0, 10, 0, 10, 0, 3)),
        with_options((3, 10, 0, 10, 0, 10, 0, 3.0)),
        with_options((3, 10, 0, 11, 0, 10, 0, -1)),
        with_options((0, 10, 0, 10, 0, 10, 0, 3)),
        with_options((3, 10, 0, 0, 0, 0, 0, 0)),
    ],
)
def test_tampered_states_are_refused(estimator, changed):
    state = fitted(estimator).__getstate__()
    with pytest.raises(ValueError, match="cannot be read by sknn"):
        object.__new__(estimator).__setstate__(state | changed(state))


def test_summary_and_drawing(capsys):
    model = fitted(MLPRegressor)
    model.summary()
    lines = capsys.readouterr().out.splitlines()
    n = 23 * 3 + 2 * 3 * 3 + 2 * 26
    assert lines[5] == f"input: piecewise linear 3 x 3       (None, 11){n:>13}"
    assert lines[-1].endswith("of which 52 are bin edges")
    display = NetworkDisplay.from_estimator(model)
    title = display.ax_.get_xticklabels()[0].get_text()
    assert title == "Input\n11 neurons\npiecewise linear 3 x 3"


@both
def test_sparse_inputs_are_refused(estimator):
    model, y = estimator(**OPTIONS), ESTIMATORS[estimator]
    with pytest.raises(ValueError, match="takes dense inputs only, but X is sparse"):
        model.fit(scipy.sparse.csr_array(X), y)
    assert not hasattr(model, "coefs_")
    model.fit(X, y)
    with pytest.raises(ValueError, match=r"takes dense inputs only. Pass X.toarray"):
        model.predict(scipy.sparse.csr_array(X))


@both
def test_without_columns_to_embed(estimator):
    """There is a warning, and the network is as it is without."""
    y = ESTIMATORS[estimator]
    with pytest.warns(UserWarning, match="no column of numbers in X has 3 dist"):
        model = estimator(**OPTIONS).fit(X[:, PASSED], y)
    options = {name: OPTIONS[name] for name in ("hidden_layer_sizes", "activation")}
    plain = estimator(**options, max_iter=6, random_state=0).fit(X[:, PASSED], y)
    assert_array_equal(model.coefs_[0], plain.coefs_[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_too_wide_are_refused(dtype):
    wide = X.astype(dtype)
    wide[:2, 2] = np.finfo(dtype).max * np.array([0.9, -0.9])
    model = MLPRegressor(**OPTIONS)
    with pytest.raises(ValueError, match="Column 2 of X is too wide for numeric_embed"):
        model.fit(wide, NUMBERS)
    assert not hasattr(model, "coefs_")


def test_early_stopping_and_validation_data():
    model = fitted(MLPRegressor, early_stopping=True, max_iter=30)
    assert len(model.history_["val_score"]) == model.n_iter_
    given = MLPRegressor(**OPTIONS).fit(X, NUMBERS, X_val=X[:20], y_val=NUMBERS[:20])
    assert np.isfinite(given.history_["val_loss"]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predictions_do_not_depend_on_the_other_rows(dtype):
    rows = np.tile(X.astype(dtype), (3, 1))
    model = MLPRegressor(**OPTIONS).fit(rows, np.tile(NUMBERS, 3))
    expected = model.predict(rows)
    for n_rows in (1, 2, 37, 300):
        starts = range(0, len(rows), n_rows)[:20]
        for start in starts:
            part = slice(start, start + n_rows)
            assert_array_equal(model.predict(rows[part]), expected[part])


@both
def test_rates_beside_the_ntk_parametrization(estimator):
    """A tenth of the learning rate, as if that were lower for these arrays."""
    options = {"numeric_embedding": "piecewise_linear", "learning_rate_init": 0.1}
    options |= {
        "max_iter": 1,
        "batch_size": N,
        "solver": "adam",
        "alpha": 0.0,
        "epsilon": 1e-15,
    }
    steps = []
    for parametrization in ("standard", "ntk"):
        model = estimator(**options, parametrization=parametrization, random_state=0)
        y = ESTIMATORS[estimator]
        before = model.initialize(X, y).embedding_weights_[0].copy()
        steps.append(np.abs(model.fit(X, y).embedding_weights_[0] - before))
    # Less by the epsilon of Adam, beside gradients that may be small.
    assert_allclose(steps[0], 0.1, rtol=5e-3)
    assert_allclose(steps[1], 0.01, rtol=5e-3)
