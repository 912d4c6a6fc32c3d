"""The table of kinds of layers: the ``KINDS`` of all modules in this folder."""

from importlib import import_module
from pkgutil import iter_modules

from sknn.kernels.descriptions import check_description
from sknn.network import layers
from sknn.network.layers.base import LayerParameter, LayerSpec

LAYERS: dict[str, LayerSpec] = {}


def attributes_of_layers() -> set[str]:
    """Return the names of the attributes that hold the arrays of layers."""
    return {array.attribute for spec in LAYERS.values() for array in spec.arrays}


def parameters_of_layers() -> list[LayerParameter]:
    """Return the arrays that layers may have, once for each attribute.

    In the order in which they lie in theta: what is penalised, what is trained beside,
    what is not trained; and within these in the order of the table.
    """
    arrays: dict[str, LayerParameter] = {}
    for spec in LAYERS.values():
        for array in spec.arrays:
            arrays.setdefault(array.attribute, array)
    return sorted(
        arrays.values(),
        key=lambda array: (not array.is_penalized, not array.is_trained),
    )


def register(kind: str, spec: LayerSpec) -> None:
    """Add a kind of layer to the table.

    Raises
    ------
    ValueError
        If there is a kind of this name.
        If another kind has an attribute of the same name that is penalised, trained or
        stored in another way: the arrays of one attribute lie side by side in theta.
        If its description is not one line.
    """
    check_description(kind, spec.description)
    if kind in LAYERS:
        raise ValueError(f"There is a layer {kind!r} already. Give it another name.")
    known = {array.attribute: array for array in parameters_of_layers()}
    for array in spec.arrays:
        other = known.get(array.attribute, array)
        if (other.is_penalized, other.is_trained, other.is_weights) != (
            array.is_penalized,
            array.is_trained,
            array.is_weights,
        ):
            raise ValueError(
                f"The layer {kind!r} has an attribute {array.attribute!r} unlike that "
                "of other layers. Give it another name."
            )
    LAYERS[kind] = spec


for _module in iter_modules(layers.__path__, f"{layers.__name__}."):
    if _module.name != __name__:
        for _kind, _spec in getattr(import_module(_module.name), "KINDS", {}).items():
            register(_kind, _spec)
