"""What each feature contributed to a prediction, from the gradient of the network.

`integrated_gradients` divides the difference between two predictions, for a row and for
a baseline, among the features; `expected_gradients` takes the mean over many baselines.
Both keep on until the contributions sum up to that difference.

>>> from sklearn.datasets import load_diabetes
>>> from sknn import MLPRegressor
>>> from sknn.explain import integrated_gradients
>>> X, y = load_diabetes(return_X_y=True, as_frame=True)
>>> model = MLPRegressor(solver="lbfgs", alpha=1.0, random_state=0).fit(10 * X, y / 100)
>>> found = integrated_gradients(model, 10 * X[:5])
>>> found.values.shape
(5, 10)
>>> bool(abs(found.base_values + found.values.sum(1) - found.predictions).max() < 0.01)
True
"""

from sknn.explain.attributions import Attributions
from sknn.explain.display import AttributionDisplay
from sknn.explain.gradients import expected_gradients, integrated_gradients

__all__ = [
    "AttributionDisplay",
    "Attributions",
    "expected_gradients",
    "integrated_gradients",
]


def __dir__() -> list[str]:
    return sorted(__all__)
