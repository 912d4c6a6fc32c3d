"""What a network is, and where its parameters lie in one vector."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import NamedTuple

from sknn.kernels.gemm import products
from sknn.kernels.layers.normalization import NORMALIZATIONS


class Architecture(NamedTuple):
    """What a network is, without its parameters.

    Attributes
    ----------
    units : tuple of int
        Number of inputs, width of each hidden layer, number of outputs.
    activations : tuple of str
        Key of ``ACTIVATIONS`` for each hidden layer.
    link : str
        Key of ``OUTPUT_ACTIVATIONS``.
    settings : tuple of float
        Of the loss and its link.
    dropout : tuple of float
        Share of the inputs, then of each hidden layer, that is dropped in training.
        Empty: none.
    normalization : str or None
        Key of ``NORMALIZATIONS``, for all hidden layers.
    """

    units: tuple[int, ...]
    activations: tuple[str, ...]
    link: str
    settings: tuple[float, ...] = ()
    dropout: tuple[float, ...] = ()
    normalization: str | None = None

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Shape of each matrix of weights."""
        return list(pairwise(self.units))


class Layout:
    """Where the parameters of a network lie in one vector.

    First the weights, layer by layer, then the biases, the gains and shifts of
    normalisations, and last, where there are any, their running statistics, which are
    not trained. Each kind has the name of a fitted attribute of the estimators.
    """

    def __init__(self, architecture: Architecture):
        hidden = [(width,) for width in architecture.units[1:-1]]
        self.shapes: dict[str, Sequence[tuple[int, ...]]] = {
            "coefs_": architecture.shapes,
            "intercepts_": [(width,) for width in architecture.units[1:]],
        }
        if architecture.normalization:
            self.shapes.update(gains_=hidden, shifts_=hidden)
            kind = NORMALIZATIONS[architecture.normalization]
            if kind.keeps_running_statistics:
                self.shapes["running_statistics_"] = [(2, *shape) for shape in hidden]
        self.starts: dict[str, list[int]] = {}
        ends, end = {}, 0
        for name, shapes in self.shapes.items():
            sizes = [prod(shape) for shape in shapes]
            self.starts[name] = [end + sum(sizes[:k]) for k in range(len(sizes))]
            ends[name] = end = end + sum(sizes)
        self.n_weights = ends["coefs_"]
        self.n_trained = ends.get("shifts_", ends["intercepts_"])
        self.n_parameters = end


def is_transposed(shape: tuple[int, ...]) -> bool:
    """Return whether weights of a shape are stored transposed: see ``products.py``."""
    return len(shape) == 2 and shape[1] < products.NARROW
