"""Parts of dates, as numbers."""

from collections.abc import Callable

import numpy as np

from sknn.tabular.raw_columns import Dates

_EPOCH = np.datetime64("1970-01-01T00:00:00", "us")
_DAY, _HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")
_FIRST_YEAR, _FIRST_DAY_OF_WEEK = 1970, 3  # of the epoch, which was a Thursday


def _elapsed(dates: Dates) -> np.ndarray:
    days: np.ndarray = (dates.values - _EPOCH) / _DAY
    return days


def _year(dates: Dates) -> np.ndarray:
    return dates.wall.astype("M8[Y]").astype(np.int64) + _FIRST_YEAR


def _month(dates: Dates) -> np.ndarray:
    return dates.wall.astype("M8[M]").astype(np.int64) % 12 + 1


def _day(dates: Dates) -> np.ndarray:
    days = dates.wall.astype("M8[D]")
    days_of_month: np.ndarray = days - days.astype("M8[M]").astype("M8[D]")
    return days_of_month.astype(np.int64) + 1


def _day_of_week(dates: Dates) -> np.ndarray:
    days = dates.wall.astype("M8[D]").astype(np.int64)
    return (days + _FIRST_DAY_OF_WEEK) % 7


def _hour(dates: Dates) -> np.ndarray:
    hours: np.ndarray = (dates.wall - dates.wall.astype("M8[D]")) / _HOUR
    return hours


# Hours have fractions; the day of the week is 0 for Monday, as in pandas.
_PARTS: dict[str, Callable[[Dates], np.ndarray]] = {
    "elapsed": _elapsed,  # days since 1970
    "year": _year,
    "month": _month,
    "day": _day,
    "day_of_week": _day_of_week,
    "hour": _hour,
}
PARTS = tuple(_PARTS)


def part_of(dates: Dates, name: str) -> np.ndarray:
    """Return a part of each date, as a float64; NaN where the date is missing."""
    values = _PARTS[name](dates).astype(np.float64)
    values[dates.is_missing()] = np.nan
    return values
