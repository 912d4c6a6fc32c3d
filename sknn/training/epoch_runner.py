"""Whole epochs of stochastic training on data in memory."""

from collections.abc import Callable
from math import isfinite

import numpy as np

from sknn.kernels.drivers import training as drivers
from sknn.network.threads import CalledOffError
from sknn.training.minibatches import Minibatches
from sknn.training.shuffling import orders, orders_at_a_time
from sknn.training.task import FitTask, Runner


class EpochRunner(Runner):
    """Runs epochs on data in memory.

    Whoever has the rows elsewhere, such as in blocks of a file or on other machines,
    puts another object with the same methods in its place.

    Parameters
    ----------
    task : FitTask

    Attributes
    ----------
    max_epochs : int
        Most epochs that a call of ``run`` takes.
    is_off : callable
        Returns True where ``run`` is to raise a CalledOffError between two calls of the
        driver. Set it where there is such a reason.
    n_batches : int
        Batches in an epoch.
    """

    def __init__(self, task: FitTask):
        self._task, self._state, data = task, task.state, task.data
        n_rows, is_sparse = data.n_rows, data.inputs.is_sparse
        self._minibatches = Minibatches(
            task.network, task.loss, task.state, n_rows, is_sparse
        )
        self.n_batches = self._minibatches.number
        self.max_epochs = min(
            drivers.MOST_EPOCHS,
            orders_at_a_time(n_rows),
            task.network.epochs_a_call(n_rows, self._minibatches.size, is_sparse),
        )
        self._ranges = self._minibatches.ranges(n_rows)
        self.is_off: Callable[[], bool] = lambda: False

    def prepare(self, most_epochs: int) -> None:
        """Allocate what ``run`` works with. Call it once, before ``run``.

        Parameters
        ----------
        most_epochs : int
            How many epochs a call will ask for. It is to be 1 where no more orders of
            the rows may be drawn than are used.
        """
        task, data = self._task, self._task.data
        shuffles = task.options.shuffle
        self._minibatches.prepare(gathers=shuffles or data.rows is not None)
        self._call = self._minibatches.call_for(data)
        self._draw = orders(data, self._state, shuffles, task.random_state, most_epochs)

    def set_epoch(self, epoch: int, learning_rates: list[float]) -> None:
        """Say which epoch is the next one: see `Minibatches.set_epoch`."""
        self._minibatches.set_epoch(epoch, learning_rates)

    def run(self, n_epochs: int) -> bool:
        """Train for some epochs; return whether everything is known to be finite."""
        counters, drawn, result = self._state.counters, self._draw(n_epochs), np.nan
        for start, stop in self._ranges:
            start = max(start, int(counters[drivers.ROWS]))
            if start < stop:  # else done before an interrupt
                if self.is_off():
                    raise CalledOffError
                rates = self._minibatches.learning_rates(start)
                result = self._call(drawn, n_epochs, start, stop, rates)
        return isfinite(counters[drivers.LOSS] + result)
