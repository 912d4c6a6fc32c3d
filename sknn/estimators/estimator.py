"""Parameters, tags and pickling of an estimator."""

import inspect
import warnings
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import InconsistentVersionWarning

from sknn._site import LinkToSite
from sknn._version import __version__
from sknn.estimators.attributes import Attributes
from sknn.estimators.checked_parameters import check_parameters
from sknn.estimators.layer_parameters import PER_LAYER, is_of_layer, with_layer
from sknn.estimators.parameter_table import in_groups
from sknn.estimators.parameters import defaults_of
from sknn.estimators.picture import picture_of
from sknn.estimators.state_checks import load_weights
from sknn.estimators.stored_state import canonical
from sknn.estimators.suggestions import arguments_of_fit, suggestion_for_name
from sknn.network.registry import Definitions, definitions_of, receive
from sknn.training.generator_state import StoredGenerator, storable

# Views of the same memory, what has been checked, and what scikit-learn's callbacks
# keep on an estimator while it trains.
_NOT_STORED = (
    *("_theta_cache", "_checked", "_checked_training"),
    *("_callback_fit_ctx", "_parent_callback_ctx", "_skl_callbacks_to_teardown"),
)


@cache
def _names_of(estimator: Any) -> list[str]:
    """Return the parameters; ``**parameters`` stands for those of the base."""
    names: list[str] = super(Estimator, estimator)._get_param_names()
    owners = [base for base in estimator.__mro__ if "__init__" in vars(base)]
    signature = inspect.signature(owners[0])
    if any(
        parameter.kind is parameter.VAR_KEYWORD
        for parameter in signature.parameters.values()
    ):
        names = sorted({*names, *_names_of(owners[1])})
    return names


class Estimator(LinkToSite, Attributes, BaseEstimator):
    """Base of both estimators: what does not depend on training."""

    loss: Any

    # Attributes that a fitted estimator has beside its network, and those that
    # predictions check if they are other objects than before.
    _stored_attributes: ClassVar[tuple[str, ...]] = ()
    _checked_attributes: ClassVar[tuple[str, ...]] = (
        "_architecture",
        "out_activation_",
        "n_outputs_",
        "n_features_in_",
    )

    def _store(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of the constructor, as scikit-learn wants them."""
        for name, value in arguments.items():
            if name != "self":
                setattr(self, name, value)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also of one layer.

        Parameters
        ----------
        **params : dict
            Parameters of the estimator. ``hidden_layer_sizes``, ``activation``,
            ``dropout`` and ``kernel_initializer`` can be set for one hidden layer,
            counted from 0: ``activation__1="tanh"`` changes the second one. So can a
            search: ``{"mlpclassifier__hidden_layer_sizes__0": [10, 50]}``.

        Returns
        -------
        self : object
        """
        layers = {key: params.pop(key) for key in list(params) if is_of_layer(key)}
        self._refuse_unknown(params)
        super().set_params(**params)
        # Sizes first: they say how many layers there are.
        for key in sorted(layers, key=lambda key: not key.startswith("hidden")):
            name, _, k = key.partition("__")
            known = {n: getattr(self, n) for n in (*PER_LAYER, "n_hidden_layers")}
            changed = with_layer(known, name, int(k), layers[key])
            setattr(self, name, changed)
        return self

    def _refuse_unknown(self, params: dict[str, Any]) -> None:
        """Refuse names that are no parameters, before any parameter is set."""
        estimator_type: type = type(self)
        names = _names_of(estimator_type)
        unknown, suggestions = [], []
        for key in params:
            name = key.partition("__")[0]
            if name not in names:
                elsewhere = arguments_of_fit(estimator_type)
                suggestions.append(suggestion_for_name(name, names, elsewhere))
            elif key in names or hasattr(getattr(self, name), "set_params"):
                continue
            elif name in PER_LAYER:
                suggestions.append(f" For the first hidden layer write {name}__0.")
            unknown.append(key)
        if unknown:
            raise ValueError(
                f"Invalid parameter {unknown[0]!r} for estimator {self}. Valid "
                f"parameters are: {names!r}.{''.join(suggestions)}"
            )

    def _get_params_html(self, *arguments: Any, **options: Any) -> Any:
        """Return the table of parameters that notebooks show: scikit-learn's first."""
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        table = super()._get_params_html(*arguments, **options)
        counterpart = MLPClassifier if is_classifier(self) else MLPRegressor
        names = counterpart._get_param_names()
        return in_groups(table, names, picture_of(self))

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Return the names of the parameters, read from the signature once."""
        estimator_type: type = cls
        return _names_of(estimator_type).copy()

    def _validate_params(self) -> None:
        """Check the parameters that have changed since they were checked."""
        check_parameters(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = {**super().__getstate__(), "_sknn_version": __version__}
        for name in _NOT_STORED:
            state.pop(name, None)
        state["random_state"] = storable(state.get("random_state"))
        history = state.get("history_")
        if type(history) is dict:  # times differ between equal fits
            state["history_"] = {k: history[k] for k in history if k != "seconds"}
        if definitions := definitions_of(self._names_in_use()):
            state["_definitions"] = Definitions(definitions)
        stored: dict[str, Any] = canonical(dict(sorted(state.items())))
        return stored

    def _names_in_use(self) -> set[str]:
        """Return the names of the activations and of the loss."""
        names = [self.loss, *np.ravel(self.activation)]
        with suppress(AttributeError, LookupError, TypeError, ValueError):
            layers = self._architecture["layers"]
            names += [activation for _, _, activation in layers]
        return {name for name in names if isinstance(name, str)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Parameters that an earlier version did not have get their defaults.
        estimator_type: type = type(self)
        state = {**defaults_of(estimator_type), **state}
        if isinstance(state["random_state"], StoredGenerator):  # from copy.copy
            state["random_state"] = state["random_state"].generator
        definitions = state.pop("_definitions", None)
        if isinstance(definitions, Definitions):
            receive(definitions.entries, self)
        version = state.pop("_sknn_version", "of an unknown version")
        if version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=f"sknn {__version__}",
                    original_sklearn_version=f"sknn {version}",
                ),
                stacklevel=2,
            )
        for name in _NOT_STORED:  # unless somebody wrote them into the file
            state.pop(name, None)
        super().__setstate__(state)
        if "coefs_" in state:
            # Pickled apart, the weights become views of one vector again.
            self.__dict__.update(load_weights(self, state, version))
