"""Conversion by skl2onnx, which knows our estimators once sknn.onnx is imported."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx_sessions import ATOL, FLOATS, LABELS, assert_same_labels, data, run, scores_of
from processes import run as run_script
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, StackingRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.onnx import register_skl2onnx, to_onnx

skl2onnx = pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")

# Of skl2onnx and onnx themselves.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
floats = pytest.mark.parametrize("dtype", FLOATS)
FIT = {"max_iter": 3, "random_state": 0}


def convert(model, X, **options):
    chosen = {id(model): options} if options else None
    return skl2onnx.to_onnx(model, X[:1], options=chosen)


@floats
@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize("labels", LABELS)
def test_classifier_in_a_pipeline(labels, loss, dtype):
    X, t = data(dtype)
    network = MLPClassifier((6,), loss=loss, normalization="batch", **FIT)
    model = make_pipeline(StandardScaler(), network).fit(X, LABELS[labels](t))
    expected, scores = model.predict(X), scores_of(model, X)

    found, converted = run(convert(model, X, zipmap=False), X)
    assert_same_labels(found, expected, scores)
    assert converted.shape == scores.shape
    assert_allclose(converted, scores, atol=5 * ATOL[np.dtype(dtype).name])

    found, rows = run(convert(model, X), X)  # zipmap is True
    assert_same_labels(found, expected, scores)
    assert all(list(row) == model.classes_.tolist() for row in rows)

    found, *columns = run(convert(model, X, zipmap="columns"), X)
    assert_same_labels(found, expected, scores)
    assert_allclose(columns[-1], scores.reshape(len(X), -1)[:, -1], atol=1e-5)

    found, _ = run(convert(model, X, nocl=True, zipmap=False), X)
    if expected.ndim == 1:
        assert_same_labels(model.classes_[found], expected, scores)


@floats
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "quantile"])
def test_regressor_in_a_pipeline(loss, n_outputs, dtype):
    X, _ = data(dtype)
    y = np.abs(X[:, :n_outputs]) + 1
    network = MLPRegressor(loss, (6,), normalization="layer", **FIT)
    if loss == "quantile":
        network.set_params(quantile=(0.2, 0.8))
    y = y[:, 0] if n_outputs == 1 else y
    model = make_pipeline(StandardScaler(), network).fit(X, y)
    (found,) = run(convert(model, X), X)
    expected = model.predict(X)
    if expected.ndim == 1:  # skl2onnx has a column
        assert found.shape == (len(X), 1)
        expected = expected[:, None]
    assert found.dtype == X.dtype
    assert_allclose(found, expected, atol=10 * ATOL[np.dtype(dtype).name])


@pytest.mark.parametrize("fitted", FLOATS)
@pytest.mark.parametrize("given", FLOATS)
def test_input_of_another_dtype_than_that_of_the_fit(given, fitted):
    X, t = data(fitted)
    model = MLPClassifier((6,), **FIT).fit(X, t)
    X = X.astype(given)
    labels, probabilities = run(convert(model, X, zipmap=False), X)
    assert_array_equal(labels, model.predict(X))
    assert probabilities.dtype == given
    tolerance = ATOL["float32" if np.float32 in (given, fitted) else "float64"]
    assert_allclose(probabilities, model.predict_proba(X), atol=tolerance)


def test_whole_numbers_and_a_table_of_columns():
    rng = np.random.RandomState(0)
    X = rng.randint(0, 4, size=(80, 3))
    model = make_pipeline(
        ColumnTransformer(
            [("codes", OneHotEncoder(), [0, 1])], remainder="passthrough"
        ),
        MLPClassifier((6,), **FIT),
    ).fit(X, X[:, 0] % 2)
    labels, probabilities = run(convert(model, X, zipmap=False), X)
    assert_same_labels(labels, model.predict(X), model.predict_proba(X))
    assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)


META = {
    "bagging": lambda network: BaggingClassifier(network, n_estimators=2),
    "calibration": lambda network: CalibratedClassifierCV(network, cv=2),
    "search": lambda network: GridSearchCV(network, {"alpha": [0.1]}, cv=2),
    "search over a pipeline": lambda network: GridSearchCV(
        make_pipeline(StandardScaler(), network), {"mlpclassifier__alpha": [0.1]}, cv=2
    ),
    "stacking": lambda network: StackingClassifier([("a", network)], cv=2),
    "one versus rest": OneVsRestClassifier,
}


@floats
@pytest.mark.parametrize("meta", META)
def test_within_other_estimators(meta, dtype):
    X, t = data(dtype)
    model = META[meta](MLPClassifier((6,), **FIT)).fit(X, np.array(list("abc"))[t])
    labels, probabilities = run(convert(model, X, zipmap=False), X)
    assert_same_labels(labels, model.predict(X), model.predict_proba(X))
    assert_allclose(probabilities, model.predict_proba(X), atol=1e-6)


def test_a_stacked_regressor():
    X, _ = data(np.float64)
    network = MLPRegressor(hidden_layer_sizes=6, **FIT)
    model = StackingRegressor([("a", network), ("b", network)], cv=2).fit(X, X[:, 0])
    (found,) = run(convert(model, X), X)
    assert_allclose(found[:, 0], model.predict(X), atol=1e-12)


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_target_opset(opset):
    X, t = data(np.float64)
    model = MLPClassifier((6,), "gelu", normalization="layer", **FIT).fit(X, t)
    graph = skl2onnx.to_onnx(
        model, X[:1], target_opset=opset, options={"zipmap": False}
    )
    assert max(o.version for o in graph.opset_import if not o.domain) <= opset
    assert_allclose(run(graph, X)[1], model.predict_proba(X), atol=1e-13)


class Derived(MLPClassifier):
    """Has to be registered by itself."""


def test_derived_classes_are_registered_by_a_call():
    X, t = data(np.float64)
    model = Derived((6,), **FIT).fit(X, t)
    register_skl2onnx(Derived)
    labels, _ = run(convert(model, X), X)
    assert_array_equal(labels, model.predict(X))
    with pytest.raises(TypeError, match="classes derived from them, got <class 'int'>"):
        register_skl2onnx(int)


def test_the_same_numbers_as_to_onnx():
    X, t = data(np.float32)
    model = MLPClassifier((6,), **FIT).fit(X, t)
    direct, converted = to_onnx(model), convert(model, X, zipmap=False)
    for found, expected in zip(run(converted, X), run(direct, X), strict=True):
        assert_array_equal(found, expected)


def test_the_import_registers():
    script = """
import json, sys
import skl2onnx
import sknn
from sknn import MLPClassifier
X, y = [[0.0], [1.0]] * 5, [0, 1] * 5
model = MLPClassifier(2, max_iter=1, tol=0.0, solver="lbfgs").fit(X, y)
from skl2onnx.common.data_types import FloatTensorType
types = [("X", FloatTensorType([None, 1]))]
before = None
try:
    skl2onnx.to_onnx(model, initial_types=types)
except Exception as error:
    before = type(error).__name__
import sknn.onnx
after = [o.name for o in skl2onnx.to_onnx(model, initial_types=types).graph.output]
print(json.dumps([before, after]))
"""
    before, after = run_script(script)
    assert before == "MissingShapeCalculator"
    assert after == ["output_label", "output_probability"]


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_the_converter_of_scikit_learns_networks_is_wrong_for_ours(normalization):
    """As the page on ONNX says: registered by hand, it leaves normalisation out."""
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
    )
    from skl2onnx.operator_converters.multilayer_perceptron import (
        convert_sklearn_mlp_classifier,
    )

    class ByHand(MLPClassifier):
        pass

    skl2onnx.update_registered_converter(
        ByHand,
        "ByHand",
        calculate_linear_classifier_output_shapes,
        convert_sklearn_mlp_classifier,
        options={"zipmap": [True, False], "nocl": [True, False]},
    )
    X, t = data(np.float32)
    X = X * 3 + 2
    model = ByHand((20,), normalization=normalization, max_iter=30, random_state=0)
    labels, _ = run(convert(model.fit(X, t), X, zipmap=False), X)
    assert (labels == model.predict(X)).mean() < 0.97
    labels, _ = run(to_onnx(model), X)
    assert_array_equal(labels, model.predict(X))
