"""ONNX graphs of networks that embed columns, and other libraries, which have none."""

import numpy as np
import pytest
from onnx_sessions import FLOATS, assert_same, data

from sknn import MLPClassifier, MLPRegressor
from sknn.convert import to_sklearn
from sknn.network.layers.base import LayerSpec
from sknn.network.layers.table import LAYERS

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

FIT = {"max_iter": 8, "random_state": 0, "learning_rate_init": 0.02}
PIECEWISE = {"numeric_embedding": "piecewise_linear", "numeric_embedding_size": 3}
OPTIONS = {
    "piecewise": PIECEWISE,
    "periodic": {"numeric_embedding": "periodic"},
    "periodic, codes": {
        "numeric_embedding": "periodic",
        "numeric_embedding_size": 3,
        "categorical_features": [2, 3],
    },
    "few bins": {**PIECEWISE, "n_bins": 2},
    "indicators": {"categorical_features": [2, 3]},
    "tables": {"categorical_features": [2, 3], "categorical_embedding_size": 3},
    "only codes": {"categorical_features": [2, 3], "n_columns": slice(2, 4)},
    "both": {**PIECEWISE, "categorical_features": [2, 3]},
}


def rows_of(dtype):
    X, t = data(dtype)
    rng = np.random.RandomState(1)
    X[:, 2] = rng.randint(2, size=len(X))
    X[:, 3] = rng.randint(7, size=len(X))
    X[:, 4] = X[:, 4] > 0  # passed on
    return X, t


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", OPTIONS)
def test_embeddings(name, dtype):
    X, t = rows_of(dtype)
    options = dict(OPTIONS[name])
    if options.pop("n_columns", None):
        X, options["categorical_features"] = X[:, 2:4].copy(), [0, 1]
    for estimator, y in ((MLPClassifier, t), (MLPRegressor, t - X[:, 0])):
        model = estimator(hidden_layer_sizes=(6,), **options, **FIT).fit(X, y)
        odd = X.copy()
        odd[:5, -2:] = np.array([-1, 0.5, 99, 1e9, -0.25], dtype)[:, np.newaxis]
        if "piecewise" in name or name in ("few bins", "both"):
            odd[5:40] *= 3  # beyond the edges
        assert_same(model, X)
        assert_same(model, odd)


@pytest.mark.parametrize("name", ["piecewise", "indicators"])
def test_to_sklearn_refuses_them(name):
    X, t = rows_of(np.float64)
    model = MLPClassifier(**OPTIONS[name], **FIT).fit(X, t)
    with pytest.raises(ValueError, match=r"piecewise linear|one-hot"):
        to_sklearn(model)


@pytest.mark.parametrize("kind", LAYERS)
def test_every_kind_of_layer_has_a_definition(kind):
    if kind in ("dropout", "target_standardization"):
        return  # the one does nothing in prediction, the other follows the output
    spec = type(LAYERS[kind])
    assert spec.onnx is not LayerSpec.onnx or spec.affine is not LayerSpec.affine
