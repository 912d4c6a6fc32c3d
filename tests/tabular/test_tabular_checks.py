"""scikit-learn's common checks of the tabular estimators."""

import inspect

import pytest
from sklearn.base import is_classifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknn.tabular import TabularMLPClassifier, TabularMLPRegressor

STRICT = (
    {"xfail_strict": True}
    if "xfail_strict" in inspect.signature(parametrize_with_checks).parameters
    else {}
)
SMALL = {"preset": "quick", "hidden_layer_sizes": (16,), "max_iter": 60}
OF_WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
REASON = "a row that weighs two is in one fold, two rows may be in two; and dropout"


@parametrize_with_checks(
    [TabularMLPClassifier(**SMALL), TabularMLPRegressor(**SMALL)],
    expected_failed_checks=lambda estimator: (
        {} if is_classifier(estimator) else {OF_WEIGHTS: REASON}
    ),
    **STRICT,
)
def test_tabular_estimator_checks(estimator, check):
    name = getattr(check, "func", check).__name__
    if name == OF_WEIGHTS and is_classifier(estimator):
        pytest.skip(f"labels may be the same or not: {REASON}")
    check(estimator)
