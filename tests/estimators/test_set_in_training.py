"""What is set on an estimator, or on the twin that trains, during a call stays."""

import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

import sknn
from sknn.estimators.fit_state import fitted_attributes

RNG = np.random.RandomState(0)
X = RNG.normal(size=(40, 3))
Y = X[:, 0]
LABELS = (Y > 0).astype(int)
SMALL = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0}


class Callback:
    """Calls a function with the estimator that trains, after each epoch."""

    def __init__(self, function):
        self.function = function

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.function(estimator)

    def teardown(self, estimator, context):
        pass


def by_a_schedule(model, act):
    model.set_params(learning_rate=lambda epoch: act(model) or 0.01)


def by_a_metric(model, act):
    model.set_params(metrics={"metric": lambda *_: act(model) or 0.0})


def by_a_metric_on_its_argument(model, act):
    model.set_params(metrics={"metric": lambda given, X, y: act(given) or 0.0})


def by_a_scorer(model, act):
    model.set_params(
        scoring=lambda *_: act(model) or 0.0, early_stopping=True, tol=None
    )


def by_a_scorer_on_its_argument(model, act):
    model.set_params(
        scoring=lambda given, X, y: act(given) or 0.0, early_stopping=True, tol=None
    )


def by_a_callback(model, act):
    model.set_callbacks(Callback(lambda _: act(model)))


def by_a_callback_on_its_argument(model, act):
    model.set_callbacks(Callback(act))


def by_another_thread(model, act):
    def in_a_thread(_):
        thread = threading.Thread(target=act, args=(model,))
        thread.start()
        thread.join()

    model.set_callbacks(Callback(in_a_thread))


def by_a_generator(model, act):
    class Generator(np.random.RandomState):
        def permutation(self, *arguments):
            act(model)
            return super().permutation(*arguments)

        def randint(self, *arguments, **options):
            act(model)
            return super().randint(*arguments, **options)

        def uniform(self, *arguments):
            act(model)
            return super().uniform(*arguments)

    model.set_params(random_state=Generator(0))


WHO = [value for name, value in globals().items() if name.startswith("by_")]
CALLS = {
    "fit": lambda model, y: model.fit(X, y),
    "warm start": lambda model, y: model.set_params(warm_start=True).fit(X, y),
    "resume_fit": lambda model, y: model.set_params(max_iter=6).resume_fit(X, y),
    "partial_fit": lambda model, y: model.set_params(early_stopping=False).partial_fit(
        X, y, X_val=X, y_val=y
    ),
}


class Derived(sknn.MLPRegressor):
    """Has slots, and a parameter that is a property."""

    __slots__ = ("empty", "tag")

    @property
    def alpha(self):
        return self._alpha

    @alpha.setter
    def alpha(self, value):
        self._alpha = value


@pytest.mark.parametrize("estimator", [sknn.MLPRegressor, sknn.MLPClassifier, Derived])
@pytest.mark.parametrize(
    ("who", "call"),
    [
        (who, call)
        for who in WHO
        for call in CALLS
        # Where training goes on, compiled code draws from the generator's memory.
        if who is not by_a_generator or call == "fit"
    ],
)
def test_set_by(who, call, estimator):
    y = LABELS if estimator is sknn.MLPClassifier else Y
    model = estimator(**SMALL)
    model.to_delete = model.untouched = "old"
    n_calls, is_first_fit = 0, call != "fit"

    def act(given):
        nonlocal n_calls
        if is_first_fit:
            return
        n_calls += 1
        given.note = n_calls
        given.noted_ = n_calls
        given.set_params(alpha=0.5)
        given.__dict__.pop("to_delete", None)
        if estimator is Derived:
            given.tag = n_calls

    who(model, act)
    if is_first_fit:
        model.fit(X, y)
        is_first_fit = False
    CALLS[call](model, y)
    assert n_calls > 0
    assert model.note == model.noted_ == n_calls
    assert model.alpha == model.get_params()["alpha"] == 0.5
    assert not hasattr(model, "to_delete")
    assert model.untouched == "old"
    assert_array_equal(model.predict(X).shape, (40,))
    if estimator is Derived:
        assert model.tag == n_calls
        assert not hasattr(model, "empty")


@pytest.mark.parametrize("who", WHO)
def test_what_is_set_does_not_change_the_training(who):
    """Not even parameters: training keeps those that it began with."""
    expected = sknn.MLPRegressor(**SMALL)
    who(expected, lambda given: None)
    model = sknn.MLPRegressor(**SMALL)

    def act(given):
        given.set_params(alpha=100.0, hidden_layer_sizes=9)

    who(model, act)
    for each in (expected, model):
        each.fit(X, Y)
    assert model.alpha == 100.0
    assert_array_equal(model.coefs_[0], expected.coefs_[0])
    assert model.loss_curve_ == expected.loss_curve_


def test_what_training_sets_comes_from_training():
    """Fitted attributes that a callback sets, on either object, are overwritten."""
    model = sknn.MLPRegressor(**SMALL)

    def act(_):
        model.coefs_ = "mine"
        model.validation_scores_ = "mine"

    model.set_callbacks(Callback(act)).fit(X, Y)
    assert_array_equal(
        model.coefs_[0], clone(model).set_callbacks().fit(X, Y).coefs_[0]
    )
    assert model.validation_scores_ is None


def test_both_set():
    """What the call of the estimator itself set has the last word."""
    model = sknn.MLPRegressor(**SMALL)

    def act(twin):
        model.note = "estimator's"
        twin.note = "twin's"

    model.set_callbacks(Callback(act)).fit(X, Y)
    assert model.note == "twin's"


@pytest.mark.parametrize("who", [who for who in WHO if who is not by_another_thread])
def test_a_fit_that_fails(who):
    """The twin is dropped; what was set on the estimator stays."""
    model = sknn.MLPRegressor(**SMALL)

    def act(given):
        model.note = "set"
        raise ZeroDivisionError

    who(model, act)
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y)
    assert model.note == "set"
    assert not hasattr(model, "coefs_")


def test_every_attribute_of_a_fit_is_known():
    """Else one of an inner fit could be mixed with those of the outer one."""
    models = [
        sknn.MLPClassifier(**SMALL, early_stopping=True).fit(X, LABELS),
        sknn.MLPClassifier(**SMALL).partial_fit(X, LABELS, classes=[0, 1]),
        sknn.MLPRegressor(**SMALL, validate=True, normalization="batch").fit(X, Y),
        sknn.MLPRegressor(**SMALL, solver="lbfgs").fit(X, Y),
    ]
    for model in models:
        own = vars(model).keys() - model.get_params().keys()
        assert own <= fitted_attributes()


def test_slots_in_methods_of_a_derived_class():
    class Counting(sknn.MLPClassifier):
        __slots__ = ("__secret", "n_calls", "tag")

        def predict_proba(self, X):
            assert self.tag == "t"
            self.n_calls += 1
            return super().predict_proba(X)

        def _predict_outputs(self, X):
            self.__secret = "told"
            return super()._predict_outputs(X)

        def secret(self):
            return self.__secret

    model = Counting(**SMALL, early_stopping=True, scoring="neg_log_loss", tol=None)
    model.tag, model.n_calls = "t", 0
    model.fit(X, LABELS)
    assert model.n_calls == model.n_iter_
    assert model.secret() == "told"
    model.predict_proba(X)
    assert model.n_calls == model.n_iter_ + 1


def test_a_class_that_checks_what_is_set():
    class Frozen(sknn.MLPRegressor):
        def __setattr__(self, name, value):
            assert name != "__dict__"
            super().__setattr__(name, value)

    assert Frozen(**SMALL).fit(X, Y).predict(X).shape == (40,)


def test_threads_that_set_all_the_time():
    """Nothing gets lost, at whatever moment of the call it is set."""
    model, stop = sknn.MLPRegressor(**SMALL), threading.Event()
    lost = []

    def count():
        n = 0
        while not stop.is_set():
            n += 1
            model.note = n
            if model.note != n:
                lost.append(n)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        for _ in range(200):
            model.partial_fit(X, Y)
    finally:
        stop.set()
        thread.join()
    assert not lost


def test_set_params_of_a_layer_of_a_derived_class():
    class WithProperty(sknn.MLPRegressor):
        @property
        def hidden_layer_sizes(self):
            return self._sizes

        @hidden_layer_sizes.setter
        def hidden_layer_sizes(self, value):
            self._sizes = value

    model = WithProperty(hidden_layer_sizes=(3, 4))
    assert model.set_params(hidden_layer_sizes__1=5).hidden_layer_sizes == (3, 5)
