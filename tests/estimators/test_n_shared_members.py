"""Estimators with ``n_shared_members``: members that share weights, as in TabM."""

import pickle
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
import scipy.sparse
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, r2_score

from sknn import (
    EnsembleMLPRegressor,
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
)
from sknn.convert import to_sklearn
from sknn.displays import NetworkDisplay
from sknn.explain import integrated_gradients
from sknn.io import TRUSTED_TYPES

mpl.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
SCORE = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * rng.normal(size=60)
CLASSES = np.digitize(SCORE, [-1.0, 1.0])
TARGETS = {MLPClassifier: CLASSES, MLPRegressor: SCORE}
K = 3
FACTORS = ("all", "inputs")
OPTIONS = {
    "hidden_layer_sizes": (6, 5),
    "random_state": 0,
    "max_iter": 6,
    "tol": None,
    "n_shared_members": K,
}
ARRAYS = (
    *("coefs_", "intercepts_", "member_input_scales_", "member_output_scales_"),
    *("activation_weights_", "feature_scales_"),
)
both = pytest.mark.parametrize("estimator", TARGETS, ids=lambda kind: kind.__name__)
each_kind = pytest.mark.parametrize("factors", FACTORS)


def fit(estimator, y=None, **parameters):
    model = estimator(**{**OPTIONS, **parameters})
    return model.fit(X, TARGETS[estimator] if y is None else y)


def arrays_of(model):
    return [array for name in ARRAYS for array in getattr(model, name, ())]


def assert_same(model, other):
    for one, another in zip(arrays_of(model), arrays_of(other), strict=True):
        assert_array_equal(one, another)


# What they learn ------------------------------------------------------------------


@both
@each_kind
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_it_learns(estimator, factors, solver):
    own = {"solver": solver, "learning_rate_init": 0.02, "tol": 1e-4, "max_iter": 200}
    model = fit(estimator, member_factors=factors, **own)
    assert model.score(X, TARGETS[estimator]) > 0.9


@each_kind
def test_validation_is_that_of_averaged_probabilities(factors):
    """By scikit-learn's metrics of what the estimator predicts."""
    X_val, y_val = X[40:], CLASSES[40:]
    model = MLPClassifier(
        **OPTIONS, member_factors=factors, metrics=["neg_brier_score"], dropout=0.1
    )
    model.fit(X[:40], CLASSES[:40], X_val=X_val, y_val=y_val)
    history, probabilities = model.history_, model.predict_proba(X_val)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert_allclose(history["val_loss"][-1], log_loss(y_val, probabilities), rtol=1e-10)
    assert history["val_score"][-1] == accuracy_score(y_val, model.predict(X_val))
    assert_array_equal(model.predict(X_val), probabilities.argmax(axis=1))
    one_hot = np.eye(3)[y_val]
    brier = ((probabilities - one_hot) ** 2).sum(axis=1).mean()
    found = -history["val_neg_brier_score"][-1]
    assert_allclose(found, brier / (2 if found < 0.75 * brier else 1), rtol=1e-10)


@each_kind
def test_validation_is_that_of_averaged_numbers(factors):
    X_val, y_val = X[40:], SCORE[40:]
    model = MLPRegressor(**OPTIONS, member_factors=factors)
    model.fit(X[:40], SCORE[:40], X_val=X_val, y_val=y_val)
    predictions = model.predict(X_val)
    expected = mean_squared_error(y_val, predictions) / 2
    assert_allclose(model.history_["val_loss"][-1], expected, rtol=1e-10)
    r2 = r2_score(y_val, predictions)
    assert_allclose(model.history_["val_score"][-1], r2, rtol=1e-10)


@both
def test_early_stopping_goes_by_the_mean(estimator):
    options = {"early_stopping": True, "validation_fraction": 0.3, "max_iter": 40}
    model = fit(estimator, learning_rate_init=0.02, n_iter_no_change=40, **options)
    scores = model.validation_scores_
    assert model.best_validation_score_ == max(scores)
    same = fit(estimator, learning_rate_init=0.02, n_iter_no_change=40, **options)
    assert_same(model, same)


@pytest.mark.parametrize(
    ("y", "loss"),
    [
        (CLASSES > 0, "log_loss"),
        (CLASSES, "focal"),
        (CLASSES, "hinge"),
        (CLASSES > 0, "hinge"),
        (np.column_stack([CLASSES > 0, CLASSES > 1]).astype(int), "log_loss"),
        (np.array(["a", "b", "c"])[CLASSES], "log_loss"),
        (np.zeros(60), "log_loss"),
    ],
    ids=["two", "focal", "hinge", "hinge of two", "labels", "names", "one class"],
)
@each_kind
def test_labels_follow_from_averaged_scores(y, loss, factors):
    own = {"max_iter": 80, "learning_rate_init": 0.02}
    model = fit(MLPClassifier, y, loss=loss, member_factors=factors, **own)
    labels = model.predict(X)
    if loss == "hinge":
        scores = model.decision_function(X)
        expected = scores.argmax(axis=1) if scores.ndim > 1 else scores > 0
    elif np.ndim(y) > 1:
        expected = (model.predict_proba(X) > 0.5).astype(int)
    else:
        expected = model.classes_[model.predict_proba(X).argmax(axis=1)]
    assert_array_equal(labels, expected)
    if len(np.unique(y)) > 1:
        assert model.score(X, y) > 0.75


@each_kind
def test_quantiles_do_not_cross(factors):
    levels = (0.1, 0.5, 0.9)
    model = fit(MLPRegressor, loss="quantile", quantile=levels, member_factors=factors)
    assert (np.diff(model.predict(X), axis=1) > 0).all()


@both
def test_weights_of_rows_are_repeated_rows(estimator):
    y, weights = TARGETS[estimator], rng.randint(1, 4, size=60)
    rows = np.repeat(np.arange(60), weights)
    options = {**OPTIONS, "solver": "sgd", "shuffle": False}
    one = estimator(**options, batch_size=60).fit(X, y, weights)
    other = estimator(**options, batch_size=len(rows)).fit(X[rows], y[rows])
    for a, b in zip(arrays_of(one), arrays_of(other), strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-12)


# Initial values and rates ----------------------------------------------------------


def test_first_factors_beside_embeddings():
    """Normal numbers, the same for all outputs of a column; signs without numbers."""
    codes = np.arange(60) % 3
    data = np.column_stack([X[:, 0], codes, X[:, 1] > 0, X[:, 2]])
    options = {**OPTIONS, "categorical_features": [1], "n_shared_members": 200}
    embedding = {"numeric_embedding": "piecewise_linear", "numeric_embedding_size": 4}
    model = MLPRegressor(**options, **embedding).initialize(data, SCORE)
    scales = model.member_input_scales_[0]
    assert scales.shape == (200, 4 + 4 + 1 + 3)
    assert 0.8 < scales.std() < 1.2
    ends = [0, 4, 8, 9, 12]  # two embedded columns, the binary one, three codes
    for start, stop in pairwise(ends):
        group = scales[:, start:stop]
        assert_array_equal(group, np.repeat(group[:, :1], stop - start, axis=1))
    assert len(np.unique(scales)) == 4 * 200
    model = MLPRegressor(**options).initialize(data, SCORE)
    scales = model.member_input_scales_[0]
    assert scales.shape == (200, 3 + 3)
    assert_array_equal(np.abs(scales), 1)
    assert_array_equal(scales[:, 3:], np.repeat(scales[:, 3:4], 3, axis=1))
    assert not np.array_equal(scales[:, 0], scales[:, 1])
    waves = MLPRegressor(**options, numeric_embedding="periodic").fit(data, SCORE)
    assert waves.member_input_scales_[0].shape == (200, 2 * 4 + 1 + 3)


def test_initial_values_that_depend_on_the_rows():
    options = {**OPTIONS, "hidden_layer_sizes": (40, 30), "activation": "identity"}
    options |= {"kernel_initializer": "unit_variance"}
    for factors in FACTORS:
        model = MLPRegressor(**options, member_factors=factors).initialize(X, SCORE)
        network, theta = model._network_in(np.dtype(np.float64))
        of_members = model.hidden_activations(X, 0).reshape(-1, 40)
        assert_allclose(of_members.std(axis=0), 1, rtol=1e-6)
        hidden = model.hidden_activations(X, 1).reshape(60, K, 30)
        for k in range(K):
            sums = hidden[:, k] @ model.coefs_[-1][k]
            assert_allclose(sums.std(axis=0), 1, rtol=1e-6)
        assert network.n_parameters == theta.size
        shifted = MLPRegressor(
            **options, member_factors=factors, bias_initializer="data"
        ).initialize(X, SCORE)
        *hidden_biases, of_outputs = shifted.intercepts_
        assert len(np.unique(of_outputs)) == K
        for biases in hidden_biases:
            assert biases.std() > 0.1


@each_kind
def test_rates_of_the_first_step(factors):
    """A step of Adam is at first the rate, whatever the gradient."""
    own = {"learning_rate_init": 1e-3, "max_iter": 1, "batch_size": 60, "alpha": 0.0}
    own |= {"parametrization": "ntk", "activation": "tanh", "member_factors": factors}
    before = MLPRegressor(**{**OPTIONS, **own}).initialize(X, SCORE)
    after = fit(MLPRegressor, **own)
    rates = {
        "coefs_": [1e-3 / np.sqrt(n) for n in (4, 6, 5)],
        "intercepts_": [1e-4] * 3,
        "member_input_scales_": [1e-3] * (2 if factors == "all" else 1),
        "member_output_scales_": [1e-3] * 2 if factors == "all" else [],
    }
    for name, expected in rates.items():
        one, other = getattr(before, name, []), getattr(after, name, [])
        for a, b, rate in zip(one, other, expected, strict=True):
            assert_allclose(np.abs(b - a), rate, rtol=5e-2)


def test_factors_are_neither_penalized_nor_decayed():
    own = {"solver": "sgd", "momentum": 0.0, "clipvalue": 1e-300, "max_iter": 1}
    own |= {"learning_rate_init": 0.1, "batch_size": 60, "weight_decay": 0.3}
    before = MLPRegressor(**{**OPTIONS, **own}).initialize(X, SCORE)
    after = fit(MLPRegressor, **own, alpha=9.0)
    for name in ("intercepts_", "member_input_scales_", "member_output_scales_"):
        for a, b in zip(getattr(before, name), getattr(after, name), strict=True):
            assert_array_equal(a, b)
    for a, b in zip(before.coefs_, after.coefs_, strict=True):
        assert_allclose(b, 0.97 * a, rtol=1e-12)


# The estimators --------------------------------------------------------------------


@both
@each_kind
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dropout": 0.2, "input_dropout": 0.1, "normalization": "layer"},
        {"parametric_activation": True, "feature_scaling": True, "standardize": True},
    ],
    ids=["plain", "dropout", "factors"],
)
def test_training_goes_on_as_without_a_break(estimator, factors, options):
    options, y = {"member_factors": factors, **options}, TARGETS[estimator]
    whole = fit(estimator, **options)
    part = pickle.loads(pickle.dumps(fit(estimator, max_iter=3, **options)))
    assert_same(part.set_params(max_iter=6).resume_fit(X, y), whole)
    loaded = skops.io.loads(skops.io.dumps(whole), trusted=TRUSTED_TYPES)
    assert_array_equal(loaded.predict(X), whole.predict(X))
    before = [array.copy() for array in arrays_of(whole)]
    for one, other in zip(arrays_of(whole.partial_fit(X, y)), before, strict=True):
        assert (one != other).any()
    warm = fit(estimator, warm_start=True, **options).fit(X, y)
    assert warm.history_["loss"][0] < warm.history_["loss"][-1] * 2


@both
def test_training_goes_on_with_the_members_it_began_with(estimator):
    y = TARGETS[estimator]
    for changes, name in (
        ({"n_shared_members": 4}, "n_shared_members"),
        ({"n_shared_members": None}, "n_shared_members"),
        ({"member_factors": "inputs"}, "member_factors"),
    ):
        model = fit(estimator).set_params(**changes)
        with pytest.raises(ValueError, match=f"the {name} it began with.*{name} is"):
            model.partial_fit(X, y)
    plain = fit(estimator, n_shared_members=None).set_params(n_shared_members=3)
    with pytest.raises(ValueError, match="the n_shared_members it began with"):
        plain.partial_fit(X, y)


@both
def test_a_new_fit_drops_the_attributes(estimator):
    y, model = TARGETS[estimator], fit(estimator)
    model.set_params(n_shared_members=None).fit(X, y)
    assert not hasattr(model, "member_input_scales_")
    assert not hasattr(model, "member_output_scales_")
    assert_same(model, fit(estimator, n_shared_members=None))


@both
@each_kind
def test_both_dtypes(estimator, factors):
    own = {**OPTIONS, "member_factors": factors}
    single = estimator(**own).fit(X.astype(np.float32), TARGETS[estimator])
    double = fit(estimator, member_factors=factors)
    assert {array.dtype for array in arrays_of(single)} == {np.dtype(np.float32)}
    for one, other in zip(arrays_of(single), arrays_of(double), strict=True):
        assert_allclose(one, other, rtol=1e-2, atol=2e-3)


@both
@each_kind
def test_many_rows_in_blocks_and_threads(estimator, factors):
    """Large batches are divided into blocks and among threads: one row is as many."""
    many, y = np.tile(X, (20, 1)), np.tile(TARGETS[estimator], 20)
    own = {"hidden_layer_sizes": (40, 20), "solver": "sgd", "shuffle": False}
    own |= {"alpha": 0.0, "n_shared_members": 17, "member_factors": factors}
    one = estimator(**{**OPTIONS, **own}, batch_size=1200).fit(many, y)
    other = fit(estimator, **own, batch_size=60)
    for a, b in zip(arrays_of(one), arrays_of(other), strict=True):
        assert_allclose(a, b, rtol=1e-8, atol=1e-11)


@both
@each_kind
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_step_of_a_batch_in_parts_follows_its_gradient(estimator, factors, shuffle):
    """The rows of so many members are too many to be worked on together."""
    own = {"n_shared_members": 40, "solver": "sgd", "momentum": 0.0, "max_iter": 1}
    own |= {"batch_size": 60, "learning_rate_init": 0.1, "member_factors": factors}
    model = estimator(**{**OPTIONS, **own}, shuffle=shuffle)
    weights = rng.uniform(size=60)
    before = clone(model).initialize(X, TARGETS[estimator])
    gradients = before.loss_gradients(X, TARGETS[estimator], weights)
    model.fit(X, TARGETS[estimator], weights)
    for name, arrays in gradients.items():
        for k, gradient in enumerate(arrays):
            expected = getattr(before, name)[k] - 0.1 * gradient
            assert_allclose(getattr(model, name)[k], expected, rtol=1e-9, atol=1e-12)


def test_each_row_and_member_drops_others():
    """Of equal rows, each a part of the batch, each has its own neurons left."""
    ones, n_members = np.ones((64, 1)), 256
    own = {"hidden_layer_sizes": (1,), "activation": "identity", "dropout": 0.5}
    own |= {"solver": "sgd", "momentum": 0.0, "max_iter": 1, "batch_size": 64}
    own |= {"n_shared_members": n_members, "member_factors": "inputs"}
    model = MLPRegressor(**{**OPTIONS, **own}, learning_rate_init=1e-3, alpha=0.0)
    before = clone(model).initialize(ones, np.ones(64)).coefs_[-1].ravel()
    hidden = clone(model).initialize(ones, np.ones(64)).hidden_activations(ones[:1])
    after = model.fit(ones, np.ones(64)).coefs_[-1].ravel()
    assert (after != before).all()  # some rows have kept the only neuron
    raw = before * hidden.ravel()
    biases = clone(model).initialize(ones, np.ones(64)).intercepts_[-1].ravel()
    # Twice the neuron, and its error, for each row that has kept it.
    of_row = 2 * hidden.ravel() * (2 * raw + biases - 1) / n_members / 64
    n_kept = (before - after) / 1e-3 / of_row
    assert_allclose(n_kept, np.round(n_kept), atol=1e-6)
    assert abs(n_kept.mean() - 32) < 2
    assert 2 < n_kept.std() < 6  # 4 in the mean, for independent draws


@both
@each_kind
def test_input_gradients_are_those_of_the_mean(estimator, factors):
    model = fit(estimator, activation="tanh", member_factors=factors)
    predict = getattr(model, "predict_proba", model.predict)
    found = model.input_gradients(X[:5]).reshape(5, -1, 4)
    for j in range(4):
        step = 1e-6 * np.eye(4)[j]
        above, below = predict(X[:5] + step), predict(X[:5] - step)
        expected = ((above - below) / 2e-6).reshape(5, -1)
        assert_allclose(found[:, :, j], expected, rtol=1e-5, atol=1e-8)
    explained = integrated_gradients(model, X[:5], baseline=X[5])
    total = explained.values.sum(axis=-1)
    expected = predict(X[:5]) - predict(X[5:6])
    assert_allclose(total, expected, atol=2e-2)


@each_kind
def test_hidden_layers_as_features(factors):
    network = MLPClassifier(**OPTIONS, member_factors=factors)
    transformer = HiddenLayerTransformer(network, layer=0).fit(X, CLASSES)
    transformed = transformer.transform(X)
    assert transformed.shape == (60, K * 6)
    assert len(transformer.get_feature_names_out()) == K * 6


def test_an_ensemble_of_such_networks():
    """Each member of which is what it is by itself."""
    network = MLPRegressor(**{**OPTIONS, "random_state": None})
    ensemble = EnsembleMLPRegressor(network, n_members=2, random_state=0)
    ensemble.fit(X, SCORE)
    mean = np.mean([each.predict(X) for each in ensemble.estimators_], axis=0)
    assert_allclose(ensemble.predict(X), mean, rtol=1e-12)
    out_of_fold = EnsembleMLPRegressor(network, cv=3, random_state=0).fit(X, SCORE)
    assert np.isfinite(out_of_fold.oof_predictions_).all()


def test_summary(capsys):
    fit(MLPRegressor).summary()
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "input: scaling of members (None, 3, 4) 12" in lines
    assert "hidden 1: dense without biases (None, 3, 6) 24" in lines
    assert "hidden 1: scaling and biases of members, relu (None, 3, 6) 36" in lines
    assert "output: dense of each member, identity (None, 3, 1) 18" in lines
    said = "4 inputs, 6 relu, 5 relu, 1 identity"  # the picture of one of them
    assert said in fit(MLPRegressor)._repr_html_()


def test_what_it_cannot_do():
    S = scipy.sparse.csr_array(X)
    with pytest.raises(ValueError, match="n_shared_members=3 takes dense inputs only"):
        MLPRegressor(**OPTIONS).fit(S, SCORE)
    with pytest.raises(ValueError, match="it would mix the members"):
        fit(MLPRegressor, normalization="batch")
    model = fit(MLPRegressor)
    with pytest.raises(ValueError, match="members that share weights cannot be drawn"):
        NetworkDisplay.from_estimator(model)
    with pytest.raises(ValueError, match="the layer 'scaling of members'"):
        to_sklearn(model)


def test_a_class_for_each_of_many_outputs():
    """More outputs than a vector has lanes."""
    y = np.arange(60) % 20
    model = fit(MLPClassifier, y, max_iter=300, learning_rate_init=0.02)
    assert model.predict_proba(X).shape == (60, 20)
    assert model.score(X, y) > 0.5
