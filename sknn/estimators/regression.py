"""The parameters and methods of the regressor."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score
from sklearn.utils import column_or_1d

from sknn._sklearn import Interval
from sknn.estimators.base import BaseMLP
from sknn.estimators.class_weights import RowFactors
from sknn.estimators.data_errors import cure_for_targets, cure_for_y, explain
from sknn.estimators.decorators import available_if, suggests_names
from sknn.estimators.fitting import initialize
from sknn.estimators.missing import refuse_missing
from sknn.estimators.parameters import Names
from sknn.estimators.prediction import on_snapshot
from sknn.estimators.problem import FitCall
from sknn.estimators.scores import r2
from sknn.estimators.validation import has_partial_fit
from sknn.kernels.losses.output_activations import levels_of_settings
from sknn.kernels.losses.table import REGRESSION_LOSSES
from sknn.network.data import ArrayLike
from sknn.training.monitor import DefaultScore

# scikit-learn's own losses, and what it scores them by.
_SCORED_BY_R2 = ("squared_error", "poisson")


class BaseRegressor(RegressorMixin, BaseMLP):
    """Base of the regressor: all but its documentation."""

    loss: str
    delta: float
    quantile: float | Sequence[float]
    power: float
    standardize_y: bool

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        # A live view: losses that users register are among the options.
        "loss": [Names(REGRESSION_LOSSES.keys())],
        "delta": [Interval(Real, 0, None, closed="neither")],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
        "power": [Interval(Real, 1, 3, closed="both")],
        "standardize_y": ["boolean"],
    }

    @suggests_names
    def __init__(
        self,
        loss: str = "squared_error",
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
        delta: float = 1.0,
        quantile: float | Sequence[float] = 0.5,
        power: float = 1.5,
        standardize_y: bool = False,
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
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets. They are brought into the dtype of X. None only for a BatchSource,
            which holds them.
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
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
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
            As ``fit``; and if ``early_stopping=True`` or ``validate=True`` without
            ``X_val``.
        """
        given = (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, given, incremental=True)

    @suggests_names
    def initialize(self, X: ArrayLike, y: ArrayLike = None) -> Self:
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
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets, which say how many outputs there are. None only for a BatchSource,
            which holds them.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As ``fit``. The estimator is then as it was before.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sknn import MLPRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> net = MLPRegressor(hidden_layer_sizes=(3,), random_state=0).initialize(X, y)
        >>> net.coefs_[1][:] = 0  # by hand
        >>> net.intercepts_[1][:] = y.mean()
        >>> bool(abs(net.score(X, y)) < 1e-12)
        True
        """
        with self._all_or_nothing() as twin:
            twin._forget_weights()
            initialize(twin, FitCall(X, y, keeps_known=True))
        return self

    @on_snapshot
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, in the dtype of X or of the weights, whichever is wider. For
            several levels of ``loss='quantile'``, of shape (n_samples, n_levels) or
            (n_samples, n_outputs, n_levels), from the lowest level to the highest.
        """
        return self._values_of(self._predict_outputs(X))

    @on_snapshot
    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike = None
    ) -> float:
        """Return the coefficient of determination, R^2, of the predictions.

        For ``loss='quantile'`` it is what corresponds to it, the mean over the levels
        of :func:`sklearn.metrics.d2_pinball_score`: 1 is perfect, and 0 as good as the
        quantiles of y whatever X is. R^2 would prefer means to quantiles.

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
        if getattr(y.dtype, "kind", "O") in "mM":  # scikit-learn takes them for numbers
            self._encode(np.asarray(y))
        try:
            return self._score_predictions(y, predictions, sample_weight)
        except (TypeError, ValueError) as error:
            explain(error, "y", cure_for_y(error, y, "y"))
            raise

    # -----------------------------------------------------------------------------

    def _learn_targets(self, y: ArrayLike, goes_on: bool) -> Any:
        return self._read_targets(y)

    def _read_targets(self, y: ArrayLike) -> Any:
        if y.ndim == 2 and y.shape[1] == 1:
            column_or_1d(y, warn=True)
        return y

    def _check_known(self, y: ArrayLike, n_targets: int) -> Any:
        n_outputs = y.shape[1] if y.ndim == 2 else 1
        if n_outputs != n_targets:
            raise ValueError(
                f"y_val has {n_outputs} outputs, but y has {n_targets}. Pass y_val of "
                f"shape (n_samples, {n_targets}), with the columns of y."
            )
        return y

    def _encode(self, y: ArrayLike) -> np.ndarray:
        if scipy.sparse.issparse(y):
            y = y.toarray()
        if y.dtype.kind not in "fiub":
            raise ValueError(
                f"MLPRegressor needs numbers in y, but its dtype is {y.dtype}. "
                f"{cure_for_targets(y, 'y')}"
            )
        return np.reshape(y, (len(y), -1))

    def _loss_name(self) -> str:
        return self.loss

    def _n_outputs(self, targets: np.ndarray) -> int:
        return int(targets.shape[1])

    def _class_weights(
        self, y: ArrayLike, sample_weight: np.ndarray | None, incremental: bool
    ) -> RowFactors | None:
        return None

    def _stratify_by(self, targets: np.ndarray) -> np.ndarray | None:
        return None

    def _default_score(self) -> DefaultScore:
        if self.loss in _SCORED_BY_R2:
            return DefaultScore("R^2", self._score_predictions, fewest_rows=2)
        return DefaultScore(f"D^2 of loss={self.loss!r}", None, fewest_rows=2)

    def _score_predictions(
        self, targets: ArrayLike, predictions: ArrayLike, sample_weight: ArrayLike
    ) -> float:
        levels = self._levels()
        if not len(levels):
            return r2(targets, predictions, sample_weight)
        targets = np.asarray(targets)
        of_levels = np.moveaxis(
            np.reshape(predictions, (*targets.shape, len(levels))), -1, 0
        )
        scores = [
            d2_pinball_score(
                targets, prediction, sample_weight=sample_weight, alpha=level
            )
            for level, prediction in zip(levels, of_levels, strict=True)
        ]
        return float(np.mean(scores))

    def _values_of(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs, shape (n_samples, n_outputs), in the shape of predictions."""
        is_quantiles = self.out_activation_ == "quantiles"
        if is_quantiles and (n_levels := len(self._levels())) > 1:
            outputs = outputs.reshape(len(outputs), -1, n_levels)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _levels(self) -> np.ndarray:
        """Return the levels of the quantiles that the fitted network predicts."""
        if self.out_activation_ != "quantiles":
            return np.empty(0)
        return levels_of_settings(self._architecture["settings"])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        loss = REGRESSION_LOSSES.get(self.loss) if isinstance(self.loss, str) else None
        tags.target_tags.positive_only = loss is not None and loss.positive_only
        return tags
