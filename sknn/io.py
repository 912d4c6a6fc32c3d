"""Models in files that run no code when they are loaded.

A pickle, and so a file of joblib, can run any code when it is loaded. A file of skops
holds arrays, numbers, strings and the names of types, and nothing but the types that
the reader trusts is made of them. Of ``sknn``, these are the two estimators:

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

skops refuses a file with any other type, and ``sknn`` one whose arrays do not fit
together. Estimators that use activations or losses of your own cannot be stored so,
for these are functions. Where a parameter is a function, such as ``learning_rate``, the
file holds its name, and the reader has to trust that name as well.
"""

from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.regressor import MLPRegressor

__all__ = ["TRUSTED_TYPES"]

TRUSTED_TYPES = [
    f"{estimator.__module__}.{estimator.__qualname__}"
    for estimator in (MLPClassifier, MLPRegressor)
]


def __dir__() -> list[str]:
    return sorted(__all__)
