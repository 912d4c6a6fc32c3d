"""What a fitted estimator consists of, as far as it predicts by that."""

from dataclasses import dataclass, replace
from inspect import getattr_static
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from sknn.ensemble.base import BaseEnsembleMLP, check_alike
from sknn.ensemble.classifier import EnsembleMLPClassifier
from sknn.ensemble.regressor import EnsembleMLPRegressor
from sknn.estimators.base import BaseMLP
from sknn.estimators.classification import BaseClassifier
from sknn.estimators.regression import BaseRegressor
from sknn.export.folding import network_and_theta
from sknn.network.network import Network
from sknn.tabular.base import BaseTabularMLP
from sknn.tabular.classifier import TabularMLPClassifier
from sknn.tabular.encoder import TableEncoder
from sknn.tabular.regressor import TabularMLPRegressor

# Methods that say how predictions follow from the fitted attributes.
_PREDICTING = ("predict", "predict_proba", "decision_function")
_OF_NETWORKS = (
    *_PREDICTING,
    *("_predict_outputs", "_predict_labels", "_predicted"),
    *("_labels_of", "_scores_of", "_probabilities_of", "_values_of"),
)
_OF_ENSEMBLES = (*_PREDICTING, "_mean_outputs", "_member", "_values")
_OF_TABLES = (*_PREDICTING, "_encoded", "_fitted")
_OF_ENCODERS = ("transform", "_encode")


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
    """

    member: Any
    networks: list[tuple[Network, np.ndarray]]
    encoder: TableEncoder | None = None
    temperature: float = 1.0
    limits: tuple[Any, Any] | None = None

    @classmethod
    def of(cls, estimator: Any) -> "Exported":
        """Return what a fitted estimator of sknn consists of.

        Raises
        ------
        NotFittedError
            If it is not fitted.
        ValueError
            If its class predicts in its own way.
        """
        classifies = is_classifier(estimator)
        base: type
        if isinstance(estimator, BaseMLP):
            check_is_fitted(estimator, "coefs_")
            base = BaseClassifier if classifies else BaseRegressor
            _check_methods(estimator, base, _OF_NETWORKS)
            return cls(estimator, [network_and_theta(estimator)])
        if isinstance(estimator, BaseEnsembleMLP):
            check_is_fitted(estimator, "estimators_")
            base = EnsembleMLPClassifier if classifies else EnsembleMLPRegressor
            _check_methods(estimator, base, _OF_ENSEMBLES)
            members = [cls.of(member) for member in estimator.estimators_]
            networks = [network for member in members for network in member.networks]
            check_alike([network for network, _ in networks])
            return cls(members[0].member, networks)
        check_is_fitted(estimator, "ensemble_")
        base = TabularMLPClassifier if classifies else TabularMLPRegressor
        _check_methods(estimator, base, _OF_TABLES)
        check_encoder(estimator.encoder_)
        return replace(
            cls.of(estimator.ensemble_),
            encoder=estimator.encoder_,
            temperature=getattr(estimator, "temperature_", 1.0),
            limits=estimator._limits() if not classifies else None,
        )

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
    return issubclass(kind, BaseMLP | BaseEnsembleMLP | BaseTabularMLP)


def check_encoder(encoder: Any) -> None:
    """Refuse an encoder that is not fitted, or that transforms in another way."""
    check_is_fitted(encoder)
    _check_methods(encoder, TableEncoder, _OF_ENCODERS)


def _check_methods(estimator: Any, base: type, names: tuple[str, ...]) -> None:
    """Refuse a class derived from ours that predicts in another way."""
    for name in names:
        if getattr_static(type(estimator), name, 0) is not getattr_static(
            base, name, 0
        ):
            raise ValueError(
                f"{type(estimator).__name__} cannot be exported: it defines its own "
                f"{name}, of which its layers tell nothing. Export the estimator "
                "that it wraps, or write the nodes by onnx.helper."
            )
