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
    return calibrated_scorer(X, y, sample_weight)(estimator)


def calibrated_scorer(
    X: Any, y: Any, sample_weight: np.ndarray | None = None
) -> Callable[[Any], float]:
    """Return ``neg_calibrated_log_loss`` as a function of an estimator alone.

    Its first call looks up the codes of y; all estimators must have the same classes.
    """
    codes: np.ndarray | None = None

    def score(estimator: Any) -> float:
        nonlocal codes
        if codes is None:
            codes = _codes_of(y, estimator)
        probabilities = estimator.predict_proba(X)
        return -calibrated_log_loss(probabilities, codes, sample_weight)

    return score


def _codes_of(y: Any, estimator: Any) -> np.ndarray:
    """Return the number of each row's class; raise a ValueError if y has no classes."""
    kind = type_of_target(y)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"{CALIBRATED!r} is for classes, one a row, but y is {kind}. Use "
            "scoring='loss'."
        )
    return np.searchsorted(estimator.classes_, np.asarray(y).ravel())


CALIBRATED = "neg_calibrated_log_loss"


def scorer_names() -> set[str]:
    """Return the names that ``scoring`` and ``metrics`` may have."""
    return {CALIBRATED, *metrics.get_scorer_names()}


def scorer_of_name(
    name: str, X: Any, y: Any, sample_weight: np.ndarray | None
) -> Callable[[Any], Any]:
    """Return a function that scores a fitted estimator on rows."""
    if name == CALIBRATED:
        return calibrated_scorer(X, y, sample_weight)
    scorer = metrics.get_scorer(name)
    weight = {} if sample_weight is None else {"sample_weight": sample_weight}
    return lambda estimator: scorer(estimator, X, y, **weight)
