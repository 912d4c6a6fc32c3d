"""Masked values and NaT, which NumPy would take for numbers or labels."""

from collections.abc import Sequence
from datetime import datetime
from types import NoneType
from typing import Any

import numpy as np
import scipy.sparse

_OF_FIT = ("X", "y", "sample_weight", "X_val", "y_val", "sample_weight_val")
_HARMLESS = frozenset(
    {bool, int, float, str, bytes, NoneType, np.float64, np.float32, np.int64, np.str_}
)
_DATES = (np.datetime64, np.timedelta64, datetime)


def refuse_missing_in_fit(data: tuple[Any, ...], given: tuple[Any, ...]) -> None:
    """Refuse missing values in the training data and in the validation data."""
    refuse_missing(**dict(zip(_OF_FIT, (*data, *given), strict=True)))


def refuse_missing(**data: Any) -> None:
    """Raise a ValueError for masked values, NaT, and NaN in a list of text.

    NumPy drops a mask silently, takes NaT for a label or a number, and writes NaN as
    the text 'nan'.
    """
    for name, values in data.items():
        is_numeric = type(values) is np.ndarray and values.dtype.kind in "fiub"
        if is_numeric or values is None:
            continue
        if type(values) in (list, tuple) and _has_nan_among_text(values):
            raise ValueError(
                f"{name} holds NaN among text, which NumPy would turn into the text "
                "'nan'. Leave out the rows where it is missing, or fill it."
            )
        n_masked, n_dates = _count(_values_to_check(values))
        if n_masked:
            how = f", as {name}.filled(...) does" * isinstance(
                values, np.ma.MaskedArray
            )
            raise ValueError(
                f"{name} holds {_counted(n_masked, 'masked value')}, whose mask would "
                f"be lost. Fill them{how}, impute them, or leave out their rows."
            )
        if n_dates:
            raise ValueError(
                f"{name} holds {_counted(n_dates, 'missing date')} (NaT). Leave out "
                "their rows, or replace them by a value of the same type."
            )


def _has_nan_among_text(values: Sequence[Any]) -> bool:
    types = set(map(type, values))
    if str not in types or not types & {float, np.float64, np.float32}:
        return False
    return any(value != value for value in values if not isinstance(value, str))


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n > 1)}"


def _values_to_check(values: Any) -> Any:
    """Return the values to look at, as an array or a sequence."""
    if isinstance(values, (np.ndarray, list, tuple)):
        return values
    if scipy.sparse.issparse(values):
        return getattr(values, "data", ())
    dtypes = getattr(values, "dtypes", getattr(values, "dtype", None))
    if dtypes is None:
        return ()
    kinds = {
        getattr(dtype, "kind", "O") for dtype in np.ravel(np.array(dtypes, object))
    }
    return np.asarray(values) if kinds & set("mMO") else ()


def _count(values: Any) -> tuple[int, int]:
    """Return how many values are masked, and how many are NaT."""
    if isinstance(values, np.ma.MaskedArray):
        mask = np.ascontiguousarray(np.ma.getmaskarray(values))
        n_masked = int(mask.view(bool).sum())
        return (n_masked, 0) if n_masked else _count(values.data)
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "mM":
            return 0, int(np.isnat(values).sum())
        if values.dtype.kind != "O":
            return 0, 0
        values = values.ravel().tolist()
    if isinstance(values, (list, tuple)):
        if _HARMLESS.issuperset(map(type, values)):
            return 0, 0
        counts = [_count(value) for value in values]
        return sum(n for n, _ in counts), sum(n for _, n in counts)
    if isinstance(values, _DATES):
        return 0, int(values != values)
    return 0, 0
