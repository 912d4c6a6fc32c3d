"""Columns as they are read from a table: numbers, dates or labels."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import repeat
from types import NoneType
from typing import Any

import numpy as np

MIXED = "values of several types"
SECOND = np.timedelta64(1, "s")
FIRST_INEXACT = 2.0**53  # float64 has not all integers beyond


@dataclass(frozen=True)
class Numbers:
    """Numbers.

    Attributes
    ----------
    values : ndarray of shape (n_samples,), dtype=float64
        Missing ones are NaN.
    """

    values: np.ndarray
    holds = "numbers"

    def is_missing(self) -> np.ndarray:
        """Return a mask of the rows without a value."""
        missing: np.ndarray = np.isnan(self.values)
        return missing


@dataclass(frozen=True)
class Dates:
    """Points in time.

    Attributes
    ----------
    values : ndarray of shape (n_samples,), dtype=datetime64[us]
        In UTC where there is a time zone; missing ones are NaT.
    wall : ndarray of shape (n_samples,), dtype=datetime64[us]
        What a clock on the wall shows there.
    zone : str or None
        The time zone.
    """

    values: np.ndarray
    wall: np.ndarray
    zone: str | None = None
    holds = "dates"

    def take(self, rows: np.ndarray) -> "Dates":
        """Return some of the rows."""
        return Dates(self.values[rows], self.wall[rows], self.zone)

    def is_missing(self) -> np.ndarray:
        """Return a mask of the rows without a value."""
        missing: np.ndarray = np.isnat(self.values)
        return missing


@dataclass(frozen=True)
class Categories:
    """Categories, each row with the position of its label.

    Attributes
    ----------
    positions : ndarray of shape (n_samples,), dtype=int
        Positions in ``labels``; missing values are -1.
    labels : list
        Each label once; strings, numbers or booleans.
    is_declared : bool
        Whether the dtype of the column says that it is categorical.
    """

    positions: np.ndarray
    labels: list[Any]
    is_declared: bool

    @property
    def holds(self) -> str:
        """What a message calls the values."""
        return held_by(self.labels)

    def is_missing(self) -> np.ndarray:
        """Return a mask of the rows without a value."""
        missing: np.ndarray = self.positions < 0
        return missing

    def indexed(self) -> "Categories":
        """Return these categories."""
        return self

    def encode(
        self, codes: Mapping[Hashable, int], missing: int, unseen: int
    ) -> np.ndarray:
        """Return the code of each row's label, of shape (n_samples,), dtype=int."""
        table = [codes.get(label, unseen) for label in self.labels]
        codes_of_positions = np.array([*table, missing], dtype=np.intp)
        return codes_of_positions.take(self.positions)


@dataclass(frozen=True)
class Labels:
    """Categories as a list of labels.

    Attributes
    ----------
    values : list
        Strings, numbers or booleans; missing ones are None.
    is_declared : bool
        Whether the dtype of the column says that it is categorical.
    """

    values: list[Any]
    is_declared: bool

    @property
    def holds(self) -> str:
        """What a message calls the values."""
        return held_by([value for value in self.values if value is not None])

    def is_missing(self) -> np.ndarray:
        """Return a mask of the rows without a value."""
        return np.array([value is None for value in self.values], dtype=bool)

    def indexed(self) -> Categories:
        """Return the same categories, with the position of each row's label."""
        labels = [label for label in dict.fromkeys(self.values) if label is not None]
        position_of = {label: position for position, label in enumerate(labels)}
        positions = self.encode(position_of, -1, -1)
        return Categories(positions, labels, self.is_declared)

    def encode(
        self, codes: Mapping[Hashable, int], missing: int, unseen: int
    ) -> np.ndarray:
        """Return the code of each row's label, of shape (n_samples,), dtype=int."""
        table = {**codes, None: missing}
        found = map(table.get, self.values, repeat(unseen))
        return np.fromiter(found, dtype=np.intp, count=len(self.values))


Column = Numbers | Dates | Categories | Labels


def held_by(labels: list[Any]) -> str:
    """Return what a message calls these labels, of which None are missing."""
    types = set(map(type, labels)) - {NoneType}
    if types == {bool}:
        return "booleans"
    if types <= {bool, int, float}:
        return "numbers"
    return "text" if types == {str} else MIXED


def booleans(values: np.ndarray) -> Categories:
    """Return a column of booleans from an array of 0, 1 and NaN."""
    positions = np.where(np.isnan(values), -1, values).astype(np.intp)
    return Categories(positions, [False, True], is_declared=True)


# From one kind to another ------------------------------------------------------------


def to_categories(column: Column, name: str) -> Categories | Labels:
    """Return a column with each distinct value as a category.

    Raises
    ------
    ValueError
        If integers are too large for float64; the message begins with ``name``.
    """
    if isinstance(column, Categories | Labels):
        return column
    missing = column.is_missing()
    values, positions = np.unique(column.values[~missing], return_inverse=True)
    all_positions = np.full(len(missing), -1, dtype=np.intp)
    all_positions[~missing] = positions
    labels = _labels_of_dates if isinstance(column, Dates) else _labels_of_numbers
    return Categories(all_positions, labels(values, name), is_declared=True)


def _labels_of_dates(values: np.ndarray, name: str) -> list[Any]:
    return [str(each) for each in np.datetime_as_string(values)]


def _labels_of_numbers(values: np.ndarray, name: str) -> list[Any]:
    if (np.abs(values) >= FIRST_INEXACT).any():
        raise ValueError(
            f"{name} holds integers of more than 53 bits, too many to be told apart as "
            "categories. Convert it to text, as astype(str) does."
        )
    return [int(each) if each.is_integer() else each for each in values.tolist()]


def to_numbers(column: Column) -> Numbers | None:
    """Return a column as numbers; None if its values are no numbers."""
    if isinstance(column, Numbers):
        return column
    if isinstance(column, Dates):
        return _nothing(column)
    column = column.indexed()
    if column.holds not in ("numbers", "booleans"):
        return _nothing(column)
    table = np.array([*column.labels, np.nan], dtype=np.float64)
    return Numbers(table[column.positions])


def to_dates(column: Column) -> Dates | None:
    """Return a column as dates; None if its values are no dates."""
    if isinstance(column, Dates):
        return column
    nothing = _nothing(column)
    if nothing is None:
        return None
    never = np.full(nothing.values.shape, np.datetime64("NaT"), dtype="M8[us]")
    return Dates(never, never)


def _nothing(column: Column) -> Numbers | None:
    """Return NaN for each row if all values are missing, else None."""
    missing = column.is_missing()
    return Numbers(np.full(missing.shape, np.nan)) if missing.all() else None
