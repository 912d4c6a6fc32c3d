"""Safe files of what scikit-learn makes of our estimators."""

import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.io import TRUSTED_TYPES

X, Y = load_iris(return_X_y=True)
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
GRID = {"alpha": [0.1, 1.0]}


def network():
    return MLPClassifier(**SMALL)


def pipeline():
    return make_pipeline(StandardScaler(), network())


CLASSIFIERS = {
    "pipeline": pipeline,
    "columns": lambda: make_pipeline(
        ColumnTransformer(
            [("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), slice(2, 4))]
        ),
        network(),
    ),
    "grid search": lambda: GridSearchCV(network(), GRID, cv=2),
    "grid search over a pipeline": lambda: GridSearchCV(
        pipeline(), {"mlpclassifier__alpha": [0.1, 1.0]}, cv=2
    ),
    "random search": lambda: RandomizedSearchCV(network(), GRID, n_iter=1, cv=KFold(2)),
    "halving": lambda: HalvingGridSearchCV(network(), GRID, cv=2, random_state=0),
    "sigmoid": lambda: CalibratedClassifierCV(network(), cv=2),
    "isotonic": lambda: CalibratedClassifierCV(network(), method="isotonic", cv=2),
    "one calibration": lambda: CalibratedClassifierCV(network(), cv=2, ensemble=False),
    "frozen": lambda: CalibratedClassifierCV(FrozenEstimator(network().fit(X, Y))),
    "bagging": lambda: BaggingClassifier(network(), n_estimators=2, random_state=0),
    "voting": lambda: VotingClassifier(
        [("a", network()), ("b", pipeline())], voting="soft"
    ),
    "stacking": lambda: StackingClassifier([("a", network())], cv=2),
    "one versus rest": lambda: OneVsRestClassifier(network()),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name):
    model = CLASSIFIERS[name]().fit(X, Y)
    loaded = skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)
    assert_array_equal(loaded.predict(X), model.predict(X))
    assert_allclose(loaded.predict_proba(X), model.predict_proba(X), rtol=1e-12)


def test_temperature_calibration():
    try:
        model = CalibratedClassifierCV(network(), method="temperature", cv=2).fit(X, Y)
    except ValueError:
        pytest.skip("scikit-learn before 1.8")
    loaded = skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)
    assert_allclose(loaded.predict_proba(X), model.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("name", ["target", "bagging", "search"])
def test_regressors(name):
    own = MLPRegressor(**SMALL)
    model = {
        "target": TransformedTargetRegressor(own, transformer=StandardScaler()),
        "bagging": BaggingRegressor(own, n_estimators=2, random_state=0),
        "search": GridSearchCV(own, GRID, cv=2),
    }[name].fit(X, X[:, 0])
    loaded = skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)
    assert_array_equal(loaded.predict(X), model.predict(X))
