"""Neural networks that feel like scikit-learn and run like compiled code."""

__version__ = "0.1.0"

from sknn._classifier import MLPClassifier
from sknn._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "__version__"]
