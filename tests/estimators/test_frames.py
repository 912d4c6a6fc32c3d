"""pandas and polars: data frames with names, series of targets and weights."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn import neural_network
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

import sknn

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
WEIGHTS = np.random.RandomState(0).uniform(0.1, 3, size=150)


def classifier(library=sknn, **changes):
    parameters = {"hidden_layer_sizes": (12,), "max_iter": 10, "random_state": 0}
    return library.MLPClassifier(**parameters | changes)


FRAMES = {
    "pandas": lambda X: pd.DataFrame(X, columns=list("abcd")),
    "pandas, float32": lambda X: pd.DataFrame(
        X.astype("float32"), columns=list("abcd")
    ),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcd")),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames(name):
    frame = FRAMES[name](X_IRIS)
    model = classifier().fit(frame, Y_IRIS)
    theirs = classifier(neural_network, max_iter=1).fit(frame, Y_IRIS)
    if name == "polars" and not hasattr(theirs, "feature_names_in_"):
        pytest.skip("scikit-learn is too old to see the names of this polars")
    assert_array_equal(model.feature_names_in_, list("abcd"))
    assert model.feature_names_in_.dtype == object
    assert_array_equal(
        model.predict_proba(frame),
        classifier().fit(frame.to_numpy(), Y_IRIS).predict_proba(frame.to_numpy()),
    )
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        model.predict(frame[["b", "a", "c", "d"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X_IRIS)
    assert not hasattr(model.fit(X_IRIS, Y_IRIS), "feature_names_in_")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_no_warning_about_names_within_fit(solver):
    frame = FRAMES["pandas"](X_IRIS)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier(solver=solver, early_stopping=True).fit(frame, Y_IRIS)


def test_targets_and_weights_in_series():
    frame, index = FRAMES["pandas"](X_IRIS), np.arange(150)[::-1]
    words = pd.Series(np.array(["a", "b", "c"])[Y_IRIS], index=index)
    expected = classifier().fit(X_IRIS, words.to_numpy(), WEIGHTS)
    for y in (words, words.astype("category"), pl.Series(words.to_list())):
        for weights in (pd.Series(WEIGHTS, index=index), pl.Series(WEIGHTS)):
            model = classifier().fit(frame, y, weights)
            assert_array_equal(model.predict(frame), expected.predict(X_IRIS))
            assert_array_equal(model.coefs_[0], expected.coefs_[0])
    numbers = pd.DataFrame({"one": X_IRIS[:, 0], "two": X_IRIS[:, 1]})
    regressor = sknn.MLPRegressor(max_iter=3).fit(frame, numbers)
    assert regressor.predict(frame).shape == (150, 2)
