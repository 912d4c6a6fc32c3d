"""What was learnt of each column of a table, and how it becomes numbers."""

from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, NamedTuple, NoReturn

import numpy as np

from sknn.tabular.dates import PARTS, part_of
from sknn.tabular.objects import column_name
from sknn.tabular.raw_columns import (
    MIXED,
    Column,
    Dates,
    to_categories,
    to_dates,
    to_numbers,
)

_N_SHOWN = 5


class Parts(NamedTuple):
    """What a column contributes to each group of outputs, or the names of these.

    Attributes
    ----------
    codes : list
        Codes of categories, which a network embeds.
    numbers : list
        Numbers, not scaled yet; NaN are missing.
    indicators : list
        Numbers between -1 and 1: one-hot and binary columns, missingness.
    """

    codes: list[Any]
    numbers: list[Any]
    indicators: list[Any]


class Description(NamedTuple):
    """A row of the summary."""

    kind: str
    encoding: str
    statistics: str


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers.

    Attributes
    ----------
    label : str or int
        Its name, or its index.
    has_missing : bool
        Whether some of its values were missing, and not all.
    minimum, maximum : float
        Of the training rows; NaN if all values were missing.
    """

    label: Any
    has_missing: bool
    minimum: float
    maximum: float

    @classmethod
    def fit(cls, label: Any, values: np.ndarray) -> "NumericColumn":
        """Return what the training rows say of a column of numbers."""
        missing = np.isnan(values)
        if missing.all():
            return cls(label, False, np.nan, np.nan)
        low, high = np.nanmin(values), np.nanmax(values)
        return cls(label, bool(missing.any()), float(low), float(high))

    @property
    def varies(self) -> bool:
        """Whether there are two different numbers."""
        return self.minimum < self.maximum

    def encode(self, column: Column) -> Parts:
        """Return the numbers, and which are missing."""
        if not (self.varies or self.has_missing):
            return Parts([], [], [])
        found = to_numbers(column)
        if found is None:
            _refuse_change(self.label, "numbers", column)
        indicators = [found.is_missing()] if self.has_missing else []
        return Parts([], [found.values] if self.varies else [], indicators)

    def names(self, name: str) -> Parts:
        """Return the names of the outputs."""
        indicators = [_name_of_missing(name)] if self.has_missing else []
        return Parts([], [name] if self.varies else [], indicators)

    def describe(self) -> Description:
        """Return a row of the summary."""
        if np.isnan(self.minimum):
            return Description("numeric", "dropped", "all values missing")
        encoding = " + ".join(
            ["scaled"] * self.varies + ["indicator"] * self.has_missing
        )
        statistics = f"{self.minimum:.4g} to {self.maximum:.4g}"
        if not self.varies:
            statistics = f"constant {self.minimum:.4g}"
        return Description("numeric", encoding or "dropped", statistics)


@dataclass(frozen=True)
class DateColumn:
    """A column of dates.

    Attributes
    ----------
    label : str or int
        Its name, or its index.
    has_missing : bool
        Whether some of its values were missing.
    parts : tuple of str
        The parts that vary, in the order of `PARTS`.
    zone : str or None
        The time zone.
    first, last : str
        Of the training rows.
    """

    label: Any
    has_missing: bool
    parts: tuple[str, ...]
    zone: str | None
    first: str
    last: str

    @classmethod
    def fit(cls, label: Any, dates: Dates) -> "DateColumn":
        """Return what the training rows say of a column of dates."""
        missing = dates.is_missing()
        present = dates.take(np.flatnonzero(~missing))
        parts = tuple(name for name in PARTS if np.ptp(part_of(present, name)) > 0)
        ends = np.array([present.wall.min(), present.wall.max()])
        first, last = map(str, np.datetime_as_string(ends, unit="auto"))
        return cls(label, bool(missing.any()), parts, dates.zone, first, last)

    def encode(self, column: Column) -> Parts:
        """Return the parts that vary, and which dates are missing."""
        if not (self.parts or self.has_missing):
            return Parts([], [], [])
        found = to_dates(column)
        if found is None:
            _refuse_change(self.label, "dates", column)
        missing = found.is_missing()
        if found.zone != self.zone and not missing.all():
            raise ValueError(
                f"{column_name(self.label)} has "
                f"{'the time zone ' + found.zone if found.zone else 'no time zone'}, "
                f"but had {self.zone or 'none'} when the encoder was fitted. Convert "
                "it to the same one."
            )
        numbers = [part_of(found, part) for part in self.parts]
        return Parts([], numbers, [missing] if self.has_missing else [])

    def names(self, name: str) -> Parts:
        """Return the names of the outputs."""
        indicators = [_name_of_missing(name)] if self.has_missing else []
        return Parts([], [f"{name}_{part}" for part in self.parts], indicators)

    def describe(self) -> Description:
        """Return a row of the summary."""
        encoding = list(self.parts) + ["indicator"] * self.has_missing
        zone = f" ({self.zone})" if self.zone else ""
        return Description(
            "date",
            ", ".join(encoding) or "dropped",
            f"{self.first} to {self.last}{zone}",
        )


@dataclass(frozen=True)
class CategoricalColumn:
    """A column of categories.

    Attributes
    ----------
    label : str or int
        Its name, or its index.
    held : str
        What a message calls its values.
    has_missing : bool
        Whether some of its values were missing; they have the last code.
    categories : list
        Strings, numbers or booleans, sorted; infrequent ones come last.
    n_frequent : int
        How many of them have a code of their own, 0 to n_frequent - 1. All others
        share the next code.
    is_embedded : bool
        Whether the output is the code, and not one-hot or binary columns.
    """

    label: Any
    held: str
    has_missing: bool
    categories: list[Any]
    n_frequent: int
    is_embedded: bool

    @property
    def n_known(self) -> int:
        """The number of codes, without that of missing values."""
        return min(self.n_frequent + 1, len(self.categories))

    @property
    def n_codes(self) -> int:
        """The number of codes of the training rows."""
        return self.n_known + self.has_missing

    def _codes(self, column: Column) -> np.ndarray:
        """Return the code of each row.

        What was not seen in training has that of infrequent categories; if there are
        none, the number that follows all codes.
        """
        known = to_categories(column, column_name(self.label))
        self._check_type(column)
        every_code = chain(range(self.n_frequent), repeat(self.n_frequent))
        codes = dict(zip(self.categories, every_code, strict=False))
        unseen = self.n_codes
        if self.n_frequent < len(self.categories):
            unseen = self.n_frequent
        missing = self.n_known if self.has_missing else unseen
        return known.encode(codes, missing, unseen)

    def _check_type(self, column: Column) -> None:
        """Refuse numbers in place of text, and the like."""
        held, holds = (
            "numbers" if kind == "booleans" else kind
            for kind in (self.held, column.holds)
        )
        is_mixed = MIXED in (held, holds) and "dates" not in (held, holds)
        if held != holds and not is_mixed and not column.is_missing().all():
            _refuse_change(self.label, self.held, column)

    def encode(self, column: Column) -> Parts:
        """Return the codes, or one-hot or binary columns."""
        if self.n_codes == 1:
            return Parts([], [], [])
        codes = self._codes(column)
        if self.is_embedded:
            return Parts([codes], [], [])
        indicators = [codes == code for code in self._one_hot_codes]
        if self.n_known == 2:
            binary = np.zeros(self.n_codes + 1, dtype=np.int8)
            binary[:2] = -1, 1
            indicators.insert(0, binary[codes])
        return Parts([], [], indicators)

    @property
    def _one_hot_codes(self) -> list[int]:
        """The codes that have a column of their own."""
        first = 0 if self.n_known > 2 else self.n_known
        return list(range(first, self.n_codes))

    def names(self, name: str) -> Parts:
        """Return the names of the outputs."""
        if self.n_codes == 1:
            return Parts([], [], [])
        if self.is_embedded:
            return Parts([name], [], [])
        names = [str(category) for category in self.categories[: self.n_frequent]]
        names += ["infrequent"] * (self.n_known > self.n_frequent)
        names = [f"{name}_{category}" for category in names]
        names += [_name_of_missing(name)] * self.has_missing
        kept = ([1] if self.n_known == 2 else []) + self._one_hot_codes
        return Parts([], [], [names[code] for code in kept])

    def describe(self) -> Description:
        """Return a row of the summary."""
        n = len(self.categories)
        shown = ", ".join(map(str, self.categories[:_N_SHOWN]))
        statistics = f"{n}: {shown}{', ...' if n > _N_SHOWN else ''}"
        if self.n_frequent < n:
            statistics += f" ({n - self.n_frequent} infrequent)"
        encoding = "one-hot"
        if self.n_codes == 1:
            encoding = "dropped"
        elif self.is_embedded:
            encoding = f"{self.n_codes} codes"
        elif self.n_known <= 2:
            encoding = " + ".join(
                ["binary"] * (self.n_known == 2) + ["indicator"] * self.has_missing
            )
        return Description("categorical", encoding, statistics)


FittedColumn = NumericColumn | DateColumn | CategoricalColumn


def _name_of_missing(name: str) -> str:
    return f"missingindicator_{name}"


def _refuse_change(label: Any, held: str, column: Column) -> NoReturn:
    raise ValueError(
        f"{column_name(label)} holds {column.holds}, but held {held} when the encoder "
        "was fitted. Convert it to the same type."
    )
