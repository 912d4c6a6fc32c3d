"""The base class of the classifier and the regressor."""

from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import is_regressor
from sklearn.utils.validation import check_is_fitted, validate_data

from sknn.estimators.callbacks import CallbackSupportMixin, with_callbacks
from sknn.estimators.class_weights import RowFactors
from sknn.estimators.decorators import suggests_names
from sknn.estimators.estimator import Estimator
from sknn.estimators.fit_lock import fit_lock
from sknn.estimators.fitting import (
    loss_gradients,
    prepare,
    train_and_publish,
)
from sknn.estimators.parameters import CONSTRAINTS
from sknn.estimators.prediction import Predictor
from sknn.estimators.problem import FitCall
from sknn.estimators.twins import trained_twin, twin_of
from sknn.estimators.validation import explain_refusal, skips_validation
from sknn.jit.specializations import compiling_announced
from sknn.network.data import FLOATS, ArrayLike
from sknn.network.layers.base import Layer
from sknn.training.monitor import DefaultScore


class BaseMLP(CallbackSupportMixin, Predictor, Estimator, metaclass=ABCMeta):
    """Base of the multi-layer perceptrons. Use a class derived from it."""

    _split_state: dict[str, Any]
    _resume_state: dict[str, Any] | None

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS

    # Defined by the two estimators ----------------------------------------------

    @abstractmethod
    def _learn_targets(self, y: ArrayLike, goes_on: bool) -> Any:
        """Check y; set the attributes that its encoding needs; return y."""

    def _warn_of_encoding(self, given: Any, y: ArrayLike, fewest_rows: int) -> None:
        """Warn where the targets seem to be encoded in a way that is not meant."""

    @abstractmethod
    def _read_targets(self, y: ArrayLike) -> Any:
        """Check the form of the targets of some of the rows; return them."""

    def _is_known(self, y: ArrayLike) -> bool:
        """Return whether the network has an output for each target that was read."""
        return True

    @abstractmethod
    def _check_known(self, y: ArrayLike, n_targets: int) -> Any:
        """Check the targets of a validation set; return them."""

    @abstractmethod
    def _encode(self, y: ArrayLike) -> np.ndarray:
        """Return targets of shape (n_samples, n_targets)."""

    @abstractmethod
    def _loss_name(self) -> str:
        """Return the key of the loss in LOSSES."""

    @abstractmethod
    def _n_outputs(self, targets: np.ndarray) -> int:
        """Return the number of outputs, before the loss multiplies it."""

    @abstractmethod
    def _class_weights(
        self, y: ArrayLike, sample_weight: np.ndarray | None, incremental: bool
    ) -> RowFactors | None:
        """Return a factor for each row that follows from its class, or None."""

    def _weights_of_classes(
        self, counts: np.ndarray | None
    ) -> tuple[np.ndarray, float] | None:
        """Return the weight of each class and the mean weight of a row, or None.

        ``counts`` are the rows of each class, by sample weight; None without classes.
        """
        return None

    @abstractmethod
    def _stratify_by(self, targets: np.ndarray) -> np.ndarray | None:
        """Return the number of each row's group in a stratified split, or None."""

    def _rare_class(self, groups: np.ndarray | None) -> str:
        """Return an addition to scikit-learn's message where groups are too small."""
        return ""

    @abstractmethod
    def _default_score(self) -> DefaultScore:
        """Return the score of a validation set where ``scoring`` is None."""

    @abstractmethod
    def _score_predictions(
        self, targets: ArrayLike, predictions: ArrayLike, sample_weight: ArrayLike
    ) -> float:
        """Return the score of predictions for a validation set."""

    # What a derived estimator may define -------------------------------------------

    def _change_layers(self, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        """Return the layers to train, given those of a multi-layer perceptron."""
        return layers

    # Fitting ---------------------------------------------------------------------

    @suggests_names
    def resume_fit(
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
        """Go on with a fit that was interrupted, stopped or ended by ``max_iter``.

        Trains up to epoch ``max_iter``, counted from the start of that fit, and gives
        just what the fit would have given without a break, also after the estimator
        was pickled. Does nothing where training had ended by itself.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or BatchSource
            Training data: the same as in ``fit``, as are all others.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets. None only for a BatchSource, which holds them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
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
            As ``fit``; and if there is no fit to go on with, or the number of rows or
            the layers have changed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sknn import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = MLPClassifier(max_iter=400, random_state=0, n_iter_no_change=400)
        >>> whole = model.fit(X, y).predict(X)
        >>> model = model.set_params(max_iter=200).fit(X, y)
        >>> model = model.set_params(max_iter=400).resume_fit(X, y)
        >>> bool((model.predict(X) == whole).all())
        True
        """
        given = (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, given, resumes=True, groups=groups)

    @suggests_names
    def loss_gradients(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike = None
    ) -> dict[str, list[np.ndarray]]:
        """Return the gradient of the training loss with respect to the weights.

        That is the gradient by which the first step of ``fit`` would go, with all rows
        in one batch: of::

            (sum(s * loss) + alpha * ((1 - l1_ratio) / 2 * sum(w**2)
                                      + l1_ratio * sum(abs(w)))) / sum(s)

        with ``loss`` the loss of a row, which is the sum over the outputs; ``s`` its
        weight, that of its class included; and ``w`` all the weights, without the
        biases. ``loss_`` is the same, but where ``loss='squared_error'`` the mean over
        the outputs, as in scikit-learn.

        Nothing is dropped out. Batch normalisation takes the mean and the variance of
        these rows, as in training. ``weight_decay`` and the clipping of gradients are
        no part of the loss.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, or labels that are in ``classes_``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, zero or positive.

        Returns
        -------
        gradients : dict of list of ndarray
            ``"coefs_"`` and ``"intercepts_"``, and ``"gains_"`` and ``"shifts_"`` where
            there is normalisation: arrays of the shapes and the dtype of these
            attributes.

        Raises
        ------
        NotFittedError
            If there are no weights yet: see ``initialize``.
        ValueError
            If X, y or sample_weight is not valid, or does not fit the network.

        Examples
        --------
        A step of gradient descent, by hand:

        >>> from sknn import MLPRegressor
        >>> X, y = [[0.0, 1.0], [1.0, 2.0]], [0.0, 1.0]
        >>> net = MLPRegressor(hidden_layer_sizes=(3,), random_state=0).initialize(X, y)
        >>> gradients = net.loss_gradients(X, y)
        >>> [gradient.shape for gradient in gradients["coefs_"]]
        [(2, 3), (3, 1)]
        >>> for name, arrays in gradients.items():
        ...     for values, gradient in zip(getattr(net, name), arrays):
        ...         values -= 0.1 * gradient
        """
        check_is_fitted(self)
        twin = twin_of(self, vars(self).copy())
        if not get_config()["skip_parameter_validation"]:
            twin._validate_params()
        twin.warm_start = False  # which would ask for rows of every class
        return loss_gradients(twin, FitCall(X, y, sample_weight, keeps_known=True))

    def _forget_weights(self) -> None:
        """Drop what a fit goes on from: the weights, and the classes of the labels."""
        names = {"coefs_", "n_outputs_", *self._stored_attributes}
        for name in names & vars(self).keys():
            delattr(self, name)

    def _fit(self, *arguments: Any, **options: Any) -> Self:
        """Train; leave the estimator as it was if training fails."""
        # Outside of the callbacks' management, which needs what it set to tear down.
        with self._all_or_nothing() as twin:
            twin._train(FitCall(*arguments, **options))
        return self

    @with_callbacks
    def _train(self, call: FitCall) -> None:
        """Prepare, train and publish."""
        with compiling_announced(self.verbose):
            train_and_publish(self, call, prepare(self, call))

    def _validated(
        self,
        X: ArrayLike,
        y: ArrayLike,
        reset: bool,
        names: tuple[str, str] = ("X", "y"),
    ) -> tuple[Any, Any]:
        if skips_validation(X, y):
            if reset:
                self.n_features_in_ = X.shape[1]
                self.__dict__.pop("feature_names_in_", None)
            n_known = getattr(self, "n_features_in_", None)
            if n_known == X.shape[1] and not hasattr(self, "feature_names_in_"):
                return X, y
        try:
            checked: tuple[Any, Any] = validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                dtype=FLOATS,
                order="C",
                multi_output=True,
                y_numeric=is_regressor(self),
                reset=reset,
            )
            return checked
        except (TypeError, ValueError) as error:
            explain_refusal(error, self, (X, y), reset, names)
            raise

    @contextmanager
    def _all_or_nothing(self) -> Iterator["BaseMLP"]:
        """Yield a twin to train; take over its attributes if there is no exception.

        Until then the estimator is as it was, for other threads too. Threads that
        train the same estimator wait for each other. The parameters of the twin have
        been checked; what scikit-learn's functions get from the block is not.
        """
        skips_checks = get_config()["skip_parameter_validation"]
        with fit_lock(self), config_context(skip_parameter_validation=True):
            generator = self.random_state
            is_generator = isinstance(generator, np.random.RandomState)
            draws = generator.get_state(legacy=False) if is_generator else None
            try:
                with trained_twin(self) as twin:
                    if not skips_checks:
                        twin._validate_params()
                    yield twin
            except BaseException:
                if is_generator:
                    generator.set_state(draws)
                raise
