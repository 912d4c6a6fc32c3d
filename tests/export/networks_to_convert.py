"""Fitted networks of many kinds, to hand to other libraries."""

import numpy as np

from sknn import MLPClassifier, MLPRegressor
from sknn.kernels.layers.activations import ACTIVATIONS

FIT = {"max_iter": 15, "random_state": 0, "learning_rate_init": 0.01}
NETWORKS = {
    **{name: {"activation": name} for name in ACTIVATIONS},
    "per layer": {"activation": ["tanh", "gelu"]},
    "batch": {"normalization": "batch"},
    "layer": {"normalization": "layer", "activation": "tanh"},
    "dropout": {"dropout": [0.2, 0.0], "input_dropout": 0.1},
    "all": {"normalization": "batch", "dropout": 0.1, "activation": ["elu", "silu"]},
    "no hidden layer": {"hidden_layer_sizes": ()},
}
TASKS = {
    "two classes": (MLPClassifier, {}),
    "classes": (MLPClassifier, {}),
    "multilabel": (MLPClassifier, {}),
    "numbers": (MLPRegressor, {}),
    "several numbers": (MLPRegressor, {"loss": "huber"}),
    "counts": (MLPRegressor, {"loss": "poisson"}),
}


def rows(dtype=np.float64):
    return np.random.RandomState(0).normal(size=(90, 4)).astype(dtype)


def targets(task, X):
    t = (X[:, 0] > -0.4).astype(int) + (X[:, 1] > 0.3)
    return {
        "two classes": np.array(["no", "yes"])[np.minimum(t, 1)],
        "classes": np.array(["b", "c", "a"])[t],
        "multilabel": np.c_[t > 0, t > 1, t == 1].astype(int),
        "numbers": X[:, 0] * 2,
        "several numbers": X[:, :2],
        "counts": t.astype(X.dtype),
    }[task]


def fitted(network="relu", task="classes", dtype=np.float64):
    """Return a fitted network, and its rows."""
    X = rows(dtype)
    estimator, options = TASKS[task]
    options = {"hidden_layer_sizes": (8, 6), **options, **NETWORKS[network], **FIT}
    return estimator(**options).fit(X, targets(task, X)), X


def outputs_of(model, X):
    """Return what the last layer of another library's model returns: 2-D."""
    if isinstance(model, MLPRegressor):
        return model.predict(X).reshape(len(X), -1)
    probabilities = model.predict_proba(X)
    return probabilities[:, 1:] if model.n_outputs_ == 1 else probabilities
