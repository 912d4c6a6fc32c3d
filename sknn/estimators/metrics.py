"""The metrics that users ask for, and their names in ``history_``."""

from collections import Counter
from collections.abc import Callable, Mapping, Set
from functools import partial
from typing import Any

import numpy as np

from sknn._sklearn import BaseScorer
from sknn.estimators.suggestions import did_you_mean
from sknn.network.data import ArrayLike
from sknn.training.scorers import CALIBRATED, scorer_names

# Columns of ``history_`` that training fills itself.
_RESERVED = {"loss", "val_loss", "val_score", "learning_rate", "seconds"}
_LONGEST_ARGUMENT = 40  # characters
_CURE = "Choose another name with a dict, such as metrics={'my_metric': function}."


def metrics_of(metrics: Any) -> dict[str, str | Callable[..., Any]]:
    """Return the metrics to evaluate, by their names in ``history_``, all checked."""
    if metrics is None:
        return {}
    named = dict(metrics) if isinstance(metrics, Mapping) else _named(metrics)
    for name, metric in named.items():
        if not isinstance(name, str):
            raise TypeError(
                f"The keys of metrics must be strings, the names of columns of "
                f"history_, got {name!r}. Write for example "
                "metrics={'f1': 'f1_macro'}."
            )
        if not _is_metric(metric):
            raise TypeError(
                f"metrics[{name!r}] must be the name of a scorer or a function of an "
                f"estimator, X and y, got a {type(metric).__name__}."
            )
    for name, metric in named.items():
        taken = {name, f"val_{name}"} & _RESERVED
        if taken or not name:
            reason = "its name is empty"
            if taken:
                reason = f"history_[{min(taken)!r}] holds what training records itself"
            raise ValueError(f"A metric cannot be called {name!r}: {reason}. {_CURE}")
        scorers = scorer_names()
        if isinstance(metric, str) and metric not in scorers:
            raise ValueError(
                "metrics must hold names of sklearn.metrics.get_scorer_names(), "
                f"{CALIBRATED!r}, or functions of an estimator, X and y. Got "
                f"{metric!r}."
                f"{did_you_mean('metrics', metric, scorers)}"
            )
        if f"val_{name}" in named:
            raise ValueError(
                f"metrics has both {name!r} and {f'val_{name}'!r}, but the latter is "
                f"the column of the former for the validation data. {_CURE}"
            )
    return named


def _is_metric(metric: Any) -> bool:
    return isinstance(metric, str) or callable(metric)


def _named(metrics: Any) -> dict[str, str | Callable[..., Any]]:
    """Name the metrics of a sequence; those of one function by its arguments."""
    is_sequence = np.iterable(metrics) and not isinstance(metrics, (str, bytes, Set))
    distinct: list[Any] = []
    for metric in metrics if is_sequence else [metrics]:
        if not _is_metric(metric):
            raise TypeError(
                "metrics must hold names of scorers or functions of an estimator, X "
                f"and y, got {metric!r}. Write for example metrics=['accuracy']."
            )
        if not any(metric is other or _same_name(metric, other) for other in distinct):
            distinct.append(metric)
    names = [_name(metric) for metric in distinct]
    counts = Counter(names)
    names = [
        _with_arguments(name, metric) if counts[name] > 1 else name
        for name, metric in zip(names, distinct, strict=True)
    ]
    for name, n in Counter(names).items():
        if n > 1:
            raise ValueError(
                f"metrics holds {n} metrics called {name!r}, which would share a "
                "column of history_. Give them names with a dict, such as "
                "metrics={'first': function, 'second': other_function}."
            )
    return dict(zip(names, distinct, strict=True))


def _same_name(one: Any, other: ArrayLike) -> bool:
    return isinstance(one, str) and isinstance(other, str) and one == other


def _name(metric: str | Callable[..., Any]) -> str:
    """Return the name of a metric's function."""
    if isinstance(metric, str):
        return str(metric)
    if isinstance(metric, BaseScorer):
        sign = "neg_" if metric._sign < 0 else ""
        return sign + _name(metric._score_func)
    if isinstance(metric, partial):
        return _name(metric.func)
    name = getattr(metric, "__name__", None)
    return name if isinstance(name, str) else type(metric).__name__


def _with_arguments(name: str, metric: str | Callable[..., Any]) -> str:
    """Return a metric's name with the arguments that make it another one."""
    values: tuple[Any, ...] = ()
    options: dict[str, Any] = {}
    function: Any = metric
    if isinstance(function, BaseScorer):
        options = dict(function._kwargs)
        function = function._score_func
    while isinstance(function, partial):
        values, options = (*function.args, *values), function.keywords | options
        function = function.func
    texts = [repr(value) for value in values]
    texts += [f"{key}={value!r}" for key, value in options.items()]
    if not texts or max(map(len, texts)) > _LONGEST_ARGUMENT:
        return name
    return f"{name}({', '.join(texts)})"
