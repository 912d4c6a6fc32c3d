"""Store small models of the current version, which all later versions must load.

    python tests/store_models.py

writes tests/models/VERSION. To be run once a release, with the lowest supported
versions of the libraries (tests/constraints-floor.txt), whose files the newer ones
read. What is there stays as it is.
"""

import pickle
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import skops.io

import sknn

MODELS = Path(__file__).parent / "models"

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 4)).round(3)
NUMBERS = (X @ [1.0, -2.0, 0.5, 0.0]).round(3)
CODES = np.digitize(NUMBERS, [-1, 1])

small = {"hidden_layer_sizes": (5, 3), "max_iter": 3, "random_state": 0}
FITS = {
    "classes": lambda: sknn.MLPClassifier(
        **small, normalization="batch", dropout=0.1, early_stopping=True
    ).fit(X, np.array(["low", "mid", "high"])[CODES]),
    "two classes": lambda: sknn.MLPClassifier(**small, solver="lbfgs").fit(
        X, CODES > 0
    ),
    "labels": lambda: sknn.MLPClassifier(
        **small, solver="sgd", activation=("tanh", "gelu"), normalization="layer"
    ).fit(X, np.column_stack([NUMBERS > 0, X[:, 0] > 0]).astype(int)),
    "numbers": lambda: sknn.MLPRegressor(**small, solver="adamw", loss="huber").fit(
        X.astype(np.float32), np.column_stack([NUMBERS, X[:, 1]])
    ),
    "quantiles": lambda: sknn.MLPRegressor(
        **small, solver="rmsprop", loss="quantile", quantile=[0.2, 0.8]
    ).fit(X, NUMBERS),
}


def outputs(model):
    """Return the predictions to compare: probabilities where there are any."""
    predict = getattr(model, "predict_proba", model.predict)
    return predict(X.astype(model.coefs_[0].dtype))


def store(folder):
    warnings.simplefilter("ignore")
    models = {name: fit() for name, fit in FITS.items()}
    folder.mkdir(parents=True)
    (folder / "models.pickle").write_bytes(pickle.dumps(models, protocol=4))
    joblib.dump(models, folder / "models.joblib", compress=9)
    skops.io.dump(models, folder / "models.skops", compression=zipfile.ZIP_DEFLATED)
    expected = {name: outputs(model) for name, model in models.items()}
    np.savez_compressed(folder / "expected.npz", X=X, **expected)


if __name__ == "__main__":
    store(MODELS / sknn.__version__)
