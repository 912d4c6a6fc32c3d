"""Callbacks: scikit-learn's, what stands in for them, and both in the estimators."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from recording_callbacks import Keeper, Recorder, calls_of
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn.estimators.callbacks import (
    CallbackSupportMixin,
    StandInMixin,
    epoch_callbacks,
    stand_in_decorator,
    with_callbacks,
)

needs_sklearn_callbacks = pytest.mark.skipif(
    CallbackSupportMixin is StandInMixin, reason="scikit-learn 1.9 has callbacks"
)

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = (NUMBERS > 0).astype(int)
WEIGHTS = rng.uniform(1, 2, size=60)


# The module alone, in an estimator that counts epochs -------------------------------


class Counter(BaseEstimator):
    def __init__(self, max_iter=3, stops_after=99, breaks_off_after=99):
        self.max_iter = max_iter
        self.stops_after = stops_after
        self.breaks_off_after = breaks_off_after

    def _fit(self, X, y, sample_weight=None):
        history = {"loss": [0.0]}
        progress = SimpleNamespace(
            n_iter=0, has_stopped=False, history=history, n_recorded=1
        )
        self.n_asked = 0
        arguments = (self.attributes_after, self.max_iter, X, y, sample_weight)
        with epoch_callbacks(self, *arguments) as after_epoch:
            while progress.n_iter < min(self.max_iter, self.breaks_off_after):
                progress.n_iter += 1
                progress.has_stopped = progress.n_iter == self.stops_after
                if after_epoch and after_epoch(progress):
                    break
                if progress.has_stopped:
                    break
            self.n_iter_ = progress.n_iter
        return self

    def attributes_after(self, progress):
        self.n_asked += 1
        return {"n_iter_": progress.n_iter}


class StandInCounter(StandInMixin, Counter):
    fit = stand_in_decorator(Counter._fit)


class InstalledCounter(CallbackSupportMixin, Counter):
    fit = with_callbacks(Counter._fit)


each_counter = pytest.mark.parametrize("counter", [StandInCounter, InstalledCounter])


@each_counter
@pytest.mark.parametrize("n_epochs", [0, 1, 4])
def test_calls(counter, n_epochs):
    callback = Recorder()
    counter(n_epochs).set_callbacks(callback).fit(X, LABELS)
    assert callback.calls == calls_of(n_epochs)


@each_counter
def test_arguments_of_hooks(counter):
    callback = Keeper()
    estimator = counter().set_callbacks(callback).fit(X, LABELS, WEIGHTS)
    assert callback.given["estimator"] is estimator
    assert callback.given["X"] is X
    assert callback.given["y"] is LABELS
    assert callback.given["metadata"] == {"sample_weight": WEIGHTS}
    estimator.fit(X, LABELS)
    assert callback.given["metadata"] is None


@each_counter
def test_attributes_of_contexts(counter):
    class Kept(Recorder):
        def record(self, hook, context):
            self.calls.append(context)

    callback = Kept()
    counter(2).set_callbacks(callback).fit(X, LABELS)
    fit, epoch = callback.calls[1:3]
    assert (fit.max_subtasks, epoch.max_subtasks) == (2, 0)
    assert fit.parent is None
    assert epoch.parent is fit
    assert fit.sequential_subtasks
    assert fit.estimator_name == epoch.estimator_name == counter.__name__
    assert fit.source_estimator_name is fit.source_task_name is None
    assert len({context.root_uuid for context in callback.calls}) == 1
    assert fit.init_time <= epoch.init_time <= callback.calls[4].init_time
    callback.calls.clear()
    counter(2).set_callbacks(callback).fit(X, LABELS)
    assert callback.calls[0].root_uuid != fit.root_uuid


@each_counter
def test_fitted_estimator(counter):
    callback = Keeper()
    estimator = counter().set_callbacks(callback).fit(X, LABELS)
    assert [fitted.n_iter_ for fitted in callback.fitted] == [1, 2, 3]
    assert callback.fitted_at_the_end.n_iter_ == 3
    assert all(type(fitted) is counter for fitted in callback.fitted)
    assert estimator not in callback.fitted


@each_counter
@pytest.mark.parametrize(
    ("callbacks", "n_asked"), [([Recorder], 0), ([Keeper, Recorder, Keeper], 3)]
)
def test_attributes_are_asked_for_at_most_once_an_epoch(counter, callbacks, n_asked):
    estimator = counter().set_callbacks(*(callback() for callback in callbacks))
    assert estimator.fit(X, LABELS).n_asked == n_asked


@each_counter
def test_any_callback_can_stop(counter):
    callbacks = [Recorder(), Recorder(stop_after=2), Recorder()]
    estimator = counter().set_callbacks(*callbacks).fit(X, LABELS)
    assert estimator.n_iter_ == 2
    assert all(callback.calls == calls_of(2) for callback in callbacks)


@each_counter
def test_no_epoch_begins_after_the_last_one(counter):
    callback = Recorder()
    assert counter(stops_after=2).set_callbacks(callback).fit(X, LABELS).n_iter_ == 2
    assert callback.calls == calls_of(2)


@each_counter
def test_epoch_that_was_not_trained_is_an_empty_task(counter):
    callback = Keeper()
    counter(breaks_off_after=1).set_callbacks(callback).fit(X, LABELS)
    assert callback.calls == calls_of(2)
    assert [fitted is None for fitted in callback.fitted] == [False, True]


@each_counter
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("hook", ["setup", "begin", "end"])
def test_teardown_after_an_exception(counter, hook, error):
    callbacks = [Recorder(fail_in=(hook, "fit", 0), error=error), Recorder()]
    estimator = counter().set_callbacks(*callbacks)
    before = vars(estimator).keys() | {"n_asked", "n_iter_"}
    with pytest.raises(error):
        estimator.fit(X, LABELS)
    # A callback is torn down if its setup began.
    n_torn_down = [len(callback.hooks("teardown")) for callback in callbacks]
    assert n_torn_down == [1, 0 if hook == "setup" else 1]
    assert vars(estimator).keys() <= before


@each_counter
def test_exceptions_in_teardown(counter):
    failing = [Recorder(fail_in=("teardown", "fit", 0)) for _ in range(2)]
    last = Recorder()
    with pytest.raises(ValueError, match="from a callback"):
        counter().set_callbacks(failing[0], last).fit(X, LABELS)
    assert last.hooks("teardown")
    with pytest.raises(ExceptionGroup) as error:
        counter().set_callbacks(*failing).fit(X, LABELS)
    assert [str(each) for each in error.value.exceptions] == ["from a callback"] * 2


@each_counter
def test_parameter_of_a_hook_that_is_not_known(counter):
    class Unknown(Recorder):
        def on_fit_task_end(self, estimator, context, *, loss=None):
            pass

    with pytest.raises(TypeError, match="Unknown has parameters that are not valid"):
        counter().set_callbacks(Unknown()).fit(X, LABELS)


@each_counter
@pytest.mark.parametrize("callback", [Recorder, object(), StandardScaler()])
def test_what_is_no_callback(counter, callback):
    with pytest.raises(TypeError, match="following the FitCallback protocol"):
        counter().set_callbacks(Recorder(), callback)


@each_counter
def test_set_callbacks_replaces(counter):
    estimator = counter().set_callbacks(Recorder())
    second = Recorder()
    estimator.set_callbacks(second)
    assert estimator._skl_callbacks == [second]
    assert vars(estimator.set_callbacks()) == vars(counter())


@each_counter
def test_clone_keeps_callbacks(counter):
    callback = Recorder()
    copy = clone(counter(5).set_callbacks(callback))
    assert copy.get_params() == counter(5).get_params()
    assert copy.fit(X, LABELS)._skl_callbacks == [callback]
    assert callback.calls == calls_of(5)
    assert not hasattr(clone(counter()), "_skl_callbacks")


@each_counter
def test_pickle(counter):
    estimator = counter().set_callbacks(Keeper()).fit(X, LABELS)
    copy = pickle.loads(pickle.dumps(estimator))
    assert copy.n_iter_ == 3
    copy.fit(X, LABELS)
    assert copy._skl_callbacks[0].calls == 2 * calls_of(3)


@each_counter
def test_nothing_is_done_without_callbacks(counter, monkeypatch):
    monkeypatch.setattr(counter, "_init_callback_context", None)
    assert counter().fit(X, LABELS).n_iter_ == 3
    with epoch_callbacks(counter(), dict, 3, X, LABELS) as after_epoch:
        assert after_epoch is None


@needs_sklearn_callbacks
def test_fit_in_a_pipeline_that_alone_has_callbacks():
    class Tree(Recorder):
        def teardown(self, estimator, context):
            self.names = [(task.task_name, task.source_task_name) for task in context]

    callback = Tree()
    pipeline = make_pipeline(InstalledCounter()).set_callbacks(callback)
    pipeline.fit(X, LABELS)
    assert callback.names == [("fit", None), ("fit", "fit-final-estimator")]
