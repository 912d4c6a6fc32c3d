"""Whether an argument of a driver has the type in its signature."""

from typing import Any

import numpy as np

from sknn.jit.declarations import DTYPE, Array


def fits(value: Any, type_: Array, dtype: np.dtype[Any]) -> bool:
    """Return whether a value is an array of a type, in C order."""
    element = dtype if type_.element == DTYPE else np.dtype(type_.element)
    return (
        isinstance(value, np.ndarray)
        and value.dtype == element
        and value.ndim == type_.ndim
        and value.flags.c_contiguous
        and (type_.is_read_only or value.flags.writeable)
    )


def description_of(value: Any) -> str:
    """Describe a value in a message: its type; for an array, dtype and layout."""
    if not isinstance(value, np.ndarray):
        return type(value).__name__
    flags = " ".join(str(value.flags).split())
    return f"{value.dtype} of shape {value.shape}, {flags}"
