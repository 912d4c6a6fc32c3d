"""A transformer whose output is a hidden layer of a network."""

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from sknn._site import LinkToSite
from sknn._sklearn import HasMethods, Interval, validate_parameter_constraints
from sknn.estimators.parameters import hidden_units
from sknn.network.data import ArrayLike


class HiddenLayerTransformer(
    LinkToSite,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    MetaEstimatorMixin,
    BaseEstimator,
):
    """Transforms data into what a hidden layer of a network makes of them.

    ``fit`` trains a clone of the network, which learns to predict y. What comes after
    in a Pipeline, such as a clustering, a search for neighbours or a plot, sees the
    outputs of one of its hidden layers in place of the features.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        The network to train. ``sklearn.frozen.FrozenEstimator(network)`` takes one that
        is fitted, and trains nothing.
    layer : int, default=-1
        Which hidden layer, from 0 on; negative numbers count from the last.

    Attributes
    ----------
    estimator_ : estimator
        The network that was trained.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had names.

    See Also
    --------
    MLPClassifier.hidden_activations : The same outputs, of a fitted network.
    sklearn.neural_network.BernoulliRBM : Hidden units learnt without y.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknn import HiddenLayerTransformer, MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((10, 2), solver="lbfgs", random_state=0)
    >>> model = make_pipeline(
    ...     StandardScaler(), HiddenLayerTransformer(network), KNeighborsClassifier()
    ... )
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    >>> model[:-1].transform(X).shape
    (150, 2)
    >>> model[:-1].get_feature_names_out()
    array(['hiddenlayertransformer0', 'hiddenlayertransformer1'], dtype=object)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "hidden_activations"])],
        "layer": [Interval(Integral, None, None, closed="neither")],
    }

    def __init__(self, estimator: Any, *, layer: int = -1) -> None:
        self.estimator = estimator
        self.layer = layer

    def fit(self, X: ArrayLike, y: ArrayLike = None, **fit_params: Any) -> Self:
        """Train a clone of the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets. Not needed by a network that is frozen.
        **fit_params : dict
            Arguments of the network's ``fit``, such as ``sample_weight``. With metadata
            routing, those that the network requests.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter is not valid, or there is no such hidden layer; and as the
            network's ``fit``.
        """
        name = type(self).__name__
        parameters = self.get_params(deep=False)
        validate_parameter_constraints(self._parameter_constraints, parameters, name)
        sizes = hidden_units(
            self.estimator.hidden_layer_sizes, self.estimator.n_hidden_layers
        )
        if not -len(sizes) <= self.layer < len(sizes):
            raise ValueError(
                f"layer={self.layer} is none of the {len(sizes)} hidden layers of the "
                "network. Count them from 0, or from the last with -1."
            )
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        if hasattr(self.estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.estimator_.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the outputs of the hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        activations : ndarray of shape (n_samples, width)
            In the dtype of X or of the weights, whichever is wider.
        """
        check_is_fitted(self)
        activations: np.ndarray = self.estimator_.hidden_activations(X, self.layer)
        return activations

    @property
    def n_features_in_(self) -> int:
        """Number of features seen in ``fit``."""
        if not hasattr(self, "estimator_"):
            raise AttributeError(f"This {type(self).__name__} is not fitted yet.")
        return int(self.estimator_.n_features_in_)

    @property
    def _n_features_out(self) -> int:
        """Width of the layer."""
        network = self.estimator_._network_of_weights(np.dtype(np.float64))
        return int(network.hidden_outputs_of_members[self.layer])

    def get_metadata_routing(self) -> Any:
        """Return where metadata go: those of ``fit`` to the network.

        Returns
        -------
        routing : sklearn.utils.metadata_routing.MetadataRouter
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=type(self).__name__)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.target_tags = inner.target_tags
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
