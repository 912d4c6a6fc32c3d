"""Parameters of learning-rate schedules, and the rates that they give."""

from sknn.training.options import select
from sknn.training.schedules import ScheduleOptions, ScheduleState, schedule_of

N_EPOCHS, N_ROWS, INITIAL = 30, 10, 0.3
PARAMETERS = {
    "solver": "sgd",
    "learning_rate_init": INITIAL,
    "power_t": 0.4,
    "decay_rate": 0.7,
    "decay_epochs": 3,
    "warmup_epochs": 0,
    "max_iter": N_EPOCHS,
}


def rates_of(learning_rate, n_epochs=N_EPOCHS, **parameters):
    """Return the rates of epochs that bring progress."""
    parameters = {**PARAMETERS, "learning_rate": learning_rate, **parameters}
    options = select(ScheduleOptions, parameters)
    schedule, rates = schedule_of(options), []
    for epoch in range(n_epochs):
        before = rates[-1] if rates else parameters["learning_rate_init"]
        now = ScheduleState(epoch, n_epochs, epoch * N_ROWS, before)
        rates.append(schedule.rate(now, options))
    return rates
