"""Callbacks of the estimators: what they are told, and that they can stop a fit."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from recording_callbacks import Keeper, Recorder, calls_of
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.estimators.callbacks import CallbackSupportMixin, StandInMixin

needs_sklearn_callbacks = pytest.mark.skipif(
    CallbackSupportMixin is StandInMixin, reason="scikit-learn 1.9 has callbacks"
)

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = (NUMBERS > 0).astype(int)
WEIGHTS = rng.uniform(1, 2, size=60)

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
