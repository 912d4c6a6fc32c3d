"""The classifier."""

from numbers import Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from sknn._sklearn import Interval, StrOptions, first_call, fit_context
from sknn.estimators.base import BaseMLP
from sknn.estimators.class_weights import weights_of_rows
from sknn.estimators.docstrings import documented, takes_validation
from sknn.estimators.fitting import FitCall
from sknn.estimators.held_out import groups_of, groups_of_indicators
from sknn.estimators.labels import (
    binarizer_of,
    check_classes,
    check_classes_of_columns,
    check_form,
    labels_in,
    labels_to_score,
    rare_class,
    read_classes,
    read_labels,
    shows_several_labels,
)
from sknn.estimators.missing import refuse_missing
from sknn.estimators.prediction import on_snapshot
from sknn.estimators.scores import accuracy, share
from sknn.estimators.validation import (
    has_decision_function,
    has_partial_fit,
    has_probabilities,
)
from sknn.kernels.losses.table import losses_of_classifier
from sknn.training.monitor import DefaultScore


@documented(default_score="the accuracy")
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier.

    Trains in compiled kernels. Takes the parameters of
    :class:`sklearn.neural_network.MLPClassifier`, and more, and follows it to rounding
    for the same ``random_state``; where it differs on purpose, the documentation says
    so and why.

    Parameters
    ----------
    {parameters}
    loss : str, default='log_loss'
        What is minimised, with ``p`` the probability of the true class:

        {losses_of_classifier}
    label_smoothing : float, default=0.0
        Share of each target that is spread evenly over all classes, in [0, 1), for
        ``loss='log_loss'`` [label_smoothing]_.
    focal_gamma : float, default=2.0
        Exponent of ``loss='focal'``; 0 makes it the log loss.
    class_weight : dict, list of dict or 'balanced', default=None
        Weights of classes, which multiply ``sample_weight``. 'balanced' is ``n_samples
        / (n_classes * np.bincount(y))``, where rows count by their weights. For
        multilabel targets 'balanced', or a list with a dict for each label; what the
        labels give is multiplied. Scores, metrics and the validation loss count
        ``sample_weight`` alone.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; for multilabel targets ``0, ..., n_labels - 1``.
    {attributes}
    out_activation_ : str
        Turns the raw outputs ``z`` into predictions:

        {links_of_classifier}

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

    label_smoothing: float
    loss: str
    class_weight: Any

    _stored_attributes = ("_label_binarizer", "classes_")

    _parameter_constraints: ClassVar[dict] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(losses_of_classifier()))],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "focal_gamma": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        n_hidden_layers=None,
        dropout=0.0,
        input_dropout=0.0,
        normalization=None,
        kernel_initializer="auto",
        bias_initializer="auto",
        l1_ratio=0.0,
        weight_decay="auto",
        max_norm=None,
        clipvalue=None,
        global_clipnorm=None,
        rho=0.9,
        decay_rate=0.5,
        decay_epochs=20,
        warmup_epochs=0,
        scoring=None,
        metrics=None,
        restore_best_weights=True,
        validate=False,
        loss="log_loss",
        label_smoothing=0.0,
        focal_gamma=2.0,
        class_weight=None,
    ):
        self._store(locals())

    @fit_context(prefer_skip_nested_validation=True)
    @takes_validation
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
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
        {validation}

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
    @fit_context(prefer_skip_nested_validation=True)
    @takes_validation
    def partial_fit(
        self,
        X,
        y,
        sample_weight=None,
        classes=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
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
        {validation}

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
        refuse_missing(y=y, classes=classes)
        with self._all_or_nothing() as twin:
            classes = read_classes(classes)
            # That of an indicator matrix is made once the matrix was checked.
            if first_call(twin, classes) and not shows_several_labels(y):
                twin._label_binarizer = binarizer_of(twin.classes_)
            given = (X_val, y_val, sample_weight_val)
            twin._train(FitCall(X, y, sample_weight, given, incremental=True))
        return self

    @on_snapshot
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
        if hasattr(self, "classes_") and not self._is_multilabel:
            return self._predict_labels(X, self.classes_)
        outputs = self._predict_outputs(X)
        return self._label_binarizer.inverse_transform(outputs, self._boundary)

    @available_if(has_decision_function)
    @on_snapshot
    def decision_function(self, X):
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
        both = np.empty((len(probabilities), 2), probabilities.dtype)
        np.subtract(1, probabilities, out=both[:, :1])
        both[:, 1:] = probabilities
        return both

    @available_if(has_probabilities)
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

    def score(self, X, y, sample_weight=None):
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
        return self._label_binarizer.y_type_ == "multiclass"

    @property
    def _is_multilabel(self) -> bool:
        return self._label_binarizer.y_type_.startswith("multilabel")

    def _learn_targets(self, y, goes_on):
        y = read_labels(y)
        if not (hasattr(self, "classes_") and (self.warm_start or goes_on)):
            self._label_binarizer = binarizer_of(y)
            self.classes_ = self._label_binarizer.classes_
            return y
        if not hasattr(self, "_label_binarizer"):  # an indicator matrix in partial_fit
            self._label_binarizer = binarizer_of(y)
            check_classes_of_columns(self.classes_, y)
        self._check_labels(y, "y", "y of the call before", self.warm_start)
        return y

    def _check_known(self, y, n_targets):
        y = read_labels(y, "y_val")
        self._check_labels(y, "y_val", "y", False)
        return y

    def _check_labels(self, y, name, before, needs_all):
        n_labels = len(self._label_binarizer.classes_) if self._is_multilabel else 0
        classes = labels_in(y)
        check_form(y, self.classes_, n_labels, name, before)
        check_classes(classes, self.classes_, needs_all)

    def _encode(self, y):
        if self._is_multilabel:
            return y.toarray() if scipy.sparse.issparse(y) else y
        return np.searchsorted(self.classes_, y)[:, np.newaxis]

    def _loss_name(self):
        is_smoothed = self.loss == "log_loss" and self.label_smoothing
        name = "smoothed_log_loss" if is_smoothed else self.loss
        return name if self._is_multiclass else f"binary_{name}"

    def _n_outputs(self, targets):
        return len(self.classes_) if self._is_multiclass else targets.shape[1]

    def _class_weights(self, y, sample_weight, incremental):
        if self.class_weight is None:
            return None
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported by partial_fit, which does "
                "not see all rows. Find the weights from all of y with sklearn.utils."
                "class_weight.compute_class_weight, and pass them as a dict."
            )
        return weights_of_rows(
            self.class_weight, self.classes_, y, sample_weight, self._is_multilabel
        )

    def _stratify_by(self, targets):
        if self.n_outputs_ == 1:
            return targets[:, 0] != 0
        # Only where each class, or combination of labels, can be on both sides; a
        # rare one is no error.
        if self._is_multiclass:
            groups = groups_of(targets[:, 0].astype(np.int64))
        else:
            groups = groups_of_indicators(targets)
        counts = np.bincount(groups)
        n_held_out = int(np.ceil(self.validation_fraction * len(targets)))
        possible = counts.min() >= 2 and n_held_out >= len(counts)
        return groups if possible else None

    def _rare_class(self, groups):
        return "" if groups is None else rare_class(groups, self.classes_)

    def _default_score(self):
        return DefaultScore("accuracy", self._score_predictions)

    def _score_predictions(self, targets, predictions, sample_weight):
        if self._is_multiclass:
            right = predictions.argmax(axis=1) == targets[:, 0]
        else:
            right = ((predictions > self._boundary) == targets).all(axis=1)
        return share(right, sample_weight)

    @property
    def _boundary(self) -> float:
        """Output above which a label is predicted."""
        return 0.0 if self.out_activation_ == "identity" else 0.5

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
