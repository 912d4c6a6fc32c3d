"""Conversion by skl2onnx of ensembles, of tabular estimators and of the encoder."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx_sessions import FLOATS, assert_same_labels, data, run
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables_to_export import NAMED, fed, mixed_table, odd_rows, outputs_of

from sknn import (
    EnsembleMLPClassifier,
    EnsembleMLPRegressor,
    MLPClassifier,
    MLPRegressor,
)
from sknn.onnx import register_skl2onnx, to_onnx
from sknn.tabular import TableEncoder, TabularMLPClassifier, TabularMLPRegressor

skl2onnx = pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")
from skl2onnx.common import data_types  # noqa: E402

# Of skl2onnx and onnx themselves.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
TABLE = mixed_table()
ODD = odd_rows(TABLE)
T = np.digitize(np.nan_to_num(TABLE["gaps"]) + TABLE["flag"], [-0.3, 0.5])
SMALL = {"preset": "quick", "random_state": 0, "hidden_layer_sizes": (8,)}
SMALL |= {"max_iter": 2}
TYPES = {"M": "Int64", "b": "Boolean", "f": "Double", "i": "Int64"}


def types_of(table):
    """Return a type for each column, as users of skl2onnx write them."""
    types = []
    for name, series in table.items():
        is_number = pd.api.types.is_numeric_dtype(series)
        kind = series.dtype.kind if is_number or series.dtype.kind == "M" else "O"
        name_of_type = TYPES.get(kind, "String")
        if name == "flag_gaps":
            name_of_type = "Double"
        types.append(
            (name, getattr(data_types, f"{name_of_type}TensorType")([None, 1]))
        )
    return types


def convert(model, table, **options):
    chosen = {id(model): options} if options else None
    return skl2onnx.to_onnx(model, initial_types=types_of(table), options=chosen)


# The encoder -------------------------------------------------------------------------

ENCODERS = {
    "robust": {},
    "linear tails": {"tails": "linear"},
    "logarithmic tails": {"tails": "log", "dtype": np.float64},
    "standard": {"numeric": "standard", "dtype": np.float64},
    "quantile": {"numeric": "quantile", "dtype": np.float64},
    "passthrough": {"numeric": "passthrough", "dtype": np.float64},
    "infrequent": {"min_frequency": 8, "one_hot_max_size": 20},
    "infrequent codes": {"min_frequency": 3, "one_hot_max_size": 0},
}


@pytest.mark.parametrize("name", ENCODERS)
def test_what_the_encoder_returns(name):
    encoder = TableEncoder(categorical_features=NAMED, **ENCODERS[name]).fit(TABLE)
    graph = convert(encoder, TABLE)
    for table in (TABLE, ODD):
        (found,) = outputs_of(graph, fed(table, graph))
        expected = encoder.transform(table)
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        # Quantiles are approximated; others differ by the order of operations.
        rtol = 2e-11 if name == "quantile" else 2e-14
        rtol = 2e-7 if expected.dtype == np.float32 else rtol
        assert_allclose(found, expected, rtol=rtol, atol=rtol)


def test_quantiles_of_equal_values_and_many():
    rng = np.random.RandomState(0)
    X = np.c_[
        rng.normal(size=3000), rng.randint(4, size=3000), rng.exponential(size=3000)
    ]
    encoder = TableEncoder(numeric="quantile", dtype=np.float64).fit(X)
    type_of_X = data_types.DoubleTensorType([None, 3])
    graph = skl2onnx.to_onnx(encoder, initial_types=[("X", type_of_X)])
    later = np.r_[X, X.min(axis=0, keepdims=True) - 1, X.max(axis=0, keepdims=True) + 1]
    later = np.r_[later, rng.normal(size=(500, 3)) * 3]
    (found,) = run(graph, later)
    assert_allclose(found, encoder.transform(later), rtol=0, atol=2e-9)


def test_an_encoder_in_a_pipeline():
    network = MLPClassifier((6,), max_iter=3, random_state=0)
    model = make_pipeline(TableEncoder(categorical_features=NAMED), network)
    model.fit(TABLE, np.array(list("abc"))[T])
    graph = convert(model, TABLE, zipmap=False)
    labels, probabilities = outputs_of(graph, fed(ODD, graph))
    expected = model.predict_proba(ODD)
    assert_same_labels(labels, model.predict(ODD), expected)
    assert_allclose(probabilities, expected, atol=3e-6)


# Tabular estimators ------------------------------------------------------------------


@pytest.mark.parametrize("zipmap", [False, True, "columns"])
def test_a_tabular_classifier(zipmap):
    model = TabularMLPClassifier(categorical_features=NAMED, calibrate=True, **SMALL)
    model.fit(TABLE, np.array(list("abc"))[T])
    graph = convert(model, TABLE, zipmap=zipmap)
    labels, *scores = outputs_of(graph, fed(ODD, graph))
    expected = model.predict_proba(ODD)
    assert_same_labels(labels, model.predict(ODD), expected)
    if zipmap is False:
        (found,) = scores
    elif zipmap is True:
        found = [[row[key] for key in model.classes_] for row in scores[0]]
    else:
        found = np.stack(scores, axis=1)
    assert_allclose(found, expected, atol=3e-6)


@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
def test_a_tabular_regressor_in_a_search(loss):
    model = TabularMLPRegressor(
        categorical_features=NAMED, loss=loss, quantile=0.5, **SMALL
    )
    search = GridSearchCV(model, {"learning_rate_init": [0.05]}, cv=2)
    search.fit(TABLE, T * 100.0)
    graph = convert(search, TABLE)
    (found,) = outputs_of(graph, fed(ODD, graph))
    expected = search.predict(ODD)
    assert_allclose(found.reshape(expected.shape), expected, rtol=1e-4)


def test_columns_in_another_order():
    """They have names, as in a data frame."""
    table = TABLE[["gaps", "town", "count"]]
    model = TabularMLPClassifier(**SMALL).fit(table, T)
    graph = convert(model, table[["town", "count", "gaps"]], zipmap=False)
    _, found = outputs_of(graph, fed(table, graph))
    assert_allclose(found, model.predict_proba(table), atol=3e-6)


def test_types_that_skl2onnx_guesses():
    table = TABLE[["small", "count", "color", "flag", "amount"]]
    model = TabularMLPClassifier(**SMALL).fit(table, T)
    options = {id(model): {"zipmap": False}}
    graph = skl2onnx.to_onnx(model, table, options=options)
    labels, found = outputs_of(graph, fed(table, graph))
    assert_array_equal(labels, model.predict(table))
    assert_allclose(found, model.predict_proba(table), atol=3e-6)


def test_behind_a_transformer_of_columns():
    """Which joins the columns of a type: a few inputs of several columns."""
    table = TABLE[["amount", "small", "count"]].astype(np.float64)
    steps = ColumnTransformer([("scaled", StandardScaler(), ["amount", "small"])])
    model = make_pipeline(steps, TabularMLPClassifier(**SMALL)).fit(table, T)
    graph = convert(model, table, zipmap=False)
    inputs = {x.name for x in graph.graph.input}
    found = outputs_of(
        graph, {k: v for k, v in fed(table, graph).items() if k in inputs}
    )
    assert_allclose(found[1], model.predict_proba(table), atol=3e-6)


def test_text_that_is_missing():
    table = TABLE[["town", "count"]]
    model = TabularMLPClassifier(**SMALL).fit(table, T)
    graph = convert(model, table, zipmap=False, missing_text="?")
    _, found = outputs_of(graph, fed(table, graph, "?"))
    assert_allclose(found, model.predict_proba(table), atol=3e-6)


def test_refusals_of_tables():
    table = TABLE[["town", "count"]]
    model = TabularMLPClassifier(**SMALL).fit(table, T)
    with pytest.raises(ValueError, match=r"takes 2 columns, got 1. Pass initial_types"):
        convert(model, table[["town"]])
    with pytest.raises(ValueError, match=r"'town' of X holds text. Its input type"):
        convert(model, table.assign(town=1.0))

    class Odd(TableEncoder):
        def transform(self, X):
            return super().transform(X) + 1

    register_skl2onnx(Odd)
    with pytest.raises(ValueError, match=r"Odd cannot be exported: .* own transform"):
        convert(Odd().fit(table), table)


# Ensembles ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_an_ensemble_in_a_pipeline(dtype):
    X, t = data(dtype)
    network = MLPClassifier((6,), normalization="batch", max_iter=3)
    ensemble = EnsembleMLPClassifier(network, n_members=2, random_state=0)
    model = make_pipeline(StandardScaler(), ensemble).fit(X, np.array(list("abc"))[t])
    options = {id(model): {"zipmap": False}}
    labels, found = run(skl2onnx.to_onnx(model, X[:1], options=options), X)
    assert_same_labels(labels, model.predict(X), model.predict_proba(X))
    assert_allclose(found, model.predict_proba(X), atol=3e-6)
    network = MLPRegressor("poisson", (6,), max_iter=3)
    numbers = EnsembleMLPRegressor(network, n_members=2, random_state=0)
    model = make_pipeline(StandardScaler(), numbers).fit(X, t + 1.0)
    (found,) = run(skl2onnx.to_onnx(model, X[:1]), X)
    assert found.dtype == dtype
    assert_allclose(found[:, 0], model.predict(X), rtol=1e-5)
    (direct,) = run(to_onnx(model[-1]), model[:-1].transform(X))
    assert_allclose(direct, model.predict(X), rtol=1e-5)
