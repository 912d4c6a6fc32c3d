"""The definition of a loss, and losses made from two scalar functions."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from sknn.jit.array_types import AnyArray, Float64s, Matrix, Vector
from sknn.jit.kernel import Array, Kernel, caller, flat
from sknn.kernels.batch import BATCH, Batch, row_of
from sknn.kernels.descriptions import check_description
from sknn.kernels.losses.output_activations import SETTINGS

N_SETTINGS = 4  # of a loss, which its scalar functions take
Settings = tuple[float, float, float, float]  # in the dtype of the raw outputs
LossFunction = Callable[[float, float, Settings], float]  # of y, z, settings


class LossOptions(NamedTuple):
    """The estimators' parameters that losses depend on."""

    delta: float = 1.0
    quantile: float | Sequence[float] = 0.5
    power: float = 1.5
    label_smoothing: float = 0.0
    focal_gamma: float = 2.0


def _no_settings(options: LossOptions) -> Sequence[float]:
    """Return no settings."""
    return ()


class Loss(NamedTuple):
    """A loss and the output activation that belongs to it."""

    train: Kernel  # returns the loss summed over a batch, sets its gradient
    link: str  # key of OUTPUT_ACTIVATIONS, the estimators' `out_activation_`
    description: str  # one line for the docstrings of the estimators
    reference: str = ""  # publication that the docstrings cite
    # Those of the estimators' parameters that only some losses have a use for, this one
    # among them. They give a warning with others.
    uses: tuple[str, ...] = ()
    # Parameter that chooses it instead of the loss that is asked for; "" if users ask.
    chosen_by: str = ""
    mean_over_outputs: bool = False  # whether the reported loss is a mean over outputs
    # Raises ValueError for targets outside of the domain, given the options.
    check_targets: Callable[[AnyArray, LossOptions], None] = lambda y, options: None
    positive_only: bool = False  # whether all targets must be zero or positive
    # Settings that the kernels of the loss and of the output activation take.
    settings: Callable[[LossOptions], Sequence[float]] = _no_settings
    # Number of raw outputs for each column of the targets.
    outputs_per_target: Callable[[LossOptions], int] = lambda options: 1
    # Takes a column of targets, their weights and the settings; returns the raw output
    # that has the lowest loss if it is the same for all rows. None: it is searched for.
    best_constant: Callable[[Vector, Vector, Float64s], float] | None = None

    def reported_scale(self, n_outputs: int) -> float:
        """Return the factor from the loss summed over outputs to the reported one."""
        return 1.0 / n_outputs if self.mean_over_outputs else 1.0

    def settings_of(self, options: LossOptions) -> tuple[float, ...]:
        """Return the settings, padded with zeros to N_SETTINGS floats or more."""
        settings = [float(setting) for setting in self.settings(options)]
        return tuple(settings + [0.0] * (N_SETTINGS - len(settings)))


# Every kernel of a loss has this signature, with these parameters.
TRAIN_PARAMETERS = """
    Parameters
    ----------
    raw : ndarray of shape (n_rows, n_outputs)
        Raw outputs z, before the output activation.
    targets : ndarray of shape (n_samples, n_targets)
        Targets y of all samples.
    batch : Batch
        Rows of the block; ``batch.weights`` is empty if all weights are 1.
    delta : ndarray of shape (n_rows, n_outputs)
        Gradient of the loss with respect to raw, overwritten.
    settings : ndarray of shape (n_settings,), float64
        Settings of the loss.
"""
train_signature = (
    Array(ndim=2),
    Array(ndim=2, is_read_only=True),
    BATCH,
    Array(ndim=2),
    SETTINGS,
)
call_loss = caller("loss", train_signature)


def add_loss(
    losses: dict[str, Loss],
    name: str,
    kernel: Kernel,
    link: str,
    *,
    description: str,
    **options: Any,
) -> None:
    """Enter a loss into a table.

    Parameters
    ----------
    losses : dict
        Table that the loss is entered in.
    name : str
        Key in the table; users write ``loss="name"``.
    kernel : Kernel
        Returns the loss summed over a batch, and sets its gradient.
    link : str
        Key of the output activation in ``OUTPUT_ACTIVATIONS``.
    description : str
        One line for the docstrings of the estimators.
    **options
        Other fields of `Loss`.
    """
    description = check_description(name, description)
    losses[name] = Loss(kernel, link, description, **options)


def elementwise(
    losses: dict[str, Loss],
    name: str,
    value: LossFunction,
    gradient: LossFunction,
    link: str,
    *,
    cached: bool = True,
    **options: Any,
) -> None:
    """Register the loss that sums ``weight * value(y, z, settings)`` over all z.

    Parameters
    ----------
    losses : dict
        Table that the loss is entered in.
    name : str
        Key in the table; users write ``loss="name"``.
    value : function
        ``value(y, z, settings)`` is the loss of raw output z for target y;
        an ``@inline_scalar``.
    gradient : function
        ``gradient(y, z, settings)`` is the derivative of ``value`` by z.
    link : str
        Key of the output activation in ``OUTPUT_ACTIVATIONS``.
    cached : bool, default=True
        Whether to keep the compiled kernel on disk.
    **options
        Other fields of `Loss`, its description among them.
    """

    def train(
        raw: Matrix, targets: Matrix, batch: Batch, delta: Matrix, settings: Float64s
    ) -> float:
        n_rows, n_outputs = raw.shape
        weights, dtype = batch.weights, raw.dtype.type
        typed_settings = (
            dtype(settings[0]),
            dtype(settings[1]),
            dtype(settings[2]),
            dtype(settings[3]),
        )
        z, d, y_of = flat(raw), flat(delta), flat(targets)
        for i in range(n_rows):
            source = np.uintp(row_of(batch, i))
            if n_outputs == 1:  # the loop over outputs would cost more than its body
                d[i] = y_of[source]
                continue
            for j in range(n_outputs):
                delta[i, j] = targets[source, j]
        total = 0.0
        if weights.size == 0:
            for k in range(z.size):
                y = d[k]
                total += value(y, z[k], typed_settings)
                d[k] = gradient(y, z[k], typed_settings)
            return total
        for i in range(n_rows):
            row = row_of(batch, i)
            weight = weights[row]
            for j in range(n_outputs):
                y = delta[i, j]
                total += weight * value(y, raw[i, j], typed_settings)
                delta[i, j] = weight * gradient(y, raw[i, j], typed_settings)
        return total

    train.__doc__ = f"""Set delta to weight * {gradient.__name__}(y, z, settings).

    Return the sum of weight * {value.__name__}(y, z, settings) over rows and outputs.
    {TRAIN_PARAMETERS}"""
    kernel = Kernel(train, train_signature, f"{name}_train", cached=cached)
    add_loss(losses, name, kernel, link, **options)
