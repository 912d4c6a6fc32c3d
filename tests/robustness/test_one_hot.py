"""A warning where labels look like a one-hot encoding, which is taken as multilabel."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning

from sknn import MLPClassifier, MLPRegressor

X = np.random.RandomState(0).normal(size=(24, 3))
THREE = np.arange(24) % 3
OPTIONS = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ONE_HOT = np.eye(3, dtype=int)[THREE]
NAMED = pd.get_dummies(pd.Series(THREE).map({0: "u", 1: "v", 2: "w"}))
ONE_HOT_FORMS = {
    "int": ONE_HOT,
    "float": ONE_HOT.astype(float),
    "float32": ONE_HOT.astype("f4"),
    "bool": ONE_HOT > 0,
    "255": ONE_HOT * 255,
    "fortran": np.asfortranarray(ONE_HOT),
    "list": ONE_HOT.tolist(),
    "frame": pd.DataFrame(ONE_HOT),
    "dummies": NAMED,
    "polars": pl.DataFrame(ONE_HOT),
    "CSR": scipy.sparse.csr_array(ONE_HOT),
    "CSR matrix": scipy.sparse.csr_matrix(ONE_HOT),
    "CSC": scipy.sparse.csc_array(ONE_HOT),
}


@pytest.mark.parametrize("name", ONE_HOT_FORMS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_one_hot_targets(name, method):
    y = ONE_HOT_FORMS[name]
    options = {"classes": [0, 1, 2]} if method == "partial_fit" else {}
    model = MLPClassifier(**OPTIONS)
    with pytest.warns(UserWarning, match="^y is taken as multilabel") as caught:
        getattr(model, method)(X, y, **options)
    warning = next(w for w in caught if "multilabel" in str(w.message))
    assert warning.filename == __file__
    text = str(warning.message)
    assert "argmax" in text
    cure = text.partition("pass the classes: ")[2].partition(", or")[0].rstrip(".")
    labels = eval(cure, {"np": np, "y": y})
    np.testing.assert_array_equal(labels, THREE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPClassifier(**OPTIONS).fit(X, labels)
    if name == "dummies":
        assert "y.idxmax(axis=1)" in text
        assert list(y.idxmax(axis=1)[:3]) == ["u", "v", "w"]


NO_ONE_HOT = {
    "labels": THREE,
    "two columns": ONE_HOT[:, :2] + np.c_[ONE_HOT[:, 2], ONE_HOT[:, 2] * 0],
    "none in a row": np.r_[ONE_HOT[1:], [[0, 0, 0]]],
    "two in a row": np.r_[ONE_HOT[1:], [[1, 1, 0]]],
    "two in a row, in CSR": scipy.sparse.csr_array(np.r_[ONE_HOT[1:], [[1, 1, 0]]]),
    "none and two": np.r_[ONE_HOT[2:], [[0, 0, 0], [1, 1, 0]]],
}


@pytest.mark.parametrize("name", NO_ONE_HOT)
def test_no_false_alarm(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPClassifier(**OPTIONS).fit(X, NO_ONE_HOT[name])


def test_no_alarm_from_few_rows_or_where_training_goes_on():
    model = MLPClassifier(**OPTIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.partial_fit(X[:5], ONE_HOT[:5], classes=[0, 1, 2])
        model.partial_fit(X, ONE_HOT)
        MLPClassifier(**OPTIONS).fit(X[:1], ONE_HOT[:1])
        MLPRegressor(**OPTIONS).fit(X, ONE_HOT)
