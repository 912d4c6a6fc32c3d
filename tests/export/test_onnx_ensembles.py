"""ONNX graphs of ensembles, against the mean of their members."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from onnx_sessions import ATOL, FLOATS, LABELS, data, run
from sklearn.exceptions import NotFittedError
from tables_to_export import assert_predicts

from sknn import (
    EnsembleMLPClassifier,
    EnsembleMLPRegressor,
    MLPClassifier,
    MLPRegressor,
)
from sknn.onnx import to_onnx

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

floats = pytest.mark.parametrize("dtype", FLOATS)
FIT = {"max_iter": 3, "tol": None, "hidden_layer_sizes": (6,)}


def assert_same(model, X):
    assert_predicts(model, X, run(to_onnx(model), X))


def classifiers(y, X, cv=None, **options):
    network = MLPClassifier(**FIT | options)
    return EnsembleMLPClassifier(network, n_members=3, cv=cv, random_state=0).fit(X, y)


@floats
@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.default_cases(16)
def test_labels_of_ensembles(labels, loss, dtype):
    X, t = data(dtype)
    assert_same(classifiers(LABELS[labels](t), X, loss=loss), X)


LOSSES = {
    "squared_error": {"standardize_y": True},
    "poisson": {},
    "quantile": {"quantile": (0.1, 0.9), "standardize_y": True},
}


@floats
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("loss", LOSSES)
def test_regressors(loss, n_outputs, dtype):
    X, _ = data(dtype)
    y = np.abs(X[:, :n_outputs]) * 30 + 5
    y = y[:, 0] if n_outputs == 1 else y
    network = MLPRegressor(loss, **FIT, **LOSSES[loss])
    model = EnsembleMLPRegressor(network, n_members=2, random_state=0).fit(X, y)
    assert_same(model, X)


EVERYTHING = {
    "numeric_embedding": "piecewise_linear",
    "numeric_embedding_size": 3,
    "categorical_features": [3],
    "parametrization": "ntk",
    "feature_scaling": True,
    "parametric_activation": True,
    "normalization": "batch",
    "standardize": True,
    "dropout": 0.1,
    "activation": "mish",
}


@floats
@pytest.mark.parametrize("cv", [None, 3])
def test_members_of_all_kinds_of_layers(cv, dtype):
    X, t = data(dtype)
    X[:, 3] = np.arange(len(X)) % 5
    model = classifiers(t, X, cv, **EVERYTHING)
    odd = X.copy()
    odd[:3, 3] = -1, 7, 0.5
    assert_same(model, X)
    assert_same(model, odd)


def test_the_mean_of_the_graphs_of_the_members():
    X, t = data(np.float64)
    model = classifiers(t, X)
    members = [run(to_onnx(member), X)[1] for member in model.estimators_]
    _, mean = run(to_onnx(model), X)
    assert_allclose(mean, np.mean(members, axis=0), rtol=1e-13)


def test_an_ensemble_of_sparse_rows():
    X, t = data(np.float64)
    S = scipy.sparse.csr_array(np.maximum(X, 0))
    model = classifiers(t, S, standardize=True)
    _, found = run(to_onnx(model), S.toarray())
    assert_allclose(found, model.predict_proba(S), atol=ATOL["float64"])


def test_options_of_ensembles():
    X, t = data(np.float32)
    model = classifiers(LABELS["text"](t), X)
    labels, rows = run(to_onnx(model, zipmap=True), X)
    assert_array_equal(labels, model.predict(X))
    assert list(rows[0]) == model.classes_.tolist()
    index, _ = run(to_onnx(model, nocl=True), X)
    assert_array_equal(model.classes_[index], labels)
    graph = to_onnx(model, target_opset=13)
    assert graph.graph.name == "EnsembleMLPClassifier"
    assert_predicts(model, X, run(graph, X))


# What is refused ---------------------------------------------------------------------


def test_ensembles_that_cannot_be_exported():
    with pytest.raises(NotFittedError):
        to_onnx(EnsembleMLPClassifier())
    X, t = data(np.float64)
    model = classifiers(t, X)
    with pytest.raises(ValueError, match="encoded=True is for estimators that take"):
        to_onnx(model, encoded=True)
    model.estimators_[1] = MLPClassifier(**FIT).fit(X[:, :2], t)
    with pytest.raises(ValueError, match=r"members in estimators_ must have as many"):
        to_onnx(model)


class Surest(EnsembleMLPClassifier):
    def predict_proba(self, X):
        return super().predict_proba(X) ** 2


class Rounded(MLPClassifier):
    def _labels_of(self, outputs):
        return super()._labels_of(outputs.round())


def test_classes_that_predict_in_their_own_way():
    X, t = data(np.float64)
    model = Surest(MLPClassifier(**FIT), n_members=2).fit(X, t)
    with pytest.raises(ValueError, match=r"Surest cannot be exported: .* predict_p"):
        to_onnx(model)
    model = EnsembleMLPClassifier(Rounded(**FIT), n_members=2).fit(X, t)
    with pytest.raises(ValueError, match=r"Rounded cannot be exported: .* _labels_of"):
        to_onnx(model)
