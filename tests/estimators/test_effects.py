"""No dead parameter: each one changes the trained model, or is refused with a reason.

scikit-learn's own parameters are ignored by the solvers for which scikit-learn ignores
them, and by those it does not have where they mean nothing there.
"""

import inspect
import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import neural_network

import sknn
from sknn.estimators.parameters import STOCHASTIC_SOLVERS

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
SCORE = X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=60)
NUMBERS = np.exp(0.3 * SCORE)  # some losses need positive ones
LABELS = np.digitize(SCORE, [-1.0, 1.0])

STOCHASTIC = set(STOCHASTIC_SOLVERS)
ALL = STOCHASTIC | {"lbfgs"}
ADAMS = {"adam", "adamw", "nadam", "amsgrad", "lion"}
CLASSIFIER, REGRESSOR = sknn.MLPClassifier, sknn.MLPRegressor

STOPS = {"n_iter_no_change": 1, "max_iter": 20}
EARLY = {"early_stopping": True, "learning_rate_init": 0.1, "max_iter": 60}
SLOWLY = {"learning_rate_init": 0.01, "validation_fraction": 0.4}


def largest(estimator, X, y):
    """Prefer large weights to all else."""
    return sum(np.sum(coef**2) for coef in estimator.coefs_)


# name -> another value, the solvers that take notice, what else has to be set.
EFFECTS = {
    "hidden_layer_sizes": ((5, 3), ALL, {}),
    "activation": ("tanh", ALL, {}),
    "alpha": (1.0, ALL, {}),
    "batch_size": (7, STOCHASTIC, {}),
    "learning_rate": ("invscaling", STOCHASTIC, {}),
    "learning_rate_init": (0.01, STOCHASTIC, {}),
    "power_t": (0.1, STOCHASTIC, {"learning_rate": "invscaling"}),
    "max_iter": (6, ALL, {}),
    "shuffle": (False, STOCHASTIC, {"batch_size": 7}),
    "random_state": (8, ALL, {}),
    "tol": (1e9, ALL, {**STOPS, "tol": 1e-9}),
    "momentum": (0.5, {"sgd"}, {}),
    "nesterovs_momentum": (False, {"sgd"}, {}),
    "early_stopping": (True, STOCHASTIC, {}),
    "validation_fraction": (0.3, STOCHASTIC, {"early_stopping": True}),
    "beta_1": (0.5, ADAMS, {}),
    "beta_2": (0.5, ADAMS, {}),
    "epsilon": (0.1, STOCHASTIC - {"sgd", "lion"}, {}),
    "n_iter_no_change": (4, STOCHASTIC, {**STOPS, "tol": 1e9}),
    "max_fun": (2, {"lbfgs"}, {}),
    "loss": ({CLASSIFIER: "focal", REGRESSOR: "poisson"}, ALL, {}),
    "n_hidden_layers": (2, ALL, {}),
    "dropout": (0.3, STOCHASTIC, {}),
    "input_dropout": (0.3, STOCHASTIC, {}),
    "normalization": ("batch", STOCHASTIC, {}),
    "kernel_initializer": ("he_normal", ALL, {}),
    "bias_initializer": ("zeros", ALL, {}),
    "l1_ratio": (0.5, STOCHASTIC, {"alpha": 0.1}),
    "weight_decay": (0.5, STOCHASTIC, {}),
    "max_norm": (0.1, STOCHASTIC, {}),
    "clipvalue": (1e-3, STOCHASTIC, {}),
    "global_clipnorm": (1e-3, STOCHASTIC, {}),
    "rho": (0.5, {"rmsprop"}, {}),
    "decay_rate": (0.1, STOCHASTIC, {"learning_rate": "exponential"}),
    "decay_epochs": (2, STOCHASTIC, {"learning_rate": "step"}),
    "warmup_epochs": (2, STOCHASTIC, {}),
    "scoring": (largest, STOCHASTIC, EARLY | SLOWLY),
    "restore_best_weights": (False, STOCHASTIC, EARLY),
    "validate": (True, STOCHASTIC, {}),
    "label_smoothing": (0.2, ALL, {}),
    "focal_gamma": (1.0, ALL, {"loss": "focal"}),
    "class_weight": ("balanced", ALL, {}),
    "delta": (0.1, ALL, {"loss": "huber"}),
    "quantile": (0.9, ALL, {"loss": "quantile"}),
    "power": (1.2, ALL, {"loss": "tweedie"}),
}
# Without an effect on the weights of a first fit; what they do is tested elsewhere.
WITHOUT_EFFECT = {"solver", "verbose", "warm_start", "metrics"}

EACH = [
    (estimator, name)
    for estimator in (CLASSIFIER, REGRESSOR)
    for name in EFFECTS
    if name in estimator().get_params()
]


def trained(estimator, **parameters):
    y = LABELS if estimator is CLASSIFIER else NUMBERS
    model = estimator(**parameters).fit(X, y)
    return np.concatenate([np.ravel(part) for part in model.coefs_])


def is_of_sklearn(estimator, name):
    theirs = getattr(neural_network, estimator.__name__)
    return name in theirs().get_params()


@pytest.mark.parametrize("solver", sorted(ALL))
@pytest.mark.parametrize(("estimator", "name"), EACH)
def test_effect(estimator, name, solver):
    value, solvers, others = EFFECTS[name]
    value = value[estimator] if isinstance(value, dict) else value
    # Batches of a few rows: 'lion' makes the same steps where signs do not change.
    parameters = {"solver": solver, "random_state": 0, "max_iter": 4, "batch_size": 16}
    if solver in solvers or is_of_sklearn(estimator, name):
        parameters |= others
        if solver == "lbfgs":
            parameters.pop("learning_rate", None)
        before = trained(estimator, **parameters)
        assert_array_equal(trained(estimator, **parameters), before)
        after = trained(estimator, **parameters | {name: value})
        assert np.array_equal(after, before) == (solver not in solvers)
    else:
        message = (
            rf"{name}=.* (cannot be used|has no effect) with (solver|learning_rate)="
        )
        with pytest.raises(ValueError, match=message):
            trained(estimator, **parameters | {name: value})


@pytest.mark.parametrize(
    ("estimator", "name", "value", "other"),
    [
        (REGRESSOR, "delta", 2.0, "loss='squared_error'; it belongs to loss='huber'"),
        (REGRESSOR, "quantile", [0.1, 0.9], "it belongs to loss='quantile'"),
        (REGRESSOR, "power", 1.1, "it belongs to loss='tweedie'"),
        (CLASSIFIER, "focal_gamma", 1.0, "it belongs to loss='focal'"),
        (CLASSIFIER, "rho", 0.5, "solver='adam'; it belongs to solver='rmsprop'"),
        (CLASSIFIER, "decay_rate", 0.1, "learning_rate='step' or learning_rate='exp"),
        (CLASSIFIER, "decay_epochs", 3, "it belongs to learning_rate='step' or"),
        (CLASSIFIER, "scoring", "f1_macro", "it belongs to early_stopping=True"),
        (CLASSIFIER, "restore_best_weights", False, "belongs to early_stopping=True"),
    ],
)
def test_refused_where_it_would_do_nothing(estimator, name, value, other):
    with pytest.raises(ValueError, match=f"{name}=.* has no effect with .*{other}"):
        trained(estimator, **{name: value})


@pytest.mark.parametrize("loss", ["focal", "hinge"])
def test_label_smoothing_is_of_the_log_loss(loss):
    with pytest.raises(
        ValueError, match=r"label_smoothing=0.1 has no effect with loss"
    ):
        trained(CLASSIFIER, loss=loss, label_smoothing=0.1)


def test_effects_are_complete():
    names = set(CLASSIFIER().get_params()) | set(REGRESSOR().get_params())
    assert set(EFFECTS) | WITHOUT_EFFECT == names
    assert not set(EFFECTS) & WITHOUT_EFFECT


@pytest.mark.parametrize(("estimator", "name"), EACH)
def test_documentation_names_the_solver(estimator, name):
    """If not all solvers use a parameter, or the one that switches it on."""
    _, solvers, others = EFFECTS[name]
    if solvers == ALL:
        return
    text = inspect.getdoc(estimator)
    switches = set(others) & {"learning_rate", "early_stopping"}
    entries = [
        re.search(rf"^{entry} : .*(\n    .*)+", text, re.MULTILINE)[0]
        for entry in {name, *switches}
    ]
    names = re.findall(r"'(\w+)'", " ".join(entries))
    assert set(names) & ALL
