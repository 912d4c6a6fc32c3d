"""Contributions of the columns of tables, of codes, and in ensembles."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sknn import (
    EnsembleMLPClassifier,
    EnsembleMLPRegressor,
    MLPClassifier,
    MLPRegressor,
)
from sknn.explain import expected_gradients, integrated_gradients
from sknn.network.layers.base import LayerSpec
from sknn.network.layers.feature_scaling import FeatureScaling
from sknn.tabular import TableEncoder, TabularMLPClassifier, TabularMLPRegressor

pd = pytest.importorskip("pandas")

N = 120
rng = np.random.RandomState(0)
X = rng.normal(size=(N, 4))
X[:, 1], X[:, 3] = rng.randint(0, 12, N), rng.randint(0, 2, N)  # codes
SCORE = X[:, 0] + np.sin(X[:, 1]) + 0.5 * X[:, 2] - X[:, 3]
THREE = np.digitize(SCORE, [-1.0, 0.5])
OPTIONS = {"hidden_layer_sizes": (10, 8), "max_iter": 40, "tol": None}
OPTIONS |= {"learning_rate_init": 0.02, "activation": "tanh", "random_state": 0}
CODES = {"categorical_features": [1, 3], "categorical_embedding_size": 3}
TABLE = pd.DataFrame(
    {
        "size": np.where(rng.rand(N) < 0.1, np.nan, X[:, 0]),
        "town": np.array([f"town {k}" for k in range(12)])[X[:, 1].astype(int)],
        "width": np.exp(2 * X[:, 2]),
        "is_new": X[:, 3] > 0,
        "day": np.datetime64("2024-01-01") + rng.randint(0, 700, N).astype("m8[D]"),
        "color": rng.choice(["red", "green", "blue"], N),
        "same": 7,
    }
).astype({"town": "category"})
TABLE.loc[::11, "color"] = None
SMALL = {"preset": "quick", "hidden_layer_sizes": (12,), "random_state": 0}
SMALL |= {"max_iter": 30}


def gaps_of(found):
    return found.base_values + found.values.sum(axis=-1) - found.predictions


def assert_complete(found, tol=1e-3):
    scale = np.abs(found.values).sum(axis=-1).max()
    assert np.abs(gaps_of(found)).max() <= 2 * tol * scale


# Codes of categories ------------------------------------------------------------------


def table_of(model, column):
    """Return the trained rows of codes of the first column of codes, 12 of them."""
    assert column == 1
    return model.category_vectors_[0][: 13 * 3].reshape(13, 3)


def embedded(model, rows):
    """Return what the first dense layer reads: numbers, vectors, an indicator."""
    vectors = table_of(model, 1)[rows[:, 1].astype(int)]
    vectors = np.where(rows[:, [1]] < 0, table_of(model, 1)[12], vectors)
    indicator = np.where(rows[:, 3] < 0, 0, 2 * rows[:, 3] - 1)
    return np.c_[rows[:, [0, 2]], vectors, indicator]


OF_COLUMNS = [[0], [2, 3, 4], [1], [5]]  # of what it reads, by column of X


def test_of_a_linear_model_codes_contribute_as_their_vectors_differ():
    options = {**OPTIONS, "hidden_layer_sizes": ()}
    model = MLPRegressor(**options, **CODES).fit(X, SCORE)
    found = integrated_gradients(model, X[:9], baseline=X[20])
    steps = (embedded(model, X[:9]) - embedded(model, X[20:21])) * model.coefs_[0].T
    expected = np.stack([steps[:, k].sum(axis=1) for k in OF_COLUMNS], axis=1)
    assert_allclose(found.values, expected, rtol=1e-9, atol=1e-12)
    assert_allclose(found.predictions, model.predict(X[:9]), rtol=1e-10)
    assert_array_equal(found.data, X[:9])


def test_of_codes_the_baseline_is_unknown():
    model = MLPRegressor(**OPTIONS, **CODES).fit(X, SCORE)
    baseline = np.array([[0.0, -1, 0, -1]])
    found = integrated_gradients(model, X[:9])
    expected = integrated_gradients(model, X[:9], baseline=baseline)
    assert_array_equal(found.values, expected.values)
    assert_allclose(found.base_values, model.predict(baseline)[0], rtol=1e-10)


NETWORKS = {
    "tables": CODES,
    "indicators": {"categorical_features": [3]},
    "standardised": {**CODES, "standardize": True},
    "numbers embedded": {**CODES, "numeric_embedding": "periodic"},
    "normalised": {**CODES, "normalization": "batch", "feature_scaling": True},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_contributions_of_codes_sum_up(name):
    model = MLPClassifier(**OPTIONS, **NETWORKS[name]).fit(X, THREE)
    for baseline in (None, X[20]):
        found = integrated_gradients(model, X[:9], baseline=baseline)
        assert found.values.shape == (9, 3, 4)
        assert_complete(found)
        assert_allclose(found.predictions, model.predict_proba(X[:9]), rtol=1e-9)
    same = integrated_gradients(model, X[20:21], baseline=X[20])
    assert_allclose(same.values, 0, atol=1e-15)
    assert found.feature_names == ["x0", "x1", "x2", "x3"]


def test_a_column_that_stays_contributes_nothing():
    model = MLPRegressor(**OPTIONS, **CODES).fit(X, SCORE)
    rows = X[:9].copy()
    rows[:, 1:3] = X[20, 1:3]
    found = integrated_gradients(model, rows, baseline=X[20])
    assert_array_equal(found.values[:, 1:3], 0)
    assert np.abs(found.values[:, [0, 3]]).max() > 0.1


def torch_network(torch, model):
    """Return the network behind the embeddings, as a function of torch."""
    arrays = [
        [torch.tensor(np.array(each)) for each in getattr(model, name)]
        for name in ("coefs_", "intercepts_")
    ]

    def network(points):
        for k, (coef, intercept) in enumerate(zip(*arrays, strict=True)):
            points = points @ coef + intercept
            points = torch.tanh(points) if k < len(arrays[0]) - 1 else points
        return points

    return network


def test_captum_along_the_vectors_of_codes():
    """As its LayerIntegratedGradients goes along the embeddings of words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch, attr = pytest.importorskip("torch"), pytest.importorskip("captum.attr")
    model = MLPClassifier(**OPTIONS, **CODES).fit(X, THREE)
    network = torch_network(torch, model)

    def probabilities(points):
        return torch.softmax(network(points), dim=1)

    points, start = embedded(model, X[:6]), embedded(model, X[20:21])
    found = integrated_gradients(model, X[:6], baseline=X[20], tol=1e-6)
    for target in range(3):
        theirs = attr.IntegratedGradients(probabilities).attribute(
            torch.tensor(points), torch.tensor(start), target=target, n_steps=200
        )
        theirs = theirs.detach().numpy()
        expected = np.stack([theirs[:, k].sum(axis=1) for k in OF_COLUMNS], axis=1)
        assert_allclose(found.values[:, target], expected, atol=1e-6)


# Ensembles ---------------------------------------------------------------------------


@pytest.mark.parametrize("codes", [{}, CODES], ids=["numbers", "codes"])
def test_of_an_ensemble_they_are_the_means_over_members(codes):
    network = MLPClassifier(**OPTIONS, **codes)
    model = EnsembleMLPClassifier(network, n_members=3, random_state=0).fit(X, THREE)
    found = integrated_gradients(model, X[:7], baseline=X[20], tol=1e-6)
    members = [
        integrated_gradients(member, X[:7], baseline=X[20], tol=1e-6).values
        for member in model.estimators_
    ]
    assert_allclose(found.values, np.mean(members, axis=0), atol=1e-5)
    assert_allclose(found.predictions, model.predict_proba(X[:7]), rtol=1e-9)
    assert found.output_names == ["0", "1", "2"]


def test_an_ensemble_that_standardises_in_a_pipeline():
    network = MLPRegressor(standardize=True, standardize_y=True, **OPTIONS)
    ensemble = EnsembleMLPRegressor(network, cv=3, random_state=0)
    model = make_pipeline(FunctionTransformer(), ensemble).fit(X * 50 + 7, SCORE * 1e3)
    found = integrated_gradients(model, X[:7] * 50 + 7)
    assert_complete(found)
    assert_allclose(found.predictions, model.predict(X[:7] * 50 + 7), rtol=1e-9)
    means = [member.input_statistics_[0][0] for member in ensemble.estimators_]
    base = model.predict(np.mean(means, axis=0, keepdims=True))
    assert_allclose(found.base_values, base[0], rtol=1e-9)


# Tables ------------------------------------------------------------------------------


def model_of(kind, X=TABLE, **options):
    if kind == "numbers":
        return TabularMLPRegressor(**SMALL | options).fit(X, 50 * SCORE)
    if kind == "quantiles":
        options["loss"] = "quantile"
        return TabularMLPRegressor(**SMALL | options).fit(X, 50 * SCORE)
    y = {
        "two classes": np.where(SCORE > 0, "yes", "no"),
        "three classes": THREE,
        "labels": np.c_[SCORE > 0, X["is_new"]].astype(int),
    }[kind]
    return TabularMLPClassifier(**SMALL | options).fit(X, y)


def predictions_of(model, table):
    if not hasattr(model, "predict_proba"):
        return model.predict(table)
    found = model.predict_proba(table)
    return found[:, 1] if model.ensemble_.n_outputs_ == 1 else found


KINDS = ["numbers", "quantiles", "two classes", "three classes", "labels"]


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_of_columns_sum_up(kind):
    model = model_of(kind)
    found = integrated_gradients(model, TABLE[:9])
    assert found.feature_names == list(TABLE)
    assert found.values.shape[-1] == TABLE.shape[1]
    expected = predictions_of(model, TABLE[:9])
    scale = np.abs(expected).max()
    assert_allclose(found.predictions, expected, atol=3e-6 * scale)  # in float32
    assert_complete(found)
    assert_array_equal(found.values[..., list(TABLE).index("same")], 0)
    assert found.data[0, 1] == TABLE["town"][0]
    other = integrated_gradients(model, TABLE[:9], baseline=TABLE[20:21])
    assert_complete(other)
    base = predictions_of(model, TABLE[20:21])[0]
    assert_allclose(other.base_values[0], base, atol=3e-6 * scale)
    over_many = expected_gradients(model, TABLE[:3], TABLE, n_background=8)
    assert_complete(over_many, 1e-2)


@pytest.mark.parametrize("kind", ["two classes", "three classes"])
def test_with_a_temperature(kind):
    model = model_of(kind, calibrate=True)
    assert model.temperature_ != 1
    found = integrated_gradients(model, TABLE[:9], tol=1e-4)
    assert_allclose(found.predictions, predictions_of(model, TABLE[:9]), atol=1e-6)
    assert_complete(found, 1e-4)
    whole = integrated_gradients(model, TABLE[:5], target=model.classes_[1], tol=1e-4)
    values = found.values[:5] if found.values.ndim == 2 else found.values[:5, 1]
    assert_allclose(whole.values, values, atol=2e-4)


def test_predictions_at_the_limits_of_the_targets():
    model = model_of("numbers")
    free = integrated_gradients(model, TABLE)
    model._range = np.float64(-20.0), np.float64(30.0)
    found = integrated_gradients(model, TABLE, tol=1e-4)
    assert found.predictions.max() == 30.0 < free.predictions.max()
    assert_allclose(found.predictions, free.predictions.clip(-20, 30))
    assert_complete(found, 1e-4)


def test_a_column_of_the_table_that_stays_contributes_nothing():
    model = model_of("numbers")
    rows = TABLE[:9].copy()
    for name in ("size", "town", "day", "color"):
        rows[name] = TABLE[name][20]
    found = integrated_gradients(model, rows, baseline=TABLE[20:21])
    stays = [found.feature_names.index(name) for name in ("size", "town", "day")]
    assert_array_equal(found.values[:, stays], 0)
    assert np.abs(found.values).max() > 1


def test_columns_are_what_they_were_turned_into():
    encoder = TableEncoder(tails="linear", one_hot_max_size=5).fit(TABLE)
    names, columns = encoder.get_feature_names_out(), encoder.output_columns_
    assert len(names) == len(columns)
    labels = np.array(list(TABLE))[columns]
    for name, label in zip(names, labels, strict=True):
        plain = name.removeprefix("missingindicator_")
        assert plain == label or plain.startswith(f"{label}_"), name
    assert set(labels) == set(TABLE) - {"same"}
    only = TableEncoder().fit(TABLE[["same"]])
    assert only.output_columns_.tolist() == [0]


def test_the_baseline_of_a_table_is_the_median_of_no_category():
    model = model_of("numbers")
    found = integrated_gradients(model, TABLE[:2])
    middle = TABLE.median(numeric_only=True)
    row = TABLE[20:21].astype({"town": object, "is_new": object})
    row = row.assign(size=middle["size"], width=middle["width"])
    row["day"] = TABLE["day"].sort_values().iloc[N // 2 - 1]
    encoder, encoded = model.encoder_, model.encoder_._typical_row()
    assert_allclose(
        encoded[0, encoder.numeric_indices_][:2],
        encoder.transform(row)[0, 1:3],
        atol=0.1,
    )
    assert encoded[0, encoder.categorical_indices_].tolist() == [12]
    assert not encoded[0, encoder.indicator_indices_].any()
    base = model.ensemble_.predict(encoded).clip(*model._range)
    assert_allclose(found.base_values, base[0], rtol=1e-4)


def test_captum_on_the_networks_of_a_table():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch, attr = pytest.importorskip("torch"), pytest.importorskip("captum.attr")
    from sknn.explain.networks import ExplainedNetwork

    model = model_of("numbers", activation="mish")
    network = ExplainedNetwork.of(model, None)
    points = network.points_of(network.inputs_of(TABLE[:5], "X"))
    start = network.points_of(network.usual_baseline())
    names = model.encoder_.get_feature_names_out()
    widths = [tail.network.n_features for tail in network.tails]
    tensor = torch.tensor

    def prediction(points):
        total = 0
        for member, h in zip(
            model.ensemble_.estimators_, torch.split(points, widths, 1), strict=True
        ):
            arrays = {
                name: [tensor(np.array(each, float)) for each in getattr(member, name)]
                for name in ("coefs_", "intercepts_", "activation_weights_")
            }
            if network.tails[0].network.layout.layers[0].layer.kind != "dense":
                h = h * tensor(np.array(member.feature_scales_[0], float))
            coef, intercept = arrays["coefs_"], arrays["intercepts_"]
            z = h @ coef[0] + intercept[0]
            z = z + arrays["activation_weights_"][0] * (torch.nn.Mish()(z) - z)
            mean, deviation, _ = member.target_statistics_[0].astype(float)
            y = z @ coef[1] + intercept[1]
            total = total + y * deviation[0] + mean[0]
        return total / len(widths)

    found = integrated_gradients(model, TABLE[:5], tol=1e-5)
    low, high = model._range
    assert ((found.predictions > low) & (found.predictions < high)).all()
    outputs = prediction(tensor(points)).numpy()[:, 0]
    assert_allclose(outputs, found.predictions, rtol=1e-5)
    theirs = attr.IntegratedGradients(prediction).attribute(
        tensor(points), tensor(start), n_steps=300
    )
    sums = dict.fromkeys(TABLE, 0.0)
    start_of_member = 0
    for tail, width in zip(network.tails, widths, strict=True):
        of_member = theirs.numpy()[:, start_of_member : start_of_member + width]
        for k, source in enumerate(tail.sources):
            plain = names[source].removeprefix("missingindicator_")
            label = next(
                each
                for each in sorted(TABLE, key=len, reverse=True)
                if plain == each or plain.startswith(f"{each}_")
            )
            sums[label] = sums[label] + of_member[:, k]
        start_of_member += width
    expected = np.stack([np.broadcast_to(sums[each], 5) for each in TABLE], axis=1)
    assert_allclose(found.values, expected, atol=1e-3 * np.abs(expected).max())


def test_a_pipeline_and_arrays_of_objects():
    steps = FunctionTransformer(lambda X: X.drop(columns="same"))
    model = make_pipeline(steps, TabularMLPRegressor(**SMALL)).fit(TABLE, SCORE)
    found = integrated_gradients(model, TABLE[:5], baseline=TABLE.iloc[20])
    assert found.feature_names == list(TABLE)[:-1]
    assert found.data.shape == (5, 6)
    assert_complete(found)
    cells = TABLE[["width", "color"]].astype(object).to_numpy()
    model = TabularMLPRegressor(**SMALL).fit(cells, SCORE)
    found = integrated_gradients(model, cells[1:6], baseline=[1.0, "red"])
    assert found.feature_names == ["x0", "x1"]
    assert_array_equal(found.data, cells[1:6])
    assert_complete(found)


def test_an_encoder_in_a_pipeline_before_a_network():
    encoder = TableEncoder(one_hot_max_size=5)
    network = MLPRegressor(**OPTIONS, categorical_features=[0])
    model = make_pipeline(encoder, network).fit(TABLE, SCORE)
    found = integrated_gradients(model, TABLE[:5], baseline=TABLE[20:21])
    assert_complete(found)
    names = np.array(list(TABLE))[encoder.output_columns_]
    assert found.feature_names == list(encoder.get_feature_names_out())
    raw = found.summed(list(names))
    assert_allclose(gaps_of(raw), gaps_of(found), atol=1e-12)
    assert set(raw.feature_names) == set(TABLE) - {"same"}


def test_contributions_of_tables_are_drawn_and_summed():
    plt = pytest.importorskip("matplotlib.pyplot")
    from sknn.explain import AttributionDisplay

    found = integrated_gradients(model_of("two classes"), TABLE[:5])
    display = AttributionDisplay.from_attributions(found, row=0)
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert set(labels) == set(TABLE)
    plt.close(display.figure_)
    both = found.summed({"town": "place", "color": "place"})
    assert both.data[0, 0] == found.data[0, 0]
    place = both.feature_names.index("place")
    assert np.isnan(both.data[0, place])
    assert_allclose(gaps_of(both), gaps_of(found), atol=1e-12)


# scikit-learn 1.7 finds no names in frames of polars 2.
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_tables_of_other_libraries():
    pl = pytest.importorskip("polars")
    columns = {name: TABLE[name].tolist() for name in ("width", "is_new")}
    model = TabularMLPRegressor(**SMALL).fit(TABLE[["width", "is_new"]], SCORE)
    expected = integrated_gradients(model, TABLE[["width", "is_new"]][:5])
    found = integrated_gradients(model, pl.DataFrame(columns)[:5])
    assert_array_equal(found.values, expected.values)
    assert found.data.tolist() == expected.data.tolist()


# What is refused ---------------------------------------------------------------------


def test_refusals_of_tables():
    model = model_of("three classes")
    with pytest.raises(ValueError, match="target=7 is none of the outputs"):
        integrated_gradients(model, TABLE[:2], target=7)
    with pytest.raises(ValueError, match="baseline must be one row, got 2"):
        integrated_gradients(model, TABLE[:2], baseline=TABLE[:2])
    with pytest.raises(ValueError, match="infinity"):
        integrated_gradients(model, TABLE[:2].assign(width=np.inf))


def test_a_layer_that_mixes_its_inputs_before_codes(monkeypatch):
    options = {**OPTIONS, **CODES, "feature_scaling": True}
    model = MLPRegressor(**options).fit(X, SCORE)
    monkeypatch.setattr(FeatureScaling, "has_input_gradient", False)
    monkeypatch.setattr(FeatureScaling, "sources", LayerSpec.sources)
    with pytest.raises(ValueError, match="layer 'feature scaling' mixes its inputs"):
        integrated_gradients(model, X[:2])
