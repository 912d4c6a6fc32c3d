"""Callbacks: scikit-learn's, what stands in for them, and both in the estimators."""

import pickle
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn._callbacks import (
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


# Callbacks --------------------------------------------------------------------------


class Recorder:
    """Records its calls; may ask to stop after some epochs, or raise in a hook."""

    def __init__(self, stop_after=None, fail_in=None, error=ValueError):
        self.stop_after, self.fail_in, self.error = stop_after, fail_in, error
        self.calls = []

    def record(self, hook, context):
        self.calls.append((hook, context.task_name, context.task_id))
        if self.fail_in == (hook, context.task_name, context.task_id):
            raise self.error("from a callback")

    def setup(self, estimator, context):
        self.record("setup", context)

    def on_fit_task_begin(self, estimator, context):
        self.record("begin", context)

    def on_fit_task_end(self, estimator, context):
        self.record("end", context)
        return context.parent is not None and context.task_id + 1 == self.stop_after

    def teardown(self, estimator, context):
        self.record("teardown", context)

    def hooks(self, hook):
        return [call for call in self.calls if call[0] == hook]


class Keeper(Recorder):
    """Keeps what the hook at the end of each task is given."""

    def on_fit_task_end(
        self, estimator, context, *, X, y, metadata, fitted_estimator=None
    ):
        self.record("end", context)
        self.given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        if context.parent is not None:
            self.fitted = [*getattr(self, "fitted", []), fitted_estimator]
        else:
            self.fitted_at_the_end = fitted_estimator


def calls_of(n_epochs, task_name="epoch"):
    """Return the calls of a fit of so many epochs, as a Recorder has them."""
    calls = [("setup", "fit", 0), ("begin", "fit", 0)]
    for epoch in range(n_epochs):
        calls += [("begin", task_name, epoch), ("end", task_name, epoch)]
    return [*calls, ("end", "fit", 0), ("teardown", "fit", 0)]


# The module alone, in an estimator that counts epochs -------------------------------


class Counter(BaseEstimator):
    def __init__(self, max_iter=3, stops_after=99, breaks_off_after=99):
        self.max_iter = max_iter
        self.stops_after = stops_after
        self.breaks_off_after = breaks_off_after

    def _fit(self, X, y, sample_weight=None):
        progress = SimpleNamespace(n_iter=0, has_stopped=False)
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


# The estimators ---------------------------------------------------------------------

SOLVERS = {"adam": "epoch", "sgd": "epoch", "lbfgs": "lbfgs-iter"}

each_estimator = pytest.mark.parametrize(
    ("estimator", "y"), [(MLPClassifier, LABELS), (MLPRegressor, NUMBERS)]
)
each_solver = pytest.mark.parametrize("solver", SOLVERS)


def small(estimator, **parameters):
    defaults = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 6}
    return estimator(**{**defaults, **parameters})


@each_estimator
@each_solver
def test_calls_of_estimators(estimator, y, solver):
    callback = Recorder()
    model = small(estimator, solver=solver).set_callbacks(callback).fit(X, y)
    assert callback.calls == calls_of(model.n_iter_, SOLVERS[solver])


@each_estimator
@each_solver
def test_calls_of_estimators_that_converge(estimator, y, solver):
    callback = Recorder()
    model = small(estimator, solver=solver, max_iter=500, tol=0.1, n_iter_no_change=1)
    model.set_callbacks(callback).fit(X, y)
    assert model.n_iter_ < 500
    # That lbfgs has converged is known only once the next iteration was to begin.
    n_begun = model.n_iter_ + (solver == "lbfgs")
    assert callback.calls == calls_of(n_begun, SOLVERS[solver])


@each_estimator
@each_solver
def test_callback_stops_training(estimator, y, solver):
    model = small(estimator, solver=solver, max_iter=100)
    model.set_callbacks(Recorder(stop_after=3))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(X, y)
    assert model.n_iter_ == 3
    shorter = small(estimator, solver=solver, max_iter=3).fit(X, y)
    assert model.loss_ == shorter.loss_
    assert_array_equal(model.predict(X), shorter.predict(X))


@each_estimator
def test_callback_stops_training_with_a_validation_set(estimator, y):
    model = small(estimator, early_stopping=True)
    model.set_callbacks(Recorder(stop_after=3)).fit(X, y)
    assert model.n_iter_ == len(model.validation_scores_) == 3
    shorter = small(estimator, early_stopping=True, max_iter=3).fit(X, y)
    assert_array_equal(model.predict(X), shorter.predict(X))


@each_estimator
@each_solver
def test_fitted_estimator_is_of_its_epoch(estimator, y, solver):
    callback = Keeper()
    model = small(estimator, solver=solver).set_callbacks(callback).fit(X, y)
    for n_iter, fitted in enumerate(callback.fitted[: model.n_iter_], 1):
        shorter = small(estimator, solver=solver, max_iter=n_iter).fit(X, y)
        assert fitted.n_iter_ == n_iter
        assert fitted.loss_ == pytest.approx(shorter.loss_)
        assert_allclose(fitted.coefs_[0], shorter.coefs_[0], rtol=1e-10)
        assert_allclose(fitted.predict(X), shorter.predict(X), rtol=1e-10)
    assert_array_equal(callback.fitted_at_the_end.predict(X), model.predict(X))


@each_solver
def test_fitted_estimator_of_a_second_fit_of_other_sizes(solver):
    callback = Keeper()
    model = small(MLPClassifier, solver=solver).fit(X, LABELS).set_callbacks(callback)
    model.set_params(hidden_layer_sizes=(5, 3)).fit(X[:, :3], np.arange(60) % 4)
    assert callback.fitted[0].predict_proba(X[:, :3]).shape == (60, 4)


@each_estimator
@each_solver
def test_callbacks_do_not_change_the_fit(estimator, y, solver):
    without = small(estimator, solver=solver).fit(X, y)
    told = small(estimator, solver=solver).set_callbacks(Keeper()).fit(X, y)
    assert told.n_iter_ == without.n_iter_
    assert_array_equal(told.coefs_[0], without.coefs_[0])
    assert vars(told).keys() - vars(without).keys() == {"_skl_callbacks"}


@each_estimator
def test_arguments_of_hooks_of_estimators(estimator, y):
    callback = Keeper()
    small(estimator).set_callbacks(callback).fit(X, y, sample_weight=WEIGHTS)
    assert_array_equal(callback.given["X"], X)
    assert_array_equal(callback.given["y"], y)
    assert_array_equal(callback.given["metadata"]["sample_weight"], WEIGHTS)


@each_estimator
def test_partial_fit_is_a_fit_of_one_epoch(estimator, y):
    # As StandardScaler.partial_fit of scikit-learn 1.9.
    callback = Recorder()
    model = small(estimator).set_callbacks(callback)
    classes = {"classes": [0, 1]} if estimator is MLPClassifier else {}
    model.partial_fit(X, y, **classes).partial_fit(X, y)
    assert callback.calls == 2 * calls_of(1)


@each_estimator
def test_no_callbacks_cost_nothing(estimator, y, monkeypatch):
    monkeypatch.setattr(estimator, "_init_callback_context", None)
    assert small(estimator).fit(X, y).n_iter_ == 6


@each_estimator
@each_solver
@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize(
    "fail_in", [("setup", "fit"), ("begin", "epoch"), ("end", "epoch"), ("end", "fit")]
)
def test_exception_leaves_the_estimator(estimator, y, solver, is_fitted, fail_in):
    hook, task_name = fail_in
    task = (hook, "fit", 0) if task_name == "fit" else (hook, SOLVERS[solver], 1)
    callback = Recorder(fail_in=task)
    model = small(estimator, solver=solver)
    if is_fitted:
        model.fit(X, y)
    model.set_callbacks(callback)
    before = vars(model).copy()
    with pytest.raises(ValueError, match="from a callback"):
        model.fit(X, y)
    assert len(callback.hooks("teardown")) == 1
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)


@each_estimator
def test_teardown_when_the_data_are_refused(estimator, y):
    callback = Recorder()
    model = small(estimator, early_stopping=True, validation_fraction=0.01)
    with pytest.raises(ValueError, match=r"too small|should be greater"):
        model.set_callbacks(callback).fit(X[:9], np.arange(9) % 2)
    assert len(callback.hooks("teardown")) == len(callback.hooks("setup"))


@each_estimator
@each_solver
def test_keyboard_interrupt_in_an_epoch(estimator, y, solver):
    task = ("begin", SOLVERS[solver], 2)
    callback = Recorder(fail_in=task, error=KeyboardInterrupt)
    model = small(estimator, solver=solver).set_callbacks(callback)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, y)
    assert model.n_iter_ == 2
    assert callback.calls == calls_of(3, SOLVERS[solver])
    shorter = small(estimator, solver=solver, max_iter=2).fit(X, y)
    assert_array_equal(model.predict(X), shorter.predict(X))


@each_estimator
def test_clone_and_pickle_of_estimators(estimator, y):
    callback = Keeper()
    model = clone(small(estimator).set_callbacks(callback)).fit(X, y)
    assert model._skl_callbacks == [callback]
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict(X), model.predict(X))
    assert copy._skl_callbacks[0].calls == callback.calls == calls_of(6)


@each_estimator
def test_callback_of_an_estimator_in_a_search(estimator, y):
    callback = Recorder()
    model = small(estimator).set_callbacks(callback)
    search = GridSearchCV(model, {"alpha": [0.1, 0.2]}, cv=2, error_score="raise")
    search.fit(X, y)
    assert len(callback.hooks("setup")) == len(callback.hooks("teardown")) == 5


@needs_sklearn_callbacks
@each_solver
@pytest.mark.parametrize("depth", [0, 1, None])
def test_progress_bar_of_a_search(solver, depth, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    search = GridSearchCV(
        make_pipeline(StandardScaler(), small(MLPClassifier, solver=solver)),
        {"mlpclassifier__alpha": [0.1, 0.2]},
        cv=2,
        error_score="raise",
    )
    search.set_callbacks(ProgressBar(max_propagation_depth=depth)).fit(X, LABELS)
    output = capsys.readouterr().out
    assert "GridSearchCV - fit" in output
    assert ("MLPClassifier - fit" in output) == (depth is None)
    assert not hasattr(search.best_estimator_[-1], "_skl_callbacks")


@needs_sklearn_callbacks
@each_solver
def test_scoring_monitor(solver):
    from sklearn.callback import ScoringMonitor
    from sklearn.metrics import get_scorer

    names = ["neg_log_loss", "accuracy"]
    monitor = ScoringMonitor(scoring=names)
    model = small(MLPClassifier, solver=solver).set_callbacks(monitor).fit(X, LABELS)
    *epochs, last = sorted(
        monitor.get_logs().data, key=lambda row: row["task_name"] == "fit"
    )
    assert [row["task_id"] for row in epochs] == list(range(model.n_iter_))
    assert len({row["neg_log_loss"] for row in epochs}) == model.n_iter_
    for name in names:
        score = pytest.approx(get_scorer(name)(model, X, LABELS))
        assert epochs[-1][name] == last[name] == score


@needs_sklearn_callbacks
@each_estimator
def test_scoring_monitor_in_a_search(estimator, y):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="neg_mean_squared_error")
    model = small(estimator).set_callbacks(monitor)
    step = estimator.__name__.lower()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), model),
        {f"{step}__alpha": [0.1, 0.2]},
        cv=2,
        error_score="raise",
    )
    search.fit(X, y, **{f"{step}__sample_weight": WEIGHTS})
    (log,) = monitor.get_logs(select="all")
    assert log.estimator_name == "GridSearchCV"
    # Each of 2 * 2 fits and the last has 6 epochs, and its end.
    assert len(log.data) == 5 * (6 + 1)


@needs_sklearn_callbacks
@each_estimator
def test_scoring_monitor_of_a_frame(estimator, y):
    from sklearn.callback import ScoringMonitor

    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    monitor = ScoringMonitor(scoring="neg_mean_squared_error")
    # A warning, of missing names of features, would be an error here.
    small(estimator).set_callbacks(monitor).fit(frame, y)
    assert len(monitor.get_logs().data) == 6 + 1
