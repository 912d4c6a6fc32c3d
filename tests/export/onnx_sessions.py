"""Runs ONNX graphs, and compares what they return with predictions."""

import numpy as np
from numpy.testing import assert_allclose

from sknn import MLPRegressor
from sknn.onnx import to_onnx

FLOATS = (np.float32, np.float64)
# A few units in the last place of numbers up to 1.
ATOL = {"float32": 2e-6, "float64": 4e-14}

_TEXT = np.array(["blue", "green", "ré d"])
# Labels of three classes, 0 to 2, in every form.
LABELS = {
    "int64": lambda t: t * 7 - 3,
    "beyond 32 bits": lambda t: t * 2**40,
    "int32": lambda t: t.astype(np.int32),
    "uint8": lambda t: t.astype(np.uint8),
    "bool": lambda t: t > 0,
    "float": lambda t: t.astype(float),
    "text": lambda t: _TEXT[t],
    "objects": lambda t: _TEXT.astype(object)[t],
    "two numbers": lambda t: np.where(t > 0, 2**50, -5),
    "two texts": lambda t: _TEXT[np.minimum(t, 1)],
    "one class": lambda t: np.full(len(t), 9),
    "multilabel": lambda t: np.c_[t > 0, t != 1, t < 2].astype(int),
}


def data(dtype, seed=0, n=120):
    """Return rows, and the number of each row's class, of 3."""
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, 5))
    t = (X[:, 0] > -0.3).astype(int) + (X[:, 1] > 0.2)
    t[:3] = 0, 1, 2
    return X.astype(dtype), t


def run(graph, X, name="X"):
    """Return the outputs of a graph for the rows X."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {name: X})


def scores_of(model, X):
    """Return probabilities, decisions or predictions."""
    for name in ("predict_proba", "decision_function", "predict"):
        if hasattr(model, name):
            return getattr(model, name)(X)
    raise AssertionError


def assert_same_labels(labels, expected, scores):
    """Compare labels, but of rows whose two best scores differ by rounding."""
    assert labels.shape == expected.shape
    kind = expected.dtype.kind
    if kind in "OU":  # onnxruntime returns objects
        assert labels.dtype.kind in "OU"
    else:
        assert labels.dtype == expected.dtype
    if expected.ndim == 2:
        middle = 0.5 if scores.min() >= 0 and scores.max() <= 1 else 0.0
        clear = np.abs(scores - middle) > 1e-5
    else:
        ordered = np.sort(np.c_[scores, -scores] if scores.ndim == 1 else scores)
        clear = np.ones(len(scores), bool)
        if ordered.shape[1] > 1:
            clear = ordered[:, -1] - ordered[:, -2] > 1e-5
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(labels[clear], expected[clear])


def assert_same(model, X, graph=None):
    """Compare a graph with the predictions of an estimator."""
    found = run(graph or to_onnx(model), X)
    expected = model.predict(X)
    if isinstance(model, MLPRegressor):
        (predicted,) = found
        assert predicted.shape == expected.shape
        assert predicted.dtype == expected.dtype == X.dtype
        scale = max(1, np.abs(expected).max())
        assert_allclose(predicted, expected, atol=scale * ATOL[X.dtype.name])
        return
    labels, scores = found
    assert_same_labels(labels, expected, scores_of(model, X))
    assert scores.shape == scores_of(model, X).shape
    assert scores.dtype == X.dtype
    scale = max(1, np.abs(scores).max())
    assert_allclose(scores, scores_of(model, X), atol=scale * ATOL[X.dtype.name])
