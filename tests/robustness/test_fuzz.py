"""Properties of whole fits, for parameters, data and containers of all kinds.

``tests/fuzz.py`` runs them for long. What is drawn is in ``tests/strategies.py``.
"""

import pickle
import re
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
from containers import DENSE, SPARSE
from fuzzing import amounts, holds, names_in, run
from hypothesis import assume, event
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from outcomes import (
    NOT_FINITE,
    Refused,
    attempt,
    predicted,
    refused,
    state_of,
    weights_of,
)
from sklearn.base import clone
from strategies import (
    ESTIMATORS,
    SIZES,
    Case,
    cases,
    matrices,
    parameters,
    sensible,
    targets,
)

from sknn import MLPClassifier

# Why ordinary data and valid parameters may be refused: the validation set, which may
# be too small for its purpose, and divergence.
EXPECTED_REFUSALS = (
    "validation set is too small",
    "have a weight of zero",
    "The least populated class",
    "should be greater or equal to the number of classes",
    "the resulting train set will be empty",
    "Training diverged in epoch",
    "is not defined for 1 row",
    "n_shared_members=.* takes dense inputs only",
)


def check_predictions(model, X, n_rows):
    """Check all that a fitted estimator predicts."""
    predicted = model.predict(X)
    assert predicted.shape[0] == n_rows
    if not isinstance(model, MLPClassifier):
        assert np.isfinite(predicted).all()
        return
    dense = predicted.toarray() if scipy.sparse.issparse(predicted) else predicted
    is_multilabel = dense.ndim == 2
    assert np.isin(dense, [0, 1] if is_multilabel else model.classes_).all()
    if model.loss == "hinge":
        assert np.isfinite(model.decision_function(X)).all()
        return
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (n_rows, len(model.classes_))
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1
    if not is_multilabel:
        eps = np.finfo(probabilities.dtype).eps
        assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=50 * eps)
        most = model.classes_[probabilities.argmax(axis=1)]
        ties = np.ptp(probabilities, axis=1) == 0
        assert np.all((most == dense) | ties | (len(model.classes_) == 2))


def check_predictions_of_rows_trained_on(model, X, y, **options):
    """Check predictions of ordinary data: finite, unless the last step diverged.

    The next epoch says so then.
    """
    reason = refused(lambda: check_predictions(model, X, rows_of(X)))
    if reason:
        assert reason.startswith(NOT_FINITE)
        model.set_params(warm_start=True)
        reason = refused(lambda: model.fit(X, y, **options))
        assert "Training diverged in epoch" in str(reason)


def rows_of(X):
    return X.shape[0] if hasattr(X, "shape") else len(X)


@holds(150, case=cases())
def valid_parameters_train(case):
    """Ordinary data are refused for the reasons above only."""
    model = case.model
    if reason := refused(case.fit):
        assert any(re.search(part, reason) for part in EXPECTED_REFUSALS), reason
        return
    event(f"solver {model.solver}")
    assert np.isfinite(model.loss_)
    assert all(np.isfinite(part).all() for part in weights_of(model))
    assert {len(column) for column in model.history_.values()} <= {model.n_iter_}
    check_predictions_of_rows_trained_on(model, case.X, case.y, **case.options)


@holds(100, case=cases(sizes=tuple(SIZES)))
def extreme_data_train_or_are_refused(case):
    """Whatever the numbers: finite results, or a refusal that changes nothing."""
    before = state_of(case.model)
    if refused(case.fit):
        assert state_of(case.model) == before
        return
    assert np.isfinite(case.model.loss_)
    assert all(np.isfinite(part).all() for part in weights_of(case.model))
    refused(lambda: check_predictions(case.model, case.X, rows_of(case.X)))


@holds(60, case=cases(containers=["C order"]), data=st.data())
def extreme_rows_are_predicted_or_refused(case, data):
    """A network that was trained on ordinary rows, and then gets others."""
    assume(refused(case.fit) is None)
    model, shape = case.model, case.X.shape
    X = data.draw(
        matrices(n_columns=shape[1], dtype=case.X.dtype.type, sizes=tuple(SIZES))
    )
    before = state_of(model)
    refused(lambda: check_predictions(model, X, len(X)))
    assert state_of(model) == before


# Refusals --------------------------------------------------------------------------

WRONG_TYPES = ["a string", b"bytes", -1, -0.5, np.nan, 1 + 1j, {}, [[]], [None], object]
WRONG_TYPES += [(-1,), ("relu", 3), np.array([np.nan]), "", 1e400, [[1], [1, 2]]]
WRONG_TYPES += [{"relu"}, np.array(-1), -(2**70), [1e400], range(0, -9, -1)]
# Of the wrong types above, what some parameters take all the same.
TAKEN = {"random_state", "verbose", "metrics", "class_weight", "n_iter_no_change"}


def spoiled(array, value):
    changed = np.array(array, dtype=np.result_type(array, type(value)))
    changed.flat[-1] = value
    return changed


FAULTS = {
    "NaN": lambda X, y, w: (spoiled(X, np.nan), y, w),
    "infinity": lambda X, y, w: (spoiled(X, -np.inf), y, w),
    "complex": lambda X, y, w: (X.astype(complex), y, w),
    "text": lambda X, y, w: (spoiled(X.astype(object), "a"), y, w),
    "a row short": lambda X, y, w: (X, y[:-1], w),
    "no rows": lambda X, y, w: (X[:0], y[:0], w),
    "no columns": lambda X, y, w: (X[:, :0], y, w),
    "one row as a vector": lambda X, y, w: (X[0], y, w),
    "three dimensions": lambda X, y, w: (X[:, :, None], y, w),
    "nothing": lambda X, y, w: (None, y, w),
    "no targets": lambda X, y, w: (X, None, w),
    "NaN in y": lambda X, y, w: (X, spoiled(np.asarray(y, float), np.nan), w),
    "infinity in y": lambda X, y, w: (X, spoiled(np.asarray(y, float), np.inf), w),
    "None in y": lambda X, y, w: (X, [*y[:-1], None], w),
    "mixed y": lambda X, y, w: (X, np.array([*y[:-1], "a"], object), w),
    "negative weight": lambda X, y, w: (X, y, spoiled(np.ones(len(X)), -1.0)),
    "zero weights": lambda X, y, w: (X, y, np.zeros(len(X))),
    "NaN weight": lambda X, y, w: (X, y, spoiled(np.ones(len(X)), np.nan)),
    "validation weights of zero": lambda X, y, w: (
        X,
        y,
        w,
        {"sample_weight_val": np.zeros(len(X))},
    ),
    "a weight too many": lambda X, y, w: (X, y, np.ones(len(X) + 1)),
    "weights in columns": lambda X, y, w: (X, y, np.ones((len(X), 2))),
    "another number of columns": lambda X, y, w: (X, y, w, {"X_val": X[:, 1:]}),
    "validation data alone": lambda X, y, w: (X, y, w, {"X_val": X, "y_val": None}),
    "NaN in X_val": lambda X, y, w: (X, y, w, {"X_val": spoiled(X, np.nan)}),
    "indices out of range": lambda X, y, w: (_out_of_range(X), y, w),
}


def _out_of_range(X):
    S = scipy.sparse.csr_array(X + 10)
    S.indices[0] = X.shape[1] + 3
    return S


def _may_be_fitted(draw, estimator, n_columns):
    """Return an estimator: sometimes with a fit behind it."""
    drawn = draw(parameters(estimator, max_iter=2, without=("early_stopping",)))
    model = estimator(**drawn)
    if draw(st.booleans()):
        rng = np.random.RandomState(0)
        y = np.abs(rng.normal(size=12)) + 0.1
        y = np.arange(12) % 3 if estimator is MLPClassifier else y
        refused(lambda: model.fit(rng.normal(size=(12, n_columns)), y))
    return model


@holds(120, data=st.data(), estimator=st.sampled_from(ESTIMATORS))
def faulty_data_are_refused(data, estimator):
    """Every fault is refused, in fit and partial_fit, and nothing has changed."""
    X = data.draw(matrices(sizes=("tiny",)))
    assume(min(X.shape) > 1)
    y = (
        np.arange(len(X)) % 3
        if estimator is MLPClassifier
        else np.arange(1, len(X) + 1)
    )
    model = _may_be_fitted(data.draw, estimator, X.shape[1])
    fault = data.draw(st.sampled_from(sorted(FAULTS)))
    wrong_X, wrong_y, sample_weight, *given = FAULTS[fault](X, y, None)
    options = {"X_val": X, "y_val": y, **given[0]} if given else {}
    before = state_of(model)
    calls = [lambda: model.fit(wrong_X, wrong_y, sample_weight, **options)]
    if model.solver != "lbfgs":
        more = {"classes": np.arange(3)} if estimator is MLPClassifier else {}
        calls.append(
            lambda: model.partial_fit(
                wrong_X, wrong_y, sample_weight, **options, **more
            )
        )
    for call in calls:
        assert refused(call), fault
        assert state_of(model) == before, fault


@holds(200, data=st.data(), estimator=st.sampled_from(ESTIMATORS))
def wrong_parameters_are_refused(data, estimator):
    """Any value of a wrong type, or out of range: a readable refusal, or it is valid.

    All parameters but those of many types take none of the wrong ones.
    """
    model = _may_be_fitted(data.draw, estimator, 3)
    name = data.draw(st.sampled_from(sorted(model.get_params())))
    value = data.draw(st.sampled_from(WRONG_TYPES))
    model.set_params(**{name: value})
    before = state_of(model)
    X = np.random.RandomState(1).normal(size=(12, 3))
    y = np.arange(12) % 3 if estimator is MLPClassifier else np.arange(12) + 1.0
    reason = refused(lambda: model.fit(X, y))
    if reason:
        assert state_of(model) == before, name
    else:
        # A callable is valid where nothing calls it; a warning says that it is ignored.
        is_lbfgs = model.solver == "lbfgs"
        uncalled = {"learning_rate": is_lbfgs}
        uncalled["scoring"] = is_lbfgs or not model.early_stopping
        is_ignored = callable(value) and uncalled.get(name, False)
        assert name in TAKEN or is_ignored, f"{name}={value!r} was taken"
        check_predictions_of_rows_trained_on(model, X, y)


# The same in another form ----------------------------------------------------------


def fitted(case):
    """Return the fitted estimator of a case; give the example up if it is refused."""
    try:
        return attempt(case.fit)
    except Refused:
        assume(False)


def assert_same_bits(one, other):
    for part, same in zip(weights_of(one), weights_of(other), strict=True):
        assert_array_equal(part, same)


@holds(60, case=cases(containers=["C order"], sizes=("large", "tiny")), data=st.data())
def containers_and_copies_do_not_matter(case, data):
    """The same numbers in another container give the same bits; so does a second fit.

    After a pickle too. None of them writes to the data.
    """
    model = fitted(case)
    name = data.draw(st.sampled_from(sorted(DENSE)))
    change = DENSE[name]
    given = {k: change(v) if k == "X_val" else v for k, v in case.options.items()}
    other = Case(clone(case.model), change(case.X), case.y, given)
    kept = case.X.copy()
    again = fitted(other)
    assert_same_bits(model, again)
    assert_same_bits(model, model if callable(model.learning_rate) else _copy(model))
    again = fitted(other._replace(model=again.set_params(warm_start=False)))
    assert_same_bits(model, again)
    assert_array_equal(np.asarray(other.X), kept)
    one, has_warned = predicted(model, case.X)
    two, warns_too = predicted(again, other.X)
    assert_array_equal(one, two)
    assert has_warned == warns_too


def _copy(model):
    return pickle.loads(pickle.dumps(model))


# Steps that do not enlarge rounding: a step of Adam is the sign of a gradient, even if
# that is nothing but rounding.
STEADY = {"solver": "sgd", "learning_rate_init": 0.01, "momentum": 0.5}
UNSTEADY = {
    *("solver", "learning_rate", "learning_rate_init", "momentum", "clipvalue"),
    *("global_clipnorm", "early_stopping", "validate", "tol", "metrics", "scoring"),
    # Factors of members are drawn for each column, and take dense inputs only.
    *("n_shared_members", "member_factors"),
}


# Nor do a few iterations of L-BFGS, where nothing has a kink to stumble over.
FEW_ITERATIONS = {"solver": "lbfgs", "max_iter": 3}
KINKED = {"absolute_error", "quantile", "hinge"}
KINKED |= {"step", "relu", "leaky_relu", "selu", "hard_sigmoid"}


def steadied(model, dtype, draw):
    """Return the model with a solver that does not enlarge rounding."""
    wanted = {**model.get_params(), **FEW_ITERATIONS}
    names = {str(name) for name in np.ravel(model.activation)} | {model.loss}
    if dtype == np.float64 and not names & KINKED and draw(st.booleans()):
        event("L-BFGS")
        return type(model)(**sensible(wanted, type(model)))
    return model.set_params(**STEADY)


def assert_close(one, other, dtype, of_first=lambda coef: coef):
    """Compare weights and losses; ``of_first`` turns the first matrix of ``other``."""
    eps = 1e-7 if one.solver == "lbfgs" else 1e4 * np.finfo(dtype).eps
    parts, others = weights_of(one), weights_of(other)
    others[0] = of_first(others[0])
    for part, same in zip(parts, others, strict=True):
        assert_allclose(same, part, rtol=eps, atol=eps * max(1.0, np.abs(part).max()))
    assert_allclose(other.loss_, one.loss_, rtol=eps, atol=eps)


# Which is not centred, and which CSR does not have.
NOT_OF_CSR = UNSTEADY | {"standardize", "feature_scaling"}


@holds(40, case=cases(containers=["C order"], without=NOT_OF_CSR), data=st.data())
def sparse_is_dense(case, data):
    """A sparse matrix of any kind is the dense one, up to the order of sums."""
    case = case._replace(model=steadied(case.model, case.X.dtype, data.draw))
    change = SPARSE[data.draw(st.sampled_from(sorted(SPARSE)))]
    case.options.pop("X_val", None)
    assume(case.options.pop("y_val", None) is None)
    model = fitted(case)
    other = fitted(case._replace(model=clone(case.model), X=change(case.X)))
    assert_close(model, other, case.X.dtype)


@holds(
    60,
    case=cases(
        containers=["C order", "explicit zeros"],
        without=UNSTEADY | {"input_dropout", "warm_start", "feature_scaling"},
    ),
    data=st.data(),
)
def order_of_columns_does_not_matter(case, data):
    """With the first weights in the same order, up to the order of sums.

    What a fit begins with is drawn for each column, so the weights are drawn by one
    fit, turned, and trained by a warm start. ``input_dropout`` is drawn for columns.
    """
    assume("X_val" not in case.options)
    # Statistics of two rows, which differ little, magnify errors of rounding.
    assume(case.model.normalization != "batch" or case.X.shape[0] > 2)
    case = case._replace(model=steadied(case.model, case.X.dtype, data.draw))
    begun = fitted(case).set_params(warm_start=True)
    n = case.X.shape[1]
    order = np.array(data.draw(st.permutations(range(n))))
    turned = _copy(begun) if not callable(begun.learning_rate) else begun
    turned.coefs_[0] = np.ascontiguousarray(turned.coefs_[0][order])
    if turned.standardize:
        turned.input_statistics_[0] = turned.input_statistics_[0][:, order]
    model = fitted(case._replace(model=begun))
    X = (
        scipy.sparse.csr_array(case.X[:, order])
        if scipy.sparse.issparse(case.X)
        else case.X[:, order]
    )
    other = fitted(case._replace(model=turned, X=X))
    assert_close(model, other, case.X.dtype, lambda coef: coef[np.argsort(order)])


NOT_OF_ROWS = UNSTEADY | {"dropout", "input_dropout", "batch_size", "shuffle"}


@holds(60, data=st.data(), estimator=st.sampled_from(ESTIMATORS))
def weights_are_repeated_rows(data, estimator):
    """Rows that count k times are k rows, and rows that count nothing are none.

    In batches of all rows. Batch normalisation does not know the weights.
    """
    drawn = data.draw(parameters(estimator, without=NOT_OF_ROWS))
    assume(drawn.get("normalization") != "batch")
    drawn.pop("dropout", None)
    X = data.draw(matrices())
    model = steadied(estimator(**drawn, shuffle=False), X.dtype, data.draw)
    n = len(X)
    y = data.draw(targets(estimator, n, drawn))
    y = y.toarray() if scipy.sparse.issparse(y) else np.asarray(y)
    times = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    assume(times.any())
    if estimator is MLPClassifier:  # rows that are gone may not take a class with them
        axis = 0 if y.ndim == 2 else None
        times[np.unique(y, return_index=True, axis=axis)[1]] += 1
    weighted, repeated = clone(model), clone(model)
    rows = np.repeat(np.arange(n), times)
    weighted.set_params(batch_size=n)
    repeated.set_params(batch_size=len(rows))
    attempt(lambda: weighted.fit(X, y, sample_weight=times))
    attempt(lambda: repeated.fit(X[rows], y[rows]))
    assert_close(weighted, repeated, X.dtype)


@holds(60, case=cases(containers=["C order", "csr_array"]), data=st.data())
def blocks_of_rows_predict_the_same_bits(case, data):
    """Predictions do not depend on which other rows are predicted with them."""
    model = fitted(case)
    name = "predict"
    if isinstance(model, MLPClassifier):
        name = "decision_function" if model.loss == "hinge" else "predict_proba"
    (whole, has_warned), n = predicted(model, case.X, name), case.X.shape[0]
    cuts = data.draw(st.lists(st.integers(1, n), unique=True, max_size=4))
    edges = [0, *sorted(cut for cut in cuts if cut < n), n]
    rows = (case.X[start:stop] for start, stop in pairwise(edges))
    pieces, warned = zip(*(predicted(model, each, name) for each in rows), strict=True)
    assert_array_equal(np.concatenate(pieces), whole)
    assert any(warned) == has_warned


@amounts
@pytest.mark.parametrize("name", names_in(__name__))
@pytest.mark.default_cases(4)
def test_property(name, factor):
    run(name, factor)
