"""Neural networks that feel like scikit-learn and run like compiled code."""

import os
import warnings

from sknn._version import __version__
from sknn.custom import register_activation, register_loss
from sknn.displays import LossCurveDisplay, NetworkDisplay
from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.regressor import MLPRegressor

__all__ = [
    "LossCurveDisplay",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkDisplay",
    "__version__",
    "register_activation",
    "register_loss",
]

# scikit-neuralnetwork of 2016 unpacks into a folder of the same name.
if os.path.isdir(os.path.join(os.path.dirname(__file__), "backend")):
    warnings.warn(
        "scikit-neuralnetwork and sknn are installed into the same folder and "
        "overwrite each other's files. Run 'pip uninstall scikit-neuralnetwork', then "
        "'pip install --force-reinstall sknn'.",
        stacklevel=2,
    )
