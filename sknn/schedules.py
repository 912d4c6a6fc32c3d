"""Learning-rate schedules: what becomes of the rate between epochs."""

from collections.abc import Callable
from typing import NamedTuple

SMALLEST_ADAPTIVE_RATE = 1e-6


class Schedule(NamedTuple):
    """Two functions; either may leave the rate as it is.

    Attributes
    ----------
    after_epoch : callable
        ``after_epoch(rate, n_samples_seen, parameters)`` returns the next rate.
    on_plateau : callable
        ``on_plateau(rate)`` returns the rate to go on with after epochs without
        improvement, or None to stop.
    """

    after_epoch: Callable[[float, int, dict], float] = lambda rate, seen, p: rate
    on_plateau: Callable[[float], float | None] = lambda rate: None


def _inverse_scaling(rate: float, n_samples_seen: int, parameters: dict) -> float:
    initial = float(parameters["learning_rate_init"])
    return initial / (n_samples_seen + 1) ** parameters["power_t"]


def _fifth(rate: float) -> float | None:
    return None if rate <= SMALLEST_ADAPTIVE_RATE else rate / 5.0


SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule(),
    "invscaling": Schedule(after_epoch=_inverse_scaling),
    "adaptive": Schedule(on_plateau=_fifth),
}
