"""scikit-learn's callbacks, and a substitute for them before version 1.9.

A callback that follows the protocol of ``sklearn.callback.FitCallback`` works with
both. Only scikit-learn's own passes callbacks on from a search or a pipeline.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial, partialmethod, wraps
from inspect import signature
from typing import Any, Self
from uuid import UUID, uuid4

from sknn.estimators.decorators import Method
from sknn.network.data import ArrayLike
from sknn.training.progress import TrainingState

# Substitute before scikit-learn 1.9 -------------------------------------------------

__all__ = ["CallbackSupportMixin", "epoch_callbacks", "with_callbacks"]

_HOOKS = ("setup", "on_fit_task_begin", "on_fit_task_end", "teardown")


@dataclass(eq=False, repr=False)
class _Task:
    """A fit, or an epoch of it, with the attributes of a ``CallbackContext``."""

    estimator_name: str
    callbacks: list[Any]
    task_name: str
    max_subtasks: int | None = 0
    task_id: int = 0
    parent: "_Task | None" = None
    root_uuid: UUID = field(default_factory=uuid4)
    init_time: datetime = field(init=False, default_factory=partial(datetime.now, UTC))
    n_subtasks: int = field(init=False, default=0)
    sequential_subtasks = True
    source_estimator_name = source_task_name = None

    def subcontext(self, task_name: str = "") -> "_Task":
        task_id, self.n_subtasks = self.n_subtasks, self.n_subtasks + 1
        return replace(
            self, task_name=task_name, max_subtasks=0, task_id=task_id, parent=self
        )

    def _call(
        self,
        name: str,
        *,
        estimator: Any,
        reconstruction_attributes: Any = None,
        **given: Any,
    ) -> bool:
        """Call a hook of each callback; return True if one returns True."""
        known = {"X": None, "y": None, "metadata": None, **given}
        stop = False
        for callback in self.callbacks:
            hook = getattr(callback, name)
            parameters = signature(hook).parameters.values()
            wanted = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
            if "fitted_estimator" in wanted - known.keys():
                known["fitted_estimator"] = _fitted(
                    estimator, reconstruction_attributes
                )
            if unknown := wanted - known.keys():
                raise TypeError(
                    f"Hook {name} of the callback {type(callback).__name__} has "
                    f"parameters that are not valid: {unknown}."
                )
            stop |= bool(hook(estimator, self, **{key: known[key] for key in wanted}))
        return stop

    call_on_fit_task_begin = partialmethod(_call, "on_fit_task_begin")
    call_on_fit_task_end = partialmethod(_call, "on_fit_task_end")


def _fitted(estimator: Any, attributes: Any) -> Any:
    attributes = attributes() if callable(attributes) else attributes
    if attributes is None:
        return None
    fitted = copy(estimator)
    vars(fitted).update(attributes)
    return fitted


class StandInMixin:
    """The methods of scikit-learn's ``CallbackSupportMixin``."""

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Set callbacks for the estimator.

        Parameters
        ----------
        *callbacks : callback instances
            The callbacks to set, in place of those set before.

        Returns
        -------
        self : estimator instance
            The estimator instance itself.
        """
        if not all(
            hasattr(callback, hook) and not isinstance(callback, type)
            for callback in callbacks
            for hook in _HOOKS
        ):
            raise TypeError(
                "callbacks must be instances following the FitCallback protocol."
            )
        vars(self).pop("_skl_callbacks", None)
        if callbacks:
            self._skl_callbacks = list(callbacks)
        return self

    def _init_callback_context(
        self, task_name: str = "fit", max_subtasks: int | None = 0
    ) -> _Task:
        callbacks = getattr(self, "_skl_callbacks", [])
        context = _Task(type(self).__name__, callbacks, task_name, max_subtasks)
        self._callback_fit_ctx, self._skl_callbacks_to_teardown = context, []
        for callback in callbacks:
            self._skl_callbacks_to_teardown.append(callback)
            callback.setup(estimator=self, context=context)
        return context

    def __sklearn_clone__(self) -> Self:
        clone: Self = super().__sklearn_clone__()  # type: ignore[misc]
        if hasattr(self, "_skl_callbacks"):
            clone._skl_callbacks = self._skl_callbacks
        return clone


def stand_in_decorator(method: Callable[..., Any]) -> Callable[..., Any]:
    """Tear down, however a method ends, the callbacks that it set up."""

    @wraps(method)
    def managed(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(estimator, *args, **kwargs)
        finally:
            context = vars(estimator).pop("_callback_fit_ctx", None)
            errors = []
            for callback in vars(estimator).pop("_skl_callbacks_to_teardown", ()):
                try:
                    callback.teardown(estimator=estimator, context=context)
                except Exception as error:
                    errors.append(error)
            if len(errors) == 1:
                raise errors[0]
            if errors:
                raise ExceptionGroup("Callbacks failed in their teardown.", errors)

    return managed


try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:
    CallbackSupportMixin, _with_callbacks = StandInMixin, stand_in_decorator


def with_callbacks(method: Method) -> Method:
    """Tear down, however a method ends, the callbacks that it set up."""
    decorated: Method = _with_callbacks(method)
    return decorated


# Calls from a fit ------------------------------------------------------------------


@contextmanager
def epoch_callbacks(
    estimator: Any,
    attributes_after: Callable[[TrainingState], dict[str, Any]],
    max_epochs: int,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike = None,
    task_name: str = "epoch",
) -> Iterator[Callable[[TrainingState], bool] | None]:
    """Call an estimator's callbacks at the begin and end of a fit and of each epoch.

    The context of an epoch that has been trained gets ``logs``, the values of the epoch
    by their names in ``history_``, and ``epoch``, its position there.

    Parameters
    ----------
    estimator : estimator instance
        It must be fitted when the block ends. ``with_callbacks`` is to decorate the
        method with the block, or one that calls it.
    attributes_after : callable
        Takes the state; returns the attributes that the estimator would have if the
        fit ended there, in arrays that stay as they are. Called only if a callback
        asks for a fitted estimator.
    max_epochs : int
    X, y, sample_weight
        As the user passed them.
    task_name : str, default="epoch"

    Yields
    ------
    after_epoch : callable or None
        To be called with the state after each epoch; returns whether to stop. None
        where no callback listens.
    """
    listens = hasattr(estimator, "_skl_callbacks")
    if not listens and not hasattr(estimator, "_parent_callback_ctx"):
        yield None
        return
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    told = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
    fit = estimator._init_callback_context(max_subtasks=max_epochs)
    fit.call_on_fit_task_begin(**told)
    epoch: Any = None

    def begin_epoch() -> None:
        nonlocal epoch
        epoch = fit.subcontext(task_name=task_name)
        epoch.call_on_fit_task_begin(**told)

    def after_epoch(state: TrainingState) -> bool:
        nonlocal epoch
        ended, epoch = epoch, None
        ended.logs = {name: column[-1] for name, column in state.history.items()}
        ended.epoch = state.n_recorded - 1
        attributes = partial(attributes_after, state)
        stop = ended.call_on_fit_task_end(**told, reconstruction_attributes=attributes)
        if not stop and not state.has_stopped and ended.task_id + 1 < max_epochs:
            begin_epoch()
        return bool(stop)

    if listens and max_epochs > 0:
        begin_epoch()
    yield after_epoch if listens else None
    if epoch is not None:
        # It began, but there was no more training: in scikit-learn, an empty task.
        epoch.call_on_fit_task_end(estimator=estimator)
    fit.call_on_fit_task_end(**told, reconstruction_attributes={})
