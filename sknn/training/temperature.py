"""Temperature scaling: one number makes probabilities as sure as they should be."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

_BOUNDS = (-3.0, 3.0)  # of the logarithm of the temperature
_TOLERANCE = 1e-3  # of it


def fit_temperature(
    probabilities: np.ndarray, codes: np.ndarray, weights: np.ndarray | None
) -> float:
    """Return the temperature with the lowest log loss [1]_.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Of rows that were not trained on.
    codes : ndarray of shape (n_samples,), dtype=int
        The class of each row, counted from 0.
    weights : ndarray of shape (n_samples,) or None
        Weights of the rows.

    Returns
    -------
    temperature : float
        Above 1, probabilities become less sure; below 1, more.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural
       Networks", ICML 2017.
    """
    temperature, _ = _fit(probabilities, codes, weights)
    return temperature


def calibrated_log_loss(
    probabilities: np.ndarray, codes: np.ndarray, weights: np.ndarray | None
) -> float:
    """Return the log loss with the temperature of ``fit_temperature``."""
    _, loss = _fit(probabilities, codes, weights)
    return loss


def _fit(
    probabilities: np.ndarray, codes: np.ndarray, weights: np.ndarray | None
) -> tuple[float, float]:
    """Return the best temperature, and the log loss with it."""
    logits = logarithm(probabilities)
    highest = logits.max(axis=1)
    behind = highest - logits[np.arange(len(codes)), codes]
    logits -= highest[:, np.newaxis]

    def log_loss(log_temperature: float) -> float:
        factor = np.exp(-log_temperature)
        losses = np.log(np.exp(logits * factor).sum(axis=1)) + behind * factor
        return float(np.average(losses, weights=weights))

    result = minimize_scalar(
        log_loss, bounds=_BOUNDS, method="bounded", options={"xatol": _TOLERANCE}
    )
    return float(np.exp(result.x)), float(result.fun)


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return ``softmax(log(probabilities) / temperature)``, in the same dtype."""
    log_proba = log_softmax(logarithm(probabilities) / temperature, axis=1)
    scaled: np.ndarray = np.exp(log_proba).astype(probabilities.dtype, copy=False)
    return scaled


def logarithm(probabilities: np.ndarray) -> np.ndarray:
    """Return the logarithm in float64; of 0, that of the smallest positive number."""
    smallest = np.finfo(probabilities.dtype).tiny
    positive = np.maximum(probabilities, smallest).astype(np.float64)
    return np.asarray(np.log(positive))
