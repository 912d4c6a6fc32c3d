"""The base class of callbacks that are told of epochs."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

_TASKS = ("epoch", "lbfgs-iter")


def is_epoch(context: Any) -> bool:
    """Return whether a task is an epoch, or an iteration of 'lbfgs', of a network."""
    return context.task_name in _TASKS


def refuse_other_estimators(callback: Any, estimator: Any) -> None:
    """Raise a TypeError where a callback is set on what has no epochs of its own."""
    modules = [base.__module__ for base in type(estimator).__mro__]
    if not any(module.partition(".")[0] == "sknn" for module in modules):
        name, own = type(estimator).__name__, type(callback).__name__
        raise TypeError(
            f"{own} is told of no epochs by {name}. Set it on the network inside: "
            f"make_pipeline(StandardScaler(), network.set_callbacks({own}(...)))."
        )


def value_of(logs: Mapping[str, float], name: str, parameter: str = "monitor") -> float:
    """Return the value of an epoch by its name; name those that there are."""
    if name not in logs:
        raise ValueError(
            f"{parameter}={name!r} is not among the values of an epoch, "
            f"{sorted(logs)}. Those of a validation set need X_val in fit, "
            "early_stopping=True or validate=True; others need metrics."
        )
    return logs[name]


class EpochCallback:
    """Base class of callbacks, with the methods of Keras' ``Callback``.

    Override any of the methods below. They are called for each fit of the network, also
    in a Pipeline or a search, where all fits in one process share the callback.

    Set it by ``set_callbacks``. It is a callback of scikit-learn, and so may stand
    beside others.

    See Also
    --------
    sklearn.callback.FitCallback : scikit-learn's protocol, whose hooks get more.

    Examples
    --------
    >>> from sknn import MLPRegressor
    >>> from sknn.callbacks import EpochCallback
    >>> class Weights(EpochCallback):
    ...     def on_epoch_end(self, epoch, logs, fitted_estimator):
    ...         print(epoch, f"{abs(fitted_estimator.coefs_[0]).max():.2f}")
    >>> model = MLPRegressor(hidden_layer_sizes=(), max_iter=2, tol=None)
    >>> model = model.set_params(random_state=0).set_callbacks(Weights())
    >>> _ = model.fit([[0.0], [1.0]], [0.0, 1.0])
    0 0.17
    1 0.17
    """

    def on_train_begin(self, logs: dict[str, float]) -> None:
        """Do something before the first epoch of a fit.

        Parameters
        ----------
        logs : dict
            Empty.
        """

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        """Do something before an epoch.

        Parameters
        ----------
        epoch : int
            Number of the epoch in this fit, from 0 on.
        logs : dict
            Empty.
        """

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool | None:
        """Do something after an epoch; stop training by returning True.

        Parameters
        ----------
        epoch : int
            Position of the epoch in ``history_``, from 0 on. Warm starts,
            ``partial_fit`` and ``resume_fit`` count on.
        logs : dict of float
            Values of the epoch, by their names in ``history_``, such as 'loss'.
        fitted_estimator : estimator
            Only where the method has this argument: the network as it would be if the
            fit ended here. ``resume_fit`` can go on from it.

        Returns
        -------
        stop : bool or None
            Whether training ends with this epoch.
        """

    def on_train_end(self, logs: dict[str, float]) -> None:
        """Do something after the last epoch of a fit.

        Parameters
        ----------
        logs : dict of float
            Values of the last epoch; empty if there was none.
        """

    # scikit-learn's hooks ------------------------------------------------------------

    def __init_subclass__(cls, **options: Any) -> None:
        """Let scikit-learn make a fitted estimator for classes that ask for one."""
        super().__init_subclass__(**options)
        asks = "fitted_estimator" in signature(cls.on_epoch_end).parameters
        hook = EpochCallback._end_with_estimator if asks else EpochCallback._end
        if "on_fit_task_end" not in vars(cls):
            setattr(cls, "on_fit_task_end", hook)  # noqa: B010

    def setup(self, estimator: Any, context: Any) -> None:
        """Refuse estimators without epochs; called by scikit-learn before a fit."""
        refuse_other_estimators(self, estimator)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing; called by scikit-learn after a fit, even if it failed."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Call the method for the begin of a fit or an epoch."""
        if is_epoch(context):
            self.on_epoch_begin(context.task_id, {})
        else:
            self.on_train_begin({})

    def _end(self, estimator: Any, context: Any) -> bool | None:
        """Call the method for what has ended; called by scikit-learn."""
        return self._end_task(context)

    def _end_with_estimator(
        self, estimator: Any, context: Any, *, fitted_estimator: Any
    ) -> bool | None:
        """Call the method for what has ended; called by scikit-learn."""
        return self._end_task(context, fitted_estimator=fitted_estimator)

    on_fit_task_end = _end

    def _end_task(self, context: Any, **asked_for: Any) -> bool | None:
        """Call the method for the end of a fit or an epoch that has been trained."""
        if not is_epoch(context):
            self.on_train_end(getattr(context, "logs", {}))
        elif hasattr(context, "logs"):
            context.parent.logs = context.logs
            return self.on_epoch_end(context.epoch, context.logs, **asked_for)
        return None
