"""What a fit leaves out of scikit-learn's checks, since it would find nothing.

The oracles are the checks themselves.
"""

import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import validate_data

import sknn
from sknn.estimators.labels import binarizer_of, labels_in
from sknn.estimators.validation import skips_validation

rng = np.random.RandomState(0)
X = rng.normal(size=(30, 4))
CODES = np.arange(30) % 3
each_estimator = pytest.mark.parametrize(
    "estimator", [sknn.MLPClassifier, sknn.MLPRegressor]
)

# Labels ------------------------------------------------------------------------------

LABELS = {
    "three": CODES,
    "two": CODES > 0,
    "two of three bytes": (CODES > 0).astype(np.int8) - 1,
    "one": np.ones(30, int),
    "unsigned": CODES.astype(np.uint64) + 2**63,
    "strided": np.repeat(CODES, 2)[::2],
    "big-endian": CODES.astype(">i4"),
    "all of them": np.arange(30),
    "more than half": np.arange(30) // 2 + (np.arange(30) > 28),
    "strings": np.array(["a", "b", "c"])[CODES],
    "objects": np.array(["a", "b", "c"], object)[CODES],
    "floats": CODES.astype(float),
    "a column": CODES[:, np.newaxis],
    "indicators": np.eye(3, dtype=int)[CODES],
    "one row": CODES[:1],
}


def outcome(function, argument):
    """Return what a function returns, and its warnings."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = function(argument)
    return found, [str(each.message) for each in warned]


@pytest.mark.parametrize("name", LABELS)
def test_labels_in(name):
    found, warned = outcome(labels_in, LABELS[name])
    expected, expected_warned = outcome(unique_labels, LABELS[name])
    assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
    assert warned == expected_warned


@pytest.mark.parametrize("name", LABELS)
def test_binarizer(name):
    found, warned = outcome(lambda y: vars(binarizer_of(y)), LABELS[name])
    expected, expected_warned = outcome(
        lambda y: vars(LabelBinarizer().fit(y)), LABELS[name]
    )
    assert warned == expected_warned
    assert found.keys() == expected.keys()
    assert found["classes_"].dtype == expected["classes_"].dtype
    for key, value in expected.items():
        assert_array_equal(found[key], value)


# Data --------------------------------------------------------------------------------


def with_value(data, value):
    return np.where(np.arange(data.size).reshape(data.shape) == 7, value, data)


# Pairs that need no check, and pairs that do.
PLAIN = {
    "float64": (X, CODES),
    "float32": (X.astype(np.float32), CODES.astype(np.int8)),
    "unsigned": (X, CODES.astype(np.uint16)),
    "bool": (X, CODES > 0),
    "numbers": (X, X[:, 0]),
    "strided y": (X, X[:, 1].astype(np.float32)[::-1]),
    "one row": (X[:1], CODES[:1]),
    "read-only": (np.frombuffer(X.tobytes()).reshape(X.shape), CODES),
}
OTHERS = {
    "a list": (X.tolist(), CODES),
    "a list of labels": (X, CODES.tolist()),
    "F-ordered": (np.asfortranarray(X), CODES),
    "strided": (np.repeat(X, 2, axis=1)[:, ::2], CODES),
    "integers": (X.astype(int), CODES),
    "float16": (X.astype(np.float16), CODES),
    "longdouble": (X.astype(np.longdouble), CODES),
    "big-endian": (X.astype(">f8"), CODES),
    "objects": (X.astype(object), CODES),
    "sparse": (scipy.sparse.csr_array(X), CODES),
    "masked": (np.ma.masked_array(X), CODES),
    "NaN": (with_value(X, np.nan), CODES),
    "infinity": (with_value(X, -np.inf), CODES),
    "both infinities": (np.r_[with_value(X, np.inf)[:10], -with_value(X, np.inf)[:20]],
                        CODES),
    "NaN in y": (X, with_value(X[:, 0], np.nan)),
    "strings": (X, np.array(["a", "b", "c"])[CODES]),
    "a column": (X, CODES[:, np.newaxis]),
    "too few": (X[:-1], CODES),
    "too many": (X, CODES[:-1]),
    "no rows": (X[:0], CODES[:0]),
    "no columns": (X[:, :0], CODES),
    "three dimensions": (X[..., np.newaxis], CODES),
    "complex": (X.astype(complex), CODES),
    "complex y": (X, CODES.astype(complex)),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
@each_estimator
def test_plain_data_come_back_as_they_are(name, estimator):
    data, y = PLAIN[name]
    assert skips_validation(data, y)
    model = estimator()
    same, same_y = model._validated(data, y, reset=True)
    assert same is data
    assert same_y is y
    checked = estimator()
    options = {"accept_sparse": "csr", "order": "C", "multi_output": True}
    found, found_y = validate_data(
        checked, data, y, dtype=(np.float64, np.float32), **options
    )
    assert np.shares_memory(found, data)
    assert found.dtype == data.dtype
    assert found_y.dtype == y.dtype
    assert vars(model) == vars(checked)


@pytest.mark.parametrize("name", OTHERS)
def test_all_others_are_checked(name):
    assert not skips_validation(*OTHERS[name])


@each_estimator
def test_later_calls_check_the_number_and_names_of_features(estimator):
    pandas = pytest.importorskip("pandas")
    model = estimator(max_iter=1, tol=None).fit(X, CODES)
    assert model._validated(X, CODES, reset=False)[0] is X
    with pytest.raises(ValueError, match="X has 3 features"):
        model.partial_fit(X[:, :3].copy(), CODES)
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = estimator(max_iter=1, tol=None).fit(frame, CODES)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.partial_fit(X, CODES)


@each_estimator
def test_names_of_features_are_forgotten(estimator):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:, :2], columns=["a", "b"])
    model = estimator(max_iter=1, tol=None).fit(frame, CODES)
    assert list(model.feature_names_in_) == ["a", "b"]
    model.fit(X, CODES)
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 4


# Parameters --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ({"max_iter": 1}, {"max_iter": True}),
        ({"max_iter": 1}, {"max_iter": 1.0}),
        ({"warm_start": True}, {"warm_start": 1.0}),
        ({"alpha": 1.0}, {"alpha": True}),
        ({"n_iter_no_change": 3}, {"n_iter_no_change": 3.0}),
        ({"tol": 0.0}, {"tol": np.nan}),
        ({"solver": "adam"}, {"solver": "Adam"}),
    ],
)
@each_estimator
def test_what_equals_a_valid_value_is_checked_for_itself(estimator, right, wrong):
    def outcome(check, parameters):
        try:
            check(estimator(**parameters))
        except ValueError as error:
            return str(error)
        return None

    expected = outcome(BaseEstimator._validate_params, wrong)
    for _ in range(2):
        assert outcome(estimator._validate_params, right) is None
        ours = outcome(estimator._validate_params, wrong)
        assert (ours is None) == (expected is None)
        assert (ours or "").startswith(expected or "")  # it goes on with the cure


class Derived(sknn.MLPClassifier):
    """Has parameters of its own."""

    def __init__(self, width=3, max_iter=9):
        super().__init__(width, max_iter=max_iter)
        self.width = width


@pytest.mark.parametrize("estimator", [sknn.MLPClassifier, sknn.MLPRegressor, Derived])
def test_names_of_parameters(estimator):
    expected = BaseEstimator._get_param_names.__func__(estimator)
    estimator._get_param_names().clear()
    assert estimator._get_param_names() == expected
