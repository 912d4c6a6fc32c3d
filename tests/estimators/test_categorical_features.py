"""The parameters categorical_features and categorical_embedding_size."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import OneHotEncoder

from sknn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
N, N_CODES = 200, 20
X = np.column_stack(
    [
        rng.normal(size=N),
        rng.randint(N_CODES, size=N),
        rng.randint(3, size=N),
        rng.normal(size=N),
        rng.randint(2, size=N),
    ]
)
X[0, 1] = N_CODES - 1
X[1:5, 1] = -1  # unknown ones
X[5:9, 2] = -1
EFFECTS = rng.normal(size=N_CODES + 1)
NUMBERS = EFFECTS[X[:, 1].astype(int)] + X[:, 0] * (X[:, 2] - 1)
ESTIMATORS = {MLPClassifier: np.digitize(NUMBERS, [-1, 1]), MLPRegressor: NUMBERS}
both = pytest.mark.parametrize("estimator", ESTIMATORS)
COLUMNS = [1, 2, 4]
OPTIONS = {
    "categorical_features": COLUMNS,
    "categorical_embedding_size": 3,
    "hidden_layer_sizes": (8,),
    "activation": "tanh",
    "max_iter": 6,
    "random_state": 0,
}


def fitted(estimator, **options):
    return estimator(**OPTIONS | options).fit(X, ESTIMATORS[estimator])


def arrays_of(model):
    return [*model.coefs_, *model.intercepts_, *model.category_vectors_]


def assert_same_fit(one, other):
    for a, b in zip(arrays_of(one), arrays_of(other), strict=True):
        assert_array_equal(a, b)


def by_numpy(model, inputs):
    """Return raw outputs of tanh networks, found in NumPy and scikit-learn."""
    table = model.category_vectors_[0].reshape(N_CODES + 1, 3)
    codes = np.where(
        np.isin(inputs[:, 1], np.arange(N_CODES)), inputs[:, 1], N_CODES
    ).astype(int)
    encoder = OneHotEncoder(
        categories=[range(3)], handle_unknown="ignore", sparse_output=False
    )
    signs = np.select([inputs[:, 4] == 0, inputs[:, 4] == 1], [-1, 1], 0)
    of_three = encoder.fit([[0]]).transform(inputs[:, [2]])
    h = np.column_stack([inputs[:, [0, 3]], table[codes], of_three, signs])
    for k, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        h = h @ W + b
        h = np.tanh(h) if k < len(model.coefs_) - 1 else h
    return h


@both
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_predictions(estimator, solver):
    model = fitted(estimator, solver=solver)
    inputs = X.copy()
    inputs[:8, COLUMNS] = np.array([-1, 0.5, 99, 1e9, -7, 2, 1, 0])[:, np.newaxis]
    raw = by_numpy(model, inputs)
    if estimator is MLPRegressor:
        assert_allclose(model.predict(inputs), raw.ravel(), 1e-9, 1e-9)
    else:
        assert_array_equal(model.predict(inputs), raw.argmax(axis=1))
    assert model.coefs_[0].shape == (2 + 3 + 3 + 1, 8)
    single = inputs.astype(np.float32)
    assert_allclose(
        model.predict(single), fitted(estimator, solver=solver).predict(inputs), 1e-3
    )


def test_it_learns_what_codes_mean():
    options = {"max_iter": 300, "solver": "lbfgs", "alpha": 1e-3}
    assert fitted(MLPRegressor, **options).score(X, NUMBERS) > 0.98
    plain = {"categorical_features": None, "categorical_embedding_size": 8}
    as_numbers = fitted(MLPRegressor, **options, **plain)
    assert as_numbers.score(X, NUMBERS) < 0.9


@both
def test_initial_vectors(estimator):
    rows = X.copy()
    rows[rows[:, 1] == 7, 1] = 8  # which no row has then
    model = estimator(**OPTIONS).initialize(rows, ESTIMATORS[estimator])
    table = model.category_vectors_[0].reshape(N_CODES + 1, 3)
    assert_array_equal(table[[7, N_CODES]], 0)
    rest = np.delete(table, [7, N_CODES], axis=0)
    assert (rest != 0).all()
    assert 0.4 < np.std(rest) * np.sqrt(3) < 1.6


@both
def test_the_unknown_code_learns_where_rows_have_it(estimator):
    y = ESTIMATORS[estimator]
    table = fitted(estimator).category_vectors_[0].reshape(N_CODES + 1, 3)
    assert (table[N_CODES] != 0).all()
    known = estimator(**OPTIONS).fit(np.abs(X), y)
    table = known.category_vectors_[0].reshape(N_CODES + 1, 3)
    assert_array_equal(table[N_CODES], 0)


@both
@pytest.mark.parametrize(
    "value",
    [
        np.array([4, 1, 2, 1]),
        (1, 2, 4),
        np.array([False, True, True, False, True]),
        ["b", "e", "c"],
    ],
    ids=["numbers", "tuple", "mask", "names"],
)
def test_columns_are_named_in_several_ways(estimator, value):
    y = ESTIMATORS[estimator]
    frame = pd.DataFrame(X, columns=[*"abcde"])
    model = estimator(**OPTIONS | {"categorical_features": value}).fit(frame, y)
    assert_same_fit(model, fitted(estimator))


@both
@pytest.mark.parametrize("value", [None, [], np.zeros(5, bool)], ids=repr)
def test_no_columns(estimator, value):
    options = {"categorical_features": value, "categorical_embedding_size": 8}
    model = fitted(estimator, **options)
    assert not hasattr(model, "category_vectors_")
    assert model.coefs_[0].shape == (5, 8)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([5], "X has the columns 0 to 4, got"),
        ([-1], "X has the columns 0 to 4, got"),
        ([True], "this mask has 1 entries for 5 columns of X"),
        ([0.5], r"or their names, got \[0.5\]"),
        ([[1]], r"or their names, got \[\[1\]\]"),
        ([[1, 2], [3]], r"or their names, got"),
        (["a"], "X has no names of columns. Pass a DataFrame"),
        ([0], "must hold codes: 0, 1, 2 and so on, or -1 .* Column 0 of X holds"),
    ],
    ids=str,
)
def test_wrong_columns_are_refused(value, message):
    model = MLPRegressor(categorical_features=value)
    with pytest.raises(ValueError, match=f"categorical_features .*{message}"):
        model.fit(X, NUMBERS)
    assert not hasattr(model, "coefs_")


def test_an_unknown_name_is_refused():
    frame = pd.DataFrame(X, columns=["alpha", "beta", "gamma", "delta", "epsilon"])
    model = MLPRegressor(categorical_features=["gama"])
    with pytest.raises(ValueError, match=r"no column .gama.\. Did you mean .gamma."):
        model.fit(frame, NUMBERS)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (1.5, r"Column 1 of X holds \[1.5\]. Encode it by"),
        (-2, r"Column 1 of X holds \[-2.0\]. Encode it by"),
        (2.0**24, "holds the code 16777216: there may be 16777216 codes at most"),
    ],
)
def test_wrong_codes_are_refused(code, message):
    rows = X.copy()
    rows[3, 1] = code
    with pytest.raises(ValueError, match=message):
        MLPRegressor(**OPTIONS).fit(rows, NUMBERS)
    rows[:, 1] = -1
    with pytest.raises(ValueError, match=r"Column 1 of X, .* holds no code but -1"):
        MLPRegressor(**OPTIONS).fit(rows, NUMBERS)


@both
def test_training_goes_on(estimator):
    y = ESTIMATORS[estimator]
    whole = fitted(estimator, max_iter=12)
    part = pickle.loads(pickle.dumps(fitted(estimator, max_iter=5)))
    assert_same_fit(part.set_params(max_iter=12).resume_fit(X, y), whole)
    shape = whole.category_vectors_[0].shape
    later = X[:40].copy()
    later[0, 1] = 50  # unknown since the first call
    whole.partial_fit(later, y[:40])
    assert whole.category_vectors_[0].shape == shape
    assert_array_equal(pickle.loads(pickle.dumps(whole)).predict(X), whole.predict(X))


@both
def test_training_goes_on_with_the_same_columns_only(estimator):
    y = ESTIMATORS[estimator]
    model = fitted(estimator)
    before = arrays_of(model)
    for name, value in [
        ("categorical_features", [1, 2]),
        ("categorical_features", None),
        ("categorical_embedding_size", 4),
    ]:
        model.set_params(**OPTIONS | {name: value})
        if value is None:
            model.set_params(categorical_embedding_size=8)
        with pytest.raises(ValueError, match=f"only go on with the {name} it began w"):
            model.partial_fit(X, y)
        assert all(a is b for a, b in zip(arrays_of(model), before, strict=True))
    plain = estimator(hidden_layer_sizes=8, max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match="on with the categorical_features it began"):
        plain.set_params(categorical_features=[4]).partial_fit(X, y)
    model.set_params(categorical_features=None, categorical_embedding_size=8).fit(X, y)
    assert not hasattr(model, "category_vectors_")


@both
def test_beside_a_numeric_embedding(estimator):
    options = {"numeric_embedding": "piecewise_linear", "numeric_embedding_size": 2}
    model = fitted(estimator, **options)
    assert model.embedding_weights_[0].shape == (2, 2)  # columns 0 and 3
    assert model.coefs_[0].shape == (2 * 2 + 3 + 3 + 1, 8)
    edges = model.bin_edges_[0][0]
    assert edges[0] == X[:, 0].min()
    assert edges[-1] == X[:, 3].max()
    whole = fitted(estimator, max_iter=9, **options)
    assert_same_fit(
        model.set_params(max_iter=9).resume_fit(X, ESTIMATORS[estimator]), whole
    )


def test_summary(capsys):
    fitted(MLPRegressor).summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[5] == f"input: categories of 3          (None, 9){63:>13}"
    fitted(MLPRegressor, categorical_embedding_size=20).summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[5] == f"input: one-hot of 3            (None, 26){0:>13}"


@both
def test_sparse_inputs_are_refused(estimator):
    model, y = estimator(**OPTIONS), ESTIMATORS[estimator]
    with pytest.raises(ValueError, match="takes dense inputs only, but X is sparse"):
        model.fit(scipy.sparse.csr_array(X), y)
    model.fit(X, y)
    with pytest.raises(ValueError, match=r"takes dense inputs only. Pass X.toarray"):
        model.predict(scipy.sparse.csr_array(X))


@both
@pytest.mark.parametrize(
    "options",
    [
        (1, 20, 3, 2, 4, 0),
        (1, 19, 3, 2, 3, 0, 4, 2, 0),
        (1, 20, 3, 2, 3, 0, 5, 2, 0),
        (2, 20, 3, 1, 3, 0, 4, 2, 0),
        (1, 20, 3, 2, 0, 0, 4, 2, 0),
        (1, 20, 3, 2, 3.0, 0, 4, 2, 0),
        (1, 20, 3, 2, -3, 0, 4, 2, 0),
        (1, 20, 3, 2, 3, 0, 4, 2),
        (),
    ],
    ids=str,
)
def test_tampered_states_are_refused(estimator, options):
    state = fitted(estimator).__getstate__()
    first, *others = state["_architecture"]["layers"]
    layers = [(first[0], options, None), *others]
    state["_architecture"] = {**state["_architecture"], "layers": layers}
    with pytest.raises(ValueError, match="cannot be read by sknn"):
        object.__new__(estimator).__setstate__(state)
