"""What was learnt of each column of a table, and how it becomes numbers.

``onnx`` of a column does in an ONNX graph of float64 what ``encode`` does. Its input
has the shape (n_samples, 1): numbers in float64, text, or dates as microseconds since
1970 in int64, as ``onnx_kind`` says. NaN, ``missing_text`` and ``NAT`` are missing.
"""

from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, NamedTuple, NoReturn

import numpy as np

from sknn.tabular.dates import NAT, PARTS, onnx_parts, part_of
from sknn.tabular.objects import column_name
from sknn.tabular.raw_columns import (
    FIRST_INEXACT,
    MIXED,
    Column,
    Dates,
    to_categories,
    to_dates,
    to_numbers,
)

_N_SHOWN = 5
_ENCODED = "Or export what comes after the encoding, by to_onnx(model, encoded=True)."


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

    onnx_kind = "numbers"

    def onnx(self, g: Any, x: Any, missing_text: str) -> Parts:
        """Return the numbers, and which are missing, in an ONNX graph."""
        indicators = [g.cast(g.IsNaN(x), g.dtype)] if self.has_missing else []
        return Parts([], [x] if self.varies else [], indicators)

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

    @property
    def onnx_kind(self) -> str:
        """What the input of an ONNX graph holds.

        Raises
        ------
        ValueError
            If ONNX cannot do what is to be done with the column.
        """
        if self.zone not in (None, "UTC") and set(self.parts) - {"elapsed"}:
            raise ValueError(
                f"{column_name(self.label)} has dates of the time zone {self.zone}, "
                "whose hours ONNX does not know. Convert it to UTC before fit, or "
                f"drop its time zone. {_ENCODED}"
            )
        return "dates"

    def onnx(self, g: Any, x: Any, missing_text: str) -> Parts:
        """Return the parts that vary, and which are missing, in an ONNX graph."""
        numbers = onnx_parts(g, x, self.parts) if self.parts else []
        if not self.has_missing:
            return Parts([], numbers, [])
        return Parts([], numbers, [g.cast(g.Equal(x, g.integers(NAT)), g.dtype)])

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
        return known.encode(*self._code_of_labels())

    def _code_of_labels(self) -> tuple[dict[Any, int], int, int]:
        """Return the codes by category, of missing and of unseen ones."""
        every_code = chain(range(self.n_frequent), repeat(self.n_frequent))
        codes = dict(zip(self.categories, every_code, strict=False))
        unseen = self.n_codes
        if self.n_frequent < len(self.categories):
            unseen = self.n_frequent
        return codes, self.n_known if self.has_missing else unseen, unseen

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
        return Parts([], [], self._indicators(codes))

    def _indicators(self, codes: np.ndarray) -> list[np.ndarray]:
        """Return one-hot and binary columns."""
        indicators = [codes == code for code in self._one_hot_codes]
        if self.n_known == 2:
            binary = np.zeros(self.n_codes + 1, dtype=np.int8)
            binary[:2] = -1, 1
            indicators.insert(0, binary[codes])
        return indicators

    @property
    def onnx_kind(self) -> str:
        """What the input of an ONNX graph holds.

        Raises
        ------
        ValueError
            If it would hold values of several types.
        """
        if self.held == MIXED:
            raise ValueError(
                f"{column_name(self.label)} holds {MIXED}, which an input of an ONNX "
                "graph cannot. Turn it into text before fit, as "
                f"X[{self.label!r}].astype(str) does. {_ENCODED}"
            )
        return "numbers" if self.held == "booleans" else self.held

    def onnx(self, g: Any, x: Any, missing_text: str) -> Parts:
        """Return the codes, or one-hot or binary columns, in an ONNX graph.

        Raises
        ------
        ValueError
            If the text that is to be missing is a category.
        """
        if self.n_codes == 1:
            return Parts([], [], [])
        codes = self._onnx_codes(g, x, missing_text)
        if self.is_embedded:
            return Parts([g.cast(codes, g.dtype)], [], [])
        every_code = np.arange(self.n_codes + 1)
        rows = np.column_stack(self._indicators(every_code)).astype(g.dtype)
        return Parts([], [], [g.rows_of(rows, g.reshape(codes, (-1,)))])

    def _onnx_codes(self, g: Any, x: Any, missing_text: str) -> Any:
        """Return the code of each row, as int64 of shape (n_samples, 1)."""
        codes, missing, unseen = self._code_of_labels()
        if self.held == "text":
            if missing_text in codes:
                raise ValueError(
                    f"{column_name(self.label)} has the category {missing_text!r}, "
                    "which is to stand for missing text. Set missing_text to another "
                    "one."
                )
            return g.codes_of(x, {**codes, missing_text: missing}, unseen)
        if self.held == "dates":
            times = np.array(list(codes), dtype="M8[us]").astype(np.int64).tolist()
            keys = dict(zip(times, codes.values(), strict=True))
            return g.codes_of(x, {**keys, NAT: missing}, unseen)
        labels = np.array(list(codes), dtype=np.float64)
        if np.array_equal(labels, np.floor(labels)):
            is_whole = g.And(g.Equal(g.Floor(x), x), g.Less(g.Abs(x), FIRST_INEXACT))
            whole = g.cast(g.Where(is_whole, x, 0.0), np.int64)
            keys = {int(label): code for label, code in codes.items()}
            found = g.codes_of(whole, keys, unseen)
            found = g.Where(is_whole, found, g.integers(unseen))
        else:
            differences = np.array(list(codes.values())) - float(unseen)
            is_label = g.cast(g.Equal(x, labels), np.float64)
            sums = g.MatMul(is_label, differences[:, np.newaxis]) + float(unseen)
            found = g.cast(sums, np.int64)
        return g.Where(g.IsNaN(x), g.integers(missing), found)

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
