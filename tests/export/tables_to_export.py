"""Tables for ONNX graphs, and what a program without sknn feeds of them."""

import numpy as np
import pandas as pd
import pytest
from onnx_sessions import ATOL, assert_same_labels
from sklearn.base import is_classifier

from sknn.onnx import to_inputs, to_onnx

N = 90
rng = np.random.RandomState(0)
TOWNS = np.array([f"town {k}" for k in range(12)])


def with_gaps(values, every=9):
    series = pd.Series(values)
    series[::every] = None
    return series


def mixed_table(seed=0, n=N):
    """Return a table with a column of every kind."""
    rng = np.random.RandomState(seed)
    days = np.datetime64("2023-11-05T10:30") + rng.randint(0, 20000, n).astype("m8[h]")
    return pd.DataFrame(
        {
            "amount": rng.standard_cauchy(n) * 100,
            "gaps": with_gaps(rng.normal(size=n)),
            "small": rng.normal(size=n).astype(np.float32),
            "count": rng.randint(0, 40, n),
            "color": pd.Categorical(rng.choice(["red", "grün", "blue"], n)),
            "sex": with_gaps(rng.choice(["m", "f"], n).astype(object), 7),
            "town": with_gaps(rng.choice(TOWNS, n).astype(object)),
            "flag": rng.rand(n) < 0.3,
            "flag_gaps": with_gaps((rng.rand(n) < 0.3).astype(object)),
            "code": rng.randint(10_000, 10_030, n),
            "code_gaps": with_gaps(rng.randint(0, 5, n).astype(float)),
            "level": rng.choice([0.1, 0.25, 2.5], n),
            "when": days.astype("M8[us]"),
            "day": with_gaps(days.astype("M8[D]").astype("M8[s]")),
            "same": ["constant"] * n,
            "empty": np.full(n, np.nan),
        }
    )


NAMED = ["code", "code_gaps", "level"]  # categorical_features


def odd_rows(table):
    """Return the table with new categories, extreme numbers and new gaps."""
    odd = table.copy()
    odd["color"] = odd["color"].astype(object)
    odd.loc[:9, ["color", "sex", "town"]] = "new"
    odd.loc[5:15, ["color", "sex", "town", "gaps", "amount", "level"]] = None
    odd.loc[16:20, "amount"] = [1e300, -1e300, 1e-300, 0.0, 1e17]
    odd.loc[10:20, "code"] = np.r_[-(2**52), 2**53 - 1, 2**40, np.arange(8)]
    odd.loc[3:5, "code_gaps"] = [0.5, 9e15, -7]
    odd.loc[20:24, "level"] = [0.2500001, np.float32(0.1), 5, -1, 9e15]
    times = ["1969-12-31T23:59:59.999999", "1600-02-29", "2000-02-29T12:00", "NaT"]
    odd.loc[0:3, "when"] = np.array(times, "M8[us]")
    days = ["2100-03-01", "1999-12-31", "1900-02-28", "1970-01-01"]
    odd.loc[30:33, "day"] = np.array(days, "M8[s]")
    return odd


def fed(table, graph, missing_text=""):
    """Return a table as the inputs of a graph, by pandas alone."""
    import onnx

    types = {x.name: x.type.tensor_type.elem_type for x in graph.graph.input}
    arrays = {}
    for name, series in table.items():
        dtype = onnx.helper.tensor_dtype_to_np_dtype(types[name])
        if series.dtype.kind == "M":
            values = series.to_numpy().astype("M8[us]").astype(np.int64)
        elif dtype.kind == "O":
            values = series.astype(object).where(series.notna(), missing_text)
            values = values.to_numpy(object)
        else:
            values = series.to_numpy(np.float64, na_value=np.nan).astype(dtype)
            if dtype.kind in "iu":
                values = series.to_numpy(dtype)
        arrays[name] = values.reshape(-1, 1)
    return arrays


def outputs_of(graph, *tables):
    """Return the outputs for the inputs of a table; of several, one after the other."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # unused inputs are no news
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = [session.run(None, inputs) for inputs in tables]
    return found[0] if len(tables) == 1 else found


def assert_predicts(model, table, found):
    """Compare outputs of a graph with the predictions of an estimator."""
    if is_classifier(model):
        labels, scores = found
        name = "predict_proba" if hasattr(model, "predict_proba") else None
        expected = getattr(model, name or "decision_function")(table)
        assert_same_labels(labels, model.predict(table), expected)
    else:
        (scores,) = found
        expected = model.predict(table)
    assert scores.shape == expected.shape
    assert scores.dtype == expected.dtype
    # Numbers of networks in float32, whatever becomes of them.
    network = getattr(model, "ensemble_", model).estimators_[0]
    tolerance = ATOL[network.coefs_[0].dtype.name]
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(scores, expected, atol=5 * scale * tolerance, rtol=0)


def assert_same_table(model, *tables, **options):
    """Compare the graph of a tabular estimator with it."""
    graph = to_onnx(model, **options)
    missing_text = options.get("missing_text", "")
    fed_tables = [fed(table, graph, missing_text) for table in tables]
    for table, inputs in zip(tables, fed_tables, strict=True):
        ours = to_inputs(graph, table)
        assert ours.keys() == inputs.keys()
        for name, values in inputs.items():
            assert ours[name].dtype == values.dtype
            np.testing.assert_array_equal(ours[name], values)
    found = outputs_of(graph, *fed_tables)
    for table, outputs in zip(
        tables, found if len(tables) > 1 else [found], strict=True
    ):
        assert_predicts(model, table, outputs)
