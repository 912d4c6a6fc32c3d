"""scikit-learn's networks as ours, and ours as scikit-learn's."""

from typing import Any

import numpy as np
import scipy.sparse
from sklearn import neural_network
from sklearn.base import clone, is_classifier
from sklearn.utils.validation import check_is_fitted

from sknn._sklearn import InvalidParameterError
from sknn.estimators.base import BaseMLP
from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.regressor import MLPRegressor
from sknn.export.assembly import fill, indicators
from sknn.export.folding import (
    network_and_theta,
    predicting_layers,
    without_standardization,
)

_TYPES: dict[type, Any] = {
    neural_network.MLPClassifier: MLPClassifier,
    neural_network.MLPRegressor: MLPRegressor,
}
_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
_LOSSES = {"identity": "squared_error", "exp": "poisson"}
_HISTORY = ("loss_", "loss_curve_", "n_iter_", "t_", "best_loss_")
_SCORES = ("validation_scores_", "best_validation_score_")
_FEATURES = ("n_features_in_", "feature_names_in_")


def from_sklearn(model: Any) -> Any:
    """Return our estimator for one of scikit-learn: see `sknn.convert`."""
    estimator_type = _TYPES.get(type(model))
    if estimator_type is None:
        raise TypeError(
            "from_sklearn takes scikit-learn's MLPClassifier or MLPRegressor, got "
            f"{model!r}."
        )
    check_is_fitted(model)
    estimator = estimator_type(**model.get_params())
    arrays = {"coefs_": model.coefs_, "intercepts_": model.intercepts_}
    fill(estimator, arrays, _targets_of(model), model.coefs_[0].dtype)
    _copy(model, estimator, (*_HISTORY, *_SCORES, *_FEATURES))
    estimator.history_ = {"loss": list(getattr(model, "loss_curve_", ()))}
    return estimator


def _targets_of(model: Any) -> Any:
    """Return targets with the classes, or the outputs, of a fitted model."""
    if not is_classifier(model):
        shape = (2, model.n_outputs_) if model.n_outputs_ > 1 else 2
        return np.ones(shape)
    binarizer = model._label_binarizer
    if binarizer.y_type_.startswith("multilabel"):
        y = indicators(model.n_outputs_)
        return scipy.sparse.csr_array(y) if binarizer.sparse_input_ else y
    return np.repeat(model.classes_, 3)


def to_sklearn(estimator: Any) -> Any:
    """Return scikit-learn's estimator for one of ours: see `sknn.convert`."""
    if not isinstance(estimator, BaseMLP):
        raise TypeError(
            "to_sklearn takes a fitted MLPClassifier or MLPRegressor of sknn, got "
            f"{estimator!r}."
        )
    check_is_fitted(estimator, "coefs_")
    own: Any = estimator
    network, theta = without_standardization(*network_and_theta(own))
    layers = predicting_layers(network, theta)
    for layer in layers:
        if layer.kind != "dense":
            _refuse(f"the layer {layer.spec.name!r}, which cannot be folded")
    activations = {layer.activation or "identity" for layer in layers[:-1]}
    if len(activations) > 1:
        _refuse(f"hidden layers with the activations {sorted(activations)}")
    (activation,) = activations or {"relu"}
    if activation not in _ACTIVATIONS:
        _refuse(f"the activation {activation!r}")
    if is_classifier(own):
        if network.link == "identity":
            _refuse(f"the loss {own.loss!r}, which gives no probabilities")
        model: Any = neural_network.MLPClassifier()
    else:
        if len(own._levels()) > 1:
            _refuse("several levels of quantiles")
        link = "identity" if network.link == "quantiles" else network.link
        if link not in _LOSSES:
            _refuse(f"the output activation {link!r}")
        model = neural_network.MLPRegressor(loss=_LOSSES[link])
    _set_parameters(model, own)
    sizes = tuple(layer.width for layer in layers[:-1])
    model.set_params(hidden_layer_sizes=sizes, activation=activation)
    model.coefs_ = [np.array(layer.arrays["coefs_"]) for layer in layers]
    model.intercepts_ = [np.array(layer.arrays["intercepts_"]) for layer in layers]
    model.n_layers_, model.n_outputs_ = len(layers) + 1, network.n_outputs
    model.out_activation_ = "identity" if network.link == "quantiles" else network.link
    model.best_loss_, model.validation_scores_ = None, None
    _copy(own, model, (*_HISTORY, *_SCORES, *_FEATURES, "classes_", "_label_binarizer"))
    return model


def _refuse(what: str) -> None:
    raise ValueError(
        f"scikit-learn's networks have no equivalent of {what}. They have one of the "
        f"activations {', '.join(_ACTIVATIONS)} for all hidden layers, and the losses "
        "log_loss, squared_error and poisson."
    )


def _set_parameters(model: Any, estimator: Any) -> None:
    """Set the parameters of an estimator that scikit-learn knows and takes."""
    parameters = estimator.get_params()
    for name, default in model.get_params().items():
        if name in ("loss", "activation") or name not in parameters:
            continue
        model.set_params(**{name: clone(parameters[name], safe=False)})
        try:
            model._validate_params()
        except InvalidParameterError:
            model.set_params(**{name: default})


def _copy(source: Any, target: Any, names: tuple[str, ...]) -> None:
    for name in names:
        if name in vars(source):
            setattr(target, name, vars(source)[name])
