"""Integrated and expected gradients."""

import warnings
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sknn.explain.attributions import Attributions
from sknn.explain.networks import ExplainedNetwork
from sknn.explain.paths import PathIntegral
from sknn.network.data import ArrayLike

_NUMBERS_AT_ONCE = 2**19
_USUAL_POINTS = 64  # on a path


def integrated_gradients(
    estimator: Any,
    X: ArrayLike,
    *,
    baseline: ArrayLike = None,
    target: Any = None,
    tol: float = 1e-3,
    max_evaluations: int = 4096,
) -> Attributions:
    """Divide the difference to the prediction for a baseline among the features.

    The contribution of a feature is its difference to the baseline, times the mean of
    the gradient on the straight line between them [1]_. The line is divided, and most
    where the gradient jumps, until contributions sum up to the difference.

    Parameters
    ----------
    estimator : estimator
        Fitted MLPClassifier or MLPRegressor, ensemble, or tabular estimator, or a
        Pipeline or search around one. What comes before it transforms X and the
        baseline; the features are those that the network gets. Those of a tabular
        estimator are the columns of its table: a column contributes what all that it
        was turned into does. Between two categories, the line leads from the row of one
        in the trained table to that of the other.
    X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
        Rows whose predictions are explained.
    baseline : array-like of shape (n_features,) or (1, n_features), default=None
        A row to compare with, of the form of X. None is the mean of each feature where
        the network standardises them, with ``standardize=True``, and else zero: the
        mean, too, where they come standardised. Codes of categories are unknown. Of a
        table, it is the median of the numbers, and no category.
    target : object, default=None
        The class, label or number of the output to explain; None is all. Of two
        classes, the second is explained.
    tol : float, default=1e-3
        How far the sum of the contributions may be from the difference of the
        predictions, as a share of their variation on the line.
    max_evaluations : int, default=4096
        The most gradients for a row.

    Returns
    -------
    attributions : Attributions
        Computed in float64, with "values", "base_values", "predictions" and names.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If there is no network of sknn in it.
    ValueError
        If X, the baseline, ``target``, ``tol`` or ``max_evaluations`` is not valid.

    Warns
    -----
    UserWarning
        If ``max_evaluations`` were not enough for some rows.

    See Also
    --------
    sknn.MLPClassifier.input_gradients : The gradient itself.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic Attribution for Deep
       Networks", ICML 2017, https://arxiv.org/abs/1703.01365.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknn import MLPClassifier
    >>> from sknn.explain import integrated_gradients
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(X, y)
    >>> found = integrated_gradients(network, X[:2], baseline=X.mean(axis=0))
    >>> found.values.shape  # rows, classes, features
    (2, 3, 4)
    >>> totals = found.base_values + found.values.sum(axis=2)
    >>> bool((abs(totals - found.predictions) < 0.01).all())
    True
    """
    network = ExplainedNetwork.of(estimator, target)
    rows = network.inputs_of(X, "X")
    if baseline is None:
        starts = network.usual_baseline()
    else:
        is_table = network.encoder is not None
        starts = network.inputs_of(_as_one_row(baseline, is_table), "baseline")
    shown = network.values_of(X, rows)
    return _attributions(network, rows, shown, starts, tol, max_evaluations)


def expected_gradients(
    estimator: Any,
    X: ArrayLike,
    background: ArrayLike,
    *,
    n_background: int = 50,
    target: Any = None,
    tol: float = 1e-2,
    max_evaluations: int = 1024,
    random_state: Any = None,
) -> Attributions:
    """Return the mean of integrated gradients over many baselines.

    No single baseline has to be chosen [1]_. Contributions sum up to the difference
    between the prediction and the mean prediction for the background.

    Parameters
    ----------
    estimator : estimator
        As in `integrated_gradients`.
    X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
        Rows whose predictions are explained.
    background : {array-like, sparse matrix, data frame} of shape (n_rows, n_features)
        Rows to compare with, such as the training data.
    n_background : int, default=50
        How many of them to draw; all are taken if there are no more.
    target : object, default=None
        As in `integrated_gradients`.
    tol : float, default=1e-2
        As in `integrated_gradients`, for each of the baselines; their mean is nearer.
    max_evaluations : int, default=1024
        The most gradients for a row and a baseline.
    random_state : int, RandomState instance or None, default=None
        Draws the background.

    Returns
    -------
    attributions : Attributions

    Raises
    ------
    NotFittedError, TypeError, ValueError
        As `integrated_gradients`; and if ``n_background`` is not positive.

    References
    ----------
    .. [1] G. Erion, J. Janizek, P. Sturmfels, S. Lundberg and S. Lee, "Improving
       performance of deep learning models with axiomatic attribution priors and
       expected gradients", Nature Machine Intelligence 3, 2021,
       https://arxiv.org/abs/1906.10670.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknn import MLPClassifier
    >>> from sknn.explain import expected_gradients
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((5,), solver="lbfgs", random_state=0).fit(X, y)
    >>> found = expected_gradients(network, X[:2], X, target=0, random_state=0)
    >>> found.values.shape  # rows, features
    (2, 4)
    """
    if n_background < 1:
        raise ValueError(f"n_background must be at least 1, got {n_background!r}.")
    network = ExplainedNetwork.of(estimator, target)
    rows = network.inputs_of(X, "X")
    starts = network.inputs_of(background, "background")
    if len(starts) > n_background:
        generator = check_random_state(random_state)
        starts = starts[generator.choice(len(starts), n_background, replace=False)]
    shown = network.values_of(X, rows)
    return _attributions(network, rows, shown, starts, tol, max_evaluations)


def _as_one_row(baseline: ArrayLike, is_table: bool) -> ArrayLike:
    """Return a baseline of one or two axes as one row."""
    if np.ndim(baseline) == 1 and not hasattr(baseline, "to_frame"):
        baseline = np.asarray(baseline, dtype=object) if is_table else baseline
        return np.reshape(baseline, (1, -1))
    if hasattr(baseline, "to_frame"):  # a row of a frame
        return baseline.to_frame().T.infer_objects()
    if len(baseline) != 1:
        raise ValueError(
            f"baseline must be one row, got {len(baseline)}. Pass several to "
            "expected_gradients, as background."
        )
    return baseline


def _attributions(
    network: ExplainedNetwork,
    rows: np.ndarray,
    shown: np.ndarray,
    starts: np.ndarray,
    tol: float,
    max_evaluations: int,
) -> Attributions:
    """Return the mean contributions over the paths from all starts, block by block.

    ``rows`` and ``starts`` are inputs of the networks, ``shown`` values of features.
    """
    if not tol > 0:
        raise ValueError(f"tol must be a positive number, got {tol!r}.")
    if max_evaluations < 1:
        raise ValueError(
            f"max_evaluations must be at least 1, got {max_evaluations!r}."
        )
    starts, names = network.points_of(starts), network.feature_names()
    n_columns, n_rows = starts.shape[1], len(rows)
    n_starts, n_outputs = len(starts), len(network.outputs)
    values = np.empty((n_rows, n_outputs, len(names)))
    predictions = np.empty((n_rows, n_outputs))
    numbers_of_row = n_starts * _USUAL_POINTS * n_outputs * n_columns
    block = max(1, _NUMBERS_AT_ONCE // numbers_of_row)
    n_incomplete, largest = 0, 0.0
    for first in range(0, n_rows, block):
        ends = network.points_of(rows[first : first + block])
        paths = PathIntegral(
            network.predict,
            network.gradient,
            np.tile(starts, (len(ends), 1)),
            np.repeat(ends, n_starts, axis=0),
        ).run(tol, max_evaluations)
        of_rows = paths.values.reshape(len(ends), n_starts, n_outputs, n_columns)
        of_columns = of_rows.mean(axis=1)
        values[first : first + block] = network.sums_over_features(of_columns)
        predictions[first : first + block] = network.predict(ends)
        is_open = ~paths.is_complete
        n_incomplete += int(is_open.reshape(len(ends), -1).any(axis=1).sum())
        largest = max(largest, paths.errors[is_open].max(initial=0.0))
    if n_incomplete:
        warnings.warn(
            f"The contributions for {n_incomplete} of {n_rows} rows miss the "
            f"difference of the predictions by up to {largest:.2g}, with "
            f"max_evaluations={max_evaluations}. Raise max_evaluations, or tol.",
            stacklevel=3,
        )
    base_values = np.tile(network.predict(starts).mean(axis=0), (n_rows, 1))
    if n_outputs == 1:
        values, predictions = values[:, 0], predictions[:, 0]
        base_values = base_values[:, 0]
    return Attributions(
        values,
        base_values,
        predictions,
        shown,
        names,
        network.output_names(),
    )
