"""A warning where a validation set missed the preprocessing, and none elsewhere."""

import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    PowerTransformer,
    StandardScaler,
)

import sknn
from sknn.estimators.scale_check import warn_of_other_scale

OPTIONS = {"hidden_layer_sizes": (4,), "max_iter": 2, "tol": None, "random_state": 0}
DATA = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "diabetes": datasets.load_diabetes,
}


def divided(X, y):
    order = np.random.RandomState(0).permutation(len(X))
    n = 3 * len(X) // 4
    return X[order[:n]], X[order[n:]], y[order[:n]], y[order[n:]]


def warned(function, *arguments, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*arguments, **options)
    texts = [str(w.message) for w in caught]
    return [text.split(" ", 1)[0] for text in texts if " lies far outside of " in text]


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("is_sparse", [False, True])
def test_features_beside_a_pipeline(name, is_sparse):
    X, X_val, y, y_val = divided(*DATA[name](return_X_y=True))
    regresses = name == "diabetes"
    model = (sknn.MLPRegressor if regresses else sknn.MLPClassifier)(**OPTIONS)
    scaler = StandardScaler().fit(X)
    scaled = scaler.transform(X_val)
    if is_sparse:
        data, X_val, scaled = map(
            scipy.sparse.csr_array, (scaler.transform(X), X_val, scaled)
        )
        assert warned(model.fit, data, y, X_val=X_val, y_val=y_val) == ["X_val"]
        assert warned(model.fit, data, y, X_val=scaled, y_val=y_val) == []
        return
    pipe = Pipeline([("scaler", scaler), ("mlp", model)])
    assert warned(pipe.fit, X, y, mlp__X_val=X_val, mlp__y_val=y_val) == ["X_val"]
    assert warned(pipe.fit, X, y, mlp__X_val=scaled, mlp__y_val=y_val) == []
    data = scaler.transform(X)
    # The same in each call that goes on, but for later batches, which may be anything.
    for call in (model.partial_fit, model.fit, model.resume_fit):
        model.__dict__.pop("coefs_", None)
        if call == model.resume_fit:
            warned(model.fit, data, y, X_val=X_val, y_val=y_val)
        arguments = {"X_val": X_val, "y_val": y_val}
        assert warned(call, data, y, **arguments) == ["X_val"]
    assert warned(model.partial_fit, data, y, **arguments) == []


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), PowerTransformer()]
)
@pytest.mark.parametrize("n_targets", [1, 2])
def test_targets_beside_a_transformed_target(scaler, n_targets):
    X, X_val, y, y_val = divided(*datasets.load_diabetes(return_X_y=True))
    if n_targets == 2:
        y, y_val = np.c_[y, y**2], np.c_[y_val, y_val**2]
    model = make_pipeline(StandardScaler(), sknn.MLPRegressor(**OPTIONS))
    both = TransformedTargetRegressor(model, transformer=scaler)
    scaled = StandardScaler().fit(X).transform(X_val)
    arguments = {"mlpregressor__X_val": scaled, "mlpregressor__y_val": y_val}
    assert warned(both.fit, X, y, **arguments) == ["y_val"]
    columns = y_val.reshape(len(y_val), -1)
    right = scaler.fit(y.reshape(len(y), -1)).transform(columns)
    arguments["mlpregressor__y_val"] = right[:, 0] if n_targets == 1 else right
    assert warned(both.fit, X, y, **arguments) == []


def test_the_other_way_round():
    """A validation set that was scaled, beside raw data."""
    X, X_val, y, y_val = divided(*datasets.load_iris(return_X_y=True))
    scaled = StandardScaler().fit(X).transform(X_val)
    model = sknn.MLPRegressor(**OPTIONS)
    assert warned(model.fit, X, y, X_val=scaled, y_val=y_val) == ["X_val"]
    assert warned(model.fit, X, 1e5 + 1e4 * y, X_val=X_val, y_val=y_val) == ["y_val"]


def test_what_the_warning_says():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(200, 2))
    model = sknn.MLPRegressor(**OPTIONS)
    match = (
        r"2 of 2 columns differ, column 1 the most, with mean 50\d and standard "
        r"deviation 9.* in place of .*transform_input=\['X_val'\]"
    )
    with pytest.warns(UserWarning, match=match):
        model.fit(X, X[:, 0], X_val=X * [9, 9.5] + [90, 500], y_val=X[:, 0])
    with pytest.warns(
        UserWarning, match=r"y_val lies .*: it has mean 6.9.*transformer"
    ):
        model.fit(X, X[:, 0], X_val=X, y_val=X[:, 0] + 7)


def test_the_cure_works():
    """``transform_input`` gives what the scaled set gives."""
    X, X_val, y, y_val = divided(*datasets.load_diabetes(return_X_y=True))
    y, y_val = y / 100, y_val / 100
    scaled = StandardScaler().fit(X).transform(X_val)
    model = sknn.MLPRegressor(early_stopping=True, random_state=0, max_iter=20)
    plain = make_pipeline(StandardScaler(), sklearn.clone(model))
    arguments = {"mlpregressor__X_val": scaled, "mlpregressor__y_val": y_val}
    plain.fit(X, y, **arguments)
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(X_val=True, y_val=True)
        try:
            pipe = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
        except TypeError:
            pytest.skip("scikit-learn before 1.6 has no transform_input")
        assert warned(pipe.fit, X, y, X_val=X_val, y_val=y_val) == []
    expected = plain[-1].validation_scores_
    np.testing.assert_allclose(pipe[-1].validation_scores_, expected, rtol=1e-12)


# No warning --------------------------------------------------------------------------


def one_hot(rng, n):
    return np.eye(50)[rng.randint(50, size=n)]


def rare(rng, n):
    return scipy.sparse.random(n, 300, density=0.003, format="csr", random_state=rng)


KINDS = {
    "normal": lambda rng, n: rng.normal(size=(n, 1)),
    "cauchy": lambda rng, n: rng.standard_cauchy((n, 4)),
    "lognormal": lambda rng, n: np.exp(2 * rng.normal(size=(n, 2))),
    "counts": lambda rng, n: rng.poisson(0.1, size=(n, 3)).astype(float),
    "one-hot": one_hot,
    "rare": rare,
    "constant columns": lambda rng, n: np.c_[np.full((n, 5), 7.0), rng.normal(size=n)],
}


@pytest.mark.parametrize("n_val", [1, 2, 10, 300])
@pytest.mark.parametrize("kind", KINDS)
def test_samples_of_one_distribution(kind, n_val):
    for seed in range(4):
        data = KINDS[kind](np.random.RandomState(seed), 400 + n_val)
        y = np.random.RandomState(seed).standard_t(2, size=400 + n_val)
        model = sknn.MLPRegressor(**OPTIONS)
        arguments = {"X_val": data[400:], "y_val": y[400:]}
        assert warned(model.fit, data[:400], y[:400], **arguments) == []


def shift(X):
    """The validation set comes later, when all has moved on."""
    return X + np.linspace(0, 1, len(X))[:, np.newaxis] * 2


@pytest.mark.parametrize("standardise", [False, True])
def test_ordinary_shift(standardise):
    data = shift(np.random.RandomState(0).normal(size=(500, 4)))
    time = np.c_[np.arange(500.0), data]
    for X in (data, time, time[:, :1]):
        own = StandardScaler().fit(X[:400]).transform(X) if standardise else X
        y = own[:, 0]
        model = sknn.MLPRegressor(**OPTIONS)
        arguments = {"X_val": own[400:], "y_val": y[400:]}
        assert warned(model.fit, own[:400], y[:400], **arguments) == []


def test_one_of_many_features():
    """That a single feature moved is a matter of the data."""
    X = np.random.RandomState(0).normal(size=(300, 5))
    moved = X + np.array([100, 0, 0, 0, 0])
    model = sknn.MLPRegressor(**OPTIONS)
    assert warned(model.fit, X, X[:, 1], X_val=moved, y_val=X[:, 1]) == []


def test_few_rows_to_compare_with():
    X = np.random.RandomState(0).normal(size=(9, 2))
    model = sknn.MLPRegressor(**OPTIONS)
    assert warned(model.partial_fit, X, X[:, 1], X_val=X + 99, y_val=X[:, 1]) == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array])
def test_moments_that_overflow_give_no_warning_of_numpy(kind, dtype):
    largest = np.finfo(dtype).max / 3
    X = kind(np.repeat([[largest], [-largest]], 5, axis=0).astype(dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_other_scale(X, X, None, None)
