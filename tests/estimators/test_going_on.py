"""A fit that goes on: n epochs, a pickle, and m more are n + m in one go."""

import pickle
import signal

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array

import sknn
from sknn.estimators.parameters import STOCHASTIC_SOLVERS
from sknn.jit.kernel import Driver
from sknn.kernels.drivers import training as drivers
from sknn.training.schedules import SCHEDULES

rng = np.random.RandomState(0)
X = rng.normal(size=(150, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * rng.normal(size=150)
LABELS = np.digitize(NUMBERS, [-1, 1])

# Schedules that look at max_iter need it to be the same in both parts: there a
# callback ends the first one.
BY_LENGTH = {"cosine", "one_cycle", "coslog4"}
CASES = {
    **{f"solver {name}": {"solver": name} for name in sorted(STOCHASTIC_SOLVERS)},
    **{
        f"{name}, {solver}": {"learning_rate": name, "solver": solver}
        for name in SCHEDULES
        for solver in ("sgd", "adam")
    },
    "a function": {"learning_rate": lambda epoch: 0.01 / (epoch + 1)},
    "warm-up": {"warmup_epochs": 9, "learning_rate": "exponential"},
    "dropout": {"dropout": 0.3, "input_dropout": 0.1},
    "dropout without shuffling": {"dropout": 0.3, "shuffle": False},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 50},
    "early stopping that stops": {"early_stopping": True, "n_iter_no_change": 1},
    "plateau": {"tol": 0.05, "n_iter_no_change": 1},
    "batch normalisation": {"normalization": "batch", "dropout": 0.1},
    "embedding": {"numeric_embedding": "piecewise_linear", "n_bins": 6},
    "waves": {"numeric_embedding": "periodic"},
    "layer normalisation": {"normalization": "layer"},
    "limits": {"max_norm": 0.9, "global_clipnorm": 0.1, "weight_decay": 0.1},
    "nothing shuffled": {"shuffle": False},
    "factors": {"parametrization": "ntk", "feature_scaling": True, "weight_decay": 0.1},
    "parametric activations": {"parametric_activation": True, "dropout": 0.1},
    "members": {"n_shared_members": 3, "dropout": 0.1},
}


class StopAfter:
    """A callback that ends a fit after some epochs."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        return context.parent is not None and context.task_id + 1 == self.n_epochs

    def teardown(self, estimator, context):
        pass


def copy_of(model):
    """Through a pickle where that is possible."""
    return model if callable(model.learning_rate) else pickle.loads(pickle.dumps(model))


def assert_same_fit(actual, expected):
    for name in ("coefs_", "intercepts_", "gains_", "shifts_", "running_statistics_"):
        parts = getattr(expected, name, [])
        for one, other in zip(getattr(actual, name, []), parts, strict=True):
            assert_array_equal(one, other, err_msg=name)
    for name in ("n_iter_", "t_", "loss_", "best_loss_", "best_validation_score_"):
        assert getattr(actual, name) == getattr(expected, name), name
    # Pickles hold no times.
    assert actual.history_.keys() - {"seconds"} == expected.history_.keys() - {
        "seconds"
    }
    for name, column in expected.history_.items():
        if name != "seconds":
            assert actual.history_[name] == column, name


@pytest.mark.parametrize("estimator", [sknn.MLPClassifier, sknn.MLPRegressor])
@pytest.mark.parametrize("case", CASES)
def test_parts_are_the_whole(case, estimator):
    y = LABELS if estimator is sknn.MLPClassifier else NUMBERS
    parameters = {"hidden_layer_sizes": (8, 5), "batch_size": 32, "random_state": 3}
    parameters |= {"max_iter": 20, **CASES[case]}
    whole = estimator(**parameters).fit(X, y)
    part = estimator(**parameters)
    if parameters.get("learning_rate") in BY_LENGTH:
        part.set_callbacks(StopAfter(7)).fit(X, y).set_callbacks()
    else:
        part.set_params(max_iter=7).fit(X, y)
    assert part.n_iter_ <= 7
    part = copy_of(part).set_params(max_iter=12)
    if parameters.get("learning_rate") not in BY_LENGTH:
        part = copy_of(part.resume_fit(X, y))
    part.set_params(max_iter=20).resume_fit(X, y)
    assert_same_fit(part, whole)
    assert_array_equal(part.predict(X), whole.predict(X))


def test_the_whole_may_be_sparse():
    parameters = {"input_dropout": 0.2, "random_state": 0, "batch_size": 32}
    S = csr_array(np.maximum(X, 0))
    whole = sknn.MLPRegressor(max_iter=12, **parameters).fit(S, NUMBERS)
    part = sknn.MLPRegressor(max_iter=5, **parameters).fit(S, NUMBERS)
    assert_same_fit(part.set_params(max_iter=12).resume_fit(S, NUMBERS), whole)


def test_a_given_validation_set_and_metrics():
    given = {"X_val": X[:40], "y_val": LABELS[:40]}
    parameters = {"metrics": ["accuracy"], "random_state": 0, "early_stopping": True}
    parameters["n_iter_no_change"] = 30
    model = sknn.MLPClassifier(max_iter=20, **parameters)
    whole = model.fit(X[40:], LABELS[40:], **given)
    part = sknn.MLPClassifier(max_iter=9, **parameters)
    part.fit(X[40:], LABELS[40:], **given).set_params(max_iter=20)
    assert_same_fit(copy_of(part).resume_fit(X[40:], LABELS[40:], **given), whole)


@pytest.mark.parametrize("case", ["plain", "early stopping"])
def test_interrupted_within_an_epoch(case, monkeypatch):
    """Ctrl-C at any call of the kernel: what is left goes on to the same end."""
    parameters = {"max_iter": 6, "batch_size": 16, "random_state": 0, "dropout": 0.1}
    if case == "early stopping":
        parameters |= {"early_stopping": True, "n_iter_no_change": 20}
    # Calls of two batches each, so that there are many to interrupt.
    monkeypatch.setattr("sknn.network.work._OPERATIONS_A_CALL", 1)
    whole = sknn.MLPRegressor(**parameters).fit(X, NUMBERS)
    prepare = Driver.prepare
    for n_calls in (1, 4, 13, 20):
        left = iter(range(n_calls))

        def prepare_interrupted(self, *arguments, left=left, **fixed):
            run = prepare(self, *arguments, **fixed)
            if self is not drivers.epochs:
                return run

            def interrupted(*changing):
                value = run(*changing)
                if next(left, None) is None:
                    raise KeyboardInterrupt
                return value

            return interrupted

        monkeypatch.setattr(Driver, "prepare", prepare_interrupted)
        model = sknn.MLPRegressor(**parameters)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(X, NUMBERS)
        assert np.isfinite(model.predict(X)).all()
        monkeypatch.setattr(Driver, "prepare", prepare)
        assert_same_fit(copy_of(model).resume_fit(X, NUMBERS), whole)


def with_rows_done(n_rows_done, dtype=np.float64, **parameters):
    """Return an MLPRegressor as an interrupt after so many rows would leave it."""
    given = {"max_iter": 2, "batch_size": 16, "random_state": 0, **parameters}
    model = sknn.MLPRegressor(**given).fit(X.astype(dtype), NUMBERS)
    model._resume_state = {**model._resume_state, "rows_done": n_rows_done}
    return model.set_params(max_iter=4)


@pytest.mark.parametrize("calls", [1, 10**9])
@pytest.mark.parametrize("n_done", [16, 48, 16 * ((len(X) - 1) // 16)])
def test_calls_of_another_length_after_an_interrupt(n_done, calls, monkeypatch):
    """All rows that are left are trained, wherever a call of the kernel begins."""
    model, ranges = with_rows_done(n_done), []
    monkeypatch.setattr("sknn.network.work._OPERATIONS_A_CALL", calls)
    prepare = Driver.prepare

    def prepare_recorded(self, *arguments, **fixed):
        run = prepare(self, *arguments, **fixed)

        def recorded(orders, n_epochs, start, stop, rate):
            ranges.append((start, stop))
            return run(orders, n_epochs, start, stop, rate)

        return recorded if self is drivers.epochs else run

    monkeypatch.setattr(Driver, "prepare", prepare_recorded)
    model.resume_fit(X, NUMBERS)
    first = [row for start, stop in ranges for row in range(start, stop)]
    assert first[: len(X) - n_done] == [*range(n_done, len(X))]
    assert model.n_iter_ == 4


NOT_BETWEEN_BATCHES = {
    "one row": (1, {}),
    "a row less": (len(X) - 1, {}),
    "another batch size": (48, {"batch_size": 40}),
    "one batch": (16, {"batch_size": len(X)}),
    "two epochs": (2 * len(X), {}),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", NOT_BETWEEN_BATCHES)
def test_an_interrupted_epoch_goes_on_only_between_batches(case, dtype):
    n_done, parameters = NOT_BETWEEN_BATCHES[case]
    model = with_rows_done(n_done, dtype).set_params(**parameters)
    before = [coef.copy() for coef in model.coefs_]
    size = parameters.get("batch_size", 16)
    message = rf"after {n_done} of {len(X)} rows.*\['rows_done'\].*of {size} rows.*Set"
    with pytest.raises(ValueError, match=message):
        model.resume_fit(X.astype(dtype), NUMBERS)
    assert_array_equal(model.coefs_[0], before[0])
    assert model.n_iter_ == 2
    model.set_params(warm_start=True).fit(X.astype(dtype), NUMBERS)  # a new epoch


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals")
def test_interrupted_by_a_real_signal(interrupted):
    parameters = {"max_iter": 3000, "n_iter_no_change": 3000, "random_state": 0}
    whole = sknn.MLPRegressor(**parameters).fit(X, NUMBERS)
    model = sknn.MLPRegressor(**parameters)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        interrupted(lambda: model.fit(X, NUMBERS), delay=0.02)
    assert model.n_iter_ < 3000
    assert_same_fit(copy_of(model).resume_fit(X, NUMBERS), whole)


def test_nothing_is_done_after_an_end():
    model = sknn.MLPRegressor(tol=10.0, n_iter_no_change=2, random_state=0)
    model.fit(X, NUMBERS)
    n_iter, weights = model.n_iter_, model.coefs_[0].copy()
    assert n_iter < 20
    model.resume_fit(X, NUMBERS)
    assert model.n_iter_ == n_iter
    assert_array_equal(model.coefs_[0], weights)


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (lambda m: m, "There is no fit to go on with.*is not fitted. Call fit first"),
        (lambda m: m.partial_fit(X, NUMBERS), "no fit to go on with.* was partial_fit"),
        (
            lambda m: (
                m.set_params(solver="lbfgs").fit(X, NUMBERS).set_params(solver="adam")
            ),
            "no fit to go on with: the fit before was by 'lbfgs'.*warm_start=True",
        ),
        (
            lambda m: m.set_params(solver="lbfgs").fit(X, NUMBERS),
            "lbfgs' keeps no state",
        ),
        (
            lambda m: m.fit(X, NUMBERS).set_params(solver="sgd"),
            "solver has changed.*'sgd'",
        ),
        (lambda m: m.fit(X[:99], NUMBERS[:99]), "it had 99 rows to train on, these"),
        (
            lambda m: m.fit(X, NUMBERS).set_params(hidden_layer_sizes=7),
            "Training can only go on with the layers it began with",
        ),
        (
            lambda m: m.fit(X, NUMBERS).set_params(normalization="layer"),
            "Training can only go on with the normalization it began with",
        ),
    ],
)
def test_refusals(train, message):
    model = train(sknn.MLPRegressor(max_iter=3, random_state=0))
    with pytest.raises(ValueError, match=message):
        model.resume_fit(X, NUMBERS)


@pytest.mark.parametrize("estimator", [sknn.MLPClassifier, sknn.MLPRegressor])
def test_lbfgs_leaves_nothing_to_go_on_from_before_it(estimator):
    """A warm start with L-BFGS lies between: nothing is to go on from before it."""
    y = LABELS if estimator is sknn.MLPClassifier else NUMBERS
    model = estimator(max_iter=3, random_state=0, warm_start=True, validate=True)
    model.fit(X, y).set_params(solver="lbfgs", validate=False).fit(X, y)
    assert len(model.history_["loss"]) == 3 + model.n_iter_
    model.set_params(solver="adam", max_iter=9)
    with pytest.raises(ValueError, match="There is no fit to go on with"):
        model.resume_fit(X, y)
    model.fit(X, y)
    assert model.loss_curve_ == model.history_["loss"]


def test_partial_fit_with_validation_goes_on_too():
    """Batches of a stream, with the loss of a given set after each of them."""
    parameters = {"random_state": 0, "early_stopping": True, "dropout": 0.2}
    given = {"X_val": X[:40], "y_val": NUMBERS[:40]}
    one, other = (sknn.MLPRegressor(**parameters) for _ in range(2))
    for k in range(12):
        one.partial_fit(X[40:], NUMBERS[40:], **given)
        other = copy_of(other).partial_fit(X[40:], NUMBERS[40:], **given)
        assert len(one.history_["val_loss"]) == k + 1
    assert_same_fit(other, one)
    assert one.best_validation_score_ == max(one.validation_scores_)
