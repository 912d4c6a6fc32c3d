"""Data, pairs of networks of which one standardises, and how they are compared."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose

from sknn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
# Far from zero and of very different size; the last column is constant.
SCALES, OFFSETS = np.array([1, 1e-3, 40, 5e5, 1]), np.array([0, 1, -300, 2e6, 7.3])
Z = np.c_[rng.normal(size=(160, 4)), np.zeros(160)]
X = Z * SCALES + OFFSETS
NUMBERS = Z @ [1.0, -2.0, 0.5, 1.0, 0.0] + 0.1 * rng.normal(size=160)
LABELS = np.digitize(NUMBERS, [-1.0, 1.0])
WEIGHTS = rng.randint(4, size=160) * rng.uniform(0.5, 2, size=160)
SPARSE = scipy.sparse.csr_array(
    scipy.sparse.random(160, 5, density=0.4, random_state=0, format="csr")
)
SPARSE.data *= (SCALES * 10)[SPARSE.indices]
OPTIONS = {"hidden_layer_sizes": (6, 5), "max_iter": 5, "random_state": 0}
ESTIMATORS = {MLPClassifier: LABELS, MLPRegressor: NUMBERS}
both = pytest.mark.parametrize("estimator", ESTIMATORS)


def pair(estimator, **options):
    """Return two of the same network, of which the first standardises."""
    options = {**OPTIONS, **options}
    return estimator(standardize=True, **options), estimator(**options)


def assert_same_fit(own, other, rtol=1e-7):
    """Compare weights; those for constant features, too."""
    for name in ("coefs_", "intercepts_"):
        for one, two in zip(getattr(own, name), getattr(other, name), strict=True):
            assert_allclose(one, two, rtol=rtol, atol=rtol)
    for name in own.history_.keys() - {"seconds"}:
        assert_allclose(own.history_[name], other.history_[name], rtol=rtol, atol=rtol)


def assert_statistics(model, scaler, rtol=1e-12):
    means, deviations, weight = model.input_statistics_[0]
    assert_allclose(means, scaler.mean_, rtol=rtol)
    divisors = np.where(deviations > 0, deviations, 1)
    assert_allclose(divisors, scaler.scale_, rtol=rtol)
    assert_allclose(weight, scaler.n_samples_seen_, rtol=rtol)
