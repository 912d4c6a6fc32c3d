"""The regressor."""

from typing import ClassVar

import scipy.sparse
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from sknn._base import BaseMLP
from sknn._checks import has_partial_fit
from sknn._docs import documented
from sknn._sklearn import StrOptions, fit_context


@documented
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor.

    Minimises the squared error or the Poisson deviance by stochastic gradient
    descent, Adam or L-BFGS, in compiled kernels. Takes the parameters of
    :class:`sklearn.neural_network.MLPRegressor` and follows it to rounding for the
    same ``random_state``; where it differs on purpose, the documentation says so and
    why.

    Parameters
    ----------
    loss : {'squared_error', 'poisson'}, default='squared_error'
        What is minimised: half the squared error, or half the Poisson deviance, whose
        outputs are exponentials and which needs ``y >= 0``.
    {parameters}

    Attributes
    ----------
    {attributes}
    out_activation_ : str
        'identity', or 'exp' for ``loss='poisson'``.

    See Also
    --------
    MLPClassifier : The same network for classes.

    Notes
    -----
    {notes}

    Examples
    --------
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknn import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = TransformedTargetRegressor(
    ...     make_pipeline(StandardScaler(), MLPRegressor(alpha=1.0, random_state=0)),
    ...     transformer=StandardScaler(),
    ... )
    >>> regressor.fit(X, y).score(X, y) > 0.5
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    def __init__(
        self,
        loss="squared_error",
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
    ):
        self.loss = loss
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
        )

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. float32 stays float32; all else becomes float64. A sparse
            matrix is taken as CSR and never made dense.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets. They are brought into the dtype of X.
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
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch on the given rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, zero or positive.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As ``fit``; and if ``early_stopping=True``.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, in the dtype of X or of the weights, whichever is wider.
        """
        predictions = self._predict_outputs(X)
        return predictions.ravel() if self.n_outputs_ == 1 else predictions

    # -----------------------------------------------------------------------------

    def _validate_targets(self, y, incremental):
        if scipy.sparse.issparse(y):
            y = y.toarray()
        if y.dtype.kind not in "fiub":
            raise ValueError(
                f"MLPRegressor needs numbers in y, but its dtype is {y.dtype}. Convert "
                "y with y.astype(float), or use MLPClassifier for labels."
            )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return y.reshape(len(y), -1)

    def _output(self, targets):
        return targets.shape[1], self.loss

    def _stratify_by(self, targets):
        return None

    def _score_predictions(self, targets, predictions, sample_weight):
        return r2_score(targets, predictions, sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
