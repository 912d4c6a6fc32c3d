"""TableEncoder beside scikit-learn's transformers; its outputs, weights, copies."""

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.estimator_checks import parametrize_with_checks
from tables_to_encode import (
    COLUMNS,
    FRAME,
    N_ROWS,
    NUMBERS,
    pandas_categories,
    pandas_frame,
    squash,
)

from sknn.io import TRUSTED_TYPES
from sknn.tabular import TableEncoder


@parametrize_with_checks(
    [TableEncoder(), TableEncoder(numeric="standard", tails="log", dtype=np.float64)],
    expected_failed_checks=lambda estimator: {},
)
def test_estimator_checks(estimator, check):
    check(estimator)


# scikit-learn's transformers ---------------------------------------------------------


def imputed(scaler):
    return make_pipeline(scaler, SimpleImputer(strategy="median", add_indicator=True))


SCALERS = {
    "robust": make_pipeline(RobustScaler(), FunctionTransformer(squash)),
    "standard": StandardScaler(),
    "quantile": QuantileTransformer(n_quantiles=N_ROWS, output_distribution="normal"),
    "passthrough": "passthrough",
}


@pytest.mark.parametrize("numeric", SCALERS)
def test_numbers_as_by_scikit_learn(numeric):
    """Each column on its own, for each has 4 k + 1 values."""
    encoder = TableEncoder(numeric=numeric, dtype=np.float64)
    for name in NUMBERS:
        frame = FRAME[[name]]
        scaler = SCALERS[numeric]
        if name.endswith("gaps") and numeric == "quantile":
            # It interpolates between the quantiles of the values that are present.
            scaler = clone(scaler)
        expected = imputed(scaler).fit_transform(frame)
        found = encoder.fit_transform(frame)
        if numeric == "standard":  # the encoder imputes before it scales
            missing = frame[name].isna()
            expected[missing, 0] = (frame[name].median() - frame[name].mean()) / frame[
                name
            ].std(ddof=0)
        assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_categories_as_by_scikit_learn():
    names = ["color", "color_gaps", "sex", "city", "city_gaps"]
    frame = FRAME[names].astype(object)
    frame = frame.where(frame.notna(), None)
    expected = ColumnTransformer(
        [
            ("codes", OrdinalEncoder(), ["city"]),
            ("gaps", OrdinalEncoder(encoded_missing_value=12), ["city_gaps"]),
            ("one", OneHotEncoder(sparse_output=False), ["color", "color_gaps"]),
            ("two", OneHotEncoder(sparse_output=False, drop="if_binary"), ["sex"]),
        ]
    ).fit_transform(frame)
    expected[:, -1] = 2 * expected[:, -1] - 1
    encoder = TableEncoder().fit(FRAME[names])
    order = ["city", "city_gaps", "color", "color_gaps", "sex"]
    found = TableEncoder().fit_transform(FRAME[order])
    assert found.dtype == np.float32
    assert_array_equal(found, expected)
    assert_array_equal(encoder.n_categories_, [12, 13])
    assert_array_equal(encoder.categorical_indices_, [0, 1])


@pytest.mark.parametrize("min_frequency", [3, 0.1])
def test_infrequent_categories_as_by_scikit_learn(min_frequency):
    values = np.array(list("aaaaaaaabbbbbccddef"), dtype=object)[:, None]
    theirs = OrdinalEncoder(min_frequency=min_frequency).fit(values)
    encoder = TableEncoder(min_frequency=min_frequency, one_hot_max_size=1).fit(values)
    one_hot = OneHotEncoder(min_frequency=min_frequency, sparse_output=False)
    expected = one_hot.fit_transform(values)
    assert_array_equal(
        TableEncoder(min_frequency=min_frequency).fit_transform(values), expected
    )
    assert_array_equal(encoder.n_categories_, [theirs.transform(values).max() + 1])
    assert_array_equal(encoder.transform(values), theirs.transform(values))
    new = np.array([["z"], ["a"]], dtype=object)
    assert_array_equal(encoder.transform(new)[:, 0], [expected.shape[1] - 1, 0])


def test_codes_of_new_and_missing_categories():
    values = np.array([*"abcdefghij", None], dtype=object)[:, None]
    new = np.array([["a"], ["?"], [None], [np.nan]], dtype=object)
    encoder = TableEncoder().fit(values)
    assert_array_equal(encoder.transform(new)[:, 0], [0, 11, 10, 10])
    assert_array_equal(encoder.n_categories_, [11])
    encoder.fit(values[:-1])
    assert_array_equal(encoder.transform(new)[:, 0], [0, 10, 10, 10])
    assert_array_equal(encoder.n_categories_, [10])
    one_hot = TableEncoder(one_hot_max_size=10).fit(values)
    assert_array_equal(one_hot.transform(new).sum(axis=1), [1, 0, 1, 1])
    binary = TableEncoder().fit(values[:2])
    assert_array_equal(binary.transform(values[[0, 1, 2, 10]])[:, 0], [-1, 1, 0, 0])
    with_missing = TableEncoder().fit(values[[0, 1, 10]])
    assert_array_equal(
        with_missing.transform(values[[0, 1, 2, 10]]),
        [[-1, 0], [1, 0], [0, 0], [0, 1]],
    )


def test_parts_of_dates_as_by_pandas():
    when = FRAME["when"]
    encoder = TableEncoder(numeric="passthrough", dtype=np.float64)
    found = encoder.fit_transform(FRAME[["when"]])
    expected = {
        "when_elapsed": (when - pd.Timestamp(0)) / pd.Timedelta("1D"),
        "when_year": when.dt.year,
        "when_month": when.dt.month,
        "when_day": when.dt.day,
        "when_day_of_week": when.dt.day_of_week,
        "when_hour": when.dt.hour + when.dt.minute / 60,
    }
    assert_array_equal(encoder.get_feature_names_out(), list(expected))
    assert_allclose(found, np.column_stack(list(expected.values())), rtol=1e-13)
    gaps = encoder.fit_transform(FRAME[["day_gaps"]])
    names = encoder.get_feature_names_out()
    assert_array_equal(
        names[[0, -1]], ["day_gaps_elapsed", "missingindicator_day_gaps"]
    )
    assert "day_gaps_hour" not in names
    assert_array_equal(gaps[:, -1], np.arange(N_ROWS) == 4)
    present = gaps[gaps[:, -1] == 0, :-1]
    assert_array_equal(
        gaps[4, :-1], np.quantile(present, 0.5, axis=0, method="inverted_cdf")
    )


# Order, names, attributes ------------------------------------------------------------


def test_groups_of_outputs():
    encoder = TableEncoder(tails="log").fit(FRAME)
    names = encoder.get_feature_names_out()
    assert_array_equal(names[encoder.categorical_indices_], ["city", "city_gaps"])
    numeric = list(names[encoder.numeric_indices_])
    assert numeric[:4] == NUMBERS
    assert numeric[-1] == "amount_log"
    assert list(names[encoder.indicator_indices_]) == [
        *("missingindicator_gaps", "missingindicator_count_gaps"),
        *("color_blue", "color_green", "color_red"),
        *("color_gaps_x", "color_gaps_y", "color_gaps_z"),
        *("missingindicator_color_gaps", "sex_m", "sex_gaps_m"),
        *("missingindicator_sex_gaps", "flag_True", "flag_gaps_True"),
        *("missingindicator_flag_gaps", "missingindicator_day_gaps"),
    ]
    indices = [*encoder.categorical_indices_, *encoder.numeric_indices_]
    assert [*indices, *encoder.indicator_indices_] == list(range(len(names)))
    assert encoder.transform(FRAME).shape == (N_ROWS, len(names))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output(library):
    frame = pd.DataFrame({"a": ["x", "y", "z"], "a_x": [1, 2, 3]})
    encoder = TableEncoder().set_output(transform=library)
    columns = list(encoder.fit_transform(frame).columns)
    assert columns == ["a_x", "a_x_", "a_y", "a_z"]


def test_summary():
    encoder = TableEncoder(min_frequency=3).fit(FRAME)
    lines = encoder.summary().split("\n")
    assert len(lines) == len(COLUMNS) + 2
    rows = {line.split()[0]: line for line in lines[1:-1]}
    assert rows.keys() == COLUMNS.keys()
    assert "scaled + indicator" in rows["gaps"]
    assert "one-hot" in rows["color"]
    assert "blue, green, red" in rows["color"]
    assert "binary + indicator" in rows["sex_gaps"]
    assert "codes" in rows["city"]
    assert "infrequent" in rows["city"]
    assert "elapsed, year, month, day, day_of_week" in rows["when"]
    assert "constant 7" in rows["same"]
    assert "all values missing" in rows["empty"]
    n_outputs = len(encoder.get_feature_names_out())
    assert lines[-1].startswith(f"{n_outputs} outputs: 2 codes, ")


def test_columns_describe_the_training_rows():
    encoder = TableEncoder().fit(FRAME)
    columns = dict(zip(encoder.feature_names_in_, encoder.columns_, strict=True))
    assert columns["amount"].minimum == min(COLUMNS["amount"])
    assert columns["color"].categories == ["blue", "green", "red"]
    assert columns["when"].parts == (
        "elapsed",
        "year",
        "month",
        "day",
        "day_of_week",
        "hour",
    )
    assert columns["sex_gaps"].has_missing
    assert "NumericColumn(label='amount'" in repr(columns["amount"])


# Weights -----------------------------------------------------------------------------


@pytest.mark.parametrize("numeric", ["robust", "standard", "passthrough"])
def test_a_weight_counts_rows(numeric):
    weights = np.random.RandomState(1).randint(0, 4, size=N_ROWS)
    parameters = {"numeric": numeric, "tails": "linear", "min_frequency": 5}
    encoder = TableEncoder(**parameters).fit(FRAME, sample_weight=weights)
    repeated = FRAME.loc[np.repeat(np.arange(N_ROWS), weights)]
    expected = TableEncoder(**parameters).fit(repeated)
    assert encoder.columns_ == expected.columns_
    assert_allclose(
        encoder.transform(FRAME), expected.transform(FRAME), rtol=1e-6, atol=1e-6
    )


def test_weights_of_quantiles():
    """Half of the weight lies at and below the weighted median."""
    values = np.random.RandomState(0).normal(size=(2000, 1))
    weights = np.where(values[:, 0] > 0, 3.0, 1.0)
    encoder = TableEncoder(numeric="quantile").fit(values, sample_weight=weights)
    share = np.average(encoder.transform(values)[:, 0] <= 0, weights=weights)
    assert abs(share - 0.5) < 2e-3


@pytest.mark.parametrize("weight", [-1, np.nan])
def test_wrong_weights(weight):
    weights = np.ones(N_ROWS)
    weights[3] = weight
    with pytest.raises(ValueError, match="sample_weight"):
        TableEncoder().fit(FRAME, sample_weight=weights)


# Stored, copied, failed --------------------------------------------------------------


@pytest.mark.parametrize("numeric", SCALERS)
@pytest.mark.parametrize("make", [pandas_frame, pandas_categories])
def test_stored_encoders(numeric, make):
    frame = make(COLUMNS)
    frame["age"] = pd.cut(frame["gaps"].fillna(0), [-9, -1, 0, 1, 9])
    encoder = TableEncoder(numeric=numeric, tails="log").fit(frame)
    expected = encoder.transform(frame)
    file = skops.io.dumps(encoder)
    for copied in (
        pickle.loads(pickle.dumps(encoder)),
        copy.deepcopy(encoder),
        skops.io.loads(file, trusted=TRUSTED_TYPES),
    ):
        assert_array_equal(copied.transform(frame), expected)
        assert copied.summary() == encoder.summary()


def test_a_fit_that_fails_changes_nothing():
    encoder = TableEncoder().fit(FRAME)
    before = vars(encoder).copy()
    with pytest.raises(ValueError, match="infinity"):
        encoder.fit(np.array([[1.0], [np.inf]]))
    assert vars(encoder) == before


def test_refitted_encoders_forget():
    encoder = TableEncoder().fit(FRAME)
    array = np.random.RandomState(0).normal(size=(9, 2))
    assert_array_equal(
        encoder.fit(array).transform(array), TableEncoder().fit_transform(array)
    )
    assert not hasattr(encoder, "feature_names_in_")


# Only the training rows --------------------------------------------------------------


def test_a_row_is_encoded_as_in_any_other_table():
    encoder = TableEncoder().fit(FRAME)
    whole = encoder.transform(FRAME)
    for row in range(N_ROWS):
        assert_array_equal(encoder.transform(FRAME.iloc[[row]])[0], whole[row])
    order = np.random.RandomState(0).permutation(N_ROWS)
    assert_array_equal(encoder.transform(FRAME.iloc[order]), whole[order])
    shuffled = TableEncoder().fit(FRAME.iloc[order])
    assert shuffled.columns_ == encoder.columns_
    assert_array_equal(shuffled.transform(FRAME), whole)


def test_targets_do_not_matter():
    targets = np.arange(N_ROWS)
    assert_array_equal(
        TableEncoder().fit_transform(FRAME, targets),
        TableEncoder().fit_transform(FRAME),
    )


# The page ----------------------------------------------------------------------------


def test_the_page_shows_what_its_example_prints(capsys):
    page = (Path(__file__).parents[2] / "docs/use/tables.md").read_text("utf-8")
    page = page.partition("## The encoder alone")[2]
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    shown = re.search(r"```text\n(.*?)```", page, re.DOTALL)[1]
    exec(compile(code, "tables.md", "exec"), {})
    assert capsys.readouterr().out == shown
