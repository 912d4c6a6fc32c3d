"""What the parameters of TableEncoder do, and which values are refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables_to_encode import COLUMNS, FRAME, N_ROWS, NUMBERS, squash

from sknn.tabular import TableEncoder


@pytest.mark.parametrize("named", [["count"], [2], [False, False, True, False]])
def test_named_categorical_features(named):
    frame = FRAME[NUMBERS]
    encoder = TableEncoder(categorical_features=named).fit(frame)
    names = list(encoder.get_feature_names_out()[encoder.indicator_indices_])
    assert names[-5:-1] == ["count_0", "count_1", "count_2", "count_3"]
    one_hot = encoder.transform(frame)[:, -5:-1]
    assert_array_equal(one_hot, frame[["count"]].to_numpy() == np.arange(4))


@pytest.mark.parametrize("column", ["gaps", "when", "flag", "city"])
def test_any_column_may_be_named_categorical(column):
    encoder = TableEncoder(categorical_features=[column], one_hot_max_size=99)
    found = encoder.fit_transform(FRAME[[column]])
    n_different = FRAME[column].nunique(dropna=False)
    assert found.shape == (N_ROWS, n_different if n_different > 2 else 1)
    if n_different > 2:
        assert_array_equal(found.sum(axis=1), 1)


WRONG_FEATURES = {
    "names 'size', which is no column of X": ["color", "size"],
    r"must be in \[0, n_features - 1\] = \[0, 3\]": [4],
    "one value for each of the 4 columns of X, got 2": [True, False],
    "must be 'from_dtype' or a list": [0.5],
}


@pytest.mark.parametrize("message", WRONG_FEATURES)
def test_wrong_categorical_features(message):
    frame = FRAME[[*NUMBERS[:3], "color"]]
    encoder = TableEncoder(categorical_features=WRONG_FEATURES[message])
    with pytest.raises(ValueError, match=message):
        encoder.fit(frame)


def test_names_of_features_without_names():
    with pytest.raises(ValueError, match="X has no column names"):
        TableEncoder(categorical_features=["a"]).fit(np.eye(2))
    assert TableEncoder(categorical_features=[]).fit(np.eye(2)).n_features_in_ == 2


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("categorical_features", "auto"),
        ("numeric", "minmax"),
        ("tails", "square"),
        ("one_hot_max_size", -1),
        ("one_hot_max_size", 2.5),
        ("min_frequency", 0),
        ("min_frequency", 1.5),
        ("dtype", np.int32),
        ("dtype", "tall"),
    ],
)
def test_wrong_parameters(parameter, value):
    encoder = TableEncoder(**{parameter: value})
    with pytest.raises(
        ValueError, match=f"The '{parameter}' parameter of TableEncoder"
    ):
        encoder.fit(FRAME)
    assert not hasattr(encoder, "columns_")


@pytest.mark.parametrize(
    ("parameter", "value", "meant"),
    [("numeric", "quantiles", "quantile"), ("tails", "Log", "log")],
)
def test_misspelt_values(parameter, value, meant):
    encoder = TableEncoder(**{parameter: value})
    with pytest.raises(ValueError, match=rf"Did you mean '{meant}'\?$"):
        encoder.fit(FRAME)


def test_searches():
    """Parameters are found in a Pipeline, and weights reach the encoder."""
    targets = np.array(COLUMNS["count"]) > 1
    weights = np.arange(N_ROWS) % 3
    pipeline = make_pipeline(TableEncoder(), LogisticRegression())
    grid = {
        "tableencoder__numeric": ["robust", "standard"],
        "tableencoder__tails": [None, "log"],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
    search.fit(FRAME, targets, tableencoder__sample_weight=weights)
    encoder = search.best_estimator_[0]
    assert encoder.numeric == search.best_params_["tableencoder__numeric"]
    parameters = encoder.get_params()
    expected = TableEncoder(**parameters).fit(FRAME, sample_weight=weights)
    assert_array_equal(encoder.transform(FRAME), expected.transform(FRAME))
    assert "TableEncoder" in encoder._repr_html_()


def test_one_hot_max_size():
    for size in (12, 11):
        encoder = TableEncoder(one_hot_max_size=size).fit(FRAME[["city"]])
        is_one_hot = size == 12
        assert len(encoder.categorical_indices_) == 1 - is_one_hot
        assert len(encoder.indicator_indices_) == 12 * is_one_hot


@pytest.mark.parametrize("dtype", [np.float32, "float64", np.dtype(np.float64)])
def test_dtype(dtype):
    assert TableEncoder(dtype=dtype).fit_transform(FRAME).dtype == dtype


@pytest.mark.parametrize("tails", ["linear", "log"])
def test_heavy_tails_keep_their_differences(tails):
    """The squashed output of far values is all but the same, the second one is not."""
    rng = np.random.RandomState(0)
    X = np.column_stack([rng.normal(size=1000), rng.standard_cauchy(size=1000)])
    encoder = TableEncoder(tails=tails, dtype=np.float64)
    found = encoder.fit_transform(X)
    assert_array_equal(encoder.get_feature_names_out(), ["x0", "x1", f"x1_{tails}"])
    far = np.sort(X[:, 1])[-2:]
    found = encoder.transform(np.column_stack([far, far]))
    assert np.ptp(found[:, 1]) < 1e-3
    assert np.ptp(found[:, 2]) > 0.5
    if tails == "linear":
        assert_allclose(found[:, 2], (far - X[:, 1].mean()) / X[:, 1].std())
    else:
        low, median, high = np.quantile(
            X[:, 1], [0.25, 0.5, 0.75], method="inverted_cdf"
        )
        assert_allclose(found[:, 2], np.log1p((far - median) / (high - low)))


def test_squares_beyond_float64():
    """The unit is exact: huge numbers are standardised as small ones are."""
    X = np.random.RandomState(0).normal(size=(20, 1))
    encoder = TableEncoder(numeric="standard", dtype=np.float64)
    expected = encoder.fit_transform(X)
    assert_allclose(expected, StandardScaler().fit_transform(X), rtol=1e-12)
    assert_array_equal(encoder.fit_transform(X * 2.0**1000), expected)


def test_rows_of_no_weight_do_not_count():
    """Nor does the type of their values."""
    X = np.array([[1, "a"], [2, "b"], ["text", "c"]], dtype=object)
    encoder = TableEncoder().fit(X, sample_weight=[1, 2, 0])
    assert_array_equal(encoder.get_feature_names_out(), ["x0", "x1_b"])


def test_few_different_numbers():
    """Without an interquartile range, half of the whole range is the unit."""
    X = np.array([0.0] * 20 + [4.0])[:, None]
    found = TableEncoder(dtype=np.float64).fit_transform(X)
    assert_allclose(found[[0, -1], 0], [0, squash(2)])
