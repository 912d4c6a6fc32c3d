"""ONNX graphs, run by onnxruntime, against the predictions of the estimators."""

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from onnx_sessions import (
    ATOL,
    FLOATS,
    LABELS,
    assert_same,
    data,
    run,
    scores_of,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sknn._extras
from sknn import MLPClassifier, MLPRegressor, register_activation, register_loss
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import (
    OUTPUT_ACTIVATIONS,
    REGRESSION_LOSSES,
    losses_of_classifier,
)
from sknn.network.layers.base import LayerSpec
from sknn.network.layers.table import LAYERS
from sknn.onnx import to_onnx

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

floats = pytest.mark.parametrize("dtype", FLOATS)
FIT = {"max_iter": 3, "random_state": 0}


# Layers and activations ----------------------------------------------------------


@floats
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_and_normalisations(activation, normalization, dtype):
    X, t = data(dtype)
    model = MLPClassifier((7, 20), activation, normalization=normalization, **FIT)
    assert_same(model.fit(X, t), X)


@floats
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_far_from_zero_and_near(activation, dtype):
    """By a network that passes one number through."""
    model = MLPRegressor(hidden_layer_sizes=1, activation=activation, solver="lbfgs")
    z = np.r_[0, np.logspace(-6, 2, 60), -np.logspace(-6, 2, 60)].astype(dtype)[:, None]
    model.fit(z, z[:, 0])
    model.coefs_ = [np.ones((1, 1), dtype), np.ones((1, 1), dtype)]
    model.intercepts_ = [np.zeros(1, dtype), np.zeros(1, dtype)]
    (y,) = run(to_onnx(model), z)
    tolerance = 4 * ATOL[np.dtype(dtype).name]
    assert_allclose(y, model.predict(z), rtol=tolerance, atol=tolerance)


@floats
def test_everything_at_once(dtype):
    X, t = data(dtype)
    model = MLPClassifier(
        hidden_layer_sizes=(9, 8, 7),
        activation=["gelu", "selu", "hard_sigmoid"],
        dropout=[0.1, 0.0, 0.3],
        input_dropout=0.2,
        normalization="batch",
        label_smoothing=0.1,
        **FIT,
    )
    assert_same(model.fit(X, t), X)


@floats
def test_no_hidden_layer(dtype):
    X, t = data(dtype)
    assert_same(MLPClassifier(hidden_layer_sizes=(), **FIT).fit(X, t), X)


@floats
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_trained_factors_of_features_and_activations(activation, dtype):
    X, t = data(dtype)
    options = {"feature_scaling": True, "parametric_activation": True}
    options |= {"normalization": "batch", "activation": activation}
    model = MLPClassifier((9, 8), learning_rate_init=0.05, **options, **FIT)
    assert_same(model.fit(X, t), X)


def test_batch_normalisation_and_dropout_leave_no_node():
    X, t = data(np.float32)
    options = {"normalization": "batch", "dropout": 0.5, "input_dropout": 0.1}
    model = MLPClassifier((5, 4), **options, **FIT).fit(X, t)
    operators = [node.op_type for node in to_onnx(model).graph.node]
    assert operators == [
        "Gemm",
        "Relu",
        "Gemm",
        "Relu",
        "Gemm",
        "Softmax",
        "ArgMax",
        "Gather",
    ]


def test_normalised_networks_that_are_far_from_their_first_weights():
    """Running statistics, gains and shifts that differ much from 0 and 1."""
    X, t = data(np.float64)
    X = X * 50 + 300
    model = MLPClassifier(
        (12, 6), "tanh", normalization="batch", max_iter=40, learning_rate_init=0.03
    ).fit(X, t)
    assert np.abs(model.running_statistics_[0]).max() > 50
    assert_same(model, X)


def test_weights_that_the_user_replaced():
    X, t = data(np.float64)
    model = MLPClassifier((5,), **FIT).fit(X, t)
    rng = np.random.RandomState(0)
    shapes = [(X.shape[1], 8), (8, 3)]
    model.coefs_ = [rng.normal(size=shape) for shape in shapes]
    model.intercepts_ = [rng.normal(size=shape[1]) for shape in shapes]
    assert_same(model, X)


# Classification ------------------------------------------------------------------


@floats
@pytest.mark.parametrize("loss", sorted(losses_of_classifier()))
@pytest.mark.parametrize("labels", LABELS)
def test_labels_and_losses(labels, loss, dtype):
    X, t = data(dtype)
    model = MLPClassifier((6,), loss=loss, **FIT).fit(X, LABELS[labels](t))
    assert_same(model, X)


@floats
@pytest.mark.parametrize("nocl", [False, True])
@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize("labels", LABELS)
def test_zipmap_and_nocl(labels, loss, nocl, dtype):
    X, t = data(dtype)
    model = MLPClassifier((6,), loss=loss, **FIT).fit(X, LABELS[labels](t))
    predicted, scores = model.predict(X), scores_of(model, X)
    if scores.ndim == 1 and len(model.classes_) == 2:
        scores = np.c_[-scores, scores]
    scores = scores.reshape(len(X), -1)

    found, rows = run(to_onnx(model, zipmap=True, nocl=nocl), X)
    indexed = nocl and predicted.ndim == 1
    assert_array_equal(model.classes_[found] if indexed else found, predicted)
    assert found.dtype == np.int64 or not nocl
    keys = np.arange(len(model.classes_)) if nocl else model.classes_
    assert all(list(row) == keys.tolist() for row in rows)
    maps = np.array([list(row.values()) for row in rows])
    assert_allclose(maps, scores, rtol=2e-6, atol=2e-7)

    found, *columns = run(to_onnx(model, zipmap="columns", nocl=nocl), X)
    assert_array_equal(model.classes_[found] if indexed else found, predicted)
    tolerance = ATOL[np.dtype(dtype).name]
    assert_allclose(np.stack(columns, 1), scores, rtol=10 * tolerance, atol=tolerance)


def test_names_of_outputs():
    X, t = data(np.float32)
    model = MLPClassifier((6,), **FIT).fit(X, t * 5)

    def names(**options):
        return [output.name for output in to_onnx(model, **options).graph.output]

    assert names() == ["label", "probabilities"]
    assert names(zipmap=True) == ["output_label", "output_probability"]
    assert names(zipmap="columns") == ["output_label", "i0", "i5", "i10"]
    model.fit(X, np.array(["a", "b", "Y"])[t])
    assert names(zipmap="columns") == ["output_label", "sY", "sa", "sb"]
    assert names(zipmap="columns", nocl=True) == ["output_label", "i0", "i1", "i2"]


def test_classes_whose_names_are_those_of_tensors():
    X, t = data(np.float32)
    classes = np.array(["X", "gemm", "constant"])
    model = MLPClassifier((6,), **FIT).fit(X, classes[t])
    assert_same(model, X)
    _, *columns = run(to_onnx(model, zipmap="columns"), X)
    assert_allclose(np.stack(columns, 1), model.predict_proba(X), atol=1e-6)


# Regression ----------------------------------------------------------------------


@floats
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", sorted(REGRESSION_LOSSES))
def test_regression_losses(loss, n_outputs, dtype):
    X, _ = data(dtype)
    y = np.abs(X[:, :n_outputs]) + 0.5
    y = y[:, 0] if n_outputs == 1 else y
    assert_same(MLPRegressor(loss, (6,), **FIT).fit(X, y), X)


@floats
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("levels", [(0.5,), (0.1, 0.9), (0.05, 0.3, 0.5, 0.99)])
def test_quantiles_never_cross(levels, n_outputs, dtype):
    X, _ = data(dtype)
    y = X[:, 0] if n_outputs == 1 else X[:, :2]
    model = MLPRegressor("quantile", (6,), quantile=levels, **FIT).fit(X, y)
    assert_same(model, X)
    (quantiles,) = run(to_onnx(model), X * 1000)
    assert (np.diff(quantiles, axis=-1) >= 0).all() or len(levels) == 1


def test_every_output_activation_has_a_definition():
    for link in OUTPUT_ACTIVATIONS.values():
        assert callable(link.onnx)


# What users register -------------------------------------------------------------


@floats
def test_a_registered_loss_needs_no_definition(dtype):
    register_loss(
        "quartic", lambda y, z: (z - y) ** 4, lambda y, z: 4 * (z - y) ** 3, link="exp"
    )
    X, _ = data(dtype)
    assert_same(MLPRegressor("quartic", (6,), **FIT).fit(X, np.abs(X[:, 0])), X)


@floats
def test_a_registered_activation_with_its_definition(dtype):
    register_activation(
        "bent",
        lambda z: (np.sqrt(z * z + 1) - 1) / 2 + z,
        lambda z: z / (2 * np.sqrt(z * z + 1)) + 1,
        onnx=lambda g, z: (g.Sqrt(z * z + 1) - 1) / 2 + z,
    )
    X, t = data(dtype)
    assert_same(MLPClassifier((6,), "bent", **FIT).fit(X, t), X)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (None, "'mine' cannot be exported to ONNX: it has no definition"),
        (lambda g, z: z * 3, "gives -15.9 at z = -5.3, but its function gives -10.6"),
        (lambda g, z: 3, "its `onnx` returned 3, which is not a tensor"),
        (lambda g, z: g.NoSuch(z), "its `onnx` cannot be evaluated: .*NoSuch"),
    ],
)
def test_a_registered_activation_without_a_right_definition(formula, message):
    register_activation("mine", lambda z: 2 * z, lambda z: 2.0, onnx=formula)
    X, t = data(np.float64)
    model = MLPClassifier((6,), "mine", **FIT).fit(X, t)
    with pytest.raises(ValueError, match=message):
        to_onnx(model)


def test_a_definition_that_is_no_function():
    with pytest.raises(ValueError, match="onnx='Relu' is not callable"):
        register_activation("mine", lambda z: 2 * z, lambda z: 2.0, onnx="Relu")
    assert "mine" not in ACTIVATIONS


def test_a_layer_without_a_definition_is_refused_by_name(monkeypatch):
    X, t = data(np.float64)
    model = MLPClassifier((6,), normalization="layer", **FIT).fit(X, t)
    monkeypatch.setattr(type(LAYERS["layer_norm"]), "onnx", LayerSpec.onnx)
    with pytest.raises(ValueError, match="layer 'layer norm' cannot be exported"):
        to_onnx(model)


# What is refused -----------------------------------------------------------------


def test_an_estimator_that_is_not_fitted():
    with pytest.raises(NotFittedError):
        to_onnx(MLPClassifier())


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (LogisticRegression(), "takes a fitted MLPClassifier or MLPRegressor of sknn"),
        (None, "a tabular estimator or a HiddenLayerTransformer, got None"),
        (make_pipeline(StandardScaler(), MLPClassifier()), "got a Pipeline. Convert"),
    ],
)
def test_what_is_no_estimator_of_sknn(estimator, message):
    with pytest.raises(TypeError, match=message):
        to_onnx(estimator)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zipmap": "rows"}, "zipmap must be True, False or 'columns', got 'rows'"),
        ({"nocl": "yes"}, "nocl must be True or False, got 'yes'"),
        ({"target_opset": 12}, "target_opset must be an integer from 13 to"),
        ({"target_opset": 999}, "target_opset must be an integer from 13 to"),
        ({"target_opset": "17"}, "target_opset must be an integer .* got '17'"),
        ({"target_opset": True}, "target_opset must be an integer .* got True"),
        ({"target_opset": {"com.other": 1}}, r"target_opset has the domains \['com"),
    ],
)
def test_wrong_options(options, message):
    X, t = data(np.float64)
    model = MLPClassifier((6,), **FIT).fit(X, t)
    with pytest.raises(ValueError, match=message):
        to_onnx(model, **options)


@pytest.mark.parametrize("options", [{"zipmap": True}, {"nocl": True}])
def test_options_of_classifiers_for_a_regressor(options):
    X, _ = data(np.float64)
    model = MLPRegressor(hidden_layer_sizes=(6,), **FIT).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="is for classifiers, but MLPRegressor is"):
        to_onnx(model, **options)


class Doubled(MLPRegressor):
    def predict(self, X):
        return 2 * super().predict(X)


class Named(MLPRegressor):
    """Adds nothing to what its base predicts."""


def test_a_derived_class_is_refused_where_it_predicts_in_its_own_way():
    X, _ = data(np.float64)
    model = Named(hidden_layer_sizes=(6,), **FIT).fit(X, X[:, 0])
    assert_same(model, X)
    model = Doubled(hidden_layer_sizes=(6,), **FIT).fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"Doubled cannot be exported: .* own predict"):
        to_onnx(model)


def test_without_onnx_one_line_names_the_extra(monkeypatch):
    def not_found(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sknn._extras, "import_module", not_found)
    with pytest.raises(ImportError, match=r"needs onnx.*'sknn\[onnx\]'") as raised:
        to_onnx(MLPClassifier())
    assert "\n" not in str(raised.value)


# The model ------------------------------------------------------------------------


@floats
@pytest.mark.parametrize("opset", [13, 15, 17, 18, 21, {"": 19, "ai.onnx.ml": 3}])
def test_opsets(opset, dtype):
    X, t = data(dtype)
    model = MLPClassifier((6,), "gelu", normalization="layer", **FIT).fit(X, t)
    graph = to_onnx(model, target_opset=opset)
    (imported,) = [o.version for o in graph.opset_import if not o.domain]
    assert imported == (opset if isinstance(opset, int) else 19)
    assert_same(model, X, graph)
    zipped = to_onnx(model, target_opset=opset, zipmap=True)
    labels, _ = run(zipped, X)
    assert_array_equal(labels, model.predict(X))


def test_what_the_model_says_of_itself():
    X, t = data(np.float32)
    model = MLPClassifier((6,), **FIT).fit(X, t)
    graph = to_onnx(model)
    onnx.checker.check_model(graph, full_check=True)
    assert (graph.producer_name, graph.graph.name) == ("sknn", "MLPClassifier")
    (given,) = graph.graph.input
    assert given.name == "X"
    assert given.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert given.type.tensor_type.shape.dim[1].dim_value == X.shape[1]
    assert graph.SerializeToString() == to_onnx(model).SerializeToString()


def test_export_leaves_the_estimator_as_it_was():
    X, t = data(np.float64)
    model = MLPClassifier((6,), normalization="batch", **FIT).fit(X, t)
    before = pickle.dumps(model)
    to_onnx(model)
    assert pickle.dumps(model) == before


# Drawn at random -------------------------------------------------------------------


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(
    hidden=st.lists(st.integers(1, 40), max_size=3),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    normalization=st.sampled_from([None, "batch", "layer"]),
    dtype=st.sampled_from(FLOATS),
    labels=st.sampled_from([None, *LABELS]),
    loss=st.sampled_from(["log_loss", "focal", "hinge"]),
    regression_loss=st.sampled_from(sorted(REGRESSION_LOSSES)),
    scale=st.sampled_from([0.01, 1.0, 30.0]),
    seed=st.integers(0, 1000),
)
def test_networks_drawn_at_random(
    hidden,
    activation,
    normalization,
    dtype,
    labels,
    loss,
    regression_loss,
    scale,
    seed,
):
    X, t = data(dtype, seed)
    X *= dtype(scale)
    options = {
        "hidden_layer_sizes": hidden,
        "activation": activation,
        "normalization": normalization,
        "learning_rate_init": 0.01,
        "max_iter": 2,
        "random_state": seed,
    }
    if labels is None:
        y = np.abs(X[:, 0] / scale) + 0.1
        model = MLPRegressor(regression_loss, **options).fit(X, y)
    else:
        model = MLPClassifier(loss=loss, **options).fit(X, LABELS[labels](t))
    if np.isfinite(scores_of(model, X)).all():
        assert_same(model, X)
