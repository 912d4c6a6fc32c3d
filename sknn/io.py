"""Models in files that run no code when they are loaded.

A pickle, and so a file of joblib, can run any code when it is loaded. A file of skops
holds arrays, numbers, strings and the names of types, and nothing but the types that
the reader trusts is made of them. ``TRUSTED_TYPES`` names the two estimators, and what
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

Where a search has a scorer that you chose, trust also the
types that ``skops.io.get_untrusted_types`` lists, once you have read them.

skops refuses a file with any other type, and ``sknn`` one whose arrays do not fit
together. Estimators that use activations or losses of your own cannot be stored so,
for these are functions. Where a parameter is a function, such as ``learning_rate``, the
file holds its name, and the reader has to trust that name as well.
"""

from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.regressor import MLPRegressor

__all__ = ["TRUSTED_TYPES"]

_OURS = [
    f"{estimator.__module__}.{estimator.__qualname__}"
    for estimator in (MLPClassifier, MLPRegressor)
]
# What scikit-learn keeps in a fitted search, calibration or ensemble, and skops does
# not trust by itself.
_OF_SCIKIT_LEARN = [
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.utils._bunch.Bunch",
]

TRUSTED_TYPES = [*_OURS, *_OF_SCIKIT_LEARN]


def __dir__() -> list[str]:
    return sorted(__all__)
