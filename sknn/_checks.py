"""Checks of what users pass, beyond those of scikit-learn, and their messages."""

import numpy as np

from sknn._sklearn import check_sample_weight
from sknn.kernels.losses import Loss
from sknn.network import Inputs, Network, read_only
from sknn.training import Problem

STOCHASTIC_SOLVERS = {"sgd", "adam"}


def has_partial_fit(estimator) -> bool:
    """Return True for a stochastic solver, else say why ``partial_fit`` is missing."""
    if estimator.solver in STOCHASTIC_SOLVERS:
        return True
    raise AttributeError(
        "partial_fit is only available for stochastic optimizers. "
        f"{estimator.solver} is not stochastic."
    )


def hidden_units(hidden_layer_sizes) -> list[int]:
    """Check ``hidden_layer_sizes``; return the width of each hidden layer."""
    sizes = np.atleast_1d(np.asarray(hidden_layer_sizes))
    if sizes.size and (sizes.ndim != 1 or sizes.dtype.kind not in "iu"):
        raise TypeError(
            "hidden_layer_sizes must hold one integer for each hidden layer, got "
            f"{hidden_layer_sizes!r}. Write for example "
            "hidden_layer_sizes=(100, 50)."
        )
    if np.any(sizes <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes.tolist()}.")
    return sizes.tolist()


def check_same_shape(estimator, units: tuple[int, ...]) -> None:
    """Refuse to go on from weights that belong to another network."""
    fitted = (
        *(coef.shape[0] for coef in estimator.coefs_),
        estimator.coefs_[-1].shape[1],
    )
    if fitted[1:-1] != units[1:-1]:
        raise ValueError(
            "Training can only go on with the layers it began with: the weights "
            f"have hidden_layer_sizes={fitted[1:-1]}, but "
            f"hidden_layer_sizes is now {estimator.hidden_layer_sizes!r}. Set it back, "
            "or call fit with warm_start=False to start anew."
        )
    if fitted != units:
        raise ValueError(
            f"Training can only go on with as many outputs as it began with: the "
            f"weights have {fitted[-1]}, but y now asks for {units[-1]}. Call fit "
            "with warm_start=False to start anew."
        )


def problem_of(X, targets, sample_weight, loss: Loss, network: Network) -> Problem:
    """Check what is left to check; bring all data into the network's dtype."""
    loss.check_targets(targets)
    dtype = network.dtype
    with np.errstate(over="ignore"):
        targets = np.ascontiguousarray(targets, dtype=dtype)
    if np.isnan(targets).any():  # from None in an object array
        raise ValueError("Input y contains NaN.")
    if not np.isfinite(targets).all():
        raise ValueError(
            f"y holds values too large for {dtype}, the dtype of X. Scale y, or pass "
            "X in float64."
        )
    weights = np.empty(0, dtype=dtype)
    if sample_weight is not None:
        weights = check_sample_weight(
            sample_weight, X, dtype=dtype, ensure_non_negative=True
        )
        if not weights.any():
            raise ValueError(
                "Sample weights must contain at least one non-zero number."
            )
    return Problem(Inputs.of(X, dtype), read_only(targets), read_only(weights), loss)
