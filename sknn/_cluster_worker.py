"""What runs on the workers of a Dask cluster in one fit."""

import socket
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

from sknn._extras import import_extra
from sknn.distributed.sockets import SocketCollective
from sknn.estimators.first_pass import Survey
from sknn.estimators.parts import DataPart, fit_part, survey_part

# Listening sockets of fits that are about to begin in this process, by the address of
# the worker.
_listeners: dict[str, socket.socket] = {}


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for a worker.

    Attributes
    ----------
    work : float
        Seconds for one that gives signs of life.
    heartbeat : float
        Seconds for a sign of life.
    """

    work: float
    heartbeat: float


@dataclass(frozen=True)
class Group:
    """The workers of a fit.

    Attributes
    ----------
    workers : tuple of str
        Their addresses, in the order of ranks.
    addresses : tuple of (host, port)
        Where they listen.
    secret : bytes
    timeouts : Timeouts
    """

    workers: tuple[str, ...]
    addresses: tuple[tuple[str, int], ...]
    secret: bytes
    timeouts: Timeouts


@dataclass(frozen=True)
class Fitted:
    """What the first worker returns.

    Attributes
    ----------
    estimator : BaseMLP
    seconds : list of float
        Of its epochs, which a pickle does not hold.
    warnings : list of (str, type)
        Messages and categories.
    """

    estimator: Any
    seconds: list[float]
    warnings: list[tuple[str, type[Warning]]]


def survey_rows(estimator: Any, batches: list[Any]) -> Survey | None:
    """Look through the rows of this worker."""
    return survey_part(estimator, batches)


def listen(seconds: float) -> tuple[str, int]:
    """Open a socket for the others of a fit, for so many seconds; return its address.

    The system chooses a port that nobody uses.
    """
    from distributed.comm import get_address_host

    worker = _worker()
    host = get_address_host(worker.address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    _forget(worker.address)  # of a fit that has failed before it began
    listener = socket.create_server((host, 0), family=family)
    _listeners[worker.address] = listener
    loop = worker.loop
    loop.add_callback(loop.call_later, seconds, _forget, worker.address, listener)
    address: tuple[str, int] = listener.getsockname()[:2]
    return address


def _forget(worker: str, listener: socket.socket | None = None) -> None:
    """Close the socket of a worker, if it is still there."""
    if worker in _listeners and listener in (None, _listeners[worker]):
        _listeners.pop(worker).close()


def train(
    group: Group,
    rank: int,
    estimator: Any,
    batches: list[Any],
    survey: Survey,
    validation: tuple[Any, Any, Any],
    resumes: bool,
) -> Fitted | None:
    """Train on the rows of this worker; the first one returns the fitted estimator."""
    if rank:  # whatever the user is to see is that of the first one
        estimator.verbose = False
        estimator.set_callbacks()
    worker = _worker()
    with _listeners.pop(worker.address) as listener:
        collective = SocketCollective(
            rank,
            listener,
            group.addresses,
            group.secret,
            group.timeouts.work,
            group.timeouts.heartbeat,
            [f"The worker {address}" for address in group.workers],
            _encryption(worker),
            _is_off(worker),
        )
    with collective, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        part = DataPart(batches, survey, collective)
        fitted = fit_part(estimator, part, validation, resumes)
    if rank:
        return None
    messages = [(str(each.message), each.category) for each in caught]
    return Fitted(fitted, fitted.history_.get("seconds", []), messages)


def _worker() -> Any:
    return import_extra("distributed", "dask").get_worker()


def _encryption(worker: Any) -> tuple[SSLContext, SSLContext] | None:
    """Return the contexts of the worker's TLS; None where it has none."""
    if not worker.address.startswith("tls"):
        return None
    return (
        worker.security.get_listen_args("worker")["ssl_context"],
        worker.security.get_connection_args("worker")["ssl_context"],
    )


def _is_off(worker: Any) -> Callable[[], bool]:
    """Return a function that says whether the task of this thread is to end.

    It was cancelled, as by a client that is gone; or the worker is being closed.
    """
    distributed = import_extra("distributed", "dask")
    key = distributed.worker.thread_state.key

    def is_off() -> bool:
        task = worker.state.tasks.get(key)
        is_closing = worker.status.name in ("closing", "closed", "failed")
        return is_closing or task is None or task.state == "cancelled"

    return is_off
