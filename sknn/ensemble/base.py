"""What the ensembles of classifiers and of regressors share."""

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn import clone, config_context, get_config
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from sknn._site import LinkToSite
from sknn._sklearn import Interval, Options
from sknn.ensemble.fitting import FITTED, fit
from sknn.estimators.base import BaseMLP
from sknn.estimators.callbacks import CallbackSupportMixin, with_callbacks
from sknn.estimators.decorators import suggests_names
from sknn.estimators.fit_lock import fit_lock
from sknn.estimators.parameters import Names
from sknn.estimators.problem import FitCall
from sknn.estimators.state_checks import check_fitted
from sknn.estimators.stored_state import canonical
from sknn.estimators.twins import trained_twin
from sknn.network.averaging import mean_predictions
from sknn.network.data import ArrayLike, Inputs
from sknn.network.network import Network

_COUNT = Interval(Integral, 1, None, closed="left")


class BaseEnsembleMLP(
    LinkToSite, CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base of the ensembles. Use a class derived from it."""

    estimator: Any
    n_members: int | str
    cv: Any
    refit: bool
    n_jobs: int | None
    time_limit: float | None
    random_state: Any

    estimators_: list[Any]
    history_: dict[str, list[float]]
    n_iter_: int
    best_iteration_: int
    best_validation_score_: float
    oof_predictions_: np.ndarray
    n_features_in_: int
    n_outputs_: int
    _resume_state: dict[str, Any] | None

    if TYPE_CHECKING:  # methods of scikit-learn, which has no types
        # ruff: noqa: D102

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        def set_callbacks(self, *callbacks: Any) -> Self: ...
        def set_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_score_request(self, **requests: bool | str | None) -> Self: ...

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [BaseMLP, None],
        "n_members": [_COUNT, Names({"auto"})],
        "cv": ["cv_object"],
        "refit": ["boolean"],
        "n_jobs": [Options(Integral, {-1}), _COUNT, None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    @suggests_names
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike = None,
        *,
        groups: ArrayLike = None,
        X_val: ArrayLike = None,
        y_val: ArrayLike = None,
        sample_weight_val: ArrayLike = None,
    ) -> Self:
        """Train the members side by side.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, as for the members' ``fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, an indicator matrix of several labels, or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, zero or positive.
        groups : array-like of shape (n_samples,), default=None
            Groups of the samples, for ``cv`` or ``validation_splitter`` of the
            estimator. With an integer ``cv``, no group is divided between folds.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation data, for ``cv=None``. With ``early_stopping=True`` of the
            estimator they take the place of rows that would be held out.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation data.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation data.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or if training of a member
            diverges and there are no earlier weights. The ensemble is then as it was
            before.
        """
        given = (X_val, y_val, sample_weight_val)
        return self._fit(FitCall(X, y, sample_weight, given, groups=groups))

    @suggests_names
    def resume_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike = None,
        *,
        groups: ArrayLike = None,
        X_val: ArrayLike = None,
        y_val: ArrayLike = None,
        sample_weight_val: ArrayLike = None,
    ) -> Self:
        """Go on with a fit that was interrupted, stopped or ended by ``max_iter``.

        Trains up to epoch ``max_iter`` of the estimator, counted from the start of that
        fit, and gives what it would have given without a break, also after the ensemble
        was pickled. Does nothing where training had ended by itself, or members were
        trained again on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data: the same as in ``fit``, as are all others.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        groups : array-like of shape (n_samples,), default=None
            Groups of the samples.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation data.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation data.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation data.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As ``fit``; and if there is no fit to go on with, or the number of rows, of
            members or the layers have changed.
        """
        if not hasattr(self, "estimators_"):
            raise ValueError(
                "There is no fit to go on with: the ensemble is not fitted. Call fit "
                "first."
            )
        if self._resume_state is None:
            return self
        given = (X_val, y_val, sample_weight_val)
        call = FitCall(X, y, sample_weight, given, resumes=True, groups=groups)
        return self._fit(call)

    def _fit(self, call: FitCall) -> Self:
        """Train; leave the ensemble as it was if training fails."""
        skips_checks = get_config()["skip_parameter_validation"]
        with fit_lock(self), trained_twin(self) as twin:
            if not skips_checks:
                twin._validate_params()
                twin._check_estimator()
            with config_context(skip_parameter_validation=True):
                twin._train(call)
        return self

    @with_callbacks
    def _train(self, call: FitCall) -> None:
        if not call.resumes:
            for name in set(FITTED) & vars(self).keys():
                delattr(self, name)
        fit(self, call)

    # Members -------------------------------------------------------------------------

    @abstractmethod
    def _default_estimator(self) -> Any:
        """Return the estimator where there is no other."""

    def _prototype(self) -> Any:
        """Return a new estimator that the members are copies of."""
        if self.estimator is None:
            return self._default_estimator()
        return clone(self.estimator)

    def _member(self) -> Any:
        """Return a member; before a fit, what stands for one."""
        if hasattr(self, "estimators_"):
            return self.estimators_[0]
        return self._default_estimator() if self.estimator is None else self.estimator

    def _check_estimator(self) -> None:
        """Refuse estimators that cannot be trained side by side."""
        prototype = self._prototype()
        prototype._validate_params()
        if is_classifier(prototype) != is_classifier(self):
            expected = type(self._default_estimator()).__name__
            raise TypeError(
                f"The estimator of {type(self).__name__} must be an {expected}, got "
                f"{type(prototype).__name__}."
            )
        if prototype.solver == "lbfgs":
            raise ValueError(
                "The members of an ensemble are trained by epochs, which "
                "solver='lbfgs' of the estimator does not have. Use another solver."
            )

    # Predictions ---------------------------------------------------------------------

    def _mean_outputs(
        self, X: ArrayLike, deviations: list[np.ndarray] | None = None
    ) -> np.ndarray:
        """Check X; return averaged predictions, shape (n_samples, n_outputs).

        Standard deviations of the members' predictions are appended to a list.
        """
        check_is_fitted(self)
        for member in self.estimators_:
            check_fitted(member)

        def mean(
            network: Network,
            theta: np.ndarray,
            inputs: Inputs,
            nonfinite_flags: np.ndarray,
        ) -> np.ndarray:
            members = [each._network_in(network.dtype) for each in self.estimators_]
            check_alike([network for network, _ in members])
            spread = None
            if deviations is not None:
                shape = inputs.n_samples, network.n_outputs
                spread = np.empty(shape, network.dtype)
                deviations.append(spread)
            return mean_predictions(members, inputs, nonfinite_flags, spread)

        outputs: np.ndarray = self.estimators_[0]._predicted(X, mean)
        return outputs

    # Interface of scikit-learn ------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        tags, of_member = super().__sklearn_tags__(), get_tags(self._member())
        tags.input_tags = of_member.input_tags
        tags.target_tags = of_member.target_tags
        tags.classifier_tags = of_member.classifier_tags
        tags.regressor_tags = of_member.regressor_tags
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if history := state.get("history_"):  # times differ between equal fits
            state["history_"] = {k: history[k] for k in history if k != "seconds"}
        stored: dict[str, Any] = canonical(dict(sorted(state.items())))
        return stored


def check_alike(networks: list[Network]) -> None:
    """Raise a ValueError unless predictions of all networks can be averaged."""
    found = {(net.n_features, net.n_outputs, net.dtype) for net in networks}
    if len(found) > 1:
        raise ValueError(
            "The members in estimators_ must have as many features and outputs, and "
            f"weights of the same dtype, but these are {sorted(map(str, found))}. Call "
            "fit."
        )


def of_member(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return a check of an ensemble that asks one of its members."""
    return lambda ensemble: check(ensemble._member())
