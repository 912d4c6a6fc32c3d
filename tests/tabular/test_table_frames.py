"""The same table in each library of data frames; what is refused; targets."""

import datetime
import warnings
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal
from processes import run
from sklearn.pipeline import make_pipeline
from tables_to_encode import COLUMNS, FRAME, LIBRARIES, N_ROWS

import sknn
from sknn.tabular import TableEncoder

EXPECTED = TableEncoder(tails="log").fit(FRAME)


def column_of(values, name="a"):
    """Return a frame with one column of Python objects."""
    return pd.DataFrame({name: pd.Series(values, dtype=object)})


def has_names(X):
    """Return whether scikit-learn sees names; before 1.9 not those of each library."""
    encoder = TableEncoder().fit(X)
    return hasattr(encoder, "feature_names_in_")


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_same_table_in_all_libraries(library):
    X = LIBRARIES[library](COLUMNS)
    encoder = TableEncoder(tails="log").fit(X)
    expected = EXPECTED.transform(FRAME)
    assert_array_equal(encoder.transform(X), expected)
    if has_names(X):
        assert_array_equal(encoder.feature_names_in_, list(COLUMNS))
        assert_array_equal(EXPECTED.transform(X), expected)
    assert_array_equal(
        encoder.get_feature_names_out(list(COLUMNS)), EXPECTED.get_feature_names_out()
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_all_missing_in_transform(library):
    """No column changes its type when all its values are missing."""
    nothing = {name: [None, None] for name in COLUMNS}
    X = LIBRARIES[library](nothing | {"flag": [True, False]})
    encoder = TableEncoder().fit(FRAME)
    if not has_names(X):
        encoder = TableEncoder().fit(LIBRARIES["list"](COLUMNS))
    found = encoder.transform(X)
    assert np.isfinite(found).all()
    names = list(encoder.get_feature_names_out(list(COLUMNS)))
    for name, values in zip(names, found.T, strict=True):
        if name.startswith("missingindicator_") and not name.endswith("flag"):
            assert_array_equal(values, 1, name)
        elif name == "city_gaps":
            assert_array_equal(values, encoder.n_categories_[-1] - 1)
        elif name.startswith(("color_red", "sex_m")):
            assert_array_equal(values, 0, name)
        elif name == "flag_True":
            assert_array_equal(values, [1, -1])


NUMPY = {
    "float64": np.random.RandomState(0).normal(size=(9, 3)),
    "float32": np.random.RandomState(0).normal(size=(9, 3)).astype("f"),
    "int8": np.random.RandomState(0).randint(-9, 9, size=(9, 3)).astype("b"),
    "Fortran": np.asfortranarray(np.random.RandomState(0).normal(size=(9, 3))),
    "big-endian": np.random.RandomState(0).normal(size=(9, 3)).astype(">f8"),
    "longdouble": np.random.RandomState(0).normal(size=(9, 3)).astype(np.longdouble),
    "objects": np.random.RandomState(0).normal(size=(9, 3)).astype(object),
}


@pytest.mark.parametrize("name", NUMPY)
def test_arrays_of_numbers(name):
    X = NUMPY[name]
    expected = TableEncoder().fit_transform(X.astype(np.float64))
    assert_array_equal(TableEncoder().fit_transform(X), expected)


def test_arrays_of_other_types():
    text = np.array([["a", "u"], ["b", "v"], ["b", "w"]])
    found = [[-1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]]
    for X in (text, text.astype(object), text.tolist(), pd.DataFrame(text)):
        assert_array_equal(TableEncoder().fit_transform(X), found)
    flags = np.array([[True], [False]])
    assert_array_equal(TableEncoder().fit_transform(flags), [[1], [-1]])
    dates = np.array([["2020-01-01"], ["2020-01-03"], ["NaT"]], dtype="M8[D]")
    encoder = TableEncoder(numeric="passthrough").fit(dates)
    names = encoder.get_feature_names_out()
    assert "x0_day" in names
    assert_array_equal(encoder.transform(dates)[:, -1], [0, 0, 1])
    seconds = TableEncoder(numeric="passthrough").fit_transform(dates[:2] - dates[0])
    assert_array_equal(seconds, [[0], [2 * 86400]])
    masked = np.ma.MaskedArray([[1.0], [2.0], [3.0]], [[False], [True], [False]])
    filled = TableEncoder().fit_transform([[1.0], [np.nan], [3.0]])
    assert_array_equal(TableEncoder().fit_transform(masked), filled)


OBJECTS = {
    "decimals": [Decimal("1.5"), Decimal("NaN"), Decimal(3)],
    "numbers": [np.float32(1.5), np.nan, 3],
    "pandas.NA": [1.5, pd.NA, np.int8(3)],
    "NaT": [1.5, pd.NaT, 3],
    "booleans among numbers": [1.5, None, Decimal(3)],
    "times": [
        datetime.time(0, 0, 1, 500_000),
        None,
        datetime.time(0, 0, 3),
    ],
    "durations": [
        np.timedelta64(1500, "ms"),
        np.timedelta64("NaT"),
        datetime.timedelta(seconds=3),
    ],
}


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_that_are_numbers(name):
    encoder = TableEncoder(numeric="passthrough")
    found = encoder.fit_transform(column_of(OBJECTS[name]))
    assert_array_equal(found, [[1.5, 0], [1.5, 1], [3, 0]])


def test_numbers_among_text_are_categories():
    frame = column_of([1, "1", True, 2.5, "a", None, np.str_("a")])
    encoder = TableEncoder().fit(frame)
    assert encoder.columns_[0].categories == [1, 2.5, "1", "a"]
    assert_array_equal(encoder.transform(frame).argmax(axis=1), [0, 2, 0, 1, 3, 4, 3])


def test_extension_dtypes():
    frame = pd.DataFrame(
        {
            "sparse": pd.arrays.SparseArray([0.0, 0.0, 1.0, 2.0]),
            "period": pd.period_range("2020", periods=4, freq="D").to_timestamp(),
            "bins": pd.cut([0.1, 0.2, 0.7, 0.8], [0, 0.5, 1]),
            "int": pd.array([1, None, 3, 4], dtype="Int8"),
        }
    )
    encoder = TableEncoder(numeric="passthrough").fit(frame)
    names = list(encoder.get_feature_names_out())
    found = encoder.transform(frame)
    assert_array_equal(found[:, names.index("sparse")], [0, 0, 1, 2])
    assert_array_equal(found[:, names.index("int")], [1, 3, 3, 4])
    assert_array_equal(found[:, names.index("bins_(0.5, 1.0]")], [-1, -1, 1, 1])


def test_frames_of_narwhals():
    narwhals = pytest.importorskip("narwhals")
    frame = narwhals.from_native(FRAME)
    assert_array_equal(EXPECTED.transform(frame), EXPECTED.transform(FRAME))


def test_columns_that_are_no_strings():
    frame = pd.DataFrame({0: [1.0, 2.0], 1: ["a", "b"]})
    encoder = TableEncoder().fit(frame)
    assert_array_equal(encoder.get_feature_names_out(), ["x0", "x1_b"])
    assert encoder.columns_[1].label == 1


# Time zones --------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")
TIMES = [datetime.datetime(2024, 3, 30 + k // 24, k % 24) for k in range(48)]
IN_BERLIN = [t.replace(tzinfo=datetime.UTC).astimezone(BERLIN) for t in TIMES]
ZONED = {
    "pandas": lambda: pd.DataFrame({"t": pd.Series(IN_BERLIN)}),
    "objects": lambda: column_of(IN_BERLIN, "t"),
    "polars": lambda: pl.DataFrame(
        {
            "t": pl.Series(TIMES)
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone(str(BERLIN))
        }
    ),
}


@pytest.mark.parametrize("library", ZONED)
def test_time_zones(library):
    """The hour is that of a clock there; elapsed time does not jump in spring."""
    frame = ZONED[library]()
    if not has_names(frame):
        pytest.skip("scikit-learn is too old to see the names of this polars")
    encoder = TableEncoder(numeric="passthrough", dtype=np.float64).fit(frame)
    found = dict(
        zip(encoder.get_feature_names_out(), encoder.transform(frame).T, strict=True)
    )
    assert_array_equal(found["t_hour"], [t.hour for t in IN_BERLIN])
    assert_array_equal(found["t_day"], [t.day for t in IN_BERLIN])
    assert np.ptp(np.diff(found["t_elapsed"])) < 1e-9
    assert encoder.columns_[0].zone == "Europe/Berlin"
    for other in (make() for make in ZONED.values()):
        if has_names(other):
            assert_array_equal(encoder.transform(other), encoder.transform(frame))
    with pytest.raises(ValueError, match="'t' of X has no time zone, but had Europe"):
        encoder.transform(pd.DataFrame({"t": TIMES}))


def test_offsets_that_differ_are_taken_in_utc():
    fixed = [t.astimezone(datetime.timezone(t.utcoffset())) for t in IN_BERLIN]
    encoder = TableEncoder(numeric="passthrough").fit(column_of(fixed))
    names = list(encoder.get_feature_names_out())
    hours = encoder.transform(column_of(fixed))[:, names.index("a_hour")]
    assert_array_equal(hours, [t.hour for t in TIMES])


# Refusals ----------------------------------------------------------------------------

SENTENCES = [f"sentence number {k} of a long and tedious text" for k in range(30)]
REFUSED = {
    "text": (column_of(SENTENCES), "30 of its 30 values are .* skrub's TextEncoder"),
    "numbers as text": (
        column_of([str(k / 7) for k in range(30)]),
        r"Turn it into numbers, as X\['a'\].astype\(float\) does",
    ),
    "numbers with commas": (
        column_of([f"{k},5" for k in range(30)]),
        r"X\['a'\].str.replace\(',', '.'\).astype\(float\) does it",
    ),
    "numbers and some text": (
        column_of([*(str(k / 7) for k in range(30)), "9.5 kg"]),
        r"numbers; '9.5 kg' is none.*to_numeric\(X\['a'\], errors='coerce'\) does",
    ),
    "dates as text": (
        column_of([f"2020-01-{k:02d}" for k in range(1, 31)]),
        r"as pandas.to_datetime\(X\['a'\]\) does",
    ),
    "infinity": (column_of([1.0, np.inf]), "contains infinity .* column 'a'"),
    "large integers": (column_of([1, 10**400]), "beyond the range of float64"),
    "codes of 60 bits": (
        pd.DataFrame({"a": [2**60, 2**60 + 1]}),
        "integers of more than 53 bits",
    ),
    "dicts": (column_of([{}, {}]), "type dict, but each argument must be a string"),
    "lists": (pl.DataFrame({"a": [[1], [2]]}), "values of type list"),
    "dates and text": (
        column_of([datetime.date(2020, 1, 1), "x"]),
        "holds dates and text. Give all its values one type",
    ),
    "complex": (pd.DataFrame({"a": [1j, 2]}), "Complex data not supported"),
    "complex objects": (column_of([1j, 2]), "Complex data not supported"),
    "no rows": (FRAME[:0], r"Found array with 0 sample\(s\)"),
    "no columns": (FRAME[[]], r"Found array with 0 feature\(s\)"),
    "two of a name": (
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        "two columns of the name 'a'",
    ),
    "series": (FRAME["amount"], "Expected a 2-dimensional container"),
    "one dimension": (np.arange(3), "Expected 2D array"),
    "sparse": (scipy.sparse.csr_array(np.eye(2)), "[Ss]parse data was passed"),
    "lazy": (pl.DataFrame({"a": [1]}).lazy(), r"Pass X.collect\(\) instead"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    X, message = REFUSED[name]
    named = ["a"] if name == "codes of 60 bits" else []
    encoder = TableEncoder(categorical_features=named)
    with pytest.raises((ValueError, TypeError), match=message):
        encoder.fit(X)
    assert not hasattr(encoder, "n_features_in_")


def test_text_that_is_named_categorical():
    frame = column_of(SENTENCES)
    assert TableEncoder(categorical_features=["a"]).fit(frame).n_categories_ == [30]
    assert TableEncoder().fit(frame.astype("category")).n_categories_ == [30]
    assert TableEncoder().fit(column_of(SENTENCES * 2)).n_categories_ == [30]


@pytest.mark.parametrize("name", ["numbers as text", "numbers with commas"])
def test_a_warning_where_numbers_as_text_repeat(name):
    X, cure = REFUSED[name]
    X = pd.concat([X] * 3, ignore_index=True)
    with pytest.warns(UserWarning, match=f"taken for categories.*{cure}.*name it in"):
        encoder = TableEncoder().fit(X)
    assert encoder.n_categories_ == [30]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TableEncoder(categorical_features=["a"]).fit(X)
        TableEncoder().fit(X.astype("category"))
        TableEncoder().fit(X[X["a"].isin(X["a"].unique()[:19])])
        TableEncoder().fit(X + " m")


def test_infinity_in_transform():
    encoder = TableEncoder().fit(FRAME[["amount"]])
    with pytest.raises(ValueError, match=r"contains infinity .* column 'amount'"):
        encoder.transform(pd.DataFrame({"amount": [np.inf]}))


def test_values_too_large_for_float32():
    X = np.array([[1.0], [1e300]])
    encoder = TableEncoder(numeric="passthrough").fit(X)
    with pytest.raises(
        ValueError, match="'x0' of X holds values too large for float32"
    ):
        encoder.transform(X)
    assert_array_equal(encoder.set_params(dtype=np.float64).fit_transform(X), X)


CHANGES = {
    "count": (["a"], "holds text, but held numbers"),
    "color": ([1], "holds numbers, but held text"),
    "flag": (["a"], "holds text, but held booleans"),
    "when": ([1.5], "holds numbers, but held dates"),
    "city": ([datetime.date(2020, 1, 1)], "holds dates, but held text"),
    "amount": ([datetime.date(2020, 1, 1)], "holds dates, but held numbers"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_columns_that_change_their_type(name):
    values, message = CHANGES[name]
    encoder = TableEncoder().fit(FRAME[[name]])
    with pytest.raises(ValueError, match=f"Column '{name}' of X {message}"):
        encoder.transform(column_of(values, name))


def test_types_that_may_change():
    """Integers as floats or booleans, and columns without an output."""
    encoder = TableEncoder().fit(FRAME[["count", "same"]])
    expected = encoder.transform(pd.DataFrame({"count": [1, 0], "same": 7}))
    for values in ([1.0, 0.0], [True, False], [Decimal(1), 0], np.array(["1"]) == "1"):
        frame = pd.DataFrame({"count": pd.Series(list(values)[:2]), "same": "x"})
        found = encoder.transform(frame)
        assert_array_equal(found, expected[: len(frame)])


def test_names_are_checked():
    encoder = TableEncoder().fit(FRAME)
    with pytest.raises(ValueError, match="must be in the same order"):
        encoder.transform(FRAME[FRAME.columns[::-1]])
    with pytest.raises(ValueError, match="yet now missing:\n- amount"):
        encoder.transform(FRAME.drop(columns="amount"))
    with pytest.raises(ValueError, match="unseen at fit time:\n- extra"):
        encoder.transform(FRAME.assign(extra=1))


# Tables of one kind ------------------------------------------------------------------


def test_nothing_that_varies():
    """One column of zeros, so that a network has an input."""
    frame = pd.DataFrame({"a": [1, 1], "b": ["x", "x"], "c": [None, None]})
    encoder = TableEncoder().fit(frame)
    assert_array_equal(encoder.transform(frame), [[0], [0]])
    assert_array_equal(encoder.get_feature_names_out(), ["constant"])
    assert_array_equal(encoder.indicator_indices_, [0])
    other = pd.DataFrame({"a": [2.5], "b": [None], "c": ["new"]})
    assert_array_equal(encoder.transform(other), [[0]])


def test_constant_but_for_gaps():
    frame = pd.DataFrame({"a": [1, None, 1], "b": ["x", None, "x"]})
    encoder = TableEncoder().fit(frame)
    assert_array_equal(encoder.transform(frame), [[0, 0], [1, 1], [0, 0]])
    assert_array_equal(
        encoder.get_feature_names_out(), ["missingindicator_a", "missingindicator_b"]
    )


def test_only_categories():
    names = ["city", "color"]
    encoder = TableEncoder().fit(FRAME[names])
    assert len(encoder.numeric_indices_) == 0
    assert encoder.transform(FRAME[names]).shape == (N_ROWS, 4)


def test_thousands_of_categories():
    values = [f"user {k % 3000}" for k in range(9000)]
    encoder = TableEncoder().fit(column_of(values))
    assert_array_equal(encoder.n_categories_, [3000])
    codes = encoder.transform(column_of(values))[:, 0]
    assert_array_equal(np.unique(codes), np.arange(3000))


# Targets, imports --------------------------------------------------------------------

LABELS = ["no", "yes"] * 20 + ["no"]
TARGETS = {
    "text": LABELS,
    "booleans": np.array(LABELS) == "yes",
    "string dtype": pd.Series(LABELS, dtype="string"),
    "category": pd.Series(LABELS, dtype="category"),
    "nullable booleans": pd.Series(np.array(LABELS) == "yes", dtype="boolean"),
    "nullable integers": pd.Series(np.array(LABELS) == "yes", dtype="Int64"),
    "polars": pl.Series(LABELS),
}


@pytest.mark.parametrize("name", TARGETS)
def test_targets_of_classifiers(name):
    model = make_pipeline(
        TableEncoder(), sknn.MLPClassifier(max_iter=3, random_state=0)
    )
    y = TARGETS[name]
    expected = model.fit(FRAME, np.array(LABELS)).predict_proba(FRAME)
    assert_array_equal(model.fit(FRAME, y).predict_proba(FRAME), expected)
    assert set(model.predict(FRAME)) <= set(np.asarray(y).tolist())


@pytest.mark.parametrize(
    "y",
    [
        pd.Series([1.5, None] * 20 + [1.0]),
        pd.Series([1.5, None] * 20 + [1.0], dtype="Float64"),
        [1.5, None] * 20 + [1.0],
        pl.Series([1.5, None] * 20 + [1.0]),
    ],
)
def test_missing_targets_are_refused(y):
    model = make_pipeline(TableEncoder(), sknn.MLPRegressor(max_iter=3))
    with pytest.raises((ValueError, TypeError), match=r"[Mm]issing|NaN"):
        model.fit(FRAME, y)


def test_no_library_is_imported():
    """Encoding an array of objects imports no library of data frames."""
    script = """
import json, sys
import sklearn.neural_network, sklearn.preprocessing  # load pandas, if they can
from sklearn.utils.validation import validate_data
frames = {"pandas", "polars", "pyarrow"}
before = frames & set(sys.modules)
from sknn.tabular import TableEncoder
X = [[1, "a"], [None, "b"], [3, None]]
shape = TableEncoder().fit_transform(X).shape
print(json.dumps([shape, sorted(frames & set(sys.modules) - before)]))
"""
    assert run(script) == [[3, 4], []]
