"""Scores of validation sets that are no numbers are never passed over in silence."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse

import sknn

rng = np.random.RandomState(0)
X = rng.normal(size=(120, 3))
NUMBERS = X @ [1.0, -1.0, 0.5] + 0.2 * rng.normal(size=120)
LABELS = (NUMBERS > 0).astype(int)
OPTIONS = {"hidden_layer_sizes": (5,), "random_state": 0}
VAL = {"X_val": X[:20], "y_val": NUMBERS[:20]}
ROUND = ["fit", "partial_fit"]


def messages(function, *arguments, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*arguments, **options)
    own = [w for w in caught if w.category is UserWarning]
    return [str(w.message) for w in own]


def scores_of(*values):
    """Return a scorer that returns these values in turn, and then the last."""
    rest = list(values)

    def scorer(estimator, X, y):
        return rest.pop(0) if len(rest) > 1 else rest[0]

    return scorer


# One row ---------------------------------------------------------------------------


@pytest.mark.parametrize("call", ROUND)
@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize(
    ("loss", "score"),
    [
        ("squared_error", r"R\^2"),
        ("poisson", r"R\^2"),
        ("absolute_error", r"D\^2 of loss='absolute_error'"),
        ("quantile", r"D\^2 of loss='quantile'"),
    ],
)
def test_one_row_has_no_score(loss, score, is_sparse, call):
    data = scipy.sparse.csr_array(X) if is_sparse else X
    y = abs(NUMBERS)
    one = {"X_val": data[[0]], "y_val": y[:1]}
    model = sknn.MLPRegressor(loss, early_stopping=True, max_iter=3, **OPTIONS)
    with pytest.raises(ValueError, match=rf"X_val and y_val, {score}, is not defined"):
        getattr(model, call)(data, y, **one)
    assert not hasattr(model, "coefs_")
    # Where it is only looked at, it is recorded as what it is.
    model.set_params(early_stopping=False, tol=None)
    (text,) = messages(getattr(model, call), data, y, **one)
    assert text.endswith("Pass more rows; val_score is nan.")
    assert np.isnan(model.history_["val_score"]).all()
    assert np.isfinite(model.history_["val_loss"]).all()


def test_lbfgs_stops_for_no_score():
    model = sknn.MLPRegressor(solver="lbfgs", early_stopping=True, **OPTIONS)
    texts = messages(model.fit, X, NUMBERS, X_val=X[:1], y_val=NUMBERS[:1])
    assert [text for text in texts if "val_score is nan" in text]
    assert np.isnan(model.history_["val_score"]).all()


@pytest.mark.parametrize("scoring", ["loss", "neg_mean_absolute_error", None])
def test_one_row_with_a_score(scoring):
    """A classifier's accuracy, losses and errors are defined for one row."""
    estimator = sknn.MLPRegressor if scoring else sknn.MLPClassifier
    model = estimator(
        early_stopping=True, scoring=scoring, max_iter=3, tol=0, **OPTIONS
    )
    model.set_params(n_iter_no_change=9)
    assert not messages(model.fit, X, LABELS, X_val=X[:1], y_val=LABELS[:1])
    assert np.isfinite(model.best_validation_score_)


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_constant_targets_say_nothing(loss):
    same = {"X_val": X[:20], "y_val": np.full(20, NUMBERS[0])}
    model = sknn.MLPRegressor(loss, early_stopping=True, max_iter=5, **OPTIONS)
    (text,) = messages(model.fit, X, NUMBERS, **same)
    assert text.startswith("All targets of X_val and y_val are the same")
    model.set_params(scoring="loss")
    assert not messages(model.fit, X, NUMBERS, **same)
    held_out = sknn.MLPRegressor(loss, early_stopping=True, max_iter=5, **OPTIONS)
    assert not messages(held_out.fit, X, np.ones(120))  # as in scikit-learn


# Scorers -----------------------------------------------------------------------------

NO_NUMBERS = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize("given", [{}, VAL], ids=["held out", "given"])
@pytest.mark.parametrize("tol", [1e-4, None])
def test_never_a_number(tol, given, value):
    """The score, the set and why; nothing has changed."""
    model = sknn.MLPRegressor(early_stopping=True, max_iter=40, tol=tol, **OPTIONS)
    model.fit(X, NUMBERS).set_params(scoring=scores_of(value), warm_start=False)
    before = dict(vars(model))
    epochs = []

    def scorer(estimator, X, y):
        epochs.append(1)
        return value

    model.set_params(scoring=scorer)
    before["scoring"] = scorer
    where = "X_val and y_val, 20" if given else "the rows held out for validation, 12"
    message = rf"never a finite number: scoring=scorer is {value} for {where} rows"
    with (
        pytest.warns(UserWarning, match=f"The score scoring=scorer is {value} for"),
        pytest.raises(ValueError, match=message),
    ):
        model.fit(X, NUMBERS, **given)
    assert vars(model) == before
    # As many as are waited for, not all; and one more call to find out why.
    assert len(epochs) == (12 if tol else 41)


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_number_now_and_then(value):
    """One warning; what is no number is never the best, and is no improvement."""
    scorer = scores_of(value, 0.1, 0.5, value)
    model = sknn.MLPRegressor(
        early_stopping=True, scoring=scorer, max_iter=40, n_iter_no_change=4, **OPTIONS
    )
    texts = messages(model.fit, X, NUMBERS, **VAL)
    assert len(texts) == 1
    assert f"scoring=scorer is {value} for X_val and y_val, 20 rows" in texts[0]
    assert model.best_validation_score_ == 0.5
    # The second value was taken by the call that looks for the reason.
    assert model.n_iter_ == 2 + 5


def test_a_fit_that_goes_on_keeps_its_best_weights():
    model = sknn.MLPRegressor(
        early_stopping=True, max_iter=9, warm_start=True, **OPTIONS
    )
    best = model.fit(X, NUMBERS, **VAL).best_validation_score_
    model.set_params(scoring=scores_of(np.nan))
    assert len(messages(model.fit, X, NUMBERS, **VAL)) == 1
    assert model.best_validation_score_ == best


@pytest.mark.parametrize("call", ROUND)
def test_one_class_in_the_validation_set(call):
    """scikit-learn's reason is passed on."""
    one = {"X_val": X[LABELS == 1], "y_val": LABELS[LABELS == 1]}
    model = sknn.MLPClassifier(
        early_stopping=True, scoring="roc_auc", max_iter=4, **OPTIONS
    )
    match = r"scoring='roc_auc' is nan for X_val and y_val, \d+ rows \(Only one class"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Only one class")
        if call == "partial_fit":
            with pytest.warns(UserWarning, match=match):
                model.partial_fit(X, LABELS, classes=[0, 1], **one)
            return
        with (
            pytest.warns(UserWarning, match=match),
            pytest.raises(ValueError, match=match),
        ):
            model.fit(X, LABELS, **one)


@pytest.mark.parametrize(
    "value",
    [
        None, "0.5", b"1", 1j, np.complex128(1), np.array(1j), np.ma.masked,
        np.ma.array(0.5), np.zeros(1), np.zeros((30, 40)), [0.5], {"a": 0.5},
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("parameter", ["scoring", "metrics"])
def test_what_is_not_a_number(parameter, value):
    scorer = scores_of(value)
    setting = {"scoring": scorer} if parameter == "scoring" else {"metrics": [scorer]}
    model = sknn.MLPRegressor(early_stopping=True, **setting, **OPTIONS)
    with pytest.raises(
        TypeError, match=r"The function for .* must return a number"
    ) as e:
        model.fit(X, NUMBERS)
    assert type(value).__name__ in str(e.value)
    assert len(str(e.value)) < 150
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize(
    "value", [1, True, np.float32(0.5), np.int8(1), np.array(0.5), Fraction(1, 2)]
)
def test_what_is_a_number(value):
    model = sknn.MLPRegressor(
        early_stopping=True, scoring=scores_of(value), max_iter=2, **OPTIONS
    )
    assert model.fit(X, NUMBERS).best_validation_score_ == float(value)


def test_metrics_that_are_no_numbers_are_recorded():
    model = sknn.MLPRegressor(metrics={"odd": scores_of(np.nan)}, max_iter=3, **OPTIONS)
    assert not messages(model.fit, X, NUMBERS, **VAL)
    assert np.isnan(model.history_["odd"] + model.history_["val_odd"]).all()
