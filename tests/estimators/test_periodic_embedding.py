"""The parameter numeric_embedding='periodic', and embeddings of standardised inputs."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor

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
# The columns that are embedded, and passed on.
EMBEDDED, PASSED = [0, 2, 4], [1, 3]

WAVES = {
    "numeric_embedding": "periodic",
    "hidden_layer_sizes": (8,),
    "activation": "tanh",
    "max_iter": 6,
    "random_state": 0,
}
OF_WAVES = ("frequencies_", "phases_", "periodic_weights_", "embedding_biases_")


def waves_by_numpy(model, inputs):
    """Return the prediction of a regressor, found in NumPy."""
    outputs = []
    for k, j in enumerate(EMBEDDED):
        u = (inputs[:, j] - np.median(X[:, j])) / IQR[k]
        s = u / np.sqrt(1 + (u / 3) ** 2)
        angles = 2 * np.pi * np.outer(s, model.frequencies_[0][k])
        waves = np.cos(angles + model.phases_[0][k])
        sums = waves @ model.periodic_weights_[0][k].T + model.embedding_biases_[0][k]
        outputs += [s, *sums.T]
    h = np.column_stack([*outputs, inputs[:, PASSED]])
    h = np.tanh(h @ model.coefs_[0] + model.intercepts_[0])
    return (h @ model.coefs_[1] + model.intercepts_[1]).ravel()


def quantile(j, q):
    return np.quantile(X[:, j], q, method="inverted_cdf")


IQR = [quantile(j, 0.75) - quantile(j, 0.25) for j in EMBEDDED]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_periodic_predictions(solver):
    model = MLPRegressor(**WAVES, solver=solver).fit(X, NUMBERS)
    expected = [[quantile(j, 0.5) for j in EMBEDDED], 1 / np.array(IQR)]
    assert_allclose(model.input_scales_[0], expected)
    for k, j in enumerate(EMBEDDED):  # as the oracle takes NumPy's median
        model.input_scales_[0][0, k] = np.median(X[:, j])
    inputs = np.concatenate([X, 3 * X])
    assert_allclose(model.predict(inputs), waves_by_numpy(model, inputs), 1e-9, 1e-9)
    assert model.coefs_[0].shape == (4 * len(EMBEDDED) + len(PASSED), 8)


@both
def test_periodic_initial_values(estimator):
    model = estimator(**WAVES, numeric_embedding_size=40)
    model.initialize(np.tile(X[:, EMBEDDED], (1, 10)), ESTIMATORS[estimator])
    assert_allclose(np.std(model.frequencies_[0]), 0.1, rtol=0.1)
    assert_allclose(np.std(model.phases_[0]), np.pi / np.sqrt(3), rtol=0.1)
    assert_allclose(np.std(model.periodic_weights_[0]), 0.25 / np.sqrt(3), rtol=0.1)
    assert np.abs(model.periodic_weights_[0]).max() <= 0.25
    assert np.abs(model.embedding_biases_[0]).max() <= 0.25


@both
def test_periodic_training_goes_on(estimator):
    y = ESTIMATORS[estimator]
    whole = estimator(**WAVES | {"max_iter": 9}).fit(X, y)
    part = pickle.loads(pickle.dumps(estimator(**WAVES).fit(X, y)))
    part.set_params(max_iter=9).resume_fit(X, y)
    for name in ("coefs_", *OF_WAVES, "input_scales_"):
        for one, other in zip(getattr(part, name), getattr(whole, name), strict=True):
            assert_array_equal(one, other)
    before = {name: getattr(part, name)[0].copy() for name in OF_WAVES}
    scales = part.input_scales_[0].copy()
    part.partial_fit(X + 9, y)
    assert_array_equal(part.input_scales_[0], scales)
    assert all((getattr(part, name)[0] != before[name]).any() for name in OF_WAVES)


def test_periodic_needs_two_outputs():
    model = MLPRegressor(**WAVES, numeric_embedding_size=1)
    with pytest.raises(ValueError, match=r"size must be at least 2 with numeric_emb"):
        model.fit(X, NUMBERS)
    assert not hasattr(model, "coefs_")


@both
@pytest.mark.parametrize(
    "changed",
    [
        lambda state: {"input_scales_": [-state["input_scales_"][0]]},
        lambda state: {"input_scales_": [state["input_scales_"][0] * np.nan]},
        lambda state: {"frequencies_": [state["frequencies_"][0][:, 1:]]},
        lambda state: {"phases_": []},
        *(
            lambda state, options=options: {
                "_architecture": {
                    **state["_architecture"],
                    "layers": [
                        ("periodic", options, None),
                        *state["_architecture"]["layers"][1:],
                    ],
                }
            }
            for options in (
                *(
                    (4, 16, 0, 1, 0, 1, 0),
                    (4, 8, 0, 1, 0, 1, 0, 1),
                    (4, 16, 0, 2, 0, 1, 0, 0),
                ),
                *(
                    (1, 16, 0, 1, 0, 1, 0, 1),
                    (4, 16, 0, 0, 0, 0, 0, 0),
                    (4, 16, 0, 1, 0, 1, 0, 0),
                ),
            )
        ),
    ],
)
def test_tampered_periodic_states_are_refused(estimator, changed):
    state = estimator(**WAVES).fit(X, ESTIMATORS[estimator]).__getstate__()
    with pytest.raises(ValueError, match="cannot be read by sknn"):
        object.__new__(estimator).__setstate__(state | changed(state))


PIECEWISE = WAVES | {"numeric_embedding": "piecewise_linear"}


@both
@pytest.mark.parametrize("options", [PIECEWISE, WAVES], ids=["piecewise", "periodic"])
def test_standardize_leaves_embedded_columns_as_they_are(estimator, options):
    model = estimator(**options, standardize=True).fit(X, ESTIMATORS[estimator])
    mean, deviation, _ = model.input_statistics_[0]
    assert_array_equal(mean[EMBEDDED], 0)
    assert_array_equal(deviation[EMBEDDED], 0)
    assert_allclose(mean[PASSED], X[:, PASSED].mean(axis=0))
