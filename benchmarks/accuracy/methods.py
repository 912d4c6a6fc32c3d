"""What is measured: peers with their defaults, and sknn.

Each method makes an estimator that takes a table as it is. Trees and sknn's estimators
of tables take categories and missing values natively. Before the other networks and
the linear model stands what a careful user of scikit-learn would put there: medians in
the place of missing numbers and columns that tell where, scaling, one column a
category; for regression, a standardised target.
"""

import importlib
import importlib.util
import json
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from benchmarks.machine import version_of

# make(X, is_classifier, **parameters) returns an estimator for the columns of X.
Make = Callable[..., BaseEstimator]
BASE = "catboost"  # what the others are compared with


class Method(NamedTuple):
    """How the tables call it, whose it is, and how an estimator is made."""

    title: str
    package: str  # whose version counts
    module: str  # without which it is left out
    make: Make
    parameters: dict = {}  # noqa: RUF012 - nobody writes to it
    compiles: bool = False  # where a fit of few rows comes before what is timed
    attribute: str = ""  # of the module, without which it is left out as well


def is_there(name: str) -> bool:
    """Return whether the module of a method is installed, and has what it needs."""
    method = METHODS[name]
    try:
        found = importlib.util.find_spec(method.module) is not None
    except ModuleNotFoundError:  # not even what the module is in
        return False
    if not found or not method.attribute:
        return found
    return hasattr(importlib.import_module(method.module), method.attribute)


def digest(parameters: dict) -> str:
    """Return a few letters that change with the parameters."""
    text = json.dumps(parameters, sort_keys=True)
    return sha256(text.encode()).hexdigest()[:8]


def version(method: Method) -> str:
    """Name the package of a method and its version."""
    return f"{method.package} {version_of(method.package)}"


# Parts --------------------------------------------------------------------------------

NUMBERS = make_column_selector(dtype_exclude="category")
CATEGORIES = make_column_selector(dtype_include="category")


def prepared(estimator: BaseEstimator, is_classifier: bool) -> BaseEstimator:
    """Return an estimator of numbers with all that comes before it."""
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
    )
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((numbers, NUMBERS), (categories, CATEGORIES))
    if not is_classifier:
        estimator = TransformedTargetRegressor(estimator, transformer=StandardScaler())
    return make_pipeline(columns, estimator)


def with_text(X: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with text in the place of categories, as CatBoost wants it."""
    texts = {name: X[name].astype(object) for name in CATEGORIES(X)}
    return X.assign(
        **{name: text.where(text.notna(), "missing") for name, text in texts.items()}
    )


# Methods ------------------------------------------------------------------------------


def linear(X, is_classifier):
    model = LogisticRegression(max_iter=1000) if is_classifier else Ridge()
    return prepared(model, is_classifier)


def histgb(X, is_classifier):
    kind = HistGradientBoostingClassifier
    kind = kind if is_classifier else HistGradientBoostingRegressor
    return kind(categorical_features="from_dtype", random_state=0)


def lightgbm(X, is_classifier):
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMClassifier if is_classifier else LGBMRegressor
    return kind(n_jobs=1, verbosity=-1, random_state=0)


def catboost(X, is_classifier):
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostClassifier if is_classifier else CatBoostRegressor
    model = kind(
        cat_features=CATEGORIES(X) or None,
        thread_count=1,
        random_seed=0,
        verbose=False,
        allow_writing_files=False,
    )
    return make_pipeline(FunctionTransformer(with_text), model)


def network(library):
    """Return how the plain MLP of a library is made."""

    def make(X, is_classifier, **parameters):
        kind = "MLPClassifier" if is_classifier else "MLPRegressor"
        kind = getattr(importlib.import_module(library), kind)
        return prepared(kind(random_state=0, **parameters), is_classifier)

    return make


def bag(X, is_classifier, n_members, **parameters):
    """Return several networks, each of which stops early by rows of its own."""
    import sknn

    kind = sknn.MLPClassifier if is_classifier else sknn.MLPRegressor
    bagging = BaggingClassifier if is_classifier else BaggingRegressor
    members = bagging(
        kind(**parameters), n_estimators=n_members, bootstrap=False, random_state=0
    )
    return prepared(members, is_classifier)


def tabular(X, is_classifier, **parameters):
    import sknn.tabular

    kind = "TabularMLPClassifier" if is_classifier else "TabularMLPRegressor"
    return getattr(sknn.tabular, kind)(random_state=0, **parameters)


def changed(X, is_classifier, **parameters):
    """Return an estimator of tables with other networks."""
    from benchmarks.accuracy.changed import ChangedClassifier, ChangedRegressor

    kind = ChangedClassifier if is_classifier else ChangedRegressor
    return kind(random_state=0, **parameters)


_BAG = {
    "n_members": 5,
    "hidden_layer_sizes": (256, 256),
    "activation": "silu",
    "solver": "adamw",
    "learning_rate": "one_cycle",
    "learning_rate_init": 2e-3,
    "max_iter": 60,
    "dropout": 0.1,
    "early_stopping": True,
    "scoring": "loss",
    "n_iter_no_change": 60,
}
_SKNN = {"package": "sknn", "module": "sknn", "compiles": True}
_TABULAR = _SKNN | {"module": "sknn.tabular", "attribute": "TabularMLPClassifier"}
_TABULAR |= {"make": tabular}
METHODS = {
    "linear": Method("linear", "scikit-learn", "sklearn", linear),
    "sklearn-mlp": Method(
        "scikit-learn's MLP",
        "scikit-learn",
        "sklearn",
        network("sklearn.neural_network"),
    ),
    "histgb": Method("HistGradientBoosting", "scikit-learn", "sklearn", histgb),
    "lightgbm": Method("LightGBM", "lightgbm", "lightgbm", lightgbm),
    "catboost": Method("CatBoost", "catboost", "catboost", catboost),
    "sknn-mlp": Method("sknn's MLP", make=network("sknn"), **_SKNN),
    "sknn-bag": Method("five sknn MLPs", make=bag, parameters=_BAG, **_SKNN),
    "tabular-quick": Method(
        "TabularMLP, quick", parameters={"preset": "quick"}, **_TABULAR
    ),
    "tabular": Method("TabularMLP", **_TABULAR),
    "tabular-best": Method(
        "TabularMLP, best", parameters={"preset": "best"}, **_TABULAR
    ),
    "tabular-changed": Method(
        "TabularMLP, other networks", **_TABULAR | {"make": changed}
    ),
}
