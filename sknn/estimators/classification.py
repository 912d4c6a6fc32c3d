"""The parameters and methods of the classifier."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse
from sklearn.base import ClassifierMixin

from sknn._sklearn import Interval, first_call
from sknn.estimators.base import BaseMLP
from sknn.estimators.class_weights import BALANCED_IN_PARTIAL_FIT, weights_of_rows
from sknn.estimators.decorators import available_if, suggests_names
from sknn.estimators.fitting import FitCall
from sknn.estimators.held_out import stratification_groups
from sknn.estimators.labels import (
    binarizer_of,
    check_classes_of_columns,
    check_labels,
    labels_to_score,
    rare_class,
    read_classes,
    read_labels,
    shows_several_labels,
)
from sknn.estimators.missing import refuse_missing
from sknn.estimators.parameters import Names
from sknn.estimators.prediction import on_snapshot
from sknn.estimators.scores import accuracy, fraction_correct
from sknn.estimators.validation import (
    has_decision_function,
    has_partial_fit,
    has_probabilities,
)
from sknn.kernels.losses.table import losses_of_classifier
from sknn.network.data import ArrayLike
from sknn.training.monitor import DefaultScore


class BaseClassifier(ClassifierMixin, BaseMLP):
    """Base of the classifier: all but its documentation."""

    loss: str
    label_smoothing: float
    focal_gamma: float
    class_weight: Any
    classes_: np.ndarray

    _stored_attributes = ("_label_binarizer", "classes_")

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [Names(set(losses_of_classifier()))],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
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
        kernel_initializer: str | Sequence[str] = "auto",
        bias_initializer: str = "auto",
        l1_ratio: float = 0.0,
        weight_decay: float | str = "auto",
        max_norm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        rho: float = 0.9,
        decay_rate: float = 0.5,
        decay_epochs: int = 20,
        warmup_epochs: int = 0,
        scoring: str | Callable[..., Any] | None = None,
        metrics: Any = None,
        restore_best_weights: bool = True,
        validate: bool = False,
        loss: str = "log_loss",
        label_smoothing: float = 0.0,
        focal_gamma: float = 2.0,
        class_weight: Any = None,
    ) -> None:
        self._store(locals())

    @suggests_names
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike = None,
        *,
        X_val: ArrayLike = None,
        y_val: ArrayLike = None,
        sample_weight_val: ArrayLike = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. float32 stays float32; all else becomes float64. A sparse
            matrix is taken as CSR and never made dense.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or the indicator matrix of several labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, zero or positive.
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
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

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
            classes = read_classes(classes)
            # That of an indicator matrix is made once the matrix was checked.
            if first_call(twin, classes) and not shows_several_labels(y):
                twin._label_binarizer = binarizer_of(twin.classes_)
            given = (X_val, y_val, sample_weight_val)
            twin._train(FitCall(X, y, sample_weight, given, incremental=True))
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
        outputs = self._predict_outputs(X)
        labels: np.ndarray = self._label_binarizer.inverse_transform(
            outputs, self._boundary
        )
        return labels

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
        scores = self._predict_outputs(X)
        return scores.ravel() if self.n_outputs_ == 1 else scores

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
        probabilities = self._predict_outputs(X)
        if self.n_outputs_ > 1:
            return probabilities
        if len(self.classes_) == 1:
            return np.ones_like(probabilities)
        both = np.empty((len(probabilities), 2), probabilities.dtype)
        np.subtract(1, probabilities, out=both[:, :1])
        both[:, 1:] = probabilities
        return both

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
        return accuracy(labels_to_score(y), self.predict(X), sample_weight)

    # -----------------------------------------------------------------------------

    @property
    def _is_multiclass(self) -> bool:
        return bool(self._label_binarizer.y_type_ == "multiclass")

    @property
    def _is_multilabel(self) -> bool:
        return str(self._label_binarizer.y_type_).startswith("multilabel")

    def _learn_targets(self, y: ArrayLike, goes_on: bool) -> Any:
        y = read_labels(y)
        if not (hasattr(self, "classes_") and (self.warm_start or goes_on)):
            self._label_binarizer = binarizer_of(y)
            self.classes_ = self._label_binarizer.classes_
            return y
        if not hasattr(self, "_label_binarizer"):  # an indicator matrix in partial_fit
            self._label_binarizer = binarizer_of(y)
            check_classes_of_columns(self.classes_, y)
        check_labels(y, self.classes_, self._n_labels, "y", self.warm_start)
        return y

    def _check_known(self, y: ArrayLike, n_targets: int) -> Any:
        y = read_labels(y, "y_val")
        check_labels(y, self.classes_, self._n_labels, "y_val")
        return y

    @property
    def _n_labels(self) -> int:
        """Number of columns of the indicator matrix; 0 for one label a row."""
        return len(self._label_binarizer.classes_) if self._is_multilabel else 0

    def _encode(self, y: ArrayLike) -> np.ndarray:
        if self._is_multilabel:
            return np.asarray(y.toarray() if scipy.sparse.issparse(y) else y)
        return np.reshape(np.searchsorted(self.classes_, y), (-1, 1))

    def _loss_name(self) -> str:
        is_smoothed = self.loss == "log_loss" and self.label_smoothing
        name = "smoothed_log_loss" if is_smoothed else self.loss
        return name if self._is_multiclass else f"binary_{name}"

    def _n_outputs(self, targets: np.ndarray) -> int:
        return len(self.classes_) if self._is_multiclass else targets.shape[1]

    def _class_weights(
        self, y: ArrayLike, sample_weight: ArrayLike, incremental: bool
    ) -> np.ndarray | None:
        if self.class_weight is None:
            return None
        if incremental and self.class_weight == "balanced":
            raise ValueError(BALANCED_IN_PARTIAL_FIT)
        return weights_of_rows(
            self.class_weight, self.classes_, y, sample_weight, self._is_multilabel
        )

    def _stratify_by(self, targets: np.ndarray) -> np.ndarray | None:
        fraction = self.validation_fraction
        return stratification_groups(targets, self._is_multiclass, fraction)

    def _rare_class(self, groups: np.ndarray | None) -> str:
        return "" if groups is None else rare_class(groups, self.classes_)

    def _default_score(self) -> DefaultScore:
        return DefaultScore("accuracy", self._score_predictions)

    def _score_predictions(
        self, targets: ArrayLike, predictions: ArrayLike, sample_weight: ArrayLike
    ) -> float:
        if self._is_multiclass:
            right = predictions.argmax(axis=1) == targets[:, 0]
        else:
            right = ((predictions > self._boundary) == targets).all(axis=1)
        return fraction_correct(right, sample_weight)

    @property
    def _boundary(self) -> float:
        """Output above which a label is predicted."""
        return 0.0 if self.out_activation_ == "identity" else 0.5

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
