"""No dead parameter: each one changes the trained model, or a word is said.

Where one of sknn's own has no effect, there is a warning; where the solver cannot do
what it asks for, an error. scikit-learn's own parameters are ignored in silence by the
solvers for which scikit-learn ignores them, and by those it does not have where they
mean nothing there.
"""

import inspect
import re
import warnings
from contextlib import nullcontext

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, RandomizedSearchCV

import sknn
from sknn.estimators.parameters import STOCHASTIC_SOLVERS

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 4))
SCORE = X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=60)
NUMBERS = np.exp(0.3 * SCORE)  # some losses need positive ones
LABELS = np.digitize(SCORE, [-1.0, 1.0])
X[:, 3] = np.arange(60) % 3  # codes, on which nothing depends

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
    "learning_rate": ("exponential", STOCHASTIC, {}),
    "learning_rate_init": (0.01, STOCHASTIC, {}),
    "power_t": (0.1, STOCHASTIC - {"adam"}, {"learning_rate": "invscaling"}),
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
    "numeric_embedding": ("piecewise_linear", ALL, {}),
    "categorical_features": ([3], ALL, {}),
    "categorical_embedding_size": (2, ALL, {"categorical_features": [3]}),
    "numeric_embedding_size": (4, ALL, {"numeric_embedding": "piecewise_linear"}),
    "n_bins": (5, ALL, {"numeric_embedding": "piecewise_linear"}),
    "standardize": (True, ALL, {}),
    "standardize_y": (True, ALL, {}),
    "kernel_initializer": ("he_normal", ALL, {}),
    "bias_initializer": ("zeros", ALL, {}),
    "parametrization": ("ntk", STOCHASTIC, {}),
    "feature_scaling": (True, ALL, {}),
    "parametric_activation": (True, ALL, {}),
    "n_shared_members": (3, ALL, {}),
    "member_factors": ("inputs", ALL, {"n_shared_members": 3}),
    "l1_ratio": (0.5, STOCHASTIC, {"alpha": 0.1}),
    "weight_decay": (0.5, STOCHASTIC, {}),
    "max_norm": (0.1, STOCHASTIC, {}),
    "clipvalue": (1e-3, STOCHASTIC, {}),
    "global_clipnorm": (1e-3, STOCHASTIC, {}),
    "rho": (0.5, {"rmsprop"}, {}),
    "decay_rate": (0.1, STOCHASTIC, {"learning_rate": "exponential"}),
    "decay_epochs": (2, STOCHASTIC, {"learning_rate": "step"}),
    "warmup_epochs": (2, STOCHASTIC, {}),
    "dropout_schedule": ("flat_cos", STOCHASTIC, {"dropout": 0.3}),
    "weight_decay_schedule": ("cosine", STOCHASTIC, {"weight_decay": 0.3}),
    "scoring": (largest, STOCHASTIC, EARLY | SLOWLY),
    "restore_best_weights": (False, STOCHASTIC, EARLY),
    "validate": (True, STOCHASTIC, {}),
    "validation_splitter": (KFold(3), STOCHASTIC, {"early_stopping": True}),
    "label_smoothing": (0.2, ALL, {}),
    "label_smoothing_schedule": ("cosine", STOCHASTIC, {"label_smoothing": 0.3}),
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
@pytest.mark.default_cases(300)
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
        parameters[name] = value
        is_own_schedule = name == "learning_rate" and solver == "lbfgs"
        with (
            pytest.warns(UserWarning, match=name) if is_own_schedule else nullcontext()
        ):
            after = trained(estimator, **parameters)
        assert np.array_equal(after, before) == (solver not in solvers)
    elif WITHOUT_USE[name][0] == "raises":
        with pytest.raises(ValueError, match=rf"{name}=.* cannot be used with solver="):
            trained(estimator, **parameters | {name: value})
    else:
        before = trained(estimator, **parameters)
        with pytest.warns(UserWarning, match=rf"{name}=.* has no effect with \w+="):
            after = trained(estimator, **parameters | {name: value})
        assert_array_equal(after, before)


LBFGS = {"solver": "lbfgs"}
# What happens where a parameter of sknn's own cannot have its effect: it "warns",
# "raises" or is "fine", for it always has one; then a value, the others, the message.
WITHOUT_USE = {
    "n_hidden_layers": ("fine", 2, LBFGS, ""),
    "kernel_initializer": ("fine", "he_normal", LBFGS, ""),
    "bias_initializer": ("fine", "zeros", LBFGS, ""),
    "feature_scaling": ("fine", True, LBFGS, ""),
    "parametric_activation": ("fine", True, LBFGS, ""),
    "n_shared_members": ("fine", 3, LBFGS, ""),
    "member_factors": ("warns", "inputs", {}, "it belongs to n_shared_members=32"),
    "parametrization": ("raises", "ntk", LBFGS, "it has no learning rate"),
    "categorical_features": ("fine", [3], LBFGS, ""),
    "categorical_embedding_size": ("warns", 3, {}, "it belongs to categorical_feat"),
    "numeric_embedding": ("fine", "piecewise_linear", LBFGS, ""),
    "numeric_embedding_size": (
        "warns",
        4,
        {},
        "it belongs to numeric_embedding='periodic' or numeric_embedding='piecewise_",
    ),
    "n_bins": ("warns", 5, {}, "it belongs to numeric_embedding='piecewise_linear'"),
    "standardize": ("fine", True, LBFGS, ""),
    "standardize_y": (
        "raises",
        True,
        {"loss": "gamma"},
        "predictions are those of the output activation .exp.",
    ),
    "metrics": ("fine", ["neg_mean_squared_error"], LBFGS, ""),
    "class_weight": ("fine", "balanced", LBFGS, ""),
    "loss": ("fine", None, LBFGS, ""),
    "dropout": ("raises", 0.3, LBFGS, "needs a loss that is the same"),
    "input_dropout": ("raises", 0.3, LBFGS, "needs a loss that is the same"),
    "normalization": ("raises", "batch", LBFGS, "no steps on batches"),
    "l1_ratio": ("raises", 0.5, LBFGS, "a smooth penalty"),
    "weight_decay": ("raises", 0.1, LBFGS, "no steps on batches"),
    "max_norm": ("raises", 1.0, LBFGS, "no steps on batches"),
    "clipvalue": ("raises", 1.0, LBFGS, "no steps on batches"),
    "global_clipnorm": ("raises", 1.0, LBFGS, "no steps on batches"),
    "warmup_epochs": ("warns", 3, LBFGS, "it has no learning rate"),
    "dropout_schedule": ("warns", "flat_cos", {}, "dropout=0.0, which it multiplies"),
    "weight_decay_schedule": ("warns", "cosine", {}, "weight_decay='auto', which it"),
    "label_smoothing_schedule": ("warns", "cosine", LBFGS, "it has no epochs"),
    "restore_best_weights": ("warns", False, LBFGS, "it does not stop early"),
    "validate": ("warns", True, LBFGS, "pass X_val and y_val to fit"),
    "validation_splitter": ("warns", KFold(3), LBFGS, "it holds out no rows"),
    "rho": ("warns", 0.5, {}, "solver='adam'; it belongs to solver='rmsprop'"),
    "decay_rate": (
        "warns",
        0.1,
        {"learning_rate": "cosine"},
        "it belongs to learning_rate='step' or learning_rate='exponential' or",
    ),
    "decay_epochs": ("warns", 3, {"learning_rate": "plateau"}, "rate='plateau'; it be"),
    "scoring": ("warns", "r2", {}, "it belongs to early_stopping=True"),
    "delta": ("warns", 2.0, {}, "loss='squared_error'; it belongs to loss='huber'"),
    "quantile": ("warns", [0.1, 0.9], {}, "it belongs to loss='quantile'"),
    "power": ("warns", 1.1, {"loss": "gamma"}, "it belongs to loss='tweedie'"),
    "focal_gamma": ("warns", 1.0, {}, "it belongs to loss='focal'"),
    "label_smoothing": ("warns", 0.1, {"loss": "hinge"}, "belongs to loss='log_loss'"),
}
OWN = [
    (estimator, name)
    for estimator in (CLASSIFIER, REGRESSOR)
    for name in WITHOUT_USE
    if name in estimator().get_params()
]


def test_every_parameter_of_sknns_own_is_in_the_table():
    own = {
        name
        for estimator in (CLASSIFIER, REGRESSOR)
        for name in estimator().get_params()
        if not is_of_sklearn(estimator, name)
    }
    assert own <= set(WITHOUT_USE)
    assert set(WITHOUT_USE) - own <= {"loss"}


@pytest.mark.parametrize(("estimator", "name"), OWN)
def test_without_use(estimator, name):
    what, value, others, message = WITHOUT_USE[name]
    if name == "loss":
        value = {CLASSIFIER: "hinge", REGRESSOR: "huber"}[estimator]
    if name == "metrics" and estimator is CLASSIFIER:
        value = ["accuracy"]
    y = LABELS if estimator is CLASSIFIER else NUMBERS
    options = {"max_iter": 4, "random_state": 0, **others}
    model = estimator(**{name: value}, **options)
    if what == "raises":
        with pytest.raises(ValueError, match=f"{name}=.* cannot be used .*{message}"):
            model.fit(X, y)
        assert not hasattr(model, "coefs_")
        return
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(X, y)
    said = [each for each in said if each.category is not ConvergenceWarning]
    assert len(said) == (what == "warns"), [str(each.message) for each in said]
    for each in said:
        assert each.category is UserWarning
        assert each.filename == __file__
        text = str(each.message)
        for part in (f"{name}={value!r} has no effect with ", message, "default"):
            assert part in text, text
        plain = estimator(**options).fit(X, y)
        for one, other in zip(model.coefs_, plain.coefs_, strict=True):
            assert_array_equal(one, other)


@pytest.mark.parametrize("solver", sorted(ALL))
@pytest.mark.parametrize(
    "learning_rate", ["step", "plateau", "one_cycle", lambda epoch: 0.1]
)
def test_a_schedule_without_a_learning_rate_warns(solver, learning_rate):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        trained(REGRESSOR, solver=solver, learning_rate=learning_rate, max_iter=2)
    said = [str(each.message) for each in said if each.category is UserWarning]
    assert len(said) == (solver == "lbfgs")
    assert all("it has no learning rate" in message for message in said)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_warning_an_ignored_parameter_a_call(method):
    model = REGRESSOR(rho=0.5, delta=2.0, max_iter=1)
    for _ in range(2):
        with pytest.warns(UserWarning, match="has no effect") as said:
            getattr(model, method)(X, NUMBERS)
        said = [each for each in said if each.category is UserWarning]
        assert [str(each.message)[:3] for each in said] == ["rho", "del"]
        assert {each.filename for each in said} == {__file__}


@pytest.mark.parametrize(
    ("parameters", "given", "warns"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"validate": True}, False, False),
        ({"early_stopping": True}, False, False),
        ({"solver": "lbfgs"}, False, True),
        ({"solver": "lbfgs"}, True, False),
        ({"solver": "lbfgs", "validate": True}, True, False),
    ],
    ids=str,
)
def test_scoring_has_an_effect_where_there_is_validation(parameters, given, warns):
    """It decides what ``history_`` holds for the validation set."""
    model = REGRESSOR(scoring="neg_max_error", max_iter=3, **parameters)
    options = {"X_val": X, "y_val": NUMBERS} if given else {}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(X, NUMBERS, **options)
    assert any("scoring" in str(each.message) for each in said) == warns
    if not warns:
        assert model.history_["val_score"][-1] < 0  # R2 would not be, nor the loss


def test_a_search_over_parameters_that_do_not_meet_fails_nowhere():
    space = {
        "solver": sorted(ALL),
        "rho": [0.5, 0.9],
        "learning_rate": ["constant", "adaptive", "step", "cosine", "plateau"],
        "decay_rate": [0.1, 0.5],
        "decay_epochs": [1, 20],
        "loss": ["squared_error", "huber", "absolute_error"],
        "delta": [0.5, 1.35],
        "warmup_epochs": [0, 2],
        "restore_best_weights": [False, True],
        "early_stopping": [False, True],
    }
    search = RandomizedSearchCV(
        REGRESSOR(hidden_layer_sizes=3, max_iter=3, random_state=0),
        space,
        n_iter=40,
        cv=2,
        error_score="raise",
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(X, NUMBERS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


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
