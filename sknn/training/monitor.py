"""What is measured between epochs: the validation set, its score, the metrics."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import get_scorer

from sknn.kernels.losses.table import Loss
from sknn.network.data import TrainingData, is_finite
from sknn.network.network import Network
from sknn.training.stochastic import loss_scale


class Rows(NamedTuple):
    """Rows as scikit-learn's scorers take them."""

    X: Any
    y: Any
    sample_weight: np.ndarray | None


class Validation(NamedTuple):
    """Rows set aside or given for validation, in both forms."""

    rows: Rows
    problem: TrainingData


def scorer_of(scoring: str | Callable, rows: Rows) -> Callable:
    """Return a function that scores a fitted estimator on rows.

    Sample weights go to scikit-learn's own scorers, which are given by their name.
    """
    if callable(scoring):
        return lambda estimator: scoring(estimator, rows.X, rows.y)
    scorer = get_scorer(scoring)
    weight = {}
    if rows.sample_weight is not None:
        weight["sample_weight"] = rows.sample_weight
    return lambda estimator: scorer(estimator, rows.X, rows.y, **weight)


def _number(name: str, value) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"The function for {name} must return a number, but it returned {value!r}."
        ) from None


class Monitor:
    """Evaluates the network after an epoch.

    Parameters
    ----------
    network : Network
    loss : Loss
    train : Rows
        The rows that are trained on, for the metrics.
    validation : Validation or None
    scoring : str, callable or None
        How the validation set is scored; 'loss' stands for the negative loss, None for
        ``default_score``.
    metrics : dict of str or callable
        What else to evaluate, on both sets, by name.
    default_score : callable
        Takes targets, predictions and sample weights of the validation set.
    estimator_of : callable
        Returns a fitted estimator for ``theta``.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        train: Rows,
        validation: Validation | None,
        *,
        scoring: str | Callable | None,
        metrics: dict[str, str | Callable],
        default_score: Callable,
        estimator_of: Callable[[np.ndarray], Any],
    ):
        self.network = network
        self.loss = loss
        self.validation = validation
        self.default_score = default_score
        self.estimator_of = estimator_of
        self.scoring = scoring
        self.metrics = {name: scorer_of(m, train) for name, m in metrics.items()}
        self.scorer = None
        if validation:
            for name, metric in metrics.items():
                self.metrics[f"val_{name}"] = scorer_of(metric, validation.rows)
            if scoring not in (None, "loss"):
                self.scorer = scorer_of(scoring, validation.rows)

    def __call__(self, theta: np.ndarray) -> dict[str, float]:
        """Return the values of an epoch, by their keys in ``history_``."""
        record = {}
        estimator = None
        if self.metrics or self.scorer:
            estimator = self.estimator_of(theta)
        finite = is_finite(theta)
        if self.validation:
            problem = self.validation.problem
            predictions, total = self.network.evaluate(theta, self.loss, problem)
            record["val_loss"] = total * loss_scale(self.loss, self.network)
            record["val_loss"] /= problem.size
            finite = finite and is_finite(predictions)
            record["val_score"] = -record["val_loss"]
            if self.scoring != "loss":
                record["val_score"] = np.nan
                if finite and self.scorer:
                    record["val_score"] = _number("scoring", self.scorer(estimator))
                elif finite:
                    score = self.default_score(
                        problem.targets, predictions, self.validation.rows.sample_weight
                    )
                    record["val_score"] = float(score)
        for name, scorer in self.metrics.items():
            record[name] = np.nan
            if finite:
                record[name] = _number(f"the metric {name!r}", scorer(estimator))
        return record
