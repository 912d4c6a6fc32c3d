"""ONNX graphs of hidden layers as features, and of networks trained on a cluster."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx_sessions import ATOL, FLOATS, assert_same, data, run
from sklearn.cluster import KMeans
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import HiddenLayerTransformer, MLPClassifier, MLPRegressor
from sknn.onnx import to_onnx

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

FIT = {"max_iter": 3, "random_state": 0}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layer", [0, 1, -1])
def test_a_hidden_layer(layer, dtype):
    X, t = data(dtype)
    network = MLPClassifier(
        (6, 1), ["gelu", "tanh"], normalization="batch", dropout=0.1, **FIT
    )
    for estimator in (network, FrozenEstimator(network.fit(X, t))):
        model = HiddenLayerTransformer(estimator, layer=layer).fit(X, t)
        graph = to_onnx(model)
        assert graph.graph.name == "HiddenLayerTransformer"
        (found,) = run(graph, X)
        expected = model.transform(X)
        assert found.dtype == expected.dtype
        assert_allclose(found, expected, atol=5 * ATOL[np.dtype(dtype).name])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of skl2onnx
def test_a_hidden_layer_in_a_pipeline():
    skl2onnx = pytest.importorskip("skl2onnx")
    X, t = data(np.float32)
    hidden = HiddenLayerTransformer(MLPRegressor("poisson", (6, 3), **FIT), layer=0)
    clusters = KMeans(3, n_init=1, random_state=0)
    model = make_pipeline(StandardScaler(), hidden, clusters).fit(X, t + 1)
    labels, distances = run(skl2onnx.to_onnx(model, X[:1]), X)
    assert_array_equal(labels, model.predict(X))
    assert_allclose(distances, model.transform(X), atol=1e-3)


def test_what_is_not_for_hidden_layers():
    X, t = data(np.float32)
    model = HiddenLayerTransformer(MLPClassifier((6,), **FIT)).fit(X, t)
    with pytest.raises(ValueError, match="is for classifiers, but HiddenLayerTransf"):
        to_onnx(model, zipmap=True)

    class Doubled(HiddenLayerTransformer):
        def transform(self, X):
            return 2 * super().transform(X)

    with pytest.raises(ValueError, match="Doubled cannot be exported: it defines its"):
        to_onnx(Doubled(MLPClassifier((6,), **FIT)).fit(X, t))


def test_networks_of_a_cluster():
    """They predict for arrays as others do."""
    pytest.importorskip("distributed")
    from sknn.dask import DaskMLPClassifier

    X, t = data(np.float64)
    model = DaskMLPClassifier(hidden_layer_sizes=(6,), **FIT)
    vars(model).update(vars(MLPClassifier((6,), **FIT).fit(X, t)))
    assert_same(model, X)
