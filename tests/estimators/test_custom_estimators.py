"""Users' activations and losses in estimators that go to other processes."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV

import sknn
from sknn import register_activation, register_loss


def cube(z):
    return z**3


def cube_slope(z):
    return 3 * z**2


@pytest.mark.parametrize("kind", ["activation", "loss"])
@pytest.mark.slow
def test_in_a_search_in_other_processes(kind):
    """Workers know only what comes with the estimator."""
    if kind == "activation":
        register_activation("cube_of_search", cube, cube_slope)
        parameters = {"activation": ("tanh", "cube_of_search")}
    else:
        register_loss(
            "quartic_of_search",
            lambda y, z: (z - y) ** 4,
            lambda y, z: 4 * (z - y) ** 3,
        )
        parameters = {"loss": "quartic_of_search"}
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, 3))
    model = sknn.MLPRegressor(
        hidden_layer_sizes=(5, 4), max_iter=5, random_state=0, **parameters
    )
    searches = [
        GridSearchCV(
            model, {"alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs, error_score="raise"
        )
        for n_jobs in (1, 2)
    ]
    for search in searches:
        search.fit(X, X[:, 0] * X[:, 1])
    assert_array_equal(
        searches[0].cv_results_["mean_test_score"],
        searches[1].cv_results_["mean_test_score"],
    )


def test_pickles_carry_definitions():
    register_activation("cube_of_pickle", cube, cube_slope)
    X = np.random.RandomState(0).normal(size=(30, 2))
    model = sknn.MLPRegressor(activation="cube_of_pickle", max_iter=3).fit(X, X[:, 0])
    assert "_definitions" in model.__getstate__()
    assert "_definitions" not in vars(pickle.loads(pickle.dumps(model)))
    plain = sknn.MLPRegressor(max_iter=3).fit(X, X[:, 0])
    assert "_definitions" not in plain.__getstate__()
