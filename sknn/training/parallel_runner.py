"""Epochs of stochastic training on rows that several processes have a part of each."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from sknn.distributed.collective import Collective
from sknn.kernels.drivers import parallel
from sknn.kernels.drivers import training as drivers
from sknn.network.data import TrainingData, is_finite
from sknn.network.threads import CalledOffError
from sknn.training.minibatches import Minibatches, arguments_of
from sknn.training.progress import not_finite
from sknn.training.shuffling import orders
from sknn.training.task import FitTask, Runner

_SEEDS = 2**31  # of dropout: those of a process are so many after those before it


class ParallelRunner(Runner):
    """Runs epochs in step with other processes; all end with the same parameters.

    Of n rows in all, process k has ``n_k``. It gives the s-th batch of an epoch those
    from ``s * batch_size * n_k // n`` to ``(s + 1) * batch_size * n_k // n``, in the
    order that it has shuffled its rows to: so each batch has rows of all processes, and
    a process without rows takes part too. Each computes the gradient of the loss summed
    over its rows. The sum over processes, divided by the size of the whole batch, is
    what all of them step by.

    Parameters
    ----------
    collective : Collective
    data : TrainingData
        The rows of this process.
    task : FitTask
        Its state counts the rows of all processes.

    Attributes
    ----------
    max_epochs, is_off, n_batches
        As of `EpochRunner`.
    """

    max_epochs = 1

    def __init__(self, collective: Collective, data: TrainingData, task: FitTask):
        self._collective, self._data, self._task = collective, data, task
        n_rows, n_own = task.state.n_rows, data.n_rows
        self._minibatches = Minibatches(
            task.network, task.loss, task.state, n_rows, data.inputs.is_sparse
        )
        if collective.size > 1 and task.network.smallest_batch(2) > 1:
            raise ValueError(
                "normalization='batch' needs all rows of a batch in one process. Set "
                "normalization='layer', or train on one worker."
            )
        size = self._minibatches.size
        self.n_batches = self._minibatches.number
        self.is_off: Callable[[], bool] = lambda: False
        starts = [*range(0, n_rows, size), n_rows]
        bounds = [start * n_own // n_rows for start in starts]
        self._parts = list(pairwise(bounds))

    def prepare(self, most_epochs: int) -> None:
        """Compile what ``run`` calls; take over what process 0 begins with."""
        task, state, rank = self._task, self._task.state, self._collective.rank
        shuffles, dtype = task.options.shuffle, state.theta.dtype
        random_state = self._agree()
        self._totals = np.zeros(parallel.N_TOTALS)
        self._rates = np.zeros(1)
        rates = self._rates.view()
        rates.flags.writeable = False
        arguments = {
            **self._minibatches.workspace(shuffles),
            **arguments_of(self._data),
            "totals": self._totals,
            "learning_rates": rates,
            "seed": state.seed + rank * _SEEDS,
            "n_epochs": 1,
            "rows_before": 0,
            "thread": 0,
            "n_threads": 1,
        }
        self._add_up, self._step = (
            driver.prepare(
                dtype, **{k: v for k, v in arguments.items() if k in driver.parameters}
            )
            for driver in (parallel.batch_gradient, parallel.optimizer_step)
        )
        self._gradient = arguments["gradient"]
        self._draw = orders(self._data, state, shuffles, random_state, 1)

    def _agree(self) -> np.random.RandomState:
        """Take over what process 0 begins with; return what shuffles the rows here."""
        state, collective = self._task.state, self._collective
        random_state = self._task.random_state
        key = random_state.get_state(legacy=False)["state"]["key"].astype(np.uint32)
        seed = np.array([state.seed])
        for array in (state.theta, seed, key):
            collective.broadcast(array)
        state.seed = int(seed[0])
        if collective.rank == 0:
            return random_state
        entropy = np.random.SeedSequence([*key.tolist(), collective.rank])
        return np.random.RandomState(np.random.MT19937(entropy))

    def set_epoch(self, epoch: int, learning_rates: list[float]) -> None:
        """Say which epoch is the next one: see `Minibatches.set_epoch`."""
        self._minibatches.set_epoch(epoch, learning_rates)

    def run(self, n_epochs: int) -> bool:
        """Train for an epoch; return whether everything is known to be finite."""
        state, order, size = self._task.state, self._draw(1), self._minibatches.size
        n_done = -(-int(state.counters[drivers.ROWS]) // size)
        for k, (start, stop) in enumerate(self._parts):
            if k < n_done:  # before an interrupt
                continue
            if self.is_off():
                raise CalledOffError
            self._rates[0] = self._minibatches.learning_rates(k * size)[0]
            self._add_up(order, start, stop)
            self._collective.all_reduce(self._totals, self._gradient)
            self._step()
        loss = float(state.counters[drivers.LOSS])
        has_diverged = not_finite(state.theta, loss) is not None
        return not has_diverged and is_finite(state.optimizer_state)

    def agree(self, stops: bool) -> bool:
        """Return whether to stop: as process 0 says, which has the callbacks."""
        says = np.array([stops])
        self._collective.broadcast(says)
        return bool(says[0])
