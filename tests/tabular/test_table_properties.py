"""What holds for any table: hypothesis draws them."""

import datetime

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sknn.tabular import TableEncoder
from sknn.tabular.scaling import SCALINGS, TAILS

MISSING = st.sampled_from([None, np.nan, pd.NA, pd.NaT])
DATES = st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1))
VALUES = {
    "numbers": st.floats(allow_infinity=False, allow_nan=False),
    "integers": st.integers(-(2**70), 2**70),
    "text": st.text(max_size=3),
    "mixed": st.sampled_from(["a", "b", 1, 2.5, True]),
    "booleans": st.booleans(),
    "dates": DATES,
    "durations": st.timedeltas(),
}


@st.composite
def tables(draw):
    """Draw a frame of up to 19 rows, so that no column is taken for text."""
    n_rows = draw(st.integers(1, 19))
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=5))
    columns = {
        f"{kind}{k}": pd.Series(
            draw(
                st.lists(
                    st.one_of(VALUES[kind], VALUES[kind], MISSING),
                    min_size=n_rows,
                    max_size=n_rows,
                )
            ),
            dtype=object,
        )
        for k, kind in enumerate(kinds)
    }
    return pd.DataFrame(columns)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    frame=tables(),
    numeric=st.sampled_from(sorted(SCALINGS)),
    tails=st.sampled_from([None, *TAILS]),
    one_hot_max_size=st.integers(0, 6),
    min_frequency=st.sampled_from([None, 2, 0.3]),
)
def test_any_table(frame, numeric, tails, one_hot_max_size, min_frequency):
    encoder = TableEncoder(
        numeric=numeric,
        tails=tails,
        one_hot_max_size=one_hot_max_size,
        min_frequency=min_frequency,
        dtype=np.float64,
    )
    encoded = encoder.fit_transform(frame)
    names = encoder.get_feature_names_out()
    assert encoded.shape == (len(frame), len(names))
    assert len(set(names)) == len(names)
    assert np.isfinite(encoded).all()
    codes = encoded[:, encoder.categorical_indices_]
    assert (codes == codes.astype(int)).all()
    assert (codes >= 0).all()
    assert (codes < encoder.n_categories_).all()
    indicators = encoded[:, encoder.indicator_indices_]
    assert np.isin(indicators, [-1, 0, 1]).all()
    if numeric == "robust" and tails is None:
        assert (np.abs(encoded[:, encoder.numeric_indices_]) <= 3).all()
    varies = np.ptp(encoded, axis=0) > 0
    kept = np.delete(varies, encoder.numeric_indices_)
    assert kept.all() or list(names) == ["constant"]
    again = encoder.transform(frame.iloc[::-1])[::-1]
    assert_array_equal(again, encoded)
    assert encoder.summary().count("\n") == frame.shape[1] + 1


@settings(max_examples=15, deadline=None, derandomize=True)
@given(frame=tables(), weights=st.lists(st.integers(0, 3), min_size=19, max_size=19))
def test_weights_are_repetitions(frame, weights):
    weights = np.array(weights[: len(frame)])
    weights[0] = 1
    encoder = TableEncoder(min_frequency=2, dtype=np.float64)
    encoder.fit(frame, sample_weight=weights)
    repeated = frame.iloc[np.repeat(np.arange(len(frame)), weights)]
    expected = TableEncoder(min_frequency=2, dtype=np.float64).fit(repeated)
    assert list(map(str, encoder.columns_)) == list(map(str, expected.columns_))
    assert_array_equal(encoder.transform(repeated), expected.transform(repeated))
