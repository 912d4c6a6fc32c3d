"""Networks to and from scikit-learn, against its own predictions."""

import shutil

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network as sk
from networks_to_convert import NETWORKS, TASKS, fitted, rows, targets
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from sknn import MLPClassifier, MLPRegressor
from sknn.convert import from_sklearn, to_sklearn

FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])
OF_SKLEARN = ["identity", "logistic", "tanh", "relu"]
SAME = ["batch", "dropout", "no hidden layer", *OF_SKLEARN]


def assert_same(one, other, X):
    tolerance = 1e-5 if X.dtype == np.float32 else 1e-12
    if hasattr(one, "predict_proba"):
        assert_allclose(
            one.predict_proba(X), other.predict_proba(X), atol=tolerance, rtol=0
        )
        found, expected = one.predict(X), other.predict(X)
        assert found.dtype == expected.dtype
        if scipy.sparse.issparse(expected):
            found, expected = found.toarray(), expected.toarray()
        assert_array_equal(found, expected)
    else:
        assert_allclose(
            one.predict(X), other.predict(X), rtol=tolerance, atol=tolerance
        )


@FLOATS
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("network", SAME)
def test_to_scikit_learn_and_back(network, task, dtype):
    model, X = fitted(network, task, dtype)
    converted = to_sklearn(model)
    assert type(converted).__module__.startswith("sklearn.")
    assert converted.coefs_[0].dtype == dtype
    assert_same(converted, model, X)
    assert_same(from_sklearn(converted), model, X)


def of_sklearn(task, **options):
    X = rows()
    is_number = task in ("numbers", "several numbers", "counts")
    estimator = sk.MLPRegressor if is_number else sk.MLPClassifier
    if task == "counts":
        options["loss"] = "poisson"
    model = estimator(hidden_layer_sizes=(7, 5), max_iter=15, random_state=0, **options)
    return model.fit(X, targets(task, X)), X


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", OF_SKLEARN)
def test_from_scikit_learn(activation, task):
    theirs, X = of_sklearn(task, activation=activation)
    ours = from_sklearn(theirs)
    assert type(ours) in (MLPClassifier, MLPRegressor)
    assert_same(ours, theirs, X)
    parameters = ours.get_params()
    assert {name: parameters[name] for name in theirs.get_params()} == (
        theirs.get_params()
    )
    for name in ("loss_", "n_iter_", "t_", "loss_curve_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_from_scikit_learn_with_any_solver(solver, early_stopping):
    X, options = rows(), {"solver": solver, "early_stopping": early_stopping}
    y = targets("classes", X)
    if early_stopping:  # for which scikit-learn 1.7.0 needs labels that are numbers
        y = np.unique(y, return_inverse=True)[1]
    theirs = sk.MLPClassifier((7, 5), max_iter=15, random_state=0, **options).fit(X, y)
    assert_same(from_sklearn(theirs), theirs, X)


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(3) * 2**40,
        np.array([False, True, True]),
        np.array(["a", "b", "c"], object),
        np.arange(3.0),
    ],
)
def test_labels(labels):
    X = rows()
    y = labels[np.arange(len(X)) % 3]
    theirs = sk.MLPClassifier(5, max_iter=5, random_state=0).fit(X, y)
    ours = from_sklearn(theirs)
    assert_same(ours, theirs, X)
    assert_same(to_sklearn(ours), theirs, X)


def test_a_sparse_indicator_matrix_and_names_of_features():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(rows(), columns=list("abcd"))
    y = scipy.sparse.csr_matrix(targets("multilabel", rows()))
    theirs = sk.MLPClassifier(5, max_iter=5, random_state=0).fit(X, y)
    ours = from_sklearn(theirs)
    assert list(ours.feature_names_in_) == list("abcd")
    assert scipy.sparse.issparse(ours.predict(X))
    for converted in (ours, to_sklearn(ours)):
        assert_array_equal(
            np.asarray(converted.predict(X).toarray()), theirs.predict(X).toarray()
        )


@pytest.mark.parametrize("direction", ["from", "to"])
def test_training_goes_on(direction):
    theirs, X = of_sklearn("classes")
    y = targets("classes", X)
    model = from_sklearn(theirs)
    if direction == "to":
        model = to_sklearn(model)
    before = [np.array(coef) for coef in model.coefs_]
    loss = model.loss_
    for _ in range(20):
        model.partial_fit(X, y)
    assert model.loss_ < loss
    assert all((a != b).any() for a, b in zip(before, model.coefs_, strict=True))
    # The weights of the model that was converted are its own.
    assert_same(from_sklearn(theirs), theirs, X)


@pytest.mark.parametrize(
    ("network", "what"),
    [
        ("layer", "the layer 'layer norm', which cannot be folded"),
        ("per layer", r"the activations \['gelu', 'tanh'\]"),
        *((name, f"the activation '{name}'") for name in ("gelu", "step", "elu")),
    ],
)
def test_networks_that_scikit_learn_does_not_have(network, what):
    model, _ = fitted(network)
    with pytest.raises(ValueError, match=f"have no equivalent of .*{what}"):
        to_sklearn(model)


def test_losses_that_scikit_learn_does_not_have():
    X = rows()
    hinge = MLPClassifier(4, loss="hinge", max_iter=2).fit(X, X[:, 0] > 0)
    with pytest.raises(ValueError, match="no equivalent of the loss 'hinge'"):
        to_sklearn(hinge)
    options = {"hidden_layer_sizes": 4, "max_iter": 2}
    levels = MLPRegressor("quantile", quantile=(0.1, 0.9), **options)
    with pytest.raises(ValueError, match="no equivalent of several levels"):
        to_sklearn(levels.fit(X, X[:, 0]))


@pytest.mark.parametrize("loss", ["absolute_error", "quantile", "gamma", "tweedie"])
def test_losses_with_the_same_predictions(loss):
    X = rows()
    model = MLPRegressor(loss, 6, max_iter=5).fit(X, np.abs(X[:, 0]) + 1)
    assert_same(to_sklearn(model), model, X)


def test_parameters_that_scikit_learn_does_not_have():
    X = rows()
    model = MLPClassifier(4, solver="rmsprop", learning_rate="cosine", max_iter=2)
    converted = to_sklearn(model.fit(X, X[:, 0] > 0))
    assert (converted.solver, converted.learning_rate) == ("adam", "constant")
    assert converted.max_iter == 2
    converted.fit(X, X[:, 0] > 0)


@pytest.mark.parametrize("function", [from_sklearn, to_sklearn])
def test_other_estimators(function):
    with pytest.raises(TypeError, match="MLPClassifier or MLPRegressor"):
        function(LogisticRegression())


def test_estimators_that_are_not_fitted():
    with pytest.raises(NotFittedError):
        from_sklearn(sk.MLPClassifier())
    with pytest.raises(NotFittedError):
        to_sklearn(MLPClassifier())


@pytest.mark.parametrize("network", ["tanh", "batch"])
def test_emlearn_writes_our_networks(network, monkeypatch, tmp_path):
    """It reads scikit-learn's, and leaves batch normalisation out of ours."""
    emlearn = pytest.importorskip("emlearn")
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    monkeypatch.chdir(tmp_path)  # where it writes and compiles
    model, X = fitted(network, dtype=np.float32)
    model.fit(X, np.unique(targets("classes", X), return_inverse=True)[1])
    compiled = emlearn.convert(to_sklearn(model), method="loadable")
    assert (compiled.predict(X) == model.predict(X)).mean() > 0.98


assert set(SAME) <= set(NETWORKS)
