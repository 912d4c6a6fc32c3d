"""Evaluation after each epoch: validation loss and score, and metrics."""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from sknn.kernels.losses.table import Loss
from sknn.network.data import TrainingData, is_finite
from sknn.network.network import Network
from sknn.training.baseline import mean_loss
from sknn.training.explained_loss import ExplainedLoss
from sknn.training.progress import TrainingState
from sknn.training.scorers import scorer_of_name

_CURE = "Use another scoring, or a validation set for which it is defined."


class Rows(NamedTuple):
    """Rows as scikit-learn's scorers take them."""

    X: Any
    y: Any
    sample_weight: np.ndarray | None


class Validation(NamedTuple):
    """Rows set aside or given for validation, in both forms."""

    rows: Rows
    data: TrainingData
    name: str  # where they come from, in messages
    is_given: bool = False  # not held out by the estimator


class DefaultScore(NamedTuple):
    """How a validation set is scored where ``scoring`` is None.

    ``function`` takes targets, predictions and sample weights; None is
    ``ExplainedLoss``. With fewer rows the score is not defined, and where they all have
    the same targets it says nothing.
    """

    name: str
    function: Callable[..., float] | None
    fewest_rows: int = 1


def scorer_of(scoring: str | Callable[..., Any], rows: Rows) -> Callable[..., Any]:
    """Return a function that scores a fitted estimator on rows.

    Sample weights go to the scorers that are given by name.
    """
    if callable(scoring):
        return lambda estimator: scoring(estimator, rows.X, rows.y)
    return scorer_of_name(scoring, *rows)


def _number(name: str, value: Any) -> float:
    """Return a score as a float; refuse what is not one real number."""
    try:
        array = np.asarray(value)
        is_masked = isinstance(value, np.ma.MaskedArray)
        if array.ndim == 0 and array.dtype.kind in "biufO" and not is_masked:
            return float(value)
    except (TypeError, ValueError):
        pass
    shape = f" of shape {np.shape(value)}" if isinstance(value, np.ndarray) else ""
    raise TypeError(
        f"The function for {name} must return a number, but it returned a "
        f"{type(value).__name__}{shape}."
    )


class Monitor:
    """Evaluates the network after an epoch.

    Parameters
    ----------
    network : Network
    loss : Loss
    train : Rows or None
        The rows that are trained on, for the metrics; None where these are evaluated
        on the validation set alone.
    validation : Validation or None
    scoring : str, callable or None
        How the validation set is scored; 'loss' stands for the negative loss, None for
        ``default_score``.
    metrics : dict of str or callable
        What else to evaluate, on both sets, by name.
    default_score : DefaultScore
    stops_early : bool
        Whether the score of the validation set decides when to stop.
    estimator_of : callable
        Returns a context with a fitted estimator for ``theta``.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        train: Rows | None,
        validation: Validation | None,
        *,
        scoring: str | Callable[..., Any] | None,
        metrics: dict[str, str | Callable[..., Any]],
        default_score: DefaultScore,
        stops_early: bool,
        estimator_of: Callable[[np.ndarray], AbstractContextManager[Any]],
    ):
        self.network = network
        self.loss = loss
        self.validation = validation
        self.default_score = default_score
        self.estimator_of = estimator_of
        self.scoring = scoring
        self.metrics = {}
        if train is not None:
            self.metrics = {name: scorer_of(m, train) for name, m in metrics.items()}
        self.stops_early = stops_early
        self.runs_users_code = any(map(callable, [scoring, *metrics.values()]))
        self.scorer: Callable[..., Any] | None = None
        # Takes the network's outputs, raw or not, and their loss.
        self.score_outputs: Callable[[np.ndarray, float], float] | None = None
        self.takes_raw = False
        self.undefined = ""  # why a score was not a finite number, once one was not
        if validation:
            for name, metric in metrics.items():
                self.metrics[f"val_{name}"] = scorer_of(metric, validation.rows)
            if scoring is None:
                self._prepare_default_score(validation)
            elif scoring != "loss":
                self.scorer = scorer_of(scoring, validation.rows)

    def _prepare_default_score(self, validation: Validation) -> None:
        name, function, fewest_rows = self.default_score
        targets, weights = validation.data.targets, validation.data.weights
        if len(targets) < fewest_rows:
            text = (
                f"The score of {validation.name}, {name}, is not defined for "
                f"{len(targets)} row{'s' * (len(targets) != 1)}; it needs at least "
                f"{fewest_rows}. Pass more rows"
            )
            if self.stops_early:
                raise ValueError(f"{text}, or use scoring='loss'.")
            self.undefined = text
            warnings.warn(f"{text}; val_score is nan.", stacklevel=2)
            return
        if function is None:
            explained = ExplainedLoss(self.network, self.loss, validation.data)
            self.takes_raw, self.score_outputs = explained.takes_raw, explained
        else:
            weight = validation.rows.sample_weight
            self.score_outputs = lambda outputs, _: function(targets, outputs, weight)
        # Of rows that were held out, scikit-learn says nothing.
        if validation.is_given and self.stops_early and fewest_rows > 1:
            counting = targets[weights > 0] if weights.size else targets
            if (counting == counting[0]).all():
                warnings.warn(
                    f"All targets of {validation.name} are the same, so that their "
                    f"score, {name}, cannot tell epochs apart. Pass rows whose targets "
                    "differ, or use scoring='loss'.",
                    stacklevel=2,
                )

    def __call__(self, theta: np.ndarray) -> dict[str, float]:
        """Return the values of an epoch, by their keys in ``history_``."""
        if not (self.metrics or self.scorer):
            return self._evaluate(theta, None)
        with self.estimator_of(theta) as estimator:
            return self._evaluate(theta, estimator)

    def _evaluate(self, theta: np.ndarray, estimator: Any) -> dict[str, float]:
        """Return the values; ``estimator`` is what scorers need, if there are any."""
        record = {}
        finite = is_finite(theta)
        if self.validation:
            data = self.validation.data
            outputs, total = self.network.evaluate(
                theta, self.loss, data, raw=self.takes_raw
            )
            record["val_loss"] = mean_loss(self.network, self.loss, total, data)
            finite = finite and is_finite(outputs)
            record["val_score"] = np.nan
            if self.scoring == "loss":
                record["val_score"] = -record["val_loss"]
            elif finite and self.scorer:
                record["val_score"] = _number("scoring", self.scorer(estimator))
            elif finite and self.score_outputs:
                record["val_score"] = float(self.score_outputs(outputs, total))
            if finite and not (isfinite(record["val_score"]) or self.undefined):
                self._warn_of_score(self.validation, estimator, record["val_score"])
        for name, scorer in self.metrics.items():
            record[name] = np.nan
            if finite:
                record[name] = _number(f"the metric {name!r}", scorer(estimator))
        return record

    def check_scores(self, state: TrainingState, max_iter: int) -> None:
        """Refuse a training that should stop early, but never had a score."""
        is_over = state.has_stopped or state.n_iter >= max_iter
        if self.stops_early and is_over and state.best_score == -np.inf:
            reason = self.undefined or "the predictions for it are not finite"
            raise ValueError(
                "Early stopping cannot choose among the epochs, for the score of the "
                f"validation set was never a finite number: {reason}. {_CURE}"
            )

    def _warn_of_score(
        self, validation: Validation, estimator: Any, score: float
    ) -> None:
        """Warn, once, that a score is not a finite number, and why."""
        name, reason = self.default_score.name, ""
        if self.scoring is not None:
            name = f"scoring={str(self.scoring)!r}"
            if callable(self.scoring):
                named = getattr(self.scoring, "__name__", repr(self.scoring)[:80])
                name = f"scoring={named}"
        if self.scorer:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                self.scorer(estimator)
            if caught:
                reason = f" ({str(caught[-1].message)[:200].rstrip('.')})"
        n_rows = len(validation.data.targets)
        rows = f"{n_rows} row{'s' * (n_rows != 1)}"
        self.undefined = f"{name} is {score} for {validation.name}, {rows}{reason}"
        warnings.warn(
            f"The score {self.undefined}. Such an epoch counts as no improvement. "
            f"{_CURE}",
            stacklevel=2,
        )
