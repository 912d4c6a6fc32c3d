"""Safe files of what scikit-learn makes of our estimators."""

import json
from functools import cache, partial
from importlib import import_module
from io import BytesIO
from zipfile import ZipFile

import numpy as np
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
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import (
    OneVsOneClassifier,
    OneVsRestClassifier,
    OutputCodeClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sknn import (
    EnsembleMLPClassifier,
    EnsembleMLPRegressor,
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
)
from sknn.io import TRUSTED_TYPES
from sknn.tabular import TableEncoder, TabularMLPClassifier, TabularMLPRegressor

pd = pytest.importorskip("pandas")

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
    "halving at random": lambda: HalvingRandomSearchCV(
        network(), GRID, n_candidates=2, cv=2, random_state=0
    ),
    "named scorer": lambda: GridSearchCV(network(), GRID, cv=2, scoring="accuracy"),
    "several scorers": lambda: GridSearchCV(
        *(network(), GRID), cv=2, scoring=["neg_log_loss", "f1_macro"], refit="f1_macro"
    ),
    "search for text": lambda: GridSearchCV(
        network(), {"activation": ["relu", "tanh"], "hidden_layer_sizes": [3, (2, 2)]}
    ),
    "imputer": lambda: make_pipeline(SimpleImputer(), network()),
    "selection": lambda: make_pipeline(SelectKBest(k=2), network()),
    "calibrated search": lambda: CalibratedClassifierCV(
        GridSearchCV(network(), GRID, cv=2), cv=2
    ),
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


OTHERS = {
    "one versus one": lambda: OneVsOneClassifier(network()).fit(X, Y),
    # Of six random bits of a code, some are alike for all classes.
    "code": lambda: OutputCodeClassifier(network(), random_state=3).fit(X, Y),
    "threshold": lambda: TunedThresholdClassifierCV(network(), cv=2).fit(X, Y > 0),
    "transformed target": lambda: TransformedTargetRegressor(
        regressor(), transformer=StandardScaler()
    ).fit(X, X[:, 0]),
    "bagged regressors": lambda: BaggingRegressor(
        regressor(), n_estimators=2, random_state=0
    ).fit(X, X[:, 0]),
    "search for a regressor": lambda: GridSearchCV(regressor(), GRID, cv=2).fit(
        X, X[:, 0]
    ),
}


def regressor():
    return MLPRegressor(**SMALL)


def encoder(numeric, tails):
    return TableEncoder(numeric=numeric, tails=tails).fit(table())


# sknn's own that consist of other types.
def table():
    days = np.datetime64("2024-01-01") + np.arange(len(X)).astype("m8[D]")
    heavy = np.r_[X[1:, 0], 1e6]
    columns = {"day": days, "kind": np.array(["a", "b", "c"])[Y], "size": heavy}
    return pd.DataFrame(columns)


def tabular(kind, target):
    return kind(preset="quick", max_iter=2, random_state=0).fit(table(), target)


OTHERS |= {
    "hidden layer": lambda: make_pipeline(
        HiddenLayerTransformer(network()), network()
    ).fit(X, Y),
    "ensemble": lambda: EnsembleMLPClassifier(network(), n_members=2).fit(X, Y),
    "ensemble of regressors": lambda: EnsembleMLPRegressor(
        regressor(), n_members=2
    ).fit(X, X[:, 0]),
}
OURS = {
    "table": lambda: tabular(TabularMLPClassifier, Y),
    "table of numbers": lambda: tabular(TabularMLPRegressor, X[:, 0]),
    **{
        f"encoder {numeric} {tails}": partial(encoder, numeric, tails)
        for numeric in ("robust", "standard", "quantile", "passthrough")
        for tails in (None, "linear", "log")
    },
}


def with_temperature():
    try:
        return CalibratedClassifierCV(network(), method="temperature", cv=2).fit(X, Y)
    except ValueError:
        return None  # scikit-learn before 1.8


@cache
def fitted(name):
    """Return a fitted model, its file, and the model that is loaded from the file."""
    made = OTHERS | OURS
    model = made[name]() if name in made else CLASSIFIERS[name]().fit(X, Y)
    file = skops.io.dumps(model)
    return model, file, skops.io.loads(file, trusted=TRUSTED_TYPES)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name):
    model, _, loaded = fitted(name)
    assert_array_equal(loaded.predict(X), model.predict(X))
    assert_allclose(loaded.predict_proba(X), model.predict_proba(X), rtol=1e-12)


def test_temperature_calibration():
    model = with_temperature()
    if model is None:
        pytest.skip("scikit-learn before 1.8")
    loaded = skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)
    assert_allclose(loaded.predict_proba(X), model.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_other_classifiers_and_regressors(name):
    model, _, loaded = fitted(name)
    assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize("name", OURS)
def test_tables(name):
    model, _, loaded = fitted(name)
    method = "transform" if hasattr(model, "transform") else "predict"
    assert_array_equal(
        getattr(loaded, method)(table()), getattr(model, method)(table())
    )


def found(path):
    """Return what a trusted type's name stands for, or None in older versions."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name, None)


def splitters():
    for path in TRUSTED_TYPES:
        if "._split." in path:
            arguments = {"LeavePOut": [2], "LeavePGroupsOut": [2]}
            arguments["PredefinedSplit"] = [np.array([0, 1])]
            kind = found(path)
            yield kind(*arguments.get(kind.__name__, []))


@pytest.mark.parametrize("name", sorted(get_scorer_names()))
def test_every_named_scorer(name):
    scorer = get_scorer(name)
    loaded = skops.io.loads(skops.io.dumps(scorer), trusted=TRUSTED_TYPES)
    assert loaded._score_func is scorer._score_func


def types_in(node):
    """Yield the names of the types that the schema of a file names."""
    if isinstance(node, dict):
        if "__class__" in node:
            yield f"{node['__module__']}.{node['__class__']}"
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from types_in(part)


def test_every_trusted_type_is_used():
    """Whether or not skops trusts it too, as it does what it found when imported."""
    files = [fitted(name)[1] for name in (*CLASSIFIERS, *OTHERS, *OURS)]
    parts = [*splitters(), *map(get_scorer, get_scorer_names()), with_temperature()]
    files += [skops.io.dumps(part) for part in parts]
    schemas = [json.loads(ZipFile(BytesIO(f)).read("schema.json")) for f in files]
    known = {path for path in TRUSTED_TYPES if found(path) is not None}
    untrusted = {kind for f in files for kind in skops.io.get_untrusted_types(data=f)}
    assert untrusted <= known <= set(types_in(schemas))
    assert len(set(TRUSTED_TYPES)) == len(TRUSTED_TYPES)
