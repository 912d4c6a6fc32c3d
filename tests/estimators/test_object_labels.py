"""Labels of object dtype, and labels that are refused, in every call.

The oracle is scikit-learn's classifier on labels of a plain dtype.
"""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from target_calls import (
    CALLS,
    CODES,
    INDICATORS,
    NUMBERS,
    OPTIONS,
    TEXT,
    X,
    assert_refused,
    classes_for,
    new,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.DataConversionWarning",
    "ignore::sklearn.exceptions.UndefinedMetricWarning",
    "ignore:invalid value encountered in cast",
)


# Labels of object dtype --------------------------------------------------------------

MIXED = np.empty(60, object)
MIXED[:] = [int(c) if k % 2 else np.int8(c) for k, c in enumerate(CODES)]
BOOL_AND_INT = np.empty(60, object)
BOOL_AND_INT[:] = [bool(c) if c < 2 else int(c) for c in CODES]
PLAIN = {
    "int": (CODES.astype(object), CODES),
    "bool": ((CODES > 0).astype(object), CODES > 0),
    "int8": (np.array([*map(np.int8, CODES), None])[:-1], CODES.astype(np.int8)),
    "bool of NumPy": (np.array([*(CODES > 0), None])[:-1], CODES > 0),
    "int and int8": (MIXED, CODES),
    "bool and int": (BOOL_AND_INT, CODES),
    "whole floats": (CODES.astype(float).astype(object), CODES.astype(float)),
    "large": (CODES.astype(object) + 2**62, CODES + 2**62),
    "a column": (CODES.astype(object)[:, None], CODES),
    "series": (pd.Series(CODES > 0, dtype=object), CODES > 0),
    "values of a frame": (pd.DataFrame({"y": CODES, "x": "a"}).values[:, 0], CODES),
    "indicators": (INDICATORS.astype(object), INDICATORS),
    "frame of indicators": (pd.DataFrame(INDICATORS > 0, dtype=object), INDICATORS),
}


@pytest.mark.parametrize("name", PLAIN)
def test_objects_work_as_their_plain_dtype(name):
    objects, plain = PLAIN[name]
    ours = new().fit(X, objects, X_val=X, y_val=objects)
    theirs = neural_network.MLPClassifier(**OPTIONS).fit(X, plain)
    assert ours.classes_.dtype == theirs.classes_.dtype
    assert_array_equal(ours.classes_, theirs.classes_)
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
    assert ours.predict(X).dtype == theirs.predict(X).dtype
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X, objects) == ours.score(X, plain) == theirs.score(X, plain)
    assert ours.validation_scores_[-1] == ours.score(X, plain)
    by_parts = new().partial_fit(X, objects, classes=classes_for(plain))
    by_parts.partial_fit(X, objects)
    expected = neural_network.MLPClassifier(**OPTIONS)
    expected.partial_fit(X, plain, classes=classes_for(plain)).partial_fit(X, plain)
    assert_allclose(by_parts.loss_, expected.loss_, rtol=1e-9)


def test_classes_of_objects():
    model = new().partial_fit(X, CODES, classes=np.array([0, 1, 2], dtype=object))
    assert model.classes_.dtype == np.int64
    model.partial_fit(X, CODES.astype(object), classes=pd.Series([2, 1, 0], dtype="O"))


def test_objects_of_text_are_read_as_in_scikit_learn():
    y = TEXT.astype(object)
    ours = new().fit(X, y)
    theirs = neural_network.MLPClassifier(**OPTIONS).fit(X, y)
    assert ours.classes_.dtype == theirs.classes_.dtype
    assert_array_equal(ours.predict(X), theirs.predict(X))


def filled(*values):
    y = np.empty(60, object)
    y[:] = [values[k % len(values)] for k in range(60)]
    return y


REFUSED = {
    "fractions": (
        NUMBERS,
        r"^Unknown label type: y(_val)? holds continuous numbers \(dtype float64\)\. "
        "Use MLPRegressor for numbers",
    ),
    "fractions in float32": (NUMBERS.astype("f4"), r"numbers \(dtype float32\)"),
    "a column of fractions": (NUMBERS[:, None], "Use MLPRegressor"),
    "objects of fractions": (NUMBERS.astype(object), "Use MLPRegressor for numbers"),
    "whole numbers and fractions": (filled(1, 0.5), "Use MLPRegressor for numbers"),
    "None": (filled(None), r"^y(_val)? holds missing values \(None\)"),
    "None among numbers": (filled(0, 1, None), r"^y(_val)? holds .* \(None\)"),
    "None among bools": (filled(True, False, None), r"^y(_val)? holds .* \(None\)"),
    "NA": (filled(0, 1, pd.NA), r"^y(_val)? holds missing values \(pandas\.NA\)"),
    "NaN": (filled(0, 1, np.nan), "contains NaN"),
    "text among numbers": (filled(0, "a"), "types, int and str"),
    "numbers among text": (filled("a", 0), "types, int and str"),
    "decimals": (
        filled(Decimal(1), Decimal(2)),
        r"Unknown label type: .* Decimal\. Co",
    ),
    "huge": (filled(2**70, 1), "Unknown label type: .*whole numbers that no integer"),
    "of both signs": (filled(2**63, -1), "Unknown label type: .* whole numbers that"),
    "tuples": (filled((0, 1), (1, 2)), "Unknown label type|legacy multi-label"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", REFUSED)
def test_labels_are_refused_in_a_short_sentence(name, call):
    bad, message = REFUSED[name]
    if name == "NA":
        message = r"holds missing values \(pandas\.NA\)"
    assert_refused(call, CODES, bad, message, (ValueError, TypeError))


def test_many_numbers_make_no_long_message():
    many = np.linspace(0, 1, 1000)
    with pytest.raises(ValueError, match=r"Unknown label type: .*continuous") as raised:
        new().fit(many[:, None], many)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (np.linspace(0, 1, 1000), "^Unknown label type: classes holds continuous num"),
        ([0.5, 1, 2], "^Unknown label type: classes holds continuous numbers"),
        (filled(0, 1, pd.NA), "^classes holds missing values"),
        (filled(0, 1, None), r"^classes holds missing values \(None\)"),
    ],
)
def test_classes_are_refused_in_a_short_sentence(classes, message):
    model = new()
    with pytest.raises((ValueError, TypeError), match=message) as raised:
        model.partial_fit(X, CODES, classes=classes)
    assert len(str(raised.value)) < 300
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("dtype", ["datetime64[D]", "timedelta64[D]"])
def test_dates_are_labels(dtype):
    """As in scikit-learn."""
    y = CODES.astype(dtype)
    ours = new().fit(X, y, X_val=X, y_val=y)
    theirs = neural_network.MLPClassifier(**OPTIONS).fit(X, y)
    assert_array_equal(ours.predict(X), theirs.predict(X))
