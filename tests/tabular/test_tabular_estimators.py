"""Networks on raw tables: what they take, learn, promise and refuse."""

import pickle
import signal
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.metrics import d2_pinball_score, log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from sknn.io import TRUSTED_TYPES
from sknn.tabular import TabularMLPClassifier, TabularMLPRegressor
from sknn.training import rounds
from sknn.training.rounds import JointLoop

N = 240
rng = np.random.RandomState(0)
SIZE = rng.lognormal(size=N)
COLOR = rng.choice(["red", "green", "blue"], size=N)
TOWN = rng.choice([f"town {k}" for k in range(12)], size=N)
DAY = np.datetime64("2024-01-01") + rng.randint(0, 700, size=N).astype("m8[D]")
TABLE = pd.DataFrame(
    {
        "size": np.where(rng.rand(N) < 0.1, np.nan, SIZE),
        "color": pd.Categorical(COLOR),
        "town": pd.Categorical(TOWN),
        "day": DAY,
        "is_new": rng.rand(N) < 0.5,
        "empty": np.full(N, np.nan),
    }
)
NUMBERS = 1000 * np.log(SIZE) + 500 * (COLOR == "red") + 50 * rng.normal(size=N)
LABELS = np.where(NUMBERS > 100, "dear", "cheap")
ESTIMATORS = {TabularMLPClassifier: LABELS, TabularMLPRegressor: NUMBERS}
SMALL = {"preset": "quick", "random_state": 0, "hidden_layer_sizes": (16,)}
SMALL |= {"max_iter": 30}
both = pytest.mark.parametrize("estimator", ESTIMATORS)


def fitted(estimator, X=TABLE, **options):
    return estimator(**SMALL | options).fit(X, ESTIMATORS[estimator])


def outputs_of(model, X=TABLE):
    return getattr(model, "predict_proba", model.predict)(X)


# Learning -----------------------------------------------------------------------------


@both
def test_it_learns_from_a_raw_table(estimator):
    model = fitted(estimator)
    assert model.score(TABLE, ESTIMATORS[estimator]) > 0.85
    assert list(model.feature_names_in_) == list(TABLE)
    assert model.n_iter_ == model.ensemble_.n_iter_
    assert "town" in model.encoder_.summary()


@both
def test_frames_of_other_libraries_give_the_same(estimator):
    columns = {name: TABLE[name].to_numpy() for name in ("size", "is_new")}
    columns["color"] = COLOR
    model = fitted(estimator, pd.DataFrame(columns))
    other = fitted(estimator, pl.DataFrame(columns))
    assert_array_equal(
        outputs_of(model, pd.DataFrame(columns)),
        outputs_of(other, pl.DataFrame(columns)),
    )


@both
def test_unknown_categories_and_missing_values_in_prediction(estimator):
    model = fitted(estimator)
    new = TABLE.iloc[:3].copy()
    new["town"] = pd.Categorical(["elsewhere", None, "town 1"])
    new["size"] = [np.nan, 1.0, 2.0]
    assert np.isfinite(outputs_of(model, new)).all()


@both
def test_same_seed_same_bits(estimator):
    one, other = fitted(estimator, n_jobs=1), fitted(estimator, n_jobs=2)
    assert_array_equal(outputs_of(one), outputs_of(other))
    assert (outputs_of(fitted(estimator, random_state=1)) != outputs_of(one)).any()


@both
def test_a_fit_that_runs_to_its_last_epoch_gives_no_warning(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(estimator)


@both
def test_an_array_of_numbers_alone(estimator):
    X = rng.normal(size=(N, 3))
    assert np.isfinite(outputs_of(fitted(estimator, X), X)).all()


@both
def test_categories_alone(estimator):
    X = TABLE[["color", "town"]]
    assert np.isfinite(outputs_of(fitted(estimator, X), X)).all()


@both
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_few_rows(estimator, n):
    y = ESTIMATORS[estimator][:n]
    model = estimator(**SMALL).fit(TABLE[:n], y)
    assert np.isfinite(outputs_of(model)).all()


def test_a_class_of_one_row():
    y = LABELS.astype(object)
    y[0] = "odd"
    model = TabularMLPClassifier(**SMALL).fit(TABLE, y)
    assert outputs_of(model).shape == (N, 3)


@both
def test_sample_weight_zero_leaves_rows_out(estimator):
    y, half = ESTIMATORS[estimator], np.arange(N) < N // 2
    X = TABLE.assign(size=np.where(half, TABLE["size"], 1e9))
    weights = half.astype(float)
    encoder = estimator(**SMALL).fit(X, y, sample_weight=weights).encoder_
    expected = estimator(**SMALL).fit(X[half], y[half]).encoder_
    assert_array_equal(encoder.transform(X[:5]), expected.transform(X[:5]))


# Probabilities and intervals ----------------------------------------------------------


def test_calibration_lowers_the_log_loss_of_rows_left_out():
    y = np.where(rng.rand(N) < 0.2, np.roll(LABELS, 1), LABELS)
    options = SMALL | {"max_iter": 200, "learning_rate_init": 0.02}
    model = TabularMLPClassifier(**options).fit(TABLE, y)
    plain = TabularMLPClassifier(**options, calibrate=False).fit(TABLE, y)
    assert plain.temperature_ == 1.0
    from sknn.training.temperature import apply_temperature

    before = model.ensemble_.oof_predictions_
    after = apply_temperature(before, model.temperature_)
    assert log_loss(y, after) <= log_loss(y, before)
    unscaled = model.ensemble_.predict_proba(model.encoder_.transform(TABLE))
    assert_array_equal(model.predict(TABLE), model.classes_[unscaled.argmax(axis=1)])
    assert_allclose(model.predict_log_proba(TABLE), np.log(model.predict_proba(TABLE)))


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_quantiles_are_scored_as_scikit_learn_scores_them(n_targets, weighted):
    rng, levels = np.random.RandomState(0), [0.1, 0.6]
    X = pd.DataFrame({"a": rng.normal(size=60)})
    y = rng.normal(size=(60, n_targets)) + X[["a"]].to_numpy()
    y, weight = np.squeeze(y), rng.uniform(size=60) if weighted else None
    model = TabularMLPRegressor(
        loss="quantile", quantile=levels, max_iter=3, preset="quick", random_state=0
    ).fit(X, y)
    predicted = model.predict(X)
    expected = [
        d2_pinball_score(y, predicted[..., k], alpha=level, sample_weight=weight)
        for k, level in enumerate(levels)
    ]
    assert_allclose(model.score(X, y, weight), np.mean(expected))


@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_intervals_cover_as_promised(loss, coverage):
    X, y = make_regression(1200, 4, noise=20.0, random_state=0)
    model = TabularMLPRegressor(**SMALL, loss=loss).fit(X[:400], y[:400])
    lower, upper = model.predict_interval(X[400:], coverage=coverage).T
    covered = np.mean((lower <= y[400:]) & (y[400:] <= upper))
    assert covered > coverage - 0.06
    assert (lower < upper).all()
    if loss == "quantile":
        assert len(np.unique(np.round(upper - lower, 3))) > 1


def test_predictions_stay_within_the_range_of_the_targets():
    model = fitted(TabularMLPRegressor)
    far = TABLE.assign(size=1e12)
    predictions, std = model.predict(far, return_std=True)
    assert predictions.min() >= NUMBERS.min()
    assert predictions.max() <= NUMBERS.max()
    assert std.shape == predictions.shape
    assert (std >= 0).all()


def test_too_few_rows_for_a_coverage():
    model = TabularMLPRegressor(**SMALL).fit(TABLE[:10], NUMBERS[:10])
    with pytest.raises(ValueError, match=r"coverage=0.99 needs 99 rows .* there are"):
        model.predict_interval(TABLE, coverage=0.99)
    with pytest.raises(ValueError, match=r"coverage must be a number in \(0, 1\)"):
        model.predict_interval(TABLE, coverage=90)


def test_several_targets_and_labels():
    y = np.column_stack([NUMBERS, -NUMBERS])
    model = TabularMLPRegressor(**SMALL).fit(TABLE, y)
    assert model.predict(TABLE).shape == y.shape
    assert model.predict_interval(TABLE).shape == (N, 2, 2)
    labels = (y > 0).astype(int)
    model = TabularMLPClassifier(**SMALL).fit(TABLE, labels)
    assert model.predict(TABLE).shape == labels.shape


# Parameters ---------------------------------------------------------------------------


@both
def test_cv_and_groups(estimator):
    groups = np.arange(N) // 40
    y = ESTIMATORS[estimator]
    model = estimator(**SMALL, cv=GroupKFold(3)).fit(TABLE, y, groups=groups)
    assert len(model.ensemble_.estimators_) == 3
    model = fitted(estimator, cv=KFold(2), n_members=4)
    assert len(model.ensemble_.estimators_) == 4


@both
def test_parameters_of_the_networks(estimator):
    options = {"dropout": 0.3, "learning_rate_init": 0.01, "weight_decay": 0.1}
    options |= {"batch_size": 17, "activation": "tanh"}
    member = fitted(estimator, **options).ensemble_.estimators_[0]
    for name, value in (SMALL | options).items():
        if name not in ("preset", "random_state"):
            assert getattr(member, name) == value


@both
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("preset", "fast"),
        ("time_limit", 0),
        ("n_members", 0),
        ("dropout", 1.5),
        ("calibrate", "yes"),
        ("loss", "poisson"),
    ],
)
def test_wrong_parameters_are_refused_by_name(estimator, name, value):
    if not hasattr(estimator(), name):
        pytest.skip("the other estimator has it")
    model = estimator(**SMALL | {name: value})
    with pytest.raises(ValueError, match=f"The '{name}' parameter of"):
        model.fit(TABLE, ESTIMATORS[estimator])
    assert not hasattr(model, "encoder_")


@both
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_rows_without_a_target_are_refused(estimator, missing):
    y = pd.Series(ESTIMATORS[estimator]).astype(object)
    y[3] = missing
    message = "Input y contains NaN. Leave out the rows|y holds missing values"
    with pytest.raises((TypeError, ValueError), match=message):
        estimator(**SMALL).fit(TABLE, y)


def test_labels_of_two_types_are_refused():
    y = ESTIMATORS[TabularMLPClassifier].astype(object)
    y[3] = 3
    with pytest.raises(TypeError, match="labels are of different types, int and str"):
        TabularMLPClassifier(**SMALL).fit(TABLE, y)


@both
def test_a_fit_that_fails_changes_nothing(estimator):
    model = fitted(estimator)
    before = outputs_of(model)
    with pytest.raises(ValueError, match="text"):
        model.fit(
            pd.DataFrame({"text": [f"a long text {k}" for k in range(N)]}),
            ESTIMATORS[estimator],
        )
    assert_array_equal(outputs_of(model), before)


# An estimator like any other ----------------------------------------------------------


@both
@pytest.mark.parametrize(
    "copy",
    [
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES),
    ],
    ids=["pickle", "skops"],
)
def test_stored_and_loaded(estimator, copy):
    model = fitted(estimator)
    assert_array_equal(outputs_of(copy(model)), outputs_of(model))


@both
def test_a_stored_model_is_hardly_more_than_its_weights(estimator):
    model = fitted(estimator, hidden_layer_sizes=(100, 100))
    weights = sum(
        array.nbytes
        for member in model.ensemble_.estimators_
        for name in ("coefs_", "intercepts_", "bin_weights_", "bin_edges_")
        for array in getattr(member, name)
    )
    assert weights < len(pickle.dumps(model)) < 1.5 * weights


@both
def test_in_a_search(estimator):
    model = make_pipeline(estimator(**SMALL))
    name = estimator.__name__.lower()
    search = GridSearchCV(model, {f"{name}__dropout": [0.0, 0.5]}, cv=2)
    search.fit(TABLE, ESTIMATORS[estimator])
    assert search.best_params_[f"{name}__dropout"] in (0.0, 0.5)
    assert clone(model).get_params()[f"{name}__preset"] == "quick"


@both
def test_tags_say_what_it_takes(estimator):
    tags = get_tags(estimator()).input_tags
    assert tags.categorical
    assert tags.string
    assert tags.allow_nan


# Going on after a break ---------------------------------------------------------------


def break_off(model, monkeypatch, most_epochs=1, **given):
    """Fit until Ctrl-C is pressed, after the third round of epochs is trained."""
    record, n_left = JointLoop._record, iter(range(2, -1, -1))

    def record_or_break(loop, outputs, began):
        assert len(outputs) <= most_epochs
        if next(n_left) == 0:
            signal.raise_signal(signal.SIGINT)
        return record(loop, outputs, began)

    with monkeypatch.context() as patch:
        patch.setattr(rounds, "_MOST_EPOCHS", most_epochs)
        patch.setattr(JointLoop, "_record", record_or_break)
        with pytest.warns(match="interrupted by user"):
            return model.fit(TABLE, ESTIMATORS[type(model)], **given)


@both
@pytest.mark.parametrize("is_stored", [False, True])
@pytest.mark.parametrize("most_epochs", [1, 4])
@pytest.mark.parametrize("folds", [{}, {"cv": KFold(3), "n_members": 6}])
def test_a_resumed_fit_gives_the_bits_of_one_without_a_break(
    estimator, is_stored, folds, most_epochs, monkeypatch
):
    weights = np.linspace(0.5, 1.5, N)
    options = SMALL | folds
    y = ESTIMATORS[estimator]
    whole = estimator(**options).fit(TABLE, y, sample_weight=weights)
    model = estimator(**options)
    model = break_off(model, monkeypatch, most_epochs, sample_weight=weights)
    assert model.n_iter_ == {1: 2, 4: 12}[most_epochs] < whole.n_iter_
    assert len(model.predict(TABLE)) == N
    model = pickle.loads(pickle.dumps(model)) if is_stored else model
    assert model.resume_fit(TABLE, y, sample_weight=weights) is model
    assert model.n_iter_ == whole.n_iter_
    assert_array_equal(outputs_of(model), outputs_of(whole))
    assert_array_equal(
        model.ensemble_.oof_predictions_, whole.ensemble_.oof_predictions_
    )
    size, size_of_whole = len(pickle.dumps(model)), len(pickle.dumps(whole))
    assert size < 1.02 * size_of_whole  # the optimizers are gone


@both
def test_a_fit_that_had_no_time_left_goes_on(estimator):
    y = ESTIMATORS[estimator]
    model = estimator(**SMALL, time_limit=1e-6).fit(TABLE, y)  # not even to encode
    assert model.n_iter_ < SMALL["max_iter"]
    model.set_params(time_limit=None).resume_fit(TABLE, y)
    assert_array_equal(outputs_of(model), outputs_of(fitted(estimator)))


@both
def test_resume_fit_does_nothing_after_the_last_epoch(estimator):
    model = fitted(estimator)
    before = vars(model).copy()
    model.resume_fit(TABLE, ESTIMATORS[estimator])
    assert vars(model) == before


@both
def test_what_resume_fit_refuses(estimator, monkeypatch):
    y = ESTIMATORS[estimator]
    with pytest.raises(ValueError, match=r"no fit to go on with.*Call fit"):
        estimator().resume_fit(TABLE, y)
    model = break_off(estimator(**SMALL), monkeypatch)
    before = outputs_of(model)
    with pytest.raises(ValueError, match=r"rows|samples"):
        model.resume_fit(TABLE[:-1], y[:-1])
    with pytest.raises(ValueError, match="feature names"):
        model.resume_fit(TABLE.drop(columns="size"), y)
    assert_array_equal(outputs_of(model), before)
    model.resume_fit(TABLE, y)
    assert_array_equal(outputs_of(model), outputs_of(fitted(estimator)))
