"""One fit on the workers of a Dask cluster: a task on each, and a watcher here."""

import socket
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import token_bytes, token_hex
from ssl import SSLContext
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from sknn._extras import import_extra
from sknn.distributed.collective import WorkerError
from sknn.distributed.sockets import SocketCollective
from sknn.estimators.first_pass import Survey, merged
from sknn.estimators.parts import DataPart, fit_part, survey_part

_POLL = 0.25  # seconds between looks at the workers
_PATIENCE = 30.0  # seconds for the others to say why they have ended
# Listening sockets of fits that are about to begin in this process, by their names.
_listeners: dict[str, socket.socket] = {}


@dataclass(frozen=True)
class Group:
    """The workers of a fit.

    Attributes
    ----------
    name : str
    secret : bytes
    addresses : tuple of (host, port)
        In the order of ranks.
    timeout : float
        Seconds after which a worker that does not answer counts as gone.
    """

    name: str
    secret: bytes
    addresses: tuple[tuple[str, int], ...]
    timeout: float


# In the client -----------------------------------------------------------------------


def fit_on_cluster(
    client: Any,
    estimator: Any,
    partitions: Sequence[Any],
    validation: tuple[Any, Any, Any],
    timeout: float,
) -> Any:
    """Return the estimator, fitted on the rows of all workers.

    Parameters
    ----------
    client : distributed.Client
    estimator : BaseMLP
        Not changed.
    partitions : sequence of Delayed
        Each returns (X, y) or (X, y, sample_weight). Workers, in the order of their
        addresses, get as many each, in their order.
    validation : tuple
        X_val, y_val and sample_weight_val.
    timeout : float

    Raises
    ------
    WorkerError
        If a worker is gone or does not answer; it is named. No task is left.
    """
    workers = sorted(client.nthreads())[: len(partitions)]
    if not workers:
        raise WorkerError("The cluster has no workers. Start some, then call fit.")
    tasks = _Tasks(client, workers)
    try:
        own = [_share(partitions, k, len(workers)) for k in range(len(workers))]
        data = [
            tasks.compute(worker, parts)
            for worker, parts in zip(workers, own, strict=True)
        ]
        pairs = list(zip(workers, data, strict=True))
        surveys = tasks.results(
            [tasks.submit(w, _survey, estimator, d) for w, d in pairs]
        )
        found = merged([each for each in surveys if each is not None])
        name = token_hex(8)
        addresses = tasks.results([tasks.submit(w, _listen, name) for w in workers])
        group = Group(name, token_bytes(32), tuple(addresses), timeout)
        return tasks.results(
            [
                tasks.submit(w, _train, group, k, estimator, d, found, validation)
                for k, (w, d) in enumerate(pairs)
            ]
        )[0]
    finally:
        tasks.cancel()


def _share(partitions: Sequence[Any], k: int, n_workers: int) -> list[Any]:
    n = len(partitions)
    return list(partitions[k * n // n_workers : (k + 1) * n // n_workers])


class _Tasks:
    """Tasks that are pinned to workers, and a watch over these workers."""

    def __init__(self, client: Any, workers: list[str]):
        self._client, self._workers = client, workers
        self._futures: list[Any] = []

    def submit(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function on a worker, and nowhere else."""
        future = self._client.submit(
            function, *arguments, workers=[worker], allow_other_workers=False,
            pure=False, retries=0,
        )  # fmt: skip
        self._futures.append(future)
        return future

    def compute(self, worker: str, partitions: list[Any]) -> list[Any]:
        """Compute partitions on a worker."""
        futures = self._client.compute(
            partitions, workers=[worker], allow_other_workers=False
        )
        self._futures += futures
        return list(futures)

    def results(self, futures: list[Any]) -> list[Any]:
        """Wait for all; raise what one of them raised, or a WorkerError."""
        deadline = None
        while not all(future.done() for future in futures):
            time.sleep(_POLL)
            lost = set(self._workers) - set(self._client.nthreads())
            if lost:
                raise WorkerError(
                    f"The worker {min(lost)} is gone, and with it the fit. Start it "
                    "again, or another one, and call fit."
                )
            if any(future.status == "error" for future in futures):
                deadline = deadline or time.monotonic() + _PATIENCE
                if time.monotonic() > deadline:
                    break
        errors = [f.exception() for f in futures if f.status in ("error", "lost")]
        if errors:
            # What one of them raised itself says more than that others missed it.
            raise min(errors, key=lambda error: isinstance(error, WorkerError))
        return list(self._client.gather(futures))

    def cancel(self) -> None:
        """Let nothing run, or be kept, on the workers."""
        self._client.cancel(self._futures, force=True)
        self._futures.clear()


# On the workers ----------------------------------------------------------------------


def _survey(estimator: Any, batches: list[Any]) -> Survey | None:
    return survey_part(estimator, batches)


def _listen(name: str) -> tuple[str, int]:
    """Open a socket for the workers of a fit; return its address."""
    from distributed.comm import get_address_host

    worker = import_extra("distributed", "dask").get_worker()
    host = get_address_host(worker.address)
    _listeners[name] = socket.create_server((host, 0))
    address: tuple[str, int] = _listeners[name].getsockname()[:2]
    return address


def _train(
    group: Group,
    rank: int,
    estimator: Any,
    batches: list[Any],
    found: Survey,
    validation: tuple[Any, Any, Any],
) -> Any:
    """Train on the rows of this worker; the first one returns the fitted estimator."""
    if rank:
        estimator.verbose = False
    with _listeners.pop(group.name) as listener:
        collective = SocketCollective(
            rank,
            listener,
            group.addresses,
            group.secret,
            group.timeout,
            _encryption(),
            _is_cancelled(),
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = fit_part(
                estimator, DataPart(batches, found, collective), validation
            )
    finally:
        collective.close()
    return fitted if rank == 0 else None


def _encryption() -> tuple[SSLContext, SSLContext] | None:
    """Return the contexts of the worker's TLS; None where it has none."""
    worker = import_extra("distributed", "dask").get_worker()
    if not worker.address.startswith("tls"):
        return None
    return (
        worker.security.get_listen_args("worker")["ssl_context"],
        worker.security.get_connection_args("worker")["ssl_context"],
    )


def _is_cancelled() -> Callable[[], bool]:
    """Return a function that says whether the task of this thread was cancelled."""
    distributed = import_extra("distributed", "dask")
    worker, key = distributed.get_worker(), distributed.worker.thread_state.key

    def is_cancelled() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    return is_cancelled
