"""ONNX graphs of members that share weights, against predictions."""

import numpy as np
import pytest
from onnx_sessions import FLOATS, assert_same, data

from sknn import MLPClassifier, MLPRegressor

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

floats = pytest.mark.parametrize("dtype", FLOATS)
FIT = {"max_iter": 3, "random_state": 0}


@floats
@pytest.mark.parametrize("factors", ["all", "inputs"])
@pytest.mark.parametrize("hidden", [(), (9,), (9, 20)], ids=str)
def test_members_that_share_weights(hidden, factors, dtype):
    X, t = data(dtype)
    members = {"n_shared_members": 3, "member_factors": factors, "dropout": 0.1}
    options = {"hidden_layer_sizes": hidden, "learning_rate_init": 0.05}
    options |= {"normalization": "layer", "parametric_activation": True}
    model = MLPClassifier(**options, **members, **FIT)
    assert_same(model.fit(X, t), X)
    assert_same(model.fit(X, t > 0), X)
    model = MLPRegressor(**options, standardize_y=True, **members, **FIT)
    assert_same(model.fit(X, np.column_stack([X[:, 0], 9 + X[:, 1]])), X)
