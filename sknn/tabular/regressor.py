"""The regressor for raw tables."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin

from sknn._sklearn import Interval, StrOptions
from sknn.ensemble.regressor import EnsembleMLPRegressor
from sknn.estimators.regressor import MLPRegressor
from sknn.tabular.base import BaseTabularMLP, Postprocessing
from sknn.tabular.intervals import conformity_scores, widening
from sknn.tabular.recipes import REGRESSION, Recipe

LOSSES = ("squared_error", "absolute_error", "huber", "log_cosh", "quantile")


class TabularMLPRegressor(RegressorMixin, BaseTabularMLP):
    """Ensemble of multi-layer perceptrons that predicts numbers from a raw table.

    Takes data frames of pandas, polars and PyArrow, and arrays, with numbers,
    categories, booleans, dates and missing values: see
    :class:`~sknn.tabular.TableEncoder`. Trains networks that embed numeric and
    categorical columns, each without one fold of the rows, stops when the predictions
    for the rows left out are best, and averages them. Where they are best early, all
    are trained anew, so that the learning rate ends with that epoch. Targets are
    standardised, and predictions of the squared error stay within the range of the
    targets.

    Parameters
    ----------
    loss : {'squared_error', 'absolute_error', 'huber', 'log_cosh', 'quantile'}, \
default='squared_error'
        What is minimised, as in :class:`~sknn.MLPRegressor`.
    quantile : float or sequence of float, default=(0.05, 0.5, 0.95)
        Levels of ``loss='quantile'``.
    preset : {'quick', 'default', 'best'}, default='default'
        How much is trained: 'quick' takes about a quarter of the time of 'default',
        'best' about three times as long.
    categorical_features : 'from_dtype' or array-like, default='from_dtype'
        Names, indices or a mask of columns that hold categories whatever their dtype.
        Columns of text, booleans and the dtypes category, enum and dictionary are
        categorical in any case.
    hidden_layer_sizes : array-like of int or int or None, default=None
        Number of neurons in each hidden layer. None: as the preset has it, and so for
        all parameters of the networks.
    activation : str or sequence of str or None, default=None
        Activation of the hidden layers.
    dropout : float or sequence of float or None, default=None
        Fraction of the neurons of each hidden layer dropped in training.
    learning_rate_init : float or None, default=None
        Highest learning rate.
    weight_decay : float or None, default=None
        Decoupled weight decay.
    batch_size : int or None, default=None
        Rows in a batch.
    max_iter : int or None, default=None
        The most epochs of each network. If given, none is trained anew.
    n_members : int or None, default=None
        Number of networks; a multiple of the number of folds.
    cv : int, cross-validation generator, iterable or None, default=None
        How rows are left out. None: folds as the preset has them.
    scoring : str or callable or None, default=None
        What the predictions for the rows left out are judged by: None and 'loss' the
        loss, else a scorer.
    time_limit : float or None, default=None
        Seconds after which training ends with the best networks so far. None: the
        result does not depend on the speed of the machine.
    verbose : bool or int, default=False
        Whether to print a line for each epoch.
    n_jobs : int or None, default=None
        Number of threads. None: one for each core.
    random_state : int, RandomState instance or None, default=None
        Draws the folds, and all that the networks draw.

    Attributes
    ----------
    encoder_ : TableEncoder
        What was learnt of the columns; ``encoder_.summary()`` shows it.
    ensemble_ : EnsembleMLPRegressor
        The networks.
    conformity_scores_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        By how much the target of each row lies outside of its interval, predicted by
        networks that have not seen it; of one prediction, the absolute residual.
    n_features_in_ : int
        Number of columns seen by ``fit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only if all are strings.
    n_iter_ : int
        Number of epochs; of the second training where there were two.

    See Also
    --------
    TabularMLPClassifier : For classes.
    sknn.MLPRegressor : One network, on arrays of numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknn.tabular import TabularMLPRegressor
    >>> X = pd.DataFrame({"km": range(60), "fuel": ["gas", "diesel", None] * 20})
    >>> y = 100.0 - X["km"] + 5 * (X["fuel"] == "gas")
    >>> model = TabularMLPRegressor(preset="quick", random_state=0).fit(X, y)
    >>> lower, upper = model.predict_interval(X, coverage=0.9).T
    >>> print(((lower <= y) & (y <= upper)).mean() >= 0.9)
    True
    """

    recipes: ClassVar[dict[str, Recipe]] = REGRESSION
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTabularMLP._parameter_constraints,
        "loss": [StrOptions(set(LOSSES))],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
    }

    def __init__(
        self,
        *,
        loss: str = "squared_error",
        quantile: float | Sequence[float] = (0.05, 0.5, 0.95),
        preset: str = "default",
        categorical_features: Any = "from_dtype",
        hidden_layer_sizes: Any = None,
        activation: Any = None,
        dropout: Any = None,
        learning_rate_init: float | None = None,
        weight_decay: float | None = None,
        batch_size: int | None = None,
        max_iter: int | None = None,
        n_members: int | None = None,
        cv: Any = None,
        scoring: str | Callable[..., Any] | None = None,
        time_limit: float | None = None,
        verbose: bool | int = False,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.loss = loss
        self.quantile = quantile
        self.preset = preset
        self.categorical_features = categorical_features
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.learning_rate_init = learning_rate_init
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.n_members = n_members
        self.cv = cv
        self.scoring = scoring
        self.time_limit = time_limit
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None
    ) -> Self:
        """Encode the table and train the networks.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            The table.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, zero or positive.
        groups : array-like of shape (n_samples,), default=None
            Groups that no fold divides.

        Returns
        -------
        self : TabularMLPRegressor

        Raises
        ------
        ValueError, TypeError
            If a parameter, a column or y is not valid. The estimator is then as it was
            before.
        """
        return self._fit(X, y, sample_weight, groups)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict numbers.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            A table with the same columns as in ``fit``.
        return_std : bool, default=False
            Whether to return the standard deviation of the networks' predictions too.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            With several levels of quantiles, the shape has one axis more, for these.
        std : ndarray of the shape of y
            Only if ``return_std``. How much the networks disagree; the spread of the
            targets is in ``predict_interval``.
        """
        predictions, std = self._fitted().predict(self._encoded(X), return_std=True)
        if (limits := self._postprocessing().limits) is not None:
            predictions = np.clip(predictions, *limits)
        return (predictions, std) if return_std else predictions

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination, R^2, of the predictions.

        For ``loss='quantile'`` it is D^2, as that of `sknn.MLPRegressor`.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            A table with the same columns as in ``fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            True targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
        """
        if self.loss == "quantile":
            return float(self._fitted().score(self._encoded(X), y, sample_weight))
        return float(super().score(X, y, sample_weight))

    def predict_interval(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """Predict intervals that contain so many of the targets, on average over rows.

        The intervals between the outer quantiles (or predictions of width 0, for other
        losses than 'quantile') are widened until they cover this share of the training
        rows as predicted by networks that have not seen them [1]_. With
        ``loss='quantile'`` the width depends on the row; otherwise it is the same for
        all.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            A table with the same columns as in ``fit``.
        coverage : float, default=0.9
            In (0, 1).

        Returns
        -------
        intervals : ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper ends.

        Raises
        ------
        ValueError
            If there were too few rows for this coverage, or ``cv`` left out none.

        References
        ----------
        .. [1] Y. Romano, E. Patterson, E. J. Candès, "Conformalized Quantile
           Regression", NeurIPS 2019.
        """
        if not (isinstance(coverage, Real) and 0 < coverage < 1):
            raise ValueError(f"coverage must be a number in (0, 1), got {coverage!r}.")
        encoded = self._encoded(X)
        if not hasattr(self, "conformity_scores_"):
            raise ValueError(
                "predict_interval needs predictions for rows that were left out in "
                "training, but there were too few rows to leave out any. Fit on more "
                "rows."
            )
        lower, upper = self._ends(self._fitted().predict(encoded))
        more = widening(self.conformity_scores_, coverage, self._score_weights)
        ends = np.stack([lower - more, upper + more], axis=-1)
        ends.sort(axis=-1)
        return ends

    # ---------------------------------------------------------------------------------

    def _postprocessing(self) -> Postprocessing:
        is_clipped = self.loss == "squared_error"
        return Postprocessing(limits=self._range if is_clipped else None)

    def _network(self) -> MLPRegressor:
        network = MLPRegressor(loss=self.loss, standardize_y=True)
        if self.loss == "quantile":
            network.set_params(quantile=self.quantile)
        return network

    def _ensemble(self, network: Any, **options: Any) -> EnsembleMLPRegressor:
        return EnsembleMLPRegressor(network, **options)

    def _ends(self, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the outer quantiles, or the predictions twice."""
        if self.loss == "quantile" and np.size(self.quantile) > 1:
            return predictions[..., 0], predictions[..., -1]
        return predictions, predictions

    def _learn_from_targets(self, y: Any, sample_weight: Any) -> None:
        targets = np.asarray(y, dtype=np.float64)
        targets = targets[:, 0] if targets.shape[1:] == (1,) else targets
        self._range = targets.min(axis=0), targets.max(axis=0)
        if self.ensemble_.cv is None:
            return
        predictions = self.ensemble_.oof_predictions_
        axes = tuple(range(1, predictions.ndim))
        rows = np.flatnonzero(~np.isnan(predictions).any(axis=axes))
        lower, upper = self._ends(predictions[rows])
        self.conformity_scores_ = conformity_scores(targets[rows], lower, upper)
        self._score_weights = None
        if sample_weight is not None:
            self._score_weights = np.asarray(sample_weight, np.float64)[rows]
