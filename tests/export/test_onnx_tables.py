"""ONNX graphs of tabular estimators, from the raw table, against their predictions."""

from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from onnx_sessions import LABELS
from tables_to_export import (
    NAMED,
    N,
    assert_predicts,
    assert_same_table,
    fed,
    mixed_table,
    odd_rows,
    outputs_of,
)

from sknn.onnx import to_inputs, to_onnx
from sknn.tabular import TabularMLPClassifier, TabularMLPRegressor

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

TABLE = mixed_table()
ODD = odd_rows(TABLE)
SMALL = {"preset": "quick", "random_state": 0, "hidden_layer_sizes": (8,)}
SMALL |= {"max_iter": 4, "categorical_features": NAMED}
SCORE = np.nan_to_num(TABLE["gaps"]) + TABLE["flag"] - 2.0 * (TABLE["color"] == "red")
T = np.digitize(SCORE, [-1.2, 0.0])
T[:9] = np.arange(9) % 3
NUMBERS = {
    "one": SCORE.to_numpy() * 50 + 3,
    "several": np.c_[SCORE * 1e3, TABLE["gaps"].fillna(0), TABLE["count"]],
}


def classifier(y, X=TABLE, **options):
    return TabularMLPClassifier(**SMALL | options).fit(X, y)


def regressor(y, X=TABLE, **options):
    return TabularMLPRegressor(**SMALL | options).fit(X, y)


@cache
def mixed_classifier():
    return classifier(T)


# What is predicted -------------------------------------------------------------------


@pytest.mark.parametrize("labels", LABELS)
def test_labels(labels):
    model = classifier(LABELS[labels](T), max_iter=2)
    assert_same_table(model, TABLE, ODD)


@pytest.mark.parametrize("labels", ["objects", "two texts", "one class"])
def test_probabilities_with_a_temperature(labels):
    model = classifier(LABELS[labels](T), calibrate=True)
    assert labels == "one class" or model.temperature_ != 1.0
    assert_same_table(model, ODD)


@pytest.mark.parametrize("shape", NUMBERS)
@pytest.mark.parametrize("loss", ["squared_error", "huber", "quantile"])
def test_regression(loss, shape):
    model = regressor(NUMBERS[shape], loss=loss, max_iter=2)
    assert_same_table(model, TABLE, ODD)


def test_predictions_stay_within_the_targets():
    X = pd.DataFrame({"x": np.linspace(-3, 3, N)})
    model = regressor(
        np.sign(X["x"]), X, categorical_features="from_dtype", random_state=1
    )
    model._range = (
        np.float64(-0.1),
        np.float64(0.2),
    )  # as if it had been trained for long
    graph = to_onnx(model)
    (found,) = outputs_of(graph, fed(X, graph))
    assert found.max() == 0.2
    assert_array_equal(found.clip(-0.1, 0.2), found)
    assert_predicts(model, X, [found])


@pytest.mark.parametrize("options", [{"zipmap": True}, {"zipmap": "columns"}])
def test_zipmap(options):
    model = classifier(LABELS["text"](T))
    labels, *rows = outputs_of(to_onnx(model, **options), fed(TABLE, to_onnx(model)))
    assert_array_equal(labels, model.predict(TABLE))
    if options["zipmap"] is True:
        rows = [[each[key] for each in rows[0]] for key in model.classes_]
    assert_allclose(np.stack(rows, 1), model.predict_proba(TABLE), atol=2e-6)


@pytest.mark.parametrize("opset", [13, 18, 21, {"": 17, "ai.onnx.ml": 3}])
def test_opsets(opset):
    model = mixed_classifier()
    graph = to_onnx(model, target_opset=opset)
    assert_predicts(model, ODD, outputs_of(graph, fed(ODD, graph)))


# The inputs --------------------------------------------------------------------------


def test_each_column_is_an_input():
    graph = to_onnx(mixed_classifier())
    onnx.checker.check_model(graph, full_check=True)
    found = {
        each.name: onnx.TensorProto.DataType.Name(each.type.tensor_type.elem_type)
        for each in graph.graph.input
    }
    assert list(found) == list(TABLE)
    assert found == {
        **dict.fromkeys(TABLE, "DOUBLE"),
        **dict.fromkeys(["color", "sex", "town", "same"], "STRING"),
        **dict.fromkeys(["code", "when", "day"], "INT64"),
        "flag": "BOOL",
    }
    shapes = {
        tuple(each.dim_value for each in x.type.tensor_type.shape.dim)
        for x in graph.graph.input
    }
    assert shapes == {(0, 1)}
    assert {x.name: x.doc_string for x in graph.graph.input}["town"] == (
        "text; '' is missing"
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint16", "int32"])
def test_input_types(dtype):
    """Of numbers that all of these types hold."""
    table = TABLE[["count", "flag", "gaps", "code_gaps"]].copy()
    table["code_gaps"] = rng_of_codes()
    named = {"categorical_features": ["code_gaps"]}
    model = classifier(T, table, **named)
    types = dict.fromkeys(["count", "flag", "code_gaps"], dtype)
    graph = to_onnx(model, input_types=types)
    inputs = fed(table, graph)
    assert inputs["count"].dtype == inputs["flag"].dtype == np.dtype(dtype)
    assert_predicts(model, table, outputs_of(graph, inputs))


def rng_of_codes():
    return np.random.RandomState(3).randint(0, 9, N)


def test_float32_numbers_as_a_table_of_float32():
    table = TABLE[["amount", "gaps", "level"]].astype(np.float32)
    model = classifier(T, table, categorical_features=["level"])
    graph = to_onnx(model, input_types=dict.fromkeys(table, np.float32))
    assert_predicts(model, table, outputs_of(graph, fed(table, graph)))


def test_a_table_of_numbers_without_names_is_one_input():
    X = np.c_[TABLE["amount"], TABLE["gaps"], TABLE["count"], TABLE["flag"]]
    model = classifier(T, X.astype(float), categorical_features=[3])
    graph = to_onnx(model)
    assert [each.name for each in graph.graph.input] == ["X"]
    X[4:9] = np.nan
    assert_predicts(model, X, outputs_of(graph, {"X": X}))
    assert_predicts(model, X, outputs_of(graph, to_inputs(graph, X)))
    graph = to_onnx(model, input_types={"X": "float32"})
    X = X.astype(np.float32)
    assert_predicts(model, X, outputs_of(graph, {"X": X}))


def test_a_table_of_objects_without_names():
    X = TABLE[["gaps", "sex", "count"]].astype(object).to_numpy()
    model = classifier(T, X, categorical_features="from_dtype")
    graph = to_onnx(model)
    assert [each.name for each in graph.graph.input] == ["x0", "x1", "x2"]
    inputs = to_inputs(graph, X)
    assert inputs["x1"][0, 0] == ""
    assert_predicts(model, X, outputs_of(graph, inputs))
    assert_predicts(model, X, outputs_of(graph, to_inputs(graph, X.tolist())))


def test_names_that_outputs_have_too():
    names = {"gaps": "label", "count": "probabilities", "sex": "concat", "flag": "X"}
    table = TABLE[list(names)].rename(columns=names)
    model = classifier(T, table, categorical_features="from_dtype")
    graph = to_onnx(model)
    assert [each.name for each in graph.graph.input] == list(table)
    assert [x.name for x in graph.graph.output] == ["label_2", "probabilities_2"]
    assert_same_table(model, table)


@pytest.mark.parametrize("text", ["", "NA", "∅"])
def test_missing_text(text):
    model = classifier(T, TABLE[["sex", "town", "color"]], categorical_features=[0])
    assert_same_table(model, ODD[["sex", "town", "color"]], missing_text=text)


def test_only_constant_columns():
    table = TABLE[["same", "empty"]]
    model = classifier(T, table, categorical_features="from_dtype")
    assert_same_table(model, table)


def test_dates_as_categories():
    table = pd.DataFrame(
        {"day": TABLE["day"].dt.floor("365D"), "count": TABLE["count"]}
    )
    model = classifier(T, table, categorical_features=["day"])
    assert len(model.encoder_.columns_[0].categories) > 2
    odd = table.assign(day=ODD["day"])
    assert_same_table(model, table, odd)


def test_dates_in_utc():
    table = pd.DataFrame({"when": TABLE["when"].dt.tz_localize("UTC")})
    model = classifier(T, table, categorical_features="from_dtype")
    graph = to_onnx(model)
    inputs = to_inputs(graph, table)
    expected = table["when"].dt.tz_localize(None).astype("M8[us]").astype(np.int64)
    assert_array_equal(inputs["when"][:, 0], expected)
    assert_predicts(model, table, outputs_of(graph, inputs))


def test_after_the_encoder():
    for model in (mixed_classifier(), regressor(NUMBERS["one"])):
        graph = to_onnx(model, encoded=True)
        (given,) = graph.graph.input
        encoded = model.encoder_.transform(ODD)
        assert given.type.tensor_type.shape.dim[1].dim_value == encoded.shape[1]
        assert_predicts(model, ODD, outputs_of(graph, {"X": encoded}))
        assert not any(node.op_type == "LabelEncoder" for node in graph.graph.node)


def test_tables_of_other_libraries():
    columns = ["gaps", "sex", "town", "flag", "when", "code"]
    table = TABLE[columns]
    model = classifier(T, table, categorical_features=["code"])
    graph = to_onnx(model)
    expected = fed(table, graph)
    columns_of_text = ["sex", "town"]
    frame = pl.DataFrame(
        {
            name: values.astype(object).where(values.notna(), None).tolist()
            if name in columns_of_text
            else values.to_numpy()
            for name, values in table.items()
        },
        nan_to_null=True,
    )
    for other in (frame, table.convert_dtypes(), table[columns[::-1]]):
        found = to_inputs(graph, other)
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            assert found[name].dtype == values.dtype
            assert_array_equal(found[name], values)


# What is refused ---------------------------------------------------------------------


def test_columns_that_onnx_cannot_hold():
    table = TABLE[["gaps"]].assign(both=[1, "a", 2] * 30)
    model = classifier(T, table, categorical_features="from_dtype")
    message = r"'both' of X holds values of several .* to_onnx\(model, encoded=True\)"
    with pytest.raises(ValueError, match=message):
        to_onnx(model)
    zone = pd.DataFrame({"when": TABLE["when"].dt.tz_localize("Europe/Oslo")})
    later = classifier(T, zone, categorical_features="from_dtype")
    message = "'when' of X has dates of the time zone Europe/Oslo, .* Convert it to UTC"
    with pytest.raises(ValueError, match=message):
        to_onnx(later)
    for each, rows in ((model, table), (later, zone)):  # what it offers
        encoded = each.encoder_.transform(rows)
        found = outputs_of(to_onnx(each, encoded=True), {"X": encoded})
        assert_predicts(each, rows, found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"input_types": {"size": "float32"}},
            r"names 'size', which is no input. The inputs are \['amount'",
        ),
        (
            {"input_types": {"town": "float32"}},
            r"'town' of X holds text. Its input type must be one of str, got 'float32'",
        ),
        (
            {"input_types": {"gaps": str}},
            r"'gaps' of X holds numbers. Its input type must be one of float64,",
        ),
        ({"input_types": {"when": "float64"}}, "holds dates. .* one of int64, got"),
        ({"input_types": {"gaps": "decimal"}}, "must be one of .* got 'decimal'"),
        ({"missing_text": "red"}, "'color' of X has the category 'red', .* missing_te"),
        ({"missing_text": None}, "missing_text must be a string, got None"),
        ({"target_opset": {"ai.onnx.ml": 1}}, "need version 2 of 'ai.onnx.ml'"),
        (
            {"encoded": True, "missing_text": "NA"},
            "missing_text='NA' is for estimators that take tables, from the table",
        ),
    ],
)
def test_wrong_options_of_tables(options, message):
    with pytest.raises(ValueError, match=message):
        to_onnx(mixed_classifier(), **options)


def test_a_derived_class_with_its_own_prediction():
    class Sure(TabularMLPClassifier):
        def predict_proba(self, X):
            return super().predict_proba(X).round()

    model = Sure(**SMALL).fit(TABLE, T)
    with pytest.raises(ValueError, match=r"Sure cannot be exported: .* predict_proba"):
        to_onnx(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.drop(columns="town"), "has 15 columns, .* inputs for 16"),
        (lambda X: X.rename(columns={"town": "city"}), "has no column 'town', which"),
        (lambda X: X.assign(town=1.5), "'town' of X holds numbers, .* takes text"),
        (lambda X: X.assign(gaps="much"), "'gaps' of X holds text, .* takes numbers"),
        (lambda X: X.assign(gaps=X["when"]), "holds dates, but the model takes numb"),
        (lambda X: X.assign(when="now"), "'when' of X holds text, .* takes dates"),
        (
            lambda X: X.assign(code=np.r_[np.nan, X["code"][1:]]),
            r"'code' of X has values that its input, of int64, .*{'code': np.float64}",
        ),
    ],
)
def test_tables_that_are_no_inputs(change, message):
    graph = to_onnx(mixed_classifier())
    with pytest.raises(ValueError, match=message):
        to_inputs(graph, change(TABLE))


# Drawn at random ---------------------------------------------------------------------

_KINDS = {
    "numbers": lambda rng, n: rng.standard_cauchy(n),
    "counts": lambda rng, n: rng.poisson(2, n).astype(float),
    "text": lambda rng, n: rng.choice(list("abcdefghijkl"), n).astype(object),
    "flags": lambda rng, n: rng.choice([True, False], n).astype(object),
    "dates": lambda rng, n: pd.Series(
        np.datetime64("1970-01-01", "us") + rng.randint(-(2**50), 2**50, n)
    ),
}


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(
    kinds=st.lists(st.sampled_from(sorted(_KINDS)), min_size=1, max_size=6),
    gaps=st.sampled_from([0.0, 0.05, 0.5]),
    new_gaps=st.sampled_from([0.0, 0.3]),
    labels=st.sampled_from([None, *LABELS]),
    loss=st.sampled_from(["squared_error", "quantile"]),
    seed=st.integers(0, 1000),
)
def test_tables_drawn_at_random(kinds, gaps, new_gaps, labels, loss, seed):
    rng = np.random.RandomState(seed)

    def table(share):
        columns = {f"{k} {kind}": _KINDS[kind](rng, 60) for k, kind in enumerate(kinds)}
        frame = pd.DataFrame(columns)
        return frame.mask(rng.rand(*frame.shape) < share)

    rows, later = table(gaps), table(new_gaps)
    options = {"categorical_features": [k % 3 == 2 for k in range(len(kinds))]}
    t = rng.permutation(60) % 3
    if labels is None:
        model = regressor(t + rng.normal(size=60), rows, loss=loss, **options)
    else:
        model = classifier(LABELS[labels](t), rows, calibrate=True, **options)
    floats = {
        name: np.float64
        for name, fitted in zip(rows, model.encoder_.columns_, strict=True)
        if fitted.onnx_kind == "numbers"
    }
    graph = to_onnx(model, input_types=floats)
    for each in (rows, later):
        assert_predicts(model, each, outputs_of(graph, to_inputs(graph, each)))
