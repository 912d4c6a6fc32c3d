"""More deliberate differences, in the course of a training."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import neural_network
from sklearn.datasets import make_regression

from sknn import MLPRegressor

X, Y = make_regression(60, 4, random_state=0)
Y = Y / Y.std()
SMALL = {"hidden_layer_sizes": (5,), "random_state": 0}


def test_a_warm_start_with_another_solver_appends_to_the_losses():
    first = {"solver": "lbfgs", "max_iter": 3, "warm_start": True}
    model = MLPRegressor(**SMALL, **first).fit(X, Y)
    losses = [*model.history_["loss"]]
    assert len(losses) == model.n_iter_ == 3
    model.set_params(solver="adam").fit(X, Y)
    assert model.loss_curve_[:3] == losses
    assert len(model.loss_curve_) == 6
    theirs = neural_network.MLPRegressor(**SMALL, **first).fit(X, Y)
    with pytest.raises(AttributeError, match="loss_curve_"):
        theirs.set_params(solver="adam").fit(X, Y)


def test_the_poisson_loss_of_a_vanishing_prediction_is_finite():
    """One step of plain gradient descent drives exp(z) to 0 in floating point."""
    X, y = np.zeros((40, 1)), np.zeros(40)
    y[3] = 1
    options = {"hidden_layer_sizes": (), "solver": "sgd", "momentum": 0.0, "alpha": 0.0}
    options |= {"loss": "poisson", "learning_rate_init": 1e3, "random_state": 0}
    after_one = MLPRegressor(**options, max_iter=1).fit(X, y)
    z = after_one.intercepts_[0][0]
    assert np.exp(z) == 0
    model = MLPRegressor(**options, max_iter=2).fit(X, y)
    assert_allclose(model.loss_curve_[1], (-z - 1) / 40, rtol=1e-12)
    theirs = neural_network.MLPRegressor(**options, max_iter=2)
    with np.errstate(all="ignore"):
        theirs.fit(X, y)
    assert not np.isfinite(theirs.loss_curve_[1])


@pytest.mark.parametrize("power_t", [400, 1e3, 1e300])
def test_a_huge_power_t_gives_a_rate_of_zero(power_t):
    options = SMALL | {"solver": "sgd", "learning_rate": "invscaling", "momentum": 0.0}
    options |= {"power_t": power_t, "max_iter": 4}
    model = MLPRegressor(**options).fit(X, Y)
    assert model.history_["learning_rate"][2] == 0
    # Only the first epoch changes the weights; the order of the rows changes rounding.
    assert_allclose(model.loss_curve_[2:], model.loss_curve_[1], rtol=1e-14)
    assert model.loss_curve_[0] > model.loss_curve_[1] + 1e-3
    with pytest.raises(OverflowError):
        neural_network.MLPRegressor(**options).fit(X, Y)
