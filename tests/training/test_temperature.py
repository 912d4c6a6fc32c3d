"""Temperature scaling, with scikit-learn's own as oracle, and the score by it."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.utils.fixes import parse_version

import sknn
from sknn.training.scorers import neg_calibrated_log_loss
from sknn.training.temperature import apply_temperature, fit_temperature

rng = np.random.RandomState(0)
N = 400


class Logits(ClassifierMixin, BaseEstimator):
    """Its decision function is X."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X

    def predict(self, X):
        return self.classes_[X.argmax(axis=1)]


def overconfident(n_classes, factor):
    logits = rng.normal(size=(N, n_classes))
    codes = np.array([rng.choice(n_classes, p=p) for p in softmax(logits, axis=1)])
    return factor * logits, codes


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="scikit-learn has temperature scaling from 1.8 on",
)
@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_as_scikit_learn(factor, weighted):
    logits, codes = overconfident(3, factor)
    weights = rng.uniform(0, 2, size=N) if weighted else None
    temperature = fit_temperature(softmax(logits, axis=1), codes, weights)
    oracle = CalibratedClassifierCV(
        FrozenEstimator(Logits().fit(logits, codes)), method="temperature", cv=2
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Since FrozenEstimator does not appear")
        oracle.fit(logits, codes, sample_weight=weights)
    expected = oracle.predict_proba(logits)
    found = apply_temperature(softmax(logits, axis=1), temperature)
    assert_allclose(found, expected, atol=2e-4)


def test_the_temperature_of_which_probabilities_were_made():
    probabilities, codes = (
        np.repeat([[0.75, 0.25]], 400, axis=0),
        np.tile([0, 0, 0, 1], 100),
    )
    assert_allclose(fit_temperature(probabilities, codes, None), 1.0, rtol=1e-3)
    sharper = apply_temperature(probabilities, 0.5)
    assert_allclose(sharper[0], [0.9, 0.1])
    assert_allclose(fit_temperature(sharper, codes, None), 2.0, rtol=1e-3)


def test_weights_count_as_repeated_rows():
    logits, codes = overconfident(4, 3.0)
    probabilities, counts = softmax(logits, axis=1), rng.randint(0, 3, size=N)
    repeated = np.repeat(np.arange(N), counts)
    assert_allclose(
        fit_temperature(probabilities, codes, counts.astype(float)),
        fit_temperature(probabilities[repeated], codes[repeated], None),
        rtol=1e-4,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_certain_probabilities(dtype):
    probabilities = np.array([[1.0, 0.0], [0.5, 0.5]], dtype)
    scaled = apply_temperature(probabilities, 2.0)
    assert scaled.dtype == dtype
    assert np.isfinite(scaled).all()
    assert_allclose(scaled.sum(axis=1), 1, rtol=1e-6)
    assert_array_equal(scaled.argmax(axis=1), [0, 0])


# The score by which an epoch is chosen ------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_score_is_the_log_loss_of_scaled_probabilities(n_classes, weighted):
    logits, codes = overconfident(n_classes, 4.0)
    names = np.array(["a", "b", "c"])[:n_classes]
    model = sknn.MLPClassifier((5,), max_iter=3, random_state=0)
    model.fit(logits, names[codes])
    weights = rng.uniform(0, 2, size=N) if weighted else None
    found = neg_calibrated_log_loss(model, logits, names[codes], weights)
    losses = [
        log_loss(
            codes,
            softmax(np.log(model.predict_proba(logits)) / temperature, axis=1),
            sample_weight=weights,
        )
        for temperature in np.geomspace(0.5, 20, 201)
    ]
    assert_allclose(found, -min(losses), rtol=1e-3)


@pytest.mark.parametrize("way", [sknn.MLPClassifier, sknn.EnsembleMLPClassifier])
def test_the_epoch_is_the_one_whose_classes_are_told_apart_best(way):
    logits, codes = overconfident(3, 1.0)
    X = np.column_stack([logits, rng.normal(size=(N, 20))])
    network = sknn.MLPClassifier(
        (50,),
        learning_rate_init=0.02,
        max_iter=40,
        n_iter_no_change=40,
        early_stopping=True,
        scoring="neg_calibrated_log_loss",
        metrics=["neg_log_loss"],
        random_state=0,
    )
    model = network
    if way is not sknn.MLPClassifier:
        model = way(network, n_members=3, cv=3, random_state=0)
    model.fit(X, codes)
    scores, raw = (
        np.array(model.history_[name]) for name in ("val_score", "val_neg_log_loss")
    )
    assert model.best_validation_score_ == scores.max()
    assert scores.argmax() != raw.argmax()
    assert (scores >= raw - 1e-6).all()
    if way is sknn.EnsembleMLPClassifier:
        assert model.best_iteration_ == scores.argmax() + 1


@pytest.mark.parametrize(
    ("estimator", "y", "kind"),
    [
        (sknn.MLPRegressor, rng.normal(size=N), "continuous"),
        (sknn.MLPClassifier, rng.randint(2, size=(N, 2)), "multilabel-indicator"),
    ],
)
def test_other_targets_than_classes_have_no_such_score(estimator, y, kind):
    model = estimator(early_stopping=True, scoring="neg_calibrated_log_loss")
    with pytest.raises(ValueError, match=f"one a row, but y is {kind}"):
        model.fit(rng.normal(size=(N, 3)), y)
    assert not hasattr(model, "coefs_")
