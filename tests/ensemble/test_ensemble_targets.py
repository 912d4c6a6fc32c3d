"""Ensembles of every loss, and of targets, weights and data of several kinds."""

import numpy as np
import pytest
import scipy.sparse
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
from sklearn.metrics import accuracy_score, mean_pinball_loss, r2_score
from sklearn.model_selection import KFold

from sknn import EnsembleMLPClassifier, EnsembleMLPRegressor


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        ("squared_error", lambda y, p: np.mean((y - p) ** 2) / 2),
        ("poisson", lambda y, p: np.mean(p - y * np.log(p))),
        ("quantile", lambda y, p: mean_pinball_loss(y, p)),
    ],
)
def test_the_validation_loss_is_that_of_the_mean(loss, metric):
    y = np.exp(Y_DIABETES)
    net = regressor(loss=loss, scoring="loss")
    ensemble = EnsembleMLPRegressor(net, cv=3, random_state=0).fit(X_DIABETES, y)
    expected = metric(y, ensemble.oof_predictions_)
    found = ensemble.history_["val_loss"][ensemble.best_iteration_ - 1]
    if loss == "poisson":  # reported as half the deviance, or up to a constant
        changes = np.diff(ensemble.history_["val_loss"])
        assert np.isfinite(changes).all()
        return
    assert_allclose(found, expected, rtol=1e-6)


def test_several_quantiles_are_averaged_each():
    net = regressor(loss="quantile", quantile=[0.1, 0.5, 0.9])
    ensemble = EnsembleMLPRegressor(net, cv=3, random_state=0)
    ensemble.fit(X_DIABETES, Y_DIABETES)
    predictions = ensemble.predict(X_DIABETES)
    assert predictions.shape == ensemble.oof_predictions_.shape == (442, 3)
    assert (np.diff(predictions, axis=1) >= 0).all()
    mean = np.mean([net.predict(X_DIABETES) for net in ensemble.estimators_], axis=0)
    assert_allclose(predictions, mean, rtol=1e-10)
    losses = [
        mean_pinball_loss(Y_DIABETES, ensemble.oof_predictions_[:, k], alpha=level)
        for k, level in enumerate(net.quantile)
    ]
    found = ensemble.history_["val_loss"][ensemble.best_iteration_ - 1]
    assert_allclose(found, np.sum(losses), rtol=1e-6)


@pytest.mark.parametrize("scoring", [None, "loss", "neg_mean_squared_error"])
def test_networks_that_standardise(scoring):
    X, y = 1e3 + 1e2 * X_DIABETES, 1e5 + 1e4 * Y_DIABETES
    net = regressor(standardize=True, standardize_y=True, scoring=scoring)
    folds = KFold(3, shuffle=True, random_state=2)
    ensemble = EnsembleMLPRegressor(net, cv=folds, random_state=0).fit(X, y)
    expected = np.empty(442)
    for member, (train, test) in zip(ensemble.estimators_, folds.split(X), strict=True):
        epochs = ensemble.best_iteration_
        alone = regressor(
            standardize=True,
            standardize_y=True,
            max_iter=epochs,
            random_state=member.random_state,
        )
        assert_same_weights(member, alone.fit(X[train], y[train]))
        expected[test] = alone.predict(X[test])
    assert_array_equal(ensemble.oof_predictions_, expected)
    first, _ = next(folds.split(X))  # in whose units losses are
    loss = np.mean((expected - y) ** 2) / np.var(y[first]) / 2
    best = ensemble.history_["val_loss"][ensemble.best_iteration_ - 1]
    assert_allclose(best, loss, rtol=1e-9)
    scores = {
        None: r2_score(y, expected),
        "loss": -loss,
        "neg_mean_squared_error": -np.mean((expected - y) ** 2),
    }
    assert_allclose(ensemble.best_validation_score_, scores[scoring], rtol=1e-9)


def test_several_labels_and_targets():
    Y = np.column_stack([LABELS == 0, LABELS > 0, LABELS == 1]).astype(int)
    ensemble = EnsembleMLPClassifier(classifier(), cv=3, random_state=0).fit(IRIS, Y)
    mean = np.mean([net.predict_proba(IRIS) for net in ensemble.estimators_], axis=0)
    assert_allclose(ensemble.predict_proba(IRIS), mean, rtol=1e-12)
    assert_array_equal(ensemble.predict(IRIS), (mean > 0.5).astype(int))
    assert ensemble.oof_predictions_.shape == (150, 3)
    Y = np.column_stack([Y_DIABETES, -Y_DIABETES])
    regression = EnsembleMLPRegressor(regressor(), cv=3, random_state=0)
    regression.fit(X_DIABETES, Y)
    assert regression.predict(X_DIABETES).shape == (442, 2)
    assert regression.score(X_DIABETES, Y) > 0.3


def test_two_classes_of_text_and_one_class():
    y = np.array(["no", "yes"])[(LABELS > 0).astype(int)]
    ensemble = EnsembleMLPClassifier(classifier(), cv=3, random_state=0).fit(IRIS, y)
    assert ensemble.predict_proba(IRIS).shape == (150, 2)
    assert_allclose(ensemble.predict_proba(IRIS).sum(axis=1), 1)
    assert ensemble.score(IRIS, y) == 1
    assert_allclose(
        ensemble.predict_log_proba(IRIS), np.log(ensemble.predict_proba(IRIS))
    )
    only = EnsembleMLPClassifier(classifier(), n_members=2, random_state=0)
    assert set(only.fit(IRIS, ["a"] * 150).predict(IRIS)) == {"a"}


def test_scores_of_the_hinge_loss_are_averaged():
    net = classifier(loss="hinge")
    ensemble = EnsembleMLPClassifier(net, cv=3, random_state=0).fit(IRIS, LABELS)
    mean = np.mean(
        [net.decision_function(IRIS) for net in ensemble.estimators_], axis=0
    )
    assert_allclose(ensemble.decision_function(IRIS), mean, rtol=1e-10)
    assert ensemble.oof_predictions_.shape == (150, 3)
    assert not hasattr(ensemble, "predict_proba")
    assert not hasattr(EnsembleMLPClassifier(), "decision_function")


def test_weights_count_in_training_and_in_the_score():
    rng = np.random.RandomState(0)
    weights = rng.randint(0, 3, size=150).astype(float)
    net = classifier(class_weight={0: 1.0, 1: 2.0, 2: 1.0})
    folds = KFold(3, shuffle=True, random_state=1)
    ensemble = EnsembleMLPClassifier(net, cv=folds, random_state=0)
    ensemble.fit(IRIS, LABELS, sample_weight=weights)
    predicted = ensemble.oof_predictions_.argmax(axis=1)
    expected = accuracy_score(LABELS, predicted, sample_weight=weights)
    assert_allclose(ensemble.best_validation_score_, expected)
    member, (train, _) = ensemble.estimators_[0], next(folds.split(IRIS))
    other = classifier(
        class_weight=net.class_weight,
        max_iter=ensemble.best_iteration_,
        random_state=member.random_state,
    )
    other.fit(IRIS[train], LABELS[train], sample_weight=weights[train])
    # The mean weight of the classes is that of all rows, not of the member's.
    assert_allclose(other.coefs_[0], member.coefs_[0], rtol=0.1, atol=0.05)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_data_give_what_dense_data_do(dtype):
    X = np.where(np.abs(IRIS) > 1, IRIS, 0).astype(dtype)
    dense = EnsembleMLPClassifier(classifier(), cv=3, random_state=0).fit(X, LABELS)
    sparse = EnsembleMLPClassifier(classifier(), cv=3, random_state=0)
    sparse.fit(scipy.sparse.csr_array(X), LABELS)
    assert dense.predict_proba(X).dtype == dtype
    assert_allclose(
        sparse.predict_proba(scipy.sparse.csr_array(X)),
        dense.predict_proba(X),
        rtol=1e-4 if dtype == np.float32 else 1e-9,
    )
    assert_allclose(sparse.oof_predictions_, dense.oof_predictions_, atol=1e-4)
