"""An ensemble of classifiers."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from sknn.ensemble.base import BaseEnsembleMLP, of_member
from sknn.estimators.classifier import MLPClassifier
from sknn.estimators.decorators import available_if
from sknn.estimators.validation import has_decision_function, has_probabilities
from sknn.network.data import ArrayLike


class EnsembleMLPClassifier(ClassifierMixin, BaseEnsembleMLP):
    """Several MLPClassifiers trained side by side, whose probabilities are averaged.

    All members see the same data, which are in memory once, and share the cores. Where
    rows are held out, the score of the averaged predictions decides after which epoch
    all of them stop.

    Parameters
    ----------
    estimator : MLPClassifier, default=None
        With the parameters of the members; None for ``MLPClassifier()``. Its
        ``random_state`` is not used. With ``early_stopping=True`` all members hold out
        the same rows. Its ``n_iter_no_change``, ``tol``, ``scoring`` and ``metrics``
        apply to the ensemble. ``solver='lbfgs'`` is refused.
    n_members : int or 'auto', default='auto'
        Number of members. 'auto' is one for each split of ``cv``; without ``cv``, 8.
        With ``cv`` it is a multiple of the number of splits.
    cv : int, cross-validation generator or iterable, default=None
        Holds out other rows from each member, in place of the same rows from all. The
        epoch is then chosen by the score of out-of-fold predictions: each row is
        predicted by the members that were not trained on it. An integer is a number of
        folds, which are shuffled, and stratified where each row has one label.
    refit : bool, default=False
        Whether to train all members once more, on all rows, for as many epochs as the
        best one has found. Schedules of the learning rate are shortened to that.
    n_jobs : int, default=None
        Most members to train at the same time, in threads; None or -1 for as many as
        there are cores. The result does not depend on it.
    time_limit : float, default=None
        Seconds that ``fit`` may take. Training ends before, with the best weights so
        far, even within the first epoch. The result then depends on the machine.
    random_state : int, RandomState instance or None, default=None
        Determines the seed of each member, and which rows are held out. Pass an int for
        the same result in each call.

    Attributes
    ----------
    estimators_ : list of MLPClassifier
        The fitted members.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_iter_ : int
        Number of epochs that were trained.
    best_iteration_ : int
        The epoch, from 1 on, whose weights the members have.
    history_ : dict of lists
        For each epoch "loss", the mean of the members' training losses,
        "learning_rate" and "seconds"; where rows are held out "val_loss" and
        "val_score" of the averaged predictions, and the estimator's ``metrics`` with
        ``"val_"`` before their names.
    best_validation_score_ : float
        Best validation score, where it has decided.
    oof_predictions_ : ndarray of shape (n_samples,) or (n_samples, n_classes)
        With ``cv``: for each row the averaged probabilities, or scores for losses
        without probabilities, of the members that were not trained on it; NaN for rows
        that are never held out.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had string names in ``fit``.
    n_outputs_ : int
        Number of outputs of each network.

    See Also
    --------
    EnsembleMLPRegressor : The same for numbers.
    MLPClassifier : One network.
    sklearn.ensemble.BaggingClassifier : An ensemble of any estimators, each of which
        is trained by itself.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknn import EnsembleMLPClassifier, MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier((20,), max_iter=60, tol=None, learning_rate_init=0.01)
    >>> ensemble = EnsembleMLPClassifier(net, cv=5, random_state=0).fit(X, y)
    >>> len(ensemble.estimators_)
    5
    >>> bool(ensemble.best_validation_score_ > 0.95)
    True
    >>> ensemble.oof_predictions_.shape
    (150, 3)
    """

    classes_: np.ndarray

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_members: int | str = "auto",
        cv: Any = None,
        refit: bool = False,
        n_jobs: int | None = None,
        time_limit: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.n_members = n_members
        self.cv = cv
        self.refit = refit
        self.n_jobs = n_jobs
        self.time_limit = time_limit
        self.random_state = random_state

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Those of the highest averaged probability or score; for multilabel targets
            an indicator matrix.
        """
        outputs = self._mean_outputs(X)
        labels: np.ndarray = self._member()._labels_of(outputs)
        return labels

    @available_if(of_member(has_decision_function))
    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the averaged scores, for losses without probabilities, as 'hinge'.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            As that of `MLPClassifier`.
        """
        outputs = self._mean_outputs(X)
        scores: np.ndarray = self._member()._scores_of(outputs)
        return scores

    @available_if(of_member(has_probabilities))
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the mean of the members' probabilities.

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
        outputs = self._mean_outputs(X)
        probabilities: np.ndarray = self._member()._probabilities_of(outputs)
        return probabilities

    @available_if(of_member(has_probabilities))
    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the logarithm of the averaged probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            ``log(predict_proba(X))``.
        """
        probabilities: np.ndarray = np.log(self.predict_proba(X))
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
        predicted = self.predict(X)
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    def _default_estimator(self) -> MLPClassifier:
        return MLPClassifier()
