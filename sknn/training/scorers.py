"""Scorers by name: those of scikit-learn, and one of ours."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.utils.multiclass import type_of_target

from sknn.training.temperature import calibrated_log_loss


def neg_calibrated_log_loss(
    estimator: Any, X: Any, y: Any, sample_weight: np.ndarray | None = None
) -> float:
    """Return the negative log loss of probabilities with the best temperature [1]_.

    It tells how well classes are told apart, whether or not the probabilities are as
    sure as they should be. Greater is better.

    Parameters
    ----------
    estimator : classifier
        A fitted one with ``predict_proba``.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Class labels.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of the rows.

    Raises
    ------
    ValueError
        If y has no classes, or several labels a row.

    References
    ----------
    .. [1] E. Berta, D. Holzmüller, M. I. Jordan and F. Bach, "Rethinking Early
       Stopping: Refine, Then Calibrate", 2025, https://arxiv.org/abs/2501.19195
    """
    kind = type_of_target(y)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"{CALIBRATED!r} is for classes, one a row, but y is {kind}. Use "
            "scoring='loss'."
        )
    codes = np.searchsorted(estimator.classes_, np.asarray(y).ravel())
    probabilities = estimator.predict_proba(X)
    return -calibrated_log_loss(probabilities, codes, sample_weight)


CALIBRATED = "neg_calibrated_log_loss"
SCORERS = {CALIBRATED: neg_calibrated_log_loss}


def scorer_names() -> set[str]:
    """Return the names that ``scorer_of_name`` knows."""
    return {*SCORERS, *metrics.get_scorer_names()}


def scorer_of_name(name: str) -> Callable[..., Any]:
    """Return a function of a fitted estimator, X, y and ``sample_weight``."""
    scorer: Callable[..., Any] = SCORERS.get(name) or metrics.get_scorer(name)
    return scorer
