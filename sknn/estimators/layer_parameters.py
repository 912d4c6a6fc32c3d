"""Parameters of one hidden layer, as ``set_params`` names them."""

from typing import Any

from sknn.estimators.parameters import hidden_units, per_layer

# Parameters with a value for each hidden layer.
PER_LAYER = ("hidden_layer_sizes", "activation", "dropout", "kernel_initializer")


def is_of_layer(key: str) -> bool:
    """Return whether a key of ``set_params`` is that of one layer."""
    name, _, k = key.partition("__")
    return name in PER_LAYER and k.isdigit()


def with_layer(
    parameters: dict[str, Any], name: str, k: int, value: Any
) -> tuple[Any, ...]:
    """Return a parameter's value for each hidden layer, with that of one changed."""
    sizes = hidden_units(
        parameters["hidden_layer_sizes"], parameters["n_hidden_layers"]
    )
    if k >= len(sizes):
        raise ValueError(
            f"{name}__{k} is that of a hidden layer which does not exist: there are "
            f"{len(sizes)}, counted from 0. Set hidden_layer_sizes or n_hidden_layers "
            "first."
        )
    values = list(sizes)
    if name != "hidden_layer_sizes":
        values = list(per_layer(name, parameters[name], len(sizes)))
    values[k] = value
    return tuple(values)
