"""Conformal intervals beside those of MAPIE, from the same held-out predictions."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, RegressorMixin

from sknn.tabular import TabularMLPRegressor

mapie = pytest.importorskip("mapie.regression")

rng = np.random.RandomState(0)
N, COVERAGES = 120, [0.5, 0.8, 0.9]
X = pd.DataFrame({"a": rng.normal(size=N), "b": rng.choice(list("xyz"), N)})
X["b"] = X["b"].astype("category")
Y = X["a"].to_numpy() + rng.normal(size=N) * (1 + (X["b"] == "x"))


class Predicted(RegressorMixin, BaseEstimator):
    """Its prediction is a column of X."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y):
        self.fitted_ = True  # what MAPIE looks for
        return self

    def predict(self, X):
        return np.asarray(X)[:, self.column]


def prefit(n_columns):
    return [Predicted(column).fit(None, None) for column in range(n_columns)]


@pytest.mark.parametrize("coverage", COVERAGES)
def test_of_one_prediction(coverage):
    model = TabularMLPRegressor(preset="quick", random_state=0).fit(X, Y)
    held_out = model.ensemble_.oof_predictions_.reshape(-1, 1)
    oracle = mapie.SplitConformalRegressor(
        prefit(1)[0], confidence_level=coverage, prefit=True
    )
    oracle.conformalize(held_out, Y)
    _, expected = oracle.predict_interval(model.predict(X).reshape(-1, 1))
    found = model.predict_interval(X, coverage)
    assert_allclose(found, expected[:, :, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("coverage", COVERAGES)
def test_of_quantiles(coverage):
    levels = [(1 - coverage) / 2, 0.5, (1 + coverage) / 2]
    model = TabularMLPRegressor(
        loss="quantile", quantile=levels, preset="quick", random_state=0
    ).fit(X, Y)
    order = [0, 2, 1]  # as MAPIE wants them: lower, upper, median
    oracle = mapie.ConformalizedQuantileRegressor(
        prefit(3), confidence_level=coverage, prefit=True
    )
    oracle.conformalize(model.ensemble_.oof_predictions_[:, order], Y)
    _, expected = oracle.predict_interval(
        model.predict(X)[:, order], symmetric_correction=True
    )
    found = model.predict_interval(X, coverage)
    assert_allclose(found, expected[:, :, 0], rtol=1e-5, atol=1e-5)
