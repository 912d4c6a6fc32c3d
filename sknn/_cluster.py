"""One fit on the workers of a Dask cluster: a task on each, and a watcher here."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from inspect import signature
from secrets import token_bytes
from typing import Any

from sknn._cluster_worker import Fitted, Group, Timeouts, listen, survey_rows, train
from sknn._extras import import_extra
from sknn.distributed.collective import WorkerError
from sknn.estimators.first_pass import merged
from sknn.training.user_warnings import warn_user

_POLL = 0.25  # seconds between looks at the tasks
_PATIENCE = 2.0  # seconds for the others to say why they have ended


def fit_on_cluster(
    client: Any,
    estimator: Any,
    partitions: Sequence[Any],
    validation: tuple[Any, Any, Any],
    timeouts: Timeouts,
    resumes: bool = False,
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
    timeouts : Timeouts
    resumes : bool, default=False
        Whether to go on, as ``resume_fit`` does.

    Raises
    ------
    WorkerError
        If a worker is gone or does not answer; it is named. No task is left.
    """
    with _alone(client):
        watch = _Watch(client)
        workers = watch.living(timeouts.heartbeat)[: len(partitions)]
        tasks = _Tasks(client, workers, watch, timeouts)
        try:
            fitted = _fit(tasks, estimator, partitions, validation, resumes)
        finally:
            tasks.cancel()
    for message, category in fitted.warnings:
        warn_user(message, category)
    fitted.estimator.history_["seconds"] = fitted.seconds
    return fitted.estimator


@contextmanager
def _alone(client: Any) -> Iterator[None]:
    """Wait until no other such fit runs on the cluster.

    Two of them would wait for each other, each with a task on some of the workers. The
    lock of a client that is gone is lost by itself after 30 seconds, Dask's default.
    """
    distributed = import_extra("distributed", "dask")
    with client.as_current(), distributed.Lock("sknn-fit"):
        yield


def _fit(
    tasks: "_Tasks",
    estimator: Any,
    partitions: Sequence[Any],
    validation: tuple[Any, Any, Any],
    resumes: bool,
) -> Fitted:
    """Look through the rows on each worker, then train."""
    workers, timeouts = tasks.workers, tasks.timeouts
    bounds = [k * len(partitions) // len(workers) for k in range(len(workers) + 1)]
    own = [
        tasks.compute(worker, partitions[bounds[k] : bounds[k + 1]])
        for k, worker in enumerate(workers)
    ]
    pairs = list(zip(workers, own, strict=True))
    surveys = tasks.results(
        [tasks.submit(w, survey_rows, estimator, d) for w, d in pairs]
    )
    survey = merged([each for each in surveys if each is not None])
    tasks.expect_signs_of_life()
    listening = [tasks.submit(worker, listen, timeouts.work) for worker in workers]
    addresses = tasks.results(listening)
    group = Group(tuple(workers), tuple(addresses), token_bytes(32), timeouts)
    fits = [
        tasks.submit(w, train, group, k, estimator, d, survey, validation, resumes)
        for k, (w, d) in enumerate(pairs)
    ]
    fitted: Fitted = tasks.results(fits)[0]
    return fitted


class _Tasks:
    """Tasks that are pinned to workers, and a watch over these workers.

    Parameters
    ----------
    client : distributed.Client
    workers : sequence of str
    watch : _Watch
    timeouts : Timeouts
    """

    def __init__(
        self, client: Any, workers: list[str], watch: "_Watch", timeouts: Timeouts
    ):
        if not workers:
            raise WorkerError("The cluster has no workers. Start some, then call fit.")
        self._client, self._watch = client, watch
        self.workers, self.timeouts = workers, timeouts
        self._futures: list[Any] = []
        # Code of the user may keep a worker from giving signs of life.
        self._most_silent = timeouts.work

    def expect_signs_of_life(self) -> None:
        """Count workers as gone after less time, from now on."""
        interval = _interval(len(self.workers))
        self._most_silent = self.timeouts.heartbeat + interval

    def submit(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function on a worker, and nowhere else."""
        future = self._client.submit(
            function, *arguments, workers=[worker], allow_other_workers=False,
            pure=False, retries=0,
        )  # fmt: skip
        self._futures.append(future)
        return future

    def compute(self, worker: str, partitions: Sequence[Any]) -> list[Any]:
        """Compute partitions on a worker."""
        futures = self._client.compute(
            list(partitions), workers=[worker], allow_other_workers=False
        )
        self._futures += futures
        return list(futures)

    def results(self, futures: list[Any]) -> list[Any]:
        """Wait for all, one for each worker; raise what one of them raised.

        Raises
        ------
        WorkerError
            If a worker is gone.
        """
        deadline = None
        while waiting := self._waiting(futures):
            silences = self._watch.silences()
            if any(future.status == "error" for future in futures):
                # Most end at about the same time, but one that is frozen does not.
                deadline = deadline or time.monotonic() + _PATIENCE
                halfway = self.timeouts.heartbeat / 2
                if time.monotonic() > deadline or all(
                    silences.get(worker, halfway) >= halfway for worker in waiting
                ):
                    break
            else:
                self._check(silences)
        pairs = zip(self.workers, futures, strict=True)
        errors = [(f.exception(), w) for w, f in pairs if f.status in ("error", "lost")]
        if errors:
            # What one of them raised itself says more than that others missed it.
            error, worker = min(
                errors, key=lambda pair: isinstance(pair[0], WorkerError)
            )
            if not isinstance(error, WorkerError):
                error.add_note(f"This was raised on the worker {worker}.")
            raise error
        if any(future.cancelled() for future in futures):
            raise WorkerError("The fit was cancelled, or the scheduler is gone.")
        return list(self._client.gather(futures))

    def _waiting(self, futures: list[Any]) -> list[str]:
        """Wait a little; return the workers that have not ended."""
        distributed = import_extra("distributed", "dask")
        with suppress(TimeoutError, CancelledError):
            distributed.wait(futures, timeout=_POLL)
        pairs = zip(self.workers, futures, strict=True)
        return [worker for worker, future in pairs if not future.done()]

    def _check(self, silences: dict[str, float]) -> None:
        """Raise a WorkerError if a worker is gone, or silent for too long."""
        again = "Start it again, or another one, and call fit."
        for worker in self.workers:
            if worker not in silences:
                raise WorkerError(
                    f"The worker {worker} is gone, and with it the fit. {again}"
                )
            if silences[worker] > self._most_silent:
                raise WorkerError(
                    f"The worker {worker} is frozen or cut off: it gave no sign of "
                    f"life for {silences[worker]:.1f} seconds. {again}"
                )

    def cancel(self) -> None:
        """Let nothing run, or be kept, on the workers."""
        self._client.cancel(self._futures, force=True)
        self._futures.clear()


class _Watch:
    """Looks at when the scheduler has heard of each worker last.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Any):
        self._client = client
        # When the scheduler has heard of a worker, by its clock; and when that was
        # seen here, by the clock of this process.
        self._heard: dict[str, tuple[float, float]] = {}

    def living(self, heartbeat_timeout: float) -> list[str]:
        """Return the workers, in order, without those that are silent for so long."""
        heard = self._ask()
        limit = max(heard.values(), default=0.0) - heartbeat_timeout
        limit -= _interval(len(heard))
        silent = sorted(worker for worker, when in heard.items() if when < limit)
        if silent:
            warn_user(
                f"The fit leaves out workers that gave no sign of life for "
                f"{heartbeat_timeout:g} seconds: {', '.join(silent)}."
            )
        return sorted(heard.keys() - {*silent})

    def silences(self) -> dict[str, float]:
        """Return for how many seconds each worker was silent; none for those gone."""
        now, known = time.monotonic(), self._heard
        self._heard = {
            worker: known[worker]
            if known.get(worker, (None,))[0] == when
            else (when, now)
            for worker, when in self._ask().items()
        }
        return {worker: now - seen for worker, (_, seen) in self._heard.items()}

    def _ask(self) -> dict[str, float]:
        """Ask the scheduler when it has heard of each worker."""
        distributed = import_extra("distributed", "dask")
        known = signature(distributed.Scheduler.identity).parameters
        options = {"n_workers": -1} if "n_workers" in known else {}  # -1: of all
        try:
            found = self._client.sync(self._client.scheduler.identity, **options)
        except OSError as error:
            raise WorkerError(
                f"The scheduler of the cluster does not answer: {error}."
            ) from error
        return {worker: each["last_seen"] for worker, each in found["workers"].items()}


def _interval(n_workers: int) -> float:
    """Return how often at least, in seconds, Dask's workers give signs of life."""
    return 1.0 + n_workers / 100
