"""Indicator matrices that are read or refused, and the form of y in every call.

The oracle of what is read is scikit-learn's classifier.
"""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from outcomes import stored_state
from sklearn import neural_network
from target_calls import (
    CALLS,
    CODES,
    GOING_ON,
    INDICATORS,
    NUMBERS,
    OPTIONS,
    TEXT,
    X,
    assert_refused,
    dense,
    new,
    y_val,
    y_val_of_partial_fit,
)

from sknn import MLPClassifier, MLPRegressor

ONE_HOT = np.eye(3, dtype=int)[CODES]

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.DataConversionWarning",
    "ignore::sklearn.exceptions.UndefinedMetricWarning",
    "ignore:invalid value encountered in cast",
    "ignore:y is taken as multilabel",
)


# Indicator matrices ------------------------------------------------------------------


def with_column(value):
    y = INDICATORS.copy()
    y[:, 1] = value
    return y


def with_explicit_zeros(y):
    matrix = scipy.sparse.csr_array(np.ones_like(y))
    matrix.data[:] = y.ravel()
    return matrix


READ = {
    "0 and 1": INDICATORS,
    "0 and 255": 255 * INDICATORS,
    "0 and 255 in bytes": (255 * INDICATORS).astype(np.uint8),
    "bytes": INDICATORS.astype(np.uint8),
    "0 and 2": 2 * INDICATORS,
    "bool": INDICATORS > 0,
    "floats": INDICATORS.astype(float),
    "0.0 and 2.0 in float32": 2 * INDICATORS.astype(np.float32),
    "a column of 0": with_column(0),
    "a column of 1": with_column(1),
    "a column of 0 beside 2": 2 * with_column(0),
    "only 0": np.zeros((60, 3), int),
    "only 1": np.ones((60, 3), int),
    "only 2": np.full((60, 3), 2),
    "lists": INDICATORS.tolist(),
    "lists of 0 and 255": (255 * INDICATORS).tolist(),
    "frame": pd.DataFrame(255 * INDICATORS),
    "CSR": scipy.sparse.csr_array(INDICATORS),
    "CSR matrix": scipy.sparse.csr_matrix(INDICATORS),
    "CSC of 0 and 255": scipy.sparse.csc_array(255 * INDICATORS),
    "CSR of bool": scipy.sparse.csr_array(INDICATORS > 0),
    "CSR of 0.0 and 2.0": scipy.sparse.csr_array(2.0 * INDICATORS),
    "CSR with explicit zeros": with_explicit_zeros(INDICATORS),
    "CSR of 255 with explicit zeros": with_explicit_zeros(255 * INDICATORS),
    "CSR without entries": scipy.sparse.csr_array((60, 3), dtype=int),
    "CSR without zeros": scipy.sparse.csr_array(np.full((60, 3), 2)),
    "a column": INDICATORS[:, :1],
    "a column of 0 and 255": 255 * INDICATORS[:, :1],
    "a column of bool": INDICATORS[:, :1] > 0,
}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("name", READ)
def test_indicators_are_read_as_in_scikit_learn(name, solver):
    """Weights and losses, and the values that predict returns."""
    y, options = READ[name], OPTIONS | {"solver": solver, "max_iter": 15}
    ours = MLPClassifier(**options).fit(X, y)
    theirs = neural_network.MLPClassifier(**options).fit(X, y)
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
    assert_array_equal(ours.classes_, theirs.classes_)
    for one, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        assert_allclose(one, other, rtol=1e-6, atol=1e-12)
    found, expected = ours.predict(X), theirs.predict(X)
    assert scipy.sparse.issparse(found) == scipy.sparse.issparse(expected)
    assert found.dtype == expected.dtype
    assert_array_equal(dense(found), dense(expected))


@pytest.mark.parametrize(
    "name", [name for name in READ if dense(READ[name]).shape[1] > 1]
)
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.default_cases(16)
def test_two_values_are_those_of_0_and_1_in_every_call(name, early_stopping):
    y = READ[name]
    plain = (dense(y) != 0).astype(int)
    extra = {"metrics": ["f1_macro"], "early_stopping": early_stopping}
    models = []
    for target in (y, plain):
        model = new(**extra).fit(X, target, X_val=X, y_val=target)
        model.partial_fit(X, target, X_val=X, y_val=target)
        model.set_params(warm_start=True).fit(X, target, X_val=X, y_val=target)
        models.append(model)
    assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])
    for key in ("loss", "val_loss", "val_score", "f1_macro", "val_f1_macro"):
        assert models[0].history_[key] == models[1].history_[key]
    assert models[0].score(X, y) == models[1].score(X, plain)
    others = models[0].score(X, 255 * plain), models[0].score(X, plain > 0)
    assert others == (models[1].score(X, plain),) * 2


@pytest.mark.parametrize("y", [255 * INDICATORS, scipy.sparse.csr_array(INDICATORS)])
def test_weights_of_labels_count_for_what_is_not_zero(y):
    """The keys are those of the indicator matrix that is read."""
    by_label = [{0: 1.0, 1: 3.0}] * 3
    model = new(class_weight=by_label).fit(X, y)
    plain = new(class_weight=by_label).fit(X, INDICATORS)
    assert_array_equal(model.coefs_[0], plain.coefs_[0])


TWICE = 2 * INDICATORS - 1
MISREAD = {
    "-1 and 1": (TWICE, r"holds -1, 1\. Write \(y(_val)? > 0\)\.astype\(int\)"),
    "-1.0 and 1.0": (TWICE * 1.0, r"holds -1\.0, 1\.0\. Write \(y(_val)? > 0\)"),
    "1 and 2": (INDICATORS + 1, r"holds 1, 2\. Write \(y(_val)? > 1\)"),
    "-1 and 0": (-INDICATORS, r"holds -1, 0\. Write \(y(_val)? != 0\)"),
    "three values": (INDICATORS + ONE_HOT, r"holds 0, 1, 2\. Write .*MultiOutput"),
    "many values": (np.arange(180).reshape(60, 3), r"0, 1, 2, 3, 4, \.\.\. \(180 val"),
    "halves": (INDICATORS / 2, r"holds 0\.0, 0\.5\. Use MLPRegressor.* > 0\.5\)"),
    "text": (INDICATORS.astype(str), r"3 columns of dtype <U\d+\. Pass one label per"),
    "objects": (TWICE.astype(object), r"holds -1, 1\. Write \(y(_val)? > 0\)"),
    "CSR of -1 and 1": (scipy.sparse.csr_array(TWICE), r"holds -1, 1\. Write"),
    "CSR of -1": (scipy.sparse.csr_array(-INDICATORS), r"holds -1, 0\. Write"),
    "CSR of three": (scipy.sparse.csr_array(INDICATORS + ONE_HOT), "holds 0, 1, 2"),
    "CSR of halves": (scipy.sparse.csr_array(INDICATORS / 2), r"holds 0\.0, 0\.5\."),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", MISREAD)
def test_other_values_are_refused(name, call):
    bad, message = MISREAD[name]
    if call is y_val and name == "text":
        message = "y_val has 3 columns"
    message = f"^Multioutput target data is not supported: .*{message}"
    assert_refused(call, INDICATORS, bad, message)


@pytest.mark.parametrize("name", MISREAD)
def test_a_score_refuses_them_too(name):
    model = new().fit(X, INDICATORS)
    with pytest.raises(ValueError, match="Multioutput target data is not supported"):
        model.score(X, MISREAD[name][0])


# The form of y -----------------------------------------------------------------------

FORMS = {
    "one-hot after labels": (
        CODES,
        ONE_HOT,
        "is an indicator matrix with 3 columns, but .* has one label per row",
    ),
    "sparse one-hot after labels": (
        CODES,
        scipy.sparse.csr_array(ONE_HOT),
        r"classes_\[np\.argmax\(y(_val)?, axis=1\)\]",
    ),
    "two columns after two classes": (CODES > 0, ONE_HOT[:, :2], "has one label per"),
    "one-hot after text": (TEXT, ONE_HOT, "has one label per row"),
    "labels after one-hot": (
        ONE_HOT,
        CODES,
        r"has one label per row, but .* is an indicator matrix with 3 columns.*"
        r"np\.eye\(3, dtype=int\)\[y(_val)?\]",
    ),
    "a column after one-hot": (ONE_HOT, CODES[:, None], "but .* an indicator matrix"),
    "labels after sparse": (scipy.sparse.csr_array(ONE_HOT), CODES, "but .* indicator"),
    "text after one-hot": (ONE_HOT, TEXT, "has one label per row"),
    "fewer columns": (INDICATORS, INDICATORS[:, :2], "has 2 columns, but .* has 3"),
    "more columns": (INDICATORS[:, :2], INDICATORS, "has 3 columns, but .* has 2"),
    "more columns of CSR": (
        scipy.sparse.csr_array(INDICATORS[:, :2]),
        scipy.sparse.csr_array(INDICATORS),
        "has 3 columns, but .* has 2",
    ),
    "text after numbers": (
        CODES,
        CODES.astype(str),
        r"holds text \(dtype <U\d+\), but .* holds numbers \(dtype int64\)\. Convert",
    ),
    "objects of text after numbers": (CODES, TEXT.astype(object), "holds text"),
    "numbers after text": (
        CODES.astype(str),
        CODES,
        r"holds numbers .* as y(_val)?\.astype\(str\) does",
    ),
    "bool after text": (np.where(CODES, "True", "False"), CODES > 0, "holds numbers"),
    "unseen": (CODES, CODES + 1, "the same classes|classes not in `self.classes_`"),
}


@pytest.mark.parametrize("call", GOING_ON)
@pytest.mark.parametrize("name", FORMS)
def test_another_form_is_refused(name, call):
    good, bad, message = FORMS[name]
    assert_refused(call, good, bad, message)
    if name != "unseen":
        other = "y" if call in (y_val, y_val_of_partial_fit) else "y of the call before"
        assert_refused(call, good, bad, f"but {other} (is|has|holds)")


@pytest.mark.parametrize(
    ("good", "same"),
    [
        (CODES, CODES.astype(float)),
        (CODES, CODES[:, None]),
        (CODES, CODES.tolist()),
        (CODES, CODES.astype(object)),
        (CODES > 0, (CODES > 0).astype(int)),
        (TEXT, TEXT.astype(object)),
        (TEXT, list(TEXT)),
        (INDICATORS, INDICATORS > 0),
        (INDICATORS, scipy.sparse.csr_array(INDICATORS)),
        (scipy.sparse.csr_array(INDICATORS), INDICATORS),
    ],
)
@pytest.mark.parametrize("call", GOING_ON)
def test_equal_labels_of_another_dtype_or_container_are_taken(call, good, same):
    model, on_same = call(good, same)
    on_same()
    expected, on_good = call(good, good)
    on_good()
    assert_array_equal(model.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("classes", [[0, 1], range(5), [1, 2, 3], ["a", "b", "c"]])
def test_classes_of_an_indicator_matrix_number_its_columns(classes):
    model = new()
    message = r"3 columns, for which .* Pass classes=np\.arange\(3\)"
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, INDICATORS, classes=list(classes))
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("call", ["y_val", "partial_fit", "warm start", "resume_fit"])
@pytest.mark.parametrize("n_outputs", [1, 2, 4])
def test_outputs_of_the_regressor(n_outputs, call):
    y = np.tile(NUMBERS[:, None], 3)
    other = np.tile(NUMBERS[:, None], n_outputs).squeeze()
    model = new(MLPRegressor)
    if call == "y_val":
        with pytest.raises(ValueError, match=f"y_val has {n_outputs} outputs, but y h"):
            model.fit(X, y, X_val=X, y_val=other)
        assert not hasattr(model, "coefs_")
        return
    model.fit(X, y).set_params(warm_start=call == "warm start", max_iter=6)
    before = stored_state(model)
    method = getattr(model, call if call.endswith("fit") else "fit")
    with pytest.raises(ValueError, match=f"have 3, but y now asks for {n_outputs}"):
        method(X, other)
    assert stored_state(model) == before


def test_levels_of_the_regressor_are_no_outputs():
    model = new(MLPRegressor, loss="quantile", quantile=[0.1, 0.9])
    y = np.c_[NUMBERS, NUMBERS]
    model.fit(X, y, X_val=X, y_val=y)
    with pytest.raises(ValueError, match="y_val has 4 outputs, but y has 2"):
        model.fit(X, y, X_val=X, y_val=np.c_[y, y])
