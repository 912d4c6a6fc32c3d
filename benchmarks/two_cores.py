"""What is timed on one core and on two, in processes of their own."""

import warnings
from functools import cache

import joblib
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

import sknn
from benchmarks.cases import CASES
from benchmarks.peers.estimators import Sknn
from benchmarks.timing import seconds

GRID = {
    "hidden_layer_sizes": [(50,), (100,), (200,), (100, 50)],
    "alpha": [1e-4, 1e-2],
    "learning_rate_init": [1e-3, 1e-2],
}
warnings.simplefilter("ignore")


def search(backend: str, n_jobs: int, n_epochs: int) -> float:
    """Return the seconds of a grid search of 16 candidates x 5 folds."""
    X, y = make_classification(3000, 20, n_informative=10, random_state=0)
    network = sknn.MLPClassifier(max_iter=n_epochs, tol=None, random_state=0)
    grid = GridSearchCV(network, GRID, cv=5, n_jobs=n_jobs, refit=False)
    with joblib.parallel_config(backend=backend):
        return seconds(grid.fit, X.astype(np.float32), y)


@cache
def peer(name: str) -> Sknn:
    """Return a case, fitted once."""
    case = CASES[name]
    found = Sknn(case, *case.data(np.dtype(np.float32)), "relu")
    found.train(1)
    return found


def fit(name: str, n_epochs: int, n_fits: int = 1) -> float:
    """Return the seconds of whole fits of a case."""
    model = peer(name)
    return seconds(lambda: [model.train(n_epochs) for _ in range(n_fits)]) / n_fits
