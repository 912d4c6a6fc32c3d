"""The state of an estimator in the form in which it is stored."""

import sys
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer


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
