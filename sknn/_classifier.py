"""The classifier."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from sknn._base import BaseMLP
from sknn._checks import has_partial_fit
from sknn._docs import documented
from sknn._sklearn import first_call, fit_context


@documented
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier.

    Minimises the log loss by stochastic gradient descent, Adam or L-BFGS, in compiled
    kernels. Takes the parameters of :class:`sklearn.neural_network.MLPClassifier` and
    follows it to rounding for the same ``random_state``; where it differs on purpose,
    the documentation says so and why.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; for multilabel targets ``0, ..., n_labels - 1``.
    {attributes}
    out_activation_ : str
        'softmax' for more than two classes, 'logistic' for two classes and for
        multilabel targets.

    See Also
    --------
    MLPRegressor : The same network for numbers.

    Notes
    -----
    {notes}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = make_pipeline(
    ...     StandardScaler(), MLPClassifier(max_iter=500, random_state=0)
    ... )
    >>> classifier.fit(X, y).score(X, y) > 0.95
    True
    """

    loss = "log_loss"

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
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

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight is not valid, or if training
            diverges without early stopping. The estimator is then as it was before.
        """
        return self._fit(X, y, sample_weight)

    @available_if(has_partial_fit)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
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

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As ``fit``; and if ``early_stopping=True``, or ``classes`` is missing in
            the first call or changes later, or y holds a label that is not among them.
        """
        with self._all_or_nothing():
            if first_call(self, classes):
                multilabel = type_of_target(y).startswith("multilabel")
                self._label_binarizer = LabelBinarizer().fit(
                    y if multilabel else classes
                )
            return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
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
        probabilities = self._predict_outputs(X)
        if self._is_multiclass:
            return self.classes_[probabilities.argmax(axis=1)]
        if self._label_binarizer.y_type_ != "binary":
            return self._label_binarizer.inverse_transform(probabilities)
        is_second = (probabilities.ravel() > 0.5) & (len(self.classes_) == 2)
        return self.classes_[is_second.astype(np.intp)]

    def predict_proba(self, X):
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
        return np.hstack([1 - probabilities, probabilities])

    def predict_log_proba(self, X):
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
        return np.log(probabilities, out=probabilities)

    # -----------------------------------------------------------------------------

    @property
    def _is_multiclass(self) -> bool:
        return self._label_binarizer.y_type_ == "multiclass"

    def _validate_targets(self, y, incremental):
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y))
        if self._is_multiclass:
            return np.searchsorted(self.classes_, y)[:, np.newaxis]
        return self._label_binarizer.transform(y)

    def _check_classes(self, classes):
        if self.warm_start and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes_}, `y` has "
                f"{classes}"
            )
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. `self.classes_` has "
                f"{self.classes_}. 'y' has {classes}."
            )

    def _output(self, targets):
        if self._is_multiclass:
            return len(self.classes_), "log_loss"
        return targets.shape[1], "binary_log_loss"

    def _stratify_by(self, targets):
        if self.n_outputs_ == 1:
            return targets.astype(bool)
        if not self._is_multiclass:
            return None
        # Only where each class can be on both sides; a rare class is no error.
        n_held_out = int(np.ceil(self.validation_fraction * len(targets)))
        counts = np.bincount(targets[:, 0].astype(np.intp))
        possible = counts[counts > 0].min() >= 2 and n_held_out >= np.sum(counts > 0)
        return targets if possible else None

    def _score_predictions(self, targets, predictions, sample_weight):
        if self._is_multiclass:
            predicted = predictions.argmax(axis=1)
        else:
            predicted = (predictions > 0.5).astype(int)
        return accuracy_score(
            targets.astype(int), predicted, sample_weight=sample_weight
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
