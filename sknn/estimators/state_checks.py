"""Checks of fitted attributes, before compiled code gets them.

Kernels take addresses, shapes and labels as they are. Fitted attributes may come from
somebody else's file, or have been set by hand. So they are checked when an estimator is
loaded or copied, before training goes on, and before a prediction whenever one of them
is another object than at the last check.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from operator import is_
from typing import Any

import numpy as np

from sknn._version import __version__
from sknn.estimators.attribute_checks import (
    StateError,
    check_architecture,
    check_arrays,
    check_classes,
    check_feature_names,
    fits_outputs,
    is_increasing,
)
from sknn.estimators.training_state_checks import (
    TRAINING_CHECKS,
    VALUES,
    check_history,
)
from sknn.network.layers.table import parameters_of_layers
from sknn.network.network import Network, cached_theta

_Checks = Mapping[str, Callable[..., None]]
_TRAINING_NAMES = (
    "_optimizer_state",
    "_resume_state",
    "_split_state",
    "history_",
    *VALUES,
)
_CHECKS: _Checks = {
    "_architecture": check_architecture,
    "classes_": check_classes,
    "n_features_in_": check_feature_names,
}
_ALWAYS = ("intercepts_", "n_outputs_", "out_activation_")


class Checked:
    """The objects that were checked last, in the order of their names.

    A cache: no state of an estimator differs by it.
    """

    __slots__ = ("objects",)

    def __init__(self, objects: Iterable[Any]):
        self.objects = tuple(objects)

    def __repr__(self) -> str:
        return "Checked()"

    def __eq__(self, other: object) -> bool:
        return type(other) is Checked

    def __hash__(self) -> int:
        return hash(Checked)


def mark_checked(estimator: Any) -> None:
    """Note, in an attribute that is not stored, what predictions need not check."""
    attributes = vars(estimator)
    attributes["_checked"] = Checked(map(attributes.get, estimator._checked_attributes))


def mark_training_state_checked(estimator: Any) -> None:
    """Note, in an attribute that is not stored, what ``partial_fit`` need not check."""
    attributes = vars(estimator)
    attributes["_checked_training"] = Checked(map(attributes.get, _TRAINING_NAMES))


def check_fitted(estimator: Any) -> None:
    """Raise a ValueError unless the attributes that predictions need fit together.

    The arrays of the layers are checked when they are copied into one vector.
    """
    attributes = estimator.__dict__
    now = map(attributes.get, estimator._checked_attributes)
    checked = attributes.get("_checked")
    if type(checked) is Checked and all(map(is_, now, checked.objects)):
        return
    if "coefs_" in attributes:
        _check_set_by_hand(estimator, _CHECKS)
        mark_checked(estimator)
        _renew_cache(estimator)


def check_labels_of_fit(estimator: Any) -> None:
    """Raise a ValueError unless labels can be encoded as in the fit that goes on.

    They are checked in every call, since arrays may be changed in place.
    """
    if not is_increasing(estimator.classes_) or not fits_outputs(
        len(estimator.classes_),
        estimator._label_binarizer.y_type_,
        vars(estimator).get("n_outputs_"),
    ):
        _check_set_by_hand(estimator, {"classes_": check_classes})


def check_features(estimator: Any) -> None:
    """Raise a ValueError unless features can be compared with those of the fit."""
    _check_set_by_hand(estimator, {"n_features_in_": check_feature_names})


def _renew_cache(estimator: Any) -> None:
    """Keep the vector of the weights, with the network as it is described now."""
    attributes = vars(estimator)
    cached, _ = cached_theta(attributes)
    if cached is None:
        return
    network = estimator._network_of_weights(cached.dtype)
    cache = attributes.pop("_theta_cache")
    if network.layout.shapes == cached.layout.shapes:
        attributes["_theta_cache"] = cache._replace(network=network)


def check_before_drawing(estimator: Any) -> None:
    """Raise a ValueError unless what a display draws is what a fit leaves there."""
    history = vars(estimator).get("history_")
    columns = history if type(history) is dict and history else ("loss",)
    checks: _Checks = {
        **_CHECKS,
        "coefs_": check_arrays,
        **{name: partial(check_history, column=name) for name in columns},
    }
    _check_set_by_hand(estimator, checks)


def check_weights(estimator: Any) -> None:
    """Raise a ValueError unless the weights are arrays of numbers.

    Whether their shapes fit together is seen when they are copied into one vector.
    """
    _ = estimator.coefs_  # which somebody may have deleted
    _check_set_by_hand(estimator, {"coefs_": check_arrays})


def check_training_state(estimator: Any, network: Network, is_step: bool) -> None:
    """Raise a ValueError unless training can go on from the fitted attributes.

    ``is_step`` says that this is ``partial_fit``, which checks attributes again only if
    they are other objects.
    """
    attributes = vars(estimator)
    checked = attributes.get("_checked_training")
    now = map(attributes.get, _TRAINING_NAMES)
    if is_step and type(checked) is Checked and all(map(is_, now, checked.objects)):
        return
    _ = estimator.t_  # which somebody may have deleted
    losses = partial(check_history, column="loss")
    _check_set_by_hand(estimator, {**_of_training(network), "history_": losses})


def _of_training(network: Network) -> _Checks:
    return {
        name: partial(check, network=network) for name, check in TRAINING_CHECKS.items()
    }


def _check_set_by_hand(estimator: Any, checks: _Checks) -> None:
    if fault := _fault(checks, vars(estimator)):
        raise ValueError(
            f"The fitted attributes of this {type(estimator).__name__} do not fit "
            f"together: {fault}. Set all that belong together, or call fit."
        )


def _fault(checks: _Checks, attributes: Mapping[str, Any]) -> str | None:
    """Return a clause on the first attribute that is wrong, or None."""
    for name, check in checks.items():
        try:
            check(attributes)
        except StateError as error:
            return str(error)
        except Exception as error:  # a file may hold anything
            reason = f"{type(error).__name__}: {error}".removeprefix("ValueError: ")
            return f"its {name} cannot be used: {reason.rstrip('.')}"
    return None


def dtype_of_weights(attributes: Mapping[str, Any]) -> np.dtype:
    """Return the dtype of a network with these weights: float32 or float64.

    Users may set arrays of any dtype, which were checked to hold real numbers.
    """
    network, _ = cached_theta(attributes)
    if network is not None:
        dtype: np.dtype = network.dtype
        return dtype
    names = [array.attribute for array in parameters_of_layers()]
    arrays = [array for name in names for array in attributes.get(name, ())]
    dtype = np.result_type(*{array.dtype for array in arrays})
    is_float32 = dtype in (np.float16, np.float32)
    return np.dtype(np.float32 if is_float32 else np.float64)


def dtype_to_go_on_with(estimator: Any) -> np.dtype:
    """Check the weights that training goes on from; return their dtype."""
    if cached_theta(vars(estimator))[0] is None:
        check_weights(estimator)
    return dtype_of_weights(vars(estimator))


def load_weights(
    estimator: Any, state: Mapping[str, Any], version: str
) -> dict[str, Any]:
    """Check an estimator that is loaded or copied; return its weights in one vector.

    Parameters
    ----------
    estimator : estimator instance
        With the state in it.
    state : mapping
        The attributes, which hold ``coefs_``.
    version : str
        Of sknn, which stored it.

    Returns
    -------
    attributes : dict
        What ``Network.unpack`` returns.

    Raises
    ------
    ValueError
        If the state is not complete and consistent.
    """
    loaded: dict[str, Any] = {}

    def load(state: Mapping[str, Any]) -> None:
        mark_checked(estimator)
        network = estimator._network_of_weights(dtype_of_weights(state))
        if state.get("n_features_in_", network.n_features) != network.n_features:
            raise StateError(f"its weights are for {network.n_features} features")
        for array in parameters_of_layers():
            name = array.attribute
            if name in state and name not in network.layout.shapes:
                raise StateError(f"its {name} is of no layer in its _architecture")
        theta = network.pack(state)
        loaded.update(network.unpack(theta))
        if fault := _fault(_of_training(network), state):
            raise StateError(fault)
        if "t_" in state:
            mark_training_state_checked(estimator)

    required = (*_ALWAYS, *estimator._stored_attributes)
    missing = [name for name in required if name not in state]
    fault = f"it has no attribute {missing[0]!r}" if missing else None
    fault = fault or _fault({**_CHECKS, "coefs_": load}, state)
    if fault:
        raise ValueError(
            f"This {type(estimator).__name__}, which was stored by sknn {version}, "
            f"cannot be read by sknn {__version__}: {fault}. Load it with the "
            "version that stored it, or train and store it again."
        )
    return loaded
