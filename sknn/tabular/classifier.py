"""The classifier for raw tables."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target

from sknn._sklearn import StrOptions
from sknn.ensemble.classifier import EnsembleMLPClassifier
from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.data_errors import cure_for_y, explain
from sknn.estimators.labels import shows_several_labels
from sknn.tabular.base import BaseTabularMLP, Postprocessing
from sknn.tabular.recipes import CLASSIFICATION, LABEL_SMOOTHING, Recipe
from sknn.training.scorers import CALIBRATED
from sknn.training.temperature import apply_temperature, fit_temperature

_SINGLE = ("binary", "multiclass")  # one label a row


class TabularMLPClassifier(ClassifierMixin, BaseTabularMLP):
    """Ensemble of multi-layer perceptrons that classifies the rows of a raw table.

    Takes data frames of pandas, polars and PyArrow, and arrays, with numbers,
    categories, booleans, dates and missing values: see
    :class:`~sknn.tabular.TableEncoder`. Trains networks that embed numeric and
    categorical columns, each without one fold of the rows, by labels that are a little
    smoothed; takes the epoch after which the classes of the rows left out are told
    apart best [1]_; averages the probabilities, and makes them as sure as they should
    be [2]_.

    Parameters
    ----------
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
        The most epochs of each network.
    n_members : int or None, default=None
        Number of networks; a multiple of the number of folds.
    cv : int, cross-validation generator, iterable or None, default=None
        How rows are left out. None: folds as the preset has them, fewer where a class
        has fewer rows.
    class_weight : dict, list of dict, 'balanced' or None, default=None
        Weights of classes, by which their rows count in training and where rows are
        left out; 'balanced' makes all classes count the same.
    scoring : str or callable or None, default=None
        What the predictions for the rows left out are judged by: the name of a scorer,
        a callable ``scoring(estimator, X, y)``, or 'loss' for the log loss. None is
        'neg_calibrated_log_loss' if ``calibrate``, else 'loss'.
    calibrate : bool, default=True
        Whether to smooth the labels in training, and to scale the probabilities by a
        temperature that is best for the rows left out. Targets with several labels a
        row are never smoothed and scaled, nor is anything where no rows are left out.
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
    classes_ : ndarray of shape (n_classes,) or list of such
        Labels.
    encoder_ : TableEncoder
        What was learnt of the columns; ``encoder_.summary()`` shows it.
    ensemble_ : EnsembleMLPClassifier
        The networks.
    temperature_ : float
        Above 1, the probabilities were too sure.
    n_features_in_ : int
        Number of columns seen by ``fit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only if all are strings.
    n_iter_ : int
        Number of epochs.

    See Also
    --------
    TabularMLPRegressor : For numbers.
    sknn.MLPClassifier : One network, on arrays of numbers.

    References
    ----------
    .. [1] E. Berta, D. Holzmüller, M. I. Jordan and F. Bach, "Rethinking Early
       Stopping: Refine, Then Calibrate", 2025, https://arxiv.org/abs/2501.19195
    .. [2] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural
       Networks", ICML 2017.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknn.tabular import TabularMLPClassifier
    >>> size = [1.0, None, 3.2, 1.1, 2.9, 3.1] * 10
    >>> color = pd.Categorical(["red", "red", None, "red", "blue", "blue"] * 10)
    >>> X = pd.DataFrame({"size": size, "color": color})
    >>> y = ["apple", "apple", "plum", "apple", "plum", "plum"] * 10
    >>> model = TabularMLPClassifier(preset="quick", random_state=0).fit(X, y)
    >>> print(model.predict(X[:3]))
    ['apple' 'apple' 'plum']
    """

    recipes: ClassVar[dict[str, Recipe]] = CLASSIFICATION
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTabularMLP._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "calibrate": ["boolean"],
    }

    def __init__(
        self,
        *,
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
        class_weight: Any = None,
        scoring: str | Callable[..., Any] | None = None,
        calibrate: bool = True,
        time_limit: float | None = None,
        verbose: bool | int = False,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
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
        self.class_weight = class_weight
        self.scoring = scoring
        self.calibrate = calibrate
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
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or the indicator matrix of several labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, zero or positive.
        groups : array-like of shape (n_samples,), default=None
            Groups that no fold divides.

        Returns
        -------
        self : TabularMLPClassifier

        Raises
        ------
        ValueError, TypeError
            If a parameter, a column or y is not valid. The estimator is then as it was
            before.
        """
        return self._fit(X, y, sample_weight, groups)

    def _weights(self, y: Any, sample_weight: Any) -> Any:
        """Return the weights of the rows, those of their classes included.

        Rows left out count by them too, and so does the best epoch.
        """
        if self.class_weight is None or y is None:
            return sample_weight
        factors = compute_sample_weight(self.class_weight, y)
        if sample_weight is None:
            return factors
        return factors * np.asarray(sample_weight, dtype=np.float64)

    def predict(self, X: Any) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            A table with the same columns as in ``fit``.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        labels: np.ndarray = self._fitted().predict(self._encoded(X))
        return labels

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            A table with the same columns as in ``fit``.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``. For multilabel targets, the probability of
            each label.
        """
        probabilities: np.ndarray = self._fitted().predict_proba(self._encoded(X))
        temperature = self._postprocessing().temperature
        if temperature == 1.0:
            return probabilities
        return apply_temperature(probabilities, temperature)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            A table with the same columns as in ``fit``.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
        """
        log_proba: np.ndarray = np.log(self.predict_proba(X))
        return log_proba

    @property
    def classes_(self) -> Any:
        """Labels."""
        return self._fitted().classes_

    # ---------------------------------------------------------------------------------

    def _postprocessing(self) -> Postprocessing:
        return Postprocessing(temperature=self.temperature_)

    def _network(self) -> MLPClassifier:
        return MLPClassifier()

    def _ensemble(self, network: Any, **options: Any) -> EnsembleMLPClassifier:
        return EnsembleMLPClassifier(network, **options)

    def _rarest(self, y: Any) -> float:
        if y is None:  # which the ensemble refuses
            return np.inf
        with suppress(TypeError):  # of pandas.NA, which the next check explains
            try:
                y = check_array(
                    y, ensure_2d=False, dtype=None, accept_sparse=True, input_name="y"
                )
            except ValueError as error:
                explain(error, "y", cure_for_y(error, y, "y"))
                raise
        if shows_several_labels(y) or type_of_target(y) not in _SINGLE:
            return np.inf
        return int(np.unique(np.asarray(y), return_counts=True)[1].min())

    def _is_calibrated(self, y: Any) -> bool:
        """Return whether there is a temperature, if rows are left out."""
        return self.calibrate and type_of_target(y) in _SINGLE

    def _parameters_of_scoring(self, y: Any) -> dict[str, Any]:
        parameters = super()._parameters_of_scoring(y)
        if self._is_calibrated(y):
            if self.scoring is None:
                parameters["scoring"] = CALIBRATED
            if self.scoring != "loss":
                parameters["label_smoothing"] = LABEL_SMOOTHING
        return parameters

    def _learn_from_targets(self, y: Any, sample_weight: Any) -> None:
        self.temperature_ = 1.0
        ensemble = self.ensemble_
        if ensemble.cv is None or not self._is_calibrated(y):
            return
        probabilities = ensemble.oof_predictions_
        rows = np.flatnonzero(~np.isnan(probabilities).any(axis=1))
        codes = np.searchsorted(ensemble.classes_, np.asarray(y).ravel()[rows])
        weights = None
        if sample_weight is not None:
            weights = np.asarray(sample_weight, np.float64)[rows]
        self.temperature_ = fit_temperature(probabilities[rows], codes, weights)
