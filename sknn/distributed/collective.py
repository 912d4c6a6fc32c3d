"""What training on several machines needs of them: sums, and a common start."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

import numpy as np


class Collective(ABC):
    """A group of processes that make the same calls in the same order.

    Each call returns when it has returned, or is about to, in all of them, and raises a
    `WorkerError` in each if one of them is gone or does not answer in time. As a
    context manager it leaves the group at the end, and tells the others if that is by
    an error.

    Attributes
    ----------
    rank : int
        Number of this process, from 0 on.
    size : int
        Number of processes.
    timeout : float
        Seconds after which a process that does not come to the same call counts as
        gone.
    """

    rank: int
    size: int
    timeout: float

    @abstractmethod
    def exchange(self, messages: list[bytes]) -> list[bytes]:
        """Send a message to each process, and return what each has sent to this one.

        Both in the order of ranks. That to this process itself is returned as it is.
        """

    @abstractmethod
    def close(self) -> None:
        """Leave the group."""

    @abstractmethod
    def abort(self, reason: str) -> None:
        """Tell the others that this process cannot go on; ``close`` comes next."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self.abort(f"{type(error).__name__}: {error}".rstrip(": "))
        self.close()

    def all_reduce(self, *arrays: np.ndarray) -> None:
        """Replace arrays by the sums of those of all processes.

        Each process sums a share of the elements of each array, in the order of ranks:
        the same bits in all processes, and in all runs.

        Parameters
        ----------
        *arrays : ndarray, 1-D
            Of the same sizes and dtypes in all processes. Changed in place.
        """
        if self.size == 1:
            return
        shares = [np.array_split(array, self.size) for array in arrays]
        messages = [
            b"".join(share[rank].tobytes() for share in shares)
            for rank in range(self.size)
        ]
        received = [
            _arrays(message, [share[self.rank] for share in shares])
            for message in self.exchange(messages)
        ]
        totals = [part.copy() for part in received[0]]
        for parts in received[1:]:
            for total, part in zip(totals, parts, strict=True):
                total += part
        summed = self.exchange([b"".join(t.tobytes() for t in totals)] * self.size)
        for rank, message in enumerate(summed):
            own = [share[rank] for share in shares]
            for share, part in zip(own, _arrays(message, own), strict=True):
                share[:] = part

    def broadcast(self, array: np.ndarray, root: int = 0) -> None:
        """Replace an array by that of one process, in all others.

        Parameters
        ----------
        array : ndarray
            Of the same size and dtype in all processes. Changed in place.
        root : int, default=0
            Rank of the process whose array it becomes.
        """
        if self.size == 1:
            return
        message = array.tobytes() if self.rank == root else b""
        received = self.exchange([message] * self.size)
        array.reshape(-1)[:] = np.frombuffer(received[root], array.dtype)


def _arrays(message: bytes, like: list[np.ndarray]) -> list[np.ndarray]:
    """Return the arrays of a message, which have these sizes and dtypes."""
    arrays, start = [], 0
    for array in like:
        arrays.append(np.frombuffer(message, array.dtype, array.size, start))
        start += array.nbytes
    return arrays


class WorkerError(RuntimeError):
    """Another process is gone, or does not answer in time.

    What fits on a cluster raise: the estimator is then as it was before.

    Examples
    --------
    >>> from sknn.dask import WorkerError  # doctest: +SKIP
    >>> try:  # doctest: +SKIP
    ...     model.fit(X, y)
    ... except WorkerError as error:
    ...     print(error)
    """
