"""Ctrl-C at any moment: no model is lost or spoilt."""

import copy
import signal
import subprocess
import sys
import textwrap
import threading
import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal
from signals import InterruptAt

from sknn import MLPClassifier, MLPRegressor
from sknn.jit.declarations import INTERPRETED
from sknn.jit.kernel import COMPILED, Array, Kernel

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = np.digitize(NUMBERS, [-1, 1])

# Far more than a kernel may take between two chances to interrupt, and far less than
# what is interrupted would take: a guard against hanging, not a measurement.
PATIENCE = 20

needs_signals = pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="Windows has no pthread_kill"
)


def snapshot(model):
    return dict(vars(model)), repr(vars(model))


def is_unchanged(model, before):
    attributes, text = before
    return (
        vars(model).keys() == attributes.keys()
        and all(vars(model)[name] is value for name, value in attributes.items())
        and repr(vars(model)) == text
    )


# A real signal -----------------------------------------------------------------------

MANY = np.random.RandomState(1).normal(size=(100_000, 20))
FLOAT32 = MANY.astype(np.float32)
# 100 of 10,000 columns in each row, one of each hundred; scipy's random takes seconds.
COLUMNS = 100 * np.arange(100) + rng.randint(100, size=(20_000, 100))
TEXT = scipy.sparse.csr_array(
    (FLOAT32.ravel(), COLUMNS.ravel(), 100 * np.arange(20_001)), shape=(20_000, 10_000)
)
FULL = scipy.sparse.csr_array(FLOAT32)
LONG = {
    "batches of one row": (FLOAT32, (200,), {"batch_size": 1}),
    "small batches": (MANY, (300,), {"batch_size": 8, "activation": "tanh"}),
    "wide": (FLOAT32, (1000, 1000), {}),
    "deep": (FLOAT32, (3,) * 60, {"batch_size": 2}),
    "all that a layer may have": (
        MANY,
        (500, 200),
        {"normalization": "batch", "dropout": 0.3, "max_norm": 1.0, "clipvalue": 1.0},
    ),
    "text": (TEXT, (300,), {"batch_size": 10}),
    "text, batches of one row": (TEXT, (100,), {"batch_size": 1}),
    "CSR that is full": (FULL, (1000, 500), {}),
    "a large validation set": (
        FLOAT32,
        (1000, 1000),
        {"early_stopping": True, "validation_fraction": 0.99},
    ),
    "lbfgs": (FLOAT32, (600, 600), {"solver": "lbfgs", "tol": 0.0}),
    "lbfgs on CSR": (TEXT, (500, 500), {"solver": "lbfgs", "tol": 0.0}),
}


@needs_signals
@pytest.mark.parametrize("case", LONG)
def test_a_long_fit_can_be_interrupted(case, interrupted):
    """Each epoch or iteration takes much longer than until the signal."""
    data, widths, options = LONG[case]
    y = np.asarray(data.sum(axis=1)).ravel()
    parameters = {"max_iter": 10**6, "max_fun": 10**9, "random_state": 0, **options}
    model = MLPRegressor("squared_error", widths, **parameters)
    MLPRegressor("squared_error", 2, **parameters | {"max_iter": 1}).fit(
        data[:1000], y[:1000]
    )  # compiles all kernels, that of shuffling too
    with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
        assert interrupted(lambda: model.fit(data, y)) < PATIENCE
    assert np.isfinite(model.predict(data[:100])).all()
    assert model.n_iter_ == len(model.history_.get("loss", ()))


@needs_signals
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("method", ["predict", "hidden_activations"])
def test_a_long_prediction_can_be_interrupted(sparse, method, interrupted):
    model = MLPRegressor("squared_error", (3000, 3000), max_iter=1, batch_size=5)
    model.fit(FLOAT32[:5], FLOAT32[:5, 0])
    before = snapshot(model)
    data = FULL if sparse else FLOAT32
    with pytest.raises(KeyboardInterrupt):
        interrupted(lambda: getattr(model, method)(data))
    assert is_unchanged(model, before)
    assert np.isfinite(model.predict(FLOAT32[:9])).all()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def a_new_leaf():
    def twice(values):
        values[0] *= 2
        return 0.0

    return Kernel(twice, (Array(),), "twice", cached=False)


@pytest.fixture
def _nothing_is_kept():
    n_before = len(COMPILED)
    yield
    del COMPILED[n_before:]


@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
@pytest.mark.usefixtures("_nothing_is_kept")
@pytest.mark.parametrize("when", ["create_library", "emit_object"])
def test_an_interrupt_waits_for_the_compiler(when, monkeypatch):
    """In the midst of it Numba may lose it, or be left unable to compile anything."""
    from sknn.jit import compiler, numba_internals

    if when == "create_library" and compiler._uses_documented():
        pytest.skip("the documented way does not call it")

    leaf, real, dtype = a_new_leaf(), numba_internals._codegen(), np.dtype(float)
    owner = real if when == "create_library" else real._tm
    method = getattr(type(owner), when)

    def interrupted(self, *arguments):
        signal.raise_signal(signal.SIGINT)
        return method(self, *arguments)

    monkeypatch.setattr(type(owner), when, interrupted)
    with pytest.raises(KeyboardInterrupt):
        leaf.address(dtype)
    assert dtype in leaf.specializations
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.undo()
    assert a_new_leaf().address(dtype)


@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
@pytest.mark.usefixtures("_nothing_is_kept")
def test_other_threads_compile_while_the_main_thread_is_interrupted():
    leaf, dtype = a_new_leaf(), np.dtype(float)
    thread = threading.Thread(target=leaf.address, args=(dtype,))
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    thread.join()
    assert dtype in leaf.specializations


def test_another_process_is_interrupted():
    """As by the key: a signal from outside, and the process goes on with its model."""
    script = """
        import warnings, numpy as np, sknn
        warnings.simplefilter("always")
        X = np.random.RandomState(0).normal(size=(20_000, 30))
        model = sknn.MLPClassifier((200, 200), random_state=0, verbose=True)
        model.set_params(max_iter=10**6, n_iter_no_change=10**6, tol=0.0)
        model.fit(X, X[:, 0] > 0)
        print(model.n_iter_, model.score(X, X[:, 0] > 0))
    """
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline().startswith("Iteration 1, loss")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "UserWarning: Training interrupted by user." in err
    n_epochs, score = out.splitlines()[-1].split()
    assert int(n_epochs) < 1000
    assert float(score) > 0.9


# At every line -----------------------------------------------------------------------


def same_fit(one, other):
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            assert_array_equal(a, b)
    for name in ("n_iter_", "t_", "loss_", "best_loss_", "best_validation_score_"):
        assert getattr(one, name, None) == getattr(other, name, None), name
    for name, column in other.history_.items():
        if name != "seconds":
            assert one.history_[name] == column, name


# Each line, or by default each of some.
each_step = pytest.mark.parametrize(
    "step", [13, pytest.param(1, marks=pytest.mark.slow)]
)

COURSES = {
    "an epoch a call": {"verbose": True},
    "three epochs a call": {"n_iter_no_change": 2, "max_iter": 11},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
    "a rate that falls": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "tol": 1.0,
        "n_iter_no_change": 1,
        "max_iter": 6,
    },
    "an end before max_iter": {"tol": 10.0, "n_iter_no_change": 1, "max_iter": 9},
    "metrics": {"metrics": ["r2"], "dropout": 0.2},
}


@each_step
@pytest.mark.parametrize(
    ("files", "fewest"),
    [("stochastic.py", 15), ("epoch_runner.py", 4), ("progress.py", 15)],
)
@pytest.mark.parametrize("course", COURSES)
def test_an_interrupt_at_any_line_of_training_costs_nothing(
    course, files, fewest, step
):
    """Where the fit was left, ``resume_fit`` goes on to the very same bits."""
    parameters = {"max_iter": 4, "random_state": 0, "batch_size": 25}
    parameters |= {"hidden_layer_sizes": (3,), **COURSES[course]}
    whole = MLPRegressor(**parameters).fit(X, NUMBERS)
    n_kept, n = 0, 0
    while True:
        n += max(1, step // 4)
        model, watch = MLPRegressor(**parameters), InterruptAt(n, files)
        before = snapshot(model)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                with watch:
                    model.fit(X, NUMBERS)
            except KeyboardInterrupt:  # before the first epoch, or after the last
                if not is_unchanged(model, before):  # it was trained to the end
                    same_fit(model, whole)
                continue
        if watch.count < n:
            break
        said = [str(warning.message) for warning in caught]
        assert any("Training interrupted by user." in text for text in said)
        assert np.isfinite(model.predict(X)).all()
        model.set_params(verbose=False)  # several epochs in a call, then
        same_fit(model.resume_fit(X, NUMBERS), whole)
        n_kept += 1
    assert n_kept > fewest


@each_step
@pytest.mark.parametrize(
    ("method", "solver"),
    [
        ("fit", "adam"),
        ("partial_fit", "adam"),
        ("resume_fit", "adam"),
        ("warm start", "adam"),
        ("fit", "lbfgs"),
        ("warm start", "lbfgs"),
    ],
)
@pytest.mark.default_cases(2)
def test_an_interrupt_at_any_line_leaves_a_model(method, solver, step):
    """Anywhere in sknn: the model is as before, or trained and usable."""
    parameters = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}
    n, outcomes = 0, {"as before": 0, "trained": 0}
    while True:
        n += step
        model = MLPClassifier(solver="adam", **parameters).fit(X, LABELS)
        model.set_params(solver=solver, max_iter=3, warm_start=method == "warm start")
        before, watch = snapshot(model), InterruptAt(n)
        name = "fit" if method == "warm start" else method
        call, whole = getattr(model, name), copy.deepcopy(model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with watch:
                    call(X, LABELS)
                outcomes["trained"] += 1
                assert model.n_iter_ <= 3
            except KeyboardInterrupt:
                outcomes["as before"] += 1
                if not is_unchanged(model, before):  # it was trained to the end
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        same_fit(model, getattr(whole, name)(X, LABELS))
        assert np.isfinite(model.predict_proba(X)).all()
        if watch.count < n:
            break
    assert min(outcomes.values()) > 5, outcomes


def test_an_interrupt_during_prediction_leaves_the_model():
    model = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, LABELS)
    before, expected, n = snapshot(model), model.predict(X), 0
    while True:
        n += 1
        watch = InterruptAt(n)
        try:
            with watch:
                model.predict(X)
        except KeyboardInterrupt:
            assert is_unchanged(model, before)
            assert_array_equal(model.predict(X), expected)
        if watch.count < n:
            break
    assert n > 20


# In what users pass ------------------------------------------------------------------


class Interrupts:
    """A callback that raises KeyboardInterrupt at the end of an epoch."""

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.parent is not None and context.task_id == 2:
            raise KeyboardInterrupt

    def teardown(self, estimator, context):
        pass


@pytest.mark.parametrize("where", ["callback", "metric", "scoring", "schedule"])
def test_an_interrupt_in_what_users_pass(where):
    calls, active = [], []

    def function(*arguments):
        calls.append(arguments)
        if active and len(calls) == 3:
            raise KeyboardInterrupt
        return 0.01

    options = {
        "callback": {},
        "metric": {"metrics": [function]},
        "scoring": {"early_stopping": True, "scoring": function},
        "schedule": {"learning_rate": function},
    }[where]
    parameters = {"hidden_layer_sizes": (3,), "max_iter": 6, "random_state": 0}
    model, whole = (MLPRegressor(**parameters, **options) for _ in range(2))
    whole.fit(X, NUMBERS)
    calls.clear()
    active.append(True)
    if where == "callback":
        model.set_callbacks(Interrupts())
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, NUMBERS)
    assert model.n_iter_ in (2, 3)
    active.clear()
    if where == "callback":
        model.set_callbacks()
    same_fit(model.resume_fit(X, NUMBERS), whole)
