"""Sequences of calls on one estimator: its state after each is as it should be.

A second estimator goes the same way, but is pickled and loaded before every call. It
must have the same bits all along.
"""

import pickle

import numpy as np
from fuzzing import PROPERTIES, Property, amounts, run
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from numpy.testing import assert_array_equal
from outcomes import frozen, predicted, refused, state_of, weights_of
from sklearn.base import clone
from strategies import ESTIMATORS, OWN, SHARED, parameters, sensible

from sknn import MLPClassifier
from sknn.kernels.layers.activations import ACTIVATIONS

RNG = np.random.RandomState(0)
DATA = [RNG.normal(size=(n, 3)) for n in (30, 17, 24)]
DATA[1] = DATA[1].astype(np.float32)
which = st.integers(0, len(DATA) - 1)


def targets_of(estimator, X, n_classes=3):
    """Return classes, each of which there is, or amounts."""
    if estimator is MLPClassifier:
        return np.arange(len(X)) % n_classes
    return np.abs(X[:, 0]) + 0.1


def bad_data(X, y):
    """Return arguments that are refused, each for its own reason."""
    with_nan = X.copy()
    with_nan[3, 1] = np.nan
    return {
        "NaN": (with_nan, y),
        "too few columns": (X[:, :2], y),
        "too few targets": (X, y[1:]),
        "a negative weight": (X, y, np.linspace(-1, 1, len(X))),
        "text": (X, np.array(["a", "b"] * len(X))[: len(X)]),
    }


BAD = sorted(bad_data(DATA[0], np.ones(30)))

# What may change between two calls: parameters that keep the shape of the network, a
# few that do not, and wrong values.
CHANGES = {
    "learning_rate_init": st.floats(1e-4, 0.05),
    "max_iter": st.integers(1, 6),
    "hidden_layer_sizes": st.sampled_from([(), (3,), (4, 2)]),
    "activation": st.sampled_from(sorted(ACTIVATIONS)),
    "dropout": st.sampled_from([0.0, 0.5]),
    "random_state": st.integers(0, 3),
    "n_iter_no_change": st.sampled_from([1, 5, np.inf]),
    **{
        name: SHARED[name]
        for name in (
            *("batch_size", "shuffle", "tol", "warm_start", "early_stopping"),
            *("normalization", "validate", "restore_best_weights"),
        )
    },
}
NOT_DRAWN = ("learning_rate", "class_weight", "metrics", "scoring", "loss")


class Life(RuleBasedStateMachine):
    """The life of an estimator."""

    @initialize(data=st.data(), estimator=st.sampled_from(ESTIMATORS))
    def begin(self, data, estimator):
        drawn = data.draw(parameters(estimator, max_iter=5, without=NOT_DRAWN))
        drawn["loss"] = data.draw(OWN[estimator]["loss"])
        if data.draw(st.booleans()):
            drawn["learning_rate"] = data.draw(
                st.sampled_from(["adaptive", "invscaling", "cosine", "step"])
            )
        drawn["warm_start"] = data.draw(st.booleans())
        self.model = estimator(**sensible(drawn, estimator))
        self.twin = clone(self.model)
        self.length = self.start = 0

    @property
    def is_fitted(self):
        return hasattr(self.model, "coefs_")

    def call(self, name, *arguments, **options):
        """Call a method of both; return whether it was refused, by both alike."""
        self.twin = pickle.loads(pickle.dumps(self.twin))
        before = state_of(self.model)
        reasons = [
            refused(lambda each=each: getattr(each, name)(*arguments, **options))
            for each in (self.model, self.twin)
        ]
        assert reasons[0] == reasons[1]
        if reasons[0]:
            assert state_of(self.model) == before, name
        return bool(reasons[0])

    def data_of(self, k):
        X = DATA[k]
        return X, targets_of(type(self.model), X)

    @rule(k=which, given=st.booleans())
    def fit(self, k, given):
        goes_on = self.model.warm_start and self.is_fitted
        options = {}
        if given:
            options = dict(zip(("X_val", "y_val"), self.data_of(0), strict=True))
        if not self.call("fit", *self.data_of(k), **options):
            self.start = self.length if goes_on else 0
            self.length = self.start + self.model.n_iter_

    @precondition(lambda self: hasattr(self.model, "partial_fit"))
    @rule(k=which)
    def partial_fit(self, k):
        options = {}
        if isinstance(self.model, MLPClassifier) and not self.is_fitted:
            options = {"classes": np.arange(3)}
        if not self.call("partial_fit", *self.data_of(k), **options):
            self.length += 1
            assert self.model.n_iter_ == 1

    @rule(k=which)
    def resume_fit(self, k):
        was_fitted = self.is_fitted
        if not self.call("resume_fit", *self.data_of(k)):
            assert was_fitted
            self.length = self.start + self.model.n_iter_

    @rule(name=st.sampled_from(sorted(CHANGES)), data=st.data())
    def set_params(self, name, data):
        self.change(name, data.draw(CHANGES[name]))

    @rule(solver=st.sampled_from(["adam", "sgd", "lbfgs"]))
    def set_solver(self, solver):
        self.change("solver", solver)

    def change(self, name, value):
        changed = {**self.model.get_params(), name: value}
        defaults = type(self.model)().get_params()
        kept = sensible(changed, type(self.model))
        for each in (self.model, self.twin):
            each.set_params(**{**defaults, **kept})

    @rule(
        name=st.sampled_from(["fit", "partial_fit", "resume_fit"]),
        k=which,
        bad=st.sampled_from(BAD),
    )
    def fail(self, name, k, bad):
        if bad == "too few columns" and (
            not self.is_fitted or (name == "fit" and not self.model.warm_start)
        ):
            return  # no fault there
        if bad == "text" and isinstance(self.model, MLPClassifier) and name == "fit":
            return
        if not hasattr(self.model, name):
            return
        options = {}
        if name == "partial_fit" and isinstance(self.model, MLPClassifier):
            options = {"classes": np.arange(3)}
        assert self.call(name, *bad_data(*self.data_of(k))[bad], **options)

    @rule(k=which)
    def copy(self, k):
        copy = clone(self.model)
        assert not hasattr(copy, "coefs_")
        assert frozen(copy.get_params()) == frozen(self.model.get_params())
        again = clone(copy)
        reasons = [
            refused(lambda each=each: each.fit(*self.data_of(k)))
            for each in (copy, again)
        ]
        assert reasons[0] == reasons[1]
        if reasons[0] is None:
            for one, other in zip(weights_of(copy), weights_of(again), strict=True):
                assert_array_equal(one, other)

    @precondition(lambda self: self.is_fitted)
    @rule(k=which)
    def predict(self, k):
        before = state_of(self.model)
        found = [predicted(each, DATA[k]) for each in (self.model, self.twin)]
        assert_array_equal(found[0][0], found[1][0])
        assert found[0][1] == found[1][1]
        assert state_of(self.model) == before

    @invariant()
    def is_as_it_should_be(self):
        if not hasattr(self, "model") or not self.is_fitted:
            return
        model = self.model
        pairs = zip(weights_of(model), weights_of(self.twin), strict=True)
        for part, same in pairs:
            assert np.isfinite(part).all()
            assert_array_equal(part, same)
        lengths = {name: len(column) for name, column in model.history_.items()}
        assert set(lengths.values()) <= {self.length}, lengths
        if self.length and model.n_iter_:  # else L-BFGS had nothing to do
            assert model.history_["loss"][-1] == model.loss_
        if hasattr(model, "loss_curve_"):
            curve = model.loss_curve_  # to which L-BFGS adds nothing
            assert curve == model.history_["loss"][: len(curve)]


def check_life(options):
    run_state_machine_as_test(Life, settings=options)


PROPERTIES["life"] = Property(check_life, 40, __name__)


@amounts
def test_life_of_an_estimator(factor):
    run("life", factor)
