"""Data that are wrong, hostile or only odd: refused in one sentence, or learnt from.

Each refusal leaves the estimator with the very objects it had, fitted or not. Texts
that are scikit-learn's own are compared in ``test_messages.py``.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from outcomes import stored_state
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

from sknn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X = rng.normal(size=(24, 3))
LABELS, NUMBERS = np.arange(24) % 3, X[:, 0].copy()
ESTIMATORS = (MLPClassifier, MLPRegressor)

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def y_for(estimator):
    return LABELS if issubclass(estimator, MLPClassifier) else NUMBERS


def new(estimator, **changes):
    parameters = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
    return estimator(**parameters | changes)


def outputs(model, X):
    return getattr(model, "predict_proba", model.predict)(X)


# Refusals ----------------------------------------------------------------------------


def with_value(value, dtype=float):
    changed = X.astype(dtype)
    changed[5, 1] = value
    return changed


def with_target(y, value):
    changed = np.array(y, dtype=object if value is None else float)
    changed[7] = value
    return changed


def sparse_with(**parts):
    matrix = scipy.sparse.csr_array(X)
    for name, (k, value) in parts.items():
        getattr(matrix, name)[k] = value
    return matrix


# What stands for X, y and the weights, by the reason to refuse it.
BAD_X = {
    "NaN": (with_value(np.nan), "Input X contains NaN"),
    "infinity": (with_value(np.inf), "Input X contains infinity"),
    "infinity in float32": (with_value(-np.inf, "float32"), "contains infinity"),
    "NaN in CSR": (scipy.sparse.csr_array(with_value(np.nan)), "Input X contains NaN"),
    "too large for float64": (with_value(1e400, object), "contains infinity"),
    "missing values of pandas": (
        pd.DataFrame(X).astype("Float64").mask(X > 1),
        "Input X contains NaN",
    ),
    "no rows": (X[:0], r"Found array with 0 sample\(s\)"),
    "no rows of CSR": (scipy.sparse.csr_array((0, 3)), r"Found array with 0 sample"),
    "no columns": (X[:, :0], r"0 feature\(s\) \(shape=\(24, 0\)\)"),
    "no columns of CSR": (scipy.sparse.csr_array((24, 0)), r"0 feature\(s\)"),
    "one dimension": (X[:, 0], "Expected 2D array, got 1D array instead"),
    "three dimensions": (X[None], "Found array with dim 3"),
    "complex numbers": (X + 1j, "Complex data not supported"),
    "text": (np.full((24, 3), "a"), "could not convert string to float"),
    "fewer rows than y": (X[:9], r"inconsistent numbers of samples: \[9, 24\]"),
    "None": (None, "Expected 2D array, got scalar array|None"),
    "a column of CSR that is not there": (sparse_with(indices=(7, 3)), "must be < 3"),
    "a negative column of CSR": (sparse_with(indices=(7, -1)), "must be >= 0"),
    "rows of CSR that run back": (sparse_with(indptr=(3, 40)), "indptr|non-decreasing"),
}
BAD_LABELS = {
    "numbers and strings": (
        np.array([1, "a", 2] * 8, dtype=object),
        "^The labels are of different types, int and str, which have no common order",
    ),
    "booleans and strings": (
        np.array([True, "a", "b"] * 8, dtype=object),
        "^The labels are of different types, bool and str",
    ),
    "None among strings": (
        ["a", None, "b"] * 8,
        r"^y holds missing values \(None\)\. Drop these rows, or",
    ),
    "None among numbers": (with_target(LABELS, None), r"^y holds .* \(None\)"),
    "missing values of pandas": (
        pd.Series(["a", pd.NA, "b"] * 8, dtype="string"),
        r"^y holds missing values \(pandas\.NA\)",
    ),
    "NaN": (with_target(LABELS, np.nan), "^Input y contains NaN"),
    "NaN among strings": (
        np.array(["a", np.nan] * 12, dtype=object),
        r"^Input y contains NaN|^y holds missing values \(NaN\)",
    ),
    "infinity": (with_target(LABELS, np.inf), "^Input y contains infinity"),
    "fractions": (NUMBERS, "Unknown label type"),
    "probabilities": (
        np.full((24, 2), 0.5),
        "Multioutput target|Unknown label",
    ),
    "ragged lists": ([[0], [1], [0, 1]] * 8, "inhomogeneous|legacy multi-label"),
    "bytes": (np.array([b"a", b"b"] * 12), "labels represented as bytes"),
    "complex numbers": (LABELS + 1j, "Complex data not supported"),
    "nothing": (None, "requires y to be passed, but the target y is None"),
}
BAD_NUMBERS = {
    "text": (
        np.full(24, "a"),
        "^MLPRegressor needs numbers in y, but its dtype is",
    ),
    "numbers as text": (NUMBERS.astype(str), r"Convert y, as y\.astype\(float\)"),
    "bytes": (np.full(24, b"1"), "^MLPRegressor needs numbers in y"),
    "dates": (np.full(24, np.datetime64("2020")), "^MLPRegressor needs numbers in y"),
    "text among numbers": (
        np.array([1.0, "a"] * 12, dtype=object),
        "could not convert string to float: 'a'",
    ),
    "None": (with_target(NUMBERS, None), "Input y contains NaN"),
    "NaN": (with_target(NUMBERS, np.nan), "Input y contains NaN"),
    "infinity": (with_target(NUMBERS, np.inf), "Input y contains infinity"),
    "complex numbers": (NUMBERS + 1j, "Complex data not supported"),
    "three dimensions": (np.zeros((24, 1, 1)), "Found array with dim 3"),
    "no columns": (np.zeros((24, 0)), r"0 feature\(s\)"),
    "nothing": (None, "requires y to be passed, but the target y is None"),
}
BAD_WEIGHTS = {
    "negative": (
        np.full(24, -1.0),
        "Negative values in data passed to `sample_w",
    ),
    "one is negative": (with_value(-0.5)[:, 1], "Negative values"),
    "all zero": (np.zeros(24), "at least one non-zero number"),
    "NaN": (np.full(24, np.nan), "Input sample_weight contains NaN"),
    "infinite": (np.full(24, np.inf), "Input sample_weight contains infinity"),
    "too few": (np.ones(5), r"sample_weight\.shape == \(5,\), expected \(24,\)"),
    "in two dimensions": (np.ones((24, 2)), "must be 1D array or scalar"),
    "text": (["a"] * 24, "could not convert string to float"),
}


def cases():
    for estimator in ESTIMATORS:
        y = y_for(estimator)
        own = BAD_LABELS if estimator is MLPClassifier else BAD_NUMBERS
        named = {f"X: {k}": (v[0], y, None, v[1]) for k, v in BAD_X.items()}
        named |= {f"y: {k}": (X, v[0], None, v[1]) for k, v in own.items()}
        named |= {f"weights: {k}": (X, y, v[0], v[1]) for k, v in BAD_WEIGHTS.items()}
        for name, case in named.items():
            yield pytest.param(estimator, *case, id=f"{estimator.__name__}-{name}")


METHODS = ("fit", "partial_fit", "resume_fit", "warm start", "lbfgs")


def prepared(estimator, method, fitted):
    model = new(estimator)
    if fitted:
        model.fit(X, y_for(estimator)).set_params(max_iter=5)
    if method == "lbfgs":
        model.solver = "lbfgs"
    return model.set_params(warm_start=method == "warm start")


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize(("estimator", "data", "y", "weights", "message"), cases())
def test_refused_and_nothing_changed(estimator, data, y, weights, message):
    for fitted in (False, True):
        for method in METHODS:
            if method == "resume_fit" and not fitted:
                continue
            model = prepared(estimator, method, fitted)
            before, stored = dict(vars(model)), stored_state(model)
            call = getattr(model, method if method.endswith("fit") else "fit")
            options = {}
            if method == "partial_fit" and estimator is MLPClassifier and not fitted:
                if y is None:
                    continue  # scikit-learn looks at y before its check of y
                options["classes"] = [0, 1, 2]
            with pytest.raises((ValueError, TypeError), match=message):
                call(data, y, weights, **options)
            assert vars(model).keys() == before.keys()
            for name, value in before.items():
                assert vars(model)[name] is value, (method, name)
            assert stored_state(model) == stored


@each_estimator
@pytest.mark.parametrize("name", BAD_X)
def test_predictions_refuse_it_too(estimator, name):
    if name == "fewer rows than y":
        pytest.skip("there is no y")
    model = new(estimator).fit(X, y_for(estimator))
    stored = stored_state(model)
    with pytest.raises((ValueError, TypeError)):
        model.predict(BAD_X[name][0])
    assert stored_state(model) == stored


@pytest.mark.parametrize("classes", [["a", 1], [None, 1], np.array([1, "a"], object)])
def test_classes_of_mixed_types(classes):
    model = new(MLPClassifier)
    before = dict(vars(model))
    with pytest.raises(
        (TypeError, ValueError), match=r"label (input )?type|different types|missing"
    ):
        model.partial_fit(X, LABELS, classes=classes)
    assert vars(model) == before


def test_a_failed_fit_gives_back_the_draws_of_its_generator():
    """A RandomState of the user's own is part of the estimator."""
    generator = np.random.RandomState(3)
    model = new(MLPRegressor, random_state=generator, early_stopping=True)
    for options in ({"validation_fraction": 0.01}, {"learning_rate_init": 1e300}):
        with pytest.raises(ValueError, match=r"too small|diverged"):
            model.set_params(**options, solver="sgd").fit(X, NUMBERS)
        assert generator.get_state()[2] == np.random.RandomState(3).get_state()[2]
        model.set_params(validation_fraction=0.3)
    assert_array_equal(
        generator.uniform(size=9), np.random.RandomState(3).uniform(size=9)
    )


@pytest.mark.parametrize("names", [["no", "yes"], [False, True], [-1, 7]])
def test_a_class_of_one_row_and_early_stopping_names_the_class(names):
    """scikit-learn names True or False, whatever the labels are."""
    y = np.array(names)[np.r_[0, np.ones(23, int)]]
    model = new(MLPClassifier, early_stopping=True)
    with pytest.raises(
        ValueError,
        match=rf"least populated class.*too few.* It is the class {names[0]}: give it "
        "a second row, pass X_val and y_val to fit, or .*early_stopping=False",
    ):
        model.fit(X, y)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({0: -1.0}, "^class_weight must give each class a finite number of at least 0"),
        ({0: np.nan}, "^class_weight must give each class a finite number"),
        ({0: np.inf}, "^class_weight must give each class a finite number"),
        ([{0: 1.0}], "^class_weight must be a dict or 'balanced' where each row has"),
        ({0: "a"}, "could not convert string to float"),
        ({5: 2.0, 6: 1.0}, r"are not in class_weight"),
    ],
)
def test_weights_of_classes(class_weight, message):
    model = new(MLPClassifier, class_weight=class_weight)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, LABELS)
    assert vars(model) == before


@pytest.mark.parametrize(
    "options", [{"metrics": [lambda *_: "a"]}, {"scoring": lambda *_: None}]
)
def test_scores_that_are_no_numbers(options):
    model = new(MLPRegressor, early_stopping=True, validation_fraction=0.3, **options)
    with pytest.raises(TypeError, match=r"The function for .* must return a number"):
        model.fit(X, NUMBERS)
    assert not hasattr(model, "coefs_")


# Hostile, but allowed ----------------------------------------------------------------


# A warning of scikit-learn 1.7, which counts the classes as if they were rows.
@pytest.mark.filterwarnings("ignore:The number of unique classes is greater")
def test_more_classes_than_can_be_seen():
    """partial_fit with more classes than rows; a fit where each row has its own."""
    model = new(MLPClassifier).partial_fit(X, LABELS, classes=np.arange(500))
    assert model.predict_proba(X).shape == (24, 500)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    model = new(MLPClassifier, max_iter=500, learning_rate_init=0.05)
    assert model.fit(X, np.arange(24)).predict_proba(X).shape == (24, 24)


@each_estimator
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (24, 1), (1, 3)])
def test_one_row_or_feature(estimator, solver, shape):
    data, y = X[: shape[0], : shape[1]], y_for(estimator)[: shape[0]]
    model = new(estimator, solver=solver).fit(data, y)
    assert model.predict(data).shape == (shape[0],)
    assert np.isfinite(outputs(model, data)).all()


@each_estimator
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.default_cases(4)
def test_a_million_constant_columns(estimator, solver, sparse, value):
    data = np.full((4, 10**6), value, dtype=np.float32)
    if sparse:
        data = scipy.sparse.csr_array(data)
    y = np.array([0, 1, 1, 1])
    model = new(estimator, hidden_layer_sizes=(2,), solver=solver, max_iter=2)
    model.fit(data, y)
    found = outputs(model, data)
    assert np.isfinite(found).all()
    assert_array_equal(found, np.broadcast_to(found[:1], found.shape))


@each_estimator
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_denormals(estimator, solver, dtype):
    """Numbers so small that they have lost digits count as what they are."""
    data = (X * np.finfo(dtype).tiny / 100).astype(dtype)
    assert np.abs(data).max() < np.finfo(dtype).tiny
    assert data.any()
    y = y_for(estimator)
    model = new(estimator, solver=solver, activation="identity").fit(data, y)
    zeros = new(estimator, solver=solver, activation="identity").fit(data * 0, y)
    assert_allclose(outputs(model, data), outputs(zeros, data), rtol=1e-5)


@each_estimator
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_rows_and_columns_of_csr_without_entries(estimator, solver):
    data = X.copy()
    data[::3] = 0
    data[:, 1] = 0
    y = y_for(estimator)
    dense = new(estimator, solver=solver, batch_size=6).fit(data, y)
    sparse = scipy.sparse.csr_array(data)
    model = new(estimator, solver=solver, batch_size=6).fit(sparse, y)
    assert_allclose(outputs(model, sparse), outputs(dense, data), rtol=1e-8)
    nothing = scipy.sparse.csr_array((24, 3))
    model = new(estimator, solver=solver).fit(nothing, y)
    assert np.isfinite(outputs(model, nothing)).all()


@each_estimator
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("read_only", [False, True])
def test_csr_in_disorder(estimator, index, read_only):
    """Unsorted and repeated indices, of either width, in memory of others."""
    order = np.argsort(rng.uniform(size=(24, 6)), axis=1)
    columns = np.take_along_axis(np.tile([0, 1, 2, 0, 1, 2], (24, 1)), order, axis=1)
    parts = np.take_along_axis(np.hstack([X / 4, 3 * X / 4]), order, axis=1)
    indptr = np.arange(25, dtype=index) * 6
    data, indices = parts.ravel(), columns.ravel().astype(index)
    if read_only:
        for array in (data, indices, indptr):
            array.flags.writeable = False
    messy = scipy.sparse.csr_array((data, indices, indptr), shape=X.shape)
    copies = [part.copy() for part in (messy.data, messy.indices, messy.indptr)]
    y = y_for(estimator)
    model, expected = new(estimator).fit(messy, y), new(estimator).fit(X, y)
    assert_allclose(outputs(model, messy), outputs(expected, X), rtol=1e-8)
    for part, copy in zip(
        (messy.data, messy.indices, messy.indptr), copies, strict=True
    ):
        assert_array_equal(part, copy)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_targets_of_very_different_size(dtype):
    """Two outputs, one of which drowns the other: it trains, and says nothing odd."""
    y = np.c_[NUMBERS, NUMBERS * 1e6]
    model = new(MLPRegressor, max_iter=50).fit(X.astype(dtype), y)
    assert np.isfinite(model.predict(X.astype(dtype))).all()


def test_unscaled_features_train_or_say_so():
    """Columns from 1e-6 to 1e12: the worst that real tables hold, in all solvers.

    What diverges is an error or restored with a warning; what trains is finite, and
    ``standardize`` helps.
    """
    scales = np.array([1e-6, 1.0, 1e12])
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    for solver in ("adam", "sgd", "lbfgs", "lion", "rmsprop"):
        model = new(MLPClassifier, solver=solver, max_iter=60)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                model.fit(X * scales, y)
            except ValueError as error:
                assert "Scale the features (standardize=True)" in str(error)  # noqa: PT017
            else:
                assert np.isfinite(model.predict_proba(X * scales)).all()
            model.set_params(max_iter=300, standardize=True).fit(X * scales, y)
            assert model.score(X * scales, y) > 0.6


# As scikit-learn does ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_labels_in_a_list_become_what_numpy_makes_of_them(name):
    """Kept although odd: numpy turns [1, 'a'] into text before anyone can look."""
    y = [1, "a"] * 12
    ours, theirs = MLPClassifier(max_iter=2), neural_network.MLPClassifier(max_iter=2)
    if name == "MLPClassifier":
        assert_array_equal(ours.fit(X, y).classes_, theirs.fit(X, y).classes_)
    else:
        with pytest.raises(ValueError, match="needs numbers in y"):
            new(MLPRegressor).fit(X, y)
