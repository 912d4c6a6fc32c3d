"""Progress bars of scikit-learn that reach the epochs."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier
from sknn.callbacks import progress_bar

pytest.importorskip("rich")
pytest.importorskip("sklearn.callback")

X = np.random.RandomState(0).normal(size=(30, 3))
Y = np.arange(30) % 2


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.default_cases(1)
def test_bars_of_networks_in_a_search(n_jobs, capsys):
    network = MLPClassifier((3,), max_iter=4, tol=None)
    pipeline = make_pipeline(StandardScaler(), network)
    grid = {"mlpclassifier__alpha": [0.1, 0.2]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs, error_score="raise")
    search.set_callbacks(progress_bar()).fit(X, Y)
    output = capsys.readouterr().out
    assert "GridSearchCV - fit" in output
    assert "MLPClassifier - fit" in output
