"""Epochs of stochastic training on rows that are read in blocks, as from files."""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import isfinite
from typing import Protocol

import numpy as np

from sknn.kernels.drivers import training as drivers
from sknn.network.data import TrainingData
from sknn.network.threads import CalledOffError
from sknn.training.minibatches import Minibatches, with_rest
from sknn.training.shuffling import BlockOrders
from sknn.training.task import FitTask, Runner


class Stream(Protocol):
    """Rows that can be read again and again, always the same ones in the same order.

    Attributes
    ----------
    n_rows : int
    is_sparse : bool
        Whether the rows are CSR.
    block_rows : int
        About how many rows to hold in memory at a time.
    """

    n_rows: int
    is_sparse: bool
    block_rows: int

    def blocks(self, sizes: Sequence[int]) -> Iterator[TrainingData]:
        """Yield all rows in blocks of these sizes."""


class StreamRunner(Runner):
    """Runs epochs on the blocks of a stream: it reads the next one while one trains.

    Blocks are whole minibatches. Without shuffling, these are the ones that the same
    rows give in memory; else the rows are shuffled within each block.

    Parameters
    ----------
    stream : Stream
    task : FitTask
        Its ``data`` are not used.

    Attributes
    ----------
    max_epochs : int
        Most epochs that a call of ``run`` takes.
    is_off : callable
        Returns True where ``run`` is to raise a CalledOffError.
    n_batches : int
        Batches in an epoch.
    """

    max_epochs = 1

    def __init__(self, stream: Stream, task: FitTask):
        self._stream, self._task, self._state = stream, task, task.state
        self._minibatches = Minibatches(
            task.network, task.loss, task.state, stream.n_rows, stream.is_sparse
        )
        self.n_batches = self._minibatches.number
        self.is_off: Callable[[], bool] = lambda: False
        n_rows, size = stream.n_rows, self._minibatches.size
        step = size * -(-stream.block_rows // size)
        bounds = [
            (start, min(start + step, n_rows)) for start in range(0, n_rows, step)
        ]
        self._bounds = with_rest(bounds, n_rows, self._minibatches.smallest)
        self._sizes = [stop - start for start, stop in self._bounds]
        self._reader: _Reader | None = None

    def prepare(self, most_epochs: int) -> None:
        """Allocate what ``run`` works with. Call it once, before ``run``."""
        task, dtype = self._task, self._state.theta.dtype
        shuffles = task.options.shuffle
        self._minibatches.prepare(gathers=shuffles)
        self._orders = BlockOrders(
            self._sizes,
            self._state.n_iter,
            task.random_state if shuffles else None,
            dtype,
        )

    def set_epoch(self, epoch: int, learning_rates: list[float]) -> None:
        """Say which epoch is the next one: see `Minibatches.set_epoch`."""
        self._minibatches.set_epoch(epoch, learning_rates)

    def run(self, n_epochs: int) -> bool:
        """Train for an epoch; return whether everything is known to be finite.

        Where something is not, the rest of the epoch is left out.
        """
        state, done = self._state, int(self._state.counters[drivers.ROWS])
        reader = self._reader = self._reader or _Reader(self._stream, self._sizes)
        is_last_epoch = state.n_iter + 1 >= self._task.max_iter
        result = np.nan
        for start, stop in self._bounds:
            block = reader.next(is_last=is_last_epoch and stop == self._stream.n_rows)
            order = self._orders.next(stop - start)
            call = self._minibatches.call_for(block, rows_before=start)
            for first, last in self._minibatches.ranges(stop - start):
                first = max(first, done - start)
                if first < last:  # else done before an interrupt
                    if self.is_off():
                        raise CalledOffError
                    rates = self._minibatches.learning_rates(start + first)
                    result = call(order, 1, first, last, rates)
            if not isfinite(result) and stop > done:
                state.counters[drivers.ROWS] = self._stream.n_rows
                break
        return isfinite(state.counters[drivers.LOSS] + result)

    def close(self) -> None:
        """Stop reading."""
        if self._reader:
            self._reader.close()


class _Reader:
    """Reads the blocks of epoch after epoch, one ahead, in a thread of its own.

    Parameters
    ----------
    stream : Stream
    sizes : sequence of int
        Rows of each block of an epoch.
    """

    def __init__(self, stream: Stream, sizes: Sequence[int]):
        self._blocks = _repeated(stream, sizes)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sknn-reader")
        self._upcoming: Future[TrainingData] | None = None

    def next(self, is_last: bool) -> TrainingData:
        """Return the next block; begin to read that after it unless this is the last.

        What reading it raised is raised here.
        """
        upcoming = self._upcoming or self._read()
        block = upcoming.result()
        self._upcoming = None if is_last else self._read()
        return block

    def _read(self) -> Future[TrainingData]:
        return self._thread.submit(next, self._blocks)

    def close(self) -> None:
        """Stop reading, and wait until what is being read is there."""
        if self._upcoming:
            self._upcoming.cancel()
        self._thread.submit(self._blocks.close)
        self._thread.shutdown()


def _repeated(
    stream: Stream, sizes: Sequence[int]
) -> Generator[TrainingData, None, None]:
    while True:
        yield from stream.blocks(sizes)
