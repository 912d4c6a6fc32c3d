"""What the estimators predict, and score, for several quantiles and for hinge loss."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import accuracy_score, d2_pinball_score, r2_score, roc_auc_score
from sklearn.model_selection import cross_val_score

from sknn import MLPClassifier, MLPRegressor

RNG = np.random.RandomState(0)
N = 200
X = RNG.normal(size=(N, 3))
Y = X @ [1.0, -2.0, 0.5] + RNG.normal(size=N) * (0.3 + np.abs(X[:, 0]))
BOTH = np.column_stack([Y, 10 - 3 * Y])
LEVELS = (0.1, 0.5, 0.9)
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 60, "random_state": 0}
QUICK |= {"learning_rate_init": 0.02}


def quantile_model(quantile, **parameters):
    return MLPRegressor("quantile", quantile=quantile, **{**QUICK, **parameters})


# ---------------------------------------------------------------------------------
# Quantiles.


@pytest.mark.parametrize(
    ("quantile", "y", "shape"),
    [
        (0.3, Y, (N,)),
        ((0.3,), Y, (N,)),
        (0.3, BOTH, (N, 2)),
        (LEVELS, Y, (N, 3)),
        (LEVELS, BOTH, (N, 2, 3)),
        (LEVELS[:2], BOTH, (N, 2, 2)),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_of_predicted_quantiles(quantile, y, shape, dtype):
    model = quantile_model(quantile).fit(X.astype(dtype), y)
    predicted = model.predict(X.astype(dtype))
    assert predicted.shape == shape
    assert predicted.dtype == dtype
    assert model.out_activation_ == "quantiles"
    assert model.predict(X[:1].astype(dtype)).shape == (1, *shape[1:])


def test_quantiles_of_each_target_are_its_own_and_do_not_cross():
    model = quantile_model(LEVELS, max_iter=200).fit(X, BOTH)
    predicted = model.predict(X)
    assert (np.diff(predicted, axis=2) > 0).all()
    for k in range(2):
        shares = [np.mean(BOTH[:, k] <= predicted[:, k, m]) for m in range(3)]
        assert_allclose(shares, LEVELS, atol=0.1)


def test_fitted_levels_outlive_a_change_of_the_parameter():
    model = quantile_model(LEVELS).fit(X, Y)
    before = model.predict(X), model.score(X, Y)
    model.set_params(quantile=0.5)
    assert_array_equal(model.predict(X), before[0])
    assert model.score(X, Y) == before[1]


@pytest.mark.parametrize("weights", [None, RNG.uniform(size=N)], ids=["", "weighted"])
@pytest.mark.parametrize("y", [Y, BOTH], ids=["one", "two"])
def test_score_of_several_levels(y, weights):
    model = quantile_model(LEVELS).fit(X, y)
    predicted = model.predict(X)
    expected = np.mean(
        [
            d2_pinball_score(y, predicted[..., k], alpha=level, sample_weight=weights)
            for k, level in enumerate(LEVELS)
        ]
    )
    assert model.score(X, y, weights) == pytest.approx(expected, rel=1e-12)
    assert model.score(X, y.tolist(), weights) == model.score(X, y, weights)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "gamma"])
@pytest.mark.parametrize("y", [Y, Y[:, np.newaxis], BOTH], ids=["1d", "column", "two"])
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_score_is_r2_for_all_losses_but_that_of_quantiles(loss, y):
    y = np.exp(y / 10) if loss == "gamma" else y
    model = MLPRegressor(loss, **QUICK).fit(X, y)
    weights = np.linspace(0, 1, N)
    expected = r2_score(y, model.predict(X), sample_weight=weights)
    assert model.score(X, y, weights) == expected


@pytest.mark.parametrize("y", [Y, BOTH], ids=["one", "two"])
def test_early_stopping_scores_as_score_does(y):
    given = {"early_stopping": True, "n_iter_no_change": 60, "validation_fraction": 0.3}
    model = quantile_model(LEVELS, tol=0.0, **given).fit(X, y)
    scores = model.validation_scores_
    assert len(scores) == model.n_iter_
    # The best weights are restored, so one of the epochs scored what they score.
    _, held_out = split_of(model)
    assert model.score(X[held_out], y[held_out]) == pytest.approx(max(scores))


def split_of(model):
    from sklearn.model_selection import train_test_split

    random_state = np.random.RandomState()
    random_state.set_state(model._split_state)
    return train_test_split(
        np.arange(N), random_state=random_state, test_size=model.validation_fraction
    )


def test_search_over_quantile_models():
    scores = cross_val_score(quantile_model(LEVELS), X, Y, cv=3)
    assert (scores > 0.1).all()


def test_warm_start_with_other_levels():
    model = quantile_model(LEVELS, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="as many outputs as it began with"):
        model.set_params(quantile=(0.2, 0.8)).fit(X, Y)


# ---------------------------------------------------------------------------------
# Hinge loss.

WORDS = np.where(Y > 0, "yes", "no")
THREE = np.array(["low", "middle", "top"])[np.digitize(Y, [-1, 1])]
LABELS = np.column_stack([Y > 0, X[:, 1] > 0, X[:, 2] > 0.3]).astype(int)


@pytest.mark.parametrize(
    ("y", "shape"),
    [(WORDS, (N,)), (THREE, (N, 3)), (LABELS, (N, 3)), (Y > 0, (N,))],
    ids=["two", "three", "multilabel", "bool"],
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_predictions_follow_from_the_scores(y, shape, early_stopping):
    parameters = {**QUICK, "early_stopping": early_stopping, "n_iter_no_change": 60}
    model = MLPClassifier(loss="hinge", **parameters).fit(X, y)
    scores = model.decision_function(X)
    assert scores.shape == shape
    assert model.out_activation_ == "identity"
    if y.ndim == 2:
        expected = (scores > 0).astype(int)
    elif scores.ndim == 2:
        expected = model.classes_[scores.argmax(axis=1)]
    else:
        expected = model.classes_[(scores > 0).astype(int)]
    predicted = model.predict(X)
    assert_array_equal(predicted, expected)
    assert predicted.dtype == y.dtype
    assert accuracy_score(y, predicted) > (
        0.8 if y.ndim == 1 and len(np.unique(y)) == 2 else 0.65
    )
    if early_stopping:
        assert max(model.validation_scores_) > 0.6


def test_a_single_class():
    model = MLPClassifier(loss="hinge", **QUICK).fit(X, np.full(N, "only"))
    assert_array_equal(model.predict(X), np.full(N, "only"))
    assert model.decision_function(X).shape == (N,)


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("is_fitted", [False, True])
def test_hinge_loss_has_no_probabilities(method, is_fitted):
    model = MLPClassifier(loss="hinge", **QUICK)
    if is_fitted:
        model.fit(X, WORDS)
    assert not hasattr(model, method)
    with pytest.raises(AttributeError, match=f"has no attribute '{method}'") as error:
        getattr(model, method)
    reason = str(error.value.__cause__)
    for part in ("loss='log_loss'", "loss='focal'", "CalibratedClassifierCV"):
        assert part in reason


@pytest.mark.parametrize("loss", ["log_loss", "focal"])
def test_losses_of_probabilities_have_no_decision_function(loss):
    model = MLPClassifier(loss=loss, **QUICK).fit(X, THREE)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
    assert_allclose(
        np.exp(model.predict_log_proba(X)), model.predict_proba(X), rtol=1e-12
    )
    assert not hasattr(model, "decision_function")
    with pytest.raises(AttributeError) as error:
        _ = model.decision_function
    assert "only available for loss='hinge'" in str(error.value.__cause__)


def test_scores_serve_scikit_learns_scorers_and_calibration():
    model = MLPClassifier(loss="hinge", **QUICK)
    assert (cross_val_score(model, X, WORDS, scoring="roc_auc", cv=3) > 0.8).all()
    calibrated = CalibratedClassifierCV(model, cv=3).fit(X, WORDS)
    probabilities = calibrated.predict_proba(X)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert roc_auc_score(WORDS, probabilities[:, 1]) > 0.8


@pytest.mark.parametrize("loss", ["log_loss", "focal", "hinge"])
@pytest.mark.parametrize("y", [WORDS, THREE, LABELS], ids=["two", "three", "labels"])
def test_classifiers_learn_with_every_loss(loss, y):
    model = MLPClassifier(loss=loss, **{**QUICK, "max_iter": 200}).fit(X, y)
    assert model.score(X, y) > (0.8 if y.ndim == 1 and len(np.unique(y)) == 2 else 0.65)
    assert model.loss_ < 0.8 * model.loss_curve_[0]


@pytest.mark.parametrize(
    ("fitted", "now", "method", "other"),
    [
        ("log_loss", "hinge", "predict_proba", "decision_function"),
        ("hinge", "log_loss", "decision_function", "predict_proba"),
    ],
)
def test_probabilities_or_scores_outlive_a_change_of_the_loss(
    fitted, now, method, other
):
    model = MLPClassifier(loss=fitted, **QUICK).fit(X, THREE)
    before = getattr(model, method)(X)
    model.set_params(loss=now)
    assert_array_equal(getattr(model, method)(X), before)
    assert not hasattr(model, other)
    with pytest.raises(AttributeError) as error:
        getattr(model, other)
    assert f"the last fit (loss is now {now!r})" in str(error.value.__cause__)
    model.fit(X, THREE)
    assert hasattr(model, other)
    assert not hasattr(model, method)
