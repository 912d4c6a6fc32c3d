"""scikit-learn's common checks of the tabular estimators."""

import inspect

from sklearn.utils.estimator_checks import parametrize_with_checks

from sknn.tabular import TabularMLPClassifier, TabularMLPRegressor

STRICT = (
    {"xfail_strict": True}
    if "xfail_strict" in inspect.signature(parametrize_with_checks).parameters
    else {}
)
SMALL = {"preset": "quick", "hidden_layer_sizes": (16,), "max_iter": 60}
FAILING = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a row that weighs two is in one fold, two rows may be in two; and dropout"
    )
}


@parametrize_with_checks(
    [TabularMLPClassifier(**SMALL), TabularMLPRegressor(**SMALL)],
    expected_failed_checks=lambda estimator: FAILING,
    **STRICT,
)
def test_tabular_estimator_checks(estimator, check):
    check(estimator)
