"""Parameters with one value for each hidden layer, and depth as a number."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sknn

rng = np.random.RandomState(0)
X = rng.normal(size=(90, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = (NUMBERS > 0).astype(int)


def test_activations_of_each_layer_by_the_formula():
    model = sknn.MLPRegressor(
        hidden_layer_sizes=(6, 5, 4),
        activation=("tanh", "relu", "logistic"),
        max_iter=3,
        random_state=0,
    )
    model.fit(X, NUMBERS)
    functions = [np.tanh, lambda z: np.maximum(z, 0), lambda z: 1 / (1 + np.exp(-z))]
    x = X
    for k, function in enumerate(functions):
        x = function(x @ model.coefs_[k] + model.intercepts_[k])
        assert_allclose(model.hidden_activations(X, k), x, rtol=1e-12)
    predicted = (x @ model.coefs_[3] + model.intercepts_[3]).ravel()
    assert_allclose(model.predict(X), predicted, rtol=1e-12)


@pytest.mark.parametrize(
    ("one", "each"),
    [
        ({"activation": "tanh"}, {"activation": ("tanh", "tanh")}),
        ({"activation": "tanh"}, {"activation": ["tanh", "tanh"]}),
        ({"activation": "tanh"}, {"activation": np.array(["tanh", "tanh"])}),
        ({"dropout": 0.2}, {"dropout": (0.2, 0.2)}),
        ({"dropout": 0.2}, {"dropout": np.array([0.2, 0.2])}),
        ({"hidden_layer_sizes": 7, "n_hidden_layers": 2}, {}),
        ({"hidden_layer_sizes": (7,), "n_hidden_layers": 2}, {}),
        ({"hidden_layer_sizes": (7, 7), "n_hidden_layers": 2}, {}),
    ],
    ids=str,
)
def test_one_value_is_that_of_each_layer(one, each):
    options = {"hidden_layer_sizes": (7, 7), "max_iter": 4, "random_state": 0}
    first = sknn.MLPClassifier(**options | one).fit(X, LABELS)
    second = sknn.MLPClassifier(**options | each).fit(X, LABELS)
    for a, b in zip(first.coefs_, second.coefs_, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("sizes", [(), (3,), (3, 3)], ids=str)
@pytest.mark.parametrize("name", ["activation", "kernel_initializer", "dropout"])
@pytest.mark.parametrize("value", [{}, {"relu"}, np.array(-1)], ids=str)
def test_no_values_for_layers(name, value, sizes, solver):
    """Where there are no layers to have them, too."""
    model = sknn.MLPRegressor(
        hidden_layer_sizes=sizes, solver=solver, max_iter=2, **{name: value}
    )
    with pytest.raises(ValueError, match=name):
        model.fit(X, NUMBERS)


def test_no_hidden_layers():
    options = {"max_iter": 3, "random_state": 0}
    linear = sknn.MLPRegressor(hidden_layer_sizes=(), **options).fit(X, NUMBERS)
    zero = sknn.MLPRegressor(n_hidden_layers=0, **options)
    assert_array_equal(zero.fit(X, NUMBERS).coefs_[0], linear.coefs_[0])
    assert linear.coefs_[0].shape == (4, 1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": ("relu",)}, r"has 1 for 2 hidden layers"),
        ({"activation": ("relu", "rely")}, r"activation has no option 'rely'. The opt"),
        ({"activation": ("relu", 3)}, r"activation has no option 3"),
        ({"dropout": (0.1, 0.2, 0.3)}, r"dropout must be one value, .* has 3 for 2"),
        ({"dropout": (0.1, 1.0)}, r"dropout must be the fraction .* got 1.0"),
        ({"dropout": (0.1, "a")}, r"dropout must be the fraction .* got 'a'"),
        ({"dropout": (0.1, -0.2)}, r"dropout must be the fraction .* got -0.2"),
        ({"dropout": (0.1, np.nan)}, r"dropout must be the fraction .* got nan"),
        ({"dropout": 1.0}, r"The 'dropout' parameter of MLPClassifier must be"),
        ({"kernel_initializer": ("auto",)}, r"has 1 for 2 hidden layers"),
        ({"kernel_initializer": ("auto", "xavier")}, r"no option 'xavier'"),
        ({"n_hidden_layers": 3}, r"n_hidden_layers=3 asks for another number of"),
        ({"n_hidden_layers": -1}, r"The 'n_hidden_layers' parameter of"),
    ],
    ids=str,
)
def test_refusals(parameters, message):
    model = sknn.MLPClassifier(hidden_layer_sizes=(6, 5), **parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(X, LABELS)
    assert not hasattr(model, "coefs_")


# The values of one layer by its number ---------------------------------------------


def test_set_params_of_a_layer():
    model = sknn.MLPClassifier(hidden_layer_sizes=(6, 5, 4), alpha=1)
    model.set_params(
        activation__1="tanh",
        dropout__2=0.3,
        hidden_layer_sizes__0=60,
        kernel_initializer__0="he_normal",
        alpha=2,
    )
    assert model.hidden_layer_sizes == (60, 5, 4)
    assert model.activation == ("relu", "tanh", "relu")
    assert model.dropout == (0.0, 0.0, 0.3)
    assert model.kernel_initializer == ("he_normal", "auto", "auto")
    assert model.alpha == 2


def test_whole_values_are_set_before_those_of_a_layer():
    model = sknn.MLPClassifier()
    model.set_params(activation__2="tanh", n_hidden_layers=3, hidden_layer_sizes=8)
    assert model.activation == ("relu", "relu", "tanh")
    model.set_params(hidden_layer_sizes__1=5)
    assert model.hidden_layer_sizes == (8, 5, 8)
    assert model.fit(X, LABELS).coefs_[2].shape == (5, 8)


def test_the_layers_of_another_estimator_stay():
    """Values are replaced, not changed: clones share them."""
    model = sknn.MLPClassifier((6, 5), dropout=[0.1, 0.2])
    copy = clone(model).set_params(dropout__0=0.5)
    assert model.dropout == [0.1, 0.2]
    assert copy.dropout == (0.5, 0.2)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation__1": "tanh"}, "activation__1 is that of a hidden layer which"),
        ({"alpha__0": 1}, "Invalid parameter|does not|has no"),
        ({"activation__x": "tanh"}, "Invalid parameter|has no|does not"),
    ],
)
def test_set_params_refusals(parameters, message):
    with pytest.raises((ValueError, AttributeError), match=message):
        sknn.MLPClassifier().set_params(**parameters)


def test_in_a_search():
    pipeline = make_pipeline(
        StandardScaler(), sknn.MLPClassifier((6, 5), max_iter=5, random_state=0)
    )
    grid = {
        "mlpclassifier__hidden_layer_sizes__0": [3, 4],
        "mlpclassifier__activation__1": ["tanh", "relu"],
        "mlpclassifier__dropout__1": [0.0, 0.1],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, LABELS)
    best = search.best_estimator_[-1]
    assert best.coefs_[0].shape == (4, search.best_params_[next(iter(grid))])
    assert len(search.cv_results_["params"]) == 8


def test_depth_and_width_as_numbers_in_a_search():
    grid = {"hidden_layer_sizes": [3, 5], "n_hidden_layers": [1, 3]}
    model = sknn.MLPClassifier(max_iter=5, random_state=0)
    search = GridSearchCV(model, grid, cv=2).fit(X, LABELS)
    assert len(search.best_estimator_.coefs_) - 1 in (1, 3)
