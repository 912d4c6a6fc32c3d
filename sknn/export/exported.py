"""What a fitted estimator consists of, as far as it predicts by that."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from sknn.ensemble.base import BaseEnsembleMLP, check_alike
from sknn.estimators.base import BaseMLP
from sknn.estimators.hidden_layer import HiddenLayerTransformer
from sknn.export.folding import network_and_theta
from sknn.network.network import Network
from sknn.network.tails import up_to_hidden
from sknn.tabular.base import BaseTabularMLP
from sknn.tabular.encoder import TableEncoder

# Methods that say how predictions follow from the fitted attributes. Those of sknn are
# right; those of a derived class may be anything.
_PREDICTING = ("predict", "predict_proba", "decision_function")
_OF_NETWORKS = (
    *_PREDICTING,
    *("_predict_outputs", "_predict_labels", "_predicted"),
    *("_labels_of", "_scores_of", "_probabilities_of", "_values_of"),
)
_OF_ENSEMBLES = (*_PREDICTING, "_mean_outputs", "_member", "_values")
_OF_TABLES = (*_PREDICTING, "_encoded", "_fitted")
_OF_ENCODERS = ("transform", "_encode")
_OF_HIDDEN_LAYERS = ("transform",)


@dataclass(frozen=True)
class Exported:
    """The networks of an estimator, what comes before them, and what after.

    Attributes
    ----------
    member : MLPClassifier or MLPRegressor
        Whose attributes say what the outputs are.
    networks : list of (Network, ndarray)
        With their parameters. The mean of their predictions counts.
    encoder : TableEncoder or None
        What makes arrays of tables.
    temperature : float
        By which probabilities are scaled.
    limits : tuple of (array, array) or None
        Within which predictions are clipped, in float64.
    is_hidden : bool
        Whether the outputs are those of a hidden layer.
    """

    member: Any
    networks: list[tuple[Network, np.ndarray]]
    encoder: TableEncoder | None = None
    temperature: float = 1.0
    limits: tuple[Any, Any] | None = None
    is_hidden: bool = False

    @classmethod
    def of(cls, estimator: Any) -> "Exported":
        """Return the parts of a fitted estimator of sknn.

        Raises
        ------
        NotFittedError
            If it is not fitted.
        ValueError
            If its class predicts in its own way.
        """
        if isinstance(estimator, HiddenLayerTransformer):
            return cls._of_hidden_layer(estimator)
        if isinstance(estimator, BaseMLP):
            check_is_fitted(estimator, "coefs_")
            _check_methods(estimator, _OF_NETWORKS)
            return cls(estimator, [network_and_theta(estimator)])
        if isinstance(estimator, BaseEnsembleMLP):
            check_is_fitted(estimator, "estimators_")
            _check_methods(estimator, _OF_ENSEMBLES)
            members = [cls.of(member) for member in estimator.estimators_]
            networks = [network for member in members for network in member.networks]
            check_alike([network for network, _ in networks])
            return cls(members[0].member, networks)
        check_is_fitted(estimator, "ensemble_")
        _check_methods(estimator, _OF_TABLES)
        check_encoder(estimator.encoder_)
        return replace(
            cls.of(estimator.ensemble_),
            encoder=estimator.encoder_,
            **estimator._postprocessing()._asdict(),
        )

    @classmethod
    def _of_hidden_layer(cls, transformer: HiddenLayerTransformer) -> "Exported":
        check_is_fitted(transformer)
        _check_methods(transformer, _OF_HIDDEN_LAYERS)
        inner = transformer.estimator_
        if isinstance(inner, FrozenEstimator):
            inner = inner.estimator
        network, theta = network_and_theta(inner)
        k = transformer.layer % len(network.hidden_widths)
        return cls(inner, [up_to_hidden(network, theta, k)], is_hidden=True)

    @property
    def network(self) -> Network:
        """The first network, which stands for all."""
        return self.networks[0][0]

    @property
    def dtype(self) -> np.dtype:
        """The dtype of predicted numbers."""
        return self.network.dtype if self.limits is None else np.dtype(np.float64)


def is_exportable(kind: type) -> bool:
    """Return whether estimators of a class can be exported."""
    of_networks = BaseMLP | BaseEnsembleMLP | BaseTabularMLP
    return issubclass(kind, of_networks | HiddenLayerTransformer)


def check_encoder(encoder: Any) -> None:
    """Refuse an encoder that is not fitted, or that transforms in another way."""
    check_is_fitted(encoder)
    _check_methods(encoder, _OF_ENCODERS)


def _check_methods(estimator: Any, names: tuple[str, ...]) -> None:
    """Refuse a class derived from ours that predicts in another way."""
    for name in names:
        found = (kind for kind in type(estimator).__mro__ if name in vars(kind))
        definer = next(found, BaseMLP)
        if definer.__module__.partition(".")[0] != "sknn":
            raise ValueError(
                f"{type(estimator).__name__} cannot be exported: it defines its own "
                f"{name}, of which its layers tell nothing. Export the estimator "
                "that it wraps, or write the nodes by onnx.helper."
            )
