"""Conformal prediction intervals, from predictions for rows left out in training.

References
----------
Y. Romano, E. Patterson, E. J. Candès, "Conformalized Quantile Regression", NeurIPS
2019.

R. F. Barber, E. J. Candès, A. Ramdas, R. J. Tibshirani, "Predictive inference with the
jackknife+", Annals of Statistics 49, 2021.
"""

import numpy as np

_ROUNDING = 1e-9


def conformity_scores(
    y: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> np.ndarray:
    """Return by how much each target lies outside of its interval; < 0 if inside.

    Parameters
    ----------
    y, lower, upper : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Targets, and predicted quantiles of rows that were not trained on. Both may be
        the same prediction: scores are then absolute residuals.
    """
    scores: np.ndarray = np.maximum(lower - y, y - upper)
    return scores


def widening(
    scores: np.ndarray, coverage: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return by how much to widen intervals at both ends to reach a coverage.

    That is the ``ceil((n + 1) * coverage)``-th smallest of n scores; with weights, the
    smallest score at which the scores up to it have this share of the weight.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,) or (n_samples, n_targets)
    coverage : float
        In (0, 1).
    weights : ndarray of shape (n_samples,) or None, default=None

    Raises
    ------
    ValueError
        If there are too few rows for this coverage.
    """
    n = len(scores)
    count = (n + 1) * coverage - _ROUNDING * n
    if count > n:
        fewest = int(np.ceil(coverage / (1 - coverage) - _ROUNDING))
        raise ValueError(
            f"coverage={coverage} needs {fewest} rows or more that were held out in "
            f"training, but there are {n}. Ask for a lower coverage, or train on more "
            "rows."
        )
    if weights is None:
        place = int(np.ceil(count)) - 1
        found: np.ndarray = np.partition(scores, place, axis=0)[place]
        return found
    order = np.argsort(scores, axis=0)
    total = np.cumsum(weights[order], axis=0) / np.sum(weights)
    place = np.minimum((total < count / n).sum(axis=0), n - 1)
    sorted_scores = np.take_along_axis(scores, order, axis=0)
    found = np.take_along_axis(sorted_scores, place[np.newaxis], axis=0)[0]
    return np.asarray(found)
