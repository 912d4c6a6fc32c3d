"""What the parameters of both estimators may be."""

import inspect
from collections.abc import Collection, Mapping, Set
from functools import cache
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from sknn._sklearn import Interval, Options, StrOptions
from sknn.estimators.splitters import Splitter
from sknn.estimators.suggestions import did_you_mean
from sknn.kernels.layers.activations import ACTIVATIONS
from sknn.kernels.layers.normalization import NORMALIZATIONS
from sknn.kernels.optim.optimizers import SOLVERS
from sknn.network.initializers import INITIALIZERS
from sknn.network.layers.base import Layer
from sknn.network.layers.members import FEWEST_MEMBERS, MOST_MEMBERS
from sknn.network.layers.table import LAYERS
from sknn.network.layout import Architecture, mlp_layers
from sknn.training.annealing import ANNEALINGS
from sknn.training.schedules import SCHEDULES

STOCHASTIC_SOLVERS = frozenset(SOLVERS)

_RATE = Interval(Real, 0, 1, closed="left")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_COUNT = Interval(Integral, 1, None, closed="left")
_SIZE = Interval(Integral, 1, 2**16, closed="both")  # of an embedding
_MEMBERS = Interval(Integral, FEWEST_MEMBERS, MOST_MEMBERS, closed="both")
# Kinds of layers that embed columns of numbers.
NUMERIC_EMBEDDINGS = frozenset(
    kind for kind, spec in LAYERS.items() if spec.parameter == "numeric_embedding"
)
_MOST_LAYERS = 10**5
_PYTHON_TYPES = {np.bool_: bool, np.integer: int, np.floating: float, np.str_: str}


class Names(StrOptions):
    """Strings of which one must be given; messages list them in alphabetical order."""

    def __str__(self) -> str:
        return f"a str among {{{', '.join(map(repr, sorted(self.options)))}}}"


CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _COUNT],
    # Live views of the tables, which include what users register.
    "activation": [Names(ACTIVATIONS.keys()), "array-like"],
    "solver": [Names(STOCHASTIC_SOLVERS | {"lbfgs"})],
    "alpha": [_NOT_NEGATIVE],
    "batch_size": [Names({"auto"}), _COUNT],
    "learning_rate": [Names(set(SCHEDULES)), callable],
    "learning_rate_init": [_POSITIVE],
    "power_t": [_NOT_NEGATIVE],
    "max_iter": [_COUNT],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_NOT_NEGATIVE, None],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_RATE],
    "beta_1": [_RATE],
    "beta_2": [_RATE],
    "epsilon": [_POSITIVE],
    "n_iter_no_change": [_COUNT, Options(Real, {np.inf})],
    "max_fun": [_COUNT],
    "n_hidden_layers": [Interval(Integral, 0, None, closed="left"), None],
    "dropout": [_RATE, "array-like"],
    "input_dropout": [_RATE],
    "normalization": [Names(set(NORMALIZATIONS)), None],
    "numeric_embedding": [Names(NUMERIC_EMBEDDINGS), None],
    "numeric_embedding_size": [Names({"auto"}), _SIZE],
    "n_bins": [Interval(Integral, 2, 2**16, closed="both")],
    "categorical_features": ["array-like", None],
    "categorical_embedding_size": [_SIZE],
    "standardize": ["boolean"],
    "kernel_initializer": [Names({"auto", *INITIALIZERS}), "array-like"],
    "bias_initializer": [Names({"auto", "zeros", "data"})],
    "parametrization": [Names({"standard", "ntk"})],
    "feature_scaling": ["boolean"],
    "parametric_activation": ["boolean"],
    "n_shared_members": [_MEMBERS, None],
    "member_factors": [Names({"all", "inputs"})],
    "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    "weight_decay": [Names({"auto"}), _NOT_NEGATIVE],
    "max_norm": [_POSITIVE, None],
    "clipvalue": [_POSITIVE, None],
    "global_clipnorm": [_POSITIVE, None],
    "rho": [_RATE],
    "decay_rate": [Interval(Real, 0, 1, closed="right")],
    "decay_epochs": [_COUNT],
    "warmup_epochs": [Interval(Integral, 0, None, closed="left")],
    "dropout_schedule": [Names(set(ANNEALINGS)), None],
    "weight_decay_schedule": [Names(set(ANNEALINGS)), None],
    "scoring": [str, callable, None],
    "metrics": ["array-like", dict, str, callable, None],
    "restore_best_weights": ["boolean"],
    "validate": ["boolean"],
    "validation_splitter": [Splitter(), None],
}


@cache
def defaults_of(estimator: type) -> dict[str, Any]:
    """Return the default of each parameter, by its name.

    Those of the class in sknn, from which a user may have derived another.
    """
    sknn_class = next(
        base for base in estimator.__mro__ if base.__module__.startswith("sknn")
    )
    signature = inspect.signature(sknn_class)
    return {name: parameter.default for name, parameter in signature.parameters.items()}


def parameters_of(estimator: Any) -> dict[str, Any]:
    """Return an estimator's parameters, NumPy's scalars as Python's own."""
    own: type = type(estimator)
    return {
        name: to_python_scalar(getattr(estimator, name)) for name in defaults_of(own)
    }


def to_python_scalar(value: Any) -> Any:
    """Return a scalar of NumPy as a Python number, in which none overflows."""
    if not isinstance(value, np.generic):
        return value
    for numpy_type, python_type in _PYTHON_TYPES.items():
        if isinstance(value, numpy_type):
            return python_type(value)
    return value


def _is_sequence(value: Any) -> bool:
    return np.iterable(value) and not isinstance(value, (str, bytes, Mapping, Set))


def hidden_units(
    hidden_layer_sizes: Any, n_hidden_layers: int | None = None
) -> list[int]:
    """Check the sizes of the hidden layers; return the width of each."""
    values = (
        hidden_layer_sizes
        if _is_sequence(hidden_layer_sizes)
        else np.reshape(hidden_layer_sizes, 1)
    )
    widths = list(values)
    if not all(isinstance(n, Integral) and not isinstance(n, bool) for n in widths):
        raise TypeError(
            "hidden_layer_sizes must hold one integer for each hidden layer, got "
            f"{hidden_layer_sizes!r}. Write for example "
            "hidden_layer_sizes=(100, 50)."
        )
    widths = [int(n) for n in widths]
    if min(widths, default=1) <= 0:
        raise ValueError(f"hidden_layer_sizes must be > 0, got {widths}.")
    if n_hidden_layers is None or n_hidden_layers == len(widths):
        return widths
    if len(widths) == 1 and n_hidden_layers <= _MOST_LAYERS:
        return widths * int(n_hidden_layers)
    if len(widths) == 1:
        raise ValueError(
            f"n_hidden_layers={n_hidden_layers} is more than the {_MOST_LAYERS} layers "
            "that a network may have. Make it smaller."
        )
    raise ValueError(
        f"n_hidden_layers={n_hidden_layers} asks for another number of layers than "
        f"hidden_layer_sizes={hidden_layer_sizes!r}. Give one width for all layers, as "
        "in hidden_layer_sizes=100, or leave n_hidden_layers at None."
    )


def per_layer(name: str, value: Any, n_layers: int) -> tuple[Any, ...]:
    """Return a parameter's value for each hidden layer, unchecked."""
    if not _is_sequence(value):
        return (value,) * n_layers
    values = tuple(value)
    if len(values) != n_layers:
        raise ValueError(
            f"{name} must be one value, or one for each hidden layer, but {name}="
            f"{value!r} has {len(values)} for {n_layers} hidden layers."
        )
    return values


def _without_layers(value: Any) -> tuple[Any, ...]:
    """Return the values to check where there is no hidden layer to take them."""
    return () if np.shape(value) == (0,) else (value,)


def _options_per_layer(
    name: str, value: Any, n_layers: int, options: Collection[str]
) -> tuple[str, ...]:
    """Return the names for each layer, all of them among the options."""
    values = per_layer(name, value, n_layers)
    for one in values or _without_layers(value):
        if not (isinstance(one, str) and one in options):
            raise ValueError(
                f"{name} has no option {one!r}. The options are {sorted(options)}."
                f"{did_you_mean(name, one, options)}"
            )
    return tuple(map(str, values))


class NetworkOptions(NamedTuple):
    """The parameters that shape a network and its initial weights."""

    hidden_layer_sizes: Any
    n_hidden_layers: int | None
    activation: Any
    dropout: Any
    input_dropout: float
    normalization: str | None
    numeric_embedding: str | None
    numeric_embedding_size: Any
    n_bins: int
    categorical_features: Any
    categorical_embedding_size: int
    kernel_initializer: Any
    bias_initializer: str
    parametrization: str
    feature_scaling: bool
    parametric_activation: bool
    n_shared_members: int | None
    member_factors: str
    standardize: bool = False
    standardize_y: bool = False


def _dropout(options: NetworkOptions, n_layers: int) -> tuple[float, ...]:
    value = options.dropout
    rates = per_layer("dropout", value, n_layers)
    for rate in rates or _without_layers(value):
        is_rate = isinstance(rate, Real) and 0 <= rate < 1  # type: ignore[operator]
        if not is_rate:
            raise ValueError(
                "dropout must be the fraction of neurons that is dropped, in [0, 1), "
                f"got {rate!r}."
            )
    rates = (options.input_dropout, *rates)
    return tuple(map(float, rates)) if any(rates) else ()


def layers_of(options: NetworkOptions, n_outputs: int) -> tuple[Layer, ...]:
    """Check the options that shape a network; return its layers."""
    hidden = hidden_units(options.hidden_layer_sizes, options.n_hidden_layers)
    n_layers = len(hidden)
    activations = _options_per_layer(
        "activation", options.activation, n_layers, ACTIVATIONS
    )
    dropout = _dropout(options, n_layers)
    n_members = options.n_shared_members
    return mlp_layers(
        hidden,
        n_outputs,
        activations,
        dropout,
        options.normalization,
        parametrization=options.parametrization,
        feature_scaling=options.feature_scaling,
        parametric_activation=options.parametric_activation,
        n_members=n_members or 1,
        member_factors=options.member_factors,
    )


def architecture_of(
    options: NetworkOptions,
    n_features: int,
    n_outputs: int,
    link: str,
    settings: tuple[float, ...],
) -> Architecture:
    """Check the options that shape a network; return its description."""
    layers = layers_of(options, n_outputs)
    return Architecture(n_features, layers, link, settings)


def initializers_of(options: NetworkOptions, n_layers: int) -> dict[str, Any]:
    """Return what ``initial_parameters`` takes, checked.

    One value is for all layers; where each hidden layer has its own, the output layer
    has 'auto', and goes by the activation of the last hidden layer. In the NTK
    parametrization 'auto' is 'lecun_normal'.
    """
    kernels, known = options.kernel_initializer, {"auto", *INITIALIZERS}
    names = _options_per_layer("kernel_initializer", kernels, n_layers, known)
    activation = options.activation
    activations = per_layer("activation", activation, n_layers)
    last = activation if isinstance(activation, str) else ("", *activations)[-1]
    names = (*names, kernels if isinstance(kernels, str) else "auto")
    if options.parametrization == "ntk":
        names = tuple("lecun_normal" if name == "auto" else name for name in names)
    return {
        "kernels": names,
        "bias": options.bias_initializer,
        "activations": (*activations, last),
    }
