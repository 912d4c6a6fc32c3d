"""Checks of an estimator that is loaded from a file.

The kernels do not check shapes. A file may come from somebody else, so the state in it
is checked before the kernels use it.
"""

import sys
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer

from sknn._version import __version__
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import OUTPUT_ACTIVATIONS
from sknn.kernels.optim.optimizers import OPTIMIZERS
from sknn.network.layers.table import LAYERS
from sknn.network.layout import Architecture
from sknn.network.network import Network

_ALWAYS = ("intercepts_", "n_outputs_", "out_activation_")
_MT19937 = 624  # words of the state of numpy's RandomState


def canonical(value: Any, copies: dict[int, Any] | None = None) -> Any:
    """Return a copy of a state in which equal strings and dtypes are one object.

    A pickle stores each object once, so that without this the pickles of equal states
    could differ. Only arrays of objects are copied; others become views.
    """
    copies = {} if copies is None else copies
    value_type = type(value)
    if value_type is str:
        return sys.intern(value)
    is_text = value_type is np.ndarray and value.dtype == object
    is_numeric = value_type is np.ndarray and value.dtype.kind in "biuf"
    if value_type not in (dict, list, tuple, LabelBinarizer) and not (
        is_text or is_numeric
    ):
        return value
    if id(value) in copies:
        return copies[id(value)]
    if value_type is dict:
        copy: Any = {
            canonical(key, copies): canonical(item, copies)
            for key, item in value.items()
        }
    elif value_type is LabelBinarizer:
        copy = object.__new__(value_type)
        vars(copy).update(canonical(vars(value), copies))
    elif is_numeric:
        copy = value.view(np.dtype(value.dtype.str))
    elif is_text:
        copy = np.empty_like(value)
        copy[:] = [canonical(item, copies) for item in value]
    elif all(type(item) is float for item in value):  # a long history
        copy = value_type(value)
    else:
        copy = value_type(canonical(item, copies) for item in value)
    copies[id(value)] = copy
    return copy


def check_stored(estimator: Any, state: Mapping[str, Any], version: str) -> None:
    """Raise a ValueError unless the state is complete and consistent.

    Parameters
    ----------
    estimator : estimator instance
        With the state in it.
    state : mapping
        The attributes.
    version : str
        Of sknn, which stored it.
    """
    if "coefs_" not in state:
        return
    try:
        fault = next(_faults(estimator, state), None)
    except Exception as error:  # a file may hold anything
        fault = f"{type(error).__name__}: {error}"
    if fault is not None:
        raise ValueError(
            f"This {type(estimator).__name__}, which was stored by sknn {version}, "
            f"cannot be read by sknn {__version__}: {fault}. Load it with the "
            "version that stored it, or train and store it again."
        )


def _faults(estimator: Any, state: Mapping[str, Any]) -> Iterator[str]:
    for name in (*_ALWAYS, *estimator._stored_attributes):
        if name not in state:
            yield f"it has no attribute {name!r}"
    known = state.get("_architecture")
    if known is not None:
        yield from _faults_of_architecture(known, state)
    dtype = state["coefs_"][0].dtype
    if dtype not in (np.float32, np.float64):
        yield f"its weights are of dtype {dtype}"
    network = estimator._network_of_weights(dtype)
    yield from _faults_of_weights(network, state)
    yield from _faults_of_training_state(network, state)


def _faults_of_architecture(
    known: Mapping[str, Any], state: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with the stored architecture."""
    if unknown := known.keys() - set(Architecture._fields):
        yield f"its network has {sorted(unknown)}, which this version does not know"
    if missing := set(Architecture._fields) - known.keys():
        yield f"its network has no {sorted(missing)}"
    if known["link"] not in OUTPUT_ACTIVATIONS:
        yield f"its output activation {known['link']!r} is not known"
    settings = known["settings"]
    if type(settings) is not tuple or not all(isinstance(s, Real) for s in settings):
        yield f"its settings are {settings!r}"
    width = known["n_features"]
    if type(width) is not int or width < 1:
        yield f"it has {width!r} features"
    for kind, options, activation in known["layers"]:
        if kind not in LAYERS:
            yield f"its layer {kind!r} is not known"
        spec = LAYERS[kind]
        if activation is not None and activation not in ACTIVATIONS:
            yield f"its activation {activation!r} is not known"
        if activation is not None and not spec.has_activation:
            yield f"its layer {kind!r} has the activation {activation!r}"
        spec.check(width, options)
        width = spec.output_width(width, options)
    *_, (kind, _, activation) = known["layers"]
    if not LAYERS[kind].counts or activation is not None:
        yield f"its output layer is {kind!r} with the activation {activation!r}"
    if width != state["n_outputs_"]:
        yield f"its weights are for {width} outputs"


def _faults_of_weights(network: Network, state: Mapping[str, Any]) -> Iterator[str]:
    for name, shapes in network.layout.shapes.items():
        arrays = state[name]
        stored = [np.shape(array) for array in arrays]
        if stored != [tuple(shape) for shape in shapes]:
            yield f"its {name} are of shapes {stored}, not {shapes}"
        if any(array.dtype != network.dtype for array in arrays):
            yield f"its {name} are not all of dtype {network.dtype}"
    if state.get("n_features_in_", network.n_features) != network.n_features:
        yield f"its weights are for {network.n_features} features"
    architecture = network.architecture
    if architecture.link == "quantiles":
        n_levels, *levels = architecture.settings
        if n_levels not in range(1, len(levels) + 1) or network.n_outputs % n_levels:
            yield f"its quantiles are {architecture.settings}"


def _faults_of_training_state(
    network: Network, state: Mapping[str, Any]
) -> Iterator[str]:
    optimizer = state.get("_optimizer_state")
    if optimizer is not None and optimizer["name"] in OPTIMIZERS:
        shape = (OPTIMIZERS[optimizer["name"]].n_slots, network.n_trained)
        optimizer_state = optimizer["slots"]
        if optimizer_state.shape != shape or optimizer_state.dtype != network.dtype:
            yield (
                f"its optimizer has {optimizer_state.dtype} of shape "
                f"{optimizer_state.shape}"
            )
    resume = state.get("_resume_state") or {}
    theta = resume.get("theta")
    whole = (network.n_parameters,)
    if theta is not None and (theta.shape != whole or theta.dtype != network.dtype):
        yield f"the weights to resume with are of shape {theta.shape}"
    for generator in (resume.get("random_state"), state.get("_split_state")):
        if generator is not None:
            twister = generator["state"]
            key, position = twister["key"], twister["pos"]
            if key.shape != (_MT19937,) or not 0 <= position <= _MT19937:
                yield "the state of its random generator is not one of MT19937"
