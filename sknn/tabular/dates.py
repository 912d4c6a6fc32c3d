"""Parts of dates, as numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sknn.tabular.raw_columns import Dates

_EPOCH = np.datetime64("1970-01-01T00:00:00", "us")
_DAY, _HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")
_FIRST_YEAR, _FIRST_DAY_OF_WEEK = 1970, 3  # of the epoch, which was a Thursday
_US_OF_DAY, _US_OF_HOUR = 86_400_000_000, 3_600_000_000
NAT = int(np.iinfo(np.int64).min)  # NaT as an integer


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


# In an ONNX graph ---------------------------------------------------------------------


def onnx_parts(g: Any, x: Any, names: tuple[str, ...]) -> list[Any]:
    """Return parts of dates in an ONNX graph of float64.

    Parameters
    ----------
    g, x : Graph, Tensor
        ``x`` has microseconds since 1970, as int64; ``NAT`` are missing. See
        ``register`` in ``sknn/kernels/layers/activation_base.py``.
    names : tuple of str
        Keys of `PARTS`.

    Returns
    -------
    parts : list of Tensor
        In float64; NaN are missing.
    """
    missing = g.Equal(x, g.integers(NAT))
    x = g.Where(missing, g.integers(0), x)
    time = g.Mod(x, g.integers(_US_OF_DAY))
    days = _onnx_floor(g, x, _US_OF_DAY)
    year, month, day = _onnx_calendar(g, days)
    parts = {
        "elapsed": g.cast(x, np.float64) / float(_US_OF_DAY),
        "year": year,
        "month": month,
        "day": day,
        "day_of_week": g.Mod(days + g.integers(_FIRST_DAY_OF_WEEK), g.integers(7)),
        "hour": g.cast(time, np.float64) / float(_US_OF_HOUR),
    }
    return [g.Where(missing, np.nan, g.cast(parts[name], np.float64)) for name in names]


def _onnx_floor(g: Any, x: Any, divisor: int) -> Any:
    """Return x // divisor of int64; Div alone rounds towards zero."""
    return (x - g.Mod(x, g.integers(divisor))) / g.integers(divisor)


def _onnx_calendar(g: Any, days: Any) -> tuple[Any, Any, Any]:
    """Return year, month and day of days since 1970 [1]_.

    Years begin in March, so that a leap day is the last of its year, and months have
    153 days in five.

    References
    ----------
    .. [1] H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013,
       https://howardhinnant.github.io/date_algorithms.html.
    """

    def n(number: int) -> Any:
        return g.integers(number)

    shifted = days + n(719468)  # since 1 March of the year 0
    era = _onnx_floor(g, shifted, 146097)  # of 400 years
    day_of_era = g.Mod(shifted, n(146097))
    leap_days = day_of_era / n(1460) - day_of_era / n(36524) + day_of_era / n(146096)
    year_of_era = (day_of_era - leap_days) / n(365)
    first = year_of_era * n(365) + year_of_era / n(4) - year_of_era / n(100)
    day_of_year = day_of_era - first
    month_from_march = (day_of_year * n(5) + n(2)) / n(153)
    day = day_of_year - (month_from_march * n(153) + n(2)) / n(5) + n(1)
    month = g.Mod(month_from_march + n(2), n(12)) + n(1)
    is_before_march = g.cast(g.LessOrEqual(month, n(2)), np.int64)
    return year_of_era + era * n(400) + is_before_march, month, day
