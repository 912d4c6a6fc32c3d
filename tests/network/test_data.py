"""What X, y and the labels may be: dtypes, layouts, sparse formats, kinds of labels."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.exceptions import DataConversionWarning

import sknn

CLASSIFIERS = (sknn.MLPClassifier, neural_network.MLPClassifier)
REGRESSORS = (sknn.MLPRegressor, neural_network.MLPRegressor)
each_pair = pytest.mark.parametrize(
    ("ours", "theirs"), [CLASSIFIERS, REGRESSORS], ids=["classifier", "regressor"]
)
each_estimator = pytest.mark.parametrize(
    "estimator", [sknn.MLPClassifier, sknn.MLPRegressor]
)
each_solver = pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])

rng = np.random.RandomState(0)
X = np.round(rng.normal(size=(50, 5)) * (rng.uniform(size=(50, 5)) < 0.6), 2)
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0, 1.0]
LABELS = (NUMBERS > 0).astype(int)
THREE = np.digitize(NUMBERS, [-1, 1])


def y_for(estimator):
    return THREE if estimator.__name__ == "MLPClassifier" else NUMBERS


def new(estimator, **changes):
    parameters = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 0}
    return estimator(**parameters | changes)


def outputs(model, X):
    """Return the network's predictions: probabilities, or numbers."""
    return getattr(model, "predict_proba", model.predict)(X)


def assert_same_weights(model, expected, **tolerance):
    for mine, other in zip(
        model.coefs_ + model.intercepts_,
        expected.coefs_ + expected.intercepts_,
        strict=True,
    ):
        assert_allclose(mine, other, **tolerance)


# dtypes ----------------------------------------------------------------------------

DTYPES = ["float32", "float64", "float16", "longdouble", "int8", "int64", "uint32", "?"]


@each_pair
@each_solver
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(ours, theirs, solver, dtype):
    data, y = X.astype(dtype), y_for(ours)
    model = new(ours, solver=solver).fit(data, y)
    reference = new(theirs, solver=solver).fit(data, y)
    float32 = dtype == "float32"
    expected = np.dtype("float32" if float32 else "float64")
    weights = model.coefs_ + model.intercepts_
    assert {part.dtype for part in weights} == {expected}
    assert outputs(model, data).dtype == expected
    assert model.predict(data).dtype == (y.dtype if y is THREE else expected)
    # scikit-learn computes in float64 here, and in long doubles when it predicts.
    if not (float32 and solver == "lbfgs") and dtype != "longdouble":
        assert weights[0].dtype == reference.coefs_[0].dtype
        assert outputs(model, data).dtype == outputs(reference, data).dtype
    tolerance = {"rtol": 1e-3, "atol": 1e-4} if float32 else {"rtol": 1e-6}
    assert_allclose(outputs(model, data), outputs(reference, data), **tolerance)


@each_pair
@pytest.mark.parametrize("fitted", ["float32", "float64"])
@pytest.mark.parametrize("asked", ["float32", "float64", "int64"])
def test_dtype_of_predictions(ours, theirs, fitted, asked):
    """The wider of the dtypes of X and of the weights."""
    y = y_for(ours)
    results = []
    for estimator in (ours, theirs):
        model = new(estimator).fit(X.astype(fitted), y)
        results.append(outputs(model, X.astype(asked)))
    assert results[0].dtype == results[1].dtype
    assert_allclose(*results, rtol=1e-4, atol=1e-5)


@each_estimator
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_partial_fit_keeps_the_dtype(estimator, dtype):
    y = y_for(estimator)
    model = new(estimator).fit(X.astype(dtype), y)
    for other in ("float64", "float32", "int64"):
        model.partial_fit(X.astype(other), y)
        assert {part.dtype for part in model.coefs_} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "?"])
def test_dtypes_of_numeric_targets(dtype):
    y = (NUMBERS > 0) if dtype == "?" else np.abs(np.round(NUMBERS)).astype(dtype)
    model = new(sknn.MLPRegressor).fit(X, y)
    reference = new(sknn.MLPRegressor).fit(X, y.astype(float))
    assert_same_weights(model, reference, rtol=0)
    assert model.predict(X).dtype == np.float64


# Layouts ---------------------------------------------------------------------------


def read_only(array):
    view = array.copy()
    view.flags.writeable = False
    return view


def strided(array):
    return np.repeat(np.repeat(array, 2, axis=0), 3, axis=1)[::2, ::3]


def unaligned(array):
    raw = np.zeros(array.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[:] = array
    return view


LAYOUTS = {
    "read-only": read_only,
    "Fortran order": np.asfortranarray,
    "read-only, Fortran order": lambda array: read_only(array.T).T,
    "strided": strided,
    "reversed": lambda array: array[::-1].copy()[::-1],
    "unaligned": unaligned,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "masked, nothing hidden": np.ma.masked_array,
    "a list": lambda array: array.tolist(),
    "objects": lambda array: array.astype(object),
    "a memory map": None,
}


@each_estimator
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layouts(estimator, dtype, layout, tmp_path):
    data = X.astype(dtype)
    convert = LAYOUTS[layout]
    if layout == "a memory map":
        np.save(tmp_path / "X.npy", data)
        odd = np.load(tmp_path / "X.npy", mmap_mode="r")
    else:
        odd = convert(data)
    if layout in ("a list", "objects", "big-endian"):
        data = data.astype("float64")
    y = y_for(estimator)
    model = new(estimator).fit(odd, y)
    reference = new(estimator).fit(data, y)
    assert_same_weights(model, reference, rtol=0)
    assert_array_equal(outputs(model, odd), outputs(reference, data))


@each_estimator
def test_layouts_of_targets_and_weights(estimator):
    y, weights = y_for(estimator), rng.uniform(size=50)
    expected = new(estimator).fit(X, y, weights)
    for convert in (read_only, unaligned, lambda a: a[::-1].copy()[::-1], list):
        model = new(estimator).fit(X, convert(y), convert(weights))
        assert_same_weights(model, expected, rtol=0)


@each_estimator
@each_solver
def test_inputs_are_left_alone(estimator, solver):
    data, y, weights = X.copy(), y_for(estimator).copy(), np.ones(50)
    new(estimator, solver=solver).fit(data, y, weights).predict(data)
    assert_array_equal(data, X)
    assert_array_equal(y, y_for(estimator))
    assert_array_equal(weights, np.ones(50))


# Sparse X --------------------------------------------------------------------------

# csr_matrix, csr_array and so on.
CONTAINERS = [
    name
    for name, container in sorted(vars(scipy.sparse).items())
    if name.endswith(("_matrix", "_array"))
    and isinstance(container, type)
    and issubclass(container, (scipy.sparse.spmatrix, scipy.sparse.sparray))
]


def test_all_containers_are_tested():
    assert len(CONTAINERS) == 14


def with_int64_indices(matrix):
    matrix = matrix.copy()
    matrix.indices = matrix.indices.astype(np.int64)
    matrix.indptr = matrix.indptr.astype(np.int64)
    return matrix


@each_estimator
@pytest.mark.parametrize("container", CONTAINERS)
def test_sparse_formats(estimator, container):
    data = getattr(scipy.sparse, container)(X)
    y = y_for(estimator)
    model, dense = new(estimator).fit(data, y), new(estimator).fit(X, y)
    assert_same_weights(model, dense, rtol=1e-9, atol=1e-12)
    assert_allclose(outputs(model, data), outputs(dense, X), rtol=1e-9)
    assert_allclose(outputs(model, X), outputs(dense, X), rtol=1e-9)


@each_estimator
@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("form", ["csr", "csc"])
def test_int64_indices(estimator, form, kind):
    data = getattr(scipy.sparse, f"{form}_{kind}")(X)
    wide = with_int64_indices(data)
    y = y_for(estimator)
    model, expected = new(estimator).fit(wide, y), new(estimator).fit(data, y)
    assert_same_weights(model, expected, rtol=0)
    assert_array_equal(outputs(model, wide), outputs(expected, data))


@each_pair
@each_solver
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"early_stopping": True}])
def test_sparse_as_sklearn(ours, theirs, solver, dtype, options):
    data = scipy.sparse.csr_array(X.astype(dtype))
    y = LABELS if y_for(ours) is THREE else NUMBERS
    model = new(ours, solver=solver, batch_size=9, **options).fit(data, y)
    expected = new(theirs, solver=solver, batch_size=9, **options).fit(data, y)
    rtol = 1e-3 if dtype == "float32" else 1e-7
    assert_allclose(outputs(model, data), outputs(expected, data), rtol, rtol / 10)


@each_estimator
def test_awkward_sparse(estimator):
    """Stored zeros, duplicates, indices out of order and rows without entries."""
    y = y_for(estimator)
    data = X.copy()
    data[[0, 7, 49]] = 0
    expected = new(estimator).fit(data, y)
    entries = scipy.sparse.coo_array(data)
    rows = np.concatenate([entries.row[::-1], entries.row, [0, 49]])
    columns = np.concatenate([entries.col[::-1], entries.col, [1, 4]])
    values = np.concatenate([entries.data[::-1] / 2, entries.data / 2, [0.0, 0.0]])
    order = np.argsort(rows, kind="stable")
    indptr = np.searchsorted(rows[order], np.arange(51))
    awkward = scipy.sparse.csr_array(
        (values[order], columns[order], indptr), shape=data.shape
    )
    assert not awkward.has_canonical_format
    model = new(estimator).fit(awkward, y)
    assert_same_weights(model, expected, rtol=1e-9, atol=1e-12)
    assert_allclose(outputs(model, awkward), outputs(expected, data), rtol=1e-9)


# Labels ----------------------------------------------------------------------------

LABEL_SETS = {
    "strings": ["no", "yes", "maybe"],
    "objects": np.array(["no", "yes", "maybe"], dtype=object),
    "integers": [-5, 0, 70],
    "integers beyond 2**53": [2**53, 2**53 + 1, 2**53 + 2],
    "unsigned integers": np.array([0, 2**64 - 2, 2**64 - 1], dtype=np.uint64),
    "whole floats": [1.0, 2.0, 5.0],
    "int8": np.array([-1, 0, 1], dtype=np.int8),
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", LABEL_SETS)
def test_labels(name, n_classes):
    labels = np.asarray(LABEL_SETS[name])[:n_classes]
    y = labels[np.minimum(THREE, n_classes - 1)]
    model, reference = (
        new(estimator, solver="lbfgs", max_iter=30).fit(X, y)
        for estimator in CLASSIFIERS
    )
    assert_array_equal(model.classes_, np.unique(y))
    assert model.classes_.dtype == reference.classes_.dtype
    predicted = model.predict(X)
    assert predicted.dtype == reference.predict(X).dtype
    assert_array_equal(predicted, reference.predict(X))
    assert np.mean(predicted == y) > 0.95
    assert_array_equal(predicted, model.classes_[model.predict_proba(X).argmax(axis=1)])


@pytest.mark.parametrize("name", LABEL_SETS)
def test_labels_in_partial_fit_and_early_stopping(name):
    labels = np.asarray(LABEL_SETS[name])
    y = labels[THREE]
    parts = new(sknn.MLPClassifier).partial_fit(X[:5], y[:5], classes=np.unique(labels))
    expected = new(neural_network.MLPClassifier)
    expected.partial_fit(X[:5], y[:5], classes=np.unique(labels))
    assert_array_equal(parts.classes_, np.unique(labels))
    assert_array_equal(parts.predict(X), expected.predict(X))
    stopped = new(sknn.MLPClassifier, early_stopping=True).fit(X, y)
    assert len(stopped.validation_scores_) == stopped.n_iter_
    assert all(0 <= score <= 1 for score in stopped.validation_scores_)


def test_boolean_labels():
    y = LABELS.astype(bool)
    model = new(sknn.MLPClassifier, solver="lbfgs", max_iter=100).fit(X, y)
    assert model.predict(X).dtype == bool
    assert model.score(X, y) > 0.95


@pytest.mark.parametrize("n_classes", [1, 2, 25])
def test_extreme_numbers_of_classes(n_classes):
    y = np.arange(50) % n_classes
    model = new(sknn.MLPClassifier).fit(X, y)
    expected = new(neural_network.MLPClassifier).fit(X, y)
    assert_array_equal(model.classes_, np.arange(n_classes))
    assert_array_equal(model.predict(X), expected.predict(X))
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (50, n_classes)
    assert_allclose(probabilities.sum(axis=1), 1)


MULTILABEL = np.c_[LABELS, NUMBERS > 1, X[:, 0] > 0].astype(int)


@pytest.mark.parametrize("predict", ["predict", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("dtype", ["int64", "int32", "float64", "?"])
def test_multilabel(predict, dtype):
    y = MULTILABEL.astype(dtype)
    results = [
        getattr(new(estimator).fit(X, y), predict)(X) for estimator in CLASSIFIERS
    ]
    assert results[0].dtype == results[1].dtype
    assert results[0].shape == (50, 3)
    assert_allclose(*results, rtol=1e-7)


@pytest.mark.parametrize("container", CONTAINERS)
def test_sparse_multilabel(container):
    """Sparse labels give sparse predictions."""
    y = getattr(scipy.sparse, container)(MULTILABEL)
    ours, theirs = (new(estimator).fit(X, y).predict(X) for estimator in CLASSIFIERS)
    assert scipy.sparse.issparse(ours)
    assert type(ours) is type(theirs)
    assert ours.dtype == theirs.dtype
    assert_array_equal(ours.toarray(), theirs.toarray())
    dense = new(sknn.MLPClassifier).fit(X, MULTILABEL).predict(X)
    assert_array_equal(ours.toarray(), dense)


def test_multilabel_learns():
    model = new(sknn.MLPClassifier, solver="lbfgs", max_iter=200)
    assert model.fit(X, MULTILABEL).score(X, MULTILABEL) > 0.9
    assert_array_equal(model.predict(X), model.predict_proba(X) > 0.5)


# Shapes ----------------------------------------------------------------------------


@each_pair
@each_solver
@pytest.mark.parametrize("shape", [(1, 5), (50, 1), (2, 1)])
def test_few_rows_or_columns(ours, theirs, solver, shape):
    data = X[: shape[0], : shape[1]]
    y = y_for(ours)[: shape[0]]
    ours, theirs = (
        new(estimator, solver=solver).fit(data, y) for estimator in (ours, theirs)
    )
    assert_same_weights(ours, theirs, rtol=1e-6)
    assert_array_equal(ours.predict(data).shape, theirs.predict(data).shape)
    assert_allclose(ours.predict(data), theirs.predict(data), rtol=1e-6)


@pytest.mark.parametrize("n_outputs", [None, 1, 3])
def test_shape_of_regression(n_outputs):
    y = NUMBERS if n_outputs is None else np.tile(NUMBERS[:, np.newaxis], n_outputs)
    if n_outputs == 1:
        with pytest.warns(DataConversionWarning, match="column-vector"):
            model = new(sknn.MLPRegressor).fit(X, y)
    else:
        model = new(sknn.MLPRegressor).fit(X, y)
    assert model.predict(X).shape == ((50, 3) if n_outputs == 3 else (50,))


@pytest.mark.parametrize("container", [scipy.sparse.csr_array, scipy.sparse.csr_matrix])
def test_sparse_targets_of_the_regressor(container):
    y = np.random.RandomState(0).poisson(0.5, size=(30, 2)).astype(float)
    X = np.random.RandomState(1).normal(size=(30, 3))
    dense, sparse = (
        sknn.MLPRegressor(max_iter=5, random_state=0).fit(X, targets)
        for targets in (y, container(y))
    )
    np.testing.assert_array_equal(sparse.predict(X), dense.predict(X))
