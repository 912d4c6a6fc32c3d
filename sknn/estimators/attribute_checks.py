"""What each fitted attribute must be for predictions, one function for each.

They raise a `StateError`: a clause that names the attribute, what it is and what was
expected. Types are exact: a scipy matrix has a shape and a dtype too, but compiled code
would take its address for that of an array.
"""

import reprlib
from collections.abc import Mapping
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer

from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import OUTPUT_ACTIVATIONS
from sknn.network.layers.table import LAYERS, parameters_of_layers
from sknn.network.layout import Architecture

# joblib maps the arrays of a file into memory.
_ARRAYS = frozenset({np.ndarray, np.memmap})
_LABEL_KINDS = "biufUOTmM"
_LARGEST_SHOWN = 80  # characters


class StateError(ValueError):
    """What is wrong with a fitted attribute, as a clause that begins with 'its'."""


def check_is(is_right: bool, name: str, value: Any, expected: str) -> None:
    """Raise a StateError unless an attribute is right."""
    if not is_right:
        raise StateError(f"its {name} is {_shown(value)}, not {expected}")


def _shown(value: Any) -> str:
    if type(value) in _ARRAYS:
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = reprlib.repr(value)[:_LARGEST_SHOWN]
    is_plain = value is None or type(value) in (bool, int, float, str)
    return text if is_plain else f"{text} ({type(value).__name__})"


def is_count(value: Any, least: int = 0) -> bool:
    """Return whether a value is an integer, and at least so large."""
    return isinstance(value, int | np.integer) and not (
        isinstance(value, bool) or value < least
    )


def is_number(value: Any) -> bool:
    """Return whether a value is a real number, if need be not a finite one."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_real(value: Any) -> bool:
    """Return whether a value is a finite real number."""
    return is_number(value) and isfinite(value)


def is_array_of_reals(value: Any) -> bool:
    """Return whether a value is an array that can be converted to float64."""
    return type(value) in _ARRAYS and value.dtype.kind in "fiu"


def check_arrays(attributes: Mapping[str, Any]) -> None:
    """Check the arrays of all layers, but not whether their shapes fit together."""
    for array in parameters_of_layers():
        name = array.attribute
        if name not in attributes:
            continue
        values = attributes[name]
        is_list = type(values) in (list, tuple) and len(values) > 0
        check_is(is_list, name, values, "a list of arrays, one for each layer")
        for k, value in enumerate(values):
            is_right = is_array_of_reals(value) and 0 not in value.shape
            # Those of members that share other weights have a third axis.
            is_right = is_right and (value.ndim in (2, 3) or not array.is_weights)
            n_axes = " with two axes" * array.is_weights
            expected = f"a NumPy array of real numbers{n_axes}"
            check_is(is_right, f"{name}[{k}]", value, expected)


def check_architecture(attributes: Mapping[str, Any]) -> None:
    """Check what the network is, and whether the output activation fits."""
    known = attributes.get("_architecture")
    if known is not None:
        try:
            _check_layers(known)
        except ValueError as error:
            message = f"its _architecture cannot be used: {error}"
            raise StateError(message) from error
    link = attributes.get("out_activation_")
    is_link = type(link) is str and link in OUTPUT_ACTIVATIONS
    if is_link and link == "quantiles":  # which needs the settings of the loss
        is_link = known is not None and known["link"] == link
    if "out_activation_" in attributes:
        expected = f"one of {', '.join(sorted(OUTPUT_ACTIVATIONS))} that fits the loss"
        check_is(is_link, "out_activation_", link, expected)
    if "n_outputs_" in attributes:
        n_outputs = attributes["n_outputs_"]
        check_is(is_count(n_outputs, 1), "n_outputs_", n_outputs, "a positive integer")
    if known is not None and "quantiles" in (known["link"], link):
        n_levels, *levels = known["settings"]
        if n_levels not in range(1, len(levels) + 1) or n_outputs % n_levels:
            settings = known["settings"]
            check_is(False, "_architecture['settings']", settings, "those of quantiles")


def _check_layers(known: Any) -> None:
    """Check the description of a network."""
    check_is(type(known) is dict, "_architecture", known, "a dict")
    if unknown := known.keys() - set(Architecture._fields):
        raise StateError(
            f"its network has {sorted(unknown)}, which this version does not know"
        )
    if missing := set(Architecture._fields) - known.keys():
        raise StateError(f"its network has no {sorted(missing)}")
    if type(known["link"]) is not str or known["link"] not in OUTPUT_ACTIVATIONS:
        raise StateError(f"its output activation {known['link']!r} is not known")
    settings = known["settings"]
    if type(settings) is not tuple or not all(map(is_real, settings)):
        raise StateError(f"its settings are {settings!r}")
    width = known["n_features"]
    if type(width) is not int or width < 1:
        raise StateError(f"it has {width!r} features")
    layers = known["layers"]
    is_list = type(layers) in (list, tuple) and len(layers) > 0
    check_is(is_list, "layers", layers, "a tuple of layers")
    members = 1
    for kind, options, activation in layers:
        if type(kind) is not str or kind not in LAYERS:
            raise StateError(f"its layer {kind!r} is not known")
        spec = LAYERS[kind]
        if activation is not None and activation not in ACTIVATIONS:
            raise StateError(f"its activation {activation!r} is not known")
        if activation is not None and not spec.has_activation:
            raise StateError(f"its layer {kind!r} has the activation {activation!r}")
        spec.check(width, options)
        width = spec.output_width(width, options)
        members = spec.members_after(members, options)
    *before, last = layers
    if LAYERS[last[0]].follows_output:
        *before, last = before
    if any(LAYERS[kind].follows_output for kind, _, _ in before):
        raise StateError("its layers go on after one that follows the output")
    kind, _, activation = last
    if not LAYERS[kind].counts or activation is not None:
        raise StateError(
            f"its output layer is {kind!r} with the activation {activation!r}"
        )


def check_feature_names(attributes: Mapping[str, Any]) -> None:
    """Check the number of the features and their names."""
    n_features = attributes.get("n_features_in_", 1)
    expected = "a positive integer"
    check_is(is_count(n_features, 1), "n_features_in_", n_features, expected)
    names = attributes.get("feature_names_in_")
    if names is None:
        return
    is_right = type(names) in _ARRAYS and names.shape == (n_features,)
    is_right = is_right and all(isinstance(name, str) for name in names.tolist())
    expected = f"an array of {n_features} strings"
    check_is(is_right, "feature_names_in_", names, expected)


def check_classes(attributes: Mapping[str, Any]) -> None:
    """Check the labels of a classifier against each other and the outputs."""
    if "classes_" in attributes:
        _check_sorted("classes_", attributes["classes_"])
    binarizer = attributes.get("_label_binarizer")
    if "_label_binarizer" in attributes:
        expected = "a LabelBinarizer of scikit-learn"
        is_right = type(binarizer) is LabelBinarizer
        check_is(is_right, "_label_binarizer", binarizer, expected)
        _check_binarizer(vars(binarizer))
    if "classes_" in attributes and binarizer is not None:
        classes, known = attributes["classes_"], binarizer.classes_
        expected = f"an array with a label for each of {len(known)} classes"
        check_is(len(classes) == len(known), "classes_", classes, expected)
        n_outputs = attributes.get("n_outputs_")
        check_n_classes(len(classes), binarizer.y_type_, n_outputs)
        architecture = attributes.get("_architecture") or {}
        is_softmax = architecture.get("link") == "softmax"
        is_right = binarizer.y_type_ == "multiclass" or not is_softmax
        name, expected = "_label_binarizer.y_type_", "'multiclass', as softmax needs"
        check_is(is_right, name, binarizer.y_type_, expected)
    if "classes_" in attributes and getattr(binarizer, "y_type_", "")[:5] == "multil":
        _check_numbers_of_columns(attributes["classes_"])


def _check_numbers_of_columns(classes: np.ndarray) -> None:
    is_right = np.array_equal(classes, np.arange(len(classes)))
    check_is(is_right, "classes_", classes, "the numbers of the labels, from 0 on")


def _check_sorted(name: str, classes: Any) -> None:
    is_array = type(classes) in _ARRAYS and classes.ndim == 1 and classes.size > 0
    is_array = is_array and classes.dtype.kind in _LABEL_KINDS
    if is_array and classes.dtype.kind == "O":
        is_array = all(isinstance(label, str) for label in classes)
    check_is(is_array, name, classes, "a one-dimensional NumPy array of labels")
    if not is_increasing(classes):
        raise StateError(
            f"its {name} is {reprlib.repr(classes.tolist())}, not sorted and without "
            "duplicates"
        )


def is_increasing(classes: np.ndarray) -> bool:
    """Return whether labels are sorted and distinct."""
    return bool((classes[:-1] < classes[1:]).all())


def _check_binarizer(parts: dict[str, Any]) -> None:
    """Check that a binarizer is one that training makes."""
    expected = {"neg_label": 0, "pos_label": 1, "sparse_output": False}
    for name, value in expected.items():
        is_right = type(parts.get(name)) in (bool, int) and parts[name] == value
        check_is(is_right, f"_label_binarizer.{name}", parts.get(name), repr(value))
    is_sparse = parts.get("sparse_input_")
    name = "_label_binarizer.sparse_input_"
    check_is(isinstance(is_sparse, bool | np.bool_), name, is_sparse, "True or False")
    _check_sorted("_label_binarizer.classes_", parts.get("classes_"))


def fits_outputs(n_classes: int, y_type: Any, n_outputs: int | None) -> bool:
    """Return whether the kind of labels fits the numbers of classes and outputs."""
    if y_type == "binary":
        return n_classes <= 2 and n_outputs in (1, None)
    least = {"multiclass": 3, "multilabel-indicator": 2}.get(y_type, n_classes + 1)
    return n_classes >= least and n_outputs in (n_classes, None)


def check_n_classes(n_classes: int, y_type: Any, n_outputs: int | None) -> None:
    """Check the kind of the labels against the numbers of classes and outputs."""
    kinds = ("binary", "multiclass", "multilabel-indicator")
    is_kind = type(y_type) is str and y_type in kinds
    name = "_label_binarizer.y_type_"
    check_is(is_kind, name, y_type, f"one of {', '.join(kinds)}")
    is_right = fits_outputs(n_classes, y_type, None)
    check_is(is_right, name, y_type, f"that of {n_classes} classes")
    if not fits_outputs(n_classes, y_type, n_outputs):
        n_expected = 1 if y_type == "binary" else n_classes
        raise StateError(
            f"its n_outputs_ is {n_outputs}, but the {n_classes} labels in its "
            f"classes_ need {n_expected}"
        )
