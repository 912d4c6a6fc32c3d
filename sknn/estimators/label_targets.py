"""Labels as the targets of a network, and predictions as labels."""

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import ClassifierMixin

from sknn._sklearn import first_call
from sknn.estimators.base import BaseMLP
from sknn.estimators.class_weights import (
    BALANCED_IN_PARTIAL_FIT,
    NO_CLASS_WEIGHT_OF_LABELS,
    RowFactors,
    factors_of_rows,
    mean_of,
    weights_of_classes,
)
from sknn.estimators.held_out import stratification_groups
from sknn.estimators.labels import (
    binarizer_of,
    check_classes_of_columns,
    check_form,
    check_labels,
    rare_class,
    read_classes,
    read_labels,
    shows_several_labels,
    warn_of_one_hot,
)
from sknn.estimators.scores import fraction_correct
from sknn.estimators.state_checks import check_labels_of_fit
from sknn.network.data import ArrayLike
from sknn.training.monitor import DefaultScore


class LabelTargets(ClassifierMixin, BaseMLP):
    """Base of the classifier: labels become targets, and outputs labels."""

    loss: str
    label_smoothing: float
    label_smoothing_schedule: str | None
    focal_gamma: float
    class_weight: Any
    classes_: np.ndarray

    _stored_attributes = ("_label_binarizer", "classes_")
    _checked_attributes = (*BaseMLP._checked_attributes, *_stored_attributes)

    @property
    def _is_multiclass(self) -> bool:
        return bool(self._label_binarizer.y_type_ == "multiclass")

    @property
    def _is_multilabel(self) -> bool:
        return bool(self._label_binarizer.y_type_ == "multilabel-indicator")

    def _learn_classes(self, classes: ArrayLike, y: ArrayLike) -> None:
        """Take the classes from the user; later calls must have the same, or None."""
        # The binarizer of an indicator matrix is made once the matrix was checked.
        if first_call(self, read_classes(classes)) and not shows_several_labels(y):
            # Each twice: scikit-learn warns of as many classes as rows.
            self._label_binarizer = binarizer_of(np.tile(self.classes_, 2))

    def _read_targets(self, y: ArrayLike) -> Any:
        return read_labels(y)

    def _is_known(self, y: ArrayLike) -> bool:
        if y.ndim == 2:
            return True
        codes = np.searchsorted(self.classes_, y)
        return bool((self.classes_.take(codes, mode="clip") == y).all())

    def _learn_targets(self, y: ArrayLike, goes_on: bool) -> Any:
        y = read_labels(y)
        if not (hasattr(self, "classes_") and (self.warm_start or goes_on)):
            self._label_binarizer = binarizer_of(y)
            self.classes_ = self._label_binarizer.classes_
            return y
        if not hasattr(self, "_label_binarizer"):  # an indicator matrix in partial_fit
            self._label_binarizer = binarizer_of(y)
            check_classes_of_columns(self.classes_, y)
        check_labels_of_fit(self)
        check_labels(y, self.classes_, self._n_labels, "y", self.warm_start)
        return y

    def _warn_of_encoding(self, given: Any, y: ArrayLike, fewest_rows: int) -> None:
        if self._is_multilabel:
            warn_of_one_hot(given, y, fewest_rows)

    def _check_form(self, labels: ArrayLike) -> None:
        """Refuse labels to score of another form or type than those of the fit."""
        if isinstance(labels, np.ndarray) and labels.shape[1:] == (1,):
            labels = labels[:, 0]
        if labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] > 1):
            check_form(labels, self.classes_, self._n_labels, "y")

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
        self, y: ArrayLike, sample_weight: np.ndarray | None, incremental: bool
    ) -> RowFactors | None:
        if self.class_weight is None:
            return None
        if incremental and self.class_weight == "balanced":
            raise ValueError(BALANCED_IN_PARTIAL_FIT)
        return factors_of_rows(
            self.class_weight, self.classes_, y, sample_weight, self._is_multilabel
        )

    def _weights_of_classes(
        self, counts: np.ndarray | None
    ) -> tuple[np.ndarray, float] | None:
        if self.class_weight is None:
            return None
        if counts is None:
            raise ValueError(NO_CLASS_WEIGHT_OF_LABELS)
        weights = weights_of_classes(self.class_weight, self.classes_, counts)
        return weights, mean_of(weights, counts)

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

    def _labels_of(self, outputs: np.ndarray) -> np.ndarray:
        """Return the labels that outputs, shape (n_samples, n_outputs), stand for."""
        labels: np.ndarray = self._label_binarizer.inverse_transform(
            outputs, self._boundary
        )
        return labels

    def _scores_of(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs in the shape of ``decision_function``."""
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def _probabilities_of(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probability of each class, or of each label."""
        if outputs.shape[1] > 1:
            return outputs
        if len(self.classes_) == 1:
            return np.ones_like(outputs)
        both = np.empty((len(outputs), 2), outputs.dtype)
        np.subtract(1, outputs, out=both[:, :1])
        both[:, 1:] = outputs
        return both

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
