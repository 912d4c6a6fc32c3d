"""Training that goes on with ``standardize``, and the fitted estimator."""

import pickle

import numpy as np
import pytest
import skops.io
from networks import differences
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from standardized_networks import (
    ESTIMATORS,
    NUMBERS,
    OPTIONS,
    SCALES,
    SPARSE,
    WEIGHTS,
    X,
    assert_same_fit,
    assert_statistics,
    both,
    pair,
)

from sknn import MLPRegressor
from sknn.displays import NetworkDisplay
from sknn.io import TRUSTED_TYPES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# Going on ----------------------------------------------------------------------------


@both
@pytest.mark.parametrize("rows", [X, SPARSE], ids=["dense", "csr"])
def test_resume_fit(estimator, rows):
    y = ESTIMATORS[estimator]
    own, _ = pair(estimator, max_iter=9, early_stopping=True)
    whole = clone(own).fit(rows, y)
    own.set_params(max_iter=4).fit(rows, y)
    own = pickle.loads(pickle.dumps(own))
    own.set_params(max_iter=9).resume_fit(rows, y)
    for name in ("coefs_", "intercepts_", "input_statistics_"):
        for one, two in zip(getattr(own, name), getattr(whole, name), strict=True):
            assert_array_equal(one, two)


@both
def test_a_warm_start_keeps_the_statistics(estimator):
    y = ESTIMATORS[estimator]
    own, other = pair(estimator, warm_start=True)
    scaler = StandardScaler().fit(X)
    own.fit(X, y).fit(X * 1.5, y)
    other.fit(scaler.transform(X), y).fit(scaler.transform(X * 1.5), y)
    assert_statistics(own, scaler)
    assert_same_fit(own, other)
    own.set_params(warm_start=False).fit(X * 1.5, y)
    assert_statistics(own, StandardScaler().fit(X * 1.5))


@both
def test_training_does_not_go_on_with_another_choice(estimator):
    y = ESTIMATORS[estimator]
    own, other = pair(estimator)
    message = "with the standardize it began with: .* standardize is now {}"
    own.fit(X, y).set_params(standardize=False)
    with pytest.raises(ValueError, match=message.format(False)):
        own.partial_fit(X, y)
    other.fit(X, y).set_params(standardize=True)
    with pytest.raises(ValueError, match=message.format(True)):
        other.partial_fit(X, y)
    own.fit(X, y)
    assert not hasattr(own, "input_statistics_")


@both
def test_fit_after_initialize_is_a_first_fit(estimator):
    y = ESTIMATORS[estimator]
    own, _ = pair(estimator, warm_start=True, early_stopping=True)
    expected = clone(own).fit(X, y)
    own.initialize(X, y)
    assert_statistics(own, StandardScaler().fit(X))
    own.fit(X, y)
    for one, two in zip(own.coefs_, expected.coefs_, strict=True):
        assert_array_equal(one, two)
    assert_array_equal(own.input_statistics_[0], expected.input_statistics_[0])


@both
def test_loss_gradients(estimator):
    y = ESTIMATORS[estimator]
    for rows, scaler in (
        (X, StandardScaler()),
        (SPARSE, StandardScaler(with_mean=False)),
    ):
        own, other = pair(estimator)
        scaled = scaler.fit_transform(rows)
        own, other = own.initialize(rows, y), other.initialize(scaled, y)
        found = own.loss_gradients(rows, y, WEIGHTS)
        expected = other.loss_gradients(scaled, y, WEIGHTS)
        assert found.keys() == expected.keys()
        for name, arrays in expected.items():
            for one, two in zip(found[name], arrays, strict=True):
                assert_allclose(one, two, rtol=1e-9, atol=1e-12)


# The fitted estimator --------------------------------------------------------------


@both
def test_input_gradients_by_differences(estimator):
    own, _ = pair(estimator, activation="tanh")
    own.fit(X, ESTIMATORS[estimator])
    predict = getattr(own, "predict_proba", own.predict)
    found = own.input_gradients(X[:5]).reshape(5, -1, 5)
    for i in range(5):
        for j in range(4):
            for k in range(found.shape[1]):

                def output(step, i=i, j=j, k=k):
                    row = X[i : i + 1].copy()
                    row[0, j] += step[0] * SCALES[j]
                    return predict(row).reshape(-1)[k]

                slope = differences(output, np.zeros(1), 1)[0] / SCALES[j]
                assert_allclose(found[i, k, j], slope, rtol=1e-5, atol=1e-12)


@both
@pytest.mark.parametrize(
    "copy",
    [
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES),
    ],
    ids=["pickle", "skops"],
)
def test_stored_and_loaded(estimator, copy):
    for rows in (X, SPARSE):
        model = pair(estimator)[0].fit(rows, ESTIMATORS[estimator])
        assert_array_equal(copy(model).predict(rows), model.predict(rows))


@both
def test_statistics_that_do_not_fit_are_refused(estimator):
    model = pair(estimator)[0].fit(X, ESTIMATORS[estimator])
    state = model.__getstate__()
    first, *others = state["_architecture"]["layers"]
    assert first == ("standardization", (), None)
    for changes in (
        {"input_statistics_": [np.ones((3, 6))]},
        {"input_statistics_": [np.ones((2, 5))]},
        {"input_statistics_": []},
        {"input_statistics_": [-np.ones((3, 5))]},
        {"input_statistics_": [np.full((3, 5), np.nan)]},
        {"input_statistics_": [np.ones((3, 5), complex)]},
        {
            "_architecture": state["_architecture"]
            | {"layers": [("standardization", (5,), None), *others]}
        },
    ):
        with pytest.raises(ValueError, match="cannot be read by sknn"):
            object.__new__(estimator).__setstate__(state | changes)


def test_summary_and_drawing(capsys):
    plt = pytest.importorskip("matplotlib.pyplot")
    model = pair(MLPRegressor)[0].fit(X, NUMBERS)
    model.summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[5] == "input: standardization          (None, 5)           15"
    assert lines[-1] == "parameters: 92, of which 15 are input statistics"
    display = NetworkDisplay.from_estimator(model)
    title, *_ = (label.get_text() for label in display.ax_.get_xticklabels())
    assert title == "Input\n5 neurons\nstandardization"
    plt.close(display.figure_)
    pair(MLPRegressor)[0].fit(SPARSE, NUMBERS).summary()
    lines = capsys.readouterr().out.splitlines()
    assert "input: uncentred standardization" in lines[5]


def test_it_can_be_searched():
    search = GridSearchCV(
        MLPRegressor(**{**OPTIONS, "max_iter": 60}, learning_rate_init=0.01),
        {"standardize": [False, True]},
        cv=2,
    )
    assert search.fit(X, NUMBERS).best_params_ == {"standardize": True}
