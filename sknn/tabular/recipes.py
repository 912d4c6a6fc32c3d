"""The networks that a preset stands for.

Every value was chosen from means over many tables: see ``benchmarks/accuracy``.
"""

from dataclasses import dataclass, field
from typing import Any

FEWEST_BATCHES = 8  # in an epoch, where the rows are few
SMALLEST_BATCH = 32


@dataclass(frozen=True)
class Recipe:
    """How the members of an ensemble are made and trained.

    Attributes
    ----------
    n_folds : int
        The rows are divided into so many folds, one of which each member leaves out.
    n_repeats : int
        How often they are divided anew: there are ``n_folds * n_repeats`` members.
    n_steps : int
        About how many steps of the optimizer a member makes.
    max_iter : tuple of int
        The fewest epochs of a member, and the most.
    batch_size : int
        The most rows of a batch.
    parameters : dict
        Parameters of the networks.
    retrains_before : float, default=0.0
        A share of the epochs. Where the best epoch comes before it, the members are
        trained anew, with a learning-rate schedule that ends at that epoch.
    """

    n_folds: int
    n_repeats: int
    n_steps: int
    max_iter: tuple[int, int]
    batch_size: int
    parameters: dict[str, Any] = field(default_factory=dict)
    retrains_before: float = 0.0

    def rows_of_batch(self, n_rows: int) -> int:
        """Return the size of a batch: smaller where there would be too few.

        Each member has half of the rows at least.
        """
        size = max(SMALLEST_BATCH, min(self.batch_size, n_rows // FEWEST_BATCHES))
        return min(size, max(1, n_rows // 2))

    def epochs(self, n_rows: int) -> int:
        """Return the number of epochs that make about ``n_steps`` steps."""
        fewest, most = self.max_iter
        wanted = round(self.n_steps * self.rows_of_batch(n_rows) / max(n_rows, 1))
        return min(max(wanted, fewest), most)


LABEL_SMOOTHING = 0.05  # where a temperature undoes it in the probabilities

# Parameters of the networks in all presets.
_COMMON: dict[str, Any] = {
    "solver": "adamw",
    "alpha": 0.0,
    "tol": None,
    "parametrization": "ntk",
    "feature_scaling": True,
    "parametric_activation": True,
    "kernel_initializer": "unit_variance",
    "bias_initializer": "data",
    "learning_rate": "one_cycle",
    "beta_2": 0.95,
    "dropout": 0.0,
    "dropout_schedule": "flat_cos",
    "weight_decay": 0.02,
    "weight_decay_schedule": "flat_cos",
    "numeric_embedding": "piecewise_linear",
    "numeric_embedding_size": 8,
}
_OF_CLASSES = {
    **_COMMON,
    "hidden_layer_sizes": (128, 128, 128),
    "activation": "selu",
    "learning_rate_init": 0.04,
    "n_bins": 32,
}
_OF_NUMBERS = {
    **_COMMON,
    "hidden_layer_sizes": (96, 96),
    "activation": "mish",
    "dropout": 0.1,
    "learning_rate_init": 0.05,
    "n_bins": 96,
}

CLASSIFICATION = {
    "quick": Recipe(3, 1, 400, (15, 50), 256, _OF_CLASSES),
    "default": Recipe(5, 1, 800, (20, 70), 256, _OF_CLASSES),
    "best": Recipe(5, 3, 800, (20, 70), 256, _OF_CLASSES),
}
REGRESSION = {
    "quick": Recipe(3, 1, 1250, (20, 125), 256, _OF_NUMBERS, 0.6),
    "default": Recipe(5, 1, 3000, (40, 256), 256, _OF_NUMBERS, 0.6),
    "best": Recipe(5, 3, 3000, (40, 256), 256, _OF_NUMBERS, 0.6),
}
