"""The layers of members that share weights, as parameters and training data ask."""

from collections.abc import Sequence

from sknn.estimators.parameters import NetworkOptions
from sknn.network.data import Inputs
from sknn.network.layers.base import Layer
from sknn.network.layers.categorical import coded_columns
from sknn.network.layers.members import NORMAL, SIGNS
from sknn.network.layers.piecewise_linear import N_COMMON
from sknn.network.layers.table import LAYERS


def with_members(
    layers: tuple[Layer, ...],
    options: NetworkOptions,
    inputs: Inputs,
    embeddings: Sequence[Layer],
) -> tuple[Layer, ...]:
    """Return layers in which the factors of members begin as the inputs ask.

    All outputs of an embedded column begin with the same factor. It is a normal number
    where columns of numbers are embedded, and else a sign.

    Parameters
    ----------
    layers : tuple of Layer
        Those that follow the embeddings.
    options : NetworkOptions
    inputs : Inputs
    embeddings : sequence of Layer
        Those that embed columns.

    Raises
    ------
    ValueError
        If the inputs are sparse, or normalised over the rows of a batch.
    """
    if options.n_shared_members is None:
        return layers
    if inputs.is_sparse:
        raise ValueError(
            f"n_shared_members={options.n_shared_members} takes dense inputs only, but "
            "X is sparse. Pass X.toarray(), or leave n_shared_members at None."
        )
    if options.normalization == "batch":
        raise ValueError(
            "normalization='batch' cannot be used with n_shared_members="
            f"{options.n_shared_members}: it would mix the members. Use "
            "normalization='layer' or None, or leave n_shared_members at None."
        )
    if not embeddings:
        return layers
    has_numbers = any(map(_embeds_numbers, embeddings))
    groups = _groups(embeddings, inputs.n_features)
    start = NORMAL if has_numbers else SIGNS
    begun = (options.n_shared_members, SIGNS)
    first = Layer("member_scaling", (options.n_shared_members, start, *groups))
    return tuple(
        first if layer[:2] == (first.kind, begun) else layer for layer in layers
    )


def _embeds_numbers(layer: Layer) -> bool:
    return LAYERS[layer.kind].parameter == "numeric_embedding"


def _groups(embeddings: Sequence[Layer], n_features: int) -> list[int]:
    """Return how many outputs each column of X has, in the order of the outputs.

    Columns of numbers come first, those that are embedded before all others, and then
    columns of codes.
    """
    coded: list[int] = []
    numbers = [1] * n_features
    for layer in embeddings:
        if _embeds_numbers(layer):
            size, n_bins = int(layer.options[0]), layer.options[N_COMMON:]
            n_embedded = sum(n > 0 for n in n_bins)
            numbers = [size] * n_embedded + numbers[n_embedded:]
        else:
            coded = [column.width for column in coded_columns(layer.options)]
            numbers = numbers[len(coded) :]
    return [*numbers, *coded]
