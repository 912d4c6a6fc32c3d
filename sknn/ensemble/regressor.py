"""An ensemble of regressors."""

from typing import Any, Literal, overload

import numpy as np
from sklearn.base import RegressorMixin

from sknn.ensemble.base import BaseEnsembleMLP
from sknn.estimators.missing import refuse_missing
from sknn.estimators.regressor import MLPRegressor
from sknn.network.data import ArrayLike


class EnsembleMLPRegressor(RegressorMixin, BaseEnsembleMLP):
    """Several MLPRegressors trained side by side, whose predictions are averaged.

    All members see the same data, which are in memory once, and share the cores. Where
    rows are held out, the score of the averaged predictions decides after which epoch
    all of them stop.

    Parameters
    ----------
    estimator : MLPRegressor, default=None
        With the parameters of the members; None for ``MLPRegressor()``. Its
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
        folds, which are shuffled.
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
    estimators_ : list of MLPRegressor
        The fitted members.
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
    oof_predictions_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        With ``cv``: for each row the averaged predictions of the members that were not
        trained on it; NaN for rows that are never held out.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had string names in ``fit``.
    n_outputs_ : int
        Number of outputs of each network.

    See Also
    --------
    EnsembleMLPClassifier : The same for classes.
    MLPRegressor : One network.
    sklearn.ensemble.BaggingRegressor : An ensemble of any estimators, each of which is
        trained by itself.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn import EnsembleMLPRegressor, MLPRegressor
    >>> X = np.linspace(-2, 2, 200).reshape(-1, 1)
    >>> net = MLPRegressor(hidden_layer_sizes=(50,), max_iter=60, tol=None)
    >>> net = net.set_params(learning_rate_init=0.01, batch_size=20)
    >>> ensemble = EnsembleMLPRegressor(net, n_members=4, random_state=0)
    >>> ensemble = ensemble.fit(X, np.sin(2 * X[:, 0]))
    >>> mean, deviation = ensemble.predict([[0.0], [20.0]], return_std=True)
    >>> bool(deviation[1] > 10 * deviation[0])  # far from the data
    True
    """

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

    @overload
    def predict(
        self, X: ArrayLike, return_std: Literal[False] = False
    ) -> np.ndarray: ...

    @overload
    def predict(
        self, X: ArrayLike, return_std: Literal[True]
    ) -> tuple[np.ndarray, np.ndarray]: ...

    def predict(
        self, X: ArrayLike, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        return_std : bool, default=False
            Whether to return also the standard deviation of the members' predictions.
            It says how far they disagree, not how far the targets scatter.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The mean of the members' predictions, in the shape that
            `MLPRegressor.predict` returns.
        std : ndarray
            Of the shape of y. Only if ``return_std=True``.
        """
        if not return_std:
            return self._values(self._mean_outputs(X))
        deviations: list[np.ndarray] = []
        mean = self._mean_outputs(X, deviations)
        # What was predicted once more, to find what is not finite, comes last.
        spread = np.concatenate(deviations)[-len(mean) :]
        return self._values(mean), self._values(spread)

    def _values(self, outputs: np.ndarray) -> np.ndarray:
        values: np.ndarray = self._member()._values_of(outputs)
        return values

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike = None
    ) -> float:
        """Return the coefficient of determination, R^2, of the predictions.

        For ``loss='quantile'`` of the estimator it is D^2, as that of `MLPRegressor`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
        """
        refuse_missing(y=y, sample_weight=sample_weight)
        predictions = self.predict(X)
        y = y if hasattr(y, "dtype") else np.asarray(y)
        score = self._member()._score_predictions(y, predictions, sample_weight)
        return float(score)

    def _default_estimator(self) -> MLPRegressor:
        return MLPRegressor()
