"""Ensembles train as their members would by themselves, on the rows that they get."""

import pickle
import warnings

import numpy as np
import pytest
from networks_of_ensembles import (
    IRIS,
    LABELS,
    X_DIABETES,
    Y_DIABETES,
    assert_same_weights,
    classifier,
    regressor,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
)

from sknn import (
    EnsembleMLPClassifier,
    EnsembleMLPRegressor,
    MLPClassifier,
    MLPRegressor,
)

# Without rows that are held out -------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"dropout": 0.2, "solver": "adamw"},
        {"tol": 1e-2, "max_iter": 100, "n_iter_no_change": 2},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 1e-3, "max_iter": 40},
        {"learning_rate": "one_cycle", "normalization": "batch"},
        {"shuffle": False},
    ],
)
def test_members_are_what_they_would_be_by_themselves(parameters):
    net = classifier(**parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ensemble = EnsembleMLPClassifier(net, n_members=3, random_state=0)
        ensemble.fit(IRIS, LABELS)
        alone = [
            net.set_params(random_state=member.random_state).fit(IRIS, LABELS)
            and MLPClassifier(**net.get_params()).fit(IRIS, LABELS)
            for member in ensemble.estimators_
        ]
    assert len({member.random_state for member in ensemble.estimators_}) == 3
    for member, other in zip(ensemble.estimators_, alone, strict=True):
        assert_same_weights(member, other)
        assert member.history_["loss"] == other.history_["loss"]
        assert member.n_iter_ == other.n_iter_
    mean = np.mean([other.predict_proba(IRIS) for other in alone], axis=0)
    assert_allclose(ensemble.predict_proba(IRIS), mean, rtol=1e-12)
    assert_array_equal(ensemble.predict(IRIS), mean.argmax(axis=1))
    assert ensemble.n_iter_ == max(other.n_iter_ for other in alone)
    first = np.mean([other.history_["loss"][0] for other in alone])
    assert_allclose(ensemble.history_["loss"][0], first)
    assert len(ensemble.history_["loss"]) == ensemble.n_iter_


def test_the_default_is_eight_members_with_the_defaults():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ensemble = EnsembleMLPRegressor(random_state=0).fit(X_DIABETES, Y_DIABETES)
    assert len(ensemble.estimators_) == 8
    assert isinstance(ensemble.estimators_[0], MLPRegressor)
    assert ensemble.estimator is None
    assert not hasattr(ensemble, "oof_predictions_")
    assert not hasattr(ensemble, "best_validation_score_")


# Folds --------------------------------------------------------------------------------


def test_out_of_fold_predictions_choose_the_epoch():
    folds = KFold(4, shuffle=True, random_state=3)
    net = classifier(max_iter=25)
    ensemble = EnsembleMLPClassifier(net, cv=folds, random_state=0).fit(IRIS, LABELS)
    scores, best = ensemble.history_["val_score"], ensemble.best_iteration_
    assert best == np.argmax(scores) + 1
    assert ensemble.best_validation_score_ == max(scores)
    # The same by hand.
    expected = np.empty((150, 3))
    for member, (train, test) in zip(
        ensemble.estimators_, folds.split(IRIS), strict=True
    ):
        other = classifier(max_iter=best, random_state=member.random_state)
        other.fit(IRIS[train], LABELS[train])
        assert_same_weights(member, other)
        expected[test] = other.predict_proba(IRIS[test])
    assert_array_equal(ensemble.oof_predictions_, expected)
    accuracy = accuracy_score(LABELS, expected.argmax(axis=1))
    assert_allclose(scores[best - 1], accuracy)
    assert_allclose(ensemble.history_["val_loss"][best - 1], log_loss(LABELS, expected))


def test_each_row_is_predicted_by_all_members_that_have_not_seen_it():
    splits = ShuffleSplit(5, test_size=0.3, random_state=0)
    net = regressor(scoring="loss")
    ensemble = EnsembleMLPRegressor(net, cv=splits, random_state=0)
    ensemble.fit(X_DIABETES, Y_DIABETES)
    total, count = np.zeros(442), np.zeros(442)
    for member, (_, test) in zip(
        ensemble.estimators_, splits.split(X_DIABETES), strict=True
    ):
        total[test] += member.predict(X_DIABETES[test])
        count[test] += 1
    seen = count == 0
    assert 0 < seen.sum() < 442
    with np.errstate(invalid="ignore"):
        assert_allclose(ensemble.oof_predictions_, total / count, rtol=1e-10)
    error = (total / np.maximum(count, 1) - Y_DIABETES)[~seen]
    assert_allclose(-ensemble.best_validation_score_, np.mean(error**2) / 2)


def test_members_may_share_folds():
    ensemble = EnsembleMLPRegressor(regressor(), n_members=6, cv=3, random_state=0)
    ensemble.fit(X_DIABETES, Y_DIABETES)
    assert len(ensemble.estimators_) == 6
    score = r2_score(Y_DIABETES, ensemble.oof_predictions_)
    assert_allclose(ensemble.best_validation_score_, score)
    fixed = PredefinedSplit(np.arange(442) % 3)
    ensemble.set_params(cv=fixed).fit(X_DIABETES, Y_DIABETES)
    assert len({member.random_state for member in ensemble.estimators_}) == 6
    mean = np.empty(442)
    for fold in range(3):
        test = np.arange(442) % 3 == fold
        pair = ensemble.estimators_[fold], ensemble.estimators_[fold + 3]
        mean[test] = np.mean([net.predict(X_DIABETES[test]) for net in pair], axis=0)
    assert_allclose(ensemble.oof_predictions_, mean, rtol=1e-10)


def test_groups_are_not_divided():
    groups = np.repeat(np.arange(15), 10)
    ensemble = EnsembleMLPClassifier(classifier(), cv=GroupKFold(3), random_state=0)
    ensemble.fit(IRIS, LABELS, groups=groups)
    for member, (train, _) in zip(
        ensemble.estimators_, GroupKFold(3).split(IRIS, LABELS, groups), strict=True
    ):
        epochs = ensemble.best_iteration_
        other = classifier(max_iter=epochs, random_state=member.random_state)
        assert_same_weights(member, other.fit(IRIS[train], LABELS[train]))
    # Copies of a row are a group. Of folds that divide them, the score is too good.
    rng = np.random.RandomState(0)
    X, y = np.repeat(rng.normal(size=(30, 20)), 5, axis=0), np.repeat([0, 1] * 15, 5)
    net = MLPClassifier((50,), max_iter=40, tol=None, learning_rate_init=0.01)
    with_groups = EnsembleMLPClassifier(net, cv=3, random_state=0)
    with_groups.fit(X, y, groups=np.repeat(np.arange(30), 5))
    without = EnsembleMLPClassifier(net, cv=3, random_state=0).fit(X, y)
    assert without.best_validation_score_ > 0.95
    assert with_groups.best_validation_score_ < 0.85


@pytest.mark.parametrize("early_stopping", [False, True])
def test_patience_ends_training_of_all(early_stopping):
    net = classifier(
        early_stopping=early_stopping, max_iter=500, tol=1e-4, n_iter_no_change=4
    )
    ensemble = EnsembleMLPClassifier(net, cv=3, random_state=0).fit(IRIS, LABELS)
    assert ensemble.n_iter_ < 500
    assert {member.n_iter_ for member in ensemble.estimators_} == {ensemble.n_iter_}
    scores = np.array(ensemble.history_["val_score"])
    assert scores[-5:].max() <= scores[:-5].max() + 1e-4


def test_the_rate_of_all_falls_when_the_ensemble_does_not_improve():
    net = classifier(
        solver="sgd",
        learning_rate="adaptive",
        max_iter=60,
        tol=0.5,
        n_iter_no_change=1,
    )
    ensemble = EnsembleMLPClassifier(net, cv=3, random_state=0).fit(IRIS, LABELS)
    rates = ensemble.history_["learning_rate"]
    assert rates[0] == 0.01
    assert_allclose(rates[-1], 0.01 * 5.0 ** -len(set(rates[1:])) * 5, rtol=1e-9)
    for member in ensemble.estimators_:
        assert member.history_["learning_rate"] == rates


# The same rows held out from all ------------------------------------------------------


def test_one_set_of_rows_decides_for_all():
    net = classifier(early_stopping=True, validation_fraction=0.3, scoring="loss")
    ensemble = EnsembleMLPClassifier(net, n_members=3, random_state=0)
    ensemble.fit(IRIS, LABELS)
    assert ensemble.best_iteration_ == np.argmax(ensemble.history_["val_score"]) + 1
    assert_allclose(
        ensemble.history_["val_score"], np.negative(ensemble.history_["val_loss"])
    )
    given = EnsembleMLPClassifier(net, n_members=3, random_state=0)
    given.fit(IRIS[::2], LABELS[::2], X_val=IRIS[1::2], y_val=LABELS[1::2])
    expected = log_loss(LABELS[1::2], given.predict_proba(IRIS[1::2]))
    assert_allclose(-given.best_validation_score_, expected)
    members = given.estimators_
    for member in members:
        epochs = given.best_iteration_
        other = classifier(max_iter=epochs, random_state=member.random_state)
        assert_same_weights(member, other.fit(IRIS[::2], LABELS[::2]))


def test_validate_records_and_decides_nothing():
    net = regressor(validate=True, metrics=["neg_mean_absolute_error"])
    ensemble = EnsembleMLPRegressor(net, n_members=2, random_state=0)
    ensemble.fit(X_DIABETES, Y_DIABETES)
    assert ensemble.best_iteration_ == ensemble.n_iter_ == 12
    assert len(ensemble.history_["val_neg_mean_absolute_error"]) == 12
    assert max(ensemble.history_["val_neg_mean_absolute_error"]) < 0


@pytest.mark.parametrize(
    "scoring", ["neg_log_loss", "roc_auc_ovr", lambda e, X, y: e.score(X, y)]
)
def test_scorers_get_the_averaged_predictions(scoring):
    net = classifier(scoring=scoring, metrics={"again": scoring})
    ensemble = EnsembleMLPClassifier(net, cv=3, random_state=0).fit(IRIS, LABELS)
    assert ensemble.history_["val_again"] == ensemble.history_["val_score"]
    if scoring == "neg_log_loss":
        expected = -log_loss(LABELS, ensemble.oof_predictions_)
        assert_allclose(ensemble.best_validation_score_, expected)


# Refit --------------------------------------------------------------------------------


def test_refit_trains_on_all_rows_up_to_the_best_epoch():
    schedules = {"learning_rate": "coslog4", "dropout_schedule": "cosine"}
    net = classifier(max_iter=25, dropout=0.2, **schedules)
    ensemble = EnsembleMLPClassifier(net, cv=4, refit=True, random_state=0)
    ensemble.fit(IRIS, LABELS)
    before = EnsembleMLPClassifier(net, cv=4, random_state=0).fit(IRIS, LABELS)
    assert ensemble.history_["val_score"] == before.history_["val_score"]
    assert_array_equal(ensemble.oof_predictions_, before.oof_predictions_)
    epochs = ensemble.best_iteration_
    for member, other in zip(ensemble.estimators_, before.estimators_, strict=True):
        assert member.random_state == other.random_state
        seed = member.random_state
        alone = classifier(max_iter=epochs, dropout=0.2, random_state=seed, **schedules)
        assert_same_weights(member, alone.fit(IRIS, LABELS))
        assert not hasattr(member, "_optimizer_state")


# Going on -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        {"cv": 3},
        {"cv": None, "n_members": 3},
        {"cv": None, "n_members": 2, "estimator__early_stopping": True},
    ],
)
def test_resume_fit_gives_what_one_fit_gives(parameters):
    net = classifier(max_iter=14, dropout=0.2, scoring="loss")
    if len(parameters) == 2 and not parameters["cv"]:  # where it has no effect
        net.scoring = None
    whole = EnsembleMLPClassifier(net, random_state=0).set_params(**parameters)
    whole = clone(whole).fit(IRIS, LABELS)
    parts = EnsembleMLPClassifier(net, random_state=0).set_params(**parameters)
    parts = clone(parts).set_params(estimator__max_iter=5).fit(IRIS, LABELS)
    parts = pickle.loads(pickle.dumps(parts)).set_params(estimator__max_iter=14)
    parts.resume_fit(IRIS, LABELS)
    assert parts.n_iter_ == whole.n_iter_ == 14
    assert parts.best_iteration_ == whole.best_iteration_
    assert parts.history_["loss"] == whole.history_["loss"]
    assert_array_equal(parts.predict_proba(IRIS), whole.predict_proba(IRIS))
    if parameters["cv"]:
        assert_array_equal(parts.oof_predictions_, whole.oof_predictions_)


def test_the_best_epoch_before_a_break_is_kept():
    scores = iter([0.1, 0.5, 0.2, 0.3, 0.4])
    net = classifier(max_iter=3, scoring=lambda estimator, X, y: next(scores))
    ensemble = EnsembleMLPClassifier(net, cv=3, random_state=0).fit(IRIS, LABELS)
    before, oof = ensemble.predict_proba(IRIS), ensemble.oof_predictions_
    ensemble.set_params(estimator__max_iter=5).resume_fit(IRIS, LABELS)
    assert (ensemble.n_iter_, ensemble.best_iteration_) == (5, 2)
    assert_array_equal(ensemble.predict_proba(IRIS), before)
    assert_array_equal(ensemble.oof_predictions_, oof)


def test_what_cannot_be_resumed():
    ensemble = EnsembleMLPClassifier(classifier(), cv=3, random_state=0)
    with pytest.raises(ValueError, match=r"the ensemble is not fitted\. Call fit"):
        ensemble.resume_fit(IRIS, LABELS)
    ensemble.fit(IRIS, LABELS)
    with pytest.raises(ValueError, match="had 100 rows to train on, these are 99"):
        ensemble.set_params(estimator__max_iter=20).resume_fit(IRIS[1:], LABELS[1:])
    with pytest.raises(ValueError, match="there are 3, but the parameters now ask for"):
        ensemble.set_params(cv=4).resume_fit(IRIS, LABELS)
    ensemble.set_params(cv=3, refit=True).fit(IRIS, LABELS)
    weights = [member.coefs_[0] for member in ensemble.estimators_]
    ensemble.resume_fit(IRIS, LABELS)
    for member, expected in zip(ensemble.estimators_, weights, strict=True):
        assert_array_equal(member.coefs_[0], expected)
