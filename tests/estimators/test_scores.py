"""Scores that leave out scikit-learn's checks: the same bits, and the same errors."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics import accuracy_score, r2_score

import sknn
from sknn.estimators.scores import accuracy, r2

rng = np.random.RandomState(0)
CODES, GUESSES = rng.randint(3, size=(2, 101))
NUMBERS, NEAR = rng.normal(size=(2, 101, 3)) * [1, 1e3, 1e-3] + [0, 1e4, 5]
WEIGHTS = rng.uniform(size=101)


def outcome(function, *arguments):
    try:
        return function(*arguments[:2], sample_weight=arguments[2])
    except ValueError as error:
        return str(error)


def check(own, theirs, *arguments):
    assert_array_equal(outcome(own, *arguments), outcome(theirs, *arguments))


PAIRS = {
    "codes": (CODES, GUESSES),
    "bytes": (CODES.astype(np.int8), GUESSES.astype(np.uint64)),
    "two": (CODES > 0, GUESSES > 0),
    "two and numbers": ((CODES > 0).astype(int), GUESSES > 0),
    "strided": (CODES[::-3], GUESSES[::3]),
    "a list": (CODES.tolist(), GUESSES),
    "a column": (CODES[:, np.newaxis], GUESSES),
    "floats": (CODES.astype(float), GUESSES),
    "no classes": (WEIGHTS, GUESSES),
    "strings": (np.array(["a", "b", "c"])[CODES], np.array(["a", "b", "c"])[GUESSES]),
    "too few": (CODES[1:], GUESSES),
    "one": (CODES[:1], GUESSES[:1]),
    "labels": (NUMBERS > 0, NEAR > 0),
}


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("name", PAIRS)
def test_accuracy(name, weights):
    y, predicted = PAIRS[name]
    weights = weights if weights is None else weights[: len(predicted)]
    check(accuracy, accuracy_score, y, predicted, weights)


def with_value(value):
    return np.where(np.arange(NUMBERS.size).reshape(NUMBERS.shape) == 7, value, NUMBERS)


TARGETS = {
    "one": (NUMBERS[:, 0], NEAR[:, 0]),
    "a column": (NUMBERS[:, :1], NEAR[:, :1]),
    "several": (NUMBERS, NEAR),
    "float32": (NUMBERS.astype(np.float32), NEAR.astype(np.float32)),
    "mixed": (NUMBERS, NEAR.astype(np.float32)),
    "F-ordered": (np.asfortranarray(NUMBERS), NEAR),
    "a list": (NUMBERS.tolist(), NEAR),
    "integers": (CODES, NEAR[:, 0]),
    "constant": (np.ones(9), NEAR[:9, 0]),
    "one constant": (np.c_[NUMBERS[:, 0], np.ones(101)], NEAR[:, :2]),
    "perfect": (NUMBERS, NUMBERS),
    "constant and perfect": (np.ones(9), np.ones(9)),
    "NaN": (with_value(np.nan), NEAR),
    "infinity": (with_value(np.inf), NEAR),
    "infinite prediction": (NEAR, with_value(np.inf)),
    "large": (NUMBERS * 1e200, NEAR),
    "other shape": (NUMBERS[:, 0], NEAR),
    "too few": (NUMBERS[1:], NEAR),
}


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("name", TARGETS)
def test_r2(name, weights):
    y, predicted = TARGETS[name]
    weights = weights if weights is None else weights[: len(predicted)]
    check(r2, r2_score, y, predicted, weights)


@pytest.mark.parametrize("weights", [None, WEIGHTS, WEIGHTS.astype(np.float32)])
@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize("y", [CODES, CODES > 0, NUMBERS > 0])
def test_accuracy_of_a_validation_set(y, loss, weights):
    options = {"max_iter": 9, "validate": True, "tol": None, "random_state": 0}
    model = sknn.MLPClassifier((4,), loss=loss, **options)
    X = np.c_[NEAR, CODES]
    model.fit(X, y, X_val=X, y_val=y, sample_weight_val=weights)
    expected = accuracy_score(y, model.predict(X), sample_weight=weights)
    assert model.history_["val_score"][-1] == expected
    assert model.score(X, y, weights) == expected
