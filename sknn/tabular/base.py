"""The base of the tabular estimators: encode a table, train an ensemble on it."""

from abc import ABCMeta, abstractmethod
from numbers import Integral, Real
from time import perf_counter
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from sknn._site import LinkToSite
from sknn._sklearn import Interval, StrOptions, validate_parameter_constraints
from sknn.estimators.fit_state import forget_optimizer
from sknn.estimators.twins import trained_twin, twin_of
from sknn.network.layers.piecewise_linear import FEWEST_VALUES
from sknn.tabular.encoder import TableEncoder
from sknn.tabular.recipes import Recipe

# Parameters that replace those of the recipe where they are not None.
_OF_NETWORKS = (
    "hidden_layer_sizes",
    "activation",
    "dropout",
    "learning_rate_init",
    "weight_decay",
    "batch_size",
    "max_iter",
)
_OF_NUMERIC_EMBEDDING = {"numeric_embedding", "numeric_embedding_size", "n_bins"}
_FEWEST_ROWS_OF_FOLDS = 4


class Postprocessing(NamedTuple):
    """What a tabular estimator does to the mean of its networks' predictions."""

    temperature: float = 1.0  # by which the logarithms of probabilities are divided
    # The least and the largest prediction, in float64. None: it clips none.
    limits: tuple[Any, Any] | None = None


class BaseTabularMLP(LinkToSite, BaseEstimator, metaclass=ABCMeta):
    """Base of the tabular estimators. Use a class derived from it."""

    preset: str
    categorical_features: Any
    n_members: int | None
    cv: Any
    time_limit: float | None
    verbose: bool | int
    n_jobs: int | None
    random_state: Any
    encoder_: TableEncoder
    feature_names_in_: np.ndarray
    ensemble_: Any

    recipes: ClassVar[dict[str, Recipe]]

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "categorical_features": [StrOptions({"from_dtype"}), "array-like"],
        "hidden_layer_sizes": ["array-like", Integral, None],
        "activation": [str, "array-like", None],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like", None],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), None],
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "n_members": [Interval(Integral, 1, None, closed="left"), None],
        "cv": ["cv_object", None],
        "scoring": [str, callable, None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "verbose": ["verbose"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    # Defined by the two estimators ---------------------------------------------------

    @abstractmethod
    def _network(self) -> Any:
        """Return an estimator with the parameters that depend on the task."""

    @abstractmethod
    def _ensemble(self, network: Any, **options: Any) -> Any:
        """Return an ensemble of such estimators."""

    def _rarest(self, y: Any) -> float:
        """Return the number of rows of the rarest class; infinity without classes."""
        return np.inf

    def _parameters_of_scoring(self, y: Any) -> dict[str, Any]:
        """Return the parameters by which predictions for rows left out are judged."""
        return {"scoring": "loss" if self.scoring is None else self.scoring}

    @abstractmethod
    def _learn_from_targets(self, y: Any, sample_weight: Any) -> None:
        """Set the attributes that follow from y, and from out-of-fold predictions."""

    @abstractmethod
    def _postprocessing(self) -> Postprocessing:
        """Return the temperature and the limits that predictions are made with.

        The temperature divides the logarithms of a classifier's mean probabilities;
        the limits clip a regressor's mean predictions.
        """

    def _weights(self, y: Any, sample_weight: Any) -> Any:
        """Return the weights of the rows in training."""
        return sample_weight

    # Fitting -------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> Self:
        """Encode, train; leave the estimator as it was if this fails."""
        began = perf_counter()
        self._check_parameters()
        with trained_twin(self) as twin:
            twin._fit_parts(X, y, sample_weight, groups, began)
        return self

    def _check_parameters(self) -> None:
        validate_parameter_constraints(
            {**self._parameter_constraints, "preset": [StrOptions(set(self.recipes))]},
            self.get_params(deep=False),
            type(self).__name__,
        )

    def _fit_parts(
        self, X: Any, y: Any, sample_weight: Any, groups: Any, began: float
    ) -> None:
        encoder = TableEncoder(
            categorical_features=self.categorical_features, tails="linear"
        )
        encoded = encoder.fit(X, sample_weight=sample_weight).transform(X)
        weights = self._weights(y, sample_weight)
        self.encoder_ = encoder
        self.n_features_in_ = encoder.n_features_in_
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        if hasattr(encoder, "feature_names_in_"):
            self.feature_names_in_ = encoder.feature_names_in_
        recipe = self.recipes[self.preset]
        folds = self._folds(recipe, y, len(encoded))
        parameters = self._parameters(recipe, len(encoded))
        if not _can_be_embedded(encoded[:, encoder.numeric_indices_]):
            for name in _OF_NUMERIC_EMBEDDING & parameters.keys():
                del parameters[name]
        if len(encoder.categorical_indices_):
            parameters["categorical_features"] = encoder.categorical_indices_
        if folds["cv"] is not None:
            parameters["early_stopping"] = True  # the best epoch counts
            parameters |= self._parameters_of_scoring(y)
        network = self._network().set_params(**parameters)
        ensemble = self._ensemble(
            network, random_state=self.random_state, **folds, **self._limits(began)
        )
        ensemble.fit(encoded, y, weights, groups=groups)
        ensemble = self._retrained(ensemble, encoded, y, weights, groups, began)
        self._publish(ensemble, y, weights)

    def _retrained(
        self,
        ensemble: Any,
        encoded: np.ndarray,
        y: Any,
        weights: Any,
        groups: Any,
        began: float,
    ) -> Any:
        """Return the ensemble, or one that ends at its best epoch where that was early.

        On the way the rate of a longer schedule is too high. What Ctrl-C or
        ``time_limit`` cuts short is dropped: ``resume_fit`` begins it again.
        """
        if not self._is_to_be_retrained(ensemble):
            return ensemble
        best = ensemble.best_iteration_
        if self.verbose:
            print(f"The best epoch was {best}: training anew, with so many epochs.")
        network = clone(ensemble.estimator).set_params(max_iter=best)
        shorter = clone(ensemble).set_params(
            estimator=network, random_state=self.random_state, **self._limits(began)
        )
        shorter.fit(encoded, y, weights, groups=groups)
        return ensemble if _is_cut_short(shorter) else shorter

    def _is_to_be_retrained(self, ensemble: Any) -> bool:
        """Return whether a first training had its best epoch early."""
        is_judged = ensemble.estimator.early_stopping  # by rows left out
        if not is_judged or self.max_iter is not None or _is_cut_short(ensemble):
            return False
        recipe = self.recipes[self.preset]
        n_epochs = recipe.epochs(len(ensemble.oof_predictions_))
        best: int = ensemble.best_iteration_
        is_first: bool = ensemble.estimator.max_iter == n_epochs
        return is_first and 0 < best < recipe.retrains_before * n_epochs

    def _limits(self, began: float) -> dict[str, Any]:
        """Return the ensemble's parameters of threads and of time."""
        limit = self.time_limit
        if limit is not None:  # which must be above zero
            limit = max(limit - (perf_counter() - began), np.finfo(float).tiny)
        return {"n_jobs": self.n_jobs, "time_limit": limit}

    def _publish(self, ensemble: Any, y: Any, weights: Any) -> None:
        """Set the attributes that follow from a trained ensemble."""
        if not _is_cut_short(ensemble):
            for member in ensemble.estimators_:
                forget_optimizer(member)  # no fit goes on from it
            ensemble._resume_state = None
        self.ensemble_ = ensemble
        self.n_iter_ = ensemble.n_iter_
        self._learn_from_targets(y, weights)

    def resume_fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None
    ) -> Self:
        """Go on with a fit that Ctrl-C or ``time_limit`` ended.

        Gives what that fit would have given without a break, also after the estimator
        was pickled. Does nothing where training had ended by itself. Of the parameters,
        ``time_limit``, in seconds from now on, and ``n_jobs`` count; all others are
        those of the fit. Until training has ended, the estimator holds the state of its
        optimizers, and a stored model is so much larger.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            The table: the same as in ``fit``, as are all others.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        groups : array-like of shape (n_samples,), default=None
            Groups that no fold divides.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            As ``fit``; and if there is no fit to go on with, or the number of rows has
            changed. The estimator is then as it was before.
        """
        began = perf_counter()
        if not hasattr(self, "ensemble_"):
            raise ValueError(
                "There is no fit to go on with: the estimator is not fitted. Call fit "
                "first."
            )
        is_cut_short = self.ensemble_._resume_state is not None
        if not (is_cut_short or self._is_to_be_retrained(self.ensemble_)):
            return self
        self._check_parameters()
        with trained_twin(self) as twin:
            encoded, weights = twin._encoded(X), twin._weights(y, sample_weight)
            ensemble = twin_of(self.ensemble_, vars(self.ensemble_).copy())
            if is_cut_short:
                ensemble.set_params(**twin._limits(began))
                ensemble.resume_fit(encoded, y, weights, groups=groups)
            elif len(encoded) != (n_before := len(ensemble.oof_predictions_)):
                raise ValueError(
                    f"resume_fit must get the data of the fit that it goes on with: it "
                    f"had {n_before} rows, these are {len(encoded)}."
                )
            ensemble = twin._retrained(ensemble, encoded, y, weights, groups, began)
            twin._publish(ensemble, y, weights)
        return self

    def _parameters(self, recipe: Recipe, n_rows: int) -> dict[str, Any]:
        """Return the parameters of the networks that do not depend on the task."""
        given = {
            name: value
            for name in _OF_NETWORKS
            if (value := getattr(self, name)) is not None
        }
        parameters = {
            "batch_size": recipe.rows_of_batch(n_rows),
            "max_iter": recipe.epochs(n_rows),
            **recipe.parameters,
            **given,
            "verbose": self.verbose,
        }
        for name in ("dropout", "weight_decay"):
            if not np.any(parameters[name]):
                del parameters[f"{name}_schedule"]  # it has nothing to multiply
        return parameters

    def _folds(self, recipe: Recipe, y: Any, n_rows: int) -> dict[str, Any]:
        """Return ``cv`` and ``n_members`` of the ensemble."""
        if self.cv is not None:
            return {"cv": self.cv, "n_members": self.n_members or "auto"}
        n_folds = int(min(recipe.n_folds, self._rarest(y), n_rows // 2))
        if n_folds < 2 or n_rows < _FEWEST_ROWS_OF_FOLDS:
            n_members = self.n_members or recipe.n_folds * recipe.n_repeats
            return {"cv": None, "n_members": n_members}
        n_members = self.n_members or n_folds * recipe.n_repeats
        if self.n_members is not None:
            n_folds = _largest_divisor(n_members, n_folds)
        return {"cv": n_folds, "n_members": n_members}

    # Predicting ----------------------------------------------------------------------

    def _fitted(self) -> Any:
        check_is_fitted(self)
        return self.ensemble_

    def _encoded(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self.encoder_.transform(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags


def _is_cut_short(ensemble: Any) -> bool:
    """Return whether a fit ended before its last epoch, not by its own rule."""
    is_resumable = ensemble._resume_state is not None
    return is_resumable and ensemble.n_iter_ < ensemble.estimator.max_iter


def _can_be_embedded(numbers: np.ndarray) -> bool:
    """Return whether a column has distinct values enough."""
    return any(len(np.unique(column)) >= FEWEST_VALUES for column in numbers.T)


def _largest_divisor(n: int, most: int) -> int:
    """Return the largest divisor of n up to a number."""
    return max(k for k in range(1, most + 1) if n % k == 0)
