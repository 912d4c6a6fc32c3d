"""Models in files that run no code when they are loaded.

A pickle, and so a file of joblib, can run any code when it is loaded. A file of skops
holds arrays, numbers, strings and the names of types, and nothing but the types that
the reader trusts is made of them. ``TRUSTED_TYPES`` names those of sknn, and what
scikit-learn keeps in fitted Pipelines, searches, calibrated classifiers and ensembles:

>>> import skops.io  # pip install sknn[io]
>>> from sklearn.datasets import load_iris
>>> from sknn import MLPClassifier
>>> from sknn.io import TRUSTED_TYPES
>>> X, y = load_iris(return_X_y=True)
>>> model = MLPClassifier(solver="lbfgs", random_state=0).fit(X, y)
>>> file = skops.io.dumps(model)  # or skops.io.dump(model, path)
>>> loaded = skops.io.loads(file, trusted=TRUSTED_TYPES)
>>> bool((loaded.predict(X) == model.predict(X)).all())
True

The scorers that scikit-learn knows by name are among them, and so are its
splitters. For functions and distributions of your own, trust also the types that
``skops.io.get_untrusted_types`` lists, once you have read them.

skops refuses a file with any other type, and ``sknn`` one whose arrays do not fit
together. Estimators that use activations or losses of your own cannot be stored so,
for these are functions. Where a parameter is a function, such as ``learning_rate``, the
file holds its name, and the reader has to trust that name as well.
"""

from sklearn.metrics import get_scorer, get_scorer_names

from sknn.ensemble.classifier import EnsembleMLPClassifier
from sknn.ensemble.regressor import EnsembleMLPRegressor
from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.hidden_layer import HiddenLayerTransformer
from sknn.estimators.regressor import MLPRegressor
from sknn.tabular.classifier import TabularMLPClassifier
from sknn.tabular.regressor import TabularMLPRegressor
from sknn.tabular.stored_types import STORED_TYPES

__all__ = ["TRUSTED_TYPES"]

_OURS = [
    f"{estimator.__module__}.{estimator.__qualname__}"
    for estimator in (
        *(MLPClassifier, MLPRegressor, HiddenLayerTransformer),
        *(EnsembleMLPClassifier, EnsembleMLPRegressor),
        *(TabularMLPClassifier, TabularMLPRegressor),
        *STORED_TYPES,
    )
]
# What scikit-learn keeps in fitted Pipelines, searches, calibration and ensembles, and
# skops does not trust by itself.
_OF_SCIKIT_LEARN = [
    "numpy.dtype",  # in SimpleImputer
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
]
_SPLITTERS = [
    f"sklearn.model_selection._split.{name}"
    for name in (
        *("GroupKFold", "GroupShuffleSplit", "KFold", "LeaveOneGroupOut"),
        *("LeaveOneOut", "LeavePGroupsOut", "LeavePOut", "PredefinedSplit"),
        *("RepeatedKFold", "RepeatedStratifiedKFold", "ShuffleSplit"),
        *("StratifiedGroupKFold", "StratifiedKFold", "StratifiedShuffleSplit"),
        "TimeSeriesSplit",
    )
]
_METRICS = sorted(
    {
        f"{metric.__module__}.{metric.__qualname__}"
        for metric in (get_scorer(name)._score_func for name in get_scorer_names())
    }
)

#: Names of the types that a file of skops may hold: ``trusted=TRUSTED_TYPES``.
TRUSTED_TYPES = [*_OURS, *_OF_SCIKIT_LEARN, *_SPLITTERS, *_METRICS]


def __dir__() -> list[str]:
    return sorted(__all__)
