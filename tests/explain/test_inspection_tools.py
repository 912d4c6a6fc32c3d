"""scikit-learn's tools of inspection and SHAP's explainers, on our networks."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.feature_selection import RFECV, SelectFromModel
from sklearn.inspection import (
    PartialDependenceDisplay,
    partial_dependence,
    permutation_importance,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.explain import expected_gradients

rng = np.random.RandomState(0)
X = rng.normal(size=(150, 5))
NUMBERS = 3 * X[:, 0] - 2 * X[:, 1]  # of the other three columns nothing
LABELS = (NUMBERS > 0).astype(int)
OPTIONS = {"hidden_layer_sizes": (8,), "solver": "lbfgs", "random_state": 0}
OPTIONS |= {"alpha": 0.1, "max_iter": 500}


def mean_slopes(network):
    """Return an importance for each feature, of those that are standardised."""
    points = np.random.RandomState(0).normal(size=(50, network.n_features_in_))
    return np.abs(network.input_gradients(points)).mean(axis=0)


@pytest.mark.parametrize(
    ("estimator", "y"), [(MLPClassifier, LABELS), (MLPRegressor, NUMBERS)]
)
def test_permutation_importance_finds_the_columns(estimator, y):
    model = make_pipeline(StandardScaler(), estimator(**OPTIONS)).fit(X, y)
    found = permutation_importance(model, X, y, n_repeats=3, random_state=0)
    assert np.argsort(-found.importances_mean)[:2].tolist() == [0, 1]
    assert np.abs(found.importances_mean[2:]).max() < found.importances_mean[1] / 5


def test_partial_dependence_of_a_linear_truth():
    model = MLPRegressor(**OPTIONS).fit(X, NUMBERS)
    found = partial_dependence(model, X, [0], kind="average", grid_resolution=9)
    grid, average = found["grid_values"][0], found["average"][0]
    # The mean of the predictions with the column replaced.
    for value, mean in zip(grid, average, strict=True):
        replaced = X.copy()
        replaced[:, 0] = value
        assert mean == pytest.approx(model.predict(replaced).mean())
    slope = np.polyfit(grid, average, 1)[0]
    assert slope == pytest.approx(3, abs=0.3)


def test_partial_dependence_is_drawn():
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    model = MLPClassifier(**OPTIONS).fit(X, LABELS)
    display = PartialDependenceDisplay.from_estimator(model, X, [0, (0, 1)])
    assert display.figure_.axes
    plt.close("all")


@pytest.mark.parametrize(
    ("selector", "options"),
    [
        (SelectFromModel, {"threshold": "mean"}),
        (RFECV, {"cv": 2, "min_features_to_select": 2}),
    ],
)
def test_features_are_selected_by_their_slopes(selector, options):
    network = MLPRegressor(**OPTIONS)
    found = selector(network, importance_getter=mean_slopes, **options)
    assert found.fit(X, NUMBERS).get_support()[:2].all()
    if selector is SelectFromModel:
        assert found.get_support().sum() == 2


@pytest.mark.filterwarnings("ignore")  # of SHAP and what it imports
@pytest.mark.parametrize("kind", ["permutation", "exact", "kernel", "sampling"])
def test_explainers_of_shap_sum_up(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shap = pytest.importorskip("shap")
    model = MLPClassifier(**OPTIONS).fit(X, LABELS)

    def predict(rows):
        return model.predict_proba(rows)[:, 1]

    background = X[:20]
    if kind == "kernel":
        values = shap.KernelExplainer(predict, background).shap_values(
            X[:3], silent=True
        )
    elif kind == "sampling":
        values = shap.SamplingExplainer(predict, background).shap_values(
            X[:3], nsamples=500
        )
    else:
        masker = shap.maskers.Independent(background)
        values = shap.Explainer(predict, masker, algorithm=kind)(X[:3]).values
    expected = predict(X[:3]) - predict(background).mean()
    assert_allclose(values.sum(axis=1), expected, atol=1e-6)
    ours = expected_gradients(model, X[:3], background, tol=1e-4)
    assert_allclose(ours.values.sum(axis=1), expected, atol=1e-3)
    # Both give most to the two columns that matter.
    assert (np.abs(values).argmax(axis=1) < 2).all()
    assert (np.abs(ours.values).argmax(axis=1) < 2).all()


@pytest.mark.filterwarnings("ignore")
def test_shap_draws_our_contributions():
    shap = pytest.importorskip("shap")
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    model = MLPRegressor(**OPTIONS).fit(X, NUMBERS)
    found = expected_gradients(model, X[:20], X, random_state=0)
    explanation = shap.Explanation(
        found.values, found.base_values, found.data, feature_names=found.feature_names
    )
    shap.plots.waterfall(explanation[0], show=False)
    shap.plots.bar(explanation, show=False)
    plt.close("all")
