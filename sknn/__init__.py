"""Neural networks that feel like scikit-learn and run like compiled code."""

import importlib
import os
import warnings
from typing import TYPE_CHECKING, Any

from sknn._version import __version__

if TYPE_CHECKING:  # else imported when they are first used
    from sknn.custom import register_activation, register_loss
    from sknn.displays import LossCurveDisplay, NetworkDisplay
    from sknn.ensemble import EnsembleMLPClassifier, EnsembleMLPRegressor
    from sknn.estimators.classifier import MLPClassifier
    from sknn.estimators.hidden_layer import HiddenLayerTransformer
    from sknn.estimators.regressor import MLPRegressor

__all__ = [
    "EnsembleMLPClassifier",
    "EnsembleMLPRegressor",
    "HiddenLayerTransformer",
    "LossCurveDisplay",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkDisplay",
    "__version__",
    "register_activation",
    "register_loss",
]

_MODULES_OF_NAMES = {
    "EnsembleMLPClassifier": "ensemble",
    "EnsembleMLPRegressor": "ensemble",
    "HiddenLayerTransformer": "estimators.hidden_layer",
    "LossCurveDisplay": "displays",
    "MLPClassifier": "estimators.classifier",
    "MLPRegressor": "estimators.regressor",
    "NetworkDisplay": "displays",
    "register_activation": "custom",
    "register_loss": "custom",
}
_PUBLIC_MODULES = (
    *("callbacks", "convert", "custom", "dask", "data", "displays", "explain", "io"),
    *("onnx", "precompile", "tabular"),
)


def __dir__() -> list[str]:
    return sorted([*__all__, *_PUBLIC_MODULES])


if not TYPE_CHECKING:  # for which a misspelt name is to be an error

    def __getattr__(name: str) -> Any:
        """Import a public module, or what has a public name, when it is first used."""
        modules = (*_PUBLIC_MODULES, "ensemble", "estimators")
        if name in modules or name in _MODULES_OF_NAMES:
            # First, in all threads: modules of scikit-learn import each other in
            # circles, and threads that begin at several of them would fail.
            importlib.import_module("sknn.estimators.base")
            path = _MODULES_OF_NAMES.get(name, name)
            module = importlib.import_module(f"sknn.{path}")
            if name in modules:
                return module
            globals()[name] = value = getattr(module, name)
            return value
        raise AttributeError(f"module 'sknn' has no attribute {name!r}")


# scikit-neuralnetwork of 2016 unpacks into a folder of the same name.
if os.path.isdir(os.path.join(os.path.dirname(__file__), "backend")):
    warnings.warn(
        "scikit-neuralnetwork and sknn are installed into the same folder and "
        "overwrite each other's files. Run 'pip uninstall scikit-neuralnetwork', then "
        "'pip install --force-reinstall sknn'.",
        stacklevel=2,
    )
