"""Estimators of all kinds, and digests of all that they compute."""

import warnings

import numpy as np
from busy import digest, exact
from sklearn.exceptions import ConvergenceWarning

import sknn
from sknn.estimators.parameters import STOCHASTIC_SOLVERS
from sknn.network.initializers import INITIALIZERS

RNG = np.random.RandomState(0)


def all_bits(model, X, y, weight):
    """Return digests of all that a fitted estimator has and computes."""
    found = {
        "weights": digest(*model.coefs_, *model.intercepts_),
        "loss_": float(model.loss_).hex(),
        "predict": digest(model.predict(X)),
        "score": float(model.score(X, y, weight)).hex(),
        "input_gradients": digest(model.input_gradients(X[:300])),
        "hidden_activations": digest(model.hidden_activations(X)),
    }
    for name in ("predict_proba", "predict_log_proba", "decision_function"):
        if hasattr(model, name):
            found[name] = digest(getattr(model, name)(X))
    history = {k: v for k, v in model.history_.items() if k != "seconds"}
    return found | {f"history_ {name}": exact(v) for name, v in history.items()}


# More rows than BLAS sums with one thread.
MANY = RNG.normal(size=(24_000, 30))
MANY_WEIGHTS = RNG.uniform(size=len(MANY))
CLASSIFIER, REGRESSOR = sknn.MLPClassifier, sknn.MLPRegressor
METRICS = {
    CLASSIFIER: ["accuracy", "neg_log_loss"],
    REGRESSOR: ["r2", "neg_mean_absolute_error", "explained_variance"],
}
HALF = {"early_stopping": True, "validation_fraction": 0.5, "max_iter": 2}
ALL_KINDS = {
    **{
        solver: (REGRESSOR, {"hidden_layer_sizes": (100, 100), "solver": solver})
        for solver in sorted(STOCHASTIC_SOLVERS)
    },
    "lbfgs": (CLASSIFIER, {"hidden_layer_sizes": (100, 100), "solver": "lbfgs"}),
    **{
        name: (REGRESSOR, {"hidden_layer_sizes": (200,), "kernel_initializer": name})
        for name in INITIALIZERS
    },
    **{
        f"scoring={scoring}": (CLASSIFIER, {"scoring": scoring} | HALF)
        for scoring in (None, "loss", "neg_log_loss", "f1_macro", "roc_auc_ovr")
    },
    "class_weight": (CLASSIFIER, {"class_weight": "balanced"} | HALF),
    "standardize": (REGRESSOR, {"standardize": True, "standardize_y": True} | HALF),
    "hinge": (CLASSIFIER, {"loss": "hinge"} | HALF),
    **{
        f"loss={loss}": (REGRESSOR, {"loss": loss} | HALF)
        for loss in ("squared_error", "absolute_error", "poisson", "quantile")
    },
    "embedding": (REGRESSOR, {"numeric_embedding": "piecewise_linear"}),
    "waves": (REGRESSOR, {"numeric_embedding": "periodic"}),
    "members": (CLASSIFIER, {"n_shared_members": 4, "dropout": 0.1}),
    "layers": (
        CLASSIFIER,
        {"normalization": "batch", "dropout": 0.2, "max_norm": 1.0, "l1_ratio": 0.5},
    ),
}


def all_bits_of(name, dtype):
    """Fit; return digests of all that the estimator computes."""
    estimator, parameters = ALL_KINDS[name]
    n_rows = len(MANY) if "early_stopping" in parameters else 400
    X, weight = MANY[:n_rows].astype(dtype), MANY_WEIGHTS[:n_rows]
    y = np.abs(X[:, 0]) + 0.1
    if estimator is CLASSIFIER:
        y = np.digitize(X[:, 0], [-0.5, 0.5])
    own = {"hidden_layer_sizes": (20,), "max_iter": 2, "random_state": 0}
    if parameters.get("loss") != "hinge":
        own["metrics"] = METRICS[estimator]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = estimator(**own | parameters).fit(X, y, weight)
        return all_bits(model, X, y, weight)
