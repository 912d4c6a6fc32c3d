"""Data and networks for ensembles, and how their members are compared."""

from numpy.testing import assert_array_equal
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import scale

from sknn import MLPClassifier, MLPRegressor

IRIS, LABELS = load_iris(return_X_y=True)
X_DIABETES, Y_DIABETES = load_diabetes(return_X_y=True)
X_DIABETES, Y_DIABETES = scale(X_DIABETES), scale(Y_DIABETES)
FEW = {"hidden_layer_sizes": (8,), "max_iter": 12, "tol": None, "batch_size": 32}
FAST = {**FEW, "learning_rate_init": 0.01}


def classifier(**parameters):
    return MLPClassifier(**{**FAST, **parameters})


def regressor(**parameters):
    return MLPRegressor(**{**FAST, **parameters})


def assert_same_weights(one, other):
    for name in ("coefs_", "intercepts_"):
        for mine, theirs in zip(getattr(one, name), getattr(other, name), strict=True):
            assert_array_equal(mine, theirs)
