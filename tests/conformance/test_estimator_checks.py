"""scikit-learn's common checks of estimators.

Where a check cannot hold in a configuration, it must be one that scikit-learn's own
MLP fails in the same configuration.
"""

import inspect
import json
import os
import subprocess
import sys
from unittest import SkipTest

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import neural_network
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    estimator_checks_generator,
    parametrize_with_checks,
)
from sklearn.utils.metaestimators import available_if

import sknn

# An xfail that passes is a failure; scikit-learn 1.8 made this an option.
STRICT = (
    {"xfail_strict": True}
    if "xfail_strict" in inspect.signature(parametrize_with_checks).parameters
    else {}
)

SOLVERS = [
    {},  # the defaults, which are those of adam
    {"solver": "sgd", "max_iter": 100},
    # After more iterations the probabilities are exactly 0 and 1, which
    # check_classifiers_multilabel_output_format_predict_proba takes for an error.
    {"solver": "lbfgs", "max_iter": 50},
]


@parametrize_with_checks(
    [
        estimator(**parameters)
        for parameters in SOLVERS
        for estimator in (sknn.MLPClassifier, sknn.MLPRegressor)
    ],
    expected_failed_checks=lambda estimator: {},
    **STRICT,
)
def test_estimator_checks(estimator, check):
    check(estimator)


CLASSIFIER, REGRESSOR = sknn.MLPClassifier, sknn.MLPRegressor
OTHER_SOLVERS = ("adagrad", "rmsprop", "adamw", "nadam", "amsgrad", "lion")
LIMITS = {"max_norm": 3.0, "clipvalue": 0.5, "global_clipnorm": 1.0}


# Configurations with what scikit-learn's estimators do not have. The checks that cannot
# hold for others are told below. Representative ones run by default.
REPRESENTATIVE = [
    CLASSIFIER(solver="rmsprop"),
    REGRESSOR(activation="mish"),
    CLASSIFIER(normalization="batch"),
    REGRESSOR(normalization="layer", hidden_layer_sizes=(20, 20)),
    CLASSIFIER(loss="hinge"),
    REGRESSOR("quantile"),
]
OTHERS = [
    *(CLASSIFIER(solver=solver) for solver in OTHER_SOLVERS if solver != "rmsprop"),
    *(REGRESSOR(solver=solver) for solver in OTHER_SOLVERS),
    CLASSIFIER((20, 10), ("tanh", "gelu")),
    CLASSIFIER(50, "step"),
    REGRESSOR(hidden_layer_sizes=20, n_hidden_layers=3),
    CLASSIFIER(kernel_initializer="orthogonal", bias_initializer="zeros"),
    REGRESSOR(kernel_initializer="he_normal"),
    CLASSIFIER(learning_rate="one_cycle", warmup_epochs=3),
    REGRESSOR(learning_rate="cosine_restarts"),
    CLASSIFIER(l1_ratio=0.5, weight_decay=0.01, **LIMITS),
    REGRESSOR(l1_ratio=0.5, weight_decay=0.01, **LIMITS),
    CLASSIFIER(normalization="layer"),
    REGRESSOR(normalization="batch"),
    CLASSIFIER(loss="focal"),
    CLASSIFIER(label_smoothing=0.1),
    *(REGRESSOR(loss) for loss in ("absolute_error", "huber", "log_cosh")),
    CLASSIFIER(class_weight="balanced", solver="lbfgs", max_iter=50),
    CLASSIFIER(metrics=["accuracy"]),
]


@parametrize_with_checks(
    REPRESENTATIVE, expected_failed_checks=lambda estimator: {}, **STRICT
)
def test_estimator_checks_of_each_group(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(OTHERS, expected_failed_checks=lambda estimator: {}, **STRICT)
def test_estimator_checks_of_other_configurations(estimator, check):
    check(estimator)


# Rows that weigh two are no two rows there: each row is dropped from for itself.
@pytest.mark.parametrize("estimator", [CLASSIFIER, REGRESSOR])
def test_estimator_checks_with_dropout(estimator):
    assert failed_checks(estimator(dropout=0.1, input_dropout=0.05)) == {
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    }


# Beside scikit-learn ---------------------------------------------------------------


class TheirClassifier(neural_network.MLPClassifier):
    """scikit-learn's, as a third party's: its own get other parameters for a check."""


class TheirRegressor(neural_network.MLPRegressor):
    """scikit-learn's, with a tag that adds the check of several outputs."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def to_float32(X):
    """Return numbers as float32, and all else as it is."""
    if not hasattr(X, "dtype") and not hasattr(X, "dtypes"):
        X = np.asarray(X)
    if getattr(X, "dtype", np.dtype(float)).kind not in "fiu":
        return X
    with np.errstate(over="ignore"):
        return X.astype(np.float32)


def is_stochastic(estimator):
    return estimator.solver != "lbfgs"


class InFloat32:
    """Mixin that makes an estimator see float32 only."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(to_float32(X), y, sample_weight)

    def predict(self, X):
        return super().predict(to_float32(X))


class ClassifierInFloat32(InFloat32):
    @available_if(is_stochastic)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        return super().partial_fit(to_float32(X), y, sample_weight, classes)

    def predict_proba(self, X):
        return super().predict_proba(to_float32(X))

    def predict_log_proba(self, X):
        return super().predict_log_proba(to_float32(X))


class RegressorInFloat32(InFloat32):
    @available_if(is_stochastic)
    def partial_fit(self, X, y, sample_weight=None):
        return super().partial_fit(to_float32(X), y, sample_weight)


class OurClassifier32(ClassifierInFloat32, sknn.MLPClassifier):
    pass


class OurRegressor32(RegressorInFloat32, sknn.MLPRegressor):
    pass


class TheirClassifier32(ClassifierInFloat32, TheirClassifier):
    pass


class TheirRegressor32(RegressorInFloat32, TheirRegressor):
    pass


def failed_checks(estimator, among=None):
    """Return the names of the checks that fail, of all or of some."""
    failed = set()
    for instance, check in estimator_checks_generator(estimator):
        name = check.func.__name__
        if among is not None and name not in among:
            continue
        try:
            check(instance)
        except SkipTest:
            pass
        except Exception:
            failed.add(name)
    return failed


def assert_no_check_fails_but_theirs(ours, theirs, parameters, but=frozenset()):
    failed = failed_checks(ours(**parameters)) - but
    assert failed <= failed_checks(theirs(**parameters), among=failed)


CLASSIFIERS = (sknn.MLPClassifier, TheirClassifier)
REGRESSORS = (sknn.MLPRegressor, TheirRegressor)


@pytest.mark.parametrize(
    "parameters",
    [
        {"early_stopping": True, "max_iter": 50},
        {"batch_size": 7, "max_iter": 20},
        {"hidden_layer_sizes": (), "max_iter": 100},
        {"activation": "tanh", "solver": "sgd", "learning_rate": "adaptive"},
        {"activation": "logistic", "hidden_layer_sizes": (9, 5, 3)},
        {"warm_start": True, "max_iter": 50},
        {"solver": "lbfgs", "activation": "identity"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("ours", "theirs"), [CLASSIFIERS, REGRESSORS], ids=["classifier", "regressor"]
)
@pytest.mark.default_cases(3)
def test_no_check_fails_but_theirs(ours, theirs, parameters):
    # scikit-learn's has no class_weight, so this check is not made for it; these are
    # trained for too short a time for its extreme weights.
    short = parameters.keys() & {"early_stopping", "hidden_layer_sizes"}
    but = {"check_class_weight_classifiers"} if short else set()
    assert_no_check_fails_but_theirs(ours, theirs, parameters, but)


def test_no_check_fails_but_theirs_with_poisson_loss():
    """Negative targets are refused here, and in scikit-learn make the loss NaN."""
    assert_no_check_fails_but_theirs(
        *REGRESSORS,
        {"loss": "poisson", "max_iter": 100},
        but={"check_regressor_multioutput"},  # has negative targets in spite of tags
    )


# Checks that ask for float64. scikit-learn passes them now and then, for its gradients
# (regressor) and its results (lbfgs) are float64 even where X is float32.
FINER_THAN_FLOAT32 = {
    # rtol=1e-7, but neighbours in float32 are 1.2e-7 apart. test_weights_repeat_rows
    # below is the same in float32's terms.
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
    "check_regressor_multioutput",  # wants predictions in float64
}


# The penalty keeps probabilities away from 0, the logarithm of which warns.
@pytest.mark.parametrize(
    "parameters", [*SOLVERS[:2], {"solver": "lbfgs", "alpha": 1.0}], ids=str
)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(OurClassifier32, TheirClassifier32), (OurRegressor32, TheirRegressor32)],
    ids=["classifier", "regressor"],
)
@pytest.mark.default_cases(1)
def test_no_check_fails_but_theirs_in_float32(ours, theirs, parameters):
    assert_no_check_fails_but_theirs(ours, theirs, parameters, but=FINER_THAN_FLOAT32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("estimator", [sknn.MLPClassifier, sknn.MLPRegressor])
def test_weights_repeat_rows(estimator, solver, dtype):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(15, 10)).astype(dtype)
    y = rng.randint(0, 3, size=15)
    weights = rng.randint(0, 5, size=15)
    parameters = {"solver": solver, "max_iter": 20, "random_state": 0}
    weighted = estimator(**parameters).fit(X, y, sample_weight=weights)
    repeated = estimator(**parameters).fit(
        np.repeat(X, weights, axis=0), np.repeat(y, weights)
    )
    predict = "predict_proba" if hasattr(weighted, "predict_proba") else "predict"
    rtol = 1e-3 if dtype == np.float32 else 1e-7
    assert_allclose(getattr(weighted, predict)(X), getattr(repeated, predict)(X), rtol)


# With SCIPY_ARRAY_API=1 ------------------------------------------------------------

ARRAY_API_SCRIPT = """
import json
import sknn
from sklearn.utils.estimator_checks import check_estimator

results = []
for estimator in (sknn.MLPClassifier(), sknn.MLPRegressor()):
    checks = check_estimator(estimator, on_fail=None, on_skip=None)
    names = ("check_name", "status", "exception")
    results.append([[str(check[name]) for name in names] for check in checks])
print(json.dumps(results))
"""


def test_estimator_checks_with_array_api():
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ARRAY_API_SCRIPT],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    theirs = [neural_network.MLPClassifier(), neural_network.MLPRegressor()]
    for their, checks in zip(theirs, json.loads(run.stdout), strict=True):
        assert len(checks) > 50
        assert [check for check in checks if check[1] == "failed"] == []
        # scikit-learn 1.7 has the check for estimators that support the array API only.
        names = {check.func.__name__ for _, check in estimator_checks_generator(their)}
        passed = {name for name, status, _ in checks if status == "passed"}
        assert names & {"check_array_api_input"} <= passed


# Tags ------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (sknn.MLPClassifier, neural_network.MLPClassifier),
        (sknn.MLPRegressor, neural_network.MLPRegressor),
    ],
)
def test_tags_are_theirs(ours, theirs, solver):
    expected = get_tags(theirs(solver=solver))
    # scikit-learn's regressor takes several outputs, but its tags do not say so.
    expected.target_tags.multi_output = ours is sknn.MLPRegressor
    assert get_tags(ours(solver=solver)) == expected


def test_tags():
    classifier = get_tags(sknn.MLPClassifier())
    regressor = get_tags(sknn.MLPRegressor())
    assert classifier.input_tags.sparse
    assert regressor.input_tags.sparse
    assert classifier.classifier_tags.multi_label
    assert not classifier.target_tags.multi_output
    assert regressor.target_tags.multi_output
    assert not classifier.input_tags.allow_nan
    assert not regressor.input_tags.allow_nan


def test_tags_of_the_poisson_loss():
    """The loss refuses negative targets, which is what this tag tells the checks."""
    tags = get_tags(sknn.MLPRegressor(loss="poisson"))
    assert tags.target_tags.positive_only
    assert not get_tags(sknn.MLPRegressor()).target_tags.positive_only
