"""The parameters and methods of the classifier."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np

from sknn._sklearn import Interval
from sknn.estimators.base import BaseMLP
from sknn.estimators.data_errors import cure_for_y, explain
from sknn.estimators.decorators import available_if, suggests_names
from sknn.estimators.fitting import initialize
from sknn.estimators.label_targets import LabelTargets
from sknn.estimators.labels import labels_to_score
from sknn.estimators.missing import refuse_missing
from sknn.estimators.parameters import Names
from sknn.estimators.prediction import on_snapshot
from sknn.estimators.problem import FitCall
from sknn.estimators.scores import accuracy
from sknn.estimators.validation import (
    has_decision_function,
    has_partial_fit,
    has_probabilities,
)
from sknn.kernels.losses.table import losses_of_classifier
from sknn.network.data import ArrayLike
from sknn.training.annealing import ANNEALINGS


class BaseClassifier(LabelTargets):
    """Base of the classifier: all but its documentation."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [Names(set(losses_of_classifier()))],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "label_smoothing_schedule": [Names(set(ANNEALINGS)), None],
        "focal_gamma": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, list, Names({"balanced"}), None],
    }

    @suggests_names
    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Callable[[int], float] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float | None = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        n_hidden_layers: int | None = None,
        dropout: Any = 0.0,
        input_dropout: float = 0.0,
        normalization: str | None = None,
        numeric_embedding: str | None = None,
        numeric_embedding_size: int | str = "auto",
        n_bins: int = 64,
        categorical_features: Any = None,
        categorical_embedding_size: int = 8,
        kernel_initializer: str | Sequence[str] = "auto",
        bias_initializer: str = "auto",
        parametrization: str = "standard",
        feature_scaling: bool = False,
        parametric_activation: bool = False,
        n_shared_members: int | None = None,
        member_factors: str = "all",
        l1_ratio: float = 0.0,
        weight_decay: float | str = "auto",
        max_norm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        rho: float = 0.9,
        decay_rate: float = 0.5,
        decay_epochs: int = 20,
        warmup_epochs: int = 0,
        dropout_schedule: str | None = None,
        weight_decay_schedule: str | None = None,
        scoring: str | Callable[..., Any] | None = None,
        metrics: Any = None,
        restore_best_weights: bool = True,
        validate: bool = False,
        validation_splitter: Any = None,
        standardize: bool = False,
        loss: str = "log_loss",
        label_smoothing: float = 0.0,
        label_smoothing_schedule: str | None = None,
        focal_gamma: float = 2.0,
        class_weight: Any = None,
    ) -> None:
        self._store(locals())

    @suggests_names
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike = None,
        sample_weight: ArrayLike = None,
        *,
        groups: ArrayLike = None,
        X_val: ArrayLike = None,
        y_val: ArrayLike = None,
        sample_weight_val: ArrayLike = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or BatchSource
            Training data. float32 stays float32; all else becomes float64. A sparse
            matrix is taken as CSR and never made dense. Data that do not fit into
            memory come in a :class:`~sknn.data.BatchSource`.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Class labels, or the indicator matrix of several labels, which may be
            sparse. None only for a BatchSource, which holds them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, zero or positive.
        groups : array-like of shape (n_samples,), default=None
            The group of each row, for ``validation_splitter``, such as
            ``GroupShuffleSplit(1)``, which holds out whole groups. With metadata
            routing, ``set_fit_request(groups=True)`` asks for them.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation data. Their loss and score are recorded in each epoch; with
            ``early_stopping=True`` they take the place of the rows that would be held
            out. They must have been transformed as X was. A
            :class:`~sklearn.pipeline.Pipeline` passes them on as they are, unless
            metadata routing is enabled, this estimator requests them,
            ``set_fit_request(X_val=True, y_val=True)``, and the Pipeline has
            ``transform_input=["X_val"]``. Data that lie far outside of X give a
            warning.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation data, transformed as y was: a
            :class:`~sklearn.compose.TransformedTargetRegressor` does not transform
            them.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation data.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight is not valid, or if training
            diverges without early stopping. The estimator is then as it was before.
        """
        given = (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, given, groups=groups)

    @available_if(has_partial_fit)
    @suggests_names
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike = None,
        classes: ArrayLike = None,
        *,
        X_val: ArrayLike = None,
        y_val: ArrayLike = None,
        sample_weight_val: ArrayLike = None,
    ) -> Self:
        """Train for one more epoch on the given rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, zero or positive.
        classes : array-like of shape (n_classes,), default=None
            All classes that any call will see. Needed in the first call.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation data. Their loss and score are recorded in each epoch; with
            ``early_stopping=True`` they take the place of the rows that would be held
            out. They must have been transformed as X was. A
            :class:`~sklearn.pipeline.Pipeline` passes them on as they are, unless
            metadata routing is enabled, this estimator requests them,
            ``set_fit_request(X_val=True, y_val=True)``, and the Pipeline has
            ``transform_input=["X_val"]``. Data that lie far outside of X give a
            warning.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation data, transformed as y was: a
            :class:`~sklearn.compose.TransformedTargetRegressor` does not transform
            them.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation data.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As ``fit``; and if ``early_stopping=True`` or ``validate=True`` without
            ``X_val``, or if ``class_weight='balanced'``; or if ``classes`` is missing
            in the first call or changes later, or y holds a label that is not among
            them.
        """
        with self._all_or_nothing() as twin:
            refuse_missing(y=y, classes=classes)
            twin._learn_classes(classes, y)
            given = (X_val, y_val, sample_weight_val)
            twin._train(FitCall(X, y, sample_weight, given, incremental=True))
        return self

    @suggests_names
    def initialize(
        self, X: ArrayLike, y: ArrayLike = None, classes: ArrayLike = None
    ) -> Self:
        """Draw the initial weights, without training.

        Does all that ``fit`` does but train. Then ``predict``, ``summary``,
        ``loss_gradients`` and :class:`~sknn.NetworkDisplay` show the network as it is
        before the first epoch. ``coefs_`` and ``intercepts_``, the same that ``fit``
        begins with, may be changed by hand. ``partial_fit``, and ``fit`` with
        ``warm_start=True``, go on from them, and unless they were changed, give what
        they would have given without this call where ``random_state`` is an int.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or BatchSource
            Data. The number of features and the dtype are those of the network.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Class labels, or the indicator matrix of several labels, which may be
            sparse. None only for a BatchSource, which holds them.
        classes : array-like of shape (n_classes,), default=None
            All classes, where y does not hold each of them.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As ``fit``. The estimator is then as it was before.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sknn import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> net = MLPClassifier((3,), random_state=0).initialize(X, y)
        >>> net.coefs_[1][:] = 0  # by hand
        >>> net.intercepts_[1][:] = [0, 5, 0]
        >>> net.predict(X[:3])
        array([1, 1, 1])
        """
        refuse_missing(y=y, classes=classes)
        with self._all_or_nothing() as twin:
            twin._forget_weights()
            if classes is not None:
                twin._learn_classes(classes, y)
            initialize(twin, FitCall(X, y, keeps_known=True))
        return self

    @on_snapshot
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The predicted labels; for multilabel targets an indicator matrix, sparse
            if it was so in ``fit``.
        """
        if hasattr(self, "classes_") and not self._is_multilabel:
            return self._predict_labels(X, self.classes_)
        return self._labels_of(self._predict_outputs(X))

    @available_if(has_decision_function)
    @on_snapshot
    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the raw outputs, for losses without probabilities, as 'hinge'.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes, the second is predicted where the score is greater than
            0. For more, in the order of ``classes_``, that with the highest score is.
            For multilabel targets, each label whose score is greater than 0.
        """
        return self._scores_of(self._predict_outputs(X))

    @available_if(has_probabilities)
    @on_snapshot
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``. For multilabel targets, the probability of
            each label; rows do not sum to one.
        """
        return self._probabilities_of(self._predict_outputs(X))

    @available_if(has_probabilities)
    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            ``log(predict_proba(X))``.
        """
        probabilities = self.predict_proba(X)
        np.log(probabilities, out=probabilities)
        return probabilities

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike = None
    ) -> float:
        """Return the accuracy of the predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
        """
        refuse_missing(y=y, sample_weight=sample_weight)
        labels = labels_to_score(y)
        predicted = self.predict(X)
        if labels.dtype.kind != predicted.dtype.kind:
            # NumPy compares time spans with numbers, and older scikit-learn text.
            self._check_form(labels)
        try:
            return accuracy(labels, predicted, sample_weight)
        except (TypeError, ValueError) as error:
            explain(error, "y", cure_for_y(error, labels, "y"))
            failure = error
        self._check_form(labels)  # which may have a better message
        raise failure
