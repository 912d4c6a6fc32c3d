"""Temperature scaling: one number makes probabilities as sure as they should be."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

_BOUNDS = (-3.0, 3.0)  # of the logarithm of the temperature


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
    logits = logarithm(probabilities)
    rows = np.arange(len(codes))

    def log_loss(log_temperature: float) -> float:
        log_proba = log_softmax(logits * np.exp(-log_temperature), axis=1)
        return -float(np.average(log_proba[rows, codes], weights=weights))

    result = minimize_scalar(log_loss, bounds=_BOUNDS, method="bounded")
    return float(np.exp(result.x))


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
