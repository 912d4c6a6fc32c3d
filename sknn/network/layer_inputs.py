"""What a layer reads of the training rows, for initial values that depend on them."""

from collections.abc import Callable
from functools import cached_property

import numpy as np


class LayerInputs:
    """What a layer reads of the training rows, computed when it is first asked for.

    The layers before it do what they do in prediction, with their initial parameters:
    nothing is dropped, and batch normalisation has yet to see a batch.

    Parameters
    ----------
    compute : callable or None
        Returns ``rows`` and ``sample_weight``; None where there are no rows.
    """

    def __init__(self, compute: Callable[[], tuple[np.ndarray, np.ndarray]] | None):
        self._compute = compute

    @cached_property
    def _computed(self) -> tuple[np.ndarray, np.ndarray]:
        if self._compute is None:
            raise ValueError(
                "The initial values of a layer depend on the training data: pass data "
                "to initial_parameters."
            )
        return self._compute()

    @property
    def rows(self) -> np.ndarray:
        """Rows of shape (n_rows, fan_in), dense, in the dtype of the network.

        Of many training rows a sample, evenly spaced: always the same. With members
        that share weights, a row for each of them.
        """
        return self._computed[0]

    @property
    def sample_weight(self) -> np.ndarray:
        """Weights of these rows, shape (n_rows,), all above zero; 1 where none are."""
        return self._computed[1]

    def of_member(self, k: int, n_members: int) -> "LayerInputs":
        """Return what the k-th of the members that share weights reads."""
        own = slice(k, None, n_members)
        return LayerInputs(lambda: (self.rows[own], self.sample_weight[own]))
