"""Other values in the place of fitted attributes, of all kinds."""

import contextlib
import copy
import types

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.preprocessing import LabelBinarizer


class Array(np.ndarray):
    """A subclass of ndarray, which may lie in memory in another way."""


class Text(str):
    """A subclass of str."""

    __slots__ = ()


def spoof(value):
    """Return something that looks like a value."""
    shape, dtype = getattr(value, "shape", (3,)), getattr(value, "dtype", np.float64)
    return types.SimpleNamespace(
        shape=shape, dtype=dtype, ndim=len(shape), size=int(np.prod(shape)),
        classes_=getattr(value, "classes_", None), y_type_="multiclass",
    )  # fmt: skip


def wrong_arrays(array):
    """Return functions that make other arrays of one."""
    matrix = np.atleast_2d(array)
    matrix = matrix.reshape(len(matrix), -1)
    return {
        "empty": lambda: array[:0],
        "shorter": lambda: array[:-1],
        "longer": lambda: np.concatenate([array, array]),
        "long": lambda: np.resize(array, 10**5),
        "another axis": lambda: array[np.newaxis],
        "flat": lambda: array.ravel(),
        "scalar": lambda: np.array(1.0),
        "transposed": lambda: array.T,
        "reversed": lambda: array[::-1],
        "columns first": lambda: np.asfortranarray(array),
        "strided": lambda: np.repeat(array, 2, axis=0)[::2],
        "swapped bytes": lambda: array.astype(array.dtype.newbyteorder()),
        "read-only": lambda: np.broadcast_to(array, array.shape),
        "list": array.tolist,
        "tuple": lambda: tuple(array),
        "matrix": lambda: np.matrix(matrix),
        "CSR": lambda: sp.csr_array(matrix.astype(float)),
        "CSR matrix": lambda: sp.csr_matrix(matrix.astype(float)),
        "masked": lambda: np.ma.masked_array(array),
        "subclass": lambda: array.view(Array),
        "record": lambda: array.view([("x", array.dtype)]),
        "DataFrame": lambda: pd.DataFrame(matrix),
        "NaN": lambda: np.full_like(array, np.nan, dtype=float),
        "infinite": lambda: np.full_like(array, np.inf, dtype=float),
        "negative": lambda: -np.abs(array) - 1,
        "huge": lambda: np.full(array.shape, 2**62),
        "doubled": lambda: np.full_like(array, array.ravel()[0]),
        **{
            dtype: lambda dtype=dtype: array.astype(dtype)
            for dtype in ("f2", "f4", "f8", "g", "i1", "u8", "?", "D", "O", "U9", "S9")
        },
    }


THINGS = [
    None, True, -1, 0, 1, 3, 10**9, 2**63, 10**400, 0.5, -1.5, float("nan"),
    float("inf"), "x", "", Text("softmax"), "softmax", "quantiles", "multiclass",
    "binary", "adam", b"x", (), [], {}, [None], (3,), [[1.0]], {"x": 1}, np.zeros(0),
    np.float64(2), np.int64(2), np.float32(np.nan), np.zeros((1, 1)), object, print,
    np.full((2, 10**4), 7), [np.zeros(2)] * 2, LabelBinarizer(), sp.csr_array((2, 2)),
    1j, range(3), set(), np.random.RandomState(0), object(),
]  # fmt: skip


def tampered(rng, value, other):
    """Return what was done, and another value in the place of one.

    ``rng`` draws; ``other`` is the value of another attribute.
    """
    options = {"thing": lambda: rng.choice(THINGS), "swap": lambda: other}
    options["spoof"] = lambda: spoof(value)
    if type(value) is np.ndarray:
        options |= wrong_arrays(value)
    elif isinstance(value, str):
        options["subclass"] = lambda: Text(value)
    elif isinstance(value, int | float):
        options["text"] = lambda: str(value)
        options["NumPy"] = lambda: np.asarray(value)[()]
        options["more"] = lambda: value + 1
        options["less"] = lambda: -value - 1
    elif isinstance(value, list | tuple):
        options["reversed"] = lambda: value[::-1]
        options["longer"] = lambda: value + value[:1]
        options["shorter"] = lambda: value[:-1]
        options["other type"] = lambda: (
            list(value) if type(value) is tuple else (*value,)
        )
    elif isinstance(value, dict):
        options["longer"] = lambda: {**value, "other": 1}
        options["shorter"] = lambda: dict(list(value.items())[:-1])
    # Deep: what lies within is tampered with.
    has_parts = type(value) in (dict, list, tuple, LabelBinarizer)
    if has_parts and rng.random() < 0.8:
        return _within(rng, value, other)
    name = rng.choice(list(options))
    with contextlib.suppress(TypeError, ValueError):
        return name, options[name]()
    return "thing", rng.choice(THINGS)


def _within(rng, value, other):
    if isinstance(value, LabelBinarizer):
        parts = copy.copy(value)
        what, state = _within(rng, vars(value), other)
        parts.__dict__ = state
        return what, parts
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return "thing", rng.choice(THINGS)
    key = rng.choice(keys)
    if isinstance(value, dict) and rng.random() < 0.1:
        return f"[{key!r}]: deleted", {k: v for k, v in value.items() if k != key}
    what, part = tampered(rng, value[key], other)
    if isinstance(value, dict):
        return f"[{key!r}] {what}", {**value, key: part}
    parts = [part if k == key else item for k, item in enumerate(value)]
    return f"[{key}] {what}", type(value)(parts)
