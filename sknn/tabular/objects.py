"""Columns from Python objects, whose types say what they are."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from numbers import Complex, Real
from types import NoneType
from typing import Any

import numpy as np

from sknn.tabular.raw_columns import (
    SECOND,
    Column,
    Dates,
    Labels,
    Numbers,
    booleans,
)

_PLAIN_LABELS = frozenset({str, bool, int, float, NoneType})
_NEVER_MISSING = frozenset({str, bool, int, NoneType, datetime, date, timedelta})
# Values of these types may be missing, as NaN, NaT or pandas.NA.
_MISSING_NAMES = frozenset({"NAType", "NaTType"})
# The first that fits; a datetime is a date, and a boolean a number.
_KINDS: list[tuple[tuple[type, ...], str]] = [
    ((str, np.str_), "text"),
    ((bool, np.bool_), "booleans"),
    ((date, np.datetime64), "dates"),
    ((timedelta, np.timedelta64, time), "durations"),
    ((Real, Decimal), "numbers"),
]


def read_objects(values: list[Any], label: Any, is_declared: bool = False) -> Column:
    """Return a column from a list of Python objects.

    Parameters
    ----------
    values : list
        None, NaN, NaT and pandas.NA are missing.
    label : str or int
        What messages call the column.
    is_declared : bool, default=False
        Whether the values are those of a categorical column.

    Raises
    ------
    TypeError
        If the values are neither numbers nor dates nor labels, or are of several
        kinds, as text and dates.
    """
    types = set(map(type, values))
    if doubtful := types - _NEVER_MISSING:
        values = [
            None if type(value) in doubtful and _is_missing(value) else value
            for value in values
        ]
        types = set(map(type, values))
    kinds = {_kind_of(each, label) for each in types - {NoneType}}
    if not kinds:
        return Numbers(np.full(len(values), np.nan))
    if is_declared or ("text" in kinds and kinds <= {"text", "numbers", "booleans"}):
        if not types <= _PLAIN_LABELS:
            values = [plain(value) for value in values]
        return Labels(values, is_declared)
    if kinds == {"numbers", "booleans"}:
        kinds = {"numbers"}
    if len(kinds) > 1:
        raise TypeError(
            f"{column_name(label)} holds {' and '.join(sorted(kinds))}. Give all its "
            "values one type, or leave it out."
        )
    try:
        return _READERS[kinds.pop()](values)
    except OverflowError:
        raise ValueError(
            f"{column_name(label)} holds a value beyond the range of float64 numbers "
            "and of dates. Replace it, or leave the column out."
        ) from None


def column_name(label: Any) -> str:
    """Return what a message calls a column, at its beginning."""
    return f"Column {label!r} of X"


def plain(value: Any) -> Any:
    """Return a label as a string, number or boolean of Python."""
    if type(value) in _PLAIN_LABELS:
        return value
    if isinstance(value, np.generic) and type(value.item()) in _PLAIN_LABELS:
        return value.item()
    return str(value)


def _is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, NaT or pandas.NA."""
    if value is None or type(value).__name__ in _MISSING_NAMES:
        return True
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return isinstance(value, float | np.floating | Decimal) and bool(value != value)


def _kind_of(value_type: type, label: Any) -> str:
    for types, kind in _KINDS:
        if issubclass(value_type, types):
            return kind
    if issubclass(value_type, Complex):
        raise ValueError(
            f"Complex data not supported. {column_name(label)} holds complex numbers: "
            "make a column of the real and one of the imaginary parts."
        )
    raise TypeError(
        f"{column_name(label)} holds values of type {value_type.__name__}, but each "
        "argument must be a string, a number or a date. Turn them into numbers, or "
        "leave the column out."
    )


def _numbers(values: list[Any]) -> Column:
    return Numbers(np.array(values, dtype=np.float64))


def _booleans(values: list[Any]) -> Column:
    return booleans(np.array(values, dtype=np.float64))


def _durations(values: list[Any]) -> Column:
    return Numbers(np.array(list(map(_seconds, values)), dtype=np.float64))


def _seconds(value: Any) -> float:
    """Return a duration, or a time of the day, in seconds."""
    if value is None:
        return np.nan
    if isinstance(value, time):
        elapsed = 3600 * value.hour + 60 * value.minute + value.second
        return elapsed + value.microsecond / 1e6
    if isinstance(value, timedelta):
        return value.total_seconds()
    return float(value / SECOND)


def _dates(values: list[Any]) -> Column:
    zones = {str(zone) for value in values if (zone := getattr(value, "tzinfo", None))}
    if not zones:
        dates = np.array(values, dtype="M8[us]")
        return Dates(dates, dates)
    in_utc = np.array([_in_utc(value) for value in values], dtype="M8[us]")
    if len(zones) > 1:  # as of offsets that change with the season
        return Dates(in_utc, in_utc, "UTC")
    wall = [value and value.replace(tzinfo=None) for value in values]
    return Dates(in_utc, np.array(wall, dtype="M8[us]"), zones.pop())


def _in_utc(value: Any) -> Any:
    if getattr(value, "tzinfo", None):
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


_READERS: dict[str, Callable[[list[Any]], Column]] = {
    "numbers": _numbers,
    "booleans": _booleans,
    "dates": _dates,
    "durations": _durations,
}
