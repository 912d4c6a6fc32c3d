"""Messages about data: which data are wrong, and how to mend them.

Each row of a table has what the user passed, and words that must stand in the message.
"""

import datetime
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse

from sknn import MLPClassifier, MLPRegressor
from sknn.estimators.data_errors import _faults

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(24, 3))
TWO, THREE = np.arange(24) % 2, np.arange(24) % 3
NUMBERS = X[:, 0].copy()
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
COLORS = np.array(["red", "blue"])[TWO]
BOTH = (MLPClassifier, MLPRegressor)
Y = {MLPClassifier: TWO, MLPRegressor: NUMBERS}
OPTIONS = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:X has feature names",
    "ignore:invalid value encountered in cast",
)
each_estimator = pytest.mark.parametrize("estimator", BOTH)


def fitted(estimator, data=X):
    return estimator(**OPTIONS).fit(data, Y[estimator])


def classes(estimator):
    return {"classes": [0, 1]} if estimator is MLPClassifier else {}


def message(error_type, function, *arguments, **options):
    """Return the message of the error that a call must raise."""
    with pytest.raises(error_type) as raised:
        function(*arguments, **options)
    return str(raised.value)


# Calls with a wrong X, a wrong y, wrong weights, and what each is called.
CALLS_WITH_X = {
    "fit": lambda e, bad: e(**OPTIONS).fit(bad, Y[e]),
    "fit by lbfgs": lambda e, bad: e(**OPTIONS, solver="lbfgs").fit(bad, Y[e]),
    "partial_fit": lambda e, bad: e(**OPTIONS).partial_fit(bad, Y[e], **classes(e)),
    "second partial_fit": lambda e, bad: fitted(e).partial_fit(bad, Y[e]),
    "resume_fit": lambda e, bad: fitted(e).resume_fit(bad, Y[e]),
    "warm start": lambda e, bad: fitted(e).set_params(warm_start=True).fit(bad, Y[e]),
    "initialize": lambda e, bad: e(**OPTIONS).initialize(bad, Y[e]),
    "loss_gradients": lambda e, bad: fitted(e).loss_gradients(bad, Y[e]),
    "predict": lambda e, bad: fitted(e).predict(bad),
    "score": lambda e, bad: fitted(e).score(bad, Y[e]),
    "hidden_activations": lambda e, bad: fitted(e).hidden_activations(bad),
}
CALLS_WITH_X_VAL = {
    "X_val": lambda e, bad: e(**OPTIONS).fit(X, Y[e], X_val=bad, y_val=Y[e]),
    "X_val of partial_fit": lambda e, bad: e(**OPTIONS).partial_fit(
        X, Y[e], **classes(e), X_val=bad, y_val=Y[e]
    ),
    "X_val of resume_fit": lambda e, bad: fitted(e).resume_fit(
        X, Y[e], X_val=bad, y_val=Y[e]
    ),
}
CALLS_WITH_Y = {
    "fit": lambda e, bad: e(**OPTIONS).fit(X, bad),
    "partial_fit": lambda e, bad: e(**OPTIONS).partial_fit(X, bad, **classes(e)),
    "second partial_fit": lambda e, bad: fitted(e).partial_fit(X, bad),
    "resume_fit": lambda e, bad: fitted(e).resume_fit(X, bad),
    "initialize": lambda e, bad: e(**OPTIONS).initialize(X, bad),
    "loss_gradients": lambda e, bad: fitted(e).loss_gradients(X, bad),
    "score": lambda e, bad: fitted(e).score(X, bad),
}
CALLS_WITH_Y_VAL = {
    "y_val": lambda e, bad: e(**OPTIONS).fit(X, Y[e], X_val=X, y_val=bad),
    "y_val of partial_fit": lambda e, bad: e(**OPTIONS).partial_fit(
        X, Y[e], **classes(e), X_val=X, y_val=bad
    ),
    "y_val of resume_fit": lambda e, bad: fitted(e).resume_fit(
        X, Y[e], X_val=X, y_val=bad
    ),
}

# X -----------------------------------------------------------------------------------

DATES = pd.date_range("2020", periods=24)
ENCODE = "ColumnTransformer([('text', OneHotEncoder(), [{}])], remainder='passthrough')"
X_AND_CURES = {
    "text in a frame": (
        FRAME.assign(c=COLORS),
        ["Column 'c' of {X} holds text, such as 'red'", ENCODE.format("'c'")],
    ),
    "categories": (
        FRAME.assign(b=pd.Categorical(COLORS)),
        ["Column 'b' of {X} holds text, such as 'red'", "OneHotEncoder"],
    ),
    "strings of pandas": (
        FRAME.assign(a=pd.Series(COLORS, dtype="string")),
        ["Column 'a' of {X} holds text", "OneHotEncoder"],
    ),
    "text in two columns": (
        FRAME.assign(a=COLORS, c=COLORS),
        ["Columns 'a', 'c' of {X} hold text", ENCODE.format("'a', 'c'")],
    ),
    "text after a gap": (
        FRAME.astype(object).assign(b=[None, *COLORS[1:]]),
        ["Column 'b' of {X} holds text, such as 'blue'"],
    ),
    "categories after a gap": (
        FRAME.assign(b=pd.Categorical([None, *COLORS[1:]])),
        ["Column 'b' of {X} holds text, such as 'blue'"],
    ),
    "polars": (
        pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": COLORS}),
        ["Column 'c' of {X} holds text, such as 'red'", "OneHotEncoder"],
    ),
    "objects": (
        np.array(FRAME.assign(b=COLORS), dtype=object),
        ["Column 1 of {X} holds text, such as 'red'", ENCODE.format("1")],
    ),
    "strings of NumPy": (
        np.c_[X[:, :2].astype(str), COLORS],
        ["Column 2 of {X} holds text, such as 'red'", "OneHotEncoder"],
    ),
    "lists": (
        FRAME.assign(b=COLORS).to_numpy().tolist(),
        ["Column 1 of {X} holds text, such as 'red'", "OneHotEncoder"],
    ),
    "dates in a frame": (
        FRAME.assign(c=DATES),
        ["Column 'c' of {X} holds dates", "np.timedelta64(1, 'D')"],
    ),
    "dates with a zone": (
        FRAME.assign(c=DATES.tz_localize("UTC")),
        ["Column 'c' of {X} holds dates"],
    ),
    "dates of Python": (
        [[1.0, 2.0, datetime.date(2020, 1, 1)]] * 24,
        ["Column 2 of {X} holds dates", "datetime64[s]"],
    ),
    "dicts": ([{"a": 1.0}] * 24, ["{X} holds dicts", "DictVectorizer"]),
    "documents": (["some words"] * 24, ["{X} holds text", "TfidfVectorizer"]),
    "images": (X.reshape(24, 3, 1), ["dim 3", "{X}.reshape(len({X}), -1)"]),
    "color images": (X.reshape(24, 3, 1, 1), ["dim 4", "{X}.reshape(len({X}), -1)"]),
    "images in lists": (
        X.reshape(24, 3, 1).tolist(),
        ["dim 3", "np.reshape({X}, (len({X}), -1))"],
    ),
    "images in float32": (
        X.reshape(24, 1, 3).astype(np.float32),
        ["{X}.reshape(len({X}), -1)"],
    ),
}


@pytest.mark.parametrize("name", X_AND_CURES)
@each_estimator
def test_wrong_X(estimator, name):
    bad, cures = X_AND_CURES[name]
    for call in (CALLS_WITH_X | CALLS_WITH_X_VAL).values():
        data = "X_val" if call in CALLS_WITH_X_VAL.values() else "X"
        text = message((TypeError, ValueError), call, estimator, bad)
        for cure in cures:
            assert cure.replace("{X}", data) in text, text
        assert text.count(cures[0].replace("{X}", data)) == 1
        assert len(text) < 900


@each_estimator
def test_text_where_the_fit_had_numbers(estimator):
    """In a frame whose columns have the right names."""
    model = fitted(estimator, FRAME)
    for column in (COLORS, pd.Categorical(COLORS)):
        text = message(ValueError, model.predict, FRAME.assign(c=column))
        assert "Column 'c' of X holds text, such as 'red'" in text


def test_predict_takes_categories_of_numbers():
    """As fit does, whose check of X converts them."""
    categories = FRAME.assign(c=pd.Categorical(TWO))
    model = MLPRegressor(**OPTIONS).fit(categories, NUMBERS)
    np.testing.assert_array_equal(
        model.predict(categories), model.predict(FRAME.assign(c=TWO.astype(float)))
    )


def test_only_faulty_columns_are_named():
    frame = FRAME.assign(d=TWO, e=TWO > 0, f=COLORS, g=DATES)
    assert [(fault.label, fault.kind) for fault in _faults(frame)] == [
        ("f", "text"),
        ("g", "dates"),
    ]
    assert not list(_faults(FRAME))
    assert not list(_faults(X.astype(str)))
    assert not list(_faults(X.tolist()))


# y -----------------------------------------------------------------------------------

TEXT = np.array(["u", "v"])[TWO].astype(object)
MISSING = {
    "NaN": np.where(np.arange(24) == 3, np.nan, NUMBERS),
    "NaN in float32": np.where(np.arange(24) == 3, np.nan, NUMBERS).astype("f4"),
    "None among numbers": np.array([*NUMBERS[:-1], None], dtype=object),
    "None among whole numbers": [*TWO[:-1], None],
    "None among strings": np.array([*TEXT[:-1], None], dtype=object),
    "None in a list of strings": [*TEXT[:-1], None],
    "NaN in a list of strings": [*TEXT[:-1], np.nan],
    "NaN among objects": np.array([*TEXT[:-1], np.nan], dtype=object),
    "only None": [None] * 24,
    "a series of numbers": pd.Series([*NUMBERS[:-1], None]),
    "a series of whole numbers": pd.Series([*TWO[:-1], None], dtype="Int64"),
    "a series of objects": pd.Series([*TEXT[:-1], None], dtype=object),
    "a series of strings": pd.Series([*TEXT[:-1], None], dtype="string"),
    "categories": pd.Series([*TEXT[:-1], None], dtype="category"),
    "a frame": pd.DataFrame({"y": [*NUMBERS[:-1], None]}),
    "polars": pl.Series([*NUMBERS[:-1], None]),
    "polars, strings": pl.Series([*TEXT[:-1], None]),
    "two columns": np.c_[TWO, np.where(np.arange(24) == 3, np.nan, TWO)],
}


@pytest.mark.parametrize("name", MISSING)
@each_estimator
def test_missing_targets_are_said_to_be_in_y(estimator, name):
    bad = MISSING[name]
    for call in (CALLS_WITH_Y | CALLS_WITH_Y_VAL).values():
        data = "y_val" if call in CALLS_WITH_Y_VAL.values() else "y"
        text = message((TypeError, ValueError), call, estimator, bad)
        assert re.search(rf"\b{data} (contains|holds) ", text), text
        assert "rows" in text or "holds text, such as 'u'" in text, text


NO_NUMBERS = {
    "text": (TEXT, ["holds text, such as 'u'", "MLPClassifier"]),
    "strings": (TEXT.astype(str), ["holds text, such as 'u'", "MLPClassifier"]),
    "lists of text": (TEXT.tolist(), ["holds text, such as 'u'", "MLPClassifier"]),
    "dates": (DATES, ["holds dates", "({y} - {y}.min()) / np.timedelta64(1, 'D')"]),
    "a series of dates": (pd.Series(DATES), ["holds dates", "np.timedelta64"]),
    "dates of NumPy": (DATES.to_numpy(), ["holds dates", "np.timedelta64"]),
    "masked dates": (np.ma.array(DATES.to_numpy()), ["holds dates", "np.timedelta64"]),
    "time spans": (DATES - DATES[0], ["holds dates", "np.timedelta64"]),
    "dates of Python": (
        [datetime.date(2020, 1, 1)] * 24,
        ["holds dates", "np.array({y}, dtype='datetime64[s]').astype(float)"],
    ),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_targets_of_a_regressor_that_are_no_numbers(name):
    bad, cures = NO_NUMBERS[name]
    for call in (CALLS_WITH_Y | CALLS_WITH_Y_VAL).values():
        data = "y_val" if call in CALLS_WITH_Y_VAL.values() else "y"
        text = message((TypeError, ValueError), call, MLPRegressor, bad)
        for cure in cures:
            assert cure.replace("{y}", data) in text, text
        assert f"{data} holds" in text
        assert "astype(float)" not in text.replace("'datetime64[s]').astype", "")


def test_numbers_written_as_text():
    text = message(ValueError, MLPRegressor().fit, X, NUMBERS.astype(str))
    assert "y.astype(float)" in text
    MLPRegressor(**OPTIONS).fit(X, NUMBERS.astype(str).astype(float))


@pytest.mark.parametrize(
    "dates",
    [
        DATES,
        pd.Series(DATES),
        pd.Series(DATES).dt.tz_localize("UTC"),
        DATES.to_numpy(),
        np.ma.array(DATES.to_numpy()),
        DATES - DATES[0],
    ],
    ids=lambda dates: f"{type(dates).__name__} {dates.dtype}",
)
def test_the_cure_for_dates_works(dates):
    y = dates
    numbers = (y - y.min()) / np.timedelta64(1, "D")
    np.testing.assert_allclose(np.asarray(numbers), np.arange(24.0))
    MLPRegressor(**OPTIONS).fit(X, numbers)


def test_the_cure_for_dates_of_python_works():
    y = [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 2)]
    numbers = np.array(y, dtype="datetime64[s]").astype(float)
    np.testing.assert_allclose(np.diff(numbers), 24 * 3600)


@pytest.mark.parametrize(
    ("bad", "cure"),
    [
        (TEXT, "Pass labels of the same type"),
        (TEXT.astype(str), "Pass labels of the same type"),
        (DATES, "Pass labels of the same type"),
        (DATES - DATES[0], "Pass labels of the same type"),
        (TWO.astype(str), "Convert {y}, as {y}.astype(int64) does"),
        (np.eye(3, dtype=int)[THREE], "np.argmax({y}, axis=1)"),
        (pd.get_dummies(pd.Series(THREE)), "np.argmax({y}, axis=1)"),
    ],
    ids=["text", "strings", "dates", "time spans", "digits", "one-hot", "dummies"],
)
def test_labels_of_another_form(bad, cure):
    """In score too, where scikit-learn compares time spans with numbers."""
    calls = CALLS_WITH_Y | CALLS_WITH_Y_VAL
    for name in calls.keys() - {"fit", "partial_fit", "initialize"}:
        data = "y_val" if name in CALLS_WITH_Y_VAL else "y"
        text = message(ValueError, calls[name], MLPClassifier, bad)
        assert cure.replace("{y}", data) in text, text


@pytest.mark.parametrize("in_column", [False, True])
@pytest.mark.parametrize(
    ("y", "bad", "cure"),
    [
        (TEXT, TWO, "Convert y, as y.astype(str) does"),
        (TEXT, TWO > 0, "Convert y, as y.astype(str) does"),
        (TEXT, TWO.astype(float), "Convert y, as y.astype(str) does"),
        (TWO.astype(str), TWO, "Convert y, as y.astype(str) does"),
        (TWO, TEXT, "Pass labels of the same type"),
        (TWO, TEXT.astype(str), "Pass labels of the same type"),
        (TWO > 0, TWO.astype(str), "Convert y, as y.astype(bool) does"),
        (TWO.astype(float), TWO.astype(str), "Convert y, as y.astype(float64) does"),
    ],
)
def test_scores_compare_no_text_with_numbers(y, bad, cure, in_column):
    """Older versions of scikit-learn return an accuracy of zero."""
    model = MLPClassifier(**OPTIONS).fit(X, y)
    bad = bad[:, None] if in_column else bad
    assert cure in message(ValueError, model.score, X, bad)
    assert model.score(X, y.astype(object)) == model.score(X, y)


# Validation sets ---------------------------------------------------------------------

LONG = np.ones(30)
VALIDATION = {
    "NaN": ({"X_val": X * np.nan}, "Input X_val contains NaN"),
    "infinity": ({"X_val": abs(X) * np.inf}, "Input X_val contains"),
    "NaN in CSR": (
        {"X_val": scipy.sparse.csr_array(X * np.nan)},
        "Input X_val contains NaN",
    ),
    "too few columns": ({"X_val": X[:, :2]}, "X_val has 2 features, but"),
    "too few columns in CSR": (
        {"X_val": scipy.sparse.csr_array(X[:, :2])},
        "X_val has 2 features, but",
    ),
    "other names": (
        {"X": FRAME, "X_val": FRAME.rename(columns=str.upper)},
        "X_val: The",
    ),
    "no rows": ({"X_val": X[:0], "y_val": []}, "X_val: Found array with 0 sample(s)"),
    "one dimension": ({"X_val": X[:, 0]}, "X_val: Expected 2D array"),
    "a number": ({"X_val": 3.0}, "X_val: Expected 2D array"),
    "complex": ({"X_val": X + 1j}, "X_val: Complex data"),
    "other lengths": ({"X_val": X[:5]}, "X_val and y_val: Found input variables"),
    "only X_val": ({"y_val": None}, "X_val and y_val belong together"),
    "y of NaN": ({"y_val": MISSING["NaN"]}, "Input y_val contains NaN"),
    "y of infinity": ({"y_val": abs(NUMBERS) * np.inf}, "Input y_val contains"),
    "y of three dimensions": ({"y_val": np.ones((24, 1, 1))}, "y_val: Found array"),
    "y of a number": ({"y_val": 3}, "y_val: Input should have"),
    "y of another length": ({"y_val": LONG}, "X_val and y_val: Found input variables"),
    "weights of NaN": (
        {"sample_weight_val": np.full(24, np.nan)},
        "Input sample_weight_val contains NaN",
    ),
    "negative weights": ({"sample_weight_val": -LONG[:24]}, "`sample_weight_val`"),
    "too few weights": ({"sample_weight_val": [1, 2]}, "sample_weight_val.shape"),
    "weights of text": ({"sample_weight_val": COLORS}, "sample_weight_val: could not"),
    "weights of zero": (
        {"sample_weight_val": np.zeros(24)},
        "sample_weight_val: Sample weights must contain",
    ),
    "weights in columns": (
        {"sample_weight_val": np.ones((24, 1))},
        "sample_weight_val: Sample weights must be 1D",
    ),
}
VALIDATION_OF_ONE = {
    "unknown classes": (MLPClassifier, {"y_val": THREE}, "`y_val` has classes not in"),
    "fractions": (MLPClassifier, {"y_val": NUMBERS}, "y_val holds continuous"),
    "more outputs": (MLPRegressor, {"y_val": X}, "y_val has 3 outputs, but y has 1"),
    "too large for float32": (
        MLPRegressor,
        {"X": X.astype("f4"), "X_val": X.astype("f4"), "y_val": NUMBERS * 1e60},
        "y_val holds values too large for float32",
    ),
    "negative counts": (
        MLPRegressor,
        {"y": NUMBERS**2, "y_val": NUMBERS, "loss": "poisson"},
        "loss='poisson' needs y_val >= 0",
    ),
}


def refusal(estimator, method, X=X, y=None, loss=None, **validation):
    y = Y[estimator] if y is None else y
    validation = {"X_val": X, "y_val": y, **validation}
    model = estimator(**OPTIONS, **({"loss": loss} if loss else {}))
    if method == "resume_fit":
        model.fit(X, y)
    options = classes(estimator) if method == "partial_fit" else {}
    return message(
        (TypeError, ValueError), getattr(model, method), X, y, **options, **validation
    )


@pytest.mark.parametrize("method", ["fit", "partial_fit", "resume_fit"])
@pytest.mark.parametrize(
    ("estimator", "options", "words"),
    [
        pytest.param(estimator, *row, id=f"{estimator.__name__[3:]}-{name}")
        for name, row in VALIDATION.items()
        for estimator in BOTH
    ]
    + [pytest.param(*row, id=name) for name, row in VALIDATION_OF_ONE.items()],
)
def test_validation_sets_are_named(estimator, options, words, method):
    text = refusal(estimator, method, **options)
    assert words in text, text


@each_estimator
def test_weights_of_text_are_named(estimator):
    text = message(ValueError, estimator(**OPTIONS).fit, X, Y[estimator], COLORS)
    assert "sample_weight must hold a number for each row" in text
