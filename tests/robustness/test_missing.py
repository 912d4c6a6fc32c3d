"""Masked values and missing dates are refused by the name of the argument."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal

from sknn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X, WEIGHTS = rng.normal(size=(24, 3)), np.ones(24)
TARGETS = {MLPClassifier: np.arange(24) % 3, MLPRegressor: X[:, 0].copy()}
DATES = np.array(["2020-01-01", "2021-01-01", "2022-01-01"] * 8, dtype="datetime64[D]")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
each_estimator = pytest.mark.parametrize(
    "estimator", TARGETS, ids=lambda kind: kind.__name__
)


def new(estimator, **changes):
    parameters = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
    return estimator(**parameters | changes)


def masked(values, n=2):
    """Return an array of which the last n rows hold a masked value."""
    values = np.ma.array(values)
    values[-n:] = np.ma.masked
    return values


def masked_in_one_column(values, n=2):
    values = np.ma.array(values)
    values[-n:, 0] = np.ma.masked
    return values


def sparse(container):
    def make(values):
        matrix = container(values)
        matrix.data = np.ma.array(matrix.data, mask=np.arange(matrix.nnz) < 2)
        return matrix

    return make


# Of X, with two masked values.
MASKED_X = {
    "float64": masked_in_one_column,
    "float32": lambda X: masked_in_one_column(X.astype(np.float32)),
    "integers": lambda X: masked_in_one_column((10 * X).astype(int)),
    "objects": lambda X: masked_in_one_column(X.astype(object)),
    "Fortran order": lambda X: masked_in_one_column(np.asfortranarray(X)),
    "rows in a list": lambda X: list(masked_in_one_column(X)),
    "values in lists": lambda X: [
        [np.ma.masked, *row[1:]] if k < 2 else list(row) for k, row in enumerate(X)
    ],
    "values in tuples": lambda X: tuple(
        (np.ma.masked, *row[1:]) if k < 2 else tuple(row) for k, row in enumerate(X)
    ),
    "an array of objects": lambda X: np.array(
        [[np.ma.masked if k < 2 else row[0], *row[1:]] for k, row in enumerate(X)],
        dtype=object,
    ),
    "a data frame of objects": lambda X: pd.DataFrame(
        {"a": [np.ma.masked] * 2 + [1.0] * (len(X) - 2), "b": X[:, 1], "c": X[:, 2]}
    ),
    "CSR": sparse(scipy.sparse.csr_array),
    "CSC": sparse(scipy.sparse.csc_array),
}
METHODS = ("fit", "partial_fit", "resume_fit", "warm start", "lbfgs")


def prepared(estimator, method):
    model = new(estimator).fit(X, TARGETS[estimator]).set_params(max_iter=5)
    if method == "lbfgs":
        model.solver = "lbfgs"
    model.warm_start = method == "warm start"
    return model, getattr(model, method if method.endswith("fit") else "fit")


def refuses(model, call, message, *arguments, **options):
    before = dict(vars(model))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=message) as raised:
            call(*arguments, **options)
    assert len(str(raised.value)) < 250
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


@each_estimator
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", MASKED_X)
def test_masked_X(estimator, method, form):
    model, call = prepared(estimator, method)
    y, bad = TARGETS[estimator], MASKED_X[form](X)
    refuses(model, call, "^X holds 2 masked values, .* leave out their rows", bad, y)
    options = {"X_val": bad, "y_val": y}
    refuses(model, call, "^X_val holds 2 masked values", X, y, **options)


@each_estimator
@pytest.mark.parametrize("method", METHODS)
def test_masked_targets_and_weights(estimator, method):
    model, call = prepared(estimator, method)
    y = TARGETS[estimator]
    for bad in (masked(y), list(masked(y)), np.array([*masked(y)], dtype=object)):
        refuses(model, call, "^y holds 2 masked values", X, bad)
        options = {"X_val": X, "y_val": bad}
        refuses(model, call, "^y_val holds 2 masked values", X, y, **options)
    for bad in (masked(WEIGHTS, 1), list(masked(WEIGHTS, 1))):
        refuses(model, call, "^sample_weight holds 1 masked value, ", X, y, bad)
        options = {"X_val": X, "y_val": y, "sample_weight_val": bad}
        refuses(model, call, "^sample_weight_val holds 1 masked value", X, y, **options)


def test_masked_labels():
    """Also text, whose masked values a list would turn into '--', and several."""
    model = new(MLPClassifier)
    text = np.array(["a", "b", "c"] * 8)
    for bad in (
        masked(text),
        list(masked(text)),
        masked(text.astype(object)),
        pd.Series([*text[:-2], np.ma.masked, np.ma.masked], dtype=object),
        masked(text)[:, np.newaxis],
        masked_in_one_column((X > 0).astype(int)),
    ):
        refuses(model, model.fit, "^y holds 2 masked values", X, bad)
        options = {"classes": ["a", "b", "c"]}
        refuses(model, model.partial_fit, "^y holds 2 masked", X, bad, **options)
    options = {"classes": masked(["a", "b", "c", "d"], 1)}
    refuses(model, model.partial_fit, "^classes holds 1 masked", X, text, **options)
    model = new(MLPRegressor)
    refuses(model, model.fit, "^y holds 4 masked values", X, masked(X[:, :2]))


@each_estimator
@pytest.mark.parametrize("form", MASKED_X)
def test_predictions_refuse_masked_X(estimator, form):
    y, bad = TARGETS[estimator], MASKED_X[form](X)
    models = [new(estimator).fit(X, y)]
    names = ["predict", "input_gradients", "hidden_activations"]
    if estimator is MLPClassifier:
        models.append(new(estimator, loss="hinge").fit(X, y))
        names += ["predict_proba", "predict_log_proba", "decision_function"]
    for model in models:
        for name in filter(lambda name, model=model: hasattr(model, name), names):
            if name != "input_gradients" or model.loss != "hinge":
                refuses(model, getattr(model, name), "^X holds 2 masked values", bad)
        refuses(model, model.score, "^X holds 2 masked values", bad, y)


@each_estimator
def test_scores_refuse_masked_targets_and_weights(estimator):
    y = TARGETS[estimator]
    model = new(estimator).fit(X, y)
    refuses(model, model.score, "^y holds 2 masked values", X, masked(y))
    refuses(model, model.score, "^sample_weight holds 2", X, y, masked(WEIGHTS))


@each_estimator
def test_a_mask_of_nothing_is_no_mask(estimator):
    y = TARGETS[estimator]
    expected = new(estimator).fit(X, y, WEIGHTS)
    for mask in (np.ma.nomask, False):
        arrays = [np.ma.array(values, mask=mask) for values in (X, y, WEIGHTS)]
        model = new(estimator).fit(*arrays)
        assert_array_equal(model.predict(arrays[0]), expected.predict(X))
        assert model.score(*arrays) == expected.score(X, y, WEIGHTS)
        for a, b in zip(model.coefs_, expected.coefs_, strict=True):
            assert_array_equal(a, b)


@each_estimator
def test_filled_and_imputed_values_are_accepted(estimator):
    model = new(estimator)
    model.fit(masked_in_one_column(X).filled(0.0), TARGETS[estimator])
    model.predict(masked_in_one_column(X).filled(0.0))


# NaT ---------------------------------------------------------------------------------


def missing(dates):
    dates = dates.copy()
    dates[:2] = "NaT"
    return dates


DURATIONS = DATES - DATES[0]
WITHOUT_DATE = {
    "dates": missing(DATES),
    "durations": missing(DURATIONS),
    "seconds": missing(DATES.astype("datetime64[s]")),
    "a list": list(missing(DATES)),
    "objects of NumPy": np.array(list(missing(DATES)), dtype=object),
    "a column": missing(DATES)[:, np.newaxis],
    "a series": pd.Series(missing(DATES)),
    "a series of durations": pd.Series(missing(DURATIONS)),
    "a series with a time zone": pd.Series(missing(DATES)).dt.tz_localize("UTC"),
    "a series of objects": pd.Series(list(pd.Series(missing(DATES))), dtype=object),
    "a series of categories": pd.Series(missing(DATES)).astype("category"),
    "a data frame": pd.DataFrame({"y": missing(DATES)}),
    "among text": pd.Series([pd.NaT, pd.NaT, *"abcd" * 5, "a", "b"], dtype=object),
}


@pytest.mark.parametrize("form", WITHOUT_DATE)
def test_missing_dates_among_labels(form):
    bad, model = WITHOUT_DATE[form], new(MLPClassifier)
    message = r"^y holds 2 missing dates \(NaT\)\. Leave out their rows"
    refuses(model, model.fit, message, X, bad)
    options = {"classes": np.unique(DATES)}
    refuses(model, model.partial_fit, message, X, bad, **options)
    options = {"classes": WITHOUT_DATE["dates"][1:5]}
    refuses(model, model.partial_fit, "^classes holds 1 missing", X, DATES, **options)
    for fitted in (model.fit(X, DATES), model.set_params(warm_start=True)):
        refuses(fitted, fitted.fit, message, X, bad)
        refuses(fitted, fitted.score, message, X, bad)
        options = {"X_val": X, "y_val": bad}
        refuses(fitted, fitted.fit, "^y_val holds 2 missing", X, DATES, **options)
    assert_array_equal(np.unique(model.predict(X)).dtype, DATES.dtype)


@each_estimator
def test_missing_dates_in_X(estimator):
    """They would count as about -9e18."""
    dates = np.stack([DATES, missing(DATES), DATES], axis=1)
    model = new(estimator)
    for bad in (dates, dates - DATES[0], pd.DataFrame(dates), dates.astype("M8[ms]")):
        message = r"^X holds 2 missing dates \(NaT\)"
        refuses(model, model.fit, message, bad, TARGETS[estimator])
    model.fit(X, TARGETS[estimator])
    refuses(model, model.predict, r"^X holds 2 missing dates", dates)
