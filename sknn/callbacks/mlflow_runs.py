"""A callback that records fits as runs of MLflow."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from sknn._extras import import_extra
from sknn.callbacks.epoch_callback import is_epoch, refuse_other_estimators

_LONGEST_VALUE = 250  # characters; older servers refuse more
_MOST_METRICS, _MOST_PARAMS = 1000, 100  # in one call, by MLflow's rules


@dataclass
class _Run:
    """A run that a fit is recorded in, and the metrics that are still to be sent."""

    client: Any
    run_id: str
    end: Callable[[str], None] | None = None
    metrics: list[Any] = field(default_factory=list)
    n_epochs: int = 0

    def send(self, params: Sequence[Any] = ()) -> None:
        """Send what has been kept, in as few calls as MLflow allows."""
        waiting, self.metrics, self.n_epochs = self.metrics, [], 0
        for first in range(0, len(params), _MOST_PARAMS):
            some = params[first : first + _MOST_PARAMS]
            self.client.log_batch(self.run_id, params=some)
        for first in range(0, len(waiting), _MOST_METRICS):
            self.client.log_batch(self.run_id, waiting[first : first + _MOST_METRICS])


class MLflowCallback:
    """Records the parameters of a network, and each epoch, in a run of MLflow.

    Values of an epoch, those in ``history_``, are metrics with the epoch as the step.
    Needs ``sknn[mlflow]``.

    Parameters
    ----------
    run_id : str, default=None
        The run to record in. None is the active run, or, if there is none, a new run,
        which ends with the fit.
    nested : bool, default=False
        Whether each fit gets a run of its own, nested in that one: for searches and
        cross-validation. For those in several processes, make the callback while the
        run is active, or name the run.
    send_every : int, default=50
        Epochs that are sent in one call, for a call takes milliseconds.

    Raises
    ------
    ImportError
        If MLflow is not installed.
    ValueError
        In ``fit``, if a run gets a second fit, whose epochs would be mixed with those
        of the first.

    Examples
    --------
    >>> with mlflow.start_run():  # doctest: +SKIP
    ...     network = MLPClassifier().set_callbacks(MLflowCallback(nested=True))
    ...     GridSearchCV(network, {"alpha": [0.1, 1.0]}, n_jobs=2).fit(X, y)
    """

    def __init__(
        self, run_id: str | None = None, *, nested: bool = False, send_every: int = 50
    ) -> None:
        self.run_id = run_id
        self.nested = nested
        self.send_every = send_every
        if send_every < 1:
            raise ValueError(f"send_every must be at least 1, got {send_every!r}.")
        import_extra("mlflow", "mlflow")
        self._tracking_uri: str | None = None
        self._first_active = _active_run_id()
        self._steps: dict[str, int] = {}  # of each run, the last step
        self._runs: WeakKeyDictionary[Any, _Run] = WeakKeyDictionary()

    def setup(self, estimator: Any, context: Any) -> None:
        """Refuse estimators without epochs; called by scikit-learn before a fit."""
        refuse_other_estimators(self, estimator)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Begin to record a fit."""
        if is_epoch(context):
            return
        run = self._runs[context] = self._begin(type(estimator).__name__)
        if run.run_id not in self._steps:
            run.send(_params(estimator.get_params(deep=False)))

    def _begin(self, name: str) -> _Run:
        """Return the run of a fit: the given or active one, or one that begins now."""
        mlflow = import_extra("mlflow", "mlflow")
        client: Any = mlflow.MlflowClient(self._tracking_uri)
        run_id = self.run_id or _active_run_id()
        if run_id is None:
            return _Run(
                client, mlflow.start_run(run_name=name).info.run_id, mlflow.end_run
            )
        if not self.nested:
            return _Run(client, run_id)
        tags = {"mlflow.parentRunId": run_id, "mlflow.runName": name}
        experiment_id = client.get_run(run_id).info.experiment_id
        run_id = client.create_run(experiment_id, tags=tags).info.run_id
        return _Run(client, run_id, partial(client.set_terminated, run_id))

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Record an epoch, or the end of a fit."""
        if not is_epoch(context):
            self._end(context, "FINISHED")
        elif hasattr(context, "logs"):
            self._record(self._runs[context.parent], context.epoch, context.logs)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Record that a fit failed, if it did."""
        self._end(context, "FAILED")

    def _record(self, run: _Run, epoch: int, logs: dict[str, float]) -> None:
        if epoch <= self._steps.get(run.run_id, -1):
            raise ValueError(
                f"Run {run.run_id} of MLflow already holds epoch {epoch} of another "
                "fit. Set nested=True, which gives each fit a run of its own."
            )
        self._steps[run.run_id] = epoch
        metric: Any = import_extra("mlflow.entities", "mlflow").Metric
        now = int(1000 * time.time())
        run.metrics += [
            metric(name, value, now, epoch)
            for name, value in logs.items()
            if not math.isnan(value)
        ]
        run.n_epochs += 1
        if run.n_epochs >= self.send_every:
            run.send()

    def _end(self, context: Any, status: str) -> None:
        run = self._runs.pop(context, None)
        if run is None:
            return
        run.send()
        if run.end is not None:
            run.end(status)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs: active runs are those of a thread."""
        mlflow = import_extra("mlflow", "mlflow")
        return {
            **vars(self),
            "run_id": self.run_id or _active_run_id() or self._first_active,
            "_tracking_uri": self._tracking_uri or mlflow.get_tracking_uri(),
            "_runs": {},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._runs = WeakKeyDictionary()


def _active_run_id() -> str | None:
    run: Any = import_extra("mlflow", "mlflow").active_run()
    return run.info.run_id if run is not None else None


def _params(values: dict[str, Any]) -> list[Any]:
    """Return parameters as MLflow takes them: as text, which is not too long."""
    param: Any = import_extra("mlflow.entities", "mlflow").Param
    return [param(name, str(value)[:_LONGEST_VALUE]) for name, value in values.items()]
