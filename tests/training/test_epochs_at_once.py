"""Several epochs in one call of the kernel: nobody can tell, but for the time.

The oracles are scikit-learn, and epochs of which each is looked at, which are run one
by one.
"""

import re
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import neural_network
from threadpoolctl import threadpool_limits

import sknn
from sknn.jit.kernel import Driver
from sknn.kernels.drivers import training as drivers
from sknn.network import threads

rng = np.random.RandomState(0)
X = rng.normal(size=(50, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = np.digitize(NUMBERS, [-1, 1])

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def calls(monkeypatch):
    """Return a list, to which each call adds the number of epochs it was to run."""
    found, prepare = [], Driver.prepare

    def prepare_watched(self, *arguments, **fixed):
        run = prepare(self, *arguments, **fixed)
        if self is not drivers.epochs:
            return run

        def watched(orders, n_epochs, *others):
            found.append(n_epochs)
            return run(orders, n_epochs, *others)

        return watched

    monkeypatch.setattr(Driver, "prepare", prepare_watched)
    return found


def bits_of(model):
    history = {name: model.history_[name] for name in ("loss", "learning_rate")}
    optimizer = model._optimizer_state | {"slots": None}
    return [
        *(part.tobytes() for part in model.coefs_ + model.intercepts_),
        model._optimizer_state["slots"].tobytes(),
        (model.n_iter_, model.t_, model.loss_, model.best_loss_, history, optimizer),
        model._no_improvement_count,
    ]


WAYS = {
    "all epochs": {"tol": None},
    "until max_iter": {"tol": 0.0},
    "until the loss improves no more": {"tol": 0.05, "n_iter_no_change": 3},
    "a patience without an end": {"n_iter_no_change": np.inf},
    "rates that fall on plateaus": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "tol": 0.02,
        "n_iter_no_change": 2,
    },
    "rows as they are": {"shuffle": False, "solver": "sgd"},
    "dropout": {"dropout": 0.3, "batch_size": 8},
    "a small last batch": {"batch_size": 16, "normalization": "batch"},
    "limits": {"max_norm": 0.5, "l1_ratio": 0.5, "alpha": 0.1},
}


@pytest.mark.parametrize("way", WAYS)
def test_as_epochs_that_are_looked_at(way, calls, capsys):
    parameters = {"hidden_layer_sizes": (7,), "learning_rate_init": 0.01}
    parameters |= {"random_state": 0, "max_iter": 90} | WAYS[way]
    model = sknn.MLPRegressor(**parameters).fit(X, NUMBERS)
    assert max(calls) > 1
    assert sum(calls) == model.n_iter_
    calls.clear()
    watched = sknn.MLPRegressor(**parameters, verbose=True).fit(X, NUMBERS)
    assert calls == [1] * watched.n_iter_
    assert bits_of(model) == bits_of(watched)
    assert len(re.findall("Iteration", capsys.readouterr().out)) == model.n_iter_


@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": True},
        {"validate": True},
        {"metrics": ["r2"]},
        {"learning_rate": "cosine"},
        {"learning_rate": lambda epoch: 0.01},
        {"warmup_epochs": 50},
        {"n_iter_no_change": 1, "tol": 10.0},
    ],
    ids=" ".join,  # of the names of the options
)
def test_where_each_epoch_counts(options, calls):
    sknn.MLPRegressor(hidden_layer_sizes=5, max_iter=4, random_state=0, **options).fit(
        X, NUMBERS
    )
    assert set(calls) <= {1, 2 if "tol" in options else 1}


def test_a_call_takes_a_bounded_time(calls):
    """Ctrl-C waits for its end: 10**9 multiplications are a fifth of a second."""
    for units, n_rows in ((1, 1), (10, 50), (300, 50), (2000, 50), (3000, 5)):
        calls.clear()
        model = sknn.MLPRegressor(
            hidden_layer_sizes=(units, units), max_iter=99, tol=None
        )
        model.set_params(solver="sgd", learning_rate_init=1e-9)
        if units > 1000:
            model.set_params(max_iter=3)
        with threadpool_limits(limits=1):  # each member of a team would call
            model.fit(X[:n_rows], NUMBERS[:n_rows])
        assert sum(calls) == model.max_iter
        of_epoch = 3 * n_rows * sum(weights.size for weights in model.coefs_)
        assert max(calls) * of_epoch <= max(1e9, of_epoch)
        assert max(calls) <= drivers.MOST_EPOCHS


def test_the_time_is_shared_by_the_epochs():
    began = time.perf_counter()
    model = sknn.MLPRegressor(hidden_layer_sizes=5, max_iter=300, tol=None).fit(
        X, NUMBERS
    )
    seconds = model.history_["seconds"]
    assert min(seconds) > 0
    assert sum(seconds) < time.perf_counter() - began
    assert len(set(seconds)) < 300


# The generator ---------------------------------------------------------------------


def by_fit(library, random_state):
    model = library.MLPClassifier(8, max_iter=70, random_state=random_state)
    return model.set_params(learning_rate_init=0.02).fit(X, LABELS)


def by_fit_that_stops(library, random_state):
    model = library.MLPClassifier(8, max_iter=900, tol=0.01, random_state=random_state)
    return model.set_params(n_iter_no_change=7).fit(X, LABELS)


def by_partial_fit(library, random_state):
    model = library.MLPRegressor(hidden_layer_sizes=8, random_state=random_state)
    for _ in range(3):
        model.partial_fit(X, NUMBERS)
    return model


def by_warm_start(library, random_state):
    model = library.MLPRegressor(
        hidden_layer_sizes=8, max_iter=12, random_state=random_state
    )
    model.set_params(warm_start=True)
    return model.fit(X, NUMBERS).fit(X, NUMBERS)


@pytest.mark.parametrize(
    "train", [by_fit, by_fit_that_stops, by_partial_fit, by_warm_start]
)
def test_the_generator_is_where_sklearn_leaves_it(train):
    own, theirs = (np.random.RandomState(3) for _ in range(2))
    ours, expected = train(sknn, own), train(neural_network, theirs)
    assert ours.n_iter_ == expected.n_iter_
    assert len(ours.loss_curve_) == len(expected.loss_curve_)
    assert_array_equal(own.randint(2**31, size=9), theirs.randint(2**31, size=9))


@pytest.mark.parametrize("n_calls", [1, 2, 3])
def test_an_interrupt_lets_a_call_end(n_calls, monkeypatch):
    """All of its epochs are counted, and what follows is as after so many epochs."""
    prepare, left = Driver.prepare, iter(range(n_calls - 1))

    def prepare_interrupted(self, *arguments, **fixed):
        run = prepare(self, *arguments, **fixed)

        def interrupted(*changing):
            value = run(*changing)
            if next(left, None) is None:
                raise KeyboardInterrupt
            return value

        return interrupted if self is drivers.epochs else run

    parameters = {"hidden_layer_sizes": (7,), "n_iter_no_change": 3}
    generators = [np.random.RandomState(1) for _ in range(2)]
    model, whole = (
        sknn.MLPRegressor(**parameters, random_state=each, max_iter=999)
        for each in generators
    )
    with monkeypatch.context() as patch:
        patch.setattr(Driver, "prepare", prepare_interrupted)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(X, NUMBERS)
    assert model.n_iter_ == len(model.loss_curve_) == 4 * n_calls
    whole.set_params(max_iter=model.n_iter_).fit(X, NUMBERS)
    assert bits_of(model) == bits_of(whole)
    for each in (model, whole):
        each.partial_fit(X, NUMBERS)
    assert bits_of(model) == bits_of(whole)
    assert_array_equal(*(each.randint(2**31, size=9) for each in generators))


# Divergence ------------------------------------------------------------------------

# The error grows a little with each step, until numbers are too large.
GROWING = {"solver": "sgd", "hidden_layer_sizes": (), "alpha": 0.0, "momentum": 0.0}
GROWING |= {"learning_rate_init": 3.0, "max_iter": 10**4, "tol": None}


def message_of(model, X, y):
    with pytest.raises(ValueError, match="Training diverged in epoch") as error:
        model.fit(X, y)
    return str(error.value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"normalization": None, "l1_ratio": 0.5}])
def test_a_call_ends_with_the_epoch_that_diverges(dtype, options, calls):
    data = X.astype(dtype)
    parameters = {"random_state": 0, **GROWING, **options}
    message = message_of(sknn.MLPRegressor(**parameters), data, NUMBERS)
    assert max(calls) > 1
    epoch = int(re.search(r"epoch (\d+)", message)[1])
    assert epoch > 20
    watched = sknn.MLPRegressor(**parameters, verbose=True)
    assert message_of(watched, data, NUMBERS) == message
    # All was well before that epoch.
    parameters["max_iter"] = epoch - 1
    assert np.isfinite(sknn.MLPRegressor(**parameters).fit(data, NUMBERS).loss_)


def test_best_weights_of_earlier_training_are_restored(calls):
    """The optimizer begins anew, and the generator has drawn what was trained on."""
    generator = np.random.RandomState(0)
    model = sknn.MLPRegressor(hidden_layer_sizes=(), random_state=generator, max_iter=2)
    model.set_params(early_stopping=True).fit(X, NUMBERS)
    weights = model.coefs_[0].copy()
    state = generator.get_state(legacy=False)
    model.set_params(early_stopping=False, warm_start=True, **GROWING)
    with pytest.warns(UserWarning, match="The best weights were restored"):
        model.fit(X, NUMBERS)
    assert_array_equal(model.coefs_[0], weights)
    expected = np.random.RandomState()
    expected.set_state(state)
    for _ in range(model.n_iter_):
        expected.shuffle(np.arange(len(X)))
    assert_array_equal(
        generator.randint(2**31, size=9), expected.randint(2**31, size=9)
    )


# Teams -----------------------------------------------------------------------------

WIDE = np.random.RandomState(1).normal(size=(64, 64)).astype(np.float32)


@pytest.fixture
def two_cores(monkeypatch):
    """Have teams of two, wherever the tests run."""
    monkeypatch.setattr(threads, "openmp_effective_n_threads", lambda: 2)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(2), raising=False)
    monkeypatch.setattr(
        threads.ThreadCountTuner, "choose", lambda self, n_threads: n_threads
    )


@pytest.mark.skipif(threads.INTERPRETED, reason="nothing is shared")
@pytest.mark.usefixtures("two_cores")
def test_teams_run_several_epochs(calls):
    parameters = {"hidden_layer_sizes": (1024,), "random_state": 0, "max_iter": 7}
    model = sknn.MLPRegressor(**parameters, l1_ratio=0.5).fit(WIDE, WIDE[:, 0])
    # Each member calls.
    assert max(calls) > 1
    assert sum(calls) == 2 * model.n_iter_
    with threadpool_limits(limits=1), pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "openmp_effective_n_threads", lambda: 1)
        one = sknn.MLPRegressor(**parameters, l1_ratio=0.5).fit(WIDE, WIDE[:, 0])
    assert bits_of(model) == bits_of(one)


@pytest.mark.skipif(threads.INTERPRETED, reason="nothing is shared")
@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"solver": "sgd", "learning_rate_init": 1.0}, "Training diverged in epoch"),
        # Thread 0 alone adds the penalty; weights and optimizer state stay finite.
        ({"solver": "lion", "alpha": 1e308, "l1_ratio": 1.0}, "The loss became inf"),
    ],
)
def test_a_team_ends_together(options, words, calls):
    options = {"hidden_layer_sizes": 1024, "random_state": 0, "tol": None, **options}
    data, y = WIDE.astype(float), WIDE[:, 0]
    message = message_of(sknn.MLPRegressor(**options), data, y)
    assert words in message
    assert max(calls) > 1
    assert len(calls) % 2 == 0
    assert message == message_of(sknn.MLPRegressor(**options, verbose=True), data, y)
