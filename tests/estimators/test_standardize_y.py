"""``standardize_y`` against TransformedTargetRegressor around the same network."""

import pickle

import numpy as np
import pytest
import scipy.sparse
import skops.io
from networks import differences
from numpy.testing import assert_allclose, assert_array_equal
from recording_callbacks import Keeper
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor, register_loss
from sknn.ensemble import EnsembleMLPRegressor
from sknn.estimators.held_out import split_rows
from sknn.io import TRUSTED_TYPES
from sknn.kernels.losses.table import REGRESSION_LOSSES
from sknn.training.generator_state import generator_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.RandomState(0)
X = rng.normal(size=(160, 4))
Z = X @ [1.0, -2.0, 0.5, 1.0] + 0.1 * rng.normal(size=160)
Y = 3e5 + 4e4 * Z
SEVERAL = np.c_[Y, 1e-3 * X[:, 0], np.full(160, 5.5)]
TARGETS = {"one": Y, "several": SEVERAL}
WEIGHTS = rng.randint(4, size=160) * rng.uniform(0.5, 2, size=160)
OPTIONS = {"hidden_layer_sizes": (6, 5), "max_iter": 5, "random_state": 0}
targets = pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
LOSSES = {
    "squared_error": {},
    "absolute_error": {},
    "huber": {"delta": 0.7},
    "log_cosh": {},
    "one quantile": {"loss": "quantile", "quantile": 0.8},
    "quantiles": {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
}
OF_POSITIVE = ("poisson", "gamma", "tweedie")


def of(loss, **options):
    """Return two of the same regressor, of which the first standardises y."""
    options = {"loss": loss, **LOSSES.get(loss, {}), **OPTIONS, **options}
    return MLPRegressor(standardize_y=True, **options), MLPRegressor(**options)


def scaled(y, weights=None):
    """Return standardised targets, their means and standard deviations."""
    scaler = StandardScaler().fit(np.reshape(y, (len(y), -1)), sample_weight=weights)
    transformed = scaler.transform(np.reshape(y, (len(y), -1)))
    return transformed.reshape(np.shape(y)), scaler.mean_, scaler.scale_


def back(predictions, y, mean, scale):
    """Return predictions of standardised targets in the units of these."""
    shape = (1, -1) + (1,) * (predictions.ndim - 2)
    if np.ndim(y) == 1:
        return predictions * scale[0] + mean[0]
    return predictions * scale.reshape(shape) + mean.reshape(shape)


def assert_same_fit(own, other, rtol=1e-7):
    for name in ("coefs_", "intercepts_"):
        for one, two in zip(getattr(own, name), getattr(other, name), strict=True):
            assert_allclose(one, two, rtol=rtol, atol=rtol)
    for name in own.history_.keys() - {"seconds", "mae", "val_mae"}:
        assert_allclose(own.history_[name], other.history_[name], rtol=rtol, atol=rtol)


def test_each_loss_is_tried_or_refused():
    losses = {options.get("loss", name) for name, options in LOSSES.items()}
    known = {name for name in REGRESSION_LOSSES if not name.startswith("own")}
    assert losses | set(OF_POSITIVE) >= known - {"half_cube"}


@targets
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_a_fit_is_that_on_scaled_targets(loss, weights, y):
    own, other = of(loss)
    z, mean, scale = scaled(y, weights)
    own.fit(X, y, weights, X_val=X[:50], y_val=y[:50])
    other.fit(X, z, weights, X_val=X[:50], y_val=z[:50])
    assert_same_fit(own, other)
    assert own.loss_ == pytest.approx(other.loss_)
    expected = back(other.predict(X), y, mean, scale)
    assert_allclose(own.predict(X), expected, rtol=1e-7)
    assert own.score(X, y) == pytest.approx(other.score(X, z), abs=1e-6)
    means, deviations, weight = own.target_statistics_[0]
    n_levels = len(own._levels()) or 1
    assert_allclose(means, np.repeat(mean, n_levels))
    assert_allclose(np.where(deviations > 0, deviations, 1), np.repeat(scale, n_levels))
    assert_allclose(weight, len(y) if weights is None else weights.sum())


@targets
@pytest.mark.parametrize("options", [{"solver": "lbfgs"}, {"solver": "sgd"}], ids=str)
def test_other_solvers(options, y):
    own, other = of("squared_error", **options)
    z, mean, scale = scaled(y)
    assert_same_fit(own.fit(X, y), other.fit(X, z))
    assert_allclose(own.predict(X), back(other.predict(X), y, mean, scale), rtol=1e-7)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_it_is_the_pipeline_of_scikit_learn(solver):
    options = {**OPTIONS, "solver": solver}
    raw = X * [1, 1e3, 1e-3, 1e5] + [0, 1e4, 1, -3e6]
    own = MLPRegressor(standardize=True, standardize_y=True, **options).fit(raw, Y)
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(**options))
    other = TransformedTargetRegressor(pipeline, transformer=StandardScaler())
    assert_allclose(own.predict(raw), other.fit(raw, Y).predict(raw), rtol=1e-8)


def test_rows_that_are_held_out_do_not_count():
    own, _ = of("squared_error", early_stopping=True, validation_fraction=0.3)
    own.fit(X, Y)
    train, held_out = split_rows(160, 0.3, None, generator_of(own._split_state))
    _, mean, scale = scaled(Y[train])
    assert_allclose(own.target_statistics_[0], [mean, scale, [112]])
    assert own.best_validation_score_ == pytest.approx(
        r2_score(Y[held_out], own.predict(X[held_out]))
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_early_stopping_and_the_default_score(loss):
    """D^2 and R^2 do not change with the scale of both targets and predictions."""
    given = {"X_val": X[100:], "y_val": Y[100:]}
    own, other = of(loss, early_stopping=True, max_iter=20)
    z, mean, scale = scaled(Y[:100])
    own.fit(X[:100], Y[:100], **given)
    other.fit(X[:100], z, X_val=X[100:], y_val=(Y[100:] - mean) / scale)
    assert_same_fit(own, other, rtol=1e-6)
    assert own.best_validation_score_ == pytest.approx(other.best_validation_score_)


@targets
def test_partial_fit_is_that_behind_a_scaler(y):
    own, other = of("squared_error")
    scaler = StandardScaler()
    for start in (0, 3, 60, 61, 100):
        part = slice(start, start + 40)
        columns = np.reshape(y[part], (40, -1))
        scaler.partial_fit(columns)
        own.partial_fit(X[part], y[part])
        other.partial_fit(X[part], scaler.transform(columns).reshape(y[part].shape))
        assert_same_fit(own, other, rtol=1e-6)
    expected = back(other.predict(X), y, scaler.mean_, scaler.scale_)
    assert_allclose(own.predict(X), expected, rtol=1e-6)


def test_scores_metrics_and_callbacks_are_in_the_units_of_y():
    keeper = Keeper()
    own, _ = of("squared_error", metrics={"mae": "neg_mean_absolute_error"})
    own.set_callbacks(keeper)
    own.fit(X, Y, X_val=X[:50], y_val=Y[:50])
    error = mean_absolute_error(Y[:50], own.predict(X[:50]))
    assert own.history_["val_mae"][-1] == pytest.approx(-error)
    assert own.history_["mae"][-1] == pytest.approx(
        -mean_absolute_error(Y, own.predict(X))
    )
    assert own.history_["loss"][-1] < 10
    *_, last = keeper.fitted
    assert_array_equal(last.predict(X), own.predict(X))


@targets
@pytest.mark.parametrize("loss", ["squared_error", "quantiles"])
def test_input_gradients_by_differences(loss, y):
    own, _ = of(loss, activation="tanh", standardize=True)
    own.fit(X, y)
    found = own.input_gradients(X[:4]).reshape(4, -1, 4)
    for i in range(4):
        for j in range(4):
            for k in range(found.shape[1]):

                def output(step, i=i, j=j, k=k):
                    row = X[i : i + 1].copy()
                    row[0, j] += step[0]
                    return own.predict(row).reshape(-1)[k]

                slope = differences(output, np.zeros(1), 1)[0]
                assert_allclose(found[i, k, j], slope, rtol=1e-4, atol=1e-6)


@targets
def test_loss_gradients(y):
    own, other = of("huber")
    z, _, _ = scaled(y)
    own, other = own.initialize(X, y), other.initialize(X, z)
    found, expected = own.loss_gradients(X, y), other.loss_gradients(X, z)
    for name, arrays in expected.items():
        for one, two in zip(found[name], arrays, strict=True):
            assert_allclose(one, two, rtol=1e-9, atol=1e-12)


@targets
def test_resume_fit(y):
    own, _ = of("squared_error", max_iter=9)
    whole = clone(own).fit(X, y)
    own = pickle.loads(pickle.dumps(own.set_params(max_iter=4).fit(X, y)))
    own.set_params(max_iter=9).resume_fit(X, y)
    assert_array_equal(own.predict(X), whole.predict(X))


def test_a_warm_start_keeps_the_statistics():
    own, other = of("squared_error", warm_start=True)
    z, mean, scale = scaled(Y)
    own.fit(X, Y).fit(X, Y * 2)
    other.fit(X, z).fit(X, (Y * 2 - mean) / scale)
    assert_same_fit(own, other)
    own.set_params(standardize_y=False)
    with pytest.raises(ValueError, match="with the standardize_y it began with"):
        own.fit(X, Y)


def test_float32_keeps_the_digits_of_targets_far_from_zero():
    """They are standardised before they are brought into the dtype of X."""
    far = 1.7e9 + 1e3 * Z
    own, other = of("squared_error")
    single = X.astype(np.float32)
    own.fit(single, far)
    mean, deviation, _ = own.target_statistics_[0].astype(float)
    assert abs(mean - far.mean()) <= np.spacing(np.float32(far.mean())) / 2
    z = (far - mean) / deviation
    assert_same_fit(own, other.fit(single, z), rtol=1e-4)
    assert own.predict(single).dtype == np.float32


@pytest.mark.parametrize(
    "copy",
    [
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES),
    ],
    ids=["pickle", "skops"],
)
def test_stored_and_loaded(copy):
    model = of("quantiles")[0].fit(X, Y)
    assert_array_equal(copy(model).predict(X), model.predict(X))


def test_states_that_do_not_fit_are_refused():
    model = of("quantiles")[0].fit(X, Y)
    state = model.__getstate__()
    *others, last = state["_architecture"]["layers"]
    assert last == ("target_standardization", (), None)
    for changes in (
        {"target_statistics_": [np.ones((3, 1))]},
        {"target_statistics_": []},
        {"target_statistics_": [-np.ones((3, 3))]},
        *(
            {"_architecture": state["_architecture"] | {"layers": layers}}
            for layers in ([last, *others], [*others, last, last], [last])
        ),
    ):
        with pytest.raises(ValueError, match="cannot be read by sknn"):
            object.__new__(MLPRegressor).__setstate__(state | changes)


def test_summary(capsys):
    of("squared_error")[0].fit(X, SEVERAL).summary()
    lines = capsys.readouterr().out.splitlines()
    assert "output: dense, identity" in lines[-4]
    assert "output: target standardization" in lines[-3]
    assert lines[-1].endswith("of which 9 are target statistics")


# Refusals --------------------------------------------------------------------------


@pytest.mark.parametrize("loss", OF_POSITIVE)
def test_losses_of_positive_numbers_are_refused(loss):
    model = MLPRegressor(loss, standardize_y=True)
    message = (
        rf"standardize_y=True cannot be used with loss='{loss}': .* activation 'exp', "
        "but standardised targets have any sign. Leave standardize_y at its default"
    )
    for method in (model.fit, model.partial_fit, model.initialize):
        with pytest.raises(ValueError, match=message):
            method(X, np.exp(Z))
    assert not hasattr(model, "coefs_")


def test_a_loss_of_the_user_may_refuse_standardised_targets():
    def check(y):
        if (y <= 0).any():
            raise ValueError("targets must be positive")

    register_loss(
        "half_cube",
        lambda y, z: (z - y) * (z - y) / y,
        lambda y, z: 2 * (z - y) / y,
        check_targets=check,
    )
    try:
        model = MLPRegressor("half_cube", standardize_y=True, **OPTIONS)
        message = "standardize_y=True gives targets that loss='half_cube' refuses: targ"
        with pytest.raises(ValueError, match=message):
            model.fit(X, Y)
        assert not hasattr(model, "coefs_")
    finally:
        del REGRESSION_LOSSES["half_cube"]


def test_targets_too_large_are_refused():
    with pytest.raises(
        ValueError, match="y holds values too large for its mean and st"
    ):
        MLPRegressor(standardize_y=True, **OPTIONS).fit(X, Y * 1e300)


def test_the_classifier_has_no_such_parameter():
    with pytest.raises(TypeError, match="standardize_y"):
        MLPClassifier(standardize_y=True)


# What it is for -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_first_network_on_a_raw_table_learns(dtype):
    """As well as in scikit-learn's pipeline; without scaling it learns nothing."""
    n = 600
    income, age = rng.lognormal(1.2, 0.5, n), rng.randint(1, 53, n)
    population, year = rng.lognormal(7, 1, n), rng.randint(1990, 2020, n)
    price = 1e5 * np.sqrt(income) + 800 * age + 2e3 * (year - 1990)
    price += 3e4 * np.sin(np.log(population)) + rng.normal(0, 5e3, n)
    table = np.c_[income, age, population, year, population * 900].astype(dtype)
    train, test = slice(0, 400), slice(400, None)
    options = {"random_state": 0, "max_iter": 300, "learning_rate_init": 0.01}
    own = MLPRegressor(standardize=True, standardize_y=True, **options)
    pipeline = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), MLPRegressor(**options)),
        transformer=StandardScaler(),
    )
    scores = [
        model.fit(table[train], price[train]).score(table[test], price[test])
        for model in (own, pipeline)
    ]
    assert min(scores) > 0.9
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    raw = MLPRegressor(**options).fit(table[train], price[train])
    assert raw.score(table[test], price[test]) < 0.5


@pytest.mark.parametrize("rows", [X, scipy.sparse.csr_array(X)], ids=["dense", "csr"])
def test_members_of_an_ensemble_have_the_statistics_of_their_rows(rows):
    model = MLPRegressor(standardize=True, standardize_y=True, **OPTIONS)
    ensemble = EnsembleMLPRegressor(model, cv=KFold(4), n_members=4, random_state=0)
    ensemble.fit(rows, Y)
    for member, (train, _) in zip(ensemble.estimators_, KFold(4).split(X), strict=True):
        _, mean, scale = scaled(Y[train])
        assert_allclose(member.target_statistics_[0], [mean, scale, [120]])
        scaler = StandardScaler().fit(X[train])
        expected = [scaler.mean_, scaler.scale_, np.full(4, 120)]
        assert_allclose(member.input_statistics_[0], expected, atol=1e-12)
    expected = np.mean([each.predict(rows) for each in ensemble.estimators_], axis=0)
    assert_allclose(ensemble.predict(rows), expected)
