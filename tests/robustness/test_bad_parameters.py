"""Every parameter with values of every wrong kind, and of the kinds that are right.

A wrong value is refused by one sentence that names the parameter, before anything
changes; a right one trains, whatever its type.
"""

import copy
import re
import warnings
from numbers import Integral, Real

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context

from sknn import MLPClassifier, MLPRegressor
from sknn.estimators.parameters import defaults_of

X = np.random.RandomState(0).normal(size=(24, 3))
LABELS, NUMBERS = np.arange(24) % 3, np.abs(X[:, 0])
ESTIMATORS = {MLPClassifier: LABELS, MLPRegressor: NUMBERS}


class Odd:
    """Equal to nothing, and of no use."""

    def __eq__(self, other):
        return False

    __hash__ = None


ZOO = {
    repr(value) if not isinstance(value, Odd) else "Odd()": value
    for value in [
        None, True, False, 0, 1, -1, 3, 2**70, -(2**70), 0.5, -0.5, 1.5, 1e-320,
        np.nan, np.inf, -np.inf, "", "a", "1", "0.5", "None", b"a", 1j, 0.5j,
        [], [1], [0], [-1], [1.5], [0.5], [None], ["a"], ["relu"], [True], [np.nan],
        [1, "a"], [[1, 2], [3]], [[1]], (1, 2), (0.1, 0.2), range(2), {}, {0: 1.0},
        {1}, {"relu"}, frozenset(), Odd(), object, int, slice(1), ..., NotImplemented,
        np.array(3), np.array(0.5), np.array([2]), np.array([0.5]), np.array([]),
        np.array([[3]]), np.array("relu"), np.array(["relu"]), np.array(None),
        np.array([1, None], dtype=object), np.ma.masked, pd.NA, pd.NaT,
        pd.Series([2]), pd.Index([2]), np.datetime64("2020"),
        np.float16(0.5), np.float32(0.5), np.float64(0.5), np.longdouble(0.5),
        np.int8(1), np.uint64(3), np.bool_(True), np.str_("relu"), np.str_("auto"),
        np.random.RandomState(0), np.random.default_rng(0), np.random.PCG64(0),
    ]
}  # fmt: skip


# A type may be a function of the user's; what it raises is theirs.
TAKES_FUNCTIONS = ("learning_rate", "scoring", "metrics")


def number(low, high=np.inf, *, low_in=True, high_in=False, kind=Real):
    """Accept numbers of an interval, of any type."""

    def accepts(value):
        if not isinstance(value, kind):
            return False
        if np.isnan(float(value)):
            return False
        value = float(value)
        above = low <= value if low_in else low < value
        return above and (value <= high if high_in else value < high)

    return accepts


def one_of(*options):
    return lambda value: any(value is option for option in options)


def empty_dict(value):
    return isinstance(value, dict) and not value


def either(*accepting):
    return lambda value: any(accepts(value) for accepts in accepting)


def names(*options):
    return lambda value: isinstance(value, str) and value in options


def list_of_one(accepts):
    """Accept one value for the only hidden layer."""

    def check(value):
        is_list = isinstance(value, (list, tuple, pd.Series, pd.Index, range))
        is_list = is_list or (isinstance(value, np.ndarray) and value.ndim == 1)
        return is_list and len(value) == 1 and accepts(next(iter(value)))

    return check


def widths(value):
    if isinstance(value, bool):
        return False
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, Integral):
        return 0 < value < 2**60
    is_list = isinstance(value, (list, tuple, range, pd.Series, pd.Index, np.ndarray))
    return is_list and all(
        isinstance(n, Integral) and not isinstance(n, bool) and n > 0 for n in value
    )


def empty(value):
    return (
        isinstance(value, (list, np.ndarray)) and np.iterable(value) and not len(value)
    )


BOOLEAN = lambda value: isinstance(value, (bool, np.bool_))  # noqa: E731
RATE = number(0, 1)
COUNT = number(1, kind=Integral)
SIZE = number(1, 2**16, kind=Integral)
NONE = one_of(None)
# What each parameter takes out of the zoo, and what gives it an effect.
ACCEPTED = {
    "hidden_layer_sizes": (widths, {}),
    "activation": (either(names("relu"), list_of_one(names("relu"))), {}),
    "solver": (names(), {}),
    "alpha": (number(0), {}),
    "batch_size": (either(names("auto"), COUNT), {}),
    "learning_rate": (names(), {}),
    "learning_rate_init": (number(0, low_in=False), {}),
    "power_t": (number(0), {"learning_rate": "invscaling"}),
    "max_iter": (COUNT, {"tol": 1e3, "n_iter_no_change": 1}),
    "shuffle": (BOOLEAN, {}),
    "random_state": (
        either(
            number(0, 2**32, kind=Integral),
            NONE,
            lambda value: isinstance(value, np.random.RandomState),
        ),
        {},
    ),
    "tol": (either(number(0), NONE), {}),
    "verbose": (either(number(0, kind=Integral), BOOLEAN), {}),
    "warm_start": (BOOLEAN, {}),
    "momentum": (number(0, 1, high_in=True), {"solver": "sgd"}),
    "nesterovs_momentum": (BOOLEAN, {"solver": "sgd"}),
    "early_stopping": (BOOLEAN, {"validation_fraction": 0.4}),
    "validation_fraction": (number(0.1, 0.9), {"early_stopping": True}),
    "beta_1": (RATE, {}),
    "beta_2": (RATE, {}),
    "epsilon": (number(0, low_in=False), {}),
    "n_iter_no_change": (either(COUNT, lambda v: v is np.inf), {}),
    "max_fun": (COUNT, {"solver": "lbfgs"}),
    "n_hidden_layers": (either(number(0, 10**5, kind=Integral), NONE), {}),
    "dropout": (either(RATE, list_of_one(RATE)), {}),
    "input_dropout": (RATE, {}),
    "normalization": (NONE, {}),
    "categorical_features": (either(NONE, empty), {}),
    "categorical_embedding_size": (SIZE, {"categorical_features": []}),
    "numeric_embedding": (NONE, {}),
    "numeric_embedding_size": (
        either(names("auto"), SIZE),
        {"numeric_embedding": "piecewise_linear"},
    ),
    "n_bins": (
        number(2, 2**16, kind=Integral),
        {"numeric_embedding": "piecewise_linear"},
    ),
    "standardize": (BOOLEAN, {}),
    "standardize_y": (BOOLEAN, {}),
    "kernel_initializer": (either(names("auto"), list_of_one(names("auto"))), {}),
    "bias_initializer": (names("auto"), {}),
    "parametrization": (names(), {}),
    "feature_scaling": (BOOLEAN, {}),
    "parametric_activation": (BOOLEAN, {}),
    "n_shared_members": (either(number(2, 2**16, kind=Integral), NONE), {}),
    "member_factors": (names("all"), {"n_shared_members": 2}),
    "l1_ratio": (number(0, 1, high_in=True), {}),
    "weight_decay": (either(names("auto"), number(0)), {}),
    "max_norm": (either(number(0, low_in=False), NONE), {}),
    "clipvalue": (either(number(0, low_in=False), NONE), {}),
    "global_clipnorm": (either(number(0, low_in=False), NONE), {}),
    "rho": (RATE, {"solver": "rmsprop"}),
    "decay_rate": (
        number(0, 1, low_in=False, high_in=True),
        {"learning_rate": "step"},
    ),
    "decay_epochs": (COUNT, {"learning_rate": "step"}),
    "warmup_epochs": (number(0, kind=Integral), {}),
    "dropout_schedule": (NONE, {"dropout": 0.1}),
    "weight_decay_schedule": (NONE, {"weight_decay": 0.1}),
    "scoring": (NONE, {"early_stopping": True, "validation_fraction": 0.4}),
    "metrics": (either(NONE, empty, empty_dict), {}),
    "restore_best_weights": (
        BOOLEAN,
        {"early_stopping": True, "validation_fraction": 0.4},
    ),
    "validate": (BOOLEAN, {"validation_fraction": 0.4}),
    "validation_splitter": (
        NONE,
        {"early_stopping": True, "validation_fraction": 0.4},
    ),
    "loss": (names(), {}),
    "label_smoothing": (RATE, {}),
    "label_smoothing_schedule": (NONE, {"label_smoothing": 0.1}),
    "focal_gamma": (number(0), {"loss": "focal"}),
    "class_weight": (either(NONE, lambda v: isinstance(v, dict)), {}),
    "delta": (number(0, low_in=False), {"loss": "huber"}),
    "quantile": (
        either(
            number(0, 1, low_in=False),
            list_of_one(number(0, 1, low_in=False)),
            lambda value: isinstance(value, tuple) and value == (0.1, 0.2),
        ),
        {"loss": "quantile"},
    ),
    "power": (number(1, 3, high_in=True), {"loss": "tweedie"}),
}


def test_every_parameter_is_here():
    known = {name for estimator in ESTIMATORS for name in defaults_of(estimator)}
    assert known == set(ACCEPTED)


each_parameter = pytest.mark.parametrize(
    ("estimator", "name"),
    [(estimator, name) for estimator in ESTIMATORS for name in defaults_of(estimator)],
)


@each_parameter
@pytest.mark.default_cases(40)
def test_values_of_all_kinds(estimator, name):
    accepts, context = ACCEPTED[name]
    y, problems = ESTIMATORS[estimator], []
    fitted = estimator(hidden_layer_sizes=3, max_iter=2, random_state=0).fit(X, y)
    for title, value in ZOO.items():
        if isinstance(value, type) and name in TAKES_FUNCTIONS:
            continue
        model = copy.copy(fitted).set_params(**context)
        setattr(model, name, value)
        before = dict(vars(model))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of batch_size
                model.fit(X, y)
        except (ValueError, TypeError, MemoryError) as error:
            unchanged = vars(model).keys() == before.keys() and all(
                vars(model)[key] is before[key] for key in before
            )
            text = str(error)
            # scikit-learn's split calls it test_size.
            named = name.replace("validation_fraction", "test_size") in text
            named = named or name in text
            if accepts(value) and "diverged" not in text:
                problems.append(f"{title} should do: {text}")
            elif not unchanged:
                problems.append(f"{title}: not as before")
            elif not named and "diverged" not in text:
                problems.append(f"{title}: not named in {type(error)}: {text}")
            elif len(re.findall(r"\. [A-Z]", text)) > 4 or len(text) > 800:
                problems.append(f"{title}: too long: {text}")
        except Exception as error:
            problems.append(f"{title}: {type(error).__name__}: {error}")
        else:
            if not accepts(value):
                problems.append(f"{title} should not do")
            elif not np.isfinite(model.predict(X).sum()):
                problems.append(f"{title}: not finite")
    assert not problems, "\n".join(problems)


# Parameters that a first call of partial_fit needs in another way than ``fit``.
WITHOUT_PARTIAL_FIT = {"early_stopping": False, "validate": False, "solver": "adam"}


def first_partial_fit(estimator, options):
    """Return an estimator after one call of partial_fit."""
    options = {
        name: WITHOUT_PARTIAL_FIT.get(name, value)
        for name, value in options.items()
        if name != "validation_fraction"
    }
    y = LABELS if estimator is MLPClassifier else NUMBERS
    classes = {"classes": [0, 1, 2]} if estimator is MLPClassifier else {}
    return estimator(**options).partial_fit(X, y, **classes)


def first_fit(estimator, options):
    y = LABELS if estimator is MLPClassifier else NUMBERS
    return estimator(**options).fit(X, y)


def first_warm_fit(estimator, options):
    model = first_fit(estimator, options)
    model.warm_start = True
    return model


# What goes on from a model: how the model comes about, and the call.
GOING_ON = {
    "partial_fit": (first_partial_fit, lambda m, y: m.partial_fit(X, y)),
    "warm start": (first_warm_fit, lambda m, y: m.fit(X, y)),
    "resume_fit": (first_fit, lambda m, y: m.resume_fit(X, y)),
}


@pytest.mark.parametrize("call", GOING_ON)
@each_parameter
@pytest.mark.default_cases(80)
def test_wrong_values_where_training_goes_on(estimator, name, call):
    """Also of what nothing but the first fit uses, such as initializers."""
    accepts, context = ACCEPTED[name]
    begin, go_on = GOING_ON[call]
    if call != "warm start":
        # With these in effect there is another error.
        context = {k: v for k, v in context.items() if k not in WITHOUT_PARTIAL_FIT}
        context.pop("validation_fraction", None)
    options = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0}
    y, problems = ESTIMATORS[estimator], []
    fitted = begin(estimator, options | context)
    predictions = fitted.predict(X)
    for title, value in ZOO.items():
        if isinstance(value, type) and name in TAKES_FUNCTIONS:
            continue
        # Whether a fraction leaves rows on both sides is seen where it is used.
        unused = name == "validation_fraction" and number(0, 1)(value)
        if accepts(value) or (unused and call != "warm start"):
            continue
        model = copy.copy(fitted)
        setattr(model, name, value)
        before = dict(vars(model))
        np.testing.assert_array_equal(model.predict(X), predictions)
        try:
            go_on(model, y)
        except (ValueError, TypeError, MemoryError) as error:
            test_size = name.replace("validation_fraction", "test_size")
            if not (name in str(error) or test_size in str(error)):
                problems.append(f"{title}: not named in {error}")
            if any(vars(model)[key] is not before[key] for key in before):
                problems.append(f"{title}: not as before")
        else:
            problems.append(f"{title}: accepted")
    assert not problems, "\n".join(problems)


def emptied(values):
    values.clear()


# A parameter's value, and what makes it a wrong one in place.
CHANGED_IN_PLACE = {
    "hidden_layer_sizes": ([3], lambda sizes: sizes.append(0)),
    "activation": (["relu"], lambda names: names.append("relu")),
    "dropout": ([0.1], lambda rates: rates.__setitem__(0, 1.5)),
    "kernel_initializer": (["normal"], lambda names: names.__setitem__(0, "foo")),
    "metrics": (["r2"], lambda names: names.append(1)),
    "quantile": ([0.5], emptied),
    "class_weight": ({0: 1.0, 1: 2.0}, lambda weights: weights.update({0: -1.0})),
}


@pytest.mark.parametrize("call", GOING_ON)
@pytest.mark.parametrize("name", CHANGED_IN_PLACE)
def test_values_changed_in_place(name, call):
    value, change = copy.deepcopy(CHANGED_IN_PLACE[name][0]), CHANGED_IN_PLACE[name][1]
    estimator = MLPClassifier if name == "class_weight" else MLPRegressor
    begin, go_on = GOING_ON[call]
    context = {"loss": "quantile"} if name == "quantile" else {}
    options = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0, name: value}
    model = begin(estimator, options | context)
    assert getattr(model, name) is value
    go_on(model, ESTIMATORS[estimator])
    change(value)
    with pytest.raises((ValueError, TypeError), match=name):
        go_on(model, ESTIMATORS[estimator])


class WithFixedRate(MLPRegressor):
    """Fixes parameters of its base, which are attributes still."""

    def __init__(self, width=3):
        super().__init__(hidden_layer_sizes=width, max_iter=2, random_state=0)
        self.width = width


@pytest.mark.parametrize("call", ["fit", *GOING_ON])
def test_parameters_that_a_derived_class_fixes(call):
    begin, go_on = GOING_ON.get(call, (None, None))
    model = WithFixedRate()
    if call != "fit":
        model = begin(WithFixedRate, {})
    model.alpha = -5
    with pytest.raises(ValueError, match="'alpha' parameter of WithFixedRate"):
        go_on(model, NUMBERS) if go_on else model.fit(X, NUMBERS)


def test_right_and_wrong_values_in_turn():
    """Values that were checked before are no excuse for others."""
    models = [MLPRegressor(hidden_layer_sizes=3) for _ in range(2)]
    for _ in range(3):
        for model, right in zip(models, (0.1, 0.2), strict=True):
            model.set_params(alpha=right).partial_fit(X, NUMBERS)
            for wrong in (-right, str(right), None):
                model.set_params(alpha=wrong)
                with pytest.raises(ValueError, match="alpha"):
                    model.partial_fit(X, NUMBERS)


def test_what_scikit_learn_is_told_not_to_check():
    model = MLPRegressor(hidden_layer_sizes=3, max_iter=2, random_state=0)
    with config_context(skip_parameter_validation=True):
        model.set_params(verbose=-1).fit(X, NUMBERS)
    with pytest.raises(ValueError, match="verbose"):
        model.partial_fit(X, NUMBERS)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    "huge",
    [10**400, -(10**400), np.longdouble("1e4000")],
    ids=["large", "small", "long"],
)
def test_numbers_beyond_float64(estimator, huge):
    """Python has them; a kernel does not. Each parameter is named."""
    for name in estimator().get_params():
        model = estimator(**{"max_iter": 1, name: huge})
        with pytest.raises((ValueError, TypeError), match=name):
            model.fit(X, ESTIMATORS[estimator])
        assert not hasattr(model, "coefs_")


def test_a_schedule_over_more_epochs_than_a_float_can_count():
    model = MLPClassifier(max_iter=10**400, learning_rate="one_cycle", tol=1.0)
    with pytest.raises(ValueError, match=r"'max_iter' .* beyond the range of float64"):
        model.fit(X, LABELS)
