"""The mean of members that share weights, beside each of them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_squared_error

from sknn import MLPRegressor


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_members_are_better_together():
    """The mean of the members errs less than they do in the mean."""
    X, y = load_diabetes(return_X_y=True)
    options = {"hidden_layer_sizes": (64,), "max_iter": 60, "learning_rate_init": 0.01}
    options |= {"standardize": True, "standardize_y": True, "solver": "adamw"}
    model = MLPRegressor(n_shared_members=16, random_state=0, tol=None, **options)
    model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert model.history_["val_loss"][-1] < 0.35  # half of the share of the variance
    raw, total = [], 0.0
    network, theta = model._network_in(np.dtype(np.float64))
    for k in range(16):  # the others get the output layer of one of them
        coefs, intercepts = (list(a) for a in (model.coefs_, model.intercepts_))
        scales = [np.broadcast_to(a[k], a.shape) for a in model.member_input_scales_]
        outer = [np.broadcast_to(a[k], a.shape) for a in model.member_output_scales_]
        of_member = {
            "coefs_": [coefs[0], np.broadcast_to(coefs[1][k], coefs[1].shape)],
            "intercepts_": [np.broadcast_to(b[k], b.shape) for b in intercepts],
            "member_input_scales_": scales,
            "member_output_scales_": outer,
            "input_statistics_": model.input_statistics_,
            "target_statistics_": model.target_statistics_,
        }
        member = clone(model)
        vars(member).update({**vars(model), **of_member})
        raw.append(member.predict(X[1::2]))
        total += mean_squared_error(y[1::2], raw[-1]) / 16
    assert_allclose(np.mean(raw, axis=0), model.predict(X[1::2]), rtol=1e-10)
    assert mean_squared_error(y[1::2], model.predict(X[1::2])) < 0.99 * total
    assert network.n_members == 16
    assert theta.size == network.n_parameters
