"""Hypothesis strategies: parameters, data, weights, and whole cases.

Hypothesis draws the shape, the kind and the seed of data, and NumPy the numbers, for a
number drawn by itself makes neither a better example nor a smaller one.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from containers import CONTAINERS, SPARSE
from embedding_strategies import can_be_embedded, embeddings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, ShuffleSplit

from sknn import MLPClassifier, MLPRegressor
from sknn.estimators.effects import USES
from sknn.estimators.parameters import STOCHASTIC_SOLVERS
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.losses.table import LOSSES, REGRESSION_LOSSES
from sknn.network.initializers import INITIALIZERS
from sknn.training.annealing import ANNEALINGS
from sknn.training.schedules import SCHEDULES

ESTIMATORS = (MLPClassifier, MLPRegressor)
FLOATS = (np.float64, np.float32)
seeds = st.integers(0, 2**32 - 1)


# Numbers ---------------------------------------------------------------------------


def _with_extremes(X, rng):
    """Put a few huge, tiny, denormal and zero numbers among ordinary ones."""
    info = np.finfo(X.dtype)
    extremes = [info.max, -info.max, info.max / 2, info.tiny, info.smallest_subnormal]
    extremes += [1e300 if X.dtype == np.float64 else 1e30, 0.0, -0.0, 1.0]
    where = rng.uniform(size=X.shape) < 0.2
    X[where] = rng.choice(np.array(extremes, X.dtype), size=int(where.sum()))
    return X


def _scaled(power):
    def scale(X, rng):
        return X * X.dtype.type(10.0 ** (power if X.dtype == np.float64 else power / 9))

    return scale


SIZES = {
    "huge": _scaled(300),
    "denormal": _scaled(-320),
    "tiny": _scaled(-30),
    "large": _scaled(9),
    "extremes": _with_extremes,
    "wildly different": lambda X, rng: (
        X * np.logspace(-6, 6, X.shape[1], dtype=X.dtype)
    ),
    "constant": lambda X, rng: np.zeros_like(X) + X[:1],
    "zeros": lambda X, rng: np.zeros_like(X),
}


@st.composite
def matrices(draw, n_rows=None, n_columns=None, dtype=None, sizes=()):
    """Draw a dense matrix in C order: ordinary numbers, or one of ``sizes``.

    Columns may be constant and rows may be copies of others.
    """
    rng = np.random.RandomState(draw(seeds))
    n_rows = draw(st.integers(1, 40)) if n_rows is None else n_rows
    n_columns = draw(st.integers(1, 8)) if n_columns is None else n_columns
    X = rng.normal(size=(n_rows, n_columns))
    X = X.astype(draw(st.sampled_from(FLOATS)) if dtype is None else dtype)
    traits = draw(st.sets(st.sampled_from(("constant", "copies", "zeros", "empty"))))
    if "constant" in traits:
        X[:, rng.randint(n_columns)] = 2.0
    if "copies" in traits:
        X = X[rng.randint(n_rows, size=n_rows)]
    if "zeros" in traits:
        X[rng.uniform(size=X.shape) < 0.5] = 0.0
    if "empty" in traits:
        X[rng.randint(n_rows)] = 0.0
    size = draw(st.sampled_from(["ordinary", *sizes]))
    if size != "ordinary":
        X = SIZES[size](X, rng)
    return np.ascontiguousarray(X)


# Targets and weights ---------------------------------------------------------------


def _names_of(y):
    return np.array([f"class {k}" for k in y])


LABELS = {
    "binary": (2, np.asarray),
    "bool": (2, lambda y: y.astype(bool)),
    "float": (3, lambda y: y * 10.0),
    "text": (4, _names_of),
    "object": (3, lambda y: _names_of(y).astype(object)),
    "list": (3, lambda y: _names_of(y).tolist()),
    "int64": (3, lambda y: y + 2**60),
    "many": (40, np.asarray),
    "one": (1, np.asarray),
    "int8": (5, lambda y: (y - 2).astype(np.int8)),
}


@st.composite
def labels(draw, n_rows):
    """Draw targets for the classifier."""
    rng = np.random.RandomState(draw(seeds))
    kind = draw(st.sampled_from([*LABELS, "multilabel", "sparse multilabel"]))
    if kind in LABELS:
        n_classes, change = LABELS[kind]
        return change(rng.randint(n_classes, size=n_rows))
    indicators = rng.randint(2, size=(n_rows, draw(st.integers(2, 4))))
    return (
        scipy.sparse.csr_array(indicators) if kind.startswith("sparse") else indicators
    )


def numbers(rng, shape, loss):
    """Return targets in the domain of a loss."""
    if loss in ("poisson", "tweedie"):
        return rng.poisson(2.0, size=shape)
    if loss == "gamma":
        return rng.gamma(2.0, size=shape)
    return rng.normal(size=shape)


@st.composite
def targets(draw, estimator, n_rows, parameters):
    """Draw targets for an estimator with these parameters."""
    if estimator is MLPClassifier:
        return draw(labels(n_rows))
    rng = np.random.RandomState(draw(seeds))
    n_outputs = draw(st.sampled_from([None, 1, 2, 3]))
    shape = (n_rows,) if n_outputs is None else (n_rows, n_outputs)
    y = numbers(rng, shape, parameters.get("loss"))
    power = parameters.get("power", 1.5)
    if parameters.get("loss") == "tweedie" and power >= 2:
        y = y + 1
    change = draw(st.sampled_from(["as it is", "float32", "list", "strided"]))
    if change == "strided":
        return np.repeat(y, 2, axis=0)[::2]
    return {"float32": lambda: y.astype(np.float32), "list": y.tolist}.get(
        change, lambda: y
    )()


@st.composite
def weights(draw, n_rows, kinds=("none", "random", "zeros", "integers", "tiny")):
    """Draw sample weights of several kinds, or none; not all are zero."""
    rng = np.random.RandomState(draw(seeds))
    kind = draw(st.sampled_from(kinds))
    if kind == "none":
        return None
    drawn = rng.uniform(0.1, 2, size=n_rows)
    if kind == "zeros":
        drawn[rng.uniform(size=n_rows) < 0.5] = 0.0
        drawn[rng.randint(n_rows)] = 1.0
    if kind == "integers":
        drawn = rng.randint(1, 5, size=n_rows)
    return drawn * 1e-6 if kind == "tiny" else drawn


# Parameters ------------------------------------------------------------------------

_activations = st.sampled_from(sorted(ACTIVATIONS))
_kernels = st.sampled_from(["auto", *INITIALIZERS])
_fractions = st.floats(0, 0.9)
_positive = st.floats(1e-3, 10)

# Valid values of what both estimators have. Per-layer parameters come from `shapes`.
SHARED: dict[str, st.SearchStrategy] = {
    "alpha": st.sampled_from([0, 0.0, 1e-4, 1.0, 50.0]),
    "batch_size": st.one_of(st.just("auto"), st.integers(1, 60)),
    "learning_rate": st.sampled_from([*SCHEDULES, lambda epoch: 0.01 / (epoch + 1)]),
    "learning_rate_init": st.floats(1e-4, 0.05),
    "power_t": st.floats(0, 2),
    "shuffle": st.booleans(),
    "tol": st.sampled_from([None, 0.0, 1e-4, 1.0]),
    "verbose": st.just(False),
    "warm_start": st.booleans(),
    "momentum": _fractions,
    "nesterovs_momentum": st.booleans(),
    "early_stopping": st.booleans(),
    "validation_fraction": st.floats(0.05, 0.6),
    "beta_1": _fractions,
    "beta_2": st.floats(0.5, 0.9999),
    "epsilon": st.floats(1e-8, 1e-2),
    "n_iter_no_change": st.sampled_from([1, 2, 10, np.inf]),
    "max_fun": st.integers(1, 40),
    "input_dropout": _fractions,
    "normalization": st.sampled_from([None, "batch", "layer"]),
    "standardize": st.booleans(),
    "bias_initializer": st.sampled_from(["auto", "zeros", "data"]),
    "parametrization": st.sampled_from(["standard", "ntk"]),
    "feature_scaling": st.booleans(),
    "parametric_activation": st.booleans(),
    "n_shared_members": st.sampled_from([None, 2, 3, 17]),
    "member_factors": st.sampled_from(["all", "inputs"]),
    "l1_ratio": st.floats(0, 1),
    "weight_decay": st.one_of(st.just("auto"), st.floats(0, 0.5)),
    "max_norm": st.one_of(st.none(), _positive),
    "clipvalue": st.one_of(st.none(), _positive),
    "global_clipnorm": st.one_of(st.none(), _positive),
    "rho": _fractions,
    "decay_rate": st.floats(0.01, 1),
    "decay_epochs": st.integers(1, 5),
    "warmup_epochs": st.integers(0, 4),
    "dropout_schedule": st.sampled_from([None, *ANNEALINGS]),
    "weight_decay_schedule": st.sampled_from([None, *ANNEALINGS]),
    "restore_best_weights": st.booleans(),
    "validate": st.booleans(),
    "validation_splitter": st.sampled_from([None, KFold(2), ShuffleSplit(2)]),
}
OWN: dict[type, dict[str, st.SearchStrategy]] = {
    MLPClassifier: {
        "loss": st.sampled_from(["log_loss", "focal", "hinge"]),
        "label_smoothing": st.floats(0, 0.9),
        "label_smoothing_schedule": st.sampled_from([None, *ANNEALINGS]),
        "focal_gamma": st.floats(0, 5),
        "class_weight": st.sampled_from([None, "balanced"]),
        "scoring": st.sampled_from([None, "loss", "accuracy"]),
        "metrics": st.sampled_from([None, ["accuracy"]]),
    },
    MLPRegressor: {
        "loss": st.sampled_from(sorted(REGRESSION_LOSSES)),
        "delta": _positive,
        "quantile": st.sampled_from([0.5, 0.1, (0.1, 0.5, 0.9), [0.3, 0.4]]),
        "power": st.sampled_from([1, 1.5, 2, 2.5, 3]),
        "standardize_y": st.booleans(),
        "scoring": st.sampled_from([None, "loss", "neg_mean_absolute_error"]),
        "metrics": st.sampled_from([None, ["neg_mean_squared_error"]]),
    },
}
# What is not drawn by the tables above, but by `shapes` and `parameters`.
DRAWN_APART = {
    *("hidden_layer_sizes", "n_hidden_layers", "activation", "dropout"),
    *("kernel_initializer", "solver", "max_iter", "random_state"),
    *("numeric_embedding", "numeric_embedding_size", "n_bins"),
    *("categorical_features", "categorical_embedding_size"),
}


@st.composite
def shapes(draw):
    """Draw the parameters that say what each hidden layer is."""
    widths = draw(st.lists(st.integers(1, 9), max_size=3))
    n_layers = len(widths)
    sizes = draw(st.sampled_from([tuple, list, np.array]))(widths)
    found: dict[str, Any] = {"hidden_layer_sizes": sizes}
    if draw(st.integers(0, 3)) == 0:
        n_layers = draw(st.integers(0, 3))
        found = {"hidden_layer_sizes": 5, "n_hidden_layers": n_layers}
    options = {"activation": _activations, "kernel_initializer": _kernels}
    options["dropout"] = st.one_of(st.just(0.0), _fractions)
    for name in sorted(draw(st.sets(st.sampled_from(sorted(options))))):
        own = options[name]
        several = st.lists(own, min_size=n_layers, max_size=n_layers)
        found[name] = draw(st.one_of(own, several))
    return found


def sensible(parameters, estimator):
    """Take out what has no effect, and so warns, or contradicts another."""
    defaults = estimator().get_params()
    parameters = dict(parameters)

    def value(name):
        return parameters.get(name, defaults[name])

    if value("solver") == "lbfgs":
        refused = "dropout input_dropout l1_ratio weight_decay max_norm clipvalue"
        refused += " parametrization"
        refused += " global_clipnorm warmup_epochs scoring restore_best_weights"
        refused += " validate learning_rate validation_splitter"
        for name in refused.split():
            parameters.pop(name, None)
        for name, bad in (("normalization", "batch"), ("tol", None)):
            if name in parameters and parameters[name] == bad:
                del parameters[name]
    if value("learning_rate") in ("adaptive", "plateau") and value("tol") is None:
        del parameters["tol"]
    for name, (other, values) in USES.items():
        if name in parameters and value(other) not in values:
            del parameters[name]
    if value("n_shared_members") and value("normalization") == "batch":
        del parameters["normalization"]
    if parameters.get("standardize_y") and LOSSES[value("loss")].link == "exp":
        del parameters["standardize_y"]
    return parameters


@st.composite
def parameters(draw, estimator, max_iter=4, without=()):
    """Draw valid parameters, any number of them, that do not contradict each other."""
    table = {**SHARED, **OWN[estimator]}
    names = [name for name in table if name not in without]
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=10))
    found = draw(shapes())
    found["solver"] = draw(st.sampled_from([*sorted(STOCHASTIC_SOLVERS), "lbfgs"]))
    found["max_iter"] = draw(st.integers(1, max_iter))
    found["random_state"] = draw(seeds)
    found |= {name: draw(table[name]) for name in sorted(chosen)}
    for name in without:
        found.pop(name, None)
    return sensible(found, estimator)


# Cases -----------------------------------------------------------------------------


class Case(NamedTuple):
    """What a call of fit gets."""

    model: Any
    X: Any
    y: Any
    options: dict

    def fit(self):
        """Fit the model."""
        return self.model.fit(self.X, self.y, **self.options)


@st.composite
def cases(draw, sizes=(), containers=tuple(CONTAINERS), **options):
    """Draw an estimator with valid parameters, and data of its kind."""
    estimator = draw(st.sampled_from(ESTIMATORS))
    drawn = draw(parameters(estimator, **options))
    X = draw(matrices(sizes=sizes))
    y = draw(targets(estimator, len(X), drawn))
    given: dict[str, Any] = {"sample_weight": draw(weights(len(X)))}
    name = draw(st.sampled_from(containers))
    is_embedded = name not in SPARSE and can_be_embedded(X)
    if is_embedded and draw(st.integers(0, 4)) == 0:
        drawn |= draw(embeddings())
    container = CONTAINERS[name]
    if name in SPARSE:
        drawn.pop("feature_scaling", None)  # which takes dense inputs only
    if draw(st.integers(0, 3)) == 0:  # rows of its own to validate on: the same, turned
        given |= {"X_val": container(X[::-1].copy()), "y_val": y}
        given["sample_weight_val"] = draw(weights(len(X)))
    return Case(estimator(**drawn), container(X), y, given)
