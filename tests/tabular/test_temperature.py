"""Temperature scaling, with scikit-learn's own as oracle."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.utils.fixes import parse_version

from sknn.tabular.temperature import apply_temperature, fit_temperature

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
