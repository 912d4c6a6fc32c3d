"""Messages that say how to mend a mistake: a table of mistakes and their cures.

Each row has what the user wrote, the type of the error, and words that must stand in
its message.
"""

import re
from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn import MLPClassifier, MLPRegressor
from sknn.estimators.parameters import CONSTRAINTS, Names
from sknn.estimators.suggestions import _VALUES, _WORDS, option_meant

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(24, 3))
TWO, THREE = np.arange(24) % 2, np.arange(24) % 3
NUMBERS = X[:, 0].copy()
BOTH = (MLPClassifier, MLPRegressor)
Y = {MLPClassifier: TWO, MLPRegressor: NUMBERS}

each_estimator = pytest.mark.parametrize("estimator", BOTH)


def new(estimator, **parameters):
    return estimator(
        **{"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0, **parameters}
    )


def message(error_type, function, *arguments, **options):
    """Return the message of the error that a call must raise."""
    with pytest.raises(error_type) as raised:
        function(*arguments, **options)
    return str(raised.value)


# Names of parameters -----------------------------------------------------------------

MISSPELT = {
    "epochs": "max_iter",
    "n_epochs": "max_iter",
    "max_itr": "max_iter",
    "optimizer": "solver",
    "hidden_layers": "hidden_layer_sizes",
    "hidden_layer_size": "hidden_layer_sizes",
    "layers": "hidden_layer_sizes",
    "n_layers": "n_hidden_layers",
    "lr": "learning_rate_init",
    "eta0": "learning_rate_init",
    "lerning_rate": "learning_rate",
    "lr_scheduler": "learning_rate",
    "patience": "n_iter_no_change",
    "min_delta": "tol",
    "seed": "random_state",
    "earlyStopping": "early_stopping",
    "dropout_rate": "dropout",
    "batch_norm": "normalization",
    "batchsize": "batch_size",
    "activation_fn": "activation",
    "criterion": "loss",
    "l2": "alpha",
    "max_grad_norm": "global_clipnorm",
    "nesterov": "nesterovs_momentum",
    "Verbose": "verbose",
    "kernel_init": "kernel_initializer",
    "validation_split": "validation_fraction",
    "val_split": "early_stopping=True",
    "eval_set": "X_val=",
    "validation_data": "y_val=",
    "callbacks": "set_callbacks",
    "betas": "beta_1",
    "X_val": "Pass it to fit",
    "sample_weights": "sample_weight",
    "n_jobs": "OMP_NUM_THREADS",
    "dtype": "float32",
}
PLACES = {
    "constructor": (TypeError, lambda e, name: e(**{name: 1})),
    "set_params": (ValueError, lambda e, name: e().set_params(**{name: 1})),
    "set_params of a pipeline": (
        ValueError,
        lambda e, name: make_pipeline(StandardScaler(), e()).set_params(
            **{f"{e.__name__.lower()}__{name}": 1}
        ),
    ),
    "a grid search": (
        ValueError,
        lambda e, name: GridSearchCV(e(), {name: [1]}, error_score="raise").fit(
            X, Y[e]
        ),
    ),
    "fit": (TypeError, lambda e, name: e().fit(X, Y[e], **{name: 1})),
    "partial_fit": (TypeError, lambda e, name: e().partial_fit(X, Y[e], **{name: 1})),
    "resume_fit": (TypeError, lambda e, name: e().resume_fit(X, Y[e], **{name: 1})),
}


@pytest.mark.parametrize("place", PLACES)
@each_estimator
def test_misspelt_names(estimator, place):
    error_type, call = PLACES[place]
    for name, cure in MISSPELT.items():
        if name == "X_val" and "fit" in place:
            continue
        text = message(error_type, call, estimator, name)
        assert repr(name) in text
        assert cure in text.partition("]")[2] or cure in text.partition(name)[2], text


@each_estimator
def test_other_words_are_none_of_ours_and_lead_to_one(estimator):
    names = {*estimator().get_params(), "sample_weight"}
    for word, name in _WORDS.items():
        if name not in names:  # of the other estimator, and it says so
            text = message(TypeError, estimator, **{word: 1})
            (other,) = {*BOTH} - {estimator}
            assert name in other().get_params()
            assert f"Did you mean {name!r}" in text
            assert f"It is a parameter of {other.__name__}." in text
    assert not {name.replace("_", "") for name in names} & _WORDS.keys()


@each_estimator
@pytest.mark.parametrize("method", ["fit", "partial_fit", "resume_fit"])
def test_parameters_that_are_passed_to_fit(estimator, method):
    for name in ("max_iter", "batch_size", "verbose", "loss"):
        text = message(
            TypeError, getattr(estimator(), method), X, Y[estimator], **{name: 1}
        )
        assert f"{estimator.__name__}({name}=...)" in text


@each_estimator
def test_predict_says_so_too(estimator):
    model = new(estimator, max_iter=200, tol=1e3, n_iter_no_change=1)
    model.fit(X, Y[estimator])
    text = message(TypeError, model.predict, X, batchsize=32)
    assert "batch_size" in text.partition("argument")[2]


def test_parameters_of_the_other_estimator():
    parameters = {estimator: {*estimator().get_params()} for estimator in BOTH}
    for own, other in permutations(BOTH):
        for name in parameters[other] - parameters[own]:
            text = message(TypeError, own, **{name: 1})
            assert text.endswith(f"{name}'. It is a parameter of {other.__name__}.")
    text = message(TypeError, MLPClassifier().fit, X, TWO, classes=[0, 1])
    assert "partial_fit" in text.partition("argument")[2]


@each_estimator
def test_each_of_several_names(estimator):
    text = message(TypeError, estimator, epochs=3, lr=0.1)
    assert "'max_iter' instead of 'epochs'" in text
    assert "'learning_rate_init' instead of 'lr'" in text
    text = message(ValueError, estimator().set_params, epochs=3, lr=0.1)
    assert "'max_iter' instead of 'epochs'" in text
    assert "'learning_rate_init' instead of 'lr'" in text


@each_estimator
def test_a_name_that_resembles_none(estimator):
    text = message(TypeError, estimator, zzz=3)
    assert text.endswith("got an unexpected keyword argument 'zzz'")
    assert message(ValueError, estimator().set_params, zzz=3).endswith("].")


@each_estimator
def test_an_unknown_name_sets_nothing(estimator):
    model = estimator()
    message(ValueError, model.set_params, alpha=3.0, epochs=3)
    assert model.alpha == 1e-4


@each_estimator
def test_parameters_of_a_layer(estimator):
    text = message(ValueError, estimator().set_params, activation__first="tanh")
    assert "activation__0" in text


@each_estimator
def test_errors_inside_of_fit_are_left_alone(estimator):
    def score(model, X, y):
        raise TypeError("score() got an unexpected keyword argument 'epochs'")

    model = new(estimator, early_stopping=True, scoring=score, validation_fraction=0.4)
    text = message(TypeError, model.fit, X, Y[estimator])
    assert text == "score() got an unexpected keyword argument 'epochs'"


# Positional arguments ----------------------------------------------------------------

POSITIONAL = [
    (MLPRegressor, ((50, 10),), "hidden_layer_sizes=(50, 10)"),
    (MLPRegressor, ([50, 10],), "hidden_layer_sizes=(50, 10)"),
    (MLPRegressor, (np.array([50, 10]),), "hidden_layer_sizes=(50, 10)"),
    (MLPRegressor, (50,), "hidden_layer_sizes=(50,)"),
    (MLPRegressor, (50, 10), "hidden_layer_sizes=(50, 10)"),
    (MLPRegressor, (50, 10, 5), "hidden_layer_sizes=(50, 10, 5)"),
    (MLPRegressor, (50, 10, 5, 3), "hidden_layer_sizes=(50, 10, 5, 3)"),
    (MLPRegressor, ((50,), "relu"), "activation='relu'"),
    (MLPClassifier, (50, 10), "hidden_layer_sizes=(50, 10)"),
    (MLPClassifier, ((50, 20), 10), "hidden_layer_sizes=(50, 20, 10)"),
    (MLPClassifier, (50, 10, 5), "hidden_layer_sizes=(50, 10, 5)"),
    (MLPClassifier, ("relu",), "activation='relu'"),
    (MLPClassifier, ((50,), "relu", "adam"), "by name"),
]


@pytest.mark.parametrize(("estimator", "arguments", "cure"), POSITIONAL, ids=str)
def test_positional_arguments(estimator, arguments, cure):
    text = message(
        (TypeError, ValueError), lambda: estimator(*arguments).fit(X, Y[estimator])
    )
    assert cure in text
    if estimator is MLPRegressor and isinstance(arguments[0], tuple | list):
        assert "loss" in text or "activation" in text


@each_estimator
def test_too_many_positional_arguments_of_fit(estimator):
    y = Y[estimator]
    text = message(TypeError, estimator().fit, X, y, None, X, y)
    assert "fit(X, y, X_val=X_val, y_val=y_val)" in text


# Values ------------------------------------------------------------------------------

SPELLINGS = [
    (BOTH, "activation", "ReLU", "'relu'"),
    (BOTH, "activation", "sigmoid", "'logistic'"),
    (BOTH, "activation", "Sigmoid", "'logistic'"),
    (BOTH, "activation", "linear", "'identity'"),
    (BOTH, "activation", "swish", "'silu'"),
    (BOTH, "activation", "LeakyReLU", "'leaky_relu'"),
    (BOTH, "activation", "tanhh", "'tanh'"),
    (BOTH, "activation", None, "'identity'"),
    (BOTH, "activation", np.tanh, "'tanh'"),
    (BOTH, "activation", ["ReLU"], "'relu'"),
    (BOTH, "activation", ("sigmoid",), "'logistic'"),
    (BOTH, "solver", "Adam", "'adam'"),
    (BOTH, "solver", "SGD", "'sgd'"),
    (BOTH, "solver", "L-BFGS", "'lbfgs'"),
    (BOTH, "solver", "L-BFGS-B", "'lbfgs'"),
    (BOTH, "solver", "RMSprop", "'rmsprop'"),
    (BOTH, "solver", "adm", "'adam'"),
    (BOTH, "learning_rate", 0.01, "learning_rate_init=0.01"),
    (BOTH, "learning_rate", np.float64(0.01), "learning_rate_init=0.01"),
    (BOTH, "learning_rate", 1, "learning_rate_init=1"),
    (BOTH, "learning_rate", "adaptiv", "'adaptive'"),
    (BOTH, "learning_rate", "ReduceLROnPlateau", "'plateau'"),
    (BOTH, "learning_rate", "cosine_annealing", "'cosine'"),
    (BOTH, "normalization", "BatchNorm", "'batch'"),
    (BOTH, "normalization", "layer_norm", "'layer'"),
    (BOTH, "kernel_initializer", "xavier", "'glorot_uniform'"),
    (BOTH, "kernel_initializer", ["kaiming_normal"], "'he_normal'"),
    (BOTH, "bias_initializer", "Zeros", "'zeros'"),
    (BOTH, "batch_size", "Auto", "'auto'"),
    (BOTH, "batch_size", "32", "32 without quotes"),
    (BOTH, "alpha", "1e-3", "1e-3 without quotes"),
    (BOTH, "early_stopping", "True", "True without quotes"),
    (BOTH, "scoring", "val_loss", "'loss'"),
    (BOTH, "scoring", "acc", "'accuracy'"),
    (BOTH, "scoring", "f1-macro", "'f1_macro'"),
    (BOTH, "scoring", "mse", "'neg_mean_squared_error'"),
    (BOTH, "scoring", "mean_absolute_error", "'neg_mean_absolute_error'"),
    (BOTH, "metrics", ["acc"], "'accuracy'"),
    (BOTH, "metrics", "acc", "'accuracy'"),
    (BOTH, "metrics", {"mine": "auc"}, "'roc_auc'"),
    (MLPClassifier, "loss", "binary_crossentropy", "'log_loss'"),
    (MLPClassifier, "loss", "crossentropy", "'log_loss'"),
    (MLPClassifier, "loss", "CrossEntropyLoss", "'log_loss'"),
    (MLPClassifier, "loss", "mse", "'squared_error' is a loss of MLPRegressor"),
    (MLPClassifier, "loss", "poisson", "'poisson' is a loss of MLPRegressor"),
    (MLPClassifier, "class_weight", "Balanced", "'balanced'"),
    (MLPRegressor, "loss", "mse", "'squared_error'"),
    (MLPRegressor, "loss", "MAE", "'absolute_error'"),
    (MLPRegressor, "loss", "Huber", "'huber'"),
    (MLPRegressor, "loss", "pinball", "'quantile'"),
    (MLPRegressor, "loss", "bce", "'log_loss' is a loss of MLPClassifier"),
    (MLPRegressor, "loss", "log_loss", "'log_loss' is a loss of MLPClassifier"),
]


def methods(estimator):
    options = {"classes": [0, 1]} if estimator is MLPClassifier else {}
    y = Y[estimator]
    return {
        "fit": lambda model: model.fit(X, y),
        "partial_fit": lambda model: model.partial_fit(X, y, **options),
        "resume_fit": lambda model: model.resume_fit(X, y),
    }


@pytest.mark.parametrize(
    ("estimator", "parameter", "value", "cure"),
    [
        pytest.param(estimator, *row, id=f"{estimator.__name__[3:]}-{row[0]}={row[1]}")
        for estimators, *row in SPELLINGS
        for estimator in (estimators if isinstance(estimators, tuple) else [estimators])
    ],
)
def test_values_in_another_spelling(estimator, parameter, value, cure):
    for call in methods(estimator).values():
        model = new(estimator).set_params(**{parameter: value})
        text = message((TypeError, ValueError), call, model)
        assert parameter in text
        assert cure in re.split(r"Got|got|no option", text, maxsplit=1)[1], text


def test_other_spellings_lead_to_options():
    """And none of them is an option itself."""
    options = {
        "scoring": {"loss", *get_scorer_names()},
        "loss": set(_VALUES["loss"]),
    }
    options["metrics"] = options["scoring"]
    for parameter, spellings in _VALUES.items():
        known = options.get(parameter) or {
            option
            for constraint in CONSTRAINTS[parameter]
            if isinstance(constraint, Names)
            for option in constraint.options
        }
        assert spellings.keys() <= known, parameter
        for option, words in spellings.items():
            for word in words.split():
                assert word not in known, (parameter, word)
                assert option_meant(parameter, word, known) == option, word


@each_estimator
@pytest.mark.parametrize("is_list", [False, True])
def test_options_are_in_alphabetical_order(estimator, is_list):
    """Not in that of a set, which differs from process to process."""
    for name in ("activation", "solver", "learning_rate", "kernel_initializer", "loss"):
        if is_list and name in ("solver", "learning_rate", "loss"):
            continue
        wrong = ["no option"] if is_list else "no option"
        text = message(ValueError, new(estimator, **{name: wrong}).fit, X, Y[estimator])
        listed = re.search(r"[{\[]('.*?)[}\]]", text.replace(repr(wrong), ""))[1]
        options = listed.split(", ")
        assert len(options) > 2
        assert options == sorted(options)


# Metrics -----------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["accuracy", lambda model, X, y: 0.5], ids=type)
def test_one_metric_is_a_list_of_it(metric):
    histories = []
    for metrics in (metric, [metric]):
        with pytest.warns(UserWarning, match="converged"):
            histories.append(new(MLPClassifier, metrics=metrics).fit(X, TWO).history_)
    first, second = (dict(history) for history in histories)
    assert first.pop("seconds") is not second.pop("seconds")
    assert first == second
    assert len(first) == 3


# Methods that are not there ----------------------------------------------------------

UNAVAILABLE = [
    (MLPClassifier, {"loss": "hinge"}, "predict_proba", "decision_function"),
    (MLPClassifier, {"loss": "hinge"}, "predict_log_proba", "decision_function"),
    (MLPClassifier, {}, "decision_function", "predict_proba"),
    (MLPClassifier, {"solver": "lbfgs"}, "partial_fit", "lbfgs is not stochastic"),
    (MLPRegressor, {"solver": "lbfgs"}, "partial_fit", "lbfgs is not stochastic"),
]


@pytest.mark.parametrize(("estimator", "options", "method", "reason"), UNAVAILABLE)
def test_the_reason_stands_in_the_message(estimator, options, method, reason):
    model = estimator(**options)
    for get in (
        lambda: getattr(model, method),
        lambda: getattr(estimator, method)(model, X, TWO),
    ):
        text = message(AttributeError, get)
        begin = f"This '{estimator.__name__}' has no attribute '{method}': "
        assert text.startswith(begin)
        assert reason in text.removeprefix(begin)
    assert not hasattr(model, method)
    assert hasattr(estimator, method)


# Early stopping ----------------------------------------------------------------------


@pytest.mark.parametrize("option", ["early_stopping", "validate"])
@pytest.mark.parametrize("method", ["fit", "resume_fit"])
@pytest.mark.parametrize("rare", [0, 1])
def test_a_class_of_one_row(option, method, rare):
    y = np.array(["no", "yes"])[np.r_[rare, np.full(23, 1 - rare)]]
    model = new(MLPClassifier)
    if method == "resume_fit":
        model.fit(X, y)
    model.set_params(**{option: True})
    text = message(ValueError, getattr(model, method), X, y)
    assert f"It is the class {('no', 'yes')[rare]}: give it a second row" in text
    assert "X_val and y_val" in text
    assert f"{option}=False" in text
