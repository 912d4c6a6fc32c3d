"""With the same random_state, sknn follows scikit-learn's MLP to rounding."""

import inspect
import itertools

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn import neural_network
from sklearn.datasets import make_classification, make_regression
from sklearn.model_selection import train_test_split

import sknn
from sknn.training.options import ScheduleOptions, select
from sknn.training.schedules import ScheduleState, schedule_of

EPOCHS = 25
N = 120


def _tasks():
    X, y = make_classification(N, 8, n_informative=6, n_classes=3, random_state=0)
    X_reg, y_reg = make_regression(N, 6, n_targets=3, random_state=1)
    y_reg /= y_reg.std(axis=0)
    counts = np.random.RandomState(2).poisson(np.exp(0.3 * X_reg[:, 0]))
    return {
        "binary": ("MLPClassifier", X, np.where(y == 1, 7, 3), {}),
        "multiclass": ("MLPClassifier", X, y * 10, {}),
        "multilabel": ("MLPClassifier", X, np.c_[y == 0, y > 0, y == 2] * 1, {}),
        "regression": ("MLPRegressor", X_reg, y_reg[:, 0], {}),
        "several outputs": ("MLPRegressor", X_reg, y_reg, {}),
        "poisson": ("MLPRegressor", X_reg, counts, {"loss": "poisson"}),
        "poisson, several outputs": (
            "MLPRegressor",
            X_reg,
            np.c_[counts, counts[::-1]],
            {"loss": "poisson"},
        ),
    }


TASKS = _tasks()
WEIGHTS = np.random.RandomState(3).randint(1, 4, size=N) / 2


def fit_both(task, weights=None, **parameters):
    kind, X, y, own = TASKS[task]
    parameters = {"random_state": 0, "batch_size": 32, **own, **parameters}
    return [
        getattr(library, kind)(**parameters).fit(X, y, sample_weight=weights)
        for library in (neural_network, sknn)
    ]


def assert_same(theirs, ours, X, rtol):
    """Compare weights, history and predictions.

    Relative to the largest weight of a matrix: weights that pass through zero have
    no relative accuracy in either library.
    """
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert ours.n_layers_ == theirs.n_layers_
    assert ours.n_outputs_ == theirs.n_outputs_
    assert ours.out_activation_ == theirs.out_activation_
    pairs = zip(
        theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True
    )
    for expected, actual in pairs:
        scale = np.abs(expected).max()
        assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)
    assert_allclose(ours.loss_, theirs.loss_, rtol=rtol)
    if hasattr(theirs, "loss_curve_"):
        assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=rtol)
    if hasattr(theirs, "predict_proba"):
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        expected, actual = theirs.predict_proba(X), ours.predict_proba(X)
    else:
        expected, actual = theirs.predict(X), ours.predict(X)
    assert actual.shape == expected.shape
    assert_allclose(actual, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


SOLVERS = {
    "adam": {"solver": "adam", "max_iter": EPOCHS},
    "sgd": {"solver": "sgd", "max_iter": EPOCHS, "learning_rate_init": 0.01},
    "lbfgs": {"solver": "lbfgs", "max_iter": 15},
}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.default_cases(60)
def test_solver_activation_task_weights(task, solver, activation, weighted):
    theirs, ours = fit_both(
        task,
        WEIGHTS if weighted else None,
        activation=activation,
        hidden_layer_sizes=(12, 7),
        **SOLVERS[solver],
    )
    assert_same(theirs, ours, TASKS[task][1], 1e-6 if solver == "lbfgs" else 1e-9)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.default_cases(40)
def test_shuffle_and_early_stopping(
    task, solver, weighted, shuffle, early_stopping, monkeypatch
):
    if early_stopping and task in ("multiclass", "multilabel"):
        # Deliberate difference: sknn stratifies this validation set too.
        _stratify_in_scikit_learn(monkeypatch)
    theirs, ours = fit_both(
        task,
        WEIGHTS if weighted else None,
        shuffle=shuffle,
        early_stopping=early_stopping,
        validation_fraction=0.2,
        **SOLVERS[solver],
    )
    assert_same(theirs, ours, TASKS[task][1], 1e-9)
    if early_stopping:
        assert ours.best_loss_ is theirs.best_loss_ is None
        assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-9)
        assert_allclose(
            ours.best_validation_score_, theirs.best_validation_score_, rtol=1e-9
        )


def _stratify_in_scikit_learn(monkeypatch):
    module = inspect.getmodule(neural_network.MLPClassifier)

    def stratified(X, y, *others, stratify=None, **options):
        labels = stratify
        if y.shape[1] > 1:
            labels = np.unique(y, axis=0, return_inverse=True)[1].reshape(-1)
        if (y.sum(axis=1) == 1).all():
            labels = y.argmax(axis=1)
        return train_test_split(X, y, *others, stratify=labels, **options)

    monkeypatch.setattr(module, "train_test_split", stratified)


@pytest.mark.parametrize(
    "parameters",
    [
        {"learning_rate": "invscaling", "learning_rate_init": 0.3, "power_t": 0.3},
        {"learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 2},
        {"learning_rate": "adaptive", "tol": 0.1, "early_stopping": True},
        {"momentum": 0.0},
        {"momentum": 1.0, "learning_rate_init": 1e-4},
        {"nesterovs_momentum": False},
        {"nesterovs_momentum": False, "momentum": 0.5, "learning_rate": "invscaling"},
    ],
    ids=str,
)
def test_sgd_options(parameters):
    options = {"learning_rate_init": 0.05, "max_iter": 60, **parameters}
    theirs, ours = fit_both("binary", solver="sgd", **options)
    assert_same(theirs, ours, TASKS["binary"][1], 1e-9)


@pytest.mark.parametrize(
    "parameters",
    [
        {"beta_1": 0.0},
        {"beta_1": 0.5, "beta_2": 0.9},
        {"beta_2": 0.0, "epsilon": 0.1},  # else a step divides by noise
        {"epsilon": 1e-3},
        {"learning_rate_init": 0.1},
        {"alpha": 0.0},
        {"alpha": 3.0},
        {"batch_size": 1, "max_iter": 20},
        {"batch_size": 7},
        {"batch_size": N},
        {"batch_size": "auto"},
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": 5},
        {"hidden_layer_sizes": (1,)},
        {"hidden_layer_sizes": (9, 8, 7, 6, 5)},
        {"tol": 0.1, "n_iter_no_change": 3},
        {"tol": 10.0, "n_iter_no_change": 1},
        {"n_iter_no_change": np.inf},
    ],
    ids=str,
)
@pytest.mark.parametrize("task", ["multiclass", "several outputs"])
def test_adam_and_shared_options(task, parameters):
    theirs, ours = fit_both(task, **{"max_iter": EPOCHS, **parameters})
    assert_same(theirs, ours, TASKS[task][1], 1e-9)


@pytest.mark.parametrize("parameters", [{"max_fun": 6}, {"tol": 1e-2}, {"alpha": 1.0}])
def test_lbfgs_options(parameters):
    theirs, ours = fit_both("regression", solver="lbfgs", max_iter=40, **parameters)
    assert_same(theirs, ours, TASKS["regression"][1], 1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("container", ["csr_array", "csr_matrix", "csc_array"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_sparse(solver, container, early_stopping):
    X = np.maximum(TASKS["binary"][1], 0)
    X[5] = 0
    y = TASKS["binary"][2]
    S = getattr(scipy.sparse, container)(X)
    options = {**SOLVERS[solver], "batch_size": 32, "random_state": 0}
    theirs, ours = (
        library.MLPClassifier(early_stopping=early_stopping, **options).fit(S, y)
        for library in (neural_network, sknn)
    )
    assert_same(theirs, ours, S, 1e-6 if solver == "lbfgs" else 1e-9)
    assert_allclose(ours.predict_proba(S), ours.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_partial_fit(task, solver):
    kind, X, y, own = TASKS[task]
    models = []
    for library in (neural_network, sknn):
        model = getattr(library, kind)(solver=solver, random_state=0, **own)
        classes = {"classes": np.unique(y)} if kind == "MLPClassifier" else {}
        for k in range(20):
            rows = slice(30 * (k % 4), 30 * (k % 4) + 30)
            model.partial_fit(X[rows], y[rows], WEIGHTS[rows], **classes)
        models.append(model)
    assert_same(*models, X, 1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start(solver):
    kind, X, y, _ = TASKS["multiclass"]
    models = []
    for library in (neural_network, sknn):
        model = getattr(library, kind)(
            random_state=0, warm_start=True, batch_size=40, **SOLVERS[solver]
        )
        models.append(model.fit(X, y).fit(X, y).set_params(max_iter=5).fit(X, y))
    assert_same(*models, X, 1e-6 if solver == "lbfgs" else 1e-9)


def test_partial_fit_goes_on_after_fit():
    kind, X, y, _ = TASKS["regression"]
    models = [
        getattr(library, kind)(random_state=0, max_iter=10)
        .fit(X, y)
        .partial_fit(X[:50], y[:50])
        for library in (neural_network, sknn)
    ]
    assert_same(*models, X, 1e-9)


@pytest.mark.parametrize("n", [0, 1, 123456])
def test_random_state_instance_is_consumed_alike(n):
    states = []
    for library in (neural_network, sknn):
        state = np.random.RandomState(n)
        _, X, y, _ = TASKS["binary"]
        library.MLPClassifier(max_iter=3, early_stopping=True, random_state=state).fit(
            X, y
        )
        states.append(state.randint(2**31, size=5))
    np.testing.assert_array_equal(*states)


@pytest.mark.slow
def test_float32_follows_within_its_precision():
    for task, solver in itertools.product(TASKS, ["adam", "sgd"]):
        kind, X, y, own = TASKS[task]
        X = X.astype(np.float32)
        theirs, ours = (
            getattr(library, kind)(
                random_state=0, max_iter=20, solver=solver, **own
            ).fit(X, y)
            for library in (neural_network, sknn)
        )
        assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=2e-4)
        for expected, actual in zip(theirs.coefs_, ours.coefs_, strict=True):
            assert actual.dtype == np.float32
            assert_allclose(actual, expected, atol=2e-3)


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
def test_learning_rate_over_warm_starts(learning_rate):
    """What two of scikit-learn's own tests read from its private optimizer."""
    kind, X, y, _ = TASKS["binary"]
    theirs, ours = (
        getattr(library, kind)(
            solver="sgd",
            learning_rate=learning_rate,
            power_t=0.25,
            max_iter=30,
            tol=0.05,
            n_iter_no_change=1,
            warm_start=True,
            random_state=0,
        )
        .fit(X, y)
        .fit(X, y)
        for library in (neural_network, sknn)
    )
    expected = theirs._optimizer.learning_rate
    state, options = ours._optimizer_state, select(ScheduleOptions, ours.get_params())
    now = ScheduleState(state["n_epochs"], 30, ours.t_, state["learning_rate"])
    rate = schedule_of(options).rate(now, options)
    assert_allclose(rate, expected, rtol=1e-12)
    if learning_rate == "invscaling":
        assert_allclose(expected, 0.001 / (ours.t_ + 1) ** 0.25)
    if learning_rate == "adaptive":
        assert expected < 0.001
