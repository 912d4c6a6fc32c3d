"""Schedules of dropout, weight decay and label smoothing, and of rates by step."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from sknn import MLPClassifier, MLPRegressor
from sknn.kernels import table
from sknn.kernels.math.counter_rng import RANGE
from sknn.network import work
from sknn.network.layout import Architecture, mlp_layers
from sknn.network.network import Network
from sknn.training.annealing import ANNEALINGS, AnnealedArrays, AnnealingOptions

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 4))
SCORE = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = np.digitize(SCORE, [-1.0, 1.0])
OPTIONS = {"hidden_layer_sizes": (9,), "random_state": 0, "max_iter": 8, "tol": None}
CLOSED_FORMS = {
    "flat_cos": lambda t: 1 if t <= 0.5 else (1 + np.cos(np.pi * (2 * t - 1))) / 2,
    "cosine": lambda t: (1 + np.cos(np.pi * t)) / 2,
}
schedules = pytest.mark.parametrize("name", CLOSED_FORMS)


def arrays_of(model):
    return [*model.coefs_, *model.intercepts_]


def assert_same(model, other):
    for one, another in zip(arrays_of(model), arrays_of(other), strict=True):
        assert_array_equal(one, another)


def test_every_schedule_has_a_closed_form():
    assert set(CLOSED_FORMS) == set(ANNEALINGS)


@schedules
def test_closed_form(name):
    for t in np.linspace(0, 1, 21):
        found = ANNEALINGS[name].factor(t)
        assert_allclose(found, CLOSED_FORMS[name](t), rtol=1e-12, atol=1e-15)


@schedules
def test_weight_decay(name):
    """Where nothing else moves the weights: (1 - rate decay factor) in each step."""
    options = {"solver": "sgd", "momentum": 0.0, "clipvalue": 1e-300}
    options |= {"learning_rate_init": 0.1, "weight_decay": 0.5, "batch_size": 20}
    model = MLPRegressor(**OPTIONS, **options, weight_decay_schedule=name)
    begin = MLPRegressor(**OPTIONS).initialize(X, SCORE)
    left = 1.0
    for epoch in range(8):
        left *= (1 - 0.1 * 0.5 * CLOSED_FORMS[name](epoch / 8)) ** 2
    for one, other in zip(model.fit(X, SCORE).coefs_, begin.coefs_, strict=True):
        assert_allclose(one, other * left, rtol=1e-12)


@schedules
def test_the_share_that_is_dropped(name):
    layers = mlp_layers((20, 5), 1, ("relu", "relu"), (0.1, 0.4, 0.0))
    network = Network(Architecture(4, layers, "identity"), np.dtype(np.float64))
    for is_sparse in (False, True):
        full = network.operations(is_sparse, training=True).table
        before = full.copy()
        options = AnnealingOptions(8, name, None)
        arrays = AnnealedArrays(options, full, np.zeros(6), np.zeros(0), False)
        for epoch in range(10):
            arrays.set_epoch(epoch)
            thresholds = arrays.operations[:, table.THRESHOLD]
            dropped = 1 - thresholds[thresholds != 0] / RANGE
            factor = CLOSED_FORMS[name](min(epoch / 8, 1))
            assert_allclose(dropped, np.array([0.1, 0.4]) * factor, atol=1e-9)
        assert_array_equal(full, before)  # other fits use it


@pytest.mark.parametrize("convert", [np.asarray, scipy.sparse.csr_array])
def test_nothing_is_dropped_at_the_end(convert):
    """After its end, training goes on as without dropout."""
    data = convert(X)
    drops = {"dropout": 0.4, "input_dropout": 0.2}
    model = MLPRegressor(**OPTIONS, **drops, dropout_schedule="cosine")
    model.fit(data, SCORE)
    plain, other = (pickle.loads(pickle.dumps(model)) for _ in range(2))
    plain.set_params(dropout_schedule=None, dropout=0.0, input_dropout=0.0)
    other.set_params(dropout_schedule=None)
    for each in (model, plain, other):
        each.partial_fit(data, SCORE)
    for one, another in zip(arrays_of(model), arrays_of(plain), strict=True):
        assert_allclose(one, another, rtol=1e-12)
    assert (other.coefs_[0] != model.coefs_[0]).any()


def test_the_first_half_of_flat_cos_is_dropout_as_it_is():
    options = {**OPTIONS, "dropout": 0.3, "weight_decay": 0.2}
    annealed = {"dropout_schedule": "flat_cos", "weight_decay_schedule": "flat_cos"}
    model, other = MLPRegressor(**options, **annealed), MLPRegressor(**options)
    for _ in range(5):  # epochs 0 to 4 of 8
        assert_same(model.partial_fit(X, SCORE), other.partial_fit(X, SCORE))
    model.partial_fit(X, SCORE)
    other.partial_fit(X, SCORE)
    assert (other.coefs_[0] != model.coefs_[0]).any()


@pytest.mark.parametrize("y", [LABELS, LABELS > 0, np.c_[LABELS > 0, LABELS > 1]])
def test_label_smoothing(y):
    """One epoch of each call has the smoothing of its schedule."""
    y = y.astype(int)
    smooth = {"label_smoothing": 0.4, "label_smoothing_schedule": "cosine"}
    model = MLPClassifier(**OPTIONS, **smooth)
    other = MLPClassifier(**OPTIONS, label_smoothing=0.4)
    for epoch in range(8):
        other.set_params(label_smoothing=0.4 * CLOSED_FORMS["cosine"](epoch / 8))
        if epoch == 0:
            classes = {"classes": [0, 1]} if y.ndim == 2 else {"classes": np.unique(y)}
        model.partial_fit(X, y, **classes)
        other.partial_fit(X, y, **classes)
        for one, another in zip(arrays_of(model), arrays_of(other), strict=True):
            assert_allclose(one, another, rtol=1e-12)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_training_goes_on_as_without_a_break(early_stopping):
    annealed = {
        "dropout": 0.3,
        "weight_decay": 0.3,
        "label_smoothing": 0.2,
        **{
            f"{what}_schedule": "flat_cos"
            for what in ("dropout", "weight_decay", "label_smoothing")
        },
    }
    options = {**OPTIONS, **annealed, "early_stopping": early_stopping}
    whole = MLPClassifier(**options).fit(X, LABELS)
    part = MLPClassifier(**options)

    class Stop:
        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            return context.parent is not None and context.task_id == 5

        def teardown(self, estimator, context):
            pass

    part.set_callbacks(Stop()).fit(X, LABELS).set_callbacks()
    assert part.n_iter_ == 6
    assert_same(pickle.loads(pickle.dumps(part)).resume_fit(X, LABELS), whole)


def test_an_unknown_schedule():
    with pytest.raises(ValueError, match="'dropout_schedule' parameter of"):
        MLPRegressor(dropout_schedule="flat").fit(X, SCORE)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("dropout", {"dropout": [0.0], "hidden_layer_sizes": 3}),
        ("weight_decay", {"solver": "adamw", "weight_decay": 0}),
        ("label_smoothing", {"label_smoothing": 0.0}),
        ("label_smoothing", {"label_smoothing": 0.0, "loss": "focal"}),
    ],
)
def test_a_schedule_of_nothing(name, parameters):
    options = {**OPTIONS, **parameters, f"{name}_schedule": "cosine"}
    with pytest.warns(UserWarning, match=f"{name}_schedule='cosine' has no effect"):
        MLPClassifier(**options).fit(X, LABELS)


def test_the_decay_of_adamw_is_annealed():
    options = {**OPTIONS, "solver": "adamw", "weight_decay_schedule": "cosine"}
    model = MLPRegressor(**options, learning_rate_init=0.1).fit(X, SCORE)
    plain = MLPRegressor(**options | {"weight_decay_schedule": None})
    plain.set_params(learning_rate_init=0.1).fit(X, SCORE)
    assert (model.coefs_[0] != plain.coefs_[0]).any()


# Learning rates --------------------------------------------------------------------


def coslog4(share):
    return (1 - np.cos(2 * np.pi * np.log2(1 + 15 * share))) / 2


@pytest.mark.parametrize("operations_a_call", [None, 1])
@pytest.mark.parametrize(("batch_size", "n_batches"), [(3, 4), (5, 2), (10, 1)])
@pytest.mark.parametrize("warmup_epochs", [0, 2])
def test_a_rate_for_each_step(
    batch_size, n_batches, warmup_epochs, operations_a_call, monkeypatch
):
    """The learning rate, also where a call of the driver has one batch only."""
    if operations_a_call:
        monkeypatch.setattr(work, "_OPERATIONS_A_CALL", operations_a_call)
    options = {"batch_size": batch_size, "warmup_epochs": warmup_epochs, "max_iter": 8}
    options |= {"hidden_layer_sizes": (), "bias_initializer": "zeros", "tol": None}
    options |= {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "shuffle": False}
    model = MLPRegressor(learning_rate="coslog4", learning_rate_init=0.3, **options)
    y, bias, means = np.linspace(0, 2, 10), 0.0, []
    model.fit(np.zeros((10, 2)), y)
    for epoch in range(8):
        rates = []
        for k in range(n_batches):
            share = (epoch - warmup_epochs + k / n_batches) / (8 - warmup_epochs)
            rate = 0.3 * coslog4(max(share, 0))
            rates.append(0.3 * (epoch + 1) / 2 if epoch < warmup_epochs else rate)
            rows = slice(k * batch_size, (k + 1) * batch_size)
            bias -= rates[-1] * (bias - y[rows].mean())
        means.append(np.mean(rates))
    assert_allclose(model.intercepts_[0], bias, rtol=1e-12)
    found = model.history_["learning_rate"]
    assert_allclose(found, means, rtol=1e-12, atol=1e-15)
