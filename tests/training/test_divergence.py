"""Training that diverges: noticed in its epoch, and no weights lost or spoilt.

Steps that are far too long and data that are far too large, never mocks.
"""

import copy
import re
import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sknn import MLPClassifier, MLPRegressor
from sknn.estimators.parameters import STOCHASTIC_SOLVERS
from sknn.kernels.losses.table import REGRESSION_LOSSES

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
NUMBERS = np.abs(X @ [1.0, -2.0, 0.5, 0.0]) + 0.1
LABELS = np.digitize(NUMBERS, [1, 2])
SOLVERS = sorted(STOCHASTIC_SOLVERS)
# Products of two such numbers, or three, are infinite.
LARGE = {"float32": 1e30, "float64": 1e250}

each_estimator = pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def y_for(estimator):
    return LABELS if issubclass(estimator, MLPClassifier) else NUMBERS


def new(estimator, **changes):
    parameters = {"hidden_layer_sizes": (8, 5), "max_iter": 9, "random_state": 0}
    return estimator(**parameters | {"batch_size": 20} | changes)


def attributes_of(model):
    """Return the attributes, but for the cached network, whose tables fill up."""
    return {k: v for k, v in vars(model).items() if k != "_theta_cache"}


def snapshot(model):
    """Return the attributes themselves, and copies of what they hold."""
    attributes = attributes_of(model)
    return attributes, copy.deepcopy(attributes)


def assert_unchanged(model, before):
    same, equal = before
    attributes = attributes_of(model)
    assert attributes.keys() == same.keys()
    for name, value in same.items():
        assert attributes[name] is value, name
    assert repr(attributes) == repr(equal)
    for one, other in zip(
        getattr(model, "coefs_", []), equal.get("coefs_", []), strict=True
    ):
        assert_array_equal(one, other)


def assert_finite(model, X=X):
    """Look at all that a later call goes on from."""
    assert np.isfinite(model._theta_cache[0]).all()
    for part in model.coefs_ + model.intercepts_:
        assert np.isfinite(part).all()
    assert np.isfinite(model._optimizer_state["slots"]).all()
    assert np.isfinite(getattr(model, "predict_proba", model.predict)(X)).all()


MESSAGE = (
    r"diverged in epoch (?P<epoch>\d+) with a learning rate of (?P<rate>\S+)\. "
    r"Scale the features \(standardize=True\) and, for regression, the target "
    r"\(standardize_y=True\); or lower "
    r"learning_rate_init; or set global_clipnorm\. See \S+#the-loss-is-nan$"
)


def diverge(call, rate=None, epoch=None):
    with pytest.raises(ValueError, match=MESSAGE) as error:
        call()
    found = re.search(MESSAGE, str(error.value))
    if rate is not None:
        assert float(found["rate"]) == rate
    if epoch is not None:
        assert int(found["epoch"]) == epoch
    return str(error.value)


# Steps too long, data too large ------------------------------------------------------


@each_estimator
@each_dtype
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_rate_too_high(estimator, dtype, solver):
    model = new(estimator, solver=solver, learning_rate_init=LARGE[dtype])
    before = snapshot(model)
    diverge(lambda: model.fit(X.astype(dtype), y_for(estimator)), LARGE[dtype], 1)
    assert_unchanged(model, before)


@each_estimator
@each_dtype
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("sparse", [False, True])
def test_features_too_large(estimator, dtype, solver, sparse):
    """Weights, loss or moments overflow. Lion alone goes by signs, and may go on."""
    data = (X * LARGE[dtype]).astype(dtype)
    data = scipy.sparse.csr_array(data) if sparse else data
    model = new(estimator, solver=solver)
    before = snapshot(model)
    if solver == "lion" and estimator is MLPClassifier:
        assert_finite(model.fit(data, y_for(estimator)), data)
        return
    diverge(lambda: model.fit(data, y_for(estimator)), 0.001, 1)
    assert_unchanged(model, before)


@pytest.mark.parametrize(
    ("estimator", "dtype", "factor"),
    [
        (MLPClassifier, "float64", 1e300),
        (MLPRegressor, "float64", 1e300),
        (MLPRegressor, "float32", 1e30),
    ],
)
def test_features_too_large_for_lbfgs(estimator, dtype, factor):
    model = new(estimator, solver="lbfgs")
    before = snapshot(model)
    data = (X * factor).astype(dtype)
    with pytest.raises(ValueError, match=r"after iteration 0\. Scale the features"):
        model.fit(data, y_for(estimator))
    assert_unchanged(model, before)


def test_features_too_large_for_the_steps_of_lbfgs():
    """Loss and gradient are finite, but the line search finds nothing better."""
    model = new(MLPClassifier, solver="lbfgs")
    with pytest.warns(ConvergenceWarning, match="(?s)failed to converge.*scale"):
        model.fit((X * 1e30).astype(np.float32), LABELS)
    assert np.isfinite(model._theta_cache[0]).all()


@pytest.mark.parametrize("loss", sorted(REGRESSION_LOSSES))
@pytest.mark.parametrize("solver", ["sgd", "adam", "lion"])
def test_each_loss_of_the_regressor(loss, solver):
    model = new(MLPRegressor, loss=loss, solver=solver, learning_rate_init=1e200)
    before = snapshot(model)
    diverge(lambda: model.fit(X, NUMBERS), 1e200)
    assert_unchanged(model, before)


@pytest.mark.parametrize(
    "loss",
    [{}, {"label_smoothing": 0.1}, {"loss": "focal"}, {"loss": "hinge"}],
    ids=str,
)
@pytest.mark.parametrize("y", [LABELS, LABELS > 0, np.c_[LABELS > 0, LABELS > 1]])
def test_each_loss_of_the_classifier(loss, y):
    model = new(MLPClassifier, learning_rate_init=1e200, **loss)
    diverge(lambda: model.fit(X, y), 1e200)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize(
    "options",
    [
        {"normalization": "batch"},
        {"normalization": "layer"},
        {"dropout": 0.3, "input_dropout": 0.2},
        {"max_norm": 1.0},
        {"weight_decay": 0.1},
        {"alpha": 0.1, "l1_ratio": 0.5},
        {"clipvalue": 1.0},
        {"activation": "tanh"},
        {"activation": "mish"},
    ],
    ids=str,
)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lion"])
def test_nothing_hides_it(options, solver):
    model = new(MLPRegressor, solver=solver, learning_rate_init=1e300, **options)
    before = snapshot(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diverge(lambda: model.fit(X * 1e200, NUMBERS), 1e300)
    assert_unchanged(model, before)


def test_running_statistics_too_large():
    """The variance of 1e200 is infinite; the weights behind it stay finite."""
    model = new(MLPClassifier, normalization="batch", solver="sgd")
    model.set_params(learning_rate_init=1e-300)
    diverge(lambda: model.fit(X * 1e200, LABELS))
    assert not hasattr(model, "running_statistics_")


def test_moments_too_large_for_finite_weights():
    """Adam would divide by infinity, and never move these weights again."""
    data = (X * 1e30).astype(np.float32)
    text = diverge(lambda: new(MLPClassifier).fit(data, LABELS))
    assert text.startswith("The gradient is too large for the optimizer in float32")


def test_a_loss_too_large_for_finite_weights():
    data, y = X.astype(np.float32), (NUMBERS * 1e30).astype(np.float32)
    text = diverge(lambda: new(MLPRegressor, solver="lion").fit(data, y))
    assert text.startswith("The loss became inf. Training diverged in epoch 1")


def test_the_epoch_is_that_of_the_divergence():
    """A rate that explodes in the fourth epoch; epochs before it are fine."""
    model = new(
        MLPRegressor, solver="sgd", learning_rate=lambda k: 1e-3 if k < 3 else 1e200
    )
    diverge(lambda: model.fit(X, NUMBERS), 1e200, epoch=4)
    losses = new(MLPRegressor, solver="sgd", max_iter=3).fit(X, NUMBERS).loss_curve_
    assert np.isfinite(losses).all()


@each_dtype
def test_large_but_harmless(dtype):
    """Large numbers alone are no divergence: the sum of weights may overflow."""
    data = X.astype(dtype)
    model = new(MLPRegressor, warm_start=True, max_iter=1).fit(data, NUMBERS)
    model.intercepts_[0][:] = -np.finfo(dtype).max / 2  # neurons that are never on
    model.fit(data, NUMBERS)
    assert np.isfinite(model.predict(data)).all()


def test_denormals_are_no_divergence():
    data = np.full((20, 2), 5e-324)
    assert_finite(new(MLPRegressor).fit(data, np.arange(20.0)), data)


# Calls that go on from a model -------------------------------------------------------


def trained(estimator, solver, dtype="float64", **options):
    model = new(estimator, solver=solver, max_iter=3, **options)
    return model.fit(X.astype(dtype), y_for(estimator))


@each_estimator
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "resume_fit", "warm start"])
def test_a_fitted_model_survives(estimator, solver, method):
    model, twin = (trained(estimator, solver) for _ in range(2))
    changes = {"max_iter": 9, "warm_start": method == "warm start"}
    model.set_params(learning_rate_init=1e250, **changes)
    before, predictions = snapshot(model), model.predict(X)
    call = getattr(model, "fit" if method == "warm start" else method)
    diverge(lambda: call(X, y_for(estimator)), 1e250)
    assert_unchanged(model, before)
    assert_array_equal(model.predict(X), predictions)
    # It goes on as if nothing had been.
    model.set_params(learning_rate_init=0.001)
    for each in (model, twin):
        each.partial_fit(X, y_for(estimator))
    assert_array_equal(model.coefs_[0], twin.coefs_[0])


@each_estimator
@pytest.mark.parametrize("solver", SOLVERS)
def test_one_bad_batch_of_a_stream_is_left_out(estimator, solver):
    """Rows in other units cost the call that brings them, and no more."""
    y, first = y_for(estimator), {}
    if estimator is MLPClassifier:
        first["classes"] = [0, 1, 2]
    model, twin = (new(estimator, solver=solver) for _ in range(2))
    for each in (model, twin):
        each.partial_fit(X, y, **first)
    if not (solver == "lion" and estimator is MLPClassifier):
        diverge(lambda: model.partial_fit(X * 1e250, y))
    for each in (model, twin):
        each.partial_fit(X, y)
    assert_array_equal(model.coefs_[0], twin.coefs_[0])


@each_estimator
def test_lbfgs_leaves_a_fitted_model(estimator):
    model = trained(estimator, "adam").set_params(solver="lbfgs", warm_start=True)
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"L-BFGS diverged after iteration"):
        model.fit(X * 1e305, y_for(estimator))
    assert_unchanged(model, before)


def test_lbfgs_keeps_the_weights_with_the_lowest_loss():
    """Its line search meets exp(z) = inf, which scipy would call convergence."""
    data, y = np.c_[np.linspace(0, 100, 40), np.ones(40)], np.linspace(0, 1e3, 40)
    model = MLPRegressor("poisson", (), solver="lbfgs", random_state=3, alpha=0.0)
    with pytest.warns(ConvergenceWarning, match="L-BFGS diverged after .* were kept"):
        model.fit(data, y)
    assert np.isfinite(model.loss_)
    assert model.loss_ == min(model.history_["loss"])


# Early stopping ----------------------------------------------------------------------


@each_estimator
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("restores", [True, False])
def test_early_stopping_keeps_the_best_weights(estimator, solver, restores):
    """Two good epochs, then steps far too long."""
    y = y_for(estimator)
    options = {"early_stopping": True, "restore_best_weights": restores}
    model = new(estimator, solver=solver, **options)
    model.set_params(learning_rate=lambda k: 1e-3 if k < 2 else 1e250)
    match = rf"{MESSAGE[:-1]} The best weights were restored\.$"
    with pytest.warns(ConvergenceWarning, match=match) as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert model.n_iter_ == 3
    assert_finite(model)
    assert np.isfinite(model.validation_scores_[:2]).all()
    assert model.best_validation_score_ == np.max(model.validation_scores_[:2])
    best = new(estimator, solver=solver, **options)
    best.set_params(max_iter=1 + int(np.argmax(model.validation_scores_[:2]))).fit(X, y)
    for one, other in zip(model.coefs_, best.coefs_, strict=True):
        assert_array_equal(one, other)
    weights = model.coefs_[0].copy()
    model.resume_fit(X, y)  # it has ended
    assert_array_equal(model.coefs_[0], weights)
    # And from here on training goes on with an optimizer that is sound.
    model.set_params(learning_rate="constant", early_stopping=False, metrics=None)
    model.set_params(restore_best_weights=True)
    assert_finite(model.partial_fit(X, y))
    assert np.isfinite(model.loss_)


@each_estimator
def test_partial_fit_with_validation_restores_the_weights_before(estimator):
    y = y_for(estimator)
    given = {"X_val": X[:20], "y_val": y[:20]}
    model = new(estimator, early_stopping=True)
    first = {"classes": [0, 1, 2]} if estimator is MLPClassifier else {}
    model.partial_fit(X, y, **first, **given)
    weights = model.coefs_[0].copy()
    model.set_params(learning_rate_init=1e250)
    with pytest.warns(ConvergenceWarning, match="from before the call were restored"):
        model.partial_fit(X, y, **given)
    assert_array_equal(model.coefs_[0], weights)
    assert_finite(model.set_params(learning_rate_init=0.001).partial_fit(X, y, **given))


# Predictions -------------------------------------------------------------------------


@each_estimator
@each_dtype
def test_predictions_that_overflow_say_so(estimator, dtype):
    data = X.astype(dtype)
    # Without an activation that bounds them, infinities of both signs meet.
    model = new(estimator, activation="identity").fit(data, y_for(estimator))
    huge = np.full((2, 4), np.finfo(dtype).max)
    with pytest.warns(RuntimeWarning, match=f"too large for this network in {dtype}"):
        model.predict(huge)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(data)


def test_a_last_step_that_diverges_shows_in_predictions():
    """And in the next epoch: of the last one, the loss was found before the step."""
    data, y = np.float32([[10], [-10]]), [0, 1]
    model = new(MLPRegressor, hidden_layer_sizes=(), loss="poisson", solver="sgd")
    model.set_params(learning_rate_init=100.0, batch_size=2, max_iter=1).fit(data, y)
    assert np.isfinite(model.loss_)
    assert np.isfinite(model._theta_cache[0]).all()
    with pytest.warns(RuntimeWarning, match="last step of training diverged"):
        assert not np.isfinite(model.predict(data)).all()
    diverge(lambda: model.partial_fit(data, y), 100.0, epoch=2)
