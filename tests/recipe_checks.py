"""What holds for every component of a kind, in a process of its own.

``python recipe_checks.py KIND NAME`` checks the component that a recipe of
the page on extending added to the package on the path. ``test_recipes.py`` runs it.
"""

import importlib
import inspect
import pickle
import sys
import warnings

import networks
import numpy as np
import pytest
from networks import (
    FLOAT64,
    LOSS_OPTIONS,
    N_FEATURES,
    N_OUTPUTS,
    TOLERANCE,
    differences,
    make_training_data,
    network_of,
    point_and_differences,
    with_gradient_of_the_sum,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

import sknn
from sknn import MLPClassifier, MLPRegressor
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.output_activations import call_output_activation
from sknn.kernels.losses.table import (
    CLASSIFICATION_LOSSES,
    LOSSES,
    OUTPUT_ACTIVATIONS,
    REGRESSION_LOSSES,
)
from sknn.kernels.optim.optimizers import SOLVERS
from sknn.network.initializers import INITIALIZERS
from sknn.network.layers.base import Layer
from sknn.network.layers.table import LAYERS
from sknn.network.layout import Architecture, mlp_layers
from sknn.network.network import Network
from sknn.training.lbfgs import objective
from sknn.training.schedules import SCHEDULES

BOTH = (MLPClassifier, MLPRegressor)
rng = np.random.RandomState(0)
X = rng.normal(size=(40, 3))
NUMBERS = 2 + X[:, 0]
CLASSES = np.digitize(X[:, 0], [-0.5, 0.5])


def check_documentation(component, name, *documented):
    """The description stands in the docstrings, below the name."""
    item = f"- '{name}': {component.description}"
    for target in documented:
        assert item in " ".join(target.__doc__.split()), target
        assert max(map(len, target.__doc__.splitlines())) <= 88
        if getattr(component, "reference", ""):
            assert component.reference in " ".join(target.__doc__.split())


def check_gradient(network, loss):
    """The gradient of the loss of a network is that of differences."""
    data = make_training_data(loss, weighted=True)
    alpha = 0.3

    def value_and_gradient(theta):
        return objective(network, LOSSES[loss], data, alpha, theta)

    function = with_gradient_of_the_sum(
        network, loss, data, alpha, lambda theta: value_and_gradient(theta)[0]
    )
    theta, expected = point_and_differences(network, function)
    scale = LOSSES[loss].reported_scale(network.n_outputs)
    assert scale == 1 or loss == "squared_error"
    assert_allclose(value_and_gradient(theta)[1], expected, **TOLERANCE)


def check_learning(*estimators, **parameters):
    """Fits learn, in both dtypes; what is learnt survives pickles."""
    parameters = {"random_state": 0, "max_iter": 40, **parameters}
    parameters = {"hidden_layer_sizes": (4,), "learning_rate_init": 0.05, **parameters}
    for estimator in estimators:
        y = CLASSES if issubclass(estimator, MLPClassifier) else NUMBERS
        for dtype in (np.float32, np.float64):
            model = estimator(**parameters).fit(X.astype(dtype), y)
            assert model.loss_curve_[-1] < 0.8 * model.loss_curve_[0], estimator
            assert model.coefs_[0].dtype == dtype
        copy = pickle.loads(pickle.dumps(model))
        assert_array_equal(copy.predict(X), model.predict(X))
        model.partial_fit(X, y)
        assert np.isfinite(model.score(X, y))


def check_activation(name):
    """An activation: values, gradients, fits, documentation."""
    check_documentation(ACTIVATIONS[name], name, *BOTH)
    check_gradient(network_of((3, 2), name, "squared_error"), "squared_error")
    check_learning(*BOTH, activation=name)


def check_regression_loss(name):
    """A loss of numbers: gradients, fits, documentation."""
    check_documentation(REGRESSION_LOSSES[name], name, MLPRegressor)
    networks.TARGETS[name] = networks.TARGETS["squared_error"]
    check_gradient(network_of((3,), "tanh", name), name)
    check_learning(MLPRegressor, loss=name)
    assert name in REGRESSION_LOSSES
    assert np.isfinite(MLPRegressor(name, max_iter=2).fit(X, NUMBERS).loss_)


def check_classification_loss(name):
    """A loss of classes: gradients of both forms, fits, documentation."""
    check_documentation(CLASSIFICATION_LOSSES[name], name, MLPClassifier)
    networks.TARGETS[name] = networks.TARGETS["log_loss"]
    networks.TARGETS[f"binary_{name}"] = networks.TARGETS["binary_log_loss"]
    for form in (name, f"binary_{name}"):
        check_gradient(network_of((3,), "tanh", form), form)
    check_learning(MLPClassifier, loss=name)
    labels = np.column_stack([CLASSES > 0, CLASSES > 1])
    for y in (CLASSES > 0, labels):
        model = MLPClassifier(4, loss=name, solver="lbfgs", random_state=0).fit(X, y)
        assert model.score(X, y) > 0.9


def check_output_activation(name):
    """An output activation: its gradient, its inverse, documentation."""
    link, settings = OUTPUT_ACTIVATIONS[name], np.zeros(4)
    check_documentation(link, name, sknn.register_loss)
    raw = rng.normal(size=(9, 3))

    def predictions(raw):
        raw = raw.copy()
        call_output_activation(link.apply.address(raw.dtype), (raw, settings))
        return raw

    assert_allclose(link.inverse(predictions(raw)), raw, rtol=1e-6, atol=1e-8)
    assert np.isfinite(link.inverse(np.array([-9.0, 0.0, 0.5, 1.0, 99.0]))).all()
    for k in range(3):
        for i in range(9):
            expected = differences(
                lambda z, k=k: predictions(z[np.newaxis])[0, k], raw[i], 3
            )
            found = link.gradient(raw, k, settings)[i]
            assert_allclose(found, expected, **TOLERANCE)
    sknn.register_loss(
        "of_link", lambda y, z: (z - y) ** 2, lambda y, z: 2 * (z - y), link=name
    )
    model = MLPRegressor("of_link", max_iter=2, scoring="loss").fit(X, NUMBERS)
    assert np.isfinite(model.score(X, NUMBERS))


def check_optimizer(name):
    """An optimizer: fits, documentation."""
    check_documentation(SOLVERS[name], name, *BOTH)
    check_learning(*BOTH, solver=name)
    check_learning(MLPRegressor, solver=name, max_norm=9.0, weight_decay=0.01)


def check_schedule(name):
    """A schedule: its rates, fits, documentation."""
    check_documentation(SCHEDULES[name], name, *BOTH)
    check_learning(*BOTH, learning_rate=name)
    options = {"learning_rate": name, "max_iter": 9, "warmup_epochs": 3}
    model = MLPRegressor(hidden_layer_sizes=4, **options)
    rates = np.array(model.fit(X, NUMBERS).history_["learning_rate"])
    assert_allclose(rates[:4], [0.001 / 3, 0.002 / 3, 0.001, 0.001])
    assert (rates >= 0).all()
    assert len(set(rates)) > 4


def check_initializer(name):
    """An initializer: shapes, fits, documentation."""
    check_documentation(INITIALIZERS[name], name, *BOTH)
    for shape in [(1, 1), (3, 5), (5, 3)]:
        draws = [INITIALIZERS[name](np.random.RandomState(0), *shape) for _ in "ab"]
        assert draws[0].shape == shape
        assert_array_equal(*draws)
    check_learning(*BOTH, kernel_initializer=name)


def check_layer(name):
    """A layer: gradients, fits in front of a perceptron, documentation."""
    check_documentation(LAYERS[name], name, *BOTH)
    for layers in (
        (Layer(name), *mlp_layers((3,), N_OUTPUTS, ("tanh",))),
        (*mlp_layers((), 3, ()), Layer(name), *mlp_layers((), N_OUTPUTS, ())),
    ):
        settings = LOSSES["squared_error"].settings_of(LOSS_OPTIONS)
        architecture = Architecture(N_FEATURES, layers, "identity", settings)
        check_gradient(Network(architecture, FLOAT64), "squared_error")
    for base in BOTH:
        derived = type(
            base.__name__,
            (base,),
            {"_change_layers": lambda self, layers: (Layer(name), *layers)},
        )
        derived.__module__, derived.__qualname__ = __name__, f"Derived{base.__name__}"
        globals()[derived.__qualname__] = derived
        check_learning(derived)
        # No kinks: near one, differences are not the slope.
        model = derived(activation="tanh", max_iter=2, random_state=0).fit(X, CLASSES)
        predict = getattr(model, "predict_proba", model.predict)
        slopes = model.input_gradients(X[:1]).reshape(-1, 3)[0]
        expected = differences(
            lambda x, predict=predict: predict(x[np.newaxis]).ravel()[0], X[0], 3
        )
        assert_allclose(slopes, expected, rtol=1e-6, atol=1e-9)


def check_estimator(name):
    """An estimator: parameters, copies, fits, documentation."""
    module = importlib.import_module(name)
    (estimator,) = [
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__ == name
    ]
    (base,) = [each for each in BOTH if issubclass(estimator, each)]
    own = set(estimator().get_params()) - set(base().get_params())
    assert own
    assert inspect.getdoc(estimator) != inspect.getdoc(base)
    for parameter in own:
        assert f"\n{parameter} : " in inspect.getdoc(estimator), parameter
        assert parameter in estimator._parameter_constraints
        with pytest.raises(ValueError, match=parameter):
            estimator(**{parameter: object()}).fit(X, CLASSES)
    assert set(base().get_params()) <= set(estimator().get_params())
    model = estimator(alpha=0.5)
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(alpha=0.7).alpha == 0.7
    check_learning(estimator)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    kind, name = sys.argv[1:]
    globals()[f"check_{kind}"](name)
