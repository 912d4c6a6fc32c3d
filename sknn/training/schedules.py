"""Learning-rate schedules: the rate of each epoch.

A schedule is one function, and a call of `register`. Epochs count from 0, and
begin after the warm-up.

'constant', 'invscaling' and 'adaptive' are scikit-learn's names, and mean what they
mean there: its Adam keeps the rate constant, whichever of them it is given.
"""

from collections.abc import Callable
from math import cos, log2, pi
from typing import Any, NamedTuple

from sknn.kernels.descriptions import REALMLP, check_description

# A plateau ends training at this learning rate or below.
SMALLEST_ADAPTIVE_RATE = 1e-6

# Relative to the first rate, a rate that changes no weight: the precision of float64.
_VANISHED = 2.0**-52

# One-cycle, as in PyTorch: the rate rises in the fraction _RISE of epochs. The first
# rate is the highest divided by _FIRST; the last is the first divided by _LAST. The
# peak may lie between two epochs, and before the first of three epochs or fewer.
_RISE, _FIRST, _LAST = 0.3, 25.0, 1e4

# Of 'coslog4'.
_N_CYCLES = 4


class ScheduleOptions(NamedTuple):
    """The estimators' parameters that schedules depend on."""

    solver: str
    learning_rate: str | Callable[[int], float]
    learning_rate_init: float
    power_t: float
    decay_rate: float
    decay_epochs: int
    warmup_epochs: int
    max_iter: int


class ScheduleState(NamedTuple):
    """Where training stands when the rate of an epoch is asked for."""

    epoch: float  # epochs done, without those of the warm-up
    n_epochs: int  # epochs to do in all, without those of the warm-up
    n_samples_seen: int
    rate: float  # of the epoch before


class Schedule(NamedTuple):
    """A function for the rate, and one for the end of progress.

    Attributes
    ----------
    rate : callable
        ``rate(now, options)`` returns the rate of the next epoch.
    description : str
        One line for the docstrings of the estimators, where ``e`` is the number of
        epochs done, ``t`` that of samples seen and ``r`` the initial rate.
    reference : str
        Publication that the docstrings cite.
    uses : tuple of str
        Those of the estimators' parameters that scikit-learn does not have and that
        have an effect with this schedule. They give a warning with others.
    lower : callable or None
        ``lower(rate, options)`` returns the rate to go on with after epochs without
        improvement; None where training then stops.
    is_constant : bool
        Whether the rate stays the same until then.
    has_end : bool
        Whether the rate is at its lowest after ``max_iter`` epochs, and stays there.
    is_by_step : bool
        Whether it is asked for the rate of each step, with a fraction in ``now.epoch``.
    """

    rate: Callable[[ScheduleState, ScheduleOptions], float]
    description: str = ""  # that of a user's function is empty
    reference: str = ""
    uses: tuple[str, ...] = ()
    lower: Callable[[float, ScheduleOptions], float] | None = None
    is_constant: bool = False
    has_end: bool = False
    is_by_step: bool = False

    def rates(
        self, now: ScheduleState, options: ScheduleOptions, n_batches: int
    ) -> list[float]:
        """Return the rate of each batch of the next epoch, or one for all of them."""
        if not self.is_by_step:
            return [self.rate(now, options)]
        epochs = [now.epoch + k / n_batches for k in range(n_batches)]
        return [self.rate(now._replace(epoch=epoch), options) for epoch in epochs]

    def after_plateau(self, rate: float, options: ScheduleOptions) -> float | None:
        """Return the rate to go on with after a plateau, or None to stop."""
        if self.lower is None or rate <= SMALLEST_ADAPTIVE_RATE:
            return None
        lower = self.lower(rate, options)
        return lower if lower < rate else None  # a factor of 1 would never stop


SCHEDULES: dict[str, Schedule] = {}


def register(
    name: str,
    rate: Callable[[ScheduleState, ScheduleOptions], float],
    *,
    description: str,
    **fields: Any,
) -> None:
    """Make a schedule available as ``learning_rate="name"``.

    Parameters
    ----------
    name : str
    rate : callable
    description : str
    **fields
        The other fields of `Schedule`.
    """
    check_description(name, description)
    SCHEDULES[name] = Schedule(rate, description, **fields)


def _constant(now: ScheduleState, options: ScheduleOptions) -> float:
    return float(options.learning_rate_init)


def _invscaling(now: ScheduleState, options: ScheduleOptions) -> float:
    initial = float(options.learning_rate_init)
    if now.epoch == 0:
        return initial
    try:
        rate = initial / float(now.n_samples_seen + 1) ** float(options.power_t)
    except OverflowError:
        return 0.0
    return float(rate)


def _unchanged(now: ScheduleState, options: ScheduleOptions) -> float:
    return now.rate


def _fifth(rate: float, options: ScheduleOptions) -> float:
    return rate / 5.0


def _decayed(rate: float, options: ScheduleOptions) -> float:
    return rate * float(options.decay_rate)


def _inverse_time(now: ScheduleState, options: ScheduleOptions) -> float:
    """Return the rate of Keras' InverseTimeDecay, counted in epochs."""
    times = now.epoch / options.decay_epochs
    return options.learning_rate_init / (1.0 + options.decay_rate * times)


def _step(now: ScheduleState, options: ScheduleOptions) -> float:
    times = now.epoch // options.decay_epochs
    return float(options.learning_rate_init * options.decay_rate**times)


def _exponential(now: ScheduleState, options: ScheduleOptions) -> float:
    times = now.epoch / options.decay_epochs
    return float(options.learning_rate_init * options.decay_rate**times)


def half_cosine(fraction: float) -> float:
    """Return a factor that falls from 1 to 0 as fraction goes from 0 to 1."""
    return 0.5 * (1.0 + cos(pi * fraction))


def _cosine(now: ScheduleState, options: ScheduleOptions) -> float:
    fraction = min(now.epoch / now.n_epochs, 1.0)
    return options.learning_rate_init * half_cosine(fraction)


def _cosine_restarts(now: ScheduleState, options: ScheduleOptions) -> float:
    """Return the rate in cycles of which each is twice as long as the one before."""
    epoch, length = now.epoch, options.decay_epochs
    while epoch >= length:
        epoch, length = epoch - length, 2 * length
    return options.learning_rate_init * half_cosine(epoch / length)


def _one_cycle(now: ScheduleState, options: ScheduleOptions) -> float:
    highest = float(options.learning_rate_init)
    first, last = highest / _FIRST, highest / _FIRST / _LAST
    peak, end = _RISE * now.n_epochs - 1.0, now.n_epochs - 1.0
    if now.epoch <= peak:
        return highest + (first - highest) * half_cosine(now.epoch / peak)
    fraction = min((now.epoch - peak) / (end - peak), 1.0)
    return last + (highest - last) * half_cosine(fraction)


def log_cosine(fraction: float) -> float:
    """Return a factor that goes up and down in cycles, each twice as long as the last.

    It is 0 where ``log2(1 + 15 fraction)`` is 0, 1, 2, 3 and 4, and 1 between these.
    """
    return 0.5 * (1.0 - cos(2.0 * pi * log2(1.0 + (2.0**_N_CYCLES - 1.0) * fraction)))


def _coslog4(now: ScheduleState, options: ScheduleOptions) -> float:
    fraction = min(now.epoch / now.n_epochs, 1.0)
    return options.learning_rate_init * log_cosine(fraction)


# Those that scikit-learn has.
SKLEARN_SCHEDULES = ("constant", "invscaling", "adaptive")

register(
    "constant",
    _constant,
    description="``r``",
    is_constant=True,
)
register(
    "invscaling",
    _invscaling,
    description="``r / (t + 1) ** power_t``",
)
register(
    "adaptive",
    _unchanged,
    description="divides the rate by 5 whenever training would otherwise stop, until "
    "it is as low as 1e-6",
    lower=_fifth,
    is_constant=True,
)
register(
    "step",
    _step,
    description="``r * decay_rate ** (e // decay_epochs)``",
    uses=("decay_rate", "decay_epochs"),
)
register(
    "exponential",
    _exponential,
    description="``r * decay_rate ** (e / decay_epochs)``",
    uses=("decay_rate", "decay_epochs"),
)
register(
    "plateau",
    _unchanged,
    description="multiplies the rate by ``decay_rate`` whenever training would "
    "otherwise stop (Keras' ``ReduceLROnPlateau``, with ``n_iter_no_change`` as "
    "patience), until that happens at a rate of 1e-6 or lower",
    uses=("decay_rate",),
    lower=_decayed,
    is_constant=True,
)
register(
    "inverse_time",
    _inverse_time,
    description="``r / (1 + decay_rate * e / decay_epochs)`` (Keras' "
    "``InverseTimeDecay``, in epochs)",
    uses=("decay_rate", "decay_epochs"),
)
register(
    "cosine",
    _cosine,
    description="falls from r to 0 over ``max_iter`` epochs",
    has_end=True,
)
register(
    "cosine_restarts",
    _cosine_restarts,
    description="falls from r to 0 over ``decay_epochs`` epochs, then over twice as "
    "many, and so on",
    reference='I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with '
    'Warm Restarts", ICLR 2017, https://arxiv.org/abs/1608.03983',
    uses=("decay_epochs",),
)
register(
    "one_cycle",
    _one_cycle,
    description="rises from r / 25 to r in the first 30% of the epochs, and then falls"
    " to nearly nothing",
    reference='L. Smith and N. Topin, "Super-Convergence: Very Fast Training of Neural'
    ' Networks Using Large Learning Rates", 2018, https://arxiv.org/abs/1708.07120',
    has_end=True,
)
register(
    "coslog4",
    _coslog4,
    description="rises from 0 to r and falls to 0 four times over ``max_iter`` epochs, "
    "each time twice as slowly as before; heeded in each step",
    reference=REALMLP,
    has_end=True,
    is_by_step=True,
)


def _checked(function: Callable[[int], float], now: ScheduleState) -> float:
    rate = function(int(now.epoch))
    try:
        valid = 0.0 <= float(rate) < float("inf")
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            "A function for learning_rate must take the number of the epoch, from 0 "
            "on, and return the rate as a number of at least 0, but "
            f"learning_rate({now.epoch}) returned {rate!r}."
        )
    return float(rate)


def schedule_name(options: ScheduleOptions) -> str | None:
    """Return the key in ``SCHEDULES`` of what the solver follows; None for a function.

    scikit-learn's Adam ignores its schedules.
    """
    chosen = options.learning_rate
    if callable(chosen):
        return None
    if options.solver == "adam" and chosen in SKLEARN_SCHEDULES:
        return "constant"
    return str(chosen)


def exhausted_rate_warning(
    now: ScheduleState, rate: float, options: ScheduleOptions
) -> str | None:
    """Return a warning if the rate has become too low to learn from, else None.

    Always None for a user's function and for scikit-learn's schedules.
    """
    name = schedule_name(options)
    if name is None or name in SKLEARN_SCHEDULES:
        return None
    end = max(now.n_epochs, options.warmup_epochs + 1)
    has_end = SCHEDULES[name].has_end
    if has_end and now.epoch >= end:
        return (
            f"learning_rate={name!r} has ended, for it lasts max_iter="
            f"{options.max_iter} epochs: the rate stays at {rate:.2g}, and "
            "further training changes next to nothing. Raise max_iter to the number of "
            "epochs, or of calls of partial_fit, in all; or use learning_rate="
            "'cosine_restarts' or 'constant'."
        )
    if not has_end and rate <= _VANISHED * float(options.learning_rate_init):
        return (
            f"learning_rate={name!r} has lowered the rate to {rate:.2g} after "
            f"{now.epoch} epochs, and further training changes nothing. Raise "
            "decay_rate or decay_epochs, or use learning_rate='constant'."
        )
    return None


def schedule_of(options: ScheduleOptions) -> Schedule:
    """Return the schedule that the options ask for, with its warm-up."""
    chosen, warmup = options.learning_rate, options.warmup_epochs
    name = schedule_name(options)
    if callable(chosen):
        function = chosen
        schedule = Schedule(lambda now, options: _checked(function, now))
    else:
        schedule = SCHEDULES[str(name)]

    if warmup == 0:
        return schedule

    def rate(now: ScheduleState, options: ScheduleOptions) -> float:
        if now.epoch < warmup:
            fraction = (int(now.epoch) + 1) / warmup
            return float(options.learning_rate_init) * fraction
        if now.epoch == warmup:
            now = now._replace(rate=float(options.learning_rate_init))
        epoch, n_epochs = now.epoch - warmup, max(now.n_epochs - warmup, 1)
        now = now._replace(epoch=epoch, n_epochs=n_epochs)
        return schedule.rate(now, options)

    return schedule._replace(rate=rate, is_constant=False)
