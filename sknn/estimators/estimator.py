"""What scikit-learn asks of an estimator: parameters, tags, pickles."""

import inspect
import warnings
from functools import cache, lru_cache
from types import NoneType
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from sknn._sklearn import validate_parameter_constraints
from sknn._version import __version__
from sknn.estimators.parameters import defaults_of, is_of_layer, with_layer
from sknn.estimators.stored_state import canonical, check_stored
from sknn.network.registry import Definitions, definitions_of, register_missing

_PLAIN = frozenset({bool, int, float, str, NoneType})


@cache
def _names_of(estimator: Any) -> list[str]:
    """Return the parameters; ``**parameters`` stands for those of the base."""
    names = super(Estimator, estimator)._get_param_names()
    definers = [each for each in estimator.__mro__ if "__init__" in vars(each)]
    signature = inspect.signature(definers[0])
    if any(each.kind is each.VAR_KEYWORD for each in signature.parameters.values()):
        names = sorted({*names, *_names_of(definers[1])})
    return names


@lru_cache(maxsize=256)
def _check_plain(estimator: Any, values: tuple, types: tuple[type, ...]) -> None:
    """Check parameters once: what raises is not kept.

    The types tell apart what is equal, such as 1 and True.
    """
    parameters = dict(zip(_names_of(estimator), values, strict=True))
    constraints = estimator._parameter_constraints
    validate_parameter_constraints(constraints, parameters, estimator.__name__)


def _is_plain(value: Any) -> bool:
    kinds = map(type, value) if type(value) is tuple else (type(value),)
    return _PLAIN.issuperset(kinds)


class Estimator(BaseEstimator):
    """Base of both estimators, as far as it knows nothing of training."""

    activation: Any
    loss: Any

    # What a fitted one needs, beside its network.
    _stored_attributes: ClassVar[tuple[str, ...]] = ()

    def _store(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of the constructor, as scikit-learn wants them."""
        for name, value in arguments.items():
            if name != "self":
                setattr(self, name, value)

    def set_params(self, **params):
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
        super().set_params(**params)
        # Sizes first: they say how many layers there are.
        for key in sorted(layers, key=lambda key: not key.startswith("hidden")):
            name, _, k = key.partition("__")
            changed = with_layer(dict(vars(self)), name, int(k), layers[key])
            setattr(self, name, changed)
        return self

    @classmethod
    def _get_param_names(cls):
        """Return the names of the parameters, read from the signature once."""
        own: type = cls
        return _names_of(own).copy()

    def _validate_params(self):
        """Check the parameters; where these were checked before, do nothing."""
        own: type = type(self)
        values = tuple([getattr(self, name) for name in _names_of(own)])
        if all(map(_is_plain, values)):
            _check_plain(own, values, tuple(map(type, values)))
        else:
            super()._validate_params()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self):
        state = {**super().__getstate__(), "_sknn_version": __version__}
        state.pop("_theta_cache", None)  # the same memory once more
        if "history_" in state:  # times differ between equal fits
            history = state["history_"]
            state["history_"] = {k: history[k] for k in history if k != "seconds"}
        if own := definitions_of(self._names_in_use()):
            state["_definitions"] = Definitions(own)
        return canonical(dict(sorted(state.items())))

    def _names_in_use(self) -> set[str]:
        """Return the names that may be those of users' activations and losses."""
        names = [self.loss, *np.ravel(self.activation)]
        layers = getattr(self, "_architecture", {}).get("layers", ())
        names += [activation for _, _, activation in layers]
        return {name for name in names if isinstance(name, str)}

    def __setstate__(self, state):
        # What a version before this one did not know of was at its default.
        own: type = type(self)
        state = {**defaults_of(own), **state}
        definitions = state.pop("_definitions", None)
        if isinstance(definitions, Definitions):
            register_missing(definitions.entries)
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
        super().__setstate__(state)
        check_stored(self, state, version)
        if "coefs_" in state:
            # Pickled apart, the weights become views of one vector again.
            network = self._network_of_weights(self.coefs_[0].dtype)
            self.__dict__.update(network.unpack(network.pack(self.__dict__)))
