"""The base class with the methods of Keras, in all that trains a network."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.callbacks import EpochCallback

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = (NUMBERS > 0).astype(int)
OPTIONS = {"hidden_layer_sizes": (5,), "max_iter": 4, "tol": None, "random_state": 0}


class Diary(EpochCallback):
    """Writes down what it is told; may stop training."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.lines = []

    def on_train_begin(self, logs):
        self.lines.append(("train begin", dict(logs)))

    def on_epoch_begin(self, epoch, logs):
        self.lines.append(("begin", epoch))

    def on_epoch_end(self, epoch, logs):
        self.lines.append(("end", epoch, dict(logs)))
        return epoch + 1 == self.stop_after

    def on_train_end(self, logs):
        self.lines.append(("train end", dict(logs)))

    def named(self, name):
        return [line for line in self.lines if line[0] == name]


class Watcher(EpochCallback):
    """Keeps the network of each epoch."""

    def __init__(self):
        self.models = []

    def on_epoch_end(self, epoch, logs, fitted_estimator):
        assert fitted_estimator.n_iter_ == len(fitted_estimator.history_["loss"])
        assert fitted_estimator.loss_ == logs["loss"]
        self.models.append(fitted_estimator)


def logs_of(model, epoch):
    return {name: column[epoch] for name, column in model.history_.items()}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("options", [{}, {"validate": True, "metrics": "r2"}], ids=str)
def test_what_is_told(solver, options):
    if solver == "lbfgs":
        options = {**{k: v for k, v in options.items() if k != "validate"}, "tol": 0.0}
    diary = Diary()
    model = MLPRegressor(solver=solver, **{**OPTIONS, **options})
    model.set_callbacks(diary).fit(X, NUMBERS)
    epochs = range(model.n_iter_)
    expected = [("train begin", {})]
    for epoch in epochs:
        expected += [("begin", epoch), ("end", epoch, logs_of(model, epoch))]
    assert diary.lines == [*expected, ("train end", logs_of(model, -1))]


def test_iteration_that_was_not_trained_has_no_end():
    """That L-BFGS has converged is known only when the next iteration was to begin."""
    diary = Diary()
    model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", max_iter=500)
    model.set_callbacks(diary).fit(X, NUMBERS)
    assert len(diary.named("begin")) == len(diary.named("end")) + 1
    assert len(diary.named("end")) == model.n_iter_ < 500
    assert diary.lines[-1] == ("train end", logs_of(model, -1))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_true_stops_training(solver):
    model = MLPClassifier(solver=solver, **{**OPTIONS, "max_iter": 50, "tol": 0.0})
    model.set_callbacks(Diary(stop_after=3)).fit(X, LABELS)
    assert model.n_iter_ == 3


def test_epochs_are_counted_on():
    diary = Diary()
    model = MLPRegressor(**OPTIONS).set_callbacks(diary)
    model.partial_fit(X, NUMBERS).partial_fit(X, NUMBERS)
    assert [line[1] for line in diary.named("end")] == [0, 1]
    diary.lines.clear()
    model.fit(X, NUMBERS)
    model.set_params(max_iter=6).resume_fit(X, NUMBERS)
    model.set_params(warm_start=True, max_iter=2).fit(X, NUMBERS)
    assert [line[1] for line in diary.named("end")] == list(range(8))
    for _, epoch, logs in diary.named("end"):
        assert logs["loss"] == model.history_["loss"][epoch]


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_fitted_estimator_is_that_of_a_fit_that_ended_there(early_stopping):
    options = {**OPTIONS, "early_stopping": early_stopping, "learning_rate_init": 0.3}
    watcher = Watcher()
    whole = MLPClassifier(**{**options, "max_iter": 8}).set_callbacks(watcher)
    whole.fit(X, LABELS)
    for n, model in enumerate(watcher.models, 1):
        shorter = MLPClassifier(**{**options, "max_iter": n}).fit(X, LABELS)
        # With early stopping, the best weights so far, as from fit.
        assert_array_equal(model.coefs_[0], shorter.coefs_[0])
        assert model.loss_curve_ == shorter.loss_curve_
        assert model.validation_scores_ == shorter.validation_scores_
        model.set_params(max_iter=8).set_callbacks().resume_fit(X, LABELS)
        assert_array_equal(model.coefs_[0], whole.coefs_[0])
        assert model.history_["loss"] == whole.history_["loss"]


def test_each_fit_of_a_search_in_a_pipeline():
    diary = Diary()
    network = MLPRegressor(**OPTIONS).set_callbacks(diary)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), network),
        {"mlpregressor__alpha": [0.1, 1.0]},
        cv=2,
        error_score="raise",
    )
    search.fit(X, NUMBERS)
    assert len(diary.named("train begin")) == len(diary.named("train end")) == 5
    assert [line[1] for line in diary.named("end")] == 5 * [0, 1, 2, 3]


def test_a_class_derived_twice_may_ask_later():
    class Later(Diary):
        def on_epoch_end(self, epoch, logs, fitted_estimator):
            self.lines.append(("model", fitted_estimator.n_iter_))

    later = Later()
    MLPRegressor(**OPTIONS).set_callbacks(later).fit(X, NUMBERS)
    assert later.named("model") == [("model", n) for n in (1, 2, 3, 4)]


def test_hooks_of_scikit_learn_can_be_overridden():
    class Own(EpochCallback):
        n = 0

        def on_fit_task_end(self, estimator, context):
            self.n += 1

    own = Own()
    MLPRegressor(**OPTIONS).set_callbacks(own).fit(X, NUMBERS)
    assert own.n == 4 + 1


def test_the_base_class_does_nothing():
    told = MLPRegressor(**OPTIONS).set_callbacks(EpochCallback()).fit(X, NUMBERS)
    plain = MLPRegressor(**OPTIONS).fit(X, NUMBERS)
    assert_array_equal(told.coefs_[0], plain.coefs_[0])


def test_a_callback_on_the_pipeline_is_refused():
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(**OPTIONS))
    if not hasattr(pipeline, "set_callbacks"):
        pytest.skip("scikit-learn 1.9 has callbacks of Pipelines")
    pipeline.set_callbacks(Diary())
    with pytest.raises(
        TypeError, match=r"no epochs by Pipeline. Set it on the network"
    ):
        pipeline.fit(X, NUMBERS)


def test_models_with_callbacks_can_be_pickled():
    model = MLPRegressor(**OPTIONS).set_callbacks(Diary()).fit(X, NUMBERS)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))
    assert len(again._skl_callbacks[0].lines) == 2 + 2 * 4


def test_networks_of_epochs_keep_no_tasks():
    """A pickle of one would hold those of all epochs before."""
    watcher = Watcher()
    MLPRegressor(**OPTIONS).set_callbacks(watcher).fit(X, NUMBERS)
    for model in watcher.models:
        assert not vars(model).keys() & {
            *("_callback_fit_ctx", "_parent_callback_ctx"),
            "_skl_callbacks_to_teardown",
        }
