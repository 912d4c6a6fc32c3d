"""Integrated and expected gradients, beside closed forms, sums and captum."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import sknn
from sknn import MLPClassifier, MLPRegressor
from sknn.explain import Attributions, expected_gradients, integrated_gradients
from sknn.kernels.layers.activations import ACTIVATIONS

rng = np.random.RandomState(0)
X = rng.normal(size=(80, 4))
SCORE = X @ [1.0, -2.0, 0.5, 0.0] + X[:, 0] * X[:, 1]
TWO = np.array(["no", "yes"])[(SCORE > 0).astype(int)]
THREE = np.digitize(SCORE, [-1.0, 1.0])
LABELS = np.c_[SCORE > 0, X[:, 0] > 0].astype(int)
OPTIONS = {"hidden_layer_sizes": (12, 8), "random_state": 0, "max_iter": 100}
OPTIONS |= {"learning_rate_init": 0.02, "tol": None}
MODELS = {
    "numbers": lambda **o: MLPRegressor(**OPTIONS, **o).fit(X, SCORE),
    "two numbers": lambda **o: MLPRegressor(**OPTIONS, **o).fit(
        X, np.c_[SCORE, -X[:, 0]]
    ),
    "counts": lambda **o: MLPRegressor("poisson", **OPTIONS, **o).fit(
        X, np.exp(SCORE / 2)
    ),
    "quantiles": lambda **o: MLPRegressor(
        "quantile", quantile=[0.1, 0.9], **OPTIONS, **o
    ).fit(X, SCORE),
    "two classes": lambda **o: MLPClassifier(**OPTIONS, **o).fit(X, TWO),
    "three classes": lambda **o: MLPClassifier(**OPTIONS, **o).fit(X, THREE),
    "labels": lambda **o: MLPClassifier(**OPTIONS, **o).fit(X, LABELS),
    "hinge": lambda **o: MLPClassifier(loss="hinge", **OPTIONS, **o).fit(X, THREE),
}
NETWORKS = {
    "relu": {},
    "tanh": {"activation": "tanh"},
    "batch normalisation": {"normalization": "batch"},
    "layer normalisation": {"normalization": "layer", "activation": "gelu"},
}


def predictions_of(model, X):
    if hasattr(model, "predict_proba"):
        found = model.predict_proba(X)
        return found[:, 1] if found.shape[1] == 2 and model.n_outputs_ == 1 else found
    return getattr(model, "decision_function", model.predict)(X)


def gaps_of(found):
    return found.base_values + found.values.sum(axis=-1) - found.predictions


# What contributions are --------------------------------------------------------------


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.default_cases(12)
def test_contributions_sum_up(name, network):
    model = MODELS[name](**NETWORKS[network])
    baseline = X[0] / 2
    for tol in (1e-2, 1e-5):
        found = integrated_gradients(
            model, X[:20], baseline=baseline, tol=tol, max_evaluations=2**16
        )
        assert_allclose(found.predictions, predictions_of(model, X[:20]), rtol=1e-10)
        base = predictions_of(model, baseline[np.newaxis])
        assert_allclose(found.base_values, np.tile(base.T, 20).T.squeeze(), rtol=1e-10)
        assert found.values.shape == (*found.predictions.shape, 4)
        # The variation on a line may be more than the difference, but not by much.
        scale = np.abs(found.values).sum(axis=-1).max()
        assert np.abs(gaps_of(found)).max() <= 2 * tol * scale


def test_of_a_linear_model_they_are_exact():
    model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs").fit(X, SCORE)
    found = integrated_gradients(model, X, baseline=X[:1])
    expected = (X - X[0]) * model.coefs_[0].ravel()
    assert_allclose(found.values, expected, rtol=1e-10, atol=1e-12)


def quadrature(model, row, baseline, n=20000):
    """Return contributions by the midpoint rule."""
    at = (np.arange(n) + 0.5)[:, np.newaxis] / n
    gradients = model.input_gradients(baseline + at * (row - baseline))
    return (row - baseline) * gradients.mean(axis=0)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.default_cases(4)
def test_they_are_the_integral(activation):
    if activation == "step":
        pytest.skip("its gradient is not that of its values")
    model = MLPClassifier((8,), activation, random_state=0, max_iter=30).fit(X, TWO)
    found = integrated_gradients(model, X[:3], tol=1e-6, max_evaluations=2**16)
    for row, values in zip(X, found.values, strict=False):
        expected = quadrature(model, row, np.zeros(4))
        assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


def test_a_network_of_one_relu_has_a_closed_form():
    """The integral of a jump that no fixed grid meets: max(0, w x + b)."""
    model = MLPRegressor(hidden_layer_sizes=(1,), max_iter=1).initialize(X, SCORE)
    weights, bias = np.array([1.0, -0.5, 2.0, 0.25]), 0.3
    model.coefs_[0][:] = weights[:, np.newaxis]
    model.intercepts_[0][:] = bias
    model.coefs_[1][:], model.intercepts_[1][:] = 1.0, 0.0
    found = integrated_gradients(model, X, baseline=-X[0], tol=1e-7)
    steps = X + X[0]
    z0, z1 = -X[0] @ weights + bias, X @ weights + bias
    active = (np.maximum(z1, 0) - max(z0, 0)) / (z1 - z0)  # of the line, where z > 0
    assert_allclose(found.values, steps * weights * active[:, np.newaxis], atol=1e-5)


def test_more_evaluations_come_nearer():
    model = MODELS["numbers"]()
    errors = []
    for tol in (1e-1, 1e-2, 1e-3, 1e-4):
        found = integrated_gradients(model, X, tol=tol, max_evaluations=2**16)
        errors.append(np.abs(gaps_of(found)).mean())
    assert errors[0] > errors[1] > errors[2] > errors[3]


def test_too_few_evaluations_give_a_warning():
    model = MODELS["numbers"]()
    with pytest.warns(
        UserWarning, match="of 80 rows miss .* max_evaluations=16"
    ) as said:
        integrated_gradients(model, X, tol=1e-6, max_evaluations=16)
    assert said[0].filename == __file__


def test_rows_do_not_depend_on_each_other():
    model = MODELS["three classes"]()
    whole = integrated_gradients(model, X)
    for k in (0, 7):
        one = integrated_gradients(model, X[k : k + 1])
        assert_allclose(one.values[0], whole.values[k], rtol=1e-12)


@pytest.mark.parametrize("method", [integrated_gradients, expected_gradients])
def test_captum(method):
    """The library of PyTorch, on the same networks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch, attr = pytest.importorskip("torch"), pytest.importorskip("captum.attr")
        from sknn.convert import to_torch
    for name in ("numbers", "three classes"):
        model = MODELS[name](activation="tanh")
        module = to_torch(model).double()
        outputs = module(torch.tensor(X)).detach().numpy().squeeze()
        assert_allclose(outputs, predictions_of(model, X), rtol=1e-6)
        integrated = attr.IntegratedGradients(
            lambda points, module=module: module(points).reshape(len(points), -1)
        )
        starts = X[40:44] if method is expected_gradients else np.zeros((1, 4))
        arguments = (X[40:44],) if method is expected_gradients else ()
        found = method(model, X[:6], *arguments, tol=1e-6)
        values = found.values.reshape(6, -1, 4)
        for k in range(values.shape[1]):
            theirs = [
                integrated.attribute(
                    torch.tensor(X[:6]), torch.tensor(start[np.newaxis]), target=k,
                    n_steps=200,
                ).numpy()
                for start in starts
            ]  # fmt: skip
            assert_allclose(values[:, k], np.mean(theirs, axis=0), atol=1e-6)


# Expected gradients ------------------------------------------------------------------


def test_expected_gradients_are_a_mean_over_baselines():
    model = MODELS["three classes"]()
    found = expected_gradients(model, X[:9], X[20:27])
    each = [integrated_gradients(model, X[:9], baseline=x, tol=1e-2) for x in X[20:27]]
    expected = np.mean([one.values for one in each], axis=0)
    assert_allclose(found.values, expected, rtol=1e-10, atol=1e-14)
    base = model.predict_proba(X[20:27]).mean(axis=0)
    assert_allclose(found.base_values, np.tile(base, (9, 1)), rtol=1e-10)
    assert np.abs(gaps_of(found)).max() < 1e-2


def test_the_background_is_drawn_by_random_state():
    model = MODELS["numbers"]()
    one, again, other = (
        expected_gradients(model, X[:3], X, n_background=10, random_state=seed)
        for seed in (0, 0, 1)
    )
    assert_array_equal(one.values, again.values)
    assert not np.array_equal(one.base_values, other.base_values)


# Data and estimators -----------------------------------------------------------------


def test_target_chooses_an_output():
    model = MODELS["three classes"]()
    whole = integrated_gradients(model, X[:5], tol=1e-6)
    one = integrated_gradients(model, X[:5], target=2, tol=1e-6)
    assert whole.output_names == ["0", "1", "2"]
    assert one.output_names == ["2"]
    assert_allclose(one.values, whole.values[:, 2], atol=1e-6)
    two = integrated_gradients(MODELS["two classes"](), X[:5], target="yes")
    assert two.output_names == ["yes"]
    with pytest.raises(ValueError, match=r"target='no' is none of .*\['yes'\]. Of two"):
        integrated_gradients(MODELS["two classes"](), X[:5], target="no")


def test_float32_and_sparse_rows():
    model = MODELS["numbers"]()
    found = integrated_gradients(model, X[:9])
    sparse = integrated_gradients(model, scipy.sparse.csr_array(X[:9]))
    assert_array_equal(sparse.values, found.values)
    single = MLPRegressor(**OPTIONS).fit(X.astype(np.float32), SCORE)
    found = integrated_gradients(single, X[:9].astype(np.float32), tol=1e-6)
    assert found.values.dtype == np.float64
    assert_allclose(gaps_of(found), 0, atol=1e-4)


def test_a_pipeline_and_a_search_explain_what_the_network_gets():
    raw = 50 * X + 1000
    network = MLPRegressor(**OPTIONS)
    pipeline = make_pipeline(StandardScaler(), network).fit(raw, SCORE)
    found = integrated_gradients(pipeline, raw[:9], baseline=raw[20])
    scaled = pipeline[:-1].transform(raw)
    expected = integrated_gradients(network, scaled[:9], baseline=scaled[20])
    assert_array_equal(found.values, expected.values)
    assert_array_equal(found.data, scaled[:9])
    search = GridSearchCV(pipeline, {"mlpregressor__alpha": [0.1]}, cv=2)
    found = integrated_gradients(search.fit(raw, SCORE), raw[:9])
    assert_allclose(found.predictions, search.predict(raw[:9]), rtol=1e-10)
    whole = make_pipeline(MLPRegressor(**OPTIONS)).fit(X, SCORE)
    assert_array_equal(
        integrated_gradients(whole, X[:9]).values,
        integrated_gradients(whole[-1], X[:9]).values,
    )


def test_a_network_that_standardises():
    """The baseline is the mean row; contributions are in the units of y."""
    raw, y = X * [1, 50, 1e4, 3] + [5, 1000, 1e5, 0], 1e3 * SCORE
    options = {**OPTIONS, "standardize": True, "standardize_y": True}
    model = MLPRegressor(**options).fit(raw, y)
    found = integrated_gradients(model, raw[:9])
    expected = integrated_gradients(model, raw[:9], baseline=raw.mean(axis=0))
    assert_allclose(found.values, expected.values, rtol=1e-6, atol=1e-6)
    assert_allclose(found.predictions, model.predict(raw[:9]), rtol=1e-10)
    scale = np.abs(found.values).sum(axis=-1).max()
    assert np.abs(gaps_of(found)).max() <= 2e-3 * scale


def test_numeric_embeddings_are_explained():
    model = MLPRegressor(**OPTIONS, numeric_embedding="piecewise_linear")
    found = integrated_gradients(model.fit(X, SCORE), X[:9], max_evaluations=2**14)
    scale = np.abs(found.values).sum(axis=-1).max()
    assert np.abs(gaps_of(found)).max() <= 2e-3 * scale


def test_contributions_of_raw_columns():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"size": X[:, 0], "kind": np.array(list("abc"))[THREE]})
    encoder = ColumnTransformer(
        [("number", StandardScaler(), ["size"]), ("text", OneHotEncoder(), ["kind"])],
        verbose_feature_names_out=False,
    )
    model = make_pipeline(encoder, MLPRegressor(**OPTIONS)).fit(frame, SCORE)
    found = integrated_gradients(model, frame[:9], baseline=frame.iloc[20])
    assert found.feature_names == ["size", "kind_a", "kind_b", "kind_c"]
    names = {f"kind_{letter}": "kind" for letter in "abc"}
    for columns in (names, ["size", "kind", "kind", "kind"]):
        raw = found.summed(columns)
        assert raw.feature_names == ["size", "kind"]
        assert_array_equal(raw.values[:, 0], found.values[:, 0])
        assert_allclose(raw.values[:, 1], found.values[:, 1:].sum(axis=1), rtol=1e-12)
        assert_array_equal(raw.data[:, 0], found.data[:, 0])
        assert np.isnan(raw.data[:, 1]).all()
        assert_allclose(gaps_of(raw), gaps_of(found), atol=1e-12)


def test_sums_over_columns_of_several_outputs():
    found = integrated_gradients(MODELS["three classes"](), X[:5])
    raw = found.summed(["a", "b", "a", "b"])
    assert raw.values.shape == (5, 3, 2)
    expected = found.values[:, :, 0] + found.values[:, :, 2]
    assert_allclose(raw.values[:, :, 0], expected, rtol=1e-12)


def test_attributions_of_hand_made_arrays():
    found = Attributions(
        np.ones((2, 3)), np.zeros(2), np.full(2, 3.0), X[:2, :3], ["a", "b", "c"], ["0"]
    )
    assert found.summed({}).feature_names == ["a", "b", "c"]


# Refusals ----------------------------------------------------------------------------

MODEL = MODELS["numbers"]()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: integrated_gradients(MODEL, X, tol=0),
            "tol must be a positive number",
        ),
        (
            lambda: integrated_gradients(MODEL, X, max_evaluations=0),
            "at least 1, got 0",
        ),
        (
            lambda: integrated_gradients(MODEL, X, baseline=X[:2]),
            "one row, got 2. Pass",
        ),
        (lambda: integrated_gradients(MODEL, X, baseline=X[0, :3]), "3 features"),
        (lambda: integrated_gradients(MODEL, X * np.nan), "Input X contains NaN"),
        (
            lambda: integrated_gradients(MODEL, X, baseline=X[0] * np.nan),
            "Input baseline contains NaN",
        ),
        (
            lambda: integrated_gradients(MODEL, X, target=3),
            r"target=3 is none of .*\['0'",
        ),
        (
            lambda: expected_gradients(MODEL, X, X, n_background=0),
            "n_background must be",
        ),
        (lambda: expected_gradients(MODEL, X, X * np.nan), "background contains NaN"),
        (
            lambda: integrated_gradients(MODEL, X).summed(["a"]),
            "a column for each of 4 features, got 1",
        ),
        (
            lambda: integrated_gradients(MODEL, X).summed({"age": "a"}),
            r"features that there are not, \['age'\]. The features are",
        ),
    ],
)
def test_refusals_of_explanations(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_estimators_without_a_network():
    model = LinearRegression().fit(X, SCORE)
    with pytest.raises(
        TypeError, match=r"LinearRegression has no gradient here\. Pass an"
    ):
        integrated_gradients(model, X)
    for unfitted in (MLPRegressor(), make_pipeline(StandardScaler(), MLPRegressor())):
        with pytest.raises(NotFittedError):
            integrated_gradients(unfitted, X)


def test_other_threads_may_train_meanwhile(monkeypatch):
    """Gradients are those of one network, from the beginning to the end."""
    model = MODELS["numbers"]()
    expected = integrated_gradients(model, X[:5])
    run = sknn.explain.gradients.PathIntegral.run

    def trains(self, *arguments):
        model.fit(X, -SCORE)
        return run(self, *arguments)

    monkeypatch.setattr(sknn.explain.gradients.PathIntegral, "run", trains)
    found = integrated_gradients(model, X[:5])
    assert_array_equal(found.values, expected.values)
    assert_array_equal(found.predictions, expected.predictions)
