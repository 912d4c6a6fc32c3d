"""Validation sets, scores that decide when to stop, metrics, and the history."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import f1_score, get_scorer, log_loss, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sknn
from sknn.estimators.held_out import split_rows

rng = np.random.RandomState(0)
X = rng.normal(size=(240, 5))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0, 0.2] + 0.3 * rng.normal(size=240)
LABELS = np.array(["a", "b", "c"])[np.digitize(NUMBERS, [-1.5, 1.5])]
WEIGHTS = rng.uniform(0.1, 2, size=240)
TRAIN, VAL = slice(0, 180), slice(180, 240)
OPTIONS = {"random_state": 0, "hidden_layer_sizes": (12,), "learning_rate_init": 0.01}


def given(y, weights=None):
    found = {"X_val": X[VAL], "y_val": y[VAL]}
    return found if weights is None else found | {"sample_weight_val": weights[VAL]}


# The validation set ---------------------------------------------


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_validation_loss_and_score_are_those_of_the_metrics(weights):
    """After the last epoch, where the weights are those of the fitted estimator."""
    w = None if weights is None else weights[VAL]
    model = sknn.MLPClassifier(max_iter=7, **OPTIONS)
    model.fit(X[TRAIN], LABELS[TRAIN], **given(LABELS, weights))
    proba = model.predict_proba(X[VAL])
    expected = log_loss(LABELS[VAL], proba, sample_weight=w)
    assert_allclose(model.history_["val_loss"][-1], expected, rtol=1e-12)
    score = model.score(X[VAL], LABELS[VAL], sample_weight=w)
    assert_allclose(model.validation_scores_[-1], score, rtol=1e-12)
    assert model.history_["val_score"] == model.validation_scores_

    model = sknn.MLPRegressor(max_iter=7, **OPTIONS)
    model.fit(X[TRAIN], NUMBERS[TRAIN], **given(NUMBERS, weights))
    squares = (model.predict(X[VAL]) - NUMBERS[VAL]) ** 2
    expected = np.average(squares, weights=w) / 2
    assert_allclose(model.history_["val_loss"][-1], expected, rtol=1e-12)
    score = r2_score(NUMBERS[VAL], model.predict(X[VAL]), sample_weight=w)
    assert_allclose(model.history_["val_score"][-1], score, rtol=1e-10)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_validation_set_that_is_only_looked_at_changes_nothing(solver):
    model = sknn.MLPRegressor(solver=solver, max_iter=9, **OPTIONS)
    alone = clone(model).fit(X[TRAIN], NUMBERS[TRAIN])
    watched = clone(model).fit(X[TRAIN], NUMBERS[TRAIN], **given(NUMBERS))
    assert_array_equal(watched.coefs_[0], alone.coefs_[0])
    assert len(watched.history_["val_loss"]) == watched.n_iter_
    assert "val_loss" not in alone.history_


def test_a_given_set_is_what_a_held_out_one_would_be(monkeypatch):
    """Early stopping on the rows that it would have drawn gives the same network."""
    held_out = []

    def spy(*arguments):
        held_out.append(split_rows(*arguments))
        return held_out[-1]

    monkeypatch.setattr("sknn.estimators.held_out.split_rows", spy)
    options = {"early_stopping": True, "shuffle": False, "max_iter": 30, **OPTIONS}
    drawn = sknn.MLPClassifier(**options).fit(X, LABELS)
    train, val = held_out[0]
    chosen = sknn.MLPClassifier(**options)
    chosen.fit(X[train], LABELS[train], X_val=X[val], y_val=LABELS[val])
    assert len(held_out) == 1
    assert chosen.validation_scores_ == drawn.validation_scores_
    for one, other in zip(chosen.coefs_, drawn.coefs_, strict=True):
        assert_allclose(one, other, rtol=1e-12)


def test_validation_data_in_other_containers():
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("vwxyz"))
    model = sknn.MLPClassifier(max_iter=3, **OPTIONS)
    plain = clone(model).fit(X[TRAIN], LABELS[TRAIN], **given(LABELS))
    framed = clone(model).fit(
        frame[TRAIN], LABELS[TRAIN], X_val=frame[VAL], y_val=list(LABELS[VAL])
    )
    assert framed.validation_scores_ == plain.validation_scores_
    sparse = scipy.sparse.csr_array(X)
    mixed = clone(model).fit(
        X[TRAIN], LABELS[TRAIN], X_val=sparse[VAL], y_val=LABELS[VAL]
    )
    assert_allclose(mixed.history_["val_loss"], plain.history_["val_loss"])
    single = clone(model).fit(
        X[TRAIN].astype(np.float32), LABELS[TRAIN], **given(LABELS)
    )
    assert single.coefs_[0].dtype == np.float32
    assert_allclose(single.history_["val_loss"], plain.history_["val_loss"], rtol=1e-4)


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ({"X_val": X[VAL]}, "X_val and y_val belong together"),
        ({"y_val": LABELS[VAL]}, "X_val and y_val belong together"),
        ({"X_val": X[VAL, :3], "y_val": LABELS[VAL]}, "X_val has 3 features, but"),
        ({"X_val": X[VAL], "y_val": LABELS[:3]}, "inconsistent numbers of samples"),
        ({"X_val": X[VAL] * np.nan, "y_val": LABELS[VAL]}, "Input X_val contains NaN"),
        ({"X_val": X[:2], "y_val": ["a", "z"]}, "`y_val` has classes not in"),
        (
            {**given(LABELS), "sample_weight_val": -WEIGHTS[VAL]},
            "Negative values in data passed to `sample_weight_val`",
        ),
    ],
    ids=lambda value: None if isinstance(value, dict) else value[:20],
)
def test_refusals(validation, message):
    model = sknn.MLPClassifier(max_iter=2, **OPTIONS)
    with pytest.raises(ValueError, match=message):
        model.fit(X[TRAIN], LABELS[TRAIN], **validation)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_validation_targets_have_as_many_outputs(n_outputs):
    """The kernels would read beyond them."""
    model = sknn.MLPRegressor(max_iter=2, **OPTIONS)
    two, other = np.c_[NUMBERS, NUMBERS], np.tile(NUMBERS[:, None], n_outputs)
    with pytest.raises(
        ValueError, match=rf"y_val has {n_outputs} outputs, but y has 2\. Pass"
    ):
        model.fit(X[TRAIN], two[TRAIN], X_val=X[VAL], y_val=other[VAL].squeeze())
    assert not hasattr(model, "coefs_")
    labels = (two > 0).astype(int)
    wider = np.c_[labels, labels[:, 0]]
    with pytest.raises(ValueError, match=r"y_val|classes|label"):
        sknn.MLPClassifier(max_iter=2).fit(
            X[TRAIN], labels[TRAIN], X_val=X[VAL], y_val=wider[VAL]
        )


@pytest.mark.parametrize("option", ["early_stopping", "validate"])
@pytest.mark.parametrize(
    ("fraction", "message"), [(0.02, "held out for validation"), (0.98, "left")]
)
def test_weights_of_zero_on_one_side(option, fraction, message):
    """The one row that counts is on the other side."""
    weights = np.zeros(240)
    weights[0] = 1.0
    options = {option: True, "validation_fraction": fraction, "random_state": 0}
    for estimator in (sknn.MLPClassifier, sknn.MLPRegressor):
        y = NUMBERS if estimator is sknn.MLPRegressor else NUMBERS > 0
        model = estimator(**options)
        with pytest.raises(ValueError, match=f"All rows {message} have a weight of ze"):
            model.fit(X, y, sample_weight=weights)
        assert not hasattr(model, "coefs_")


def test_domain_of_validation_targets():
    with pytest.raises(ValueError, match="loss='poisson' needs y_val >= 0"):
        sknn.MLPRegressor("poisson", max_iter=2).fit(
            X[TRAIN], abs(NUMBERS[TRAIN]), **given(NUMBERS)
        )


# What early stopping looks at ---------------------------------------------


def macro_f1(estimator, X, y):
    return f1_score(y, estimator.predict(X), average="macro")


@pytest.mark.parametrize("scoring", ["f1_macro", macro_f1, get_scorer("f1_macro")])
def test_scorers(scoring):
    model = sknn.MLPClassifier(
        early_stopping=True, scoring=scoring, max_iter=15, **OPTIONS
    )
    model.fit(X[TRAIN], LABELS[TRAIN], **given(LABELS))
    assert_allclose(
        model.best_validation_score_,
        f1_score(LABELS[VAL], model.predict(X[VAL]), average="macro"),
        rtol=1e-12,
    )


def test_scorers_get_sample_weights():
    model = sknn.MLPRegressor(
        early_stopping=True,
        scoring="neg_mean_absolute_error",
        max_iter=15,
        n_iter_no_change=20,
        **OPTIONS,
    )
    model.fit(X[TRAIN], NUMBERS[TRAIN], **given(NUMBERS, WEIGHTS))
    errors = np.abs(model.predict(X[VAL]) - NUMBERS[VAL])
    expected = -np.average(errors, weights=WEIGHTS[VAL])
    assert_allclose(model.best_validation_score_, expected, rtol=1e-12)


def test_probabilities_reach_the_scorer():
    model = sknn.MLPClassifier(
        early_stopping=True, scoring="neg_log_loss", max_iter=12, **OPTIONS
    )
    model.fit(X[TRAIN], LABELS[TRAIN], **given(LABELS))
    assert_allclose(
        model.validation_scores_, -np.array(model.history_["val_loss"]), rtol=1e-12
    )


def test_the_loss_as_a_score():
    model = sknn.MLPClassifier(
        early_stopping=True, scoring="loss", max_iter=300, n_iter_no_change=5, **OPTIONS
    )
    model.set_params(learning_rate_init=0.1)
    model.fit(X[TRAIN], LABELS[TRAIN], **given(LABELS))
    losses = model.history_["val_loss"]
    assert_array_equal(model.validation_scores_, -np.array(losses))
    best = int(np.argmin(losses))
    assert len(losses) == model.n_iter_ < 300
    # Patience: it went on for n_iter_no_change + 1 epochs that were no better.
    assert model.n_iter_ >= best + 1 + 5
    proba = model.predict_proba(X[VAL])
    assert_allclose(log_loss(LABELS[VAL], proba), losses[best], rtol=1e-12)


def test_best_weights_are_not_restored_if_not_wanted():
    options = {"early_stopping": True, "max_iter": 40, "n_iter_no_change": 50}
    options |= {**OPTIONS, "learning_rate_init": 0.3}
    best, last = (
        sknn.MLPRegressor(restore_best_weights=wanted, **options).fit(
            X[TRAIN], NUMBERS[TRAIN], **given(NUMBERS)
        )
        for wanted in (True, False)
    )
    assert best.validation_scores_ == last.validation_scores_
    assert best.score(X[VAL], NUMBERS[VAL]) == pytest.approx(
        max(best.validation_scores_)
    )
    assert last.score(X[VAL], NUMBERS[VAL]) == pytest.approx(
        last.validation_scores_[-1]
    )
    assert max(best.validation_scores_) > last.validation_scores_[-1]


def test_a_failing_scorer_changes_nothing():
    def fails(estimator, X, y):
        raise ZeroDivisionError("in the scorer")

    model = sknn.MLPClassifier(early_stopping=True, scoring=fails)
    with pytest.raises(ZeroDivisionError, match="in the scorer"):
        model.fit(X, LABELS)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("early_stopping", [True, False])
def test_an_unknown_scorer_is_named(early_stopping):
    model = sknn.MLPClassifier(early_stopping=early_stopping, scoring="no_such_scorer")
    with pytest.raises(ValueError, match="Got 'no_such_scorer'"):
        model.fit(X, LABELS)


def test_multilabel_sets_are_stratified_where_they_can_be(monkeypatch):
    rows = []

    def spy(*arguments):
        train, held_out = split_rows(*arguments)
        rows.append(held_out)
        return train, held_out

    monkeypatch.setattr("sknn.estimators.held_out.split_rows", spy)
    Y = np.repeat([[1, 0, 0], [1, 1, 0], [0, 0, 1]], [160, 60, 20], axis=0)
    model = sknn.MLPClassifier(
        early_stopping=True, validation_fraction=0.1, max_iter=2, random_state=0
    )
    model.fit(X, Y)
    assert_array_equal(Y[rows[0]].sum(axis=0), [22, 6, 2])
    Y[0] = [1, 1, 1]  # a combination of its own
    model.fit(X, Y)
    assert len(rows[1]) == 24


# History ---------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_history_of_a_plain_fit(solver):
    model = sknn.MLPRegressor(solver=solver, max_iter=6, **OPTIONS).fit(X, NUMBERS)
    keys = ["loss", "learning_rate", "seconds"]
    if solver == "lbfgs":
        keys.remove("learning_rate")
        assert model.history_["loss"][-1] == model.loss_
    else:
        assert model.history_["loss"] == model.loss_curve_
        assert model.history_["learning_rate"] == [0.01] * 6
    assert list(model.history_) == keys
    assert {len(column) for column in model.history_.values()} == {model.n_iter_}
    assert all(second > 0 for second in model.history_["seconds"])
    assert {type(v) for column in model.history_.values() for v in column} == {float}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_metrics_of_both_sets(solver):
    model = sknn.MLPClassifier(
        solver=solver, metrics=["accuracy", macro_f1], max_iter=5, **OPTIONS
    )
    model.fit(X[TRAIN], LABELS[TRAIN], **given(LABELS))
    for name, score in {
        "accuracy": model.score,
        "macro_f1": lambda X, y: macro_f1(model, X, y),
    }.items():
        assert len(model.history_[name]) == model.n_iter_
        last, val_last = model.history_[name][-1], model.history_[f"val_{name}"][-1]
        assert_allclose(last, score(X[TRAIN], LABELS[TRAIN]), rtol=1e-12)
        assert_allclose(val_last, score(X[VAL], LABELS[VAL]), rtol=1e-12)


def test_metrics_without_a_validation_set_and_with_a_held_out_one(monkeypatch):
    model = sknn.MLPRegressor(metrics=["r2"], max_iter=5, **OPTIONS).fit(X, NUMBERS)
    assert_allclose(model.history_["r2"][-1], model.score(X, NUMBERS), rtol=1e-12)
    assert "val_r2" not in model.history_
    model.set_params(early_stopping=True, n_iter_no_change=9, tol=0).fit(X, NUMBERS)
    assert_allclose(model.history_["val_r2"], model.history_["val_score"], rtol=1e-12)


def test_metrics_in_a_verbose_line(capsys):
    model = sknn.MLPClassifier(metrics=["accuracy"], max_iter=2, verbose=1, **OPTIONS)
    model.fit(X[TRAIN], LABELS[TRAIN], **given(LABELS))
    first, _ = capsys.readouterr().out.splitlines()
    assert first.startswith(
        f"Iteration 1, loss = {model.loss_curve_[0]:.8f}, val_loss = "
    )
    assert f"accuracy = {model.history_['accuracy'][0]:.8f}" in first
    assert f"val_accuracy = {model.history_['val_accuracy'][0]:.8f}" in first


def test_history_goes_on_with_a_warm_start():
    """With what is measured now; what was not measured then is not a number."""
    model = sknn.MLPClassifier(warm_start=True, max_iter=3, **OPTIONS)
    model.fit(X[TRAIN], LABELS[TRAIN])
    model.set_params(metrics=["accuracy"], max_iter=2)
    model.fit(X[TRAIN], LABELS[TRAIN], **given(LABELS))
    assert {len(column) for column in model.history_.values()} == {5}
    assert_array_equal(np.isnan(model.history_["accuracy"]), [1, 1, 1, 0, 0])
    model.set_params(metrics=None).fit(X[TRAIN], LABELS[TRAIN])
    assert_array_equal(np.isnan(model.history_["accuracy"]), [1, 1, 1, 0, 0, 1, 1])
    assert model.loss_curve_ == model.history_["loss"]


def test_partial_fit_with_a_given_set():
    """Each call adds a value; the weights stay those of the last call."""
    model = sknn.MLPClassifier(early_stopping=True, **OPTIONS)
    for k in range(6):
        rows = slice(30 * k, 30 * k + 30)
        model.partial_fit(
            X[rows], LABELS[rows], classes=["a", "b", "c"], **given(LABELS)
        )
    assert len(model.validation_scores_) == len(model.history_["val_loss"]) == 6
    assert model.validation_scores_[-1] == model.score(X[VAL], LABELS[VAL])
    assert model.best_validation_score_ == max(model.validation_scores_)
    with pytest.raises(ValueError, match="does not support early_stopping=True"):
        model.partial_fit(X[:30], LABELS[:30])


def test_in_a_pipeline():
    """The validation set goes to the last step as it is; so it must be transformed."""
    scaler = StandardScaler().fit(X[TRAIN])
    pipeline = make_pipeline(StandardScaler(), sknn.MLPClassifier(max_iter=3))
    pipeline.fit(
        X[TRAIN],
        LABELS[TRAIN],
        mlpclassifier__X_val=scaler.transform(X[VAL]),
        mlpclassifier__y_val=LABELS[VAL],
    )
    assert len(pipeline[-1].history_["val_loss"]) == 3


# Held out, only to look at ----------------------------------------------------------


def test_validate_holds_out_the_rows_of_early_stopping_and_never_stops():
    options = {"validation_fraction": 0.25, "max_iter": 12, "n_iter_no_change": 20}
    options |= OPTIONS
    watched = sknn.MLPClassifier(validate=True, **options).fit(X, LABELS)
    stopping = sknn.MLPClassifier(
        early_stopping=True, restore_best_weights=False, **options
    ).fit(X, LABELS)
    assert watched.validation_scores_ == stopping.validation_scores_
    assert_array_equal(watched.coefs_[0], stopping.coefs_[0])
    assert len(watched.history_["val_loss"]) == 12
    assert watched.best_loss_ == min(watched.loss_curve_)
    assert watched.best_validation_score_ is None
    given_too = sknn.MLPClassifier(validate=True, **options)
    given_too.fit(X[TRAIN], LABELS[TRAIN], **given(LABELS))
    plain = sknn.MLPClassifier(**options).fit(X[TRAIN], LABELS[TRAIN])
    assert_array_equal(given_too.coefs_[0], plain.coefs_[0])


def test_partial_fit_holds_nothing_out():
    model = sknn.MLPRegressor(validate=True)
    with pytest.raises(ValueError, match="partial_fit does not support validate=True"):
        model.partial_fit(X, NUMBERS)


# Without a tolerance ------------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("early_stopping", [False, True])
def test_no_tolerance_means_all_epochs(early_stopping):
    """Without a warning; the best weights are kept where they are looked for."""
    options = {**OPTIONS, "learning_rate_init": 0.3, "n_iter_no_change": 1}
    model = sknn.MLPRegressor(
        tol=None, max_iter=30, early_stopping=early_stopping, **options
    ).fit(X[TRAIN], NUMBERS[TRAIN], **given(NUMBERS))
    assert model.n_iter_ == len(model.loss_curve_) == 30
    kept = max if early_stopping else lambda scores: scores[-1]
    score = model.score(X[VAL], NUMBERS[VAL])
    assert_allclose(score, kept(model.validation_scores_), rtol=1e-10)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "lbfgs"}, "tol=None cannot be used with solver='lbfgs'"),
        ({"learning_rate": "plateau"}, "tol=None cannot be used with learning_rate"),
        (
            {"learning_rate": "adaptive", "solver": "sgd"},
            "tol=None cannot be used with learning_rate='adaptive', which lowers",
        ),
    ],
)
def test_no_tolerance_refusals(parameters, message):
    with pytest.raises(ValueError, match=message):
        sknn.MLPRegressor(tol=None, **parameters).fit(X, NUMBERS)


def test_no_tolerance_beside_a_schedule_that_adam_ignores():
    options = {"tol": None, "max_iter": 30, "random_state": 0}
    plain = sknn.MLPRegressor(**options).fit(X, NUMBERS)
    model = sknn.MLPRegressor(learning_rate="adaptive", **options).fit(X, NUMBERS)
    assert model.loss_curve_ == plain.loss_curve_
