"""``standardize`` against scikit-learn's StandardScaler before the same network."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from standardized_networks import (
    ESTIMATORS,
    NUMBERS,
    OFFSETS,
    OPTIONS,
    SPARSE,
    WEIGHTS,
    X,
    Z,
    assert_same_fit,
    assert_statistics,
    both,
    pair,
    rng,
)

from sknn import MLPClassifier, MLPRegressor
from sknn.estimators.held_out import split_rows
from sknn.training.generator_state import generator_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Fits ------------------------------------------------------------------------------

FITS = {
    "adam": {},
    "sgd": {"solver": "sgd", "batch_size": 30, "learning_rate_init": 0.01},
    "lbfgs": {"solver": "lbfgs"},
    "dropout": {"dropout": 0.2, "input_dropout": 0.3},
    "batch norm": {"normalization": "batch"},
    "by the rows": {
        "kernel_initializer": "unit_variance",
        "bias_initializer": "data",
        "hidden_layer_sizes": (6, 5),
    },
    "no hidden layer": {"hidden_layer_sizes": ()},
    "narrow": {"hidden_layer_sizes": (20, 3), "activation": "tanh"},
    "metrics": {"metrics": ["neg_root_mean_squared_error"]},
}


@both
@pytest.mark.parametrize("options", FITS.values(), ids=FITS)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_a_fit_is_that_behind_a_scaler(estimator, options, weights):
    y = ESTIMATORS[estimator]
    own, other = pair(estimator, **options)
    scaler = StandardScaler().fit(X, sample_weight=weights)
    scaled = scaler.transform(X)
    own.fit(X, y, weights, X_val=X[:50], y_val=y[:50])
    other.fit(scaled, y, weights, X_val=scaled[:50], y_val=y[:50])
    assert_same_fit(own, other)
    assert_statistics(own, scaler)
    assert own.n_iter_ == other.n_iter_
    assert_allclose(own.predict(X), other.predict(scaled), rtol=1e-7)
    assert_allclose(
        own.hidden_activations(X) if own.n_layers_ > 2 else 0,
        other.hidden_activations(scaled) if own.n_layers_ > 2 else 0,
        rtol=1e-6,
        atol=1e-9,
    )
    assert_allclose(
        own.input_gradients(X) * scaler.scale_,
        other.input_gradients(scaled),
        rtol=1e-6,
        atol=1e-9,
    )


@both
@pytest.mark.parametrize("options", [{"early_stopping": True}, {"validate": True}])
def test_rows_that_are_held_out_do_not_count(estimator, options):
    y = ESTIMATORS[estimator]
    varying = X[:, :4]  # of constant ones sklearn's variance may be negative
    own, _ = pair(estimator, validation_fraction=0.3, **options)
    own.fit(varying, y, WEIGHTS + 0.1)
    groups = y if estimator is MLPClassifier else None
    train, held_out = split_rows(len(X), 0.3, groups, generator_of(own._split_state))
    scaler = StandardScaler().fit(varying[train], sample_weight=(WEIGHTS + 0.1)[train])
    assert len(held_out) == 48
    assert_statistics(own, scaler)


@both
def test_of_class_weights_the_statistics_know_nothing(estimator):
    options = {"class_weight": {0: 5, 1: 1, 2: 1}} if estimator is MLPClassifier else {}
    own, _ = pair(estimator, **options)
    own.fit(X, ESTIMATORS[estimator])
    assert_statistics(own, StandardScaler().fit(X))


@both
@pytest.mark.parametrize("weights", [None, WEIGHTS + 0.1], ids=["", "weights"])
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "csr"])
def test_partial_fit_is_that_behind_a_scaler(estimator, weights, is_sparse):
    rows, y = (SPARSE if is_sparse else X), ESTIMATORS[estimator]
    options = {"classes": [0, 1, 2]} if estimator is MLPClassifier else {}
    own, other = pair(estimator)
    scaler = StandardScaler(with_mean=not is_sparse)
    for start in (0, 3, 60, 61, 100):
        part = slice(start, start + 40)
        weight = None if weights is None else weights[part]
        scaler.partial_fit(rows[part], sample_weight=weight)
        scaled = scaler.transform(rows[part])
        own.partial_fit(rows[part], y[part], weight, **options)
        other.partial_fit(scaled, y[part], weight, **options)
        assert_statistics(own, scaler, rtol=1e-10)
        assert_same_fit(own, other, rtol=1e-6)
    assert_allclose(own.predict(rows), other.predict(scaler.transform(rows)), rtol=1e-6)


def test_one_row_at_a_time():
    own, _ = pair(MLPRegressor)
    for start in range(40):
        own.partial_fit(X[start : start + 1], NUMBERS[start : start + 1])
    assert_statistics(own, StandardScaler().fit(X[:40]), rtol=1e-10)


# CSR -------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("options", FITS.values(), ids=FITS)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_csr_is_scaled_but_not_centred(estimator, options, weights):
    y = ESTIMATORS[estimator]
    own, other = pair(estimator, **options)
    scaler = StandardScaler(with_mean=False).fit(SPARSE, sample_weight=weights)
    scaled = scaler.transform(SPARSE)
    own.fit(SPARSE, y, weights, X_val=SPARSE[:50], y_val=y[:50])
    other.fit(scaled, y, weights, X_val=scaled[:50], y_val=y[:50])
    assert_same_fit(own, other)
    assert_statistics(own, scaler)
    for rows in (SPARSE, SPARSE.toarray()):
        assert_allclose(own.predict(rows), other.predict(scaled), rtol=1e-7)
        found = own.input_gradients(rows) * scaler.scale_
        assert_allclose(found, other.input_gradients(scaled), rtol=1e-6, atol=1e-9)
        if own.n_layers_ > 2:
            found = own.hidden_activations(rows)
            expected = other.hidden_activations(scaled)
            assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_csr_of_rows_that_are_held_out():
    own, _ = pair(MLPRegressor, early_stopping=True, validation_fraction=0.3)
    own.fit(SPARSE, NUMBERS)
    train, _ = split_rows(160, 0.3, None, generator_of(own._split_state))
    assert_statistics(own, StandardScaler(with_mean=False).fit(SPARSE[train]))


def test_csr_with_duplicates_and_explicit_zeros():
    S = scipy.sparse.csr_array(X)
    halves = (np.repeat(S.data / 2, 2), np.repeat(S.indices, 2), S.indptr * 2)
    doubled = scipy.sparse.csr_array(halves, shape=X.shape)
    own, _ = pair(MLPRegressor)
    expected = own.fit(S, NUMBERS).input_statistics_[0]
    assert_allclose(own.fit(doubled, NUMBERS).input_statistics_[0], expected)
    assert doubled.nnz == 2 * S.nnz  # the user's matrix is as it was


@both
def test_csr_for_a_network_of_dense_rows_is_the_same(estimator):
    own, _ = pair(estimator)
    own.fit(X, ESTIMATORS[estimator])
    S = scipy.sparse.csr_array(X)
    for method in ("predict", "input_gradients", "hidden_activations"):
        assert_array_equal(getattr(own, method)(S), getattr(own, method)(X))
    other = clone(own).fit(X, ESTIMATORS[estimator])
    own.partial_fit(S, ESTIMATORS[estimator])
    other.partial_fit(X, ESTIMATORS[estimator])
    assert_same_fit(own, other)


@both
def test_dense_rows_for_a_network_of_csr(estimator):
    own, _ = pair(estimator, warm_start=True)
    own.fit(SPARSE, ESTIMATORS[estimator])
    other = pickle.loads(pickle.dumps(own))
    own.fit(SPARSE, ESTIMATORS[estimator])
    other.fit(SPARSE.toarray(), ESTIMATORS[estimator])
    assert_same_fit(own, other)


# Numbers ---------------------------------------------------------------------------


def test_float32_far_from_zero_loses_no_digits():
    """Timestamps: what float32 holds of them is standardised as in float64."""
    seconds = 1.7e9 + 1e5 * np.arange(160.0)
    single = np.c_[seconds, 2000 + Z[:, 0]].astype(np.float32)
    own = MLPRegressor(standardize=True, **OPTIONS).fit(single, NUMBERS)
    assert own.coefs_[0].dtype == own.predict(single).dtype == np.float32
    expected = StandardScaler().fit_transform(single.astype(np.float64))
    other = MLPRegressor(**OPTIONS).fit(expected.astype(np.float32), NUMBERS)
    assert_allclose(
        own.hidden_activations(single),
        other.hidden_activations(expected.astype(np.float32)),
        rtol=1e-3,
        atol=1e-4,
    )
    assert_allclose(own.predict(single.astype(float)), own.predict(single), rtol=1e-4)


def test_statistics_far_from_zero():
    """The two-pass sums keep the digits that a sum of squares would lose."""
    far = 1e9 + np.arange(400.0)[:, None] % 7
    own = MLPRegressor(standardize=True, **OPTIONS).fit(far, far[:, 0] - 1e9)
    _, deviation, _ = own.input_statistics_[0]
    assert_allclose(deviation, np.std(np.arange(400.0) % 7), rtol=1e-9)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9 + 0.1, -3e-300])
def test_a_constant_column_is_not_divided(constant):
    rows = np.c_[Z[:, 0], np.full(160, constant)]
    own = MLPRegressor(standardize=True, **OPTIONS).fit(rows, NUMBERS)
    means, deviations, _ = own.input_statistics_[0]
    assert deviations[1] == 0
    assert_allclose(means[1], constant, rtol=1e-12)
    assert_allclose(own.input_gradients(rows)[:, 1].max(), 0, atol=10)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "initialize"])
@pytest.mark.parametrize(
    ("factor", "dtype"), [(1e200, np.float64), (1e308, np.float64)]
)
def test_numbers_too_large_are_refused(method, factor, dtype):
    own = MLPRegressor(standardize=True, **OPTIONS).fit(X, NUMBERS)
    before = own.predict(X)
    huge = (np.sign(Z[:, :4]) * factor).astype(dtype)
    own.n_features_in_ = 5
    huge = np.c_[huge, huge[:, :1]]
    if dtype == np.float32 and method == "partial_fit":
        return  # the network is of float64
    with pytest.raises(ValueError, match="X holds values too large for its mean and"):
        getattr(own, method)(huge, NUMBERS)
    assert_array_equal(own.predict(X), before)


# Columns that are embedded -----------------------------------------------------------


@both
@pytest.mark.parametrize("options", [{}, {"numeric_embedding": "piecewise_linear"}])
def test_columns_that_are_embedded_stay_as_they_are(estimator, options):
    codes, y = rng.randint(30, size=160), ESTIMATORS[estimator]
    table = np.c_[X[:, :2], codes, codes % 3, X[:, 3] > OFFSETS[3]].astype(float)
    options = {**OPTIONS, **options, "categorical_features": [2, 3]}
    own = estimator(standardize=True, **options).fit(table, y)
    numbers = [4] if "numeric_embedding" in options else [0, 1, 4]
    scaled = table.copy()
    scaled[:, numbers] = StandardScaler().fit_transform(table[:, numbers])
    other = estimator(**options).fit(scaled, y)
    assert_same_fit(own, other)
    means, deviations, _ = own.input_statistics_[0]
    others = sorted({*range(5)} - {*numbers})
    assert not means[others].any()
    assert not deviations[others].any()
    assert_allclose(own.predict(table), other.predict(scaled))
    own.partial_fit(table, y)
