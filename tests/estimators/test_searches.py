"""Searches that give more epochs to better candidates."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import loguniform
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier

rng = np.random.RandomState(0)
X = rng.normal(size=(120, 4))
LABELS = np.digitize(X @ [1.0, -2.0, 0.5, 0.0], [-1, 1])
OPTIONS = {"hidden_layer_sizes": (5, 4), "tol": None, "random_state": 0}
RATES = [1e-5, 1e-4, 1e-2, 1e-1]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_halving_of_a_grid_gives_epochs_to_the_better(n_jobs):
    search = HalvingGridSearchCV(
        MLPClassifier(**OPTIONS),
        {"learning_rate_init": RATES},
        resource="max_iter",
        min_resources=5,
        max_resources=20,
        factor=2,
        cv=3,
        n_jobs=n_jobs,
        random_state=0,
        error_score="raise",
    ).fit(X, LABELS)
    assert search.n_resources_ == [5, 10, 20]
    assert search.n_candidates_ == [4, 2, 1]
    assert search.best_params_["learning_rate_init"] >= 1e-2
    assert search.best_estimator_.n_iter_ == 20
    # A candidate of the last round is a plain fit of as many epochs.
    plain = MLPClassifier(**OPTIONS, **search.best_params_).set_params(max_iter=20)
    assert_array_equal(plain.fit(X, LABELS).coefs_[0], search.best_estimator_.coefs_[0])


def test_halving_of_random_candidates_in_a_pipeline():
    name = "mlpclassifier__"
    search = HalvingRandomSearchCV(
        make_pipeline(StandardScaler(), MLPClassifier(**OPTIONS)),
        {
            f"{name}learning_rate_init": loguniform(1e-4, 1e-1),
            f"{name}hidden_layer_sizes__0": [2, 8],
        },
        resource=f"{name}max_iter",
        min_resources=5,
        max_resources=20,
        factor=2,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(X, LABELS)
    widths = search.cv_results_[f"param_{name}hidden_layer_sizes__0"]
    assert set(widths) == {2, 8}
    assert search.best_estimator_[-1].n_iter_ == 20
