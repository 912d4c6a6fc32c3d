"""The layers that ``standardize`` and ``standardize_y`` ask for."""

from collections.abc import Sequence

from sknn.estimators.parameters import NetworkOptions
from sknn.kernels.losses.table import LOSSES
from sknn.network.data import Inputs
from sknn.network.layers.base import Layer
from sknn.network.layers.categorical import coded_columns
from sknn.network.layers.piecewise_linear import N_COMMON
from sknn.network.layers.table import LAYERS

# Output activations of losses for which a target may have any mean and scale.
_OF_ANY_SCALE = ("identity", "quantiles")
_CENTRED, _UNCENTRED = "standardization", "uncentred_standardization"


def with_standardization(
    layers: tuple[Layer, ...],
    options: NetworkOptions,
    inputs: Inputs,
    embeddings: Sequence[Layer],
    fitted: Sequence[Layer],
) -> tuple[Layer, ...]:
    """Return layers with those that standardise inputs and targets around them.

    Parameters
    ----------
    layers : tuple of Layer
    options : NetworkOptions
    inputs : Inputs
        Sparse ones are not centred, for they would not stay sparse.
    embeddings : sequence of Layer
        Those that embed columns, which stay as they are.
    fitted : sequence of Layer
        Of the network that training goes on with, which are centred as before; else
        empty.
    """
    if options.standardize:
        kind = _UNCENTRED if inputs.is_sparse else _CENTRED
        if fitted and fitted[0].kind in (_CENTRED, _UNCENTRED):
            kind = fitted[0].kind
        embedded = _embedded(embeddings, inputs.n_features)
        layers = (Layer(kind, embedded), *layers)
    if options.standardize_y:
        layers = (*layers, Layer("target_standardization"))
    return layers


def _embedded(embeddings: Sequence[Layer], n_features: int) -> tuple[int, ...]:
    """Return the numbers of the columns of X that are embedded."""
    embedded: list[int] = []
    for layer in embeddings:
        if LAYERS[layer.kind].parameter == "categorical_features":
            embedded += [column.number for column in coded_columns(layer.options)]
        else:  # it reads the other columns first, with its number of bins for each
            others = sorted({*range(n_features)} - {*embedded})
            n_bins = layer.options[N_COMMON:]
            embedded += [k for k, n in zip(others, n_bins, strict=False) if n]
    return tuple(sorted(embedded))


def check_standardize_y(options: NetworkOptions, loss_name: str) -> None:
    """Refuse ``standardize_y`` for a loss that is not defined for all numbers."""
    link = LOSSES[loss_name].link
    if options.standardize_y and link not in _OF_ANY_SCALE:
        raise ValueError(
            f"standardize_y=True cannot be used with loss={loss_name!r}: its "
            f"predictions are those of the output activation {link!r}, but "
            "standardised targets have any sign. Leave standardize_y at its default, "
            "False, or use another loss."
        )
